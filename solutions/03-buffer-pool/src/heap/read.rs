//! Getting a record by its record id (task 3.5).

use super::TableHeap;
use super::format::{self, Stored, stored};
use super::latches::Latches;
use crate::{Error, Pager, RecordId};

//# hide
use super::chain::is_no_heap_page;
use kit::sync::thread;
use slotted_page::PageId;
//# end

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
        //# task 3.5 read a record, moved or not
        //+ // Nudge: when the body is not where the forward said, is it moving or lost? How do you know?
        //+ // Nudge: `Latches::record` can tell, and waits for no page while it holds another.
        let mut look = Some(look);
        let mut answer = None;
        read_record(pager, self.first, id, &mut |data| answer = look.take().map(|look| look(data)))?;
        Ok(answer.expect("a record that was found was shown"))
        //# end
    }
}

//# hide
/// Shows the record `id` of the heap that starts at `heap` to `look`, once.
///
/// # Ensures
/// What is shown is the record at one moment during the call, whatever other threads do. A reader that
/// follows a forward lets go of the home page first (it may come later in the chain, U2). So it must check
/// that the moved record still names `id` as its home; if not, it starts again from there.
///
/// # Errors
/// As [`TableHeap::get_with`]; a forward without its record, although no thread is moving the record, is
/// [`HeapDamage::BadForward`](crate::HeapDamage::BadForward), never an endless loop.
pub(crate) fn read_record<P: Pager>(
    pager: &P,
    heap: PageId,
    id: RecordId,
    look: &mut dyn FnMut(&[u8]),
) -> Result<(), Error> {
    let target = {
        let page = pager.read(id.page)?;
        match stored(&format::view(&*page, heap)?, id)? {
            Stored::Home(data) => {
                look(data);
                return Ok(());
            }
            Stored::Moved { .. } => return Err(Error::NoRecord { record: id }),
            Stored::Forward(target) => target,
        }
    };
    if read_body(pager, heap, id, target, look)? {
        return Ok(());
    }
    loop {
        let mut latches = Latches::new(pager, heap);
        if let Some(place) = latches.record(id)? {
            let (number, slot) = place.body.unwrap_or((place.home, id.slot));
            let page = latches.page(number);
            if let Stored::Home(data) | Stored::Moved { data, .. } =
                stored(&page, RecordId { page: page.id(), slot })?
            {
                look(data);
            }
            return Ok(());
        }
        drop(latches);
        thread::yield_now();
    }
}

/// Shows the record `id` to `look` if it is at `target`; says whether it was.
fn read_body<P: Pager>(
    pager: &P,
    heap: PageId,
    id: RecordId,
    target: RecordId,
    look: &mut dyn FnMut(&[u8]),
) -> Result<bool, Error> {
    let page = match pager.read(target.page) {
        Err(error) if is_no_heap_page(&error) => return Ok(false),
        other => other?,
    };
    Ok(show_moved(&page, heap, id, target, look))
}

/// Shows the record `id` to `look` if it lies at `target`, in `page`, as one that moved there; says whether
/// it does. Never if that is its own page ([`HeapDamage::BadForward`](crate::HeapDamage::BadForward)).
pub(crate) fn show_moved(
    page: &slotted_page::PageBuf,
    heap: PageId,
    id: RecordId,
    target: RecordId,
    look: &mut dyn FnMut(&[u8]),
) -> bool {
    if target.page == id.page {
        return false;
    }
    let Ok(page) = format::view(page, heap) else { return false };
    match stored(&page, target) {
        Ok(Stored::Moved { home, data }) if home == id => {
            look(data);
            true
        }
        _ => false,
    }
}
//# end
