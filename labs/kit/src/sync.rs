//! Locks, condition variables, atomics and threads, in one module.
//!
//! The names and meanings are those of `std::sync`, with one difference: there is no poisoning. A
//! thread that panics while it holds a lock releases it, and the next thread gets it as usual.
//!
//! In a normal build each type is a thin wrapper over the standard one. In the grader's concurrency
//! tests (feature `controlled`) an object that is made inside a controlled run belongs to a scheduler
//! that picks the next thread at every lock, wait, notify and atomic access, so that one seed
//! always gives the same interleaving. A lab that uses `std::sync` directly still works, but its
//! interleavings cannot be explored.
//!
//! ```
//! use kit::sync::{Arc, Condvar, Mutex, thread};
//!
//! let mailbox = Arc::new((Mutex::new(None), Condvar::new()));
//! let other = Arc::clone(&mailbox);
//! let sender = thread::spawn(move || {
//!     *other.0.lock() = Some("letter");
//!     other.1.notify_one();
//! });
//! let mut letter = mailbox.1.wait_while(mailbox.0.lock(), |letter| letter.is_none());
//! assert_eq!(letter.take(), Some("letter"));
//! drop(letter);
//! sender.join().unwrap();
//! ```
//!
//! Three things that differ from what you may expect, all on purpose:
//!
//! - A wait may end without a notification. Real ones do so rarely, controlled ones often: check again in a
//!   loop.
//! - A timed wait is over when [`WaitTimeoutResult::timed_out`] says so. In a controlled run no time passes:
//!   do not ask the clock. A notification may come in the same moment, so look at the condition once more
//!   then.
//! - Locks and condition variables are not made in a `static`: which kind they are depends on where they are
//!   made.
//!
//! Left out: poisoning, fairness, `park`, `sleep`. A thread that is woken competes for the lock again.

#[cfg(not(feature = "controlled"))]
#[path = "sync/plain.rs"]
mod imp;

#[cfg(feature = "controlled")]
#[path = "sync/controlled.rs"]
mod imp;

pub use imp::{
    Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, WaitTimeoutResult, atomic, thread,
};
pub use std::sync::{Arc, Weak};

#[cfg(feature = "controlled")]
pub use imp::controlled;
