//! Snapshot isolation: a reader sees old versions and waits for no transaction (task 5.7, a bonus).
//!
//! Called by whoever likes: no later lab uses it, and it uses nothing of tasks 5.1 to 5.6. The rows are in
//! memory, under keys of bytes. A transaction reads the state after one commit, its *snapshot*, and keeps
//! what it writes to itself until it commits.
//!
//! ```text
//!   key   chain of versions, oldest first      snapshot 3   snapshot 6
//!   a     @2 10     @5 11     @7 deleted       10           11
//!   b     @1 20                                20           20
//!   c               @6 30                      none         30
//!                                    newest commit: 7
//! ```
//!
//! - V1: the versions of a key are ordered by the commits that made them, and a commit makes at most one
//!   version of a key.
//! - V2: a snapshot sees of each key the version with the greatest number that is not above its own. So a
//!   transaction reads the same until its end, its own writes aside.
//! - V3: all versions of a commit appear at once. No snapshot sees some of them.
//! - V4: first committer wins. Of two transactions that ran at the same time and write one key, at most one
//!   commits: a commit is refused if a key that it writes has a version above its snapshot.
//! - V5: a version is kept while it is the newest of its key, or a live snapshot sees it, and no longer. A
//!   deletion that is the newest version is kept while a live snapshot is older than it: V4 needs it, and it
//!   hides the versions below it. So a chain has at most one version more than there are live snapshots.
//! - V6: when a serializable transaction that has written commits, all that it read is as it was in its
//!   snapshot. So it might as well have done everything at the moment of its commit, and one that only read
//!   at the moment of its snapshot: the order of commits is a serial order.
//!
//! V6 holds among serializable transactions. Beside them a writer at [`Guarantee::Snapshot`] may still be
//! part of a write skew.
//!
//! All of it is under one mutex, which a thread holds while it looks a key up or installs a commit. No code
//! of the caller runs meanwhile, and no transaction is waited for.
//!
//! Left out: a disk, savepoints, and secondary indexes. A transaction that reads a million keys at
//! [`Guarantee::Serializable`] remembers a million keys.
//!
//! Source: Berenson and others, "A Critique of ANSI SQL Isolation Levels", SIGMOD 1995, section 4.2, for
//! snapshots and the first committer; Kung and Robinson, "On Optimistic Methods for Concurrency Control",
//! ACM TODS 6(2), 1981, section 4, for V6 (validation of what was read; ranges are treated as reads); Lee
//! and others, "Hybrid Garbage Collection for Multi-Version Concurrency Control in SAP HANA", SIGMOD 2016,
//! for V5.

mod chain;
mod dump;
mod error;
mod reads;
mod state;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;

use kit::sync::{Arc, Mutex};

pub use dump::dump_versions;
pub use error::SnapshotError;
use reads::Reads;
use state::State;

/// The number of a commit, from 1. As a snapshot: the state right after that commit; 0 is the empty map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

/// What a transaction is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Guarantee {
    /// One snapshot, and the first committer wins. Write skew is possible.
    Snapshot,
    /// As if the transactions ran one after the other (V6).
    Serializable,
}

/// Keys with their versions.
#[derive(Debug, Default)]
pub struct VersionedMap {
    /// Protects all versions and all live snapshots. Nothing is waited for while it is held.
    state: Mutex<State>,
}

/// A transaction. Dropping it takes its writes back, and its snapshot is not live any more.
#[derive(Debug)]
pub struct SnapshotTxn {
    map: Arc<VersionedMap>,
    guarantee: Guarantee,
    snapshot: Timestamp,
    /// What it writes; `None` is a deletion.
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// What it has read, if it is to be serializable.
    reads: Reads,
    /// Its snapshot is not live any more.
    is_over: bool,
}

impl VersionedMap {
    /// An empty map.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The newest commit.
    pub fn newest(&self) -> Timestamp {
        self.state.lock().newest
    }

    /// Number of versions of all keys, deletions included.
    pub fn version_count(&self) -> usize {
        self.state.lock().chains.values().map(|chain| chain.versions().len()).sum()
    }

    /// Number of versions of `key`, deletions included.
    pub fn versions_of(&self, key: &[u8]) -> usize {
        self.state.lock().chains.get(key).map_or(0, |chain| chain.versions().len())
    }

    /// A transaction whose snapshot is the newest commit.
    ///
    /// # Ensures
    /// V2: from now on everything is kept that the snapshot sees.
    ///
    /// # Cost
    /// Logarithmic in the number of live snapshots. It waits for no transaction.
    pub fn begin(self: &Arc<Self>, guarantee: Guarantee) -> SnapshotTxn {
        // Nudge: what could be cleared away between a look at the newest commit and the note of it?
        todo!("task 5.7: take a snapshot")
    }
}

impl SnapshotTxn {
    /// Its snapshot.
    pub fn snapshot(&self) -> Timestamp {
        self.snapshot
    }

    /// What it is promised.
    pub fn guarantee(&self) -> Guarantee {
        self.guarantee
    }

    /// The value of `key`: as this transaction has written it, else as its snapshot sees it.
    ///
    /// # Ensures
    /// V2, whatever others have written or deleted meanwhile.
    ///
    /// # Cost
    /// Logarithmic in the number of keys and in the length of the chain. It waits for no transaction.
    pub fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        todo!("task 5.7: read a key")
    }

    /// The keys from `from` to `to` with their values, in order: as this transaction has written them, else
    /// as its snapshot sees them. With `from` behind `to` there are none.
    ///
    /// # Ensures
    /// V2, also for keys that appear or disappear meanwhile.
    ///
    /// # Cost
    /// Linear in the number of keys between the bounds. It waits for no transaction.
    pub fn range(&mut self, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Vec<(Vec<u8>, Vec<u8>)> {
        // Nudge: a transaction may have written keys that its snapshot lacks, and deleted others.
        todo!("task 5.7: read a range")
    }

    /// Gives `key` a value, for this transaction until it has committed.
    ///
    /// # Errors
    /// [`SnapshotError::Overwritten`], if the design looks this early: the commit would be refused (V4). The
    /// transaction can only be rolled back then. The reference looks at the commit alone.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), SnapshotError> {
        self.write(key, Some(value.to_vec()))
    }

    /// Deletes `key`, for this transaction until it has committed. It counts as a write (V4), also if there
    /// is no such key.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub fn delete(&mut self, key: &[u8]) -> Result<(), SnapshotError> {
        self.write(key, None)
    }

    fn write(&mut self, key: &[u8], value: Option<Vec<u8>>) -> Result<(), SnapshotError> {
        self.writes.insert(key.to_vec(), value);
        Ok(())
    }

    /// Makes all writes last, at once, and ends the transaction. Returns the number of the commit; of a
    /// transaction that has written nothing, its snapshot.
    ///
    /// # Ensures
    /// V3 to V6. At [`Guarantee::Snapshot`] a transaction that has written nothing commits, and so does one
    /// whose keys nobody else has written since its snapshot. A transaction of either guarantee commits if no
    /// other one has committed since its snapshot.
    ///
    /// # Errors
    /// The transaction is rolled back, and may succeed when it is run again: [`SnapshotError::Overwritten`];
    /// at [`Guarantee::Serializable`] also [`SnapshotError::ReadChanged`].
    ///
    /// # Cost
    /// A search for each key that was written or read and a look at each key of a range that was read; what
    /// is not needed any more is cleared away without a walk over other keys. It waits for no transaction.
    pub fn commit(mut self) -> Result<Timestamp, SnapshotError> {
        // Nudge: what could another thread do between the last check and the first new version?
        todo!("task 5.7: first committer wins")
    }

    /// Takes all writes back, and ends the transaction.
    pub fn abort(self) {}
}

impl Drop for SnapshotTxn {
    fn drop(&mut self) {
        if !self.is_over {
            self.map.state.lock().end_snapshot(self.snapshot);
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.0)
    }
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Guarantee::Snapshot => "snapshot",
            Guarantee::Serializable => "serializable",
        })
    }
}
