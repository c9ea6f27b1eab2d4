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
        // Nudge: counts and offsets in the page go up to 65,535. Compute in `usize`.
        todo!("task 2.1: check a page's invariants")
    }
}
