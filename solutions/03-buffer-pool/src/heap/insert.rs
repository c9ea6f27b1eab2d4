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

//# hide
use super::chain::is_no_heap_page;
use slotted_page::slotted::SLOT_SIZE;
use slotted_page::{PageBuf, SlotId, SlottedPage};

/// Most hints that one search follows.
const MAX_TRIES: usize = 4;

/// Most pages whose record ids are all refused before an insert goes to the end of the chain.
const MAX_REFUSED: usize = 4;

/// A latched page at the end of the chain, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The last page, which has room.
    Last(usize),
    /// A new page behind it.
    New(usize),
}
//# end

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
        //# task 3.5 insert a record
        //+ // Nudge: latch a page with room, else the end of the chain; what can still fail after that?
        //+ // Nudge: which slots of a latched page could take the record, without a change of the page?
        //+ // Nudge: a new page is linked from its neighbour and from the first page. Which step can fail?
        check_len(record)?;
        let bytes = Stored::Home(record).encode();
        let mut asked = 0;
        let mut admit = |id| {
            asked += 1;
            admit(id)
        };
        let mut refused = Vec::new();
        while refused.len() < MAX_REFUSED {
            let mut latches = Latches::new(pager, self.first);
            let found = self.find_room(&mut latches, bytes.len(), LatchMode::Wait, &refused)?;
            let Some(at) = found else { break };
            if let Some(id) = self.put_admitted(&mut latches, at, &bytes, &mut admit)? {
                return Ok(id);
            }
            refused.push(latches.page(at).id());
        }
        let mut latches = Latches::new(pager, self.first);
        let mut end = self.room_at_end(&mut latches, bytes.len())?;
        if let End::Last(last) = end {
            if let Some(id) = self.put_admitted(&mut latches, last, &bytes, &mut admit)? {
                return Ok(id);
            }
            end = End::New(self.grow_behind(&mut latches, last)?.expect("the first page is held"));
        }
        let End::New(new) = end else { unreachable!("the last page was refused") };
        match self.put_admitted(&mut latches, new, &bytes, &mut admit)? {
            Some(id) => Ok(id),
            None => Err(Error::NotAdmitted { asked }),
        }
        //# end
    }

    //# hide
    /// Writes `bytes` into a slot of the latched page `at` that `admit` agrees to, and tells the hints.
    /// `None`: it refused all of them.
    fn put_admitted<P: Pager>(
        &self,
        latches: &mut Latches<'_, P>,
        at: usize,
        bytes: &[u8],
        admit: &mut dyn FnMut(RecordId) -> bool,
    ) -> Result<Option<RecordId>, Error> {
        let view = latches.page(at);
        let page = view.id();
        let admitted = slots_for(&view, bytes.len()).find(|&slot| admit(RecordId { page, slot }));
        if let Some(slot) = admitted {
            latches.page_mut(at).insert_into(slot, bytes)?;
        }
        self.remember(latches);
        Ok(admitted.map(|slot| RecordId { page, slot }))
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
        self.room.lock().earn();
        let mut tried = refused.to_vec();
        while tried.len() < refused.len() + MAX_TRIES {
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
    }

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

    /// Latches the last page of the chain if it takes a record of `needed` bytes, tag included, else a new
    /// one behind it.
    ///
    /// # Requires
    /// Nothing is held.
    ///
    /// # Errors
    /// The chain is as before: those of [`Latches::end`], and the pager's.
    ///
    /// # Cost
    /// Two pages and a new one, latched in the order of the chain.
    pub(super) fn room_at_end<P: Pager>(
        &self,
        latches: &mut Latches<'_, P>,
        needed: usize,
    ) -> Result<End, Error> {
        let last = latches.end()?;
        if latches.page(last).free_space_for_insert().is_some_and(|room| room >= needed) {
            return Ok(End::Last(last));
        }
        Ok(End::New(self.grow_behind(latches, last)?.expect("the first page is held")))
    }

    /// Puts a new page into the chain, behind the latched page `at`, and says its number. `None` if
    /// another thread holds the first page and it is needed: nothing is changed then.
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
    }

    /// Tells the hints how much room the latched pages have now.
    pub(super) fn remember<P: Pager>(&self, latches: &Latches<'_, P>) {
        let mut room = self.room.lock();
        for number in 0..latches.len() {
            let page = latches.page(number);
            room.saw(page.id(), page.free_space_for_insert(), format::next(&page));
        }
    }
    //# end
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

/// The slots of `page` into which a record of `len` bytes could be inserted now: the free ones, then new
/// ones.
fn slots_for(page: &SlottedPage<&PageBuf>, len: usize) -> impl Iterator<Item = SlotId> {
    let count = page.slot_count();
    let oldest = if page.free_slots() > 0 { 0 } else { count };
    let new = page.free_bytes().saturating_sub(len) / SLOT_SIZE;
    let free = (oldest..count).filter(|index| page.get(SlotId(*index as u16)).is_none());
    free.chain(count..count + new).map(|index| SlotId(index as u16))
}
//# end

/// Refuses a record that would not fit into a page if it had to move.
pub(super) fn check_len(record: &[u8]) -> Result<(), Error> {
    if record.len() > MAX_HEAP_RECORD_LEN {
        return Err(Error::RecordTooLong { len: record.len(), max: MAX_HEAP_RECORD_LEN });
    }
    Ok(())
}
