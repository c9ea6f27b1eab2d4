//! Pages that are freed, and numbers that are used again.

use buffer_pool::{Error, Pager};
use testkit::{check, check_eq};

use crate::pool_support::{
    Io, Journal, KIND, change, check_frames, check_page, check_reads, check_resident, fill, manager, must,
    not_allocated, pool_over, tag_of, visit,
};

/// A freed page is gone at once: for every request, for the disk, and for the pool's frames.
#[testkit::test]
fn a_freed_page_is_gone() {
    let (tap, pool, ids) = pool_over(4, 2);
    change(&pool, ids[0], 50);
    let mut page = must(pool.write(ids[0]), "write");
    fill(&mut page, 51);
    testkit::step!("pool.free(page) // {}", ids[0]);
    check_eq!(pool.free(page), Ok(()), "free");
    check!(!pool.disk().is_allocated(ids[0]), "{} is allocated after it was freed", ids[0]);
    check_resident(&pool, ids[0], false, "after it was freed");
    check!(!pool.is_dirty(ids[0]), "a freed page is not dirty");
    for _ in 0..2 {
        check_eq!(pool.read(ids[0]).err(), Some(not_allocated(ids[0])), "read of a freed page");
        check_eq!(pool.write(ids[0]).err(), Some(not_allocated(ids[0])), "write of a freed page");
        check_eq!(pool.try_write(ids[0]).err(), Some(not_allocated(ids[0])), "try_write of a freed page");
    }
    check_frames(&pool, &ids[1..3]);
    check_eq!(pool.sync(), Ok(()), "sync");
    check_eq!(tap.count(Io::Write(ids[0])), 0, "writes of a page that was freed: its bytes are nobody's");
}

/// The frame of a freed page is free, and taken before any page has to leave.
#[testkit::test]
fn a_freed_page_leaves_a_free_frame() {
    let (tap, pool, ids) = pool_over(4, 2);
    visit(&pool, ids[0]);
    let mut page = must(pool.write(ids[1]), "write");
    fill(&mut page, 99);
    check_eq!(pool.free(page), Ok(()), "free");
    visit(&pool, ids[2]);
    visit(&pool, ids[0]);
    check!(!pool.is_dirty(ids[2]), "a page read into the frame of a freed, changed page is not dirty");
    check_eq!(tap.count(Io::Read(ids[0])), 1, "reads of the page that did not have to leave");
    check_eq!(pool.stats().evictions, 0, "stats().evictions");
    check_eq!(pool.flush_all(), Ok(()), "flush_all");
    check_eq!(pool.stats().writes, 0, "stats().writes: nothing was changed that is still there");
}

/// If a page cannot be freed, nothing has changed: its bytes are there, dirty as before.
#[testkit::test]
fn a_page_that_cannot_be_freed_stays() {
    let (tap, pool, ids) = pool_over(2, 2);
    check_eq!(pool.disk().set_root(Some(ids[0])), Ok(()), "set_root");
    change(&pool, ids[0], 60);
    let page = must(pool.write(ids[0]), "write");
    let root = Error::Page(slotted_page::Error::RootPage { page: ids[0] });
    check_eq!(pool.free(page), Err(root), "free of the root page");
    check_reads(&pool, ids[0], 60);
    check!(pool.is_dirty(ids[0]), "the page is dirty as before");
    check_eq!(pool.pin_count(ids[0]), 0, "pin_count after free failed");
    check_eq!(pool.sync(), Ok(()), "sync");
    check_eq!(tap.tag_on_disk(ids[0]), Some(60), "the page on the disk");
}

/// A number may be given out again at once. The new page is empty, and what it holds is what reaches the
/// disk.
#[testkit::test]
fn a_number_may_be_used_again_at_once() {
    let (tap, pool, ids) = pool_over(3, 3);
    let mut again = 0;
    for round in 0..12 {
        let mut page = must(pool.allocate(KIND), "allocate");
        let id = page.id();
        check_page(&page, id, 0);
        fill(&mut page, 200 + round);
        if round % 3 == 1 {
            drop(page);
            ids.iter().for_each(|id| visit(&pool, *id));
            ids.iter().for_each(|id| visit(&pool, *id));
            page = must(pool.write(id), "write");
            check_page(&page, id, 200 + round);
        }
        check_eq!(pool.free(page), Ok(()), "free");
        let mut page = must(pool.allocate(KIND), "allocate");
        again += usize::from(page.id() == id);
        check_page(&page, page.id(), 0);
        let id = page.id();
        fill(&mut page, 300 + round);
        drop(page);
        ids.iter().for_each(|id| visit(&pool, *id));
        ids.iter().for_each(|id| visit(&pool, *id));
        check_reads(&pool, id, 300 + round);
        check_eq!(pool.sync(), Ok(()), "sync");
        check_eq!(tap.tag_on_disk(id), Some(300 + round), "{id} on the disk after sync");
    }
    check!(again > 0, "some freed number is given out again at once");
}

/// A thread that waits for the latch of a page while it is freed gets an error, not the bytes of a page that
/// no longer exists.
#[testkit::test]
fn a_request_that_waits_for_a_freed_page_gets_an_error() {
    testkit::schedule::explore(250, || {
        let (tap, pool, ids) = pool_over(4, 3);
        let journal = Journal::default();
        let page = must(pool.write(ids[0]), "write");
        let waiters = [("reader", 0), ("writer", 1), ("taker", 2)].map(|(name, what)| {
            let (pool, id) = (pool.clone(), ids[0]);
            journal.spawn(name, move |journal| {
                journal.call(name, &format!("{name} asks for {id}"), || match what {
                    0 => pool.read(id).map(|page| tag_of(&page, id)).err(),
                    1 => pool.write(id).map(|page| tag_of(&page, id)).err(),
                    // Refused while the latch is held, else the same error as the others.
                    _ => pool.try_write(id).map(|page| check!(page.is_none(), "a freed page is given")).err(),
                })
            })
        });
        check_eq!(journal.call("main", "free", || pool.free(page)), Ok(()), "free");
        let [reader, writer, taker] = waiters.map(|waiter| waiter.join().expect("the thread ends"));
        check_eq!(reader, Some(not_allocated(ids[0])), "read of a page that is being freed");
        check_eq!(writer, Some(not_allocated(ids[0])), "write of a page that is being freed");
        check!(taker.is_none() || taker == Some(not_allocated(ids[0])), "try_write gives {taker:?}");
        check_eq!(pool.sync(), Ok(()), "sync");
        check_eq!(tap.count(Io::Write(ids[0])), 0, "writes of the freed page");
        check_frames(&pool, &ids[1..]);
    });
}

/// A page is freed and its number used again while others ask for it: each sees the old page, the new one, or
/// an error; never bytes of both, and nothing of the old one reaches the disk under the new one.
#[testkit::test]
fn a_number_is_used_again_while_others_ask() {
    testkit::schedule::explore(300, || {
        let (tap, pool, ids) = pool_over(3, 3);
        let mut page = must(pool.allocate(KIND), "allocate");
        let id = page.id();
        fill(&mut page, 70);
        drop(page);
        let journal = Journal::default();
        let (readers, other) = (pool.clone(), pool.clone());
        let reader = journal.spawn("reader", move |journal| {
            for _ in 0..2 {
                let found = journal.call("reader", &format!("read({id})"), || {
                    readers.read(id).map(|page| tag_of(&page, id))
                });
                let is_sound = matches!(found, Ok(Some(70 | 71 | 0))) || found == Err(not_allocated(id));
                check!(is_sound, "a reader sees the old page, the new page or an error, not {found:?}");
            }
        });
        let flusher = journal.spawn("flusher", move |journal| {
            let flushed = journal.call("flusher", &format!("flush({id})"), || other.flush(id));
            check!(flushed.is_ok() || flushed == Err(not_allocated(id)), "flush gives {flushed:?}");
        });
        let page = must(pool.write(id), "write");
        check_eq!(journal.call("main", "free", || pool.free(page)), Ok(()), "free");
        let mut page = journal.call("main", "allocate", || must(pool.allocate(KIND), "allocate"));
        let new = page.id();
        check_page(&page, new, 0);
        fill(&mut page, 71);
        drop(page);
        reader.join().expect("the thread ends");
        flusher.join().expect("the thread ends");
        check_eq!(pool.sync(), Ok(()), "sync");
        check_eq!(tap.tag_on_disk(new), Some(71), "the new page on the disk");
        check_reads(&pool, new, 71);
        tap.check_whole();
        check_frames(&pool, &ids);
    });
}

/// A flush that waited for the latch looks at what it got: the page may have been freed, and another be in
/// its place.
#[testkit::test]
fn a_flush_does_not_write_a_freed_page() {
    testkit::schedule::explore(200, || {
        let (tap, pool, ids) = pool_over(3, 2);
        let mut page = must(pool.write(ids[0]), "write");
        fill(&mut page, 44);
        let (journal, other, id) = (Journal::default(), pool.clone(), ids[0]);
        let flusher = journal.spawn("flusher", move |journal| {
            let flushed = journal.call("flusher", &format!("flush({id})"), || other.flush(id));
            let all = journal.call("flusher", "flush_all()", || other.flush_all());
            for result in [flushed, all] {
                check!(result.is_ok() || result == Err(not_allocated(id)), "flush gives {result:?}");
            }
        });
        check_eq!(journal.call("main", "free", || pool.free(page)), Ok(()), "free");
        flusher.join().expect("the thread ends");
        check_eq!(tap.count(Io::Write(id)), 0, "writes of a page that was latched all the time, then freed");
        check_frames(&pool, &ids[1..]);
        check_eq!(pool.sync(), Ok(()), "sync");
        check!(!manager(&tap).is_allocated(id), "{id} is free after opening the file again");
    });
}
