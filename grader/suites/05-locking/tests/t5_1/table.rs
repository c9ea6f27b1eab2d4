//! The lock table with threads, under a scheduler that decides which of them runs next.

use kit::sync::atomic::{AtomicUsize, Ordering};
use kit::sync::{Arc, Condvar, Mutex};
use locking::DeadlockPolicy::Patient;
use locking::LockMode::{self, IS, IX, S, SIX, X};
use locking::{IndexId, LockConfig, LockError, Resource};
use testkit::schedule::explore;
use testkit::{check, check_eq, scene};

use crate::support::{TABLE, locks, record, row, show, spawn, txn, until_waiting, with_config};

/// Two transactions inside an X at once, or one that never gets in: the two ways in which a lock can be
/// wrong.
#[testkit::test]
fn one_transaction_at_a_time_holds_x() {
    explore(120, || {
        let locks = locks(Patient);
        let inside = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (1..=4)
            .map(|number| {
                let (locks, inside) = (Arc::clone(&locks), Arc::clone(&inside));
                spawn(format!("T{number}"), move || {
                    for _ in 0..2 {
                        check_eq!(locks.lock(txn(number), &row(1), X), Ok(None), "lock of a row in X");
                        let others = inside.fetch_add(1, Ordering::SeqCst);
                        check_eq!(others, 0, "transactions that hold the row in X beside T{number}");
                        inside.fetch_sub(1, Ordering::SeqCst);
                        locks.unlock_all(txn(number));
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| drop(thread.join()));
        check_eq!(locks.resource_count(), 0, "resources in the table after all have ended");
    });
}

/// Readers that were granted together must all wake. One that is not woken keeps the others waiting at the
/// meeting below.
#[testkit::test]
fn all_readers_wake_when_a_writer_ends() {
    scene::invariant("K2", "a transaction that leaves a queue is notified under the mutex");
    explore(150, || {
        let locks = locks(Patient);
        check_eq!(locks.lock(txn(1), &row(1), X), Ok(None), "X on a free row");
        let meeting = Arc::new((Mutex::new(0), Condvar::new()));
        let threads: Vec<_> = (2..=4)
            .map(|number| {
                let (locks, meeting) = (Arc::clone(&locks), Arc::clone(&meeting));
                spawn(format!("T{number}"), move || {
                    check_eq!(locks.lock(txn(number), &row(1), S), Ok(None), "S behind an X");
                    // All three hold the row at the same time.
                    let mut met = meeting.0.lock();
                    *met += 1;
                    meeting.1.notify_all();
                    while *met < 3 {
                        met = meeting.1.wait(met);
                    }
                    drop(met);
                    locks.unlock_all(txn(number));
                })
            })
            .collect();
        until_waiting(&locks, txn(3));
        locks.unlock_all(txn(1));
        threads.into_iter().for_each(|thread| drop(thread.join()));
        check_eq!(locks.resource_count(), 0, "resources in the table after all have ended");
    });
}

/// A writer behind readers is granted although new readers come all the time.
#[testkit::test]
fn a_writer_gets_through_a_stream_of_readers() {
    explore(60, || {
        let locks = locks(Patient);
        check_eq!(locks.lock(txn(1), &row(1), S), Ok(None), "S on a free row");
        let writer = {
            let locks = Arc::clone(&locks);
            spawn("writer", move || {
                check_eq!(locks.lock(txn(2), &row(1), X), Ok(None), "X behind an S");
                locks.unlock_all(txn(2));
            })
        };
        until_waiting(&locks, txn(2));
        // Each new reader comes before the one before it has ended: the row is never free of readers.
        let readers: Vec<_> = (3..6)
            .map(|number| {
                let locks = Arc::clone(&locks);
                check!(!locks.try_lock(txn(number), &row(1), S), "try_lock of S past a waiting X");
                spawn(format!("reader {number}"), move || {
                    check_eq!(locks.lock(txn(number), &row(1), S), Ok(None), "S behind a waiting X");
                    locks.unlock_all(txn(number));
                })
            })
            .collect();
        locks.unlock_all(txn(1));
        drop(writer.join());
        readers.into_iter().for_each(|thread| drop(thread.join()));
        check_eq!(locks.resource_count(), 0, "resources in the table after all have ended");
    });
}

/// A conversion sleeps and wakes like a newcomer, and keeps what it held meanwhile.
#[testkit::test]
fn a_conversion_waits_for_the_other_readers() {
    explore(80, || {
        let locks = locks(Patient);
        check_eq!(locks.lock(txn(1), &row(1), S), Ok(None), "S on a free row");
        check_eq!(locks.lock(txn(2), &row(1), S), Ok(None), "S beside an S");
        let writer = {
            let locks = Arc::clone(&locks);
            spawn("T1", move || {
                check_eq!(
                    locks.lock(txn(1), &row(1), X),
                    Ok(Some(S)),
                    "S to X beside an S: what was held before"
                );
                check_eq!(locks.held(txn(1), &row(1)), Some(X), "what T1 holds");
                locks.unlock_all(txn(1));
            })
        };
        until_waiting(&locks, txn(1));
        check_eq!(locks.held(txn(1), &row(1)), Some(S), "what T1 holds while its conversion waits");
        check!(!locks.try_lock(txn(3), &row(1), S), "try_lock of S past a waiting conversion to X");
        locks.unlock_all(txn(2));
        drop(writer.join());
        check_eq!(locks.resource_count(), 0, "resources in the table after all have ended");
    });
}

/// A request that is refused must leave nothing behind: neither a lock nor a place in a queue.
#[testkit::test]
fn try_lock_does_not_wait_and_leaves_nothing() {
    let locks = locks(Patient);
    check!(locks.try_lock(txn(1), &row(1), X), "try_lock on a free row");
    check!(!locks.try_lock(txn(2), &row(1), S), "try_lock of S beside an X");
    check!(!locks.try_lock(txn(2), &row(1), X), "try_lock of X beside an X");
    show(&locks);
    check_eq!(locks.held(txn(2), &row(1)), None, "what T2 holds after it was refused");
    check!(!locks.is_waiting(txn(2)), "T2 waits although it only tried");
    check!(locks.try_lock(txn(2), &row(2), S), "try_lock of another row");
    check!(locks.try_lock(txn(1), &row(1), S), "try_lock of what is held already");
    locks.unlock_all(txn(1));
    show(&locks);
    check!(locks.try_lock(txn(2), &row(1), X), "try_lock after the X was released");
    locks.unlock_all(txn(2));
    check_eq!(locks.resource_count(), 0, "resources in the table after all have ended");
}

/// A resource is what its name says: a key of any length is not its neighbour, and a gap is not its key.
#[testkit::test]
fn different_resources_do_not_conflict() {
    let locks = locks(Patient);
    let index = IndexId { table: TABLE, number: 0 };
    let long: Vec<u8> = vec![7; 998];
    let mut longer = long.clone();
    longer[997] = 8;
    let mut resources = vec![
        Resource::Table(TABLE),
        row(1),
        row(2),
        row(101),
        Resource::End(index),
        Resource::End(IndexId { table: TABLE, number: 1 }),
        Resource::Row(locking::TableId(2), record(1)),
    ];
    for key in [&b""[..], b"a", b"a\0", &long, &longer] {
        resources.push(Resource::Key(index, key.into()));
        resources.push(Resource::Gap(index, key.into()));
    }
    for (number, resource) in (1..).zip(&resources) {
        check!(locks.try_lock(txn(number), resource, X), "X on {resource}, which nobody else holds");
    }
    show(&locks);
    for resource in &resources {
        check!(!locks.try_lock(txn(99), resource, IS), "IS on {resource} beside an X");
    }
    check_eq!(locks.resource_count(), resources.len(), "locked resources");
    (1..=resources.len() as u64).for_each(|number| locks.unlock_all(txn(number)));
    check_eq!(locks.resource_count(), 0, "resources in the table after all have ended");
}

/// A transaction that holds very many locks gives them all back, in one go or in several.
#[testkit::test]
fn many_locks_are_held_and_released() {
    let locks = locks(Patient);
    for number in 0..20_000 {
        check_eq!(
            locks.lock(txn(1), &row(number), if number % 2 == 0 { S } else { X }),
            Ok(None),
            "lock {number}"
        );
    }
    check_eq!(locks.lock_count(txn(1)), 20_000, "locks of T1");
    check_eq!(locks.lock(txn(1), &row(4), S), Ok(Some(S)), "a lock that is held already");
    check_eq!(locks.lock(txn(1), &row(5), S), Ok(Some(X)), "S on what is held in X");
    check_eq!(locks.lock_count(txn(1)), 20_000, "locks of T1 after it asked for two of them again");
    locks.unlock_all(txn(1));
    check_eq!((locks.lock_count(txn(1)), locks.resource_count()), (0, 0), "what is left of 20,000 locks");
    check_eq!(locks.lock(txn(1), &row(4), SIX), Ok(None), "a lock after all were released");
}

/// A transaction that reads a whole table row by row holds a million locks. The contract says how much memory
/// that may take.
#[testkit::test]
fn a_million_locks_fit_into_the_stated_memory() {
    const LOCKS: u32 = 1_000_000;
    let locks = locks(Patient);
    let counts = testkit::alloc::count(|| {
        for number in 0..LOCKS {
            check_eq!(locks.lock(txn(1), &row(number), S), Ok(None), "lock {number}");
        }
    });
    check_eq!(locks.lock_count(txn(1)), LOCKS as usize, "locks of T1");
    let each = counts.peak_bytes / u64::from(LOCKS);
    check!(each <= 400, "{each} bytes for each of a million locks, at the highest");
    locks.unlock_all(txn(1));
    check_eq!((locks.lock_count(txn(1)), locks.resource_count()), (0, 0), "what is left of a million locks");
}

/// One lock too many is an error that changes nothing, not the end of the process.
#[testkit::test]
fn a_transaction_that_holds_the_most_gets_an_error() {
    let locks = with_config(LockConfig { policy: Patient, max_locks: 3, ..LockConfig::default() });
    for number in 0..3 {
        check_eq!(locks.lock(txn(1), &row(number), S), Ok(None), "lock {number} of 3");
    }
    let refused = Err(LockError::TooManyLocks { txn: txn(1), max: 3 });
    check_eq!(locks.lock(txn(1), &row(3), S), refused, "the lock after the last one");
    check!(!locks.try_lock(txn(1), &row(3), S), "try_lock after the last one");
    check_eq!(locks.resource_count(), 3, "locked resources");
    check_eq!(locks.lock(txn(1), &row(2), X), Ok(Some(S)), "a conversion, which is no new lock");
    check_eq!(locks.lock(txn(2), &row(3), IX), Ok(None), "a lock of another transaction");
}

/// Some locks are never released, because the store failed. Once the table is closed nothing waits for them,
/// whether a request came before or after that. What needs no wait goes on.
#[testkit::test]
fn a_closed_table_lets_nothing_wait() {
    scene::invariant("K2", "a transaction that leaves a queue is notified under the mutex");
    explore(120, || {
        let locks = locks(Patient);
        check_eq!(locks.lock(txn(1), &row(1), X), Ok(None), "X on a free row");
        check_eq!(locks.lock(txn(1), &row(2), S), Ok(None), "S on a free row");
        check_eq!(locks.lock(txn(3), &row(2), S), Ok(None), "S beside an S");
        let closed = |number, resource, wants| -> Result<Option<LockMode>, LockError> {
            Err(LockError::Closed { txn: txn(number), resource, wants })
        };
        let threads: Vec<_> = [(2, row(1), S), (3, row(2), X), (4, row(1), X)]
            .into_iter()
            .map(|(number, resource, wants)| {
                let locks = Arc::clone(&locks);
                let expected = closed(number, resource.clone(), wants);
                spawn(format!("T{number}"), move || {
                    check_eq!(
                        locks.lock(txn(number), &resource, wants),
                        expected,
                        "a wait in a closed table"
                    );
                })
            })
            .collect();
        locks.close();
        show(&locks);
        threads.into_iter().for_each(|thread| check!(thread.join().is_ok(), "a thread that waited ends"));
        check_eq!(locks.lock(txn(5), &row(1), S), closed(5, row(1), S), "S on a row that is held in X");
        check_eq!(locks.held(txn(3), &row(2)), Some(S), "what a conversion keeps that could not be granted");
        check_eq!(locks.lock(txn(5), &row(3), X), Ok(None), "X on a free row of a closed table");
        locks.close();
        locks.unlock_all(txn(1));
        check_eq!(locks.lock(txn(5), &row(1), S), Ok(None), "S on a row that was released");
        [3, 5].into_iter().for_each(|number| locks.unlock_all(txn(number)));
        check_eq!(locks.resource_count(), 0, "resources after all have ended");
    });
}
