//! Deleting records and reusing their bytes (task 2.2).
//!
//! A delete only makes the slot free and counts the bytes as dead. Compaction moves the records together when
//! an insert or update needs the free bytes in one piece. Slots do not move; only the offsets in them change:
//!
//! ```text
//!   before   | 0 | - | 2 |   gap    | record 2 | dead | record 0 |
//!   after    | 0 | - | 2 |   gap           | record 2 | record 0 |
//! ```

use std::ops::DerefMut;

use super::{Slot, SlottedPage};
use crate::{Error, PAGE_SIZE, PageBuf, SlotId};

//# hide
use super::insert::check_len;
//# end

impl<B: DerefMut<Target = PageBuf>> SlottedPage<B> {
    /// Deletes the record in `slot`.
    ///
    /// # Ensures
    /// - The slot is free and can be used for another record. Every other record keeps its slot and its
    ///   bytes.
    /// - Free slots at the end of the slot array are removed (I5). [`free_bytes`](Self::free_bytes)
    ///   increases by the length of the record and by 4 for each removed slot.
    /// - I1 to I6 hold.
    ///
    /// # Errors
    /// [`Error::NoRecord`] if the slot is free or does not exist. The page is not changed.
    ///
    /// # Cost
    /// O(1), and O(1) for each removed slot. No record is moved. (A design that compacts at each delete is
    /// allowed.)
    pub fn delete(&mut self, slot: SlotId) -> Result<(), Error> {
        //# task 2.2 delete a record
        let old = self.used_slot(slot).ok_or(Error::NoRecord { slot })?;
        self.set_slot(slot.index(), Slot::FREE);
        self.set_dead_bytes(self.dead_bytes() + old.len);
        self.set_free_slots(self.free_slots() + 1);
        self.trim_slots();
        debug_assert_eq!(self.validate(), Ok(()), "I1 to I5 after delete");
        Ok(())
        //# end
    }

    /// Moves all records to the end of the page, so that all free bytes are in the gap.
    ///
    /// # Ensures
    /// [`dead_bytes`](Self::dead_bytes) is 0, and [`free_bytes`](Self::free_bytes) is unchanged. Every slot
    /// holds the same record as before, and free slots stay free. You choose the order of the records.
    ///
    /// # Cost
    /// One pass over the slots and the bytes of the records, no heap allocation. (A copy of the page on the
    /// stack is allowed.)
    pub fn compact(&mut self) {
        //# task 2.2 compact the page
        //+ // Nudge: moving a record may overwrite another that was not moved yet.
        let old: PageBuf = *self.bytes;
        let mut start = PAGE_SIZE;
        for index in 0..self.slot_count() {
            let slot = self.slot(index);
            if slot.is_free() {
                continue;
            }
            let Slot { offset, len } = slot;
            start -= len;
            self.bytes[start..start + len].copy_from_slice(&old[offset..offset + len]);
            self.set_slot(index, Slot { offset: start, len });
        }
        self.set_record_start(start);
        self.set_dead_bytes(0);
        debug_assert_eq!(self.validate(), Ok(()), "I1 to I5 after compact");
        //# end
    }

    /// Stores `record` in the given `slot`. Recovery needs this: a deleted record that is restored must
    /// have its old slot again, because indexes still name it.
    ///
    /// # Ensures
    /// As for [`insert`](Self::insert). If the slot does not exist, the slot array is made long enough, and
    /// the other new slots are free.
    ///
    /// # Errors
    /// The first of these that applies. The page is not changed:
    ///
    /// 1. [`Error::SlotInUse`] if the slot holds a record.
    /// 2. [`Error::RecordTooLarge`] if `record` is longer than [`MAX_RECORD_LEN`](crate::MAX_RECORD_LEN).
    /// 3. [`Error::PageFull`] if it does not fit, with `needed` = its length and 4 for each slot that would
    ///    be new, `free` = [`free_bytes`](Self::free_bytes). This is also the error if the slot number is too
    ///    great for a page.
    ///
    /// # Cost
    /// O(length of the record + new slots), and a compaction if one is needed, as for
    /// [`insert`](Self::insert).
    pub fn insert_into(&mut self, slot: SlotId, record: &[u8]) -> Result<(), Error> {
        //# task 2.2 insert into a given slot
        if self.used_slot(slot).is_some() {
            return Err(Error::SlotInUse { slot });
        }
        check_len(record)?;
        self.fill_slot(slot.index(), record)?;
        debug_assert_eq!(self.validate(), Ok(()), "I1 to I5 after insert_into");
        Ok(())
        //# end
    }

    //# hide
    /// Removes free slots from the end of the slot array (I5).
    fn trim_slots(&mut self) {
        let mut count = self.slot_count();
        while count > 0 && self.slot(count - 1).is_free() {
            count -= 1;
        }
        let trimmed = self.slot_count() - count;
        self.set_free_slots(self.free_slots() - trimmed);
        self.set_slot_count(count);
    }
    //# end
}
