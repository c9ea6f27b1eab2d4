//! Bytes that are no operation, and records of the heap that are no row: errors, and nothing is changed.

use std::collections::BTreeMap;

use buffer_pool::{RecordId, TableHeap};
use locking::Error;
use testkit::{check, check_eq, scene, step};

use super::tens;
use crate::support::db::BatchStore;
use crate::support::rows::{Db, Person, ok};

/// The tags of operations on a row alone, and of the one that is followed by an entry.
const ROW_ADDED: u8 = 1;
const ROW_HIDDEN: u8 = 2;
const ROW_SHRUNK: u8 = 5;
const ENTRY_ADDED: u8 = 4;

/// A tag, the first page of the table's heap, and a record id: a whole operation on a row.
fn operation(heap: &TableHeap, tag: u8, row: RecordId) -> Vec<u8> {
    [&[tag][..], &heap.id().0.to_le_bytes(), &row.to_bytes()].concat()
}

fn undo(db: &Db<BatchStore>, op: &[u8]) -> Result<(), Error> {
    step!("structures.undo({op:02x?})");
    db.shared.structures().undo(db.pages(), db.pages(), db.shared.locks(), op).map(|_| ())
}

fn is_damaged(found: &Result<(), Error>) -> bool {
    matches!(found, Err(Error::Damaged { .. }))
}

/// After a crash the bytes come from a file. What is too short, or has a tag that does not exist, is damage:
/// it must not be taken for another operation, which would take out a row or an entry.
#[testkit::test]
fn bytes_that_are_no_operation_are_refused() {
    let (db, ids) = tens(3);
    let heap = db.table.heap();
    // Operations 6 and 7 are on a whole heap or tree: a record id in them is damage.
    for tag in [0, 6, 7, 8, 0x81, u8::MAX] {
        let found = undo(&db, &operation(heap, tag, ids[0]));
        check!(is_damaged(&found), "undo of an operation with tag {tag} gave {found:?}, expected Damaged");
    }
    for tag in [ROW_ADDED, ROW_HIDDEN, 3, ENTRY_ADDED, ROW_SHRUNK] {
        let whole = operation(heap, tag, ids[0]);
        for len in 0..whole.len() {
            let found = undo(&db, &whole[..len]);
            let what = format!("{len} of the {} bytes with tag {tag}", whole.len());
            check!(is_damaged(&found), "undo of {what} gave {found:?}, expected Damaged");
        }
    }
    for len in 0..6 {
        let cut = [operation(heap, ENTRY_ADDED, ids[0]), vec![0; len]].concat();
        let found = undo(&db, &cut);
        let what = format!("an entry whose table and number are cut to {len} bytes");
        check!(is_damaged(&found), "undo of {what} gave {found:?}, expected Damaged");
    }
    let rows = (0..3).map(|number| Person::new(number * 10, (number % 3) as u8, 40).bytes());
    let expected: BTreeMap<_, _> = ids.into_iter().zip(rows).collect();
    db.check_contents(&expected, "after operations that were refused");
}

/// A record that is no row has no mark to take away and no length to give back: changing it would make the
/// damage worse.
#[testkit::test]
fn a_record_that_is_no_row_is_refused() {
    scene::invariant("row", "a flag of 0 or 1, two bytes of length, and at least as many bytes as that");
    let (db, _) = tens(1);
    let heap = db.table.heap();
    for bytes in [&[][..], &[0], &[1, 0], &[2, 0, 0], &[0xFF, 1, 0, 9], &[0, 5, 0, 1, 2, 3, 4], &[1, 0, 1, 7]]
    {
        let id = ok(heap.insert(db.pages(), bytes).map_err(Error::from), "an insert into the heap alone");
        for tag in [ROW_HIDDEN, ROW_SHRUNK] {
            let found = undo(&db, &operation(heap, tag, id));
            let what = format!("operation {tag} on a record of {bytes:02x?}");
            check!(is_damaged(&found), "{what} gave {found:?}, expected Damaged");
            check_eq!(heap.get(db.pages(), id).as_deref(), Ok(bytes), "the record after {what}");
        }
    }
}
