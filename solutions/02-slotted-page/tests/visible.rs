//! Visible examples of lab 2: `cargo test -p slotted-page` runs them. The hidden tests check more.

use kit::disk::MemDisk;
use kit::sync::Arc;
use slotted_page::{
    ColumnType, Corruption, DiskManager, Error, Lsn, MAX_RECORD_LEN, PAGE_SIZE, PageBuf, PageId, PageKind,
    RowFault, Schema, SlotId, SlottedPage, SortOrder, Value, crc32c, crc32c_append, decode_key, encode_key,
    header, prefix_end, push_value, seal, verify,
};

/// An empty heap page in a buffer that had other bytes before.
fn empty_page() -> SlottedPage<Box<PageBuf>> {
    SlottedPage::init(Box::new([0xAA; PAGE_SIZE]), PageId(7), PageKind::HEAP)
}

// Task 2.1: page and slots.

/// A new page has no records, and room for exactly one record of the greatest length.
#[test]
fn a_new_page_is_empty() {
    let page = empty_page();
    assert_eq!((page.id(), page.kind(), page.lsn()), (PageId(7), PageKind::HEAP, Lsn::ZERO));
    assert_eq!(page.records().count(), 0);
    assert_eq!(page.free_space_for_insert(), Some(MAX_RECORD_LEN));
    assert_eq!(
        page.bytes()[100..],
        [0; PAGE_SIZE - 100],
        "the new page must not keep old bytes of the buffer"
    );
}

/// Records of different lengths are read by the slots that insert returned.
#[test]
fn inserted_records_are_found_by_slot() {
    let mut page = empty_page();
    let ann = page.insert(b"Ann").unwrap();
    let nothing = page.insert(b"").unwrap();
    let bartholomew = page.insert(b"Bartholomew").unwrap();
    assert_eq!(page.get(ann), Some(&b"Ann"[..]));
    assert_eq!(page.get(nothing), Some(&b""[..]));
    assert_eq!(page.get(bartholomew), Some(&b"Bartholomew"[..]));
    assert_eq!(page.get(SlotId(3)), None);
    // Three slots of 4 bytes, and 3 + 0 + 11 bytes of records.
    assert_eq!(page.free_bytes(), PAGE_SIZE - 48 - 12 - 14);
}

/// A record too long for this page and a record too long for any page give different errors.
#[test]
fn records_that_do_not_fit_are_refused() {
    let mut page = empty_page();
    page.insert(&[1; 4000]).unwrap();
    assert_eq!(page.free_space_for_insert(), Some(40));
    assert_eq!(page.insert(&[2; 41]), Err(Error::PageFull { needed: 45, free: 44 }));
    let too_large = Error::RecordTooLarge { len: MAX_RECORD_LEN + 1, max: MAX_RECORD_LEN };
    assert_eq!(page.insert(&[2; MAX_RECORD_LEN + 1]), Err(too_large));
    assert_eq!(page.insert(&[2; 40]), Ok(SlotId(1)));
    assert_eq!(page.free_space_for_insert(), None);
}

/// A page can be opened from its bytes; other bytes are an error.
#[test]
fn only_slotted_pages_can_be_opened() {
    let mut page = empty_page();
    let slot = page.insert(b"still here").unwrap();
    let bytes = page.into_inner();
    let page = SlottedPage::open(&*bytes, PageKind::HEAP).unwrap();
    assert_eq!(page.get(slot), Some(&b"still here"[..]));

    assert!(matches!(SlottedPage::open(&[0xFF; PAGE_SIZE], PageKind::HEAP), Err(Error::Corrupt(_))));
    let mut broken = bytes.clone();
    header::put_u16(&mut broken[..], slotted_page::slotted::SLOT_COUNT_AT, 60_000);
    assert!(matches!(SlottedPage::open(&*broken, PageKind::HEAP), Err(Error::Corrupt(_))));
}

// Task 2.2: delete and compact.

/// When a record is deleted, the others keep their slots, and its slot is used again.
#[test]
fn a_deleted_slot_is_free_for_the_next_record() {
    let mut page = empty_page();
    let slots = [b"one", b"two", b"six"].map(|record| page.insert(record).unwrap());
    page.delete(slots[1]).unwrap();
    assert_eq!(page.get(slots[1]), None);
    assert_eq!(page.delete(slots[1]), Err(Error::NoRecord { slot: slots[1] }));
    assert_eq!(page.get(slots[2]), Some(&b"six"[..]));
    assert_eq!(page.insert(b"ten"), Ok(slots[1]));
    assert_eq!(page.slot_count(), 3);
}

/// Free slots at the end of the array are removed, also those that were free before.
#[test]
fn the_slot_array_shrinks_at_its_end() {
    let mut page = empty_page();
    let slots: Vec<SlotId> = (0..4).map(|n| page.insert(&[n; 10]).unwrap()).collect();
    page.delete(slots[2]).unwrap();
    assert_eq!(page.slot_count(), 4);
    page.delete(slots[3]).unwrap();
    assert_eq!(page.slot_count(), 2);
    assert_eq!(page.free_bytes(), PAGE_SIZE - 48 - 2 * 4 - 2 * 10);
}

/// Free bytes in pieces are enough: insert compacts the page, and no record changes its slot.
#[test]
fn insert_compacts_when_the_free_bytes_are_in_pieces() {
    let mut page = empty_page();
    let slots: Vec<SlotId> = (0..4).map(|n| page.insert(&[n; 1000]).unwrap()).collect();
    page.delete(slots[0]).unwrap();
    page.delete(slots[2]).unwrap();
    let long = page.insert(&[9; 2000]).unwrap();
    assert_eq!(page.get(long), Some(&[9; 2000][..]));
    assert_eq!(page.get(slots[1]), Some(&[1; 1000][..]));
    assert_eq!(page.get(slots[3]), Some(&[3; 1000][..]));
}

/// Recovery restores a record in the slot that it had.
#[test]
fn insert_into_uses_the_given_slot() {
    let mut page = empty_page();
    page.insert_into(SlotId(2), b"back again").unwrap();
    assert_eq!((page.slot_count(), page.free_slots(), page.record_count()), (3, 2, 1));
    assert_eq!(page.insert_into(SlotId(2), b"me too"), Err(Error::SlotInUse { slot: SlotId(2) }));
}

// Task 2.3: update.

/// A record may become longer or shorter; its slot and the other records do not change.
#[test]
fn an_updated_record_keeps_its_slot() {
    let mut page = empty_page();
    let (left, slot, right) =
        (page.insert(b"left").unwrap(), page.insert(b"small").unwrap(), page.insert(b"right").unwrap());
    for record in [&b"considerably larger"[..], b"tiny", b"", b"back"] {
        page.update(slot, record).unwrap();
        assert_eq!(page.get(slot), Some(record));
    }
    assert_eq!((page.get(left), page.get(right)), (Some(&b"left"[..]), Some(&b"right"[..])));
}

/// The bytes of the old record count as free for the new one, and a failed update changes nothing.
#[test]
fn an_update_that_cannot_fit_changes_nothing() {
    let mut page = empty_page();
    let slot = page.insert(&[1; 100]).unwrap();
    page.insert(&[2; 3900]).unwrap();
    assert_eq!(page.free_bytes(), 40);
    assert_eq!(page.update(slot, &[3; 141]), Err(Error::PageFull { needed: 141, free: 140 }));
    assert_eq!(page.get(slot), Some(&[1; 100][..]));
    page.update(slot, &[3; 140]).unwrap();
    assert_eq!(page.get(slot), Some(&[3; 140][..]));
}

// Task 2.4: codecs.

/// A row decodes to its values, and one column can be read without the others.
#[test]
fn a_row_decodes_to_its_values() {
    let schema =
        Schema::new(&[ColumnType::Int, ColumnType::Text, ColumnType::Bool, ColumnType::Text]).unwrap();
    let row = [Value::Int(-7), Value::Text("Ann".into()), Value::Null, Value::Text("".into())];
    let mut bytes = Vec::new();
    schema.encode(&row, &mut bytes).unwrap();
    assert_eq!(schema.decode(&bytes), Ok(row.to_vec()));
    assert_eq!(schema.decode_column(&bytes, 1), Ok(row[1].clone()));
    assert_eq!(schema.decode_column(&bytes, 2), Ok(Value::Null));
}

/// The bytes of a row are fixed: count, null map, fixed part, ends, data.
#[test]
fn a_row_has_the_documented_bytes() {
    let schema = Schema::new(&[ColumnType::Text, ColumnType::Bool]).unwrap();
    let mut bytes = Vec::new();
    schema.encode(&[Value::Text("hi".into()), Value::Null], &mut bytes).unwrap();
    assert_eq!(bytes, [2, 0, 0b10, 0, 8, 0, b'h', b'i']);
}

/// Bytes that are not a row give an error with the reason.
#[test]
fn damaged_rows_are_an_error() {
    let schema = Schema::new(&[ColumnType::Bool]).unwrap();
    assert_eq!(schema.decode(&[1, 0, 0, 1]), Ok(vec![Value::Bool(true)]));
    assert_eq!(schema.decode(&[1, 0, 0, 7]), Err(RowFault::BadBool { column: 0, byte: 7 }.into()));
    assert_eq!(schema.decode(&[1, 0]), Err(RowFault::TooShort { needed: 4, found: 2 }.into()));
}

/// Keys sort as their values do: negative numbers first, a text before longer texts that begin with it.
#[test]
fn keys_sort_as_values() {
    let values = [
        Value::Null,
        Value::Int(-300),
        Value::Int(-1),
        Value::Int(0),
        Value::Int(300),
        Value::Float(-1.5),
        Value::Float(2.0),
        Value::Text("a".into()),
        Value::Text("a\0".into()),
        Value::Text("ab".into()),
    ];
    let keys: Vec<Vec<u8>> = values.iter().map(|value| encode_key(std::slice::from_ref(value))).collect();
    assert!(keys.is_sorted(), "{keys:02x?}");
    for (key, value) in keys.iter().zip(&values) {
        assert_eq!(decode_key(key), Ok(vec![value.clone()]));
    }
}

/// The bytes of a descending column are flipped, and a prefix of columns is one range of keys.
#[test]
fn keys_have_sort_orders_and_prefixes() {
    let mut key = Vec::new();
    push_value(&mut key, &Value::Bool(true), SortOrder::Descending);
    assert_eq!(key, [!2, !1]);

    let from = encode_key(&[Value::Int(4)]);
    let to = prefix_end(&from).unwrap();
    let inside = encode_key(&[Value::Int(4), Value::Text("x".into())]);
    assert!(from <= inside && inside < to);
    assert!(encode_key(&[Value::Int(5)]) >= to);
    assert_eq!(prefix_end(&[0xFF]), None);
}

// Task 2.5: checksums.

/// The published check value of CRC32C, in one piece and in two.
#[test]
fn crc32c_has_its_check_value() {
    assert_eq!(crc32c(b"123456789"), 0xE306_9283);
    assert_eq!(crc32c_append(crc32c(b"1234"), b"56789"), 0xE306_9283);
    assert_eq!(crc32c(b""), 0);
}

/// `verify` accepts a sealed page, but not after a flipped bit, and not in another place.
#[test]
fn verify_refuses_damaged_and_misplaced_pages() {
    let mut page = empty_page();
    page.insert(b"precious").unwrap();
    let mut bytes = page.into_inner();
    seal(&mut bytes, PageId(7)).unwrap();
    assert_eq!(verify(&bytes, PageId(7)), Ok(()));

    let misplaced = Corruption::Misplaced { expected: PageId(8), found: PageId(7) };
    assert_eq!(verify(&bytes, PageId(8)), Err(misplaced.into()));
    bytes[4000] ^= 0x10;
    assert!(matches!(verify(&bytes, PageId(7)), Err(Error::Corrupt(Corruption::BadChecksum { .. }))));
    let never = Corruption::NeverWritten { page: PageId(7) };
    assert_eq!(verify(&[0; PAGE_SIZE], PageId(7)), Err(never.into()));
}

// Task 2.6: disk manager.

/// A heap page with one record.
fn page_with(id: PageId, record: &[u8]) -> Box<PageBuf> {
    let mut page = SlottedPage::init(Box::new([0; PAGE_SIZE]), id, PageKind::HEAP);
    page.insert(record).unwrap();
    page.into_inner()
}

/// Pages that were written and synced are there when the file is opened again.
#[test]
fn synced_pages_are_there_after_open() {
    let disk = Arc::new(MemDisk::new());
    let manager = DiskManager::create(disk.clone()).unwrap();
    let id = manager.allocate().unwrap();
    manager.write_page(id, &page_with(id, b"kept")).unwrap();
    manager.set_root(Some(id)).unwrap();
    manager.sync().unwrap();
    drop(manager);

    let manager = DiskManager::open(disk).unwrap();
    assert_eq!(manager.root(), Some(id));
    let mut page = Box::new([0; PAGE_SIZE]);
    manager.read_page(id, &mut page).unwrap();
    assert_eq!(SlottedPage::open(&*page, PageKind::HEAP).unwrap().get(SlotId(0)), Some(&b"kept"[..]));
}

/// A freed page is allocated again after a sync, not before, and has no bytes of its former owner.
#[test]
fn freed_pages_are_allocated_again_after_a_sync() {
    let manager = DiskManager::create(Arc::new(MemDisk::new())).unwrap();
    let id = manager.allocate().unwrap();
    manager.write_page(id, &page_with(id, b"secret")).unwrap();
    manager.sync().unwrap();
    manager.free(id).unwrap();
    assert_eq!(manager.free(id), Err(Error::NotAllocated { page: id }));
    assert_ne!(manager.allocate(), Ok(id));
    manager.sync().unwrap();
    assert_eq!(manager.allocate(), Ok(id));
    let never = Corruption::NeverWritten { page: id };
    assert_eq!(manager.read_page(id, &mut [0; PAGE_SIZE]), Err(never.into()));
}

/// Page 0 is the manager's own, and a file that is not a page file is refused.
#[test]
fn reserved_pages_and_other_files_are_refused() {
    let manager = DiskManager::create(Arc::new(MemDisk::new())).unwrap();
    assert_eq!(manager.free(PageId(0)), Err(Error::ReservedPage { page: PageId(0) }));
    let past = PageId(1_000);
    assert_eq!(manager.read_page(past, &mut [0; PAGE_SIZE]), Err(Error::NotAllocated { page: past }));
    let strange = Arc::new(MemDisk::from_bytes(vec![7; 5 * PAGE_SIZE]));
    assert!(matches!(DiskManager::open(strange), Err(Error::Corrupt(_))));
}
