//! How a page comes in and how another goes out for it (task 3.2).

use slotted_page::{Corruption, PageBuf, PageId, PageKind, SlottedPage, header};

use super::{BufferPool, Frame, Pin};
use crate::frame_table::Claim;
use crate::{Error, Lookup};

impl BufferPool {
    /// Brings in the page of `claim`.
    pub(super) fn load(&self, mut claim: Claim) -> Result<Pin<'_>, Error> {
        match self.make_room(&mut claim).and_then(|()| self.read_in(&claim)) {
            Ok(()) => Ok(self.publish(claim)),
            Err(error) => Err(self.cancel(claim, error)),
        }
    }

    /// Allocates a page and brings it in.
    pub(super) fn allocate_and_pin(&self, kind: PageKind) -> Result<Pin<'_>, Error> {
        let id = self.disk.allocate()?;
        let mut claim = match self.claim_absent(id) {
            Ok(claim) => claim,
            Err(error) => {
                self.disk.free(id)?;
                return Err(error);
            }
        };
        if let Err(error) = self.make_room(&mut claim) {
            let freed = self.disk.free(id);
            let error = self.cancel(claim, error);
            return freed.map_err(Error::from).and(Err(error));
        }
        let frame = &self.frames[claim.frame.0];
        header::init(&mut frame.bytes.write(), id, kind);
        frame.set_dirty(true);
        Ok(self.publish(claim))
    }

    /// A claim for a page that nobody else may have, once whoever had the number before is done with it.
    fn claim_absent(&self, id: PageId) -> Result<Claim, Error> {
        let mut books = self.books.lock();
        while books.table.lookup(id) != Lookup::Absent {
            books = self.settled.wait(books);
        }
        books.table.claim(id)
    }

    /// Writes the victim of `claim` if it is dirty, and lets it go.
    fn make_room(&self, claim: &mut Claim) -> Result<(), Error> {
        let Some(victim) = claim.victim else { return Ok(()) };
        self.write_back(victim, &self.frames[claim.frame.0])?;
        let mut books = self.books.lock();
        books.table.evicted(claim);
        books.stats.evictions += 1;
        drop(books);
        self.settled.notify_all();
        Ok(())
    }

    /// Writes the page in `frame` if it is dirty and was not freed meanwhile.
    pub(super) fn write_back(&self, id: PageId, frame: &Frame) -> Result<(), Error> {
        let page = frame.bytes.read();
        if header::id(&page) != id || !frame.is_dirty() {
            return Ok(());
        }
        if let Some(hook) = &self.hook {
            hook.before_write(id, header::lsn(&page)).map_err(slotted_page::Error::Io)?;
        }
        self.disk.write_page(id, &page)?;
        frame.set_dirty(false);
        drop(page);
        self.books.lock().stats.writes += 1;
        Ok(())
    }

    /// Reads the page of `claim` into its frame.
    fn read_in(&self, claim: &Claim) -> Result<(), Error> {
        let mut page = self.frames[claim.frame.0].bytes.write();
        self.disk.read_page(claim.page, &mut page)?;
        check(&page)
    }

    /// The page of `claim` is ready: tells everybody who waits for it.
    fn publish(&self, claim: Claim) -> Pin<'_> {
        let pin = Pin { pool: self, page: claim.page, frame: claim.frame };
        self.books.lock().table.publish(claim);
        self.settled.notify_all();
        pin
    }

    /// The page of `claim` does not come. Gives the error for who wanted it.
    fn cancel(&self, claim: Claim, error: Error) -> Error {
        let page = claim.page;
        let mut books = self.books.lock();
        books.table.cancel(claim);
        let is_new = books.newcomers > 0;
        drop(books);
        self.settled.notify_all();
        match error {
            // Freed, and its number given out again, while it was asked for: its new owner has not written it yet.
            Error::Page(slotted_page::Error::Corrupt(Corruption::NeverWritten { .. })) if is_new => {
                slotted_page::Error::NotAllocated { page }.into()
            }
            error => error,
        }
    }
}

/// Checks once what hits then take for granted: that a page of a slotted kind is one.
fn check(page: &PageBuf) -> Result<(), Error> {
    let kind = header::kind(page);
    if matches!(kind, PageKind::HEAP | PageKind::BTREE_LEAF | PageKind::BTREE_INTERNAL) {
        SlottedPage::open(page, kind)?;
    }
    Ok(())
}
