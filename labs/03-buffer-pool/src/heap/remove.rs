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
        // Nudge: which slots does a moved record have? And who should hear of the room?
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

    /// Frees every page.
    ///
    /// # Requires
    /// Nobody else uses the heap.
    ///
    /// # Ensures
    /// The pages go one by one, the first page last, and the chain leads around those that are gone. H1 and H2
    /// hold after each.
    ///
    /// # Errors
    /// The pager's, [`Error::NotInHeap`], [`HeapDamage::Circle`] if the chain comes
    /// back to the first page. No other circle needs to be looked for: it comes back to a page that is free by
    /// then, which the pager says (`NotAllocated`). What was freed
    /// stays freed; the rest is a chain that can be opened and destroyed once the cause is gone. A page of
    /// another heap is never freed.
    ///
    /// # Cost
    /// Each page once, two latched at a time.
    pub fn destroy<P: Pager>(self, pager: &P) -> Result<(), Error> {
        todo!("task 3.5: free every page")
    }
}
