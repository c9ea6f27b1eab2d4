//! Getting a record by its record id (task 3.5).

use super::TableHeap;
use super::format::{self, Stored, stored};
use super::latches::Latches;
use crate::{Error, Pager, RecordId};

impl TableHeap {
    /// The record `id`. As [`get_with`](Self::get_with).
    pub fn get<P: Pager>(&self, pager: &P, id: RecordId) -> Result<Vec<u8>, Error> {
        self.get_with(pager, id, <[u8]>::to_vec)
    }

    /// Shows the record `id` to `look` in its page, without a copy. `look` runs under the page's latch: it
    /// must not use the heap.
    ///
    /// # Ensures
    /// What is shown is the record at one moment during the call, whatever other threads do. While a reader
    /// waits for the page that a forward names, it holds no other page: that page may come earlier in the
    /// chain (U2). So the record may move again meanwhile, and another may take its slot.
    ///
    /// # Errors
    /// The pager's; [`Error::NotInHeap`], [`Error::NoRecord`] (also if a record of another home lies there),
    /// [`Error::BadHeapPage`]. A forward without its record, although no thread is moving the record, is
    /// [`HeapDamage::BadForward`](crate::HeapDamage::BadForward), never an endless loop.
    ///
    /// # Cost
    /// One page, two for a moved record, one at a time; a few more if the record moves meanwhile.
    pub fn get_with<P: Pager, R>(
        &self,
        pager: &P,
        id: RecordId,
        look: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, Error> {
        // Nudge: when the body is not where the forward said, is it moving or lost? How do you know?
        // Nudge: `Latches::record` can tell, and waits for no page while it holds another.
        todo!("task 3.5: read a record, moved or not")
    }
}
