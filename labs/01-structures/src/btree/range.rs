//! Iterates over a B-tree in key order, from both ends.
//!
//! Used through [`BTree::range`](super::BTree::range), [`BTree::iter`](super::BTree::iter) and
//! `into_iter`. A position is a gap between two neighbouring entries (or before the first, or after the
//! last). It is stored as the path from the root to a leaf, with an index for each node. In an internal
//! node this is the index of the next node of the path; in the leaf it is the number of keys before the gap.
//!
//! ```text
//!                    | g | p |
//!                    0   1   2          the gap between k and m:
//!                  /     |     \            (root, 1) (leaf, 1)
//!          |a|c|e|     |k|m|    |r|t|
//!          0 1 2 3     0 1 2    0 1 2   the gap between g and k:
//!                                           (root, 1) (leaf, 0)
//! ```
//!
//! # Invariants
//! - **G1** Each gap has exactly one path: a gap beside an entry of an internal node is the first or the
//!   last gap of the leaf next to it. So two positions are equal if their leaves and their indices are.
//! - **G2** `front` is not after `back`, and the entries between them are those not returned yet.

use std::borrow::Borrow;
use std::fmt;
use std::iter::{FusedIterator, Zip};
use std::ops::Bound;

use super::node::Node;

/// A gap between two entries: the nodes from the root to a leaf, with an index in each.
struct Gap<'a, K, V> {
    path: Vec<(&'a Node<K, V>, usize)>,
}

impl<K, V> Clone for Gap<'_, K, V> {
    fn clone(&self) -> Self {
        Gap { path: self.path.clone() }
    }
}

impl<'a, K, V> Gap<'a, K, V> {
    /// Descends from `node` to a leaf and adds each node to the path. `choose` returns the index for a node.
    fn descend(&mut self, mut node: &'a Node<K, V>, choose: impl Fn(&Node<K, V>) -> usize) {
        loop {
            let at = choose(node);
            self.path.push((node, at));
            match node.children.get(at) {
                Some(child) => node = child,
                None => return,
            }
        }
    }

    /// The gap that is found from the root with the indices that `choose` returns.
    fn find(root: &'a Node<K, V>, choose: impl Fn(&Node<K, V>) -> usize) -> Self {
        let mut gap = Gap { path: Vec::with_capacity(8) };
        gap.descend(root, choose);
        gap
    }

    /// The gap before the first entry.
    fn before_all(root: &'a Node<K, V>) -> Self {
        Self::find(root, |_| 0)
    }

    /// The gap after the last entry.
    fn after_all(root: &'a Node<K, V>) -> Self {
        Self::find(root, |node| node.keys.len())
    }

    /// The gap before the entry of `key`, or after it if `is_after`. If there is no such entry, it is in both
    /// cases the gap in which `key` would be inserted.
    ///
    /// # Cost
    /// One node a level.
    fn beside<Q: Ord + ?Sized>(root: &'a Node<K, V>, key: &Q, is_after: bool) -> Self
    where
        K: Borrow<Q>,
    {
        // Nudge: `Gap::find` needs an index for each node of the path; G1 also holds for internal nodes.
        todo!("task 1.5: find the gap beside a key")
    }

    /// Steps over the entry after the gap and returns it; `None` after the last entry.
    ///
    /// # Ensures
    /// G1 for the new gap.
    ///
    /// # Cost
    /// Amortised O(1), one node a level at most.
    #[inline]
    fn step_forward(&mut self) -> Option<(&'a K, &'a V)> {
        // Nudge: at the end of a leaf the next entry is a separator: that of the nearest node above which
        // has a key to the right of the path. The gap after that separator is in a leaf again.
        todo!("task 1.5: step to the next entry")
    }

    /// Steps over the entry before the gap and returns it; `None` before the first entry.
    ///
    /// # Ensures
    /// G1 for the new gap.
    ///
    /// # Cost
    /// Amortised O(1), one node a level at most.
    #[inline]
    fn step_back(&mut self) -> Option<(&'a K, &'a V)> {
        todo!("task 1.5: step to the previous entry")
    }

    /// Whether both are the same gap (G1).
    #[inline]
    fn is_same(&self, other: &Self) -> bool {
        match (self.path.last(), other.path.last()) {
            (Some((leaf, at)), Some((other_leaf, other_at))) => {
                at == other_at && std::ptr::eq(*leaf, *other_leaf)
            }
            (None, None) => true,
            _ => false,
        }
    }
}

/// The entries whose keys are in given bounds; see [`BTree::range`](super::BTree::range).
pub struct Range<'a, K, V> {
    front: Gap<'a, K, V>,
    back: Gap<'a, K, V>,
}

impl<'a, K, V> Range<'a, K, V> {
    /// The entries of the tree under `root` between two bounds.
    ///
    /// # Ensures
    /// G2, also if the start is greater than the end: then there is no entry between `front` and `back`.
    pub(super) fn new<Q: Ord + ?Sized>(root: &'a Node<K, V>, start: Bound<&Q>, end: Bound<&Q>) -> Self
    where
        K: Borrow<Q>,
    {
        // Nudge: with which bounds would `front` be after `back`? There are two cases.
        todo!("task 1.5: find both ends of a range")
    }
}

impl<'a, K, V> Iterator for Range<'a, K, V> {
    type Item = (&'a K, &'a V);

    #[inline]
    fn next(&mut self) -> Option<(&'a K, &'a V)> {
        if self.front.is_same(&self.back) { None } else { self.front.step_forward() }
    }
}

impl<'a, K, V> DoubleEndedIterator for Range<'a, K, V> {
    #[inline]
    fn next_back(&mut self) -> Option<(&'a K, &'a V)> {
        if self.front.is_same(&self.back) { None } else { self.back.step_back() }
    }
}

impl<K, V> FusedIterator for Range<'_, K, V> {}

impl<K, V> Clone for Range<'_, K, V> {
    fn clone(&self) -> Self {
        Range { front: self.front.clone(), back: self.back.clone() }
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Range<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// All entries of a tree, with a known number; see [`BTree::iter`](super::BTree::iter).
pub struct Iter<'a, K, V> {
    range: Range<'a, K, V>,
    left: usize,
}

impl<'a, K, V> Iter<'a, K, V> {
    pub(super) fn new(root: &'a Node<K, V>, len: usize) -> Self {
        Iter { range: Range { front: Gap::before_all(root), back: Gap::after_all(root) }, left: len }
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    #[inline]
    fn next(&mut self) -> Option<(&'a K, &'a V)> {
        self.left = self.left.checked_sub(1)?;
        self.range.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<'a, K, V> DoubleEndedIterator for Iter<'a, K, V> {
    #[inline]
    fn next_back(&mut self) -> Option<(&'a K, &'a V)> {
        self.left = self.left.checked_sub(1)?;
        self.range.next_back()
    }
}

impl<K, V> ExactSizeIterator for Iter<'_, K, V> {}
impl<K, V> FusedIterator for Iter<'_, K, V> {}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Iter { range: self.range.clone(), left: self.left }
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Iter<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// The rest of a node from which entries are taken: its entries and the children after them.
struct Opened<K, V> {
    entries: Zip<std::vec::IntoIter<K>, std::vec::IntoIter<V>>,
    children: std::vec::IntoIter<Node<K, V>>,
}

/// Owned entries in ascending order of the keys. When it is dropped early, it drops the entries that are
/// left.
pub struct IntoIter<K, V> {
    /// The path to the next entry. The next child of each level was not opened yet.
    path: Vec<Opened<K, V>>,
    left: usize,
}

impl<K, V> IntoIter<K, V> {
    pub(super) fn new(root: Node<K, V>, len: usize) -> Self {
        let mut iter = IntoIter { path: Vec::new(), left: len };
        iter.open(root);
        iter
    }

    /// Opens `node` and its first child, the first child of that, and so on down to the leaf.
    fn open(&mut self, node: Node<K, V>) {
        let mut next = Some(node);
        while let Some(node) = next {
            let mut children = node.children.into_iter();
            next = children.next();
            self.path.push(Opened { entries: node.keys.into_iter().zip(node.values), children });
        }
    }
}

impl<K, V> Iterator for IntoIter<K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        loop {
            let node = self.path.last_mut()?;
            if let Some(entry) = node.entries.next() {
                if let Some(child) = node.children.next() {
                    self.open(child);
                }
                self.left -= 1;
                return Some(entry);
            }
            self.path.pop();
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<K, V> ExactSizeIterator for IntoIter<K, V> {}
impl<K, V> FusedIterator for IntoIter<K, V> {}
