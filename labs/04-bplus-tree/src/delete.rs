//! Removing an entry, and rebalancing nodes that become too empty (task 4.3; the optimistic way, 4.6).
//!
//! A node is *underfull* when it uses less than [`LOW_WATER`] bytes. It is merged with a sibling if the
//! entries of both fit into one node. Otherwise it borrows entries from the sibling, so that both use about
//! as many bytes. A sibling is a neighbour under the same parent.
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
//! A merge always moves the entries of the right node into the left one and frees the right page. If the root
//! is left with one child, the entries of the child move into the root page, which keeps its number, and the
//! page of the child is freed. In no other way does a tree become lower.
//!
//! - D1: a node that may become underfull is latched together with a sibling, before anything below is
//!   latched: latches are taken from the top down, so the sibling cannot be latched later (L1).
//! - D2: a borrow gives the parent a new separator, which may be longer than the old one. If the parent has
//!   no room for it, another place to cut is tried. If no cut has a separator that fits, the node stays
//!   underfull. A merge needs no new separator.
//! - D3: because of D2, an internal node other than the root may be left with one child. It counts as
//!   underfull, however many bytes it uses. If its only child becomes empty, that child has no sibling to
//!   merge with: it is cut out. Then its parent has no child and is cut out too, *even if it has a sibling*:
//!   it has no entry that could be merged, and a borrow would have no separator to bring down. The same may
//!   happen to the node above.
//!
//! Left out: leaves are merged only under the same parent, and an underfull node is rebalanced only by the
//! next removal in it.
//!
//! Source: Comer, "The ubiquitous B-tree" (1979), section 2; Graefe, "Modern B-tree techniques" (2011),
//! section 2 for variable-length entries.

use std::ops::{Deref, DerefMut};

use buffer_pool::{Pager, RecordId};
use slotted_page::{PageBuf, PageId};

use crate::admit::Admit;
use crate::descend::{Change, Level, Path, Sibling};
use crate::node::{CAPACITY, Entry, LOW_WATER, NodeRef};
use crate::{BPlusTree, Error, NodeDamage, Removal};

/// What a removal does about a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rebalance {
    /// Nothing: the node is not underfull, or it is not empty and has no sibling.
    Nothing,
    /// The node is empty, and goes out of the tree (D3).
    CutOut,
    /// The entries of the node and its sibling go into one node.
    Merge,
    /// Entries move between the node and its sibling (D2).
    Borrow,
}

/// The leaves whose links a removal changes, other than the leaf itself and its sibling.
struct Neighbours<W> {
    left: Option<NodeRef<W>>,
    right: Option<NodeRef<W>>,
}

impl BPlusTree {
    /// Removes with a write latch on the leaf alone, if that is enough.
    ///
    /// # Ensures
    /// `Some`: the answer of [`remove_with`](Self::remove_with). `None`: the leaf would become underfull, and
    /// nothing was changed.
    ///
    /// # Errors
    /// As [`remove_with`](Self::remove_with). No latch is held.
    pub(crate) fn remove_from_leaf<P: Pager>(
        &self,
        pager: &P,
        entry: Entry<'_>,
        admit: &mut Admit<'_>,
    ) -> Result<Option<Removal>, Error> {
        todo!("task 4.6: remove optimistically")
    }

    /// Removes with write latches on the way, and rebalances what becomes underfull.
    ///
    /// # Ensures
    /// `Some`: the answer of [`remove_with`](Self::remove_with). `None`: a latch was refused that the order
    /// of latches (L1) does not allow to wait for. Nothing was changed, nothing is latched, and the caller
    /// tries again.
    ///
    /// # Errors
    /// As [`remove_with`](Self::remove_with).
    ///
    /// # Cost
    /// A page read for each level, one for each sibling (D1), and one for the leaf after two that are merged.
    pub(crate) fn remove_along_path<P: Pager>(
        &self,
        pager: &P,
        entry: Entry<'_>,
        admit: &mut Admit<'_>,
    ) -> Result<Option<Removal>, Error> {
        // Nudge: decide what will happen to the leaf, latch everything for it, and ask `admit`.
        // Only then change the leaf, and after it its ancestors from the leaf up.
        todo!("task 4.3: remove from a leaf, and rebalance what becomes underfull")
    }

    /// True if `node` does not become underfull, whatever a removal of `entry` in or below it takes out of
    /// it.
    ///
    /// # Requires
    /// `node` is on the way to `entry`.
    ///
    /// # Ensures
    /// A leaf loses the entry itself. An internal node loses at most one of two entries: that of the child on
    /// the way, or that of the child after it, which may be merged into it. It needs two children afterwards.
    /// `entry` may turn out not to be there: then nothing is taken out, and the answer for an entry of its
    /// size will do.
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

    /// `child`, which is the child at `parent.index`, latched together with a sibling if it is not safe and
    /// has one.
    ///
    /// # Ensures
    /// The right sibling, or the left one if `child` is the last. The left one comes earlier in the order: if
    /// its latch cannot be had at once, `child` is let go and both are taken from left to right. Nobody comes
    /// in between, because `parent` stays latched (L2).
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
    pub(crate) fn find<B: Deref<Target = PageBuf>>(
        &self,
        leaf: &NodeRef<B>,
        entry: Entry<'_>,
    ) -> Result<Option<usize>, Error> {
        todo!("task 4.3: find an entry in its leaf")
    }

    /// Latches the leaves, other than `leaf` and its sibling, whose links `step` changes: the one after two
    /// that are merged, or both beside one that is cut out. Given.
    ///
    /// # Ensures
    /// `None`: a latch against the order (L1) was refused.
    fn write_neighbours<'a, P: Pager>(
        &self,
        pager: &'a P,
        leaf: &NodeRef<P::Write<'a>>,
        sibling: Option<&Sibling<P::Write<'a>>>,
        step: Rebalance,
    ) -> Result<Option<Neighbours<P::Write<'a>>>, Error> {
        let mut neighbours = Neighbours { left: None, right: None };
        match (step, sibling) {
            (Rebalance::Merge, Some(Sibling { node: sibling, is_right })) => {
                let (left, right) = if *is_right { (leaf, sibling) } else { (sibling, leaf) };
                if left.next() != right.id() {
                    let damage = NodeDamage::WrongNeighbour { expected: right.id(), found: left.next() };
                    return Err(left.damaged(damage));
                }
                if right.next() == left.id() {
                    return Err(right.damaged(NodeDamage::Circle));
                }
                neighbours.right = self.write_neighbour(pager, right)?;
            }
            (Rebalance::CutOut, _) => {
                let previous = leaf.previous();
                if previous == leaf.id() || previous == self.root {
                    return Err(leaf.damaged(NodeDamage::Circle));
                }
                if previous != PageId::NONE {
                    if previous == leaf.next() {
                        return Err(leaf.damaged(NodeDamage::Circle));
                    }
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

    /// Rebalances `node`, from which an entry was removed, and then its ancestors in `path`, from the lowest
    /// up.
    ///
    /// # Requires
    /// `node` comes with its sibling, if that is latched. `step` is what is to be done about it, and
    /// `neighbours` are latched for that.
    ///
    /// # Ensures
    /// The invariants of all nodes hold. Returned are the nodes that are out of the tree, to be freed. The
    /// structure counter is raised before entries go from node to node
    /// ([`structure_changes`](Self::structure_changes)): nothing of this task looks at it, the iterators of
    /// 4.4 rely on it.
    ///
    /// # Errors
    /// [`Error::BadNode`] for damage that is found only now.
    fn rebalance<'a, P: Pager>(
        &self,
        pager: &'a P,
        mut path: Path<'a, P>,
        (mut node, mut sibling): WithSibling<P::Write<'a>>,
        mut step: Rebalance,
        neighbours: Neighbours<P::Write<'a>>,
    ) -> Result<Vec<NodeRef<P::Write<'a>>>, Error> {
        // Nudge: do `step`; what is to be done about the parent afterwards says `rebalance_for`.
        todo!("task 4.3: rebalance from the leaf up")
    }

    /// Evens out two siblings. Entry `at` of the parent is that of `right`.
    ///
    /// # Ensures
    /// Both use about as many bytes, and the separator between them is right. Nothing is changed if the
    /// parent has no room for any separator that would make it better (D2).
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
    /// The entries of the only child are in the root page, which takes over its level; again, if that leaves
    /// the root with an only child (D3). The latch of that child comes later in the order, so it is waited
    /// for. Only if its page cannot be had, the root keeps an only child. A root without a child is an empty
    /// leaf. Returned are the nodes that are out of the tree.
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

/// A node and its sibling, if that is latched.
type WithSibling<W> = (NodeRef<W>, Option<Sibling<W>>);

/// What is to be done about `node`, the child of `parent` on the way, if entry `removed` goes out of it now;
/// with `None`, as it is. Without a parent on the way, `node` is the root or is safe (L3). Given.
///
/// # Errors
/// [`Error::BadNode`].
fn rebalance_for<B: Deref<Target = PageBuf>>(
    parent: Option<&Level<B>>,
    node: &NodeRef<B>,
    sibling: Option<&Sibling<B>>,
    removed: Option<usize>,
) -> Result<Rebalance, Error> {
    let Some(Level { node: parent, index, .. }) = parent else { return Ok(Rebalance::Nothing) };
    let used = node.used_bytes() - removed.map_or(Ok(0), |at| node.entry_size(at))?;
    let count = node.len() - usize::from(removed.is_some());
    if used >= LOW_WATER && (node.is_leaf() || count >= 2) {
        return Ok(Rebalance::Nothing);
    }
    if count == 0 && (sibling.is_none() || !node.is_leaf()) {
        return Ok(Rebalance::CutOut);
    }
    let Some(Sibling { node: other, is_right }) = sibling else { return Ok(Rebalance::Nothing) };
    // The separator between two internal nodes comes down, to the entry of the right one that has none.
    let right_at = index + usize::from(*is_right);
    let comes_down = if node.is_leaf() { 0 } else { parent.entry(right_at)?.key.len() };
    let fits = used + other.used_bytes() + comes_down <= CAPACITY;
    Ok(if fits { Rebalance::Merge } else { Rebalance::Borrow })
}

/// A sibling to the left is not the leaf to the right of `leaf`: a thread that asked for it again would wait
/// for itself.
fn check_not_beside<B: Deref<Target = PageBuf>>(
    leaf: &NodeRef<B>,
    left: Option<&Sibling<B>>,
) -> Result<(), Error> {
    match left {
        Some(Sibling { node, .. }) if node.id() == leaf.next() => Err(leaf.damaged(NodeDamage::Circle)),
        _ => Ok(()),
    }
}

/// Appends the entries of `right` to `left`, and takes entry `at`, that of `right`, out of the parent.
///
/// # Requires
/// [`Rebalance::Merge`]: all entries fit. For leaves, `neighbours.right` is the leaf after `right`, if there
/// is one.
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
