//! Pages that cannot be read, written or had: each call changes all or nothing.

use std::collections::BTreeMap;

use buffer_pool::RecordId;
use locking::store::{HEAP_PAGES, TREE_PAGES};
use locking::{Error, Isolation, LockConfig, LockMode, Resource, Store, Transaction, TxnId, Undo, Unit};
use testkit::{check, check_eq, scene, step};

use crate::support::TABLE;
use crate::support::db::BatchStore;
use crate::support::rows::{Db, Person, ok};

type Statement = fn(&Db<BatchStore>, &Transaction<BatchStore>, &[RecordId]) -> Result<(), Error>;

fn insert(db: &Db<BatchStore>, txn: &Transaction<BatchStore>, _ids: &[RecordId]) -> Result<(), Error> {
    db.table.insert(txn, &Person::new(777, 2, 1_000).bytes()).map(drop)
}

fn update(db: &Db<BatchStore>, txn: &Transaction<BatchStore>, ids: &[RecordId]) -> Result<(), Error> {
    db.table.update(txn, ids[5], &Person::new(888, 3, 2_900).bytes()).map(drop)
}

fn delete(db: &Db<BatchStore>, txn: &Transaction<BatchStore>, ids: &[RecordId]) -> Result<(), Error> {
    db.table.delete(txn, ids[6]).map(drop)
}

/// A statement is made to fail at each of its calls of the pager in turn. What it had done by then is undone,
/// the transaction goes on, and its earlier changes are there.
#[testkit::test]
fn a_statement_that_fails_half_way_leaves_nothing() {
    scene::invariant("W4", "each call changes all or nothing");
    let statements: [(&str, Statement); 3] = [("insert", insert), ("update", update), ("delete", delete)];
    for (name, statement) in statements {
        let mut failed = 0;
        for call in 0.. {
            let db = Db::new(BatchStore::new(600), LockConfig::default());
            let rows: Vec<Person> = (0..30).map(|number| Person::new(number, 0, 250)).collect();
            let ids = db.fill(&rows);
            let mut expected: BTreeMap<_, _> =
                ids.iter().copied().zip(rows.iter().map(Person::bytes)).collect();
            let txn = db.begin(Isolation::Serializable);
            let own = Person::new(500, 1, 20);
            let own_id = ok(db.table.insert(&txn, &own.bytes()), "an earlier statement");
            expected.insert(own_id, own.bytes());
            let error = buffer_pool::Error::Page(slotted_page::Error::FileFull { max: 1 });
            db.pages().fail_at(db.pages().calls() + call, error);
            step!("{name}, and call {call} of the pager fails");
            let result = statement(&db, &txn, &ids);
            db.pages().fail_no_more();
            if result.is_ok() {
                break;
            }
            failed += 1;
            check_eq!(db.pages().held(), Vec::new(), "pages latched after a {name} that failed");
            ok(txn.commit(), "the commit of what went well");
            db.check_contents(&expected, "after a statement that failed");
        }
        check!(failed >= 2, "a {name} was made to fail at {failed} places only");
    }
}

/// A commit has happened when it returns, also if what it leaves cannot be cleared away.
#[testkit::test]
fn a_commit_that_cannot_clear_away_has_committed() {
    scene::invariant("X3", "what a commit clears away shows to nobody");
    for call in 0..12 {
        let db = Db::new(BatchStore::new(600), LockConfig::default());
        let rows: Vec<Person> = (0..10).map(|number| Person::new(number, 0, 250)).collect();
        let ids = db.fill(&rows);
        let txn = db.begin(Isolation::Serializable);
        check_eq!(db.table.delete(&txn, ids[2]), Ok(true), "a delete");
        check_eq!(db.table.update(&txn, ids[4], &Person::new(44, 0, 30).bytes()), Ok(true), "an update");
        let error = buffer_pool::Error::Page(slotted_page::Error::FileFull { max: 1 });
        db.pages().fail_at(db.pages().calls() + call, error);
        step!("commit, and call {call} of the pager fails");
        let result = txn.commit();
        db.pages().fail_no_more();
        check_eq!(result, Ok(()), "a commit of which call {call} of the pager fails");
        check_eq!(db.pages().held(), Vec::new(), "pages latched after the commit");
        let txn = db.begin(Isolation::Serializable);
        for number in [2, 4] {
            let again = Person::new(number, 0, 10);
            let inserted = db.table.insert(&txn, &again.bytes());
            check!(
                inserted.is_ok(),
                "an insert of key {number}, which is free since the commit: {inserted:?}"
            );
        }
        ok(txn.abort(), "abort");
    }
}

/// A store that is opened after a crash clears away what the commit could not, perhaps for the second time.
/// It has nothing but the operations that the commit handed over.
#[testkit::test]
fn a_store_can_clear_away_what_a_commit_left() {
    scene::invariant("U2", "clearing away twice is like clearing away once");
    let db = Db::new(BatchStore::new(600), LockConfig::default());
    let rows: Vec<Person> = (0..10).map(|number| Person::new(number, 0, 250)).collect();
    let ids = db.fill(&rows);
    let mut expected: BTreeMap<_, _> = ids.iter().copied().zip(rows.iter().map(Person::bytes)).collect();
    let txn = db.begin(Isolation::Serializable);
    for at in [2, 3] {
        check_eq!(db.table.delete(&txn, ids[at]), Ok(true), "a delete");
        expected.remove(&ids[at]);
    }
    for (at, changed) in
        [(4, Person::new(44, 1, 30)), (5, Person::new(55, 1, 250)), (6, Person::new(6, 0, 1))]
    {
        check_eq!(db.table.update(&txn, ids[at], &changed.bytes()), Ok(true), "an update");
        expected.insert(ids[at], changed.bytes());
    }
    let store = db.shared.store();
    store.refuse_clearing(0..u32::MAX);
    ok(txn.commit(), "a commit after which no unit begins");
    let rest = store.take_rest();
    check!(!rest.is_empty(), "two deletes and three updates leave something to clear away");
    for round in ["first", "second"] {
        for op in &rest {
            let unit = ok(store.unit(TxnId(1), HEAP_PAGES.max(TREE_PAGES)).map_err(Error::from), "a unit");
            let structures = db.shared.structures();
            let cleared = unit.run(|pager| structures.undo(store.reader(), pager, db.shared.locks(), op));
            check_eq!(cleared, Ok(true), "an operation of the rest, {round} time");
            check_eq!(unit.end(Undo::Nothing), Ok(()), "the end of its unit");
        }
        db.check_contents(&expected, "after the rest of the commit was run");
    }
}

/// A rollback that fails half way leaves changes that nobody may see: the locks stay.
#[testkit::test]
fn a_rollback_that_fails_keeps_its_locks() {
    scene::invariant("X4", "a transaction whose rollback failed keeps its locks for good");
    for drops in [false, true] {
        let db = Db::new(BatchStore::new(600), LockConfig::default());
        let txn = db.begin(Isolation::ReadCommitted);
        let number = txn.id();
        let id = ok(db.table.insert(&txn, &Person::new(1, 0, 20).bytes()), "an insert");
        for call in 0..200 {
            let error = buffer_pool::Error::Page(slotted_page::Error::FileFull { max: 1 });
            db.pages().fail_at(db.pages().calls() + call, error);
        }
        if drops {
            drop(txn);
        } else {
            check!(txn.abort().is_err(), "abort, and no call of the pager succeeds");
        }
        db.pages().fail_no_more();
        let locks = db.shared.locks();
        let held = |resource| locks.held(number, &resource);
        check_eq!(held(Resource::Row(TABLE, id)), Some(LockMode::X), "the lock of the row that is left");
        check_eq!(held(Resource::Table(TABLE)), Some(LockMode::IX), "the lock of its table");
        let others = locks.try_lock(TxnId(9_999), &Resource::Row(TABLE, id), LockMode::S);
        check!(!others, "S of another transaction on the row that is left");
    }
}
