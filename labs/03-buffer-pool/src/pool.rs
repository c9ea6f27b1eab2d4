//! The buffer pool: loads pages into frames and writes changed ones back (tasks 3.2 and 3.4).

use kit::sync::Arc;
use slotted_page::{DiskManager, PageId, PageKind};

use crate::{Access, Error, FlushHook, FrameId, FrameTable};

/// How often the pool did what, since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStats {
    /// Requests for a page that was in the pool.
    pub hits: u64,
    /// Requests for a page that had to be read, also where reading failed.
    pub misses: u64,
    /// Pages that left the pool so that another could come.
    pub evictions: u64,
    /// Pages written to the disk.
    pub writes: u64,
}

/// A pool of frames over a file of pages.
pub struct BufferPool {}

/// Keeps a page in its frame. Says nothing about who may look at the bytes: that is for guards.
pub struct Pin<'p> {
    pool: &'p BufferPool,
    page: PageId,
    frame: FrameId,
}

impl BufferPool {
    /// A pool of `frames` frames over the pages of `disk`, without a log.
    pub fn new(disk: DiskManager, frames: usize) -> Result<Self, Error> {
        todo!()
    }

    /// As [`new`](Self::new), with a hook that is called before any changed page is written.
    pub fn with_hook(disk: DiskManager, frames: usize, hook: Arc<dyn FlushHook>) -> Result<Self, Error> {
        todo!()
    }

    /// The file below, for its root page and its numbers. Reading or writing pages past the pool gives old bytes.
    pub fn disk(&self) -> &DiskManager {
        todo!()
    }

    /// Number of frames.
    pub fn frame_count(&self) -> usize {
        todo!()
    }

    /// Brings page `id` in, if it is not there, and keeps it there while the pin lives.
    pub fn pin(&self, id: PageId, access: Access) -> Result<Pin<'_>, Error> {
        todo!()
    }

    /// Allocates a page and pins it. It needs no read; it is changed from the start.
    pub fn pin_new(&self, kind: PageKind) -> Result<Pin<'_>, Error> {
        todo!()
    }

    /// Writes page `id` if it is in the pool and changed.
    pub fn flush(&self, id: PageId) -> Result<(), Error> {
        todo!()
    }

    /// Writes every changed page in the pool; goes on after an error and returns the first.
    pub fn flush_all(&self) -> Result<(), Error> {
        todo!()
    }

    /// Makes everything durable: writes every changed page and syncs the file.
    pub fn sync(&self) -> Result<(), Error> {
        todo!()
    }

    /// What was done so far.
    pub fn stats(&self) -> PoolStats {
        todo!()
    }

    /// Pins of page `id`, 0 if it is not resident.
    pub fn pin_count(&self, id: PageId) -> u32 {
        todo!()
    }

    /// True if page `id` is in the pool and changed since it was last written.
    pub fn is_dirty(&self, id: PageId) -> bool {
        todo!()
    }

    /// The pages in the pool, sorted.
    pub fn resident(&self) -> Vec<PageId> {
        todo!()
    }
}

impl Pin<'_> {
    /// The page.
    pub fn id(&self) -> PageId {
        self.page
    }
}

impl Drop for Pin<'_> {
    fn drop(&mut self) {
        todo!()
    }
}
