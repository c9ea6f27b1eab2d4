//! Task 1.3: a hash map in one flat table, with a byte of summary for each slot.
//!
//! Callers see [`HashMap`]: it hashes the key with the `BuildHasher` it was given and asks the table
//! in `hash_map/table.rs` for a slot. Lab 3's page table is one of these maps.
//!
//! ```text
//!             bits 57..64                     bits 0..            of the hash
//!                  |                              |
//!                  v                              v
//!              tag (7 bits)               home group = low bits & mask
//!
//!  groups      group 0                        group 1
//!            +----+----+----+---+----+      +----+----+---
//!  control   | 3a | ff | 80 |...| 11 |      | 5c | ff | ...      a byte a slot
//!            +----+----+----+---+----+      +----+----+---
//!  slots     | Some| None|None|...|Some|    |Some|None| ...      Option<(K, V)>
//!              k,v                k,v         k,v
//! ```
//!
//! | control byte | meaning |
//! | --- | --- |
//! | `0x00..=0x7f` | full: the slot holds an entry whose hash has this tag |
//! | `0x80` | deleted (tombstone): holds nothing, but a probe goes on past it |
//! | `0xff` | empty: holds nothing, and a probe that meets one may stop |
//!
//! A lookup reads the eight control bytes of the home group as one `u64` and compares them with the tag
//! all at once (`hash_map/group.rs`). Only slots whose tag agrees are looked at, so a key is compared with
//! a wrong one about once in 128 full slots. If the group has no empty byte the probe goes to another group.
//!
//! # Invariants
//! - **H1** The number of groups is 0 or a power of two, and there are eight slots for each group.
//! - **H2** A control byte is full exactly when its slot is `Some`, and then it is the tag of that key's hash.
//! - **H3** Every group that a key's probe visits before the key's own group has no empty byte. So a probe
//!   that has met an empty byte has seen every place the key could be in.
//! - **H4** `growth_left` = 7 * groups - full - deleted, and is never negative: at least one byte in eight
//!   is empty, so every probe ends.
//! - **H5** No two slots hold equal keys.
//!
//! # Left out, and the price
//! - A slot is an `Option`, which takes 24 bytes for a pair of `u64` where an uninitialised slot takes 16:
//!   the price of no `unsafe`. Growth therefore touches half as much memory again.
//! - Eight slots a group, read as one integer; with vector instructions it would be sixteen.
//! - All entries move at once when the table grows. Go's old map moved two buckets with each write, so that
//!   no single insert is slow; here one insert in n takes n steps.
//!
//! Source: the Swiss table (Kulukundis, "Designing a Fast, Efficient, Cache-friendly Hash Table, Step by
//! Step", CppCon 2017) as used by Abseil, hashbrown and Go since 1.24. Tombstones: Knuth, TAOCP 3, 6.4.

mod entry;
mod group;
mod iter;
pub(crate) mod table;

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::ops::Index;

pub use entry::{Entry, OccupiedEntry, VacantEntry};
pub use iter::{IntoIter, Iter, IterMut, Keys, Values, ValuesMut};

use table::Table;

/// A hash map from `K` to `V` that hashes with any `BuildHasher` `S`.
///
/// If two keys are equal their hashes must be equal; a key's hash and equality must not change while it is
/// in the map. A map whose keys break this returns wrong answers, but never undefined behaviour.
#[derive(Clone)]
pub struct HashMap<K, V, S = RandomState> {
    pub(crate) table: Table<K, V>,
    hash_builder: S,
}

impl<K, V> HashMap<K, V, RandomState> {
    /// An empty map, hashed with a random key (SipHash) as in std. Allocates nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::with_hasher(RandomState::new())
    }

    /// An empty map with room for `capacity` entries, hashed as in [`HashMap::new`].
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self::with_capacity_and_hasher(capacity, RandomState::new())
    }
}

impl<K, V, S> HashMap<K, V, S> {
    /// An empty map that hashes with `hash_builder`. Allocates nothing.
    #[must_use]
    pub fn with_hasher(hash_builder: S) -> Self {
        Self::with_capacity_and_hasher(0, hash_builder)
    }

    /// An empty map that hashes with `hash_builder`.
    ///
    /// # Ensures
    /// `capacity() >= capacity`: that many inserts do not move the table.
    #[must_use]
    pub fn with_capacity_and_hasher(capacity: usize, hash_builder: S) -> Self {
        HashMap { table: Table::with_capacity(capacity), hash_builder }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether the map has no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many entries the map can hold before it has to grow, the present ones included. Never less
    /// than `len()`.
    pub fn capacity(&self) -> usize {
        self.table.capacity()
    }

    /// The hasher the map was made with.
    pub fn hasher(&self) -> &S {
        &self.hash_builder
    }

    /// Drops every entry and keeps the memory.
    ///
    /// # Cost
    /// O(capacity).
    pub fn clear(&mut self) {
        self.table.clear();
    }

    /// All entries, in no particular order.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter::new(&self.table)
    }

    /// All entries with the values open to change, in no particular order.
    pub fn iter_mut(&mut self) -> IterMut<'_, K, V> {
        IterMut::new(&mut self.table)
    }

    /// All keys, in no particular order.
    pub fn keys(&self) -> Keys<'_, K, V> {
        Keys::new(self.iter())
    }

    /// All values, in no particular order.
    pub fn values(&self) -> Values<'_, K, V> {
        Values::new(self.iter())
    }

    /// All values, open to change, in no particular order.
    pub fn values_mut(&mut self) -> ValuesMut<'_, K, V> {
        ValuesMut::new(self.iter_mut())
    }

    /// Takes every entry out. The map is empty as soon as this returns, also if the iterator is dropped
    /// early; the memory goes with the iterator.
    pub fn drain(&mut self) -> IntoIter<K, V> {
        IntoIter::new(std::mem::take(&mut self.table))
    }

    /// Keeps the entries for which `keep` says true and drops the others.
    ///
    /// # Ensures
    /// `keep` has seen every entry exactly once. Every kept key is still found.
    ///
    /// # Cost
    /// O(capacity); no key is hashed.
    pub fn retain<F: FnMut(&K, &mut V) -> bool>(&mut self, mut keep: F) {
        // Nudge: the same care as in `remove`: which mark may the freed slot carry?
        todo!("task 1.3: keep what the caller wants kept")
    }
}

impl<K: Eq + Hash, V, S: BuildHasher> HashMap<K, V, S> {
    /// The value stored under `key`.
    ///
    /// # Cost
    /// One hash; O(1) expected comparisons.
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let slot = self.slot_of(key)?;
        self.table.entry(slot).map(|(_, value)| value)
    }

    /// The value stored under `key`, open to change.
    #[inline]
    pub fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let slot = self.slot_of(key)?;
        self.table.entry_mut(slot).map(|(_, value)| value)
    }

    /// Whether `key` has an entry.
    #[inline]
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.slot_of(key).is_some()
    }

    /// The slot that holds `key`: hash it once, let the table probe.
    #[inline]
    fn slot_of<Q>(&self, key: &Q) -> Option<usize>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if self.is_empty() {
            return None;
        }
        let hash = self.hash_builder.hash_one(key);
        self.table.find(hash, |present| present.borrow() == key)
    }

    /// Stores `value` under `key`.
    ///
    /// # Ensures
    /// Returns the value that was there before. An equal key that was there before stays (the new key is
    /// dropped), as in std.
    ///
    /// # Cost
    /// One hash; O(1) expected, amortised over growth.
    #[inline]
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        // Nudge: `reserve_one` first, so that `find_or_free` may rely on H4.
        todo!("task 1.3: store a value under a key")
    }

    /// Removes `key` and returns its value.
    ///
    /// # Cost
    /// One hash; O(1) expected. Lookups stay as fast however many entries come and go, and a key that is
    /// removed and inserted again takes the room it gave back.
    #[inline]
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.remove_entry(key).map(|(_, value)| value)
    }

    /// Removes `key` and returns the stored key with its value.
    #[inline]
    pub fn remove_entry<Q>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        todo!("task 1.3: remove a key")
    }

    /// The place of `key` in the map, taken or free, found with a single probe.
    ///
    /// # Ensures
    /// The map is the same afterwards unless the caller acts on the entry (it may have grown).
    ///
    /// # Cost
    /// One hash, whatever is then done with the entry.
    #[inline]
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        todo!("task 1.3: find the entry of a key")
    }

    /// Makes room for `additional` more entries.
    ///
    /// # Ensures
    /// `capacity() >= len() + additional`. The capacity stays as it is while `len() + additional` is at most
    /// half of it, however many entries came and went: room that tombstones take is swept free. `insert` and
    /// `entry` make room for one entry in the same way.
    pub fn reserve(&mut self, additional: usize) {
        let HashMap { table, hash_builder } = self;
        table.reserve(additional, |key| hash_builder.hash_one(key));
    }

    /// Makes room for one more entry.
    #[inline]
    fn reserve_one(&mut self) {
        if self.table.is_full() {
            self.reserve(1);
        }
    }
}

impl<K, V, S: Default> Default for HashMap<K, V, S> {
    fn default() -> Self {
        Self::with_hasher(S::default())
    }
}

impl<K: fmt::Debug, V: fmt::Debug, S> fmt::Debug for HashMap<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Eq + Hash, V: PartialEq, S: BuildHasher> PartialEq for HashMap<K, V, S> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

impl<K: Eq + Hash, V: Eq, S: BuildHasher> Eq for HashMap<K, V, S> {}

/// Panics when the key has no entry.
impl<K, Q, V, S> Index<&Q> for HashMap<K, V, S>
where
    K: Eq + Hash + Borrow<Q>,
    Q: Eq + Hash + ?Sized,
    S: BuildHasher,
{
    type Output = V;

    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("no entry for this key")
    }
}

/// Later pairs win over earlier ones with an equal key.
impl<K: Eq + Hash, V, S: BuildHasher> Extend<(K, V)> for HashMap<K, V, S> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        for (key, value) in pairs {
            self.insert(key, value);
        }
    }
}

impl<K: Eq + Hash, V, S: BuildHasher + Default> FromIterator<(K, V)> for HashMap<K, V, S> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut map = Self::default();
        map.extend(pairs);
        map
    }
}

impl<K, V, S> IntoIterator for HashMap<K, V, S> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V>;

    fn into_iter(self) -> IntoIter<K, V> {
        IntoIter::new(self.table)
    }
}

impl<'a, K, V, S> IntoIterator for &'a HashMap<K, V, S> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Iter<'a, K, V> {
        self.iter()
    }
}

impl<'a, K, V, S> IntoIterator for &'a mut HashMap<K, V, S> {
    type Item = (&'a K, &'a mut V);
    type IntoIter = IterMut<'a, K, V>;

    fn into_iter(self) -> IterMut<'a, K, V> {
        self.iter_mut()
    }
}
