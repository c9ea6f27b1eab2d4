//! Scans of pages that a program wrote wrongly end, with an error and without another heap's records.

use buffer_pool::{BufferPool, Error, HeapDamage, RecordId};
use slotted_page::{PageId, SlotId};
use testkit::{Failure, check, check_eq};

use super::ids_of;
use crate::heap_support::{
    FORWARD, MOVED, Table, forge, forge_owner, must, new_leaf, pool, reopened, tagged,
};

/// Scans to the end or to an error: the records until then, and the error.
fn scan(pool: &BufferPool, table: &Table) -> (Vec<RecordId>, Option<Error>) {
    let mut ids = Vec::new();
    let mut scan = table.heap.scan(pool);
    loop {
        match scan.next_record() {
            Ok(Some((id, _))) => ids.push(id),
            Ok(None) => return (ids, None),
            Err(error) => {
                // Whether it is over then or goes on: it must not be stuck.
                let more = (0..10_000).take_while(|_| scan.next_record() != Ok(None)).count();
                check!(more < 10_000, "the scan has no end after its error");
                return (ids, Some(error));
            }
        }
        check!(ids.len() < 100_000, "the scan has no end");
    }
}

/// A chain that comes back to a page is an error, not a scan without end.
#[testkit::test]
fn a_circle_ends() {
    for (from, to) in [(0, 0), (1, 0), (4, 0), (4, 4), (4, 3), (2, 1), (3, 1)] {
        let (_, pool) = pool(4);
        let (table, _) = Table::filled(&pool, 20, 950);
        let pages = table.check(&pool).pages;
        forge_owner(&pool, pages[from], 0, pages[to].0);
        let (_, error) = scan(&pool, &table);
        let is_circle = matches!(error, Some(Error::BadHeapPage { what: HeapDamage::Circle, .. }));
        check!(is_circle, "a chain whose page {from} leads to page {to} again ended in {error:?}");
    }
}

/// A long chain that is no circle is not taken for one.
#[testkit::test]
fn a_long_chain_is_no_circle() {
    let (_, pool) = pool(4);
    let (table, _) = Table::filled(&pool, 300, 4_000);
    check_eq!(ids_of(table.heap.scan(&pool), "a scan").len(), 300, "records of 300 pages");
}

/// A chain that leads out of the heap ends there: the records of another heap are not given out.
#[testkit::test]
fn does_not_leave_the_heap() {
    let (_, pool) = pool(4);
    let (table, _) = Table::filled(&pool, 20, 950);
    let (other, _) = Table::filled(&pool, 8, 950);
    let all = ids_of(table.heap.scan(&pool), "a scan");
    let pages = table.check(&pool).pages;
    let others = other.check(&pool).pages;
    let leaf = new_leaf(&pool);
    for page in [others[0], others[1], leaf] {
        forge_owner(&pool, pages[1], 0, page.0);
        let (found, error) = scan(&pool, &table);
        check_eq!(found, all[..8], "records before the chain leads to {page}");
        check_eq!(error, Some(Error::NotInHeap { page, heap: table.heap.id() }), "the error at {page}");
    }
    for page in [PageId(1), PageId(2), PageId(40_000)] {
        forge_owner(&pool, pages[1], 0, page.0);
        let (found, error) = scan(&pool, &table);
        check_eq!(found, all[..8], "records before the chain leads to {page}");
        check!(matches!(error, Some(Error::Page(_))), "the error at {page}: {error:?}");
    }
}

/// What has no sound tag is an error that names it, and nothing else comes in its place.
#[testkit::test]
fn bad_tags_are_reported() {
    for bytes in
        [vec![7; 20], vec![0x7F; 20], vec![0xFF; 8], vec![], vec![5, 1], vec![FORWARD, 1, 2], vec![MOVED, 1]]
    {
        let (_, pool) = pool(4);
        let (table, ids) = Table::filled(&pool, 12, 950);
        let all = ids_of(table.heap.scan(&pool), "a scan");
        forge(&pool, ids[6], &bytes);
        let (found, error) = scan(&pool, &table);
        let (page, what) = (ids[6].page, HeapDamage::BadTag { record: ids[6] });
        check_eq!(error, Some(Error::BadHeapPage { page, what }), "the error of a record of {bytes:02x?}");
        check!(all.starts_with(&found) && !found.contains(&ids[6]), "records before the damage: {found:?}");
    }
}

/// A forward that leads to no moved record of its own is damage, not an endless search, and not another's
/// record.
#[testkit::test]
fn bad_forwards_are_reported() {
    let (_, pool) = pool(4);
    let (mut table, ids) = Table::filled(&pool, 12, 950);
    let (_, others) = Table::filled(&pool, 4, 950);
    table.update(&pool, ids[9], 2_000);
    let place = table.check(&pool).place(ids[9]);
    let at = |page, slot| RecordId { page, slot: SlotId(slot) };
    for target in
        [ids[6], ids[7], ids[2], ids[9], place, at(ids[0].page, 50), others[1], at(PageId(9_999), 0)]
    {
        forge(&pool, ids[6], &tagged(FORWARD, target, &[]));
        let (_, error) = scan(&pool, &table);
        match error {
            Some(Error::BadHeapPage { what: HeapDamage::BadForward { record, .. }, .. }) => {
                check_eq!(record, ids[6], "the record whose forward leads to {target}");
            }
            other => Failure::new(format!("a scan over a forward to {target}"))
                .found(other)
                .expected_text("BadHeapPage with BadForward")
                .raise(),
        }
    }
}

/// A page whose bytes are damaged is an error at that page.
#[testkit::test]
fn a_damaged_page_is_reported() {
    let (disk, pool) = pool(3);
    let (table, _) = Table::filled(&pool, 24, 950);
    let all = ids_of(table.heap.scan(&pool), "a scan");
    must(pool.sync(), "sync");
    drop(pool);
    disk.flip_bit(all[9].page.offset() + 2_000, 3);
    let pool = reopened(&disk, 3);
    let (found, error) = scan(&pool, &table);
    check_eq!(found, all[..8], "records before the damaged page");
    let is_damage = matches!(error, Some(Error::Page(slotted_page::Error::Corrupt(_))));
    check!(is_damage, "the error at the damaged page: {error:?}");
}
