//! What a transaction does when its store refuses a unit or a commit.

use std::collections::BTreeMap;

use kit::sync::Arc;
use locking::{
    Error, Isolation, LockConfig, LockError, LockMode, Resource, RowLock, StoreError, Transactions, TxnId,
    TxnState,
};
use testkit::schedule::explore;
use testkit::{check, check_eq, scene, step};

use crate::support::db::{BatchStore, memory_store};
use crate::support::rows::{Db, Person, ok};
use crate::support::{TABLE, spawn, until_waiting};

/// Three rows.
fn three() -> (Db<BatchStore>, Vec<buffer_pool::RecordId>, BTreeMap<buffer_pool::RecordId, Vec<u8>>) {
    let db = Db::new(BatchStore::new(400), LockConfig::default());
    let rows: Vec<Person> = (0..3).map(|number| Person::new(number, 0, 200)).collect();
    let ids = db.fill(&rows);
    let contents = ids.iter().copied().zip(rows.iter().map(Person::bytes)).collect();
    (db, ids, contents)
}

/// A store that is full refuses new work. Statements, savepoints and transactions are undone all the same,
/// and a commit clears away.
#[testkit::test]
fn a_store_without_room_for_new_work_undoes_and_clears_away() {
    scene::invariant("S3", "the undo of a change needs no lock and no room");
    for units in 0..3 {
        for commits in [true, false] {
            let (db, ids, mut contents) = three();
            let store = db.shared.store();
            let txn = db.begin(Isolation::Serializable);
            check_eq!(db.table.delete(&txn, ids[0]), Ok(true), "a delete");
            let savepoint = txn.savepoint();
            check_eq!(db.table.update(&txn, ids[1], &Person::new(8, 1, 9).bytes()), Ok(true), "an update");
            step!("there is room for {units} more units of new work");
            store.refuse_new_work_after(units);
            let inserted = db.table.insert(&txn, &Person::new(9, 1, 30).bytes());
            let full = Err(Error::Store(StoreError::NoRoom { txn: txn.id() }));
            check_eq!(inserted, full, "an insert with room for {units} of its units");
            if commits {
                ok(txn.rollback_to(savepoint), "rollback to the savepoint in a full store");
                ok(txn.commit(), "commit in a full store");
                contents.remove(&ids[0]);
            } else {
                ok(txn.abort(), "abort in a full store");
            }
            store.allow_new_work();
            db.check_contents(&contents, "after the end in a full store");
        }
    }
}

/// The undo of a statement, or of a rollback to a savepoint, fails. What is left is half a statement: the
/// transaction can only be rolled back, and its commit does that.
#[testkit::test]
fn half_a_statement_never_commits() {
    scene::invariant("X5", "half a statement never commits");
    for of_statement in [true, false] {
        let (db, ids, contents) = three();
        let store = db.shared.store();
        let txn = db.begin(Isolation::Serializable);
        check_eq!(db.table.delete(&txn, ids[0]), Ok(true), "a delete");
        let savepoint = txn.savepoint();
        let failed = if of_statement {
            step!("an insert fails after its first unit, and its undo fails once");
            store.refuse_new_work_after(1);
            store.refuse_undo_units(1);
            db.table.insert(&txn, &Person::new(9, 1, 30).bytes()).map(drop)
        } else {
            ok(db.table.insert(&txn, &Person::new(9, 1, 30).bytes()), "an insert");
            step!("a rollback to a savepoint fails once");
            store.refuse_undo_units(1);
            txn.rollback_to(savepoint)
        };
        store.allow_new_work();
        let full = Err(Error::Store(StoreError::NoRoom { txn: txn.id() }));
        check_eq!(failed, full, "a call whose undo fails");
        check_eq!(txn.locker().state(), TxnState::MustRollBack, "the state after an undo that failed");
        let refused = Err(Error::Lock(LockError::NotGrowing { txn: txn.id() }));
        check_eq!(
            db.table.insert(&txn, &Person::new(10, 1, 30).bytes()).map(drop),
            refused,
            "an insert after that"
        );
        let refused = Err(Error::Lock(LockError::NotGrowing { txn: txn.id() }));
        check_eq!(txn.rollback_to(savepoint), refused, "rollback to a savepoint after that");
        let refused = Err(Error::Lock(LockError::NotGrowing { txn: txn.id() }));
        check_eq!(txn.make_heap(), refused, "a new heap after that");
        let refused = Err(Error::Lock(LockError::NotGrowing { txn: txn.id() }));
        check_eq!(txn.commit(), refused, "the commit of half a statement");
        db.check_contents(&contents, "after a commit that rolled back");
    }
}

/// A commit that did not happen is taken back, and its locks are released.
#[testkit::test]
fn a_commit_that_the_store_refuses_is_rolled_back() {
    let (db, ids, contents) = three();
    let txn = db.begin(Isolation::Serializable);
    check_eq!(db.table.delete(&txn, ids[0]), Ok(true), "a delete");
    ok(db.table.insert(&txn, &Person::new(9, 1, 30).bytes()), "an insert");
    db.shared.store().fail_commit(|txn| StoreError::NoRoom { txn });
    let full = Err(Error::Store(StoreError::NoRoom { txn: txn.id() }));
    check_eq!(txn.commit(), full, "a commit without room");
    db.check_contents(&contents, "after a commit that was refused");
}

/// The store fails during a commit. If the commit is durable after all, an undo would destroy what a restart
/// must find; and the locks hide what a restart may take back. Others must not wait for those locks for ever.
#[testkit::test]
fn a_commit_in_doubt_is_not_undone_and_keeps_its_locks() {
    scene::invariant("X4", "a transaction of which nobody knows whether it has committed keeps its locks");
    explore(30, || {
        let (db, ids, _) = three();
        let db = Arc::new(db);
        let txn = db.begin(Isolation::Serializable);
        let (number, changed) = (txn.id(), Person::new(0, 7, 90).bytes());
        check_eq!(db.table.update(&txn, ids[0], &changed), Ok(true), "an update");
        let reader = db.begin(Isolation::ReadCommitted);
        let reader_id = reader.id();
        let waiting = {
            let (db, id) = (Arc::clone(&db), ids[0]);
            spawn("reader", move || (db.table.get(&reader, id, RowLock::Read), reader.locker().state()))
        };
        until_waiting(db.shared.locks(), reader_id);
        let undone_before = db.shared.store().undo_units();
        db.shared.store().fail_commit(|txn| StoreError::InDoubt { txn });
        check_eq!(txn.commit(), Err(Error::Store(StoreError::InDoubt { txn: number })), "a commit in doubt");
        check_eq!(db.shared.store().undo_units() - undone_before, 0, "units of an undo after the commit");
        let locks = db.shared.locks();
        let row = Resource::Row(TABLE, ids[0]);
        check_eq!(locks.held(number, &row), Some(LockMode::X), "the lock of the row that was changed");
        let closed = LockError::Closed { txn: reader_id, resource: row, wants: LockMode::S };
        let expected = (Err(Error::Lock(closed)), TxnState::MustRollBack);
        check_eq!(waiting.join().ok(), Some(expected), "what the reader gets that waited for the row");
        let dirty = db.begin(Isolation::ReadUncommitted);
        let found = db.table.get(&dirty, ids[0], RowLock::Read);
        check_eq!(found, Ok(Some(changed)), "the row, which nobody may undo");
        let fresh = db.begin(Isolation::Serializable);
        check!(db.table.get(&fresh, ids[1], RowLock::Read).is_ok(), "a read of a row that nobody holds");
        let late = db.table.get(&fresh, ids[0], RowLock::Read);
        check!(
            matches!(late, Err(Error::Lock(LockError::Closed { .. }))),
            "a read of the row later: {late:?}"
        );
    });
}

/// A rollback fails because the store takes no more changes: its locks stay, and nothing waits for them.
#[testkit::test]
fn nothing_waits_for_the_locks_of_a_store_that_is_closed() {
    explore(30, || {
        let (db, ids, _) = three();
        let db = Arc::new(db);
        let txn = db.begin(Isolation::Serializable);
        check_eq!(db.table.delete(&txn, ids[0]), Ok(true), "a delete");
        let number = txn.id();
        let reader = db.begin(Isolation::ReadCommitted);
        let waiting = {
            let (db, id) = (Arc::clone(&db), ids[0]);
            spawn("reader", move || db.table.get(&reader, id, RowLock::Read))
        };
        db.shared.store().close();
        check_eq!(txn.abort(), Err(Error::Store(StoreError::Closed)), "abort in a store that is closed");
        let row = Resource::Row(TABLE, ids[0]);
        check_eq!(db.shared.locks().held(number, &row), Some(LockMode::X), "the lock of the deleted row");
        let found = waiting.join().expect("the reader ends");
        check!(matches!(found, Err(Error::Lock(LockError::Closed { .. }))), "the reader gets {found:?}");
    });
}

/// After a restart the store may remember transactions: their ids are not used again.
#[testkit::test]
fn ids_go_on_where_the_caller_says() {
    let shared = Transactions::starting_at(memory_store(100), LockConfig::default(), TxnId(500));
    let ids: Vec<_> = (0..3)
        .map(|_| {
            let txn = ok(shared.begin(Isolation::Serializable), "begin");
            let id = txn.id();
            ok(txn.commit(), "a commit");
            id
        })
        .collect();
    check_eq!(ids, vec![TxnId(500), TxnId(501), TxnId(502)], "the ids of the first three transactions");
}
