//! Files of more than 4 GiB: an offset or a length that is computed with 32 bits names another page.

use kit::disk::Disk;
use kit::sync::Arc;
use slotted_page::disk_manager::GROUP_PAGES;
use slotted_page::{DiskManager, Error, PAGE_SIZE, PageBuf, PageId, PageKind, header, seal};
use testkit::{Failure, check, check_eq};

use super::sparse::SparseDisk;
use super::{allocate, check_reads, sync, write};

/// Groups of the file: its last pages have numbers above [`BEYOND`].
const GROUPS: u32 = 33;
/// The first page whose offset does not fit in 32 bits. With 32 bits its offset is that of page 0.
const BEYOND: u32 = 1 << 20;

/// A file of [`GROUPS`] groups in which all pages are allocated except the page `free`. Returns its page
/// count too.
fn large_file(free: PageId) -> (Arc<SparseDisk>, u32) {
    let disk = Arc::new(SparseDisk::default());
    let page_count = 2 + GROUPS * GROUP_PAGES;
    disk.set_len(PageId(page_count).offset()).expect("a sparse disk has room");
    for id in [PageId(0), PageId(1)] {
        put(&disk, id, PageKind::META, |page| {
            let (version, epoch) = (1, 1);
            header::put_u32(page, 24, version);
            header::put_u32(page, 28, page_count);
            header::put_u64(page, 32, epoch);
        });
    }
    for group in 0..GROUPS {
        let first = 2 + group * GROUP_PAGES;
        put(&disk, PageId(first), PageKind::FREE_MAP, |page| {
            page[32..].fill(0xFF);
            if let Some(index) = free.0.checked_sub(first).filter(|index| *index < GROUP_PAGES) {
                page[32 + index as usize / 8] &= !(1 << (index % 8));
            }
        });
    }
    testkit::step!("// a file of {page_count} pages, all allocated except {free}");
    (disk, page_count)
}

/// A change of a map page.
type Change = fn(&mut PageBuf);

/// Writes one of the manager's own pages.
fn put(disk: &SparseDisk, id: PageId, kind: PageKind, fill: impl FnOnce(&mut PageBuf)) {
    let mut page = [0; PAGE_SIZE];
    header::init(&mut page, id, kind);
    fill(&mut page);
    seal(&mut page, id).expect("the header is that of the page");
    disk.write_at(id.offset(), &page).expect("a sparse disk has room");
}

/// Opens the file; must succeed.
fn open(disk: &Arc<SparseDisk>) -> DiskManager {
    testkit::step!("DiskManager::open(disk)");
    match DiskManager::open(disk.clone()) {
        Ok(manager) => manager,
        Err(error) => Failure::new("open of a large file in order").found(error).expected_text("Ok").raise(),
    }
}

/// Every page has its own place, also the pages whose offsets differ by 4 GiB.
#[testkit::test]
fn pages_beyond_4_gib_have_their_own_place() {
    let (disk, _) = large_file(PageId(BEYOND + 20));
    let manager = open(&disk);
    let ids = [10, 20, BEYOND - 1, BEYOND, BEYOND + 1, BEYOND + 10].map(PageId);
    for (tag, id) in (1..).zip(ids) {
        write(&manager, id, tag);
    }
    for (tag, id) in (1..).zip(ids) {
        check_reads(&manager, id, tag);
    }
    sync(&manager);
    drop(manager);
    let manager = open(&disk);
    for (tag, id) in (1..).zip(ids) {
        check_reads(&manager, id, tag);
    }
}

/// A page that is allocated again is overwritten in its own place, and the file grows beyond its own end.
#[testkit::test]
fn a_large_file_reuses_its_pages_and_grows() {
    let (disk, page_count) = large_file(PageId(BEYOND + 20));
    let manager = open(&disk);
    let low = [PageId(20), PageId(page_count - BEYOND), PageId(page_count + 2 - BEYOND)];
    for (tag, id) in (1..).zip(low) {
        write(&manager, id, tag);
    }
    let reused = allocate(&manager);
    check_eq!(reused, PageId(BEYOND + 20), "allocate gives the only free page");
    check_reads(&manager, reused, 0);
    let fresh = allocate(&manager);
    check!(fresh.0 >= page_count, "without a free page the file grows, but allocate gave {fresh}");
    write(&manager, fresh, 7);
    let len = disk.len().expect("a sparse disk has a length");
    check!(len >= fresh.offset() + PAGE_SIZE as u64, "the file is {len} bytes long, and {fresh} is inside");
    sync(&manager);
    drop(manager);
    let manager = open(&disk);
    check_reads(&manager, reused, 0);
    check_reads(&manager, fresh, 7);
    for (tag, id) in (1..).zip(low) {
        check_reads(&manager, id, tag);
    }
}

/// The maps of all groups are checked, not only the first: the map's own two pages are in use, and no page
/// after the end of the file is (B1).
#[testkit::test]
fn the_maps_of_all_groups_are_checked() {
    let (disk, page_count) = large_file(PageId(BEYOND + 20));
    let last = 2 + (GROUPS - 1) * GROUP_PAGES;
    let shorter = page_count - 1_000;
    for id in [PageId(0), PageId(1)] {
        put(&disk, id, PageKind::META, |page| {
            header::put_u32(page, 24, 1);
            header::put_u32(page, 28, shorter);
            header::put_u64(page, 32, 1);
        });
    }
    let with_map = |group: u32, change: Change| {
        put(&disk, PageId(2 + group * GROUP_PAGES), PageKind::FREE_MAP, |page| {
            page[32..].fill(0xFF);
            let in_file = (shorter - (2 + group * GROUP_PAGES)).min(GROUP_PAGES);
            for index in in_file..GROUP_PAGES {
                page[32 + index as usize / 8] &= !(1 << (index % 8));
            }
            change(page);
        });
        DiskManager::open(disk.clone()).map(drop)
    };
    check_eq!(
        with_map(GROUPS - 1, |_| {}),
        Ok(()),
        "open of a file whose last group is not full, from {last}"
    );
    let changes: [(&str, Change); 3] = [
        ("the first page of the map is free", |page| page[32] &= !1),
        ("the second page of the map is free", |page| page[32] &= !2),
        ("the last page of the group is in use, after the end of the file", |page| page[4_095] |= 0x80),
    ];
    for (what, change) in changes {
        for group in [1, GROUPS - 1] {
            let is_past_the_end = what.starts_with("the last");
            if is_past_the_end && group == 1 {
                continue;
            }
            let found = with_map(group, change);
            check!(
                matches!(found, Err(Error::Corrupt(_))),
                "open with a map in which {what} gives {found:?}"
            );
            check_eq!(with_map(group, |_| {}), Ok(()), "open with the right map of group {group}");
        }
    }
}

/// The length is compared with all its bits: a file that lacks 4 GiB at its end has lost its pages, and a
/// file that is too long is cut to its page count and not shorter.
#[testkit::test]
fn the_length_of_a_large_file_is_checked() {
    let (disk, page_count) = large_file(PageId(BEYOND + 20));
    let needed = PageId(page_count).offset();
    disk.set_len(needed + 10_000).expect("a sparse disk has room");
    drop(open(&disk));
    check_eq!(disk.len().ok(), Some(needed), "the length of the file after open cut off 10,000 bytes");
    for missing in [1, 1 << 32, needed - PageId(40_000).offset()] {
        let (disk, _) = large_file(PageId(BEYOND + 20));
        disk.set_len(needed - missing).expect("a sparse disk has room");
        testkit::step!("// {missing} bytes are cut off the end");
        let found = DiskManager::open(disk).map(drop);
        check!(
            matches!(found, Err(Error::Corrupt(_))),
            "open of a file that lacks {missing} bytes gives {found:?}"
        );
    }
}
