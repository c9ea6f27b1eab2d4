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
        //# task 2.1 read a record
        let Slot { offset, len } = self.used_slot(slot)?;
        Some(&self.bytes[offset..offset + len])
        //# end
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
        //# task 2.1 say how long a record may be
        let slot_bytes = if self.free_slots() > 0 { 0 } else { SLOT_SIZE };
        self.free_bytes().checked_sub(slot_bytes)
        //# end
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
        //# task 2.1 insert a record
        //+ // Nudge: work out everything that can fail before you change the first byte.
        //+ // Nudge: `insert_into` and `update` will need the same two steps, room and bytes: write them once.
        check_len(record)?;
        let index = self.first_free_slot().unwrap_or(self.slot_count());
        self.fill_slot(index, record)?;
        Ok(SlotId(index as u16))
        //# end
    }

    //# hide
    /// The lowest free slot. The count in the header saves the search while there is none.
    fn first_free_slot(&self) -> Option<usize> {
        if self.free_slots() == 0 {
            return None;
        }
        (0..self.slot_count()).find(|&index| self.slot(index).is_free())
    }

    /// Puts `record` into the free or not yet existing slot at `index`. Slots between the end of the slot
    /// array and `index` come to exist as free ones.
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

    /// Makes the gap at least `needed` bytes wide, by compaction if it must.
    pub(super) fn make_room(&mut self, needed: usize) -> Result<(), Error> {
        if needed > self.free_bytes() {
            return Err(Error::PageFull { needed, free: self.free_bytes() });
        }
        if needed > self.contiguous_bytes() {
            self.compact();
        }
        Ok(())
    }

    /// Writes `record` at the low end of the record area, where there is room, and points the slot at it.
    pub(super) fn place(&mut self, index: usize, record: &[u8]) {
        let offset = self.record_start() - record.len();
        self.bytes[offset..offset + record.len()].copy_from_slice(record);
        self.set_slot(index, Slot { offset, len: record.len() });
        self.set_record_start(offset);
    }
    //# end
}

//# hide
/// Refuses a record that no page can hold.
pub(super) fn check_len(record: &[u8]) -> Result<(), Error> {
    if record.len() > MAX_RECORD_LEN {
        return Err(Error::RecordTooLarge { len: record.len(), max: MAX_RECORD_LEN });
    }
    Ok(())
}
//# end
