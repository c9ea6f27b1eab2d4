//! What a scan of a heap that nobody changes gives.

use std::collections::BTreeMap;

use buffer_pool::{MAX_HEAP_RECORD_LEN, RecordId};
use pager_kit::{BatchPager, MemPager};
use slotted_page::PageId;
use testkit::{check, check_eq, step};

use super::{collect, ids_of};
use crate::heap_support::{Op, Table, check_records, dice, must, pool, reopened, some_op};

/// Every record comes once, with its bytes, from all pages of the chain.
#[testkit::test]
fn gives_every_record_once() {
    let (_, pool) = pool(4);
    let mut table = Table::create(&pool);
    for len in [0, 1, 6, 7, 100, 1_000, MAX_HEAP_RECORD_LEN, 3_000, 0, 900].into_iter().cycle().take(80) {
        table.insert(&pool, len);
    }
    check_records(&collect(table.heap.scan(&pool), "a scan"), &table.model, "a scan");
}

/// An empty heap has no records, in whatever number of pages.
#[testkit::test]
fn an_empty_heap_gives_nothing() {
    let (_, pool) = pool(4);
    let mut table = Table::create(&pool);
    check_eq!(ids_of(table.heap.scan(&pool), "a scan of a new heap"), vec![], "records of a new heap");
    let ids: Vec<RecordId> = (0..20).map(|_| table.insert(&pool, 900)).collect();
    for id in ids {
        table.delete(&pool, id);
    }
    check_eq!(ids_of(table.heap.scan(&pool), "a scan of empty pages"), vec![], "records of empty pages");
    let mut scan = table.heap.scan(&pool);
    check_eq!(scan.next_record(), Ok(None), "next_record of empty pages");
    check_eq!(scan.next_record(), Ok(None), "next_record at the end");
}

/// Pages that became empty are passed over: at the front, in the middle and at the end of the chain.
#[testkit::test]
fn passes_over_empty_pages() {
    let (_, pool) = pool(4);
    let (mut table, ids) = Table::filled(&pool, 32, 950);
    let pages = table.check(&pool).pages;
    check_eq!(pages.len(), 8, "pages");
    for id in ids.iter().filter(|id| [0, 1, 4, 7].map(|at| pages[at]).contains(&id.page)) {
        table.delete(&pool, *id);
    }
    check_eq!(table.model.len(), 16, "records left");
    check_records(&collect(table.heap.scan(&pool), "a scan"), &table.model, "a scan over empty pages");
}

/// The order is that of the chain, and of slots in a page: a restart depends on it.
#[testkit::test]
fn follows_the_chain() {
    let pager = MemPager::new(60);
    let (mut table, ids) = Table::filled(&pager, 50, 700);
    for id in ids.iter().step_by(3) {
        table.delete(&pager, *id);
    }
    for id in ids.iter().skip(1).step_by(9) {
        table.update(&pager, *id, 2_000);
    }
    let pages = table.check(&pager).pages;
    let at = |page: PageId| pages.iter().position(|other| *other == page);
    let mut expected: Vec<RecordId> = table.model.keys().copied().collect();
    expected.sort_by_key(|id| (at(id.page), id.slot));
    check_eq!(ids_of(table.heap.scan(&pager), "a scan"), expected, "order of the records");
}

/// A moved record comes once, under the record id it has always had, with the bytes it has now.
#[testkit::test]
fn a_moved_record_comes_once() {
    let (_, pool) = pool(4);
    let (mut table, ids) = Table::filled(&pool, 40, 450);
    for (len, id) in (1_500..).step_by(100).zip(ids.iter().step_by(3)) {
        table.update(&pool, *id, len);
    }
    let moved = table.check(&pool).moved;
    check!(moved.len() >= 8, "{} records moved", moved.len());
    check_records(&collect(table.heap.scan(&pool), "a scan"), &table.model, "a scan over moved records");
}

/// The two ways to ask for the next record are one walk, and can be mixed.
#[testkit::test]
fn both_ways_to_ask_agree() {
    let (_, pool) = pool(4);
    let (mut table, ids) = Table::filled(&pool, 21, 800);
    table.update(&pool, ids[3], 2_500);
    let mut scan = table.heap.scan(&pool);
    let mut found = BTreeMap::new();
    for round in 0..21 {
        let (id, record) = if round % 2 == 0 {
            step!("scan.next_record()");
            let (id, bytes) = must(scan.next_record(), "next_record").expect("there are records left");
            (id, bytes.to_vec())
        } else {
            step!("scan.next()");
            must(scan.next().expect("there are records left"), "next")
        };
        check!(found.insert(id, record).is_none(), "{id} came twice");
    }
    check_records(&found, &table.model, "both ways in turn");
    check_eq!(scan.next_record(), Ok(None), "next_record at the end");
    check!(scan.next().is_none(), "next at the end gives something");
}

/// Two scans of one heap, and scans of two heaps, do not disturb each other.
#[testkit::test]
fn scans_are_independent() {
    let (_, pool) = pool(4);
    let (one, _) = Table::filled(&pool, 20, 900);
    let (two, _) = Table::filled(&pool, 15, 900);
    let (mut a, mut b, mut c) = (one.heap.scan(&pool), two.heap.scan(&pool), one.heap.scan(&pool));
    let mut found = [BTreeMap::new(), BTreeMap::new(), BTreeMap::new()];
    for _ in 0..21 {
        for (found, scan) in found.iter_mut().zip([&mut a, &mut b, &mut c]) {
            if let Some(item) = scan.next() {
                let (id, record) = must(item, "next");
                check!(found.insert(id, record).is_none(), "{id} came twice");
            }
        }
    }
    check_records(&found[0], &one.model, "the first scan");
    check_records(&found[1], &two.model, "the scan of the other heap");
    check_records(&found[2], &one.model, "the second scan");
}

/// Whatever was done to a heap, a scan gives what a map would hold; also after the file was opened again.
#[testkit::test]
fn is_a_map_of_records() {
    let (disk, mut pool) = pool(3);
    let mut table = Table::create(&pool);
    let mut dice = dice();
    for round in 0..1_500 {
        let op = some_op(&mut dice, if table.model.len() < 120 { 9 } else { 4 });
        table.apply(&pool, &op);
        if round % 50 == 0 {
            check_records(&collect(table.heap.scan(&pool), "a scan"), &table.model, "a scan");
        }
        if round % 500 == 499 {
            check_eq!(pool.sync(), Ok(()), "sync");
            pool = reopened(&disk, 3);
            table.apply(&pool, &Op::Reopen);
        }
    }
    check_records(&collect(table.heap.scan(&pool), "a scan"), &table.model, "a scan at the end");
}

/// A scan asks the pager alone: pages in memory, and a batch that keeps changed pages, will do.
#[testkit::test]
fn works_on_any_pager() {
    let pager = MemPager::new(60);
    let (mut table, ids) = Table::filled(&pager, 40, 900);
    table.update(&pager, ids[5], 2_000);
    check_records(&collect(table.heap.scan(&pager), "a scan"), &table.model, "a scan of pages in memory");
    let batch = BatchPager::new(&pager);
    table.update(&batch, ids[7], 3_000);
    table.delete(&batch, ids[20]);
    table.insert(&batch, 3_900);
    let what = "a scan in the batch that changed the pages";
    check_records(&collect(table.heap.scan(&batch), what), &table.model, what);
    must(batch.commit(), "commit");
    check_records(&collect(table.heap.scan(&pager), "a scan"), &table.model, "a scan after the commit");
}
