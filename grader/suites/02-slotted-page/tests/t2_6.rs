//! Task 2.6: the disk manager. Only what the public interface promises is tested: any free map will do.

mod basic;
mod crash;
mod damage;
mod faults;
mod forged;
mod large;
mod recovery;
mod reuse;
mod sparse;
mod story;
mod threads;

use std::collections::BTreeSet;

use kit::disk::Disk;
use kit::sync::Arc;
use slotted_page::{Corruption, DiskManager, Error, PAGE_SIZE, PageBuf, PageId, PageKind, header};
use testkit::disk::FaultDisk;
use testkit::{check, check_eq};

/// A number for the content of a page: 0 for a page that was never written.
type Tag = u32;

/// A manager on `disk`, which becomes an empty file.
fn create(disk: &FaultDisk) -> DiskManager {
    testkit::step!("DiskManager::create(disk)");
    match DiskManager::create(Arc::new(disk.clone())) {
        Ok(manager) => manager,
        Err(error) => {
            testkit::Failure::new("create on an empty disk").found(error).expected_text("Ok").raise()
        }
    }
}

/// Opens a file; must succeed.
fn open(disk: &FaultDisk) -> DiskManager {
    testkit::step!("DiskManager::open(disk)");
    match DiskManager::open(Arc::new(disk.clone())) {
        Ok(manager) => manager,
        Err(error) => testkit::Failure::new("open of a file that is in order")
            .found(error)
            .expected_text("Ok")
            .note(format!("what was done to the disk last: {:#?}", tail(disk)))
            .raise(),
    }
}

/// A file of `pages` written pages, synced; page number `n` of them has tag `n + 1`.
fn filled(pages: usize) -> (FaultDisk, DiskManager, Vec<PageId>) {
    let disk = FaultDisk::new();
    let manager = create(&disk);
    let ids: Vec<PageId> = (0..pages).map(|_| allocate(&manager)).collect();
    for (tag, id) in (1..).zip(&ids) {
        write(&manager, *id, tag);
    }
    sync(&manager);
    (disk, manager, ids)
}

/// The last operations on the disk, for a report.
fn tail(disk: &FaultDisk) -> Vec<String> {
    let lines = disk.log_lines();
    lines[lines.len().saturating_sub(12)..].to_vec()
}

/// The page of this number and tag: its body depends on both.
fn page(id: PageId, tag: Tag) -> Box<PageBuf> {
    let mut page = Box::new([0; PAGE_SIZE]);
    header::init(&mut page, id, PageKind::HEAP);
    header::put_u32(&mut page[..], header::HEADER_SIZE, tag);
    let factor = tag.wrapping_mul(31).wrapping_add(id.0);
    testkit::bytes::fill_with_multiples(&mut page[header::HEADER_SIZE + 4..], factor);
    page
}

/// The tag of what page `id` reads as. Any page that is not one that [`page`] made is a failure.
fn read(manager: &DiskManager, id: PageId) -> Result<Tag, Error> {
    let mut found = Box::new([0xA5; PAGE_SIZE]);
    match manager.read_page(id, &mut found) {
        Ok(()) => {}
        Err(Error::Corrupt(Corruption::NeverWritten { .. })) => return Ok(0),
        Err(error) => return Err(error),
    }
    let tag = header::get_u32(&found[..], header::HEADER_SIZE);
    let mut expected = page(id, tag);
    header::set_checksum(&mut expected, header::checksum(&found));
    check!(found == expected, "read_page({id}) gave Ok and bytes that were never written as this page");
    Ok(tag)
}

/// Checks that page `id` reads as what `tag` says.
fn check_reads(manager: &DiskManager, id: PageId, tag: Tag) {
    check_eq!(read(manager, id), Ok(tag), "the tag of {id} (0 stands for NeverWritten)");
}

/// Allocates a page; must succeed.
fn allocate(manager: &DiskManager) -> PageId {
    match manager.allocate() {
        Ok(id) => {
            testkit::step!("manager.allocate() == {id}");
            check!(id != PageId::NONE, "page 0 is the manager's own, allocate must not give it away");
            check!(manager.is_allocated(id), "is_allocated({id}) right after allocate gave it");
            id
        }
        Err(error) => {
            testkit::Failure::new("allocate on a disk with room").found(error).expected_text("Ok").raise()
        }
    }
}

/// Frees a page; must succeed.
fn free(manager: &DiskManager, id: PageId) {
    testkit::step!("manager.free({id})");
    check_eq!(manager.free(id), Ok(()), "free({id}) of an allocated page");
    check!(!manager.is_allocated(id), "is_allocated({id}) right after it was freed");
}

/// Writes a page; must succeed.
fn write(manager: &DiskManager, id: PageId, tag: Tag) {
    testkit::step!("manager.write_page({id}, content {tag})");
    check_eq!(manager.write_page(id, &page(id, tag)), Ok(()), "write_page({id}) of an allocated page");
}

/// Syncs; must succeed.
fn sync(manager: &DiskManager) {
    testkit::step!("manager.sync()");
    check_eq!(manager.sync(), Ok(()), "sync");
}

/// Every allocated page, and the counts must agree with them.
fn allocated(manager: &DiskManager) -> BTreeSet<PageId> {
    let stats = manager.stats();
    let pages = (0..stats.page_count).map(PageId);
    let found: BTreeSet<PageId> = pages.filter(|id| manager.is_allocated(*id)).collect();
    check_eq!(stats.allocated as usize, found.len(), "stats().allocated beside the pages that are allocated");
    check_eq!(
        stats.allocated + stats.free + stats.reserved,
        stats.page_count,
        "allocated, free and reserved pages beside the page count, {stats:?}"
    );
    found
}

/// Opens any `bytes` as a file.
fn open_bytes(bytes: Vec<u8>) -> Result<DiskManager, Error> {
    let disk: Arc<dyn Disk> = Arc::new(kit::disk::MemDisk::from_bytes(bytes));
    DiskManager::open(disk)
}

/// True if the error is the crash that the test put into the disk.
fn is_crash(error: &Error) -> bool {
    matches!(error, Error::Io(slotted_page::IoError(error)) if FaultDisk::is_crash(error))
}
