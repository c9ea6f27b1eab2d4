//! A channel of capacity 0: sender and receiver meet, and the value goes from hand to hand.
//!
//! A sender puts its value on the table as an *offer* and waits until a receiver has taken it. If the
//! time is up or the channel is closed first, the sender takes its offer back. A `try_send` does not
//! wait, so it may only leave its value if a receiver is already waiting for one: that value is *promised*.
//!
//! ```text
//!             sender A: send 1        sender B: send 2     receiver R: recv
//!   offers      [ (t0, 1) ]   -->   [ (t0, 1) (t1, 2) ]  -->  [ (t1, 2) ]
//!   A           waits .....................................   goes on: t0 gone
//!   B                                 waits ...............   waits
//! ```
//!
//! One lock for all, because every value is a meeting anyway. Nothing else is locked under it, and no value
//! is dropped under it.
//!
//! # Invariants
//! - **R1** `offers` is in the order of tickets. Only receivers take from its front and only the owner takes
//!   from elsewhere, so an offer is gone exactly if the first ticket left is a later one.
//! - **R2** `promised.len() <= waiting_receivers`. A receiver that stops waiting takes a promised value first,
//!   whatever ended its wait; so no promised value is ever left behind.
//! - **R3** After close the offers belong to their senders again: receivers take promised values only (C4).
//!
//! # Left out, and the price
//! Every waiting sender is woken to see whether its offer is gone, and every hand-over puts somebody to
//! sleep: microseconds a value, where a buffer takes tens of nanoseconds.
//!
//! Source: Go's unbuffered channels, where the waiting sender's `sudog` plays the part of the offer.

use kit::sync::{Condvar, Mutex};

use super::error::{Nothing, Refused};
use super::wait_limit::WaitLimit;
use crate::ring_queue::RingQueue;

/// A channel without a buffer. See the [module](self) for its shape.
pub(crate) struct Rendezvous<T> {
    /// Protects everything.
    pub(crate) table: Mutex<Table<T>>,
    /// Receivers wait here: something lies on the table, or the channel was closed.
    offered: Condvar,
    /// Senders wait here: an offer was taken, or the channel was closed.
    taken: Condvar,
}

/// What lies between senders and receivers.
pub(crate) struct Table<T> {
    /// Values of senders that wait.
    pub(crate) offers: RingQueue<Offer<T>>,
    /// Values of senders that did not wait, for receivers that do (R2).
    pub(crate) promised: RingQueue<T>,
    /// Ticket of the next offer.
    pub(crate) next_ticket: u64,
    /// Number of receivers that wait on `offered`.
    pub(crate) waiting_receivers: usize,
    /// Once true, true for ever.
    pub(crate) is_closed: bool,
}

/// A value whose sender waits.
pub(crate) struct Offer<T> {
    /// Tells offers apart.
    pub(crate) ticket: u64,
    /// What is offered.
    pub(crate) value: T,
}

impl<T> Rendezvous<T> {
    /// An open channel with nobody there.
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

    /// Hands `value` to a receiver, and waits for one up to `limit`.
    ///
    /// # Ensures
    /// `Ok` if a receiver took the value; for [`WaitLimit::NoWait`], if one is bound to take it (R2).
    ///
    /// # Errors
    /// The value comes back: closed, or nobody took it until the limit was reached.
    pub(super) fn send(&self, value: T, limit: WaitLimit) -> Result<(), Refused<T>> {
        //# task 1.2 offer a value
        let mut table = self.table.lock();
        if table.is_closed {
            return Err(Refused::Closed(value));
        }
        if limit == WaitLimit::NoWait {
            if table.promised.len() >= table.waiting_receivers {
                return Err(Refused::Full(value));
            }
            table.promised.push_back(value);
            drop(table);
            self.offered.notify_one();
            return Ok(());
        }
        let ticket = table.offer(value);
        if table.waiting_receivers > 0 {
            self.offered.notify_one();
        }
        let mut is_over = false;
        while !table.is_gone(ticket) {
            if table.is_closed || is_over {
                let Some(value) = table.take_back(ticket) else { break };
                return Err(if table.is_closed { Refused::Closed(value) } else { Refused::Full(value) });
            }
            (table, is_over) = limit.wait(&self.taken, table);
        }
        Ok(())
        //# end
    }

    /// Takes a value from a sender, and waits for one up to `limit`.
    ///
    /// # Ensures
    /// The sender whose offer was taken goes on.
    ///
    /// # Errors
    /// Closed, or nobody offered until the limit was reached. A promised value goes before either (R2).
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

    /// Closes the channel; false if it was closed before.
    ///
    /// # Ensures
    /// Everybody who waits, on either side, looks again (C6). Offers that were not taken come back (R3).
    pub(super) fn close(&self) -> bool {
        //# task 1.2 close the meeting
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
        self.offers.push_back(Offer { ticket, value });
        ticket
    }

    /// Whether a receiver took the offer (R1). Only its owner may ask.
    fn is_gone(&self, ticket: u64) -> bool {
        self.offers.front().is_none_or(|first| first.ticket > ticket)
    }

    /// Takes an offer back and keeps the order of the others; `None` if it is gone.
    ///
    /// # Cost
    /// O(number of offers): each goes once around the ring.
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
