//! A channel of capacity 0: a sender gives its value directly to a receiver.
//!
//! A sender adds its value to a queue as an *offer* and waits until a receiver has taken it. If the time
//! is up or the channel is closed before that, the sender takes its offer back. A `try_send` does not
//! wait, so it may leave its value only if a receiver already waits: that value is *promised* to it. A
//! sender whose time is up does the same with the offer that it took back. Otherwise a sender with a time
//! limit of zero would always fail: a receiver that is woken for an offer needs time to take it.
//!
//! ```text
//!             sender A: send 1        sender B: send 2     receiver R: recv
//!   offers      [ (t0, 1) ]   -->   [ (t0, 1) (t1, 2) ]  -->  [ (t1, 2) ]
//!   A           waits .....................................   returns: t0 gone
//!   B                                 waits ...............   waits
//! ```
//!
//! There is one lock, because a sender and a receiver meet for every value anyway. No other lock is taken
//! under it, and no value is dropped under it.
//!
//! # Invariants
//! - **R1** `offers` is in the order of tickets. Receivers take only from its front, and a sender takes only
//!   its own offer. So an offer was received exactly if the first ticket that is left is a later one.
//! - **R2** `promised.len() <= waiting_receivers`. A receiver that stops waiting for any reason takes a
//!   promised value first, so every promised value is received.
//! - **R3** After close receivers take only promised values, and each sender takes its offer back (C4).
//!
//! # Left out, and the price
//! Each receive wakes every waiting sender, which then checks whether its offer was taken (a condition
//! variable for each sender would wake one; you may do that). For every value
//! a thread sleeps and is woken: this takes microseconds, where a buffer takes tens of nanoseconds.
//!
//! Source: Go's unbuffered channels, where the waiting sender's `sudog` has the role of the offer.

use kit::sync::{Condvar, Mutex};

//# hide
use kit::sync::MutexGuard;
//# end

use super::error::{Nothing, Refused};
use super::wait_limit::WaitLimit;
use crate::ring_queue::RingQueue;

/// A channel without a buffer. See the [module](self) for its shape.
pub(crate) struct Rendezvous<T> {
    /// Protects the whole state.
    pub(crate) table: Mutex<Table<T>>,
    /// Receivers wait here until there is a value or the channel was closed.
    offered: Condvar,
    /// Senders wait here until an offer was taken or the channel was closed.
    taken: Condvar,
}

/// The values that wait for a receiver, and the number of receivers that wait for a value.
pub(crate) struct Table<T> {
    /// Values of senders that wait.
    pub(crate) offers: RingQueue<Offer<T>>,
    /// Values that `try_send` left for waiting receivers (R2).
    pub(crate) promised: RingQueue<T>,
    /// Ticket of the next offer.
    pub(crate) next_ticket: u64,
    /// Number of receivers that wait on `offered`.
    pub(crate) waiting_receivers: usize,
    /// Never becomes false again.
    pub(crate) is_closed: bool,
}

/// A value whose sender waits.
pub(crate) struct Offer<T> {
    /// The number of the offer; later offers have greater numbers.
    pub(crate) ticket: u64,
    /// The value for a receiver.
    pub(crate) value: T,
}

impl<T> Rendezvous<T> {
    /// Makes an open channel without offers.
    pub(super) fn new() -> Self {
        let table = Table {
            offers: RingQueue::new(),
            promised: RingQueue::new(),
            next_ticket: 0,
            waiting_receivers: 0,
            is_closed: false,
        };
        Rendezvous { table: Mutex::new(table), offered: Condvar::new(), taken: Condvar::new() }
    }

    /// Gives `value` to a receiver, and waits for one up to `limit`.
    ///
    /// # Ensures
    /// `Ok` means that a receiver took the value. With [`WaitLimit::NoWait`], or when the limit is reached,
    /// it means that a waiting receiver will take the value (R2).
    ///
    /// # Errors
    /// Returns the value: `Closed` if the channel is closed, `Full` if no receiver took it until the limit
    /// and none waits to which it can be promised.
    ///
    /// # Cost
    /// Wakes at most one thread for the offer, and one more for a promise when the limit is reached.
    pub(super) fn send(&self, value: T, limit: WaitLimit) -> Result<(), Refused<T>> {
        //# task 1.2 offer a value
        let mut table = self.table.lock();
        if table.is_closed {
            return Err(Refused::Closed(value));
        }
        if limit == WaitLimit::NoWait {
            return self.promise(table, value);
        }
        let ticket = table.offer(value);
        if table.waiting_receivers > 0 {
            self.offered.notify_one();
        }
        let mut is_over = false;
        while !table.is_gone(ticket) {
            if table.is_closed || is_over {
                let Some(value) = table.take_back(ticket) else { break };
                if table.is_closed {
                    return Err(Refused::Closed(value));
                }
                return self.promise(table, value);
            }
            (table, is_over) = limit.wait(&self.taken, table);
        }
        Ok(())
        //# end
    }

    //# hide
    /// Promises `value` to a receiver that waits, if there is one without a promised value (R2).
    fn promise(&self, mut table: MutexGuard<'_, Table<T>>, value: T) -> Result<(), Refused<T>> {
        if table.promised.len() >= table.waiting_receivers {
            return Err(Refused::Full(value));
        }
        table.promised.push_back(value);
        debug_assert!(table.promised.len() <= table.waiting_receivers, "R2");
        drop(table);
        self.offered.notify_one();
        Ok(())
    }
    //# end

    /// Takes a value from a sender, and waits for one up to `limit`.
    ///
    /// # Ensures
    /// The sender whose offer was taken is woken.
    ///
    /// # Errors
    /// Only if there is no promised value (R2): `Closed` if the channel is closed, `Empty` if there was no
    /// offer until the limit.
    pub(super) fn recv(&self, limit: WaitLimit) -> Result<T, Nothing> {
        //# task 1.2 take an offer
        let mut table = self.table.lock();
        let mut is_over = false;
        loop {
            if let Some(value) = table.promised.pop_front() {
                return Ok(value);
            }
            if table.is_closed {
                return Err(Nothing::Closed);
            }
            if let Some(offer) = table.offers.pop_front() {
                drop(table);
                self.taken.notify_all();
                return Ok(offer.value);
            }
            if is_over {
                return Err(Nothing::Empty);
            }
            table.waiting_receivers += 1;
            (table, is_over) = limit.wait(&self.offered, table);
            table.waiting_receivers -= 1;
        }
        //# end
    }

    /// Closes the channel. Returns false if it was closed before.
    ///
    /// # Ensures
    /// Every waiting sender and receiver is woken (C6). Senders take back offers that were not taken (R3).
    pub(super) fn close(&self) -> bool {
        //# task 1.2 close the rendezvous
        let mut table = self.table.lock();
        let is_first = !table.is_closed;
        table.is_closed = true;
        drop(table);
        self.offered.notify_all();
        self.taken.notify_all();
        is_first
        //# end
    }

    /// Whether the channel is closed.
    pub(super) fn is_closed(&self) -> bool {
        self.table.lock().is_closed
    }
}

impl<T> Table<T> {
    /// Adds an offer behind the others, and returns its ticket.
    fn offer(&mut self, value: T) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        debug_assert!(self.offers.back().is_none_or(|last| last.ticket < ticket), "R1");
        self.offers.push_back(Offer { ticket, value });
        ticket
    }

    /// Whether a receiver took the offer (R1). Only the sender of the offer may call this.
    fn is_gone(&self, ticket: u64) -> bool {
        self.offers.front().is_none_or(|first| first.ticket > ticket)
    }

    /// Takes an offer back and keeps the order of the others; `None` if a receiver took it.
    ///
    /// # Cost
    /// O(number of offers): each is popped and pushed once.
    fn take_back(&mut self, ticket: u64) -> Option<T> {
        let mut found = None;
        for _ in 0..self.offers.len() {
            match self.offers.pop_front() {
                Some(offer) if offer.ticket == ticket => found = Some(offer.value),
                Some(offer) => self.offers.push_back(offer),
                None => break,
            }
        }
        found
    }
}
