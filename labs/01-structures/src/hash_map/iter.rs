//! Iterators over the slots of a hash map, in slot order. Callers must not rely on this order.
//!
//! Given: each iterator visits the slots, skips those without an entry, and counts the entries that are left.

use std::fmt;
use std::iter::FusedIterator;

use super::table::Table;

/// Borrowed entries; see [`HashMap::iter`](super::HashMap::iter).
pub struct Iter<'a, K, V> {
    slots: std::slice::Iter<'a, Option<(K, V)>>,
    left: usize,
}

/// Entries with mutable values; see [`HashMap::iter_mut`](super::HashMap::iter_mut).
pub struct IterMut<'a, K, V> {
    slots: std::slice::IterMut<'a, Option<(K, V)>>,
    left: usize,
}

/// Owned entries; see [`HashMap::drain`](super::HashMap::drain).
pub struct IntoIter<K, V> {
    slots: std::vec::IntoIter<Option<(K, V)>>,
    left: usize,
}

/// Borrowed keys; see [`HashMap::keys`](super::HashMap::keys).
#[derive(Clone)]
pub struct Keys<'a, K, V>(Iter<'a, K, V>);

/// Borrowed values; see [`HashMap::values`](super::HashMap::values).
#[derive(Clone)]
pub struct Values<'a, K, V>(Iter<'a, K, V>);

/// Mutable values; see [`HashMap::values_mut`](super::HashMap::values_mut).
pub struct ValuesMut<'a, K, V>(IterMut<'a, K, V>);

impl<'a, K, V> Iter<'a, K, V> {
    pub(super) fn new(table: &'a Table<K, V>) -> Self {
        Iter { left: table.len(), slots: table.slots().iter() }
    }
}

impl<'a, K, V> IterMut<'a, K, V> {
    pub(super) fn new(table: &'a mut Table<K, V>) -> Self {
        IterMut { left: table.len(), slots: table.slots_mut().iter_mut() }
    }
}

impl<K, V> IntoIter<K, V> {
    pub(super) fn new(table: Table<K, V>) -> Self {
        IntoIter { left: table.len(), slots: table.into_slots().into_iter() }
    }
}

impl<'a, K, V> Keys<'a, K, V> {
    pub(super) fn new(iter: Iter<'a, K, V>) -> Self {
        Keys(iter)
    }
}

impl<'a, K, V> Values<'a, K, V> {
    pub(super) fn new(iter: Iter<'a, K, V>) -> Self {
        Values(iter)
    }
}

impl<'a, K, V> ValuesMut<'a, K, V> {
    pub(super) fn new(iter: IterMut<'a, K, V>) -> Self {
        ValuesMut(iter)
    }
}

/// Defines `next` over slots: the next full slot, one entry fewer left.
macro_rules! over_slots {
    ($name:ty, ($($generic:tt),*), $item:ty, $full:pat => $entry:expr) => {
        impl<$($generic),*> Iterator for $name {
            type Item = $item;

            #[inline]
            fn next(&mut self) -> Option<$item> {
                for slot in self.slots.by_ref() {
                    if let $full = slot {
                        self.left -= 1;
                        return Some($entry);
                    }
                }
                None
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                (self.left, Some(self.left))
            }
        }

        impl<$($generic),*> ExactSizeIterator for $name {}
        impl<$($generic),*> FusedIterator for $name {}
    };
}

over_slots!(Iter<'a, K, V>, ('a, K, V), (&'a K, &'a V), Some((key, value)) => (key, value));
over_slots!(IterMut<'a, K, V>, ('a, K, V), (&'a K, &'a mut V), Some((key, value)) => (&*key, value));
over_slots!(IntoIter<K, V>, (K, V), (K, V), Some(entry) => entry);

/// Defines an iterator by what it takes from each entry of another.
macro_rules! over_entries {
    ($name:ty, $item:ty, $take:expr) => {
        impl<'a, K, V> Iterator for $name {
            type Item = $item;

            #[inline]
            fn next(&mut self) -> Option<$item> {
                self.0.next().map($take)
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                self.0.size_hint()
            }
        }

        impl<'a, K, V> ExactSizeIterator for $name {}
        impl<'a, K, V> FusedIterator for $name {}
    };
}

over_entries!(Keys<'a, K, V>, &'a K, |(key, _)| key);
over_entries!(Values<'a, K, V>, &'a V, |(_, value)| value);
over_entries!(ValuesMut<'a, K, V>, &'a mut V, |(_, value)| value);

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Iter { slots: self.slots.clone(), left: self.left }
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Iter<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
