//! Guards: the only door to the bytes of a page (task 3.3).

use std::ops::{Deref, DerefMut};

use slotted_page::{PageBuf, PageId, PageKind};

use crate::{BufferPool, Error, Pager, Pin};

/// Shared access to a page in the pool.
pub struct PageReadGuard<'p> {
    pin: Pin<'p>,
}

/// Exclusive access to a page in the pool.
pub struct PageWriteGuard<'p> {
    pin: Pin<'p>,
}

impl PageReadGuard<'_> {
    /// The page.
    pub fn id(&self) -> PageId {
        todo!()
    }
}

impl PageWriteGuard<'_> {
    /// The page.
    pub fn id(&self) -> PageId {
        todo!()
    }
}

impl Deref for PageReadGuard<'_> {
    type Target = PageBuf;
    fn deref(&self) -> &PageBuf {
        todo!()
    }
}

impl Deref for PageWriteGuard<'_> {
    type Target = PageBuf;
    fn deref(&self) -> &PageBuf {
        todo!()
    }
}

impl DerefMut for PageWriteGuard<'_> {
    fn deref_mut(&mut self) -> &mut PageBuf {
        todo!()
    }
}

impl Pager for BufferPool {
    type Read<'a> = PageReadGuard<'a>;
    type Write<'a> = PageWriteGuard<'a>;

    fn read(&self, id: PageId) -> Result<PageReadGuard<'_>, Error> {
        todo!()
    }

    fn read_once(&self, id: PageId) -> Result<PageReadGuard<'_>, Error> {
        todo!()
    }

    fn write(&self, id: PageId) -> Result<PageWriteGuard<'_>, Error> {
        todo!()
    }

    fn try_write(&self, id: PageId) -> Result<Option<PageWriteGuard<'_>>, Error> {
        todo!()
    }

    fn allocate(&self, kind: PageKind) -> Result<PageWriteGuard<'_>, Error> {
        todo!()
    }

    fn free<'a>(&'a self, page: PageWriteGuard<'a>) -> Result<(), Error> {
        todo!()
    }
}
