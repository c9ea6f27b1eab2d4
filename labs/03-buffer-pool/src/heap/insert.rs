//! Putting records in: free-space search and growing the chain (task 3.5).
//!
//! ```text
//!   before   first [next: 5, last: 5] --> 5 [next: 0]
//!   after    first [next: 5, last: 9] --> 5 [next: 9] --> 9 [next: 0]
//! ```

use slotted_page::PageId;

use super::TableHeap;
use super::format::{self, Stored};
use super::latches::{LatchMode, Latches};
use crate::{Error, MAX_HEAP_RECORD_LEN, Pager, RecordId};

impl TableHeap {
    /// Puts `record` into the heap and returns its record id.
    ///
    /// # Ensures
    /// The record is under a record id that no other record has. Others keep theirs. A page is added only if
    /// the record fits neither into the last page nor into a page whose room the heap remembers.
    ///
    /// # Errors
    /// Nothing is changed: [`Error::RecordTooLong`] if it is longer than [`MAX_HEAP_RECORD_LEN`], the pager's
    /// (disk full, [`Error::AllPinned`]), [`Error::BadHeapPage`] for a page that was looked at.
    ///
    /// # Cost
    /// O(1) pages on average, one as a rule; at most three at a time, and one while it waits for a page that
    /// it remembers.
    pub fn insert<P: Pager>(&self, pager: &P, record: &[u8]) -> Result<RecordId, Error> {
        self.insert_with(pager, record, |_| true)
    }

    /// As [`insert`](Self::insert), under a record id that `admit` agrees to. Lab 5 locks the record there,
    /// before any other thread can see it.
    ///
    /// `admit` runs under the write latch of the page, before a byte of the page is changed. So it must not
    /// wait: it asks for no page, no latch, and no lock that another thread may hold.
    ///
    /// # Ensures
    /// - `admit` is asked for free record ids until it says `true`; the record is then under the id that it
    ///   was asked for last. An id for which it said `false` stays free, and the next one is offered: of the
    ///   same page or of another. Which ids are offered, and in what order, is free; one may be offered
    ///   again.
    /// - If `admit` panics, the record is not in the heap, no latch is held, and the heap can be used.
    ///
    /// # Errors
    /// As `insert`. [`Error::NotAdmitted`] if `admit` refused all ids that were offered, those of a page that
    /// was added for this record among them. After `NotAdmitted`, or a panic, the heap may have one empty
    /// page more, which later inserts fill.
    ///
    /// # Cost
    /// As `insert`, if the first id is admitted; a few more pages otherwise, at most three at a time.
    pub fn insert_with<P: Pager>(
        &self,
        pager: &P,
        record: &[u8],
        mut admit: impl FnMut(RecordId) -> bool,
    ) -> Result<RecordId, Error> {
        // Nudge: latch a page with room, else the end of the chain; what can still fail after that?
        // Nudge: which slots of a latched page could take the record, without a change of the page?
        // Nudge: a new page is linked from its neighbour and from the first page. Which step can fail?
        todo!("task 3.5: insert a record")
    }
}

/// Refuses a record that would not fit into a page if it had to move.
pub(super) fn check_len(record: &[u8]) -> Result<(), Error> {
    if record.len() > MAX_HEAP_RECORD_LEN {
        return Err(Error::RecordTooLong { len: record.len(), max: MAX_HEAP_RECORD_LEN });
    }
    Ok(())
}
