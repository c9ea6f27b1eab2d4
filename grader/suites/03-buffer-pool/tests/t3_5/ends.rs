//! The two ends of a chain: the last page is filled before another is linked, and what a destroy could not
//! free is a heap.

use buffer_pool::Error;
use testkit::{check_eq, step};

use crate::heap_support::{Table, check_no_leak, pool};

/// An opened heap knows nothing, and its chain is too long to be looked through: but the first page knows the
/// last, and that has room.
#[testkit::test]
fn an_opened_heap_fills_its_last_page() {
    let (_, pool) = pool(4);
    let (mut table, _) = Table::filled(&pool, 200, 4_000);
    table.insert(&pool, 700);
    let pages = table.check(&pool).pages.len();
    check_eq!(pages, 201, "pages of 200 records of a page each, and a short one");
    for _ in 0..4 {
        table.reopen(&pool);
        let id = table.insert(&pool, 700);
        let survey = table.check(&pool);
        check_eq!(survey.pages.len(), pages, "pages: the last has room for 700 bytes more");
        check_eq!(Some(&id.page), survey.pages.last(), "the page of the new record");
    }
}

/// The first page cannot be freed, all others are: what is left is a sound heap of one page (H2), which grows
/// again.
#[testkit::test]
fn what_destroy_leaves_can_be_used() {
    for count in [1, 6, 30] {
        let (_, pool) = pool(4);
        let (mut table, _) = Table::filled(&pool, count, 950);
        let first = table.heap.id();
        check_eq!(pool.disk().set_root(Some(first)), Ok(()), "set_root");
        step!("// {first} is the root page of the file: it cannot be freed");
        let heap = buffer_pool::TableHeap::open(&pool, first).expect("open of the heap's first page");
        step!("heap.destroy(pager)");
        let root = Error::Page(slotted_page::Error::RootPage { page: first });
        check_eq!(heap.destroy(&pool), Err(root), "destroy of a heap that starts at the root page");
        table.model.retain(|id, _| id.page == first);
        table.reopen(&pool);
        check_eq!(table.check(&pool).pages, vec![first], "the pages that are left");
        for _ in 0..6 {
            table.insert(&pool, 950);
        }
        table.check(&pool);
        check_no_leak(&pool, &[&table.heap]);
    }
}
