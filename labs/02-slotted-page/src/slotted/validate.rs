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
        // Nudge: counts and offsets in the page go up to 65,535. Compute in `usize`.
        todo!("task 2.1: check a page's invariants")
    }
}
