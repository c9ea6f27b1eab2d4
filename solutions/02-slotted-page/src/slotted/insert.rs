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
        //# task 2.1 read a record
        let Slot { offset, len } = self.used_slot(slot)?;
        Some(&self.bytes[offset..offset + len])
        //# end
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
        //# task 2.1 say how long a record may be
        let slot_bytes = if self.free_slots() > 0 { 0 } else { SLOT_SIZE };
        self.free_bytes().checked_sub(slot_bytes)
        //# end
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
        //# task 2.1 insert a record
        //+ // Nudge: check everything that can fail before you change the first byte.
        //+ // Nudge: `insert_into` and `update` need the same two steps, making room and writing: write
        //+ // them once.
        check_len(record)?;
        let index = self.first_free_slot().unwrap_or(self.slot_count());
        self.fill_slot(index, record)?;
        debug_assert_eq!(self.validate(), Ok(()), "I1 to I5 after insert");
        Ok(SlotId(index as u16))
        //# end
    }

    //# hide
    /// The lowest free slot. If the count in the header is 0, there is no search.
    fn first_free_slot(&self) -> Option<usize> {
        if self.free_slots() == 0 {
            return None;
        }
        (0..self.slot_count()).find(|&index| self.slot(index).is_free())
    }

    /// Stores `record` in the slot at `index`, which is free or does not exist yet. New slots between the
    /// end of the slot array and `index` are free.
    pub(super) fn fill_slot(&mut self, index: usize, record: &[u8]) -> Result<(), Error> {
        let new_slots = (index + 1).saturating_sub(self.slot_count());
        self.make_room(record.len() + new_slots * SLOT_SIZE)?;
        if new_slots > 0 {
            for new in self.slot_count()..=index {
                self.set_slot(new, Slot::FREE);
            }
            self.set_slot_count(index + 1);
        }
        self.set_free_slots(self.free_slots() + new_slots - 1);
        self.place(index, record);
        Ok(())
    }

    /// Makes the gap at least `needed` bytes wide, by compaction if necessary.
    pub(super) fn make_room(&mut self, needed: usize) -> Result<(), Error> {
        if needed > self.free_bytes() {
            return Err(Error::PageFull { needed, free: self.free_bytes() });
        }
        if needed > self.contiguous_bytes() {
            self.compact();
        }
        Ok(())
    }

    /// Writes `record` at the end of the gap, which is large enough, and stores its place in the slot.
    pub(super) fn place(&mut self, index: usize, record: &[u8]) {
        let offset = self.record_start() - record.len();
        self.bytes[offset..offset + record.len()].copy_from_slice(record);
        self.set_slot(index, Slot { offset, len: record.len() });
        self.set_record_start(offset);
    }
    //# end
}

//# hide
/// Returns an error for a record that no page can hold.
pub(super) fn check_len(record: &[u8]) -> Result<(), Error> {
    if record.len() > MAX_RECORD_LEN {
        return Err(Error::RecordTooLarge { len: record.len(), max: MAX_RECORD_LEN });
    }
    Ok(())
}
//# end
