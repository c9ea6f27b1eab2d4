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
        todo!("task 2.2: delete a record")
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
        // Nudge: moving a record may overwrite another that was not moved yet.
        todo!("task 2.2: compact the page")
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
        todo!("task 2.2: insert into a given slot")
    }
}
