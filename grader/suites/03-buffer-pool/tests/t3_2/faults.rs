//! Reads and writes that fail, and pages that are not what was written.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use buffer_pool::{Access, Error};
use slotted_page::{Corruption, PAGE_SIZE, PageBuf, PageId, PageKind, SlottedPage, header};
use testkit::{check, check_eq};

use crate::frame_support::check_pool;
use crate::pool_support::{
    Io, KIND, check_frames, check_log, check_resident, file, io_error, make, manager, pin, pool, pool_over,
    visit,
};

/// A read that fails is the caller's error; the next try reads again, and no frame is lost, however often it
/// happens.
#[testkit::test]
fn a_failed_read_costs_nothing() {
    let (tap, pool, ids) = pool_over(4, 2);
    let held = pin(&pool, ids[0]);
    tap.fail(Io::Read(ids[1]), 5, ErrorKind::TimedOut);
    for failed in 1..=5 {
        let found = pool.pin(ids[1], Access::Again).err();
        check_eq!(found, Some(io_error(ErrorKind::TimedOut)), "pin of a page whose read fails");
        check_resident(&pool, ids[1], false, "after its read failed");
        check_eq!(pool.stats().misses, 1 + failed, "stats().misses, failed reads included");
    }
    visit(&pool, ids[1]);
    check_eq!(tap.count(Io::Read(ids[1])), 6, "reads of the page: five that failed, one that did not");
    drop(held);
    check_frames(&pool, &ids[2..]);
}

/// A read that fails after a dirty page made room: that page was written, and can be read again.
#[testkit::test]
fn a_failed_read_loses_no_victim() {
    let (tap, pool, ids) = pool_over(1, 1);
    let made = make(&pool);
    tap.fail(Io::Read(ids[0]), 1, ErrorKind::TimedOut);
    check_eq!(pool.pin(ids[0], Access::Again).err(), Some(io_error(ErrorKind::TimedOut)), "pin");
    visit(&pool, made);
    check_eq!(pool.flush_all(), Ok(()), "flush_all");
    check_eq!(tap.tag_on_disk(made), Some(0), "the page that made room, on the disk");
    visit(&pool, ids[0]);
}

/// A write that fails: the page stays, dirty, and is written by the next try. It is the only copy there is.
#[testkit::test]
fn a_failed_write_back_loses_nothing() {
    let (tap, pool, ids) = pool_over(3, 2);
    let made = make(&pool);
    visit(&pool, ids[0]);
    tap.fail(Io::Write(made), 3, ErrorKind::PermissionDenied);
    for _ in 0..3 {
        let found = pool.pin(ids[1], Access::Again).err();
        check_eq!(found, Some(io_error(ErrorKind::PermissionDenied)), "pin whose victim cannot be written");
        check_resident(&pool, made, true, "after its write failed");
        check!(pool.is_dirty(made), "{made} is still dirty after its write failed");
        check_eq!(pool.pin_count(made), 0, "pin_count of the page whose write failed");
        check_resident(&pool, ids[1], false, "which could not come in");
    }
    check_eq!(pool.stats().writes, 0, "stats().writes: none succeeded");
    check_eq!(pool.stats().misses, 4, "stats().misses: one for each claim, also where the victim stays");
    check_eq!((pool.stats().hits, pool.stats().evictions), (0, 0), "stats(): hits and evictions");
    visit(&pool, ids[1]);
    check_eq!(tap.tag_on_disk(made), Some(0), "the page on the disk once its write succeeded");
    check_frames(&pool, &[made, ids[2]]);
    check_eq!(pool.stats().writes, 1, "stats().writes");
}

/// A page whose write failed can be used as if nothing had been.
#[testkit::test]
fn a_page_whose_write_failed_can_be_pinned() {
    let (tap, pool, ids) = pool_over(2, 1);
    let made = make(&pool);
    tap.fail(Io::Write(made), 1, ErrorKind::TimedOut);
    check!(pool.pin(ids[0], Access::Again).is_err(), "the pin whose victim cannot be written is an error");
    tap.take_log();
    visit(&pool, made);
    check_log(&tap, &[], "a pin of the page whose write failed");
    check_eq!(pool.flush(made), Ok(()), "flush");
    check_eq!(tap.tag_on_disk(made), Some(0), "the page on the disk");
}

/// A flush that fails leaves the page dirty: the next one writes it.
#[testkit::test]
fn a_failed_flush_leaves_the_page_dirty() {
    let (tap, pool, _) = pool_over(1, 2);
    let made = make(&pool);
    tap.fail(Io::Write(made), 2, ErrorKind::TimedOut);
    check_eq!(pool.flush(made), Err(io_error(ErrorKind::TimedOut)), "flush whose write fails");
    check!(pool.is_dirty(made), "the page is dirty after its flush failed");
    check_eq!(pool.pin_count(made), 0, "pin_count after a flush that failed");
    let synced = pool.sync();
    check_eq!(
        synced,
        Err(io_error(ErrorKind::TimedOut)),
        "sync whose write fails: nothing may claim success"
    );
    check!(pool.is_dirty(made), "the page is dirty after sync failed");
    check_eq!(pool.sync(), Ok(()), "sync once writes succeed");
    check_eq!(tap.tag_on_disk(made), Some(0), "the page on the disk");
    check_eq!(pool.stats().writes, 1, "stats().writes");
}

/// `flush_all` goes on after an error: one bad sector must not keep the others from the disk. It returns the
/// first error.
#[testkit::test]
fn flush_all_goes_on_after_an_error() {
    let (tap, pool, _) = pool_over(1, 6);
    let made: Vec<PageId> = (0..5).map(|_| make(&pool)).collect();
    let faults = [(made[1], ErrorKind::TimedOut), (made[3], ErrorKind::PermissionDenied)];
    faults.iter().for_each(|(id, kind)| tap.fail(Io::Write(*id), 1, *kind));
    tap.take_log();
    let result = pool.flush_all();
    let log = tap.take_log();
    let first = log.iter().find_map(|io| faults.iter().find(|(id, _)| Io::Write(*id) == *io));
    let first = first.expect("pages are dirty, so flush_all tries to write them").1;
    check_eq!(
        result,
        Err(io_error(first)),
        "flush_all with two pages that cannot be written: the first error"
    );
    for (n, id) in made.iter().enumerate() {
        let is_bad = n == 1 || n == 3;
        check_eq!(pool.is_dirty(*id), is_bad, "is_dirty({id}) after flush_all, where {:?} failed", faults);
        check_eq!(log.contains(&Io::Write(*id)), true, "whether flush_all tried {id}");
    }
    check_eq!(pool.flush_all(), Ok(()), "flush_all once writes succeed");
    check!(made.iter().all(|id| tap.tag_on_disk(*id) == Some(0)), "every page is on the disk");
}

/// A page that cannot be made gives its number back: else the file loses a page with every failed call.
#[testkit::test]
fn a_page_that_cannot_be_made_is_given_back() {
    let (tap, pool, ids) = pool_over(3, 1);
    let held = pin(&pool, ids[0]);
    let allocated = pool.disk().stats().allocated;
    for _ in 0..3 {
        let found = pool.pin_new(KIND).err();
        check_eq!(found, Some(Error::AllPinned { frames: 1 }), "pin_new while every frame is pinned");
    }
    check_eq!(pool.disk().stats().allocated, allocated, "allocated pages after pin_new failed");
    drop(held);
    let made = make(&pool);
    tap.fail(Io::Write(made), 3, ErrorKind::TimedOut);
    for _ in 0..3 {
        let found = pool.pin_new(KIND).err();
        check_eq!(found, Some(io_error(ErrorKind::TimedOut)), "pin_new whose victim cannot be written");
    }
    check_eq!(pool.disk().stats().allocated, allocated + 1, "allocated pages after pin_new failed");
    check_resident(&pool, made, true, "after its write failed");
    check!(pool.is_dirty(made), "{made} is still dirty");
    let other = make(&pool);
    check_eq!(tap.tag_on_disk(made), Some(0), "the page that made room");
    check_eq!(pool.resident(), vec![other], "pages in the pool");
}

/// A full disk is the error of the call that wants a page, and takes no frame.
#[testkit::test]
fn a_full_disk_takes_no_frame() {
    let (tap, pool, ids) = pool_over(2, 2);
    tap.disk.capacity(tap.disk.bytes().len() as u64);
    let mut made = Vec::new();
    while let Ok(pin) = pool.pin_new(KIND) {
        made.push(pin.id());
        check!(made.len() < 200, "pin_new on a full disk fails at some time");
    }
    for _ in 0..4 {
        let found = pool.pin_new(KIND).err();
        check_eq!(found, Some(io_error(ErrorKind::StorageFull)), "pin_new on a full disk");
    }
    check_frames(&pool, &ids);
}

/// A damaged page is an error, takes no frame, and is looked at anew by the next try: it may be repaired.
#[testkit::test]
fn a_damaged_page_is_refused() {
    let (tap, pool, ids) = pool_over(4, 2);
    tap.disk.flip_bit(ids[1].offset() + 100, 3);
    for _ in 0..4 {
        let found = pool.pin(ids[1], Access::Again).err();
        let is_right = matches!(
            found,
            Some(Error::Page(slotted_page::Error::Corrupt(Corruption::BadChecksum { page, .. }))) if page == ids[1]
        );
        check!(is_right, "pin of a page with a flipped bit gives a bad checksum, not {found:?}");
        check_resident(&pool, ids[1], false, "after it was refused");
    }
    check_frames(&pool, &ids[2..]);
    tap.disk.flip_bit(ids[1].offset() + 100, 3);
    visit(&pool, ids[1]);
}

/// A page that was allocated past the pool and never written is damage. It may only be taken for a page that
/// is not there yet while new pages are being made, and those that were made before are none of these.
#[testkit::test]
fn a_page_that_was_never_written_is_damage() {
    let (_, pool, ids) = pool_over(2, 3);
    for _ in 0..2 {
        make(&pool);
        let id = pool.disk().allocate().expect("the disk has room");
        let found = pool.pin(id, Access::Again).err();
        let damage = slotted_page::Error::Corrupt(Corruption::NeverWritten { page: id });
        check_eq!(found, Some(Error::Page(damage)), "pin of {id}, which nobody wrote");
    }
    check_frames(&pool, &ids);
}

/// Slotted kinds: those that labs 3 and 4 have, and the first and the last that a later lab may add.
const SLOTTED: [PageKind; 5] =
    [PageKind::HEAP, PageKind::BTREE_LEAF, PageKind::BTREE_INTERNAL, PageKind(6), PageKind(31)];

/// A slotted page is checked when it is read, though its checksum is right: the program that wrote it may
/// have been wrong, and hits do not check it again.
#[testkit::test]
fn a_damaged_slotted_page_is_refused_when_it_is_read() {
    for kind in SLOTTED {
        check!(kind.is_slotted(), "a {kind} page is a slotted page");
        let (tap, ids) = file(4);
        let below = manager(&tap);
        let mut page: PageBuf = [0; PAGE_SIZE];
        SlottedPage::init(&mut page, ids[0], kind).insert(b"a record").expect("the page is empty");
        below.write_page(ids[0], &page).expect("the page is allocated");
        // The slot now points past the end of the page.
        header::init(&mut page, ids[1], kind);
        SlottedPage::init(&mut page, ids[1], kind).insert(b"a record").expect("the page is empty");
        header::put_u16(&mut page, slotted_page::slotted::SLOTS_AT, 4_095);
        below.write_page(ids[1], &page).expect("the page is allocated");
        below.sync().expect("the disk works");
        drop(below);
        let pool = pool(&tap, 2);
        visit(&pool, ids[0]);
        for _ in 0..4 {
            let found = pool.pin(ids[1], Access::Again).err();
            let is_right = matches!(found, Some(Error::Page(slotted_page::Error::Corrupt(_))));
            check!(is_right, "pin of a {kind} page whose slot points past its end is Corrupt, not {found:?}");
            check_resident(&pool, ids[1], false, "after it was refused");
        }
        check_frames(&pool, &ids[2..]);
    }
}

/// Whether a page is a slotted page is a property of its kind's number. The pool does not look at the body of
/// any other page: a later lab may put into it what it likes.
#[testkit::test]
fn a_page_of_a_kind_that_is_not_slotted_is_not_checked() {
    for kind in
        [PageKind(32), PageKind(33), PageKind(40), PageKind(0x0300), PageKind(0x8003), PageKind(u16::MAX)]
    {
        check!(!kind.is_slotted(), "a {kind} page is no slotted page");
        let (tap, ids) = file(2);
        let below = manager(&tap);
        let mut page: PageBuf = [0xEE; PAGE_SIZE];
        header::init(&mut page, ids[0], kind);
        page[header::HEADER_SIZE..].fill(0xEE);
        below.write_page(ids[0], &page).expect("the page is allocated");
        below.sync().expect("the disk works");
        drop(below);
        let pool = pool(&tap, 2);
        let found = pool.pin(ids[0], Access::Again).map(drop);
        check_eq!(found, Ok(()), "pin of a {kind} page whose body makes no sense as a slotted page");
    }
}

/// Errors of any kind at any call: afterwards every frame can be used, and no dirty page is lost.
#[testkit::test]
fn a_storm_of_errors_loses_nothing() {
    let (tap, pool, ids) = pool_over(6, 3);
    let mut rng = testkit::rng();
    let mut made: Vec<PageId> = Vec::new();
    let mut failures = 0;
    for _ in 0..600 {
        let all: Vec<PageId> = ids.iter().chain(&made).copied().collect();
        let id = all[rng.usize(..all.len())];
        let io = if rng.bool() { Io::Read(id) } else { Io::Write(id) };
        if rng.u8(..3) == 0 {
            tap.fail(io, 1, ErrorKind::TimedOut);
        }
        match rng.u8(..20) {
            0 if made.len() < 8 => made.extend(pool.pin_new(KIND).ok().map(|pin| pin.id())),
            1 => failures += usize::from(pool.flush(id).is_err()),
            2 => failures += usize::from(pool.flush_all().is_err()),
            _ => failures += usize::from(pool.pin(id, Access::Again).is_err()),
        }
        check_pool(&pool, &BTreeMap::new());
    }
    check!(failures > 20, "errors occur, {failures} times");
    tap.forget_faults();
    check_eq!(pool.flush_all(), Ok(()), "flush_all once the disk works");
    for id in &made {
        check_eq!(tap.tag_on_disk(*id), Some(0), "{id}, made in the storm, on the disk at the end");
    }
    let all: Vec<PageId> = ids.iter().chain(&made).copied().collect();
    all.chunks_exact(3).for_each(|three| check_frames(&pool, three));
}
