//! The lock table as a person reads it: [`dump_locks`] and [`waits_for_svg`]. Given.
//!
//! ```text
//!   table 1               held by T1 IX, T2 IX
//!   row 3.1 of table 1    held by T1 X           waiting: T2 S, T3 X
//!   row 3.2 of table 1    held by T2 X           waiting: T1 X
//! ```

mod svg;

use crate::{LockMode, LockTable, Resource, TxnId, WaitEdge};
pub use svg::waits_for_svg;

/// Most resources that are shown.
const SHOWN: usize = 60;

/// The queue of one resource at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSnapshot {
    /// The resource.
    pub resource: Resource,
    /// Its holders, the oldest transaction first.
    pub holders: Vec<(TxnId, LockMode)>,
    /// The requests that wait, first to last, each with the mode that the transaction will hold.
    pub waiters: Vec<(TxnId, LockMode)>,
}

impl LockTable {
    /// All queues at this moment, sorted by resource.
    pub fn snapshot(&self) -> Vec<QueueSnapshot> {
        let state = self.state();
        let queue_of = |(resource, queue): (&Resource, &crate::LockQueue)| {
            let mut holders = queue.holders().to_vec();
            holders.sort();
            let waiters = queue.waiters().map(|waiter| (waiter.txn, waiter.mode)).collect();
            QueueSnapshot { resource: resource.clone(), holders, waiters }
        };
        let mut queues: Vec<_> = state.queues().map(queue_of).collect();
        queues.sort_by(|one, other| one.resource.cmp(&other.resource));
        queues
    }

    /// The waits-for graph at this moment: an edge for each transaction that waits and each one that it waits
    /// for, sorted by both.
    pub fn waits(&self) -> Vec<WaitEdge> {
        let state = self.state();
        let mut edges = Vec::new();
        for (resource, queue) in state.queues() {
            for waiter in queue.waiters() {
                for (blocker, has, is_holder) in queue.blockers(waiter.txn) {
                    let resource = resource.clone();
                    let (waiter, wants) = (waiter.txn, waiter.mode);
                    edges.push(WaitEdge { waiter, resource, wants, blocker, has, is_holder });
                }
            }
        }
        edges.sort_by_key(|edge| (edge.waiter, edge.blocker));
        edges
    }
}

/// The lock table as text, a line for each resource. Resources that somebody waits for come first.
pub fn dump_locks(table: &LockTable) -> String {
    let mut queues = table.snapshot();
    queues.sort_by_key(|queue| queue.waiters.is_empty());
    let left_out = queues.len().saturating_sub(SHOWN);
    queues.truncate(SHOWN);
    if queues.is_empty() {
        return "no locks\n".to_string();
    }
    let names: Vec<String> = queues.iter().map(|queue| queue.resource.to_string()).collect();
    let width = names.iter().map(String::len).max().unwrap_or(0);
    let mut text = String::new();
    for (queue, name) in queues.iter().zip(names) {
        let held = if queue.holders.is_empty() {
            "held by nobody".to_string()
        } else {
            format!("held by {}", list(&queue.holders))
        };
        let line = match queue.waiters.is_empty() {
            true => format!("{name:width$}  {held}"),
            false => format!("{name:width$}  {held:<24}  waiting: {}", list(&queue.waiters)),
        };
        text.push_str(&line);
        text.push('\n');
    }
    if left_out > 0 {
        text.push_str(&format!("and {left_out} more\n"));
    }
    text
}

/// Transactions and modes, separated by commas; of many, the first.
fn list(entries: &[(TxnId, LockMode)]) -> String {
    let shown: Vec<String> = entries.iter().take(12).map(|(txn, mode)| format!("{txn} {mode}")).collect();
    let more = if entries.len() > 12 { format!(" and {} more", entries.len() - 12) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}
