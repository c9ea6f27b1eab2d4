//! Checking whether 4,096 bytes are a slotted page (task 2.1).
//!
//! A right checksum shows that the bytes are those that were written. It does not show that they are a
//! valid page: the program that wrote them may have had a mistake, and an attacker who can write to the
//! file can also compute a checksum. So this check runs before any number in a page is used as an offset, a
//! length or a count.

use std::ops::Deref;

use super::{SlottedPage, slot_at};
use crate::{Corruption, PAGE_SIZE, PageBuf, SlotId};

impl<B: Deref<Target = PageBuf>> SlottedPage<B> {
    /// Checks invariants I1 to I5.
    ///
    /// # Requires
    /// Nothing: the page may have any bytes. So the check must not call `contiguous_bytes`, `record_count`
    /// and the like before it has checked the numbers from which they are computed.
    ///
    /// # Ensures
    /// `Ok` if and only if I1 to I5 hold. Never panics, and never reads outside of the page or of the slot
    /// array.
    ///
    /// # Errors
    /// The [`Corruption`] for a broken invariant. If several are broken, you choose which one.
    ///
    /// # Cost
    /// One pass over the slots, and at most one over the record area: at most about as much as a checksum
    /// of the page.
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
    /// Checks I1.
    fn validate_bounds(&self) -> Result<(), Corruption> {
        let (slots_end, record_start) = (slot_at(self.slot_count()), self.record_start());
        if slots_end > record_start || record_start > PAGE_SIZE {
            return Err(Corruption::BadBounds { slots_end, record_start });
        }
        Ok(())
    }

    /// Checks I2, if I1 holds. Returns the sum of the lengths of all records.
    fn validate_records(&self) -> Result<usize, Corruption> {
        // 1 for each byte that belongs to a record of a lower slot.
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

    /// Checks I4 and I5, if I1 holds.
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
