//! The errors of sends and receives.
//!
//! Given. Each call has an error type of its own with exactly the errors that this call can return, so
//! that a `match` has no arm that cannot happen. The error of a send holds the value (C1).

use std::fmt;

use thiserror::Error;

/// Why a send was not accepted. Both kinds of channel return it; each public send converts it to its own
/// error.
pub(super) enum Refused<T> {
    /// The channel is closed.
    Closed(T),
    /// There was no room until the wait limit was reached.
    Full(T),
}

/// Why no value was received. Both kinds of channel return it; each public receive converts it to its own
/// error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nothing {
    /// The channel is closed and empty.
    Closed,
    /// There was no value until the wait limit was reached.
    Empty,
}

/// `send` failed: the channel is closed. Holds the value that was not sent.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[error("send on a closed channel")]
pub struct SendError<T>(pub T);

/// Why [`try_send`](super::Sender::try_send) failed. Holds the value that was not sent.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
pub enum TrySendError<T> {
    /// The channel holds `capacity` values, or has capacity 0 and no receiver waits.
    #[error("the channel is full")]
    Full(T),
    /// The channel is closed.
    #[error("try_send on a closed channel")]
    Closed(T),
}

/// Why [`send_timeout`](super::Sender::send_timeout) failed. Holds the value that was not sent.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
pub enum SendTimeoutError<T> {
    /// The channel was full until the time was up.
    #[error("the channel was full until the time limit")]
    Timeout(T),
    /// The channel is closed.
    #[error("send_timeout on a closed channel")]
    Closed(T),
}

/// `recv` failed: the channel is closed, and every accepted value was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("recv on a closed and empty channel")]
pub struct RecvError;

/// Why [`try_recv`](super::Receiver::try_recv) found no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TryRecvError {
    /// There is no value now, but a sender may still send one.
    #[error("the channel is empty")]
    Empty,
    /// The channel is closed, and every accepted value was received.
    #[error("try_recv on a closed and empty channel")]
    Closed,
}

/// Why [`recv_timeout`](super::Receiver::recv_timeout) found no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecvTimeoutError {
    /// The channel was empty until the time was up.
    #[error("the channel was empty until the time limit")]
    Timeout,
    /// The channel is closed, and every accepted value was received.
    #[error("recv_timeout on a closed and empty channel")]
    Closed,
}

impl<T> SendError<T> {
    /// The value that was not sent.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> TrySendError<T> {
    /// The value that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            TrySendError::Full(value) | TrySendError::Closed(value) => value,
        }
    }
}

impl<T> SendTimeoutError<T> {
    /// The value that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            SendTimeoutError::Timeout(value) | SendTimeoutError::Closed(value) => value,
        }
    }
}

impl<T> From<Refused<T>> for SendError<T> {
    fn from(refused: Refused<T>) -> Self {
        match refused {
            Refused::Closed(value) | Refused::Full(value) => SendError(value),
        }
    }
}

impl<T> From<Refused<T>> for TrySendError<T> {
    fn from(refused: Refused<T>) -> Self {
        match refused {
            Refused::Closed(value) => TrySendError::Closed(value),
            Refused::Full(value) => TrySendError::Full(value),
        }
    }
}

impl<T> From<Refused<T>> for SendTimeoutError<T> {
    fn from(refused: Refused<T>) -> Self {
        match refused {
            Refused::Closed(value) => SendTimeoutError::Closed(value),
            Refused::Full(value) => SendTimeoutError::Timeout(value),
        }
    }
}

impl From<Nothing> for RecvError {
    fn from(_: Nothing) -> Self {
        RecvError
    }
}

impl From<Nothing> for TryRecvError {
    fn from(nothing: Nothing) -> Self {
        match nothing {
            Nothing::Closed => TryRecvError::Closed,
            Nothing::Empty => TryRecvError::Empty,
        }
    }
}

impl From<Nothing> for RecvTimeoutError {
    fn from(nothing: Nothing) -> Self {
        match nothing {
            Nothing::Closed => RecvTimeoutError::Closed,
            Nothing::Empty => RecvTimeoutError::Timeout,
        }
    }
}

// Debug without a bound on `T`, so that `send(value).unwrap()` works for every value.
impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => "Full(..)",
            TrySendError::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Debug for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendTimeoutError::Timeout(_) => "Timeout(..)",
            SendTimeoutError::Closed(_) => "Closed(..)",
        })
    }
}
