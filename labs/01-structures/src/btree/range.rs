//! Walking a B-tree in key order, from both ends.
//!
//! Used through [`BTree::range`](super::BTree::range), [`BTree::iter`](super::BTree::iter) and
//! `into_iter`. A position is a gap between two neighbouring entries (or before the first, or after the
//! last). It is kept as the path from the root to a leaf, with an index in each node: in an internal node
//! that of the child the path goes through, in the leaf the number of keys before the gap.
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
//!   last one of the leaf next to it. So two positions are the same when their leaves and indices are.
//! - **G2** `front` is never past `back`, and the entries between them are those still to come.

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
    /// Goes down from `node` to a leaf and adds what it passes to the path; `choose` gives the index in
    /// each node.
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

    /// The gap that `choose` leads to from the root.
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

    /// The gap next to `key`: the one before its entry, or after it if `is_after`. Where no such entry
    /// exists both are the gap it would be put in.
    ///
    /// # Cost
    /// One node a level.
    fn beside<Q: Ord + ?Sized>(root: &'a Node<K, V>, key: &Q, is_after: bool) -> Self
    where
        K: Borrow<Q>,
    {
        // Nudge: `Gap::find` asks for an index in each node on the way; G1 also covers internal nodes.
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
        // Nudge: past the end of a leaf the next entry is the separator in the nearest node above
        // that has one to the right of the path; the gap after it is in a leaf again.
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
        todo!("task 1.5: step to the entry before")
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

/// Entries whose keys lie in some bounds; see [`BTree::range`](super::BTree::range).
pub struct Range<'a, K, V> {
    front: Gap<'a, K, V>,
    back: Gap<'a, K, V>,
}

impl<'a, K, V> Range<'a, K, V> {
    /// The entries of the tree under `root` between two bounds.
    ///
    /// # Ensures
    /// G2, also where the start lies past the end: then nothing is between them.
    pub(super) fn new<Q: Ord + ?Sized>(root: &'a Node<K, V>, start: Bound<&Q>, end: Bound<&Q>) -> Self
    where
        K: Borrow<Q>,
    {
        // Nudge: which bounds give a front past the back? There are two cases.
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

/// All entries of a tree, with their number known; see [`BTree::iter`](super::BTree::iter).
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

/// What is left of a node that is being taken apart: its entries and the children after them.
struct Opened<K, V> {
    entries: Zip<std::vec::IntoIter<K>, std::vec::IntoIter<V>>,
    children: std::vec::IntoIter<Node<K, V>>,
}

/// Owned entries by rising key. Dropped early, it drops the rest.
pub struct IntoIter<K, V> {
    /// The path to the next entry; each level's next child is still closed.
    path: Vec<Opened<K, V>>,
    left: usize,
}

impl<K, V> IntoIter<K, V> {
    pub(super) fn new(root: Node<K, V>, len: usize) -> Self {
        let mut iter = IntoIter { path: Vec::new(), left: len };
        iter.open(root);
        iter
    }

    /// Takes apart `node` and its first children down to the leaf.
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
