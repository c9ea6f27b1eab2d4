//! Removing an entry, and rebalancing nodes that become too empty (task 4.3; optimistically, 4.6).
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
//! A merge moves the entries of the right node into the left one and frees the right page. If the root is
//! left with one child, the entries of the child move into the root page, which keeps its number, and the
//! page of the child is freed. In no other way does a tree become lower.
//!
//! - D1: a sibling is latched from the top down, before anything below it: later it could not be waited for
//!   (L1). So whether a node may need its sibling is decided when the node is reached.
//! - D2: a borrow gives the parent a new separator, which may be longer than the old one. If the parent has
//!   no room for it, another place to cut is tried. If no cut has a separator that fits, the node stays
//!   underfull. A merge needs no new separator.
//! - D3: *only children*. Because of D2, an internal node other than the root may be left with one child. It
//!   counts as underfull, however many bytes it uses. If that child becomes empty, it has no sibling to merge
//!   with: it is *cut out*, which means that its parent and the leaves beside it forget it, and its page is
//!   freed. Then its parent has no child and is cut out too, *even if it has a sibling*: it has no entry that
//!   could be merged, and a borrow would have no separator to bring down. The same may happen to the node
//!   above. When the root takes over the entries of its last child, that may be one child again, and the root
//!   goes on with it. If that child's page cannot be had, or a `try_write` for it is refused, the root may
//!   keep an only child: the tree is right, and higher than it need be.
//! - D4: *how full nodes are*. After a removal no node that lost an entry or a child uses less than
//!   [`LOW_WATER`] bytes, unless it is the root, has no sibling, or long keys do not allow it (D2). After a
//!   borrow each of the two leaves uses at least three eighths of [`CAPACITY`], unless D2 does not allow it:
//!   many removals follow before the next borrow. There is such a border, because an entry takes at most a
//!   quarter of a node. It is free which sibling is taken, where between these bounds the border lies, and
//!   whether nodes are merged earlier than they must be.
//!
//! Left out: leaves are merged only under the same parent, and an underfull node is rebalanced only by the
//! next removal in it.
//!
//! Source: Comer, "The ubiquitous B-tree" (1979), section 2; Graefe, "Modern B-tree techniques" (2011),
//! section 2 for variable-length entries.

use std::ops::{Deref, DerefMut};

use buffer_pool::{Pager, RecordId};
use kit::sync::thread::yield_now;
use slotted_page::{PageBuf, PageId};

use crate::admit::Admit;
//# hide
use crate::descend::{Change, Level, Path, Sibling, pages_of};
//# end
use crate::node::{CAPACITY, Entry, LOW_WATER, NodeRef};
use crate::{BPlusTree, Error, NodeDamage, Removal};

//# hide
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
//# end

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
        //# task 4.6 remove optimistically
        let mut leaf = self.write_leaf(pager, entry)?;
        let Some(at) = self.find(&leaf, entry)? else {
            return Ok(Some(Removal::Absent));
        };
        if leaf.id() != self.root && !self.is_safe_for_remove(&leaf, entry)? {
            return Ok(None);
        }
        let next_leaf = self.read_next_leaf(pager, &leaf, at + 1, admit, &[])?;
        if !admit.ask(&leaf, at + 1, next_leaf.as_ref())? {
            return Ok(Some(Removal::Refused));
        }
        leaf.remove(at)?;
        Ok(Some(Removal::Removed))
        //# end
    }

    /// Removes with write latches from the root down, and rebalances what becomes underfull.
    ///
    /// # Requires
    /// The key is not too long.
    ///
    /// # Ensures, Errors
    /// As [`remove_with`](Self::remove_with), and L1 to L5 and D1 to D4. Before entries go from node to node
    /// or a node is cut out, the structure counter is raised
    /// ([`structure_changes`](Self::structure_changes)): no test of this task looks at it, the iterators of
    /// task 4.4 rely on it. With
    /// [`Latching::WholePath`](crate::Latching::WholePath) every latch is kept to the end, with
    /// [`Latching::Optimistic`](crate::Latching::Optimistic) those above a safe node are released (L3, task
    /// 4.6).
    ///
    /// # Cost
    /// A page read for each level, one for each sibling (D1), and one for each leaf whose links change. More
    /// only if a latch was refused and everything starts again.
    pub(crate) fn remove_along_path<P: Pager>(
        &self,
        pager: &P,
        entry: Entry<'_>,
        admit: &mut Admit<'_>,
    ) -> Result<Removal, Error> {
        //# task 4.3 remove from a leaf, and rebalance what becomes underfull
        //+ // Nudge: decide what will happen to the leaf, latch everything for it, and ask `admit`.
        //+ // Only then change the leaf, and after it its ancestors from the leaf up.
        loop {
            if let Some(removal) = self.try_remove_along_path(pager, entry, admit)? {
                return Ok(removal);
            }
            yield_now();
        }
        //# end
    }

    //# hide
    /// As [`remove_along_path`](Self::remove_along_path). `None`: a latch was refused that the order of
    /// latches (L1) does not allow to wait for. Nothing was changed, and nothing is latched.
    fn try_remove_along_path<P: Pager>(
        &self,
        pager: &P,
        entry: Entry<'_>,
        admit: &mut Admit<'_>,
    ) -> Result<Option<Removal>, Error> {
        let mut path = self.write_path(pager, entry, Change::Remove)?;
        let mut held = pages_of(&path);
        let Level { node: mut leaf, sibling, .. } = path.pop().expect("a path ends in a leaf");
        let Some(at) = self.find(&leaf, entry)? else {
            return Ok(Some(Removal::Absent));
        };
        let step = rebalance_for(path.last(), &leaf, sibling.as_ref(), Some(at))?;
        let Some(neighbours) = self.write_neighbours(pager, &leaf, sibling.as_ref(), step, &mut held)? else {
            return Ok(None);
        };
        let right_sibling = sibling.as_ref().filter(|sibling| sibling.is_right).map(|sibling| &sibling.node);
        let is_admitted = match right_sibling.or(neighbours.right.as_ref()) {
            Some(next_leaf) => admit.ask(&leaf, at + 1, Some(next_leaf))?,
            None => {
                let next_leaf = self.read_next_leaf(pager, &leaf, at + 1, admit, &held)?;
                admit.ask(&leaf, at + 1, next_leaf.as_ref())?
            }
        };
        if !is_admitted {
            return Ok(Some(Removal::Refused));
        }
        leaf.remove(at)?;
        let freed = self.rebalance(pager, path, (leaf, sibling), step, neighbours)?;
        // Every page is out of the tree by now, so go on after an error.
        let results: Vec<_> = freed.into_iter().map(|node| pager.free(node.into_inner())).collect();
        results.into_iter().collect::<Result<Vec<()>, _>>()?;
        Ok(Some(Removal::Removed))
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
        if node.is_leaf() {
            return Ok(node.used_bytes() >= LOW_WATER + node.size_for(entry.key));
        }
        let index = node.child_index(entry.key, self.bound(entry.record))?;
        let after = if index + 1 < node.len() { node.entry_size(index + 1)? } else { 0 };
        let loss = node.entry_size(index)?.max(after);
        Ok(node.len() > 2 && node.used_bytes() >= LOW_WATER + loss)
    }

    /// `child`, which is the child at `parent.index`, latched together with a sibling if it is not safe and
    /// has one. `held` are the other pages that this thread holds.
    ///
    /// # Ensures
    /// The right sibling, or the left one if `child` is the last. The left one comes earlier in the order: if
    /// its latch cannot be had at once, `child` is released and both are taken from left to right. No thread
    /// comes in between, because `parent` stays latched (L2).
    ///
    /// # Errors
    /// Those of [`Pager::write`], [`Error::BadNode`].
    pub(crate) fn with_sibling<'a, P: Pager>(
        &self,
        pager: &'a P,
        parent: &Level<P::Write<'a>>,
        mut child: NodeRef<P::Write<'a>>,
        entry: Entry<'_>,
        mut held: Vec<PageId>,
    ) -> Result<Level<P::Write<'a>>, Error> {
        let is_right = parent.index + 1 < parent.node.len();
        if parent.node.len() < 2 || self.is_safe_for_remove(&child, entry)? {
            return Ok(Level::new(child));
        }
        let index = if is_right { parent.index + 1 } else { parent.index - 1 };
        let child_id = child.id();
        held.push(child_id);
        let id = self.child_of(&parent.node, index, &held)?;
        let level = Some(child.level());
        let sibling = if is_right {
            self.node(pager.write(id)?, level)?
        } else if let Some(sibling) = pager.try_write(id)? {
            self.node(sibling, level)?
        } else {
            drop(child);
            let sibling = self.node(pager.write(id)?, level)?;
            child = self.node(pager.write(child_id)?, level)?;
            sibling
        };
        Ok(Level { node: child, index: 0, sibling: Some(Sibling { node: sibling, is_right }) })
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
        let at = leaf.lower_bound(entry.key, self.bound(entry.record))?;
        Ok((at < leaf.len() && leaf.entry(at)? == entry).then_some(at))
    }

    /// Latches the leaves, other than `leaf` and its sibling, whose links `step` changes: the one after two
    /// that are merged, or both beside one that is cut out. They are added to `held`.
    ///
    /// # Ensures
    /// `None`: a latch against the order (L1) was refused.
    fn write_neighbours<'a, P: Pager>(
        &self,
        pager: &'a P,
        leaf: &NodeRef<P::Write<'a>>,
        sibling: Option<&Sibling<P::Write<'a>>>,
        step: Rebalance,
        held: &mut Vec<PageId>,
    ) -> Result<Option<Neighbours<P::Write<'a>>>, Error> {
        let mut neighbours = Neighbours { left: None, right: None };
        match (step, sibling) {
            (Rebalance::Merge, Some(Sibling { node: sibling, is_right })) => {
                let (left, right) = if *is_right { (leaf, sibling) } else { (sibling, leaf) };
                if left.next() != right.id() {
                    let damage = NodeDamage::WrongNeighbour { expected: right.id(), found: left.next() };
                    return Err(left.damaged(damage));
                }
                neighbours.right = self.write_right_of(pager, right, held)?;
            }
            (Rebalance::CutOut, _) => {
                if let Some(previous) = self.left_of(leaf, held)? {
                    let Some(page) = pager.try_write(previous)? else {
                        return Ok(None);
                    };
                    held.push(previous);
                    neighbours.left = Some(self.node(page, Some(0))?);
                }
                neighbours.right = self.write_right_of(pager, leaf, held)?;
            }
            _ => {}
        }
        held.extend(neighbours.right.as_ref().map(NodeRef::id));
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
        let mut neighbours = Some(neighbours);
        let mut freed = Vec::new();
        while step != Rebalance::Nothing
            && let Some(mut parent) = path.pop()
        {
            self.structure_changes();
            let survivor = if step == Rebalance::CutOut {
                cut_out(&mut parent.node, parent.index, &node, neighbours.take())?;
                freed.push(node);
                sibling.map(|sibling| sibling.node)
            } else {
                let Sibling { node: other, is_right } =
                    sibling.expect("only a node with a sibling is merged with it or borrows from it");
                let (mut left, mut right, at) =
                    if is_right { (node, other, parent.index + 1) } else { (other, node, parent.index) };
                if step == Rebalance::Borrow {
                    self.borrow(&mut parent.node, at, &mut left, &mut right)?;
                    break;
                }
                merge(&mut parent.node, at, &mut left, &right, neighbours.take())?;
                freed.push(right);
                Some(left)
            };
            if parent.node.id() == self.root && parent.node.len() < 2 {
                self.collapse(pager, parent.node, survivor, &mut freed)?;
                break;
            }
            (node, sibling) = (parent.node, parent.sibling);
            step = rebalance_for(path.last(), &node, sibling.as_ref(), None)?;
        }
        Ok(freed)
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
        let Some(cut) = self.choose_border(parent, at, left, right)? else { return Ok(()) };
        let was = left.len();
        let border = if cut < was { left.entry(cut)? } else { right.entry(cut - was)? };
        let (key, record) = (border.key.to_vec(), self.bound(border.record));
        let (old_key, old_record) = owned(parent.entry(at)?);
        let old = Entry { key: &old_key, record: old_record };
        if cut < was {
            if !right.is_leaf() {
                right.set_separator(0, old)?;
            }
            for index in (cut..was).rev() {
                if index == cut && !left.is_leaf() {
                    right.insert(0, left.child(index)?, Entry::EMPTY)?;
                } else {
                    right.insert_raw(0, left.raw(index)?)?;
                }
                left.remove(index)?;
            }
        } else {
            for index in was..cut {
                if index == was && !left.is_leaf() {
                    left.insert(index, right.child(0)?, old)?;
                } else {
                    left.insert_raw(index, right.raw(0)?)?;
                }
                right.remove(0)?;
            }
            if !right.is_leaf() {
                right.set_separator(0, Entry::EMPTY)?;
            }
        }
        parent.set_separator(at, Entry { key: &key, record })
    }

    /// How many of the entries of two siblings are to be in the left one, so that both use about as much;
    /// `None` if nothing that is possible is better than now.
    fn choose_border<B: Deref<Target = PageBuf>>(
        &self,
        parent: &NodeRef<B>,
        at: usize,
        left: &NodeRef<B>,
        right: &NodeRef<B>,
    ) -> Result<Option<usize>, Error> {
        let (was, count) = (left.len(), left.len() + right.len());
        let comes_down = if left.is_leaf() { 0 } else { parent.entry(at)?.key.len() };
        let total = left.used_bytes() + right.used_bytes() + comes_down;
        let room = parent.free_bytes() + parent.entry_size(at)?;
        let (mut best, mut best_gap) = (None, left.used_bytes().abs_diff(right.used_bytes()));
        let mut on_left = 0;
        for cut in 1..count {
            let index = cut - 1;
            on_left += match index.checked_sub(was) {
                None => left.entry_size(index)?,
                Some(0) => right.entry_size(0)? + comes_down,
                Some(index) => right.entry_size(index)?,
            };
            if cut == was {
                continue;
            }
            let border = if cut < was { left.entry(cut)? } else { right.entry(cut - was)? };
            let goes_up = if left.is_leaf() { 0 } else { border.key.len() };
            let on_right = total - on_left - goes_up;
            let gap = on_left.abs_diff(on_right);
            let fits = on_left.max(on_right) <= CAPACITY && parent.size_for(border.key) <= room;
            if fits && gap < best_gap {
                (best, best_gap) = (Some(cut), gap);
            }
        }
        Ok(best)
    }

    /// Makes a tree lower whose root has one child, `child`, or none.
    ///
    /// # Ensures
    /// The entries of the only child are in the root page, which takes over its level; again, if that leaves
    /// the root with an only child (D3). The latch of that child comes later in the order, so it is waited
    /// for. Only if its page cannot be had, the root keeps an only child: the removal is done by then. A root
    /// without a child is an empty leaf. The nodes that are out of the tree are added to `freed`.
    ///
    /// # Errors
    /// [`Error::BadNode`] for damage that is found only now.
    fn collapse<'a, P: Pager>(
        &self,
        pager: &'a P,
        mut root: NodeRef<P::Write<'a>>,
        mut child: Option<NodeRef<P::Write<'a>>>,
        freed: &mut Vec<NodeRef<P::Write<'a>>>,
    ) -> Result<(), Error> {
        while let Some(only) = child.take() {
            root = NodeRef::init(root.into_inner(), self.root, only.level(), self.mode);
            for index in 0..only.len() {
                root.insert_raw(index, only.raw(index)?)?;
            }
            freed.push(only);
            if !root.is_leaf() && root.len() == 1 {
                let held: Vec<PageId> = freed.iter().map(NodeRef::id).collect();
                let page = self.child_of(&root, 0, &held).ok();
                let page = page.and_then(|page| pager.write(page).ok());
                child = page.and_then(|page| self.node(page, Some(root.level() - 1)).ok());
            }
        }
        if root.is_empty() {
            NodeRef::init(root.into_inner(), self.root, 0, self.mode);
        }
        Ok(())
    }
    //# end
}

//# hide
/// A node and its sibling, if that is latched.
type WithSibling<W> = (NodeRef<W>, Option<Sibling<W>>);

/// What is to be done about `node`, the child of `parent` in the path, if entry `removed` goes out of it now;
/// with `None`, as it is. Without a parent in the path, `node` is the root or is safe (L3).
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

/// A copy of an entry outside of its page.
fn owned(entry: Entry<'_>) -> (Vec<u8>, RecordId) {
    (entry.key.to_vec(), entry.record)
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
    for index in 0..right.len() {
        let end = left.len();
        if index == 0 && !left.is_leaf() {
            left.insert(end, right.child(0)?, parent.entry(at)?)?;
        } else {
            left.insert_raw(end, right.raw(index)?)?;
        }
    }
    if left.is_leaf() {
        left.set_next(right.next());
        if let Some(mut neighbour) = neighbours.and_then(|neighbours| neighbours.right) {
            neighbour.set_previous(left.id());
        }
    }
    parent.remove(at)
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
    if node.is_leaf() {
        let Neighbours { left, right } = neighbours.unwrap_or(Neighbours { left: None, right: None });
        if let Some(mut left) = left {
            left.set_next(node.next());
        }
        if let Some(mut right) = right {
            right.set_previous(node.previous());
        }
    }
    parent.remove(at)?;
    if at == 0 && !parent.is_empty() {
        parent.set_separator(0, Entry::EMPTY)?;
    }
    Ok(())
}
//# end
