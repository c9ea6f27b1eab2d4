//! Task 5.6: a table with transactions, on pages that are counted and on units that keep their pages.

mod damage;
mod faults;
mod histories;
mod made;
mod model;
mod refused;
mod scans;
mod threads;
mod undo;

use std::ops::Bound::{Included, Unbounded};

use bplus_tree::Direction::{Backward, Forward};
use kit::sync::Arc;
use locking::{Error, IndexKey, Isolation, LockConfig, MAX_ROW_LEN, Resource, RowKeys, RowLock, Rows};
use testkit::{check, check_eq};

use crate::support::TABLE;
use crate::support::db::{BatchStore, memory_store};
use crate::support::rows::{Db, Person, id_key, ok};

/// A table of rows with ids 0, 10, 20, ...
fn tens(count: u32) -> (Db<BatchStore>, Vec<buffer_pool::RecordId>) {
    let db = Db::new(BatchStore::new(400), LockConfig::default());
    let rows: Vec<Person> =
        (0..count).map(|number| Person::new(number * 10, (number % 3) as u8, 40)).collect();
    let ids = db.fill(&rows);
    (db, ids)
}

/// The four operations, alone and together.
#[testkit::test]
fn rows_are_inserted_read_updated_and_deleted() {
    let (db, ids) = tens(5);
    let txn = db.begin(Isolation::Serializable);
    let row = Person::new(7, 1, 10);
    let id = ok(db.table.insert(&txn, &row.bytes()), "an insert");
    check_eq!(db.table.get(&txn, id, RowLock::Read), Ok(Some(row.bytes())), "the row that was inserted");
    let changed = Person { group: 2, ..Person::new(8, 2, 300) };
    check_eq!(db.table.update(&txn, id, &changed.bytes()), Ok(true), "an update");
    check_eq!(db.table.get(&txn, id, RowLock::Read), Ok(Some(changed.bytes())), "the row that was updated");
    check_eq!(db.table.lookup(&txn, 0, &id_key(7), RowLock::Read), Ok(Vec::new()), "look-up of the old key");
    check_eq!(
        db.table.lookup(&txn, 0, &id_key(8), RowLock::Read),
        Ok(vec![(id, changed.bytes())]),
        "look-up of the new key"
    );
    check_eq!(db.table.delete(&txn, ids[1]), Ok(true), "a delete");
    check_eq!(db.table.delete(&txn, ids[1]), Ok(false), "a delete of a deleted row");
    check_eq!(db.table.update(&txn, ids[1], &row.bytes()), Ok(false), "an update of a deleted row");
    check_eq!(db.table.get(&txn, ids[1], RowLock::Read), Ok(None), "a deleted row");
    check_eq!(
        db.table.lookup(&txn, 0, &id_key(10), RowLock::Read),
        Ok(Vec::new()),
        "look-up of a deleted row"
    );
    ok(txn.commit(), "commit");
    let mut expected: std::collections::BTreeMap<_, _> = ids
        .iter()
        .copied()
        .zip((0..5).map(|number| Person::new(number * 10, (number % 3) as u8, 40).bytes()))
        .collect();
    expected.remove(&ids[1]);
    expected.insert(id, changed.bytes());
    db.check_contents(&expected, "after the commit");
}

/// Ranges both ways, with bounds, in batches larger and smaller than the table.
#[testkit::test]
fn ranges_come_in_order_and_within_their_bounds() {
    let (db, ids) = tens(700);
    let txn = db.begin(Isolation::Serializable);
    for (from, to, expected) in [
        (Unbounded, Unbounded, 0..700),
        (Included(id_key(45)), Included(id_key(90)), 5..10),
        (Included(id_key(50)), Unbounded, 5..700),
        (Unbounded, Included(id_key(3_000)), 0..301),
        (Included(id_key(41)), Included(id_key(49)), 5..5),
    ] {
        for direction in [Forward, Backward] {
            let rows = Rows::Range { index: 0, from: from.clone(), to: to.clone(), direction };
            let found = ok(db.scan(&txn, rows, RowLock::Read), "a range");
            let found: Vec<_> = found.into_iter().map(|(id, _)| id).collect();
            let mut expected: Vec<_> = ids[expected.clone()].to_vec();
            if direction == Backward {
                expected.reverse();
            }
            check!(
                found == expected,
                "{} rows from {from:?} to {to:?} {direction:?}, expected {}",
                found.len(),
                expected.len()
            );
        }
    }
}

/// A unique key is refused while another row has it, whoever committed it, and the refused statement leaves
/// nothing.
#[testkit::test]
fn a_key_that_must_be_unique_is_refused() {
    let (db, ids) = tens(3);
    let txn = db.begin(Isolation::ReadCommitted);
    let duplicate = Err(Error::DuplicateKey { index: 0, existing: ids[1] });
    check_eq!(
        db.table.insert(&txn, &Person::new(10, 9, 4).bytes()),
        duplicate,
        "an insert of a committed key"
    );
    let refused = db.table.update(&txn, ids[0], &Person::new(10, 9, 4).bytes());
    check_eq!(
        refused,
        Err(Error::DuplicateKey { index: 0, existing: ids[1] }),
        "an update to a committed key"
    );
    let own = ok(db.table.insert(&txn, &Person::new(5, 9, 4).bytes()), "an insert");
    let duplicate = Err(Error::DuplicateKey { index: 0, existing: own });
    check_eq!(db.table.insert(&txn, &Person::new(5, 8, 4).bytes()), duplicate, "an insert of an own key");
    check_eq!(
        db.table.update(&txn, own, &Person::new(5, 7, 90).bytes()),
        Ok(true),
        "an update that keeps its key"
    );
    ok(txn.abort(), "abort");
    db.check_contents(&tens_rows(&ids), "after the rollback");
}

/// The rows of [`tens`].
fn tens_rows(ids: &[buffer_pool::RecordId]) -> std::collections::BTreeMap<buffer_pool::RecordId, Vec<u8>> {
    let rows = (0..).map(|number: u32| Person::new(number * 10, (number % 3) as u8, 40).bytes());
    ids.iter().copied().zip(rows).collect()
}

/// A unique column holds any number of NULLs. A tree that refuses equal keys would refuse the second.
#[testkit::test]
fn a_unique_column_holds_many_nulls() {
    let (db, ids) = tens(2);
    let txn = db.begin(Isolation::Serializable);
    let nobody = Person { id: None, ..Person::new(0, 4, 9) };
    let nulls: Vec<_> =
        (0..5).map(|_| ok(db.table.insert(&txn, &nobody.bytes()), "an insert of NULL")).collect();
    check_eq!(db.table.update(&txn, ids[0], &nobody.bytes()), Ok(true), "an update to NULL");
    ok(txn.commit(), "commit");
    let mut expected = tens_rows(&ids);
    expected.extend(nulls.into_iter().chain([ids[0]]).map(|id| (id, nobody.bytes())));
    db.check_contents(&expected, "after the commit");
}

/// The entry of the deleted row is still in the tree when its successor comes: both for a while, one in the
/// end.
#[testkit::test]
fn a_key_is_deleted_and_inserted_again_by_one_transaction() {
    for commits in [true, false] {
        let (db, ids) = tens(3);
        let txn = db.begin(Isolation::Serializable);
        check_eq!(db.table.delete(&txn, ids[1]), Ok(true), "a delete");
        let again = Person::new(10, 8, 80);
        let id = ok(db.table.insert(&txn, &again.bytes()), "an insert of the deleted key");
        check_eq!(
            db.table.lookup(&txn, 0, &id_key(10), RowLock::Read),
            Ok(vec![(id, again.bytes())]),
            "look-up of the key"
        );
        check_eq!(
            db.table.update(&txn, ids[0], &Person::new(11, 0, 1).bytes()),
            Ok(true),
            "an update to another key"
        );
        check_eq!(
            db.table.update(&txn, ids[0], &Person::new(0, 0, 40).bytes()),
            Ok(true),
            "an update back to the old key"
        );
        let mut expected = tens_rows(&ids);
        if commits {
            ok(txn.commit(), "commit");
            expected.remove(&ids[1]);
            expected.insert(id, again.bytes());
            expected.insert(ids[0], Person::new(0, 0, 40).bytes());
        } else {
            ok(txn.abort(), "abort");
        }
        db.check_contents(&expected, "after the end");
    }
}

/// Keys of the greatest length a tree takes, and rows of the greatest length a table takes.
#[testkit::test]
fn keys_and_rows_of_maximal_length() {
    struct LongKeys;
    impl RowKeys for LongKeys {
        fn index_count(&self) -> usize {
            1
        }
        fn key(&self, _index: usize, row: &[u8]) -> IndexKey {
            IndexKey { key: row[..bplus_tree::MAX_KEY_LEN].to_vec(), must_be_unique: true }
        }
    }
    let db = Db::with_keys(memory_store(400), LockConfig::default(), Arc::new(LongKeys));
    let row_of = |number: u8| {
        let mut row = vec![number; MAX_ROW_LEN];
        row[..bplus_tree::MAX_KEY_LEN - 1].fill(1);
        row
    };
    let txn = db.begin(Isolation::Serializable);
    let ids: Vec<_> = (0..20)
        .map(|number| ok(db.table.insert(&txn, &row_of(number)), "a row of the greatest length"))
        .collect();
    check_eq!(
        db.table.insert(&txn, &row_of(7)),
        Err(Error::DuplicateKey { index: 0, existing: ids[7] }),
        "a long key again"
    );
    let too_long = vec![0; MAX_ROW_LEN + 1];
    let error = Error::RowTooLong { len: MAX_ROW_LEN + 1, max: MAX_ROW_LEN };
    check_eq!(db.table.insert(&txn, &too_long).map(drop), Err(error), "a row that is too long");
    check_eq!(db.table.delete(&txn, ids[3]), Ok(true), "a delete");
    ok(txn.commit(), "commit");
    let txn = db.begin(Isolation::Serializable);
    for (number, id) in (0..20).zip(&ids) {
        let expected = if number == 3 { Vec::new() } else { vec![(*id, row_of(number))] };
        let found = db.table.lookup(&txn, 0, &row_of(number)[..bplus_tree::MAX_KEY_LEN], RowLock::Read);
        check!(found == Ok(expected), "look-up of long key {number}");
    }
}

/// Each operation locks what it needs: the table, the row, a key of each index; and no read of read committed
/// keeps a lock.
#[testkit::test]
fn operations_lock_what_they_need() {
    let (db, ids) = tens(300);
    let locks = db.shared.locks();
    let count = |isolation: Isolation, operation: &dyn Fn(&locking::Transaction<BatchStore>)| {
        let txn = db.begin(isolation);
        operation(&txn);
        let count = locks.lock_count(txn.id());
        ok(txn.abort(), "abort");
        count
    };
    let insert =
        count(Isolation::Serializable, &|txn| drop(db.table.insert(txn, &Person::new(5, 1, 9).bytes())));
    check!(insert <= 4, "an insert holds {insert} locks: the table, the row and two keys are 4");
    let get = |txn: &locking::Transaction<BatchStore>| drop(db.table.get(txn, ids[4], RowLock::Read));
    for (isolation, most) in [
        (Isolation::ReadUncommitted, 0),
        (Isolation::ReadCommitted, 1),
        (Isolation::RepeatableRead, 2),
        (Isolation::Serializable, 2),
    ] {
        let held = count(isolation, &get);
        check!(held <= most, "a read of a row at {isolation} holds {held} locks, at most {most} are needed");
    }
    let lookup =
        count(Isolation::Serializable, &|txn| drop(db.table.lookup(txn, 0, &id_key(40), RowLock::Read)));
    check!(lookup <= 3, "a look-up holds {lookup} locks: the table, the key and the row are 3");
    let scan = count(Isolation::Serializable, &|txn| drop(db.scan(txn, Rows::All, RowLock::Read)));
    check_eq!(scan, 1, "locks of a serializable scan of all rows: the table");
    let txn = db.begin(Isolation::Serializable);
    ok(db.scan(&txn, Rows::All, RowLock::Read), "a scan");
    check!(
        !locks.try_lock(locking::TxnId(9_999), &Resource::Table(TABLE), locking::LockMode::IX),
        "IX on a table that is read as a whole"
    );
}

/// Hundreds of entries that lead to deleted rows come first. The scan goes on to the rows behind them.
#[testkit::test]
fn a_scan_goes_on_behind_deleted_rows() {
    let (db, ids) = tens(700);
    let txn = db.begin(Isolation::Serializable);
    for id in &ids[..600] {
        check_eq!(db.table.delete(&txn, *id), Ok(true), "a delete");
    }
    let by_key = Rows::Range { index: 0, from: Unbounded, to: Unbounded, direction: Forward };
    for rows in [Rows::All, by_key] {
        let found = ok(db.scan(&txn, rows, RowLock::Read), "a scan");
        check_eq!(found.len(), 100, "rows that are left of 700 after 600 were deleted");
    }
    ok(txn.commit(), "commit");
    let left = tens_rows(&ids).into_iter().filter(|(id, _)| ids[600..].contains(id)).collect();
    db.check_contents(&left, "after the commit");
}
