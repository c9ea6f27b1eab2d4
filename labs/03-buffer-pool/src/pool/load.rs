//! How a page comes in, and how another goes out for it (tasks 3.2 and 3.4).
//!
//! Each function here is a step of the picture in [`pool`](super). A step that does I/O holds no lock of the
//! pool; it has a [`Claim`] instead, or a pin.
//!
//! Given are the short steps under the lock, and the corner cases of pages that are just made or freed.
//! How you cut the steps that do I/O is for you to decide: `BufferPool::pin`, `flush` and `flush_all`,
//! and `write_new` of task 3.3, can share them.

use kit::sync::Arc;
use slotted_page::{Corruption, PageBuf, PageId, PageKind, SlottedPage, header};

use super::{BufferPool, Frame, Pin};
use crate::frame_table::Claim;
use crate::{Error, FlushHook, Lookup};

impl BufferPool {
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
        // Nudge: two steps can fail after the page was allocated.
        todo!("task 3.2: bring in a new page")
    }

    /// Asks the hook whether `page` may be written now.
    /// Task 3.2 calls it before each write of a changed page, if the pool has a hook.
    ///
    /// # Errors
    /// The hook's error, as [`slotted_page::Error::Io`].
    fn ask(&self, hook: &Arc<dyn FlushHook>, page: &PageBuf) -> Result<(), Error> {
        // Nudge: everything the hook wants to know is in the page's header.
        todo!("task 3.4: let the hook go first")
    }

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
