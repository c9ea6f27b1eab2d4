//! Pages in memory behind the pager's interface, so that the tree is measured and not the pool below it;
//! counts latches.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use buffer_pool::{Error, Pager};
use kit::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use slotted_page::{PAGE_SIZE, PageBuf, PageId, PageKind, header};

/// Number of the first page that is handed out.
const FIRST: u32 = 3;

/// The pages. Each has its latch and stays where it is; a page that is freed is handed out again.
pub(crate) struct Memory {
    pages: Vec<RwLock<Box<PageBuf>>>,
    free: Mutex<Vec<u32>>,
    reads: AtomicU64,
    writes: AtomicU64,
}

impl Memory {
    /// Room for `capacity` pages.
    pub(crate) fn new(capacity: usize) -> Self {
        Memory {
            pages: (0..capacity).map(|_| RwLock::new(Box::new([0; PAGE_SIZE]))).collect(),
            free: Mutex::new((0..capacity as u32).rev().collect()),
            reads: AtomicU64::new(0),
            writes: AtomicU64::new(0),
        }
    }

    /// Read latches and write latches since the last call.
    pub(crate) fn take(&self) -> (u64, u64) {
        (self.reads.swap(0, Ordering::Relaxed), self.writes.swap(0, Ordering::Relaxed))
    }

    /// Pages that are in use.
    pub(crate) fn in_use(&self) -> usize {
        self.pages.len() - self.free.lock().expect("nobody panics with it").len()
    }

    fn slot(&self, id: PageId) -> Result<&RwLock<Box<PageBuf>>, Error> {
        let index = id.0.checked_sub(FIRST).map(|index| index as usize);
        index
            .and_then(|index| self.pages.get(index))
            .ok_or(slotted_page::Error::NotAllocated { page: id }.into())
    }
}

/// Shared access to a page.
pub(crate) struct Read<'a>(RwLockReadGuard<'a, Box<PageBuf>>);

/// Exclusive access to a page.
pub(crate) struct Write<'a>(RwLockWriteGuard<'a, Box<PageBuf>>);

impl std::ops::Deref for Read<'_> {
    type Target = PageBuf;

    fn deref(&self) -> &PageBuf {
        &self.0
    }
}

impl std::ops::Deref for Write<'_> {
    type Target = PageBuf;

    fn deref(&self) -> &PageBuf {
        &self.0
    }
}

impl std::ops::DerefMut for Write<'_> {
    fn deref_mut(&mut self) -> &mut PageBuf {
        &mut self.0
    }
}

impl Pager for Memory {
    type Read<'a> = Read<'a>;
    type Write<'a> = Write<'a>;

    fn read(&self, id: PageId) -> Result<Read<'_>, Error> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        Ok(Read(self.slot(id)?.read()))
    }

    fn write(&self, id: PageId) -> Result<Write<'_>, Error> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        Ok(Write(self.slot(id)?.write()))
    }

    fn try_write(&self, id: PageId) -> Result<Option<Write<'_>>, Error> {
        let page = self.slot(id)?.try_write();
        self.writes.fetch_add(page.is_some().into(), Ordering::Relaxed);
        Ok(page.map(Write))
    }

    fn allocate(&self, kind: PageKind) -> Result<Write<'_>, Error> {
        let index = self.free.lock().expect("nobody panics with it").pop();
        let full = slotted_page::Error::FileFull { max: self.pages.len() as u32 };
        let id = PageId(FIRST + index.ok_or(full)?);
        let mut page = self.slot(id)?.write();
        header::init(&mut page, id, kind);
        Ok(Write(page))
    }

    fn free<'a>(&'a self, page: Write<'a>) -> Result<(), Error> {
        let id = header::id(&page);
        drop(page);
        self.free.lock().expect("nobody panics with it").push(id.0 - FIRST);
        Ok(())
    }
}
