//! The buffer pool: keeps some pages of the file in memory, brings in what is asked for, and writes back what
//! was changed (tasks 3.2 and 3.4).
//!
//! Called by everything above through the guards (task 3.3) and the [`Pager`](crate::Pager) trait; calls the
//! frame table (task 3.1) for what is where, and the disk manager of lab 2 for the bytes.
//!
//! ```text
//!      read(7)     write(9)    read(31)                  threads
//!         |           |           |
//!   +-----v-----------v-----------v------+
//!   |  frame table     (the one lock)    |   7 -> 0,  9 -> 2,  31 busy
//!   +-----|-----------|-----------|------+
//!         v           v           v
//!   +---------+ +---------+ +---------+ +---------+
//!   | frame 0 | | frame 2 | | frame 1 | | frame 3 |    each a latch,
//!   | page 7  | | page 9  | |    ?    | | page 12 |    a dirty flag
//!   |         | |  dirty  | |    ^    | |         |    and 4,096 bytes
//!   +---------+ +---------+ +----|----+ +---------+
//!                                | read_page(31), no lock held
//!   +----------------------------|----------------+
//!   |  disk manager              |                |
//!   +---------------------------------------------+
//! ```
//!
//! A miss with a dirty victim, and what others see meanwhile. The lock is held only where the line has a `#`:
//!
//! ```text
//!   time -->
//!    claim    hook, write_page(victim)   evicted     read_page     publish
//!   ---#---------------------------------#---------------------------#---
//!   page:      busy                        busy                   resident
//!   victim:    busy                        absent
//! ```
//!
//! # Invariants
//! - **B1** A thread that finds a page resident may look into its frame once it has the latch. A thread that
//!   finds it busy waits for `state_changed`, then looks the page up again: it may be resident, absent or
//!   busy then.
//! - **B2** Two requests that miss one page cause one read. Requests for different pages do not wait for each
//!   other's I/O.
//! - **B3** A dirty page leaves its frame only after it was written. The flag is cleared only after a
//!   successful write, under the page's latch, so that no change can slip in between. Only `free` and
//!   `write_new`, which hold the write latch, give up bytes that were not written.
//! - **B4** A claim ends with `publish` or `cancel`, whatever fails, and after each of them `state_changed`
//!   is notified. So no thread waits for a page that no thread is working on.
//! - **B5** A page of a slotted kind ([`PageKind::is_slotted`]) was checked when it was read, so a hit may
//!   take it for a slotted page ([`SlottedPage::assume_valid`](slotted_page::SlottedPage::assume_valid)).
//!
//! # Locks
//!
//! | rank | lock                           | protects                 | may be done under it               |
//! | ---- | ------------------------------ | ------------------------ | ---------------------------------- |
//! | 1    | a page's latch, `Frame::bytes` | its bytes and dirty flag | I/O on it, latches by U2, the pool |
//! | 2    | `state`                        | frame table, counts      | nothing that waits or does I/O     |
//!
//! Rule U2 is that of [`pager`](crate::pager). A claimed frame belongs to one thread, so its latch is free.
//! The disk manager has locks of its own, below these; no lock of the pool is held when the hook is called,
//! but the latch of the page is.
//!
//! # What is left out, and its price
//! - Nothing is written ahead of need: a miss may have to wait for the write of its victim. Systems with a
//!   background writer keep clean frames in stock.
//! - One lock for all pages: with many cores hits wait for each other. Others cut the page table into parts.
//! - If a hook or a disk panics, the page that it was called for stays busy for ever.
//! - Dropping a pool writes nothing: what was not flushed is gone, as in a crash.
//!
//! Source: Gray and Reuter, "Transaction Processing" (1993), section 13.4 on the buffer manager; Graefe, "A
//! survey of B-tree locking techniques", ACM TODS 35(3), 2010, section 2, for latches against locks.

mod frame;
mod load;
mod write_new;

use kit::sync::{Arc, Condvar, Mutex};
use slotted_page::{DiskManager, PageId, PageKind};

use crate::{Access, Error, FlushHook, FrameId, FrameTable, Lookup, PinCounts};

pub(crate) use frame::Frame;

/// How often the pool did what, since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStats {
    /// Requests for a page that was in the pool.
    pub hits: u64,
    /// Requests for a page that had to be read, also where the read, or the write of the victim, failed.
    pub misses: u64,
    /// Pages that left the pool so that another could come.
    pub evictions: u64,
    /// Pages written to the disk.
    pub writes: u64,
}

/// A pool of frames over a file of pages. See the [module](self) for its rules.
pub struct BufferPool {
    disk: DiskManager,
    /// Called before a changed page is written, if there is one.
    hook: Option<Arc<dyn FlushHook>>,
    /// The frames, by their numbers.
    frames: Box<[Frame]>,
    /// Pins of each frame, shared with the frame table.
    pins: Arc<PinCounts>,
    /// Rank 2, the one lock of the pool.
    state: Mutex<PoolState>,
    /// Goes with `state`. Notified when a page is no longer busy, and when one was detached.
    state_changed: Condvar,
}

/// What the pool's lock protects.
struct PoolState {
    table: FrameTable,
    stats: PoolStats,
    /// Calls of `pin_new` that have not returned yet; `cancel` uses it.
    newcomers: usize,
}

/// Keeps a page in its frame until it is dropped. It gives no access to the bytes: a guard does.
#[must_use = "the page may be evicted as soon as the pin is dropped"]
pub struct Pin<'p> {
    pool: &'p BufferPool,
    page: PageId,
    frame: FrameId,
}

impl BufferPool {
    /// A pool of `frames` frames over the pages of `disk`, without a log.
    ///
    /// # Errors
    /// [`Error::NoFrames`].
    pub fn new(disk: DiskManager, frames: usize) -> Result<Self, Error> {
        Self::build(disk, frames, None)
    }

    /// As [`new`](Self::new), with a hook that is called before any changed page is written.
    ///
    /// # Errors
    /// [`Error::NoFrames`].
    pub fn with_hook(disk: DiskManager, frames: usize, hook: Arc<dyn FlushHook>) -> Result<Self, Error> {
        Self::build(disk, frames, Some(hook))
    }

    /// A pool with or without a hook.
    fn build(disk: DiskManager, frames: usize, hook: Option<Arc<dyn FlushHook>>) -> Result<Self, Error> {
        if frames == 0 {
            return Err(Error::NoFrames);
        }
        let pins = Arc::new(PinCounts::new(frames));
        let table = FrameTable::new(Arc::clone(&pins));
        let state = PoolState { table, stats: PoolStats::default(), newcomers: 0 };
        Ok(BufferPool {
            disk,
            hook,
            frames: (0..frames).map(|_| Frame::new()).collect(),
            pins,
            state: Mutex::new(state),
            state_changed: Condvar::new(),
        })
    }

    /// The file below, for its root page and its statistics. A page that is read there may be older than the
    /// one in the pool, and a page that is written there may be overwritten by the pool. Freeing a pooled
    /// page directly on the disk manager can make a later `pin_new` wait for ever.
    pub fn disk(&self) -> &DiskManager {
        &self.disk
    }

    /// Number of frames.
    pub fn frame_count(&self) -> usize {
        self.frames.len()
    }

    /// Brings page `id` in, if it is not there, and keeps it there while the pin lives.
    ///
    /// # Ensures
    /// The page is resident, and pinned once more. One hit or one miss is counted, however often the call had
    /// to wait. A miss counts as soon as a frame is claimed, also if the victim cannot be written or the page
    /// cannot be read after that; a call that gets no frame counts as neither.
    ///
    /// # Errors
    /// [`Error::AllPinned`], at once, if no frame can be had. [`Error::Page`] if the page is not allocated,
    /// cannot be read or is damaged, or if the victim could not be written; the victim is as it was then. A
    /// call that waited for another thread's load tries for itself if that load fails.
    ///
    /// # Cost
    /// A hit: one lock, no I/O. A miss: one read, and one write if the victim is dirty.
    #[inline]
    pub fn pin(&self, id: PageId, access: Access) -> Result<Pin<'_>, Error> {
        //# task 3.2 find or fetch a page
        //+ // Nudge: Condvar::wait gives the lock back when it wakes you. What can have changed (B1)?
        //+ // Nudge: write the steps of a miss as functions of their own in load.rs; each can fail (B4).
        let mut state = self.state.lock();
        loop {
            match state.table.lookup(id) {
                Lookup::Resident(frame) => {
                    state.table.pin(frame, access);
                    state.stats.hits += 1;
                    return Ok(Pin { pool: self, page: id, frame });
                }
                Lookup::Busy => state = self.state_changed.wait(state),
                Lookup::Absent => {
                    let claim = state.table.claim(id)?;
                    state.stats.misses += 1;
                    drop(state);
                    return self.load(claim);
                }
            }
        }
        //# end
    }

    /// Allocates a page of kind `kind` and pins it.
    ///
    /// # Ensures
    /// The page is empty ([`header::init`](slotted_page::header::init)), resident and dirty, and pinned once.
    /// It was not read. It is neither a hit nor a miss.
    ///
    /// # Errors
    /// The page is not allocated then: [`Error::AllPinned`]; [`Error::Page`] if the file cannot take it or
    /// the victim could not be written.
    pub fn pin_new(&self, kind: PageKind) -> Result<Pin<'_>, Error> {
        self.state.lock().newcomers += 1;
        let pin = self.load_new(kind);
        self.state.lock().newcomers -= 1;
        pin
    }

    /// Writes page `id` if it is in the pool and dirty. Does nothing if it is not in the pool.
    ///
    /// # Requires
    /// The calling thread holds no write guard of the page: the call waits for the thread that does.
    ///
    /// # Ensures
    /// Each change of the page that was finished before the call has been given to the disk manager. If the
    /// page is busy, the call waits until it is not. No access is counted.
    ///
    /// # Errors
    /// [`Error::Page`], from the hook or from the disk. The page stays dirty.
    pub fn flush(&self, id: PageId) -> Result<(), Error> {
        //# task 3.2 flush a page
        //+ // Nudge: what keeps the page in its frame while it is written? What if it is being evicted?
        let mut state = self.state.lock();
        let frame = loop {
            match state.table.lookup(id) {
                Lookup::Resident(frame) => break frame,
                Lookup::Busy => state = self.state_changed.wait(state),
                Lookup::Absent => return Ok(()),
            }
        };
        state.table.hold(frame);
        drop(state);
        let pin = Pin { pool: self, page: id, frame };
        self.write_back(id, pin.frame())
        //# end
    }

    /// Writes every dirty page in the pool, in the order of page numbers.
    ///
    /// # Requires
    /// As [`flush`](Self::flush), for all pages: the calling thread holds no write guard at all.
    ///
    /// # Ensures
    /// As `flush`, for each page that is in the pool when the call begins, also for those that are being
    /// evicted then.
    ///
    /// # Errors
    /// Goes on after an error, and returns the first.
    pub fn flush_all(&self) -> Result<(), Error> {
        //# task 3.2 flush all pages
        //+ // Nudge: FrameTable::in_frames says where to look. A clean page need not be flushed.
        let mut pages = self.state.lock().table.in_frames();
        pages.retain(|(_, frame)| self.frames[frame.0].is_dirty());
        pages.sort_unstable();
        let mut result = Ok(());
        for (page, _) in pages {
            result = result.and(self.flush(page));
        }
        result
        //# end
    }

    /// Makes everything durable that was done before the call: writes every dirty page and syncs the file.
    ///
    /// # Requires
    /// As [`flush_all`](Self::flush_all).
    ///
    /// # Errors
    /// Those of `flush_all`, without a sync then; [`Error::Page`] from [`DiskManager::sync`].
    pub fn sync(&self) -> Result<(), Error> {
        self.flush_all()?;
        self.disk.sync()?;
        Ok(())
    }

    /// What was done so far.
    pub fn stats(&self) -> PoolStats {
        self.state.lock().stats
    }

    /// Pins of page `id` now, 0 if it is not resident.
    pub fn pin_count(&self, id: PageId) -> u32 {
        match self.state.lock().table.lookup(id) {
            Lookup::Resident(frame) => self.pins.get(frame),
            Lookup::Busy | Lookup::Absent => 0,
        }
    }

    /// True if page `id` is resident and changed since it was last written. False while the page is being
    /// evicted, although its bytes may not be on the disk yet. So a checkpoint (lab 6) cannot learn from this
    /// which pages are unwritten: it keeps a table of its own.
    pub fn is_dirty(&self, id: PageId) -> bool {
        match self.state.lock().table.lookup(id) {
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
        self.state.lock().table.resident()
    }

    /// Takes a freed page out of the table, and wakes the threads that wait for its number. Task 3.3 needs
    /// it.
    pub(crate) fn detach(&self, id: PageId) {
        self.state.lock().table.detach(id);
        self.state_changed.notify_all();
    }
}

impl<'p> Pin<'p> {
    /// The page.
    pub fn id(&self) -> PageId {
        self.page
    }

    /// The page's frame.
    #[inline]
    pub(crate) fn frame(&self) -> &'p Frame {
        &self.pool.frames[self.frame.0]
    }
}

impl Drop for Pin<'_> {
    #[inline]
    fn drop(&mut self) {
        self.pool.pins.release(self.frame);
    }
}
