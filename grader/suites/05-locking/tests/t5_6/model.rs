//! Random transactions beside a model: what is committed is there, what is rolled back never was.

use std::collections::BTreeMap;

use buffer_pool::RecordId;
use locking::{Error, Isolation, LockConfig, RowLock, Store};
use testkit::{Rng, check, check_eq, scene, step};

use crate::support::db::{BatchStore, Pages, memory_store};
use crate::support::rows::{Db, Person, check_same, ok};

type Rows = BTreeMap<RecordId, Person>;

fn random_person(rng: &mut Rng) -> Person {
    let id = if rng.u32(..6) == 0 { None } else { Some(rng.u32(..40)) };
    let len = [0, 3, 60, 900, 2_500][rng.usize(..5)];
    Person { id, group: rng.u8(..4), text: testkit::bytes::tagged(len, rng.usize(..1_000)) }
}

/// The row other than `own` that has the id.
fn holder(rows: &Rows, person: &Person, own: Option<RecordId>) -> Option<RecordId> {
    let is_other = |(id, row): &(&RecordId, &Person)| Some(**id) != own && row.id == person.id;
    person.id.and_then(|_| rows.iter().find(is_other).map(|(id, _)| *id))
}

/// One operation in table and model.
fn random_step<S: Store<Reader = Pages>>(
    db: &Db<S>,
    txn: &locking::Transaction<S>,
    rows: &mut Rows,
    rng: &mut Rng,
) {
    let ids: Vec<RecordId> = rows.keys().copied().collect();
    let any = if ids.is_empty() { None } else { Some(ids[rng.usize(..ids.len())]) };
    match (rng.u32(..10), any) {
        (0..4, _) | (_, None) => {
            let person = random_person(rng);
            step!("insert {:?} group {} of {} bytes", person.id, person.group, person.text.len());
            match (db.table.insert(txn, &person.bytes()), holder(rows, &person, None)) {
                (Ok(id), None) => {
                    let before = rows.insert(id, person);
                    check!(before.is_none(), "the record id {id} of a new row, which another row has");
                }
                (Err(Error::DuplicateKey { index: 0, existing }), Some(other)) => {
                    check_eq!(existing, other, "the row that has the key");
                }
                (found, other) => testkit::Failure::new("an insert").found(found).expected(other).raise(),
            }
        }
        (4..8, Some(id)) => {
            let person = random_person(rng);
            step!("update {id} to {:?} group {} of {} bytes", person.id, person.group, person.text.len());
            match (db.table.update(txn, id, &person.bytes()), holder(rows, &person, Some(id))) {
                (Ok(true), None) => drop(rows.insert(id, person)),
                (Err(Error::DuplicateKey { index: 0, existing }), Some(other)) => {
                    check_eq!(existing, other, "the row that has the key");
                }
                (found, other) => testkit::Failure::new("an update").found(found).expected(other).raise(),
            }
        }
        (_, Some(id)) => {
            step!("delete {id}");
            check_eq!(db.table.delete(txn, id), Ok(true), "a delete of {id}");
            rows.remove(&id);
        }
    }
}

fn bytes_of(rows: &Rows) -> BTreeMap<RecordId, Vec<u8>> {
    rows.iter().map(|(id, person)| (*id, person.bytes())).collect()
}

/// Transactions one after another, with savepoints, each committed or rolled back.
fn random_transactions<S: Store<Reader = Pages>>(db: &Db<S>, rng: &mut Rng) {
    let mut committed = Rows::new();
    for _ in 0..12 {
        step!("begin");
        let txn = db.begin(Isolation::ALL[rng.usize(..4)]);
        let mut rows = committed.clone();
        for _ in 0..rng.usize(1..4) {
            let (savepoint, saved) = (txn.savepoint(), rows.clone());
            for _ in 0..rng.usize(..8) {
                random_step(db, &txn, &mut rows, rng);
            }
            if rng.bool() {
                step!("rollback to the savepoint");
                ok(txn.rollback_to(savepoint), "rollback to a savepoint");
                rows = saved;
            }
            let found = ok(db.scan(&txn, locking::Rows::All, RowLock::Read), "a scan of all rows");
            check_same(
                &found.into_iter().collect(),
                &bytes_of(&rows),
                "what the transaction sees of its own",
            );
        }
        if rng.u32(..3) == 0 {
            step!("abort");
            ok(txn.abort(), "abort");
        } else if rng.u32(..8) == 0 {
            step!("drop(txn)");
            drop(txn);
        } else {
            step!("commit");
            ok(txn.commit(), "commit");
            committed = rows;
        }
        db.check_contents(&bytes_of(&committed), "after the end of a transaction");
    }
}

/// On the store of this lab.
#[testkit::test]
fn random_transactions_on_the_store_in_memory() {
    let mut rng = testkit::rng();
    for _ in 0..6 {
        scene::clear();
        random_transactions(&Db::new(memory_store(600), LockConfig::default()), &mut rng);
    }
}

/// On units that keep their pages to the end, as those of lab 6 do: one operation in each.
#[testkit::test]
fn random_transactions_on_units_that_keep_their_pages() {
    let mut rng = testkit::rng();
    for _ in 0..6 {
        scene::clear();
        random_transactions(&Db::new(BatchStore::new(600), LockConfig::default()), &mut rng);
    }
}

/// Under escalation: the locks of a few rows become one of the table, and nothing else changes.
#[testkit::test]
fn random_transactions_with_escalation() {
    let mut rng = testkit::rng();
    for _ in 0..4 {
        scene::clear();
        let config = LockConfig { escalate_at: 5, ..LockConfig::default() };
        random_transactions(&Db::new(BatchStore::new(600), config), &mut rng);
    }
}
