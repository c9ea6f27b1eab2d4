//! A crash between any two operations of the disk: no page is lost, leaked or allocated twice.

use std::collections::BTreeSet;

use kit::sync::Arc;
use proptest::prelude::*;
use slotted_page::{DiskManager, Error, PAGE_SIZE, PageId};
use testkit::disk::FaultDisk;
use testkit::{Failure, check, check_eq};

use super::story::{Model, Op, Story, long_script, scripts};
use super::{allocate, allocated, check_reads, filled, free, read, sync, write};

/// Runs a script and crashes before operation `crash_at`; `None` if that is while the file is created.
fn run_and_crash(script: &[Op], crash_at: u64, is_in_pieces: bool) -> Option<Story> {
    let disk = FaultDisk::new();
    disk.crash_before(crash_at);
    let mut story = Story::create(disk, is_in_pieces)?;
    story.run(script);
    Some(story)
}

/// Number of changing operations of a script, creation included, and of the creation alone.
fn count_ops(script: &[Op], is_in_pieces: bool) -> (u64, u64) {
    let disk = FaultDisk::new();
    let mut story = Story::create(disk.clone(), is_in_pieces).expect("no crash was asked for");
    let created = disk.ops();
    story.run(script);
    story.check_contents();
    (created, disk.ops())
}

/// Opens the file after the crash, checks it, and checks that it still works: new pages are not in use and
/// have no old bytes.
fn check_goes_on(model: &Model, disk: &FaultDisk) -> BTreeSet<PageId> {
    let (manager, found) = model.check_recovered(disk);
    let mut live = found.pages.clone();
    for _ in 0..3 {
        let id = allocate(&manager);
        check!(live.insert(id), "after the crash allocate gave {id}, which is allocated");
        let content = read(&manager, id);
        if content != Ok(0) {
            Failure::new(format!("the tag of {id}, handed out after the crash (0: never written)"))
                .expected(Ok::<_, Error>(0))
                .found(content)
                .invariant("P3", "a page that is allocated and not written holds nothing")
                .raise();
        }
    }
    found.pages
}

/// A long script, a crash before each operation of the disk, and for each crash many
/// outcomes of what had not been synced.
#[testkit::test]
fn any_crash_leaves_one_sync_or_the_next() {
    for seed in 0..3 {
        crash_everywhere(&long_script(seed, 60), false, 8);
    }
}

/// The same when the disk takes pages in pieces: a crash between two pieces tears a page at any byte, and
/// above all the pages in which the manager keeps its allocation state.
#[testkit::test]
fn any_crash_between_pieces_of_a_page_leaves_one_sync_or_the_next() {
    crash_everywhere(&long_script(4, 30), true, 8);
}

/// Crashes before every operation of the disk, `tries` outcomes each.
fn crash_everywhere(script: &[Op], is_in_pieces: bool, tries: usize) {
    let (mut old, mut new) = (0, 0);
    let (created, ops) = count_ops(script, is_in_pieces);
    let mut rng = testkit::rng();
    for crash_at in created..ops {
        let Some(story) = run_and_crash(script, crash_at, is_in_pieces) else { continue };
        for _ in 0..tries {
            let disk = story.crash(story.disk.survivors(&mut rng));
            let pages = check_goes_on(&story.model, &disk);
            if let Some(running) = story.model.running.last().filter(|r| r.pages != story.model.durable.pages)
            {
                if pages == running.pages { new += 1 } else { old += 1 }
            }
        }
    }
    check!(
        old > 5 && new > 5,
        "crashes inside a sync left {old} times the old and {new} times the new state"
    );
}

/// Any script and any crash; a failure is reduced to the shortest script that shows it.
#[testkit::test]
fn any_crash_in_any_script_leaves_one_sync_or_the_next() {
    testkit::prop::check(120, (scripts(40), any::<u64>(), any::<bool>()), |(script, seed, is_in_pieces)| {
        let mut rng = testkit::rng();
        rng.seed(seed);
        let (created, ops) = count_ops(&script, is_in_pieces);
        let crash_at = rng.u64(created..=ops);
        let Some(mut story) = run_and_crash(&script, crash_at, is_in_pieces) else { return };
        story.model.tell(&format!("// the crash comes before operation {crash_at} of the disk"));
        for _ in 0..6 {
            check_goes_on(&story.model, &story.crash(story.disk.survivors(&mut rng)));
        }
    });
}

/// Several crashes, each during new work on the file that the crash before left.
#[testkit::test]
fn repeated_crashes_leave_one_sync_or_the_next() {
    for seed in 0..12 {
        let mut rng = testkit::rng();
        rng.seed(seed);
        let is_in_pieces = seed % 2 == 0;
        let mut story = Story::create(FaultDisk::new(), is_in_pieces).expect("no crash was asked for");
        for round in 0..15 {
            story.disk.crash_before(story.disk.ops() + rng.u64(..if is_in_pieces { 200 } else { 40 }));
            story.run(&long_script(seed * 100 + round, 40));
            let disk = story.crash(story.disk.survivors(&mut rng));
            let (manager, found) = story.model.check_recovered(&disk);
            story = story.go_on(disk, manager, found);
        }
    }
}

/// Crashes leak nothing: with a handful of pages in use, the file stays small through hundreds of them.
#[testkit::test]
fn crashes_do_not_grow_the_file() {
    let (disk, manager, ids) = filled(5);
    drop(manager);
    let (mut bytes, mut rng) = (disk.durable(), testkit::rng());
    let mut page_count = 0;
    for round in 0..150 {
        let disk = FaultDisk::from_bytes(bytes);
        let manager = DiskManager::open(Arc::new(disk.clone())).expect("open of a file that is in order");
        check_eq!(allocated(&manager), ids.iter().copied().collect(), "allocated pages in round {round}");
        for _ in 0..6 {
            let id = allocate(&manager);
            write(&manager, id, 9);
        }
        free(&manager, ids[round % 5]);
        bytes = disk.survivors(&mut rng);
        check!(
            bytes.len() < 200 * PAGE_SIZE,
            "a file of 5 pages has {} bytes after {round} crashes",
            bytes.len()
        );
        if round == 10 {
            page_count = manager.stats().page_count;
        }
        if round > 10 {
            let found = manager.stats().page_count;
            check!(
                found <= page_count + 8,
                "the file has {found} pages after {round} crashes, {page_count} after 10"
            );
        }
    }
}

/// After a crash during create the file is refused or empty; it never has allocated pages.
#[testkit::test]
fn a_crash_during_create_leaves_no_pages() {
    let ops = count_ops(&[], false).0;
    let old = filled(10).0.durable();
    for crash_at in 0..=ops + 1 {
        for start in [Vec::new(), old.clone()] {
            let disk = FaultDisk::from_bytes(start);
            disk.crash_before(crash_at);
            let created = DiskManager::create(Arc::new(disk.clone())).map(drop);
            let mut rng = testkit::rng();
            for _ in 0..20 {
                let left = FaultDisk::from_bytes(disk.survivors(&mut rng));
                let found = DiskManager::open(Arc::new(left));
                let pages = found.as_ref().map(allocated);
                match (&created, pages) {
                    (Ok(()), pages) => {
                        check_eq!(pages, Ok(BTreeSet::new()), "a file after create returned Ok")
                    }
                    (Err(_), Ok(pages)) => {
                        let is_untouched = pages.len() == 10;
                        check!(
                            pages.is_empty() || is_untouched,
                            "{pages:?} after a crash before operation {crash_at}"
                        );
                    }
                    (Err(_), Err(error)) => {
                        check!(
                            matches!(error, Error::Corrupt(_)),
                            "open gives Error::Corrupt, not {error:?}"
                        );
                    }
                }
            }
        }
    }
}

/// A page that was freed but not synced is undamaged after a crash, whatever other pages were written since
/// (P2).
#[testkit::test]
fn freed_pages_keep_their_bytes_until_the_sync() {
    let (disk, manager, ids) = filled(8);
    for id in &ids[..6] {
        free(&manager, *id);
    }
    for _ in 0..12 {
        let id = allocate(&manager);
        write(&manager, id, 77);
    }
    let mut rng = testkit::rng();
    for _ in 0..30 {
        let left = super::open(&FaultDisk::from_bytes(disk.survivors(&mut rng)));
        check_eq!(allocated(&left), ids.iter().copied().collect(), "allocated pages after the crash");
        for (tag, id) in (1..).zip(&ids) {
            check_reads(&left, *id, tag);
        }
    }
    sync(&manager);
    let left = super::open(&FaultDisk::from_bytes(disk.durable()));
    check_eq!(allocated(&left).len(), 14, "allocated pages after the sync");
}
