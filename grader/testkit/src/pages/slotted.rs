//! A slotted page: lab 2's layout, invariants I1 to I5.

use super::{PAGE, u16_at};

const OWNER_AT: usize = 32;
const SLOTS_AT: usize = 48;

/// Bytes of a page for slots and records.
pub(super) const CAPACITY: usize = PAGE - SLOTS_AT;

/// What a slotted page holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slotted<'b> {
    /// The 16 bytes for the structure that is built on the page.
    pub owner: &'b [u8],
    /// The record of each slot, `None` where the slot is free. A slot whose record lies outside of the record
    /// area counts as free.
    pub records: Vec<Option<&'b [u8]>>,
    /// Bytes of slots and records.
    pub used_bytes: usize,
    /// What breaks I1 to I5, each a sentence that goes on after the page's number.
    pub problems: Vec<String>,
}

/// Reads the 4,096 bytes of a slotted page; its header is not looked at.
///
/// # Panics
/// `page` is shorter.
pub fn slotted(page: &[u8]) -> Slotted<'_> {
    let (count, start) = (usize::from(u16_at(page, 24)), usize::from(u16_at(page, 28)));
    let (free, dead) = (usize::from(u16_at(page, 26)), usize::from(u16_at(page, 30)));
    let owner = &page[OWNER_AT..SLOTS_AT];
    let slots_end = SLOTS_AT + 4 * count;
    if slots_end > start || start > PAGE {
        let problem = format!("breaks I1: slots end at {slots_end}, records start at {start}");
        return Slotted { owner, records: Vec::new(), used_bytes: 0, problems: vec![problem] };
    }
    let mut problems = Vec::new();
    let mut records = Vec::with_capacity(count);
    let mut places = Vec::with_capacity(count);
    for slot in 0..count {
        let at = SLOTS_AT + 4 * slot;
        let (offset, len) = (usize::from(u16_at(page, at)), usize::from(u16_at(page, at + 2)));
        if offset == 0 {
            if len != 0 {
                problems.push(format!("breaks I4: slot {slot} is free and {len} bytes long"));
            }
            records.push(None);
        } else if offset < start || offset + len > PAGE {
            problems.push(format!("breaks I2: slot {slot} is {len} bytes at {offset}"));
            records.push(None);
        } else {
            if len > 0 {
                places.push((offset, offset + len, slot));
            }
            records.push(Some(&page[offset..offset + len]));
        }
    }
    places.sort_unstable();
    for pair in places.windows(2).filter(|pair| pair[0].1 > pair[1].0) {
        let (one, other) = (pair[0].2.min(pair[1].2), pair[0].2.max(pair[1].2));
        problems.push(format!("breaks I2: the records of slots {one} and {other} overlap"));
    }
    let lengths: usize = records.iter().flatten().map(|record| record.len()).sum();
    let counted_free = records.iter().filter(|record| record.is_none()).count();
    if dead + lengths + start != PAGE {
        problems.push(format!("breaks I3: {dead} dead bytes, records from {start} on use {lengths}"));
    }
    if free != counted_free {
        problems.push(format!("breaks I4: {free} free slots stored, {counted_free} counted"));
    }
    if records.last().is_some_and(Option::is_none) {
        problems.push(format!("breaks I5: the last slot, {}, is free", count - 1));
    }
    Slotted { owner, records, used_bytes: 4 * count + lengths, problems }
}
