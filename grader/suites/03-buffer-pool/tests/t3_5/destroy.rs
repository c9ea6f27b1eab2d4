//! `destroy_some`: a heap is freed in parts, and is a heap between any two.

use buffer_pool::{Error, TableHeap};
use pager_kit::{BatchPager, CountingPager};
use testkit::{check, check_eq, step};

use crate::heap_support::{Table, allocated, check_file, check_no_leak, must, pool};

/// Each call frees as many pages as it may, and between two calls the rest is a heap: sound, opened again or
/// not.
#[testkit::test]
fn a_heap_is_destroyed_in_parts() {
    for at_most in [1, 2, 3, 7, 100] {
        for is_opened in [false, true] {
            let (disk, pool) = pool(4);
            let (mut table, _) = Table::filled(&pool, 40, 950);
            let (other, _) = Table::filled(&pool, 6, 950);
            let mut left = table.check(&pool).pages;
            while !left.is_empty() {
                step!("heap.destroy_some(pager, {at_most})");
                let is_gone = must(table.heap.destroy_some(&pool, at_most), "destroy_some");
                let count = left.len();
                left.retain(|page| pool.disk().is_allocated(*page));
                check_eq!(left.len(), count.saturating_sub(at_most), "pages left of {count}");
                check_eq!(is_gone, left.is_empty(), "what destroy_some returns");
                if is_gone {
                    break;
                }
                table.model.retain(|id, _| left.contains(&id.page));
                if is_opened {
                    table.reopen(&pool);
                }
                check_eq!(table.check(&pool).pages, left.clone(), "the chain that is left");
                check_file(&disk, &pool, &[&table, &other]);
            }
            check_no_leak(&pool, &[&other.heap]);
        }
    }
}

/// A call that may free nothing frees nothing.
#[testkit::test]
fn no_page_is_freed_where_none_may_be() {
    let (_, pool) = pool(4);
    let (table, _) = Table::filled(&pool, 12, 950);
    check_eq!(table.heap.destroy_some(&pool, 0), Ok(false), "destroy_some of 0 pages");
    table.check(&pool);
    let (empty, _) = Table::filled(&pool, 0, 0);
    check_eq!(empty.heap.destroy_some(&pool, 0), Ok(false), "destroy_some of 0 pages");
    check_eq!(empty.heap.destroy_some(&pool, 1), Ok(true), "destroy_some of a heap of one page");
    check_no_leak(&pool, &[&table.heap]);
}

/// What is left of a heap is used as any other: records go into it, and what is remembered of freed pages
/// does no harm.
#[testkit::test]
fn what_is_left_can_be_used() {
    let (_, pool) = pool(8);
    let (mut table, ids) = Table::filled(&pool, 60, 950);
    for id in ids.iter().step_by(3) {
        table.delete(&pool, *id);
    }
    for _ in 0..3 {
        check_eq!(table.heap.destroy_some(&pool, 4), Ok(false), "destroy_some");
        let left = crate::heap_support::survey(&pool, table.heap.id()).pages;
        table.model.retain(|id, _| left.contains(&id.page));
        for _ in 0..6 {
            table.insert(&pool, 900);
        }
        table.check(&pool);
        check_no_leak(&pool, &[&table.heap]);
    }
}

/// Under a pager that keeps each changed page until the end, as lab 6 does, a batch for each call holds few
/// pages; and a batch that is taken back has freed nothing.
#[testkit::test]
fn a_batch_for_each_call_keeps_few_pages() {
    let pager = CountingPager::new(pool(6).1);
    let (mut table, _) = Table::filled(&pager, 60, 950);
    let mut round = 0;
    loop {
        round += 1;
        let before = table.check(&pager).pages;
        let batch = BatchPager::new(&pager);
        let is_gone = must(batch.operation(|batch| table.heap.destroy_some(batch, 3)), "destroy_some");
        check!(batch.kept().len() <= 4, "{:?} are kept, three pages were to be freed", batch.kept());
        if round % 2 == 1 {
            step!("// taken back");
            must(batch.abort(), "abort");
            check_eq!(table.check(&pager).pages, before, "the chain after a batch that was taken back");
            continue;
        }
        must(batch.commit(), "commit");
        if is_gone {
            break;
        }
        let left = allocated(pager.inner());
        table.model.retain(|id, _| left.contains(&id.page));
    }
    check_eq!(allocated(pager.inner()), [].into(), "allocated pages at the end");
}

/// A call that fails has freed what it has freed: the next one goes on with the rest.
#[testkit::test]
fn a_call_that_fails_can_be_repeated() {
    for n in 0..12 {
        let pager = CountingPager::new(pool(8).1);
        let (mut table, _) = Table::filled(&pager, 40, 950);
        step!("// request {n} of destroy_some fails");
        pager.fail_at(pager.calls() + n, Error::AllPinned { frames: 8 });
        let result = table.heap.destroy_some(&pager, 3);
        check_eq!(pager.held(), vec![], "pages held after destroy_some");
        pager.fail_no_more();
        let left = allocated(pager.inner());
        check!(left.len() >= 7, "{} pages are left of ten, three of which were to be freed", left.len());
        table.model.retain(|id, _| left.contains(&id.page));
        table.check(&pager);
        let heap = must(TableHeap::open(&pager, table.heap.id()), "open of the rest");
        check_eq!(heap.destroy(&pager), Ok(()), "destroy of the rest");
        check_eq!(allocated(pager.inner()), [].into(), "allocated pages at the end");
        if result.is_ok() {
            return;
        }
    }
}
