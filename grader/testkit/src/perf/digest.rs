//! What a round computed, in one number.
//!
//! A workload adds each result to a digest in place of giving it to `std::hint::black_box`: the compiler
//! cannot leave out what the digest depends on, and the two sides are compared by it. Adding takes two
//! instructions, so that it does not hide the work that is measured. Two sequences that differ in one value
//! always have different digests.

/// A number that depends on every value added, and on their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a round returns its digest"]
pub struct Digest(u64);

/// The digest of nothing. A round that returns it has not said what it computed.
const NOTHING: Digest = Digest(0x243f_6a88_85a3_08d3);

impl Digest {
    /// The digest of nothing yet.
    pub const fn new() -> Self {
        NOTHING
    }

    /// The digest of one value.
    pub fn of(value: u64) -> Self {
        let mut digest = Self::new();
        digest.add(value);
        digest
    }

    /// Adds a value.
    #[inline]
    pub fn add(&mut self, value: u64) {
        // The factor is odd, so no difference is ever multiplied away.
        self.0 = self.0.wrapping_add(value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    /// Adds what another digest holds.
    pub fn join(&mut self, other: Digest) {
        self.add(other.0);
    }

    /// Whether nothing was added.
    pub(super) fn is_empty(self) -> bool {
        self == NOTHING
    }
}

impl Default for Digest {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[u64]) -> Digest {
        let mut digest = Digest::new();
        values.iter().for_each(|value| digest.add(*value));
        digest
    }

    /// Two sides that differ in one value, in the order or in the number of values must differ.
    #[test]
    fn a_digest_depends_on_values_order_and_number() {
        assert_eq!(of(&[1, 2, 3]), of(&[1, 2, 3]));
        assert_ne!(of(&[1, 2, 3]), of(&[1, 3, 2]));
        assert_ne!(of(&[1, 2]), of(&[1, 2, 0]));
        assert_ne!(of(&[5; 64]), of(&[6; 64]));
        assert!(Digest::new().is_empty() && !Digest::of(0).is_empty());
    }
}
