//! The disk manager: a file of pages, and which of them are in use.
//!
//! Called by the buffer pool (lab 3) for every page that it reads or writes; calls a [`Disk`]. It seals each page on the
//! way out and verifies it on the way in (task 2.5), so whoever reads gets the page last written or an error.
//!
//! ```text
//!                 read_page, write_page          allocate, free
//!                          |                            |
//!                          |                     +------v------+
//!                          |    may I? <-------- |  free map   |  lock
//!                          |                     +------+------+
//!                          |                            | sync: snapshot
//!      +------+------+-----v-+-------+---+---+---+---+--v--+---
//!      | meta | meta | map 0 | map 0 | pages of the owner ...    file
//!      |      | copy |   A   |   B   |
//!      +------+------+-------+-------+---+---+---+---+-----+---
//!         0      1       2       3     4 ...
//! ```
//!
//! The bytes of the meta and map pages are described in `allocation.rs`, the free map in memory in `free_map.rs`.
//!
//! # What a crash leaves
//!
//! [`DiskManager::sync`] is the only point at which anything becomes durable:
//!
//! - P1 *all or nothing*: after a crash, [`DiskManager::open`] finds exactly the set of allocated pages and the root of the
//!   last `sync` that returned `Ok`, or of the one that was running. So no page allocated at a sync is lost,
//!   and none allocated or freed later is leaked or handed out twice: all of that is as if it had not happened.
//! - P2 *old bytes stay*: a page that was allocated at the last sync and not written since has its bytes, even if it was
//!   freed since. That is why a freed page is not handed out again before the next sync has finished.
//! - P3 *no stale bytes*: a page that was allocated and not written since reads as [`Corruption::NeverWritten`],
//!   also if it had an owner before.
//! - P4 *no silent loss*: a page written since the last sync may be found as before, as written, or damaged; damaged is an error.
//!   A damaged bit in the manager's own pages is an error or harmless, never another set of pages.
//!
//! The owner's part: before a `sync`, write what leads to a new page (a parent, a catalog, the [root](DiskManager::set_root)),
//! and nothing that leads to a freed one. Then neither a crash before the sync nor one after it leaves a page that
//! nothing leads to.
//!
//! # How `sync` does it
//!
//! ```text
//!   time  -->
//!   write the other      sync        write meta    sync        write meta
//!   copy of each map     the         page 0        the         page 1
//!   that changed         disk                      disk        (copy)
//!   -----------------------------|--------------|-----------------------
//!     crash: meta 0 and 1 are    | meta 0 may   | meta 0 is new; meta 1
//!     old, and so are the maps   | be torn:     | may be torn: take
//!     they choose                | take meta 1  | meta 0
//! ```
//!
//! Whichever meta page is whole and of the larger epoch counts. The second is written so that at rest there are two: one
//! damaged bit must not bring back an older state. It needs no sync of its own, because the next `sync` of the disk
//! comes before meta page 0 is touched again.
//!
//! # Threads
//!
//! All methods take `&self`. Two locks, in this order: `commit` (rank 1) lets one `sync` at a time do its work and is held across its
//! I/O; `map` (rank 2) protects the free map and is held only to look at it or change it, and while `allocate` makes the file
//! longer, because length and page count must agree. No lock is held while a page is read or written.
//!
//! # What is left out, and its price
//!
//! A file never shrinks. Allocation order is lowest page first; nothing keeps the pages of one table together. The allocation state is made durable
//! on their own, by up to two syncs of the disk; lab 7 logs allocations instead and so needs one, and then P1 is the log's
//! work. `create` is not atomic: make a file under another name and rename it when `create` has returned.
//!
//! Source: the protocol is LMDB's two meta pages (Chu, "MDB: a memory-mapped database", 2011) turned to bitmaps; the hazards are those of
//! Pillai et al., "All file systems are not created equal" (OSDI 2014), and for failed syncs Rebello et al., "Can applications recover
//! from fsync failures?" (USENIX ATC 2020).

use std::fmt;

use kit::disk::Disk;
use kit::sync::{Arc, Mutex};

use crate::allocation::{self, Meta, group_count, is_reserved, map_page};
use crate::file_io::{read_whole, write_whole};
use crate::free_map::{FreeMap, Snapshot};
use crate::{Corruption, Error, PAGE_SIZE, PageBuf, PageId, seal, verify};

pub use crate::allocation::{GROUP_PAGES, MAX_PAGE_COUNT};

/// By how many pages the file grows when it has to.
const GROWTH_PAGES: u32 = 64;

/// A file of pages. See the [module](self) for what it promises.
pub struct DiskManager {
    disk: Arc<dyn Disk>,
    /// Rank 1: what is durable. Held across the I/O of `sync`.
    commit: Mutex<Commit>,
    /// Rank 2: the free map and the length of the file. Held across `set_len` and no other I/O.
    map: Mutex<Extent>,
}

/// What is known to be durable.
struct Commit {
    /// The state that a crash brings back, while no sync is running.
    durable: Snapshot,
    /// Its epoch.
    epoch: u64,
    /// For each of its groups, which copy of the map is current.
    copies: Vec<u8>,
    /// A sync failed at a point after which nobody knows which state a crash would bring back.
    is_broken: bool,
}

/// The free map, and how many pages the file has room for.
struct Extent {
    free: FreeMap,
    /// Pages for which the file is long enough; at least the free map's page count.
    file_pages: u32,
}

/// How many pages a file has, and what they are used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskStats {
    /// Pages of the file, the manager's own included. Page numbers are below this.
    pub page_count: u32,
    /// Pages that are allocated.
    pub allocated: u32,
    /// Pages that are not, and will be handed out again before the file grows: some now, some after the next sync.
    pub free: u32,
    /// The manager's own pages.
    pub reserved: u32,
}

impl DiskManager {
    /// Makes `disk` an empty file of pages. Whatever it held is gone.
    ///
    /// # Ensures
    /// Nothing is allocated, there is no root, and this is durable. A crash before `create` returned leaves a file that
    /// [`DiskManager::open`] refuses or finds empty.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(disk: Arc<dyn Disk>) -> Result<DiskManager, Error> {
        disk.set_len(0)?;
        disk.sync()?;
        let empty = Snapshot::empty();
        disk.set_len(PageId(empty.page_count).offset())?;
        let nothing = Snapshot { page_count: empty.page_count, root: empty.root, words: Vec::new() };
        let commit = Commit { durable: nothing, epoch: 0, copies: Vec::new(), is_broken: false };
        let manager = DiskManager::assemble(disk, empty, commit);
        manager.sync()?;
        Ok(manager)
    }

    /// Opens a file that [`DiskManager::create`] made, also after a crash.
    ///
    /// # Requires
    /// No other manager is open on the file. Its bytes may be anything.
    ///
    /// # Ensures
    /// P1. What was found is durable before `open` returns: if the program that wrote it ended inside a `sync`, the
    /// state may so far be only in the system's cache. The meta pages say whether that can be: `sync` writes meta page 1
    /// when the same content is durable in meta page 0, so two that are alike need no sync. If they differ, the disk is
    /// synced *before* the first byte of the other one is written: until then it may be the only durable one.
    /// Bytes past the last page are cut off, so that the file grows by zeros; both meta pages are alike again. The one
    /// that was repaired need not be durable: the next `sync` of the disk comes before the other is written
    /// over. Never panics, whatever the bytes.
    ///
    /// # Errors
    /// [`Error::Corrupt`]: both meta pages are damaged, the file is too short for its pages, a map page is damaged,
    /// or the root is not allocated. [`Error::Io`]: above all, a meta page that *could not be read* is not a damaged one.
    ///
    /// # Cost
    /// Two page reads, one more for each group, and a read of the length. If the file was left in order, no write and no
    /// change of the length.
    pub fn open(disk: Arc<dyn Disk>) -> Result<DiskManager, Error> {
        // Nudge: which of the two meta pages may be torn, and what does that say of the other?
        // Nudge: when may a damaged meta page be overwritten?
        todo!("task 2.6: open a file")
    }

    /// The manager of a file in state `now`, which is as long as its pages.
    fn assemble(disk: Arc<dyn Disk>, now: Snapshot, commit: Commit) -> Self {
        let extent = Extent { file_pages: now.page_count, free: FreeMap::new(now) };
        DiskManager { disk, commit: Mutex::new(commit), map: Mutex::new(extent) }
    }

    /// Allocates a page.
    ///
    /// # Ensures
    /// The page was not allocated, is not one of the manager's, and was not allocated in any state that a crash could
    /// bring back (P2). Until it is written it reads as [`Corruption::NeverWritten`] (P3). Free pages are
    /// used before the file grows. The allocation is durable with the next [`DiskManager::sync`] that returns `Ok`.
    ///
    /// # Errors
    /// Nothing is allocated: [`Error::Io`], of kind `StorageFull` if the disk has no more room; [`Error::FileFull`].
    /// The manager goes on working, and a later call may succeed.
    ///
    /// # Cost
    /// One page write if a free page is used again, else one `set_len` every so many pages. No read, no sync. The
    /// search goes on where the last one ended: a run of calls passes over the free map once, not once each.
    pub fn allocate(&self) -> Result<PageId, Error> {
        // Nudge: a page taken again still has its former owner's bytes.
        todo!("task 2.6: allocate a page")
    }

    /// Frees a page.
    ///
    /// # Ensures
    /// The page is no longer allocated. Its bytes stay as they are, and [`DiskManager::allocate`] does not hand it out, until
    /// the next `sync` has returned `Ok` (P2). But if it was allocated since the last call of `sync`, no crash brings it
    /// back: it is a free page at once, and handed out before the file grows.
    ///
    /// # Errors
    /// Nothing is changed: [`Error::ReservedPage`], [`Error::NotAllocated`] (also for a page that was freed already),
    /// [`Error::RootPage`].
    ///
    /// # Cost
    /// No I/O.
    pub fn free(&self, id: PageId) -> Result<(), Error> {
        self.map.lock().free.release(id)
    }

    /// Reads page `id` into `page`.
    ///
    /// # Ensures
    /// `page` is as it was last written, the checksum in its header filled in.
    ///
    /// # Errors
    /// [`Error::ReservedPage`], [`Error::NotAllocated`]; [`Error::Corrupt`] with [`Corruption::NeverWritten`] if the page was not
    /// written since it was allocated, with [`Corruption::PastEnd`] if the file was cut, or with what else
    /// [`verify`] says; [`Error::Io`]. After an error the bytes of `page` may be anything.
    ///
    /// # Cost
    /// One read; no lock is held meanwhile.
    pub fn read_page(&self, id: PageId, page: &mut PageBuf) -> Result<(), Error> {
        todo!("task 2.6: read a page")
    }

    /// Writes `page` as page `id`. The page is durable with the next [`DiskManager::sync`] that returns `Ok`.
    ///
    /// # Ensures
    /// What is written is `page` with the right checksum in its header; `page` itself is not changed.
    ///
    /// # Errors
    /// [`Error::ReservedPage`], [`Error::NotAllocated`]; [`Error::Corrupt`] if the header of `page` is not that of page `id`
    /// (see [`seal`]); nothing was written then. [`Error::Io`]: part of the page may have been written.
    ///
    /// # Cost
    /// One write; no lock is held meanwhile.
    pub fn write_page(&self, id: PageId, page: &PageBuf) -> Result<(), Error> {
        todo!("task 2.6: write a page")
    }

    /// Makes everything durable that was done before the call: pages written, allocated and freed, and the root.
    ///
    /// # Ensures
    /// On `Ok`, P1 and P2 hold with the state of this call, and pages freed before it can be handed out again. If pages
    /// are allocated or freed while it runs, they belong to the next sync.
    ///
    /// # Errors
    /// [`Error::Io`]: the state before or this one is durable, and what was written since the last sync may be lost. If a
    /// sync of the *disk* failed, those writes cannot be brought back by trying again (rule D3 of [`kit::disk`]), so
    /// from then on every `sync` is [`Error::SyncFailed`] until the file is opened again. Other errors may do the same.
    ///
    /// # Cost
    /// One sync of the disk if no page was allocated or freed and the root is the same. Else two syncs and three page writes: the map
    /// of each group that changed, and the two meta pages.
    pub fn sync(&self) -> Result<(), Error> {
        // Nudge: the order of the picture above, and what each step may assume.
        // Nudge: when do you know nothing any more about what is durable?
        todo!("task 2.6: make everything durable")
    }

    /// The owner's root page, as last set; `None` in a new file.
    pub fn root(&self) -> Option<PageId> {
        Some(self.map.lock().free.root).filter(|root| *root != PageId::NONE)
    }

    /// Sets the page from which the owner finds everything else again after opening the file. It is durable with the next
    /// [`DiskManager::sync`], together with the allocations, all or nothing (P1).
    ///
    /// # Errors
    /// The root stays: [`Error::ReservedPage`], [`Error::NotAllocated`].
    pub fn set_root(&self, root: Option<PageId>) -> Result<(), Error> {
        // Under one guard: a `free` between the look and the change would make a free page the root.
        let mut map = self.map.lock();
        if let Some(id) = root {
            check_in(&map.free, id)?;
        }
        map.free.root = root.unwrap_or(PageId::NONE);
        Ok(())
    }

    /// True if `id` is allocated now. False for the manager's own pages and for numbers past the end.
    pub fn is_allocated(&self, id: PageId) -> bool {
        self.map.lock().free.is_allocated(id)
    }

    /// Counts the pages. One pass over the free map.
    pub fn stats(&self) -> DiskStats {
        let map = self.map.lock();
        let page_count = map.free.page_count;
        let reserved = allocation::META_PAGES + group_count(page_count) as u32 * allocation::MAP_COPIES;
        let allocated = map.free.allocated_count();
        DiskStats { page_count, allocated, free: page_count - reserved - allocated, reserved }
    }

    /// What each page from 0 up to the page count is used for, one letter a page: `M` meta, `m` map, `A` allocated, `R` the
    /// root, `.` free, `h` free but held for a state that a crash could bring back.
    pub fn usage(&self) -> String {
        let map = self.map.lock();
        let letter = |id: PageId| match id {
            _ if id.0 < allocation::META_PAGES => 'M',
            _ if is_reserved(id) => 'm',
            _ if id == map.free.root => 'R',
            _ if map.free.is_allocated(id) => 'A',
            _ if map.free.is_held(id) => 'h',
            _ => '.',
        };
        (0..map.free.page_count).map(|id| letter(PageId(id))).collect()
    }

    /// Refuses pages that the owner does not have.
    fn check_allocated(&self, id: PageId) -> Result<(), Error> {
        check_in(&self.map.lock().free, id)
    }
}

/// Refuses pages that are not allocated in `free`.
fn check_in(free: &FreeMap, id: PageId) -> Result<(), Error> {
    if is_reserved(id) {
        return Err(Error::ReservedPage { page: id });
    }
    // Who still has a former owner's link must not see his bytes while they are being cleared (P3).
    if free.is_allocated(id) && !free.is_preparing(id) {
        Ok(())
    } else {
        Err(Error::NotAllocated { page: id })
    }
}

/// Shows the counts, not the pages.
impl fmt::Debug for DiskManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskManager").field("stats", &self.stats()).field("root", &self.root()).finish()
    }
}
