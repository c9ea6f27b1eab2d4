//! Guards of several threads, under schedules that the test chooses, and a little with real threads.

use buffer_pool::{BufferPool, Error, Pager};
use kit::sync::{Arc, Condvar, Mutex, thread};
use slotted_page::{PAGE_SIZE, PageId, header};
use testkit::{check, check_eq};

use crate::pool_support::{
    Io, Journal, KIND, change, check_frames, check_page, check_reads, fill, must, pool_over, spawn_visit,
    tag_in, tag_of, visit,
};

/// Changes half of a page, lets others run, then changes all of it.
fn change_in_steps(pool: &BufferPool, id: PageId, tag: u32) {
    let mut page = must(pool.write(id), "write");
    let tag_before = tag_of(&page, id);
    check!(tag_before.is_some(), "a writer finds a whole page");
    page[PAGE_SIZE / 2..].fill(tag as u8 | 1);
    thread::yield_now();
    fill(&mut page, tag);
}

/// Adds one to the number in the page.
fn add_one(pool: &BufferPool, id: PageId) {
    let mut page = must(pool.write(id), "write");
    let tag = tag_of(&page, id).expect("a writer finds a whole page");
    thread::yield_now();
    fill(&mut page, tag + 1);
}

/// Nobody sees a page while it is half changed: a writer is alone.
#[testkit::test]
fn a_writer_is_alone() {
    testkit::schedule::explore(150, || {
        let (tap, pool, ids) = pool_over(3, 2);
        let journal = Journal::default();
        let id = ids[0];
        let writers = [("writer one", 20), ("writer two", 30)].map(|(who, tag)| {
            let pool = pool.clone();
            journal.spawn(who, move |journal| {
                journal.call(who, &format!("changes {id} to {tag}"), || change_in_steps(&pool, id, tag));
            })
        });
        for _ in 0..3 {
            let page = journal.call("main", &format!("read({id})"), || must(pool.read(id), "read"));
            let found = tag_of(&page, id);
            check!(matches!(found, Some(1 | 20 | 30)), "a reader sees a whole page, not {found:?}");
            thread::yield_now();
            check_eq!(tag_of(&page, id), found, "the page while a read guard lives: nobody may write it");
        }
        writers.into_iter().for_each(|writer| writer.join().expect("the thread ends"));
        check_eq!(pool.flush_all(), Ok(()), "flush_all");
        tap.check_whole();
    });
}

/// Readers of one page are there at the same time.
#[testkit::test]
fn readers_share_a_page() {
    testkit::schedule::explore(50, || {
        let (_, pool, ids) = pool_over(2, 2);
        let here = Arc::new((Mutex::new(0), Condvar::new()));
        let journal = Journal::default();
        let readers = ["one", "two", "three"].map(|who| {
            let (pool, here, id) = (pool.clone(), here.clone(), ids[0]);
            journal.spawn(who, move |journal| {
                let page = journal.call(who, "read", || must(pool.read(id), "read"));
                let mut count = here.0.lock();
                *count += 1;
                here.1.notify_all();
                while *count < 3 {
                    count = here.1.wait(count);
                }
                check_page(&page, id, 1);
            })
        });
        readers.into_iter().for_each(|reader| reader.join().expect("the thread ends"));
        check_eq!(pool.pin_count(ids[0]), 0, "pin_count once all guards are gone");
    });
}

/// Every change counts, whoever makes it, while pages come and go: with two frames for one page, one change
/// would be lost.
#[testkit::test]
fn no_change_is_lost() {
    testkit::schedule::explore(250, || {
        let (tap, pool, ids) = pool_over(4, 3);
        let journal = Journal::default();
        let threads =
            [("one", [0, 1, 2, 3]), ("two", [3, 0, 1, 0]), ("three", [2, 0, 3, 1])].map(|(who, plan)| {
                let (pool, ids) = (pool.clone(), ids.clone());
                journal.spawn(who, move |journal| {
                    for n in plan {
                        journal.call(who, &format!("adds one to {}", ids[n]), || add_one(&pool, ids[n]));
                    }
                })
            });
        threads.into_iter().for_each(|thread| thread.join().expect("the thread ends"));
        [1 + 4, 2 + 3, 3 + 2, 4 + 3].into_iter().zip(&ids).for_each(|(tag, id)| check_reads(&pool, *id, tag));
        check_eq!(pool.sync(), Ok(()), "sync");
        let durable = tap.disk.durable();
        let found: Vec<_> = ids.iter().map(|id| tag_in(&durable, *id)).collect();
        check_eq!(
            found,
            vec![Some(5), Some(5), Some(5), Some(7)],
            "the pages after a crash right after sync"
        );
        tap.check_whole();
    });
}

/// Says that a guard is there, then drops it.
fn hold<G>(guard: Result<G, Error>, is_held: &(Mutex<bool>, Condvar)) {
    let guard = must(guard, "a guard");
    *is_held.0.lock() = true;
    is_held.1.notify_all();
    drop(guard);
}

/// A guard gives back its latch first and its pin last (G1): the latch of an unpinned page is free.
#[testkit::test]
fn an_unpinned_page_has_a_free_latch() {
    for door in ["read", "write", "try_write", "write_new"] {
        testkit::schedule::explore(100, move || {
            let (_, pool, ids) = pool_over(2, 2);
            let id = ids[0];
            let is_held = Arc::new((Mutex::new(false), Condvar::new()));
            let (journal, other, sign) = (Journal::default(), pool.clone(), is_held.clone());
            let owner = journal.spawn("owner", move |journal| {
                journal.call("owner", &format!("{door}({id}), and the drop of its guard,"), || match door {
                    "read" => hold(other.read(id), &sign),
                    "write" => hold(other.write(id), &sign),
                    "try_write" => hold(other.try_write(id), &sign),
                    _ => hold(other.write_new(id, KIND), &sign),
                });
            });
            let mut guard = is_held.0.lock();
            while !*guard {
                guard = is_held.1.wait(guard);
            }
            drop(guard);
            while pool.pin_count(id) > 0 {
                thread::yield_now();
            }
            journal.note(format!("main: pin_count({id}) is 0"));
            let granted = must(pool.try_write(id), "try_write").is_some();
            check!(
                granted,
                "whether try_write({id}) gets the latch of the unpinned page, whose guard came from {door}"
            );
            owner.join().expect("the thread ends");
        });
    }
}

/// A change is kept through whichever call the guard came, also if a flush of the page ends while the call
/// waits for the latch: the page is dirty because of this change, not because it was dirty before.
#[testkit::test]
fn a_change_right_after_a_flush_is_kept() {
    for door in ["write", "try_write"] {
        testkit::schedule::explore(150, move || {
            let (tap, pool, ids) = pool_over(2, 2);
            let id = ids[0];
            change(&pool, id, 20);
            let (journal, other) = (Journal::default(), pool.clone());
            let flusher = journal.spawn("flusher", move |journal| {
                check_eq!(journal.call("flusher", "flush", || other.flush(id)), Ok(()), "flush");
            });
            let what = format!("{door}({id}), content 21,");
            journal.call("main", &what, || {
                let mut page = match door {
                    "write" => must(pool.write(id), door),
                    _ => loop {
                        match must(pool.try_write(id), door) {
                            Some(page) => break page,
                            None => thread::yield_now(),
                        }
                    },
                };
                fill(&mut page, 21);
            });
            flusher.join().expect("the thread ends");
            check_eq!(pool.sync(), Ok(()), "sync");
            check_eq!(tap.tag_on_disk(id), Some(21), "the page on the disk after sync");
        });
    }
}

/// A change made while a flush writes the page is not lost: a page is clean only if nobody changed it since
/// it was copied out.
#[testkit::test]
fn a_flush_does_not_lose_a_change() {
    testkit::schedule::explore(300, || {
        let (tap, pool, ids) = pool_over(4, 2);
        let id = ids[0];
        let journal = Journal::default();
        let others = pool.clone();
        let flusher = journal.spawn("flusher", move |journal| {
            for _ in 0..2 {
                let flushed = journal.call("flusher", "flush", || others.flush(id));
                check_eq!(flushed, Ok(()), "flush");
                check_eq!(journal.call("flusher", "flush_all", || others.flush_all()), Ok(()), "flush_all");
            }
        });
        for tag in 10..13 {
            journal.call("main", &format!("changes {id} to {tag}"), || change_in_steps(&pool, id, tag));
        }
        flusher.join().expect("the thread ends");
        // Everything leaves, so that only the disk knows.
        for _ in 0..2 {
            ids[1..].iter().for_each(|id| visit(&pool, *id));
            ids[1..].iter().for_each(|id| visit(&pool, *id));
        }
        visit(&pool, ids[1]);
        check_reads(&pool, id, 12);
        check_eq!(pool.flush_all(), Ok(()), "flush_all");
        check_eq!(tap.tag_on_disk(id), Some(12), "the page on the disk");
        tap.check_whole();
    });
}

/// A flush only reads the page, so other threads can read the page meanwhile.
#[testkit::test]
fn a_flush_gets_along_with_readers() {
    testkit::schedule::explore(50, || {
        let (tap, pool, ids) = pool_over(2, 2);
        change(&pool, ids[0], 35);
        let page = must(pool.read(ids[0]), "read");
        let (journal, other, id) = (Journal::default(), pool.clone(), ids[0]);
        let flusher =
            journal.spawn("flusher", move |journal| journal.call("flusher", "flush", || other.flush(id)));
        crate::pool_support::joined("flush of a page that is being read", flusher);
        check_page(&page, id, 35);
        check_eq!(tap.tag_on_disk(id), Some(35), "the page on the disk");
    });
}

/// `sync` waits for a page that is being changed: what was changed before it must be durable after it.
#[testkit::test]
fn sync_waits_for_a_writer() {
    testkit::schedule::explore(100, || {
        let (tap, pool, ids) = pool_over(3, 3);
        change(&pool, ids[1], 50);
        let mut page = must(pool.write(ids[0]), "write");
        fill(&mut page, 40);
        let (journal, other) = (Journal::default(), pool.clone());
        let (disk, id) = (tap.clone(), ids[0]);
        let syncer = journal.spawn("syncer", move |journal| {
            check_eq!(journal.call("syncer", "sync()", || other.sync()), Ok(()), "sync");
            let found = tag_in(&disk.disk.durable(), id);
            check!(matches!(found, Some(40 | 41)), "{id}, changed before sync, holds {found:?} after it");
        });
        // The pool is not locked meanwhile.
        journal.call("main", "read of another page", || check_reads(&pool, ids[2], 3));
        header::set_flags(&mut page, 7);
        fill(&mut page, 41);
        journal.note("main: drops the guard".to_string());
        drop(page);
        syncer.join().expect("the thread ends");
        check_eq!(tag_in(&tap.disk.durable(), ids[1]), Some(50), "the other page after sync");
    });
}

/// A thread that waits for a latch blocks no other thread: not hits, not misses, not flushes of other pages.
#[testkit::test]
fn a_wait_for_a_latch_holds_nobody_up() {
    testkit::schedule::explore(100, || {
        let (_, pool, ids) = pool_over(4, 3);
        let page = must(pool.write(ids[0]), "write");
        let (journal, id) = (Journal::default(), ids[0]);
        let waiters = ["reader", "writer"].map(|who| {
            let pool = pool.clone();
            journal.spawn(who, move |journal| {
                journal.call(who, &format!("asks for {id}"), || match who {
                    "reader" => check_reads(&pool, id, 1),
                    _ => drop(must(pool.write(id), "write")),
                });
            })
        });
        journal.call("main", "a miss", || check_reads(&pool, ids[1], 2));
        journal.call("main", "a hit", || check_reads(&pool, ids[1], 2));
        journal.call("main", "a change", || change(&pool, ids[2], 60));
        journal.call("main", "a flush", || check_eq!(pool.flush(ids[2]), Ok(()), "flush"));
        journal.call("main", "an eviction", || check_reads(&pool, ids[3], 4));
        journal.note("main: drops the guard".to_string());
        drop(page);
        waiters.into_iter().for_each(|waiter| waiter.join().expect("the thread ends"));
    });
}

/// A thread that holds one page and waits for the next gets along with a flush of everything: a flush holds
/// one latch at a time.
#[testkit::test]
fn flush_all_holds_one_latch_at_a_time() {
    testkit::schedule::explore(150, || {
        let (_, pool, ids) = pool_over(3, 3);
        ids.iter().for_each(|id| change(&pool, *id, 70));
        let (journal, other) = (Journal::default(), pool.clone());
        let flusher = journal.spawn("flusher", move |journal| {
            check_eq!(journal.call("flusher", "flush_all()", || other.flush_all()), Ok(()), "flush_all");
        });
        for (first, second) in [(0, 1), (2, 1), (1, 0)] {
            let mut one = journal.call("main", "write", || must(pool.write(ids[first]), "write"));
            let mut two =
                journal.call("main", "write of a second page", || must(pool.write(ids[second]), "write"));
            fill(&mut one, 80);
            fill(&mut two, 81);
        }
        flusher.join().expect("the thread ends");
        check_eq!(pool.flush_all(), Ok(()), "flush_all");
        check!(ids.iter().all(|id| !pool.is_dirty(*id)), "nothing is dirty after flush_all");
    });
}

/// Two threads that want each other's page get it with `try_write`, one after the other: it never waits.
#[testkit::test]
fn try_write_breaks_a_tie() {
    testkit::schedule::explore(100, || {
        let (_, pool, ids) = pool_over(2, 2);
        let journal = Journal::default();
        let threads = [("one", 0, 1), ("two", 1, 0)].map(|(who, own, wanted)| {
            let (pool, ids) = (pool.clone(), ids.clone());
            journal.spawn(who, move |journal| {
                loop {
                    let mut first = journal.call(who, "write", || must(pool.write(ids[own]), "write"));
                    let second =
                        journal.call(who, "try_write", || must(pool.try_write(ids[wanted]), "try_write"));
                    if let Some(mut second) = second {
                        let (a, b) = (tag_of(&first, ids[own]), tag_of(&second, ids[wanted]));
                        fill(&mut first, a.expect("the page is whole") + 10);
                        fill(&mut second, b.expect("the page is whole") + 10);
                        return;
                    }
                    drop(first);
                    thread::yield_now();
                }
            })
        });
        threads.into_iter().for_each(|thread| thread.join().expect("the thread ends"));
        check_reads(&pool, ids[0], 21);
        check_reads(&pool, ids[1], 22);
        check_frames(&pool, &ids);
    });
}

/// A page that is being evicted is not seen with old bytes: a request for it gets what was written last.
#[testkit::test]
fn a_victim_comes_back_with_its_last_bytes() {
    testkit::schedule::explore(200, || {
        let (tap, pool, ids) = pool_over(4, 2);
        change(&pool, ids[0], 90);
        visit(&pool, ids[1]);
        let journal = Journal::default();
        let evictor = spawn_visit(&journal, "evictor", &pool, ids[2]);
        journal.call("main", "read of the victim", || check_reads(&pool, ids[0], 90));
        journal.call("main", "change of it", || change(&pool, ids[0], 91));
        crate::pool_support::joined("pin", evictor);
        check_reads(&pool, ids[3], 4);
        check_reads(&pool, ids[1], 2);
        check_reads(&pool, ids[0], 91);
        tap.check_whole();
    });
}

/// A page is written under its own latch: a write that hangs blocks a thread that wants to change that page,
/// and no thread sees it change meanwhile.
#[testkit::test]
fn a_page_is_not_changed_while_it_is_written() {
    testkit::schedule::explore(100, || {
        let (tap, pool, ids) = pool_over(3, 2);
        change(&pool, ids[0], 30);
        tap.hold(Io::Write(ids[0]));
        let (journal, id) = (Journal::default(), ids[0]);
        let (first, second) = (pool.clone(), pool.clone());
        let flusher =
            journal.spawn("flusher", move |journal| journal.call("flusher", "flush", || first.flush(id)));
        tap.await_held(Io::Write(id));
        let writer = journal.spawn("writer", move |journal| {
            journal.call("writer", "changes the page", || change_in_steps(&second, id, 31));
        });
        journal.call("main", "read of another page", || check_reads(&pool, ids[1], 2));
        tap.let_go(Io::Write(id));
        crate::pool_support::joined("flush", flusher);
        writer.join().expect("the thread ends");
        check!(pool.is_dirty(id), "the page, changed after or during its flush, is dirty");
        check_reads(&pool, id, 31);
        check_eq!(pool.sync(), Ok(()), "sync");
        check_eq!(tap.tag_on_disk(id), Some(31), "the page on the disk");
        tap.check_whole();
    });
}

/// Real threads that change, make, free and flush: every change counts, every page is whole, none is lost.
#[testkit::test]
fn real_threads_lose_nothing() {
    let (tap, pool, ids) = pool_over(24, 10);
    let mut seeds = testkit::rng();
    let threads: Vec<_> = (0..5_usize)
        .map(|own| {
            let (pool, ids) = (pool.clone(), ids.clone());
            let mut rng = seeds.fork();
            thread::spawn(move || {
                let mut added = vec![0; ids.len()];
                for round in 0..400 {
                    // Often the same few pages, so that threads meet.
                    let most = if rng.bool() { 4 } else { ids.len() };
                    let n = rng.usize(..most);
                    added[n] += 1;
                    add_one(&pool, ids[n]);
                    if round % 40 == own {
                        check_eq!(pool.flush_all(), Ok(()), "flush_all");
                    }
                    if round % 20 == own {
                        let mut page = must(pool.allocate(KIND), "allocate");
                        fill(&mut page, 5);
                        check_eq!(pool.free(page), Ok(()), "free");
                    }
                }
                added
            })
        })
        .collect();
    let mut expected: Vec<u32> = (1..=24).collect();
    for thread in threads {
        let added = thread.join().expect("the thread ends");
        expected.iter_mut().zip(added).for_each(|(sum, added)| *sum += added);
    }
    check_eq!(pool.sync(), Ok(()), "sync");
    let found: Vec<_> = ids.iter().map(|id| tap.tag_on_disk(*id)).collect();
    check_eq!(found, expected.into_iter().map(Some).collect::<Vec<_>>(), "the numbers in the pages");
    check_eq!(pool.disk().stats().allocated, 24, "allocated pages");
    check_frames(&pool, &ids[..10]);
    tap.check_whole();
}
