//! What a send or a receive can answer instead of success.
//!
//! Given. Each call has an error type with exactly the answers it can give, so that a `match` on it has
//! no arm that cannot happen. A send hands the value back in its error (C1).

use std::fmt;

use thiserror::Error;

/// A send was not accepted. What every send answers inside the channel; each public call narrows it.
pub(super) enum Refused<T> {
    /// The channel is closed.
    Closed(T),
    /// There was no room as long as the caller was willing to wait.
    Full(T),
}

/// No value was received. What every receive answers inside the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nothing {
    /// The channel is closed and drained.
    Closed,
    /// There was no value as long as the caller was willing to wait.
    Empty,
}

/// The channel is closed; here is the value back.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[error("send on a closed channel")]
pub struct SendError<T>(pub T);

/// Why [`try_send`](super::Sender::try_send) was refused; here is the value back.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
pub enum TrySendError<T> {
    /// The channel holds as many values as it may, or nobody waits to take one (capacity 0).
    #[error("the channel is full")]
    Full(T),
    /// The channel is closed.
    #[error("send on a closed channel")]
    Closed(T),
}

/// Why [`send_timeout`](super::Sender::send_timeout) was refused; here is the value back.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
pub enum SendTimeoutError<T> {
    /// The channel was full for the whole time.
    #[error("no room in the channel within the time given")]
    Timeout(T),
    /// The channel is closed.
    #[error("send on a closed channel")]
    Closed(T),
}

/// The channel is closed, and everything sent was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("receive on a closed and empty channel")]
pub struct RecvError;

/// Why [`try_recv`](super::Receiver::try_recv) found no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TryRecvError {
    /// Nothing is there now, but something may still come.
    #[error("the channel is empty")]
    Empty,
    /// The channel is closed, and everything sent was received.
    #[error("receive on a closed and empty channel")]
    Closed,
}

/// Why [`recv_timeout`](super::Receiver::recv_timeout) found no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecvTimeoutError {
    /// Nothing came for the whole time.
    #[error("no value in the channel within the time given")]
    Timeout,
    /// The channel is closed, and everything sent was received.
    #[error("receive on a closed and empty channel")]
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
