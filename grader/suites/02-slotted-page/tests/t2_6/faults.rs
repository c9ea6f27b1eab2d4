//! A disk that fails without a crash: every error is returned, and the manager stays usable and right.

use std::io::{self, ErrorKind};

use kit::disk::Disk;
use kit::sync::Arc;
use slotted_page::{Corruption, DiskManager, Error, IoError, PAGE_SIZE, PageId};
use testkit::disk::{DiskOpKind, FaultDisk};
use testkit::{Failure, check, check_eq};

use super::story::{Op, Story, long_script};
use super::{allocate, allocated, check_reads, create, filled, free, is_crash, open, read, sync, write};

/// The end of the file inside a page is an error with the number of bytes found, never a page of zeros.
#[testkit::test]
fn reading_past_the_end_of_the_file_is_an_error() {
    let (disk, manager, ids) = filled(5);
    for found in [4_095, 4_000, 512, 1, 0] {
        disk.set_len(ids[4].offset() + found as u64).expect("the disk works");
        let expected = Corruption::PastEnd { page: ids[4], found };
        check_eq!(
            read(&manager, ids[4]),
            Err(expected.into()),
            "read_page with {found} bytes of the page left"
        );
        check_reads(&manager, ids[3], 4);
    }
    disk.set_len(ids[2].offset()).expect("the disk works");
    let expected = Corruption::PastEnd { page: ids[4], found: 0 };
    check_eq!(
        read(&manager, ids[4]),
        Err(expected.into()),
        "read_page with the file ending two pages before"
    );
}

/// Short reads up to the end of the file are not taken for a whole page either.
#[testkit::test]
fn short_reads_at_the_end_of_the_file_are_an_error() {
    for seed in 0..10 {
        let (disk, manager, ids) = filled(3);
        disk.reseed(seed);
        disk.short_io(true);
        disk.set_len(ids[2].offset() + 3_000).expect("the disk works");
        let expected = Corruption::PastEnd { page: ids[2], found: 3_000 };
        check_eq!(
            read(&manager, ids[2]),
            Err(expected.into()),
            "read_page with 3,000 bytes of the page left"
        );
    }
}

/// A file without its end has lost pages: it is refused, for a cut at any byte.
#[testkit::test]
fn cut_files_are_refused() {
    let (disk, manager, ids) = filled(6);
    let last = *ids.iter().max().expect("six");
    let end = last.offset() as usize + PAGE_SIZE;
    check!(manager.is_allocated(last), "the last page is allocated");
    drop(manager);
    let bytes = disk.durable();
    let cuts = (0..end).step_by(509).chain((0..=last.0 as usize).map(|n| n * PAGE_SIZE)).chain([1, end - 1]);
    for len in cuts {
        match super::open_bytes(bytes[..len].to_vec()).map(|manager| allocated(&manager)) {
            Err(Error::Corrupt(_)) => {}
            other => Failure::new(format!("open of a file of {end} bytes cut to {len}"))
                .found(other)
                .expected_text("Err(Corrupt(..))")
                .raise(),
        }
    }
}

/// A failed operation of the disk makes the call fail in which it happened, for each operation of a long
/// script, and the pages stay right after it.
#[testkit::test]
fn any_failed_operation_surfaces() {
    for seed in 20..23 {
        let script = long_script(seed, 50);
        let disk = FaultDisk::new();
        let mut story = Story::create(disk.clone(), false).expect("no crash was asked for");
        let created = disk.ops();
        story.run(&script);
        for fail_at in created..disk.ops() {
            run_with_failure(&script, fail_at);
        }
    }
}

/// Runs `script` with operation `fail_at` of the disk failing, and checks the state at the end.
fn run_with_failure(script: &[Op], fail_at: u64) {
    let disk = FaultDisk::new();
    disk.fail_at(fail_at, ErrorKind::Other);
    let mut story = Story::create(disk.clone(), false).expect("no crash was asked for");
    story.model.tell(&format!("// operation {fail_at} of the disk fails"));
    let mut failed: Option<DiskOpKind> = None;
    for op in script {
        let result = story.step(*op);
        if let (None, Some(entry)) = (&failed, disk.log().iter().find(|entry| entry.op == fail_at)) {
            let is_io = matches!(&result, Err(Error::Io(IoError(error))) if error.kind() == ErrorKind::Other);
            // A file that cannot grow by much may still grow by a page.
            let is_made_good =
                result.is_ok() && matches!((op, &entry.kind), (Op::Allocate, DiskOpKind::SetLen { .. }));
            check!(is_io || is_made_good, "{op:?}, in which {entry}, must give Error::Io, not {result:?}");
            failed = Some(entry.kind.clone());
            if matches!(op, Op::Reopen | Op::Write(_)) {
                check_eq!(story.step(*op), Ok(()), "{op:?} once more after {entry}");
            }
        } else if let Err(error) = &result {
            let may_be_broken = failed.is_some() && matches!(op, Op::Sync);
            check!(
                may_be_broken && *error == Error::SyncFailed,
                "{op:?} gave {error:?}, {fail_at} having failed"
            );
        }
        if let Some(manager) = &story.manager {
            check_eq!(allocated(manager), story.model.now.pages, "allocated pages after {op:?}");
        }
        if failed == Some(DiskOpKind::Sync) {
            check_eq!(story.step(Op::Sync), Err(Error::SyncFailed), "sync after a sync of the disk failed");
            break;
        }
    }
    if failed != Some(DiskOpKind::Sync) && story.step(Op::Sync).is_ok() {
        story.check_contents();
        story.model.check_recovered(&story.crash(disk.durable()));
    }
    let mut rng = testkit::rng();
    for _ in 0..3 {
        story.model.check_recovered(&story.crash(disk.survivors(&mut rng)));
    }
}

/// If a sync fails and the program then crashes, the file holds the state before that sync or the state of
/// it. The next sync may return SyncFailed. If it syncs instead, it must know which map pages and which meta
/// page are current, or a crash during it leaves a state that never existed.
#[testkit::test]
fn a_sync_after_a_failed_one_can_crash_anywhere() {
    let mut failed = 0;
    for fail_at in 0..60 {
        for crash_at in 0..60 {
            let mut story = Story::create(FaultDisk::new(), true).expect("no crash was asked for");
            story.run(&[Op::Allocate, Op::Allocate, Op::Allocate, Op::Sync, Op::Free(0), Op::SetRoot(0)]);
            story.disk.fail_at(story.disk.ops() + fail_at, ErrorKind::Other);
            story.model.tell(&format!("// operation {fail_at} of the next sync fails"));
            if story.step(Op::Sync).is_ok() {
                check!(failed > 5, "an operation of a sync failed {failed} times");
                return;
            }
            failed += 1;
            // A sync that failed stops: if it went on to the other meta page, a crash could tear both.
            if crash_at == 0 {
                let mut rng = testkit::rng();
                let is_sync = story.disk.log().last().is_some_and(|entry| entry.kind == DiskOpKind::Sync);
                // If it stopped at a sync of the disk, that is the last entry, and there is nothing to tear.
                for _ in 0..if is_sync { 4 } else { 60 } {
                    story.model.check_recovered(&story.crash(story.disk.survivors(&mut rng)));
                }
            }
            story.run(&[Op::Allocate, Op::Free(1), Op::ClearRoot]);
            story.disk.crash_before(story.disk.ops() + crash_at);
            story.model.tell(&format!("// the crash comes before operation {crash_at} of the next sync"));
            match story.step(Op::Sync) {
                Err(error) if is_crash(&error) => {}
                Ok(()) | Err(Error::SyncFailed) => break,
                Err(error) => Failure::new("sync after one that failed").found(error).raise(),
            }
            let mut rng = testkit::rng();
            for _ in 0..8 {
                story.model.check_recovered(&story.crash(story.disk.survivors(&mut rng)));
            }
        }
    }
}

/// A second sync does not recover the writes that a failed sync lost: it must not return Ok (rule D3 of the
/// disk).
#[testkit::test]
fn no_sync_succeeds_after_a_failed_one() {
    for n in 0..3 {
        let (disk, manager, ids) = filled(5);
        let log = disk.log();
        let syncs = log.iter().filter(|entry| entry.kind == DiskOpKind::Sync).count() as u64;
        disk.fail_sync_at(syncs + n, ErrorKind::Other);
        write(&manager, ids[0], 40);
        free(&manager, ids[1]);
        if manager.sync().is_ok() {
            check!(n > 0, "sync with the first sync of the disk failing must be an error");
            continue;
        }
        for again in 0..3 {
            check_eq!(manager.sync(), Err(Error::SyncFailed), "sync number {again} after one that failed");
        }
        check_reads(&manager, ids[2], 3);
        drop(manager);
        let manager = open(&FaultDisk::from_bytes(disk.bytes()));
        check_eq!(manager.sync(), Ok(()), "sync after the file was opened again");
    }
}

/// The error of a read is returned; the manager does not return a page.
#[testkit::test]
fn failed_reads_surface() {
    let (disk, manager, ids) = filled(3);
    for kind in [ErrorKind::Other, ErrorKind::PermissionDenied] {
        disk.fail_read_at(disk.counts().reads, kind);
        check_eq!(read(&manager, ids[1]), Err(io::Error::from(kind).into()), "read_page when the read fails");
        check_reads(&manager, ids[1], 2);
    }
}

/// A meta page that cannot be read is not a damaged one: using the copy could restore an older state.
#[testkit::test]
fn failed_reads_while_opening_surface() {
    let (disk, manager, ids) = filled(6);
    free(&manager, ids[0]);
    sync(&manager);
    drop(manager);
    let bytes = disk.durable();
    let counting = FaultDisk::from_bytes(bytes.clone());
    let expected = allocated(&open(&counting));
    let reads = counting.counts().reads;
    check!(reads > 0, "opening a file reads something");
    for n in 0..reads {
        let disk = FaultDisk::from_bytes(bytes.clone());
        disk.fail_read_at(n, ErrorKind::Other);
        let result = DiskManager::open(Arc::new(disk.clone())).map(|manager| allocated(&manager));
        check_eq!(result, Err(io::Error::from(ErrorKind::Other).into()), "open with read number {n} failing");
        check_eq!(allocated(&open(&disk)), expected, "allocated pages after opening once more");
    }
}

/// A full disk is an error of `allocate`; allocated pages still work, and freed ones can be allocated.
#[testkit::test]
fn a_full_disk_leaves_everything_working() {
    for capacity in [20, 64, 65, 70, 71, 100, 133] {
        let disk = FaultDisk::new();
        let manager = create(&disk);
        disk.capacity(capacity * PAGE_SIZE as u64);
        let mut ids = Vec::new();
        let error = loop {
            match manager.allocate() {
                Ok(id) if ids.len() < 200 => ids.push(id),
                Ok(_) => Failure::new("allocate beyond the room of the disk").found_text("Ok").raise(),
                Err(error) => break error,
            }
        };
        let full = Error::from(io::Error::from(ErrorKind::StorageFull));
        check_eq!(error, full, "allocate on a disk of {capacity} pages that is full");
        check_eq!(allocated(&manager), ids.iter().copied().collect(), "allocated pages");
        for (tag, id) in (1..).zip(&ids) {
            write(&manager, *id, tag);
        }
        sync(&manager);
        let Some(first) = ids.first().copied() else { continue };
        free(&manager, first);
        check_eq!(
            manager.allocate(),
            Err(io::Error::from(ErrorKind::StorageFull).into()),
            "allocate before the sync"
        );
        sync(&manager);
        let again = allocate(&manager);
        check!(again == first || !ids.contains(&again), "allocate gave {again}, which is allocated");
        disk.capacity(400 * PAGE_SIZE as u64);
        let more = allocate(&manager);
        check_reads(&manager, more, 0);
        sync(&manager);
        drop(manager);
        let manager = open(&disk);
        check_eq!(allocated(&manager).len(), ids.len() + 1, "allocated pages after opening again");
        for (tag, id) in (1..).zip(&ids).skip(1) {
            check_reads(&manager, *id, tag);
        }
    }
}

/// A write of 0 bytes is an error and is not repeated for ever.
#[testkit::test]
fn a_write_that_moves_nothing_is_an_error() {
    struct Stuck(FaultDisk, kit::sync::atomic::AtomicBool);
    impl Disk for Stuck {
        fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
            self.0.read_at(offset, buf)
        }
        fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
            let is_stuck = self.1.load(kit::sync::atomic::Ordering::SeqCst);
            let len = if is_stuck { 1_000.min(buf.len().saturating_sub(3_096)) } else { buf.len() };
            if len == 0 { Ok(0) } else { self.0.write_at(offset, &buf[..len]) }
        }
        fn sync(&self) -> io::Result<()> {
            self.0.sync()
        }
        fn len(&self) -> io::Result<u64> {
            self.0.len()
        }
        fn set_len(&self, len: u64) -> io::Result<()> {
            self.0.set_len(len)
        }
    }
    let disk = Arc::new(Stuck(FaultDisk::new(), kit::sync::atomic::AtomicBool::new(false)));
    let manager = DiskManager::create(disk.clone()).expect("create on a disk that works");
    let id = allocate(&manager);
    disk.1.store(true, kit::sync::atomic::Ordering::SeqCst);
    let result = manager.write_page(id, &super::page(id, 1));
    check!(matches!(result, Err(Error::Io(_))), "write_page to a disk that takes nothing gives {result:?}");
    disk.1.store(false, kit::sync::atomic::Ordering::SeqCst);
    write(&manager, id, 2);
    check_reads(&manager, id, 2);
}

/// Calls after a crash return an error: none of them may panic or hang.
#[testkit::test]
fn every_call_after_a_crash_is_an_error() {
    let (disk, manager, ids) = filled(4);
    free(&manager, ids[3]);
    disk.crash_before(disk.ops());
    let crashed = |result: Result<(), Error>, what: &str| match result {
        Err(error) if is_crash(&error) || error == Error::SyncFailed => {}
        other => Failure::new(format!("{what} on a disk that is gone")).found(other).raise(),
    };
    crashed(manager.write_page(ids[0], &super::page(ids[0], 8)), "write_page");
    crashed(manager.sync(), "sync");
    crashed(read(&manager, ids[0]).map(drop), "read_page");
    crashed(manager.sync(), "a second sync");
    check!(manager.free(PageId(0)).is_err(), "free of page 0 must be refused");
}
