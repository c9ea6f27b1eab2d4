//! Putting an entry in, and splitting what becomes too full (task 4.2; optimistically, 4.6).
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
//! - P2: where a node is cut. Each side of a leaf uses at least [`LOW_WATER`](crate::node::LOW_WATER) bytes
//!   (so the next removal does not merge them again), and each side of an internal node has at least two
//!   children. There is always such a cut, because an entry takes at most a quarter of a node. Which of them
//!   is taken is free.
//! - P3: the exception to P2. An entry that comes after all others of the tree may go to a new leaf alone,
//!   and the full leaf stays full: keys that come in rising order fill the leaves. (Not in the middle of a
//!   tree: there it is not known whether more keys will follow.) An internal node that is split for this
//!   reason gives its last two children to the new node. The same is allowed at the other end of the tree. No
//!   design has to do this.
//!
//! Source: Comer, "The ubiquitous B-tree" (1979); Graefe, "Modern B-tree techniques" (2011), section 4.2 for
//! P3.

use std::cmp::Ordering;
use std::ops::{Deref, DerefMut};

use buffer_pool::{Pager, RecordId};
use slotted_page::{PageBuf, PageId};

use crate::admit::Admit;
use crate::node::{Entry, NodeRef, kind_of};
use crate::{BPlusTree, Error, KeyMode};

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

    /// Inserts with write latches from the root down, and splits what has no room. False if `admit` refused.
    ///
    /// # Requires
    /// The key is not too long.
    ///
    /// # Ensures, Errors
    /// As [`insert_with`](Self::insert_with), and L1 to L5, P1 and P2. Before a split, the structure counter
    /// is raised ([`structure_changes`](Self::structure_changes)). With
    /// [`Latching::WholePath`](crate::Latching::WholePath) every latch is kept to the end, with
    /// [`Latching::Optimistic`](crate::Latching::Optimistic) those above a safe node are released (L3, task
    /// 4.6).
    ///
    /// # Cost
    /// A page read for each level, and one for the right neighbour of a leaf that is split. Latched at the
    /// most: the nodes from the root to the leaf, a new page for each of them that is split, one more if that
    /// is the root, and the neighbour. A split copies each entry a few times at most.
    pub(crate) fn insert_along_path<P: Pager>(
        &self,
        pager: &P,
        entry: Entry<'_>,
        admit: &mut Admit<'_>,
    ) -> Result<bool, Error> {
        // Nudge: write down first everything that a split reads, latches and changes, on all levels.
        // What of it can fail? All of that comes before the first change, and `admit` in between.
        todo!("task 4.2: insert into a leaf, and split what has no room")
    }

    /// A new page, an empty node of level `level`.
    pub(crate) fn new_node<'a, P: Pager>(
        &self,
        pager: &'a P,
        level: u16,
    ) -> Result<NodeRef<P::Write<'a>>, Error> {
        Ok(NodeRef::init(pager.allocate(kind_of(level))?, self.root, level, self.mode))
    }
}
