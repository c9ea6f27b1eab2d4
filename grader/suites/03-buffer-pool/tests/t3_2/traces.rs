//! Scripted traces, whose reads and writes are exact: LRU-2 decides which page leaves.

use buffer_pool::Access;
use slotted_page::PageId;
use testkit::{check, check_eq};

use crate::pool_support::{Io, check_log, make, pin, pool_over, visit};

/// The pages of the trace that are read, in order, when they are visited by turns.
fn check_trace(frames: usize, trace: &[usize], reads: &[usize], what: &str) {
    let (tap, pool, ids) = pool_over(10, frames);
    trace.iter().for_each(|n| visit(&pool, ids[*n]));
    let expected: Vec<Io> = reads.iter().map(|n| Io::Read(ids[*n])).collect();
    check_log(&tap, &expected, what);
    let stats = pool.stats();
    check_eq!(stats.misses, reads.len() as u64, "stats().misses: {what}");
    check_eq!(stats.hits, (trace.len() - reads.len()) as u64, "stats().hits: {what}");
    check_eq!(stats.evictions, (reads.len() - frames) as u64, "stats().evictions: {what}");
}

/// Pages used once leave first, the one used longest ago before the others.
#[testkit::test]
fn pages_used_once_leave_first() {
    check_trace(3, &[0, 1, 2, 0, 3, 0, 4, 0, 1], &[0, 1, 2, 3, 4, 1], "one page used all the time");
    check_trace(3, &[0, 1, 2, 3, 4, 5], &[0, 1, 2, 3, 4, 5], "each page once");
    check_trace(3, &[0, 1, 2, 3, 2, 1, 0], &[0, 1, 2, 3, 0], "the oldest of three leaves");
}

/// Of pages used often, the one whose last use but one is longest ago leaves, whatever its last use is.
#[testkit::test]
fn the_last_use_but_one_counts() {
    // After the uses 0 1 1 0: 0 was used at 1 and 4, 1 at 2 and 3. Page 2 takes the frame of 0, though 0 was
    // used last.
    check_trace(
        2,
        &[0, 1, 1, 0, 2, 1, 0],
        &[0, 1, 2, 0],
        "0 used last, but its last use but one is the oldest",
    );
    check_trace(2, &[0, 0, 1, 2, 0, 1, 0], &[0, 1, 2, 1], "a page used twice stays beside pages used once");
}

/// What is known of a frame belongs to the page in it: the next page in that frame has been used once.
#[testkit::test]
fn a_new_page_starts_anew() {
    // Page 2 comes into the frame of page 0, which was used just before, and leaves before page 1, which was
    // used twice.
    check_trace(2, &[0, 1, 1, 0, 2, 3, 1], &[0, 1, 2, 3], "page 2 takes the frame of page 0, not its uses");
    check_trace(
        2,
        &[0, 1, 1, 0, 2, 3, 0, 1],
        &[0, 1, 2, 3, 0],
        "page 0 comes back, and page 1 is still there",
    );
}

/// A page that is pinned is passed over, and its turn comes when it is let go, however late.
#[testkit::test]
fn a_late_unpin_is_noticed() {
    let (tap, pool, ids) = pool_over(6, 2);
    let first = pin(&pool, ids[0]);
    visit(&pool, ids[1]);
    visit(&pool, ids[2]);
    let third = pin(&pool, ids[3]);
    check!(pool.pin(ids[4], Access::Again).is_err(), "a pin while both frames are pinned is an error");
    drop(first);
    visit(&pool, ids[4]);
    drop(third);
    visit(&pool, ids[5]);
    let reads: Vec<Io> = [0, 1, 2, 3, 4, 5].iter().map(|n| Io::Read(ids[*n])).collect();
    check_log(&tap, &reads, "page 0 pinned while others come and go");
    check_eq!(pool.resident(), vec![ids[4], ids[5]], "pages in the pool at the end");
}

/// Made pages count as used once when they are made; each is written once when it leaves, in the order of
/// LRU-2.
#[testkit::test]
fn made_pages_leave_in_their_turn() {
    let (tap, pool, ids) = pool_over(4, 3);
    let made: Vec<PageId> = (0..3).map(|_| make(&pool)).collect();
    visit(&pool, made[0]);
    visit(&pool, ids[0]);
    visit(&pool, ids[1]);
    visit(&pool, ids[2]);
    let expected =
        [Io::Write(made[1]), Io::Read(ids[0]), Io::Write(made[2]), Io::Read(ids[1]), Io::Read(ids[2])];
    check_log(&tap, &expected, "three made pages, the first used again, then three others");
    check!(pool.is_dirty(made[0]), "the page used twice is still there, and dirty");
}

/// A flush is not a use: what a checkpoint writes is not what queries read.
#[testkit::test]
fn a_flush_is_no_use() {
    let (tap, pool, ids) = pool_over(3, 2);
    let made = make(&pool);
    visit(&pool, ids[0]);
    check_eq!(pool.flush(made), Ok(()), "flush");
    check_eq!(pool.flush_all(), Ok(()), "flush_all");
    tap.take_log();
    visit(&pool, ids[1]);
    check_eq!(pool.resident(), vec![ids[0], ids[1]], "pages in the pool: the flushed one was the oldest");
}
