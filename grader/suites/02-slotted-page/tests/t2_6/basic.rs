//! The disk manager on a disk without faults, and the calls that it refuses.

use std::collections::BTreeSet;

use kit::sync::Arc;
use slotted_page::{Corruption, DiskManager, Error, PAGE_SIZE, PageId, header};
use testkit::disk::FaultDisk;
use testkit::{check, check_eq};

use super::{allocate, allocated, check_reads, create, filled, free, open, page, read, sync, write};

/// A new file has no pages to read and no root, and still none after it was opened again.
#[testkit::test]
fn a_new_file_is_empty() {
    let disk = FaultDisk::new();
    let manager = create(&disk);
    for manager in [manager, open(&disk)] {
        check_eq!(allocated(&manager), BTreeSet::new(), "allocated pages of a new file");
        check_eq!(manager.root(), None, "root of a new file");
    }
}

/// `create` removes the old content of the disk: bytes of an old, longer file must not appear again.
#[testkit::test]
fn create_clears_the_disk() {
    let (disk, _, _) = filled(20);
    let manager = create(&disk);
    check_eq!(allocated(&manager), BTreeSet::new(), "allocated pages after create on a used file");
    let id = allocate(&manager);
    check_reads(&manager, id, 0);
    drop(manager);
    check_eq!(allocated(&open(&disk)), BTreeSet::new(), "allocated pages after opening it again");
}

/// No page is allocated twice, and none of the manager's own pages is allocated.
#[testkit::test]
fn no_page_is_allocated_twice() {
    let manager = create(&FaultDisk::new());
    let mut seen = BTreeSet::new();
    for _ in 0..300 {
        let id = allocate(&manager);
        check!(seen.insert(id), "allocate gave {id} a second time");
    }
    check_eq!(allocated(&manager), seen, "allocated pages");
}

/// A page reads as it was last written, byte for byte, and other pages do not change.
#[testkit::test]
fn pages_read_as_last_written() {
    let (_, manager, ids) = filled(30);
    for round in 1..3 {
        for (index, id) in (0..).zip(&ids) {
            if index % (round + 1) == 0 {
                write(&manager, *id, 1_000 * round + index);
            }
        }
    }
    for (index, id) in (0..).zip(&ids) {
        let tag = if index % 3 == 0 {
            2_000 + index
        } else if index % 2 == 0 {
            1_000 + index
        } else {
            index + 1
        };
        check_reads(&manager, *id, tag);
    }
}

/// A page that is read has the right checksum, so that it verifies.
#[testkit::test]
fn pages_are_sealed_when_written() {
    let (disk, manager, ids) = filled(3);
    let mut found = [0; PAGE_SIZE];
    check_eq!(manager.read_page(ids[1], &mut found), Ok(()), "read_page");
    check_eq!(slotted_page::verify(&found, ids[1]), Ok(()), "verify of the page that was read");
    let at = ids[1].offset() as usize;
    check_eq!(disk.bytes()[at..at + PAGE_SIZE] == found, true, "whether the file has the page in its place");
}

/// After a sync `open` finds everything: pages, contents, the root.
#[testkit::test]
fn open_finds_synced_pages() {
    let (disk, manager, ids) = filled(40);
    for id in ids.iter().step_by(3) {
        free(&manager, *id);
    }
    check_eq!(manager.set_root(Some(ids[7])), Ok(()), "set_root of an allocated page");
    sync(&manager);
    drop(manager);
    let manager = open(&disk);
    let kept: BTreeSet<PageId> =
        ids.iter().enumerate().filter(|(n, _)| n % 3 != 0).map(|(_, id)| *id).collect();
    check_eq!(allocated(&manager), kept, "allocated pages after opening again");
    check_eq!(manager.root(), Some(ids[7]), "root after opening again");
    for (tag, id) in (1..).zip(&ids) {
        if kept.contains(id) {
            check_reads(&manager, *id, tag);
        }
    }
}

/// Changes that were not synced are undone: only sync makes changes durable (P1).
#[testkit::test]
fn open_does_not_find_unsynced_changes() {
    let (disk, manager, ids) = filled(5);
    free(&manager, ids[0]);
    allocate(&manager);
    check_eq!(manager.set_root(Some(ids[1])), Ok(()), "set_root of an allocated page");
    drop(manager);
    let manager = open(&disk);
    check_eq!(allocated(&manager), ids.iter().copied().collect(), "allocated pages at the last sync");
    check_eq!(manager.root(), None, "root at the last sync");
    check_reads(&manager, ids[0], 1);
}

/// A page that is not allocated can not be read, written or freed; a second free is a mistake of the owner.
#[testkit::test]
fn pages_that_are_not_allocated_are_refused() {
    let (_, manager, ids) = filled(6);
    free(&manager, ids[2]);
    let past = PageId(manager.stats().page_count);
    let before = allocated(&manager);
    for id in [ids[2], past, PageId(past.0 + 500), PageId(u32::MAX)] {
        check_eq!(manager.free(id), Err(Error::NotAllocated { page: id }), "free({id})");
        check_eq!(read(&manager, id), Err(Error::NotAllocated { page: id }), "read_page({id})");
        let written = manager.write_page(id, &page(id, 1));
        check_eq!(written, Err(Error::NotAllocated { page: id }), "write_page({id})");
        check_eq!(manager.set_root(Some(id)), Err(Error::NotAllocated { page: id }), "set_root({id})");
    }
    check_eq!(allocated(&manager), before, "allocated pages after the refused calls");
    sync(&manager);
    check_eq!(manager.free(ids[2]), Err(Error::NotAllocated { page: ids[2] }), "a second free, after a sync");
}

/// The owner cannot read, write or free the manager's own pages: a freed page 0 would destroy the file.
#[testkit::test]
fn the_managers_own_pages_are_refused() {
    let (disk, manager, ids) = filled(6);
    let own: Vec<PageId> =
        (0..manager.stats().page_count).map(PageId).filter(|id| !ids.contains(id)).collect();
    check!(own.contains(&PageId(0)), "page 0 is not among the pages handed out");
    let before = disk.bytes();
    let meta = PageId(0);
    let reserved = || Error::ReservedPage { page: meta };
    check_eq!(manager.free(meta), Err(reserved()), "free({meta})");
    check_eq!(read(&manager, meta), Err(reserved()), "read_page({meta})");
    check_eq!(manager.write_page(meta, &page(meta, 1)), Err(reserved()), "write_page({meta})");
    check_eq!(manager.set_root(Some(meta)), Err(reserved()), "set_root({meta})");
    for id in own {
        check!(!manager.is_allocated(id), "is_allocated({id}) of a page that was never handed out");
        check!(manager.free(id).is_err(), "free({id}) of a page that was never handed out must be refused");
        check!(
            read(&manager, id).is_err(),
            "read_page({id}) of a page that was never handed out must be refused"
        );
        let written = manager.write_page(id, &page(id, 1));
        check!(written.is_err(), "write_page({id}) of a page that was never handed out must be refused");
    }
    check!(disk.bytes() == before, "refused calls must not change the file");
}

/// A page with another page's header is refused before it is written to the wrong place.
#[testkit::test]
fn pages_with_a_wrong_header_are_not_written() {
    let (disk, manager, ids) = filled(4);
    let before = disk.bytes();
    let misplaced = Corruption::Misplaced { expected: ids[0], found: ids[1] };
    let written = manager.write_page(ids[0], &page(ids[1], 9));
    check_eq!(
        written,
        Err(misplaced.into()),
        "write_page({}) of a page with the header of {}",
        ids[0],
        ids[1]
    );
    let written = manager.write_page(ids[0], &[0; PAGE_SIZE]);
    check_eq!(written, Err(Corruption::BadMagic { found: 0 }.into()), "write_page of zeros");
    check!(disk.bytes() == before, "a refused page must not reach the file");
    check_reads(&manager, ids[0], 1);
}

/// The root is kept until it is set anew, and its page cannot be freed under it.
#[testkit::test]
fn the_root_is_kept() {
    let (disk, manager, ids) = filled(3);
    check_eq!(manager.set_root(Some(ids[0])), Ok(()), "set_root");
    check_eq!(manager.root(), Some(ids[0]), "root");
    check_eq!(manager.free(ids[0]), Err(Error::RootPage { page: ids[0] }), "free of the root page");
    sync(&manager);
    check_eq!(manager.set_root(Some(ids[1])), Ok(()), "set_root of another page");
    free(&manager, ids[0]);
    drop(manager);
    let manager = open(&disk);
    check_eq!(manager.root(), Some(ids[0]), "root at the last sync");
    check_eq!(manager.set_root(None), Ok(()), "set_root of none");
    sync(&manager);
    drop(manager);
    let manager = open(&disk);
    check_eq!(manager.root(), None, "root after it was taken away and synced");
    free(&manager, ids[0]);
}

/// Reading or writing a page costs one call of the disk, a free costs none, and only sync syncs.
#[testkit::test]
fn calls_of_the_disk_are_counted() {
    let (disk, manager, ids) = filled(50);
    disk.reset_counts();
    for id in &ids {
        check_eq!(read(&manager, *id).is_ok(), true, "read_page({id})");
    }
    let counts = disk.counts();
    check_eq!(
        (counts.reads, counts.writes, counts.syncs),
        (50, 0, 0),
        "reads, writes and syncs of 50 read_page"
    );
    check_eq!(counts.len_calls + counts.set_lens, 0, "len and set_len calls of 50 read_page");
    disk.reset_counts();
    for id in &ids {
        write(&manager, *id, 7);
    }
    let counts = disk.counts();
    check_eq!(
        (counts.reads, counts.writes, counts.syncs),
        (0, 50, 0),
        "reads, writes and syncs of 50 write_page"
    );
    disk.reset_counts();
    for id in &ids {
        free(&manager, *id);
    }
    let counts = disk.counts();
    let calls = counts.reads + counts.writes + counts.syncs + counts.set_lens;
    check_eq!(calls, 0, "calls of the disk by 50 free, {counts:?}");
    sync(&manager);
    disk.reset_counts();
    write(&manager, allocate(&manager), 1);
    let counts = disk.counts();
    check_eq!((counts.reads, counts.syncs), (0, 0), "reads and syncs of allocate and write_page");
}

/// A sync that has nothing to write but pages is one sync of the disk.
#[testkit::test]
fn a_sync_without_allocations_is_one_call() {
    let (disk, manager, ids) = filled(3);
    write(&manager, ids[0], 8);
    disk.reset_counts();
    sync(&manager);
    let counts = disk.counts();
    check_eq!((counts.reads, counts.writes, counts.syncs), (0, 0, 1), "reads, writes and syncs of sync");
}

/// The disk may read or write fewer bytes or be interrupted: each page is still read or written whole.
#[testkit::test]
fn short_and_interrupted_calls_are_repeated() {
    for seed in 0..20 {
        let disk = FaultDisk::with_seed(seed);
        disk.short_io(true);
        let manager = create(&disk);
        let ids: Vec<PageId> = (0..8).map(|_| allocate(&manager)).collect();
        for (tag, id) in (1..).zip(&ids) {
            write(&manager, *id, tag);
        }
        free(&manager, ids[0]);
        sync(&manager);
        let again = allocate(&manager);
        sync(&manager);
        drop(manager);
        let manager = open(&disk);
        for (tag, id) in (1..).zip(&ids).skip(1) {
            check_reads(&manager, *id, tag);
        }
        check_reads(&manager, again, 0);
    }
}

/// The manager works on any disk that keeps the rules of `kit::disk`, and can be sent to another thread.
#[testkit::test]
fn manager_works_on_a_real_file() {
    fn assert_shared<T: Send + Sync>() {}
    assert_shared::<DiskManager>();
    let path = std::env::temp_dir().join(format!("disk-manager-{}", std::process::id()));
    let disk = kit::disk::FileDisk::open(&path).expect("the temporary folder can be written");
    let created = DiskManager::create(Arc::new(disk)).map(|manager| {
        let id = allocate(&manager);
        write(&manager, id, 5);
        sync(&manager);
        id
    });
    let disk = kit::disk::FileDisk::open(&path).expect("the file is there");
    let reopened = DiskManager::open(Arc::new(disk));
    let found = created.and_then(|id| reopened.map(|manager| (manager.is_allocated(id), read(&manager, id))));
    let _ = std::fs::remove_file(&path);
    check_eq!(found, Ok((true, Ok(5))), "a page written to a real file and read after opening it again");
    check_eq!(header::HEADER_SIZE, 24, "the common header");
}
