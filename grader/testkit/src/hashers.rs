//! Hashers that make a map's worst cases happen on demand.

use std::cell::Cell;
use std::hash::{BuildHasher, Hasher};
use std::rc::Rc;

/// Gives every key the same hash: a map must still be correct, if slow.
#[derive(Debug, Clone, Copy, Default)]
pub struct Collide;

impl BuildHasher for Collide {
    type Hasher = Fixed;
    fn build_hasher(&self) -> Fixed {
        Fixed { hash: 0x1234_5678_9abc_def0, is_fixed: true }
    }
}

/// Takes the last eight bytes that were hashed as the hash: the test chooses each key's place.
#[derive(Debug, Clone, Copy, Default)]
pub struct Identity;

impl BuildHasher for Identity {
    type Hasher = Fixed;
    fn build_hasher(&self) -> Fixed {
        Fixed { hash: 0, is_fixed: false }
    }
}

/// The hasher of [`Collide`] and [`Identity`].
#[derive(Debug, Clone, Copy)]
pub struct Fixed {
    hash: u64,
    is_fixed: bool,
}

impl Hasher for Fixed {
    fn write(&mut self, bytes: &[u8]) {
        if !self.is_fixed {
            for &byte in bytes.iter().rev() {
                self.hash = self.hash << 8 | u64::from(byte);
            }
        }
    }

    fn finish(&self) -> u64 {
        self.hash
    }
}

/// A good hasher with a fixed seed: the same hash in every run and on every machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seeded(pub u64);

impl BuildHasher for Seeded {
    type Hasher = Mixing;
    fn build_hasher(&self) -> Mixing {
        Mixing { state: self.0 ^ 0x9e37_79b9_7f4a_7c15 }
    }
}

/// The hasher of [`Seeded`] and [`CountingHasher`].
#[derive(Debug, Clone, Copy)]
pub struct Mixing {
    state: u64,
}

impl Hasher for Mixing {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word) ^ (chunk.len() as u64) << 56);
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.state = crate::seeds::mix(self.state, word);
    }

    fn finish(&self) -> u64 {
        self.state
    }
}

/// [`Seeded`] that counts how many keys were hashed; its clones share the count.
#[derive(Debug, Clone, Default)]
pub struct CountingHasher {
    hashes: Rc<Cell<u64>>,
}

impl CountingHasher {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keys hashed so far, by this one and its clones.
    pub fn hashes(&self) -> u64 {
        self.hashes.get()
    }
}

impl BuildHasher for CountingHasher {
    type Hasher = Mixing;
    fn build_hasher(&self) -> Mixing {
        self.hashes.set(self.hashes.get() + 1);
        Seeded::default().build_hasher()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{HashMap, HashSet};

    #[test]
    fn the_chosen_hash_is_the_hash() {
        assert_eq!(Identity.hash_one(7u64), 7);
        assert_eq!(Collide.hash_one("a"), Collide.hash_one("b"));
        let hashes: HashSet<u64> = (0..1000u64).map(|key| Seeded(1).hash_one(key)).collect();
        assert_eq!(hashes.len(), 1000);
    }

    #[test]
    fn counts_each_key_once() {
        let hasher = CountingHasher::new();
        let mut map = HashMap::with_hasher(hasher.clone());
        map.insert(1, 2);
        let _ = map.get(&1);
        assert_eq!(hasher.hashes(), 2);
    }
}
