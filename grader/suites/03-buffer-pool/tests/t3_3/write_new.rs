//! `write_new`: a page that is written without being read, whatever state it is in.

use std::io::ErrorKind;

use buffer_pool::{BufferPool, Error, PageWriteGuard, Pager};
use kit::disk::Disk;
use kit::sync::thread;
use slotted_page::{Lsn, PageId, PageKind, header};
use testkit::{check, check_eq};

use crate::pool_support::{
    Io, Journal, KIND, change, check_frames, check_log, check_page, check_reads, check_resident, file, fill,
    io_error, joined, must, not_allocated, pool, pool_over, spawn_visit, tag_of, visit,
};

/// Another kind that no lab knows.
const OTHER: PageKind = PageKind(41);

/// Takes a page; must succeed. It is empty, and of the kind asked for.
fn take(pool: &BufferPool, id: PageId) -> PageWriteGuard<'_> {
    testkit::step!("pool.write_new({id}, {OTHER})");
    let page = must(pool.write_new(id, OTHER), &format!("write_new of {id}"));
    check_empty(&page, id);
    page
}

fn check_empty(page: &PageWriteGuard<'_>, id: PageId) {
    check_eq!(page.id(), id, "id() of the guard");
    check_page(page, id, 0);
    let found = (header::kind(page), header::lsn(page), header::flags(page), header::magic(page));
    check_eq!(found, (OTHER, Lsn(0), 0, header::MAGIC), "kind, LSN, flags and magic of the page");
}

/// The page is not read: what the file holds may be damaged, and the call gives an empty page all the same.
#[testkit::test]
fn a_damaged_page_is_written_without_being_read() {
    let (tap, ids) = file(2);
    tap.disk.write_at(ids[0].offset() + 500, b"damage").expect("the disk works");
    let pool = pool(&tap, 2);
    check!(pool.read(ids[0]).is_err(), "the page in the file is damaged");
    tap.take_log();
    let mut page = take(&pool, ids[0]);
    check_log(&tap, &[], "write_new of a page that is not in the pool");
    fill(&mut page, 70);
    drop(page);
    check_reads(&pool, ids[0], 70);
    check_eq!(pool.sync(), Ok(()), "sync");
    check_eq!(tap.tag_on_disk(ids[0]), Some(70), "the page in the file");
    check!(pool.disk().is_allocated(ids[0]), "{} is allocated", ids[0]);
}

/// The page is clean until its bytes are borrowed as `&mut`, whatever it was before: an empty page that
/// nobody filled does not reach the disk, because its LSN says nothing about the log.
#[testkit::test]
fn a_page_that_was_taken_is_clean_until_it_is_changed() {
    for was in ["absent", "clean", "dirty"] {
        let (tap, pool, ids) = pool_over(3, 2);
        match was {
            "clean" => visit(&pool, ids[0]),
            "dirty" => change(&pool, ids[0], 60),
            _ => {}
        }
        tap.take_log();
        let mut page = take(&pool, ids[0]);
        check!(!pool.is_dirty(ids[0]), "a page that was {was} is clean before its first change");
        check_resident(&pool, ids[0], true, "while a guard of it lives");
        header::set_lsn(&mut page, Lsn(9));
        check!(pool.is_dirty(ids[0]), "a page that was {was} is dirty once its bytes were borrowed as &mut");
        fill(&mut page, 61);
        drop(page);
        check_eq!(pool.flush_all(), Ok(()), "flush_all");
        check_log(&tap, &[Io::Write(ids[0])], "one page taken and changed");
        check_eq!(tap.tag_on_disk(ids[0]), Some(61), "the page in the file");
        drop(take(&pool, ids[0]));
        check!(!pool.is_dirty(ids[0]), "a page that was taken and not changed is clean");
        check_eq!(pool.flush_all(), Ok(()), "flush_all");
        for id in &ids[1..] {
            visit(&pool, *id);
            visit(&pool, *id);
        }
        check_resident(&pool, ids[0], false, "after two other pages were used twice each");
        check_eq!(tap.count(Io::Write(ids[0])), 0, "writes of an empty page that nobody changed");
        check_reads(&pool, ids[0], 61);
    }
}

/// A page that is not allocated, or is the disk manager's own, cannot be taken, and costs no frame.
#[testkit::test]
fn a_page_that_is_not_allocated_cannot_be_taken() {
    let (tap, pool, ids) = pool_over(4, 2);
    let page = must(pool.write(ids[3]), "write");
    check_eq!(pool.free(page), Ok(()), "free");
    visit(&pool, ids[0]);
    change(&pool, ids[1], 33);
    tap.take_log();
    for _ in 0..3 {
        for id in [PageId(0), ids[3], PageId(900)] {
            check_eq!(pool.write_new(id, OTHER).err(), Some(not_allocated(id)), "write_new of {id}");
            check_resident(&pool, id, false, "after write_new was refused");
        }
    }
    check_log(&tap, &[], "write_new of pages that are not allocated");
    check_resident(&pool, ids[0], true, "as before");
    check_reads(&pool, ids[1], 33);
    check_frames(&pool, &ids[1..3]);
}

/// If no frame can be had, or the victim cannot be written, the page is as it was, and so is the victim.
#[testkit::test]
fn a_failed_write_new_changes_nothing() {
    let (tap, pool, ids) = pool_over(3, 1);
    let held = must(pool.write(ids[1]), "write");
    let found = pool.write_new(ids[0], OTHER).err();
    check_eq!(found, Some(Error::AllPinned { frames: 1 }), "write_new while every frame is pinned");
    drop(held);
    change(&pool, ids[1], 44);
    tap.fail(Io::Write(ids[1]), 2, ErrorKind::TimedOut);
    for _ in 0..2 {
        let found = pool.write_new(ids[0], OTHER).err();
        check_eq!(found, Some(io_error(ErrorKind::TimedOut)), "write_new whose victim cannot be written");
        check_resident(&pool, ids[0], false, "after write_new failed");
        check!(pool.is_dirty(ids[1]), "the victim is dirty as before");
        check!(pool.disk().is_allocated(ids[0]), "{} is allocated as before", ids[0]);
    }
    check_reads(&pool, ids[1], 44);
    check_reads(&pool, ids[0], 1);
    fill(&mut take(&pool, ids[2]), 45);
    check_reads(&pool, ids[2], 45);
    check_eq!(tap.tag_on_disk(ids[1]), Some(44), "the victim in the file");
    check_frames(&pool, &ids[..1]);
}

/// The call is neither a hit nor a miss. It evicts as a miss does.
#[testkit::test]
fn taking_a_page_is_no_hit_and_no_miss() {
    let (_, pool, ids) = pool_over(3, 1);
    visit(&pool, ids[1]);
    let before = pool.stats();
    fill(&mut take(&pool, ids[0]), 5);
    fill(&mut take(&pool, ids[0]), 6);
    let after = pool.stats();
    check_eq!((after.hits, after.misses), (before.hits, before.misses), "hits and misses");
    check_eq!((after.evictions, after.writes), (before.evictions + 1, before.writes), "evictions and writes");
}

/// Two uses of a page are two uses, also if both wrote it anew: it stays, and pages that were used once
/// leave.
#[testkit::test]
fn taking_a_page_counts_as_a_use() {
    let (tap, pool, ids) = pool_over(6, 3);
    for tag in [10, 11] {
        fill(&mut take(&pool, ids[0]), tag);
    }
    ids[1..].iter().for_each(|id| visit(&pool, *id));
    tap.take_log();
    check_reads(&pool, ids[0], 11);
    check_log(&tap, &[], "read of a page that was used twice, after five pages that were used once");
}

/// Nobody sees the page before its writer has filled it: not the reader that asks first, and not the one that
/// waits for it.
#[testkit::test]
fn nobody_sees_the_page_before_it_is_filled() {
    for was_resident in [false, true] {
        testkit::schedule::explore(250, move || {
            let (tap, pool, ids) = pool_over(4, 3);
            let id = ids[0];
            if was_resident {
                change(&pool, id, 20);
            }
            let old = if was_resident { 20 } else { 1 };
            let journal = Journal::default();
            let readers = ["reader one", "reader two"].map(|who| {
                let pool = pool.clone();
                journal.spawn(who, move |journal| {
                    let page = journal.call(who, &format!("read({id})"), || must(pool.read(id), "read"));
                    let found = tag_of(&page, id);
                    thread::yield_now();
                    check_eq!(tag_of(&page, id), found, "the page while a read guard lives");
                    let is_whole = found == Some(old) || found == Some(77);
                    check!(is_whole, "a reader sees the old page ({old}) or the new one (77), not {found:?}");
                })
            });
            let other = pool.clone();
            let flusher = journal.spawn("flusher", move |journal| {
                check_eq!(journal.call("flusher", "flush", || other.flush(id)), Ok(()), "flush");
            });
            let what = format!("write_new({id})");
            let mut page = journal.call("main", &what, || must(pool.write_new(id, KIND), &what));
            thread::yield_now();
            check_page(&page, id, 0);
            fill(&mut page, 77);
            drop(page);
            readers.into_iter().for_each(|reader| reader.join().expect("the thread ends"));
            flusher.join().expect("the thread ends");
            check_reads(&pool, id, 77);
            check_eq!(pool.sync(), Ok(()), "sync");
            check_eq!(tap.tag_on_disk(id), Some(77), "the page in the file");
            tap.check_whole();
            check_frames(&pool, &ids[1..]);
        });
    }
}

/// A page that is being evicted is taken when its write has ended, however that ended; the old bytes are
/// written before the new ones, never after.
#[testkit::test]
fn a_page_that_is_being_evicted_is_waited_for() {
    for fails in [false, true] {
        testkit::schedule::explore(100, move || {
            let (tap, pool, ids) = pool_over(3, 1);
            let id = ids[0];
            change(&pool, id, 30);
            tap.hold(Io::Write(id));
            if fails {
                tap.fail(Io::Write(id), 1, ErrorKind::TimedOut);
            }
            let journal = Journal::default();
            let evictor = spawn_visit(&journal, "evictor", &pool, ids[1]);
            tap.await_held(Io::Write(id));
            let other = pool.clone();
            let taker = journal.spawn("taker", move |journal| {
                journal.call("taker", &format!("write_new({id})"), || {
                    loop {
                        match other.write_new(id, OTHER) {
                            Ok(mut page) => {
                                fill(&mut page, 31);
                                return Ok(());
                            }
                            // The evictor's page is in the only frame, and is pinned for a moment.
                            Err(Error::AllPinned { .. }) => thread::yield_now(),
                            Err(error) => return Err(error),
                        }
                    }
                })
            });
            thread::yield_now();
            tap.let_go(Io::Write(id));
            let evicted = evictor.join().expect("the thread ends");
            check!(evicted.is_ok() || fails, "pin of another page gives {evicted:?}");
            joined("write_new of a page that is being evicted", taker);
            check_reads(&pool, id, 31);
            check_eq!(pool.sync(), Ok(()), "sync");
            check_eq!(tap.tag_on_disk(id), Some(31), "the page in the file");
            check_frames(&pool, &ids[2..]);
        });
    }
}

/// A page that is freed while the call waits for its latch cannot be taken any more.
#[testkit::test]
fn a_page_that_is_freed_meanwhile_cannot_be_taken() {
    testkit::schedule::explore(150, || {
        let (tap, pool, ids) = pool_over(3, 2);
        let (journal, other, id) = (Journal::default(), pool.clone(), ids[0]);
        let page = must(pool.write(id), "write");
        let taker = journal.spawn("taker", move |journal| {
            journal.call("taker", &format!("write_new({id})"), || other.write_new(id, OTHER).map(drop))
        });
        check_eq!(journal.call("main", "free", || pool.free(page)), Ok(()), "free");
        let taken = taker.join().expect("the thread ends");
        check_eq!(taken, Err(not_allocated(id)), "write_new of a page that is being freed");
        check_resident(&pool, id, false, "after it was freed");
        check_eq!(pool.sync(), Ok(()), "sync");
        check_eq!(tap.count(Io::Write(id)), 0, "writes of the freed page");
        check_frames(&pool, &ids[1..]);
    });
}
