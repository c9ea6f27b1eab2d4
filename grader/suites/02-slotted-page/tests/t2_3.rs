//! Task 2.3: update.

use proptest::prelude::*;
use slotted_page::slotted::{SLOT_SIZE, SLOTS_AT};
use slotted_page::{Lsn, MAX_RECORD_LEN, OWNER_SIZE, PAGE_SIZE, PageKind, SlotId, SlottedPage};
use testkit::{check, check_eq};

use crate::page_strategies::{Bytes, Op, apply, damaged, foreign, lengths, ops, random_pages};
use crate::page_support::{
    Foreign, Model, OwnedPage, check_no_other_moved, new_page, open, parse, places, record,
};

/// A page with records of these lengths, and its model.
fn filled(lengths: &[usize]) -> (OwnedPage, Model) {
    let (mut page, mut model) = (new_page(), Model::default());
    for (tag, &len) in lengths.iter().enumerate() {
        model.insert(&mut page, &record(len, tag));
    }
    (page, model)
}

/// The slot holds the new bytes, at every length from none to many, and the neighbours hold theirs.
#[testkit::test]
fn replaces_a_record_by_one_of_any_length() {
    for slot in 0..3 {
        let (mut page, mut model) = filled(&[50, 50, 50]);
        for (tag, len) in [50, 49, 51, 0, 1, 700, 699, 0, 0, 2_000, 50].into_iter().enumerate() {
            model.update(&mut page, SlotId(slot), &record(len, 100 + tag));
            model.check(&page);
        }
    }
}

/// A record keeps its slot also if lower slots are free: a delete and an insert would change the slot.
#[testkit::test]
fn keeps_its_slot_beside_free_ones() {
    for slot in [2, 3, 5] {
        let (mut page, mut model) = filled(&[60; 6]);
        for free in [0, 1, 4] {
            model.delete(&mut page, SlotId(free));
        }
        for len in [100, 20, 0, 3_700, 60] {
            model.update(&mut page, SlotId(slot), &record(len, len));
            model.check(&page);
        }
    }
}

/// A shorter record must not show the end of the old one: the length in the slot changes too.
#[testkit::test]
fn a_shorter_record_has_no_tail_of_the_old_one() {
    let (mut page, mut model) = filled(&[100, 100]);
    for len in (0..100).rev() {
        model.update(&mut page, SlotId(0), &record(len, len));
        check_eq!(page.get(SlotId(0)).map(<[u8]>::len), Some(len), "length of the record after the update");
    }
    model.check(&page);
}

/// If a record becomes shorter, all bytes that it no longer uses are free at once.
#[testkit::test]
fn bytes_freed_by_a_shorter_record_can_be_used() {
    let (mut page, mut model) = filled(&[1_500, 1_500, 1_000]);
    for (slot, len) in [(1, 300), (0, 0), (2, 999)] {
        model.update(&mut page, SlotId(slot), &record(len, 7));
        model.check(&page);
    }
    let most = model.free_space().expect("2,701 bytes were given up");
    model.insert(&mut page, &record(most, 8));
    model.check(&page);
}

/// A record that is updated to no bytes is still a record: its slot is neither free nor removed, not even
/// at the end of the array.
#[testkit::test]
fn an_empty_record_is_not_a_free_slot() {
    let (mut page, mut model) = filled(&[10, 10, 10]);
    for slot in [2, 0, 1] {
        model.update(&mut page, SlotId(slot), b"");
        model.check(&page);
    }
    check_eq!(
        (page.slot_count(), page.free_slots()),
        (3, 0),
        "slots and free slots with three empty records"
    );
    model.insert(&mut page, &record(5, 1));
    model.update(&mut page, SlotId(1), &record(20, 2));
    model.check(&page);
}

/// The old bytes count as free: in a full page, a record can become longer by exactly the free bytes, and
/// not by one more.
#[testkit::test]
fn grows_into_its_own_old_bytes() {
    for spare in [0, 1, 4, 40] {
        let rest = PAGE_SIZE - SLOTS_AT - 3 * SLOT_SIZE - 1_000 - 10 - spare;
        for slot in 0..3 {
            let (mut page, mut model) = filled(&[1_000, 10, rest]);
            let old = model.records[&SlotId(slot)].len();
            model.update(&mut page, SlotId(slot), &record(old + spare + 1, 5));
            model.check(&page);
            model.update(&mut page, SlotId(slot), &record(old + spare, 6));
            model.check(&page);
            check_eq!(page.free_bytes(), 0, "free_bytes() after growing by all that was free");
        }
    }
}

/// One record may be replaced by another that leaves no byte free, though the two together would never fit.
#[testkit::test]
fn a_lone_record_grows_to_the_longest() {
    for len in [0, 1, 2_000, 2_022, 2_023, 4_000, MAX_RECORD_LEN] {
        let (mut page, mut model) = filled(&[len]);
        model.update(&mut page, SlotId(0), &record(MAX_RECORD_LEN, 3));
        model.check(&page);
        model.update(&mut page, SlotId(0), &record(MAX_RECORD_LEN - 1, 4));
        model.update(&mut page, SlotId(0), &record(MAX_RECORD_LEN, 5));
        model.check(&page);
    }
}

/// Free bytes in pieces and the record's own bytes count together: the update compacts, and no other record
/// or slot changes.
#[testkit::test]
fn update_compacts_when_the_room_is_in_pieces() {
    for grown in [0, 7, 13] {
        let slots: Vec<_> = (0..14).map(|tag| Some((record(200, tag), 80))).collect();
        let (mut page, mut model) = open(Foreign { slots, order: (0..14).rev().collect() }.build());
        let most = model.free_bytes() + 200;
        check!(most > 14 * 80 + 200 && page.contiguous_bytes() < 200, "the room lies in pieces, as built");
        model.update(&mut page, SlotId(grown), &record(most + 1, 20));
        model.check(&page);
        model.update(&mut page, SlotId(grown), &record(most, 21));
        model.check(&page);
        check_eq!((page.lsn(), page.owner()), (Lsn(77), &[0x6B; OWNER_SIZE]), "LSN and owner's bytes");
    }
}

/// An update compacts only if the gap is too small for the new record: dead bytes alone are no reason.
#[testkit::test]
fn update_moves_no_other_record_while_the_gap_is_wide_enough() {
    let slots = vec![Some((record(60, 0), 7)), None, Some((record(50, 1), 1)), Some((record(9, 2), 90))];
    let (mut page, mut model) = open(Foreign { slots, order: vec![0, 1, 2, 3] }.build());
    for (tag, len) in [61, 10, 0, 300, 299].into_iter().enumerate() {
        for slot in [0, 2, 3].map(SlotId) {
            let before = places(&page);
            model.update(&mut page, slot, &record(len, tag));
            check_no_other_moved(&before, &page, slot, "update");
        }
    }
    model.check(&page);
}

/// An update that does not fit reports the free bytes and changes no byte: the old record must not be
/// removed before the check.
#[testkit::test]
fn a_failed_update_changes_nothing() {
    let (mut page, mut model) = filled(&[100, 200, 3_000]);
    model.delete(&mut page, SlotId(0));
    for slot in [1, 2] {
        let old = model.records[&SlotId(slot)].len();
        for len in
            [model.free_bytes() + old + 1, MAX_RECORD_LEN - 4, MAX_RECORD_LEN, MAX_RECORD_LEN + 1, 65_536]
        {
            model.update(&mut page, SlotId(slot), &record(len, 4));
            model.check(&page);
        }
    }
}

/// Only a record can be updated: an update must not make a record in a free slot or in one after the end.
#[testkit::test]
fn update_refuses_a_slot_without_a_record() {
    let (mut page, mut model) = filled(&[10, 20, 30]);
    model.delete(&mut page, SlotId(1));
    for slot in [1, 3, 4, 1_012, 16_384, 65_535] {
        for len in [0, 10, 5_000] {
            model.update(&mut page, SlotId(slot), &record(len, 9));
        }
    }
    model.check(&page);
    let (mut page, mut model) = (new_page(), Model::default());
    model.update(&mut page, SlotId(0), b"");
    model.check(&page);
}

/// The length is checked before it is cut to 16 bits: 65,536 bytes are too large, not an empty record.
#[testkit::test]
fn refuses_records_whose_length_overflows_16_bits() {
    for len in [MAX_RECORD_LEN + 1, 4_096, 32_768, 65_535, 65_536, 65_546, 1 << 20] {
        let (mut page, mut model) = filled(&[10]);
        model.update(&mut page, SlotId(0), &record(len, 1));
        model.check(&page);
    }
}

/// An update moves bytes, not slots: any number of updates adds, frees or removes no slot.
#[testkit::test]
fn a_thousand_updates_lose_no_byte() {
    let (mut page, mut model) = filled(&[150; 20]);
    let mut rng = testkit::rng();
    let mut refused = 0;
    for round in 0..1_000 {
        testkit::scene::clear();
        let slot = SlotId(rng.u16(0..20));
        let len = if rng.u8(0..4) == 0 { rng.usize(0..1_200) } else { rng.usize(0..300) };
        model.update(&mut page, slot, &record(len, round));
        refused += usize::from(model.records[&slot].len() != len);
        check_eq!(page.slot_count(), 20, "slot_count()");
        if round % 50 == 0 {
            model.check(&page);
        }
    }
    model.check(&page);
    check!(refused > 0, "some update did not fit");
}

/// Updates of the lowest record, whose bytes are beside the gap, keep the bounds of the record area right.
#[testkit::test]
fn the_lowest_record_may_change_too() {
    let change = (0..4_u16, lengths());
    testkit::prop::check(100, proptest::collection::vec(change, 1..30), |changes| {
        let (mut page, mut model) = filled(&[30, 0, 300, 3]);
        for (tag, (slot, len)) in changes.into_iter().enumerate() {
            model.update(&mut page, SlotId(slot), &record(len, tag));
            model.check(&page);
        }
    });
}

/// Any mixture of all operations agrees with a map after every step, from pages of any shape.
#[testkit::test]
fn agrees_with_a_map_through_updates() {
    testkit::prop::check(150, (foreign(), ops(true, 60)), |(foreign, ops)| {
        let (mut page, mut model) = open(foreign.build());
        for (tag, op) in ops.iter().enumerate() {
            apply(op, tag, &mut page, &mut model);
            model.check(&page);
        }
        let (mut page, mut model) = open(page.into_inner());
        apply(&Op::UpdateMost(0), 99, &mut page, &mut model);
        model.check(&page);
    });
}

/// Any bytes that open as a page can be updated: no panic, and the invariants hold afterwards.
#[testkit::test]
fn never_panics_on_pages_of_any_bytes() {
    let input = (
        prop_oneof![random_pages(), damaged(), foreign().prop_map(|foreign| Bytes(foreign.build()))],
        ops(true, 20),
    );
    testkit::prop::check(200, input, |(Bytes(bytes), ops)| {
        let Ok(mut page) = SlottedPage::open(bytes, PageKind::HEAP) else {
            check!(new_page().update(SlotId(0), b"").is_err(), "update in an empty page");
            return;
        };
        let mut model = Model { records: parse(page.bytes()).unwrap_or_default() };
        for (tag, op) in ops.iter().enumerate() {
            apply(op, tag, &mut page, &mut model);
        }
        apply(&Op::UpdateMost(0), 99, &mut page, &mut model);
        model.check(&page);
    });
}

/// Any bytes as a page and as operations on it: cargo-fuzz runs this for hours (see `fuzz/`), this test for
/// a short time.
#[testkit::test]
fn a_short_run_of_the_fuzzer_finds_nothing() {
    let damaged = (damaged(), proptest::collection::vec(any::<u8>(), 60)).prop_map(|(Bytes(page), ops)| {
        let mut input = vec![0];
        input.extend(ops);
        input.extend_from_slice(&page[..]);
        input
    });
    let fresh = proptest::collection::vec(any::<u8>(), 60).prop_map(|ops| [vec![3], ops].concat());
    let any_bytes = proptest::collection::vec(any::<u8>(), 0..300);
    testkit::prop::check(150, prop_oneof![damaged, fresh, any_bytes], |input| {
        check!(new_page().update(SlotId(0), b"").is_err(), "update in an empty page");
        crate::page_fuzz::run(&input);
    });
}
