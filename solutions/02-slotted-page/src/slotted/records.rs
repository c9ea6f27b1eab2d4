//! Iterates over the records of a page. Given.

use std::ops::Deref;

use super::SlottedPage;
use crate::{PageBuf, SlotId};

/// Iterator over the records of a page with their slots, in slot order. It skips free slots.
#[derive(Debug)]
pub struct Records<'a, B: Deref<Target = PageBuf>> {
    page: &'a SlottedPage<B>,
    /// Index of the next slot.
    next: usize,
}

impl<'a, B: Deref<Target = PageBuf>> Records<'a, B> {
    /// Starts before the first slot.
    pub(super) fn new(page: &'a SlottedPage<B>) -> Self {
        Records { page, next: 0 }
    }
}

impl<'a, B: Deref<Target = PageBuf>> Iterator for Records<'a, B> {
    type Item = (SlotId, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.page.slot_count() {
            let slot = SlotId(self.next as u16);
            self.next += 1;
            if let Some(record) = self.page.get(slot) {
                return Some((slot, record));
            }
        }
        None
    }
}
