//! Compares eight control bytes at once, and gives the order in which a probe visits groups.
//!
//! Used by `table.rs` only. The technique is "SIMD within a register": a `u64` is treated as eight lanes of
//! one byte, and each test below sets the top bit of each lane that passes.
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

/// Control byte of a slot that holds no entry. A probe may end in its group.
pub(crate) const EMPTY: u8 = 0xff;

/// Control byte of a slot whose entry was removed. Its group was full, so probes must still continue.
pub(crate) const DELETED: u8 = 0x80;

/// The lowest bit of each lane.
const LOW_BITS: u64 = 0x0101_0101_0101_0101;

/// The highest bit of each lane: clear in a full control byte, set in the two others.
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// The seven hash bits that are stored in a full control byte. They are the highest bits of the hash: the
/// lowest bits choose the group, so they are the same for all keys of a group.
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

    /// Slots whose byte is `tag`. The result may also contain a full slot with another tag just above a slot
    /// with this tag, because the subtraction borrows from the next lane. This costs one comparison of keys.
    /// The result never contains a slot that is not full.
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

/// The groups that may hold a key, in order: the home group, then the groups at distance 1, 3, 6, 10, ...
/// from it, modulo the number of groups. If that number is a power of two, each group is visited once
/// before any group is visited twice (Knuth, TAOCP 3, 6.4, exercise 20). Probes that start at neighbouring
/// groups soon visit different groups.
#[derive(Clone, Copy)]
pub(crate) struct Probe {
    /// The group that the probe visits now.
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

    /// Moves to the next group of the sequence.
    #[inline]
    pub(crate) fn advance(&mut self) {
        self.step += 1;
        self.group = (self.group + self.step) & self.mask;
    }
}
