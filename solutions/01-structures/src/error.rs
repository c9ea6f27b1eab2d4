//! The errors of the cache and the replacer (task 1.4).
//!
//! Given. The errors of the channel give the caller's value back, so they are in `channel/error.rs`.

use thiserror::Error;

/// Why a call on a cache or a replacer failed. The call changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Error {
    /// Wrong use: K is 0, but LRU-K looks at the K-th last access.
    #[error("K is 0, and LRU-K needs a K of at least 1")]
    ZeroK,
    /// Wrong use: `unpin` of an entry that is not pinned.
    #[error("the entry is not pinned, so there is no pin to take away")]
    NotPinned,
    /// Not found: no entry has this key.
    #[error("the cache has no entry with this key")]
    NotFound,
    /// Not found: the replacer has recorded no access to this frame since it was last forgotten.
    #[error("the replacer has no recorded access to frame {frame}; call record_access first")]
    UnknownFrame {
        /// The frame that the caller named.
        frame: usize,
    },
    /// Conflict: a pinned entry is in use and cannot be removed.
    #[error("the entry cannot be removed before {pins} more unpin calls")]
    Pinned {
        /// Number of `unpin` calls until the entry has no pin.
        pins: u32,
    },
    /// Conflict: a frame that is not evictable is in use and cannot be removed.
    #[error("frame {frame} is in use and cannot be removed; call set_evictable first")]
    NotEvictable {
        /// The frame that the caller named.
        frame: usize,
    },
}

/// A put failed: the cache is full and every entry is pinned. Holds the entry that was not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the cache is full and every entry is pinned, so no entry can be evicted")]
pub struct AllPinned<K, V> {
    /// The key that was not added.
    pub key: K,
    /// The value that was not added.
    pub value: V,
}
