//! Task 1.4: LRU-K, a replacer that orders frames by their K-th last access instead of the last one.
//!
//! The buffer pool of lab 3 calls it with frame numbers: `record_access` at each fetch, `set_evictable` when
//! a frame gets its first pin or loses its last one, `evict` when the pool needs a frame. The replacer keeps
//! no pages and reads no clock: time is the number of accesses so far.
//!
//! A scan uses each page once; the root of an index is used all the time. Just after a scan the last access
//! of a scanned page may be later than that of the root. The second last access shows the difference: the
//! scanned page has none.
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
//! - **K3** The backward K-distance of a frame is `now` minus the time of its K-th last access, and infinite
//!   if it has fewer than K accesses. The frame with the greatest distance is evicted first; among frames
//!   with infinite distance, the least recently used one.
//! - **K4** Times are unique, so no two frames have the same rank.
//!
//! # Left out, and the price
//! - Several accesses of one transaction count as several (the paper's correlated reference period): a page
//!   that is read twice in a row looks like a page that is used often.
//! - The replacer forgets an evicted frame (the paper's retained information period): a page that is read
//!   again has no earlier accesses, so K must be small. Lab 3 takes 2.
//! - An access costs O(log n), where LRU takes O(1).
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
    /// The record of each frame, by its number.
    pub(crate) frames: Vec<Frame>,
    /// The evictable frames, the next victim first.
    pub(crate) order: BTreeSet<Rank>,
}

/// The record of a frame.
#[derive(Default)]
pub(crate) struct Frame {
    /// See K1.
    pub(crate) times: RingQueue<u64>,
    /// Whether it may be evicted.
    pub(crate) is_evictable: bool,
}

/// What the replacer knows about a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameState {
    /// The frame has no recorded access, or was forgotten since its last access.
    Unknown,
    /// The frame has a recorded access and must not be evicted.
    InUse,
    /// The frame has a recorded access and can be evicted.
    Evictable,
}

/// The place of a frame in the order of eviction: the smallest is evicted first. The derived order compares
/// the fields from top to bottom.
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
    /// Makes a replacer that orders frames by their `k`-th last access. No frame is known yet.
    ///
    /// # Ensures
    /// `k` may be any number: memory is used for accesses that are recorded, not for `k`.
    ///
    /// # Errors
    /// [`Error::ZeroK`] if `k` is 0.
    pub fn new(k: usize) -> Result<Self, Error> {
        if k == 0 {
            return Err(Error::ZeroK);
        }
        Ok(LruK { k, now: 0, frames: Vec::new(), order: BTreeSet::new() })
    }

    /// The K of this replacer.
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

    /// Whether the frame is known, and whether it can be evicted.
    pub fn state(&self, frame: usize) -> FrameState {
        match self.frames.get(frame) {
            Some(known) if known.times.is_empty() => FrameState::Unknown,
            Some(known) if known.is_evictable => FrameState::Evictable,
            Some(_) => FrameState::InUse,
            None => FrameState::Unknown,
        }
    }

    /// The frame that [`LruK::evict`] would return now.
    pub fn victim(&self) -> Option<usize> {
        self.order.first().map(|rank| rank.frame)
    }

    /// Rank of a known frame (K3).
    fn rank(&self, frame: usize) -> Rank {
        //# task 1.4 rank a frame
        let times = &self.frames[frame].times;
        let has_k_accesses = times.len() >= self.k;
        let time = if has_k_accesses { times.front() } else { times.back() };
        Rank { has_k_accesses, time: *time.expect("K1: a known frame has an access"), frame }
        //# end
    }

    /// Records an access to `frame` now. A frame that was not known becomes known and is not evictable,
    /// because the caller uses it.
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
        //# task 1.4 record an access
        //+ // Nudge: `order` is sorted by rank, so remove the old rank before you change the frame's times.
        self.now += 1;
        if frame >= self.frames.len() {
            self.frames.resize_with(frame + 1, Frame::default);
        }
        let is_evictable = self.frames[frame].is_evictable;
        if is_evictable {
            let was_ranked = self.order.remove(&self.rank(frame));
            debug_assert!(was_ranked, "K2: `order` has the rank of each evictable frame");
        }
        let times = &mut self.frames[frame].times;
        if times.len() == self.k {
            times.pop_front();
        }
        debug_assert!(times.back().is_none_or(|last| *last < self.now), "K4");
        times.push_back(self.now);
        debug_assert!(times.len() <= self.k, "K1");
        if is_evictable {
            self.order.insert(self.rank(frame));
        }
        //# end
    }

    /// Sets whether `frame` may be evicted. Not an access. A second call with the same value does nothing.
    ///
    /// # Errors
    /// [`Error::UnknownFrame`] if the frame is not known.
    ///
    /// # Cost
    /// O(log n).
    pub fn set_evictable(&mut self, frame: usize, is_evictable: bool) -> Result<(), Error> {
        //# task 1.4 allow or forbid eviction
        let state = self.state(frame);
        if state == FrameState::Unknown {
            return Err(Error::UnknownFrame { frame });
        }
        if is_evictable != (state == FrameState::Evictable) {
            let rank = self.rank(frame);
            self.frames[frame].is_evictable = is_evictable;
            if is_evictable {
                self.order.insert(rank);
            } else {
                self.order.remove(&rank);
            }
        }
        Ok(())
        //# end
    }

    /// Picks the evictable frame with the greatest backward K-distance (K3), forgets it and returns it;
    /// `None` if no frame is evictable.
    ///
    /// # Ensures
    /// The frame is no longer known: its next access counts as its first.
    ///
    /// # Cost
    /// O(log n).
    pub fn evict(&mut self) -> Option<usize> {
        //# task 1.4 evict by K-distance
        let frame = self.order.pop_first()?.frame;
        self.forget(frame);
        Some(frame)
        //# end
    }

    /// Forgets `frame` whatever its rank is, for a page that leaves its frame for another reason.
    ///
    /// # Errors
    /// Nothing is changed: [`Error::UnknownFrame`] if the frame is not known, [`Error::NotEvictable`] if it
    /// may not be evicted.
    ///
    /// # Cost
    /// O(log n).
    pub fn remove(&mut self, frame: usize) -> Result<(), Error> {
        //# task 1.4 forget a frame
        match self.state(frame) {
            FrameState::Unknown => return Err(Error::UnknownFrame { frame }),
            FrameState::InUse => return Err(Error::NotEvictable { frame }),
            FrameState::Evictable => {}
        }
        self.order.remove(&self.rank(frame));
        self.forget(frame);
        Ok(())
        //# end
    }

    //# hide
    /// Makes a frame unknown that was removed from `order`. Keeps the allocation of its times.
    fn forget(&mut self, frame: usize) {
        self.frames[frame].times.clear();
        self.frames[frame].is_evictable = false;
    }
    //# end
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
