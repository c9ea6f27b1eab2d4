//! Task 2.1: page and slots.

use std::cell::Cell;

use slotted_page::header::{HEADER_SIZE, MAGIC, MAGIC_AT, put_u16, put_u32};
use slotted_page::slotted::{
    DEAD_BYTES_AT, FREE_SLOTS_AT, OWNER_AT, RECORD_START_AT, SLOT_COUNT_AT, SLOT_SIZE, SLOTS_AT,
};
use slotted_page::{
    Corruption, Error, Lsn, MAX_RECORD_LEN, MAX_SLOTS, OWNER_SIZE, PAGE_SIZE, PageBuf, PageId, PageKind,
    SlotId, SlottedPage, header,
};
use testkit::{Failure, check, check_eq, step};

use crate::page_strategies::{Bytes, damaged, foreign, lengths, random_pages};
use crate::page_support::{Foreign, ID, Model, OwnedPage, check_unchanged, new_page, open, parse, record};

/// A new page is the header, a record start of 4096 and zeros: old bytes of the buffer must not reach the
/// disk.
#[testkit::test]
fn init_sets_every_byte() {
    let page = new_page();
    let mut expected = [0; PAGE_SIZE];
    put_u32(&mut expected, MAGIC_AT, MAGIC);
    put_u32(&mut expected, header::PAGE_ID_AT, ID.0);
    put_u16(&mut expected, header::KIND_AT, PageKind::HEAP.0);
    put_u16(&mut expected, RECORD_START_AT, PAGE_SIZE as u16);
    let differs = page.bytes().iter().zip(&expected).position(|(found, expected)| found != expected);
    check_eq!(differs, None, "offset of the first wrong byte of a fresh page");
    Model::default().check(&page);
}

/// The test reads the records from the bytes by the documented layout, so each field must have its
/// documented place, width and meaning.
#[testkit::test]
fn writes_records_in_the_documented_layout() {
    let (mut page, mut model) = (new_page(), Model::default());
    for (tag, len) in [5, 0, 1, 300, 2, 0, 1000].into_iter().enumerate() {
        model.insert(&mut page, &record(len, tag));
        model.check(&page);
    }
}

/// Records are in any order with gaps between: code that derives offsets from lengths is wrong.
#[testkit::test]
fn reads_pages_whose_records_lie_in_any_order() {
    testkit::prop::check(150, foreign(), |foreign| {
        let bytes = foreign.build();
        step!("let page = SlottedPage::open(bytes, PageKind::HEAP)  // {} slots", foreign.slots.len());
        let (page, model) = open(bytes);
        model.check(&page);
        check_eq!(page.lsn(), Lsn(77), "lsn()");
        check_eq!(page.owner(), &[0x6B; OWNER_SIZE], "owner()");
    });
}

/// Each record takes 4 bytes for its slot: a free space without them is too large.
#[testkit::test]
fn counts_the_slot_entry_in_the_free_space() {
    let (mut page, mut model) = (new_page(), Model::default());
    check_eq!(
        page.free_space_for_insert(),
        Some(PAGE_SIZE - SLOTS_AT - SLOT_SIZE),
        "free space of a fresh page"
    );
    for tag in 0..40 {
        model.insert(&mut page, &record(90, tag));
        check_eq!(
            page.free_space_for_insert(),
            model.free_space(),
            "free space after {} records of 90",
            tag + 1
        );
    }
    let most = model.free_space().expect("40 records of 94 bytes leave room");
    model.insert(&mut page, &record(most + 1, 50));
    model.insert(&mut page, &record(most, 51));
    model.check(&page);
    check_eq!(page.free_bytes(), 0, "free_bytes() after an insert of all that was free");
}

/// The page holds exactly as many records as the layout allows, for any length: one less means a lost byte,
/// one more an overlap.
#[testkit::test]
fn fills_a_page_to_the_last_byte() {
    for len in 0..=MAX_RECORD_LEN {
        let (mut page, bytes) = (new_page(), record(len, len));
        let mut count = 0;
        let error = loop {
            match page.insert(&bytes) {
                Ok(_) => count += 1,
                Err(error) => break error,
            }
            check!(count <= MAX_SLOTS, "an insert of {len} bytes fails when the page is full");
        };
        let room = PAGE_SIZE - SLOTS_AT;
        check_eq!(count, room / (len + SLOT_SIZE), "records of {len} bytes in one page");
        let (needed, free) = (len + SLOT_SIZE, room % (len + SLOT_SIZE));
        check_eq!(error, Error::PageFull { needed, free }, "the insert after the last that fits");
    }
}

/// The longest record leaves 0 bytes; one byte more fits in no page, and that is another error than a full
/// page.
#[testkit::test]
fn accepts_the_longest_record_and_refuses_a_longer_one() {
    let (mut page, mut model) = (new_page(), Model::default());
    model.insert(&mut page, &record(MAX_RECORD_LEN + 1, 0));
    model.insert(&mut page, &record(MAX_RECORD_LEN, 1));
    model.check(&page);
    check_eq!(page.free_space_for_insert(), None, "free space beside the longest record");
    model.insert(&mut page, b"");
}

/// A length is cut to 16 bits only after it was checked: otherwise 65,536 bytes would become 0.
#[testkit::test]
fn refuses_records_whose_length_overflows_16_bits() {
    for len in [4_096, 32_768, 65_535, 65_536, 65_537, 65_540, 131_072, 1 << 20] {
        let (mut page, mut model) = (new_page(), Model::default());
        model.insert(&mut page, &record(len, 0));
        model.check(&page);
    }
}

/// A record of no bytes is a record: it has a slot of its own, and is not a free slot.
#[testkit::test]
fn keeps_records_of_no_bytes() {
    let (mut page, mut model) = (new_page(), Model::default());
    for index in 0..MAX_SLOTS {
        let slot = model.insert(&mut page, b"");
        check_eq!(slot, Some(SlotId(index as u16)), "the slot of empty record {index}");
    }
    model.check(&page);
    check_eq!(page.record_count(), MAX_SLOTS, "record_count() of a page full of empty records");
    model.insert(&mut page, b"");
    model.check(&page);
}

/// With 1 to 3 bytes left there is no room for a slot, not even for an empty record.
#[testkit::test]
fn refuses_a_record_without_room_for_its_slot() {
    for left in 0..8 {
        let (mut page, mut model) = (new_page(), Model::default());
        model.insert(&mut page, &record(MAX_RECORD_LEN - left, left));
        check_eq!(page.free_bytes(), left, "free_bytes()");
        check_eq!(
            page.free_space_for_insert(),
            left.checked_sub(SLOT_SIZE),
            "free space with {left} bytes left"
        );
        model.insert(&mut page, &record(left, 1));
        model.insert(&mut page, b"");
        model.check(&page);
    }
}

/// A slot after the end of the array holds no record: it must not be read from the bytes of records or of
/// the next page.
#[testkit::test]
fn get_returns_none_for_slots_that_do_not_exist() {
    let mut page = new_page();
    check_eq!(page.get(SlotId(0)), None, "get of slot 0 of an empty page");
    for tag in 0..3 {
        check!(page.insert(&record(1000, tag)).is_ok(), "1000 bytes go into the page");
    }
    for slot in [3, 4, 238, 1_011, 1_012, 1_013, 16_384, 32_768, 65_535].map(SlotId) {
        check_eq!(page.get(slot), None, "get({slot:?}) of a page with 3 slots");
    }
}

/// An insert that fails changes no byte, also none in the gap.
#[testkit::test]
fn a_failed_insert_changes_nothing() {
    let (mut page, mut model) = (new_page(), Model::default());
    model.insert(&mut page, &record(3_000, 1));
    page.set_lsn(Lsn(9));
    for len in [1_041, 1_100, 4_044, 4_045, 70_000] {
        model.insert(&mut page, &record(len, 2));
    }
    model.check(&page);
}

/// LSN, flags and owner's bytes belong to other code: an insert must not change them.
#[testkit::test]
fn insert_does_not_change_header_and_owner_bytes() {
    let mut bytes = Box::new([0; PAGE_SIZE]);
    let mut page = SlottedPage::init(&mut *bytes, PageId(u32::MAX), PageKind::BTREE_LEAF);
    page.set_lsn(Lsn(u64::MAX - 1));
    page.owner_mut().copy_from_slice(b"prev next level!");
    while page.insert(&record(33, 5)).is_ok() {}
    let after = *page.bytes();
    header::set_flags(&mut bytes, 0x8001);
    let page = SlottedPage::open(&*bytes, PageKind::BTREE_LEAF);
    let Ok(page) = page else { Failure::new("open of a full leaf page").found(page.err()).raise() };
    check_eq!((page.id(), page.kind()), (PageId(u32::MAX), PageKind::BTREE_LEAF), "id and kind");
    check_eq!((page.lsn(), page.owner()), (Lsn(u64::MAX - 1), b"prev next level!"), "LSN and owner's bytes");
    check_eq!(&page.bytes()[HEADER_SIZE..], &after[HEADER_SIZE..], "the body, opened again");
}

/// Any mixture of lengths, compared with a map after each step: free space, records and bytes agree
/// throughout.
#[testkit::test]
fn agrees_with_a_map_of_records() {
    testkit::prop::check(60, proptest::collection::vec(lengths(), 0..60), |lengths| {
        let (mut page, mut model) = (new_page(), Model::default());
        for (tag, len) in lengths.into_iter().enumerate() {
            model.insert(&mut page, &record(len, tag));
            model.check(&page);
        }
        let (page, model) = open(page.into_inner());
        model.check(&page);
    });
}

/// A free page, a page of zeros or a page of another kind holds no records, and `open` refuses it.
#[testkit::test]
fn opens_only_pages_of_the_expected_kind() {
    let bytes = new_page().into_inner();
    for kind in [PageKind::META, PageKind(2), PageKind::BTREE_LEAF, PageKind(0), PageKind(0x0300)] {
        let expected = Corruption::WrongKind { expected: kind, found: PageKind::HEAP };
        let found = SlottedPage::open(&*bytes, kind).err();
        check_eq!(found, Some(Error::Corrupt(expected)), "open of a heap page as {kind}");
    }
    let found = SlottedPage::open(&[0; PAGE_SIZE], PageKind::HEAP).err();
    check_eq!(found, Some(Corruption::BadMagic { found: 0 }.into()), "open of a page of zeros");
}

/// One wrong number at a time in a valid page, each of which leads outside of the page or into another
/// record.
#[testkit::test]
fn refuses_a_page_with_a_broken_invariant() {
    let slot = |index: usize| SLOTS_AT + SLOT_SIZE * index;
    // Three records of 100 bytes: slot 0 at 3996, slot 1 free, slot 2 at 3896 with 10 dead bytes below.
    let damage: &[(&str, &[(usize, u16)])] = &[
        ("I1: 65,535 slots", &[(SLOT_COUNT_AT, 65_535)]),
        ("I1: 16,384 slots, which are 0 bytes in 16 bits", &[(SLOT_COUNT_AT, 16_384)]),
        ("I1: slots end one slot above the records", &[(SLOT_COUNT_AT, 960)]),
        ("I1: record start in the header", &[(RECORD_START_AT, 12)]),
        ("I1: record start 0", &[(RECORD_START_AT, 0)]),
        ("I1: record start one past the page", &[(RECORD_START_AT, 4_097)]),
        ("I1: record start 65,535", &[(RECORD_START_AT, 65_535)]),
        ("I2: record one byte past the page", &[(slot(0) + 2, 101)]),
        ("I2: record of 65,535 bytes", &[(slot(0) + 2, 65_535)]),
        ("I2: offset past the page", &[(slot(0), 4_097)]),
        ("I2: offset and length past 16 bits", &[(slot(0), 65_500), (slot(0) + 2, 100)]),
        ("I2: record one byte below record start", &[(slot(2), 3_885)]),
        ("I2: record in the header", &[(slot(2), 1)]),
        ("I2: empty record past the page", &[(slot(0), 4_097), (slot(0) + 2, 0), (DEAD_BYTES_AT, 110)]),
        ("I2: empty record in the gap", &[(slot(0), 100), (slot(0) + 2, 0), (DEAD_BYTES_AT, 110)]),
        ("I2: two records share one byte", &[(slot(2), 3_897)]),
        ("I2: one record inside another", &[(slot(2), 4_000), (slot(2) + 2, 50), (DEAD_BYTES_AT, 60)]),
        ("I2: two slots on the same record", &[(slot(2), 3_996)]),
        ("I2, I4: free slot with a length", &[(slot(1) + 2, 1)]),
        ("I3: one dead byte too few", &[(DEAD_BYTES_AT, 9)]),
        ("I3: one dead byte too many", &[(DEAD_BYTES_AT, 11)]),
        ("I3: 65,535 dead bytes", &[(DEAD_BYTES_AT, 65_535)]),
        ("I4: no free slot counted", &[(FREE_SLOTS_AT, 0)]),
        ("I4: two free slots counted", &[(FREE_SLOTS_AT, 2)]),
        ("I4: more free slots than slots", &[(FREE_SLOTS_AT, 65_535)]),
        ("I5: last slot free", &[(SLOT_COUNT_AT, 2), (DEAD_BYTES_AT, 110)]),
    ];
    let slots = vec![Some((record(100, 0), 0)), None, Some((record(100, 2), 10))];
    let sound = Foreign { slots, order: vec![0, 1, 2] }.build();
    open(sound.clone());
    for (what, writes) in damage {
        let mut bytes = sound.clone();
        for &(at, value) in *writes {
            put_u16(&mut bytes[..], at, value);
        }
        step!("// {what}");
        let found = SlottedPage::open(&*bytes, PageKind::HEAP);
        if !matches!(found, Err(Error::Corrupt(_))) {
            let picture = slotted_page::dump_page(&bytes);
            Failure::new(format!("open of a page with a broken invariant: {what}"))
                .expected_text("Err(Corrupt(..))")
                .found_text(format!("{found:?}"))
                .picture(picture)
                .raise();
        }
    }
}

/// In a page without slots no record shows that record start is wrong, and the dead bytes can seem right.
#[testkit::test]
fn refuses_a_record_start_past_an_empty_page() {
    for start in [4_097_u16, 4_098, 5_000, 8_192, 65_535] {
        for dead in [0, 1, start - 4_096, 4_096_u16.wrapping_sub(start), 65_535] {
            let mut bytes: PageBuf = [0; PAGE_SIZE];
            header::init(&mut bytes, ID, PageKind::HEAP);
            put_u16(&mut bytes, RECORD_START_AT, start);
            put_u16(&mut bytes, DEAD_BYTES_AT, dead);
            step!("SlottedPage::open(a page of 0 slots, record start {start}, {dead} dead bytes)");
            let found = SlottedPage::open(&bytes, PageKind::HEAP).map(|_| ());
            check!(
                matches!(found, Err(Error::Corrupt(_))),
                "I1: a record start of {start} is refused, but open gave {found:?}"
            );
        }
    }
}

/// A page of zeros with a slot count that is too large has only free slots: nothing is wrong until the page
/// ends.
#[testkit::test]
fn refuses_more_slots_than_a_page_has_room_for() {
    for count in [1, 2, 1_012, 1_013, 1_024, 16_372, 16_384, 16_385, 17_000, 32_768, 65_535] {
        let mut bytes: PageBuf = [0; PAGE_SIZE];
        header::init(&mut bytes, ID, PageKind::HEAP);
        put_u16(&mut bytes, RECORD_START_AT, PAGE_SIZE as u16);
        check!(SlottedPage::open(&bytes, PageKind::HEAP).is_ok(), "a page without slots opens");
        put_u16(&mut bytes, SLOT_COUNT_AT, count);
        put_u16(&mut bytes, FREE_SLOTS_AT, count);
        let found = SlottedPage::open(&bytes, PageKind::HEAP).map(|_| ());
        check!(
            matches!(found, Err(Error::Corrupt(_))),
            "{count} free slots are refused, but open gave {found:?}"
        );
    }
}

/// A page of another program is accepted exactly if it keeps I1 to I5: a stricter check refuses good data,
/// a weaker one reads outside of the page later.
#[testkit::test]
fn accepts_exactly_the_pages_that_keep_the_invariants() {
    let (accepted, refused) = (Cell::new(0), Cell::new(0));
    testkit::prop::check(400, damaged(), |Bytes(bytes)| {
        let expected = parse(&bytes);
        testkit::scene::picture(|| slotted_page::dump_page(&bytes));
        let found = SlottedPage::open(&*bytes, PageKind::HEAP);
        match (expected, found) {
            (Ok(_), Ok(_)) => accepted.set(accepted.get() + 1),
            (Err(_), Err(Error::Corrupt(_))) => refused.set(refused.get() + 1),
            (expected, found) => Failure::new("open of a page with changed numbers in header and slots")
                .expected_text(expected.map_or_else(|e| format!("Corrupt: {e:?}"), |_| "Ok".to_string()))
                .found_text(format!("{found:?}"))
                .raise(),
        }
    });
    let (accepted, refused) = (accepted.get(), refused.get());
    check!(
        accepted >= 20 && refused >= 20,
        "the test saw both outcomes: {accepted} accepted, {refused} refused"
    );
}

/// No bytes make the page panic, neither when it is opened nor when it is used.
#[testkit::test]
fn never_panics_on_any_bytes() {
    use proptest::prelude::*;
    testkit::prop::check(300, prop_oneof![random_pages(), damaged()], |Bytes(bytes)| {
        step!("SlottedPage::open(bytes, PageKind::HEAP)");
        let _ = slotted_page::dump_page(&bytes);
        if let Ok(page) = SlottedPage::open(bytes, PageKind::HEAP) {
            use_page(page);
        }
    });
    for byte in [0x00, 0x01, 0x7F, 0x80, 0xFF] {
        let mut bytes: PageBuf = [byte; PAGE_SIZE];
        check!(SlottedPage::open(&bytes, PageKind::HEAP).is_err(), "4,096 bytes of {byte:#x} are not a page");
        put_u32(&mut bytes, MAGIC_AT, MAGIC);
        put_u16(&mut bytes, header::KIND_AT, PageKind::HEAP.0);
        check!(SlottedPage::open(&bytes, PageKind::HEAP).is_err(), "{byte:#x} behind a header is not a page");
    }
}

/// Everything of this task that can be done with an open page.
fn use_page(mut page: OwnedPage) {
    let in_slots: usize = page.records().map(|(_, bytes)| bytes.len()).sum();
    check!(in_slots <= PAGE_SIZE - SLOTS_AT, "records share no byte, so they have at most 4,048");
    for index in 0..=page.slot_count() {
        let _ = page.get(SlotId(index as u16));
    }
    // More than fits as it lies would ask for compaction, which is the next task.
    let free = page.free_space_for_insert();
    if let Some(most) = page.contiguous_bytes().checked_sub(SLOT_SIZE) {
        let len = most.min(MAX_RECORD_LEN);
        let before = page.record_count();
        check!(page.insert(&record(len, 1)).is_ok(), "insert of {len} bytes, free space for {free:?}");
        check_eq!(page.record_count(), before + 1, "record_count() after an insert");
    } else {
        let before = *page.bytes();
        check!(page.insert(&record(MAX_RECORD_LEN + 1, 1)).is_err(), "no page takes 4,045 bytes");
        check_unchanged(&page, &before);
    }
    if let Err((id, text, found)) = parse(page.bytes()) {
        Failure::new(format!("{id} after an insert")).invariant(id, text).found_text(found).raise();
    }
}

/// A page view works with any owner of the bytes, and changes them in place: the buffer pool keeps the
/// page, not the view.
#[testkit::test]
fn works_on_borrowed_bytes_in_place() {
    let mut bytes: PageBuf = [0; PAGE_SIZE];
    check_eq!(SlottedPage::init(&mut bytes, ID, PageKind::HEAP).insert(b"kept"), Ok(SlotId(0)), "insert");
    check_eq!(
        SlottedPage::assume_valid(&mut bytes).insert(b"too"),
        Ok(SlotId(1)),
        "insert through another view"
    );
    let page = SlottedPage::assume_valid(&bytes);
    check_eq!(page.get(SlotId(0)), Some(&b"kept"[..]), "get through a third view");
    check_eq!(page.get(SlotId(1)), Some(&b"too"[..]), "get through a third view");
    check_eq!(bytes[OWNER_AT..SLOTS_AT], [0; OWNER_SIZE], "the owner's bytes");
}
