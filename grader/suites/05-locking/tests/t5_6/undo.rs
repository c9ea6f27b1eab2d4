//! What an uncommitted change hides, so that its undo finds everything where it was.

use std::collections::BTreeMap;

use locking::{Error, Isolation, LockConfig, LockError, RowLock, TxnState};
use testkit::{check, check_eq, scene};

use crate::support::db::{BatchStore, memory_store};
use crate::support::rows::{Db, Person, ok};

/// Others fill every page while a row is deleted or shorter. Its place must still be there at the rollback.
#[testkit::test]
fn the_room_of_an_uncommitted_change_stays_its_own() {
    scene::invariant("W2", "whatever a transaction needs for its undo stays until it has committed");
    for shrinks in [false, true] {
        let db = Db::new(BatchStore::new(600), LockConfig::default());
        let rows: Vec<Person> = (0..12).map(|number| Person::new(number, 0, 1_200)).collect();
        let ids = db.fill(&rows);
        let mut expected: BTreeMap<_, _> = ids.iter().copied().zip(rows.iter().map(Person::bytes)).collect();
        let one = db.begin(Isolation::RepeatableRead);
        for (id, row) in ids.iter().zip(&rows) {
            let changed = match shrinks {
                true => db.table.update(&one, *id, &Person { text: Vec::new(), ..row.clone() }.bytes()),
                false => db.table.delete(&one, *id),
            };
            check_eq!(changed, Ok(true), "a change of each row");
        }
        let other = db.begin(Isolation::RepeatableRead);
        for number in 100..130 {
            let row = Person::new(number, 1, 700);
            let id = ok(db.table.insert(&other, &row.bytes()), "an insert of another transaction");
            check!(!ids.contains(&id), "{id}, the place of an uncommitted delete, was given to another row");
            expected.insert(id, row.bytes());
        }
        ok(other.commit(), "the commit of the other transaction");
        ok(one.abort(), "the rollback");
        db.check_contents(&expected, "after the rollback");
    }
}

/// Rows that grew and moved to other pages have their old contents after a rollback; a commit of their delete
/// gives the bodies back.
#[testkit::test]
fn rows_that_moved_are_undone() {
    let db = Db::new(BatchStore::new(600), LockConfig::default());
    let rows: Vec<Person> = (0..20).map(|number| Person::new(number, 0, 180)).collect();
    let ids = db.fill(&rows);
    let before: BTreeMap<_, _> = ids.iter().copied().zip(rows.iter().map(Person::bytes)).collect();
    let txn = db.begin(Isolation::Serializable);
    for (id, row) in ids.iter().zip(&rows) {
        for len in [2_000, 3_500, 10] {
            let grown = Person { text: testkit::bytes::tagged(len, 5), ..row.clone() };
            check_eq!(db.table.update(&txn, *id, &grown.bytes()), Ok(true), "an update to {len} bytes");
        }
    }
    check_eq!(db.table.delete(&txn, ids[3]), Ok(true), "a delete of a row that moved");
    ok(txn.abort(), "abort");
    db.check_contents(&before, "after the rollback of rows that moved");
    let txn = db.begin(Isolation::Serializable);
    let grown = Person { text: testkit::bytes::tagged(3_000, 5), ..rows[0].clone() };
    check_eq!(db.table.update(&txn, ids[0], &grown.bytes()), Ok(true), "an update that moves the row");
    check_eq!(db.table.delete(&txn, ids[0]), Ok(true), "a delete of the row that moved");
    ok(txn.commit(), "commit");
    let mut after = before;
    after.remove(&ids[0]);
    db.check_contents(&after, "after the commit");
}

/// The record id of a row that is rolled back is free only when the transaction has ended.
#[testkit::test]
fn a_record_id_that_was_freed_by_a_savepoint_goes_to_nobody_else() {
    scene::invariant("W5", "a record id freed by a transaction that has not ended goes to nobody else");
    let db = Db::new(BatchStore::new(600), LockConfig::default());
    let one = db.begin(Isolation::RepeatableRead);
    let savepoint = one.savepoint();
    let id = ok(db.table.insert(&one, &Person::new(1, 0, 20).bytes()), "an insert");
    ok(one.rollback_to(savepoint), "rollback to the savepoint");
    let other = db.begin(Isolation::RepeatableRead);
    let theirs =
        ok(db.table.insert(&other, &Person::new(2, 0, 20).bytes()), "an insert of another transaction");
    check!(theirs != id, "{id} was given to another transaction");
    ok(other.commit(), "the other commit");
    ok(one.commit(), "commit");
    db.check_contents(&BTreeMap::from([(theirs, Person::new(2, 0, 20).bytes())]), "after both");
}

/// A rollback allocates nothing: it must work when not one page is left.
#[testkit::test]
fn a_rollback_needs_no_room() {
    let db = Db::new(memory_store(24), LockConfig::default());
    let rows: Vec<Person> = (0..10).map(|number| Person::new(number, 0, 900)).collect();
    let ids = db.fill(&rows);
    let before: BTreeMap<_, _> = ids.iter().copied().zip(rows.iter().map(Person::bytes)).collect();
    let txn = db.begin(Isolation::Serializable);
    check_eq!(db.table.delete(&txn, ids[0]), Ok(true), "a delete");
    check_eq!(
        db.table.update(&txn, ids[1], &Person::new(1, 3, 0).bytes()),
        Ok(true),
        "an update to a shorter row"
    );
    let other = db.begin(Isolation::Serializable);
    let mut expected = before;
    let mut refused = 0;
    for (number, len) in (100..).zip([1_500, 600, 200, 40, 1].into_iter().flat_map(|len| [len; 60])) {
        let row = Person::new(number, 1, len).bytes();
        match db.table.insert(&other, &row) {
            Ok(id) => drop(expected.insert(id, row)),
            Err(Error::Heap(_) | Error::Tree(_)) => refused += 1,
            Err(error) => testkit::Failure::new("an insert into a full file").found(error).raise(),
        }
    }
    check!(refused > 60, "the test's file is full: {refused} inserts were refused");
    ok(other.commit(), "the commit of the transaction that filled the file");
    ok(txn.abort(), "abort in a full file");
    db.check_contents(&expected, "after the rollback in a full file");
}

/// A rollback takes no lock: it must work for a victim, and for a transaction that holds the most locks.
#[testkit::test]
fn a_rollback_needs_no_lock() {
    // With one limit an insert is refused the lock of its key, with the other that of its row.
    for max_locks in [12, 13] {
        let config = LockConfig { max_locks, escalate_at: 1_000, ..LockConfig::default() };
        let db = Db::new(BatchStore::new(200), config);
        let ids = db.fill(&[Person::new(1, 0, 30)]);
        let other = db.begin(Isolation::RepeatableRead);
        check!(db.table.get(&other, ids[0], RowLock::Read).is_ok(), "a read of another transaction");
        let txn = db.begin(Isolation::Serializable);
        let results: Vec<_> =
            (10..30).map(|number| db.table.insert(&txn, &Person::new(number, 1, 30).bytes())).collect();
        let (added, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        check!(refused.len() > 10, "{} of 20 inserts were refused, with {max_locks} locks", refused.len());
        for error in refused {
            let expected = Err(Error::Lock(LockError::TooManyLocks { txn: txn.id(), max: max_locks }));
            check_eq!(error, expected, "an insert beyond the most locks");
        }
        let rows = ok(db.table.lookup(&txn, 1, &[1], RowLock::Read), "a look-up of locked rows").len();
        check_eq!(rows, added.len(), "rows that were inserted before the limit");
        ok(other.commit(), "the other commit");
        check_eq!(txn.locker().state(), TxnState::Growing, "the state after TooManyLocks");
        ok(txn.abort(), "abort");
        db.check_contents(&BTreeMap::from([(ids[0], Person::new(1, 0, 30).bytes())]), "after the rollback");
    }
}

/// At its limit of locks a transaction that is alone in the table locks the table, whichever lock of an
/// insert is the one too many.
#[testkit::test]
fn an_insert_at_the_limit_of_locks_escalates() {
    for max_locks in [12, 13] {
        let config = LockConfig { max_locks, escalate_at: 1_000, ..LockConfig::default() };
        let db = Db::new(BatchStore::new(200), config);
        let txn = db.begin(Isolation::Serializable);
        let mut expected = BTreeMap::new();
        for number in 10..30 {
            let row = Person::new(number, 1, 30).bytes();
            expected.insert(ok(db.table.insert(&txn, &row), "an insert of the only transaction"), row);
        }
        ok(txn.commit(), "commit");
        db.check_contents(&expected, "after the commit");
    }
}

/// Savepoints lie within each other; one that lies behind an earlier rollback is gone.
#[testkit::test]
fn savepoints_go_back_as_far_as_asked() {
    let db = Db::new(BatchStore::new(200), LockConfig::default());
    let txn = db.begin(Isolation::Serializable);
    let insert = |number| ok(db.table.insert(&txn, &Person::new(number, 0, 30).bytes()), "an insert");
    let first = insert(1);
    let outer = txn.savepoint();
    insert(2);
    let inner = txn.savepoint();
    insert(3);
    ok(txn.rollback_to(inner), "rollback to the inner savepoint");
    ok(txn.rollback_to(inner), "the same rollback again");
    insert(4);
    ok(txn.rollback_to(outer), "rollback to the outer savepoint");
    let gone = Err(Error::NoSavepoint { txn: txn.id() });
    check_eq!(txn.rollback_to(inner), gone, "rollback to a savepoint that is undone");
    // The list of changes is longer than at the inner savepoint now, and has others.
    insert(5);
    insert(6);
    let gone = Err(Error::NoSavepoint { txn: txn.id() });
    check_eq!(txn.rollback_to(inner), gone, "rollback to a savepoint that was undone before two inserts");
    let newer = txn.savepoint();
    insert(7);
    ok(txn.rollback_to(newer), "rollback to a savepoint behind the rollback");
    let mut of_statement = None;
    let failed = txn.atomically(|| {
        insert(8);
        of_statement = Some(txn.savepoint());
        Err::<(), _>(Error::NoSavepoint { txn: txn.id() })
    });
    check!(failed.is_err(), "a statement that fails");
    insert(9);
    insert(10);
    let of_statement = of_statement.unwrap_or(inner);
    let gone = Err(Error::NoSavepoint { txn: txn.id() });
    check_eq!(txn.rollback_to(of_statement), gone, "rollback to a savepoint of a statement that failed");
    ok(txn.rollback_to(outer), "the rollback to the outer savepoint again");
    let stranger = db.begin(Isolation::Serializable);
    for number in 50..53 {
        ok(
            db.table.insert(&stranger, &Person::new(number, 0, 30).bytes()),
            "an insert of another transaction",
        );
    }
    check_eq!(
        stranger.rollback_to(outer),
        Err(Error::NoSavepoint { txn: stranger.id() }),
        "rollback to another's savepoint"
    );
    drop(stranger);
    ok(txn.commit(), "commit");
    db.check_contents(&BTreeMap::from([(first, Person::new(1, 0, 30).bytes())]), "after the commit");
}

/// A row was made longer after a savepoint and shorter again by the rollback. The whole transaction can still
/// be rolled back when others have filled the page.
#[testkit::test]
fn a_row_keeps_its_room_through_a_savepoint() {
    let db = Db::new(BatchStore::new(600), LockConfig::default());
    let row = Person::new(1, 0, 1_500);
    let ids = db.fill(std::slice::from_ref(&row));
    let one = db.begin(Isolation::RepeatableRead);
    let short = Person { text: Vec::new(), ..row.clone() };
    check_eq!(db.table.update(&one, ids[0], &short.bytes()), Ok(true), "an update to a short row");
    let savepoint = one.savepoint();
    let long = Person { text: testkit::bytes::tagged(1_400, 3), ..row.clone() };
    check_eq!(db.table.update(&one, ids[0], &long.bytes()), Ok(true), "an update to a longer row");
    ok(one.rollback_to(savepoint), "rollback to the savepoint");
    check_eq!(db.table.get(&one, ids[0], RowLock::Read), Ok(Some(short.bytes())), "the row at the savepoint");
    let stored = db.table.heap().get_with(db.pages(), ids[0], <[u8]>::len);
    check!(
        stored.is_ok_and(|len| len >= 1_500),
        "W2: a row that may be undone to 1,500 bytes keeps their room"
    );
    ok(one.abort(), "abort");
    db.check_contents(&BTreeMap::from([(ids[0], row.bytes())]), "after the rollback");
}

/// A row grows, and the change is rolled back: its record keeps the length for a while. The next commit of a
/// transaction that changed the row gives the room back.
#[testkit::test]
fn room_that_a_rollback_leaves_is_given_back() {
    scene::invariant("W2", "what a transaction needs for its undo stays until it has committed");
    for to_a_savepoint in [true, false] {
        let db = Db::new(BatchStore::new(600), LockConfig::default());
        let row = Person::new(1, 0, 40);
        let ids = db.fill(std::slice::from_ref(&row));
        let stored = || db.table.heap().get_with(db.pages(), ids[0], <[u8]>::len);
        let before = stored();
        let grown = Person { text: testkit::bytes::tagged(2_500, 3), ..row.clone() };
        let txn = db.begin(Isolation::RepeatableRead);
        let savepoint = txn.savepoint();
        check_eq!(db.table.update(&txn, ids[0], &grown.bytes()), Ok(true), "an update to a longer row");
        let mut last = row.clone();
        if to_a_savepoint {
            ok(txn.rollback_to(savepoint), "rollback to the savepoint");
            ok(txn.commit(), "commit");
        } else {
            ok(txn.abort(), "abort");
            let next = db.begin(Isolation::RepeatableRead);
            last.text = testkit::bytes::tagged(40, 9);
            check_eq!(
                db.table.update(&next, ids[0], &last.bytes()),
                Ok(true),
                "an update of the same length"
            );
            ok(next.commit(), "commit");
        }
        check_eq!(stored(), before, "the length of the record after the commit");
        db.check_contents(&BTreeMap::from([(ids[0], last.bytes())]), "after the commit");
    }
}
