//! Changing a record under its record id (task 3.5).
//!
//! ```text
//!   fits at home              home: record
//!   was moved, fits there     home: forward --> body: record          the body is changed in place
//!   fits in neither           home: forward --> elsewhere: record     the old body, if any, is deleted
//! ```

use super::TableHeap;
use super::insert::check_len;
use super::latches::Latches;
use crate::{Error, Pager, RecordId};

//# hide
use super::format::{self, Stored};
use super::latches::{LatchMode, Place};
use kit::sync::thread;
use slotted_page::{PageBuf, PageId, SlotId, SlottedPage};
//# end

impl TableHeap {
    /// Replaces the record `id` by `record`, of any length. The record id stays.
    ///
    /// # Ensures
    /// - If it fits at home, it is there afterwards, also if it had moved; else it stays in the page it moved
    ///   to, if it fits there; else it moves to a page with room, or to a new one. A place it is no longer in
    ///   is free.
    /// - All pages needed are latched before the first change: home by waiting, all others by trying. If
    ///   one cannot be had, everything is let go of and the update starts again (after
    ///   [`kit::sync::thread::yield_now`]).
    ///
    /// # Errors
    /// Nothing is changed: [`Error::RecordTooLong`], then those of finding the record (as for
    /// [`get_with`](Self::get_with)), then the pager's if a page is needed.
    ///
    /// # Cost
    /// One page as a rule; at most three at a time: home, the one it moves to, and the body's, or the first
    /// if a page is put behind the last.
    pub fn update<P: Pager>(&self, pager: &P, id: RecordId, record: &[u8]) -> Result<(), Error> {
        //# task 3.5 update a record
        //+ // Nudge: three cases, as in the module's picture; work out which it is before you change a byte.
        //+ // Nudge: a new page can go anywhere in the chain, also behind one you hold.
        check_len(record)?;
        loop {
            if self.try_update(pager, id, record)?.is_some() {
                return Ok(());
            }
            thread::yield_now();
        }
        //# end
    }

    //# hide
    /// `None`: a latch could not be had, nothing was changed.
    fn try_update<P: Pager>(&self, pager: &P, id: RecordId, record: &[u8]) -> Result<Option<()>, Error> {
        let mut latches = Latches::new(pager, self.first);
        let Some(Place { home, body }) = latches.record(id)? else { return Ok(None) };
        let (at_home, moved) =
            (Stored::Home(record).encode(), Stored::Moved { home: id, data: record }.encode());
        if fits_in_place(&latches.page(home), id.slot, at_home.len()) {
            latches.page_mut(home).update(id.slot, &at_home)?;
            delete_body(&mut latches, body)?;
        } else if let Some((page, slot)) = body
            && fits_in_place(&latches.page(page), slot, moved.len())
        {
            latches.page_mut(page).update(slot, &moved)?;
        } else {
            let Some(to) = self.room_for_body(&mut latches, moved.len())? else { return Ok(None) };
            let forward = put_body(&mut latches, to, &moved)?;
            latches.page_mut(home).update(id.slot, &forward)?;
            delete_body(&mut latches, body)?;
        }
        self.remember(&latches);
        Ok(Some(()))
    }

    /// Latches a page with room for a moved record, beside those held, or links a new one behind one of
    /// those.
    pub(super) fn room_for_body<P: Pager>(
        &self,
        latches: &mut Latches<'_, P>,
        needed: usize,
    ) -> Result<Option<usize>, Error> {
        let held = latches.len();
        if let Some(found) = self.find_room(latches, needed, LatchMode::Try, &[])? {
            return Ok(Some(found));
        }
        // Not the last page, if there is another: that would take the first page's latch too.
        let is_inner = |number: &usize| format::next(&latches.page(*number)) != PageId::NONE;
        let behind = (0..held).find(is_inner).unwrap_or(0);
        self.grow_behind(latches, behind)
    }
    //# end
}

//# hide
/// Writes a moved record into a page that has room for it; the forward to it.
pub(super) fn put_body<P: Pager>(
    latches: &mut Latches<'_, P>,
    to: usize,
    moved: &[u8],
) -> Result<Vec<u8>, Error> {
    let mut page = latches.page_mut(to);
    let slot = page.insert(moved)?;
    Ok(Stored::Forward(RecordId { page: page.id(), slot }).encode())
}

/// Frees the slot of a body that is no longer there.
pub(super) fn delete_body<P: Pager>(
    latches: &mut Latches<'_, P>,
    body: Option<(usize, SlotId)>,
) -> Result<(), Error> {
    if let Some((page, slot)) = body {
        latches.page_mut(page).delete(slot)?;
    }
    Ok(())
}

/// True if the record in `slot` could be replaced by one of `needed` bytes.
fn fits_in_place(page: &SlottedPage<&PageBuf>, slot: SlotId, needed: usize) -> bool {
    page.get(slot).is_some_and(|old| needed <= page.free_bytes() + old.len())
}
//# end
