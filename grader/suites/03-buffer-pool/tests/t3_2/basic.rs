//! What a pool does when nothing goes wrong, and what it refuses.

use std::collections::{BTreeMap, BTreeSet};

use buffer_pool::{Access, BufferPool, Error, PoolStats};
use slotted_page::{PAGE_SIZE, PageId, header};
use testkit::{check, check_eq};

use crate::frame_support::check_pool;
use crate::pool_support::{
    Io, KIND, check_frames, check_log, check_resident, file, make, manager, not_allocated, pin, pool,
    pool_over, tag_in, visit,
};

/// A pool without frames could never give out a page.
#[testkit::test]
fn a_pool_needs_a_frame() {
    let (tap, ids) = file(1);
    let found = BufferPool::new(manager(&tap), 0).err();
    check_eq!(found, Some(Error::NoFrames), "a new pool of 0 frames");
    let pool = pool(&tap, 1);
    check_eq!(pool.frame_count(), 1, "frame_count of a pool of one frame");
    check_eq!(pool.stats(), PoolStats::default(), "stats of a new pool");
    check_eq!(pool.resident(), vec![], "pages in a new pool");
    check!(pool.disk().is_allocated(ids[0]), "disk() is the file below");
    visit(&pool, ids[0]);
}

/// A page is read when it comes in and not again: that is what a pool is for.
#[testkit::test]
fn a_page_is_read_once() {
    let (tap, pool, ids) = pool_over(3, 3);
    for _ in 0..4 {
        ids.iter().for_each(|id| visit(&pool, *id));
    }
    check_log(&tap, &ids.iter().map(|id| Io::Read(*id)).collect::<Vec<_>>(), "12 pins of 3 pages");
    let stats = PoolStats { hits: 9, misses: 3, evictions: 0, writes: 0 };
    check_eq!(pool.stats(), stats, "stats after 12 pins of 3 pages");
    check_eq!(pool.resident(), ids, "pages in the pool, sorted");
}

/// Each pin counts, and each drop takes one back.
#[testkit::test]
fn pins_are_counted() {
    let (_, pool, ids) = pool_over(2, 2);
    check_eq!(pool.pin_count(ids[0]), 0, "pin_count of a page that is not in the pool");
    let first = pin(&pool, ids[0]);
    let second = pin(&pool, ids[0]);
    check_eq!(pool.pin_count(ids[0]), 2, "pin_count after two pins");
    drop(first);
    check_eq!(pool.pin_count(ids[0]), 1, "pin_count after one of them was dropped");
    visit(&pool, ids[1]);
    check_eq!(pool.pin_count(ids[0]), 1, "pin_count after another page came and was let go");
    drop(second);
    check_eq!(pool.pin_count(ids[0]), 0, "pin_count after both were dropped");
    check_resident(&pool, ids[0], true, "after its pins are gone: nobody needs its frame");
}

/// A pinned page stays in its frame; if all are pinned that is an error at once, and nothing is lost by it.
#[testkit::test]
fn pinned_pages_stay() {
    let (tap, pool, ids) = pool_over(6, 2);
    let held = pin(&pool, ids[0]);
    for id in &ids[1..] {
        visit(&pool, *id);
    }
    check_eq!(tap.count(Io::Read(ids[0])), 1, "reads of the page that is pinned all the time");
    let last = pin(&pool, ids[5]);
    for _ in 0..3 {
        let found = pool.pin(ids[1], Access::Again).err();
        check_eq!(found, Some(Error::AllPinned { frames: 2 }), "pin while both frames are pinned");
    }
    check_resident(&pool, ids[1], false, "after its pin was refused");
    check_eq!(pool.stats().misses, 6, "stats().misses: a pin that is refused is none");
    visit(&pool, ids[0]);
    visit(&pool, ids[5]);
    drop(held);
    visit(&pool, ids[1]);
    drop(last);
    check_frames(&pool, &ids[..2]);
}

/// A pool of one frame does its work, one page after the other.
#[testkit::test]
fn one_frame_is_enough() {
    let (tap, pool, ids) = pool_over(3, 1);
    for _ in 0..3 {
        ids.iter().for_each(|id| visit(&pool, *id));
    }
    check_eq!(tap.take_log().len(), 9, "reads of 9 pins of 3 pages by turns, in one frame");
    let made = make(&pool);
    visit(&pool, ids[0]);
    check_log(&tap, &[Io::Write(made), Io::Read(ids[0])], "a made page makes room for another");
    visit(&pool, made);
    check_log(&tap, &[Io::Read(made)], "the made page comes back");
}

/// A page that was not changed is not written: its bytes are on the disk already.
#[testkit::test]
fn clean_pages_are_not_written() {
    let (tap, pool, ids) = pool_over(8, 2);
    for round in 0..3 {
        ids.iter().skip(round).for_each(|id| visit(&pool, *id));
    }
    check!(ids.iter().all(|id| !pool.is_dirty(*id)), "no page is dirty that was only pinned");
    check_eq!(pool.flush_all(), Ok(()), "flush_all");
    check_eq!(pool.flush(ids[7]), Ok(()), "flush of a clean page");
    let writes = tap.take_log().into_iter().filter(|io| !matches!(io, Io::Read(_))).count();
    check_eq!(writes, 0, "writes after 21 pins of pages that nobody changed");
    check_eq!(pool.stats().writes, 0, "stats().writes");
    check_eq!(pool.stats().evictions, pool.stats().misses - 2, "evictions beside misses, in 2 frames");
}

/// A made page is allocated, pinned and dirty, without a read: there is nothing to read yet.
#[testkit::test]
fn a_made_page_needs_no_read() {
    let (tap, pool, _) = pool_over(2, 3);
    let new = pool.pin_new(KIND).expect("a frame is free and the disk has room");
    let id = new.id();
    check!(pool.disk().is_allocated(id), "{id} is allocated");
    check!(pool.is_dirty(id), "{id} is dirty from the start");
    check_eq!(pool.pin_count(id), 1, "pin_count of the new page");
    check_resident(&pool, id, true, "right after pin_new");
    drop(new);
    visit(&pool, id);
    check_log(&tap, &[], "a page made, let go and pinned again");
    let other = make(&pool);
    check!(other != id, "pin_new gave {id} twice");
    check_eq!(pool.stats().hits, 1, "hits: the pin of the page that was made before");
}

/// A made page is an empty page of its kind, whatever was in its frame: old rows must not leak into new
/// pages.
#[testkit::test]
fn a_made_page_is_empty() {
    let (tap, pool, ids) = pool_over(2, 2);
    ids.iter().for_each(|id| visit(&pool, *id));
    let made = [make(&pool), make(&pool)];
    check_eq!(pool.flush_all(), Ok(()), "flush_all");
    for id in made {
        let at = id.offset() as usize;
        let bytes = tap.disk.bytes();
        let page = bytes[at..at + PAGE_SIZE].try_into().expect("a page is so long");
        check_eq!(slotted_page::verify(page, id), Ok(()), "verify of {id} as it was written");
        check_eq!(header::kind(page), KIND, "the kind of {id}");
        check_eq!(tag_in(&bytes, id), Some(0), "the body of {id}, which must be zeros (None: old bytes)");
    }
}

/// A dirty page is written before its frame is used again, once, and then comes back as it was.
#[testkit::test]
fn dirty_pages_are_written_when_they_leave() {
    let (tap, pool, ids) = pool_over(3, 2);
    let made = make(&pool);
    visit(&pool, ids[0]);
    visit(&pool, ids[1]);
    check_log(&tap, &[Io::Read(ids[0]), Io::Write(made), Io::Read(ids[1])], "a made page leaves for another");
    check_eq!(tap.tag_on_disk(made), Some(0), "the made page on the disk");
    visit(&pool, made);
    check!(!pool.is_dirty(made), "a page read back from the disk is not dirty");
    visit(&pool, ids[2]);
    visit(&pool, ids[0]);
    check_log(
        &tap,
        &[Io::Read(made), Io::Read(ids[2]), Io::Read(ids[0])],
        "the page comes back, and leaves again unchanged",
    );
    check_eq!(pool.stats().writes, 1, "stats().writes");
}

/// A flush writes a dirty page once and leaves it where it is, clean.
#[testkit::test]
fn a_flush_writes_once() {
    let (tap, pool, ids) = pool_over(1, 3);
    let made = make(&pool);
    let held = pin(&pool, made);
    check_eq!(pool.flush(made), Ok(()), "flush of a dirty page");
    check_log(&tap, &[Io::Write(made)], "flush of a dirty page");
    check!(!pool.is_dirty(made), "a page is clean after its flush");
    check_eq!(pool.flush(made), Ok(()), "flush of a clean page");
    check_eq!(pool.flush(ids[0]), Ok(()), "flush of a page that is not in the pool");
    check_log(&tap, &[], "flush of a clean page, and of one that is not there");
    check_resident(&pool, made, true, "after its flush");
    check_eq!(pool.pin_count(made), 1, "pin_count after flush: the pin that was there");
    drop(held);
    check_eq!(pool.stats().writes, 1, "stats().writes");
}

/// `flush_all` writes every dirty page and no other.
#[testkit::test]
fn flush_all_writes_what_is_dirty() {
    let (tap, pool, ids) = pool_over(2, 6);
    ids.iter().for_each(|id| visit(&pool, *id));
    let made: Vec<PageId> = (0..4).map(|_| make(&pool)).collect();
    check_eq!(pool.flush(made[1]), Ok(()), "flush");
    tap.take_log();
    check_eq!(pool.flush_all(), Ok(()), "flush_all");
    let mut written = tap.take_log();
    written.sort_by_key(|io| format!("{io:?}"));
    let mut expected: Vec<Io> = [0, 2, 3].iter().map(|n| Io::Write(made[*n])).collect();
    expected.sort_by_key(|io| format!("{io:?}"));
    check_eq!(written, expected, "what flush_all wrote, sorted");
    check!(made.iter().all(|id| !pool.is_dirty(*id)), "nothing is dirty after flush_all");
    check_eq!(pool.stats().writes, 4, "stats().writes");
}

/// Pinned pages are written too: a pin keeps a page in the pool, and says nothing about its bytes.
#[testkit::test]
fn flush_all_writes_pinned_pages() {
    let (tap, pool, _) = pool_over(1, 4);
    let made: Vec<PageId> = (0..3).map(|_| make(&pool)).collect();
    let held = [pin(&pool, made[0]), pin(&pool, made[0]), pin(&pool, made[2])];
    check_eq!(pool.flush_all(), Ok(()), "flush_all while two of three dirty pages are pinned");
    let mut expected = made.clone();
    expected.sort();
    let expected: Vec<Io> = expected.into_iter().map(Io::Write).collect();
    check_log(&tap, &expected, "flush_all, three dirty pages, two of them pinned");
    check!(made.iter().all(|id| !pool.is_dirty(*id)), "no page is dirty after flush_all");
    check_pool(&pool, &[(made[0], 2), (made[2], 1)].into());
    drop(held);
    check_pool(&pool, &BTreeMap::new());
}

/// `flush_all` goes through the file from front to back, whichever frames its pages are in.
#[testkit::test]
fn flush_all_goes_in_the_order_of_pages() {
    let (tap, pool, _) = pool_over(2, 4);
    let mut made: Vec<PageId> = (0..4).map(|_| make(&pool)).collect();
    // Each of these takes the frame of the oldest page that was used once.
    check_eq!(pool.flush(made[0]), Ok(()), "flush");
    visit(&pool, made[1]);
    check_eq!(pool.flush(made[2]), Ok(()), "flush");
    made.extend([make(&pool), make(&pool)]);
    tap.take_log();
    check_eq!(pool.flush_all(), Ok(()), "flush_all");
    let mut expected = vec![made[1], made[3], made[4], made[5]];
    expected.sort();
    let expected: Vec<Io> = expected.into_iter().map(Io::Write).collect();
    check_log(&tap, &expected, "flush_all, four dirty pages");
}

/// After `sync` everything is on the disk for good: the pages written, then the disk synced, not the other
/// way round.
#[testkit::test]
fn sync_makes_everything_durable() {
    let (tap, pool, _) = pool_over(2, 4);
    let made = [make(&pool), make(&pool), make(&pool)];
    check_eq!(pool.sync(), Ok(()), "sync");
    let durable = tap.disk.durable();
    for id in made {
        check_eq!(tag_in(&durable, id), Some(0), "{id} after a crash right after sync");
        check!(manager(&tap).is_allocated(id), "{id} is allocated after opening the file again");
    }
    check_eq!(pool.stats().writes, 3, "stats().writes");
}

/// A pool that is dropped writes nothing: what was not synced may be gone, and a crash must look the same.
#[testkit::test]
fn dropping_the_pool_writes_nothing() {
    let (tap, ids) = file(1);
    let pool = pool(&tap, 2);
    make(&pool);
    visit(&pool, ids[0]);
    tap.take_log();
    drop(pool);
    check_log(&tap, &[], "a pool with a dirty page is dropped");
}

/// What is not a page of the owner's is refused by the disk manager's own error, and costs no frame.
#[testkit::test]
fn pages_that_do_not_exist_are_refused() {
    let (_, pool, ids) = pool_over(2, 2);
    for _ in 0..4 {
        let reserved = Error::Page(slotted_page::Error::ReservedPage { page: PageId(0) });
        check_eq!(pool.pin(PageId(0), Access::Again).err(), Some(reserved), "pin of page 0");
        let free = PageId(1_000);
        check_eq!(
            pool.pin(free, Access::Again).err(),
            Some(not_allocated(free)),
            "pin of a page past the end"
        );
        check_resident(&pool, free, false, "which does not exist");
    }
    check_frames(&pool, &ids);
}

/// Every frame can hold any page, after any number of evictions: none is lost on the way.
#[testkit::test]
fn no_frame_is_lost() {
    let (_, pool, ids) = pool_over(12, 4);
    let mut rng = testkit::rng();
    for round in 0..300 {
        visit(&pool, ids[rng.usize(..ids.len())]);
        if round % 50 == 0 {
            make(&pool);
        }
        check_pool(&pool, &BTreeMap::new());
    }
    check_eq!(pool.resident().len(), 4, "pages in a pool of 4 frames");
    check_frames(&pool, &ids[..4]);
    check_frames(&pool, &ids[8..]);
    let resident: BTreeSet<PageId> = pool.resident().into_iter().collect();
    check_eq!(resident, ids[8..].iter().copied().collect(), "the pages that were pinned last, all at once");
}
