//! A page that is written without being read first (task 3.3).
//!
//! [`pin_new`](super::BufferPool::pin_new) asks the disk manager for a page. Sometimes the caller has one
//! already: lab 6 hands out pages from its own list of free ones, and recovery (lab 7) writes whole pages
//! back whose bytes in the file may be damaged. Reading such a page would be a waste, or an error.
//!
//! ```text
//!   time -->
//!    claim    victim out    latch, empty page    publish       drop
//!   ---#---------------------------------------------#-----------------
//!   page:      busy                                resident
//!   latch:                 |<------------ exclusive ----------->|
//! ```
//!
//! The latch is taken before `publish`, so no other thread can look into the page before the caller has
//! filled it.

use slotted_page::{PageId, PageKind};

use super::{BufferPool, Pin};
use crate::frame_table::Claim;
use crate::{Access, Error, Lookup, PageWriteGuard};

//# hide
use crate::guard::still_there;
use slotted_page::header;
//# end

impl BufferPool {
    /// The allocated page `id` for writing, empty and of kind `kind`, without reading it: whatever it held is
    /// given up.
    ///
    /// # Requires
    /// The page belongs to the caller: no other thread frees it or asks for it as a new page meanwhile. The
    /// caller changes the page through the guard. (After a guard that is dropped without a change, the empty
    /// page stays in the pool, is not written, and once it has left the pool, a request finds what the file
    /// holds.)
    ///
    /// # Ensures
    /// - The page is empty ([`init`](slotted_page::header::init)) and latched before any other thread
    ///   can look into it. A request for it waits, and then sees what the caller left there; a reader that
    ///   has it latched already goes on, and the call waits for that reader.
    /// - The page is clean until the first `&mut` borrow of its bytes (G2), also if it was dirty before.
    /// - If the page is busy, the call waits until it is not. The call counts as one access of the page, and
    ///   as neither a hit nor a miss.
    ///
    /// # Errors
    /// [`Error::AllPinned`], at once, if the page is absent and no frame can be had. [`Error::Page`]:
    /// `NotAllocated` if the page is not allocated (the disk manager's own pages are not), or is freed while
    /// the call waits for its latch; the disk's or hook's error if the victim cannot be written, and the
    /// victim is as it was then. The page is as it was before the call.
    ///
    /// # Cost
    /// No read; one write if the page is absent and the victim is dirty.
    pub fn write_new(&self, id: PageId, kind: PageKind) -> Result<PageWriteGuard<'_>, Error> {
        //# task 3.3 write a page without reading it
        //+ // Nudge: three states of the page, as in `pin`. In which of them may other threads hold its
        //+ // latch?
        let mut state = self.state.lock();
        loop {
            match state.table.lookup(id) {
                Lookup::Resident(frame) => {
                    state.table.pin(frame, Access::Again);
                    drop(state);
                    return self.empty_resident(Pin { pool: self, page: id, frame }, kind);
                }
                Lookup::Busy => state = self.state_changed.wait(state),
                Lookup::Absent => {
                    let claim = state.table.claim(id)?;
                    drop(state);
                    return self.empty_claimed(claim, kind);
                }
            }
        }
        //# end
    }

    //# hide
    /// Takes a page that is in its frame: the caller waits for those that use it.
    fn empty_resident<'p>(&'p self, pin: Pin<'p>, kind: PageKind) -> Result<PageWriteGuard<'p>, Error> {
        let mut latch = pin.frame().bytes.write();
        still_there(&latch, pin.id())?;
        header::init(&mut latch, pin.id(), kind);
        pin.frame().set_dirty(false);
        Ok(PageWriteGuard::new(latch, pin))
    }

    /// Makes the page of `claim` in its frame. Nobody else has the frame, so its latch is free (G1).
    fn empty_claimed(&self, mut claim: Claim, kind: PageKind) -> Result<PageWriteGuard<'_>, Error> {
        // Under the claim, because a page can be freed only through a guard, and a busy page has none.
        let made = match self.disk.is_allocated(claim.page) {
            true => self.evict_victim(&mut claim),
            false => Err(slotted_page::Error::NotAllocated { page: claim.page }.into()),
        };
        if let Err(error) = made {
            return Err(self.cancel(claim, error));
        }
        let mut latch = self.frames[claim.frame.0].bytes.write();
        header::init(&mut latch, claim.page, kind);
        Ok(PageWriteGuard::new(latch, self.publish(claim)))
    }
    //# end
}
