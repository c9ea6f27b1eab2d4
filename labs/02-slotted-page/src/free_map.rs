//! Which pages are in use, in memory: the free map, and which free pages may already be handed out again.
//!
//! The disk manager owns one behind a mutex; nothing here does I/O. For each page there are two bits:
//!
//! ```text
//!   now   held    the page is ...
//!    0     0      free, and may be handed out
//!    1     0      allocated since the last sync
//!    1     1      allocated, and was so at the last sync
//!    0     1      free, but a crash would bring it back: not handed out before the next sync
//! ```
//!
//! `now` is what the owner did, `held` is what some state that a crash could bring back says. They are kept as one
//! long row of words for all groups ([`allocation`](crate::allocation) cuts it into pages).
//!
//! Invariants:
//!
//! - M1: a page handed out has neither bit set. So no page has two owners, in this state or in one that a crash brings back.
//! - M2: `held` contains every page of every state that may be found after a crash.
//! - M3: the manager's own pages are marked in `now` and never handed out or freed.
//! - M4: a page whose room is still being prepared is marked in `now`, but left out of snapshots, and nobody reads or writes it.

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
    /// No word before this one has a page to hand out.
    hint: usize,
    /// Pages handed out whose old bytes are still being overwritten (M4).
    preparing: Vec<PageId>,
}

impl Snapshot {
    /// The state of a file in which nothing is allocated.
    pub(crate) fn empty() -> Self {
        Snapshot { page_count: crate::allocation::MIN_PAGE_COUNT, root: PageId::NONE, words: new_group() }
    }

    /// The words of one group, or none if the state has no such group.
    pub(crate) fn group(&self, group: usize) -> &[u64] {
        self.words.chunks_exact(GROUP_WORDS).nth(group).unwrap_or(&[])
    }

    /// True if `id` is in use.
    pub(crate) fn contains(&self, id: PageId) -> bool {
        has(&self.words, id)
    }

    /// The meta page of this state.
    pub(crate) fn meta(&self, epoch: u64, copies: &[u8]) -> Meta {
        assert_eq!(copies.len(), group_count(self.page_count), "B: one choice for each group");
        Meta { epoch, page_count: self.page_count, root: self.root, copies: copies.to_vec() }
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

    /// True if the owner has the page `id` now.
    pub(crate) fn is_allocated(&self, id: PageId) -> bool {
        !is_reserved(id) && has(&self.now, id)
    }

    /// True if `id` was handed out, and its former owner's bytes may still be there (M4).
    pub(crate) fn is_preparing(&self, id: PageId) -> bool {
        self.preparing.contains(&id)
    }

    /// True if `id` is free, but not to be handed out before the next sync.
    pub(crate) fn is_held(&self, id: PageId) -> bool {
        !has(&self.now, id) && has(&self.held, id)
    }

    /// How many pages the owner has.
    pub(crate) fn allocated_count(&self) -> u32 {
        let used: u32 = self.now.iter().map(|word| word.count_ones()).sum();
        used - group_count(self.page_count) as u32 * MAP_COPIES
    }

    /// Takes a free page of the file, if there is one that may be handed out (M1).
    ///
    /// # Ensures
    /// The page is marked as allocated, and left out of snapshots until [`FreeMap::prepared`] is called for it (M4).
    ///
    /// # Cost
    /// The words from `hint` up to the one with the page. So a run of calls looks at each word once. A page freed
    /// far down moves `hint` back there: who frees a low page before each call pays for the way up each time.
    pub(crate) fn take(&mut self) -> Option<PageId> {
        // Nudge: 64 pages at a time; `trailing_zeros` finds the lowest set bit.
        // Nudge: bits past the page count are not pages.
        todo!("task 2.6: hand out a free page")
    }

    /// The page `id`, which [`FreeMap::take`] gave, now holds nothing of its former owner.
    pub(crate) fn prepared(&mut self, id: PageId) {
        self.preparing.retain(|other| *other != id);
    }

    /// The first page past the end of the file that can be allocated. Skips the map of a group that begins there.
    ///
    /// # Errors
    /// [`Error::FileFull`].
    pub(crate) fn next_new(&self) -> Result<PageId, Error> {
        let begins_group =
            bit_index(PageId(self.page_count)).is_some_and(|i| (i as u32).is_multiple_of(GROUP_PAGES));
        let id = self.page_count + if begins_group { MAP_COPIES } else { 0 };
        if id < MAX_PAGE_COUNT { Ok(PageId(id)) } else { Err(Error::FileFull { max: MAX_PAGE_COUNT }) }
    }

    /// Allocates the page `id` that [`FreeMap::next_new`] gave; the file has room for it.
    pub(crate) fn append(&mut self, id: PageId) {
        if group_count(id.0 + 1) > group_count(self.page_count) {
            self.now.extend(new_group());
            self.held.resize(self.now.len(), 0);
        }
        self.page_count = id.0 + 1;
        set(&mut self.now, id, true);
    }

    /// Gives the page `id` back.
    ///
    /// # Ensures
    /// `id` is no longer allocated. It can be handed out again at once if no state that a crash could bring back has it,
    /// else after the next sync (M1, M2). What `hint` promises holds.
    ///
    /// # Errors
    /// Nothing is changed: [`Error::ReservedPage`] for the manager's own, [`Error::NotAllocated`] for a page that is free or
    /// past the end, [`Error::RootPage`] for the root.
    pub(crate) fn release(&mut self, id: PageId) -> Result<(), Error> {
        // Nudge: what does `hint` promise?
        todo!("task 2.6: take a page back")
    }

    /// The state to make durable. From now on until [`FreeMap::apply_durable`], both it and the last durable one may be found
    /// after a crash.
    ///
    /// # Ensures
    /// The snapshot has the allocated pages without those being prepared (M4). M2 holds for the time in which it is written.
    pub(crate) fn snapshot(&mut self) -> Snapshot {
        todo!("task 2.6: take a snapshot of the free map")
    }

    /// The state `durable`, which [`FreeMap::snapshot`] gave, is now the only one a crash can bring back.
    ///
    /// # Ensures
    /// M2, and pages that it no longer holds can be handed out. Pages freed or allocated since the snapshot are treated
    /// as what they are: freed or allocated after the sync.
    pub(crate) fn apply_durable(&mut self, durable: &Snapshot) {
        todo!("task 2.6: release what a finished sync held")
    }
}

/// The words of a group in which only the map is in use.
fn new_group() -> Vec<u64> {
    let mut words = vec![0; GROUP_WORDS];
    words[0] = (1 << MAP_COPIES) - 1;
    words
}

/// The bit of `id`; false outside of the words.
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
