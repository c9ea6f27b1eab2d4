//! One thread: what guards show, what makes a page dirty, and what comes of changed bytes.

use std::io::ErrorKind;

use buffer_pool::{Access, BufferPool, Error, Pager};
use slotted_page::{Lsn, PageId, header};
use testkit::{check, check_eq};

use crate::pool_support::{
    Io, KIND, change, check_frames, check_log, check_page, check_reads, file, io_error, manager, must,
    not_allocated, pool, pool_over, tag_in, tag_of,
};

/// A read guard shows the page as it is on the disk, pinned for as long as the guard lives.
#[testkit::test]
fn a_read_guard_shows_the_page() {
    let (tap, pool, ids) = pool_over(3, 2);
    let page = must(pool.read(ids[1]), "read");
    check_eq!(page.id(), ids[1], "id() of the guard");
    check_page(&page, ids[1], 2);
    check_eq!(pool.pin_count(ids[1]), 1, "pin_count while a guard lives");
    drop(page);
    check_eq!(pool.pin_count(ids[1]), 0, "pin_count after the guard is gone");
    check!(!pool.is_dirty(ids[1]), "a page that was read is not dirty");
    check_reads(&pool, ids[1], 2);
    check_reads(&pool, ids[0], 1);
    check_log(&tap, &[Io::Read(ids[1]), Io::Read(ids[0])], "three reads of two pages");
}

/// What was written through a guard is what the next guard shows, and the disk knows nothing of it yet.
#[testkit::test]
fn changes_are_seen_at_once() {
    let (tap, pool, ids) = pool_over(2, 2);
    let mut page = must(pool.write(ids[0]), "write");
    check_eq!(page.id(), ids[0], "id() of the guard");
    check_page(&page, ids[0], 1);
    crate::pool_support::fill(&mut page, 50);
    check_page(&page, ids[0], 50);
    check_eq!(pool.pin_count(ids[0]), 1, "pin_count while a guard lives");
    drop(page);
    check_eq!(pool.pin_count(ids[0]), 0, "pin_count after the guard is gone");
    check_reads(&pool, ids[0], 50);
    check!(pool.is_dirty(ids[0]), "a changed page is dirty");
    check_eq!(tap.tag_on_disk(ids[0]), Some(1), "the page on the disk before anything was flushed");
}

/// A page is dirty from the first `&mut` borrow of its bytes: a write guard that only looked costs no write.
#[testkit::test]
fn only_a_change_makes_a_page_dirty() {
    let (tap, pool, ids) = pool_over(2, 2);
    let mut page = must(pool.write(ids[0]), "write");
    check_page(&page, ids[0], 1);
    check!(!pool.is_dirty(ids[0]), "a page that was only looked at through a write guard is not dirty");
    crate::pool_support::fill(&mut page, 9);
    check!(pool.is_dirty(ids[0]), "a page is dirty once its bytes were borrowed as &mut");
    drop(page);
    drop(must(pool.write(ids[1]), "write"));
    check_eq!(pool.flush_all(), Ok(()), "flush_all");
    check_log(
        &tap,
        &[Io::Read(ids[0]), Io::Read(ids[1]), Io::Write(ids[0])],
        "a page changed, and one that was only looked at",
    );
}

/// A dirty page stays dirty when others look at it, through guards of any kind: they did not write it to the
/// disk.
#[testkit::test]
fn a_look_does_not_make_a_page_clean() {
    let (tap, pool, ids) = pool_over(4, 2);
    change(&pool, ids[0], 70);
    check_reads(&pool, ids[0], 70);
    drop(must(pool.write(ids[0]), "write"));
    drop(must(pool.try_write(ids[0]), "try_write"));
    drop(must(pool.pin(ids[0], Access::Again), "pin"));
    check!(pool.is_dirty(ids[0]), "the page is dirty, whoever looked at it since");
    [1, 2, 3, 1, 2, 3].into_iter().for_each(|n| check_reads(&pool, ids[n], n as u32 + 1));
    [1, 1, 2, 2, 3, 3].into_iter().for_each(|n| check_reads(&pool, ids[n], n as u32 + 1));
    check_eq!(pool.flush_all(), Ok(()), "flush_all");
    check_eq!(tap.tag_on_disk(ids[0]), Some(70), "the changed page on the disk");
    check_reads(&pool, ids[0], 70);
}

/// A guard of any kind is a use of its page, as a pin is: the page stays longer than one that was used once.
#[testkit::test]
fn a_guard_is_a_use() {
    for door in ["read", "write", "try_write"] {
        let (tap, pool, ids) = pool_over(3, 2);
        check_reads(&pool, ids[0], 1);
        check_reads(&pool, ids[1], 2);
        testkit::step!("drop(pool.{door}({}))", ids[0]);
        match door {
            "read" => drop(must(pool.read(ids[0]), door)),
            "write" => drop(must(pool.write(ids[0]), door)),
            _ => drop(must(pool.try_write(ids[0]), door)),
        }
        tap.take_log();
        check_reads(&pool, ids[2], 3);
        check_reads(&pool, ids[0], 1);
        check_log(&tap, &[Io::Read(ids[2])], "page 2 comes, and page 0, used twice, is still there");
    }
}

/// Changed bytes come back after any number of evictions, also in a pool of one frame.
#[testkit::test]
fn changes_survive_evictions() {
    for frames in [1, 2, 3] {
        let (tap, pool, ids) = pool_over(6, frames);
        for round in 1..4 {
            for (n, id) in (0..).zip(&ids) {
                check_reads(&pool, *id, if round == 1 { n + 1 } else { 100 * (round - 1) + n });
                change(&pool, *id, 100 * round + n);
            }
        }
        for (n, id) in (0..).zip(&ids) {
            check_reads(&pool, *id, 300 + n);
        }
        tap.check_whole();
    }
}

/// What is changed after a flush is dirty again: the flush before knows nothing of it.
#[testkit::test]
fn a_change_after_a_flush_is_dirty_again() {
    let (tap, pool, ids) = pool_over(2, 2);
    for tag in 20..24 {
        change(&pool, ids[0], tag);
        check!(pool.is_dirty(ids[0]), "a page changed after a flush is dirty");
        check_eq!(pool.flush(ids[0]), Ok(()), "flush");
        check!(!pool.is_dirty(ids[0]), "a page is clean after its flush");
        check_eq!(tap.tag_on_disk(ids[0]), Some(tag), "the page on the disk after its flush");
    }
    let mut page = must(pool.write(ids[0]), "write");
    crate::pool_support::fill(&mut page, 30);
    drop(page);
    check_eq!(pool.sync(), Ok(()), "sync");
    check_eq!(tag_in(&tap.disk.durable(), ids[0]), Some(30), "the page after a crash right after sync");
    check_eq!(pool.stats().writes, 5, "stats().writes");
}

/// One guard can change its page again and again, and all of it counts.
#[testkit::test]
fn a_guard_changes_its_page_again_and_again() {
    let (tap, pool, ids) = pool_over(1, 1);
    let mut page = must(pool.write(ids[0]), "write");
    for tag in 5..9 {
        crate::pool_support::fill(&mut page, tag);
        header::set_lsn(&mut page, Lsn(u64::from(tag)));
    }
    drop(page);
    let page = must(pool.read(ids[0]), "read");
    check_eq!((tag_of(&page, ids[0]), header::lsn(&page)), (Some(8), Lsn(8)), "content and LSN as last set");
    drop(page);
    check_eq!(pool.flush_all(), Ok(()), "flush_all");
    check_log(&tap, &[Io::Read(ids[0]), Io::Write(ids[0])], "one guard, several changes, one flush");
}

/// `try_write` gives the page if its latch is free. If it is not, the call returns `None` at once and changes
/// nothing.
#[testkit::test]
fn try_write_does_not_wait() {
    let (_, pool, ids) = pool_over(2, 2);
    let mut page = must(pool.try_write(ids[0]), "try_write").expect("nobody holds the latch");
    check_eq!(page.id(), ids[0], "id() of the guard");
    crate::pool_support::fill(&mut page, 40);
    let page_again = must(pool.try_write(ids[0]), "try_write");
    check!(page_again.is_none(), "try_write is None while a write guard lives");
    drop(page_again);
    check_eq!(pool.pin_count(ids[0]), 1, "pin_count after try_write was refused: the guard's alone");
    drop(page);
    let first = must(pool.read(ids[0]), "read");
    check_page(&first, ids[0], 40);
    let refused = must(pool.try_write(ids[0]), "try_write").is_none();
    check!(refused, "try_write is None while a read guard lives");
    check_eq!(pool.pin_count(ids[0]), 1, "pin_count after try_write was refused: the guard's alone");
    drop(first);
    let granted = must(pool.try_write(ids[0]), "try_write").is_some();
    check!(granted, "try_write is Some once all guards are gone");
    check_frames(&pool, &ids);
}

/// `try_write` brings a page in, and says what is wrong with one that cannot be brought in.
#[testkit::test]
fn try_write_reads_the_page() {
    let (tap, pool, ids) = pool_over(3, 1);
    let page = must(pool.try_write(ids[1]), "try_write").expect("nobody holds the latch");
    check_page(&page, ids[1], 2);
    let found = pool.try_write(ids[0]).err();
    check_eq!(found, Some(Error::AllPinned { frames: 1 }), "try_write while every frame is pinned");
    drop(page);
    tap.fail(Io::Read(ids[0]), 1, ErrorKind::TimedOut);
    let found = pool.try_write(ids[0]).err();
    check_eq!(found, Some(io_error(ErrorKind::TimedOut)), "try_write of a page that cannot be read");
    let found = pool.try_write(PageId(900)).err();
    check_eq!(found, Some(not_allocated(PageId(900))), "try_write of a page that does not exist");
}

/// Guards of different pages live side by side, as many as there are frames.
#[testkit::test]
fn guards_of_different_pages_live_side_by_side() {
    let (_, pool, ids) = pool_over(5, 4);
    let mut first = must(pool.write(ids[0]), "write");
    let second = must(pool.read(ids[1]), "read");
    let mut third = must(pool.write(ids[2]), "write");
    let fourth = must(pool.read(ids[3]), "read");
    crate::pool_support::fill(&mut first, 61);
    crate::pool_support::fill(&mut third, 63);
    let found = pool.read(ids[4]).err();
    check_eq!(found, Some(Error::AllPinned { frames: 4 }), "read while every frame is pinned");
    check_page(&second, ids[1], 2);
    check_page(&fourth, ids[3], 4);
    drop(second);
    check_reads(&pool, ids[4], 5);
    drop((first, third, fourth));
    check_reads(&pool, ids[0], 61);
    check_reads(&pool, ids[2], 63);
}

/// A new page comes empty, under a write guard, whatever its frame held before; it is dirty, and there to be
/// read.
#[testkit::test]
fn a_new_page_is_empty() {
    let (tap, pool, ids) = pool_over(3, 2);
    change(&pool, ids[0], 80);
    change(&pool, ids[1], 81);
    tap.take_log();
    let mut page = must(pool.allocate(KIND), "allocate");
    let id = page.id();
    check_page(&page, id, 0);
    check_eq!(header::kind(&page), KIND, "the kind of a new page");
    check_eq!(header::lsn(&page), Lsn::ZERO, "the LSN of a new page");
    check!(pool.is_dirty(id) && pool.disk().is_allocated(id), "{id} is dirty and allocated");
    check!(must(pool.try_write(id), "try_write").is_none(), "a new page is latched for its maker");
    crate::pool_support::fill(&mut page, 90);
    drop(page);
    check_reads(&pool, id, 90);
    // Used twice each, and later, the others push it out.
    [(0, 80), (0, 80), (1, 81), (1, 81)].into_iter().for_each(|(n, tag)| check_reads(&pool, ids[n], tag));
    check_reads(&pool, id, 90);
    check_eq!(tap.count(Io::Read(id)), 1, "reads of the new page: it came back once");
}

/// If no frame can be had, nothing is allocated.
#[testkit::test]
fn a_failed_allocate_allocates_nothing() {
    let (_, pool, ids) = pool_over(2, 1);
    let allocated = pool.disk().stats().allocated;
    let page = must(pool.write(ids[0]), "write");
    let found = pool.allocate(KIND).err();
    check_eq!(found, Some(Error::AllPinned { frames: 1 }), "allocate while every frame is pinned");
    check_eq!(pool.disk().stats().allocated, allocated, "allocated pages after allocate failed");
    drop(page);
    drop(must(pool.allocate(KIND), "allocate"));
    check_eq!(pool.disk().stats().allocated, allocated + 1, "allocated pages after one that succeeded");
}

/// A failed write-back leaves the changed bytes in the pool: nothing that was written is ever lost.
#[testkit::test]
fn a_failed_write_back_keeps_the_bytes() {
    let (tap, pool, ids) = pool_over(3, 1);
    change(&pool, ids[0], 33);
    tap.fail(Io::Write(ids[0]), 2, ErrorKind::TimedOut);
    let found = pool.read(ids[1]).err();
    check_eq!(found, Some(io_error(ErrorKind::TimedOut)), "read whose victim cannot be written");
    check_reads(&pool, ids[0], 33);
    change(&pool, ids[0], 34);
    check_eq!(pool.flush(ids[0]), Err(io_error(ErrorKind::TimedOut)), "flush that fails");
    check_reads(&pool, ids[0], 34);
    check_reads(&pool, ids[1], 2);
    check_eq!(tap.tag_on_disk(ids[0]), Some(34), "the page on the disk");
    check_reads(&pool, ids[0], 34);
}

/// What uses a pool through the trait alone sees the same.
#[testkit::test]
fn the_pool_is_a_pager() {
    fn total<P: Pager>(pager: &P, ids: &[PageId]) -> Result<u32, Error> {
        let mut total = 0;
        for id in ids {
            total += tag_of(&*pager.read(*id)?, *id).expect("the page is whole");
            let mut page = pager.write(*id)?;
            crate::pool_support::fill(&mut page, total);
        }
        Ok(total)
    }
    let (tap, ids) = file(4);
    let pool: BufferPool = pool(&tap, 2);
    check_eq!(total(&pool, &ids), Ok(1 + 2 + 3 + 4), "the tags of four pages");
    check_eq!(pool.sync(), Ok(()), "sync");
    drop(pool);
    let pool = BufferPool::new(manager(&tap), 3).expect("it has frames");
    [1, 3, 6, 10].into_iter().zip(&ids).for_each(|(tag, id)| check_reads(&pool, *id, tag));
}
