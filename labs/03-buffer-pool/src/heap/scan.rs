//! A walk over all records of a heap (task 3.6).
//!
//! A scan holds nothing between two calls, however long the caller takes over a record, and three frames
//! are enough for it. What it keeps instead is for you to decide: add the fields that you need.
//!
//! ```text
//!   chain    [ p1 ]--->[ p2 ]--->[ p3 ]
//!                         |
//!                      one read, under one latch
//!                         v
//!   scan                 ?       slot 0, slot 1, forward, slot 3 ...
//! ```
//!
//! - N1: each record that is in the heap for all of the scan is returned exactly once. It is returned where
//!   its home is, and homes do not move; a moved record is passed over where it lies.
//! - N2: each page of the chain is read once, and one more is read for each forward.
//! - N3: no guard is held between calls, and one during a call.
//!
//! Records that come, go or change during the scan may be returned as they were or as they are. A loop that
//! inserts into the heap it scans may meet its own records (lab 8 has to think of that).
//!
//! Left out: reading ahead; telling the pool which pages come next.

use std::fmt;

use slotted_page::PageId;

use super::chain::CircleCheck;
use super::format::{self, Stored, stored};
use crate::{Error, HeapDamage, Pager, RecordId};

/// Iterator over the records of a heap. After an error it is over;
/// [`scan_after`](crate::TableHeap::scan_after) starts another where it stopped.
pub struct Scan<'a, P: Pager> {
    pager: &'a P,
    /// First page of the heap.
    heap: PageId,
    /// The page to read next, [`PageId::NONE`] if there is none.
    next: PageId,
    /// Slot to begin at in the page to read next.
    next_slot: usize,
    /// Notices if the chain comes back to a page.
    circle: CircleCheck,
    // Yours: what the scan keeps between two calls.
}

impl<'a, P: Pager> Scan<'a, P> {
    /// A scan of the heap that starts at page `heap`. It begins at slot `slot` of page `page`. Nothing is
    /// read yet.
    pub(crate) fn new(pager: &'a P, heap: PageId, page: PageId, slot: usize) -> Self {
        Scan { pager, heap, next: page, next_slot: slot, circle: CircleCheck::new() }
    }

    /// The next record, without a copy of its own; `None` at the end. It is there until the next call.
    ///
    /// # Ensures
    /// N1 to N3. A record whose page was read, and that is deleted before its turn comes, may be returned or
    /// not; it is no error.
    ///
    /// # Errors
    /// The pager's; [`Error::NotInHeap`] if the chain, or the page where the scan begins, is not the heap's;
    /// [`Error::BadHeapPage`] with [`HeapDamage::Circle`] if the chain comes back
    /// to itself (some records may have been returned twice by then), or for damage in a page. The scan is
    /// over then.
    ///
    /// # Cost
    /// N2: a page read for each page of the chain and each moved record, by [`read_once`](Pager::read_once).
    pub fn next_record(&mut self) -> Result<Option<(RecordId, &[u8])>, Error> {
        // Nudge: which of a moved record's two slots stays where it is while the scan goes on?
        // Nudge: a page that was read once is enough for all of its records.
        todo!("task 3.6: find the next record")
    }
}

impl<P: Pager> Iterator for Scan<'_, P> {
    type Item = Result<(RecordId, Vec<u8>), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_record().map(|found| found.map(|(id, data)| (id, data.to_vec()))).transpose()
    }
}

impl<P: Pager> fmt::Debug for Scan<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan").field("heap", &self.heap.0).field("next", &self.next.0).finish()
    }
}
