//! All versions and all live snapshots, and what may be cleared away: [`State`].
//!
//! ```text
//!   commit   2      5      7                 a   @2 10   @5 11   @7 12
//!   ---------|--x---|------|--x---> time
//!               3             7     live snapshots
//!            [@2 --)               seen by 3: kept
//!                   [@5 --)        seen by none: gone at commit 7
//!                          [@7 --  the newest: kept
//! ```
//!
//! A version of commit `since` that a later commit `end` has followed is seen by the snapshots from `since`
//! up to `end`, without `end`. It is kept *for* the newest live one of these. When that one ends, the version
//! is kept for the next older one, and when there is none, it goes (V5). Snapshots mostly end in the order in
//! which they began, and then nothing is moved.
//!
//! The rule of the oldest reader, under which everything goes that the oldest live snapshot does not need, is
//! simpler. But then one long reader keeps each version that was made since it began.

use std::collections::BTreeMap;

use super::Timestamp;
use super::chain::Chain;

/// What the mutex of a [`VersionedMap`](super::VersionedMap) protects.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The newest commit. All its versions are in `chains` (V3).
    pub(super) newest: Timestamp,
    pub(super) chains: BTreeMap<Vec<u8>, Chain>,
    /// The snapshots that running transactions read.
    pub(super) live: BTreeMap<Timestamp, Live>,
}

/// A live snapshot.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// Transactions that read it.
    pub(super) readers: usize,
    /// Versions that are kept for it.
    pub(super) kept: Vec<Kept>,
}

/// A version that is kept for a snapshot.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) key: Vec<u8>,
    /// The commit that made it.
    pub(super) version: Timestamp,
    /// Snapshots below do not need it. For a deletion that was the newest version, 0: it is needed by every
    /// snapshot that is older.
    pub(super) since: Timestamp,
}

impl State {
    /// One more transaction reads the newest commit. Returns its number.
    pub(super) fn add_snapshot(&mut self) -> Timestamp {
        self.live.entry(self.newest).or_default().readers += 1;
        self.newest
    }

    /// A transaction that reads `snapshot` ends. If no other one reads it, what was kept for it is cleared
    /// away, or kept for another live snapshot (V5).
    ///
    /// # Cost
    /// For each version that was kept for it a search among the live snapshots, and a search for its key if
    /// it goes.
    pub(super) fn end_snapshot(&mut self, snapshot: Timestamp) {
        // Nudge: the picture above. Other transactions may read the same snapshot.
        todo!("task 5.7: clear away what no snapshot sees")
    }
}
