//! The disk manager: a file of pages, and the allocation state of the file.
//!
//! The buffer pool (lab 3) calls it for every page that it reads or writes; it calls a [`Disk`]. It seals
//! each page before it writes it and verifies each page after it reads it (task 2.5), so a read returns the
//! page last written or an error.
//!
//! ```text
//!                 read_page, write_page          allocate, free
//!                          |                            |
//!                          |                     +------v------+
//!                          |   allocated? <----- |  free map   |  lock
//!                          |                     +------+------+
//!                          |                            | sync: snapshot
//!      +------+------+-----v-+-------+---+---+---+---+--v--+---
//!      | meta | meta | map 0 | map 0 | pages of the owner ...    file
//!      |      | copy |   A   |   B   |
//!      +------+------+-------+-------+---+---+---+---+-----+---
//!         0      1       2       3     4 ...
//! ```
//!
//! The bytes of the meta and map pages are described in `allocation.rs`, the free map in memory in
//! `free_map.rs`.
//!
//! # After a crash
//!
//! Only [`DiskManager::sync`] makes changes durable:
//!
//! - P1 *all or nothing*: after a crash, [`DiskManager::open`] finds exactly the allocated pages and the
//!   root of the last `sync` that returned `Ok`, or of the `sync` that was running. So no page that was
//!   allocated at the sync is lost. All later allocations and frees are undone: they leak no page, and no
//!   page is allocated twice.
//! - P2 *old bytes stay*: a page that was allocated at the last sync and not written since still has its
//!   bytes, even if it was freed since. For this a freed page is not allocated again before the next sync
//!   has finished.
//! - P3 *no stale bytes*: a page that was allocated and not written since reads as
//!   [`Corruption::NeverWritten`], also if it had an owner before.
//! - P4 *no silent loss*: a page that was written since the last sync may have its old bytes, its new
//!   bytes, or be damaged. Reading a damaged page is an error. A damaged bit in the manager's own pages is
//!   an error or has no effect; it never gives another set of allocated pages.
//! - P5 *no foreign pages*: if an undamaged page of the manager that `open` reads has another version of the
//!   format, or belongs to another file, `open` returns an error and leaves the file as it is.
//!
//! The owner must, before a `sync`, store a link to each new page (in a parent, a catalog or the
//! [root](DiskManager::set_root)) and remove the links to each freed page. Then no crash leaves an
//! allocated page to which there is no link.
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
//!     old and name the old maps  | be torn:     | may be torn: `open`
//!     open takes the old state   | take meta 1  | takes meta 0
//! ```
//!
//! The undamaged meta page with the larger epoch counts. Meta page 1 is written so that after a sync both
//! are alike: a damaged bit in one of them must not restore an older state. This write needs no sync of its
//! own, because the disk is synced again before meta page 0 is overwritten.
//!
//! # Threads
//!
//! All methods take `&self`. There are two locks, taken in this order. `commit` (rank 1) is held during a
//! whole `sync`, also during its I/O, so that only one `sync` runs at a time. `map` (rank 2) protects the
//! free map. It is held only while the map is read or changed, and while `allocate` makes the file longer,
//! because the length and the page count must agree. No lock is held while a page of the owner is read or
//! written.
//!
//! # What is left out, and its price
//!
//! A file never shrinks. The reference allocates the lowest free page first (you may choose another order),
//! so the pages of a table may be far apart. The allocation state has its own protocol, with up to two
//! syncs of the disk. From lab 6 on the engine allocates many pages at once, makes that durable, and logs
//! which of them are in use: then a commit needs no sync here, and the log ensures P1. `create` is not
//! atomic: create a file under another name, and rename it after `create` returned.
//!
//! Source: the two meta pages are those of LMDB (Chu, "MDB: a memory-mapped database", 2011), here with
//! bitmaps. The hazards are described by Pillai et al., "All file systems are not created equal" (OSDI
//! 2014), and for failed syncs by Rebello et al., "Can applications recover from fsync failures?" (USENIX
//! ATC 2020).

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};

use kit::disk::Disk;
use kit::sync::{Arc, Mutex};

use crate::allocation::{self, Meta, group_count, is_reserved, map_page};
use crate::file_io::{read_whole, write_whole};
use crate::free_map::{FreeMap, Snapshot};
use crate::{Corruption, Error, PAGE_SIZE, PageBuf, PageId, seal, verify};

pub use crate::allocation::{GROUP_PAGES, MAX_PAGE_COUNT};

/// Number of pages by which the file grows at a time.
const GROWTH_PAGES: u32 = 64;

/// A file of pages. See the [module](self) for its guarantees.
pub struct DiskManager {
    disk: Arc<dyn Disk>,
    /// Rank 1. Protects the durable state. Held during the I/O of `sync`.
    commit: Mutex<Commit>,
    /// Rank 2. Protects the free map and the length of the file. Held during `set_len` and no other I/O.
    map: Mutex<Extent>,
}

/// The state that is durable.
struct Commit {
    /// The identity of the file, in all meta and map pages.
    identity: u64,
    /// The state that a crash restores if no sync is running.
    durable: Snapshot,
    /// Its epoch.
    epoch: u64,
    /// For each of its groups, which copy of the map is current.
    copies: Vec<u8>,
    /// True if a sync failed after a point from which on a crash may restore either of two states.
    is_broken: bool,
}

/// The free map and the length of the file.
struct Extent {
    free: FreeMap,
    /// Number of pages for which the file is long enough; at least the free map's page count.
    file_pages: u32,
}

/// A meta page as it was read from the disk.
#[derive(Clone, PartialEq)]
enum MetaPage {
    /// The page is undamaged.
    Sound(Meta),
    /// The page is damaged.
    Damaged(Corruption),
}

/// The numbers of pages of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskStats {
    /// Pages of the file, the manager's own included. All page numbers are smaller.
    pub page_count: u32,
    /// Pages that are allocated.
    pub allocated: u32,
    /// Pages that are free. They are allocated before the file grows, some of them only after the next sync.
    pub free: u32,
    /// The manager's own pages.
    pub reserved: u32,
}

impl DiskManager {
    /// Makes `disk` an empty file of pages. Its old content is lost.
    ///
    /// # Ensures
    /// No page is allocated, there is no root, and this state is durable. After a crash during `create`,
    /// [`DiskManager::open`] returns an error or finds an empty file.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk failed.
    pub fn create(disk: Arc<dyn Disk>) -> Result<DiskManager, Error> {
        disk.set_len(0)?;
        disk.sync()?;
        let empty = Snapshot::empty();
        disk.set_len(PageId(empty.page_count).offset())?;
        let nothing = Snapshot { page_count: empty.page_count, root: empty.root, words: Vec::new() };
        let (identity, copies) = (new_identity(), Vec::new());
        let commit = Commit { identity, durable: nothing, epoch: 0, copies, is_broken: false };
        let manager = DiskManager::assemble(disk, empty, commit);
        manager.sync()?;
        Ok(manager)
    }

    /// Opens a file that [`DiskManager::create`] made, also after a crash.
    ///
    /// # Requires
    /// No other manager is open on the file. The file may hold any bytes.
    ///
    /// # Ensures
    /// - P1, P5. Never panics, for any bytes.
    /// - The state is durable before `open` returns. If the program that wrote it ended during a `sync`,
    ///   the state may be only in the system's cache. If the two meta pages are alike, the state is
    ///   durable, because `sync` writes meta page 1 only when meta page 0 is durable. If they differ,
    ///   `open` syncs the disk *before* it writes to the older or damaged meta page, because the older one
    ///   may be the only durable meta page until then.
    /// - Both meta pages are alike. The one that `open` repaired need not be durable: the disk is synced
    ///   again before the other one is overwritten.
    /// - Bytes after the last page are cut off, so that new pages at the end of the file are zero.
    ///
    /// # Errors
    /// - [`Error::Corrupt`], and the file is not changed: if both meta pages are damaged, the file is too
    ///   short for its pages, a map page is damaged, or the root is not allocated. With
    ///   [`Corruption::BadVersion`] if *one* of the meta pages has another version: it may be newer than the
    ///   other and name pages that the other does not have. With [`Corruption::OtherFile`] if the two meta
    ///   pages, or a meta page and a map page that it names, have different identities.
    /// - [`Error::Io`] if the disk failed: a meta page that *could not be read* does not count as damaged.
    ///
    /// # Cost
    /// Two page reads, one more for each group, and a read of the length. If both meta pages are alike and
    /// the length is right, there is no write and no change of the length.
    pub fn open(disk: Arc<dyn Disk>) -> Result<DiskManager, Error> {
        // Nudge: if one of the meta pages is torn, what do you know about the other one?
        // Nudge: when may a damaged meta page be overwritten?
        todo!("task 2.6: open a file")
    }

    /// The manager of a file in state `now`. The file has the length of its pages.
    fn assemble(disk: Arc<dyn Disk>, now: Snapshot, commit: Commit) -> Self {
        let extent = Extent { file_pages: now.page_count, free: FreeMap::new(now) };
        DiskManager { disk, commit: Mutex::new(commit), map: Mutex::new(extent) }
    }

    /// Allocates a page.
    ///
    /// # Ensures
    /// The page was not allocated, is not one of the manager's, and is not allocated in any state that a
    /// crash could restore (P2). Until it is written it reads as [`Corruption::NeverWritten`] (P3). Free
    /// pages are used before the file grows. The allocation becomes durable with the next
    /// [`DiskManager::sync`] that returns `Ok`.
    ///
    /// # Errors
    /// No page is allocated: [`Error::Io`], with kind `StorageFull` if the disk is full;
    /// [`Error::FileFull`] if the file has the greatest number of pages. The manager still works, and a
    /// later call may succeed.
    ///
    /// # Cost
    /// One page write if a free page is used again, else one `set_len` for many pages. No read, no sync.
    /// The search for a free page starts where the last one ended, so a sequence of calls reads the free
    /// map once, not once for each.
    pub fn allocate(&self) -> Result<PageId, Error> {
        // Nudge: a page that is allocated again still has the bytes of its former owner.
        todo!("task 2.6: allocate a page")
    }

    /// Frees a page.
    ///
    /// # Ensures
    /// The page is no longer allocated. Its bytes do not change, and [`DiskManager::allocate`] does not
    /// return it, before the next `sync` has returned `Ok` (P2). But if it was allocated since the last
    /// call of `sync`, no crash restores it: then it may be allocated again at once, and it is allocated
    /// before the file grows.
    ///
    /// # Errors
    /// Nothing is changed: [`Error::ReservedPage`], [`Error::NotAllocated`] (also for a page that is already
    /// free, and for one that another thread allocates and whose old bytes are not overwritten yet),
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
    /// `page` has the bytes of the last `write_page`, with the checksum in its header.
    ///
    /// # Errors
    /// [`Error::ReservedPage`], [`Error::NotAllocated`]; [`Error::Corrupt`] with
    /// [`Corruption::NeverWritten`] if the page was not written since it was allocated, with
    /// [`Corruption::PastEnd`] if the file was cut, or with another error of [`verify`]; [`Error::Io`].
    /// After an error `page` may hold any bytes.
    ///
    /// # Cost
    /// One read, during which no lock is held.
    pub fn read_page(&self, id: PageId, page: &mut PageBuf) -> Result<(), Error> {
        todo!("task 2.6: read a page")
    }

    /// Writes `page` as page `id`. The write becomes durable with the next [`DiskManager::sync`] that
    /// returns `Ok`.
    ///
    /// # Ensures
    /// The written bytes are `page` with the right checksum in the header. `page` itself is not changed.
    ///
    /// # Errors
    /// Nothing is written: [`Error::ReservedPage`], [`Error::NotAllocated`], [`Error::Corrupt`] if the
    /// header of `page` is not that of page `id` (see [`seal`]). Part of the page may have been written:
    /// [`Error::Io`].
    ///
    /// # Cost
    /// One write, during which no lock is held.
    pub fn write_page(&self, id: PageId, page: &PageBuf) -> Result<(), Error> {
        todo!("task 2.6: write a page")
    }

    /// Makes all changes before the call durable: written pages, allocations, frees, and the root.
    ///
    /// # Ensures
    /// On `Ok`, P1 and P2 hold with the state at the time of the call, and pages that were freed before it
    /// may be allocated again. Pages that are allocated or freed while it runs belong to the next sync.
    ///
    /// # Errors
    /// [`Error::Io`]: either the last state or this one is durable, and writes since the last sync may be
    /// lost. If a sync of the *disk* failed, a second try cannot recover those writes (rule D3 of
    /// [`kit::disk`]). So from then on every `sync` returns [`Error::SyncFailed`] until the file is opened
    /// again. Other I/O errors may have the same effect.
    ///
    /// # Cost
    /// One sync of the disk if no page was allocated or freed and the root is the same. Else two syncs, one
    /// page write for the map of each group that changed, and two page writes for the meta pages.
    pub fn sync(&self) -> Result<(), Error> {
        // Nudge: keep the order of the picture above. What must be true before each step?
        // Nudge: after which failures do you no longer know which state is durable?
        todo!("task 2.6: make everything durable")
    }

    /// The owner's root page, as last set; `None` in a new file.
    pub fn root(&self) -> Option<PageId> {
        Some(self.map.lock().free.root).filter(|root| *root != PageId::NONE)
    }

    /// Sets the root: the page from which the owner finds all other pages after it opened the file. The
    /// change becomes durable with the next [`DiskManager::sync`], together with the allocations, all or
    /// nothing (P1).
    ///
    /// # Errors
    /// The root is not changed: [`Error::ReservedPage`], [`Error::NotAllocated`].
    pub fn set_root(&self, root: Option<PageId>) -> Result<(), Error> {
        // One guard for check and change: a `free` between the two would make a free page the root.
        let mut map = self.map.lock();
        if let Some(id) = root {
            check_in(&map.free, id)?;
        }
        map.free.root = root.unwrap_or(PageId::NONE);
        Ok(())
    }

    /// True if `id` is allocated now. False for the manager's own pages and for numbers after the end of
    /// the file.
    pub fn is_allocated(&self, id: PageId) -> bool {
        self.map.lock().free.is_allocated(id)
    }

    /// The numbers of pages of the file. One pass over the free map.
    pub fn stats(&self) -> DiskStats {
        let map = self.map.lock();
        let page_count = map.free.page_count;
        let reserved = allocation::META_PAGES + group_count(page_count) as u32 * allocation::MAP_COPIES;
        let allocated = map.free.allocated_count();
        DiskStats { page_count, allocated, free: page_count - reserved - allocated, reserved }
    }

    /// The use of each page of the file, one letter for each page: `M` meta, `m` map, `A` allocated, `R`
    /// the root, `.` free, `h` free, but held because a crash could restore a state in which it is
    /// allocated.
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

    /// Returns an error for a page that is not allocated.
    fn check_allocated(&self, id: PageId) -> Result<(), Error> {
        check_in(&self.map.lock().free, id)
    }
}

/// Returns an error for a page that is not allocated in `free`.
fn check_in(free: &FreeMap, id: PageId) -> Result<(), Error> {
    if is_reserved(id) {
        return Err(Error::ReservedPage { page: id });
    }
    // While `allocate` clears a page, a caller with an old link to it must not read the old bytes (P3).
    if free.is_allocated(id) && !free.is_preparing(id) {
        Ok(())
    } else {
        Err(Error::NotAllocated { page: id })
    }
}

/// A number for a new file that other files do not have: the hash of nothing with the random keys that the
/// standard library makes for a hash map.
fn new_identity() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Shows the numbers of pages and the root.
impl fmt::Debug for DiskManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskManager").field("stats", &self.stats()).field("root", &self.root()).finish()
    }
}
