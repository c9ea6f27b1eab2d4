//! The tree: what it promises and how it is called.
//!
//! Called by the owner of an index: a table in lab 5, the engine in lab 7. What is stored under a key is a
//! [`RecordId`], never a row.
//!
//! ```text
//!   level 2                        | root |
//!                              _____/    \_____
//!   level 1              | node |            | node |
//!                         /    \              /    \
//!   level 0         | leaf | <-> | leaf | <-> | leaf | <-> | leaf |
//! ```
//!
//! - B1: all leaves are at level 0, each child one level below its parent. So every way down has the same
//!   length.
//! - B2: everything below a child is at or above the child's separator and below the next one (`node.rs`).
//! - B3: the leaves are linked both ways in the order of their entries, from end to end.
//! - B4: each page that the tree allocated is reached from the root exactly once, or it was freed.
//! - B5: the root page never changes its number.
//! - B6: a call that fails leaves the tree as before, except for what is said at [`BPlusTree::remove`].
//!
//! How full nodes are: rules P2 and P3 (`insert.rs`) say it of splits, D4 (`delete.rs`) of removals, F3
//! (`bulk.rs`) of a bulk load. Textbooks promise that every node is half full. Keys of different lengths do
//! not allow that.
//!
//! Source: Bayer and McCreight, "Organization and maintenance of large ordered indices" (1972); Comer, "The
//! ubiquitous B-tree" (1979).

mod stats;

use std::ops::{Bound, RangeBounds};

use buffer_pool::{Pager, RecordId};
use kit::sync::atomic::{AtomicU64, Ordering};
use slotted_page::{PAGE_SIZE, PageId, PageKind, header};

use crate::admit::Admit;
use crate::insert::LeafInsert;
use crate::node::{Entry, NodeRef};
use crate::{Error, NodeDamage, Range, bulk};

/// Longest key in bytes: four of the longest entries fit in a node, so that a node that is split has at least
/// two on each side.
pub const MAX_KEY_LEN: usize =
    (PAGE_SIZE - slotted_page::slotted::SLOTS_AT) / 4 - slotted_page::slotted::SLOT_SIZE - 4 - RecordId::LEN;

/// Whether a key may stand for several records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMode {
    /// One record id a key.
    Unique,
    /// Any number of record ids a key, each once.
    Duplicates,
}

/// Which way a range is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the smallest entry up.
    Forward,
    /// From the largest entry down.
    Backward,
}

/// Which latches a change takes between the root and its leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latching {
    /// Write latches from the root to the leaf, all kept to the end: simple, and one change at a time (tasks
    /// 4.2 and 4.3).
    WholePath,
    /// Read latches down to a write latch on the leaf; if the leaf must be split or merged, once more with
    /// write latches, and ancestors are released as soon as no change can reach them (task 4.6).
    Optimistic,
}

/// How a removal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The tree has no such entry.
    Absent,
    /// The caller refused, and the entry is still there.
    Refused,
    /// The entry is out.
    Removed,
}

/// The size of a tree, counted by walking over all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TreeStats {
    /// Entries.
    pub entries: u64,
    /// Levels; 1 for a tree that is one leaf.
    pub height: u32,
    /// Leaves.
    pub leaf_pages: u32,
    /// Internal nodes.
    pub internal_pages: u32,
    /// Bytes used in the leaves, of those a leaf has for slots and entries, in percent.
    pub leaf_fill_percent: u32,
}

/// A B+Tree. The pager is given with each call, so that one tree can be used through the pool and through
/// mini-transactions. All users of a tree share one `BPlusTree` value, or iterators could miss a change of
/// its structure.
pub struct BPlusTree {
    pub(crate) root: PageId,
    pub(crate) mode: KeyMode,
    pub(crate) latching: Latching,
    /// Raised by each split, merge and borrow, while the latches of the nodes that it changes are held. A
    /// thread that sees the same number before and after knows that no entry has moved from one leaf to
    /// another in between. Not on disk.
    pub(crate) structure: AtomicU64,
}

impl BPlusTree {
    /// A new, empty tree: one leaf.
    ///
    /// # Errors
    /// Nothing is allocated: those of [`Pager::allocate`].
    pub fn create<P: Pager>(pager: &P, mode: KeyMode) -> Result<Self, Error> {
        let page = pager.allocate(PageKind::BTREE_LEAF)?;
        let root = header::id(&page);
        NodeRef::init(page, root, 0, mode);
        Ok(Self::at(root, mode))
    }

    /// The tree whose root page is `root`.
    ///
    /// # Errors
    /// [`Error::NotARoot`] if the page is no node, or one below a root; those of [`Pager::read`].
    pub fn open<P: Pager>(pager: &P, root: PageId) -> Result<Self, Error> {
        let page = pager.read(root)?;
        let kind = header::kind(&page);
        if kind != PageKind::BTREE_LEAF && kind != PageKind::BTREE_INTERNAL {
            return Err(Error::NotARoot { page: root });
        }
        match NodeRef::open(page, root, None) {
            Ok(node) => Ok(Self::at(root, node.mode())),
            Err(Error::BadNode { what: NodeDamage::OtherTree { .. }, .. }) => {
                Err(Error::NotARoot { page: root })
            }
            Err(error) => Err(error),
        }
    }

    /// A tree whose root page is `root`, which is a node already.
    pub(crate) fn at(root: PageId, mode: KeyMode) -> Self {
        BPlusTree { root, mode, latching: Latching::Optimistic, structure: AtomicU64::new(0) }
    }

    /// The record id that `record` is compared as: in a unique tree keys alone are compared.
    pub(crate) fn bound(&self, record: RecordId) -> RecordId {
        match self.mode {
            KeyMode::Unique => RecordId::MIN,
            KeyMode::Duplicates => record,
        }
    }

    /// How often the structure changed since the tree was opened. Read it while a leaf is latched.
    pub(crate) fn structure(&self) -> u64 {
        self.structure.load(Ordering::Acquire)
    }

    /// Notes that entries are about to move from node to node, or that a leaf is about to be cut out. Called
    /// with the latches of all those nodes held, by every insert that splits and every removal that merges,
    /// borrows or cuts out. Only the iterators of task 4.4 notice if a call is missing.
    pub(crate) fn structure_changes(&self) {
        self.structure.fetch_add(1, Ordering::Release);
    }

    /// The same tree, changed from now on with `latching`. A tree that was created or opened has
    /// [`Latching::Optimistic`].
    pub fn with_latching(self, latching: Latching) -> Self {
        BPlusTree { latching, ..self }
    }

    /// The root page, which names the tree.
    pub fn id(&self) -> PageId {
        self.root
    }

    /// Unique or with duplicates.
    pub fn mode(&self) -> KeyMode {
        self.mode
    }

    /// The record id of `key`; with duplicates the smallest.
    ///
    /// # Ensures
    /// Never waits for a latch while it holds one that comes later in the order (L1). A key of any length may
    /// be asked for; one that is too long is not there.
    ///
    /// # Errors
    /// [`Error::BadNode`], and those of [`Pager::read`].
    ///
    /// # Cost
    /// A page read for each level, no allocation. With duplicates one more if all of the leaf is below the
    /// key: the key may begin in the next leaf.
    pub fn get<P: Pager>(&self, pager: &P, key: &[u8]) -> Result<Option<RecordId>, Error> {
        //# task 4.1 look a key up
        let leaf = self.read_leaf(pager, |node| node.child_index(key, RecordId::MIN))?;
        let at = leaf.lower_bound(key, RecordId::MIN)?;
        if at < leaf.len() {
            let entry = leaf.entry(at)?;
            return Ok((entry.key == key).then_some(entry.record));
        }
        if self.mode == KeyMode::Unique {
            return Ok(None);
        }
        let Some(next) = self.right_of(&leaf, &[])? else { return Ok(None) };
        let next = self.node(pager.read(next)?, Some(0))?;
        let entry = next.entry(0)?;
        Ok((entry.key == key).then_some(entry.record))
        //# end
    }

    /// Adds the entry.
    ///
    /// # Ensures
    /// On an error the tree is as before, and no page is lost.
    ///
    /// # Errors
    /// [`Error::KeyTooLong`]; [`Error::DuplicateKey`]; [`Error::BadNode`]; and those of [`Pager`]: the disk
    /// is full, or too few frames are free. It never takes more than `2 * height + 2` pages at a time.
    ///
    /// # Cost
    /// A page read for each level (twice that if the leaf has no room, with [`Latching::Optimistic`]); a
    /// split writes two nodes and an entry of their parent.
    pub fn insert<P: Pager>(&self, pager: &P, key: &[u8], record: RecordId) -> Result<(), Error> {
        self.insert_entry(pager, Entry { key, record }, &mut Admit::always()).map(drop)
    }

    /// As [`insert`](Self::insert), if `admit` agrees. `admit` gets the next entry: the smallest that is
    /// above the new one, `None` if the new entry will be the last of the tree. False if `admit` refused.
    ///
    /// # Requires
    /// `admit` runs while this thread holds latches. So it must not wait for anything, and must not use a
    /// pager or this tree.
    ///
    /// # Ensures
    /// From the call of `admit` until the entry is in, no other thread inserts or removes an entry between
    /// the new entry and the next one, and the next one stays in the tree (A1 in `admit.rs`). If `admit` says
    /// false or panics, nothing is changed.
    ///
    /// It is free how often `admit` is called: a tree that releases its latches and starts again asks again,
    /// and only the last answer counts. If the insert fails because of the key ([`Error::KeyTooLong`],
    /// [`Error::DuplicateKey`]) and no other thread changes the tree, `admit` is not called. After `admit`
    /// has said true, the insert can still fail because a page cannot be had.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    ///
    /// # Cost
    /// As [`insert`](Self::insert), and one page read more if the next entry is in the next leaf.
    pub fn insert_with<P: Pager>(
        &self,
        pager: &P,
        key: &[u8],
        record: RecordId,
        mut admit: impl FnMut(Option<Entry<'_>>) -> bool,
    ) -> Result<bool, Error> {
        self.insert_entry(pager, Entry { key, record }, &mut Admit::by(&mut admit))
    }

    /// Adds the entry if `admit` agrees; false if it does not.
    fn insert_entry<P: Pager>(
        &self,
        pager: &P,
        entry: Entry<'_>,
        admit: &mut Admit<'_>,
    ) -> Result<bool, Error> {
        let len = entry.key.len();
        if len > MAX_KEY_LEN {
            return Err(Error::KeyTooLong { len, max: MAX_KEY_LEN });
        }
        if self.latching == Latching::Optimistic {
            match self.insert_into_leaf(pager, entry, admit)? {
                LeafInsert::Inserted => return Ok(true),
                LeafInsert::Refused => return Ok(false),
                LeafInsert::NoRoom => {}
            }
        }
        self.insert_along_path(pager, entry, admit)
    }

    /// Removes the entry of exactly this key and record id; false if there is none.
    ///
    /// # Ensures
    /// On an error the tree is as before, except where it comes from [`Pager::free`]: then the entry is out,
    /// and the page that could not be freed is in no tree any more.
    ///
    /// # Errors
    /// [`Error::BadNode`], and those of [`Pager`]. It never takes more than `2 * height + 2` pages at a time.
    ///
    /// # Cost
    /// A page read for each level (twice that if the leaf must be rebalanced, with [`Latching::Optimistic`]),
    /// and one for each sibling that is merged with or borrowed from.
    pub fn remove<P: Pager>(&self, pager: &P, key: &[u8], record: RecordId) -> Result<bool, Error> {
        let removal = self.remove_entry(pager, Entry { key, record }, &mut Admit::always())?;
        Ok(removal == Removal::Removed)
    }

    /// As [`remove`](Self::remove), if `admit` agrees. `admit` gets the next entry: the smallest that is
    /// above the entry to be removed, `None` if that is the last of the tree.
    ///
    /// # Requires
    /// `admit` runs while this thread holds latches. So it must not wait for anything, and must not use a
    /// pager or this tree.
    ///
    /// # Ensures
    /// From the call of `admit` until the entry is out, no other thread inserts or removes an entry between
    /// the removed entry and the next one, and the next one stays in the tree (A1 in `admit.rs`). If `admit`
    /// says false or panics, nothing is changed.
    ///
    /// It is free how often `admit` is called: a tree that releases its latches and starts again asks again,
    /// and only the last answer counts. If no such entry is in the tree and no other thread changes it,
    /// `admit` is not called. After `admit` has said true, the removal can still fail because a page cannot
    /// be had or freed.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    ///
    /// # Cost
    /// As [`remove`](Self::remove), and one page read more if the next entry is in the next leaf.
    pub fn remove_with<P: Pager>(
        &self,
        pager: &P,
        key: &[u8],
        record: RecordId,
        mut admit: impl FnMut(Option<Entry<'_>>) -> bool,
    ) -> Result<Removal, Error> {
        self.remove_entry(pager, Entry { key, record }, &mut Admit::by(&mut admit))
    }

    /// Removes the entry if `admit` agrees.
    fn remove_entry<P: Pager>(
        &self,
        pager: &P,
        entry: Entry<'_>,
        admit: &mut Admit<'_>,
    ) -> Result<Removal, Error> {
        if entry.key.len() > MAX_KEY_LEN {
            return Ok(Removal::Absent);
        }
        if self.latching == Latching::Optimistic
            && let Some(removal) = self.remove_from_leaf(pager, entry, admit)?
        {
            return Ok(removal);
        }
        self.remove_along_path(pager, entry, admit)
    }

    /// The entries whose keys lie in `keys`, in order of `direction`. Bounds that are the wrong way round
    /// give no entry. A bound may be longer than any key.
    ///
    /// # Ensures
    /// Each entry that is there from this call to the end of the walk comes once, in order; others at most
    /// once. In a unique tree each *key* comes at most once, also one that was removed and is back with
    /// another record id. The walk holds no latch between calls, so every thread may change the tree
    /// meanwhile, also the one that walks.
    ///
    /// # Errors
    /// [`Error::BadNode`], and those of [`Pager::read`].
    ///
    /// # Cost
    /// With the first entry, as many page reads as the tree is high and one more; then one for each further
    /// leaf, as long as nobody changes the structure.
    pub fn range<'a, P: Pager>(
        &'a self,
        pager: &'a P,
        keys: impl RangeBounds<[u8]>,
        direction: Direction,
    ) -> Result<Range<'a, P>, Error> {
        Range::open(self, pager, keys, direction)
    }

    /// The entries that follow `after` in `direction`, up to the bound `end` of the keys. It goes on exactly
    /// behind `after`, also amid many entries of one key, and also if `after` is no longer in the tree. In a
    /// unique tree it goes on behind the *key* of `after`.
    ///
    /// # Ensures, Errors
    /// As [`range`](Self::range).
    ///
    /// # Cost
    /// As [`range`](Self::range), however many entries have the key of `after`.
    pub fn range_after<'a, P: Pager>(
        &'a self,
        pager: &'a P,
        after: Entry<'_>,
        end: Bound<&[u8]>,
        direction: Direction,
    ) -> Result<Range<'a, P>, Error> {
        Range::open_after(self, pager, after, end, direction)
    }

    /// A new tree of the sorted `entries`. Each node is filled to `fill_percent` (50 to 100) of its bytes,
    /// except that the last two of a level share what is left, or are one, so that no node but the root uses
    /// less than a fifth (F3 in `bulk.rs`).
    ///
    /// # Ensures
    /// `entries` is read once and not kept. Each node is latched once and filled once: as many page writes as
    /// nodes. At most three pages are latched at a time.
    ///
    /// # Errors
    /// No page stays allocated, also not if `entries` panics: [`Error::BadFillFactor`];
    /// [`Error::KeyTooLong`]; [`Error::NotSorted`] for the first entry that is not above the one before it,
    /// by key, and with duplicates by record id among equal keys; those of [`Pager::allocate`].
    ///
    /// # Cost
    /// No page read. Time linear in the number of entries.
    pub fn bulk_load<P: Pager, K: AsRef<[u8]>>(
        pager: &P,
        mode: KeyMode,
        fill_percent: u8,
        entries: impl IntoIterator<Item = (K, RecordId)>,
    ) -> Result<Self, Error> {
        bulk::load(pager, mode, fill_percent, entries)
    }
}
