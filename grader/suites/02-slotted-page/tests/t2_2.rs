//! Task 2.2: delete and compact.

use proptest::prelude::*;
use slotted_page::slotted::{SLOT_SIZE, SLOTS_AT};
use slotted_page::{
    Error, Lsn, MAX_RECORD_LEN, MAX_SLOTS, OWNER_SIZE, PAGE_SIZE, PageKind, SlotId, SlottedPage, header,
};
use testkit::{check, check_eq, step};

use crate::page_strategies::{Bytes, Op, apply, damaged, foreign, ops, random_pages};
use crate::page_support::{
    Foreign, ID, Model, OwnedPage, check_no_other_moved, check_unchanged, new_page, open, parse, places,
    record,
};

/// A page with records of these lengths, and its model.
fn filled(lengths: &[usize]) -> (OwnedPage, Model) {
    let (mut page, mut model) = (new_page(), Model::default());
    for (tag, &len) in lengths.iter().enumerate() {
        model.insert(&mut page, &record(len, tag));
    }
    (page, model)
}

/// A delete removes one record and no other.
#[testkit::test]
fn deletes_one_record_and_leaves_the_others() {
    for victim in 0..5 {
        let (mut page, mut model) = filled(&[10, 200, 0, 33, 1]);
        model.delete(&mut page, SlotId(victim));
        model.check(&page);
    }
}

/// Deleting a slot without a record is an error and changes nothing: a second delete would count the bytes
/// as dead twice.
#[testkit::test]
fn delete_refuses_a_slot_without_a_record() {
    let (mut page, mut model) = filled(&[10, 20, 30]);
    model.delete(&mut page, SlotId(1));
    for slot in [1, 3, 4, 1_012, 16_384, 65_535] {
        model.delete(&mut page, SlotId(slot));
        model.check(&page);
    }
    check_eq!(
        new_page().delete(SlotId(0)),
        Err(Error::NoRecord { slot: SlotId(0) }),
        "delete from an empty page"
    );
}

/// All free slots are used before new ones, else the slot array grows without end.
#[testkit::test]
fn uses_free_slots_before_new_ones() {
    let (mut page, mut model) = filled(&[50; 20]);
    for slot in [3, 4, 9, 0, 17] {
        model.delete(&mut page, SlotId(slot));
    }
    for tag in 0..8 {
        model.insert(&mut page, &record(60, 100 + tag));
        model.check(&page);
    }
    check_eq!(page.slot_count(), 23, "slots after 20 inserts, 5 deletes and 8 inserts");
}

/// A free slot needs no new entry: an insert that uses exactly the free bytes, without 4 more, must succeed.
#[testkit::test]
fn a_free_slot_costs_no_slot_bytes() {
    for len in [0, 1, 3, 4, 100] {
        let (mut page, mut model) = filled(&[len, 1_000, 1_000]);
        let rest = model.free_space().expect("there is room");
        model.insert(&mut page, &record(rest, 8));
        check_eq!(page.free_bytes(), 0, "free_bytes() of a page filled to the last byte");
        model.delete(&mut page, SlotId(0));
        check_eq!(page.free_space_for_insert(), Some(len), "free space where {len} bytes were deleted");
        model.insert(&mut page, &record(len + 1, 9));
        model.insert(&mut page, &record(len, 10));
        model.check(&page);
    }
}

/// All free slots at the end of the array are removed, also those freed long before: else a page that was
/// full once never has all its room again.
#[testkit::test]
fn delete_removes_all_free_slots_at_the_end() {
    let (mut page, mut model) = filled(&[3; 100]);
    for slot in (10..99).rev() {
        model.delete(&mut page, SlotId(slot));
    }
    check_eq!(page.slot_count(), 100, "slot_count() while slot 99 is used");
    model.delete(&mut page, SlotId(99));
    check_eq!(page.slot_count(), 10, "slot_count() after the last of slots 10 to 99 was deleted");
    model.check(&page);
}

/// After deletes in any order the empty page has all its room again, for one record of the greatest length.
#[testkit::test]
fn an_emptied_page_has_all_its_room_again() {
    let order = Just((0..30_u16).collect::<Vec<u16>>()).prop_shuffle();
    testkit::prop::check(40, order, |order| {
        let (mut page, mut model) = filled(&[77; 30]);
        for slot in order {
            model.delete(&mut page, SlotId(slot));
        }
        model.check(&page);
        check_eq!(page.slot_count(), 0, "slot_count() of an emptied page");
        check_eq!(page.free_space_for_insert(), Some(MAX_RECORD_LEN), "free space of an emptied page");
        model.insert(&mut page, &record(MAX_RECORD_LEN, 1));
        model.check(&page);
    });
}

/// Free bytes in pieces count: an insert that needs all of them succeeds, and no slot or record changes.
#[testkit::test]
fn insert_compacts_when_the_room_is_in_pieces() {
    let (mut page, mut model) = filled(&[120; 32]);
    for slot in (0..31).step_by(2) {
        model.delete(&mut page, SlotId(slot));
    }
    let most = model.free_space().expect("16 records of 120 bytes are free");
    check!(most > 16 * 120, "the test's arithmetic");
    model.insert(&mut page, &record(most + 1, 40));
    model.insert(&mut page, &record(most, 41));
    model.check(&page);
    check_eq!(page.free_bytes(), 0, "free_bytes() after an insert of all that was free");
}

/// A new slot entry also needs the gap: with a gap of 3 bytes and enough dead bytes, the entry alone needs
/// a compaction.
#[testkit::test]
fn insert_compacts_for_the_slot_entry_too() {
    for gap in 0..8 {
        let slots = vec![Some((record(200, 1), 0)), Some((record(300, 2), 40))];
        let filler = PAGE_SIZE - SLOTS_AT - 3 * SLOT_SIZE - 200 - 300 - 40 - gap;
        let mut foreign = Foreign { slots, order: vec![0, 1, 2] };
        foreign.slots.push(Some((record(filler, 3), 0)));
        let (mut page, mut model) = open(foreign.build());
        check_eq!((page.contiguous_bytes(), page.dead_bytes()), (gap, 40), "gap and dead bytes, as built");
        for len in [0, 10] {
            model.insert(&mut page, &record(len, 4));
            model.check(&page);
        }
    }
}

/// Compaction costs a pass over the page, so an insert compacts only if the gap is too small: dead bytes
/// alone are no reason.
#[testkit::test]
fn insert_moves_no_record_while_the_gap_is_wide_enough() {
    let slots =
        vec![Some((record(300, 0), 7)), None, Some((record(50, 1), 1)), None, Some((record(9, 2), 90))];
    let (mut page, mut model) = open(Foreign { slots, order: vec![0, 1, 2, 3, 4] }.build());
    for (tag, len) in [40, 0, 200, 13, 700].into_iter().enumerate() {
        let before = places(&page);
        let slot = model.insert(&mut page, &record(len, tag)).expect("the gap is wide enough");
        check_no_other_moved(&before, &page, slot, "insert");
        let (before, slot) = (places(&page), SlotId(page.slot_count() as u16 + 1));
        model.insert_into(&mut page, slot, &record(len, tag));
        check_no_other_moved(&before, &page, slot, "insert_into");
    }
    model.check(&page);
}

/// Compaction makes one gap of all free bytes; slots, records and the counts are as before.
#[testkit::test]
fn compact_changes_only_the_places_of_records() {
    testkit::prop::check(200, foreign(), |foreign| {
        let (mut page, model) = open(foreign.build());
        step!("page.compact()");
        page.compact();
        model.check(&page);
        check_eq!(page.dead_bytes(), 0, "dead_bytes() after compact()");
        check_eq!(page.contiguous_bytes(), model.free_bytes(), "contiguous_bytes() after compact()");
        check_eq!((page.lsn(), page.owner()), (Lsn(77), &[0x6B; OWNER_SIZE]), "LSN and owner's bytes");
        page.compact();
        model.check(&page);
    });
}

/// The old place of a record may overlap the new place of another: here the lowest record belongs to the
/// first slot, and each moves by less than its length.
#[testkit::test]
fn compact_keeps_records_that_overlap_their_new_place() {
    for gap in [1, 2, 50, 99] {
        let slots: Vec<_> = (0..20).map(|tag| Some((record(100, tag), gap))).collect();
        for order in [(0..20).collect::<Vec<usize>>(), (0..20).rev().collect()] {
            let (mut page, model) = open(Foreign { slots: slots.clone(), order }.build());
            step!("page.compact()  // 20 records of 100 bytes, {gap} dead bytes below each");
            page.compact();
            model.check(&page);
        }
    }
}

/// An empty record has a used slot: compaction must keep it different from a free slot, and must not let it
/// point into the gap.
#[testkit::test]
fn compact_keeps_empty_records_and_free_slots_apart() {
    let (mut page, mut model) = filled(&[0, 40, 0, 40, 0, 40, 0]);
    for slot in [1, 2, 3] {
        model.delete(&mut page, SlotId(slot));
    }
    page.compact();
    model.check(&page);
    for slot in [0, 4, 5, 6] {
        model.delete(&mut page, SlotId(slot));
        page.compact();
        model.check(&page);
    }
}

/// Compaction runs under the page's latch: it must not call the allocator.
#[testkit::test]
fn compact_allocates_nothing() {
    let slots: Vec<_> = (0..60).map(|tag| Some((record(30, tag), 10))).collect();
    let (mut page, model) = open(Foreign { slots, order: (0..60).collect() }.build());
    let counts = testkit::alloc::count(|| page.compact());
    check_eq!(counts.allocations, 0, "heap allocations of one compact()");
    model.check(&page);
}

/// Recovery must restore a record in its old slot, below, at and after the end of the array.
#[testkit::test]
fn insert_into_fills_exactly_that_slot() {
    let (mut page, mut model) = filled(&[5, 6, 7, 8]);
    model.delete(&mut page, SlotId(1));
    model.delete(&mut page, SlotId(3));
    for slot in [1, 3, 4, 9, 6, 5] {
        model.insert_into(&mut page, SlotId(slot), &record(20 + slot as usize, slot as usize));
        model.check(&page);
    }
    check_eq!((page.slot_count(), page.free_slots()), (10, 2), "slots, and free ones among them");
    for tag in 0..3 {
        model.insert(&mut page, &record(4, tag));
        model.check(&page);
    }
}

/// A record is never overwritten, also an empty one; the page is as before.
#[testkit::test]
fn insert_into_refuses_a_slot_in_use() {
    let (mut page, mut model) = filled(&[5, 0, MAX_RECORD_LEN - 100]);
    for slot in [0, 1, 2] {
        for len in [0, 5, 200, MAX_RECORD_LEN + 1] {
            model.insert_into(&mut page, SlotId(slot), &record(len, 9));
            model.check(&page);
        }
    }
}

/// Every new slot takes 4 bytes: an array that would overlap the records, or a slot number near 65,535,
/// must be an error.
#[testkit::test]
fn insert_into_counts_every_new_slot() {
    for slot in [10, 500, 1_010, 1_011, 1_012, 1_013, 16_371, 16_384, 32_768, 65_535] {
        let (mut page, mut model) = (new_page(), Model::default());
        model.insert_into(&mut page, SlotId(slot), b"x");
        model.check(&page);
        model.insert_into(&mut page, SlotId(slot), b"");
        model.check(&page);
    }
    let (mut page, mut model) = (new_page(), Model::default());
    model.insert_into(&mut page, SlotId(MAX_SLOTS as u16 - 1), b"");
    check_eq!(page.free_bytes(), 0, "free_bytes() with the last possible slot in use");
    check_eq!(page.free_space_for_insert(), Some(0), "free space: a free slot, and no bytes");
    for _ in 0..3 {
        model.insert(&mut page, b"");
    }
    model.delete(&mut page, SlotId(MAX_SLOTS as u16 - 1));
    model.check(&page);
}

/// The undo of a delete may find that its slot was removed from the end of the array: the slot must be
/// added again, and the slots before it as free ones.
#[testkit::test]
fn insert_into_restores_slots_that_were_removed() {
    let (mut page, mut model) = filled(&[40; 10]);
    let before = model.clone();
    for slot in 2..10 {
        model.delete(&mut page, SlotId(slot));
    }
    for slot in [9, 2, 5, 4, 8, 3, 7, 6] {
        model.insert_into(&mut page, SlotId(slot), &before.records[&SlotId(slot)]);
        model.check(&page);
    }
    check_eq!(model, before, "the page after all deletes were undone");
}

/// Slots as a sorted array: insert_at and remove_at use insert and delete, so a new slot must be the last,
/// and a deleted last slot must be removed.
#[testkit::test]
fn ordered_slots_agree_with_a_vector() {
    let op = (any::<bool>(), 0..30_u16, 0..200_usize);
    testkit::prop::check(60, proptest::collection::vec(op, 0..60), |ops| {
        let (mut page, mut sorted) = (new_page(), Vec::<Vec<u8>>::new());
        for (tag, (is_insert, slot, len)) in ops.into_iter().enumerate() {
            let (index, bytes) = (slot as usize, record(len, tag));
            step!("page.{}({slot}, ..)  // {len} bytes", if is_insert { "insert_at" } else { "remove_at" });
            if is_insert && index <= sorted.len() {
                if page.insert_at(SlotId(slot), &bytes).is_ok() {
                    sorted.insert(index, bytes);
                }
            } else {
                let expected =
                    if index < sorted.len() { Ok(()) } else { Err(Error::NoRecord { slot: SlotId(slot) }) };
                check_eq!(page.remove_at(SlotId(slot)), expected, "remove_at({slot})");
                if index < sorted.len() {
                    sorted.remove(index);
                }
            }
            let records = sorted.iter().enumerate().map(|(slot, bytes)| (SlotId(slot as u16), bytes.clone()));
            Model { records: records.collect() }.check(&page);
        }
    });
    let (mut page, mut model) = filled(&[1, 2, 3]);
    model.delete(&mut page, SlotId(0));
    let before = *page.bytes();
    check_eq!(
        page.insert_at(SlotId(1), b""),
        Err(Error::NotOrdered { free_slots: 1 }),
        "insert_at beside a free slot"
    );
    check_eq!(
        page.remove_at(SlotId(1)),
        Err(Error::NotOrdered { free_slots: 1 }),
        "remove_at beside a free slot"
    );
    check_unchanged(&page, &before);
}

/// Any mixture of inserts, deletes and compactions agrees with a map after every step, in bytes, counts and
/// free space.
#[testkit::test]
fn agrees_with_a_map_through_deletes() {
    testkit::prop::check(120, (foreign(), ops(false, 60)), |(foreign, ops)| {
        let (mut page, mut model) = open(foreign.build());
        for (tag, op) in ops.iter().enumerate() {
            apply(op, tag, &mut page, &mut model);
            model.check(&page);
        }
    });
}

/// A page is changed millions of times: no round of changes may lose a byte or a slot.
#[testkit::test]
fn loses_no_byte_in_ten_thousand_changes() {
    let (mut page, mut model, mut rng) = (new_page(), Model::default(), testkit::rng());
    let mut compactions_needed = 0;
    for round in 0..10_000 {
        if round % 500 == 0 {
            testkit::scene::clear();
            model.check(&page);
        }
        if rng.bool() {
            let len = rng.usize(0..250);
            let slot_bytes = if page.free_slots() > 0 { 0 } else { SLOT_SIZE };
            let needs_compaction = len + slot_bytes > page.contiguous_bytes();
            let is_in = model.insert(&mut page, &record(len, round)).is_some();
            compactions_needed += usize::from(needs_compaction && is_in);
        } else if let Some(&slot) = model.records.keys().nth(rng.usize(0..40)) {
            model.delete(&mut page, slot);
        }
    }
    model.check(&page);
    step!("// {compactions_needed} inserts could not have gone in without compaction");
}

/// If any bytes open as a page, all calls work on it: a wrong count or an overlap must not end in a panic
/// during a compaction.
#[testkit::test]
fn never_panics_on_pages_of_any_bytes() {
    let input = (
        prop_oneof![random_pages(), damaged(), foreign().prop_map(|foreign| Bytes(foreign.build()))],
        ops(false, 20),
    );
    testkit::prop::check(200, input, |(Bytes(bytes), ops)| {
        let Ok(mut page) = SlottedPage::open(bytes, PageKind::HEAP) else {
            // Exercise this task all the same: an unopened page has nothing to delete.
            check!(new_page().delete(SlotId(0)).is_err(), "delete from an empty page");
            return;
        };
        let mut model = Model { records: parse(page.bytes()).unwrap_or_default() };
        for (tag, op) in ops.iter().enumerate() {
            apply(op, tag, &mut page, &mut model);
        }
        apply(&Op::Compact, 0, &mut page, &mut model);
        model.check(&page);
        check_eq!(header::id(page.bytes()), ID, "the page id");
    });
}
