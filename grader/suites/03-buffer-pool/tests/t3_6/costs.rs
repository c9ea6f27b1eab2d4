//! What a scan asks of the pool: each page once, by the way that does not count as use, and nothing in
//! between.

use buffer_pool::Pager;
use pager_kit::CountingPager;
use slotted_page::PageKind;
use testkit::{check, check_eq, step};

use super::ids_of;
use crate::heap_support::{Table, must, pool};

/// In a pool of three frames every page is read once, however many records it has.
#[testkit::test]
fn reads_each_page_once() {
    let (disk, pool) = pool(3);
    let (mut table, ids) = Table::filled(&pool, 400, 150);
    for id in ids.iter().step_by(3) {
        table.delete(&pool, *id);
    }
    let pages = table.check(&pool).pages.len() as u64;
    check!(pages >= 14, "{pages} pages");
    must(pool.flush_all(), "flush_all");
    disk.reset_counts();
    let before = pool.stats();
    check_eq!(ids_of(table.heap.scan(&pool), "a scan").len(), table.model.len(), "records");
    let reads = disk.counts().reads;
    check!(reads <= pages, "{reads} reads of the disk for {pages} pages");
    let after = pool.stats();
    let requests = after.hits + after.misses - before.hits - before.misses;
    check!(requests <= pages, "{requests} page requests for {pages} pages");
    check_eq!(disk.counts().writes, 0, "writes of the disk: a scan changes nothing");
}

/// A moved record costs one page more, not a walk.
#[testkit::test]
fn a_moved_record_costs_one_page() {
    let pager = CountingPager::new(pool(8).1);
    let (mut table, ids) = Table::filled(&pager, 60, 450);
    for id in ids.iter().step_by(5) {
        table.update(&pager, *id, 1_500);
    }
    let survey = table.check(&pager);
    let (pages, moved) = (survey.pages.len() as u64, survey.moved.len() as u64);
    check!(moved >= 8, "{moved} records moved");
    pager.take();
    check_eq!(ids_of(table.heap.scan(&pager), "a scan").len(), 60, "records");
    let asked = pager.counts().all_reads();
    check!(asked <= pages + moved, "{asked} page requests for {pages} pages and {moved} moved records");
}

/// A scan reads each page once: if the pool took that for a use, the scan would push out the pages that are
/// in use.
#[testkit::test]
fn asks_by_the_way_that_does_not_count() {
    let pager = CountingPager::new(pool(8).1);
    let (mut table, ids) = Table::filled(&pager, 60, 900);
    table.update(&pager, ids[7], 2_000);
    pager.take();
    check_eq!(ids_of(table.heap.scan(&pager), "a scan").len(), 60, "records");
    let counts = pager.take();
    check_eq!((counts.reads, counts.writes, counts.try_granted), (0, 0, 0), "read, write, try_write");
    let rest = ids_of(table.heap.scan_after(&pager, ids[30]), "a scan that goes on");
    check!(!rest.is_empty(), "there are records to go on with");
    let counts = pager.take();
    check_eq!((counts.reads, counts.writes, counts.try_granted), (0, 0, 0), "those of a scan that goes on");
}

/// Nothing is held between two calls: the caller may take all the time that it wants.
#[testkit::test]
fn holds_nothing_between_calls() {
    let pager = CountingPager::new(pool(3).1);
    let (mut table, ids) = Table::filled(&pager, 40, 450);
    table.update(&pager, ids[4], 3_000);
    pager.take();
    let mut scan = table.heap.scan(&pager);
    check_eq!(pager.held(), vec![], "pages held by a scan that has not begun");
    loop {
        let found = must(scan.next_record(), "next_record").map(|(id, _)| id);
        check_eq!(pager.held(), vec![], "pages held after {found:?}");
        let Some(id) = found else { break };
        check_eq!(pager.inner().pin_count(id.page), 0, "pins of {}", id.page);
    }
    check_eq!(pager.max_held(), 1, "pages held at once during a call");
}

/// The same thread may write the page that the scan is in, between two calls, and use all frames.
#[testkit::test]
fn the_pool_is_free_between_calls() {
    let (_, pool) = pool(3);
    let (table, _) = Table::filled(&pool, 24, 950);
    let mut scan = table.heap.scan(&pool);
    let mut count = 0;
    while let Some((id, _)) = must(scan.next_record(), "next_record") {
        count += 1;
        step!("pool.write({}), and two new pages", id.page);
        let page = must(Pager::write(&pool, id.page), "write of the page that the scan is in");
        let others = [(); 2].map(|()| must(pool.pin_new(PageKind(99)), "pin_new"));
        let spare = [others[0].id(), others[1].id()];
        drop((page, others));
        for page in spare {
            must(pool.free(must(Pager::write(&pool, page), "write")), "free");
        }
    }
    check_eq!(count, 24, "records");
}

/// A scan takes memory for a page or two, not for the heap.
#[testkit::test]
fn takes_little_memory() {
    let (_, pool) = pool(16);
    let (table, _) = Table::filled(&pool, 1_000, 900);
    let mut count = 0;
    let counts = testkit::alloc::count(|| {
        let mut scan = table.heap.scan(&pool);
        while let Ok(Some(_)) = scan.next_record() {
            count += 1;
        }
    });
    check_eq!(count, 1_000, "records");
    check!(counts.peak_bytes <= 32_768, "{} bytes at once, for a heap of a megabyte", counts.peak_bytes);
}
