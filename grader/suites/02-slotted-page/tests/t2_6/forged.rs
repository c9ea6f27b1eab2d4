//! Files with sound checksums that no manager wrote: `open` checks each number of the allocation state (B1
//! to B4).

use std::collections::BTreeSet;

use slotted_page::{Error, PAGE_SIZE, PageBuf, PageId, header, page_checksum};
use testkit::{check, check_eq};

use super::{allocate, allocated, filled, free, open_bytes, sync};

/// Offsets of the numbers in a meta page.
const EPOCH_AT: usize = 32;
const ROOT_AT: usize = 40;
const COPIES_AT: usize = 48;
/// The epoch's place in a map page.
const MAP_EPOCH_AT: usize = 24;

/// Largest epoch that a file may have.
const MAX_EPOCH: u64 = u64::MAX / 2;

/// A file of six pages, the fourth of them freed; everything is durable.
fn file() -> (Vec<u8>, Vec<PageId>, PageId) {
    let (disk, manager, ids) = filled(6);
    free(&manager, ids[3]);
    sync(&manager);
    // The copy of the meta page is durable with the next sync.
    sync(&manager);
    (disk.durable(), ids, PageId(manager.stats().page_count))
}

/// Puts `value` into page `number` and makes its checksum right again.
fn forge(bytes: &mut [u8], number: usize, at: usize, value: &[u8]) {
    let place = &mut bytes[number * PAGE_SIZE..(number + 1) * PAGE_SIZE];
    let page: &mut PageBuf = place.try_into().expect("a page");
    page[at..at + value.len()].copy_from_slice(value);
    let checksum = page_checksum(page);
    header::set_checksum(page, checksum);
}

/// The epoch of meta page `number`.
fn epoch(bytes: &[u8], number: usize) -> u64 {
    let at = number * PAGE_SIZE + EPOCH_AT;
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// Opens the file, which must be refused as damaged.
fn check_refused(bytes: Vec<u8>, what: &str) {
    testkit::step!("DiskManager::open(a file in which {what})");
    let found = open_bytes(bytes).map(|manager| (allocated(&manager), manager.root()));
    check!(matches!(found, Err(Error::Corrupt(_))), "open of a file in which {what} gives {found:?}");
}

/// A root that is not allocated would give the owner a page of another owner, or one of the manager's own
/// (B3).
#[testkit::test]
fn the_root_must_be_an_allocated_page() {
    let (bytes, ids, page_count) = file();
    for meta in 0..2 {
        check!(epoch(&bytes, meta) > 0, "meta page {meta} has an epoch");
    }
    let with_root = |root: PageId| {
        let mut bytes = bytes.clone();
        (0..2).for_each(|meta| forge(&mut bytes, meta, ROOT_AT, &root.0.to_le_bytes()));
        bytes
    };
    let manager = open_bytes(with_root(ids[2])).expect("an allocated page may be the root");
    check_eq!(manager.root(), Some(ids[2]), "root of a file in which the root is {}", ids[2]);
    check_refused(with_root(PageId(1)), "the root is page 1, a meta page");
    check_refused(with_root(PageId(2)), "the root is page 2, a page of the free map");
    check_refused(with_root(PageId(3)), "the root is page 3, a page of the free map");
    check_refused(with_root(ids[3]), &format!("the root is {}, a free page", ids[3]));
    check_refused(with_root(page_count), &format!("the root is {page_count}, one past the last page"));
    check_refused(with_root(PageId(u32::MAX)), "the root is the largest page number");
}

/// A map page newer than the meta page that names it was not written for this allocation state (B2).
#[testkit::test]
fn a_map_page_is_not_newer_than_its_meta_page() {
    let (bytes, ids, _) = file();
    let current = 2 + usize::from(bytes[COPIES_AT] & 1);
    let with_epoch = |epoch: u64| {
        let mut bytes = bytes.clone();
        forge(&mut bytes, current, MAP_EPOCH_AT, &epoch.to_le_bytes());
        bytes
    };
    let meta = epoch(&bytes, 0);
    for older in [meta, meta - 1, 0] {
        let manager = open_bytes(with_epoch(older)).expect("a map page may be as old as it likes");
        check_eq!(allocated(&manager).len(), ids.len() - 1, "allocated pages, the map of epoch {older}");
    }
    for newer in [meta + 1, meta + 1_000, u64::MAX] {
        let what = format!("the map is of epoch {newer} and the meta pages are of {meta}");
        check_refused(with_epoch(newer), &what);
    }
}

/// An epoch that no file reaches is damage: a sync could not increase it (B4).
#[testkit::test]
fn an_epoch_beyond_the_largest_is_refused() {
    let (bytes, ids, _) = file();
    let with_epoch = |metas: &[usize], epoch: u64| {
        let mut bytes = bytes.clone();
        metas.iter().for_each(|meta| forge(&mut bytes, *meta, EPOCH_AT, &epoch.to_le_bytes()));
        bytes
    };
    for epoch in [u64::MAX, u64::MAX - 1, MAX_EPOCH + 1] {
        check_refused(with_epoch(&[0, 1], epoch), &format!("both meta pages are of epoch {epoch}"));
        for meta in 0..2 {
            let manager = open_bytes(with_epoch(&[meta], epoch)).expect("the other meta page is whole");
            check_eq!(
                allocated(&manager).len(),
                ids.len() - 1,
                "allocated pages, one meta page of epoch {epoch}"
            );
            allocate(&manager);
            sync(&manager);
        }
    }
    let manager = open_bytes(with_epoch(&[0, 1], MAX_EPOCH)).expect("this epoch is allowed");
    allocate(&manager);
    sync(&manager);
}

/// Of two undamaged meta pages the one with the larger epoch is current, in either place.
#[testkit::test]
fn the_larger_epoch_counts() {
    let (disk, manager, ids) = filled(5);
    let old = disk.durable();
    let before: BTreeSet<PageId> = ids.iter().copied().collect();
    check_eq!(
        open_bytes(old.clone()).map(|manager| allocated(&manager)),
        Ok(before),
        "allocated pages before"
    );
    free(&manager, ids[1]);
    sync(&manager);
    sync(&manager);
    let new = disk.durable();
    let after = allocated(&manager);
    for stale in 0..2 {
        let mut bytes = new.clone();
        let place = stale * PAGE_SIZE..(stale + 1) * PAGE_SIZE;
        bytes[place.clone()].copy_from_slice(&old[place]);
        testkit::step!("// meta page {stale} is put back as it was before the free");
        check_eq!(
            open_bytes(bytes).map(|manager| allocated(&manager)),
            Ok(after.clone()),
            "allocated pages with meta page {stale} one sync behind the other"
        );
    }
}
