//! Telling a slotted page from any other 4,096 bytes (task 2.1).
//!
//! A checksum says that a page is what was written. It does not say that what was written makes sense: the
//! program that wrote it may have had a mistake, and whoever can write the file can also seal a page. So nothing
//! that is read from a page is used as an offset, a length or a count before it was checked, once, here.

use std::ops::Deref;

use super::{SlottedPage, slot_at};
use crate::{Corruption, PAGE_SIZE, PageBuf, SlotId};

impl<B: Deref<Target = PageBuf>> SlottedPage<B> {
    /// Checks invariants I1 to I5.
    ///
    /// # Requires
    /// Nothing: the bytes may be any. In particular `contiguous_bytes`, `record_count` and all the rest may be called
    /// only where the check so far has shown that they make sense.
    ///
    /// # Ensures
    /// `Ok` if and only if I1 to I5 hold. Never panics, never looks outside of the page or of the slot array.
    ///
    /// # Errors
    /// The [`Corruption`] that names a broken invariant; any one, if several are broken.
    ///
    /// # Cost
    /// One pass over the slots, and at most one over the record area (about what a checksum of the page costs, or less).
    pub fn validate(&self) -> Result<(), Corruption> {
        //# task 2.1 check a page's invariants
        //+ // Nudge: counts and offsets in the page go up to 65,535. Compute in `usize`.
        self.validate_bounds()?;
        let records = self.validate_records()?;
        let (stored, counted) = (self.dead_bytes(), PAGE_SIZE - self.record_start() - records);
        if stored != counted {
            return Err(Corruption::BadDeadBytes { stored, counted });
        }
        self.validate_free_slots()
        //# end
    }

    //# hide
    /// I1.
    fn validate_bounds(&self) -> Result<(), Corruption> {
        let (slots_end, record_start) = (slot_at(self.slot_count()), self.record_start());
        if slots_end > record_start || record_start > PAGE_SIZE {
            return Err(Corruption::BadBounds { slots_end, record_start });
        }
        Ok(())
    }

    /// I2, once I1 is known. Returns the sum of the lengths of all records.
    fn validate_records(&self) -> Result<usize, Corruption> {
        // 1 for each byte that a record was found to own.
        let mut taken = [0_u8; PAGE_SIZE];
        let mut sum = 0;
        for index in 0..self.slot_count() {
            let slot = self.slot(index);
            let (offset, end) = (slot.offset, slot.offset + slot.len);
            if slot.is_free() && slot.len == 0 {
                continue;
            }
            if offset < self.record_start() || end > PAGE_SIZE {
                return Err(Corruption::RecordOutOfBounds {
                    slot: SlotId(index as u16),
                    offset,
                    len: slot.len,
                });
            }
            if taken[offset..end].contains(&1) {
                return Err(Corruption::RecordsOverlap { slot: SlotId(index as u16) });
            }
            taken[offset..end].fill(1);
            sum += slot.len;
        }
        Ok(sum)
    }

    /// I4 and I5, once I1 is known.
    fn validate_free_slots(&self) -> Result<(), Corruption> {
        let count = self.slot_count();
        let (stored, counted) =
            (self.free_slots(), (0..count).filter(|&index| self.slot(index).is_free()).count());
        if stored != counted {
            return Err(Corruption::BadFreeSlots { stored, counted });
        }
        if count > 0 && self.slot(count - 1).is_free() {
            return Err(Corruption::TrailingFreeSlot { slot: SlotId((count - 1) as u16) });
        }
        Ok(())
    }
    //# end
}
