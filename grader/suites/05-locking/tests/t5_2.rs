//! Task 5.2: two phases, parts of a table, cancelled waits, escalation.

mod escalation;

use kit::sync::Arc;
use kit::sync::thread;
use locking::DeadlockPolicy::Patient;
use locking::LockMode::{self, IS, IX, S, SIX, X};
use locking::{IndexId, Isolation, LockError, LockTable, Locker, Resource, TxnState};
use testkit::schedule::explore;
use testkit::{check, check_eq, scene, step};

use crate::support::{TABLE, locks, row, show, spawn, txn, until_waiting};

/// The locks of transaction `number`.
fn locker(locks: &Arc<LockTable>, number: u64) -> Locker {
    Locker::new(Arc::clone(locks), txn(number), Isolation::Serializable)
}

/// Locks, in the scene.
fn lock(locker: &Locker, resource: &Resource, mode: LockMode) {
    step!("{}.lock({resource}, {mode})", locker.txn());
    let result = locker.lock(resource, mode);
    show(locker.table());
    check!(result.is_ok(), "{} locks {resource} in {mode}: {result:?}", locker.txn());
}

/// A lock of the whole table would not notice a locked row, if the table itself had no intention lock.
#[testkit::test]
fn the_table_is_locked_before_its_parts() {
    scene::invariant("T1", "before a part is locked, the table is locked in the intention mode");
    let whole = Resource::Table(TABLE);
    for (mode, intention) in [(S, IS), (X, IX), (IX, IX), (IS, IS)] {
        let locks = locks(Patient);
        let one = locker(&locks, 1);
        lock(&one, &row(1), mode);
        check_eq!(locks.held(txn(1), &whole), Some(intention), "the table's lock after {mode} on a row");
        check_eq!(locks.held(txn(1), &row(1)), Some(mode), "the row's lock");
        let other = locker(&locks, 2);
        check!(!other.try_lock(&whole, X), "X on a table of which a row is locked in {mode}");
        check_eq!(
            other.try_lock(&whole, S),
            intention == IS,
            "S on a table of which a row is locked in {mode}"
        );
    }
}

/// The intention lock grows with the strongest part.
#[testkit::test]
fn the_intention_grows_with_the_parts() {
    let locks = locks(Patient);
    let one = locker(&locks, 1);
    let whole = Resource::Table(TABLE);
    lock(&one, &row(1), S);
    lock(&one, &row(2), X);
    check_eq!(locks.held(txn(1), &whole), Some(IX), "the table's lock after S and X on rows");
    lock(&one, &row(3), S);
    check_eq!(locks.held(txn(1), &whole), Some(IX), "the table's lock after one more S");
    lock(&one, &whole, S);
    check_eq!(locks.held(txn(1), &whole), Some(SIX), "the table's lock after S on the table");
}

/// A row lock under a table lock that covers it costs time and memory and protects nothing.
#[testkit::test]
fn a_part_that_the_table_lock_covers_is_not_locked() {
    scene::invariant("T4", "a part that the table's lock covers is not locked again");
    let index = IndexId { table: TABLE, number: 0 };
    for (whole, covered, not_covered) in [(S, S, X), (SIX, S, X), (X, X, X)] {
        let locks = locks(Patient);
        let one = locker(&locks, 1);
        lock(&one, &Resource::Table(TABLE), whole);
        lock(&one, &row(1), covered);
        lock(&one, &Resource::End(index), covered);
        check_eq!(locks.lock_count(txn(1)), 1, "locks under a table lock in {whole} that covers them");
        lock(&one, &row(2), not_covered);
        let expected = if whole == X { None } else { Some(X) };
        check_eq!(locks.held(txn(1), &row(2)), expected, "X on a row under a table lock in {whole}");
        let other = Resource::Row(locking::TableId(2), crate::support::record(1));
        lock(&one, &other, S);
        check_eq!(locks.held(txn(1), &other), Some(S), "a row of another table");
    }
    let locks = locks(Patient);
    let one = locker(&locks, 1);
    lock(&one, &Resource::Table(TABLE), IX);
    lock(&one, &row(1), S);
    check_eq!(locks.held(txn(1), &row(1)), Some(S), "a row under a table lock in IX");
}

/// A lock that is released before the end shows others what may be taken back.
#[testkit::test]
fn locks_are_held_until_the_end_and_then_all_released() {
    scene::invariant("T2", "a lock is held until the end");
    let locks = locks(Patient);
    let one = locker(&locks, 1);
    lock(&one, &row(1), X);
    lock(&one, &row(2), S);
    lock(&one, &row(1), S);
    check_eq!(locks.held(txn(1), &row(1)), Some(X), "what is held after X and then S");
    check_eq!(one.state(), TxnState::Growing, "the state before the end");
    one.end();
    check_eq!(one.state(), TxnState::Ended, "the state after the end");
    check_eq!(locks.resource_count(), 0, "resources after the end");
    let refused = Err(LockError::NotGrowing { txn: txn(1) });
    check_eq!(one.lock(&row(3), S), refused, "a lock after the end");
    check!(!one.try_lock(&row(3), S), "try_lock after the end");
    one.end();
    check_eq!(locks.resource_count(), 0, "resources after a lock was refused");
}

/// A transaction that is forgotten must not keep its rows for ever.
#[testkit::test]
fn dropping_a_locker_releases_its_locks() {
    let locks = locks(Patient);
    let one = locker(&locks, 1);
    lock(&one, &row(1), X);
    drop(one);
    check_eq!(locks.resource_count(), 0, "resources after the locker was dropped");
}

/// One lock is released or weakened, and waiters that it kept out come in.
#[testkit::test]
fn a_released_lock_lets_waiters_in() {
    explore(60, || {
        let locks = locks(Patient);
        check_eq!(locks.lock(txn(1), &row(1), S), Ok(None), "S on a free row");
        check_eq!(locks.lock(txn(1), &row(1), X), Ok(Some(S)), "X of the only holder");
        check_eq!(locks.lock(txn(1), &row(2), X), Ok(None), "X on another row");
        let waiters: Vec<_> = [(2, S), (3, X)]
            .into_iter()
            .map(|(number, mode)| {
                let table = Arc::clone(&locks);
                let waiter = spawn(format!("T{number}"), move || {
                    let result = table.lock(txn(number), &row(1), mode);
                    table.unlock_all(txn(number));
                    result
                });
                until_waiting(&locks, txn(number));
                waiter
            })
            .collect();
        locks.release_to(txn(1), &row(1), Some(S));
        check_eq!(locks.held(txn(1), &row(1)), Some(S), "what is left of an X that was weakened to S");
        while locks.is_waiting(txn(2)) {
            thread::yield_now();
        }
        locks.release_to(txn(1), &row(1), None);
        for waiter in waiters {
            check_eq!(waiter.join().ok(), Some(Ok(None)), "a wait for a lock that was released");
        }
        check_eq!(locks.lock_count(txn(1)), 1, "locks of T1, which released one of two");
        locks.release_to(txn(1), &row(9), None);
        locks.unlock_all(txn(1));
        check_eq!(locks.resource_count(), 0, "resources after all have ended");
    });
}

/// A connection that is gone must not keep its place in a queue, and its thread must wake.
#[testkit::test]
fn a_cancelled_wait_ends_with_an_error() {
    explore(120, || {
        let locks = locks(Patient);
        check_eq!(locks.lock(txn(1), &row(1), S), Ok(None), "S on a free row");
        check_eq!(locks.lock(txn(2), &row(2), X), Ok(None), "X on a free row");
        let waiter = {
            let locks = Arc::clone(&locks);
            spawn("T2", move || locks.lock(txn(2), &row(1), X))
        };
        until_waiting(&locks, txn(2));
        let behind = {
            let locks = Arc::clone(&locks);
            spawn("T3", move || locks.lock(txn(3), &row(1), S))
        };
        check!(locks.cancel(txn(2)), "cancel of a transaction that waits");
        let cancelled = LockError::Cancelled { txn: txn(2), resource: row(1), wants: X };
        check_eq!(waiter.join().ok(), Some(Err(cancelled)), "a wait that was cancelled");
        check_eq!(behind.join().ok(), Some(Ok(None)), "S behind an X that was cancelled");
        check!(!locks.is_waiting(txn(2)), "T2 waits although it was cancelled");
        check_eq!(locks.held(txn(2), &row(2)), Some(X), "what a cancelled transaction held before");
        locks.unlock_all(txn(2));
        locks.unlock_all(txn(1));
        locks.unlock_all(txn(3));
        check_eq!(locks.resource_count(), 0, "resources after all have ended");
    });
}

/// A cancel that comes just before the wait must not be lost: the thread would sleep for a dead connection.
#[testkit::test]
fn a_cancel_before_the_wait_is_not_lost() {
    explore(120, || {
        let locks = locks(Patient);
        check_eq!(locks.lock(txn(1), &row(1), X), Ok(None), "X on a free row");
        check_eq!(locks.lock(txn(2), &row(2), X), Ok(None), "X on a free row");
        let waiter = {
            let locks = Arc::clone(&locks);
            spawn("T2", move || locks.lock(txn(2), &row(1), S))
        };
        check!(locks.cancel(txn(2)), "cancel of a transaction that is known");
        let cancelled = LockError::Cancelled { txn: txn(2), resource: row(1), wants: S };
        check_eq!(
            waiter.join().ok(),
            Some(Err(cancelled)),
            "a lock that was cancelled before it or during its wait"
        );
        check_eq!(locks.lock(txn(2), &row(3), X), Ok(None), "a lock that needs no wait, after the cancel");
        locks.unlock_all(txn(1));
        locks.resume(txn(2));
        check_eq!(locks.lock(txn(2), &row(1), S), Ok(None), "a lock after the cancel was taken back");
        locks.unlock_all(txn(2));
        check!(!locks.cancel(txn(2)), "cancel of a transaction that has ended");
        check_eq!(locks.resource_count(), 0, "resources after all have ended");
    });
}

/// A cancelled conversion keeps what it held.
#[testkit::test]
fn a_cancelled_conversion_keeps_its_lock() {
    explore(40, || {
        let locks = locks(Patient);
        check_eq!(locks.lock(txn(1), &row(1), S), Ok(None), "S on a free row");
        check_eq!(locks.lock(txn(2), &row(1), S), Ok(None), "S beside an S");
        let waiter = {
            let locks = Arc::clone(&locks);
            spawn("T2", move || locks.lock(txn(2), &row(1), X))
        };
        until_waiting(&locks, txn(2));
        locks.cancel(txn(2));
        check!(waiter.join().is_ok_and(|result| result.is_err()), "a conversion that was cancelled");
        check_eq!(locks.held(txn(2), &row(1)), Some(S), "what it holds afterwards");
        check!(locks.try_lock(txn(3), &row(1), S), "S beside two S, after the conversion was cancelled");
        (1..=3).for_each(|number| locks.unlock_all(txn(number)));
        check_eq!(locks.resource_count(), 0, "resources after all have ended");
    });
}
