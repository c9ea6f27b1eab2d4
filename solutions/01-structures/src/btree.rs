//! Task 1.5: an ordered map in a B-tree, in memory.
//!
//! Callers use [`BTree`], which owns the root node and counts the entries. `btree/node.rs` changes nodes,
//! `btree/range.rs` iterates in key order. Lab 4 builds a tree with the same ideas on pages.
//!
//! ```text
//!                        +---------------+
//!                        |  g      |  p  |            keys and their values
//!                        +--/---|----\---+
//!                +---------+    |     +-------+
//!                v              v             v
//!          +-----------+   +--------+   +-----------+
//!          | a | c | e |   | k  | m |   | r | t | x | leaves: no children
//!          +-----------+   +--------+   +-----------+
//! ```
//!
//! A Go tree holds pointers to nodes. Here a node owns its children in a `Vec`, so the whole tree is one
//! owned value: there are no pointers and no reference counts, and dropping it needs no code. The price is
//! that a node cannot name its parent. So a change of the parent (adding a separator, refilling a child)
//! happens after the recursive call returns.
//!
//! # Invariants
//! For a tree of order t (at least 2):
//! - **T1** The keys of a node rise strictly, and there are as many values as keys.
//! - **T2** An internal node with n keys has n + 1 children; all keys below child i lie strictly between
//!   key i - 1 and key i.
//! - **T3** Every node has at most 2t - 1 keys, and every node but the root at least t - 1.
//! - **T4** All leaves are at the same depth.
//! - **T5** An internal root has at least one key: when a root loses its last key, its only child becomes
//!   the root.
//!
//! If a comparison of keys panics, T1 to T5 hold afterwards and the tree has the same entries as before the
//! call. If a `drop` panics in `clear`, the tree holds some or none of the entries.
//!
//! With T3 and T4 a tree of n entries has height at most 1 + log base t of ((n + 1) / 2).
//!
//! # Left out, and the price
//! - Keys and values are in two `Vec`s outside the node, so a lookup follows two pointers a level, where
//!   arrays inside the node need one. Arrays without `unsafe` would hold `Option<K>`, which is twice as large
//!   for a `u64`. A large order gives fewer levels, and so fewer pointers to follow.
//! - No mutable iteration: values change through [`BTree::get_mut`].
//!
//! Source: Bayer and McCreight, "Organization and Maintenance of Large Ordered Indexes" (1972); Cormen,
//! Leiserson, Rivest and Stein, "Introduction to Algorithms", chapter 18, for the order t used here.

pub(crate) mod node;
mod range;

use std::borrow::Borrow;
use std::fmt;
use std::ops::RangeBounds;

pub use range::{IntoIter, Iter, Range};

use node::{Node, Outcome};

/// The order of a tree made with [`BTree::new`]: nodes of 31 to 63 keys.
pub const DEFAULT_ORDER: usize = 32;

/// An ordered map from `K` to `V`.
///
/// The order of the keys must not change while they are in the tree.
#[derive(Clone)]
pub struct BTree<K, V> {
    pub(crate) root: Node<K, V>,
    /// Number of entries.
    len: usize,
    /// The t of T3.
    order: usize,
}

impl<K, V> BTree<K, V> {
    /// Makes an empty tree of [`DEFAULT_ORDER`]. Allocates nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::with_order(DEFAULT_ORDER)
    }

    /// Makes an empty tree in which every node but the root has `order - 1` to `2 * order - 1` keys (T3).
    /// Memory is used for entries that are inserted, not for the order.
    ///
    /// # Panics
    /// If `order` is less than 2, because a node could then have no key.
    #[must_use]
    pub fn with_order(order: usize) -> Self {
        assert!(order >= 2, "the order of a B-tree is at least 2, not {order}");
        BTree { root: Node::default(), len: 0, order }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the tree has no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The order the tree was made with.
    pub fn order(&self) -> usize {
        self.order
    }

    /// Number of nodes on a path from the root to a leaf, both included: 0 for an empty tree, 1 if the root
    /// is a leaf.
    ///
    /// # Cost
    /// One step a level.
    pub fn height(&self) -> usize {
        if self.is_empty() {
            return 0;
        }
        let mut levels = 1;
        let mut node = &self.root;
        while let Some(child) = node.children.first() {
            levels += 1;
            node = child;
        }
        levels
    }

    /// Drops every entry.
    pub fn clear(&mut self) {
        *self = Self::with_order(self.order);
    }

    /// The smallest key and its value; `None` if the tree is empty.
    ///
    /// # Cost
    /// One node a level.
    pub fn first(&self) -> Option<(&K, &V)> {
        //# task 1.5 the smallest entry
        let mut node = &self.root;
        while let Some(child) = node.children.first() {
            node = child;
        }
        node.keys.first().zip(node.values.first())
        //# end
    }

    /// The greatest key and its value; `None` if the tree is empty.
    ///
    /// # Cost
    /// One node a level.
    pub fn last(&self) -> Option<(&K, &V)> {
        //# task 1.5 the greatest entry
        let mut node = &self.root;
        while let Some(child) = node.children.last() {
            node = child;
        }
        node.keys.last().zip(node.values.last())
        //# end
    }

    /// Iterates over all entries in ascending order of the keys, or in descending order with `rev`.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter::new(&self.root, self.len)
    }
}

impl<K: Ord, V> BTree<K, V> {
    /// Returns the value of `key`; `None` if the tree does not have the key.
    ///
    /// # Cost
    /// One node a level. In a node with many keys, far fewer comparisons than keys.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        //# task 1.5 look a key up
        let mut node = &self.root;
        loop {
            match node.search(key) {
                Ok(at) => return Some(&node.values[at]),
                Err(at) => node = node.children.get(at)?,
            }
        }
        //# end
    }

    /// As [`BTree::get`], with a mutable reference.
    ///
    /// # Cost
    /// As [`BTree::get`].
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        //# task 1.5 look a key up to change its value
        let mut node = &mut self.root;
        loop {
            match node.search(key) {
                Ok(at) => return Some(&mut node.values[at]),
                Err(at) => node = node.children.get_mut(at)?,
            }
        }
        //# end
    }

    /// Whether the tree has an entry for `key`.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// Stores `value` under `key`, and returns the old value of `key` if there was one.
    ///
    /// # Ensures
    /// If the tree had an equal key, that key stays and the new one is dropped, as in std. T1 to T5 hold.
    ///
    /// # Cost
    /// One node a level, each visited once, and at most one split a level. A full node may be split when the
    /// search for the key meets it, or when it has one key too many.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        //# task 1.5 insert, and add a level when the root splits
        //+ // Nudge: the result of `Node::insert` says what the parent must do. Only the root can add a
        //+ // level (T4).
        match self.root.insert(key, value, self.order) {
            Outcome::Replaced(old) => return Some(old),
            Outcome::Inserted => {}
            Outcome::Split { key, value, right } => {
                let left = std::mem::take(&mut self.root);
                self.root.keys.push(key);
                self.root.values.push(value);
                self.root.children.extend([left, right]);
            }
        }
        self.len += 1;
        None
        //# end
    }

    /// Removes `key` and returns its value.
    ///
    /// # Ensures
    /// T1 to T5 hold.
    ///
    /// # Cost
    /// One node a level, and at most one borrow or merge a level.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.remove_entry(key).map(|(_, value)| value)
    }

    /// Removes `key` and returns the stored key with its value.
    ///
    /// # Ensures
    /// As [`BTree::remove`].
    pub fn remove_entry<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
    {
        //# task 1.5 remove, and drop a level when the root is empty
        let removed = self.root.remove(key, self.order)?;
        self.len -= 1;
        if self.root.keys.is_empty()
            && let Some(only_child) = self.root.children.pop()
        {
            self.root = only_child;
        }
        debug_assert!(self.root.is_leaf() || !self.root.keys.is_empty(), "T5");
        Some(removed)
        //# end
    }

    /// Iterates over the entries whose keys are in `bounds`, in ascending order, or descending with `rev`.
    ///
    /// # Ensures
    /// If the start is greater than the end, there are no entries. std panics in this case, but here the
    /// bounds may come from the query of a user.
    ///
    /// # Cost
    /// Two descents, then amortised O(1) an entry. It visits no entry outside the bounds.
    pub fn range<Q, R>(&self, bounds: R) -> Range<'_, K, V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
        R: RangeBounds<Q>,
    {
        Range::new(&self.root, bounds.start_bound(), bounds.end_bound())
    }
}

impl<K, V> Default for BTree<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for BTree<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Two trees are equal if their entries are. The nodes do not matter.
impl<K: PartialEq, V: PartialEq> PartialEq for BTree<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<K: Eq, V: Eq> Eq for BTree<K, V> {}

/// If two pairs have equal keys, the tree keeps the value of the later one.
impl<K: Ord, V> Extend<(K, V)> for BTree<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        for (key, value) in pairs {
            self.insert(key, value);
        }
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for BTree<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut tree = Self::new();
        tree.extend(pairs);
        tree
    }
}

impl<K, V> IntoIterator for BTree<K, V> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V>;

    fn into_iter(self) -> IntoIter<K, V> {
        IntoIter::new(self.root, self.len)
    }
}

impl<'a, K, V> IntoIterator for &'a BTree<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Iter<'a, K, V> {
        self.iter()
    }
}
