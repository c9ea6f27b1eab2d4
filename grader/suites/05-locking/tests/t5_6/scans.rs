//! Scans of most rows: one lock on the table in place of a lock for each row, if nobody is in the way.

use std::ops::Bound::Unbounded;

use bplus_tree::Direction::Forward;
use kit::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use kit::sync::{Arc, thread};
use locking::LockMode::{self, IS, IX, S, X};
use locking::{Isolation, LockConfig, Resource, RowLock, Rows, Scan};
use testkit::schedule::explore;
use testkit::{check, check_eq};

use super::tens;
use crate::support::db::BatchStore;
use crate::support::rows::{Db, Person, ok};
use crate::support::{TABLE, show, spawn};

/// A scan that reads most rows.
fn most(rows: Rows, lock: RowLock) -> Scan {
    Scan { rows, lock, most_rows: true }
}

/// All rows by their unique key.
fn by_key() -> Rows {
    Rows::Range { index: 0, from: Unbounded, to: Unbounded, direction: Forward }
}

/// With nobody else in the table, one lock is enough, and it lasts as long as locks of rows would.
#[testkit::test]
fn a_scan_of_most_rows_locks_the_table() {
    let (db, ids) = tens(300);
    let locks = db.shared.locks();
    let long = |lock: RowLock| Some(if lock == RowLock::Read { S } else { X });
    for rows in [Rows::All, by_key()] {
        for lock in [RowLock::Read, RowLock::Write] {
            for isolation in Isolation::ALL {
                let left: Option<LockMode> = match (lock, isolation) {
                    (RowLock::Read, Isolation::ReadUncommitted) => None,
                    (RowLock::Read, Isolation::ReadCommitted) => Some(IS),
                    _ => long(lock),
                };
                let txn = db.begin(isolation);
                let found = ok(db.run(&txn, most(rows.clone(), lock)), "a scan of most rows").len();
                show(locks);
                check_eq!(found, ids.len(), "rows of a scan at {isolation}");
                let what = format!("after a scan of most rows at {isolation}, {lock:?}, {rows:?}");
                check_eq!(locks.held(txn.id(), &Resource::Table(TABLE)), left, "the table {what}");
                check_eq!(locks.lock_count(txn.id()), usize::from(left.is_some()), "locks {what}");
                check_eq!(
                    ok(db.table.get(&txn, ids[7], RowLock::Write), "a read for writing").is_some(),
                    true,
                    "a row {what}"
                );
                ok(txn.commit(), "commit");
                check_eq!(locks.resource_count(), 0, "locks after the commit {what}");
            }
        }
    }
}

/// A writer of one row is no reason to wait before that row is reached.
#[testkit::test]
fn a_scan_of_most_rows_does_not_wait_for_the_table() {
    let (db, _) = tens(700);
    for isolation in [Isolation::ReadCommitted, Isolation::RepeatableRead, Isolation::Serializable] {
        let dirty = db.begin(Isolation::ReadUncommitted);
        let mut cursor = db.table.scan(most(by_key(), RowLock::Read));
        let first = ok(cursor.next(&dirty), "the first batch at read uncommitted");
        let mut last = Vec::new();
        loop {
            let batch = ok(cursor.next(&dirty), "a batch at read uncommitted");
            if batch.is_empty() {
                break;
            }
            last = batch;
        }
        // A design may read all rows in one batch.
        let Some((far, _)) = last.pop() else { return };
        let writer = db.begin(Isolation::ReadCommitted);
        check_eq!(db.table.delete(&writer, far), Ok(true), "a delete far behind the first batch");
        let reader = db.begin(isolation);
        let mut cursor = db.table.scan(most(by_key(), RowLock::Read));
        let found = ok(cursor.next(&reader), "the first batch beside a writer");
        show(db.shared.locks());
        check!(found == first, "{} rows in the first batch, {} before", found.len(), first.len());
        let held = db.shared.locks().held(reader.id(), &Resource::Table(TABLE));
        check_eq!(held, Some(IS), "the table's lock beside a writer, at {isolation}");
        ok(writer.abort(), "abort");
        drop(cursor);
        ok(reader.commit(), "commit");
    }
}

/// Read committed too reads a batch under one lock. It is gone with the batch, and the table is free for
/// writers.
#[testkit::test]
fn a_batch_at_read_committed_is_read_under_one_lock() {
    let seen = Arc::new(AtomicUsize::new(0));
    let total = Arc::clone(&seen);
    explore(12, move || {
        let db = Arc::new(Db::new(BatchStore::new(200), LockConfig::default()));
        let people: Vec<Person> = (0..20).map(|number| Person::new(number, 0, 20)).collect();
        db.fill(&people);
        let txn = db.begin(Isolation::ReadCommitted);
        let (id, whole) = (txn.id(), Resource::Table(TABLE));
        let is_over = Arc::new(AtomicBool::new(false));
        let watcher = {
            let (db, is_over, seen) = (Arc::clone(&db), Arc::clone(&is_over), Arc::clone(&seen));
            let whole = whole.clone();
            spawn("watcher", move || {
                while !is_over.load(Ordering::SeqCst) {
                    let is_shared = db.shared.locks().held(id, &whole) == Some(S);
                    seen.fetch_add(usize::from(is_shared), Ordering::SeqCst);
                    thread::yield_now();
                }
            })
        };
        for rows in [Rows::All, by_key()] {
            let found = ok(db.run(&txn, most(rows, RowLock::Read)), "a scan of most rows");
            check_eq!(found.len(), people.len(), "rows of a scan at read committed");
            check_eq!(db.shared.locks().held(id, &whole), Some(IS), "the table's lock after the scan");
        }
        is_over.store(true, Ordering::SeqCst);
        drop(watcher.join());
        let writer = db.shared.locks().try_lock(locking::TxnId(9_999), &whole, IX);
        check!(writer, "IX beside a reader at read committed whose scan has ended");
    });
    check!(
        total.load(Ordering::SeqCst) > 0,
        "the table was never seen locked in S during scans of most rows at read committed"
    );
}
