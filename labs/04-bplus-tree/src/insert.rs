//! Putting an entry in, and splitting what becomes too full (task 4.2; the optimistic way, 4.6).
//!
//! A leaf without room is split, and its parent gets an entry for the new half, for which the parent may have
//! to be split, and so on. Splitting a leaf *copies* a separator up, because the entry must stay in a leaf;
//! splitting an internal node *moves* one up:
//!
//! ```text
//!   leaf, + fox                         internal, + dog
//!
//!        | . owl |                           | . |
//!         /                                   /
//!   | ant cat dog |                     | . cat . fox . |
//!
//!        | . dog . owl |                     | . dog . |
//!         /     \                             /       \
//!   | ant cat | dog fox |               | . cat . | . fox . |
//! ```
//!
//! The root page keeps its number, which names the tree. So a root that is split first moves its entries to a
//! new page, and becomes that page's parent; then the new page is split like any other:
//!
//! ```text
//!   root | a b c d |   =>   root | . |   =>     root | . c |
//!                                 |                   / \
//!                             | a b c d |       | a b | c d |
//! ```
//!
//! - P1: all pages for the new halves are allocated before the first change. If one cannot be had, those that
//!   were are freed again.
//! - P2: a node is cut so that each side has room for its entries, and so that a leaf has an entry on each
//!   side and an internal node two children. Every such cut is legal, if leaves stay a third full on average.
//!   The reference cuts where the bytes of both sides are nearest to equal; an entry takes at most a quarter
//!   of a node, so there is room.
//! - P3: an entry that comes after all others of the tree goes to a new leaf alone, and the full leaf stays
//!   full: keys that come in rising order fill the leaves. (Not in the middle of a tree: one cannot know that
//!   more will follow there.)
//!
//! Source: Comer, "The ubiquitous B-tree" (1979); Graefe, "Modern B-tree techniques" (2011), section 4.2 for
//! P3.

use std::ops::{Deref, DerefMut};

use buffer_pool::{Pager, RecordId};
use slotted_page::{PageBuf, PageId};

use crate::admit::Admit;
use crate::descend::{Change, Level, Path, is_safe_for_insert};
use crate::node::{Entry, NodeRef, kind_of};
use crate::{BPlusTree, Error, KeyMode, NodeDamage};

/// An entry that is to go into a node, with its key kept apart from any page.
pub(crate) struct NewEntry {
    /// Where in the node.
    pub(crate) at: usize,
    /// Its child, if the node is internal.
    pub(crate) child: PageId,
    pub(crate) key: Vec<u8>,
    pub(crate) record: RecordId,
}

/// A split of one node that is planned, with the pages for it.
pub(crate) struct Split<W> {
    /// What the node has no room for.
    pub(crate) entry: NewEntry,
    /// Number of entries, the new one counted, that stay on the left.
    pub(crate) cut: usize,
    /// The new page for the rest, an empty node so far.
    pub(crate) right: NodeRef<W>,
    /// If the node is the root: the new page for what stays.
    pub(crate) left: Option<NodeRef<W>>,
}

/// How an insert ended that latched nothing but the leaf for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeafInsert {
    /// The leaf has no room. Nothing was changed.
    NoRoom,
    /// The caller refused. Nothing was changed.
    Refused,
    /// The entry is in.
    Inserted,
}

impl NewEntry {
    /// The entry without its place.
    pub(crate) fn entry(&self) -> Entry<'_> {
        Entry { key: &self.key, record: self.record }
    }
}

impl BPlusTree {
    /// Inserts with a write latch on the leaf alone, if that is enough.
    ///
    /// # Ensures
    /// See [`LeafInsert`]. `admit` is asked under the latch of the leaf (A1, A2).
    ///
    /// # Errors
    /// As [`insert_with`](Self::insert_with). No latch is held.
    pub(crate) fn insert_into_leaf<P: Pager>(
        &self,
        pager: &P,
        entry: Entry<'_>,
        admit: &mut Admit<'_>,
    ) -> Result<LeafInsert, Error> {
        todo!("task 4.6: insert optimistically")
    }

    /// Inserts with write latches on the way, splitting what must be split. False if `admit` refused.
    ///
    /// # Requires
    /// The key is not too long.
    ///
    /// # Ensures, Errors
    /// As [`insert_with`](Self::insert_with). Before a split, the structure counter is raised
    /// ([`structure_changes`](Self::structure_changes)).
    ///
    /// # Cost
    /// A page read for each level, and one for the right neighbour of a leaf that is split. Latched at the
    /// most: the way, a new page for each node of it that is split, one more if that is the root, and the
    /// neighbour.
    pub(crate) fn insert_along_path<P: Pager>(
        &self,
        pager: &P,
        entry: Entry<'_>,
        admit: &mut Admit<'_>,
    ) -> Result<bool, Error> {
        // Nudge: take the neighbour, ask `admit`, plan all splits, and only then change a page.
        // `admit` sees the first entry of the neighbour: do not latch that leaf a second time.
        todo!("task 4.2: insert into a leaf, with splits if it is full")
    }

    /// Where `entry` is to be put in its leaf.
    ///
    /// # Errors
    /// [`Error::DuplicateKey`] if a unique tree has the key, or a tree with duplicates this very entry;
    /// [`Error::BadNode`].
    pub(crate) fn vacancy<B: Deref<Target = PageBuf>>(
        &self,
        leaf: &NodeRef<B>,
        entry: Entry<'_>,
    ) -> Result<usize, Error> {
        todo!("task 4.2: find the place of a new entry")
    }

    /// The right neighbour of `leaf`, latched for writing.
    pub(crate) fn write_neighbour<'a, P: Pager, B: Deref<Target = PageBuf>>(
        &self,
        pager: &'a P,
        leaf: &NodeRef<B>,
    ) -> Result<Option<NodeRef<P::Write<'a>>>, Error> {
        let Some(id) = self.right_of(leaf)? else { return Ok(None) };
        Ok(Some(self.node(pager.write(id)?, Some(0))?))
    }

    /// The page of the leaf to the right of `leaf`, which is not `leaf` itself or the root; `None` if it is
    /// the last leaf.
    pub(crate) fn right_of<B: Deref<Target = PageBuf>>(
        &self,
        leaf: &NodeRef<B>,
    ) -> Result<Option<PageId>, Error> {
        let next = leaf.next();
        if next == leaf.id() || next == self.root {
            return Err(leaf.damaged(NodeDamage::Circle));
        }
        Ok(Some(next).filter(|next| *next != PageId::NONE))
    }

    /// Plans the splits of [`add_splits`](Self::add_splits), and frees their pages again on an error (P1).
    fn plan_splits<'a, P: Pager>(
        &self,
        pager: &'a P,
        path: &Path<'a, P>,
        new: NewEntry,
    ) -> Result<Vec<Split<P::Write<'a>>>, Error> {
        let mut splits = Vec::new();
        match self.add_splits(pager, path, new, &mut splits) {
            Ok(()) => Ok(splits),
            Err(error) => {
                for split in splits {
                    for page in [Some(split.right), split.left].into_iter().flatten() {
                        // The first error is the one to report; a page that cannot be freed is lost.
                        let _ = pager.free(page.into_inner());
                    }
                }
                Err(error)
            }
        }
    }

    /// Decides which nodes of `path` must be split so that `new` has room, and allocates the pages for that.
    ///
    /// # Requires
    /// The leaf of `path` has no room for `new`.
    ///
    /// # Ensures
    /// `splits` has one entry for each node to be split, the leaf first. What the last of them sends up has
    /// room in its parent, or that node is the root, and only then it has a `left`. No node of `path` was
    /// changed.
    ///
    /// # Errors
    /// Those of [`Pager::allocate`], [`Error::BadNode`]. What was planned so far is in `splits`.
    ///
    /// # Cost
    /// A pass over the slots of each node to be split.
    fn add_splits<'a, P: Pager>(
        &self,
        pager: &'a P,
        path: &Path<'a, P>,
        mut new: NewEntry,
        splits: &mut Vec<Split<P::Write<'a>>>,
    ) -> Result<(), Error> {
        // Nudge: each node that is split sends the separator of its new right node up.
        todo!("task 4.2: plan the splits from the leaf up")
    }

    /// The separator between the two sides of a cut: the first entry on the right, `new` counted.
    fn separator_at<B: Deref<Target = PageBuf>>(
        &self,
        node: &NodeRef<B>,
        new: &NewEntry,
        cut: usize,
    ) -> Result<(Vec<u8>, RecordId), Error> {
        let entry = if cut == new.at { new.entry() } else { node.entry(cut - usize::from(cut > new.at))? };
        Ok((entry.key.to_vec(), self.bound(entry.record)))
    }

    /// A new page, an empty node of level `level`.
    pub(crate) fn new_node<'a, P: Pager>(
        &self,
        pager: &'a P,
        level: u16,
    ) -> Result<NodeRef<P::Write<'a>>, Error> {
        Ok(NodeRef::init(pager.allocate(kind_of(level))?, self.root, level, self.mode))
    }

    /// Carries out the planned splits, from the leaf up, and gives the last new node an entry in its parent.
    ///
    /// # Requires
    /// `splits` is a plan for `path`; `neighbour` is the right neighbour of the leaf, if it has one.
    ///
    /// # Ensures
    /// The entry is in, and the invariants of all nodes hold.
    ///
    /// # Errors
    /// [`Error::BadNode`] for damage that comes to light only now.
    fn split_path<W: DerefMut<Target = PageBuf>>(
        &self,
        mut path: Vec<Level<W>>,
        splits: Vec<Split<W>>,
        mut neighbour: Option<NodeRef<W>>,
    ) -> Result<(), Error> {
        // Nudge: a root that is split is pushed down first, and then split like any other node.
        todo!("task 4.2: carry out the splits")
    }

    /// Moves all entries of the root to the empty node `left`, and makes the root its parent, one level
    /// higher.
    ///
    /// # Ensures
    /// The root has one entry: `left`, with the empty separator (N3). Both are handed back.
    fn push_down<W: DerefMut<Target = PageBuf>>(
        &self,
        root: NodeRef<W>,
        mut left: NodeRef<W>,
    ) -> Result<(NodeRef<W>, NodeRef<W>), Error> {
        todo!("task 4.2: push the root's entries down")
    }
}

/// How many of the entries of a node that has no room for `new`, with `new` among them, stay on the left when
/// it is split.
///
/// # Requires
/// The bytes of all of them together are more than a node has.
///
/// # Ensures
/// Both sides have room for theirs, and neither is empty. P2, and if `is_append` (`new` comes after
/// everything in the tree) P3: for a leaf only `new` goes right, for an internal node `new` and the entry
/// before it, so that the new node has two children.
///
/// # Errors
/// [`Error::BadNode`].
///
/// # Cost
/// One pass over the slots.
pub(crate) fn choose_cut<B: Deref<Target = PageBuf>>(
    node: &NodeRef<B>,
    new: &NewEntry,
    is_append: bool,
) -> Result<usize, Error> {
    todo!("task 4.2: choose where to cut")
}

/// Splits `node`: of its entries, with `new` among them, the first `cut` stay, the others go to the empty
/// `right`.
///
/// # Ensures
/// N1 to N3 for both. If they are internal, the separator of the first entry on the right is in neither: it
/// goes up.
///
/// # Errors
/// [`Error::BadNode`].
///
/// # Cost
/// Each entry that goes is copied once.
pub(crate) fn divide<W: DerefMut<Target = PageBuf>>(
    node: &mut NodeRef<W>,
    right: &mut NodeRef<W>,
    new: &NewEntry,
    cut: usize,
) -> Result<(), Error> {
    todo!("task 4.2: split a node in two")
}

/// Puts the new leaf `right` between `leaf` and the leaf that was its right neighbour, if it had one. Nothing
/// to do for internal nodes.
///
/// # Ensures
/// `next` and `previous` of all three are right.
pub(crate) fn link<W: DerefMut<Target = PageBuf>>(
    leaf: &mut NodeRef<W>,
    right: &mut NodeRef<W>,
    neighbour: Option<NodeRef<W>>,
) {
    todo!("task 4.2: link a new leaf to its neighbours")
}
