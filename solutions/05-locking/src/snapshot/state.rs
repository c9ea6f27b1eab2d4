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
//# hide
use super::SnapshotError;
use super::chain::Version;
//# end

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
        //# task 5.7 clear away what no snapshot sees
        //+ // Nudge: the picture above. Other transactions may read the same snapshot.
        let live = self.live.get_mut(&snapshot).expect("the snapshot of a transaction is live until it ends");
        live.readers -= 1;
        if live.readers > 0 {
            return;
        }
        let kept = self.live.remove(&snapshot).map(|live| live.kept).unwrap_or_default();
        for kept in kept {
            self.keep(snapshot, kept);
        }
        //# end
    }

    //# hide
    /// Keeps a version for the newest live snapshot below `below`, or takes it out if that one does not need
    /// it (V5).
    fn keep(&mut self, below: Timestamp, kept: Kept) {
        match self.live.range_mut(..below).next_back() {
            Some((snapshot, live)) if *snapshot >= kept.since => live.kept.push(kept),
            _ => self.take_out(&kept.key, kept.version),
        }
    }

    fn take_out(&mut self, key: &[u8], version: Timestamp) {
        let Some(chain) = self.chains.get_mut(key) else { return };
        chain.take_out(version);
        if chain.versions().is_empty() {
            self.chains.remove(key);
        }
    }

    /// Fails if a key of `writes` has a version that `snapshot` does not see (V4).
    pub(super) fn check_unwritten(
        &self,
        writes: &BTreeMap<Vec<u8>, Option<Vec<u8>>>,
        snapshot: Timestamp,
    ) -> Result<(), SnapshotError> {
        for key in writes.keys() {
            let newest = self.chains.get(key).map_or(Timestamp(0), Chain::newest);
            if newest > snapshot {
                return Err(SnapshotError::Overwritten { key: key.clone(), snapshot, newest });
            }
        }
        Ok(())
    }

    /// Makes the versions of a commit, and takes out what they follow and nobody sees. Returns its number.
    pub(super) fn install(&mut self, writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>) -> Timestamp {
        let at = Timestamp(self.newest.0 + 1);
        for (key, value) in writes {
            let is_deletion = value.is_none();
            let chain = self.chains.entry(key.clone()).or_default();
            let before = chain.newest();
            chain.push(Version { at, value });
            if before > Timestamp(0) {
                self.keep(at, Kept { key: key.clone(), version: before, since: before });
            }
            if is_deletion {
                self.keep(at, Kept { key, version: at, since: Timestamp(0) });
            }
        }
        self.newest = at;
        at
    }
    //# end
}
