//! Task 1.3: a hash map in one flat table, with a control byte for each slot.
//!
//! Callers use [`HashMap`]. It hashes the key with its `BuildHasher`, and the table in
//! `hash_map/table.rs` finds the slot. Lab 3's page table is one of these maps.
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
//! | `0x80` | deleted (tombstone): the slot holds no entry, but a probe must continue behind it |
//! | `0xff` | empty: the slot holds no entry, and a probe may stop in its group |
//!
//! A lookup reads the eight control bytes of the home group as one `u64` and compares all of them with the
//! tag at once (`hash_map/group.rs`). Only keys in slots that look as if they had this tag are compared, so
//! of 128 full slots about one costs a comparison with a wrong key. If the group has no empty byte, the probe
//! visits another.
//!
//! # Invariants
//! - **H1** The number of groups is 0 or a power of two, and there are eight slots for each group.
//! - **H2** A control byte is full exactly when its slot is `Some`, and then it is the tag of that key's
//!   hash.
//! - **H3** Every group that a key's probe visits before the group that holds the key has no empty byte. So
//!   when a probe finds a group with an empty byte, it has seen every slot in which the key could be.
//! - **H4** `growth_left` = 7 * groups - full - deleted, and is never negative. So at least one byte in
//!   eight is empty, and every probe ends.
//! - **H5** No two slots hold equal keys.
//!
//! # When the caller's code panics
//! The map calls code of the caller: the hash, comparison, `clone` and `drop` of keys, the `drop` of values,
//! and the closures of `retain` and of an entry. If one of them panics, H1 to H5 hold afterwards, nothing is
//! dropped twice, and the map can be used.
//! - A hash or a comparison panics: the map has the same entries as before the call, also if the table was
//!   about to grow. The key and the value that were passed to `insert` are dropped.
//! - A closure of an entry panics: the same, with the changes that `and_modify` made to the value so far.
//! - The closure of `retain` panics: the entries that it refused are gone, all others are there.
//! - A `drop` panics: the map holds some or none of the entries that were to be dropped and were not.
//!
//! # Left out, and the price
//! - A slot is an `Option`: 24 bytes for a pair of `u64`, where an uninitialised slot takes 16 but needs
//!   `unsafe`. So a growing table reads and writes half as much memory again.
//! - A group has eight slots and is read as one integer. Vector instructions would allow sixteen.
//! - All entries move at once when the table grows, so one insert in n takes n steps. Go's old map moved two
//!   buckets at each write, so that no single insert was slow.
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
/// If two keys are equal, their hashes must be equal. The hash and the equality of a key must not change
/// while it is in the map. If keys break this rule, lookups may return wrong results, but nothing worse.
#[derive(Clone)]
pub struct HashMap<K, V, S = RandomState> {
    pub(crate) table: Table<K, V>,
    hash_builder: S,
}

impl<K, V> HashMap<K, V, RandomState> {
    /// Makes an empty map that hashes with a random key (SipHash), as in std. Allocates nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::with_hasher(RandomState::new())
    }

    /// Makes an empty map with room for `capacity` entries, hashed as in [`HashMap::new`].
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self::with_capacity_and_hasher(capacity, RandomState::new())
    }
}

impl<K, V, S> HashMap<K, V, S> {
    /// Makes an empty map that hashes with `hash_builder`. Allocates nothing.
    #[must_use]
    pub fn with_hasher(hash_builder: S) -> Self {
        Self::with_capacity_and_hasher(0, hash_builder)
    }

    /// Makes an empty map with room for `capacity` entries that hashes with `hash_builder`.
    ///
    /// # Ensures
    /// `capacity() >= capacity`: that many inserts allocate nothing and move no entry.
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

    /// How many entries the map can hold before it grows, those in it included. At least `len()`.
    pub fn capacity(&self) -> usize {
        self.table.capacity()
    }

    /// The `BuildHasher` of the map.
    pub fn hasher(&self) -> &S {
        &self.hash_builder
    }

    /// Drops every entry. The capacity stays the same.
    ///
    /// # Cost
    /// O(capacity); no key is hashed or compared.
    pub fn clear(&mut self) {
        self.table.clear();
    }

    /// All entries, in no particular order.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter::new(&self.table)
    }

    /// All entries with mutable values, in no particular order.
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

    /// All values as mutable references, in no particular order.
    pub fn values_mut(&mut self) -> ValuesMut<'_, K, V> {
        ValuesMut::new(self.iter_mut())
    }

    /// Takes out every entry. The map is empty and has capacity 0 when this returns. The iterator owns the
    /// entries and the memory; when it is dropped early, it drops the entries that are left.
    pub fn drain(&mut self) -> IntoIter<K, V> {
        IntoIter::new(std::mem::take(&mut self.table))
    }

    /// Keeps the entries for which `keep` returns true, and drops the others.
    ///
    /// # Ensures
    /// `keep` was called exactly once for every entry. Lookups find every entry that was kept.
    ///
    /// # Cost
    /// O(capacity); no key is hashed.
    pub fn retain<F: FnMut(&K, &mut V) -> bool>(&mut self, mut keep: F) {
        //# task 1.3 keep the entries that the caller chooses
        //+ // Nudge: as in `remove`: which control byte may a freed slot get?
        for slot in 0..self.table.slot_count() {
            if let Some((key, value)) = self.table.entry_mut(slot)
                && !keep(key, value)
            {
                drop(self.table.erase(slot));
            }
        }
        //# end
    }
}

impl<K: Eq + Hash, V, S: BuildHasher> HashMap<K, V, S> {
    /// Returns the value of `key`; `None` if the map does not have the key.
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

    /// As [`HashMap::get`], with a mutable reference.
    #[inline]
    pub fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let slot = self.slot_of(key)?;
        self.table.entry_mut(slot).map(|(_, value)| value)
    }

    /// Whether the map has an entry for `key`.
    #[inline]
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.slot_of(key).is_some()
    }

    /// The slot of `key`: hashes it once and lets the table probe.
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

    /// Stores `value` under `key`, and returns the old value of `key` if there was one.
    ///
    /// # Ensures
    /// If the map had an equal key, that key stays and the new one is dropped, as in std.
    ///
    /// # Cost
    /// One hash; O(1) expected, amortised over growth.
    #[inline]
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        //# task 1.3 store a value under a key
        //+ // Nudge: call `reserve_one` first: `find_or_free` needs `growth_left > 0` (H4).
        self.reserve_one();
        let hash = self.hash_builder.hash_one(&key);
        match self.table.find_or_free(hash, |present| *present == key) {
            Ok(slot) => self.table.entry_mut(slot).map(|(_, old)| std::mem::replace(old, value)),
            Err(slot) => {
                self.table.occupy(slot, hash, key, value);
                None
            }
        }
        //# end
    }

    /// Removes `key` and returns its value.
    ///
    /// # Cost
    /// One hash; O(1) expected. Lookups stay as fast after any number of inserts and removes, and a key
    /// that is removed and inserted again and again does not make the table grow.
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
        //# task 1.3 remove a key
        let slot = self.slot_of(key)?;
        Some(self.table.erase(slot))
        //# end
    }

    /// Finds the place of `key` in the map with one probe, and returns it as an occupied or a vacant entry.
    ///
    /// # Ensures
    /// The map has the same entries afterwards, until the caller changes one through the entry. The map may
    /// have grown.
    ///
    /// # Cost
    /// One hash. The methods of the entry hash nothing.
    #[inline]
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        //# task 1.3 find the entry of a key
        self.reserve_one();
        let hash = self.hash_builder.hash_one(&key);
        match self.table.find_or_free(hash, |present| *present == key) {
            Ok(slot) => Entry::Occupied(OccupiedEntry::new(&mut self.table, slot)),
            Err(slot) => Entry::Vacant(VacantEntry::new(&mut self.table, slot, hash, key)),
        }
        //# end
    }

    /// Reserves room for `additional` more entries.
    ///
    /// # Ensures
    /// `capacity() >= len() + additional`. While `len() + additional` is at most half of the capacity, the
    /// capacity does not change, after any number of inserts and removes: the table is rehashed without its
    /// tombstones instead. `insert` and `entry` reserve room for one entry in the same way.
    ///
    /// # Panics
    /// If no allocation can hold `len() + additional` entries, as in std. The map is not changed.
    pub fn reserve(&mut self, additional: usize) {
        let HashMap { table, hash_builder } = self;
        table.reserve(additional, |key| hash_builder.hash_one(key));
    }

    /// Reserves room for one more entry.
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

/// Panics if the map has no entry for the key.
impl<K, Q, V, S> Index<&Q> for HashMap<K, V, S>
where
    K: Eq + Hash + Borrow<Q>,
    Q: Eq + Hash + ?Sized,
    S: BuildHasher,
{
    type Output = V;

    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("the map must have an entry for the key of an index expression")
    }
}

/// If two pairs have equal keys, the map keeps the value of the later one.
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
