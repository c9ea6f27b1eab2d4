//! Checks the circle that a deadlock's error names.

use locking::{TxnId, WaitEdge};
use testkit::{check, check_eq};

/// The circle that an error names is one: each edge begins where the one before it ends, no transaction
/// occurs twice, and the victim is in it.
pub(crate) fn check_circle(victim: TxnId, cycle: &[WaitEdge], members: &[TxnId]) {
    let waiters: Vec<TxnId> = cycle.iter().map(|edge| edge.waiter).collect();
    check!(waiters.contains(&victim), "the victim {victim} is in the circle {waiters:?}");
    for (at, edge) in cycle.iter().enumerate() {
        let next = cycle[(at + 1) % cycle.len()].waiter;
        check_eq!(edge.blocker, next, "what edge {at} of the circle leads to: {edge}");
        check!(!edge.wants.is_compatible(edge.has), "the modes of edge {at} conflict: {edge}");
    }
    let mut sorted = waiters.clone();
    sorted.sort();
    sorted.dedup();
    check_eq!(sorted.len(), waiters.len(), "transactions in the circle {waiters:?}, each once");
    check_eq!(sorted, members.to_vec(), "the transactions in the circle");
}
