//! Task 1.4: LRU-K, which asks when a frame was used K times ago instead of when it was used last.
//!
//! Called by the buffer pool of lab 3, with frame numbers: `record_access` at each fetch, `set_evictable`
//! when the last pin goes or the first one comes, `evict` when it needs a frame. It keeps no pages and
//! reads no clock: time is the number of accesses so far.
//!
//! A scan uses each page once; an index root is used all day. The last use cannot tell them apart in the
//! moment after the scan came by, the one before the last can.
//!
//! ```text
//!   K = 2, all evictable         time --->
//!                     1    2    3    4    5    6    now = 6
//!   frame 0           x                   x            2nd last use at 1
//!   frame 1                x         x                 2nd last use at 2
//!   frame 2                     x                      one use only, at 3
//!   frame 3                                    x       one use only, at 6
//!
//!   distance          infinite        6 - 1     6 - 2
//!   evicted in turn   2, then 3,      then 0,   then 1
//! ```
//!
//! # Invariants
//! - **K1** `times` of a frame are its last accesses, at most K, the oldest first. A frame is *known* exactly
//!   if it has one.
//! - **K2** `order` holds the rank of each evictable frame and of no other.
//! - **K3** The backward K-distance of a frame is `now` minus its K-th last access, and infinite with fewer
//!   than K. The greatest distance goes first; among infinite ones the least recently used.
//! - **K4** Times are unique, so no two frames have the same rank.
//!
//! # Left out, and the price
//! - Several accesses in one transaction count as several (the paper's correlated reference period): a
//!   page that is read twice in a row looks like one that is used daily.
//! - An evicted page is forgotten (the paper's retained information period): a page that comes back starts
//!   anew, so K must be small. Lab 3 takes 2.
//! - O(log n) an access, where LRU takes O(1): the price of the better memory.
//!
//! Source: O'Neil, O'Neil and Weikum, "The LRU-K Page Replacement Algorithm for Database Disk Buffering",
//! SIGMOD 1993, section 2.

use std::collections::BTreeSet;
use std::fmt;

use crate::error::Error;
use crate::ring_queue::RingQueue;

/// A replacer for numbered frames. See the [module](self) for its rule.
pub struct LruK {
    pub(crate) k: usize,
    /// Number of accesses so far.
    pub(crate) now: u64,
    /// What is known of each frame, by its number.
    pub(crate) frames: Vec<Frame>,
    /// The evictable frames, the next victim first.
    pub(crate) order: BTreeSet<Rank>,
}

/// What is known of a frame.
#[derive(Default)]
pub(crate) struct Frame {
    /// See K1.
    pub(crate) times: RingQueue<u64>,
    /// Whether it may be evicted.
    pub(crate) is_evictable: bool,
}

/// Place of a frame in the order of eviction: the least goes first. The derived order compares the
/// fields from top to bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    /// False if the distance is infinite: `false < true`.
    pub(crate) has_k_accesses: bool,
    /// The K-th last access, or the last one if there are fewer than K.
    pub(crate) time: u64,
    /// The frame.
    pub(crate) frame: usize,
}

impl LruK {
    /// A replacer that looks `k` accesses back, and knows no frame yet.
    ///
    /// # Errors
    /// `k` is 0.
    pub fn new(k: usize) -> Result<Self, Error> {
        if k == 0 {
            return Err(Error::ZeroK);
        }
        Ok(LruK { k, now: 0, frames: Vec::new(), order: BTreeSet::new() })
    }

    /// How many accesses back it looks.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Number of evictable frames.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// True if no frame can be evicted.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Whether the frame can be evicted; `None` if it is not known.
    pub fn is_evictable(&self, frame: usize) -> Option<bool> {
        self.frames.get(frame).filter(|known| !known.times.is_empty()).map(|known| known.is_evictable)
    }

    /// The frame that [`LruK::evict`] would return now.
    pub fn victim(&self) -> Option<usize> {
        self.order.first().map(|rank| rank.frame)
    }

    /// Rank of a known frame (K3).
    fn rank(&self, frame: usize) -> Rank {
        todo!("task 1.4: rank a frame")
    }

    /// Counts an access to `frame` now. A frame that was not known becomes known, and is not evictable:
    /// who accesses it holds it.
    ///
    /// # Requires
    /// Frame numbers are small: there is memory for every number up to the largest seen.
    ///
    /// # Ensures
    /// An evictable frame stays evictable and gets its new rank (K2).
    ///
    /// # Cost
    /// O(log n).
    pub fn record_access(&mut self, frame: usize) {
        // Nudge: the order is by rank, so take the old rank out before the frame changes.
        todo!("task 1.4: record an access")
    }

    /// Says whether `frame` may be evicted. Not an access. Saying the same twice is fine.
    ///
    /// # Errors
    /// The frame is not known.
    ///
    /// # Cost
    /// O(log n).
    pub fn set_evictable(&mut self, frame: usize, is_evictable: bool) -> Result<(), Error> {
        todo!("task 1.4: allow or forbid eviction")
    }

    /// Picks the evictable frame with the greatest backward K-distance (K3), forgets it and returns it;
    /// `None` if no frame is evictable.
    ///
    /// # Ensures
    /// The frame is not known any more: its next access is its first.
    ///
    /// # Cost
    /// O(log n).
    pub fn evict(&mut self) -> Option<usize> {
        todo!("task 1.4: evict by K-distance")
    }

    /// Forgets `frame` without asking for its rank: its page is gone for another reason.
    ///
    /// # Errors
    /// The frame is not known, or not evictable; nothing changed then.
    ///
    /// # Cost
    /// O(log n).
    pub fn remove(&mut self, frame: usize) -> Result<(), Error> {
        todo!("task 1.4: forget a frame")
    }
}

impl fmt::Debug for LruK {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LruK")
            .field("k", &self.k)
            .field("now", &self.now)
            .field("order", &self.order)
            .finish()
    }
}
