//! Damaged files, and files that are not page files: an error or the right state, never a panic.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use slotted_page::{Corruption, DiskManager, Error, PAGE_SIZE, PageBuf, PageId, header, page_checksum};
use testkit::{Failure, check, check_eq};

use super::{Tag, allocated, filled, free, open_bytes, page, read, sync};

/// A small file with free and used pages, and its right state.
struct Truth {
    bytes: Vec<u8>,
    pages: BTreeSet<PageId>,
    contents: Vec<(PageId, Tag)>,
    root: Option<PageId>,
}

/// Pages written, freed and written again, so that older map pages are in the file too.
fn truth() -> Truth {
    let (disk, manager, ids) = filled(7);
    for id in [ids[1], ids[4]] {
        free(&manager, id);
    }
    check_eq!(manager.set_root(Some(ids[2])), Ok(()), "set_root");
    sync(&manager);
    free(&manager, ids[5]);
    sync(&manager);
    let pages = allocated(&manager);
    let contents = (1..).zip(&ids).filter(|(_, id)| pages.contains(id)).map(|(tag, id)| (*id, tag)).collect();
    let mut bytes = disk.bytes();
    bytes.truncate(PageId(manager.stats().page_count).offset() as usize);
    Truth { bytes, pages, contents, root: Some(ids[2]) }
}

impl Truth {
    /// Opens a damaged copy: refused as corrupt, or with exactly the allocation state that was durable. A
    /// page is as it was or an error.
    fn check_damaged(&self, bytes: Vec<u8>, damage: &str) {
        let manager = match open_bytes(bytes) {
            Ok(manager) => manager,
            Err(Error::Corrupt(_)) => return,
            Err(error) => Failure::new(format!("open of a file with {damage}"))
                .found(error)
                .expected_text("Ok with the true pages, or Err(Corrupt(..))")
                .raise(),
        };
        testkit::scene::invariant("P4", "damage is an error or harmless, never another set of pages");
        check_eq!(allocated(&manager), self.pages, "allocated pages of a file with {damage}");
        check_eq!(manager.root(), self.root, "root of a file with {damage}");
        for (id, tag) in &self.contents {
            let found = read(&manager, *id);
            let allowed = found == Ok(*tag) || matches!(found, Ok(0) | Err(Error::Corrupt(_)));
            check!(allowed, "{id} of a file with {damage} reads as {found:?}, it was {tag}");
        }
    }
}

/// One flipped bit anywhere is an error or has no effect. It does not restore an older state.
#[testkit::test]
fn a_flipped_bit_is_noticed_or_harmless() {
    let truth = truth();
    truth.check_damaged(truth.bytes.clone(), "no damage");
    check!(open_bytes(truth.bytes.clone()).is_ok(), "the file opens before it is damaged");
    let front = header::HEADER_SIZE + 16;
    for at in (0..truth.bytes.len()).filter(|at| at % PAGE_SIZE < front + 16 || at % 61 == 0) {
        // Every bit where the numbers are, one a byte elsewhere.
        let bits = if (0..front).contains(&(at % PAGE_SIZE)) { 0..8 } else { at % 8..at % 8 + 1 };
        for bit in bits {
            let mut bytes = truth.bytes.clone();
            bytes[at] ^= 1 << bit;
            truth.check_damaged(bytes, &format!("bit {bit} of byte {at} flipped"));
        }
    }
}

/// A page that is lost as a whole (zeroed, filled, or with a neighbour's bytes) is an error or has no effect.
#[testkit::test]
fn a_lost_page_is_noticed_or_harmless() {
    let truth = truth();
    for number in 0..truth.bytes.len() / PAGE_SIZE {
        let place = number * PAGE_SIZE..(number + 1) * PAGE_SIZE;
        for filler in [0x00, 0xFF] {
            let mut bytes = truth.bytes.clone();
            bytes[place.clone()].fill(filler);
            truth.check_damaged(bytes, &format!("page {number} filled with {filler:#04x}"));
        }
        for other in 0..truth.bytes.len() / PAGE_SIZE {
            let mut bytes = truth.bytes.clone();
            bytes.copy_within(other * PAGE_SIZE..(other + 1) * PAGE_SIZE, place.start);
            truth.check_damaged(bytes, &format!("page {other} in the place of page {number}"));
        }
    }
}

/// An undamaged page in the wrong place and a damaged page are each reported as such, and are not returned
/// (P4).
#[testkit::test]
fn damaged_pages_are_never_returned() {
    let truth = truth();
    let [(a, _), (b, _), ..] = truth.contents[..] else { panic!("five pages") };
    let place = |id: PageId| id.offset() as usize;
    let mut bytes = truth.bytes.clone();
    bytes.copy_within(place(b)..place(b) + PAGE_SIZE, place(a));
    let manager = open_bytes(bytes).expect("the allocation state is undamaged");
    let misplaced = Corruption::Misplaced { expected: a, found: b };
    check_eq!(read(&manager, a), Err(misplaced.into()), "read_page({a}) with the bytes of {b} there");
    let mut bytes = truth.bytes.clone();
    bytes[place(a) + 2_048..place(a) + PAGE_SIZE].fill(0);
    let manager = open_bytes(bytes).expect("the allocation state is undamaged");
    let found = read(&manager, a);
    let is_noticed = matches!(found, Err(Error::Corrupt(Corruption::BadChecksum { .. })));
    check!(is_noticed, "read_page({a}) with half of it lost gives {found:?}");
    let mut bytes = truth.bytes.clone();
    bytes[place(a)..place(a) + header::HEADER_SIZE].fill(0);
    let manager = open_bytes(bytes).expect("the allocation state is undamaged");
    let found = {
        let mut found = [0; PAGE_SIZE];
        manager.read_page(a, &mut found)
    };
    check_eq!(found, Err(Corruption::BadMagic { found: 0 }.into()), "read_page({a}) with its header lost");
    let mut bytes = truth.bytes.clone();
    bytes[place(a)] ^= 1;
    let manager = open_bytes(bytes).expect("the allocation state is undamaged");
    let found = read(&manager, a);
    check!(
        matches!(found, Err(Error::Corrupt(Corruption::BadMagic { .. }))),
        "a wrong magic reads as {found:?}"
    );
}

/// A file that no manager wrote is refused: an empty file, zeros, text, noise.
#[testkit::test]
fn files_of_other_programs_are_refused() {
    let refused = |bytes: Vec<u8>, what: &str| {
        let found = open_bytes(bytes).map(|manager| allocated(&manager));
        check!(matches!(found, Err(Error::Corrupt(_))), "open of {what} gives {found:?}");
    };
    refused(Vec::new(), "an empty file");
    refused(vec![0; 1], "one zero");
    refused(vec![0; 10 * PAGE_SIZE], "ten pages of zeros");
    refused(vec![0xFF; 10 * PAGE_SIZE + 7], "ten pages of FF");
    refused(b"SQLite format 3\0".repeat(2_000), "another program's file");
    let pages: Vec<u8> = (0..8).flat_map(|id| *page(PageId(id), 3)).collect();
    refused(pages, "heap pages from page 0 on");
}

/// Any bytes give an error or a manager that works, and no panic.
#[testkit::test]
fn any_bytes_can_be_opened_without_a_panic() {
    let noise = (vec(any::<u8>(), 0..300), 0..6 * PAGE_SIZE);
    testkit::prop::check(60, noise, |(pattern, len)| {
        let bytes: Vec<u8> =
            pattern.iter().copied().cycle().take(if pattern.is_empty() { 0 } else { len }).collect();
        if let Ok(manager) = open_bytes(bytes) {
            check_works(&manager);
        }
    });
}

/// Fields are changed and the checksum is made right again: `open` checks each field and does not trust it.
#[testkit::test]
fn any_wrong_field_is_handled_without_a_panic() {
    let truth = truth();
    let number = prop_oneof![Just(0), Just(1), Just(u32::MAX), 2..80_u32, 32_500..32_530_u32, any::<u32>()];
    let at = prop_oneof![3 => header::HEADER_SIZE..header::HEADER_SIZE + 48, 1 => 0..PAGE_SIZE - 4];
    let change = (0..5_usize, at, number, any::<bool>());
    testkit::prop::check(400, vec(change, 1..4), |changes| {
        let mut bytes = truth.bytes.clone();
        for (number, at, value, is_doubled) in changes {
            let both = if is_doubled && number < 2 { ", in both meta pages" } else { "" };
            testkit::step!("// page {number}, u32 at byte {at} set to {value}, sealed again{both}");
            change_field(&mut bytes, number, at, value);
            if is_doubled && number < 2 {
                change_field(&mut bytes, 1 - number, at, value);
            }
        }
        if let Ok(manager) = open_bytes(bytes) {
            check_works(&manager);
        }
    });
}

/// Sets four bytes of a page and makes its checksum right.
fn change_field(bytes: &mut [u8], number: usize, at: usize, value: u32) {
    let place = &mut bytes[number * PAGE_SIZE..(number + 1) * PAGE_SIZE];
    let page: &mut PageBuf = place.try_into().expect("a page");
    header::put_u32(&mut page[..], at, value);
    let checksum = page_checksum(page);
    header::set_checksum(page, checksum);
}

/// Uses a manager of a file with wrong fields: no call may panic, and no page is allocated twice.
fn check_works(manager: &DiskManager) {
    let page_count = manager.stats().page_count.min(2_000);
    let pages: Vec<PageId> = (0..page_count).map(PageId).filter(|id| manager.is_allocated(*id)).collect();
    for id in pages.iter().take(20) {
        let _ = manager.read_page(*id, &mut [0; PAGE_SIZE]);
    }
    let mut fresh = BTreeSet::new();
    for _ in 0..5 {
        if let Ok(id) = manager.allocate() {
            check!(!pages.contains(&id) && fresh.insert(id), "allocate gave {id}, which is allocated");
            check!(id != PageId(0), "allocate gave page 0");
        }
    }
    for id in pages.iter().chain(&fresh).take(20) {
        let _ = manager.free(*id);
    }
    let _ = manager.sync();
    let _ = manager.usage();
}

/// The fuzz target `disk_file` for a short time: fields of a file changed, its end cut off.
#[testkit::test]
fn a_short_fuzzing_run_finds_nothing() {
    let at = prop_oneof![3 => 24..64_u16, 1 => 0..4_096_u16];
    let change = (any::<u8>(), at, prop_oneof![Just(0), 0..40_u32, Just(u32::MAX), any::<u32>()]);
    testkit::prop::check(250, (vec(change, 0..4), vec(any::<u8>(), 0..6)), |(changes, rest)| {
        let mut input = Vec::new();
        for (page, at, value) in changes {
            let seal = if page & 0x80 == 0 { "sealed again" } else { "not sealed again" };
            let (number, at_byte) = (page % 6, usize::from(at) % (PAGE_SIZE - 3));
            testkit::step!("// page {number}, u32 at byte {at_byte} set to {value}, {seal}");
            input.push(page);
            input.extend(at.to_le_bytes());
            input.extend(value.to_le_bytes());
        }
        if let [low, high, ..] = rest[..] {
            testkit::step!("// the file is cut to {} bytes at most", u16::from_le_bytes([low, high]));
        }
        input.extend(rest);
        crate::disk_fuzz::run(&input);
    });
}
