//! Replacing the record of a slot (task 2.3).
//!
//! A new record that is not longer is written over the old one. A longer record needs a new place in the
//! page. The bytes of the old record then count as free, because the update makes them dead:
//!
//! ```text
//!   before   | 0 | 1 |   gap   | record 1 | record 0 |
//!   after    | 0 | 1 | record 0, longer   | record 1 | dead |
//! ```

use std::ops::DerefMut;

use super::{Slot, SlottedPage};
use crate::{Error, PageBuf, SlotId};

impl<B: DerefMut<Target = PageBuf>> SlottedPage<B> {
    /// Replaces the record in `slot` by `record`, of any length.
    ///
    /// # Ensures
    /// - The slot holds `record`; every other record keeps its slot and its bytes.
    /// - It succeeds if the free bytes and the bytes of the old record together are enough, in any number of
    ///   pieces. If necessary, the page is [compacted](Self::compact).
    /// - `free_bytes` changes by exactly the difference of the lengths. I1 to I6 hold.
    ///
    /// # Errors
    /// The first of these that applies. The page is not changed and keeps the old record:
    ///
    /// 1. [`Error::NoRecord`] if the slot is free or does not exist.
    /// 2. [`Error::RecordTooLarge`] if `record` is longer than [`MAX_RECORD_LEN`](crate::MAX_RECORD_LEN).
    /// 3. [`Error::PageFull`] if it does not fit, with `needed` = its length, and `free` = `free_bytes` and
    ///    the length of the old record.
    ///
    /// # Cost
    /// O(length of the record), and a compaction if one is needed. If the gap is wide enough for the new
    /// record, no other record moves.
    pub fn update(&mut self, slot: SlotId, record: &[u8]) -> Result<(), Error> {
        // Nudge: if the update has to compact the page, which bytes must the compaction keep?
        todo!("task 2.3: update a record")
    }
}
