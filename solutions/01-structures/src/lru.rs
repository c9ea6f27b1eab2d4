//! Task 1.4: a cache that evicts the least recently used entry, every operation in O(1).
//!
//! Later labs cache data here that they can compute or read again (plans, blocks, open files). The hash map
//! of task 1.3 maps each key to a node of a doubly linked list.
//!
//! Go's `container/list` is a ring of pointers with one *sentinel*, which stands before the first and after
//! the last element, so that linking needs no special case at the ends. In Rust a node cannot have two
//! owners. So a vector, the *arena*, owns all nodes, and the nodes name each other by *index*. Indices 0 and
//! 1 are the sentinels of two lists: the entries that may be evicted, and the pinned entries. An eviction
//! reads only the first list, so it never has to skip pinned entries.
//!
//! ```text
//!   put a, b, c, d; pin b; get a
//!
//!   index     0        1       2       3       4       5
//!         +--------+--------+-------+-------+-------+-------+
//!   entry | (none) | (none) | a     | b     | c     | d     |
//!   prev  |   4    |   3    | 0     | 1     | 5     | 2     |
//!   next  |   2    |   3    | 5     | 1     | 0     | 4     |
//!   pins  |        |        | 0     | 1     | 0     | 0     |
//!         +--------+--------+-------+-------+-------+-------+
//!          LOOSE    PINNED
//!
//!   LOOSE  -> 2 a -> 5 d -> 4 c -> LOOSE       c is evicted next
//!   PINNED -> 3 b -> PINNED
//!
//!   most recent   b   a   d   c   least recent
//! ```
//!
//! # Invariants
//! - **L1** The map and the two lists hold the same keys: `map[k] = i` exactly if node `i` is linked and its
//!   entry has key `k`. No key is in two nodes.
//! - **L2** `nodes[nodes[i].next].prev == i` and `nodes[nodes[i].prev].next == i` for linked nodes and
//!   sentinels.
//! - **L3** A node is in the list of `PINNED` exactly if its `pins > 0`, else in the list of `LOOSE`.
//! - **L4** Each list is ordered by last use, the latest first. `put`, `get`, `get_mut`, `pin`, and the
//!   `unpin` that removes the last pin are uses; `peek`, `peek_lru`, `contains`, `pins` and `iter` are not.
//! - **L5** `len() <= capacity()`.
//! - **L6** Each index from 2 is either linked or in `free`, and a free node has no entry.
//!
//! If the hash, comparison or `clone` of a key panics, L1 to L6 hold afterwards. Then nothing is changed,
//! except that `put` may have evicted the entry that it would have evicted anyway. What is in the cache after
//! the `drop` of a key panicked is not defined.
//!
//! # Left out, and the price
//! - A key is stored twice, so it must be `Clone`: the map needs it to find the node, and the node needs it
//!   to remove the entry from the map at an eviction. The crate `lru` shares one copy by raw pointers.
//! - The arena never shrinks: it keeps the greatest number of nodes it ever had, at most `capacity`.
//! - Only the last use counts. One scan over more than `capacity` keys evicts all entries that are used
//!   often. `lru_k.rs` avoids this.
//!
//! Source: the sentinel ring is Knuth, TAOCP 1, section 2.2.5, and Go's `container/list`.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};

pub use crate::error::AllPinned;

use crate::error::Error;
use crate::hash_map::HashMap;

/// Index of a node in the arena. With 32 bits a node of two `u64` takes 40 bytes.
pub(crate) type Index = u32;

/// Sentinel of the entries that may be evicted.
pub(crate) const LOOSE: Index = 0;

/// Sentinel of the pinned entries.
pub(crate) const PINNED: Index = 1;

/// A cache of at most `capacity` entries. See the [module](self) for its shape.
pub struct LruCache<K, V, S = RandomState> {
    /// The node of each key.
    map: HashMap<K, Index, S>,
    /// The arena: two sentinels, then nodes with entries.
    pub(crate) nodes: Vec<Node<K, V>>,
    /// Nodes without an entry, to be used again.
    pub(crate) free: Vec<Index>,
    capacity: usize,
}

/// A node of one of the lists, with its entry.
pub(crate) struct Node<K, V> {
    /// The node used just after this one, or the sentinel.
    pub(crate) prev: Index,
    /// The node used just before this one, or the sentinel.
    pub(crate) next: Index,
    /// How often the entry is pinned.
    pub(crate) pins: u32,
    /// `None` for a sentinel and for a free node.
    pub(crate) entry: Option<(K, V)>,
}

/// What [`LruCache::put`] did, with the value or the entry that left the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put<K, V> {
    /// The entry is new and there was room.
    Inserted,
    /// The key was there; this is its old value.
    Replaced(V),
    /// The entry is new, and this entry was evicted.
    Evicted(K, V),
}

impl<K: Hash + Eq + Clone, V> LruCache<K, V> {
    /// Makes an empty cache for `capacity` entries, hashed with a random key as in the standard map.
    ///
    /// # Cost
    /// One small allocation for the two sentinels. The map and the nodes are allocated when entries are
    /// added.
    pub fn new(capacity: usize) -> Self {
        Self::with_hasher(capacity, RandomState::new())
    }
}

impl<K: Hash + Eq + Clone, V, S: BuildHasher> LruCache<K, V, S> {
    /// Makes an empty cache for `capacity` entries that hashes with `hash_builder`.
    ///
    /// # Cost
    /// As [`LruCache::new`].
    pub fn with_hasher(capacity: usize, hash_builder: S) -> Self {
        let sentinel = |index| Node { prev: index, next: index, pins: 0, entry: None };
        LruCache {
            map: HashMap::with_hasher(hash_builder),
            nodes: vec![sentinel(LOOSE), sentinel(PINNED)],
            free: Vec::new(),
            capacity,
        }
    }

    /// Number of entries, pinned ones included.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// True if there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The greatest number of entries in the cache.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Takes a linked node out of its list. Afterwards the links of the node itself have no meaning.
    ///
    /// # Ensures
    /// Its neighbours are linked to each other (L2).
    #[inline]
    fn unlink(&mut self, index: Index) {
        //# task 1.4 unlink a node
        let Node { prev, next, .. } = self.nodes[index as usize];
        debug_assert_eq!(self.nodes[prev as usize].next, index, "L2");
        debug_assert_eq!(self.nodes[next as usize].prev, index, "L2");
        self.nodes[prev as usize].next = next;
        self.nodes[next as usize].prev = prev;
        //# end
    }

    /// Puts an unlinked node first in the list of `sentinel`.
    ///
    /// # Ensures
    /// L2, also when the list was empty.
    #[inline]
    fn link_first(&mut self, sentinel: Index, index: Index) {
        //# task 1.4 link a node
        //+ // Nudge: four links change. With the sentinel an empty list is no special case.
        let old_first = self.nodes[sentinel as usize].next;
        let node = &mut self.nodes[index as usize];
        node.prev = sentinel;
        node.next = old_first;
        self.nodes[old_first as usize].prev = index;
        self.nodes[sentinel as usize].next = index;
        //# end
    }

    /// Moves a linked node to the front of its list: it is now the most recently used one (L4).
    #[inline]
    fn touch(&mut self, index: Index) {
        //# task 1.4 touch a node
        let sentinel = if self.nodes[index as usize].pins > 0 { PINNED } else { LOOSE };
        if self.nodes[sentinel as usize].next != index {
            self.unlink(index);
            self.link_first(sentinel, index);
        }
        //# end
    }

    /// Stores an entry in a node that is not linked yet, and returns the node's index.
    ///
    /// # Ensures
    /// A free node is used before the arena grows (L6): the node that `next_node` returned. The node has no
    /// pins.
    fn fill_node(&mut self, key: K, value: V) -> Index {
        //# task 1.4 find a node for an entry
        let index = self.next_node();
        if self.free.pop().is_some() {
            debug_assert!(self.nodes[index as usize].entry.is_none(), "L6: a free node has no entry");
            self.nodes[index as usize].entry = Some((key, value));
            return index;
        }
        self.nodes.push(Node { prev: index, next: index, pins: 0, entry: Some((key, value)) });
        index
        //# end
    }

    /// Index of the node that `fill_node` fills next.
    fn next_node(&self) -> Index {
        let new =
            || Index::try_from(self.nodes.len()).expect("an arena of 2^32 nodes does not fit in memory");
        self.free.last().copied().unwrap_or_else(new)
    }

    /// Unlinks a node, frees it and returns its entry.
    ///
    /// # Requires
    /// The node is linked and not pinned, and its key was removed from the map.
    ///
    /// # Ensures
    /// The node has no entry (L6).
    fn empty_node(&mut self, index: Index) -> (K, V) {
        //# task 1.4 free a node
        debug_assert_eq!(self.nodes[index as usize].pins, 0, "L3: no pinned node leaves");
        self.unlink(index);
        self.free.push(index);
        self.nodes[index as usize].entry.take().expect("L6: a linked node has an entry")
        //# end
    }

    /// Adds an entry, or replaces the value of its key. The entry becomes the most recently used one (L4). A
    /// pinned entry stays pinned.
    ///
    /// # Ensures
    /// If the key is new and the cache is full, the least recently used entry that is not pinned is evicted,
    /// and no other. A cache of capacity 0 stores nothing: it returns the new entry as evicted.
    ///
    /// # Errors
    /// [`AllPinned`] with the entry if the key is new, the cache is full and every entry is pinned. Nothing
    /// is changed.
    ///
    /// # Cost
    /// O(1): the key is hashed at most twice, and the key of an evicted entry once. When the map is rehashed,
    /// other keys are hashed too.
    pub fn put(&mut self, key: K, value: V) -> Result<Put<K, V>, AllPinned<K, V>> {
        //# task 1.4 put an entry
        //+ // Nudge: the hash and the `clone` of a key are the caller's code. What is linked when one panics?
        if let Some(old) = self.get_mut(&key) {
            return Ok(Put::Replaced(std::mem::replace(old, value)));
        }
        if self.capacity == 0 {
            return Ok(Put::Evicted(key, value));
        }
        let mut evicted = None;
        if self.len() == self.capacity {
            evicted = self.pop_lru();
            if evicted.is_none() {
                return Err(AllPinned { key, value });
            }
        }
        // The map first: if it panics, no node has the entry.
        let other_node = self.map.insert(key.clone(), self.next_node());
        debug_assert_eq!(other_node, None, "L1: no key is in two nodes");
        let index = self.fill_node(key, value);
        debug_assert!(self.len() <= self.capacity, "L5");
        self.link_first(LOOSE, index);
        Ok(evicted.map_or(Put::Inserted, |(key, value)| Put::Evicted(key, value)))
        //# end
    }

    /// Returns the value of `key`, whose entry becomes the most recently used one.
    ///
    /// # Cost
    /// O(1), one probe of the map.
    #[inline]
    pub fn get<Q>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.get_mut(key).map(|value| &*value)
    }

    /// As [`LruCache::get`], with a mutable reference.
    #[inline]
    pub fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        //# task 1.4 look up and touch
        let index = *self.map.get(key)?;
        self.touch(index);
        self.nodes[index as usize].entry.as_mut().map(|(_, value)| value)
        //# end
    }

    /// Returns the value of `key`. Not a use: the order stays the same (L4).
    #[inline]
    pub fn peek<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        //# task 1.4 look up only
        let index = *self.map.get(key)?;
        self.nodes[index as usize].entry.as_ref().map(|(_, value)| value)
        //# end
    }

    /// Whether there is an entry with this key. Not a use (L4).
    pub fn contains<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.peek(key).is_some()
    }

    /// The entry that would be evicted next; `None` if there is none or all are pinned. Not a use (L4).
    pub fn peek_lru(&self) -> Option<(&K, &V)> {
        //# task 1.4 find the victim
        let last = self.nodes[LOOSE as usize].prev;
        self.nodes[last as usize].entry.as_ref().map(|(key, value)| (key, value))
        //# end
    }

    /// Evicts the least recently used entry that is not pinned; `None` if there is none.
    ///
    /// # Cost
    /// O(1), however many entries are pinned.
    pub fn pop_lru(&mut self) -> Option<(K, V)> {
        //# task 1.4 evict
        let last = self.nodes[LOOSE as usize].prev;
        let (key, _) = self.nodes[last as usize].entry.as_ref()?;
        self.map.remove(key);
        Some(self.empty_node(last))
        //# end
    }

    /// Removes the entry of `key` and returns its value.
    ///
    /// # Errors
    /// Nothing is changed: [`Error::NotFound`] if no entry has the key, [`Error::Pinned`] if it is pinned.
    ///
    /// # Cost
    /// O(1).
    pub fn remove<Q>(&mut self, key: &Q) -> Result<V, Error>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        //# task 1.4 remove an entry
        let index = *self.map.get(key).ok_or(Error::NotFound)?;
        let pins = self.nodes[index as usize].pins;
        if pins > 0 {
            return Err(Error::Pinned { pins });
        }
        self.map.remove(key);
        let (_, value) = self.empty_node(index);
        Ok(value)
        //# end
    }

    /// Adds one pin to the entry of `key`. An entry with a pin cannot be evicted or removed. This is a use.
    ///
    /// # Errors
    /// [`Error::NotFound`] if no entry has the key.
    ///
    /// # Cost
    /// O(1).
    pub fn pin<Q>(&mut self, key: &Q) -> Result<(), Error>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        //# task 1.4 pin an entry
        let index = *self.map.get(key).ok_or(Error::NotFound)?;
        self.nodes[index as usize].pins += 1;
        self.unlink(index);
        self.link_first(PINNED, index);
        Ok(())
        //# end
    }

    /// Removes one pin from the entry of `key`. When the last pin is removed, the entry can be evicted
    /// again. It is then the most recently used one, because it was in use until now.
    ///
    /// # Errors
    /// Nothing is changed: [`Error::NotFound`] if no entry has the key, [`Error::NotPinned`] if it has no
    /// pin.
    ///
    /// # Cost
    /// O(1).
    pub fn unpin<Q>(&mut self, key: &Q) -> Result<(), Error>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        //# task 1.4 unpin an entry
        let index = *self.map.get(key).ok_or(Error::NotFound)?;
        let node = &mut self.nodes[index as usize];
        node.pins = node.pins.checked_sub(1).ok_or(Error::NotPinned)?;
        if node.pins == 0 {
            self.unlink(index);
            self.link_first(LOOSE, index);
        }
        Ok(())
        //# end
    }

    /// How often the entry of `key` is pinned; `None` if there is no such entry. Not a use (L4).
    pub fn pins<Q>(&self, key: &Q) -> Option<u32>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.map.get(key).map(|&index| self.nodes[index as usize].pins)
    }

    /// Iterates from the most to the least recently used entry: first the pinned ones, which are in use
    /// now, then the others. Not a use (L4).
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter::new(&self.nodes)
    }
}

/// Entries of an [`LruCache`], the most recently used first.
pub struct Iter<'a, K, V> {
    nodes: &'a [Node<K, V>],
    at: Index,
}

impl<'a, K, V> Iter<'a, K, V> {
    fn new(nodes: &'a [Node<K, V>]) -> Self {
        Iter { nodes, at: nodes[PINNED as usize].next }
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        if self.at == PINNED {
            self.at = self.nodes[LOOSE as usize].next;
        }
        let node = &self.nodes[self.at as usize];
        self.at = node.next;
        // The sentinel LOOSE has no entry, so the iteration ends there.
        node.entry.as_ref().map(|(key, value)| (key, value))
    }
}

impl<K: fmt::Debug, V: fmt::Debug, S> fmt::Debug for LruCache<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.nodes.len();
        f.debug_map().entries(Iter::new(&self.nodes).take(most)).finish()
    }
}
