//! Why a transaction on a snapshot was refused: [`SnapshotError`].

use std::fmt;

use super::Timestamp;

/// A commit that was refused. The transaction is rolled back; run it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Another transaction wrote the key and committed first (V4).
    #[error(
        "the transaction read {snapshot} and writes {}, which commit {newest} has written: run it again",
        Shown(key)
    )]
    Overwritten {
        /// The key.
        key: Vec<u8>,
        /// The transaction's snapshot.
        snapshot: Timestamp,
        /// The commit that wrote the key last.
        newest: Timestamp,
    },
    /// What the transaction has read is not as it was in its snapshot (V6).
    #[error(
        "the transaction read {} as of {snapshot}, and commit {newest} has changed it: run it again",
        Shown(key)
    )]
    ReadChanged {
        /// The key; after a read of a range, a key of that range.
        key: Vec<u8>,
        /// The transaction's snapshot.
        snapshot: Timestamp,
        /// The commit that wrote the key last.
        newest: Timestamp,
    },
}

/// Bytes as a person reads them: text where they are text.
pub(super) struct Shown<'a>(pub(super) &'a [u8]);

/// Most bytes that are shown.
const SHOWN: usize = 24;

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, rest) = self.0.split_at(self.0.len().min(SHOWN));
        write!(f, "\"{}\"", shown.escape_ascii())?;
        if rest.is_empty() { Ok(()) } else { write!(f, " and {} bytes more", rest.len()) }
    }
}
