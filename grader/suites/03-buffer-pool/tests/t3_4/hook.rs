//! The hook goes before every write of a changed page, and may forbid it.

use std::io::ErrorKind;

use buffer_pool::{Access, Pager};
use slotted_page::{Lsn, header};
use testkit::{check, check_eq};

use crate::pool_support::{
    Io, Journal, KIND, change_logged, check_frames, check_log, check_reads, check_resident, fill,
    hooked_over, io_error, joined, make, must, spawn_visit, visit,
};

/// The hook is asked before each write, with the page and its LSN, whatever the write is for: lab 6 makes the
/// log durable there, and a page on the disk without its log is a change that nobody can undo.
#[testkit::test]
fn the_hook_goes_before_each_write() {
    let (tap, pool, ids) = hooked_over(4, 2);
    change_logged(&pool, ids[0], 50);
    change_logged(&pool, ids[1], 51);
    tap.take_log();
    check_eq!(pool.flush(ids[0]), Ok(()), "flush");
    check_log(&tap, &[Io::Hook(ids[0], 50), Io::Write(ids[0])], "flush of a changed page");
    check_eq!(pool.flush_all(), Ok(()), "flush_all");
    check_log(&tap, &[Io::Hook(ids[1], 51), Io::Write(ids[1])], "flush_all with one changed page");
    change_logged(&pool, ids[1], 52);
    change_logged(&pool, ids[0], 53);
    tap.take_log();
    visit(&pool, ids[2]);
    let expected = [Io::Hook(ids[0], 53), Io::Write(ids[0]), Io::Read(ids[2])];
    check_log(&tap, &expected, "an eviction of a changed page: its last use but one is the oldest");
    check_eq!(pool.sync(), Ok(()), "sync");
    tap.check_asked();
    check_eq!(tap.tag_on_disk(ids[0]), Some(53), "the page on the disk");
    check_eq!(tap.tag_on_disk(ids[1]), Some(52), "the page on the disk");
}

/// The hook is asked for the LSN of the last change, once a write.
#[testkit::test]
fn the_hook_sees_the_last_change() {
    let (tap, pool, ids) = hooked_over(2, 2);
    (60..64).for_each(|tag| change_logged(&pool, ids[0], tag));
    let made = must(pool.allocate(KIND), "allocate").id();
    tap.take_log();
    check_eq!(pool.flush(ids[0]), Ok(()), "flush");
    check_log(&tap, &[Io::Hook(ids[0], 63), Io::Write(ids[0])], "flush of a page changed four times");
    check_eq!(pool.flush(made), Ok(()), "flush");
    check_log(&tap, &[Io::Hook(made, 0), Io::Write(made)], "flush of a new page, which no log knows");
    tap.check_asked();
}

/// The hook is asked for the LSN that the caller stored in an emptied page, not for that of the page's former
/// life.
#[testkit::test]
fn the_hook_sees_the_lsn_of_an_emptied_page() {
    let (tap, pool, ids) = hooked_over(2, 2);
    change_logged(&pool, ids[0], 50);
    let mut page = must(pool.write_new(ids[0], KIND), "write_new");
    header::set_lsn(&mut page, Lsn(51));
    fill(&mut page, 51);
    drop(page);
    tap.take_log();
    check_eq!(pool.flush(ids[0]), Ok(()), "flush");
    check_log(&tap, &[Io::Hook(ids[0], 51), Io::Write(ids[0])], "flush of a page that was emptied");
    tap.check_asked();
}

/// Nobody asks for pages that are not written.
#[testkit::test]
fn the_hook_is_not_asked_without_a_write() {
    let (tap, pool, ids) = hooked_over(6, 2);
    ids.iter().for_each(|id| visit(&pool, *id));
    drop(must(pool.write(ids[5]), "write"));
    check_eq!(pool.flush(ids[5]), Ok(()), "flush of a clean page");
    check_eq!(pool.flush(ids[0]), Ok(()), "flush of a page that is not there");
    check_eq!(pool.flush_all(), Ok(()), "flush_all");
    let asked = tap.take_log().into_iter().filter(|io| matches!(io, Io::Hook(..))).count();
    check_eq!(asked, 0, "questions to the hook while no page was changed");
    change_logged(&pool, ids[5], 9);
    check_eq!(pool.flush_all(), Ok(()), "flush_all");
    check_eq!(pool.flush_all(), Ok(()), "flush_all");
    check_log(&tap, &[Io::Hook(ids[5], 9), Io::Write(ids[5])], "one page changed, and flushed twice");
    change_logged(&pool, ids[5], 10);
    drop(pool);
    check_log(&tap, &[], "a pool with a changed page is dropped");
}

/// A hook that says no: the page is not written, and stays in the pool as it is, dirty. The call that caused
/// the write returns the error.
#[testkit::test]
fn a_hook_that_fails_forbids_the_write() {
    let (tap, pool, ids) = hooked_over(3, 1);
    change_logged(&pool, ids[0], 70);
    tap.fail(Io::Hook(ids[0], 70), 3, ErrorKind::TimedOut);
    tap.take_log();
    let found = pool.pin(ids[1], Access::Again).err();
    check_eq!(found, Some(io_error(ErrorKind::TimedOut)), "pin whose victim the hook does not let go");
    check_resident(&pool, ids[0], true, "after the hook forbade its write");
    check_resident(&pool, ids[1], false, "which could not come in");
    check_eq!(pool.flush(ids[0]), Err(io_error(ErrorKind::TimedOut)), "flush that the hook forbids");
    check_eq!(pool.sync(), Err(io_error(ErrorKind::TimedOut)), "sync that the hook forbids");
    check!(pool.is_dirty(ids[0]), "the page is dirty as before");
    check_eq!(pool.pin_count(ids[0]), 0, "pin_count of the page");
    check_eq!(tap.count(Io::Write(ids[0])), 0, "writes of a page that the hook forbade");
    check_eq!(pool.stats().writes, 0, "stats().writes");
    check_reads(&pool, ids[0], 70);
    check_reads(&pool, ids[1], 2);
    check_eq!(tap.tag_on_disk(ids[0]), Some(70), "the page on the disk, once the hook allowed it");
    check_frames(&pool, &ids[2..]);
    tap.check_asked();
}

/// A hook that forbids one page does not keep the others from the disk.
#[testkit::test]
fn flush_all_goes_on_after_the_hook_failed() {
    let (tap, pool, ids) = hooked_over(5, 5);
    (80..).zip(&ids).for_each(|(tag, id)| change_logged(&pool, *id, tag));
    tap.fail(Io::Hook(ids[0], 80), 1, ErrorKind::TimedOut);
    tap.fail(Io::Hook(ids[3], 83), 1, ErrorKind::TimedOut);
    check_eq!(pool.flush_all(), Err(io_error(ErrorKind::TimedOut)), "flush_all, two pages forbidden");
    let dirty: Vec<bool> = ids.iter().map(|id| pool.is_dirty(*id)).collect();
    check_eq!(dirty, vec![true, false, false, true, false], "which pages are dirty after it");
    check_eq!(pool.flush_all(), Ok(()), "flush_all once the hook allows all");
    (80..).zip(&ids).for_each(|(tag, id)| check_eq!(tap.tag_on_disk(*id), Some(tag), "{id} on the disk"));
    tap.check_asked();
}

/// While the hook waits for the log, others use the pool: hits, misses, and questions.
#[testkit::test]
fn others_go_through_while_the_hook_hangs() {
    testkit::schedule::explore(80, || {
        let (tap, pool, ids) = hooked_over(5, 3);
        change_logged(&pool, ids[0], 40);
        visit(&pool, ids[1]);
        visit(&pool, ids[2]);
        tap.hold(Io::Hook(ids[0], 40));
        let journal = Journal::default();
        let evictor = spawn_visit(&journal, "evictor", &pool, ids[3]);
        tap.await_held(Io::Hook(ids[0], 40));
        journal.call("main", "a hit", || check_reads(&pool, ids[2], 3));
        journal.call("main", "a miss", || check_reads(&pool, ids[4], 5));
        check_eq!(pool.stats().writes, 0, "stats().writes while the hook hangs");
        check_eq!(pool.is_dirty(ids[2]), false, "is_dirty while the hook hangs");
        check_eq!(tap.count(Io::Write(ids[0])), 0, "writes of the page while the hook hangs");
        tap.let_go(Io::Hook(ids[0], 40));
        joined("pin whose victim's hook hung", evictor);
        check_eq!(tap.tag_on_disk(ids[0]), Some(40), "the page on the disk");
        tap.check_asked();
    });
}

/// A hook that hangs and then says no, while a thread waits for the victim: that thread gets it, dirty, from
/// its frame.
#[testkit::test]
fn a_hook_that_fails_wakes_the_threads_that_wait() {
    testkit::schedule::explore(120, || {
        let (tap, pool, ids) = hooked_over(2, 1);
        change_logged(&pool, ids[0], 45);
        tap.take_log();
        tap.fail(Io::Hook(ids[0], 45), 1, ErrorKind::TimedOut);
        tap.hold(Io::Hook(ids[0], 45));
        let journal = Journal::default();
        let evictor = spawn_visit(&journal, "evictor", &pool, ids[1]);
        tap.await_held(Io::Hook(ids[0], 45));
        let waiter = spawn_visit(&journal, "waiter", &pool, ids[0]);
        tap.let_go(Io::Hook(ids[0], 45));
        let failed = evictor.join().expect("the thread ends");
        check_eq!(failed, Err(io_error(ErrorKind::TimedOut)), "pin whose victim the hook does not let go");
        joined("pin of the victim", waiter);
        check_log(&tap, &[Io::Hook(ids[0], 45)], "the hook is asked once, nothing is read or written");
        check!(pool.is_dirty(ids[0]), "the page is dirty as before");
        check_reads(&pool, ids[0], 45);
    });
}

/// What is written is what the hook was asked for: nobody changes the page between the two.
#[testkit::test]
fn a_page_does_not_change_after_the_hook_was_asked() {
    testkit::schedule::explore(200, || {
        let (tap, pool, ids) = hooked_over(3, 2);
        let id = ids[0];
        change_logged(&pool, id, 20);
        let (journal, other) = (Journal::default(), pool.clone());
        let flusher = journal.spawn("flusher", move |journal| {
            for _ in 0..2 {
                check_eq!(journal.call("flusher", "flush", || other.flush(id)), Ok(()), "flush");
            }
        });
        for tag in 21..24 {
            journal.call("main", &format!("changes {id} to LSN {tag}"), || change_logged(&pool, id, tag));
        }
        flusher.join().expect("the thread ends");
        check_eq!(pool.sync(), Ok(()), "sync");
        check_eq!(tap.tag_on_disk(id), Some(23), "the page on the disk");
        tap.check_asked();
        tap.check_whole();
    });
}

/// With a hook too a pool makes, frees and evicts pages, and no write escapes it.
#[testkit::test]
fn no_write_escapes_the_hook() {
    let (tap, pool, ids) = hooked_over(8, 3);
    let mut rng = testkit::rng();
    let mut live = ids.clone();
    for round in 100..500 {
        let n = rng.usize(..live.len());
        match rng.u8(..12) {
            0 => live.push(make(&pool)),
            1 if live.len() > 4 => {
                let mut page = must(pool.write(live.swap_remove(n)), "write");
                fill(&mut page, round);
                check_eq!(pool.free(page), Ok(()), "free");
            }
            2 => check_eq!(pool.flush(live[n]), Ok(()), "flush"),
            3 => check_eq!(pool.flush_all(), Ok(()), "flush_all"),
            4..=7 => change_logged(&pool, live[n], round),
            _ => visit(&pool, live[n]),
        }
        tap.check_asked();
    }
    let asked = tap.log().into_iter().filter(|io| matches!(io, Io::Hook(..))).count() as u64;
    check!(asked > 50, "the hook is asked now and then, {asked} times");
    check_eq!(pool.stats().writes, asked, "stats().writes beside the questions to the hook");
}
