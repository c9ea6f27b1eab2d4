//! Files with sound checksums that no manager wrote: `open` checks each number of the allocation state (B1
//! to B5), and a file that it refuses it leaves as it is.

use std::collections::BTreeSet;

use kit::sync::Arc;
use slotted_page::disk_manager::{GROUP_PAGES, MAX_PAGE_COUNT};
use slotted_page::{Corruption, DiskManager, Error, PAGE_SIZE, PageBuf, PageId, header, page_checksum};
use testkit::disk::FaultDisk;
use testkit::{Failure, check, check_eq};

use super::{allocate, allocated, filled, free, open_bytes, sync};

/// Offset of the kind in the header of every page.
const KIND_AT: usize = 12;
/// Offsets of the numbers in a meta page.
const VERSION_AT: usize = 24;
const PAGE_COUNT_AT: usize = 28;
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

/// Opens the file, which must be refused as damaged and left as it is. Returns what is wrong.
fn check_refused(bytes: Vec<u8>, what: &str) -> Corruption {
    testkit::scene::clear();
    testkit::step!("DiskManager::open(a file in which {what})");
    let disk = FaultDisk::from_bytes(bytes);
    disk.reset_counts();
    let found = DiskManager::open(Arc::new(disk.clone()));
    let counts = disk.counts();
    check_eq!(
        (counts.writes, counts.set_lens),
        (0, 0),
        "writes and changes of the length by open of a file in which {what}"
    );
    match found.map(|manager| (allocated(&manager), manager.root())) {
        Err(Error::Corrupt(corruption)) => corruption,
        found => Failure::new(format!("open of a file in which {what}"))
            .expected_text("Err(Corrupt(..))")
            .found(found)
            .raise(),
    }
}

/// The current map page of group 0.
fn current_map(bytes: &[u8]) -> usize {
    2 + usize::from(bytes[COPIES_AT] & 1)
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
    let current = current_map(&bytes);
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

/// A meta page of another version may be newer than the one beside it. If `open` used the older one, it would
/// cut off and overwrite what the other program wrote (P5).
#[testkit::test]
fn another_version_is_refused() {
    let (bytes, ..) = file();
    for version in [0_u32, 2, 3, 1 << 16, u32::MAX] {
        for metas in [&[0][..], &[1], &[0, 1]] {
            // Another version may give the bytes behind its number another meaning.
            for rest in [None, Some([0xFF; 20])] {
                let mut bytes = bytes.clone();
                for meta in metas {
                    rest.iter().for_each(|rest| forge(&mut bytes, *meta, PAGE_COUNT_AT, rest));
                    forge(&mut bytes, *meta, VERSION_AT, &version.to_le_bytes());
                }
                let found = check_refused(bytes, &format!("meta pages {metas:?} have version {version}"));
                let expected = Corruption::BadVersion { expected: 1, found: version };
                check_eq!(found, expected, "open with version {version} in meta pages {metas:?}");
            }
        }
    }
}

/// Meta and map pages of another file are undamaged, but they describe other pages: with them, `open` would
/// cut off or overwrite pages of this file (P5, B5).
#[testkit::test]
fn pages_of_another_file_are_refused() {
    let (young, ..) = file();
    let (disk, manager, ids) = filled(6);
    for root in [Some(ids[0]), None, Some(ids[1])] {
        check_eq!(manager.set_root(root), Ok(()), "set_root in the other file");
        free(&manager, ids[2]);
        sync(&manager);
        check_eq!(allocate(&manager), ids[2], "the page that was freed, and no other page is free");
        sync(&manager);
    }
    sync(&manager);
    let old = disk.durable();
    check!(epoch(&young, 0) < epoch(&old, 0), "the second file has seen more syncs");
    // The foreign page may be newer or older than the own one.
    check_foreign_pages(&young, &old);
    check_foreign_pages(&old, &young);
}

/// Puts pages of `other` into the file `bytes`.
fn check_foreign_pages(bytes: &[u8], other: &[u8]) {
    let refused = |pages: &[usize], damaged: Option<usize>, what: &str| {
        let mut bytes = bytes.to_vec();
        for number in pages {
            let place = number * PAGE_SIZE..(number + 1) * PAGE_SIZE;
            bytes[place.clone()].copy_from_slice(&other[place]);
        }
        damaged.iter().for_each(|number| bytes[number * PAGE_SIZE + 500] ^= 1);
        let found = check_refused(bytes, what);
        check!(
            matches!(found, Corruption::OtherFile { .. }),
            "open of a file in which {what} gives {found:?}"
        );
    };
    refused(&[0], None, "meta page 0 is that of another file");
    refused(&[1], None, "meta page 1 is that of another file");
    refused(&[0, 1], None, "both meta pages are those of another file");
    refused(&[current_map(bytes)], None, "the current map page is that of another file");
    refused(&[0], Some(1), "meta page 0 is that of another file, and meta page 1 is damaged");
    refused(&[1], Some(0), "meta page 1 is that of another file, and meta page 0 is damaged");
}

/// An undamaged page of another kind in the place of a meta or map page holds other numbers there.
#[testkit::test]
fn pages_of_another_kind_are_refused() {
    let (bytes, ids, _) = file();
    let kinds = [0_u16, 2, 3, 9, 0x0100];
    for kind in kinds {
        let with_kind = |metas: &[usize]| {
            let mut bytes = bytes.clone();
            let later = epoch(&bytes, 0) + 7;
            for meta in metas {
                forge(&mut bytes, *meta, KIND_AT, &kind.to_le_bytes());
                forge(&mut bytes, *meta, EPOCH_AT, &later.to_le_bytes());
                forge(&mut bytes, *meta, ROOT_AT, &ids[0].0.to_le_bytes());
            }
            bytes
        };
        check_refused(with_kind(&[0, 1]), &format!("both meta pages are of kind {kind}"));
        for meta in 0..2 {
            let opened = open_bytes(with_kind(&[meta])).map(|manager| manager.root());
            check_eq!(opened, Ok(None), "root of a file in which meta page {meta} is of kind {kind}");
        }
    }
    for kind in kinds.into_iter().filter(|kind| *kind != 2).chain([1]) {
        let mut bytes = bytes.clone();
        let map = current_map(&bytes);
        forge(&mut bytes, map, KIND_AT, &kind.to_le_bytes());
        check_refused(bytes, &format!("the current map page is of kind {kind}"));
    }
}

/// A page count that no file has: too small for the manager's own pages, or larger than the format allows.
#[testkit::test]
fn impossible_page_counts_are_refused() {
    let (bytes, ids, page_count) = file();
    let in_the_map = 2 + GROUP_PAGES + 1;
    for count in [0, 1, 2, 3, in_the_map, MAX_PAGE_COUNT + 1, u32::MAX] {
        let with_count = |metas: &[usize]| {
            let mut bytes = bytes.clone();
            let later = epoch(&bytes, 0) + 7;
            for meta in metas {
                forge(&mut bytes, *meta, PAGE_COUNT_AT, &count.to_le_bytes());
                forge(&mut bytes, *meta, EPOCH_AT, &later.to_le_bytes());
            }
            bytes
        };
        check_refused(with_count(&[0, 1]), &format!("both meta pages have a page count of {count}"));
        for meta in 0..2 {
            let opened = open_bytes(with_count(&[meta]))
                .map(|manager| (manager.stats().page_count, allocated(&manager).len()));
            let expected = Ok((page_count.0, ids.len() - 1));
            check_eq!(
                opened,
                expected,
                "page count and allocated pages, one meta page with a count of {count}"
            );
        }
    }
}

/// A meta page in the place of the other one is damage like any other: `open` writes the right page there.
#[testkit::test]
fn a_meta_page_in_the_wrong_place_is_replaced() {
    let (bytes, ids, _) = file();
    for (from, to) in [(1, 0), (0, 1)] {
        let mut bytes = bytes.clone();
        bytes.copy_within(from * PAGE_SIZE..(from + 1) * PAGE_SIZE, to * PAGE_SIZE);
        testkit::step!("DiskManager::open(a file with meta page {from} in the place of meta page {to})");
        let disk = FaultDisk::from_bytes(bytes);
        let opened = DiskManager::open(Arc::new(disk.clone())).map(|manager| allocated(&manager).len());
        check_eq!(opened, Ok(ids.len() - 1), "allocated pages");
        let found = disk.bytes();
        let page: &PageBuf = found[to * PAGE_SIZE..(to + 1) * PAGE_SIZE].try_into().expect("a page");
        check_eq!(slotted_page::verify(page, PageId(to as u32)), Ok(()), "verify of page {to} after open");
    }
}
