//! Taking records out, putting them back, and giving up the whole heap (task 3.5).

use super::TableHeap;
use super::insert::check_len;
use super::latches::Latches;
use crate::{Error, HeapDamage, Pager, RecordId};
use slotted_page::slotted::SLOT_SIZE;

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
        // Nudge: which slots does a moved record have? And which pages have more room afterwards?
        todo!("task 3.5: delete a record")
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
        // Nudge: `insert_into` may need room for slots, too.
        todo!("task 3.5: put a record back")
    }

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
        todo!("task 3.5: free some pages")
    }
}
