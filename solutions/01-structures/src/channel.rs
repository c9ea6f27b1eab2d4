//! Task 1.2: a bounded blocking channel for many senders and many receivers, with Go's close.
//!
//! [`bounded`] makes a channel and returns its two ends. Both ends can be cloned and sent to other
//! threads. The ends count themselves here; the values move through `channel/buffered.rs`, or through
//! `channel/rendezvous.rs` if the capacity is 0. The buffer is the ring queue of task 1.1.
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
//! | forgetting `close` blocks the receiver for ever | dropping the last sender closes |
//! | a channel nobody reads fills up | dropping the last receiver closes, and drops what is left |
//!
//! # Invariants
//! - **C1** Every value that a send accepted is received exactly once, or dropped exactly once when the
//!   last receiver goes. A value that was not accepted is returned to the caller.
//! - **C2** Values accepted from one sender are received in the order in which it sent them.
//! - **C3** At most `capacity` accepted values are in the channel.
//! - **C4** Closed is for ever. After `close` returned, no send is accepted.
//! - **C5** A receive reports "closed" only when the channel is closed and no accepted value is left.
//! - **C6** Nobody sleeps while it could go on: not with room to send, not with a value to receive,
//!   not on a closed channel.
//!
//! # Left out, and the price
//! - No `select` over several channels: a thread that waits for two needs a second thread.
//! - Threads that wait are woken in no particular order, and one that arrives just now may overtake them.
//! - A time-out counts from the call and is never early; it may be late if the machine is busy.
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

/// What both ends of a channel point to.
pub(crate) struct Shared<T> {
    /// Number of [`Sender`]s. The one that takes it to 0 closes the channel.
    pub(crate) senders: AtomicUsize,
    /// Number of [`Receiver`]s. The one that takes it to 0 closes the channel and empties it.
    pub(crate) receivers: AtomicUsize,
    /// Where the values are.
    pub(crate) core: Core<T>,
}

/// The two ways of passing a value on. Both keep the module's invariants.
#[allow(clippy::large_enum_variant, reason = "there is one in a channel, behind its Arc")]
pub(crate) enum Core<T> {
    /// Capacity 1 or more: a value waits in a buffer.
    Buffered(Buffered<T>),
    /// Capacity 0: a value goes from hand to hand.
    Rendezvous(Rendezvous<T>),
}

/// Makes a channel that holds at most `capacity` values, and returns its two ends.
///
/// With capacity 0 nothing is held, as in Go's `make(chan T)`: a send returns when a receiver took the
/// value, `try_send` succeeds only while a receiver waits that no other value was promised to, `try_recv` only while a sender does.
///
/// # Ensures
/// There is one sender and one receiver. No memory is taken for values that were not sent yet.
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    //# task 1.2 make a channel
    let core = if capacity == 0 {
        Core::Rendezvous(Rendezvous::new())
    } else {
        Core::Buffered(Buffered::new(capacity))
    };
    let shared = Arc::new(Shared { senders: AtomicUsize::new(1), receivers: AtomicUsize::new(1), core });
    (Sender { shared: shared.clone() }, Receiver { shared })
    //# end
}

/// The end that values go into.
pub struct Sender<T> {
    pub(crate) shared: Arc<Shared<T>>,
}

/// The end that values come out of.
pub struct Receiver<T> {
    pub(crate) shared: Arc<Shared<T>>,
}

impl<T> Clone for Sender<T> {
    /// One more sender of the same channel.
    ///
    /// # Ensures
    /// The channel does not close before this one is dropped too.
    fn clone(&self) -> Self {
        //# task 1.2 count a new sender
        self.shared.senders.fetch_add(1, Ordering::SeqCst);
        Sender { shared: self.shared.clone() }
        //# end
    }
}

impl<T> Drop for Sender<T> {
    /// # Ensures
    /// If this was the last sender, the channel is closed (what was sent can still be received).
    fn drop(&mut self) {
        //# task 1.2 the last sender closes
        if self.shared.senders.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.shared.core.close();
        }
        //# end
    }
}

impl<T> Clone for Receiver<T> {
    /// One more receiver of the same channel. Each value goes to one of them.
    fn clone(&self) -> Self {
        //# task 1.2 count a new receiver
        self.shared.receivers.fetch_add(1, Ordering::SeqCst);
        Receiver { shared: self.shared.clone() }
        //# end
    }
}

impl<T> Drop for Receiver<T> {
    /// # Ensures
    /// If this was the last receiver, the channel is closed, and the values in it are dropped now,
    /// oldest first, rather than with the last sender: nobody can ask for them any more.
    fn drop(&mut self) {
        //# task 1.2 the last receiver closes and empties
        if self.shared.receivers.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.shared.core.close();
            self.shared.core.discard();
        }
        //# end
    }
}

impl<T> Sender<T> {
    /// Sends `value`, and waits while the channel is full.
    ///
    /// # Errors
    /// Returns the value if the channel is closed, also if that happens during the wait.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.shared.core.send(value, WaitLimit::Forever).map_err(SendError::from)
    }

    /// Sends `value` if that needs no wait.
    ///
    /// # Errors
    /// Returns the value, and whether the channel is full or closed. A full and closed one is closed.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.shared.core.send(value, WaitLimit::NoWait).map_err(TrySendError::from)
    }

    /// Sends `value`, and waits at most `limit` while the channel is full.
    ///
    /// # Errors
    /// Returns the value, and whether the time was up or the channel is closed.
    pub fn send_timeout(&self, value: T, limit: Duration) -> Result<(), SendTimeoutError<T>> {
        self.shared.core.send(value, WaitLimit::at_most(limit)).map_err(SendTimeoutError::from)
    }
}

impl<T> Receiver<T> {
    /// Receives the next value, and waits while there is none.
    ///
    /// # Errors
    /// The channel is closed and drained, also if that happens during the wait.
    pub fn recv(&self) -> Result<T, RecvError> {
        self.shared.core.recv(WaitLimit::Forever).map_err(RecvError::from)
    }

    /// Receives the next value if that needs no wait. Does not wait for another receiver that waits, either.
    ///
    /// # Errors
    /// Whether the channel is only empty, or closed and drained.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.shared.core.recv(WaitLimit::NoWait).map_err(TryRecvError::from)
    }

    /// Receives the next value, and waits at most `limit` while there is none.
    ///
    /// # Errors
    /// Whether the time was up, or the channel is closed and drained.
    pub fn recv_timeout(&self, limit: Duration) -> Result<T, RecvTimeoutError> {
        self.shared.core.recv(WaitLimit::at_most(limit)).map_err(RecvTimeoutError::from)
    }

    /// The values as they come: waits while there is none, ends when the channel is closed and drained.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { receiver: self }
    }
}

/// What can be asked of either end.
macro_rules! both_ends {
    ($($end:ident),*) => {$(
        impl<T> $end<T> {
            /// Closes the channel. Returns false if it was closed before.
            ///
            /// # Ensures
            /// No send is accepted any more (C4), what was sent can still be received, and everybody who
            /// waits on either end goes on (C6).
            pub fn close(&self) -> bool {
                self.shared.core.close()
            }

            /// True once the channel is closed, even while values are left in it.
            pub fn is_closed(&self) -> bool {
                self.shared.core.is_closed()
            }

            /// Number of values in the channel: at most the capacity (C3). Another thread may change it
            /// before you look at the answer.
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

            /// Most values the channel holds, as given to [`bounded`].
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

    /// Drops the accepted values nobody will ask for. In a rendezvous there are none.
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

/// The values of a channel as they come, from [`Receiver::iter`].
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
