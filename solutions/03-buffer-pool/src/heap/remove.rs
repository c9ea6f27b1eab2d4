//! Taking records out, putting them back, and giving up the whole heap (task 3.5).

use super::TableHeap;
use super::insert::check_len;
use super::latches::Latches;
use crate::{Error, HeapDamage, Pager, RecordId};
use slotted_page::slotted::SLOT_SIZE;

//# hide
use super::format::{self, MIN_STORED_LEN, Stored};
use super::latches::Place;
use super::update::{delete_body, put_body};
use kit::sync::thread;
use slotted_page::{PageBuf, PageId, SlotId, SlottedPage};
//# end

impl TableHeap {
    /// Takes the record `id` out.
    ///
    /// # Ensures
    /// The record is gone, at home and where it moved; another record may get its record id.
    ///
    /// # Errors
    /// Nothing is changed: those of finding the record, as for [`get_with`](Self::get_with).
    ///
    /// # Cost
    /// One page, two for a moved record.
    pub fn delete<P: Pager>(&self, pager: &P, id: RecordId) -> Result<(), Error> {
        //# task 3.5 delete a record
        //+ // Nudge: which slots does a moved record have? And which pages have more room afterwards?
        loop {
            let mut latches = Latches::new(pager, self.first);
            if let Some(Place { home, body }) = latches.record(id)? {
                latches.page_mut(home).delete(id.slot)?;
                delete_body(&mut latches, body)?;
                self.remember(&latches);
                return Ok(());
            }
            drop(latches);
            thread::yield_now();
        }
        //# end
    }

    /// Puts a deleted record back under its old id, as undo does.
    ///
    /// # Ensures
    /// The record is under `id`. If there is no longer room for it at home, it lies in another page and a
    /// forward is at home.
    ///
    /// # Errors
    /// Nothing is changed. The first of these that holds: [`Error::RecordTooLong`]; the pager's for the home
    /// page, [`Error::NotInHeap`]; [`Error::RecordInUse`] if anything is in that slot; `PageFull` of lab 2 if
    /// not even a forward has room at home, with [`SLOT_SIZE`] for each slot
    /// that must come to exist; the pager's if another page is needed.
    ///
    /// # Cost
    /// As [`update`](Self::update).
    pub fn restore<P: Pager>(&self, pager: &P, id: RecordId, record: &[u8]) -> Result<(), Error> {
        //# task 3.5 put a record back
        //+ // Nudge: `insert_into` may need room for slots, too.
        check_len(record)?;
        loop {
            if self.try_restore(pager, id, record)?.is_some() {
                return Ok(());
            }
            thread::yield_now();
        }
        //# end
    }

    //# hide
    /// `None`: a latch could not be had, nothing was changed.
    fn try_restore<P: Pager>(&self, pager: &P, id: RecordId, record: &[u8]) -> Result<Option<()>, Error> {
        let mut latches = Latches::new(pager, self.first);
        let home = latches.wait(id.page)?;
        let page = latches.page(home);
        if page.get(id.slot).is_some() {
            return Err(Error::RecordInUse { record: id });
        }
        let (at_home, needed_slots) = (Stored::Home(record).encode(), slot_bytes(&page, id.slot));
        let free = page.free_bytes();
        if at_home.len() + needed_slots <= free {
            latches.page_mut(home).insert_into(id.slot, &at_home)?;
        } else if MIN_STORED_LEN + needed_slots <= free {
            let moved = Stored::Moved { home: id, data: record }.encode();
            let Some(to) = self.room_for_body(&mut latches, moved.len())? else { return Ok(None) };
            let forward = put_body(&mut latches, to, &moved)?;
            latches.page_mut(home).insert_into(id.slot, &forward)?;
        } else {
            let needed = MIN_STORED_LEN + needed_slots;
            return Err(slotted_page::Error::PageFull { needed, free }.into());
        }
        self.remember(&latches);
        Ok(Some(()))
    }
    //# end

    /// Frees every page: [`destroy_some`](Self::destroy_some) until the heap is gone.
    ///
    /// # Requires
    /// Nobody else uses the heap.
    ///
    /// # Errors
    /// Those of `destroy_some`. What was freed stays freed; the rest is a heap that can be opened and
    /// destroyed once the cause is gone.
    ///
    /// # Cost
    /// Each page once, two latched at a time.
    pub fn destroy<P: Pager>(self, pager: &P) -> Result<(), Error> {
        while !self.destroy_some(pager, usize::MAX)? {}
        Ok(())
    }

    /// Frees pages of the heap, `at_most` of them, and returns true if no page is left. A pager that keeps
    /// each changed page until the end (lab 6) cannot free a long heap in one go; a batch for each call can.
    ///
    /// # Requires
    /// Nobody else uses the heap. After `true` there is no heap: the handle is dropped.
    ///
    /// # Ensures
    /// The pages go one by one, the first page last, and the chain leads around those that are gone: H1 and
    /// H2 hold after each. After `false` the rest is a heap, without the records of the freed pages, and the
    /// next call goes on, also after it was opened again.
    ///
    /// # Errors
    /// The pager's, [`Error::NotInHeap`], [`HeapDamage::Circle`] if the chain comes back to the first page.
    /// (Any other circle comes back to a page that is free by then, and the pager says `NotAllocated`.) What
    /// was freed stays freed. A page of another heap is never freed.
    ///
    /// # Cost
    /// Each page freed once, and the first page; two latched at a time.
    pub fn destroy_some<P: Pager>(&self, pager: &P, at_most: usize) -> Result<bool, Error> {
        //# task 3.5 free some pages
        let mut first = pager.write(self.first)?;
        for _ in 0..at_most {
            let page = format::next(&format::view(&*first, self.first)?);
            if page == PageId::NONE {
                pager.free(first)?;
                return Ok(true);
            }
            if page == self.first {
                return Err(Error::BadHeapPage { page, what: HeapDamage::Circle });
            }
            let second = pager.write(page)?;
            let next = format::next(&format::view(&*second, self.first)?);
            pager.free(second)?;
            let mut view = format::view(&mut *first, self.first)?;
            format::set_next(&mut view, next);
            if next == PageId::NONE {
                format::set_last(&mut view, self.first);
            }
        }
        Ok(false)
        //# end
    }
}

//# hide
/// Bytes of slots that must come to exist before `slot` can be filled.
fn slot_bytes(page: &SlottedPage<&PageBuf>, slot: SlotId) -> usize {
    (slot.index() + 1).saturating_sub(page.slot_count()) * SLOT_SIZE
}
//# end
