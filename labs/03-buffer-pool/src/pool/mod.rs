//! The buffer pool: loads pages into frames and writes changed ones back (tasks 3.2 and 3.4).

mod frame;
mod load;

use kit::sync::{Arc, Condvar, Mutex};
use slotted_page::{DiskManager, PageId, PageKind};

use crate::{Access, Error, FlushHook, FrameId, FrameTable, Lookup, PinCounts};

pub(crate) use frame::Frame;

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
pub struct BufferPool {
    disk: DiskManager,
    hook: Option<Arc<dyn FlushHook>>,
    frames: Box<[Frame]>,
    pins: Arc<PinCounts>,
    /// The one lock of the pool.
    books: Mutex<Books>,
    /// Notified when a page is no longer busy, and when one was detached.
    settled: Condvar,
}

/// What the pool's lock protects.
struct Books {
    table: FrameTable,
    stats: PoolStats,
    /// Calls of `pin_new` that are under way.
    newcomers: usize,
}

/// Keeps a page in its frame. Says nothing about who may look at the bytes: that is for guards.
pub struct Pin<'p> {
    pool: &'p BufferPool,
    page: PageId,
    frame: FrameId,
}

impl BufferPool {
    /// A pool of `frames` frames over the pages of `disk`, without a log.
    pub fn new(disk: DiskManager, frames: usize) -> Result<Self, Error> {
        Self::build(disk, frames, None)
    }

    /// As [`new`](Self::new), with a hook that is called before any changed page is written.
    pub fn with_hook(disk: DiskManager, frames: usize, hook: Arc<dyn FlushHook>) -> Result<Self, Error> {
        Self::build(disk, frames, Some(hook))
    }

    fn build(disk: DiskManager, frames: usize, hook: Option<Arc<dyn FlushHook>>) -> Result<Self, Error> {
        if frames == 0 {
            return Err(Error::NoFrames);
        }
        let pins = Arc::new(PinCounts::new(frames));
        let table = FrameTable::new(Arc::clone(&pins));
        let books = Books { table, stats: PoolStats::default(), newcomers: 0 };
        Ok(BufferPool {
            disk,
            hook,
            frames: (0..frames).map(|_| Frame::new()).collect(),
            pins,
            books: Mutex::new(books),
            settled: Condvar::new(),
        })
    }

    /// The file below, for its root page and its numbers. Reading or writing pages past the pool gives old bytes.
    pub fn disk(&self) -> &DiskManager {
        &self.disk
    }

    /// Number of frames.
    pub fn frame_count(&self) -> usize {
        self.frames.len()
    }

    /// Brings page `id` in, if it is not there, and keeps it there while the pin lives.
    pub fn pin(&self, id: PageId, access: Access) -> Result<Pin<'_>, Error> {
        let mut books = self.books.lock();
        loop {
            match books.table.lookup(id) {
                Lookup::Resident(frame) => {
                    books.table.pin(frame, access);
                    books.stats.hits += 1;
                    return Ok(Pin { pool: self, page: id, frame });
                }
                Lookup::Busy => books = self.settled.wait(books),
                Lookup::Absent => {
                    let claim = books.table.claim(id)?;
                    books.stats.misses += 1;
                    drop(books);
                    return self.load(claim);
                }
            }
        }
    }

    /// Allocates a page and pins it. It needs no read; it is changed from the start.
    pub fn pin_new(&self, kind: PageKind) -> Result<Pin<'_>, Error> {
        self.books.lock().newcomers += 1;
        let pin = self.allocate_and_pin(kind);
        self.books.lock().newcomers -= 1;
        pin
    }

    /// Writes page `id` if it is in the pool and changed.
    pub fn flush(&self, id: PageId) -> Result<(), Error> {
        let mut books = self.books.lock();
        let frame = loop {
            match books.table.lookup(id) {
                Lookup::Resident(frame) => break frame,
                Lookup::Busy => books = self.settled.wait(books),
                Lookup::Absent => return Ok(()),
            }
        };
        books.table.hold(frame);
        drop(books);
        let pin = Pin { pool: self, page: id, frame };
        self.write_back(id, pin.frame())
    }

    /// Writes every changed page in the pool; goes on after an error and returns the first.
    pub fn flush_all(&self) -> Result<(), Error> {
        let mut pages = self.books.lock().table.in_frames();
        pages.retain(|(_, frame)| self.frames[frame.0].is_dirty());
        pages.sort_unstable();
        let mut result = Ok(());
        for (page, _) in pages {
            result = result.and(self.flush(page));
        }
        result
    }

    /// Makes everything durable: writes every changed page and syncs the file.
    pub fn sync(&self) -> Result<(), Error> {
        self.flush_all()?;
        self.disk.sync()?;
        Ok(())
    }

    /// What was done so far.
    pub fn stats(&self) -> PoolStats {
        self.books.lock().stats
    }

    /// Pins of page `id`, 0 if it is not resident.
    pub fn pin_count(&self, id: PageId) -> u32 {
        match self.books.lock().table.lookup(id) {
            Lookup::Resident(frame) => self.pins.get(frame),
            Lookup::Busy | Lookup::Absent => 0,
        }
    }

    /// True if page `id` is in the pool and changed since it was last written.
    pub fn is_dirty(&self, id: PageId) -> bool {
        match self.books.lock().table.lookup(id) {
            Lookup::Resident(frame) => self.frames[frame.0].is_dirty(),
            Lookup::Busy | Lookup::Absent => false,
        }
    }

    /// The pages in the pool, sorted.
    pub fn resident(&self) -> Vec<PageId> {
        let mut pages: Vec<PageId> = self.frames_in_use().into_iter().map(|(page, _)| page).collect();
        pages.sort_unstable();
        pages
    }

    /// The pages in the pool with their frames, in the order of frames.
    pub(crate) fn frames_in_use(&self) -> Vec<(PageId, FrameId)> {
        self.books.lock().table.resident()
    }

    /// Takes a freed page out of the pool.
    pub(crate) fn detach(&self, id: PageId) {
        self.books.lock().table.detach(id);
        self.settled.notify_all();
    }
}

impl<'p> Pin<'p> {
    /// The page.
    pub fn id(&self) -> PageId {
        self.page
    }

    /// The page's frame.
    pub(crate) fn frame(&self) -> &'p Frame {
        &self.pool.frames[self.frame.0]
    }
}

impl Drop for Pin<'_> {
    fn drop(&mut self) {
        self.pool.pins.release(self.frame);
    }
}
