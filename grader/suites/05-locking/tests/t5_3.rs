//! Task 5.3: deadlocks are found, name their circle, and have one victim each; or wound-wait prevents them.

mod circles;
mod policies;

use kit::sync::{Arc, thread};
use locking::DeadlockPolicy::Detect;
use locking::LockMode::{self, S, X};
use locking::{LockError, LockTable, Resource, TxnId};
use testkit::schedule::{explore, random};
use testkit::{check, check_eq, scene};

use crate::support::circle::check_circle;
use crate::support::{locks, row, spawn, txn, until_waiting};

/// How a wait ended.
type Ended = (TxnId, Result<Option<LockMode>, LockError>);

/// Each of `waits` on a thread of its own: waits for a lock, and then ends its transaction in any case.
fn run_waits(locks: &Arc<LockTable>, waits: Vec<(u64, Resource, LockMode)>) -> Vec<Ended> {
    let threads: Vec<_> = waits
        .into_iter()
        .map(|(number, resource, mode)| {
            let locks = Arc::clone(locks);
            spawn(format!("T{number}"), move || {
                let result = locks.lock(txn(number), &resource, mode);
                // Whatever became of it, the transaction is over: rolled back or committed.
                locks.unlock_all(txn(number));
                (txn(number), result)
            })
        })
        .collect();
    threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
}

/// A circle of any length has one victim, and all others get their locks.
fn circle_of(length: u64) {
    let locks = locks(Detect);
    for number in 1..=length {
        check_eq!(locks.lock(txn(number), &row(number as u32), X), Ok(None), "X on a free row");
    }
    let next = |number: u64| row((number % length + 1) as u32);
    let ended = run_waits(&locks, (1..=length).map(|number| (number, next(number), X)).collect());
    let victims: Vec<_> = ended.iter().filter(|(_, result)| result.is_err()).collect();
    check_eq!(victims.len(), 1, "victims of one circle of {length} transactions");
    let (victim, Err(LockError::Deadlock { victim: named, cycle })) = &victims[0] else {
        testkit::Failure::new("the error of the victim").found(&victims[0].1).raise();
    };
    check_eq!(named, victim, "the victim that the error names");
    let members: Vec<TxnId> = (1..=length).map(txn).collect();
    check_circle(*victim, cycle, &members);
    for edge in cycle {
        check_eq!(edge.resource, next(edge.waiter.0), "what {} waits for", edge.waiter);
        check_eq!((edge.wants, edge.has, edge.is_holder), (X, X, true), "modes of {edge}");
    }
    check_eq!(locks.resource_count(), 0, "resources after all have ended");
}

/// Two transactions that wait for each other.
#[testkit::test]
fn two_transactions_in_a_circle_have_one_victim() {
    scene::invariant("D4", "detection makes one victim for each circle");
    explore(100, || circle_of(2));
}

/// The search must go through several transactions, and must not take the first edge for a circle.
#[testkit::test]
fn a_circle_of_three_to_six_has_one_victim() {
    for length in 3..=6 {
        explore(30, move || circle_of(length));
    }
}

/// The longest circle that the tests make.
#[testkit::test]
fn a_circle_of_sixteen_has_one_victim() {
    random(12, || circle_of(16));
}

/// Two readers that both want to write: the commonest deadlock of all, on one resource.
#[testkit::test]
fn two_upgrades_are_a_deadlock() {
    explore(80, || {
        let locks = locks(Detect);
        check_eq!(locks.lock(txn(1), &row(1), S), Ok(None), "S on a free row");
        check_eq!(locks.lock(txn(2), &row(1), S), Ok(None), "S beside an S");
        let ended = run_waits(&locks, vec![(1, row(1), X), (2, row(1), X)]);
        // A transaction that has ended before the other one asks is no deadlock.
        let victims: Vec<_> = ended.iter().filter(|(_, result)| result.is_err()).collect();
        check!(victims.len() <= 1, "{} victims of one circle", victims.len());
        if let Some((victim, Err(LockError::Deadlock { cycle, .. }))) = victims.first() {
            check_circle(*victim, cycle, &[txn(1), txn(2)]);
        }
        check_eq!(locks.resource_count(), 0, "resources after all have ended");
    });
}

/// A newcomer waits for the X before it in the queue although nobody holds what it conflicts with.
#[testkit::test]
fn a_circle_through_the_queue_is_found() {
    explore(80, || {
        let locks = locks(Detect);
        check_eq!(locks.lock(txn(1), &row(1), S), Ok(None), "S on row 1");
        check_eq!(locks.lock(txn(3), &row(2), X), Ok(None), "X on row 2");
        // T2 waits for T1 in front of T3, T3 waits behind T2, and then T1 waits for T3.
        let second = wait_on_a_thread(&locks, 2, row(1), X);
        let third = wait_on_a_thread(&locks, 3, row(1), S);
        let result = locks.lock(txn(1), &row(2), S);
        locks.unlock_all(txn(1));
        let ended = [second.join().ok(), third.join().ok(), Some((txn(1), result))];
        let errors = ended.iter().flatten().filter(|(_, result)| result.is_err()).count();
        check_eq!(errors, 1, "victims of the circle T1, T3, T2");
        check_eq!(locks.resource_count(), 0, "resources after all have ended");
    });
}

/// A wait on a thread of its own; returns when it waits.
fn wait_on_a_thread(
    locks: &Arc<LockTable>,
    number: u64,
    resource: Resource,
    mode: LockMode,
) -> thread::JoinHandle<Ended> {
    let table = Arc::clone(locks);
    let waiter = spawn(format!("T{number}"), move || {
        let result = table.lock(txn(number), &resource, mode);
        table.unlock_all(txn(number));
        (txn(number), result)
    });
    until_waiting(locks, txn(number));
    waiter
}

/// Waiting is no crime: a chain of transactions has no victim.
#[testkit::test]
fn a_chain_has_no_victim() {
    scene::invariant("D4", "detection makes no victim where there is no circle");
    explore(60, || {
        let locks = locks(Detect);
        for number in 1..=5 {
            check_eq!(locks.lock(txn(number), &row(number as u32), X), Ok(None), "X on a free row");
        }
        let mut waits: Vec<_> = (2..=5).map(|number| (number, row(number as u32 - 1), S)).collect();
        waits.extend([(6, row(5), X), (7, row(5), S)]);
        let first = {
            let locks = Arc::clone(&locks);
            spawn("T1", move || locks.unlock_all(txn(1)))
        };
        let ended = run_waits(&locks, waits);
        drop(first.join());
        for (txn, result) in ended {
            check!(result.is_ok(), "{txn}, which waits in a chain, got {result:?}");
        }
        check_eq!(locks.resource_count(), 0, "resources after all have ended");
    });
}

/// One wait may close two circles at once. When it is over, nobody waits in a circle any more.
#[testkit::test]
fn a_wait_that_closes_two_circles_ends_both() {
    explore(80, || {
        let locks = locks(Detect);
        check_eq!(locks.lock(txn(1), &row(1), X), Ok(None), "X on row 1");
        check_eq!(locks.lock(txn(2), &row(2), S), Ok(None), "S on row 2");
        check_eq!(locks.lock(txn(3), &row(2), S), Ok(None), "S on row 2");
        let second = wait_on_a_thread(&locks, 2, row(1), S);
        let third = wait_on_a_thread(&locks, 3, row(1), S);
        let result = locks.lock(txn(1), &row(2), X);
        locks.unlock_all(txn(1));
        let ended = [second.join().ok(), third.join().ok(), Some((txn(1), result))];
        let errors = ended.iter().flatten().filter(|(_, result)| result.is_err()).count();
        check!((1..=2).contains(&errors), "{errors} victims of two circles");
        check_eq!(locks.resource_count(), 0, "resources after all have ended");
    });
}

/// What a person reads: the transactions, the resources and the modes.
#[testkit::test]
fn the_error_names_the_circle() {
    explore(4, || {
        let locks = locks(Detect);
        check_eq!(locks.lock(txn(1), &row(1), X), Ok(None), "X on row 1");
        check_eq!(locks.lock(txn(2), &row(2), X), Ok(None), "X on row 2");
        let ended = run_waits(&locks, vec![(1, row(2), S), (2, row(1), X)]);
        let text = ended.iter().find_map(|(_, result)| result.as_ref().err()).map(ToString::to_string);
        let text = text.unwrap_or_default();
        for part in
            ["T1 waits for S on row 3.2 of table 1", "T2 waits for X on row 3.1 of table 1", "holds in X"]
        {
            check!(text.contains(part), "the message names {part:?}: {text}");
        }
    });
}

/// A victim that kept its place in a queue would be granted a lock that it never gives back; one that lost
/// its locks would show others what is not undone yet.
#[testkit::test]
fn a_victim_keeps_its_locks_and_leaves_the_queue() {
    scene::invariant("D3", "a victim stands in no queue, and its locks stay until it has undone its changes");
    explore(60, || {
        let locks = locks(Detect);
        check_eq!(locks.lock(txn(1), &row(1), X), Ok(None), "X on row 1");
        check_eq!(locks.lock(txn(2), &row(2), X), Ok(None), "X on row 2");
        let waits = [(1, row(2)), (2, row(1))].map(|(number, resource)| {
            let locks = Arc::clone(&locks);
            spawn(format!("T{number}"), move || {
                let result = locks.lock(txn(number), &resource, X);
                if result.is_err() {
                    check!(!locks.is_waiting(txn(number)), "the victim T{number} waits");
                    check_eq!(locks.held(txn(number), &row(number as u32)), Some(X), "what the victim held");
                    check_eq!(locks.held(txn(number), &resource), None, "what the victim waited for");
                    let again = locks.lock(txn(number), &row(7), S);
                    check_eq!(again, result, "a further lock of the victim");
                    check!(!locks.try_lock(txn(number), &row(7), S), "try_lock of the victim");
                }
                locks.unlock_all(txn(number));
                check_eq!(locks.lock(txn(number), &row(8), S), Ok(None), "a lock after all were released");
                locks.unlock_all(txn(number));
            })
        });
        waits.into_iter().for_each(|wait| drop(wait.join()));
        check_eq!(locks.resource_count(), 0, "resources after all have ended");
    });
}
