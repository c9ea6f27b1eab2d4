//! Putting records in and reading them (task 2.1).
//!
//! An insert needs two things: a slot, and room for the bytes. A new slot entry takes 4 bytes of the same
//! gap that the record wants, from the other end:
//!
//! ```text
//!   before   | slot 0 |              gap               | record 0 |
//!   after    | slot 0 | slot 1 |    gap     | record 1 | record 0 |
//! ```

use std::ops::{Deref, DerefMut};

use super::{MAX_RECORD_LEN, SLOT_SIZE, Slot, SlottedPage};
use crate::{Error, PageBuf, SlotId};

impl<B: Deref<Target = PageBuf>> SlottedPage<B> {
    /// The record in `slot`, or `None` if the slot is free or does not exist.
    ///
    /// # Ensures
    /// The bytes are those of the last insert into the slot, or of the last update of it. A record of no bytes is
    /// `Some` of an empty slice.
    ///
    /// # Cost
    /// O(1), nothing is copied.
    pub fn get(&self, slot: SlotId) -> Option<&[u8]> {
        todo!("task 2.1: read a record")
    }

    /// Length of the longest record that [`insert`](Self::insert) would take now, or `None` if it would not even
    /// take an empty one.
    ///
    /// # Ensures
    /// Exact: `insert` of `len` bytes succeeds if and only if this is `Some(most)` and `len <= most`. It is
    /// [`free_bytes`](Self::free_bytes), less the [`SLOT_SIZE`] bytes of a new slot if no free slot can be
    /// used again. An empty page says [`MAX_RECORD_LEN`].
    ///
    /// # Cost
    /// O(1).
    pub fn free_space_for_insert(&self) -> Option<usize> {
        todo!("task 2.1: say how long a record may be")
    }
}

impl<B: DerefMut<Target = PageBuf>> SlottedPage<B> {
    /// Puts `record` into the page and returns its slot.
    ///
    /// # Ensures
    /// - The slot is one of the free slots, whichever you like; if there is none, it is a new one at the end of the
    ///   slot array, with the number that [`slot_count`](Self::slot_count) was before.
    /// - The page is [compacted](Self::compact) first if the gap is too small for what is needed, and the dead
    ///   bytes would do. (That comes into play with task 2.2: until a record can be deleted there are none.)
    /// - Every other record is as before, and I1 to I6 hold.
    ///
    /// # Errors
    /// The first of these that holds; the page is then as before:
    ///
    /// 1. [`Error::RecordTooLarge`] if `record` is longer than [`MAX_RECORD_LEN`].
    /// 2. [`Error::PageFull`] if it does not fit, with `needed` = its length and [`SLOT_SIZE`] more if it takes a new
    ///    slot, `free` = [`free_bytes`](Self::free_bytes).
    ///
    /// # Cost
    /// O(length of the record), and O(slots) while there are free slots; a compaction when one is needed.
    pub fn insert(&mut self, record: &[u8]) -> Result<SlotId, Error> {
        // Nudge: work out everything that can fail before you change the first byte.
        // Nudge: `insert_into` and `update` will need the same two steps, room and bytes: write them once.
        todo!("task 2.1: insert a record")
    }
}
