//! Several heaps in one file, and hints that turn out wrong.

use buffer_pool::{Error, Pager};
use slotted_page::header::put_u32;
use slotted_page::{PageId, SlottedPage};
use testkit::{check, check_eq, step};

use crate::heap_support::{Table, check_file, check_no_leak, dice, must, pool, some_op};

/// Heaps whose pages lie mixed in one file do not touch each other's records.
#[testkit::test]
fn heaps_do_not_mix() {
    let (disk, pool) = pool(6);
    let mut tables: Vec<Table> = (0..3).map(|_| Table::create(&pool)).collect();
    let mut dice = dice();
    for _ in 0..700 {
        let table = dice(3);
        let op = some_op(&mut dice, 8);
        tables[table].apply(&pool, &op);
    }
    for table in &tables {
        table.check(&pool);
    }
    check_file(&disk, &pool, &tables.iter().collect::<Vec<_>>());
}

/// A record id of one heap means nothing to another: it is refused, not answered from the wrong heap.
#[testkit::test]
fn refuses_the_ids_of_another_heap() {
    let (_, pool) = pool(6);
    let (mine, _) = Table::filled(&pool, 12, 900);
    let (mut other, ids) = Table::filled(&pool, 12, 900);
    other.delete(&pool, ids[5]);
    let pages = other.check(&pool).pages;
    check!(pages.len() >= 3, "the other heap has more pages than its first");
    for id in ids {
        let wrong = || Error::NotInHeap { page: id.page, heap: mine.heap.id() };
        check_eq!(mine.heap.get(&pool, id), Err(wrong()), "get of {id}, which is another heap's");
        check_eq!(mine.heap.get_with(&pool, id, <[u8]>::len), Err(wrong()), "get_with of another heap's");
        check_eq!(mine.heap.update(&pool, id, b"x"), Err(wrong()), "update of another heap's");
        check_eq!(mine.heap.delete(&pool, id), Err(wrong()), "delete of another heap's");
        check_eq!(mine.heap.restore(&pool, id, b"x"), Err(wrong()), "restore to another heap's");
    }
    mine.check(&pool);
    other.check(&pool);
}

/// Takes the last page out of the chain and frees it, as the undo of an insert that made it does.
fn take_last_page_back(pool: &buffer_pool::BufferPool, table: &mut Table) -> PageId {
    let pages = table.check(pool).pages;
    let [.., before, last] = pages[..] else { panic!("the heap has more than one page") };
    table.model.retain(|id, _| id.page != last);
    step!("// {last} is taken out of the chain, as the undo of a mini-transaction does");
    for (page, at, value) in [(before, 0, 0), (table.heap.id(), 8, before.0)] {
        let mut guard = must(Pager::write(pool, page), "write");
        put_u32(SlottedPage::assume_valid(&mut *guard).owner_mut(), at, value);
    }
    let guard = must(Pager::write(pool, last), "write");
    check_eq!(pool.free(guard), Ok(()), "free of the last page");
    last
}

/// A page that the heap remembers but that is no longer allocated is forgotten: that is no error of an
/// insert.
#[testkit::test]
fn a_hint_of_a_free_page_is_dropped() {
    let (_, pool) = pool(6);
    let (mut table, ids) = Table::filled(&pool, 13, 900);
    table.delete(&pool, ids[12]);
    table.insert(&pool, 100);
    let last = take_last_page_back(&pool, &mut table);
    for _ in 0..10 {
        let id = table.insert(&pool, 900);
        check!(id.page != last || pool.disk().is_allocated(last), "insert gave a page that is not allocated");
    }
    table.check(&pool);
    check_no_leak(&pool, &[&table.heap]);
}

/// A page that the heap remembers but that became another heap's is forgotten: nothing may be put there.
#[testkit::test]
fn a_hint_of_another_heaps_page_is_dropped() {
    let (_, pool) = pool(6);
    let (mut table, ids) = Table::filled(&pool, 13, 900);
    table.delete(&pool, ids[12]);
    table.insert(&pool, 100);
    let last = take_last_page_back(&pool, &mut table);
    let mut other = Table::create(&pool);
    let (mut spare, _) = Table::filled(&pool, 9, 900);
    let pages: Vec<PageId> = [&other, &spare].iter().flat_map(|table| table.check(&pool).pages).collect();
    check!(pages.contains(&last), "{last} is used again by another heap, which has {pages:?}");
    for _ in 0..10 {
        table.insert(&pool, 900);
        other.insert(&pool, 300);
        spare.insert(&pool, 300);
    }
    for heap in [&table, &other, &spare] {
        heap.check(&pool);
    }
    check_no_leak(&pool, &[&table.heap, &other.heap, &spare.heap]);
}

/// The same for a heap that was just opened, whose pages nobody has looked at yet.
#[testkit::test]
fn an_unseen_page_of_another_heap_is_no_error() {
    for pages in 2..12 {
        let (_, pool) = pool(6);
        let (mut table, _) = Table::filled(&pool, 4 * pages, 900);
        table.reopen(&pool);
        // Looks at some of the pages, and makes a new one.
        table.insert(&pool, 2_000);
        for _ in 0..pages {
            take_last_page_back(&pool, &mut table);
        }
        let (mut other, _) = Table::filled(&pool, pages, 3_000);
        for _ in 0..10 {
            table.insert(&pool, 2_000);
            other.insert(&pool, 300);
        }
        table.check(&pool);
        other.check(&pool);
        check_no_leak(&pool, &[&table.heap, &other.heap]);
    }
}
