//! Eight control bytes compared at once, and the order in which groups are visited.
//!
//! Used by `table.rs` only. The trick is "SIMD within a register": a `u64` is treated as eight lanes of a
//! byte, and each test below leaves the top bit of a lane set where the lane passes.
//!
//! ```text
//! bytes     3a   ff   80   11   ff   ff   3a   ff
//! tag 3a    80   00   00   00   00   00   80   00     -> slots 0, 6
//! empty     00   80   00   00   80   80   00   80     -> slots 1, 4, 5, 7
//! ```
//!
//! Source: Warren, "Hacker's Delight", section 6-1 (find first zero byte).

/// Slots in a group.
pub(crate) const GROUP: usize = 8;

/// Control byte of a slot that holds nothing and never stopped a probe from ending here.
pub(crate) const EMPTY: u8 = 0xff;

/// Control byte of a slot whose entry was removed while probes may depend on passing it.
pub(crate) const DELETED: u8 = 0x80;

/// The lowest bit of each lane.
const LOW_BITS: u64 = 0x0101_0101_0101_0101;

/// The highest bit of each lane: clear in a full control byte, set in the two others.
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// The seven hash bits that a full control byte shows. They come from the far end of the hash, because the
/// near end chose the group and is alike for all its keys.
#[inline]
pub(crate) fn tag_of(hash: u64) -> u8 {
    (hash >> 57) as u8
}

/// Eight control bytes as one number; slot 0 is the lowest byte.
#[derive(Clone, Copy)]
pub(crate) struct Group(u64);

impl Group {
    /// Reads the control bytes of a group.
    #[inline]
    pub(crate) fn load(bytes: &[u8; GROUP]) -> Self {
        Group(u64::from_le_bytes(*bytes))
    }

    /// Slots whose byte is `tag`. May name a full slot with another tag right above a true match (a borrow
    /// runs into it), which costs a comparison of keys and nothing else. Never names a slot that is not full.
    #[inline]
    pub(crate) fn matches(self, tag: u8) -> Lanes {
        let zero_where_equal = self.0 ^ (LOW_BITS * u64::from(tag));
        Lanes(zero_where_equal.wrapping_sub(LOW_BITS) & !zero_where_equal & HIGH_BITS)
    }

    /// Slots that are empty: their two highest bits are set.
    #[inline]
    pub(crate) fn empty(self) -> Lanes {
        Lanes(self.0 & (self.0 << 1) & HIGH_BITS)
    }

    /// Slots that are empty or deleted: an entry may be put there.
    #[inline]
    pub(crate) fn free(self) -> Lanes {
        Lanes(self.0 & HIGH_BITS)
    }
}

/// A set of slots of one group, lowest first.
#[derive(Clone, Copy)]
pub(crate) struct Lanes(u64);

impl Lanes {
    /// Whether at least one slot is in the set.
    #[inline]
    pub(crate) fn any(self) -> bool {
        self.0 != 0
    }

    /// The lowest slot of the set, in `0..GROUP`.
    #[inline]
    pub(crate) fn first(self) -> Option<usize> {
        self.any().then(|| (self.0.trailing_zeros() / 8) as usize)
    }
}

impl Iterator for Lanes {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let lane = self.first()?;
        self.0 &= self.0 - 1;
        Some(lane)
    }
}

/// The groups that may hold a key, in order: the home group, then 1, 3, 6, 10, ... further, modulo the
/// number of groups. For a power of two this visits each group once before any twice (Knuth, TAOCP 3,
/// 6.4, exercise 20), and keys that collide at home do not keep colliding with their neighbours.
#[derive(Clone, Copy)]
pub(crate) struct Probe {
    /// The group to look at now.
    pub(crate) group: usize,
    step: usize,
    mask: usize,
}

impl Probe {
    /// Starts at the home group of `hash` among `groups` groups (a power of two).
    #[inline]
    pub(crate) fn start(hash: u64, groups: usize) -> Self {
        let mask = groups - 1;
        Probe { group: hash as usize & mask, step: 0, mask }
    }

    /// Goes on to the next group of the sequence.
    #[inline]
    pub(crate) fn advance(&mut self) {
        self.step += 1;
        self.group = (self.group + self.step) & self.mask;
    }
}
