//! The entry of one key: an occupied or a free place in the map, which the entry borrows mutably.
//!
//! [`HashMap::entry`](super::HashMap::entry) probes once and returns an entry. The methods of an entry
//! neither hash nor probe again. Go has no entries: `m[k]++` probes twice.

use std::fmt;

use super::table::Table;

/// The place of a key in a map.
pub enum Entry<'a, K, V> {
    /// The key has a value.
    Occupied(OccupiedEntry<'a, K, V>),
    /// The key has no value yet.
    Vacant(VacantEntry<'a, K, V>),
}

/// The place of a key that has a value.
pub struct OccupiedEntry<'a, K, V> {
    table: &'a mut Table<K, V>,
    slot: usize,
}

/// The free place where a key can be stored.
pub struct VacantEntry<'a, K, V> {
    table: &'a mut Table<K, V>,
    slot: usize,
    hash: u64,
    key: K,
}

impl<'a, K, V> Entry<'a, K, V> {
    /// Returns the value of the key. If there is none, it calls `default` and stores the result first. If
    /// `default` panics, the map does not have the key.
    pub fn or_insert_with<F: FnOnce() -> V>(self, default: F) -> &'a mut V {
        todo!("task 1.3: insert through an entry")
    }

    /// Returns the value of the key. If there is none, it stores `default` first.
    pub fn or_insert(self, default: V) -> &'a mut V {
        self.or_insert_with(|| default)
    }

    /// Returns the value of the key. If there is none, it stores `V::default()` first.
    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// Calls `change` on the value if there is one, and returns the entry.
    #[must_use]
    pub fn and_modify<F: FnOnce(&mut V)>(mut self, change: F) -> Self {
        todo!("task 1.3: change through an entry")
    }

    /// The key of this entry.
    pub fn key(&self) -> &K {
        match self {
            Entry::Occupied(entry) => entry.key(),
            Entry::Vacant(entry) => entry.key(),
        }
    }
}

impl<'a, K, V> OccupiedEntry<'a, K, V> {
    /// `slot` is full.
    pub(super) fn new(table: &'a mut Table<K, V>, slot: usize) -> Self {
        OccupiedEntry { table, slot }
    }

    /// The key in the map.
    pub fn key(&self) -> &K {
        self.table.entry(self.slot).expect("an occupied entry is full").0
    }

    /// The value.
    pub fn get(&self) -> &V {
        self.table.entry(self.slot).expect("an occupied entry is full").1
    }

    /// The value as a mutable reference.
    pub fn get_mut(&mut self) -> &mut V {
        self.table.entry_mut(self.slot).expect("an occupied entry is full").1
    }

    /// The value as a mutable reference that lives as long as the borrow of the map.
    pub fn into_mut(self) -> &'a mut V {
        self.table.entry_mut(self.slot).expect("an occupied entry is full").1
    }

    /// Stores `value` and returns the old value.
    pub fn insert(&mut self, value: V) -> V {
        todo!("task 1.3: replace through an entry")
    }

    /// Removes the key and returns its value.
    pub fn remove(self) -> V {
        self.remove_entry().1
    }

    /// Removes the key and returns it with its value.
    pub fn remove_entry(self) -> (K, V) {
        todo!("task 1.3: remove through an entry")
    }
}

impl<'a, K, V> VacantEntry<'a, K, V> {
    /// `find_or_free` returned `slot` for `key`, whose hash is `hash`.
    pub(super) fn new(table: &'a mut Table<K, V>, slot: usize, hash: u64, key: K) -> Self {
        VacantEntry { table, slot, hash, key }
    }

    /// The key that `insert` stores.
    pub fn key(&self) -> &K {
        &self.key
    }

    /// Returns the key and does not change the map.
    pub fn into_key(self) -> K {
        self.key
    }

    /// Stores the key with `value`.
    pub fn insert(self, value: V) -> &'a mut V {
        todo!("task 1.3: fill a vacant entry")
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Entry<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::Occupied(entry) => entry.fmt(f),
            Entry::Vacant(entry) => entry.fmt(f),
        }
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for OccupiedEntry<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OccupiedEntry").field("key", self.key()).field("value", self.get()).finish()
    }
}

impl<K: fmt::Debug, V> fmt::Debug for VacantEntry<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VacantEntry").field("key", self.key()).finish()
    }
}
