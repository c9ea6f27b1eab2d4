//! Task 5.4: what a read locks at each level, and for how long. Each level is graded for what it forbids and
//! for what it allows.

use kit::sync::Arc;
use locking::DeadlockPolicy::Patient;
use locking::LockMode::{IX, S, X};
use locking::{Isolation, LockTable, Locker, Resource, RowLock};
use testkit::schedule::explore;
use testkit::{check, check_eq, step};

use crate::support::{TABLE, locks, record, row, show, spawn, txn, until_waiting};

fn locker(locks: &Arc<LockTable>, number: u64, isolation: Isolation) -> Locker {
    Locker::new(Arc::clone(locks), txn(number), isolation)
}

/// Reads row 1, in the scene; what others could have locked while it was looked at.
fn read(locker: &Locker, strength: RowLock) -> (bool, bool) {
    step!("{} at {}: read_row(row 1, {strength:?})", locker.txn(), locker.isolation());
    let locks = locker.table();
    let probe = |mode| {
        let is_free = locks.try_lock(txn(99), &row(1), mode);
        locks.unlock_all(txn(99));
        is_free
    };
    let looked = locker.read_row(TABLE, record(1), strength, || (probe(S), probe(X)));
    show(locks);
    match looked {
        Ok(free) => free,
        Err(error) => testkit::Failure::new("read_row").found(error).raise(),
    }
}

/// While a row is looked at nobody may write it, except at read uncommitted; others may read it.
#[testkit::test]
fn a_row_is_locked_while_it_is_looked_at() {
    for isolation in Isolation::ALL {
        let locks = locks(Patient);
        let one = locker(&locks, 1, isolation);
        let (s_is_free, x_is_free) = read(&one, RowLock::Read);
        check!(s_is_free, "S beside a reader at {isolation}");
        check_eq!(x_is_free, isolation == Isolation::ReadUncommitted, "X beside a reader at {isolation}");
        let (s_is_free, x_is_free) = read(&one, RowLock::Write);
        check!(!s_is_free && !x_is_free, "S or X beside a read for writing at {isolation}");
    }
}

/// From repeatable read on the row stays as it was; at weaker levels others write it as soon as it was read.
#[testkit::test]
fn the_lock_of_a_read_lasts_as_long_as_the_level_says() {
    for isolation in Isolation::ALL {
        let locks = locks(Patient);
        let one = locker(&locks, 1, isolation);
        read(&one, RowLock::Read);
        let is_kept = isolation >= Isolation::RepeatableRead;
        check_eq!(
            locks.held(txn(1), &row(1)),
            is_kept.then_some(S),
            "what is held of the row after a read at {isolation}"
        );
        check_eq!(
            locks.try_lock(txn(2), &row(1), X),
            !is_kept,
            "X of another transaction after a read at {isolation}"
        );
        locks.unlock_all(txn(2));
        read(&one, RowLock::Write);
        check_eq!(
            locks.held(txn(1), &row(1)),
            Some(X),
            "what is held after a read for writing at {isolation}"
        );
        one.end();
        check_eq!(locks.resource_count(), 0, "resources after the end at {isolation}");
    }
}

/// A short read of a row that the transaction has changed must not end the lock of the change.
#[testkit::test]
fn a_short_read_keeps_what_was_held() {
    for held in [X, IX] {
        let locks = locks(Patient);
        let one = locker(&locks, 1, Isolation::ReadCommitted);
        check!(one.lock(&row(1), held).is_ok(), "{held} on a row");
        read(&one, RowLock::Read);
        check_eq!(
            locks.held(txn(1), &row(1)),
            Some(held),
            "what is held after a short read of a row held in {held}"
        );
        read(&one, RowLock::Read);
        check_eq!(locks.held(txn(1), &row(1)), Some(held), "what is held after a second one");
    }
}

/// A reader that panics must not leave a short lock behind: nobody would ever release it before the end.
#[testkit::test]
fn a_short_lock_ends_if_the_reader_panics() {
    let locks = locks(Patient);
    let one = locker(&locks, 1, Isolation::ReadCommitted);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let panics = || std::panic::resume_unwind(Box::new("a reader that panics"));
        one.read_row::<()>(TABLE, record(1), RowLock::Read, panics)
    }));
    match panicked {
        Err(panic) if panic.downcast_ref() == Some(&"a reader that panics") => {}
        Err(panic) => std::panic::resume_unwind(panic),
        Ok(looked) => testkit::Failure::new("a read whose reader panics").found(looked).raise(),
    }
    check_eq!(locks.held(txn(1), &row(1)), None, "what is held of the row after the panic");
}

/// A table that is locked as a whole needs no lock of a row, and a short read must not release the table.
#[testkit::test]
fn a_read_under_a_table_lock_locks_no_row() {
    for isolation in Isolation::ALL {
        let locks = locks(Patient);
        let one = locker(&locks, 1, isolation);
        check!(one.lock(&Resource::Table(TABLE), X).is_ok(), "X on a table");
        read_under_table(&one);
        check_eq!(locks.lock_count(txn(1)), 1, "locks after reads under a table lock at {isolation}");
        check_eq!(locks.held(txn(1), &Resource::Table(TABLE)), Some(X), "the table's lock");
    }
}

fn read_under_table(locker: &Locker) {
    for strength in [RowLock::Read, RowLock::Write] {
        let looked = locker.read_row(TABLE, record(1), strength, || 7);
        check_eq!(looked, Ok(7), "a read under a table lock");
    }
}

/// A dirty read: only read uncommitted looks at a row that another transaction is changing.
#[testkit::test]
fn only_read_uncommitted_passes_a_writer() {
    for isolation in Isolation::ALL {
        explore(12, move || {
            let locks = locks(Patient);
            let writer = locker(&locks, 1, Isolation::ReadUncommitted);
            check!(writer.write_row(TABLE, record(1)).is_ok(), "a writer");
            let reader = {
                let locks = Arc::clone(&locks);
                spawn("reader", move || {
                    let reader = locker(&locks, 2, isolation);
                    reader.read_row(TABLE, record(1), RowLock::Read, || ())
                })
            };
            if isolation == Isolation::ReadUncommitted {
                check_eq!(reader.join().ok(), Some(Ok(())), "a read uncommitted beside a writer");
                return;
            }
            until_waiting(&locks, txn(2));
            writer.end();
            check_eq!(reader.join().ok(), Some(Ok(())), "a read at {isolation} after the writer has ended");
        });
    }
}
