//! A channel of capacity 1 or more: two locks, so that senders and receivers seldom meet.
//!
//! One lock around one queue is the obvious design, and what Go does. But then a sender and a receiver on
//! two cores take the lock from each other with every value. Here senders append to the queue behind
//! the tail lock, receivers take from the queue behind the head lock, and only when the head queue is empty
//! does a receiver take the tail lock too and swap the two queues: one meeting for a whole batch.
//!
//! ```text
//!   senders                                              receivers
//!     |                                                      |
//!     v  push_back                                 pop_front v
//!   +----- tail lock -----+                    +---- head lock ----+
//!   | queue: 7 8 9        |  ==== swap ===>    | queue: 5 6        |
//!   | sent = 9            |  when head queue   | received = 4      |
//!   | received_seen = 3   |  is empty          +---------|---------+
//!   | waiting_receivers   |                              | copy
//!   | is_closed           | <--- read when it looks full v
//!   +---------------------+ <------------------- received (atomic)
//! ```
//!
//! Lock order: head (rank 1) before tail (rank 2). Nobody holds the head lock while it waits, and no value
//! is dropped under a lock: its `drop` may use this channel.
//!
//! # Invariants
//! - **B1** The values in the channel, oldest first, are the head queue followed by the tail queue.
//! - **B2** `sent - received <= capacity`. `received_seen <= received`, so a sender that finds room by
//!   `received_seen` has room.
//! - **B3** `waiting_receivers` counts the receivers that wait on `not_empty`. It changes under the tail
//!   lock, where values arrive, so a sender that sees 0 need not notify anybody.
//! - **B4** `waiting_senders` counts the senders that wait on `not_full`, or are about to. Room appears
//!   *without* the tail lock, so both sides announce first and look second: a sender raises
//!   `waiting_senders`, then reads `received`; a receiver raises `received`, then reads `waiting_senders`.
//!   At least one of the two sees the other (both are `SeqCst`).
//!
//! # Left out, and the price
//! Up to two buffers of `capacity` slots. Before it sleeps a thread gives up its turn [`YIELDS`] times: with
//! more threads than work that burns some microseconds each, but a sleep and a wake-up cost more.
//!
//! Source: the two locks are those of Michael and Scott, "Simple, Fast, and Practical Non-Blocking and
//! Blocking Concurrent Queue Algorithms", PODC 1996, section 3 (their two-lock queue).

use std::mem;

use kit::sync::atomic::{AtomicUsize, Ordering};
use kit::sync::{Condvar, Mutex, MutexGuard, thread};

use super::error::{Nothing, Refused};
use super::wait_limit::WaitLimit;
use crate::ring_queue::RingQueue;

/// How often a thread lets others run before it sleeps.
const YIELDS: usize = 16;

/// A channel with a buffer. See the [module](self) for its shape.
pub(crate) struct Buffered<T> {
    /// Rank 1. Protects the values that receivers take next.
    pub(crate) head: Apart<Mutex<Head<T>>>,
    /// Rank 2. Protects the values that senders added last, and whether the channel is closed.
    pub(crate) tail: Apart<Mutex<Tail<T>>>,
    /// Copy of `Head::received` for senders, which do not hold the head lock.
    pub(crate) received: Apart<AtomicUsize>,
    /// See B4.
    pub(crate) waiting_senders: Apart<AtomicUsize>,
    /// With the tail lock: a value came, or the channel was closed.
    not_empty: Condvar,
    /// With the tail lock: a value was taken, or the channel was closed.
    not_full: Condvar,
    capacity: usize,
}

/// What receivers work on.
pub(crate) struct Head<T> {
    /// The older values.
    pub(crate) queue: RingQueue<T>,
    /// Number of values ever taken out. Counters wrap around; only their differences mean something.
    pub(crate) received: usize,
}

/// What senders work on.
pub(crate) struct Tail<T> {
    /// The newer values.
    pub(crate) queue: RingQueue<T>,
    /// Number of values ever accepted.
    pub(crate) sent: usize,
    /// A value that `received` had at some time.
    pub(crate) received_seen: usize,
    /// See B3.
    pub(crate) waiting_receivers: usize,
    /// Once true, true for ever.
    pub(crate) is_closed: bool,
}

/// Keeps its content on cache lines of its own: a core that writes it does not slow down a core that
/// reads a neighbour. 128 bytes, because processors fetch lines in pairs.
#[repr(align(128))]
pub(crate) struct Apart<T>(pub(crate) T);

impl<T> Buffered<T> {
    /// An open, empty channel for `capacity >= 1` values.
    pub(super) fn new(capacity: usize) -> Self {
        Buffered {
            head: Apart(Mutex::new(Head { queue: RingQueue::new(), received: 0 })),
            tail: Apart(Mutex::new(Tail {
                queue: RingQueue::new(),
                sent: 0,
                received_seen: 0,
                waiting_receivers: 0,
                is_closed: false,
            })),
            received: Apart(AtomicUsize::new(0)),
            waiting_senders: Apart(AtomicUsize::new(0)),
            not_empty: Condvar::new(),
            not_full: Condvar::new(),
            capacity,
        }
    }

    /// Most values in the channel.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Appends `value`, and waits for room up to `limit`.
    ///
    /// # Ensures
    /// A receiver that waits is woken for this value (B3).
    ///
    /// # Errors
    /// The value comes back: closed, or full until the limit was reached. Closed goes first.
    ///
    /// # Cost
    /// The tail lock once, if there is room.
    pub(super) fn send(&self, value: T, limit: WaitLimit) -> Result<(), Refused<T>> {
        // Nudge: notify after the guard is dropped, else the thread you wake runs into your lock.
        todo!("task 1.2: send into the buffer")
    }

    /// Whether one more value may be added (B2).
    ///
    /// # Ensures
    /// Says "no" only after a fresh look at `received`, which is then the new `received_seen`.
    ///
    /// # Cost
    /// Reads the receivers' cache line only if there seems to be no room.
    fn has_room(&self, tail: &mut Tail<T>) -> bool {
        todo!("task 1.2: find room")
    }

    /// Lets others run for a while: gives up its turn the first [`YIELDS`] times, then sleeps until a
    /// receiver made room or the channel was closed. Counts in `yields`. Returns the tail guard, and
    /// true if the limit was reached.
    ///
    /// # Requires
    /// There was no room under this guard.
    ///
    /// # Ensures
    /// Never sleeps through room that appears in the same moment (B4).
    fn wait_for_room<'a>(
        &'a self,
        mut tail: MutexGuard<'a, Tail<T>>,
        limit: WaitLimit,
        yields: &mut usize,
    ) -> (MutexGuard<'a, Tail<T>>, bool) {
        todo!("task 1.2: wait for room")
    }

    /// Takes the oldest value, and waits for one up to `limit`.
    ///
    /// # Ensures
    /// A sender that waits is woken for the room (B4).
    ///
    /// # Errors
    /// Closed and drained, or empty until the limit was reached. A value goes before either.
    ///
    /// # Cost
    /// The head lock once, and the tail lock once a batch.
    pub(super) fn recv(&self, limit: WaitLimit) -> Result<T, Nothing> {
        // Nudge: the tail queue is the next batch; mem::swap also keeps both allocations.
        todo!("task 1.2: receive from the buffer")
    }

    /// Counts one value as received, and wakes a sender if one waits.
    ///
    /// # Requires
    /// The value was taken from the head queue under this guard.
    ///
    /// # Ensures
    /// The count is announced before anybody looks for waiting senders (B4), and a sender that is counted but
    /// not asleep yet is not missed: it holds the tail lock until it sleeps.
    fn announce_room(&self, mut head: MutexGuard<'_, Head<T>>) {
        todo!("task 1.2: announce room")
    }

    /// As `wait_for_room`, until a value came or the channel was closed. Gives the guard back to
    /// nobody: the caller needs the head lock next, which comes first in the lock order.
    ///
    /// # Requires
    /// Both queues were empty under this guard.
    fn wait_for_value(
        &self,
        mut tail: MutexGuard<'_, Tail<T>>,
        limit: WaitLimit,
        yields: &mut usize,
    ) -> bool {
        todo!("task 1.2: wait for a value")
    }

    /// Closes the channel; false if it was closed before.
    ///
    /// # Ensures
    /// No later send is accepted (C4). Everybody who waits, on either side, looks again (C6).
    pub(super) fn close(&self) -> bool {
        todo!("task 1.2: close the buffer")
    }

    /// Drops all values in the channel, oldest first.
    ///
    /// # Requires
    /// The channel is closed, and nobody will receive from it.
    ///
    /// # Ensures
    /// No lock is held while a value is dropped: a value may own an end of this very channel.
    pub(super) fn discard(&self) {
        todo!("task 1.2: empty the buffer")
    }

    /// Whether the channel is closed.
    pub(super) fn is_closed(&self) -> bool {
        self.tail.0.lock().is_closed
    }

    /// Number of values in the channel (B1).
    ///
    /// # Ensures
    /// At most the capacity, also while others send and receive.
    pub(super) fn len(&self) -> usize {
        todo!("task 1.2: count the values")
    }
}
