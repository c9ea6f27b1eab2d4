//! Which pages are allocated again, and when.

use std::collections::BTreeSet;

use kit::sync::Arc;
use slotted_page::disk_manager::GROUP_PAGES;
use slotted_page::{DiskManager, PAGE_SIZE, PageId};
use testkit::disk::FaultDisk;
use testkit::{check, check_eq};

use super::sparse::SparseDisk;
use super::{allocate, allocated, check_reads, create, filled, free, open, sync, write};

/// A page reads as never written until it is written, also if it had an owner before: old rows must not
/// leak (P3).
#[testkit::test]
fn new_pages_read_as_never_written() {
    let (disk, manager, ids) = filled(10);
    let fresh = allocate(&manager);
    check_reads(&manager, fresh, 0);
    for id in &ids {
        free(&manager, *id);
    }
    sync(&manager);
    let again: Vec<PageId> = (0..10).map(|_| allocate(&manager)).collect();
    check!(again.iter().any(|id| ids.contains(id)), "some freed page is handed out again");
    for id in &again {
        check_reads(&manager, *id, 0);
    }
    sync(&manager);
    drop(manager);
    let manager = open(&disk);
    for id in &again {
        check_reads(&manager, *id, 0);
    }
}

/// A freed page is not allocated before a sync, because after a crash it belongs to its former owner again
/// (P2).
#[testkit::test]
fn freed_pages_wait_for_the_sync() {
    let (_, manager, ids) = filled(10);
    let freed: BTreeSet<PageId> = ids[2..8].iter().copied().collect();
    for id in &freed {
        free(&manager, *id);
    }
    for _ in 0..20 {
        let id = allocate(&manager);
        check!(!freed.contains(&id), "{id} was freed since the last sync and is handed out already");
    }
    sync(&manager);
    let page_count = manager.stats().page_count;
    let next: BTreeSet<PageId> = (0..manager.stats().free).map(|_| allocate(&manager)).collect();
    check!(freed.is_subset(&next), "all of {freed:?} are handed out again after the sync, not {next:?}");
    check_eq!(manager.stats().page_count, page_count, "page count after taking all free pages");
}

/// A page allocated and freed between two syncs is in no state that a crash could restore: it is free at
/// once, also if the search for a free page is already behind it.
#[testkit::test]
fn pages_allocated_and_freed_between_syncs_are_free_at_once() {
    let (_, manager, _) = filled(3);
    let ids: Vec<PageId> = (0..300).map(|_| allocate(&manager)).collect();
    let page_count = manager.stats().page_count;
    for places in [vec![3], vec![299], vec![150, 7], vec![0, 298, 64]] {
        let freed: BTreeSet<PageId> = places.iter().map(|n| ids[*n]).collect();
        for id in &freed {
            free(&manager, *id);
        }
        let again: BTreeSet<PageId> = freed.iter().map(|_| allocate(&manager)).collect();
        check_eq!(again, freed, "pages handed out after {freed:?} were freed, allocated since the last sync");
        check_eq!(manager.stats().page_count, page_count, "page count");
        for id in &again {
            check_reads(&manager, *id, 0);
        }
    }
}

/// The file grows only if there is no free page: freed pages are not lost.
#[testkit::test]
fn the_file_does_not_grow_while_pages_are_free() {
    let (_, manager, ids) = filled(100);
    let page_count = manager.stats().page_count;
    for round in 0..20 {
        for id in ids.iter().skip(round % 3).step_by(3) {
            free(&manager, *id);
        }
        sync(&manager);
        for _ in ids.iter().skip(round % 3).step_by(3) {
            allocate(&manager);
        }
        sync(&manager);
    }
    check_eq!(
        manager.stats().page_count,
        page_count,
        "page count after 20 rounds of freeing and allocating a third"
    );
    check_eq!(allocated(&manager).len(), 100, "allocated pages");
}

/// Repeated frees and allocations with syncs between do not make the file grow, because meta and map pages
/// have fixed places.
#[testkit::test]
fn repeated_frees_do_not_grow_the_file() {
    let (disk, manager, ids) = filled(8);
    let mut live = ids;
    let mut manager = manager;
    let mut early_len = 0;
    for round in 0..300 {
        let id = live.remove(round % live.len());
        free(&manager, id);
        if round % 2 == 0 {
            sync(&manager);
        }
        live.push(allocate(&manager));
        if round % 7 == 0 {
            sync(&manager);
            drop(manager);
            manager = open(&disk);
        }
        if round % 7 == 0 && round > 20 && early_len == 0 {
            early_len = disk.bytes().len();
        }
    }
    sync(&manager);
    let len = disk.bytes().len();
    check!(
        len <= early_len + 80 * PAGE_SIZE,
        "a file of 8 pages is {len} bytes after 300 rounds, {early_len} after 20"
    );
}

/// With more pages than one map page describes, all are found again, and freed ones are allocated again.
#[testkit::test]
fn the_free_map_grows_with_the_file() {
    let disk = Arc::new(SparseDisk::default());
    let manager = DiskManager::create(disk.clone()).expect("create on a disk with room");
    let mut ids = BTreeSet::new();
    for _ in 0..70_000 {
        let id = manager.allocate().expect("allocate on a disk with room");
        check!(ids.insert(id), "allocate gave {id} a second time");
    }
    let last = *ids.last().expect("many");
    for id in [32_500, 40_000, 65_100].map(PageId).into_iter().filter(|id| ids.contains(id)).chain([last]) {
        write(&manager, id, id.0);
    }
    sync(&manager);
    drop(manager);
    let manager = DiskManager::open(disk.clone()).expect("open of a file that is in order");
    check_eq!(allocated(&manager) == ids, true, "whether the 70,000 allocated pages are found again");
    check_reads(&manager, last, last.0);
    let freed: BTreeSet<PageId> =
        ids.iter().copied().filter(|id| id.0 % 1_000 == 7 || id.0 >= 65_000).collect();
    for id in &freed {
        free(&manager, *id);
    }
    sync(&manager);
    drop(manager);
    let manager = DiskManager::open(disk).expect("open of a file that is in order");
    let kept: BTreeSet<PageId> = ids.difference(&freed).copied().collect();
    check_eq!(allocated(&manager) == kept, true, "whether the freed pages are free after opening again");
    let page_count = manager.stats().page_count;
    let again: BTreeSet<PageId> =
        (0..manager.stats().free).map(|_| manager.allocate().expect("there are free pages")).collect();
    check!(freed.is_subset(&again), "the {} freed pages are handed out again", freed.len());
    check_eq!(manager.stats().page_count, page_count, "page count");
}

/// A file may end exactly where a group of pages ends, and one page into the next group: both are found
/// again.
#[testkit::test]
fn a_file_may_end_with_a_group() {
    let disk = Arc::new(SparseDisk::default());
    let mut manager = DiskManager::create(disk.clone()).expect("create on a disk with room");
    let mut pages = BTreeSet::new();
    for many in [GROUP_PAGES as usize - 2, 1] {
        for _ in 0..many {
            pages.insert(manager.allocate().expect("allocate on a disk with room"));
        }
        sync(&manager);
        let page_count = manager.stats().page_count;
        testkit::step!("// {} pages are allocated; the file has {page_count}", pages.len());
        testkit::step!("DiskManager::open(disk)");
        drop(manager);
        let opened = DiskManager::open(disk.clone());
        check!(opened.is_ok(), "open of a file of {page_count} pages gives {opened:?}");
        manager = opened.expect("it is Ok");
        check!(allocated(&manager) == pages, "the {} allocated pages are found again", pages.len());
    }
}

/// An allocation in a large file does not check every page.
#[testkit::test]
fn allocating_in_a_full_file_is_quick() {
    let disk = FaultDisk::new();
    let manager = create(&disk);
    let ids: Vec<PageId> = (0..3_000).map(|_| allocate(&manager)).collect();
    disk.reset_counts();
    for id in &ids {
        free(&manager, *id);
    }
    sync(&manager);
    for _ in &ids {
        allocate(&manager);
    }
    let counts = disk.counts();
    check!(counts.reads <= 20, "freeing and allocating 3,000 pages reads the disk {} times", counts.reads);
    check!(
        counts.syncs <= 4,
        "freeing and allocating 3,000 pages with one sync makes {} syncs",
        counts.syncs
    );
    check!(
        counts.writes <= 3_100,
        "freeing and allocating 3,000 pages writes the disk {} times",
        counts.writes
    );
}
