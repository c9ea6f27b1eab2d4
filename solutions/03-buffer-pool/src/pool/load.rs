//! How a page comes in, and how another goes out for it (tasks 3.2 and 3.4).
//!
//! Each function here is a step of the picture in [`pool`](super). A step that does I/O holds no lock of the
//! pool; it has a [`Claim`] instead, or a pin.
//+ //!
//+ //! Given are the short steps under the lock, and the corner cases of pages that are just made or freed.
//+ //! How you cut the steps that do I/O is for you to decide: `BufferPool::pin`, `flush` and `flush_all`,
//+ //! and `write_new` of task 3.3, can share them.

use kit::sync::Arc;
use slotted_page::{Corruption, PageBuf, PageId, PageKind, SlottedPage, header};

use super::{BufferPool, Frame, Pin};
use crate::frame_table::Claim;
use crate::{Error, FlushHook, Lookup};

impl BufferPool {
    //# hide
    /// Ends the claim of a page that is to be read: evicts the victim, reads the page into the frame, checks
    /// it (B5), publishes it.
    ///
    /// # Errors
    /// The claim is cancelled (B4). [`Error::Page`]: the victim could not be written, and is resident and
    /// dirty as before; or the page is not allocated, cannot be read, or is damaged, and its frame is free.
    ///
    /// # Cost
    /// One read; and one write if the victim is dirty.
    pub(super) fn load(&self, claim: Claim) -> Result<Pin<'_>, Error> {
        let mut claim = claim;
        match self.evict_victim(&mut claim).and_then(|()| self.read_in(&claim)) {
            Ok(()) => Ok(self.publish(claim)),
            Err(error) => Err(self.cancel(claim, error)),
        }
    }
    //# end

    /// Allocates a page, makes it an empty page in a frame, marks it as dirty, and publishes it. `pin_new`
    /// says the rest.
    ///
    /// The number may have belonged to a page that was freed a moment ago. While another thread asks for that
    /// page, or has not finished freeing it, the number is not absent: [`claim_absent`](Self::claim_absent)
    /// waits.
    ///
    /// # Errors
    /// Nothing is allocated. The page is freed *before* its claim is cancelled, so that no thread finds
    /// it allocated and unwritten.
    pub(super) fn load_new(&self, kind: PageKind) -> Result<Pin<'_>, Error> {
        //# task 3.2 bring in a new page
        //+ // Nudge: two steps can fail after the page was allocated.
        let id = self.disk.allocate()?;
        let mut claim = match self.claim_absent(id) {
            Ok(claim) => claim,
            Err(error) => {
                self.disk.free(id)?;
                return Err(error);
            }
        };
        if let Err(error) = self.evict_victim(&mut claim) {
            let freed = self.disk.free(id);
            let error = self.cancel(claim, error);
            return freed.map_err(Error::from).and(Err(error));
        }
        let frame = &self.frames[claim.frame.0];
        header::init(&mut frame.bytes.write(), id, kind);
        frame.set_dirty(true);
        Ok(self.publish(claim))
        //# end
    }

    //# hide
    /// Gives the victim of `claim` back to the disk: writes it if it is dirty, and lets it go. Does nothing
    /// if there is none.
    ///
    /// # Ensures
    /// The victim is absent, one eviction is counted, and the threads that wait for the victim are woken.
    ///
    /// # Errors
    /// Whatever [`write_back`](Self::write_back) says. The claim still has its victim.
    pub(super) fn evict_victim(&self, claim: &mut Claim) -> Result<(), Error> {
        let Some(victim) = claim.victim else { return Ok(()) };
        self.write_back(victim, &self.frames[claim.frame.0])?;
        let mut state = self.state.lock();
        state.table.evicted(claim);
        state.stats.evictions += 1;
        drop(state);
        self.state_changed.notify_all();
        Ok(())
    }

    /// Writes page `id`, which is in `frame`, if it is dirty: asks the hook if there is one, writes, clears
    /// the flag (B3), counts one write.
    ///
    /// # Requires
    /// The frame is pinned, by a claim or by a pin, and the calling thread does not hold its write latch.
    ///
    /// # Errors
    /// The page stays dirty: [`Error::Page`] from the hook, and then nothing was written, or from
    /// [`DiskManager::write_page`](slotted_page::DiskManager::write_page).
    ///
    /// # Cost
    /// No I/O if the page is clean, else one write.
    pub(super) fn write_back(&self, id: PageId, frame: &Frame) -> Result<(), Error> {
        let page = frame.bytes.read();
        if !frame.is_dirty() {
            return Ok(());
        }
        if let Some(hook) = &self.hook {
            self.ask(hook, &page)?;
        }
        self.disk.write_page(id, &page)?;
        frame.set_dirty(false);
        drop(page);
        self.state.lock().stats.writes += 1;
        Ok(())
    }
    //# end

    /// Asks the hook whether `page` may be written now.
    //+ /// Task 3.2 calls it before each write of a changed page, if the pool has a hook.
    ///
    /// # Errors
    /// The hook's error, as [`slotted_page::Error::Io`].
    fn ask(&self, hook: &Arc<dyn FlushHook>, page: &PageBuf) -> Result<(), Error> {
        //# task 3.4 let the hook go first
        //+ // Nudge: everything the hook wants to know is in the page's header.
        hook.before_write(header::id(page), header::lsn(page)).map_err(slotted_page::Error::Io)?;
        Ok(())
        //# end
    }

    //# hide
    /// Reads the page of `claim` into its frame, and checks it.
    fn read_in(&self, claim: &Claim) -> Result<(), Error> {
        let mut page = self.frames[claim.frame.0].bytes.write();
        self.disk.read_page(claim.page, &mut page)?;
        check(&page)
    }
    //# end

    /// Claims a frame for the new page `id`, once the number is absent. Given.
    ///
    /// # Errors
    /// [`Error::AllPinned`].
    fn claim_absent(&self, id: PageId) -> Result<Claim, Error> {
        let mut state = self.state.lock();
        while state.table.lookup(id) != Lookup::Absent {
            state = self.state_changed.wait(state);
        }
        state.table.claim(id)
    }

    /// The page of `claim` is in its frame: publishes it in the table, and wakes the threads that wait for
    /// it. Given.
    pub(super) fn publish(&self, claim: Claim) -> Pin<'_> {
        let pin = Pin { pool: self, page: claim.page, frame: claim.frame };
        self.state.lock().table.publish(claim);
        self.state_changed.notify_all();
        pin
    }

    /// The page of `claim` cannot be brought in: cancels the claim in the table, and wakes the threads that
    /// wait for the page. Returns `error`, for the caller to return. Given.
    ///
    /// One error is replaced: a page that was never written, while new pages are being brought in, is most
    /// likely one of these. The caller has an old link to a page that was freed, and the new owner of the
    /// page has not filled it yet. For the caller, such a page is not allocated.
    pub(super) fn cancel(&self, claim: Claim, error: Error) -> Error {
        let page = claim.page;
        let mut state = self.state.lock();
        state.table.cancel(claim);
        let is_new = state.newcomers > 0;
        drop(state);
        self.state_changed.notify_all();
        match error {
            Error::Page(slotted_page::Error::Corrupt(Corruption::NeverWritten { .. })) if is_new => {
                slotted_page::Error::NotAllocated { page }.into()
            }
            error => error,
        }
    }
}

/// Checks once what hits then take for granted (B5): a page of a slotted kind ([`PageKind::is_slotted`]) is a
/// sound slotted page. Given.
fn check(page: &PageBuf) -> Result<(), Error> {
    let kind = header::kind(page);
    if kind.is_slotted() {
        SlottedPage::open(page, kind)?;
    }
    Ok(())
}
