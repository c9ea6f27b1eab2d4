//! The facade with a scheduler behind it: what the grader's concurrency tests use.
//!
//! Each lock and thread is one of two kinds, chosen when it is made:
//!
//! ```text
//!   made inside controlled::run      made outside
//!   the scheduler's own              the standard one, as in a normal build
//!   all threads share one OS thread  real threads
//!   a step ends at lock, unlock,     the machine decides
//!   wait, notify, atomic access
//! ```
//!
//! - C1: an object that is made inside a run is used only inside that run. A thread inside a run never waits
//!   for an object that was made outside: all threads of the run share one OS thread, which would wait for
//!   itself.
//! - C2: from one scheduling point to the next a thread runs alone.
//! - C3: [`Condvar::wait`] now and then returns without a notification, as the standard one may.
//! - C4: no time passes in a run. [`Condvar::wait_timeout`] gives up when the scheduler says so: at once, or
//!   after other threads had some turns; never if its limit is half an hour or more. It always returns.
//!   When the time-out and a notification come in the same moment, the notification may be lost.
//!
//! Left out: weak memory. Every atomic operation is sequentially consistent here, whatever ordering it
//! names, so a wrong ordering is not found. The choice at run time costs one branch a call.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::PoisonError;
use std::sync::TryLockError;

#[path = "controlled/atomic.rs"]
pub mod atomic;
#[path = "controlled/condvar.rs"]
mod condvar;
#[path = "controlled/run.rs"]
pub mod controlled;
#[path = "controlled/thread.rs"]
pub mod thread;

pub use condvar::{Condvar, WaitTimeoutResult};

use controlled::{Holders, Kind, is_controlled};

/// A mutual-exclusion lock around a value.
pub struct Mutex<T>(MutexKind<T>);

enum MutexKind<T> {
    Plain(std::sync::Mutex<T>),
    Controlled(shuttle::sync::Mutex<T>, Holders),
}

/// Proof that the lock is held, and access to the value. Dropping it releases the lock.
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct MutexGuard<'a, T>(GuardKind<'a, T>);

enum GuardKind<'a, T> {
    Plain(std::sync::MutexGuard<'a, T>),
    Controlled(shuttle::sync::MutexGuard<'a, T>, controlled::Held<'a>, &'a Mutex<T>),
}

impl<T> Mutex<T> {
    /// Wraps `value` in an unlocked mutex.
    #[track_caller]
    pub fn new(value: T) -> Self {
        if is_controlled() {
            Mutex(MutexKind::Controlled(shuttle::sync::Mutex::new(value), Holders::new(Kind::Mutex)))
        } else {
            Mutex(MutexKind::Plain(std::sync::Mutex::new(value)))
        }
    }

    /// Waits until the lock is free and takes it. A thread that locks a mutex it already holds waits
    /// for ever.
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.lock_at(Location::caller())
    }

    #[track_caller]
    fn lock_at(&self, at: &'static Location<'static>) -> MutexGuard<'_, T> {
        match &self.0 {
            MutexKind::Plain(mutex) => {
                MutexGuard(GuardKind::Plain(mutex.lock().unwrap_or_else(PoisonError::into_inner)))
            }
            MutexKind::Controlled(mutex, holders) => {
                let waiting = holders.wait(at);
                let guard = mutex.lock().unwrap_or_else(PoisonError::into_inner);
                drop(waiting);
                MutexGuard(GuardKind::Controlled(guard, holders.hold(), self))
            }
        }
    }

    /// Takes the lock if it is free now, else returns `None` without waiting.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match &self.0 {
            MutexKind::Plain(mutex) => {
                taken(mutex.try_lock()).map(|guard| MutexGuard(GuardKind::Plain(guard)))
            }
            MutexKind::Controlled(mutex, holders) => taken(mutex.try_lock())
                .map(|guard| MutexGuard(GuardKind::Controlled(guard, holders.hold(), self))),
        }
    }

    /// The value, without locking: `&mut self` proves that no other thread uses it.
    pub fn get_mut(&mut self) -> &mut T {
        match &mut self.0 {
            MutexKind::Plain(mutex) => mutex.get_mut().unwrap_or_else(PoisonError::into_inner),
            MutexKind::Controlled(mutex, _) => mutex.get_mut().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Takes the value out.
    pub fn into_inner(self) -> T {
        match self.0 {
            MutexKind::Plain(mutex) => mutex.into_inner().unwrap_or_else(PoisonError::into_inner),
            MutexKind::Controlled(mutex, _) => mutex.into_inner().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// A lock that many readers or one writer may hold.
pub struct RwLock<T>(RwLockKind<T>);

enum RwLockKind<T> {
    Plain(std::sync::RwLock<T>),
    Controlled(Box<shuttle::sync::RwLock<T>>, Holders),
}

/// Shared access to the value of a [`RwLock`]. Released on drop.
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct RwLockReadGuard<'a, T>(ReadKind<'a, T>);

enum ReadKind<'a, T> {
    Plain(std::sync::RwLockReadGuard<'a, T>),
    Controlled(shuttle::sync::RwLockReadGuard<'a, T>, #[expect(dead_code)] controlled::Held<'a>),
}

/// Exclusive access to the value of a [`RwLock`]. Released on drop.
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct RwLockWriteGuard<'a, T>(WriteKind<'a, T>);

enum WriteKind<'a, T> {
    Plain(std::sync::RwLockWriteGuard<'a, T>),
    Controlled(shuttle::sync::RwLockWriteGuard<'a, T>, #[expect(dead_code)] controlled::Held<'a>),
}

impl<T> RwLock<T> {
    /// Wraps `value` in an unlocked lock.
    #[track_caller]
    pub fn new(value: T) -> Self {
        if is_controlled() {
            let lock = Box::new(shuttle::sync::RwLock::new(value));
            RwLock(RwLockKind::Controlled(lock, Holders::new(Kind::RwLock)))
        } else {
            RwLock(RwLockKind::Plain(std::sync::RwLock::new(value)))
        }
    }

    /// Waits until no writer holds the lock and takes a share of it. A thread that holds a share and
    /// asks for another may wait for ever, because a writer may stand between the two.
    #[track_caller]
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        match &self.0 {
            RwLockKind::Plain(lock) => {
                RwLockReadGuard(ReadKind::Plain(lock.read().unwrap_or_else(PoisonError::into_inner)))
            }
            RwLockKind::Controlled(lock, holders) => {
                let waiting = holders.wait(Location::caller());
                let guard = lock.read().unwrap_or_else(PoisonError::into_inner);
                drop(waiting);
                RwLockReadGuard(ReadKind::Controlled(guard, holders.hold()))
            }
        }
    }

    /// Waits until no thread holds the lock, then takes the whole lock.
    #[track_caller]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        match &self.0 {
            RwLockKind::Plain(lock) => {
                RwLockWriteGuard(WriteKind::Plain(lock.write().unwrap_or_else(PoisonError::into_inner)))
            }
            RwLockKind::Controlled(lock, holders) => {
                let waiting = holders.wait(Location::caller());
                let guard = lock.write().unwrap_or_else(PoisonError::into_inner);
                drop(waiting);
                RwLockWriteGuard(WriteKind::Controlled(guard, holders.hold()))
            }
        }
    }

    /// Takes a share of the lock if that needs no waiting, else returns `None`.
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        match &self.0 {
            RwLockKind::Plain(lock) => {
                taken(lock.try_read()).map(|guard| RwLockReadGuard(ReadKind::Plain(guard)))
            }
            RwLockKind::Controlled(lock, holders) => taken(lock.try_read())
                .map(|guard| RwLockReadGuard(ReadKind::Controlled(guard, holders.hold()))),
        }
    }

    /// Takes the whole lock if that needs no waiting, else returns `None`.
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        match &self.0 {
            RwLockKind::Plain(lock) => {
                taken(lock.try_write()).map(|guard| RwLockWriteGuard(WriteKind::Plain(guard)))
            }
            RwLockKind::Controlled(lock, holders) => taken(lock.try_write())
                .map(|guard| RwLockWriteGuard(WriteKind::Controlled(guard, holders.hold()))),
        }
    }

    /// The value, without locking.
    pub fn get_mut(&mut self) -> &mut T {
        match &mut self.0 {
            RwLockKind::Plain(lock) => lock.get_mut().unwrap_or_else(PoisonError::into_inner),
            RwLockKind::Controlled(lock, _) => lock.get_mut().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Takes the value out.
    pub fn into_inner(self) -> T {
        match self.0 {
            RwLockKind::Plain(lock) => lock.into_inner().unwrap_or_else(PoisonError::into_inner),
            RwLockKind::Controlled(lock, _) => lock.into_inner().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// The guard of an attempt, if it succeeded; no poisoning.
fn taken<G>(attempt: Result<G, TryLockError<G>>) -> Option<G> {
    match attempt {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        match &self.0 {
            GuardKind::Plain(guard) => guard,
            GuardKind::Controlled(guard, ..) => guard,
        }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.0 {
            GuardKind::Plain(guard) => guard,
            GuardKind::Controlled(guard, ..) => guard,
        }
    }
}

impl<T> Deref for RwLockReadGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        match &self.0 {
            ReadKind::Plain(guard) => guard,
            ReadKind::Controlled(guard, _) => guard,
        }
    }
}

impl<T> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        match &self.0 {
            WriteKind::Plain(guard) => guard,
            WriteKind::Controlled(guard, _) => guard,
        }
    }
}

impl<T> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.0 {
            WriteKind::Plain(guard) => guard,
            WriteKind::Controlled(guard, _) => guard,
        }
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

/// Inside a run the value is left out: looking at it would be a scheduling point.
impl<T: fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            MutexKind::Plain(mutex) => mutex.fmt(f),
            MutexKind::Controlled(..) => f.write_str("Mutex(..)"),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            RwLockKind::Plain(lock) => lock.fmt(f),
            RwLockKind::Controlled(..) => f.write_str("RwLock(..)"),
        }
    }
}
