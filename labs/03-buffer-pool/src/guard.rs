//! Guards: the only door to the bytes of a page (task 3.3).

use std::ops::{Deref, DerefMut};

use kit::sync::{RwLockReadGuard, RwLockWriteGuard};
use slotted_page::{PageBuf, PageId, PageKind, header};

use crate::{Access, BufferPool, Error, Pager, Pin};

/// Shared access to a page in the pool.
pub struct PageReadGuard<'p> {
    // Fields are dropped in this order: the latch goes before the pin.
    latch: RwLockReadGuard<'p, PageBuf>,
    pin: Pin<'p>,
}

/// Exclusive access to a page in the pool.
pub struct PageWriteGuard<'p> {
    // Fields are dropped in this order: the latch goes before the pin.
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

impl PageWriteGuard<'_> {
    /// The page.
    pub fn id(&self) -> PageId {
        self.pin.id()
    }
}

impl Deref for PageReadGuard<'_> {
    type Target = PageBuf;
    fn deref(&self) -> &PageBuf {
        &self.latch
    }
}

impl Deref for PageWriteGuard<'_> {
    type Target = PageBuf;
    fn deref(&self) -> &PageBuf {
        &self.latch
    }
}

impl DerefMut for PageWriteGuard<'_> {
    fn deref_mut(&mut self) -> &mut PageBuf {
        if !self.is_marked {
            self.pin.frame().set_dirty(true);
            self.is_marked = true;
        }
        &mut self.latch
    }
}

impl Pager for BufferPool {
    type Read<'a> = PageReadGuard<'a>;
    type Write<'a> = PageWriteGuard<'a>;

    fn read(&self, id: PageId) -> Result<PageReadGuard<'_>, Error> {
        read_latched(self.pin(id, Access::Again)?)
    }

    fn read_once(&self, id: PageId) -> Result<PageReadGuard<'_>, Error> {
        read_latched(self.pin(id, Access::Once)?)
    }

    fn write(&self, id: PageId) -> Result<PageWriteGuard<'_>, Error> {
        let pin = self.pin(id, Access::Again)?;
        let latch = pin.frame().bytes.write();
        still_there(&latch, id)?;
        Ok(PageWriteGuard { latch, pin, is_marked: false })
    }

    fn try_write(&self, id: PageId) -> Result<Option<PageWriteGuard<'_>>, Error> {
        let pin = self.pin(id, Access::Again)?;
        let Some(latch) = pin.frame().bytes.try_write() else { return Ok(None) };
        still_there(&latch, id)?;
        Ok(Some(PageWriteGuard { latch, pin, is_marked: false }))
    }

    fn allocate(&self, kind: PageKind) -> Result<PageWriteGuard<'_>, Error> {
        let pin = self.pin_new(kind)?;
        let latch = pin.frame().bytes.write();
        Ok(PageWriteGuard { latch, pin, is_marked: true })
    }

    fn free<'a>(&'a self, mut page: PageWriteGuard<'a>) -> Result<(), Error> {
        let id = page.id();
        self.disk().free(id)?;
        page.latch.fill(0);
        page.pin.frame().set_dirty(false);
        self.detach(id);
        Ok(())
    }
}

/// Takes the read latch of a pinned page.
fn read_latched(pin: Pin<'_>) -> Result<PageReadGuard<'_>, Error> {
    let latch = pin.frame().bytes.read();
    still_there(&latch, pin.id())?;
    Ok(PageReadGuard { latch, pin })
}

/// Refuses a page that was freed while its latch was waited for.
fn still_there(page: &PageBuf, id: PageId) -> Result<(), Error> {
    if header::id(page) == id { Ok(()) } else { Err(slotted_page::Error::NotAllocated { page: id }.into()) }
}
