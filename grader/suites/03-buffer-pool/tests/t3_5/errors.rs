//! Calls that fail: an error leaves every record as it was, leaks no page, and the heap goes on working.

use std::io::ErrorKind;

use buffer_pool::{BufferPool, Error, Pager, RecordId, TableHeap};
use pager_kit::CountingPager;
use slotted_page::{PageId, PageKind};
use testkit::disk::FaultDisk;
use testkit::{Failure, check, check_eq, step};

use crate::heap_support::{Table, allocated, check_no_leak, must, pool};

/// An operation under which anything may fail.
#[derive(Clone, Copy, Debug)]
enum Case {
    InsertInPage,
    InsertGrows,
    UpdateInPlace,
    UpdateMoves,
    UpdateMovesIntoNewPage,
    UpdateMovesOn,
    UpdateComesHome,
    DeleteHome,
    DeleteMoved,
    Restore,
    RestoreElsewhere,
}

const CASES: [Case; 11] = [
    Case::InsertInPage,
    Case::InsertGrows,
    Case::UpdateInPlace,
    Case::UpdateMoves,
    Case::UpdateMovesIntoNewPage,
    Case::UpdateMovesOn,
    Case::UpdateComesHome,
    Case::DeleteHome,
    Case::DeleteMoved,
    Case::Restore,
    Case::RestoreElsewhere,
];

/// Four pages; the record returned lies in the first, which is nearly full.
fn build<P: Pager>(pager: &P, case: Case) -> (Table, RecordId) {
    let (mut table, ids) = Table::filled(pager, 16, 950);
    let id = ids[1];
    match case {
        Case::InsertInPage | Case::DeleteHome | Case::UpdateInPlace => {}
        // The last page keeps room for one record, the others for none.
        Case::InsertGrows | Case::UpdateMovesIntoNewPage => {
            for id in [ids[0], ids[4], ids[8], ids[12]] {
                table.update(pager, id, 1_150);
            }
        }
        Case::UpdateMoves => {
            table.delete(pager, ids[14]);
            table.delete(pager, ids[13]);
        }
        Case::UpdateMovesOn => {
            table.delete(pager, ids[14]);
            table.delete(pager, ids[13]);
            table.update(pager, id, 1_900);
            table.delete(pager, ids[8]);
            table.delete(pager, ids[9]);
            table.delete(pager, ids[10]);
        }
        Case::UpdateComesHome | Case::DeleteMoved => table.update(pager, id, 2_000),
        Case::Restore => table.delete(pager, id),
        Case::RestoreElsewhere => {
            table.delete(pager, id);
            table.update(pager, ids[0], 1_900);
        }
    }
    table.check(pager);
    (table, id)
}

/// Does what `case` says. The model follows if it succeeds.
fn run<P: Pager>(table: &mut Table, pager: &P, id: RecordId, case: Case) -> Result<(), Error> {
    let len = match case {
        Case::InsertInPage => 100,
        Case::InsertGrows => 2_000,
        Case::UpdateInPlace => 900,
        Case::UpdateMoves | Case::UpdateMovesIntoNewPage => 1_700,
        Case::UpdateMovesOn => 2_800,
        Case::UpdateComesHome => 600,
        Case::DeleteHome | Case::DeleteMoved => 0,
        Case::Restore | Case::RestoreElsewhere => 950,
    };
    let record = table.fresh(len);
    step!("{case:?} with {len} bytes");
    match case {
        Case::InsertInPage | Case::InsertGrows => {
            let id = table.heap.insert(pager, &record)?;
            check!(table.model.insert(id, record).is_none(), "insert gave {id}, which is in use");
        }
        Case::DeleteHome | Case::DeleteMoved => {
            table.heap.delete(pager, id)?;
            table.model.remove(&id);
        }
        Case::Restore | Case::RestoreElsewhere => {
            table.heap.restore(pager, id, &record)?;
            table.model.insert(id, record);
        }
        _ => {
            table.heap.update(pager, id, &record)?;
            table.model.insert(id, record);
        }
    }
    Ok(())
}

/// After an error: as before it, and everything works, the failed call too.
fn check_unharmed<P: Pager>(table: &mut Table, pager: &P, pool: &BufferPool, id: RecordId, case: Case) {
    table.check(pager);
    check_no_leak(pool, &[&table.heap]);
    must(run(table, pager, id, case), "the same call again, when nothing fails");
    for len in [10, 900, 2_500] {
        table.insert(pager, len);
    }
    table.check(pager);
    check_no_leak(pool, &[&table.heap]);
}

/// Whichever request for a page fails, the operation is done or not done, holds nothing and leaks nothing.
#[testkit::test]
fn any_page_request_may_fail() {
    let mut failures = 0;
    for case in CASES {
        for n in 0..60 {
            let pager = CountingPager::new(pool(8).1);
            let (mut table, id) = build(&pager, case);
            let pages = allocated(pager.inner());
            pager.take();
            step!("// request {n} of the next call fails");
            pager.fail_at(pager.calls() + n, Error::AllPinned { frames: 8 });
            let result = run(&mut table, &pager, id, case);
            let has_struck = pager.counts().failed > 0;
            check_eq!(pager.held(), vec![], "pages held after {case:?}");
            pager.fail_no_more();
            match result {
                Err(error) => {
                    check_eq!(error, Error::AllPinned { frames: 8 }, "the error of {case:?}");
                    check_eq!(allocated(pager.inner()), pages, "allocated pages after {case:?} failed");
                    failures += 1;
                    check_unharmed(&mut table, &pager, pager.inner(), id, case);
                }
                Ok(()) => {
                    table.check(&pager);
                    check_no_leak(pager.inner(), &[&table.heap]);
                }
            }
            if !has_struck {
                break;
            }
        }
    }
    check!(failures >= 15, "only {failures} requests failed");
}

/// The same with reads of the disk that fail, in a pool so small that nearly each page is read.
#[testkit::test]
fn any_read_of_the_disk_may_fail() {
    let failures = disk_faults(|disk, n| {
        disk.fail_read_at(disk.counts().reads + n, ErrorKind::TimedOut);
    });
    check!(failures >= 8, "only {failures} reads failed");
}

/// The same with writes, which fail when a page has to leave for another.
#[testkit::test]
fn any_write_of_the_disk_may_fail() {
    let failures = disk_faults(|disk, n| disk.fail_at(disk.ops() + n, ErrorKind::TimedOut));
    check!(failures >= 8, "only {failures} writes failed");
}

/// A kind of page that nobody looks into.
const SPARE: PageKind = PageKind(99);

/// Runs every case with the disk's `n`-th call from now failing, for each n. How many operations failed.
fn disk_faults(fail: impl Fn(&FaultDisk, u64)) -> usize {
    let mut failures = 0;
    for case in CASES {
        for n in 0..8 {
            let (disk, pool) = pool(3);
            let (mut table, id) = build(&pool, case);
            // Changed pages of nobody fill the pool: each page of the heap must be read, and one of these
            // written.
            let spare = [(); 3].map(|()| must(pool.pin_new(SPARE), "pin_new").id());
            step!("// call {n} of the disk fails from here on");
            fail(&disk, n);
            let result = run(&mut table, &pool, id, case);
            free(&pool, &spare);
            match result {
                Err(Error::Page(slotted_page::Error::Io(error))) => {
                    check_eq!(error.0.kind(), ErrorKind::TimedOut, "the error of {case:?}");
                    failures += 1;
                    check_unharmed(&mut table, &pool, &pool, id, case);
                }
                Err(error) => Failure::new(format!("the error of {case:?}"))
                    .found(error)
                    .expected_text("that of the disk")
                    .raise(),
                Ok(()) => {}
            }
        }
    }
    failures
}

/// Frees pages, twice if a fault that has not struck yet strikes now.
fn free(pool: &BufferPool, pages: &[PageId]) {
    for page in pages {
        let page = Pager::write(pool, *page).or_else(|_| Pager::write(pool, *page));
        must(pool.free(must(page, "write")), "free");
    }
}

/// With every frame pinned by others an operation says so, and changes nothing.
#[testkit::test]
fn all_frames_may_be_pinned() {
    let mut refused = 0;
    for case in CASES {
        for pinned in 1..=4 {
            let (_, pool) = pool(4);
            let (mut table, id) = build(&pool, case);
            let spare: Vec<_> = (0..pinned).map(|_| must(pool.pin_new(SPARE), "pin_new").id()).collect();
            let pins: Vec<_> =
                spare.iter().map(|page| must(pool.pin(*page, buffer_pool::Access::Again), "pin")).collect();
            step!("// {pinned} of 4 frames are pinned");
            let result = run(&mut table, &pool, id, case);
            drop(pins);
            free(&pool, &spare);
            match result {
                Ok(()) => check!(pinned < 4, "{case:?} worked although every frame was pinned"),
                Err(error) => {
                    check_eq!(error, Error::AllPinned { frames: 4 }, "the error of {case:?}");
                    check!(pinned > 1, "{case:?} needs more than three frames");
                    refused += 1;
                    check_unharmed(&mut table, &pool, &pool, id, case);
                }
            }
        }
    }
    check!(refused >= CASES.len(), "only {refused} calls were refused");
}

/// On a full disk what needs no new page goes on, and what needs one fails and changes nothing.
#[testkit::test]
fn the_disk_may_be_full() {
    let (disk, pool) = pool(6);
    let (mut table, ids) = Table::filled(&pool, 16, 950);
    disk.capacity(disk.bytes().len() as u64);
    step!("// the disk is full from here on");
    let error = loop {
        let record = table.fresh(3_000);
        match table.heap.insert(&pool, &record) {
            Ok(id) => table.model.insert(id, record),
            Err(error) => break error,
        };
        check!(table.model.len() < 2_000, "the disk is full, but inserts go on");
    };
    check!(is_full(&error), "the error of an insert on a full disk: {error:?}");
    table.check(&pool);
    check_no_leak(&pool, &[&table.heap]);
    let record = table.fresh(3_500);
    let moved = table.heap.update(&pool, ids[2], &record);
    check!(
        matches!(&moved, Err(error) if is_full(error)),
        "an update that must move on a full disk: {moved:?}"
    );
    table.check(&pool);
    table.update(&pool, ids[2], 900);
    table.delete(&pool, ids[3]);
    table.insert(&pool, 800);
    table.restore(&pool, ids[3], 7);
    table.check(&pool);
    check_no_leak(&pool, &[&table.heap]);
    step!("// there is room again");
    disk.capacity(u64::MAX);
    table.update(&pool, ids[2], 3_500);
    table.insert(&pool, 3_000);
    table.check(&pool);
    check_no_leak(&pool, &[&table.heap]);
}

fn is_full(error: &Error) -> bool {
    matches!(error, Error::Page(slotted_page::Error::Io(error)) if error.0.kind() == ErrorKind::StorageFull)
}

/// Creating a heap that fails leaves no page behind.
#[testkit::test]
fn a_heap_that_cannot_be_made_leaks_nothing() {
    for n in 0..6 {
        let pager = CountingPager::new(pool(4).1);
        pager.fail_at(n, Error::AllPinned { frames: 4 });
        let made = TableHeap::create(&pager).map(|heap| heap.id());
        check_eq!(pager.held(), vec![], "pages held after create");
        pager.fail_no_more();
        match made {
            Ok(id) => {
                check_eq!(allocated(pager.inner()), [id].into(), "allocated pages");
                let heap = must(TableHeap::open(&pager, id), "open of the new heap");
                let record = must(heap.insert(&pager, b"record"), "insert");
                check_eq!(heap.get(&pager, record).as_deref(), Ok(&b"record"[..]), "get");
            }
            Err(_) => check_eq!(allocated(pager.inner()), [].into(), "allocated pages after create failed"),
        }
    }
}

/// A destroy that fails half-way has not lost the pages that are left: the heap can be opened and destroyed
/// again.
#[testkit::test]
fn a_destroy_that_fails_can_be_finished() {
    let mut failures = 0;
    for n in 0..60 {
        let pager = CountingPager::new(pool(8).1);
        let (table, _) = Table::filled(&pager, 16, 950);
        let first = table.heap.id();
        pager.take();
        step!("// request {n} of destroy fails");
        pager.fail_at(pager.calls() + n, Error::AllPinned { frames: 8 });
        let result = table.heap.destroy(&pager);
        check_eq!(pager.held(), vec![], "pages held after destroy");
        pager.fail_no_more();
        if result.is_ok() {
            check_eq!(allocated(pager.inner()), [].into(), "allocated pages after destroy");
            break;
        }
        failures += 1;
        check_eq!(result, Err(Error::AllPinned { frames: 8 }), "the error of destroy");
        let heap = must(TableHeap::open(&pager, first), "open of a heap that was destroyed in part");
        check_eq!(heap.destroy(&pager), Ok(()), "a second destroy");
        check_eq!(allocated(pager.inner()), [].into(), "allocated pages after the second destroy");
    }
    check!(failures >= 4, "only {failures} requests failed");
}
