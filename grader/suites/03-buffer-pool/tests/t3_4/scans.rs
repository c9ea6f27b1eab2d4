//! The pool and scans: a scan must not push out the pages that are in use.

use std::io::ErrorKind;

use buffer_pool::{BufferPool, Error, Pager};
use slotted_page::PageId;
use testkit::{check, check_eq};

use crate::pool_support::{
    Io, Journal, Tap, change, check_frames, check_page, check_reads, io_error, look_once, must,
    not_allocated, pool_over, visit,
};

/// Uses each hot page twice.
fn warm_up(pool: &BufferPool, hot: &[PageId]) {
    for _ in 0..2 {
        hot.iter().for_each(|id| visit(pool, *id));
    }
}

/// Checks that each hot page was read once in all, also after it is used once more.
fn check_hot(tap: &Tap, pool: &BufferPool, hot: &[PageId], what: &str) {
    hot.iter().for_each(|id| visit(pool, *id));
    let reads: Vec<usize> = hot.iter().map(|id| tap.count(Io::Read(*id))).collect();
    check_eq!(reads, vec![1; hot.len()], "reads of the hot pages, {what}");
}

/// `read_once` shows the page as `read` does, pinned and latched.
#[testkit::test]
fn read_once_is_a_read() {
    let (tap, pool, ids) = pool_over(3, 2);
    change(&pool, ids[0], 30);
    let page = must(pool.read_once(ids[0]), "read_once");
    check_eq!(page.id(), ids[0], "id() of the guard");
    check_page(&page, ids[0], 30);
    check_eq!(pool.pin_count(ids[0]), 1, "pin_count while the guard lives");
    check!(must(pool.try_write(ids[0]), "try_write").is_none(), "nobody may write the page meanwhile");
    look_once(&pool, ids[1], 2);
    look_once(&pool, ids[2], 3);
    check_page(&page, ids[0], 30);
    drop(page);
    check_eq!(pool.pin_count(ids[0]), 0, "pin_count after the guard is gone");
    check!(pool.is_dirty(ids[0]), "the page is dirty as before");
    check_eq!(tap.count(Io::Read(ids[0])), 1, "reads of the page");
    let stats = pool.stats();
    check_eq!((stats.hits, stats.misses), (2, 3), "hits and misses in stats");
}

/// `read_once` fails as `read` does.
#[testkit::test]
fn read_once_fails_as_a_read_does() {
    let (tap, pool, ids) = pool_over(3, 1);
    tap.fail(Io::Read(ids[0]), 1, ErrorKind::TimedOut);
    let found = pool.read_once(ids[0]).err();
    check_eq!(found, Some(io_error(ErrorKind::TimedOut)), "read_once of a page that cannot be read");
    let held = must(pool.read_once(ids[0]), "read_once");
    let found = pool.read_once(ids[1]).err();
    check_eq!(found, Some(Error::AllPinned { frames: 1 }), "read_once while every frame is pinned");
    drop(held);
    let page = must(pool.write(ids[1]), "write");
    check_eq!(pool.free(page), Ok(()), "free");
    check_eq!(pool.read_once(ids[1]).err(), Some(not_allocated(ids[1])), "read_once of a freed page");
    check_frames(&pool, &ids[2..]);
}

/// A `read_once` that waits for the latch of a page while it is freed gets an error, as a read does.
#[testkit::test]
fn a_look_that_waits_for_a_freed_page_gets_an_error() {
    testkit::schedule::explore(150, || {
        let (_, pool, ids) = pool_over(3, 2);
        let journal = Journal::default();
        let page = must(pool.write(ids[0]), "write");
        let (other, id) = (pool.clone(), ids[0]);
        let reader = journal.spawn("reader", move |journal| {
            journal.call("reader", &format!("read_once({id})"), || other.read_once(id).map(drop).err())
        });
        check_eq!(journal.call("main", "free", || pool.free(page)), Ok(()), "free");
        let found = reader.join().expect("the thread ends");
        check_eq!(found, Some(not_allocated(ids[0])), "read_once of a page that is being freed");
    });
}

/// A page that is only looked at does not become hot: it leaves in its turn, however many scans read it.
#[testkit::test]
fn passing_by_does_not_make_a_page_hot() {
    let (tap, pool, ids) = pool_over(4, 2);
    visit(&pool, ids[0]);
    visit(&pool, ids[1]);
    (0..5).for_each(|_| look_once(&pool, ids[0], 1));
    visit(&pool, ids[2]);
    check_eq!(pool.resident(), vec![ids[1], ids[2]], "pages in the pool: page 0 was used first");
    look_once(&pool, ids[0], 1);
    check_eq!(tap.count(Io::Read(ids[0])), 2, "reads of the page that left");
}

/// One scan over many pages leaves the hot ones where they are.
#[testkit::test]
fn the_hot_set_survives_a_scan() {
    let (tap, pool, ids) = pool_over(60, 8);
    let (hot, table) = ids.split_at(6);
    warm_up(&pool, hot);
    for round in 0..3 {
        for (tag, id) in (7..).zip(table) {
            look_once(&pool, *id, tag);
            look_once(&pool, *id, tag);
        }
        check_hot(&tap, &pool, hot, &format!("after scan {round}, which looks at each page twice"));
    }
    check_eq!(pool.resident().len(), 8, "pages in the pool");
}

/// Two scans, one close behind the other, see each page twice: that does not make it hot. (It would if each
/// look counted: then the table would fill the pool.)
#[testkit::test]
fn the_hot_set_survives_two_scans_that_chase_each_other() {
    for distance in 1..4 {
        let (tap, pool, ids) = pool_over(60, 10);
        let (hot, table) = ids.split_at(6);
        warm_up(&pool, hot);
        for ahead in 0..table.len() + distance {
            if ahead < table.len() {
                look_once(&pool, table[ahead], ahead as u32 + 7);
            }
            if ahead >= distance {
                look_once(&pool, table[ahead - distance], (ahead - distance) as u32 + 7);
            }
        }
        check_hot(&tap, &pool, hot, &format!("after two scans {distance} pages apart"));
        let reads = table.iter().map(|id| tap.count(Io::Read(*id))).sum::<usize>();
        check_eq!(reads, table.len(), "reads of the table: the second scan finds what the first brought in");
    }
}

/// A page that a scan brought in can become hot: the uses after that count.
#[testkit::test]
fn a_page_passed_by_can_become_hot() {
    let (tap, pool, ids) = pool_over(40, 6);
    let (old, table) = ids.split_at(4);
    warm_up(&pool, old);
    let new = &table[..4];
    for (n, id) in new.iter().enumerate() {
        look_once(&pool, *id, n as u32 + 5);
        visit(&pool, *id);
        visit(&pool, *id);
    }
    tap.take_log();
    for (n, id) in table.iter().enumerate().skip(4) {
        look_once(&pool, *id, n as u32 + 5);
    }
    new.iter().for_each(|id| visit(&pool, *id));
    let reads: usize = new.iter().map(|id| tap.count(Io::Read(*id))).sum();
    check_eq!(reads, 0, "reads of the new hot pages during a scan and after it");
}

/// Scans and changes at the same time: each scan sees whole pages, the hot pages stay, no change is lost.
#[testkit::test]
fn scans_get_along_with_changes() {
    testkit::schedule::explore(120, || {
        let (tap, pool, ids) = pool_over(6, 4);
        warm_up(&pool, &ids[..1]);
        let journal = Journal::default();
        let scans = ["scan one", "scan two"].map(|who| {
            let (pool, table) = (pool.clone(), ids[1..].to_vec());
            journal.spawn(who, move |journal| {
                for id in table {
                    let read = journal
                        .call(who, &format!("read_once({id})"), || must(pool.read_once(id), "read_once"));
                    let tag = crate::pool_support::tag_of(&read, id);
                    check!(tag.is_some(), "a scan sees a whole page");
                }
            })
        });
        for n in [2, 4] {
            journal.call("main", &format!("changes {}", ids[n]), || change(&pool, ids[n], 90 + n as u32));
        }
        scans.into_iter().for_each(|scan| scan.join().expect("the thread ends"));
        check_reads(&pool, ids[2], 92);
        check_reads(&pool, ids[4], 94);
        tap.check_whole();
    });
}
