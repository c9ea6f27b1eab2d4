//! The heap knows only the `Pager`: it works on any, keeps its rules, and needs few pages at once.

use buffer_pool::{BufferPool, Pager, RecordId};
use pager_kit::{BatchPager, CountingPager, MemPager};
use testkit::{check, check_eq, step};

use crate::heap_support::{Table, check_file, check_no_leak, dice, must, pool, some_op};

/// On pages in memory, whose numbers go down as the chain goes on: nothing relies on the pool or on an order
/// of pages.
#[testkit::test]
fn works_on_pages_in_memory() {
    let pager = MemPager::new(300);
    let mut table = Table::create(&pager);
    let mut dice = dice();
    for round in 0..1_500 {
        let op = some_op(&mut dice, if table.model.len() < 120 { 9 } else { 4 });
        table.apply(&pager, &op);
        if round % 100 == 0 {
            table.check(&pager);
        }
    }
    let pages: std::collections::BTreeSet<_> = table.check(&pager).pages.into_iter().collect();
    check_eq!(pager.allocated(), Vec::from_iter(pages), "allocated pages");
}

/// No page is asked for twice in one operation while it is held (U1), nothing is held after it, and never
/// more than three at once, so that a pool of three frames is enough.
#[testkit::test]
fn holds_few_pages_and_none_twice() {
    let pager = CountingPager::new(pool(16).1);
    let mut table = Table::create(&pager);
    let mut dice = dice();
    for _ in 0..1_200 {
        let op = some_op(&mut dice, if table.model.len() < 120 { 9 } else { 4 });
        table.apply(&pager, &op);
        check_eq!(pager.held(), vec![], "pages held after {op:?}");
    }
    check!(pager.max_held() <= 3, "{} pages were held at once", pager.max_held());
    table.check(&pager);
}

/// The same right after the heap was opened, when a search for room looks at full pages, of which no hint is
/// known, while the record's home and body are held.
#[testkit::test]
fn a_search_after_opening_holds_few_pages() {
    let pager = CountingPager::new(pool(16).1);
    let (mut table, ids) = Table::filled(&pager, 160, 950);
    let moving: Vec<RecordId> = ids.iter().copied().step_by(4).take(12).collect();
    for id in &moving {
        table.update(&pager, *id, 2_000);
    }
    table.reopen(&pager);
    // From the end, so that the pages that are looked at first are not those that the update holds.
    for id in moving.iter().rev() {
        table.update(&pager, *id, 3_000);
        check_eq!(pager.held(), vec![], "pages held after an update of {id}");
    }
    check!(pager.max_held() <= 3, "{} pages were held at once", pager.max_held());
    table.check(&pager);
}

/// A reader holds one page at a time, also where it follows a forward: that may lead against the order of the
/// chain.
#[testkit::test]
fn a_reader_holds_one_page() {
    let pager = CountingPager::new(pool(16).1);
    let (mut table, ids) = Table::filled(&pager, 16, 950);
    table.update(&pager, ids[2], 2_000);
    table.check(&pager).place(ids[2]);
    pager.take();
    for id in &ids {
        table.check_get(&pager, *id);
    }
    check_eq!(pager.max_held(), 1, "pages held at once by get");
    check_eq!(pager.counts().writes + pager.counts().try_granted, 0, "write latches of get");
}

/// Under a pager that keeps every changed page until the end, as the mini-transactions of lab 6 do.
#[testkit::test]
fn works_when_changed_pages_are_kept() {
    let (disk, pool) = pool(32);
    let mut table = Table::create(&pool);
    let mut dice = dice();
    for round in 0..1_200 {
        let op = some_op(&mut dice, if table.model.len() < 120 { 9 } else { 4 });
        let batch = BatchPager::new(&pool);
        batch.operation(|batch| table.apply(batch, &op));
        let changes = must(batch.commit(), "commit");
        check!(changes.len() <= 5, "{op:?} kept {} pages: {changes:?}", changes.len());
        if round % 100 == 0 {
            table.check(&pool);
        }
    }
    table.check(&pool);
    check_file(&disk, &pool, &[&table]);
}

/// What the heap remembers is no more than a hint: a batch that is taken back leaves memory and pages apart,
/// and the heap must believe the pages.
#[testkit::test]
fn survives_operations_that_are_taken_back() {
    let (_, pool) = pool(64);
    let mut table = Table::create(&pool);
    let mut other = Table::create(&pool);
    let mut dice = dice();
    let mut taken_back = 0;
    for round in 0..900 {
        let op = some_op(&mut dice, if table.model.len() < 120 { 9 } else { 4 });
        let before = table.model.clone();
        let batch = BatchPager::new(&pool);
        batch.operation(|batch| table.apply(batch, &op));
        if dice(3) == 0 {
            step!("// the last operation is taken back");
            must(batch.abort(), "abort");
            table.model = before;
            taken_back += 1;
            // A page that was freed by it goes to another heap.
            if dice(3) == 0 {
                other.insert(&pool, 3_000);
            }
        } else {
            must(batch.commit(), "commit");
        }
        if round % 100 == 0 {
            table.check(&pool);
        }
    }
    check!(taken_back > 100, "{taken_back} operations were taken back");
    table.check(&pool);
    other.check(&pool);
    check_no_leak(&pool, &[&table.heap, &other.heap]);
}

/// Each pager in turn for one heap: the heap keeps none.
#[testkit::test]
fn the_pager_comes_with_each_call() {
    let pager = CountingPager::new(pool(32).1);
    let pool: &BufferPool = pager.inner();
    let mut table = Table::create(pool);
    for round in 0..60 {
        let len = 100 + 37 * round;
        let id = match round % 3 {
            0 => table.insert(pool, len),
            1 => table.insert(&pager, len),
            _ => {
                let batch = BatchPager::new(&pager);
                let id = batch.operation(|batch| table.insert(batch, len));
                must(batch.commit(), "commit");
                id
            }
        };
        table.check_get(pool, id);
        table.check_get(&pager, id);
    }
    table.check(pool);
    check!(pager.counts().changed > 0, "the counting pager was used");
    check!(Pager::read(pool, table.heap.id()).is_ok(), "the first page can be read");
}
