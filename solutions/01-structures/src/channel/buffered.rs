//! A channel of capacity 1 or more, with one lock for senders and one for receivers.
//!
//! One lock around one queue is the obvious design, and Go uses it. But then a sender and a receiver on
//! two cores compete for the lock at every value. Here senders append to the queue under the tail lock,
//! and receivers take from the queue under the head lock. Only when the head queue is empty, a receiver
//! takes the tail lock too and swaps the two queues: one swap for a whole batch of values.
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
//! Lock order: head (rank 1) before tail (rank 2). No thread holds the head lock while it waits. No value
//! is dropped under a lock, because its `drop` may use this channel.
//!
//! # Invariants
//! - **B1** The values in the channel, oldest first, are the head queue followed by the tail queue.
//! - **B2** `sent - received <= capacity`. `received_seen <= received`, so a sender that finds room by
//!   `received_seen` has room.
//! - **B3** `waiting_receivers` counts the receivers that wait on `not_empty`. It changes only under the
//!   tail lock, and a sender adds its value under that lock too. So a sender that sees 0 need not notify.
//! - **B4** `waiting_senders` counts the senders that wait on `not_full` or are about to wait. A receiver
//!   makes room *without* the tail lock. So each side first writes its own counter and then reads the
//!   other's: a sender increases `waiting_senders`, then reads `received`; a receiver increases
//!   `received`, then reads `waiting_senders`. At least one of the two sees the other (both are `SeqCst`).
//!
//! # Left out, and the price
//! - The two queues together can take the memory of twice `capacity` slots.
//! - Before a thread sleeps, it calls `yield_now` [`YIELDS`] times. With more threads than work this wastes
//!   a few microseconds a thread; a sleep and a wake-up cost more.
//!
//! Source: the two locks are those of Michael and Scott, "Simple, Fast, and Practical Non-Blocking and
//! Blocking Concurrent Queue Algorithms", PODC 1996, section 3 (their two-lock queue).

use std::mem;

use kit::sync::atomic::{AtomicUsize, Ordering};
use kit::sync::{Condvar, Mutex, MutexGuard, thread};

use super::error::{Nothing, Refused};
use super::wait_limit::WaitLimit;
use crate::ring_queue::RingQueue;

/// How often a thread calls `yield_now` before it sleeps.
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
    /// Belongs to the tail lock. Receivers wait here until a value was added or the channel was closed.
    not_empty: Condvar,
    /// Belongs to the tail lock. Senders wait here until a value was taken or the channel was closed.
    not_full: Condvar,
    capacity: usize,
}

/// The part that receivers change.
pub(crate) struct Head<T> {
    /// The older values.
    pub(crate) queue: RingQueue<T>,
    /// Number of values ever taken out. The counters wrap around, so only their differences have a meaning.
    pub(crate) received: usize,
}

/// The part that senders change.
pub(crate) struct Tail<T> {
    /// The newer values.
    pub(crate) queue: RingQueue<T>,
    /// Number of values ever accepted.
    pub(crate) sent: usize,
    /// The value of `received` when a sender last read it.
    pub(crate) received_seen: usize,
    /// See B3.
    pub(crate) waiting_receivers: usize,
    /// Never becomes false again.
    pub(crate) is_closed: bool,
}

/// Keeps its content on cache lines of its own, so that a core that writes it does not slow down a core
/// that reads the field beside it. 128 bytes, because processors fetch cache lines in pairs.
#[repr(align(128))]
pub(crate) struct Apart<T>(pub(crate) T);

impl<T> Buffered<T> {
    /// Makes an open, empty channel for `capacity >= 1` values.
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

    /// The greatest number of values in the channel.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Appends `value`, and waits for room up to `limit`.
    ///
    /// # Ensures
    /// If a receiver waits, one is woken for this value (B3).
    ///
    /// # Errors
    /// Returns the value: `Closed` if the channel is closed, else `Full` if it was full until the limit.
    ///
    /// # Cost
    /// Takes the tail lock once if there is room. Wakes at most one thread.
    pub(super) fn send(&self, value: T, limit: WaitLimit) -> Result<(), Refused<T>> {
        //# task 1.2 send into the buffer
        //+ // Nudge: drop the guard before you notify, else the thread that you wake must wait for your lock.
        let mut tail = self.tail.0.lock();
        let mut yields = 0;
        let mut is_over = limit == WaitLimit::NoWait;
        loop {
            if tail.is_closed {
                return Err(Refused::Closed(value));
            }
            if self.has_room(&mut tail) {
                break;
            }
            if is_over {
                return Err(Refused::Full(value));
            }
            (tail, is_over) = self.wait_for_room(tail, limit, &mut yields);
        }
        tail.queue.push_back(value);
        tail.sent = tail.sent.wrapping_add(1);
        debug_assert!(tail.sent.wrapping_sub(tail.received_seen) <= self.capacity, "B2, C3");
        let is_awaited = tail.waiting_receivers > 0;
        drop(tail);
        if is_awaited {
            self.not_empty.notify_one();
        }
        Ok(())
        //# end
    }

    /// Whether one more value may be added (B2).
    ///
    /// # Ensures
    /// Before it returns false, it reads `received` again and stores it in `received_seen`.
    ///
    /// # Cost
    /// Reads `received`, which is on a cache line of the receivers, only if `received_seen` shows no room.
    fn has_room(&self, tail: &mut Tail<T>) -> bool {
        //# task 1.2 find room
        if tail.sent.wrapping_sub(tail.received_seen) < self.capacity {
            return true;
        }
        tail.received_seen = self.received.0.load(Ordering::SeqCst);
        tail.sent.wrapping_sub(tail.received_seen) < self.capacity
        //# end
    }

    /// Lets other threads run. The first [`YIELDS`] times it only yields; after that it sleeps until a
    /// receiver made room or the channel was closed. `yields` counts the calls. Returns the tail guard,
    /// and whether the limit was reached.
    ///
    /// # Requires
    /// There was no room under this guard.
    ///
    /// # Ensures
    /// It does not sleep if a receiver makes room at the same moment (B4).
    fn wait_for_room<'a>(
        &'a self,
        mut tail: MutexGuard<'a, Tail<T>>,
        limit: WaitLimit,
        yields: &mut usize,
    ) -> (MutexGuard<'a, Tail<T>>, bool) {
        //# task 1.2 wait for room
        if *yields < YIELDS {
            *yields += 1;
            drop(tail);
            thread::yield_now();
            return (self.tail.0.lock(), false);
        }
        self.waiting_senders.0.fetch_add(1, Ordering::SeqCst);
        let mut is_over = false;
        if !self.has_room(&mut tail) {
            (tail, is_over) = limit.wait(&self.not_full, tail);
        }
        self.waiting_senders.0.fetch_sub(1, Ordering::SeqCst);
        (tail, is_over)
        //# end
    }

    /// Takes the oldest value, and waits for one up to `limit`.
    ///
    /// # Ensures
    /// If a sender waits, one is woken for the room (B4).
    ///
    /// # Errors
    /// Only if the channel is empty: `Closed` if it is closed, `Empty` if it was empty until the limit.
    ///
    /// # Cost
    /// Takes the head lock once for a value, and the tail lock once for a batch. Wakes at most one thread.
    pub(super) fn recv(&self, limit: WaitLimit) -> Result<T, Nothing> {
        //# task 1.2 receive from the buffer
        //+ // Nudge: the tail queue is the next batch. mem::swap exchanges the queues with their allocations.
        let mut yields = 0;
        let mut is_over = limit == WaitLimit::NoWait;
        loop {
            let mut head = self.head.0.lock();
            if head.queue.is_empty() {
                let mut tail = self.tail.0.lock();
                mem::swap(&mut head.queue, &mut tail.queue);
                debug_assert!(tail.queue.is_empty(), "B1: the newer values are behind the older ones");
                if head.queue.is_empty() {
                    drop(head);
                    if tail.is_closed {
                        return Err(Nothing::Closed);
                    }
                    if is_over {
                        return Err(Nothing::Empty);
                    }
                    is_over = self.wait_for_value(tail, limit, &mut yields);
                    continue;
                }
            }
            if let Some(value) = head.queue.pop_front() {
                self.announce_room(head);
                return Ok(value);
            }
        }
        //# end
    }

    /// Counts one value as received, and wakes a sender if one waits.
    ///
    /// # Requires
    /// The value was taken from the head queue under this guard.
    ///
    /// # Ensures
    /// `received` is stored before `waiting_senders` is read (B4). A sender that is counted but does not
    /// sleep yet is woken too: it holds the tail lock until it sleeps, so take that lock before you notify.
    fn announce_room(&self, mut head: MutexGuard<'_, Head<T>>) {
        //# task 1.2 announce room
        head.received = head.received.wrapping_add(1);
        self.received.0.store(head.received, Ordering::SeqCst);
        drop(head);
        if self.waiting_senders.0.load(Ordering::SeqCst) > 0 {
            drop(self.tail.0.lock());
            self.not_full.notify_one();
        }
        //# end
    }

    /// As `wait_for_room`, until a value was added or the channel was closed. Drops the guard and returns
    /// only whether the limit was reached: the caller takes the head lock next, which has the lower rank.
    ///
    /// # Requires
    /// Both queues were empty under this guard.
    fn wait_for_value(
        &self,
        mut tail: MutexGuard<'_, Tail<T>>,
        limit: WaitLimit,
        yields: &mut usize,
    ) -> bool {
        //# task 1.2 wait for a value
        if *yields < YIELDS {
            *yields += 1;
            drop(tail);
            thread::yield_now();
            return false;
        }
        tail.waiting_receivers += 1;
        let (mut tail, is_over) = limit.wait(&self.not_empty, tail);
        tail.waiting_receivers -= 1;
        is_over
        //# end
    }

    /// Closes the channel. Returns false if it was closed before.
    ///
    /// # Ensures
    /// No later send is accepted (C4). Every waiting sender and receiver is woken (C6).
    pub(super) fn close(&self) -> bool {
        //# task 1.2 close the buffer
        let mut tail = self.tail.0.lock();
        let is_first = !tail.is_closed;
        tail.is_closed = true;
        drop(tail);
        self.not_empty.notify_all();
        self.not_full.notify_all();
        is_first
        //# end
    }

    /// Drops all values in the channel, oldest first.
    ///
    /// # Requires
    /// The channel is closed and has no receiver.
    ///
    /// # Ensures
    /// No lock is held while a value is dropped, because a value may own an end of this channel.
    pub(super) fn discard(&self) {
        //# task 1.2 empty the buffer
        let mut head = self.head.0.lock();
        let mut tail = self.tail.0.lock();
        let older = mem::take(&mut head.queue);
        let newer = mem::take(&mut tail.queue);
        head.received = tail.sent;
        self.received.0.store(head.received, Ordering::SeqCst);
        drop(tail);
        drop(head);
        drop(older);
        drop(newer);
        //# end
    }

    /// Whether the channel is closed.
    pub(super) fn is_closed(&self) -> bool {
        self.tail.0.lock().is_closed
    }

    /// Number of values in the channel (B1).
    ///
    /// # Ensures
    /// At most the capacity, also while other threads send and receive.
    pub(super) fn len(&self) -> usize {
        //# task 1.2 count the values
        let tail = self.tail.0.lock();
        tail.sent.wrapping_sub(self.received.0.load(Ordering::SeqCst))
        //# end
    }
}
