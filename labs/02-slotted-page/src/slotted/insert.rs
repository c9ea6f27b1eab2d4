//! Inserting records and reading them (task 2.1).
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
    /// The bytes are those of the last insert into the slot or of the last update of the slot. A record of
    /// no bytes is `Some` of an empty slice.
    ///
    /// # Cost
    /// O(1). No byte is copied.
    pub fn get(&self, slot: SlotId) -> Option<&[u8]> {
        todo!("task 2.1: read a record")
    }

    /// Length of the longest record that [`insert`](Self::insert) can store now, or `None` if it can store
    /// none, not even an empty one.
    ///
    /// # Ensures
    /// Exact: `insert` of `len` bytes succeeds if and only if this is `Some(most)` and `len <= most`. It is
    /// [`free_bytes`](Self::free_bytes), minus the [`SLOT_SIZE`] bytes of a new slot if there is no free
    /// slot. For an empty page it is [`MAX_RECORD_LEN`].
    ///
    /// # Cost
    /// O(1).
    pub fn free_space_for_insert(&self) -> Option<usize> {
        todo!("task 2.1: say how long a record may be")
    }
}

impl<B: DerefMut<Target = PageBuf>> SlottedPage<B> {
    /// Stores `record` in the page and returns its slot.
    ///
    /// # Ensures
    /// - The slot is one of the free slots; you choose which. If there is none, it is a new slot at the end
    ///   of the slot array, and its number is the old [`slot_count`](Self::slot_count).
    /// - If the gap is too small and the gap and the dead bytes together are large enough, the page is
    ///   [compacted](Self::compact) first. (Before task 2.2 no record can be deleted, so there are no dead
    ///   bytes.)
    /// - Every other record is unchanged, and I1 to I6 hold.
    ///
    /// # Errors
    /// The first of these that applies. The page is not changed:
    ///
    /// 1. [`Error::RecordTooLarge`] if `record` is longer than [`MAX_RECORD_LEN`].
    /// 2. [`Error::PageFull`] if it does not fit, with `needed` = its length and [`SLOT_SIZE`] more if it
    ///    takes a new slot, `free` = [`free_bytes`](Self::free_bytes).
    ///
    /// # Cost
    /// O(length of the record), and O(slots) if there are free slots; a compaction if one is needed. If the
    /// gap is wide enough, no other record moves, with any number of dead bytes.
    pub fn insert(&mut self, record: &[u8]) -> Result<SlotId, Error> {
        // Nudge: check everything that can fail before you change the first byte.
        // Nudge: `insert_into` and `update` need the same two steps, making room and writing: write
        // them once.
        todo!("task 2.1: insert a record")
    }
}
