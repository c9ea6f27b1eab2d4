//! A key that counts what is done to it: comparisons and hashes are exact where time is not.
//!
//! The counters belong to a thread. [`take`] reads them and starts again from zero.

use std::cell::Cell;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

thread_local! {
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { eqs: 0, cmps: 0, hashes: 0 }) };
}

/// Operations on every [`CountedKey`] of this thread since the last [`take`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls of `eq`.
    pub eqs: u64,
    /// Calls of `cmp` (and of `partial_cmp`, which goes through it).
    pub cmps: u64,
    /// Calls of `hash`.
    pub hashes: u64,
}

/// The counters of this thread, which start again from zero.
pub fn take() -> Counts {
    COUNTS.take()
}

/// A number that counts each `eq`, `cmp` and `hash`.
#[derive(Debug, Clone, Copy, Default)]
pub struct CountedKey(pub u64);

fn count(change: impl FnOnce(&mut Counts)) {
    let mut counts = COUNTS.get();
    change(&mut counts);
    COUNTS.set(counts);
}

impl PartialEq for CountedKey {
    fn eq(&self, other: &Self) -> bool {
        count(|counts| counts.eqs += 1);
        self.0 == other.0
    }
}

impl Eq for CountedKey {}

impl Ord for CountedKey {
    fn cmp(&self, other: &Self) -> Ordering {
        count(|counts| counts.cmps += 1);
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for CountedKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for CountedKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        count(|counts| counts.hashes += 1);
        self.0.hash(state);
    }
}
