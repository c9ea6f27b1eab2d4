//! How often each frame is pinned. Given.

use kit::sync::atomic::{AtomicU32, Ordering, fence};

use crate::FrameId;

/// A pin count for each frame of a pool, shared by the frame table and the pins themselves.
///
/// P1: a count grows only under the lock of the frame table, and shrinks at any time. So a frame that is seen
/// unpinned under that lock stays unpinned while the lock is held. That is all the table needs, and giving a
/// pin back costs no lock.
///
/// A thread that sees a count of zero also sees what was done under the pins that were given back:
/// [`release`](Self::release) and [`get`](Self::get) are a release and an acquire.
#[derive(Debug)]
pub struct PinCounts {
    counts: Box<[AtomicU32]>,
}

impl PinCounts {
    /// `frames` frames, none pinned.
    pub fn new(frames: usize) -> Self {
        PinCounts { counts: (0..frames).map(|_| AtomicU32::new(0)).collect() }
    }

    /// Number of frames.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// True if there is no frame at all.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Pins of `frame` now.
    #[inline]
    pub fn get(&self, frame: FrameId) -> u32 {
        self.counts[frame.0].load(Ordering::Acquire)
    }

    /// One pin more. Only under the lock of the frame table (P1).
    #[inline]
    pub fn add(&self, frame: FrameId) {
        self.counts[frame.0].fetch_add(1, Ordering::Relaxed);
    }

    /// One pin less.
    ///
    /// # Panics
    /// The frame is not pinned: a pin was given back twice.
    #[inline]
    pub fn release(&self, frame: FrameId) {
        let before = self.counts[frame.0].fetch_sub(1, Ordering::Release);
        assert!(before > 0, "P1: frame {} was unpinned more often than pinned", frame.0);
        if before == 1 {
            // Here a test can let another thread run, which sees what the caller still holds (G1).
            fence(Ordering::Release);
        }
    }
}
