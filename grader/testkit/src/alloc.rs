//! Counts what is allocated, and ends a test that takes too much.
//!
//! Every binary that links testkit allocates through [`Counting`], the standard allocator with four counters.
//! A grader's order sets a limit: the allocation that would pass it is refused by sending the report
//! (prepared beforehand) and ending the process.
//!
//! The counters cover all threads of the process except those of the harness.
//! [`count`] is exact when the test has one thread, which is when it is used.

// `GlobalAlloc` is an unsafe trait.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
/// May be negative: memory that was allocated while counting was off can be freed while it is on.
static LIVE: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);
static IS_ON: AtomicBool = AtomicBool::new(true);
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);
static LIFTED: AtomicU32 = AtomicU32::new(0);
static OVER: OnceLock<fn(usize)> = OnceLock::new();

thread_local! {
    /// True on threads that are not the test's. Needs no memory and no clean-up of its own.
    static IS_ASIDE: Cell<bool> = const { Cell::new(false) };
}

/// What a piece of code allocated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AllocCounts {
    /// Calls that allocated or reallocated.
    pub allocations: u64,
    /// Bytes asked for, in all.
    pub bytes: u64,
    /// Most bytes held at one moment, beyond what was held before.
    pub peak_bytes: u64,
    /// Bytes still held at the end, beyond what was held before; negative if it freed more.
    pub live_bytes: i64,
}

/// Runs `body` and returns what the process allocated meanwhile. The result of `body` counts as held.
pub fn count<R>(body: impl FnOnce() -> R) -> AllocCounts {
    count_with(body).0
}

/// As [`count`], with the body's result.
pub fn count_with<R>(body: impl FnOnce() -> R) -> (AllocCounts, R) {
    let was_on = IS_ON.swap(true, Relaxed);
    let (allocations, bytes, live) = (ALLOCATIONS.load(Relaxed), BYTES.load(Relaxed), LIVE.load(Relaxed));
    let earlier_peak = PEAK.swap(live, Relaxed);
    let result = body();
    let counts = AllocCounts {
        allocations: ALLOCATIONS.load(Relaxed) - allocations,
        bytes: BYTES.load(Relaxed) - bytes,
        peak_bytes: PEAK.load(Relaxed).saturating_sub(live).max(0) as u64,
        live_bytes: LIVE.load(Relaxed) - live,
    };
    IS_ON.store(was_on, Relaxed);
    PEAK.fetch_max(earlier_peak, Relaxed);
    (counts, result)
}

/// From now on nothing that this thread allocates is counted: it belongs to the harness, and its
/// allocations are not the test's.
pub(crate) fn stand_aside() {
    IS_ASIDE.set(true);
}

/// Whether an allocation of this thread counts.
#[inline]
fn is_counted() -> bool {
    IS_ON.load(Relaxed) && !IS_ASIDE.get()
}

/// Bytes held now.
pub fn live_bytes() -> usize {
    LIVE.load(Relaxed).max(0) as usize
}

/// Stops counting except inside [`count`]: four counters per allocation would change the times of workloads.
pub(crate) fn count_only_on_demand() {
    IS_ON.store(false, Relaxed);
}

/// From now on at most `bytes` may be held. The first allocation beyond calls `over` with the size that was
/// asked for; `over` must not return to the learner's code.
pub(crate) fn set_limit(bytes: usize, over: fn(usize)) {
    let _ = OVER.set(over);
    LIMIT.store(bytes, Relaxed);
}

/// Runs `body` without the limit: a report must be possible when the learner has used everything up.
pub(crate) fn without_limit<R>(body: impl FnOnce() -> R) -> R {
    struct Lower;
    impl Drop for Lower {
        fn drop(&mut self) {
            LIFTED.fetch_sub(1, Relaxed);
        }
    }
    LIFTED.fetch_add(1, Relaxed);
    let _lower = Lower;
    body()
}

/// The standard allocator, counted.
#[derive(Debug)]
pub struct Counting;

#[global_allocator]
static GLOBAL: Counting = Counting;

#[inline]
fn took(bytes: usize) {
    if !is_counted() {
        return;
    }
    ALLOCATIONS.fetch_add(1, Relaxed);
    BYTES.fetch_add(bytes as u64, Relaxed);
    let live = LIVE.fetch_add(bytes as i64, Relaxed) + bytes as i64;
    if live > PEAK.load(Relaxed) {
        PEAK.fetch_max(live, Relaxed);
    }
}

#[inline]
fn gave_back(bytes: usize) {
    if is_counted() {
        LIVE.fetch_sub(bytes as i64, Relaxed);
    }
}

#[inline]
fn refuse_beyond_limit(more: usize) {
    let limit = LIMIT.load(Relaxed);
    if limit != usize::MAX && live_bytes().saturating_add(more) > limit {
        over_limit(more);
    }
}

#[cold]
fn over_limit(more: usize) {
    if LIFTED.load(Relaxed) == 0
        && let Some(over) = OVER.get()
    {
        over(more);
    }
}

#[cold]
fn failed(size: usize) {
    if LIMIT.load(Relaxed) != usize::MAX {
        over_limit(size);
    }
}

// SAFETY: every call goes to `System` with the same arguments; the counters do not touch the memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        refuse_beyond_limit(layout.size());
        // SAFETY: the caller's promise about `layout` is passed on.
        let memory = unsafe { System.alloc(layout) };
        if memory.is_null() {
            failed(layout.size());
        } else {
            took(layout.size());
        }
        memory
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        refuse_beyond_limit(layout.size());
        // SAFETY: as in `alloc`.
        let memory = unsafe { System.alloc_zeroed(layout) };
        if memory.is_null() {
            failed(layout.size());
        } else {
            took(layout.size());
        }
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        gave_back(layout.size());
        // SAFETY: `memory` came from `System` with this layout.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        refuse_beyond_limit(new_size.saturating_sub(layout.size()));
        // SAFETY: `memory` came from `System` with this layout, and the caller vouches for `new_size`.
        let moved = unsafe { System.realloc(memory, layout, new_size) };
        if moved.is_null() {
            failed(new_size);
        } else {
            gave_back(layout.size());
            took(new_size);
        }
        moved
    }
}
