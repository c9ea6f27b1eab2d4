//! The chain of pages: how it grows, and that nothing breaks where a page is full.

use std::collections::BTreeMap;

use buffer_pool::{MAX_HEAP_RECORD_LEN, Pager};
use slotted_page::PageId;
use testkit::{check, check_eq, step};

use crate::heap_support::{Table, check_no_leak, owner, pool};

/// The chain is whole before and after each page that fills up: every page linked once, the first page knows
/// the last.
#[testkit::test]
fn the_chain_holds_at_every_full_page() {
    let (_, pool) = pool(4);
    let mut table = Table::create(&pool);
    let mut pages = 1;
    for _ in 0..60 {
        table.insert(&pool, 1_000);
        let survey = table.check(&pool);
        check!(survey.pages.len() - pages <= 1, "an insert adds at most one page");
        check!(survey.pages.starts_with(&[table.heap.id()]), "the heap's first page stays the first");
        pages = survey.pages.len();
    }
    check_eq!(pages, 15, "pages of 60 records, four to a page");
    check_no_leak(&pool, &[&table.heap]);
}

/// Pages are filled before the chain grows: as many records to a page as the layout allows.
#[testkit::test]
fn fills_pages_to_the_last_byte() {
    for (len, in_a_page) in
        [(MAX_HEAP_RECORD_LEN, 1), (2_019, 2), (2_020, 1), (1_344, 3), (0, 368), (6, 368), (7, 337)]
    {
        let (_, pool) = pool(4);
        let (table, _) = Table::filled(&pool, 3 * in_a_page, len);
        let survey = table.check(&pool);
        let mut counts: BTreeMap<PageId, usize> = BTreeMap::new();
        for id in survey.records.keys() {
            *counts.entry(id.page).or_default() += 1;
        }
        let counts: Vec<usize> = counts.into_values().collect();
        check_eq!(counts, vec![in_a_page; 3], "records of {len} bytes in each page");
        check_eq!(survey.pages.len(), 3, "pages");
    }
}

/// A new record takes four bytes for its slot: with three of them it goes elsewhere, with four it stays.
#[testkit::test]
fn a_record_and_its_slot_must_fit() {
    for spare in 0..8 {
        for is_opened in [false, true] {
            let (_, pool) = pool(4);
            let (mut table, _) = Table::filled(&pool, 1, 4_048 - 4 - 1 - 101 - spare);
            if is_opened {
                table.reopen(&pool);
            }
            let id = table.insert(&pool, 100);
            let fits = id.page == table.heap.id();
            check_eq!(fits, spare >= 4, "whether it went where 101 bytes and {spare} are free");
            table.check(&pool);
        }
    }
}

/// Two records, of which the first leaves a few bytes: whatever is left, the second goes where it fits, and
/// never fails. A page of 4,048 bytes takes both if each has its tag, its padding, and its slot of four
/// bytes.
#[testkit::test]
fn the_second_record_goes_where_it_fits() {
    let stored = |len: usize| 4 + 1 + len.max(6);
    for first in (MAX_HEAP_RECORD_LEN - 16..=MAX_HEAP_RECORD_LEN).chain([3_000, 2_019]) {
        let left = 4_048 - stored(first);
        for second in (0..12).chain(left.saturating_sub(8)..left + 2) {
            let (_, pool) = pool(4);
            let (mut table, _) = Table::filled(&pool, 1, first);
            let id = table.insert(&pool, second);
            let fits = stored(second) <= left;
            check_eq!(
                id.page == table.heap.id(),
                fits,
                "whether {second} bytes are in the page of {first} bytes, which has {left} left"
            );
            table.check_get(&pool, id);
        }
    }
}

/// A record that does not fit where the last one went starts a page, and the room left behind is still used.
#[testkit::test]
fn a_long_record_does_not_close_a_page() {
    let (_, pool) = pool(4);
    let mut table = Table::create(&pool);
    for _ in 0..10 {
        table.insert(&pool, 1_500);
        table.insert(&pool, 3_000);
        for _ in 0..8 {
            table.insert(&pool, 250);
        }
    }
    let survey = table.check(&pool);
    let bytes: usize = table.model.values().map(|record| record.len() + 5).sum();
    let least = bytes.div_ceil(4_048);
    check!(
        survey.pages.len() <= least + least / 3 + 1,
        "{} pages for {bytes} bytes, which fit into {least}",
        survey.pages.len()
    );
}

/// Opening a heap finds the end of its chain: what is inserted then is linked behind it, not in its place.
#[testkit::test]
fn an_opened_heap_grows_at_its_end() {
    let (_, pool) = pool(4);
    let (mut table, _) = Table::filled(&pool, 6, 4_000);
    for _ in 0..4 {
        let before = table.check(&pool).pages;
        table.reopen(&pool);
        table.insert(&pool, 4_000);
        let after = table.check(&pool).pages;
        check_eq!(after.len(), before.len() + 1, "pages after another record of a page");
        check_eq!(&after[..before.len()], &before[..], "the pages that were there");
        check_eq!(owner(&pool, table.heap.id()).last, after[before.len()], "the last page");
    }
    check_no_leak(&pool, &[&table.heap]);
}

/// Two handles to one heap see each other's pages: what a handle remembers is no more than a hint.
#[testkit::test]
fn two_handles_to_one_heap_agree() {
    let (_, pool) = pool(4);
    let mut table = Table::create(&pool);
    let first = table.heap.id();
    let mut other = buffer_pool::TableHeap::open(&pool, first).expect("open of the heap's first page");
    for round in 0..30 {
        step!("// the other handle");
        std::mem::swap(&mut table.heap, &mut other);
        let id = table.insert(&pool, 700 + 100 * (round % 7));
        if round % 3 == 0 {
            step!("// the first handle");
            std::mem::swap(&mut table.heap, &mut other);
            table.delete(&pool, id);
        }
    }
    table.check(&pool);
    check_no_leak(&pool, &[&table.heap]);
}

/// Destroying a heap frees its pages, all of them, and no other heap's.
#[testkit::test]
fn destroy_frees_every_page() {
    let (_, pool) = pool(4);
    let (mut table, ids) = Table::filled(&pool, 50, 900);
    let (other, _) = Table::filled(&pool, 10, 900);
    for id in ids.iter().step_by(4) {
        table.update(&pool, *id, 3_500);
    }
    let pages = table.check(&pool).pages;
    check!(pages.len() > 12, "the heap has many pages");
    step!("heap.destroy(pager)");
    check_eq!(table.heap.destroy(&pool), Ok(()), "destroy");
    for page in pages {
        check_eq!(pool.disk().is_allocated(page), false, "whether {page} of the destroyed heap is allocated");
        check!(Pager::read(&pool, page).is_err(), "{page} can still be read");
    }
    other.check(&pool);
    check_no_leak(&pool, &[&other.heap]);
}
