//! Changing a record under its slot (task 2.3).
//!
//! A record that does not grow is written over. One that grows needs a new place in the page; its old bytes count
//! as free, because they are given up in the same step:
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
    /// - It succeeds whenever the bytes are there at all: free bytes and the old record's own, in however many
    ///   pieces. The page is [compacted](Self::compact) if that is what it takes.
    /// - `free_bytes` changes by exactly the difference of the lengths. I1 to I6 hold.
    ///
    /// # Errors
    /// The first of these that holds; the page is then as before, with the old record in place:
    ///
    /// 1. [`Error::NoRecord`] if the slot is free or does not exist.
    /// 2. [`Error::RecordTooLarge`] if `record` is longer than [`MAX_RECORD_LEN`](crate::MAX_RECORD_LEN).
    /// 3. [`Error::PageFull`] if it does not fit, with `needed` = its length, and `free` = `free_bytes` and the length
    ///    of the old record.
    ///
    /// # Cost
    /// O(length of the record), a compaction when one is needed.
    pub fn update(&mut self, slot: SlotId, record: &[u8]) -> Result<(), Error> {
        // Nudge: which bytes must survive a compaction that the update itself asks for?
        todo!("task 2.3: update a record")
    }
}
