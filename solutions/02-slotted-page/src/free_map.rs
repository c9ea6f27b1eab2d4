//! The allocation state in memory: which pages are in use, and which free pages may be allocated again.
//!
//! The disk manager has one free map, protected by a mutex. This file does no I/O. For each page there are
//! two bits:
//!
//! ```text
//!   now   held    the page is ...
//!    0     0      free, and may be allocated
//!    1     0      allocated since the last sync
//!    1     1      allocated, also at the last sync
//!    0     1      free, but allocated again after a crash: not to be allocated before the next sync
//! ```
//!
//! `now` is the current state. `held` contains every page that is allocated in some state that a crash
//! could restore. Both are vectors of words for all groups ([`allocation`](crate::allocation) divides them
//! into pages).
//!
//! Invariants:
//!
//! - M1: only a page with neither bit set is allocated. So no page has two owners, neither in this state
//!   nor in one that a crash restores.
//! - M2: `held` contains every page of every state that may be found after a crash.
//! - M3: the manager's own pages are marked in `now` and are never allocated or freed.
//! - M4: a page whose old bytes are still being overwritten with zeros is marked in `now`, but is not part
//!   of snapshots, and no thread may read, write or free it through the manager.

use crate::allocation::{GROUP_PAGES, GROUP_WORDS, MAP_COPIES, MAX_PAGE_COUNT, Meta};
use crate::allocation::{bit_index, group_count, is_reserved, page_at};
use crate::{Error, PageId};

/// An allocation state, as `sync` makes it durable or `open` found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// Pages of the file, the manager's own included.
    pub(crate) page_count: u32,
    /// The owner's root page, or [`PageId::NONE`].
    pub(crate) root: PageId,
    /// The bits of all groups.
    pub(crate) words: Vec<u64>,
}

/// The free map. See the module's picture for the two bits.
#[derive(Debug)]
pub(crate) struct FreeMap {
    /// Pages of the file, the manager's own included.
    pub(crate) page_count: u32,
    /// The owner's root page, or [`PageId::NONE`].
    pub(crate) root: PageId,
    now: Vec<u64>,
    held: Vec<u64>,
    /// No word before this one has a page that may be allocated.
    hint: usize,
    /// Allocated pages whose old bytes are still being overwritten (M4).
    preparing: Vec<PageId>,
}

impl Snapshot {
    /// The state of a file in which nothing is allocated.
    pub(crate) fn empty() -> Self {
        Snapshot { page_count: crate::allocation::MIN_PAGE_COUNT, root: PageId::NONE, words: new_group() }
    }

    /// The words of one group; empty if the state has no such group.
    pub(crate) fn group(&self, group: usize) -> &[u64] {
        self.words.chunks_exact(GROUP_WORDS).nth(group).unwrap_or(&[])
    }

    /// True if `id` is in use.
    pub(crate) fn contains(&self, id: PageId) -> bool {
        has(&self.words, id)
    }

    /// The meta page of this state.
    pub(crate) fn meta(&self, identity: u64, epoch: u64, copies: &[u8]) -> Meta {
        assert_eq!(copies.len(), group_count(self.page_count), "one bit of `copies` for each group");
        Meta { identity, epoch, page_count: self.page_count, root: self.root, copies: copies.to_vec() }
    }
}

impl FreeMap {
    /// The map of a file in the durable state `found`.
    pub(crate) fn new(found: Snapshot) -> Self {
        FreeMap {
            page_count: found.page_count,
            root: found.root,
            held: found.words.clone(),
            now: found.words,
            hint: 0,
            preparing: Vec::new(),
        }
    }

    /// True if the page `id` is allocated now.
    pub(crate) fn is_allocated(&self, id: PageId) -> bool {
        !is_reserved(id) && has(&self.now, id)
    }

    /// True if `id` was allocated and may still have the bytes of its former owner (M4).
    pub(crate) fn is_preparing(&self, id: PageId) -> bool {
        self.preparing.contains(&id)
    }

    /// True if `id` is free, but may not be allocated before the next sync.
    pub(crate) fn is_held(&self, id: PageId) -> bool {
        !has(&self.now, id) && has(&self.held, id)
    }

    /// Number of allocated pages.
    pub(crate) fn allocated_count(&self) -> u32 {
        let used: u32 = self.now.iter().map(|word| word.count_ones()).sum();
        used - group_count(self.page_count) as u32 * MAP_COPIES
    }

    /// Allocates a free page of the file, if there is one that may be allocated (M1).
    ///
    /// # Ensures
    /// The page is marked as allocated, and is not part of snapshots until [`FreeMap::prepared`] is called
    /// for it (M4).
    ///
    /// # Cost
    /// Reads the words from `hint` to the word of the page. So a sequence of calls reads each word once.
    /// When a page is freed, `hint` moves back to its word: if the owner frees a low page before each call,
    /// each call reads all the words in between again.
    pub(crate) fn take(&mut self) -> Option<PageId> {
        //# task 2.6 allocate a free page
        //+ // Nudge: 64 pages at a time; `trailing_zeros` finds the lowest set bit.
        //+ // Nudge: a bit at or after the page count is not a page.
        while self.hint < self.now.len() {
            let free = !(self.now[self.hint] | self.held[self.hint]);
            let id = page_at(self.hint * 64 + free.trailing_zeros() as usize);
            if free != 0 && id.0 < self.page_count {
                self.now[self.hint] |= free & free.wrapping_neg();
                self.preparing.push(id);
                return Some(id);
            }
            self.hint += 1;
        }
        None
        //# end
    }

    /// Records that the page `id`, which [`FreeMap::take`] returned, has no bytes of its former owner any
    /// more.
    pub(crate) fn prepared(&mut self, id: PageId) {
        self.preparing.retain(|other| *other != id);
    }

    /// Undoes [`FreeMap::take`]: the page `id` is free again, because its old bytes could not be overwritten.
    pub(crate) fn cancel(&mut self, id: PageId) -> Result<(), Error> {
        self.prepared(id);
        self.release(id)
    }

    /// The first page after the end of the file that can be allocated. If a group begins there, skips its
    /// map.
    ///
    /// # Errors
    /// [`Error::FileFull`] if the page number would be [`MAX_PAGE_COUNT`] or more.
    pub(crate) fn next_new(&self) -> Result<PageId, Error> {
        let begins_group =
            bit_index(PageId(self.page_count)).is_some_and(|i| (i as u32).is_multiple_of(GROUP_PAGES));
        let id = self.page_count + if begins_group { MAP_COPIES } else { 0 };
        if id < MAX_PAGE_COUNT { Ok(PageId(id)) } else { Err(Error::FileFull { max: MAX_PAGE_COUNT }) }
    }

    /// Allocates the page `id` that [`FreeMap::next_new`] returned. The file must be long enough for it.
    pub(crate) fn append(&mut self, id: PageId) {
        if group_count(id.0 + 1) > group_count(self.page_count) {
            self.now.extend(new_group());
            self.held.resize(self.now.len(), 0);
        }
        self.page_count = id.0 + 1;
        set(&mut self.now, id, true);
    }

    /// Frees the page `id`.
    ///
    /// # Ensures
    /// `id` is no longer allocated. If it is allocated in no state that a crash could restore, it may be
    /// allocated again at once, else after the next sync (M1, M2). The doc of `hint` still holds.
    ///
    /// # Errors
    /// Nothing is changed: [`Error::ReservedPage`] for the manager's own pages, [`Error::NotAllocated`] for
    /// a page that is free, after the end of the file, or being prepared (M4), [`Error::RootPage`] for the
    /// root.
    pub(crate) fn release(&mut self, id: PageId) -> Result<(), Error> {
        //# task 2.6 free a page
        //+ // Nudge: when does the doc of `hint` need a smaller value?
        if is_reserved(id) {
            return Err(Error::ReservedPage { page: id });
        }
        if !self.is_allocated(id) || self.is_preparing(id) {
            return Err(Error::NotAllocated { page: id });
        }
        if id == self.root {
            return Err(Error::RootPage { page: id });
        }
        set(&mut self.now, id, false);
        match bit_index(id) {
            Some(index) if !has(&self.held, id) => self.hint = self.hint.min(index / 64),
            _ => {}
        }
        Ok(())
        //# end
    }

    /// Returns the state that `sync` makes durable. From now until [`FreeMap::apply_durable`] is called, a
    /// crash may restore this state or the last durable one.
    ///
    /// # Ensures
    /// The snapshot has the allocated pages without those that are being prepared (M4). M2 holds while it
    /// is written.
    pub(crate) fn snapshot(&mut self) -> Snapshot {
        //# task 2.6 take a snapshot of the free map
        let mut words = self.now.clone();
        for id in &self.preparing {
            set(&mut words, *id, false);
        }
        for (held, now) in self.held.iter_mut().zip(&words) {
            *held |= now;
        }
        Snapshot { page_count: self.page_count, root: self.root, words }
        //# end
    }

    /// Records that `durable`, which [`FreeMap::snapshot`] returned, is now the only state that a crash can
    /// restore.
    ///
    /// # Ensures
    /// M2. Free pages that are not in `durable` may be allocated. Pages that were freed or allocated since
    /// the snapshot count as freed or allocated after the sync.
    pub(crate) fn apply_durable(&mut self, durable: &Snapshot) {
        //# task 2.6 release the pages that were held for the last state
        self.held.fill(0);
        self.held[..durable.words.len()].copy_from_slice(&durable.words);
        self.hint = 0;
        //# end
    }
}

/// The words of a group in which only the map's own pages are in use.
fn new_group() -> Vec<u64> {
    let mut words = vec![0; GROUP_WORDS];
    words[0] = (1 << MAP_COPIES) - 1;
    words
}

/// The bit of `id`; false if it is not inside the words.
fn has(words: &[u64], id: PageId) -> bool {
    bit_index(id).is_some_and(|index| words.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1))
}

/// Sets or clears the bit of `id`, which must be inside the words.
fn set(words: &mut [u64], id: PageId, is_used: bool) {
    let index = bit_index(id).expect("M3: the meta pages have no bit");
    let bit = 1 << (index % 64);
    if is_used {
        words[index / 64] |= bit;
    } else {
        words[index / 64] &= !bit;
    }
}
