//! Slots as a sorted array, for the nodes of a B+Tree (lab 4). Given, on top of your `insert` and `delete`.
//!
//! A heap page needs slots that do not move (I6). A tree node needs the opposite: slot `i` holds the `i`-th
//! smallest key, so that a binary search can use the slot numbers, and no code outside of the node stores a
//! slot number. A page is used in one of the two ways. An ordered page never has a free slot. Only slots
//! move, 4 bytes each, and the bytes of the records stay:
//!
//! ```text
//!   insert_at(1, b)     | a | c | d |   -->   | a | b | c | d |
//!   remove_at(2)        | a | b | c | d |   -->   | a | b | d |
//! ```

use std::ops::DerefMut;

use super::{SLOT_SIZE, SlottedPage, slot_at};
use crate::{Error, PageBuf, SlotId};

impl<B: DerefMut<Target = PageBuf>> SlottedPage<B> {
    /// Stores `record` in slot `slot`. The records of that slot and of all later slots move up by one slot.
    /// If `slot` is [`slot_count`](Self::slot_count), the record is the last one.
    ///
    /// # Errors
    /// [`Error::NotOrdered`] if the page has free slots, [`Error::NoRecord`] if `slot` is greater than the
    /// slot count, and the errors of [`insert`](Self::insert). The page is not changed.
    ///
    /// # Cost
    /// An insert, and one move of 4 bytes for each slot from `slot` on.
    pub fn insert_at(&mut self, slot: SlotId, record: &[u8]) -> Result<(), Error> {
        self.check_ordered(slot, self.slot_count() + 1)?;
        let last = self.insert(record)?;
        self.slots_from(slot, last).rotate_right(SLOT_SIZE);
        Ok(())
    }

    /// Removes the record of slot `slot`. The records of all later slots move down by one slot.
    ///
    /// # Errors
    /// [`Error::NotOrdered`] if the page has free slots, [`Error::NoRecord`] if `slot` does not exist. The
    /// page is not changed.
    ///
    /// # Cost
    /// A delete, and one move of 4 bytes for each slot from `slot` on.
    pub fn remove_at(&mut self, slot: SlotId) -> Result<(), Error> {
        self.check_ordered(slot, self.slot_count())?;
        let last = SlotId((self.slot_count() - 1) as u16);
        self.slots_from(slot, last).rotate_left(SLOT_SIZE);
        self.delete(last)
    }

    /// Checks that no slot is free and that `slot` is below `bound`.
    fn check_ordered(&self, slot: SlotId, bound: usize) -> Result<(), Error> {
        if self.free_slots() > 0 {
            return Err(Error::NotOrdered { free_slots: self.free_slots() });
        }
        if slot.index() >= bound {
            return Err(Error::NoRecord { slot });
        }
        Ok(())
    }

    /// The bytes of the slots from `first` to `last`, both included.
    fn slots_from(&mut self, first: SlotId, last: SlotId) -> &mut [u8] {
        &mut self.bytes[slot_at(first.index())..slot_at(last.index() + 1)]
    }
}
