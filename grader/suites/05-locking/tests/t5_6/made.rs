//! Heaps and trees that transactions make and drop, in units of few pages.

use std::collections::BTreeMap;

use bplus_tree::MAX_KEY_LEN;
use kit::sync::Arc;
use locking::{
    Error, IndexKey, Isolation, LockConfig, LockMode, Resource, RowKeys, RowLock, Rows, Scan, Store, Table,
    TableId, Transaction, TxnId,
};
use slotted_page::PageId;
use testkit::{check, check_eq, scene, step};

use crate::support::db::{BatchStore, Pages, memory_store};
use crate::support::rows::{Db, Person, ok};

/// One index, whose keys are so long that a few rows make many pages.
struct LongKeys;

impl RowKeys for LongKeys {
    fn index_count(&self) -> usize {
        1
    }

    fn key(&self, _index: usize, row: &[u8]) -> IndexKey {
        IndexKey { key: row[..MAX_KEY_LEN].to_vec(), must_be_unique: true }
    }
}

/// Row number `number` of such a table.
fn long(number: u8) -> Vec<u8> {
    let mut row = vec![number; 2_500];
    row[..MAX_KEY_LEN - 1].fill(number % 3);
    row
}

/// A table that a transaction made.
struct Made {
    table: Table,
    heap: PageId,
    tree: PageId,
}

impl Made {
    fn new<S: Store<Reader = Pages>>(db: &Db<S>, txn: &Transaction<S>, number: u32) -> Self {
        let heap = ok(txn.make_heap(), "a new heap");
        let tree = ok(txn.make_tree(), "a new tree");
        let table = Table::open(&db.shared, TableId(number), heap, &[tree], Arc::new(LongKeys));
        Made { table: ok(table, "a table over both"), heap, tree }
    }

    /// A table with `rows` rows, in a transaction that commits.
    fn filled<S: Store<Reader = Pages>>(db: &Db<S>, number: u32, rows: u8) -> Self {
        let txn = db.begin(Isolation::Serializable);
        let made = Made::new(db, &txn, number);
        made.insert(&txn, rows);
        ok(txn.commit(), "the commit of a new table");
        made
    }

    fn insert<S: Store>(&self, txn: &Transaction<S>, rows: u8) {
        for number in 0..rows {
            ok(self.table.insert(txn, &long(number)), "an insert into a new table");
        }
    }

    fn drop_in<S: Store>(&self, txn: &Transaction<S>) {
        step!("{} drops table {}", txn.id(), self.table.id().0);
        let locked = txn.locker().lock(&Resource::Table(self.table.id()), LockMode::X);
        check!(locked.is_ok(), "the lock of a table that is dropped: {locked:?}");
        txn.destroy_later(Some(self.heap), &[self.tree]);
    }

    /// Number of rows, by the heap and by the index.
    fn count<S: Store<Reader = Pages>>(&self, db: &Db<S>) -> (usize, usize) {
        let txn = db.begin(Isolation::ReadCommitted);
        let scan = Scan { rows: Rows::All, lock: RowLock::Read, most_rows: false };
        let mut cursor = self.table.scan(scan);
        let mut in_heap = 0;
        loop {
            let batch = ok(cursor.next(&txn), "a scan of the table");
            if batch.is_empty() {
                break;
            }
            in_heap += batch.len();
        }
        (in_heap, crate::support::db::entries_of(db.pages(), self.table.indexes()[0].tree()).len())
    }
}

fn allocated<S: Store<Reader = Pages>>(db: &Db<S>) -> Vec<PageId> {
    check_eq!(db.pages().held(), Vec::new(), "pages latched between two transactions");
    db.pages().inner().allocated()
}

/// Runs a story on units that keep their pages and on units that do not.
fn on_both_stores(
    in_batches: impl Fn(&Db<BatchStore>),
    in_memory: impl Fn(&Db<locking::MemoryStore<Pages>>),
) {
    in_batches(&Db::new(BatchStore::new(400), LockConfig::default()));
    in_memory(&Db::new(memory_store(400), LockConfig::default()));
}

/// A transaction makes a table of many pages and is rolled back. Its rows go, and then heap and tree, a few
/// pages in each unit.
#[testkit::test]
fn a_rollback_destroys_what_the_transaction_made() {
    fn story<S: Store<Reader = Pages>>(db: &Db<S>) {
        let before = allocated(db);
        let txn = db.begin(Isolation::Serializable);
        let made = Made::new(db, &txn, 7);
        made.insert(&txn, 30);
        let used = allocated(db).len() - before.len();
        check!(used > 30, "the test's table has {used} pages, too few");
        ok(txn.abort(), "abort");
        check_eq!(allocated(db), before, "pages after the rollback");
        let txn = db.begin(Isolation::Serializable);
        let savepoint = txn.savepoint();
        Made::new(db, &txn, 7).insert(&txn, 3);
        ok(txn.rollback_to(savepoint), "rollback to a savepoint before the table");
        check_eq!(allocated(db), before, "pages after the rollback to the savepoint");
        let again = Made::new(db, &txn, 7);
        again.insert(&txn, 5);
        ok(txn.commit(), "commit");
        check_eq!(again.count(db), (5, 5), "rows and entries of a table on pages that were used before");
    }
    on_both_stores(story, story);
}

/// A dropped table is there until the commit, and not one page of it afterwards.
#[testkit::test]
fn a_commit_destroys_what_the_transaction_dropped() {
    fn story<S: Store<Reader = Pages>>(db: &Db<S>) {
        let before = allocated(db);
        let made = Made::filled(db, 7, 30);
        let with_table = allocated(db);
        let txn = db.begin(Isolation::Serializable);
        made.drop_in(&txn);
        check_eq!(allocated(db), with_table, "pages before the commit of the drop");
        ok(txn.commit(), "commit");
        check_eq!(allocated(db), before, "pages after the commit of the drop");
        check_eq!(db.shared.locks().resource_count(), 0, "locks after the commit");
    }
    on_both_stores(story, story);
}

/// A drop that was rolled back, alone or with the whole transaction, destroys nothing. One before the
/// savepoint stays, also if no row was changed between it and the savepoint.
#[testkit::test]
fn a_drop_that_was_rolled_back_destroys_nothing() {
    fn story<S: Store<Reader = Pages>>(db: &Db<S>) {
        let before = allocated(db);
        let (gone, kept) = (Made::filled(db, 7, 4), Made::filled(db, 8, 5));
        let txn = db.begin(Isolation::Serializable);
        gone.drop_in(&txn);
        kept.drop_in(&txn);
        ok(txn.abort(), "abort");
        check_eq!((gone.count(db), kept.count(db)), ((4, 4), (5, 5)), "rows after the abort of two drops");
        let txn = db.begin(Isolation::Serializable);
        gone.drop_in(&txn);
        let savepoint = txn.savepoint();
        kept.drop_in(&txn);
        ok(txn.rollback_to(savepoint), "rollback to a savepoint between two drops");
        let failed = txn.atomically(|| {
            kept.drop_in(&txn);
            Err::<(), _>(Error::NoSavepoint { txn: txn.id() })
        });
        check!(failed.is_err(), "a statement that drops a table and fails");
        ok(txn.commit(), "commit");
        check_eq!(kept.count(db), (5, 5), "rows of the table whose drops were rolled back");
        let txn = db.begin(Isolation::Serializable);
        kept.drop_in(&txn);
        ok(txn.commit(), "the commit of the last drop");
        check_eq!(allocated(db), before, "pages after both tables were dropped");
    }
    on_both_stores(story, story);
}

/// The machine stops after some units of a drop; before that another transaction has made a table on pages
/// that are free by then. A restart goes on where the count of the store says, and must not destroy the new
/// table.
#[testkit::test]
fn what_was_cleared_away_is_not_destroyed_again() {
    scene::invariant("U3", "nothing destroys a heap or a tree twice");
    let mut in_the_middle = 0;
    for units in 0.. {
        let db = Db::new(BatchStore::new(400), LockConfig::default());
        let store = db.shared.store();
        let before = allocated(&db);
        let old = Made::filled(&db, 7, 14);
        let txn = db.begin(Isolation::Serializable);
        let number = txn.id();
        old.drop_in(&txn);
        store.refuse_clearing(units..u32::MAX);
        step!("commit, and {units} units after it");
        ok(txn.commit(), "the commit of the drop");
        let (cleared, rest) = (store.cleared(), store.take_rest());
        check_eq!(rest.len(), 2, "operations that the drop of a heap and a tree leaves");
        in_the_middle += usize::from(cleared == 1);
        let new = Made::filled(&db, 8, 14);
        for op in &rest[cleared.min(rest.len())..] {
            ok(db.shared.clear_away(number, op), "an operation that was not done before the restart");
        }
        check_eq!(new.count(&db), (14, 14), "rows and entries of the new table");
        let txn = db.begin(Isolation::Serializable);
        new.drop_in(&txn);
        ok(txn.commit(), "the commit of the drop of the new table");
        check_eq!(allocated(&db), before, "pages after both are gone");
        if cleared == rest.len() {
            break;
        }
    }
    check!(in_the_middle > 0, "no restart came between the two operations");
}

/// One unit of clearing away fails. The count of what is done must say where a restart goes on, so nothing
/// behind the failure is done.
#[testkit::test]
fn clearing_away_stops_at_the_first_failure() {
    scene::invariant("X3", "the store counts the operations that are done");
    for unit in 0.. {
        let db = Db::new(BatchStore::new(400), LockConfig::default());
        let store = db.shared.store();
        let rows: Vec<Person> = (0..4).map(|number| Person::new(number, 0, 40)).collect();
        let ids = db.fill(&rows);
        let mut contents: BTreeMap<_, _> = ids.iter().copied().zip(rows.iter().map(Person::bytes)).collect();
        let before = allocated(&db);
        let made = Made::filled(&db, 7, 14);
        let txn = db.begin(Isolation::Serializable);
        let number = txn.id();
        for id in &ids[..2] {
            check_eq!(db.table.delete(&txn, *id), Ok(true), "a delete");
            contents.remove(id);
        }
        made.drop_in(&txn);
        store.refuse_clearing(unit..unit + 1);
        step!("commit, and unit {unit} after it fails");
        ok(txn.commit(), "the commit");
        let (cleared, rest) = (store.cleared(), store.take_rest());
        for op in &rest[cleared.min(rest.len())..] {
            ok(db.shared.clear_away(number, op), "an operation from the one that failed on");
        }
        db.check_contents(&contents, "after the rest was cleared away");
        check_eq!(allocated(&db), before, "pages after the rest was cleared away");
        if cleared == rest.len() {
            check!(unit > 6, "a commit that leaves two rows and a table takes {unit} units only");
            break;
        }
    }
    let unknown = Db::new(memory_store(100), LockConfig::default());
    for op in [&[6, 1, 0][..], &[7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]] {
        let cleared = unknown.shared.clear_away(TxnId(1), op);
        check!(matches!(cleared, Err(Error::Damaged { .. })), "bytes {op:?} are no operation: {cleared:?}");
    }
}
