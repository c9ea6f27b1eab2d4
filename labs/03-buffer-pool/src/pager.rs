//! The seam between the structures that use pages and the part that keeps them in memory: [`Pager`].
//!
//! The table heap (tasks 3.5 and 3.6) and the B+Tree (lab 4) are written against this trait alone. The buffer
//! pool is one pager. In lab 6 a mini-transaction is another: it keeps the write guards of changed pages
//! until it ends, and logs what changed in all of them as one record. Neither heap nor tree changes for that.
//!
//! Rules for code that uses a pager:
//!
//! - U1: one thread has at most one guard of a page at a time. A thread that asks for a page it already holds
//!   may wait for ever.
//! - U2: a thread that holds a guard waits for another page only in the order of its structure: parent before
//!   child, earlier page of a chain before later one. Against that order it uses `try_write`, which does not
//!   wait. If that is refused, it does without the page, or it drops its guards and yields
//!   ([`yield_now`](kit::sync::thread::yield_now)) before it tries again: the thread that holds the page may
//!   need its turn.
//! - U3: latch everything an operation needs before its first change, so that giving up leaves nothing half
//!   done.
//! - U4: a unit of work is one operation of one heap or tree, and a thread has one unit at a time. In lab 6 a
//!   unit keeps the latches of the pages that it changed until it ends; a second operation in it could wait
//!   for a page whose holder waits for one of those. For the same reason no iterator is open in a unit, and
//!   no transaction lock is waited for.

use std::ops::{Deref, DerefMut};

use slotted_page::{PageBuf, PageId, PageKind};

use crate::Error;

/// Gives out pages under latches.
pub trait Pager {
    /// Shared access to a page. Until the guard is dropped, other threads can read the page and none can
    /// write it.
    type Read<'a>: Deref<Target = PageBuf>
    where
        Self: 'a;

    /// Exclusive access to a page. The page counts as changed from the first `&mut` borrow of its bytes.
    type Write<'a>: DerefMut<Target = PageBuf>
    where
        Self: 'a;

    /// The page `id` for reading, once no thread writes it.
    ///
    /// # Errors
    /// [`Error::Page`] if the page is not allocated or cannot be read, [`Error::AllPinned`].
    fn read(&self, id: PageId) -> Result<Self::Read<'_>, Error>;

    /// As [`read`](Self::read), for a caller that reads the page once and will not come back to it, such as a
    /// scan. The pager need not take that for a sign that the page will be used again.
    fn read_once(&self, id: PageId) -> Result<Self::Read<'_>, Error> {
        self.read(id)
    }

    /// The page `id` for writing, once no other thread reads or writes it.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn write(&self, id: PageId) -> Result<Self::Write<'_>, Error>;

    /// The page `id` for writing if no thread holds its latch, else `None`. The call does not wait for a
    /// latch, but it may read the page from disk.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn try_write(&self, id: PageId) -> Result<Option<Self::Write<'_>>, Error>;

    /// A new page: its header names it and `kind`, all other bytes are zero. `slotted_page::header::id` says
    /// its number.
    ///
    /// A page of a slotted kind is not a slotted page yet: make it one (`SlottedPage::init`) before you let
    /// go of the guard, because such pages are checked when they are read from disk.
    ///
    /// # Errors
    /// Nothing is allocated: [`Error::Page`] if the disk is full, [`Error::AllPinned`].
    fn allocate(&self, kind: PageKind) -> Result<Self::Write<'_>, Error>;

    /// Frees a page. Later requests, and requests already waiting for the latch, return `NotAllocated`.
    ///
    /// # Errors
    /// The page stays as it was: [`Error::Page`] (it is the root page of the file).
    fn free<'a>(&'a self, page: Self::Write<'a>) -> Result<(), Error>;
}
