//! Guards: the only door to the bytes of a page (task 3.3).
//!
//! A guard is a pin and a latch. The pin keeps the page in its frame; the latch decides which threads may
//! look. Both are given back when the guard is dropped, on every way out of a function, an early `?` too. The
//! pool is a [`Pager`] through them.
//!
//! ```text
//!                     +-------- guard --------+
//!     read(7) ------> | latch: shared         | --> &PageBuf
//!                     | pin: page 7, frame 0  |
//!                     +-----------------------+
//!                     +-------- guard --------+
//!     write(9) -----> | latch: exclusive      | --> &PageBuf
//!                     | pin: page 9, frame 2  | --> &mut PageBuf, and
//!                     +-----------------------+     the page is dirty
//! ```
//!
//! # Invariants
//! - **G1** Pin first, then latch; give back the latch first, then the pin. So an unpinned frame has a free
//!   latch, and a thread that claims it need not wait.
//! - **G2** A page is marked as dirty before its first byte can change: at the first `&mut` borrow. A write
//!   guard that was only read through leaves a clean page clean.
//! - **G3** While a latch is waited for, the page may be freed: the frame is still pinned, but it holds
//!   zeros. So the page number in the header is compared when the latch was taken, before a guard is handed
//!   out.
//!
//! Left out: guards that may be turned from shared to exclusive. Two threads that want that for one page wait
//! for each other for ever.
//!
//! Source: the idiom of a resource that is given back by a destructor is Stroustrup's, "The C++ Programming
//! Language" (third edition, 1997), section 14.4.

use std::ops::{Deref, DerefMut};

use kit::sync::{RwLockReadGuard, RwLockWriteGuard};
use slotted_page::{PageBuf, PageId, PageKind, header};

use crate::{Access, BufferPool, Error, Pager, Pin};

/// Shared access to a page in the pool. The fields are dropped in the order in which they stand here (G1).
pub struct PageReadGuard<'p> {
    latch: RwLockReadGuard<'p, PageBuf>,
    pin: Pin<'p>,
}

/// Exclusive access to a page in the pool. The fields are dropped in the order in which they stand here (G1).
pub struct PageWriteGuard<'p> {
    latch: RwLockWriteGuard<'p, PageBuf>,
    pin: Pin<'p>,
    /// True if the page was marked as dirty through this guard.
    is_marked: bool,
}

impl PageReadGuard<'_> {
    /// The page.
    pub fn id(&self) -> PageId {
        self.pin.id()
    }
}

impl<'p> PageWriteGuard<'p> {
    /// A guard that has changed nothing yet.
    pub(crate) fn new(latch: RwLockWriteGuard<'p, PageBuf>, pin: Pin<'p>) -> Self {
        PageWriteGuard { latch, pin, is_marked: false }
    }

    /// The page.
    pub fn id(&self) -> PageId {
        self.pin.id()
    }
}

impl Deref for PageReadGuard<'_> {
    type Target = PageBuf;
    #[inline]
    fn deref(&self) -> &PageBuf {
        &self.latch
    }
}

impl Deref for PageWriteGuard<'_> {
    type Target = PageBuf;
    #[inline]
    fn deref(&self) -> &PageBuf {
        &self.latch
    }
}

impl DerefMut for PageWriteGuard<'_> {
    /// The bytes, to be changed. The page is dirty from now on (G2).
    #[inline]
    fn deref_mut(&mut self) -> &mut PageBuf {
        todo!("task 3.3: mark a page as dirty")
    }
}

/// Each call that gives out a resident page, but for `read_once`, counts as one access in the sense of LRU-K.
impl Pager for BufferPool {
    type Read<'a> = PageReadGuard<'a>;
    type Write<'a> = PageWriteGuard<'a>;

    #[inline]
    fn read(&self, id: PageId) -> Result<PageReadGuard<'_>, Error> {
        // Nudge: Pin::frame leads to the latch. What may have become of the page when you have it (G3)?
        todo!("task 3.3: latch a page for reading")
    }

    fn read_once(&self, id: PageId) -> Result<PageReadGuard<'_>, Error> {
        // Nudge: the same guard, another access.
        todo!("task 3.4: read without counting")
    }

    #[inline]
    fn write(&self, id: PageId) -> Result<PageWriteGuard<'_>, Error> {
        todo!("task 3.3: latch a page for writing")
    }

    fn try_write(&self, id: PageId) -> Result<Option<PageWriteGuard<'_>>, Error> {
        todo!("task 3.3: latch a page without waiting")
    }

    fn allocate(&self, kind: PageKind) -> Result<PageWriteGuard<'_>, Error> {
        // Nudge: the page is marked already. What can a flush of all pages do before you have the latch?
        todo!("task 3.3: latch a new page")
    }

    /// Frees a page.
    ///
    /// # Ensures
    /// The page is absent, clean and never written again. A thread that waits for its latch gets
    /// `NotAllocated` (G3); its number may come back at once, in another frame.
    ///
    /// # Errors
    /// Those of [`DiskManager::free`](slotted_page::DiskManager::free): the page is as it was.
    fn free<'a>(&'a self, page: PageWriteGuard<'a>) -> Result<(), Error> {
        // Nudge: `BufferPool::detach` takes a page out of the table. Which step can fail?
        todo!("task 3.3: free a page")
    }
}
