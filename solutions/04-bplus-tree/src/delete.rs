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
        //# task 4.6 remove optimistically
        let mut leaf = self.write_leaf(pager, entry)?;
        let Some(at) = self.find(&leaf, entry)? else {
            return Ok(Some(false));
        };
        if leaf.id() != self.root && !self.is_safe_for_remove(&leaf, entry)? {
            return Ok(None);
        }
        leaf.remove(at)?;
        Ok(Some(true))
        //# end
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
        //# task 4.3 remove from a leaf, and mend what becomes underfull
        //+ // Nudge: first everything that must be latched, then the leaf, then its ancestors from the leaf up.
        let mut path = self.write_path(pager, entry, Change::Remove)?;
        let level = path.last_mut().expect("a way ends in a leaf");
        let Some(at) = self.find(&level.node, entry)? else {
            return Ok(Some(false));
        };
        let Some(neighbours) = self.write_neighbours(pager, level, at)? else {
            return Ok(None);
        };
        let freed = self.remove_and_mend(pager, path, at, neighbours)?;
        // Every page is out of the tree by now, so go on after an error.
        let results: Vec<_> = freed.into_iter().map(|node| pager.free(node.into_inner())).collect();
        results.into_iter().collect::<Result<Vec<()>, _>>()?;
        Ok(Some(true))
        //# end
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
        //# task 4.3 tell whether a node can become underfull
        if node.is_leaf() {
            return Ok(node.used_bytes() >= LOW_WATER + node.size_for(entry.key));
        }
        let index = node.child_index(entry.key, self.bound(entry.record))?;
        let after = if index + 1 < node.len() { node.entry_size(index + 1)? } else { 0 };
        let loss = node.entry_size(index)?.max(after);
        Ok(node.len() > 2 && node.used_bytes() >= LOW_WATER + loss)
        //# end
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
        //# task 4.3 latch a sibling
        let is_right = parent.index + 1 < parent.node.len();
        if parent.node.len() < 2 || self.is_safe_for_remove(&child, entry)? {
            return Ok(Level::new(child));
        }
        let index = if is_right { parent.index + 1 } else { parent.index - 1 };
        let id = self.child_of(&parent.node, index)?;
        let child_id = child.id();
        if id == child_id {
            return Err(parent.node.damaged(NodeDamage::Circle));
        }
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
        //# end
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
        //# task 4.3 find an entry in its leaf
        let at = leaf.lower_bound(entry.key, self.bound(entry.record))?;
        Ok((at < leaf.len() && leaf.entry(at)? == entry).then_some(at))
        //# end
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
        //# task 4.3 mend from the leaf up
        //+ // Nudge: five cases: nothing to mend; an empty node to be cut out (a leaf without a sibling,
        //+ // an internal node with or without one, D3); a merge; a borrow; and a node that is not
        //+ // empty and has no sibling, which stays.
        let mut neighbours = Some(neighbours);
        let mut freed = Vec::new();
        let Some(Level { mut node, mut sibling, .. }) = path.pop() else { return Ok(freed) };
        node.remove(at)?;
        while let Some(mut parent) = path.pop() {
            if !is_underfull(&node) {
                break;
            }
            let index = parent.index;
            let is_cut_out = node.is_empty() && (sibling.is_none() || !node.is_leaf());
            let survivor = if is_cut_out {
                self.structure_changes();
                cut_out(&mut parent.node, index, &node, neighbours.take())?;
                freed.push(node);
                sibling.map(|sibling| sibling.node)
            } else if let Some(Sibling { node: other, is_right }) = sibling {
                let (mut left, mut right, at) =
                    if is_right { (node, other, index + 1) } else { (other, node, index) };
                self.structure_changes();
                if !can_merge(&parent.node, at, &left, &right)? {
                    self.borrow(&mut parent.node, at, &mut left, &mut right)?;
                    break;
                }
                merge(&mut parent.node, at, &mut left, &right, neighbours.take())?;
                freed.push(right);
                Some(left)
            } else {
                break;
            };
            if parent.node.id() == self.root && parent.node.len() < 2 {
                freed.extend(self.collapse(pager, parent.node, survivor)?);
                break;
            }
            (node, sibling) = (parent.node, parent.sibling);
        }
        Ok(freed)
        //# end
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
        //# task 4.3 borrow from a sibling
        //+ // Nudge: between internal nodes the old separator comes down, and another goes up.
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
        //# end
    }

    //# hide
    /// How many of the entries of two siblings are to be in the left one, so that both use about as much; `None` if
    /// nothing that is possible is better than now.
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
    //# end

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
        //# task 4.3 make the tree lower
        let mut freed = Vec::new();
        while let Some(only) = child.take() {
            root = NodeRef::init(root.into_inner(), self.root, only.level(), self.mode);
            for index in 0..only.len() {
                root.insert_raw(index, only.raw(index)?)?;
            }
            freed.push(only);
            if !root.is_leaf() && root.len() == 1 {
                let page = self.child_of(&root, 0)?;
                // The removal is done; a root with an only child is sound, if not as low as it could be.
                child = pager.write(page).ok().and_then(|page| self.node(page, Some(root.level() - 1)).ok());
            }
        }
        if root.is_empty() {
            NodeRef::init(root.into_inner(), self.root, 0, self.mode);
        }
        Ok(freed)
        //# end
    }
}

/// True if the node should be mended.
fn is_underfull<B: Deref<Target = PageBuf>>(node: &NodeRef<B>) -> bool {
    node.used_bytes() < LOW_WATER || !node.is_leaf() && node.len() < 2
}

//# hide
/// A copy of an entry outside of its page.
fn owned(entry: Entry<'_>) -> (Vec<u8>, RecordId) {
    (entry.key.to_vec(), entry.record)
}
//# end

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
    //# task 4.3 merge two siblings
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
    //# end
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
    //# task 4.3 cut an empty node out
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
    //# end
}
