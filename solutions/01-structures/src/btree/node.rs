//! One node of the B-tree: search, insert and split, remove and refill.
//!
//! [`BTree`](super::BTree) calls these functions for the root, and they call each other for the children.
//! Invariants T1 to T5 are those of `btree.rs`. When a function returns, they hold for all nodes below
//! `self`. `self` may have one key too few for T3: then its parent refills it. The root may be short of keys.
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

/// Number of keys that [`Node::search`] skips with one comparison: a cache line of `u64`s.
const STRIDE: usize = 8;

/// A node of a B-tree. A leaf has no children.
#[derive(Clone)]
pub(crate) struct Node<K, V> {
    /// The keys in ascending order (T1).
    pub(crate) keys: Vec<K>,
    /// The value of each key.
    pub(crate) values: Vec<V>,
    /// None, or one more than there are keys (T2).
    pub(crate) children: Vec<Node<K, V>>,
}

/// What [`Node::insert`] did, and what the node's parent must do.
pub(crate) enum Outcome<K, V> {
    /// The node had the key; this is its old value. The parent has nothing to do.
    Replaced(V),
    /// There is one entry more. The parent has nothing to do.
    Inserted,
    /// There is one entry more, and the node was split. The parent must add the separator, and `right` as
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

    /// Returns `Ok` with the index of `key` if this node has it. Otherwise returns `Err` with the index of
    /// the child whose subtree `key` belongs to, or, for a leaf, with the index at which `key` would be
    /// inserted.
    ///
    /// Skips [`STRIDE`] keys at a time, then compares the keys of one stride one by one. A binary search
    /// needs fewer comparisons, but each of its loads must wait for the one before. Here the processor can
    /// load the next strides early, which saves a third of the time if the nodes are not in its cache.
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

    /// Splits a node of `2 * order` keys in the middle. The upper half moves to a new node.
    ///
    /// # Requires
    /// The node has `2 * order` keys, one too many.
    ///
    /// # Ensures
    /// Returns [`Outcome::Split`]; both halves satisfy T1 to T3. The first `order` keys stay, the next one is
    /// the separator, and the last `order - 1` move to the new node. Of the `2 * order + 1` children of an
    /// internal node the first `order + 1` stay and the last `order` move.
    ///
    /// # Cost
    /// O(order) moves.
    fn split(&mut self, order: usize) -> Outcome<K, V> {
        //# task 1.5 split a node that has one key too many
        let mut right = Node {
            keys: take_tail(&mut self.keys, order + 1, 2 * order),
            values: take_tail(&mut self.values, order + 1, 2 * order),
            children: Vec::new(),
        };
        if !self.is_leaf() {
            right.children = take_tail(&mut self.children, order + 1, 2 * order + 1);
        }
        let key = self.keys.pop().expect("the node had 2t keys");
        let value = self.values.pop().expect("T1: a value for each key");
        Outcome::Split { key, value, right }
        //# end
    }

    /// Removes the greatest entry of the subtree and returns it.
    ///
    /// # Requires
    /// The subtree has an entry.
    ///
    /// # Ensures
    /// T1 to T4 hold below `self`; `self` may be one key short.
    fn pop_last(&mut self, order: usize) -> (K, V) {
        //# task 1.5 take the greatest entry out of a subtree
        let Some(last_child) = self.children.last_mut() else {
            let key = self.keys.pop().expect("T3: no node but the root is empty");
            return (key, self.values.pop().expect("T1: a value for each key"));
        };
        let entry = last_child.pop_last(order);
        self.refill(self.children.len() - 1, order);
        entry
        //# end
    }

    /// If child `at` has one key too few, moves an entry from a sibling that has more than the minimum into
    /// it, through the separator. If no sibling has more, merges the child, a sibling and the separator
    /// between them.
    ///
    /// # Requires
    /// Child `at` has `order - 2` keys or more, all other children satisfy T3.
    ///
    /// # Ensures
    /// All children satisfy T1 to T3. After a merge `self` has one key less.
    ///
    /// # Cost
    /// O(order) moves.
    fn refill(&mut self, at: usize, order: usize) {
        //# task 1.5 refill a child that has one key too few
        //+ // Nudge: the first child has no left sibling, the last one no right sibling.
        let can_spare = |child: Option<&Self>| child.is_some_and(|child| child.keys.len() >= order);
        if self.children[at].keys.len() >= order - 1 {
            return;
        }
        if at > 0 && can_spare(self.children.get(at - 1)) {
            self.borrow_from_left(at);
        } else if can_spare(self.children.get(at + 1)) {
            self.borrow_from_right(at);
        } else {
            self.merge_children(at.saturating_sub(1));
        }
        self.check_children(order);
        //# end
    }

    /// Moves separator `at - 1` down to the front of child `at`, and the last entry of child `at - 1` up to
    /// the separator's place. The last child of child `at - 1`, if any, becomes the first child of child
    /// `at`.
    ///
    /// # Requires
    /// `at > 0`, and child `at - 1` has more keys than the minimum.
    fn borrow_from_left(&mut self, at: usize) {
        //# task 1.5 borrow from the left sibling
        //+ // Nudge: if the siblings are internal nodes, one of their children moves too.
        let [left, child] = &mut self.children[at - 1..=at] else { unreachable!("two siblings") };
        let key = left.keys.pop().expect("the sibling has a key to spare");
        let value = left.values.pop().expect("T1: a value for each key");
        child.keys.insert(0, std::mem::replace(&mut self.keys[at - 1], key));
        child.values.insert(0, std::mem::replace(&mut self.values[at - 1], value));
        if let Some(moved) = left.children.pop() {
            child.children.insert(0, moved);
        }
        //# end
    }

    /// Moves separator `at` down to the end of child `at`, and the first entry of child `at + 1` up to the
    /// separator's place. The first child of child `at + 1`, if any, becomes the last child of child `at`.
    ///
    /// # Requires
    /// Child `at + 1` exists and has more keys than the minimum.
    fn borrow_from_right(&mut self, at: usize) {
        //# task 1.5 borrow from the right sibling
        let [child, right] = &mut self.children[at..=at + 1] else { unreachable!("two siblings") };
        child.keys.push(std::mem::replace(&mut self.keys[at], right.keys.remove(0)));
        child.values.push(std::mem::replace(&mut self.values[at], right.values.remove(0)));
        if !right.is_leaf() {
            child.children.push(right.children.remove(0));
        }
        //# end
    }

    /// Appends separator `at` and everything in child `at + 1` to child `at`.
    ///
    /// # Requires
    /// Child `at + 1` exists, and both children together have at most `2 * order - 2` keys.
    ///
    /// # Ensures
    /// `self` has one key and one child less.
    fn merge_children(&mut self, at: usize) {
        //# task 1.5 merge two siblings
        let mut right = self.children.remove(at + 1);
        let left = &mut self.children[at];
        left.keys.push(self.keys.remove(at));
        left.keys.append(&mut right.keys);
        left.values.push(self.values.remove(at));
        left.values.append(&mut right.values);
        left.children.append(&mut right.children);
        //# end
    }
}

impl<K: Ord, V> Node<K, V> {
    /// Stores `value` under `key` in this subtree.
    ///
    /// # Ensures
    /// T1 to T4 hold for `self` and all nodes below. The [`Outcome`] says what the parent must do.
    ///
    /// # Cost
    /// One node a level, and at most one split a level.
    pub(crate) fn insert(&mut self, key: K, value: V, order: usize) -> Outcome<K, V> {
        //# task 1.5 insert into a subtree
        //+ // Nudge: when a child splits, add its separator to this node; then this node may have one key
        //+ // too many.
        match self.search(&key) {
            Ok(at) => return Outcome::Replaced(std::mem::replace(&mut self.values[at], value)),
            Err(at) if self.is_leaf() => {
                self.keys.insert(at, key);
                self.values.insert(at, value);
            }
            Err(at) => match self.children[at].insert(key, value, order) {
                Outcome::Split { key, value, right } => {
                    self.keys.insert(at, key);
                    self.values.insert(at, value);
                    self.children.insert(at + 1, right);
                    self.check_children(order);
                }
                done => return done,
            },
        }
        if self.keys.len() == 2 * order { self.split(order) } else { Outcome::Inserted }
        //# end
    }

    /// Removes `key` from this subtree.
    ///
    /// # Ensures
    /// T1 to T4 hold below `self`. `self` may have one key too few; the caller refills it.
    ///
    /// # Cost
    /// One node a level, and at most one borrow or merge a level.
    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q, order: usize) -> Option<(K, V)>
    where
        K: Borrow<Q>,
    {
        //# task 1.5 remove from a subtree
        //+ // Nudge: a key in an internal node separates two children, so another key must replace it.
        match self.search(key) {
            Ok(at) if self.is_leaf() => Some((self.keys.remove(at), self.values.remove(at))),
            Ok(at) => {
                let (key, value) = self.children[at].pop_last(order);
                let key = std::mem::replace(&mut self.keys[at], key);
                let value = std::mem::replace(&mut self.values[at], value);
                self.refill(at, order);
                Some((key, value))
            }
            Err(at) => {
                let removed = self.children.get_mut(at)?.remove(key, order)?;
                self.refill(at, order);
                Some(removed)
            }
        }
        //# end
    }
}

//# hide
impl<K, V> Node<K, V> {
    /// Asserts T2 for this node, and T1, T3 and T4 for its children, but not the order of the keys: it
    /// compares no keys, because comparisons are counted. It does nothing in a release build.
    fn check_children(&self, order: usize) {
        if !cfg!(debug_assertions) || self.is_leaf() {
            return;
        }
        assert_eq!(self.children.len(), self.keys.len() + 1, "T2: one child more than keys");
        for child in &self.children {
            assert_eq!(child.values.len(), child.keys.len(), "T1: a value for each key");
            assert!((order - 1..2 * order).contains(&child.keys.len()), "T3: {} keys", child.keys.len());
            assert_eq!(child.is_leaf(), self.children[0].is_leaf(), "T4: all leaves are at the same depth");
        }
    }
}

/// Moves `items[from..]` to a vector with room for `capacity` items, so that it need not grow.
fn take_tail<T>(items: &mut Vec<T>, from: usize, capacity: usize) -> Vec<T> {
    let mut tail = Vec::with_capacity(capacity);
    tail.extend(items.drain(from..));
    tail
}
//# end
