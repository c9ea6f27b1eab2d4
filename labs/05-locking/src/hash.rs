//! A cheap hash of resources and transactions. Given.
//!
//! The lock table looks its resources up at each lock and release. A multiplication for each word is enough
//! for keys that nobody chooses to make them collide; a server that locks keys of strangers would use the
//! standard hasher. The last step mixes the high bits into the low ones, because the map uses both.

use std::hash::{BuildHasherDefault, Hasher};

/// Builds [`LockHasher`]s.
pub(crate) type LockHash = BuildHasherDefault<LockHasher>;

/// Hasher of a [`Resource`](crate::Resource) or a [`TxnId`](crate::TxnId).
#[derive(Default)]
pub(crate) struct LockHasher(u64);

/// 2^64 divided by the golden ratio, made odd (Knuth, volume 3, section 6.4).
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

impl LockHasher {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(MULTIPLIER);
    }
}

impl Hasher for LockHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.add(u64::from_le_bytes(word));
        }
    }

    fn write_u16(&mut self, word: u16) {
        self.add(u64::from(word));
    }

    fn write_u32(&mut self, word: u32) {
        self.add(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.add(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.add(word as u64);
    }

    fn write_isize(&mut self, word: isize) {
        self.add(word as u64);
    }

    fn finish(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(MULTIPLIER);
        mixed ^ (mixed >> 29)
    }
}
