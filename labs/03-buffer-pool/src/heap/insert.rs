//! Putting records in: free-space search and growing the chain (task 3.5).
//!
//! ```text
//!   before   first [next: 5, last: 5] --> 5 [next: 0]
//!   after    first [next: 5, last: 9] --> 5 [next: 9] --> 9 [next: 0]
//! ```

use slotted_page::PageId;

use super::TableHeap;
use super::chain::is_no_heap_page;
use super::format::{self, Stored};
use super::latches::{LatchMode, Latches};
use crate::{Error, HeapDamage, MAX_HEAP_RECORD_LEN, Pager, RecordId};

/// Most hints that one search follows.
const MAX_TRIES: usize = 4;

/// A latched page at the end of the chain, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The last page, which has room.
    Last(usize),
    /// A new page behind it.
    New(usize),
}

impl TableHeap {
    /// Puts `record` into the heap and returns its record id.
    ///
    /// # Ensures
    /// The record is under a record id that no other record has. Others keep theirs.
    ///
    /// # Errors
    /// Nothing is changed: [`Error::RecordTooLong`] if it is longer than [`MAX_HEAP_RECORD_LEN`], the pager's
    /// (disk full, [`Error::AllPinned`]), [`HeapDamage`] in a page that was looked at.
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
        // Nudge: find room, else go to the end; once a page with room is latched, nothing can fail.
        // Nudge: which slots of a latched page could take the record, without a change of the page?
        todo!("task 3.5: insert a record")
    }

    /// Latches a page, not held yet, that takes a record of `needed` bytes, tag included; says its number.
    /// `None` if none is found by hints or among the unseen pages that may be looked at now. The hints of the
    /// pages in `refused` are left out.
    ///
    /// # Requires
    /// With [`LatchMode::Wait`], nothing is held.
    ///
    /// # Ensures
    /// The looks of one insert or move are earned (`RoomHints::earn`), before any page is looked at. Of the
    /// pages looked at, only the one found stays latched; what was held before still is. The room of each is
    /// remembered. A hint or an unseen page that is not one of the heap's is forgotten, and is no error.
    ///
    /// # Errors
    /// The pager's.
    ///
    /// # Cost
    /// At most 4 hints beside those left out, and the looks saved up; one page latched at a time beside those
    /// held.
    pub(super) fn find_room<P: Pager>(
        &self,
        latches: &mut Latches<'_, P>,
        needed: usize,
        mode: LatchMode,
        refused: &[PageId],
    ) -> Result<Option<usize>, Error> {
        // Nudge: never hold the mutex of the hints while you ask for a page.
        todo!("task 3.5: find room for a record")
    }

    /// Latches the last page of the chain if it takes a record of `needed` bytes, tag included, else a new
    /// one behind it.
    ///
    /// # Requires
    /// Nothing is held.
    ///
    /// # Errors
    /// The chain is as before: [`HeapDamage::BadLast`] if `last` is not the end of the chain, or no page of
    /// the heap at all; else the pager's.
    ///
    /// # Cost
    /// Two pages and a new one, latched in the order of the chain.
    pub(super) fn room_at_end<P: Pager>(
        &self,
        latches: &mut Latches<'_, P>,
        needed: usize,
    ) -> Result<End, Error> {
        // Nudge: another thread may have grown the chain since you looked for room.
        todo!("task 3.5: go to the end of the chain")
    }

    /// Puts a new page into the chain, behind the latched page `at`, and says its number. `None` if somebody
    /// holds the first page and it is needed: nothing is changed then.
    ///
    /// # Ensures
    /// H1 and H2: behind the last page it is the last. Its latch is held, and that of the first page if `at`
    /// was the last.
    ///
    /// # Errors
    /// The chain is as before: the pager's.
    pub(super) fn grow_behind<P: Pager>(
        &self,
        latches: &mut Latches<'_, P>,
        at: usize,
    ) -> Result<Option<usize>, Error> {
        // Nudge: what can fail comes first; a page that is linked half is a page lost.
        todo!("task 3.5: put a page into the chain")
    }

    /// Tells the hints how much room the latched pages have now.
    pub(super) fn remember<P: Pager>(&self, latches: &Latches<'_, P>) {
        let mut room = self.room.lock();
        for number in 0..latches.len() {
            let page = latches.page(number);
            room.saw(page.id(), page.free_space_for_insert(), format::next(&page));
        }
    }
}

/// Refuses a record that would not fit into a page if it had to move.
pub(super) fn check_len(record: &[u8]) -> Result<(), Error> {
    if record.len() > MAX_HEAP_RECORD_LEN {
        return Err(Error::RecordTooLong { len: record.len(), max: MAX_HEAP_RECORD_LEN });
    }
    Ok(())
}
