//! Records in and out, and what is not there.

use buffer_pool::{Error, HeapDamage, MAX_HEAP_RECORD_LEN, Pager, RecordId, TableHeap};
use slotted_page::{PageId, SlotId};
use testkit::{Failure, check, check_eq, step};

use crate::heap_support::{Table, allocated, check_no_leak, must, new_leaf, pool, record, reopened, survey};

/// Records of any length come back as they went in, short ones without the padding that the page needs.
#[testkit::test]
fn gives_back_what_was_inserted() {
    let (_, pool) = pool(8);
    let mut table = Table::create(&pool);
    for len in [0, 1, 2, 3, 4, 5, 6, 7, 8, 100, 1_000, 4_000, MAX_HEAP_RECORD_LEN - 1, MAX_HEAP_RECORD_LEN] {
        let id = table.insert(&pool, len);
        table.check_get(&pool, id);
    }
    table.check(&pool);
    check_no_leak(&pool, &[&table.heap]);
}

/// A new heap is one empty page that names itself as heap and as the last of its chain, and the first record
/// goes there.
#[testkit::test]
fn a_new_heap_is_one_page() {
    let (_, pool) = pool(3);
    let mut table = Table::create(&pool);
    let survey = table.check(&pool);
    check_eq!(survey.pages, vec![table.heap.id()], "pages of a new heap");
    check_no_leak(&pool, &[&table.heap]);
    let id = table.insert(&pool, 10);
    check_eq!(id.page, table.heap.id(), "the page of the first record");
    check_eq!(table.check(&pool).pages.len(), 1, "pages of a heap with one record");
}

/// Many empty records are many records: each has its own record id and can be deleted alone.
#[testkit::test]
fn empty_records_are_records() {
    let (_, pool) = pool(4);
    let (mut table, ids) = Table::filled(&pool, 1_000, 0);
    table.check(&pool);
    for id in ids.iter().step_by(3) {
        table.delete(&pool, *id);
        table.check_get(&pool, *id);
    }
    table.check(&pool);
}

/// A record that no page could take after it moved is refused, and nothing happens: no page is allocated for
/// it.
#[testkit::test]
fn refuses_a_record_that_is_too_long() {
    let (_, pool) = pool(4);
    let (mut table, ids) = Table::filled(&pool, 3, 50);
    table.delete(&pool, ids[2]);
    let pages = allocated(&pool);
    for len in [MAX_HEAP_RECORD_LEN + 1, 4_044, 4_096, 70_000] {
        let long = record(len, 9);
        let refused = Err(Error::RecordTooLong { len, max: MAX_HEAP_RECORD_LEN });
        check_eq!(table.heap.insert(&pool, &long).map(|_| ()), refused, "insert of {len} bytes");
        let refused = Err(Error::RecordTooLong { len, max: MAX_HEAP_RECORD_LEN });
        check_eq!(table.heap.update(&pool, ids[0], &long), refused, "update to {len} bytes");
        let refused = Err(Error::RecordTooLong { len, max: MAX_HEAP_RECORD_LEN });
        check_eq!(table.heap.restore(&pool, ids[2], &long), refused, "restore of {len} bytes");
    }
    table.check(&pool);
    check_eq!(allocated(&pool), pages, "allocated pages");
}

/// `get_with` shows the record alone, not its tag, padding or home, and gives back what the look gives.
#[testkit::test]
fn shows_a_record_without_a_copy() {
    let (_, pool) = pool(4);
    let mut table = Table::create(&pool);
    for len in [0, 3, 10, 700] {
        let id = table.insert(&pool, len);
        let seen = table.heap.get_with(&pool, id, |bytes| (bytes.len(), bytes.first().copied()));
        check_eq!(seen, Ok((len, table.model[&id].first().copied())), "get_with({id})");
    }
}

/// A deleted record is gone at once: not its old bytes, not twice.
#[testkit::test]
fn a_deleted_record_is_gone() {
    let (_, pool) = pool(4);
    let (mut table, ids) = Table::filled(&pool, 30, 60);
    for id in [ids[0], ids[29], ids[28], ids[15]] {
        table.delete(&pool, id);
        let missing = || Error::NoRecord { record: id };
        check_eq!(table.heap.get(&pool, id), Err(missing()), "get of a deleted record");
        let text = missing().to_string();
        check!(text.ends_with(&format!("{}.{}", id.page.0, id.slot.0)), "the error names the record: {text}");
        check_eq!(
            table.heap.get_with(&pool, id, <[u8]>::len),
            Err(missing()),
            "get_with of a deleted record"
        );
        check_eq!(table.heap.update(&pool, id, b"again"), Err(missing()), "update of a deleted record");
        check_eq!(table.heap.delete(&pool, id), Err(missing()), "a second delete");
    }
    table.check(&pool);
}

/// A record id whose slot was used again gives the new record, never the stale one.
#[testkit::test]
fn a_slot_used_again_holds_the_new_record() {
    let (_, pool) = pool(4);
    let (mut table, ids) = Table::filled(&pool, 10, 300);
    let mut reused = 0;
    for (round, id) in ids.iter().enumerate() {
        table.delete(&pool, *id);
        let new = table.insert(&pool, 300 - round);
        reused += usize::from(new == *id);
        table.check(&pool);
    }
    if reused == 0 {
        step!("// no slot was used again: allowed");
    }
}

/// A record id that no insert ever gave is an error that says what is wrong with it.
#[testkit::test]
fn says_what_is_not_there() {
    let (_, pool) = pool(4);
    let (table, ids) = Table::filled(&pool, 3, 60);
    let leaf = new_leaf(&pool);
    let at = |page, slot| RecordId { page, slot: SlotId(slot) };
    for slot in [3, 4, 500, u16::MAX] {
        let id = at(ids[0].page, slot);
        check_eq!(
            table.heap.get(&pool, id),
            Err(Error::NoRecord { record: id }),
            "get of a slot past the end"
        );
        check_eq!(table.heap.delete(&pool, id), Err(Error::NoRecord { record: id }), "delete past the end");
    }
    let id = at(leaf, 0);
    let wrong = || Error::NotInHeap { page: leaf, heap: table.heap.id() };
    check_eq!(table.heap.get(&pool, id), Err(wrong()), "get from a page of an index");
    check_eq!(table.heap.update(&pool, id, b"x"), Err(wrong()), "update in a page of an index");
    check_eq!(table.heap.delete(&pool, id), Err(wrong()), "delete in a page of an index");
    check_eq!(table.heap.restore(&pool, id, b"x"), Err(wrong()), "restore to a page of an index");
    for page in [PageId(0), PageId(1), PageId(2), PageId(900), PageId(u32::MAX)] {
        let id = at(page, 0);
        for (what, result) in [
            ("get", table.heap.get(&pool, id).map(|_| ())),
            ("update", table.heap.update(&pool, id, b"x")),
            ("delete", table.heap.delete(&pool, id)),
            ("restore", table.heap.restore(&pool, id, b"x")),
        ] {
            check!(matches!(result, Err(Error::Page(_))), "{what} of a record in {page}: {result:?}");
        }
    }
    table.check(&pool);
}

/// A heap is opened by its first page and by no other: a later page would lose the records before it.
#[testkit::test]
fn opens_by_its_first_page_only() {
    let (_, pool) = pool(4);
    let (mut table, _) = Table::filled(&pool, 5, 2_500);
    let pages = table.check(&pool).pages;
    check!(pages.len() > 2, "five records of 2,500 bytes take more than two pages");
    for page in &pages[1..] {
        let opened = TableHeap::open(&pool, *page).map(|heap| heap.id());
        check_eq!(opened, Err(Error::NotInHeap { page: *page, heap: *page }), "open of a later page");
    }
    let leaf = new_leaf(&pool);
    check!(TableHeap::open(&pool, leaf).is_err(), "open of a page of an index must fail");
    let free = PageId(700);
    let opened = TableHeap::open(&pool, free).map(|heap| heap.id());
    let missing = slotted_page::Error::NotAllocated { page: free };
    check_eq!(opened, Err(Error::Page(missing)), "open of a page that is not allocated");
    table.reopen(&pool);
    table.check(&pool);
}

/// Everything is in the pages: after the pool and the heap are gone, the file alone brings all records back.
#[testkit::test]
fn survives_in_the_file() {
    let (disk, pool) = pool(5);
    let (mut table, ids) = Table::filled(&pool, 40, 400);
    for (index, id) in ids.iter().enumerate().filter(|(index, _)| index % 3 == 0) {
        match index % 2 {
            0 => table.update(&pool, *id, 1_500),
            _ => table.delete(&pool, *id),
        }
    }
    step!("pool.sync(), and everything in memory is dropped");
    check_eq!(pool.sync(), Ok(()), "sync");
    drop(pool);
    let pool = reopened(&disk, 3);
    table.reopen(&pool);
    table.check(&pool);
    for _ in 0..20 {
        table.insert(&pool, 300);
    }
    table.check(&pool);
    check_no_leak(&pool, &[&table.heap]);
}

/// Undo puts a deleted record back under its old id, also one that was the last of its page, where the slot
/// itself is gone.
#[testkit::test]
fn restores_a_deleted_record() {
    let (_, pool) = pool(4);
    let (mut table, ids) = Table::filled(&pool, 12, 100);
    for id in [ids[11], ids[10], ids[3], ids[0]] {
        table.delete(&pool, id);
    }
    for (id, len) in [(ids[3], 100), (ids[10], 40), (ids[0], 100), (ids[11], 0)] {
        table.restore(&pool, id, len);
        table.check(&pool);
    }
    check_eq!(table.model.len(), 12, "records after all were restored");
}

/// A restore that finds another record under the id leaves it alone.
#[testkit::test]
fn does_not_restore_over_a_record() {
    let (_, pool) = pool(4);
    let (table, ids) = Table::filled(&pool, 3, 100);
    for id in &ids {
        let used = Err(Error::RecordInUse { record: *id });
        check_eq!(table.heap.restore(&pool, *id, b"other"), used, "restore to {id}, which is in use");
    }
    table.check(&pool);
}

/// A record that was restored is a record like any other, also if it had moved before it was deleted.
#[testkit::test]
fn restores_a_record_that_had_moved() {
    let (_, pool) = pool(6);
    let (mut table, ids) = Table::filled(&pool, 8, 480);
    table.update(&pool, ids[2], 3_000);
    check!(table.check(&pool).moved.contains_key(&ids[2]), "a record too long for its page has moved");
    table.delete(&pool, ids[2]);
    table.restore(&pool, ids[2], 3_000);
    table.check(&pool);
    table.update(&pool, ids[2], 10);
    table.check(&pool);
    table.delete(&pool, ids[2]);
    table.check(&pool);
}

/// A restore finds room elsewhere when others have taken it at home: the record id must come back, wherever
/// the bytes are.
#[testkit::test]
fn restores_although_the_room_is_taken() {
    let (_, pool) = pool(6);
    let (mut table, ids) = Table::filled(&pool, 2, 1_900);
    table.delete(&pool, ids[0]);
    let neighbour = ids[1];
    check_eq!(neighbour.page, ids[0].page, "two records of 1,900 bytes share the first page");
    table.update(&pool, neighbour, 3_900);
    table.restore(&pool, ids[0], 1_900);
    check!(table.model.contains_key(&ids[0]), "the record is back");
    let survey = table.check(&pool);
    check!(survey.moved.contains_key(&ids[0]) || survey.moved.contains_key(&neighbour), "one of them moved");
}

/// A slot that is gone costs its four bytes again when its record comes back: with room for the record alone,
/// a forward comes, and with room for neither, nothing changes.
#[testkit::test]
fn a_restore_counts_the_slots() {
    for left in [0, 4, 6, 7, 10, 11, 14, 15, 104, 105, 109, 110] {
        let (_, pool) = pool(6);
        let (mut table, ids) = Table::filled(&pool, 4, 900);
        table.delete(&pool, ids[3]);
        // Three records and their slots stay, and `left` bytes.
        table.update(&pool, ids[0], 4_048 - 3 * 4 - 2 * 901 - 1 - left);
        table.restore(&pool, ids[3], 104);
        let survey = table.check(&pool);
        check_eq!(
            survey.records.contains_key(&ids[3]),
            left >= 11,
            "whether it is back, with {left} bytes free"
        );
        check_eq!(survey.moved.contains_key(&ids[3]), (11..109).contains(&left), "whether it is elsewhere");
    }
    let (_, pool) = pool(6);
    let (mut table, ids) = Table::filled(&pool, 4, 100);
    for slot in [900, 1_100, u16::MAX] {
        let id = RecordId { page: ids[0].page, slot: SlotId(slot) };
        table.restore(&pool, id, 10);
        table.check(&pool);
    }
}

/// What a record looks like in its page is the documented format, so that another program can read it.
#[testkit::test]
fn the_pages_are_as_documented() {
    let (_, pool) = pool(4);
    let mut table = Table::create(&pool);
    let short = table.insert(&pool, 2);
    let long = table.insert(&pool, 20);
    let guard = must(Pager::read(&pool, short.page), "read");
    let view = slotted_page::SlottedPage::assume_valid(&*guard);
    let bytes = view.get(short.slot).expect("the record is there");
    check_eq!(bytes.len(), 7, "bytes that a record of 2 takes");
    check_eq!((bytes[0], &bytes[1..3]), (4, &table.model[&short][..]), "tag (padding) and data");
    let bytes = view.get(long.slot).expect("the record is there");
    check_eq!((bytes[0], &bytes[1..]), (0, &table.model[&long][..]), "tag and data of a record of 20");
    drop(guard);
    check_eq!(survey(&pool, table.heap.id()).records.len(), 2, "records");
}

/// A damaged page and a missing record are different errors.
#[testkit::test]
fn damage_is_not_a_missing_record() {
    let (_, pool) = pool(4);
    let (table, ids) = Table::filled(&pool, 3, 20);
    let mut guard = must(Pager::write(&pool, ids[1].page), "write");
    let mut view = slotted_page::SlottedPage::assume_valid(&mut *guard);
    must(view.update(ids[1].slot, &[0x55; 21]), "update of the page");
    drop(guard);
    match table.heap.get(&pool, ids[1]) {
        Err(Error::BadHeapPage { page, what: HeapDamage::BadTag { record } }) => {
            check_eq!((page, record), (ids[1].page, ids[1]), "where the damage is");
        }
        other => {
            Failure::new("get of a record with tag 0x55").found(other).expected_text("BadHeapPage").raise()
        }
    }
    table.check_get(&pool, ids[0]);
    table.check_get(&pool, ids[2]);
}
