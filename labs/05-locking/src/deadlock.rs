//! Deadlocks: found before a transaction sleeps, or never made (task 5.3).
//!
//! Called by the lock table, under its mutex, when a request has been put into a queue and before its thread
//! sleeps; and when what waiters wait for has changed. Looks at the queues as they are; no graph is stored.
//!
//! ```text
//!   T1 holds a, waits for b         waits-for graph      T1 ---> T2
//!   T2 holds b, waits for c                               ^       |
//!   T3 holds c, is about to wait for a                    +- T3 <-+
//! ```
//!
//! [`DeadlockPolicy::Detect`] searches the graph from the transaction that is about to wait. A circle can
//! arise only through a new edge, and a new edge starts at a transaction that begins to wait or ends at one:
//! so whoever begins to wait last sees the whole circle (D1).
//!
//! [`DeadlockPolicy::WoundWait`] lets nothing wait for a younger transaction: an older one *wounds* the
//! younger ones in its way, which are then rolled back. Each edge that is left goes from a younger
//! transaction to an older one, so no circle can arise (D2).
//!
//! - D1 (detect): after each call there is no circle among the waiting transactions.
//! - D2 (wound-wait): after each call no transaction waits for a younger one, except for one that is already
//!   being rolled back.
//! - D3: a victim no longer stands in a queue, its thread is awake with the error, and it gets the same error
//!   for each further request. Its locks stay until it has undone its changes.
//! - D4: detection makes one victim for each circle, and none where there is no circle.
//!
//! Free: which transaction of a circle is the victim. The youngest has done least, as a rule; and since the
//! oldest of all is never chosen, some transaction always gets to its end.
//!
//! Source: Gray and Reuter (1993), section 7.11; Rosenkrantz, Stearns and Lewis, "System Level Concurrency
//! Control for Distributed Database Systems", ACM TODS 3(2), 1978, for wound-wait.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use crate::lock_table::{State, Wait};
use crate::{LockError, Resource, TxnId, WaitEdge};

/// What is done about deadlocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadlockPolicy {
    /// Nothing: transactions in a circle wait until one of them is cancelled. Tasks 5.1 and 5.2 are tested
    /// with this one.
    Patient,
    /// A transaction that is about to wait looks for circles and makes one transaction of each its victim.
    Detect,
    /// An older transaction wounds the younger ones that it would wait for.
    WoundWait,
}

/// `txn` has been put into a queue and is about to sleep.
pub(crate) fn before_wait(state: &mut State, txn: TxnId) {
    match state.policy() {
        DeadlockPolicy::Patient => {}
        DeadlockPolicy::Detect => break_circles(state, txn),
        DeadlockPolicy::WoundWait => wound_younger(state, txn),
    }
}

/// A holder of `resource` has converted its lock, or waits for that before all newcomers; or waiters have
/// been granted. Requests wait for it that did not before. With detection nothing needs to be done: the
/// transaction that they wait for does not wait itself, or is about to and looks for circles then.
pub(crate) fn converted(state: &mut State, resource: &Resource) {
    if state.policy() == DeadlockPolicy::WoundWait {
        look_again(state, resource);
    }
}

/// Transactions that may wait have become holders of `resource`: every waiter of it is looked at as if it had
/// just come.
pub(crate) fn look_again(state: &mut State, resource: &Resource) {
    let Some(queue) = state.queue(resource) else { return };
    let waiters: Vec<TxnId> = queue.waiters().map(|waiter| waiter.txn).collect();
    waiters.into_iter().for_each(|txn| before_wait(state, txn));
}

/// Makes victims until `txn` is on no circle of the waits-for graph, or does not wait any more.
///
/// # Ensures
/// D1, D3 and D4. The error of each victim names its circle.
fn break_circles(state: &mut State, txn: TxnId) {
    // Nudge: `txn` may be on several circles. `State::doom` ends the wait of a victim.
    todo!("task 5.3: make a victim of each circle")
}

/// A circle of the waits-for graph through `start`, if there is one.
///
/// # Ensures
/// The first edge starts at `start`, each edge starts where the one before it ends, and the last one ends at
/// `start`. No transaction occurs twice.
///
/// # Cost
/// Looks at the waiting request of each transaction at most once.
fn find_circle(state: &State, start: TxnId) -> Option<Vec<WaitEdge>> {
    // Nudge: `LockQueue::blockers` gives the edges. Breadth first finds a shortest circle.
    todo!("task 5.3: search the waits-for graph")
}

/// Wounds each transaction that `txn` waits for and that is younger than `txn`.
///
/// # Ensures
/// D2 for `txn`, and D3. A transaction that is already doomed is left alone. A wounded transaction that does
/// not wait runs on until its next request.
fn wound_younger(state: &mut State, txn: TxnId) {
    // Nudge: a wounded waiter leaves its queue. What may that do for `txn`?
    todo!("task 5.3: wound the younger transactions")
}
