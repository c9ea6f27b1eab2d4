//! What a cache or a replacer can answer instead of success.
//!
//! Given. The errors of the channel hand values back and live with it, in `channel/error.rs`.

use thiserror::Error;

/// A request that the structure cannot fulfil as it is now. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Error {
    /// Wrong use: LRU-K needs at least one reference to look back at.
    #[error("K of LRU-K must be at least 1")]
    ZeroK,
    /// Wrong use: the entry has no pin to take away.
    #[error("the entry is not pinned")]
    NotPinned,
    /// Not found: no entry has this key.
    #[error("no entry has this key")]
    NotFound,
    /// Not found: the replacer has no reference of this frame on record.
    #[error("frame {frame} has no recorded access")]
    UnknownFrame {
        /// The frame that was asked for.
        frame: usize,
    },
    /// Conflict: the entry cannot leave while it is in use.
    #[error("the entry is pinned {pins} times")]
    Pinned {
        /// How many `unpin` calls are missing.
        pins: u32,
    },
    /// Conflict: the frame cannot leave while it is in use.
    #[error("frame {frame} is not evictable")]
    NotEvictable {
        /// The frame that was asked for.
        frame: usize,
    },
}

/// A cache that is full of pinned entries did not take a new one; here it is back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("every entry of the cache is pinned")]
pub struct AllPinned<K, V> {
    /// The key that was not added.
    pub key: K,
    /// The value that was not added.
    pub value: V,
}
