//! A cheap hash of page numbers. Given.
//!
//! Each access looks into the page table, and its keys are small numbers that no attacker chooses, so one
//! multiplication is enough (Knuth, "The Art of Computer Programming", volume 3, section 6.4:
//! Fibonacci hashing). The high half of the product, where every bit of the key has had its effect, is folded
//! onto the low half.

use std::hash::{BuildHasherDefault, Hasher};

/// Builds [`PageHasher`]s.
pub(crate) type PageHash = BuildHasherDefault<PageHasher>;

/// Hasher of one [`PageId`](slotted_page::PageId).
#[derive(Default)]
pub(crate) struct PageHasher(u64);

/// 2^64 divided by the golden ratio, made odd.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for PageHasher {
    fn write_u32(&mut self, number: u32) {
        let product = (self.0 ^ u64::from(number)).wrapping_mul(MULTIPLIER);
        self.0 = product ^ (product >> 32);
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(u32::from(byte));
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
