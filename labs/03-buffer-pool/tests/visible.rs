//! The public examples of lab 3: read them beside the task, run them with `cargo test -p buffer-pool`.
//! The grader has more, and harder ones.

use buffer_pool::{
    Access, BufferPool, Error, FlushHook, FrameId, FrameTable, Lookup, Pager, PinCounts, dump_pool,
};
use kit::disk::MemDisk;
use kit::sync::{Arc, Mutex, thread};
use slotted_page::{DiskManager, IoError, Lsn, PageId, PageKind, header};

/// A kind of page that the pool knows nothing about.
const NOTES: PageKind = PageKind(99);
/// Where the tests put a byte.
const AT: usize = 100;

/// A table for `frames` frames, and the pins it looks at.
fn table(frames: usize) -> (FrameTable, Arc<PinCounts>) {
    let pins = Arc::new(PinCounts::new(frames));
    (FrameTable::new(Arc::clone(&pins)), pins)
}

/// Brings `page` into the table and lets go of it. Says which page had to go.
fn bring_in(table: &mut FrameTable, pins: &PinCounts, page: PageId) -> Option<PageId> {
    let mut claim = table.claim(page).unwrap();
    let (frame, victim) = (claim.frame, claim.victim);
    table.evicted(&mut claim);
    table.publish(claim);
    pins.release(frame);
    victim
}

/// A pool of `frames` frames over an empty file.
fn pool(frames: usize) -> BufferPool {
    BufferPool::new(DiskManager::create(Arc::new(MemDisk::new())).unwrap(), frames).unwrap()
}

/// Allocates `count` pages, the byte at `AT` of each being its place in the row.
fn pages(pool: &BufferPool, count: u8) -> Vec<PageId> {
    (0..count)
        .map(|place| {
            let mut page = pool.allocate(NOTES).unwrap();
            page[AT] = place;
            page.id()
        })
        .collect()
}

// Task 3.1: frame table.

/// A page is absent, then busy, then resident, and pinned until it is let go.
#[test]
fn a_claimed_page_is_busy_until_it_is_published() {
    let (mut table, pins) = table(2);
    assert_eq!(table.lookup(PageId(7)), Lookup::Absent);
    let claim = table.claim(PageId(7)).unwrap();
    let frame = claim.frame;
    assert_eq!(table.lookup(PageId(7)), Lookup::Busy);
    table.publish(claim);
    assert_eq!(table.lookup(PageId(7)), Lookup::Resident(frame));
    assert_eq!(pins.get(frame), 1);
    table.pin(frame, Access::Again);
    assert_eq!(pins.get(frame), 2);
    assert_eq!(table.resident(), [(PageId(7), frame)]);
}

/// The page that was used only once goes before the one used twice, and a pinned one never.
#[test]
fn the_victim_is_that_of_lru_2_among_the_unpinned() {
    let (mut table, pins) = table(3);
    for page in [1, 2, 3].map(PageId) {
        assert_eq!(bring_in(&mut table, &pins, page), None);
    }
    let Lookup::Resident(first) = table.lookup(PageId(1)) else { panic!("page 1 is resident") };
    table.pin(first, Access::Again);
    pins.release(first);
    // Page 1 was used twice. Page 2 is the least recently used of the others, but it is pinned.
    let Lookup::Resident(second) = table.lookup(PageId(2)) else { panic!("page 2 is resident") };
    table.pin(second, Access::Again);
    assert_eq!(bring_in(&mut table, &pins, PageId(4)), Some(PageId(3)));
    assert_eq!(table.lookup(PageId(3)), Lookup::Absent);
}

/// No frame can be had: an error that says so, at once.
#[test]
fn a_table_of_pinned_frames_gives_none_away() {
    let (mut table, _pins) = table(1);
    let claim = table.claim(PageId(1)).unwrap();
    table.publish(claim);
    assert_eq!(table.claim(PageId(2)), Err(Error::AllPinned { frames: 1 }));
    assert_eq!(table.lookup(PageId(2)), Lookup::Absent);
}

/// A victim whose write failed stays, in the frame where it was.
#[test]
fn a_cancelled_claim_leaves_the_victim_where_it_was() {
    let (mut table, pins) = table(1);
    bring_in(&mut table, &pins, PageId(1));
    let claim = table.claim(PageId(2)).unwrap();
    assert_eq!(claim.victim, Some(PageId(1)));
    assert_eq!(table.lookup(PageId(1)), Lookup::Busy);
    table.cancel(claim);
    assert_eq!(table.lookup(PageId(1)), Lookup::Resident(FrameId(0)));
    assert_eq!(table.lookup(PageId(2)), Lookup::Absent);
    assert_eq!(pins.get(FrameId(0)), 0);
}

// Task 3.2: load and evict.

/// A page that had to go comes back as it was, and the counts say what that took.
#[test]
fn an_evicted_page_comes_back_as_it_was() {
    let pool = pool(2);
    let ids = pages(&pool, 5);
    assert_eq!(pool.resident(), ids[3..]);
    let pin = pool.pin(ids[0], Access::Again).unwrap();
    assert_eq!((pin.id(), pool.pin_count(ids[0])), (ids[0], 1));
    drop(pin);
    assert_eq!(pool.pin_count(ids[0]), 0);
    assert!(pool.stats().misses >= 1 && pool.stats().evictions >= 4, "{}", dump_pool(&pool));
}
