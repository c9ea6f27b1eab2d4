//! Task 1.2: a bounded blocking channel for many senders and many receivers, with Go's close.
//!
//! [`bounded`] makes a channel and returns its two ends. Both ends can be cloned and sent to other
//! threads. This file counts the ends. `channel/buffered.rs` moves the values, or
//! `channel/rendezvous.rs` if the capacity is 0. The buffer is a ring queue of task 1.1.
//!
//! ```text
//!   Sender --+                                          +--> Receiver
//!   Sender --+--> | 9 | 8 | 7 |   | ...  capacity  | ---+--> Receiver
//!   Sender --+                                          +--> Receiver
//!
//!   time --->
//!   sender     send 1   send 2   close    send 3
//!                Ok       Ok      true     Err(3)
//!   receiver                               recv   recv   recv
//!                                           1      2     Err
//! ```
//!
//! | Go | here |
//! | --- | --- |
//! | `ch <- v`, panics once closed | `send(v)`, returns the value once closed |
//! | `v, ok := <-ch` | `recv()`, an error once closed and drained |
//! | `select` with `default` | `try_send`, `try_recv` |
//! | `select` with `time.After` | `send_timeout`, `recv_timeout` |
//! | `close(ch)`, panics the second time | `close()` from either end, false the second time |
//! | `for v := range ch` | `for v in &receiver` |
//! | a receiver waits for ever if no sender calls `close` | dropping the last sender closes |
//! | a channel without a receiver fills up | dropping the last receiver closes, and drops the values in it |
//!
//! # Invariants
//! - **C1** Every value that a send accepted is received exactly once, or dropped exactly once when the
//!   last receiver is dropped. A value that was not accepted is returned to the caller.
//! - **C2** Values accepted from one sender are received in the order in which it sent them.
//! - **C3** At most `capacity` accepted values are in the channel.
//! - **C4** A closed channel stays closed. After `close` returned, no send is accepted.
//! - **C5** A receive reports "closed" only when the channel is closed and no accepted value is left.
//! - **C6** No thread sleeps while it could continue: no sender sleeps while there is room, no receiver
//!   sleeps while there is a value, and no thread sleeps on a closed channel.
//!
//! # Left out, and the price
//! - There is no `select` over several channels: to wait for two channels, use two threads.
//! - Waiting threads are woken in no particular order, and a thread that calls later may be served first.
//! - A time-out counts from the call. It never happens early, and may happen late if the machine is busy.
//!
//! Source: Hoare, "Communicating Sequential Processes", 1978; Go's `runtime/chan.go` for the semantics.

mod buffered;
mod error;
mod rendezvous;
mod wait_limit;

use std::fmt;
use std::time::Duration;

use kit::sync::Arc;
use kit::sync::atomic::{AtomicUsize, Ordering};

pub(crate) use buffered::Buffered;
pub use error::{RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError};
pub(crate) use rendezvous::Rendezvous;

use error::{Nothing, Refused};
use wait_limit::WaitLimit;

/// The state that both ends of a channel share.
pub(crate) struct Shared<T> {
    /// Number of [`Sender`]s. The drop that makes it 0 closes the channel.
    pub(crate) senders: AtomicUsize,
    /// Number of [`Receiver`]s. The drop that makes it 0 closes the channel and drops the values in it.
    pub(crate) receivers: AtomicUsize,
    /// Holds and moves the values.
    pub(crate) core: Core<T>,
}

/// The two kinds of channel. Both keep the module's invariants.
#[allow(clippy::large_enum_variant, reason = "there is one in a channel, behind its Arc")]
pub(crate) enum Core<T> {
    /// Capacity 1 or more: a value stays in a buffer until it is received.
    Buffered(Buffered<T>),
    /// Capacity 0: a sender gives its value directly to a receiver.
    Rendezvous(Rendezvous<T>),
}

/// Makes a channel that holds at most `capacity` values, and returns its two ends.
///
/// With capacity 0 the channel holds no value, as in Go's `make(chan T)`. A `send` returns when a receiver
/// has taken the value. A `try_send` succeeds only if a receiver waits for which no other value is
/// reserved. A `try_recv` succeeds only if a sender waits. A call with a time limit succeeds in these cases
/// too, also if its time is already up: with `Duration::ZERO`, `send_timeout` sends to a receiver that waits.
///
/// # Ensures
/// There is one sender and one receiver. Memory for values is allocated when values are sent, not here.
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    todo!("task 1.2: make a channel")
}

/// The end that sends values.
pub struct Sender<T> {
    pub(crate) shared: Arc<Shared<T>>,
}

/// The end that receives values.
pub struct Receiver<T> {
    pub(crate) shared: Arc<Shared<T>>,
}

impl<T> Clone for Sender<T> {
    /// Makes one more sender of the same channel.
    ///
    /// # Ensures
    /// The channel is not closed by drops of senders before the new one is dropped too.
    fn clone(&self) -> Self {
        todo!("task 1.2: count a new sender")
    }
}

impl<T> Drop for Sender<T> {
    /// # Ensures
    /// If this was the last sender, the channel is closed. Values already sent can still be received.
    fn drop(&mut self) {
        todo!("task 1.2: the last sender closes")
    }
}

impl<T> Clone for Receiver<T> {
    /// Makes one more receiver of the same channel. Each value is received by one of them.
    fn clone(&self) -> Self {
        todo!("task 1.2: count a new receiver")
    }
}

impl<T> Drop for Receiver<T> {
    /// # Ensures
    /// If this was the last receiver, the channel is closed, and the values in it are dropped, oldest
    /// first. They are dropped here and not with the last sender, because no receiver can take them. If the
    /// `drop` of a value panics, the channel is closed all the same, and every other value is dropped once.
    fn drop(&mut self) {
        todo!("task 1.2: the last receiver closes and empties")
    }
}

impl<T> Sender<T> {
    /// Sends `value`, and waits while the channel is full.
    ///
    /// # Errors
    /// Returns the value if the channel is closed, before or during the wait.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.shared.core.send(value, WaitLimit::Forever).map_err(SendError::from)
    }

    /// Sends `value` if that is possible without a wait.
    ///
    /// # Errors
    /// Returns the value in `Full` or `Closed`. If the channel is full and closed, the error is `Closed`.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.shared.core.send(value, WaitLimit::NoWait).map_err(TrySendError::from)
    }

    /// Sends `value`, and waits at most `limit` while the channel is full.
    ///
    /// # Errors
    /// Returns the value: in `Timeout` if the channel was full until `limit` had passed, in `Closed` if
    /// the channel is closed. If [`Sender::try_send`] would succeed when the time is up, this call succeeds.
    pub fn send_timeout(&self, value: T, limit: Duration) -> Result<(), SendTimeoutError<T>> {
        self.shared.core.send(value, WaitLimit::at_most(limit)).map_err(SendTimeoutError::from)
    }
}

impl<T> Receiver<T> {
    /// Receives the next value, and waits while there is none.
    ///
    /// # Errors
    /// The channel is closed and empty, before or during the wait.
    pub fn recv(&self) -> Result<T, RecvError> {
        self.shared.core.recv(WaitLimit::Forever).map_err(RecvError::from)
    }

    /// Receives the next value if that is possible without a wait. Other receivers that wait do not delay it.
    ///
    /// # Errors
    /// `Empty` if there is no value now, `Closed` if the channel is closed and empty.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.shared.core.recv(WaitLimit::NoWait).map_err(TryRecvError::from)
    }

    /// Receives the next value, and waits at most `limit` while there is none.
    ///
    /// # Errors
    /// `Timeout` if no value came until `limit` had passed, `Closed` if the channel is closed and empty. If
    /// [`Receiver::try_recv`] would succeed when the time is up, this call succeeds.
    pub fn recv_timeout(&self, limit: Duration) -> Result<T, RecvTimeoutError> {
        self.shared.core.recv(WaitLimit::at_most(limit)).map_err(RecvTimeoutError::from)
    }

    /// Iterates over the values: waits while there is none, ends when the channel is closed and empty.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { receiver: self }
    }
}

/// The methods that both ends have.
macro_rules! both_ends {
    ($($end:ident),*) => {$(
        impl<T> $end<T> {
            /// Closes the channel. Returns false if it was closed before.
            ///
            /// # Ensures
            /// No later send is accepted (C4). Values already sent can still be received. Every thread that
            /// waits on either end is woken (C6).
            pub fn close(&self) -> bool {
                self.shared.core.close()
            }

            /// True if the channel is closed, also while values are left in it.
            pub fn is_closed(&self) -> bool {
                self.shared.core.is_closed()
            }

            /// Number of values in the channel: at most the capacity (C3). Another thread may change it
            /// before the caller uses the answer.
            pub fn len(&self) -> usize {
                self.shared.core.len()
            }

            /// True if no value is in the channel.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// True if `capacity` values are in the channel; always true for capacity 0.
            pub fn is_full(&self) -> bool {
                self.len() == self.capacity()
            }

            /// The greatest number of values in the channel, as given to [`bounded`].
            pub fn capacity(&self) -> usize {
                self.shared.core.capacity()
            }
        }

        impl<T> fmt::Debug for $end<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($end)).field("capacity", &self.capacity()).finish_non_exhaustive()
            }
        }
    )*};
}

both_ends!(Sender, Receiver);

impl<T> Core<T> {
    fn send(&self, value: T, limit: WaitLimit) -> Result<(), Refused<T>> {
        match self {
            Core::Buffered(buffered) => buffered.send(value, limit),
            Core::Rendezvous(rendezvous) => rendezvous.send(value, limit),
        }
    }

    fn recv(&self, limit: WaitLimit) -> Result<T, Nothing> {
        match self {
            Core::Buffered(buffered) => buffered.recv(limit),
            Core::Rendezvous(rendezvous) => rendezvous.recv(limit),
        }
    }

    fn close(&self) -> bool {
        match self {
            Core::Buffered(buffered) => buffered.close(),
            Core::Rendezvous(rendezvous) => rendezvous.close(),
        }
    }

    /// Drops the accepted values, which no receiver can take any more. A rendezvous has none.
    fn discard(&self) {
        if let Core::Buffered(buffered) = self {
            buffered.discard();
        }
    }

    fn is_closed(&self) -> bool {
        match self {
            Core::Buffered(buffered) => buffered.is_closed(),
            Core::Rendezvous(rendezvous) => rendezvous.is_closed(),
        }
    }

    fn len(&self) -> usize {
        match self {
            Core::Buffered(buffered) => buffered.len(),
            Core::Rendezvous(_) => 0,
        }
    }

    fn capacity(&self) -> usize {
        match self {
            Core::Buffered(buffered) => buffered.capacity(),
            Core::Rendezvous(_) => 0,
        }
    }
}

/// The values that a [`Receiver`] receives; made by [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, T> {
    receiver: &'a Receiver<T>,
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}
