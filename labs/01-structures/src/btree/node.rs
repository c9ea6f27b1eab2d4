//! One node of the B-tree and what is done to it: search, insert and split, remove and refill.
//!
//! Called by [`BTree`](super::BTree) for the root, and by itself for the children. Invariants T1 to T5 are
//! those of `btree.rs`. Every function here leaves the nodes below `self` with all of them; `self` may be
//! left one key short of T3, which its parent mends, or the tree itself for the root.
//!
//! ```text
//! split of a node with 2t keys (t = 2)        merge, the reverse
//!
//!        | k |                 | c | k |           | b | k |            | k |
//!        /            =>       /   |                /   |       =>      /
//!   |a|b|c|d|               |a|b| |d|             |a|   | |          |a|b|
//!
//! borrow from the left sibling: the separator comes down, the sibling's last key goes up
//!
//!       | k |                  | j |
//!       /   \          =>      /   \
//!   |i|j|   | |              |i|   |k|
//! ```

use std::borrow::Borrow;
use std::cmp::Ordering;

/// Keys that [`Node::search`] skips with one comparison: a cache line of `u64`s.
const STRIDE: usize = 8;

/// A node of a B-tree. A leaf has no children.
#[derive(Clone)]
pub(crate) struct Node<K, V> {
    /// Rising keys (T1).
    pub(crate) keys: Vec<K>,
    /// The value of each key.
    pub(crate) values: Vec<V>,
    /// None, or one more than there are keys (T2).
    pub(crate) children: Vec<Node<K, V>>,
}

/// What an insert below a node leaves to do for the node's parent.
pub(crate) enum Outcome<K, V> {
    /// Nothing: the key was there; its old value is handed back.
    Replaced(V),
    /// Nothing: there is one entry more.
    Inserted,
    /// There is one entry more, and the node was split: the parent takes in the separator, and `right` as
    /// the child after it.
    Split {
        /// The separator: greater than all keys left in the node, smaller than all in `right`.
        key: K,
        /// The separator's value.
        value: V,
        /// The upper half of the node.
        right: Node<K, V>,
    },
}

impl<K, V> Default for Node<K, V> {
    fn default() -> Self {
        Node { keys: Vec::new(), values: Vec::new(), children: Vec::new() }
    }
}

impl<K, V> Node<K, V> {
    /// Whether the node has no children.
    #[inline]
    pub(crate) fn is_leaf(&self) -> bool {
        self.children.is_empty()
    }

    /// `Ok` with the index of `key` among the keys of this node, or `Err` with the index of the child it
    /// would be under (for a leaf: where it would be put).
    ///
    /// Skips [`STRIDE`] keys at a time, then looks at the keys of one stride in turn. A binary search needs
    /// fewer comparisons but each of its loads waits for the one before; here the processor runs ahead and
    /// fetches the next strides meanwhile, which is worth a third of the time once nodes are out of cache.
    ///
    /// # Cost
    /// At most `keys / STRIDE + STRIDE` comparisons.
    #[inline]
    pub(crate) fn search<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        let mut from = 0;
        while let Some(last) = self.keys.get(from + STRIDE - 1)
            && last.borrow() < key
        {
            from += STRIDE;
        }
        for (at, present) in self.keys.iter().enumerate().skip(from) {
            match present.borrow().cmp(key) {
                Ordering::Less => {}
                Ordering::Equal => return Ok(at),
                Ordering::Greater => return Err(at),
            }
        }
        Err(self.keys.len())
    }

    /// Splits a node of `2 * order` keys in the middle: the upper half moves to a new node.
    ///
    /// # Requires
    /// The node has `2 * order` keys, one too many.
    ///
    /// # Ensures
    /// Returns [`Outcome::Split`]; both halves satisfy T1 to T3. The first `order` keys stay, the next one goes
    /// up as the separator, the last `order - 1` go to the new node. Of the `2 * order + 1` children of an
    /// internal node the first `order + 1` stay and `order` go.
    ///
    /// # Cost
    /// O(order) moves.
    fn split(&mut self, order: usize) -> Outcome<K, V> {
        todo!("task 1.5: split a node that has one key too many")
    }

    /// Takes the greatest entry out of the subtree.
    ///
    /// # Requires
    /// The subtree has an entry.
    ///
    /// # Ensures
    /// T1 to T4 hold below `self`; `self` may be one key short.
    fn pop_last(&mut self, order: usize) -> (K, V) {
        todo!("task 1.5: take the greatest entry out of a subtree")
    }

    /// Mends child `at` if it has one key too few: borrows an entry through the separator from a sibling
    /// that can spare one, else merges the child with a sibling and the separator between them.
    ///
    /// # Requires
    /// Child `at` has `order - 2` keys or more, all other children satisfy T3.
    ///
    /// # Ensures
    /// All children satisfy T1 to T3. After a merge `self` has a key less.
    ///
    /// # Cost
    /// O(order) moves.
    fn refill(&mut self, at: usize, order: usize) {
        // Nudge: the first child has no left sibling, the last one no right sibling.
        todo!("task 1.5: mend a child that has one key too few")
    }

    /// Moves separator `at - 1` down to the front of child `at`, and the last entry of child `at - 1` up in
    /// its place; that child's last child goes along.
    ///
    /// # Requires
    /// `at > 0`, and child `at - 1` has a key to spare.
    fn borrow_from_left(&mut self, at: usize) {
        // Nudge: an internal child also changes parent.
        todo!("task 1.5: borrow from the left sibling")
    }

    /// Moves separator `at` down to the end of child `at`, and the first entry of child `at + 1` up in its
    /// place; that child's first child goes along.
    ///
    /// # Requires
    /// Child `at + 1` exists and has a key to spare.
    fn borrow_from_right(&mut self, at: usize) {
        todo!("task 1.5: borrow from the right sibling")
    }

    /// Appends separator `at` and everything in child `at + 1` to child `at`.
    ///
    /// # Requires
    /// Child `at + 1` exists, and the two have at most `2 * order - 2` keys together.
    ///
    /// # Ensures
    /// `self` has one key and one child less.
    fn merge_children(&mut self, at: usize) {
        todo!("task 1.5: merge two siblings")
    }
}

impl<K: Ord, V> Node<K, V> {
    /// Stores `value` under `key` in this subtree.
    ///
    /// # Ensures
    /// T1 to T4 hold for `self` and below; what is left to do for the parent is in the [`Outcome`].
    ///
    /// # Cost
    /// One node a level, and at most one split a level.
    pub(crate) fn insert(&mut self, key: K, value: V, order: usize) -> Outcome<K, V> {
        // Nudge: a child that splits hands you a separator; you may then have one key too many yourself.
        todo!("task 1.5: insert into a subtree")
    }

    /// Removes `key` from this subtree.
    ///
    /// # Ensures
    /// T1 to T4 hold below `self`; `self` may be one key short, which is for the caller to mend.
    ///
    /// # Cost
    /// One node a level, and at most one borrow or merge a level.
    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q, order: usize) -> Option<(K, V)>
    where
        K: Borrow<Q>,
    {
        // Nudge: a key in an internal node separates two children, so something must take its place.
        todo!("task 1.5: remove from a subtree")
    }
}
