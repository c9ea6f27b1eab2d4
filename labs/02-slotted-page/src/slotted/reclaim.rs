//! Deleting records and winning their bytes back (task 2.2).
//!
//! A delete only marks: the slot is free, the bytes are dead. Compaction moves the records together when an
//! insert or update needs the room in one piece. Slots stay where they are; only the offsets in them change:
//!
//! ```text
//!   before   | 0 | - | 2 |   gap    | record 2 | dead | record 0 |
//!   after    | 0 | - | 2 |   gap           | record 2 | record 0 |
//! ```

use std::ops::DerefMut;

use super::{Slot, SlottedPage};
use crate::{Error, PAGE_SIZE, PageBuf, SlotId};

impl<B: DerefMut<Target = PageBuf>> SlottedPage<B> {
    /// Takes the record out of `slot`.
    ///
    /// # Ensures
    /// - The slot is free and can be given to another record. Every other record keeps its slot and its bytes.
    /// - Free slots at the end of the slot array are taken off it (I5), so [`free_bytes`](Self::free_bytes) grows by
    ///   the length of the record and by 4 for each slot that went.
    /// - I1 to I6 hold.
    ///
    /// # Errors
    /// [`Error::NoRecord`] if the slot is free or does not exist; the page is then as before.
    ///
    /// # Cost
    /// O(1), and O(1) for each slot taken off. No record is moved (a design that compacts right away is allowed).
    pub fn delete(&mut self, slot: SlotId) -> Result<(), Error> {
        todo!("task 2.2: delete a record")
    }

    /// Moves all records to the end of the page, so that the free bytes are one gap.
    ///
    /// # Ensures
    /// [`dead_bytes`](Self::dead_bytes) is 0, [`free_bytes`](Self::free_bytes) as before. Every slot holds the same
    /// record as before, free slots stay free. In which order the records lie is up to you.
    ///
    /// # Cost
    /// One pass over the slots and the bytes of the records, no heap allocation. (A copy of the page on the stack
    /// is fine.)
    pub fn compact(&mut self) {
        // Nudge: moving a record may overwrite another that was not moved yet.
        todo!("task 2.2: compact the page")
    }

    /// Puts `record` into `slot` and no other. Recovery needs it: a record that comes back must come back under
    /// its old name, because indexes still point at it.
    ///
    /// # Ensures
    /// As for [`insert`](Self::insert). If the slot does not exist, the slot array is made long enough, and the slots
    /// in between are free ones.
    ///
    /// # Errors
    /// The first of these that holds; the page is then as before:
    ///
    /// 1. [`Error::SlotInUse`] if the slot holds a record.
    /// 2. [`Error::RecordTooLarge`] if `record` is longer than [`MAX_RECORD_LEN`](crate::MAX_RECORD_LEN).
    /// 3. [`Error::PageFull`] if it does not fit, with `needed` = its length and 4 for each slot that would be new,
    ///    `free` = [`free_bytes`](Self::free_bytes). That is also the answer for a slot number beyond what a page
    ///    has room for.
    ///
    /// # Cost
    /// O(length of the record + new slots), a compaction when one is needed.
    pub fn insert_into(&mut self, slot: SlotId, record: &[u8]) -> Result<(), Error> {
        todo!("task 2.2: insert into a given slot")
    }
}
