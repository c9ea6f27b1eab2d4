//! Pages in memory: [`MemPager`].
//!
//! Numbers are given out from the top down, and a freed page is the next one to be given out. A structure
//! that takes a larger number for a later page works on no such pager.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use buffer_pool::{Error, Pager};
use kit::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use slotted_page::{PAGE_SIZE, PageBuf, PageId, PageKind, header};

/// The lowest page number given out: those below belong to the disk manager in a file.
const FIRST: u32 = 4;

/// A page, or nothing where none is allocated.
type Place = Option<Box<PageBuf>>;

/// A pager without a pool, a disk and an eviction.
pub struct MemPager {
    places: Box<[RwLock<Place>]>,
    /// Numbers to give out, the next one last. Never held while a latch is waited for.
    free: Mutex<Vec<PageId>>,
}

/// Shared access to a page of a [`MemPager`].
pub struct MemRead<'a>(RwLockReadGuard<'a, Place>);

/// Exclusive access to a page of a [`MemPager`].
pub struct MemWrite<'a> {
    guard: RwLockWriteGuard<'a, Place>,
    id: PageId,
}

impl MemPager {
    /// Room for `pages` pages, none of them allocated. Past that, `allocate` fails with `FileFull`.
    pub fn new(pages: u32) -> Self {
        MemPager {
            places: (0..pages).map(|_| RwLock::new(None)).collect(),
            free: Mutex::new((FIRST..FIRST + pages).map(PageId).collect()),
        }
    }

    /// The allocated pages, sorted.
    pub fn allocated(&self) -> Vec<PageId> {
        let free = self.free().clone();
        let all = (FIRST..FIRST + self.places.len() as u32).map(PageId);
        all.filter(|page| !free.contains(page)).collect()
    }

    /// The pages as they would lie in a file, zeros where none is allocated. Waits for writers.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; FIRST as usize * PAGE_SIZE];
        for place in &self.places {
            match place.read().as_deref() {
                Some(page) => bytes.extend_from_slice(page),
                None => bytes.resize(bytes.len() + PAGE_SIZE, 0),
            }
        }
        bytes
    }

    fn free(&self) -> MutexGuard<'_, Vec<PageId>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, id: PageId) -> Result<&RwLock<Place>, Error> {
        let index = id.0.checked_sub(FIRST).map(|index| index as usize);
        index.and_then(|index| self.places.get(index)).ok_or_else(|| not_allocated(id))
    }
}

impl Pager for MemPager {
    type Read<'a> = MemRead<'a>;
    type Write<'a> = MemWrite<'a>;

    #[track_caller]
    fn read(&self, id: PageId) -> Result<MemRead<'_>, Error> {
        let guard = self.place(id)?.read();
        if guard.is_some() { Ok(MemRead(guard)) } else { Err(not_allocated(id)) }
    }

    #[track_caller]
    fn write(&self, id: PageId) -> Result<MemWrite<'_>, Error> {
        let guard = self.place(id)?.write();
        if guard.is_some() { Ok(MemWrite { guard, id }) } else { Err(not_allocated(id)) }
    }

    fn try_write(&self, id: PageId) -> Result<Option<MemWrite<'_>>, Error> {
        match self.place(id)?.try_write() {
            None => Ok(None),
            Some(guard) if guard.is_some() => Ok(Some(MemWrite { guard, id })),
            Some(_) => Err(not_allocated(id)),
        }
    }

    fn allocate(&self, kind: PageKind) -> Result<MemWrite<'_>, Error> {
        let full = slotted_page::Error::FileFull { max: self.places.len() as u32 };
        let id = self.free().pop().ok_or(full)?;
        let mut page = Box::new([0; PAGE_SIZE]);
        header::init(&mut page, id, kind);
        let mut guard = self.place(id)?.write();
        *guard = Some(page);
        Ok(MemWrite { guard, id })
    }

    fn free<'a>(&'a self, mut page: MemWrite<'a>) -> Result<(), Error> {
        *page.guard = None;
        let id = page.id;
        drop(page);
        self.free().push(id);
        Ok(())
    }
}

fn not_allocated(page: PageId) -> Error {
    slotted_page::Error::NotAllocated { page }.into()
}

impl Deref for MemRead<'_> {
    type Target = PageBuf;

    fn deref(&self) -> &PageBuf {
        self.0.as_deref().expect("read gives no guard of a page that is not allocated")
    }
}

impl Deref for MemWrite<'_> {
    type Target = PageBuf;

    fn deref(&self) -> &PageBuf {
        self.guard.as_deref().expect("write gives no guard of a page that is not allocated")
    }
}

impl DerefMut for MemWrite<'_> {
    fn deref_mut(&mut self) -> &mut PageBuf {
        self.guard.as_deref_mut().expect("write gives no guard of a page that is not allocated")
    }
}
