//! The seam between what uses pages and what keeps them: [`Pager`].
//!
//! The table heap (tasks 3.5 and 3.6) and the B+Tree (lab 4) are written against this trait alone. The buffer pool is one
//! pager. In lab 6 a mini-transaction is another: it keeps the write guards of changed pages until it ends, and logs what changed
//! in all of them as one record. Neither heap nor tree changes for that.
//!
//! Rules for whoever uses a pager:
//!
//! - U1: at most one guard a page at a time in one thread. A thread that asks for a page it already holds may wait for ever.
//! - U2: a thread that holds a guard waits for another page only in the order of its structure: parent before child, earlier
//!   page of a chain before later one. Against the order it asks with `try_write`, which does not wait.
//! - U3: latch everything an operation needs before its first change, so that giving up leaves nothing half done.

use std::ops::{Deref, DerefMut};

use slotted_page::{PageBuf, PageId, PageKind};

use crate::Error;

/// Gives out pages under latches.
pub trait Pager {
    /// Shared access to a page. Others may read it too, nobody may write it, until the guard is dropped.
    type Read<'a>: Deref<Target = PageBuf>
    where
        Self: 'a;

    /// Exclusive access to a page. The page counts as changed from the first `&mut` borrow of its bytes.
    type Write<'a>: DerefMut<Target = PageBuf>
    where
        Self: 'a;

    /// The page `id` for reading, once nobody writes it.
    ///
    /// # Errors
    /// [`Error::Page`] if the page is not allocated or cannot be read, [`Error::AllPinned`].
    fn read(&self, id: PageId) -> Result<Self::Read<'_>, Error>;

    /// As [`read`](Self::read), for who passes by once and does not come back: a scan. The pager need not take that for a sign
    /// that the page will be used again.
    fn read_once(&self, id: PageId) -> Result<Self::Read<'_>, Error> {
        self.read(id)
    }

    /// The page `id` for writing, once nobody else reads or writes it.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn write(&self, id: PageId) -> Result<Self::Write<'_>, Error>;

    /// The page `id` for writing if its latch can be had at once, `None` if somebody holds it. Does not wait for a latch, but may
    /// read the page from disk.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn try_write(&self, id: PageId) -> Result<Option<Self::Write<'_>>, Error>;

    /// A new page: its header names it and `kind`, all other bytes are zero. `slotted_page::header::id` says its number.
    ///
    /// A page of a slotted kind is not a slotted page yet: make it one (`SlottedPage::init`) before you let go of the guard, because such pages are
    /// checked when they are read from disk.
    ///
    /// # Errors
    /// Nothing is allocated: [`Error::Page`] if the disk is full, [`Error::AllPinned`].
    fn allocate(&self, kind: PageKind) -> Result<Self::Write<'_>, Error>;

    /// Frees a page. Who asks for it from now on gets `NotAllocated`, also who was already waiting for its latch.
    ///
    /// # Errors
    /// The page stays as it was: [`Error::Page`] (it is the root page of the file).
    fn free<'a>(&'a self, page: Self::Write<'a>) -> Result<(), Error>;
}
