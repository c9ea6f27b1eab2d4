//! What the page properties draw from: pages of other programs, damage, and operations.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use slotted_page::slotted::{RECORD_START_AT, SLOT_COUNT_AT, SLOTS_AT};
use slotted_page::{PAGE_SIZE, PageBuf, PageKind, SlotId, header};

use crate::page_support::{Foreign, ID, Model, OwnedPage, record};

/// The bytes of a page, shown as a picture.
#[derive(Clone)]
pub(crate) struct Bytes(pub(crate) Box<PageBuf>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes of\n{}", slotted_page::dump_page(&self.0))
    }
}

/// Lengths with the edges in them: nothing, a few bytes, and now and then a large part of the page.
pub(crate) fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![2 => 0..4_usize, 5 => 4..120_usize, 2 => 120..900_usize, 1 => 900..4_200_usize]
}

/// Pages with free slots, dead bytes, and records in any order.
pub(crate) fn foreign() -> impl Strategy<Value = Foreign> {
    let slot = prop_oneof![
        1 => Just(None),
        3 => (lengths(), prop_oneof![Just(0), 1..60_usize]).prop_map(Some),
    ];
    vec(slot, 0..40).prop_flat_map(|shape| {
        let slots: Vec<Option<(Vec<u8>, usize)>> = shape
            .into_iter()
            .enumerate()
            .map(|(tag, slot)| slot.map(|(len, gap)| (record(len, tag), gap)))
            .collect();
        let order: Vec<usize> = (0..slots.len()).collect();
        Just(order).prop_shuffle().prop_map(move |order| Foreign { slots: slots.clone(), order })
    })
}

/// Valid pages with a few bytes or fields of header and slot array overwritten.
pub(crate) fn damaged() -> impl Strategy<Value = Bytes> {
    let field = (prop_oneof![SLOT_COUNT_AT..RECORD_START_AT + 4, SLOTS_AT..SLOTS_AT + 90], edge_numbers());
    (foreign(), vec(field, 0..4)).prop_map(|(foreign, fields)| {
        let mut page = foreign.build();
        for (at, value) in fields {
            header::put_u16(&mut page[..], at & !1, value);
        }
        Bytes(page)
    })
}

/// Any bytes behind a right magic and kind: they get as far as the slotted header.
pub(crate) fn random_pages() -> impl Strategy<Value = Bytes> {
    let fields = vec(edge_numbers(), 4);
    (any::<u64>(), fields, any::<bool>()).prop_map(|(seed, fields, is_small)| {
        let mut page = Box::new([0; PAGE_SIZE]);
        header::init(&mut page, ID, PageKind::HEAP);
        fill(&mut page[header::HEADER_SIZE..], seed);
        for (index, value) in fields.into_iter().enumerate().filter(|_| is_small) {
            header::put_u16(&mut page[..], SLOT_COUNT_AT + 2 * index, value);
        }
        Bytes(page)
    })
}

/// Fills `bytes` with noise (a multiplicative generator's high bits).
fn fill(bytes: &mut [u8], seed: u64) {
    let mut state = seed | 1;
    for byte in bytes {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        *byte = (state >> 56) as u8;
    }
}

/// Numbers around the bounds that a page has.
fn edge_numbers() -> impl Strategy<Value = u16> {
    prop_oneof![
        0..60_u16,
        3_900..4_100_u16,
        any::<u16>(),
        Just(u16::MAX),
        Just(4_096),
        Just(1_012),
        Just(1_013)
    ]
}

/// A change of a page. Slots are chosen among those there are, and a few beyond.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Insert a record of this length.
    Insert(usize),
    /// Insert the longest record that fits, if one does.
    InsertMost,
    /// Delete this slot.
    Delete(u16),
    /// Insert into this slot.
    InsertInto(u16, usize),
    /// Update this slot to this length.
    Update(u16, usize),
    /// Update this slot to all the room there is.
    UpdateMost(u16),
    /// Compact.
    Compact,
}

/// Sequences of inserts, deletes and compactions; of updates too, if `has_updates`.
pub(crate) fn ops(has_updates: bool, len: usize) -> impl Strategy<Value = Vec<Op>> {
    let slot = || prop_oneof![8 => 0..24_u16, 1 => 24..80_u16, 1 => prop_oneof![Just(1_011), Just(1_012), Just(65_535)]];
    let updates = if has_updates { 4 } else { 1 };
    let op = prop_oneof![
        5 => lengths().prop_map(Op::Insert),
        1 => Just(Op::InsertMost),
        5 => slot().prop_map(Op::Delete),
        2 => (slot(), lengths()).prop_map(|(slot, len)| Op::InsertInto(slot, len)),
        updates => (slot(), lengths()).prop_map(move |(slot, len)| match has_updates {
            true => Op::Update(slot, len),
            false => Op::Delete(slot),
        }),
        updates => slot().prop_map(move |slot| match has_updates {
            true => Op::UpdateMost(slot),
            false => Op::Compact,
        }),
        1 => Just(Op::Compact),
    ];
    vec(op, 0..len)
}

/// Does `op` to the page and to the model, and compares the outcome. `tag` makes the record's bytes.
pub(crate) fn apply(op: &Op, tag: usize, page: &mut OwnedPage, model: &mut Model) {
    match *op {
        Op::Insert(len) => drop(model.insert(page, &record(len, tag))),
        Op::InsertMost => {
            if let Some(most) = model.free_space() {
                model.insert(page, &record(most + 1, tag));
                model.insert(page, &record(most, tag));
            }
        }
        Op::Delete(slot) => model.delete(page, SlotId(slot)),
        Op::InsertInto(slot, len) => model.insert_into(page, SlotId(slot), &record(len, tag)),
        Op::Update(slot, len) => model.update(page, SlotId(slot), &record(len, tag)),
        Op::UpdateMost(slot) => {
            let old = model.records.get(&SlotId(slot)).map_or(0, Vec::len);
            model.update(page, SlotId(slot), &record(model.free_bytes() + old + 1, tag));
            model.update(page, SlotId(slot), &record(model.free_bytes() + old, tag));
        }
        Op::Compact => {
            testkit::step!("page.compact()");
            page.compact();
            testkit::check_eq!(page.dead_bytes(), 0, "dead_bytes() after compact()");
            testkit::check_eq!(
                page.contiguous_bytes(),
                model.free_bytes(),
                "contiguous_bytes() after compact()"
            );
        }
    }
}
