//! One lock on the table in place of many on its parts.

use kit::sync::Arc;
use locking::DeadlockPolicy::Patient;
use locking::LockMode::{IS, IX, S, X};
use locking::{Isolation, LockConfig, LockError, LockTable, Locker, Resource};
use testkit::{check, check_eq};

use crate::support::{TABLE, row, show, txn, with_config};

/// A lock table with these limits.
fn small(escalate_at: usize, max_locks: usize) -> Arc<LockTable> {
    with_config(LockConfig { policy: Patient, escalate_at, max_locks })
}

fn locker(locks: &Arc<LockTable>, number: u64) -> Locker {
    Locker::new(Arc::clone(locks), txn(number), Isolation::RepeatableRead)
}

/// With nobody else in the table, very many row locks become one lock of the table.
#[testkit::test]
fn many_locks_become_one_of_the_table() {
    for (mode, whole) in [(S, S), (X, X)] {
        let locks = small(50, 1_000_000);
        let one = locker(&locks, 1);
        for number in 0..500 {
            check!(one.lock(&row(number), mode).is_ok(), "lock {number} in {mode}");
        }
        show(&locks);
        check_eq!(
            locks.held(txn(1), &Resource::Table(TABLE)),
            Some(whole),
            "the table's lock after 500 of rows in {mode}"
        );
        check!(
            locks.lock_count(txn(1)) <= 2,
            "{} locks are left after the escalation",
            locks.lock_count(txn(1))
        );
        let other = locker(&locks, 2);
        check!(!other.try_lock(&Resource::Table(TABLE), IX), "IX on a table that another holds in {whole}");
    }
}

/// One row that was locked for writing must still be safe after the escalation.
#[testkit::test]
fn an_escalation_keeps_the_strongest_lock() {
    let locks = small(50, 1_000_000);
    let one = locker(&locks, 1);
    check!(one.lock(&row(0), X).is_ok(), "X on a row");
    for number in 1..200 {
        check!(one.lock(&row(number), S).is_ok(), "S on row {number}");
    }
    show(&locks);
    check!(
        !locks.try_lock(txn(2), &Resource::Table(TABLE), IS),
        "IS on a table with a row in X that was escalated"
    );
}

/// The attempt must not wait: the other transaction may wait for this one.
#[testkit::test]
fn an_escalation_that_is_refused_goes_on_with_single_locks() {
    let locks = small(50, 1_000_000);
    let (one, other) = (locker(&locks, 1), locker(&locks, 2));
    check!(other.lock(&row(1_000), X).is_ok(), "X on a row of the other");
    for number in 0..300 {
        check!(one.lock(&row(number), S).is_ok(), "lock {number} beside another transaction");
    }
    check_eq!(locks.held(txn(1), &Resource::Table(TABLE)), Some(IS), "the table's lock");
    check_eq!(locks.lock_count(txn(1)), 301, "locks of T1: 300 rows and the table");
    for number in 0..300 {
        check_eq!(locks.held(txn(1), &row(number)), Some(S), "row {number} after the escalation was refused");
    }
    other.end();
    for number in 300..900 {
        check!(one.lock(&row(number), S).is_ok(), "lock {number} after the other has ended");
    }
    show(&locks);
    check_eq!(
        locks.held(txn(1), &Resource::Table(TABLE)),
        Some(S),
        "the table's lock after the other has ended"
    );
}

/// At the limit the table is tried once more; if that fails too, the caller gets an error and nothing is
/// lost.
#[testkit::test]
fn at_the_limit_the_table_is_locked_or_an_error_returned() {
    let locks = small(1_000_000, 20);
    let (one, other) = (locker(&locks, 1), locker(&locks, 2));
    check!(other.lock(&row(1_000), S).is_ok(), "S on a row of the other");
    let mut results: Vec<_> = (0..30).map(|number| one.lock(&row(number), X)).collect();
    let refused = results.split_off(19);
    check!(results.iter().all(Result::is_ok), "19 rows and the table are 20 locks");
    for result in refused {
        check_eq!(result, Err(LockError::TooManyLocks { txn: txn(1), max: 20 }), "a lock above the limit");
    }
    check_eq!(locks.lock_count(txn(1)), 20, "locks of T1");
    other.end();
    check!(one.lock(&row(40), X).is_ok(), "a lock above the limit when nobody else is in the table");
    show(&locks);
    check_eq!(locks.held(txn(1), &Resource::Table(TABLE)), Some(X), "the table's lock then");
    check!(one.lock(&row(41), X).is_ok(), "one more under the table's lock");
}
