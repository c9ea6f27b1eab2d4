//! Several threads on one pool, under schedules that the test chooses.

use std::io::ErrorKind;

use buffer_pool::{Access, BufferPool, Error};
use kit::sync::Arc;
use slotted_page::PageId;
use testkit::{check, check_eq};

use crate::pool_support::{
    Io, Journal, KIND, check_frames, check_resident, io_error, joined, make, manager, pool_over, spawn_visit,
    tag_in, visit,
};

/// Threads that miss one page at the same time read it once: two reads would end in two frames for one page.
#[testkit::test]
fn a_page_missed_by_many_is_read_once() {
    testkit::schedule::explore(200, || {
        let (tap, pool, ids) = pool_over(2, 3);
        let journal = Journal::default();
        let others: Vec<_> =
            ["one", "two"].into_iter().map(|name| spawn_visit(&journal, name, &pool, ids[0])).collect();
        let pinned = journal.call("main", "pin", || pool.pin(ids[0], Access::Again).map(|pin| pin.id()));
        check_eq!(pinned, Ok(ids[0]), "pin of a page that others miss too");
        others.into_iter().for_each(|other| joined("pin of a page that others miss too", other));
        check_eq!(tap.count(Io::Read(ids[0])), 1, "reads of a page that three threads want");
        check_eq!(pool.pin_count(ids[0]), 0, "pin_count at the end");
        let stats = pool.stats();
        check_eq!(stats.hits + stats.misses, 3, "requests in stats");
        check_frames(&pool, &ids);
    });
}

/// Two misses of different pages wait for the disk at the same time: no lock of the pool is held across a
/// read.
#[testkit::test]
fn misses_of_different_pages_overlap() {
    testkit::schedule::explore(60, || {
        let (tap, pool, ids) = pool_over(3, 2);
        ids[..2].iter().for_each(|id| tap.hold(Io::Read(*id)));
        let journal = Journal::default();
        let threads =
            [("one", ids[0]), ("two", ids[1])].map(|(name, id)| spawn_visit(&journal, name, &pool, id));
        ids[..2].iter().for_each(|id| tap.await_held(Io::Read(*id)));
        journal.note("main: both reads are under way".to_string());
        ids[..2].iter().for_each(|id| tap.let_go(Io::Read(*id)));
        threads.into_iter().for_each(|thread| joined("pin", thread));
    });
}

/// While one thread waits for a read, others use what is in the pool: a hit never waits for a disk.
#[testkit::test]
fn hits_go_through_while_a_read_hangs() {
    testkit::schedule::explore(60, || {
        let (tap, pool, ids) = pool_over(3, 2);
        visit(&pool, ids[0]);
        tap.hold(Io::Read(ids[1]));
        let journal = Journal::default();
        let other = spawn_visit(&journal, "reader", &pool, ids[1]);
        tap.await_held(Io::Read(ids[1]));
        journal.call("main", "pin of a resident page", || visit(&pool, ids[0]));
        journal.call("main", "flush_all", || check_eq!(pool.flush_all(), Ok(()), "flush_all"));
        check_eq!(pool.stats().misses, 2, "stats().misses while a read hangs");
        check_resident(&pool, ids[1], false, "while its read hangs");
        check_eq!(pool.is_dirty(ids[0]), false, "is_dirty while a read hangs");
        tap.let_go(Io::Read(ids[1]));
        joined("pin whose read hung", other);
    });
}

/// While a victim is written, others hit and miss: no lock of the pool is held across a write.
#[testkit::test]
fn others_go_through_while_a_write_back_hangs() {
    testkit::schedule::explore(60, || {
        let (tap, pool, ids) = pool_over(4, 3);
        let made = make(&pool);
        visit(&pool, ids[0]);
        visit(&pool, ids[1]);
        tap.hold(Io::Write(made));
        let journal = Journal::default();
        let other = spawn_visit(&journal, "evictor", &pool, ids[2]);
        tap.await_held(Io::Write(made));
        journal.call("main", "pin of a resident page", || visit(&pool, ids[1]));
        journal.call("main", "pin of a page that is not there", || visit(&pool, ids[3]));
        check_eq!(pool.stats().evictions >= 1, true, "an eviction while a write hangs, of a clean page");
        tap.let_go(Io::Write(made));
        joined("pin whose victim's write hung", other);
        check_eq!(tap.tag_on_disk(made), Some(0), "the victim on the disk");
    });
}

/// A thread that wants the victim while it is written waits, and reads it only after that: before, the disk
/// has old bytes.
#[testkit::test]
fn a_victim_is_read_again_only_after_it_was_written() {
    testkit::schedule::explore(200, || {
        let (tap, pool, ids) = pool_over(3, 2);
        let made = make(&pool);
        visit(&pool, ids[0]);
        let journal = Journal::default();
        let evictor = spawn_visit(&journal, "evictor", &pool, ids[1]);
        let wanted = journal.call("main", "pin of the victim", || pool.pin(made, Access::Again).map(drop));
        check_eq!(wanted, Ok(()), "pin of a page that may be in eviction");
        joined("pin", evictor);
        let log = tap.log();
        let written = log.iter().position(|io| *io == Io::Write(made));
        let read = log.iter().position(|io| *io == Io::Read(made));
        check!(read.is_none() || written < read && written.is_some(), "a read before the write: {log:?}");
        check!(
            log.iter().filter(|io| **io == Io::Read(made)).count() <= 1,
            "the page was read twice: {log:?}"
        );
    });
}

/// A write-back that fails while a thread waits for the victim: that thread gets it from its frame, still
/// dirty.
#[testkit::test]
fn a_failed_write_back_wakes_the_threads_that_wait() {
    testkit::schedule::explore(150, || {
        let (tap, pool, ids) = pool_over(3, 1);
        let made = make(&pool);
        tap.fail(Io::Write(made), 1, ErrorKind::TimedOut);
        tap.hold(Io::Write(made));
        let journal = Journal::default();
        let evictor = spawn_visit(&journal, "evictor", &pool, ids[0]);
        tap.await_held(Io::Write(made));
        let waiter = spawn_visit(&journal, "waiter", &pool, made);
        tap.let_go(Io::Write(made));
        let failed = evictor.join().expect("the thread ends");
        check_eq!(failed, Err(io_error(ErrorKind::TimedOut)), "pin whose victim cannot be written");
        joined("pin of the victim", waiter);
        check_eq!(tap.count(Io::Read(made)), 0, "reads of the page whose write failed: it never left");
        check!(pool.is_dirty(made), "the page is dirty after its write failed");
        check_frames(&pool, &ids[..1]);
        check_eq!(tap.tag_on_disk(made), Some(0), "the page on the disk once its write succeeded");
    });
}

/// A read that fails is the error of one thread; the threads that wait for the same page try for themselves.
#[testkit::test]
fn a_failed_read_is_the_error_of_one() {
    testkit::schedule::explore(200, || {
        let (tap, pool, ids) = pool_over(3, 2);
        tap.fail(Io::Read(ids[0]), 1, ErrorKind::TimedOut);
        let journal = Journal::default();
        let threads = ["one", "two", "three"].map(|name| spawn_visit(&journal, name, &pool, ids[0]));
        let results = threads.map(|thread| thread.join().expect("the thread ends"));
        let errors: Vec<_> = results.into_iter().filter_map(Result::err).collect();
        check_eq!(errors, vec![io_error(ErrorKind::TimedOut)], "errors of three pins, of one failed read");
        check_eq!(tap.count(Io::Read(ids[0])), 2, "reads: the one that failed and one more");
        check_frames(&pool, &ids[1..]);
    });
}

/// Frames that are being loaded count as pinned: with all of them taken a pin is refused, and does not wait
/// for ever.
#[testkit::test]
fn a_pin_is_refused_while_every_frame_is_loading() {
    testkit::schedule::explore(60, || {
        let (tap, pool, ids) = pool_over(3, 1);
        tap.hold(Io::Read(ids[0]));
        let journal = Journal::default();
        let other = spawn_visit(&journal, "reader", &pool, ids[0]);
        tap.await_held(Io::Read(ids[0]));
        let found = journal.call("main", "pin", || pool.pin(ids[1], Access::Again).err());
        check_eq!(found, Some(Error::AllPinned { frames: 1 }), "pin while the only frame is being filled");
        let found = journal.call("main", "pin_new", || pool.pin_new(KIND).err());
        check_eq!(
            found,
            Some(Error::AllPinned { frames: 1 }),
            "pin_new while the only frame is being filled"
        );
        tap.let_go(Io::Read(ids[0]));
        joined("pin whose read hung", other);
        visit(&pool, ids[1]);
    });
}

/// A page that is pinned is in the pool, whatever others bring in and push out meanwhile, and is read only
/// once for it.
#[testkit::test]
fn pinned_pages_stay_whatever_others_do() {
    testkit::schedule::explore(150, || {
        let (tap, pool, ids) = pool_over(5, 3);
        let journal = Journal::default();
        let threads: Vec<_> = [("one", [0, 1, 2]), ("two", [2, 3, 0]), ("three", [4, 0, 3])]
            .into_iter()
            .map(|(name, wanted)| {
                let (pool, ids) = (pool.clone(), ids.clone());
                journal.spawn(name, move |journal| {
                    wanted.iter().for_each(|n| hold(journal, name, &pool, ids[*n]))
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().expect("the thread ends"));
        check!(ids.iter().all(|id| pool.pin_count(*id) == 0), "no page is pinned at the end");
        let reads = tap.log().iter().filter(|io| matches!(io, Io::Read(_))).count() as u64;
        check_eq!(pool.stats().misses, reads, "stats().misses beside the reads of the disk");
        check_frames(&pool, &ids[..3]);
    });
}

fn hold(journal: &Journal, name: &str, pool: &BufferPool, id: PageId) {
    let pin = journal.call(name, &format!("pin({id})"), || pool.pin(id, Access::Again));
    let pin = pin.expect("at most three pages are pinned, in three frames");
    for _ in 0..2 {
        check!(pool.pin_count(id) >= 1, "pin_count of {id}, which {name} has pinned");
        check_resident(pool, id, true, "while it is pinned");
        kit::sync::thread::yield_now();
    }
    drop(pin);
}

/// Each made page has its own number, whoever makes it.
#[testkit::test]
fn made_pages_are_different() {
    testkit::schedule::explore(100, || {
        let (tap, pool, _) = pool_over(1, 2);
        let journal = Journal::default();
        let threads = ["one", "two"].map(|name| {
            let pool = pool.clone();
            journal.spawn(name, move |_| [(); 2].map(|()| pool.pin_new(KIND).map(|pin| pin.id())))
        });
        let made: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().expect("it ends")).collect();
        let mut made: Vec<PageId> = made.into_iter().map(|id| id.expect("two pins in two frames")).collect();
        check_eq!(pool.sync(), Ok(()), "sync");
        check!(made.iter().all(|id| tap.tag_on_disk(*id) == Some(0)), "each is on the disk after sync");
        made.sort();
        made.dedup();
        check_eq!(made.len(), 4, "different pages of four that were made");
    });
}

/// After `sync` returned, a page that was dirty before is durable, also if another thread is just writing it
/// back: its write may not have happened yet.
#[testkit::test]
fn sync_waits_for_pages_that_are_being_evicted() {
    testkit::schedule::explore(200, || {
        let (tap, pool, ids) = pool_over(3, 2);
        let made = make(&pool);
        visit(&pool, ids[0]);
        let journal = Journal::default();
        let evictor = spawn_visit(&journal, "evictor", &pool, ids[1]);
        let synced = journal.call("main", "sync()", || pool.sync());
        let durable = tap.disk.durable();
        check_eq!(synced, Ok(()), "sync");
        check_eq!(tag_in(&durable, made), Some(0), "{made}, dirty before sync, after a crash right after it");
        joined("pin", evictor);
    });
}

/// After `flush` returned, the page is on the disk, also if another thread is just writing it back.
#[testkit::test]
fn a_flush_waits_for_a_write_back() {
    testkit::schedule::explore(200, || {
        let (tap, pool, ids) = pool_over(3, 2);
        let made = make(&pool);
        visit(&pool, ids[0]);
        let journal = Journal::default();
        let evictor = spawn_visit(&journal, "evictor", &pool, ids[1]);
        let flushed = journal.call("main", "flush", || pool.flush(made));
        check_eq!(flushed, Ok(()), "flush");
        check_eq!(tap.tag_on_disk(made), Some(0), "{made} on the disk right after its flush");
        joined("pin", evictor);
        check_eq!(tap.count(Io::Write(made)), 1, "writes of a page that was dirty once");
    });
}

/// Real threads, many of them: no page is lost, no pin is left over, no thread waits for ever.
#[testkit::test]
fn real_threads_get_along() {
    let (tap, pool, ids) = pool_over(40, 12);
    let mut seeds = testkit::rng();
    let threads: Vec<_> = (0..6)
        .map(|_| {
            let (pool, ids): (Arc<BufferPool>, _) = (pool.clone(), ids.clone());
            let mut rng = seeds.fork();
            kit::sync::thread::spawn(move || {
                for round in 0..1_500 {
                    let first = pool.pin(ids[rng.usize(..ids.len())], Access::Again);
                    let second = pool.pin(ids[rng.usize(..6)], Access::Again);
                    for pin in [first, second] {
                        let pin = pin.expect("12 pins at most, in 12 frames");
                        check!(pool.pin_count(pin.id()) >= 1, "pin_count of a page that is pinned");
                    }
                    if round % 100 == 0 {
                        drop(pool.pin_new(KIND).expect("at most 12 pins, in 12 frames"));
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("the thread ends"));
    check_eq!(pool.sync(), Ok(()), "sync");
    let below = manager(&tap);
    check_eq!(below.stats().allocated, 40 + 6 * 15, "allocated pages, made ones included");
    check!(ids.iter().all(|id| pool.pin_count(*id) == 0), "no page is pinned at the end");
    check_frames(&pool, &ids[..12]);
    let stats = pool.stats();
    check!(stats.hits > 0 && stats.evictions > 0, "hits and evictions occur: {stats:?}");
    check_eq!(stats.hits + stats.misses, 6 * 1_500 * 2 + 12, "requests in stats");
}
