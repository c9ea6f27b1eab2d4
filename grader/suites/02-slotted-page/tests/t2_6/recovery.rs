//! Opening a file that was left in the middle of something, and being stopped while doing so.

use std::io::ErrorKind;

use kit::sync::Arc;
use slotted_page::{DiskManager, PageId};
use testkit::disk::{DiskOpKind, FaultDisk};
use testkit::{check, check_eq};

use super::story::{Books, Op, Story, check_books, long_script};
use super::{allocate, allocated, check_reads, filled, free, open, sync, write};

/// A crash while the file is opened after a crash changes nothing: opening once more finds the same.
#[testkit::test]
fn a_crash_while_opening_changes_nothing() {
    let script = long_script(3, 50);
    let disk = FaultDisk::new();
    Story::create(disk.clone()).expect("no crash was asked for").run(&script);
    let ops = disk.ops();
    for crash_at in 12..ops {
        let disk = FaultDisk::new();
        disk.crash_before(crash_at);
        let Some(mut story) = Story::create(disk) else { continue };
        story.run(&script);
        let mut rng = testkit::rng();
        for _ in 0..3 {
            let left = story.disk.survivors(&mut rng);
            let found = story.model.check_recovered(&FaultDisk::from_bytes(left.clone())).1;
            for again in 0..8 {
                let disk = FaultDisk::from_bytes(left.clone());
                disk.crash_before(again);
                let result = DiskManager::open(Arc::new(disk.clone())).map(drop);
                let twice = open(&FaultDisk::from_bytes(disk.survivors(&mut rng)));
                check_books(&twice, &[&found], "after a second crash while opening");
                if result.is_ok() {
                    break;
                }
            }
        }
    }
}

/// What `open` found stays found. The program may have died inside a sync with the new state only in the
/// system's cache; if the machine dies next, the older state must not come back over pages used again since.
#[testkit::test]
fn what_open_found_is_durable() {
    let mut tried = 0;
    for op in 0..12 {
        let (disk, manager, ids) = filled(6);
        for id in &ids[..3] {
            free(&manager, *id);
        }
        let fresh = allocate(&manager);
        write(&manager, fresh, 50);
        let ops = disk.ops();
        disk.fail_at(ops + op, ErrorKind::Other);
        let result = manager.sync();
        drop(manager);
        let failed = disk.log().into_iter().find(|entry| entry.op == ops + op);
        if result.is_ok() || failed.is_none_or(|failed| failed.kind == DiskOpKind::Sync) {
            // Either the sync had no such operation, or a sync of the disk failed: then nothing helps.
            continue;
        }
        tried += 1;
        let manager = open(&disk);
        let found = Books { pages: allocated(&manager), root: manager.root() };
        let held: Vec<_> = found.pages.iter().map(|id| (*id, super::read(&manager, *id))).collect();
        for _ in 0..6 {
            let id = allocate(&manager);
            write(&manager, id, 60);
        }
        let mut rng = testkit::rng();
        for _ in 0..40 {
            let left = open(&FaultDisk::from_bytes(disk.survivors(&mut rng)));
            check_books(&left, &[&found], "after a sync that failed, opening the file, and a crash");
            for (id, tag) in &held {
                check_eq!(&super::read(&left, *id), tag, "the tag of {id}, which open had found");
            }
        }
        sync(&manager);
        check_eq!(allocated(&manager).len(), found.pages.len() + 6, "allocated pages after going on");
    }
    check!(tried > 0, "a sync after freeing and allocating writes something that can fail");
}

/// Opening a file in order changes nothing and can be done any number of times.
#[testkit::test]
fn opening_is_repeatable() {
    let (disk, manager, ids) = filled(9);
    free(&manager, ids[4]);
    sync(&manager);
    drop(manager);
    let before = open(&disk).stats();
    let bytes = disk.bytes();
    let ops = disk.ops();
    for _ in 0..5 {
        check_eq!(open(&disk).stats(), before, "stats after opening again");
    }
    check!(disk.bytes() == bytes, "opening a file that is in order must not change its bytes");
    check_eq!(disk.ops(), ops, "changing operations of opening a file that is in order");
}

/// Bytes behind the last page are not a page: a file grown by an unfinished allocation opens, and grows by zeros.
#[testkit::test]
fn bytes_past_the_last_page_are_not_pages() {
    let (disk, manager, ids) = filled(4);
    let len = PageId(manager.stats().page_count).offset() as usize;
    drop(manager);
    for extra in [1, 511, 512, 4_095, 4_096, 4_097, 40_000] {
        let mut bytes = disk.durable();
        bytes.truncate(len);
        let garbage = super::page(ids[3], 99);
        bytes.extend(garbage.iter().cycle().take(extra));
        let left = FaultDisk::from_bytes(bytes);
        let manager = open(&left);
        check_eq!(
            allocated(&manager),
            ids.iter().copied().collect(),
            "allocated pages of a file {extra} bytes too long"
        );
        for _ in 0..12 {
            let id = allocate(&manager);
            check_reads(&manager, id, 0);
        }
        sync(&manager);
    }
}

/// A long story without any fault: the model and the manager agree at each step, also across reopening.
#[testkit::test]
fn a_long_story_without_faults() {
    for seed in 10..14 {
        let mut story = Story::create(FaultDisk::new()).expect("no crash was asked for");
        for part in long_script(seed, 400).chunks(20) {
            story.run(part);
            story.check_contents();
        }
        story.run(&[Op::Sync, Op::Reopen]);
        story.check_contents();
    }
}
