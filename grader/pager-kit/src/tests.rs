//! The pagers keep what their docs say.

use std::panic::{AssertUnwindSafe, catch_unwind};

use buffer_pool::{Error, Pager};
use slotted_page::{Lsn, PageId, PageKind, header};

use crate::{BatchPager, Call, CountingPager, MemPager, What, in_batch};

fn new_page<P: Pager>(pager: &P) -> PageId {
    header::id(&pager.allocate(PageKind::HEAP).unwrap())
}

fn set<P: Pager>(pager: &P, page: PageId, at: usize, byte: u8) {
    pager.write(page).unwrap()[at] = byte;
}

fn not_allocated(page: PageId) -> Option<Error> {
    Some(slotted_page::Error::NotAllocated { page }.into())
}

#[test]
fn pages_in_memory_go_down_and_come_back() {
    let pager = MemPager::new(3);
    let pages: Vec<PageId> = (0..3).map(|_| new_page(&pager)).collect();
    assert_eq!(pages, [PageId(6), PageId(5), PageId(4)]);
    assert!(matches!(
        pager.allocate(PageKind::HEAP).err(),
        Some(Error::Page(slotted_page::Error::FileFull { max: 3 }))
    ));
    set(&pager, pages[1], 100, 7);
    pager.free(pager.write(pages[1]).unwrap()).unwrap();
    assert_eq!(pager.read(pages[1]).err(), not_allocated(PageId(5)));
    assert_eq!(pager.allocated(), [PageId(4), PageId(6)]);
    assert_eq!(new_page(&pager), pages[1]);
    assert_eq!(pager.read(pages[1]).unwrap()[100], 0);
    assert_eq!(pager.bytes().len(), 7 * slotted_page::PAGE_SIZE);
}

#[test]
fn every_call_is_counted_and_any_can_fail() {
    let pager = CountingPager::new(MemPager::new(8));
    let (a, b) = (new_page(&pager), new_page(&pager));
    pager.take();
    set(&pager, a, 60, 1);
    {
        let _a = pager.read(a).unwrap();
        let _b = pager.read_once(b).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(pager.try_write(a).unwrap().is_none()));
        });
        assert_eq!(pager.held(), [b, a]);
    }
    drop(pager.try_write(b).unwrap().unwrap());
    assert_eq!((pager.max_held(), pager.held()), (2, vec![]));
    pager.fail_at(pager.calls(), Error::AllPinned { frames: 3 });
    pager.fail_call(Call::Free, 0, Error::AllPinned { frames: 4 });
    assert_eq!(pager.read(a).err(), Some(Error::AllPinned { frames: 3 }));
    assert_eq!(pager.free(pager.write(b).unwrap()), Err(Error::AllPinned { frames: 4 }));
    pager.free(pager.write(b).unwrap()).unwrap();
    assert_eq!(pager.read(b).err(), not_allocated(b));
    let counts = pager.take();
    assert_eq!((counts.reads, counts.read_onces, counts.writes), (3, 1, 3));
    assert_eq!((counts.try_granted, counts.try_refused), (1, 1));
    assert_eq!((counts.frees, counts.failed, counts.changed), (2, 3, 1));
}

#[test]
fn each_page_that_a_thread_gets_or_drops_is_recorded() {
    let pager = CountingPager::new(MemPager::new(8));
    let (a, b) = (new_page(&pager), new_page(&pager));
    pager.record();
    let first = pager.read(a).unwrap();
    let second = pager.write(b).unwrap();
    drop(first);
    drop(second);
    let steps: Vec<_> = pager.take_events().into_iter().map(|event| (event.what, event.held)).collect();
    let expected = [
        (What::Given(Call::Read), vec![a]),
        (What::Given(Call::Write), vec![a, b]),
        (What::Dropped, vec![b]),
        (What::Dropped, vec![]),
    ];
    assert_eq!(steps, expected);
}

#[test]
fn rule_u1_is_watched_by_both() {
    let counting = CountingPager::new(MemPager::new(8));
    let page = new_page(&counting);
    let batch = BatchPager::new(&counting);
    let message = |ask: &dyn Fn()| {
        let payload = catch_unwind(AssertUnwindSafe(ask)).unwrap_err();
        *payload.downcast::<String>().unwrap()
    };
    let expected = format!("U1: this thread asks for {page}, of which it already holds a guard");
    {
        let _held = counting.read(page).unwrap();
        assert_eq!(message(&|| drop(counting.read(page))), expected);
    }
    let _held = batch.write(page).unwrap();
    assert_eq!(message(&|| drop(batch.try_write(page))), expected);
}

#[test]
fn a_batch_keeps_what_was_changed_and_nothing_else() {
    let counting = CountingPager::new(MemPager::new(8));
    let (a, b, c) = (new_page(&counting), new_page(&counting), new_page(&counting));
    let batch = BatchPager::new(&counting);
    set(&batch, a, 60, 1);
    set(&batch, a, 61, 2);
    set(&batch, a, 99, 3);
    drop(batch.write(b).unwrap());
    drop(batch.read(b).unwrap());
    batch.free(batch.write(c).unwrap()).unwrap();
    assert_eq!(batch.read(c).err(), not_allocated(c));
    assert_eq!(batch.read(a).unwrap()[60], 1);
    let new = new_page(&batch);
    assert_eq!(counting.held(), {
        let mut kept = vec![a, c, new];
        kept.sort();
        kept
    });
    assert_eq!(counting.of(c).frees, 0);
    let changes = batch.commit_at(Lsn(9)).unwrap();
    let of = |page| changes.iter().find(|change| change.page == page).unwrap();
    assert_eq!(of(a).ranges, [60..62, 99..100]);
    assert_eq!((of(a).byte_count(), of(a).is_new, of(c).is_freed, of(new).is_new), (3, false, true, true));
    assert_eq!((counting.held(), counting.of(c).frees), (vec![], 1));
    assert_eq!(header::lsn(&counting.read(a).unwrap()), Lsn(9));
    assert!(batch.kept().is_empty());
}

#[test]
fn a_batch_is_for_one_operation() {
    let pager = MemPager::new(8);
    let page = new_page(&pager);
    let batch = BatchPager::new(&pager);
    let message = |ask: &dyn Fn()| {
        let payload = catch_unwind(AssertUnwindSafe(ask)).unwrap_err();
        *payload.downcast::<&str>().unwrap()
    };
    batch.operation(|batch| set(batch, page, 60, 1));
    assert_eq!(
        message(&|| drop(batch.read(page))),
        "U4: this batch is asked for a page after its operation has ended"
    );
    assert_eq!(message(&|| batch.operation(|_| ())), "U4: a second operation in one batch");
    batch.abort().unwrap();
    for byte in 2..4 {
        batch.operation(|batch| set(batch, page, 60, byte));
        batch.commit().unwrap();
    }
    assert_eq!(pager.read(page).unwrap()[60], 3);
}

#[test]
fn pages_to_be_freed_are_stamped_too() {
    let counting = CountingPager::new(MemPager::new(8));
    let page = new_page(&counting);
    let batch = BatchPager::new(&counting);
    batch.free(batch.write(page).unwrap()).unwrap();
    counting.fail_call(Call::Free, 0, Error::AllPinned { frames: 3 });
    assert_eq!(batch.commit_at(Lsn(7)).err(), Some(Error::AllPinned { frames: 3 }));
    assert_eq!(header::lsn(&counting.read(page).unwrap()), Lsn(7));
}

#[test]
fn an_aborted_batch_has_done_nothing() {
    let pager = MemPager::new(8);
    let (a, b) = (new_page(&pager), new_page(&pager));
    let before = pager.bytes();
    let result = in_batch(&pager, |batch| {
        set(batch, a, 60, 1);
        new_page(batch);
        set(batch, b, 70, 1);
        batch.free(batch.write(b)?)?;
        Err::<(), Error>(Error::NoFrames)
    });
    assert_eq!(result.err(), Some(Error::NoFrames));
    assert!(pager.bytes() == before);
    let ((), changes) = in_batch(&pager, |batch| {
        set(batch, a, 60, 1);
        Ok::<(), Error>(())
    })
    .unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(pager.read(a).unwrap()[60], 1);
}
