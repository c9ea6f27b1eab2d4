//! Slots as a sorted array, for the nodes of a B+Tree (lab 4). Given, on top of your `insert` and `delete`.
//!
//! A heap page wants slots that never move (I6). A tree node wants the opposite: slot `i` is the `i`-th smallest key,
//! so that a binary search can jump to it, and nobody outside of the node remembers a slot. A page is used in one
//! way or the other. In the ordered way it never has a free slot; only slots move, 4 bytes each, and records stay:
//!
//! ```text
//!   insert_at(1, b)     | a | c | d |   -->   | a | b | c | d |
//!   remove_at(2)        | a | b | c | d |   -->   | a | b | d |
//! ```

use std::ops::DerefMut;

use super::{SLOT_SIZE, SlottedPage, slot_at};
use crate::{Error, PageBuf, SlotId};

impl<B: DerefMut<Target = PageBuf>> SlottedPage<B> {
    /// Puts `record` into slot `slot` and moves the records of that slot and all after it up by one slot.
    /// `slot` may be [`slot_count`](Self::slot_count), then the record comes last.
    ///
    /// # Errors
    /// [`Error::NotOrdered`] if the page has free slots, [`Error::NoRecord`] if `slot` is past the slot count, and the
    /// errors of [`insert`](Self::insert). The page is then as before.
    ///
    /// # Cost
    /// An insert, and one move of 4 bytes for each slot from `slot` on.
    pub fn insert_at(&mut self, slot: SlotId, record: &[u8]) -> Result<(), Error> {
        self.check_ordered(slot, self.slot_count() + 1)?;
        let last = self.insert(record)?;
        self.slots_from(slot, last).rotate_right(SLOT_SIZE);
        Ok(())
    }

    /// Takes the record out of slot `slot` and moves all after it down by one slot.
    ///
    /// # Errors
    /// [`Error::NotOrdered`] if the page has free slots, [`Error::NoRecord`] if `slot` does not exist. The page is then
    /// as before.
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
