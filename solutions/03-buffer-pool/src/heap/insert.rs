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

impl TableHeap {
    /// Puts `record` somewhere and says where.
    ///
    /// # Ensures
    /// The record is under a record id that no other record has. Others keep theirs.
    ///
    /// # Errors
    /// Nothing is changed: [`Error::RecordTooLong`] if it is longer than [`MAX_HEAP_RECORD_LEN`], the pager's
    /// (disk full, [`Error::AllPinned`]), [`HeapDamage`] met on the way.
    ///
    /// # Cost
    /// O(1) pages on average, one as a rule; at most three at a time, and one while it waits for room it
    /// knows.
    pub fn insert<P: Pager>(&self, pager: &P, record: &[u8]) -> Result<RecordId, Error> {
        //# task 3.5 insert a record
        //+ // Nudge: find room, else go to the end; once a page with room is latched, nothing can fail.
        check_len(record)?;
        let bytes = Stored::Home(record).encode();
        let mut latches = Latches::new(pager, self.first);
        let at = match self.find_room(&mut latches, bytes.len(), LatchMode::Wait)? {
            Some(at) => at,
            None => self.room_at_end(&mut latches, bytes.len())?,
        };
        let mut page = latches.page_mut(at);
        let slot = page.insert(&bytes)?;
        let id = RecordId { page: page.id(), slot };
        self.remember(&latches);
        Ok(id)
        //# end
    }

    /// Latches a page, not held yet, that takes a record of `needed` bytes, tag included; says its number.
    /// `None` if none is found by hints or among the unseen pages that may be looked at now.
    ///
    /// # Requires
    /// With [`LatchMode::Wait`], nothing is held.
    ///
    /// # Ensures
    /// The looks of one insert or move are earned (`RoomHints::earn`), before any page is looked at. Of the pages
    /// looked at, only the one found stays latched; what was held before still is. All of them
    /// are told to the hints. A hint or unseen page that turns out not to be the heap's is lost, and no
    /// error.
    ///
    /// # Errors
    /// The pager's.
    ///
    /// # Cost
    /// At most 4 hints, and the looks saved up; one page latched at a time beside those held.
    pub(super) fn find_room<P: Pager>(
        &self,
        latches: &mut Latches<'_, P>,
        needed: usize,
        mode: LatchMode,
    ) -> Result<Option<usize>, Error> {
        //# task 3.5 find room for a record
        //+ // Nudge: never hold the mutex of the hints while you ask for a page.
        self.room.lock().earn();
        let mut tried = Vec::new();
        while tried.len() < MAX_TRIES {
            let hint = self.room.lock().best(needed, &tried);
            let Some(page) = hint else { break };
            tried.push(page);
            if let Some(found) = self.look(latches, page, needed, mode)?.found {
                return Ok(Some(found));
            }
        }
        loop {
            let unseen = self.room.lock().take_look();
            let Some(page) = unseen else { return Ok(None) };
            let look = self.look(latches, page, needed, mode)?;
            if look.found.is_some() || look.is_busy {
                return Ok(look.found);
            }
        }
        //# end
    }

    //# hide
    /// Latches `page` if it can be had and has room, and tells the hints what was seen.
    fn look<P: Pager>(
        &self,
        latches: &mut Latches<'_, P>,
        page: PageId,
        needed: usize,
        mode: LatchMode,
    ) -> Result<Look, Error> {
        let was_held = latches.number_of(page).is_some();
        let number = match latches.latch(page, mode) {
            Ok(Some(number)) => number,
            Ok(None) => return Ok(Look { found: None, is_busy: true }),
            Err(error @ Error::AllPinned { .. }) => return Err(error),
            Err(error) => {
                self.room.lock().lose(page);
                return if is_no_heap_page(&error) { Ok(Look::NOTHING) } else { Err(error) };
            }
        };
        let view = latches.page(number);
        let room = view.free_space_for_insert();
        self.room.lock().saw(page, room, format::next(&view));
        if was_held {
            return Ok(Look::NOTHING);
        }
        if room.is_some_and(|room| room >= needed) {
            return Ok(Look { found: Some(number), is_busy: false });
        }
        latches.pop();
        Ok(Look::NOTHING)
    }
    //# end

    /// Latches the last page of the chain if it takes a record of `needed` bytes, tag included, else a new
    /// one behind it; says its number.
    ///
    /// # Requires
    /// Nothing is held.
    ///
    /// # Errors
    /// The chain is as before: [`HeapDamage::BadLast`] if `last` is not the end of the chain, or no page of the heap at all; else the
    /// pager's.
    ///
    /// # Cost
    /// Two pages and a new one, latched in the order of the chain.
    pub(super) fn room_at_end<P: Pager>(
        &self,
        latches: &mut Latches<'_, P>,
        needed: usize,
    ) -> Result<usize, Error> {
        //# task 3.5 go to the end of the chain
        //+ // Nudge: another thread may have grown the chain since you looked for room.
        let first = latches.wait(self.first)?;
        let end = format::last(&latches.page(first));
        let damage = HeapDamage::BadLast { last: end };
        let bad_last = Error::BadHeapPage { page: self.first, what: damage };
        let last = match latches.latch(end, LatchMode::Wait) {
            Err(error) if is_no_heap_page(&error) => return Err(bad_last),
            other => other?.expect("who waits gets the latch"),
        };
        if format::next(&latches.page(last)) != PageId::NONE {
            return Err(bad_last);
        }
        if latches.page(last).free_space_for_insert().is_some_and(|room| room >= needed) {
            return Ok(last);
        }
        Ok(self.grow_behind(latches, last)?.expect("the first page is held"))
        //# end
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
        //# task 3.5 put a page into the chain
        //+ // Nudge: what can fail comes first; a page that is linked half is a page lost.
        let next = format::next(&latches.page(at));
        let mut first = None;
        if next == PageId::NONE {
            first = latches.latch(self.first, LatchMode::Try)?;
            if first.is_none() {
                return Ok(None);
            }
        }
        let new = latches.allocate()?;
        let id = latches.page(new).id();
        format::set_next(&mut latches.page_mut(new), next);
        format::set_next(&mut latches.page_mut(at), id);
        if let Some(first) = first {
            format::set_last(&mut latches.page_mut(first), id);
        }
        Ok(Some(new))
        //# end
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

//# hide
/// What came of a look at a page.
struct Look {
    /// The page's number, if it has room.
    found: Option<usize>,
    /// Somebody holds it.
    is_busy: bool,
}

impl Look {
    /// Seen, and of no use.
    const NOTHING: Look = Look { found: None, is_busy: false };
}
//# end

/// Refuses a record that would not fit into a page if it had to move.
pub(super) fn check_len(record: &[u8]) -> Result<(), Error> {
    if record.len() > MAX_HEAP_RECORD_LEN {
        return Err(Error::RecordTooLong { len: record.len(), max: MAX_HEAP_RECORD_LEN });
    }
    Ok(())
}
