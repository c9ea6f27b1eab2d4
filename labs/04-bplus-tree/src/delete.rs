//! Taking an entry out, and mending what becomes too empty (task 4.3; the optimistic way, 4.6).
//!
//! A node is *underfull* when it uses less than [`LOW_WATER`] bytes. It is merged with a sibling if all entries of both fit
//! into one node; else it borrows from the sibling, so that both use about as much. (A sibling: a neighbour under the same
//! parent.)
//!
//! ```text
//!   merge two leaves                       borrow from the right leaf
//!
//!     | . dog . owl |       | . owl |        | . dog . owl |       | . fox . owl |
//!      /     |       =>      /                /     |       =>      /     |
//!   |ant|  |dog|       |ant dog|           |ant|  |dog fox gnu|  |ant dog| |fox gnu|
//!
//!   merge two internal nodes: the separator comes down
//!
//!         | . dog . |                | . |
//!          /       \         =>       /
//!    | . cat . | | . |          | . cat . dog . |
//! ```
//!
//! A merge always moves the right node into the left one and frees the right page. If the root is left with one child, the
//! child's entries move into the root page, which keeps its number, and the child's page is freed: the only way in which a
//! tree becomes lower.
//!
//! - D1: a node that may become underfull is latched together with a sibling, before anything below: the order of latches
//!   is top down, so the sibling could not be had later (L1).
//! - D2: a borrow gives the parent a new separator, which may be longer than the old one. If the parent has no room for
//!   it, another place to cut is tried, and if none will do the node stays underfull. A merge needs no new separator.
//! - D3: so an internal node may be left with one child, where nothing could be borrowed for it. If that child becomes
//!   empty, it has no sibling to be merged with: it is cut out, and its parent with it.
//!
//! Left out: a leaf that is merged is not searched for a place among other parents' children, and underfull nodes are
//! mended only by the next removal in them.
//!
//! Source: Comer, "The ubiquitous B-tree" (1979), section 2; Graefe, "Modern B-tree techniques" (2011), section 2 for
//! variable-length entries.

use std::ops::{Deref, DerefMut};

use buffer_pool::Pager;
use slotted_page::PageId;

use crate::descend::{Change, Level, Path, Sibling};
use crate::node::{CAPACITY, Entry, LOW_WATER, NodeRef};
use crate::{BTree, Error, NodeDamage};
use slotted_page::PageBuf;

/// The leaves beside those of the way and their siblings, whose links a removal changes.
struct Neighbours<W> {
    left: Option<NodeRef<W>>,
    right: Option<NodeRef<W>>,
}

impl BTree {
    /// Removes with a write latch on the leaf alone, if that is enough.
    ///
    /// # Ensures
    /// `Some(true)`: the entry is out. `Some(false)`: there is no such entry. `None`: the leaf would become underfull, and
    /// nothing was changed.
    ///
    /// # Errors
    /// As [`remove`](Self::remove). No latch is held.
    pub(crate) fn remove_from_leaf<P: Pager>(
        &self,
        pager: &P,
        entry: Entry<'_>,
    ) -> Result<Option<bool>, Error> {
        todo!("task 4.6: remove optimistically")
    }

    /// Removes with write latches on the way, mending what becomes underfull.
    ///
    /// # Ensures
    /// `Some` is the answer of [`remove`](Self::remove). `None`: a latch could not be had without waiting against the
    /// order (L1); nothing was changed, nothing is latched, and the caller tries again.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    ///
    /// # Cost
    /// A page read for each level, one for each sibling (D1), and one for the leaf after two that are merged.
    pub(crate) fn remove_along_path<P: Pager>(
        &self,
        pager: &P,
        entry: Entry<'_>,
    ) -> Result<Option<bool>, Error> {
        // Nudge: first everything that must be latched, then the leaf, then its ancestors from the leaf up.
        todo!("task 4.3: remove from a leaf, and mend what becomes underfull")
    }

    /// True if `node` does not become underfull, whatever a removal of `entry` in or below it takes out of it.
    ///
    /// # Requires
    /// `node` is on the way to `entry`.
    ///
    /// # Ensures
    /// A leaf loses the entry itself. An internal node loses at most one of two entries: that of the child on the way, or
    /// that of the child after it, which may be merged into it. It needs two children afterwards.
    ///
    /// # Errors
    /// [`Error::BadNode`].
    pub(crate) fn is_safe_for_remove<B: Deref<Target = PageBuf>>(
        &self,
        node: &NodeRef<B>,
        entry: Entry<'_>,
    ) -> Result<bool, Error> {
        todo!("task 4.3: tell whether a node can become underfull")
    }

    /// `child`, which is the child at `parent.index`, latched together with a sibling if it is not safe and has one.
    ///
    /// # Ensures
    /// The right sibling, or the left one if `child` is the last. The left one comes earlier in the order: if its latch cannot be
    /// had at once, `child` is let go and both are taken from left to right. Nobody comes in between, because `parent`
    /// stays latched (L2).
    ///
    /// # Errors
    /// Those of [`Pager::write`], [`Error::BadNode`].
    pub(crate) fn with_sibling<'a, P: Pager>(
        &self,
        pager: &'a P,
        parent: &Level<P::Write<'a>>,
        mut child: NodeRef<P::Write<'a>>,
        entry: Entry<'_>,
    ) -> Result<Level<P::Write<'a>>, Error> {
        todo!("task 4.3: latch a sibling")
    }
}
