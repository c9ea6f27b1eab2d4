//! Any input as a page and as operations on it. The same body runs under cargo-fuzz (`fuzz/`) and as
//! a property of tasks 2.1 to 2.3 (`t2_3`).

use slotted_page::header::HEADER_SIZE;
use slotted_page::{PAGE_SIZE, PageBuf, PageId, PageKind, SlotId, SlottedPage, dump_page, header};

/// Number of bytes of the input for the operations, 3 for each.
const OPS_SIZE: usize = 60;

/// Uses the first byte of `input` to choose how the page is made, the next 60 for operations, the rest for
/// the page. Panics if the page breaks an invariant, or if the code under test does.
pub(crate) fn run(input: &[u8]) {
    let Some((&mode, rest)) = input.split_first() else { return };
    let (ops, body) = rest.split_at(rest.len().min(OPS_SIZE));
    let mut bytes: Box<PageBuf> = Box::new([0; PAGE_SIZE]);
    if mode % 4 == 0 {
        let len = body.len().min(PAGE_SIZE);
        bytes[..len].copy_from_slice(&body[..len]);
    } else {
        header::init(&mut bytes, PageId(1), PageKind::HEAP);
        let len = body.len().min(PAGE_SIZE - HEADER_SIZE);
        bytes[HEADER_SIZE..HEADER_SIZE + len].copy_from_slice(&body[..len]);
    }
    if mode % 4 == 3 {
        SlottedPage::init(&mut *bytes, PageId(1), PageKind::HEAP);
    }
    let _ = dump_page(&bytes);
    let Ok(mut page) = SlottedPage::open(bytes, PageKind::HEAP) else { return };
    for op in ops.chunks_exact(3) {
        apply(&mut page, op[0], SlotId(u16::from(op[1])), usize::from(op[2]) * 16 + usize::from(op[0] >> 4));
        if let Err(broken) = page.validate() {
            panic!("after {op:?}: {broken}\n{}", page.dump());
        }
        check_reading(&page);
    }
}

/// One operation, which may fail.
fn apply(page: &mut SlottedPage<Box<PageBuf>>, kind: u8, slot: SlotId, len: usize) {
    let record = &[0xC3; PAGE_SIZE][..len];
    match kind % 8 {
        0 | 1 => drop(page.insert(record)),
        2 => drop(page.delete(slot)),
        3 => drop(page.update(slot, record)),
        4 => drop(page.insert_into(slot, record)),
        5 => page.compact(),
        6 => drop(page.insert_at(slot, record)),
        _ => drop(page.remove_at(slot)),
    }
}

/// Reads everything, and checks the sums.
fn check_reading(page: &SlottedPage<Box<PageBuf>>) {
    let (count, bytes) =
        page.records().fold((0, 0), |(count, sum), (_, record)| (count + 1, sum + record.len()));
    assert_eq!(count, page.record_count(), "records() and record_count() agree");
    let used = 48 + 4 * page.slot_count() + bytes;
    assert_eq!(page.free_bytes(), PAGE_SIZE - used, "free_bytes() is what nothing uses");
    assert!(
        page.free_space_for_insert().unwrap_or(0) <= page.free_bytes(),
        "free space is part of the free bytes"
    );
    assert_eq!(page.get(SlotId(u16::MAX)), None, "a page has no slot 65,535");
}
