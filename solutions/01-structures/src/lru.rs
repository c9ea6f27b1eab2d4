//! Task 1.4: a cache that evicts the least recently used entry, every operation in O(1).
//!
//! Called by later labs for what may be forgotten (plans, blocks, open files). The keys are found through
//! the hash map of task 1.3, which maps each to a node of a doubly linked list.
//!
//! Go's `container/list` is a ring of pointers with one *sentinel* that is both before the first and after
//! the last element, so that linking needs no special case at the ends. In Rust a node cannot have
//! two owners, so here the arena owns all nodes, and they name each other by *index*. Indices 0 and 1 are the
//! sentinels of two lists: the entries that may be evicted, and the pinned ones, which no eviction ever
//! walks over.
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
//! - **L2** `nodes[nodes[i].next].prev == i` and `nodes[nodes[i].prev].next == i` for linked nodes and sentinels.
//! - **L3** A node is in the list of `PINNED` exactly if its `pins > 0`, else in the list of `LOOSE`.
//! - **L4** Each list is ordered by last use, the latest first. `put`, `get`, `get_mut`, `pin`, and the
//!   `unpin` that takes the last pin away are uses; `peek`, `peek_lru`, `contains`, `pins` and `iter` are not.
//! - **L5** `len() <= capacity()`.
//! - **L6** Each index from 2 is either linked or in `free`, and a free node has no entry.
//!
//! # Left out, and the price
//! - A key is stored twice, in the map (to be found) and in the node (to be removed when evicted), so it must
//!   be `Clone`. The crate `lru` shares one copy by raw pointers.
//! - The arena never shrinks: it keeps the size of the fullest moment, at most `capacity` nodes.
//! - Pure recency: one scan over more keys than fit empties the cache of what is used daily. See `lru_k.rs`.
//!
//! Source: the sentinel ring is Knuth, TAOCP 1, section 2.2.5, and Go's `container/list`.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};

pub use crate::error::AllPinned;

use crate::error::Error;
use crate::hash_map::HashMap;

/// Place of a node in the arena. 32 bits: a node of two `u64` then fits into 40 bytes.
pub(crate) type Index = u32;

/// Sentinel of the entries that may be evicted.
pub(crate) const LOOSE: Index = 0;

/// Sentinel of the pinned entries.
pub(crate) const PINNED: Index = 1;

/// A cache of at most `capacity` entries. See the [module](self) for its shape.
pub struct LruCache<K, V, S = RandomState> {
    /// Where each key's node is.
    map: HashMap<K, Index, S>,
    /// The arena: two sentinels, then nodes with entries.
    pub(crate) nodes: Vec<Node<K, V>>,
    /// Nodes without an entry, to be used again.
    pub(crate) free: Vec<Index>,
    capacity: usize,
}

/// A link of a list, and what hangs on it.
pub(crate) struct Node<K, V> {
    /// The node used just after this one, or the sentinel.
    pub(crate) prev: Index,
    /// The node used just before this one, or the sentinel.
    pub(crate) next: Index,
    /// How many `unpin` calls are missing.
    pub(crate) pins: u32,
    /// `None` for a sentinel and for a free node.
    pub(crate) entry: Option<(K, V)>,
}

/// What [`LruCache::put`] did, with the value or entry that had to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put<K, V> {
    /// The entry is new and there was room.
    Inserted,
    /// The key was there; this is its old value.
    Replaced(V),
    /// The entry is new, and this one had to leave for it.
    Evicted(K, V),
}

impl<K: Hash + Eq + Clone, V> LruCache<K, V> {
    /// An empty cache for `capacity` entries, hashed as the standard map does. Allocates nothing yet.
    pub fn new(capacity: usize) -> Self {
        Self::with_hasher(capacity, RandomState::new())
    }
}

impl<K: Hash + Eq + Clone, V, S: BuildHasher> LruCache<K, V, S> {
    /// An empty cache for `capacity` entries that hashes with `hash_builder`.
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

    /// Most entries the cache holds.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Takes a linked node out of its list. Its own links are stale afterwards.
    ///
    /// # Ensures
    /// Its neighbours are linked to each other (L2).
    #[inline]
    fn unlink(&mut self, index: Index) {
        //# task 1.4 unlink a node
        let Node { prev, next, .. } = self.nodes[index as usize];
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
        //+ // Nudge: four links change. The sentinel makes an empty list an ordinary one.
        let old_first = self.nodes[sentinel as usize].next;
        let node = &mut self.nodes[index as usize];
        node.prev = sentinel;
        node.next = old_first;
        self.nodes[old_first as usize].prev = index;
        self.nodes[sentinel as usize].next = index;
        //# end
    }

    /// Makes a linked node the latest used of its list (L4).
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

    /// Puts an entry into a node that is not linked yet, and returns its index.
    ///
    /// # Ensures
    /// A free node is used before the arena grows (L6). The node has no pins.
    fn fill_node(&mut self, key: K, value: V) -> Index {
        //# task 1.4 find a node for an entry
        if let Some(index) = self.free.pop() {
            self.nodes[index as usize].entry = Some((key, value));
            return index;
        }
        let index = Index::try_from(self.nodes.len()).expect("an arena of 2^32 nodes does not fit in memory");
        self.nodes.push(Node { prev: index, next: index, pins: 0, entry: Some((key, value)) });
        index
        //# end
    }

    /// Unlinks a node, frees it and returns its entry.
    ///
    /// # Requires
    /// The node is linked and not pinned, and its key is not in the map any more.
    ///
    /// # Ensures
    /// The node keeps nothing of the entry (L6).
    fn empty_node(&mut self, index: Index) -> (K, V) {
        //# task 1.4 free a node
        self.unlink(index);
        self.free.push(index);
        self.nodes[index as usize].entry.take().expect("L6: a linked node has an entry")
        //# end
    }

    /// Adds an entry, or replaces the value of its key, and makes it the latest used (L4). A pinned entry
    /// stays pinned.
    ///
    /// # Ensures
    /// A new key in a full cache evicts the least recently used entry that is not pinned, and only
    /// that one. With capacity 0 nothing can stay: the new entry itself comes back as evicted.
    ///
    /// # Errors
    /// The cache is full, every entry is pinned and the key is new: the entry comes back, nothing changed.
    ///
    /// # Cost
    /// O(1), at most three probes of the map.
    pub fn put(&mut self, key: K, value: V) -> Result<Put<K, V>, AllPinned<K, V>> {
        //# task 1.4 put an entry
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
        let index = self.fill_node(key.clone(), value);
        self.map.insert(key, index);
        self.link_first(LOOSE, index);
        Ok(evicted.map_or(Put::Inserted, |(key, value)| Put::Evicted(key, value)))
        //# end
    }

    /// The value of `key`, which becomes the latest used.
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

    /// As [`LruCache::get`], with the value to change in place.
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

    /// The value of `key`, without using it (L4).
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

    /// Takes the entry of `key` out.
    ///
    /// # Errors
    /// There is no such entry, or it is pinned; nothing changed then.
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

    /// Pins the entry of `key` once more: it is in use and cannot be evicted or removed. Counts as a use.
    ///
    /// # Errors
    /// There is no such entry.
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

    /// Takes one pin away. With the last pin the entry may be evicted again, as the latest used one:
    /// it was in use until now.
    ///
    /// # Errors
    /// There is no such entry, or it is not pinned; nothing changed then.
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

    /// The entries from the most to the least recently used: first the pinned ones, which are in use now,
    /// then the others. Not a use (L4).
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
        // A sentinel has no entry, which ends the walk at LOOSE.
        node.entry.as_ref().map(|(key, value)| (key, value))
    }
}

impl<K: fmt::Debug, V: fmt::Debug, S> fmt::Debug for LruCache<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.nodes.len();
        f.debug_map().entries(Iter::new(&self.nodes).take(most)).finish()
    }
}
