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
//! - D3: so an internal node other than the root may be left with one child, where nothing could be borrowed for it. It is
//!   underfull, however many bytes it uses. If its only child becomes empty, that has no sibling to be merged with: it is
//!   cut out. Its parent has no child then, and is cut out as well, *even if it has a sibling*: nothing is left in it to be
//!   merged, and a borrow would have no separator to bring down to. And so on up.
//!
//! Left out: a leaf that is merged is not searched for a place among other parents' children, and underfull nodes are
//! mended only by the next removal in them.
//!
//! Source: Comer, "The ubiquitous B-tree" (1979), section 2; Graefe, "Modern B-tree techniques" (2011), section 2 for
//! variable-length entries.

use std::ops::{Deref, DerefMut};

use buffer_pool::{Pager, RecordId};
use slotted_page::{PageBuf, PageId};

use crate::descend::{Change, Level, Path, Sibling};
use crate::node::{CAPACITY, Entry, LOW_WATER, NodeRef};
use crate::{BPlusTree, Error, NodeDamage};

/// The leaves beside those of the way and their siblings, whose links a removal changes.
struct Neighbours<W> {
    left: Option<NodeRef<W>>,
    right: Option<NodeRef<W>>,
}

impl BPlusTree {
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
    /// that of the child after it, which may be merged into it. It needs two children afterwards. `entry` may turn out not
    /// to be there: then nothing is taken out, and the answer for an entry of its size will do.
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
    /// The right sibling, or the left one if `child` is the last. The left one comes earlier in the order: if its latch
    /// cannot be had at once, `child` is let go and both are taken from left to right. Nobody comes in between, because
    /// `parent` stays latched (L2).
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

    /// Where exactly this key and record id are in their leaf, if they are there.
    ///
    /// # Errors
    /// [`Error::BadNode`].
    fn find<B: Deref<Target = PageBuf>>(
        &self,
        leaf: &NodeRef<B>,
        entry: Entry<'_>,
    ) -> Result<Option<usize>, Error> {
        todo!("task 4.3: find an entry in its leaf")
    }

    /// Latches the leaves, other than the sibling, whose links must change when entry `at` goes out of the leaf `level`:
    /// the one after two that are merged, or both beside one that is cut out. None in most cases. Given.
    ///
    /// # Ensures
    /// `None`: a latch against the order (L1) could not be had at once.
    fn write_neighbours<'a, P: Pager>(
        &self,
        pager: &'a P,
        level: &Level<P::Write<'a>>,
        at: usize,
    ) -> Result<Option<Neighbours<P::Write<'a>>>, Error> {
        let leaf = &level.node;
        let stays = leaf.used_bytes() - leaf.entry_size(at)?;
        let mut neighbours = Neighbours { left: None, right: None };
        if leaf.id() == self.root || stays >= LOW_WATER {
            return Ok(Some(neighbours));
        }
        match &level.sibling {
            Some(Sibling { node: sibling, is_right }) if stays + sibling.used_bytes() <= CAPACITY => {
                let (left, right) = if *is_right { (leaf, sibling) } else { (sibling, leaf) };
                if left.next() != right.id() || right.next() == left.id() {
                    return Err(left.damaged(NodeDamage::Circle));
                }
                neighbours.right = self.write_neighbour(pager, right)?;
            }
            None if stays == 0 => {
                let previous = leaf.previous();
                if previous == leaf.id() || previous == self.root {
                    return Err(leaf.damaged(NodeDamage::Circle));
                }
                if previous != PageId::NONE {
                    let Some(page) = pager.try_write(previous)? else {
                        return Ok(None);
                    };
                    neighbours.left = Some(self.node(page, Some(0))?);
                }
                neighbours.right = self.write_neighbour(pager, leaf)?;
            }
            _ => {}
        }
        Ok(Some(neighbours))
    }

    /// Takes entry `at` out of the leaf of `path`, and mends what becomes underfull, from the leaf up.
    ///
    /// # Ensures
    /// The invariants of all nodes hold. Returned are the nodes that are out of the tree, to be freed. The structure
    /// counter is raised before entries go from node to node ([`structure_changes`](Self::structure_changes)): nothing of
    /// this task looks at it, the walks of 4.4 rely on it.
    ///
    /// # Errors
    /// [`Error::BadNode`] for damage that comes to light only now.
    fn remove_and_mend<'a, P: Pager>(
        &self,
        pager: &'a P,
        mut path: Path<'a, P>,
        at: usize,
        neighbours: Neighbours<P::Write<'a>>,
    ) -> Result<Vec<NodeRef<P::Write<'a>>>, Error> {
        // Nudge: five cases: nothing to mend; an empty node to be cut out (a leaf without a sibling,
        // an internal node with or without one, D3); a merge; a borrow; and a node that is not
        // empty and has no sibling, which stays.
        todo!("task 4.3: mend from the leaf up")
    }

    /// Evens out two siblings. Entry `at` of the parent is that of `right`.
    ///
    /// # Ensures
    /// Both use about as many bytes, and the separator between them is right. Nothing is changed if the parent has no room
    /// for any separator that would make it better (D2).
    ///
    /// # Errors
    /// [`Error::BadNode`].
    fn borrow<W: DerefMut<Target = PageBuf>>(
        &self,
        parent: &mut NodeRef<W>,
        at: usize,
        left: &mut NodeRef<W>,
        right: &mut NodeRef<W>,
    ) -> Result<(), Error> {
        // Nudge: between internal nodes the old separator comes down, and another goes up.
        todo!("task 4.3: borrow from a sibling")
    }

    /// Makes a tree lower whose root has one child, `child`, or none.
    ///
    /// # Ensures
    /// The entries of the only child are in the root page, which takes over its level; again, if that leaves the root
    /// with an only child (D3) that can be had. A root without a child is an empty leaf. Returned are the nodes that are
    /// out of the tree.
    ///
    /// # Errors
    /// [`Error::BadNode`] for damage that comes to light only now.
    fn collapse<'a, P: Pager>(
        &self,
        pager: &'a P,
        mut root: NodeRef<P::Write<'a>>,
        mut child: Option<NodeRef<P::Write<'a>>>,
    ) -> Result<Vec<NodeRef<P::Write<'a>>>, Error> {
        todo!("task 4.3: make the tree lower")
    }
}

/// True if the node should be mended.
fn is_underfull<B: Deref<Target = PageBuf>>(node: &NodeRef<B>) -> bool {
    node.used_bytes() < LOW_WATER || !node.is_leaf() && node.len() < 2
}

/// Whether all entries of two siblings fit into one. Entry `at` of the parent is that of `right`.
fn can_merge<B: Deref<Target = PageBuf>>(
    parent: &NodeRef<B>,
    at: usize,
    left: &NodeRef<B>,
    right: &NodeRef<B>,
) -> Result<bool, Error> {
    // The separator of an internal node comes down to a first entry, whose own is empty.
    let comes_down = if left.is_leaf() { 0 } else { parent.entry(at)?.key.len() };
    Ok(left.used_bytes() + right.used_bytes() + comes_down <= CAPACITY)
}

/// Appends the entries of `right` to `left`, and takes entry `at`, that of `right`, out of the parent.
///
/// # Requires
/// [`can_merge`]. For leaves, `neighbours.right` is the leaf after `right`, if there is one.
///
/// # Ensures
/// `left` has all entries, and the links of the leaves leave `right` out. `right` is as before.
fn merge<W: DerefMut<Target = PageBuf>>(
    parent: &mut NodeRef<W>,
    at: usize,
    left: &mut NodeRef<W>,
    right: &NodeRef<W>,
    neighbours: Option<Neighbours<W>>,
) -> Result<(), Error> {
    todo!("task 4.3: merge two siblings")
}

/// Takes the empty node `node`, child `at` of `parent`, out of the parent and out of the row of leaves (D3).
///
/// # Ensures
/// N3 holds for the parent, if it is not empty too.
fn cut_out<W: DerefMut<Target = PageBuf>>(
    parent: &mut NodeRef<W>,
    at: usize,
    node: &NodeRef<W>,
    neighbours: Option<Neighbours<W>>,
) -> Result<(), Error> {
    todo!("task 4.3: cut an empty node out")
}
