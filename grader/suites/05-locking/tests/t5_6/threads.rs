//! Transactions at the same time, under a scheduler that decides which of them runs next.

use std::collections::BTreeMap;
use std::ops::Bound::Unbounded;

use bplus_tree::Direction::Forward;
use kit::sync::{Arc, thread};
use locking::{
    DeadlockPolicy, Error, IndexKey, Isolation, LockConfig, LockError, LockMode, Resource, RowKeys, RowLock,
    Rows,
};
use testkit::schedule::explore;
use testkit::{check, check_eq, scene};

use crate::support::db::BatchStore;
use crate::support::rows::{Db, Person, id_key, ok};
use crate::support::{TABLE, show, spawn};

type SharedDb = Arc<Db<BatchStore>>;

fn new_db() -> SharedDb {
    Arc::new(Db::new(BatchStore::new(200), LockConfig::default()))
}

/// Waits until transaction `id` waits for a lock, and checks that no thread holds a latch then.
///
/// # Requires
/// No other thread uses a page.
fn until_waiting(db: &SharedDb, id: locking::TxnId) {
    while !db.shared.locks().is_waiting(id) {
        thread::yield_now();
    }
    show(db.shared.locks());
    check_eq!(db.pages().held(), Vec::new(), "pages latched by a thread that waits for a lock");
}

/// An insert that meets the uncommitted delete of its key waits for the outcome.
#[testkit::test]
fn an_insert_waits_for_the_outcome_of_a_delete() {
    scene::invariant("W3", "whoever holds a unique key in X knows whether a row has it");
    for commits in [true, false] {
        explore(30, move || {
            let db = new_db();
            let ids = db.fill(&[Person::new(1, 0, 20)]);
            let one = db.begin(Isolation::ReadCommitted);
            check_eq!(db.table.delete(&one, ids[0]), Ok(true), "a delete");
            let other = db.begin(Isolation::ReadCommitted);
            let other_id = other.id();
            let inserter = {
                let db = Arc::clone(&db);
                spawn("inserter", move || {
                    let inserted = db.table.insert(&other, &Person::new(1, 5, 9).bytes());
                    ok(other.commit(), "the commit of the inserter");
                    inserted
                })
            };
            until_waiting(&db, other_id);
            match commits {
                true => ok(one.commit(), "commit"),
                false => ok(one.abort(), "abort"),
            }
            let inserted = inserter.join().expect("the inserter ends");
            match inserted {
                Ok(id) if commits => {
                    db.check_contents(&BTreeMap::from([(id, Person::new(1, 5, 9).bytes())]), "after both");
                }
                Err(Error::DuplicateKey { index: 0, existing }) if !commits => {
                    check_eq!(existing, ids[0], "the row that has the key");
                    db.check_contents(
                        &BTreeMap::from([(ids[0], Person::new(1, 0, 20).bytes())]),
                        "after both",
                    );
                }
                other => testkit::Failure::new("the insert of a key whose delete ended").found(other).raise(),
            }
        });
    }
}

/// A reader never sees a row that is not committed, by id, by key or in a scan; nor does it miss one.
#[testkit::test]
fn readers_see_committed_rows_alone() {
    for isolation in [Isolation::ReadCommitted, Isolation::RepeatableRead, Isolation::Serializable] {
        explore(40, move || {
            let db = new_db();
            let ids = db.fill(&[Person::new(1, 0, 20), Person::new(2, 0, 20)]);
            let writer = {
                let (db, ids) = (Arc::clone(&db), ids.clone());
                spawn("writer", move || {
                    let txn = db.begin(Isolation::ReadCommitted);
                    let wrong = Person { group: 9, ..Person::new(3, 9, 5) };
                    let result = db.table.update(&txn, ids[0], &wrong.bytes()).and_then(|_| {
                        db.table.delete(&txn, ids[1])?;
                        db.table.insert(&txn, &Person::new(4, 9, 5).bytes())
                    });
                    check!(result.is_ok() || result.is_err_and(|error| error.must_roll_back()), "a writer");
                    ok(txn.abort(), "abort");
                })
            };
            let txn = db.begin(isolation);
            let by_key = Rows::Range { index: 0, from: Unbounded, to: Unbounded, direction: Forward };
            let expected = [Person::new(1, 0, 20), Person::new(2, 0, 20)].map(|row| row.bytes()).to_vec();
            for rows in [Rows::All, by_key] {
                match db.scan(&txn, rows.clone(), RowLock::Read) {
                    Ok(found) => {
                        let mut found: Vec<_> = found.into_iter().map(|(_, row)| row).collect();
                        if rows == Rows::All {
                            found.sort();
                        }
                        check_eq!(
                            found,
                            expected,
                            "{rows:?} at {isolation} beside a writer that is rolled back"
                        );
                    }
                    Err(error) => check!(error.must_roll_back(), "a scan at {isolation}: {error}"),
                }
            }
            drop(txn);
            drop(writer.join());
            check_eq!(db.shared.locks().resource_count(), 0, "locks after both have ended");
        });
    }
}

/// A scan reads rows that are being changed, waits for the first of them, and then locks the table in place
/// of single rows. What it has read without that lock is not under it.
#[testkit::test]
fn a_scan_that_escalates_reads_committed_rows_alone() {
    for isolation in [Isolation::RepeatableRead, Isolation::Serializable] {
        explore(20, move || {
            let config = LockConfig { escalate_at: 2, ..LockConfig::default() };
            let db = Arc::new(Db::new(BatchStore::new(200), config));
            let people = [1, 2, 3, 4].map(|number| Person::new(number, 0, 20));
            let ids = db.fill(&people);
            let by_key = Rows::Range { index: 0, from: Unbounded, to: Unbounded, direction: Forward };
            for rows in [Rows::All, by_key] {
                let txn = db.begin(isolation);
                let reader_id = txn.id();
                // As long as the reader is in the table, the writer cannot lock all of it.
                let whole = Resource::Table(TABLE);
                check!(txn.locker().lock(&whole, LockMode::IS).is_ok(), "IS on a table that nobody locks");
                let writer = db.begin(Isolation::ReadCommitted);
                for at in [0, 3] {
                    let wrong = Person { group: 9, ..people[at].clone() };
                    check_eq!(db.table.update(&writer, ids[at], &wrong.bytes()), Ok(true), "an update");
                }
                let reader = {
                    let (db, rows) = (Arc::clone(&db), rows.clone());
                    spawn("reader", move || {
                        let found = db.scan(&txn, rows, RowLock::Read);
                        check_eq!(txn.commit(), Ok(()), "the commit of the reader");
                        found
                    })
                };
                until_waiting(&db, reader_id);
                ok(writer.abort(), "abort");
                let found = ok(reader.join().expect("the reader ends"), "a scan");
                let mut found: Vec<_> = found.into_iter().map(|(_, row)| row).collect();
                found.sort();
                let expected = people.clone().map(|row| row.bytes()).to_vec();
                check_eq!(found, expected, "{rows:?} at {isolation} beside a writer that is rolled back");
                check_eq!(db.shared.locks().resource_count(), 0, "locks after both have ended");
            }
        });
    }
}

/// Transfers between accounts, each read for writing: no deadlock on one row, and the total stays.
#[testkit::test]
fn transfers_keep_the_total() {
    for isolation in [Isolation::ReadCommitted, Isolation::Serializable] {
        explore(30, move || {
            let db = new_db();
            let ids = db.fill(&[Person::new(1, 100, 0), Person::new(2, 100, 0)]);
            let threads: Vec<_> = [(0, 1, 30), (1, 0, 10)]
                .into_iter()
                .map(|(from, to, amount)| {
                    let (db, ids) = (Arc::clone(&db), ids.clone());
                    spawn(format!("transfer of {amount}"), move || {
                        while let Err(error) = transfer(&db, isolation, (ids[from], ids[to]), amount) {
                            check!(error.must_roll_back(), "a transfer failed for good: {error}");
                        }
                    })
                })
                .collect();
            threads.into_iter().for_each(|thread| drop(thread.join()));
            let txn = db.begin(Isolation::Serializable);
            let amounts = ids
                .iter()
                .map(|id| ok(db.table.get(&txn, *id, RowLock::Read), "a read").map_or(0, |row| row[5]));
            check_eq!(
                amounts.collect::<Vec<_>>(),
                vec![80, 120],
                "the accounts after transfers of 30 and 10"
            );
        });
    }
}

fn transfer(
    db: &Db<BatchStore>,
    isolation: Isolation,
    (from, to): (buffer_pool::RecordId, buffer_pool::RecordId),
    amount: u8,
) -> Result<(), Error> {
    let txn = db.begin(isolation);
    for (id, is_from) in [(from, true), (to, false)] {
        let Some(mut row) = db.table.get(&txn, id, RowLock::Write)? else { continue };
        row[5] = if is_from { row[5] - amount } else { row[5] + amount };
        db.table.update(&txn, id, &row)?;
    }
    txn.commit()
}

/// What is not cleared away yet must not be seen by the next holder of the lock: locks end last.
#[testkit::test]
fn locks_end_after_everything_is_cleared_away() {
    scene::invariant(
        "X1",
        "locks are released after the commit point and after what was left is cleared away",
    );
    explore(60, || {
        let db = new_db();
        let ids = db.fill(&[Person::new(1, 0, 20)]);
        let one = db.begin(Isolation::ReadCommitted);
        check_eq!(db.table.delete(&one, ids[0]), Ok(true), "a delete");
        let other = {
            let db = Arc::clone(&db);
            spawn("inserter", move || {
                let txn = db.begin(Isolation::ReadCommitted);
                let id =
                    ok(db.table.insert(&txn, &Person::new(1, 7, 3).bytes()), "an insert of the deleted key");
                let entries = crate::support::db::entries_of(db.pages(), db.table.indexes()[0].tree());
                check_eq!(entries, vec![(id_key(1), id)], "the entries of the key when its lock was granted");
                ok(txn.commit(), "commit");
                id
            })
        };
        ok(one.commit(), "commit");
        let id = other.join().expect("the inserter ends");
        db.check_contents(&BTreeMap::from([(id, Person::new(1, 7, 3).bytes())]), "after both");
    });
}

/// A statement that is cancelled while it waits leaves nothing, and the transaction can go on.
#[testkit::test]
fn a_cancelled_statement_leaves_nothing() {
    explore(30, || {
        let db = new_db();
        let ids = db.fill(&[Person::new(1, 0, 20)]);
        let one = db.begin(Isolation::ReadCommitted);
        check_eq!(db.table.update(&one, ids[0], &Person::new(2, 0, 20).bytes()), Ok(true), "an update");
        let other = db.begin(Isolation::ReadCommitted);
        let id = other.id();
        let statement = {
            let db = Arc::clone(&db);
            spawn("other", move || {
                let savepoint = other.savepoint();
                let result = db.table.insert(&other, &Person::new(2, 1, 5).bytes());
                let Err(Error::Lock(LockError::Cancelled { .. })) = result else {
                    testkit::Failure::new("a statement that was cancelled").found(result).raise();
                };
                ok(other.rollback_to(savepoint), "rollback to the start of the statement");
                let inserted =
                    ok(db.table.insert(&other, &Person::new(3, 1, 5).bytes()), "another statement");
                ok(other.commit(), "commit");
                inserted
            })
        };
        until_waiting(&db, id);
        db.shared.locks().cancel(id);
        let inserted = statement.join().expect("the other ends");
        ok(one.abort(), "abort");
        let expected = [(ids[0], Person::new(1, 0, 20).bytes()), (inserted, Person::new(3, 1, 5).bytes())];
        db.check_contents(&BTreeMap::from(expected), "after both");
    });
}

/// A serializable scan finds the same rows again, whatever others insert and delete meanwhile.
#[testkit::test]
fn a_serializable_scan_has_no_phantoms() {
    explore(40, || {
        let db = new_db();
        let ids = db.fill(&[Person::new(2, 0, 5), Person::new(5, 0, 5), Person::new(8, 0, 5)]);
        let writer = {
            let db = Arc::clone(&db);
            spawn("writer", move || {
                for step in 0..2 {
                    let txn = db.begin(Isolation::ReadCommitted);
                    let result = match step {
                        0 => db.table.insert(&txn, &Person::new(6, 0, 5).bytes()).map(drop),
                        _ => db.table.delete(&txn, ids[1]).map(drop),
                    };
                    match result {
                        Ok(()) => ok(txn.commit(), "commit"),
                        Err(error) => check!(error.must_roll_back(), "a writer: {error}"),
                    }
                }
            })
        };
        let txn = db.begin(Isolation::Serializable);
        let rows = Rows::Range {
            index: 0,
            from: std::ops::Bound::Included(id_key(3)),
            to: Unbounded,
            direction: Forward,
        };
        let mut first = None;
        for _ in 0..3 {
            match db.scan(&txn, rows.clone(), RowLock::Read) {
                Ok(found) => {
                    let first = first.get_or_insert_with(|| found.clone());
                    check_eq!(found, *first, "the range read again in the same transaction");
                }
                Err(error) => check!(error.must_roll_back(), "a scan: {error}"),
            }
        }
        drop(txn);
        drop(writer.join());
        check_eq!(db.shared.locks().resource_count(), 0, "locks after both have ended");
    });
}

/// The key that an uncommitted update gave up is not free: a rollback takes it back.
#[testkit::test]
fn an_insert_waits_for_the_outcome_of_an_update() {
    scene::invariant("W3", "a transaction that changes the entries of a key holds the key");
    explore(30, || {
        let db = new_db();
        let ids = db.fill(&[Person::new(1, 0, 20)]);
        let one = db.begin(Isolation::ReadCommitted);
        check_eq!(
            db.table.update(&one, ids[0], &Person::new(2, 0, 20).bytes()),
            Ok(true),
            "an update to another key"
        );
        let other = db.begin(Isolation::ReadCommitted);
        let other_id = other.id();
        let inserter = {
            let db = Arc::clone(&db);
            spawn("inserter", move || db.table.insert(&other, &Person::new(1, 5, 9).bytes()))
        };
        while !db.shared.locks().is_waiting(other_id) {
            check!(!inserter.is_finished(), "an insert of a key that may come back did not wait");
            thread::yield_now();
        }
        ok(one.abort(), "abort");
        let inserted = inserter.join().expect("the inserter ends");
        check_eq!(
            inserted,
            Err(Error::DuplicateKey { index: 0, existing: ids[0] }),
            "an insert of a key that came back"
        );
        db.check_contents(&BTreeMap::from([(ids[0], Person::new(1, 0, 20).bytes())]), "after both");
    });
}

/// A group has many rows. Two transactions that add one each are no conflict.
#[testkit::test]
fn rows_of_one_group_come_together() {
    let db = new_db();
    let first = db.fill(&[Person::new(1, 3, 5)]);
    let (one, other) = (db.begin(Isolation::Serializable), db.begin(Isolation::Serializable));
    let mut expected = BTreeMap::from([(first[0], Person::new(1, 3, 5).bytes())]);
    for (txn, number) in [(&one, 2), (&other, 3), (&one, 4), (&other, 5)] {
        let row = Person::new(number, 3, 5).bytes();
        expected.insert(ok(db.table.insert(txn, &row), "an insert into a group"), row);
    }
    ok(one.commit(), "commit");
    ok(other.commit(), "the other commit");
    db.check_contents(&expected, "after both");
}

/// After the rollback of a cancelled statement the transaction waits for locks as before.
#[testkit::test]
fn a_cancelled_transaction_waits_again() {
    explore(20, || {
        let db = new_db();
        let ids = db.fill(&[Person::new(1, 0, 20)]);
        let other = db.begin(Isolation::ReadCommitted);
        ok(db.table.get(&other, ids[0], RowLock::Read), "a read");
        check!(db.shared.locks().cancel(other.id()), "cancel of a transaction that holds locks");
        let savepoint = other.savepoint();
        ok(other.rollback_to(savepoint), "rollback of the cancelled statement");
        let one = db.begin(Isolation::ReadCommitted);
        check_eq!(db.table.delete(&one, ids[0]), Ok(true), "a delete");
        let other_id = other.id();
        let reader = {
            let (db, id) = (Arc::clone(&db), ids[0]);
            spawn("reader", move || db.table.get(&other, id, RowLock::Read))
        };
        while !db.shared.locks().is_waiting(other_id) && !reader.is_finished() {
            thread::yield_now();
        }
        ok(one.abort(), "abort");
        let read = reader.join().expect("the reader ends");
        check_eq!(
            read,
            Ok(Some(Person::new(1, 0, 20).bytes())),
            "a read that waited, after a cancel that is over"
        );
    });
}

/// A row that is in the heap before it is locked is seen by a reader that comes in between.
#[testkit::test]
fn a_new_row_is_locked_before_it_is_seen() {
    for isolation in [Isolation::ReadCommitted, Isolation::RepeatableRead] {
        explore(120, move || {
            let db = new_db();
            let ids = db.fill(&[Person::new(1, 0, 20)]);
            let writer = {
                let db = Arc::clone(&db);
                spawn("writer", move || {
                    let txn = db.begin(Isolation::ReadCommitted);
                    let inserted = db.table.insert(&txn, &Person::new(4, 9, 5).bytes());
                    check!(
                        inserted.is_ok() || inserted.is_err_and(|error| error.must_roll_back()),
                        "an insert"
                    );
                    ok(txn.abort(), "abort");
                })
            };
            let txn = db.begin(isolation);
            for _ in 0..3 {
                match db.scan(&txn, Rows::All, RowLock::Read) {
                    Ok(found) => {
                        let found: Vec<_> = found.into_iter().map(|(id, _)| id).collect();
                        check_eq!(found, ids, "rows beside an insert that is rolled back, at {isolation}");
                    }
                    Err(error) => check!(error.must_roll_back(), "a scan at {isolation}: {error}"),
                }
            }
            drop(txn);
            drop(writer.join());
        });
    }
}

/// A table without an index has no lock before that of the row by which an insert could notice that its
/// transaction was wounded.
#[testkit::test]
fn an_insert_of_a_wounded_transaction_says_so() {
    struct NoKeys;
    impl RowKeys for NoKeys {
        fn index_count(&self) -> usize {
            0
        }
        fn key(&self, index: usize, _row: &[u8]) -> IndexKey {
            testkit::Failure::new("a key of a table without indexes").found(index).raise()
        }
    }
    explore(30, || {
        let config = LockConfig { policy: DeadlockPolicy::WoundWait, ..LockConfig::default() };
        let db = Arc::new(Db::with_keys(BatchStore::new(200), config, Arc::new(NoKeys)));
        let (older, younger) = (db.begin(Isolation::ReadCommitted), db.begin(Isolation::ReadCommitted));
        let (older_id, row) = (older.id(), Person::new(1, 0, 20).bytes());
        let id = ok(db.table.insert(&younger, &row), "an insert");
        let reader = {
            let db = Arc::clone(&db);
            spawn("older", move || db.table.get(&older, id, RowLock::Read))
        };
        until_waiting(&db, older_id);
        let inserted = db.table.insert(&younger, &row);
        check!(
            inserted.as_ref().is_err_and(Error::must_roll_back),
            "an insert of a wounded transaction: {inserted:?}"
        );
        check!(younger.commit().is_err(), "the commit of a transaction that must be rolled back");
        check_eq!(reader.join().ok(), Some(Ok(None)), "the row of the wounded transaction");
        check_eq!(db.shared.locks().resource_count(), 0, "locks after both have ended");
    });
}
