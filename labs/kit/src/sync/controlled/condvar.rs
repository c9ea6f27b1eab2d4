//! Condition variables.
//!
//! The scheduler's condition variable has no time-outs and no wake-ups without a reason. So this one keeps a
//! list of its own:
//!
//! ```text
//!   wait:   unlock, enter the list (one step)  sleep until notified  lock
//!   notify: take one (the seed decides which) or all off the list, wake them
//! ```
//!
//! Unlocking and entering the list are one step because a guard's scheduling point lies before the
//! unlock, so a notification cannot fall between them.

use std::fmt;
use std::future::poll_fn;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::controlled::{Kind, Waiting, count_wakeups, is_controlled, random_below, scheduling_point};
use super::{GuardKind, MutexGuard, thread};

/// One wait in so many returns without a notification.
const SPURIOUS_ONE_IN: u64 = 16;

/// Most turns that other threads get before a timed wait gives up.
const MAX_TURNS: u64 = 32;

/// One timed wait in so many reports that its time is up although it was notified.
const LATE_ONE_IN: u64 = 8;

/// A limit of this length or more never runs out in a run.
const FOREVER: Duration = Duration::from_secs(1800);

/// A place to wait until another thread says that something changed.
pub struct Condvar(CondvarKind);

enum CondvarKind {
    Plain(std::sync::Condvar),
    Controlled { waiters: StdMutex<Vec<Arc<Waiter>>>, made_at: &'static Location<'static> },
}

#[derive(Default)]
struct Waiter {
    is_notified: AtomicBool,
    waker: StdMutex<Option<Waker>>,
}

/// Whether a timed wait ended because its time was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// True if the time was up, and then somebody may have notified all the same: look at the condition once
    /// more before you give up. False if somebody notified, or for no reason at all.
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    /// A condition variable on which no thread waits.
    #[track_caller]
    pub fn new() -> Self {
        Condvar(if is_controlled() {
            CondvarKind::Controlled { waiters: StdMutex::default(), made_at: Location::caller() }
        } else {
            CondvarKind::Plain(std::sync::Condvar::new())
        })
    }

    /// Releases the lock, waits to be notified, takes the lock again. May return without a
    /// notification, so check the condition again in a loop, or use [`Condvar::wait_while`].
    #[track_caller]
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.wait_at(guard, Location::caller())
    }

    /// Waits until `condition` is false.
    #[track_caller]
    pub fn wait_while<'a, T, F>(&self, mut guard: MutexGuard<'a, T>, mut condition: F) -> MutexGuard<'a, T>
    where
        F: FnMut(&mut T) -> bool,
    {
        let at = Location::caller();
        while condition(&mut guard) {
            guard = self.wait_at(guard, at);
        }
        guard
    }

    /// As [`Condvar::wait`], for at most `limit`.
    #[track_caller]
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        limit: Duration,
    ) -> (MutexGuard<'a, T>, WaitTimeoutResult) {
        let at = Location::caller();
        match (&self.0, guard.0) {
            (CondvarKind::Plain(condvar), GuardKind::Plain(guard)) => {
                let (guard, result) =
                    condvar.wait_timeout(guard, limit).unwrap_or_else(PoisonError::into_inner);
                (MutexGuard(GuardKind::Plain(guard)), WaitTimeoutResult(result.timed_out()))
            }
            (CondvarKind::Controlled { .. }, guard) if limit >= FOREVER => {
                (self.wait_at(MutexGuard(guard), at), WaitTimeoutResult(false))
            }
            (CondvarKind::Controlled { .. }, GuardKind::Controlled(guard, held, mutex)) => {
                drop(held);
                drop(guard);
                // POSIX lets a wait that times out take a notification of the same moment with it.
                let is_over = !self.give_turns(at) || random_below(LATE_ONE_IN) == 0;
                (mutex.lock_at(at), WaitTimeoutResult(is_over))
            }
            _ => mixed(),
        }
    }

    /// Wakes one waiting thread, if there is one.
    pub fn notify_one(&self) {
        match &self.0 {
            CondvarKind::Plain(condvar) => condvar.notify_one(),
            CondvarKind::Controlled { waiters, .. } => {
                scheduling_point();
                let mut waiters = waiters.lock().unwrap_or_else(PoisonError::into_inner);
                if !waiters.is_empty() {
                    count_wakeups(1);
                    let one = random_below(waiters.len() as u64) as usize;
                    waiters.remove(one).notify();
                }
            }
        }
    }

    /// Wakes every waiting thread.
    pub fn notify_all(&self) {
        match &self.0 {
            CondvarKind::Plain(condvar) => condvar.notify_all(),
            CondvarKind::Controlled { waiters, .. } => {
                scheduling_point();
                let waiters = std::mem::take(&mut *waiters.lock().unwrap_or_else(PoisonError::into_inner));
                count_wakeups(waiters.len() as u64);
                waiters.iter().for_each(|waiter| waiter.notify());
            }
        }
    }

    fn wait_at<'a, T>(&self, guard: MutexGuard<'a, T>, at: &'static Location<'static>) -> MutexGuard<'a, T> {
        match (&self.0, guard.0) {
            (CondvarKind::Plain(condvar), GuardKind::Plain(guard)) => {
                MutexGuard(GuardKind::Plain(condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)))
            }
            (CondvarKind::Controlled { made_at, .. }, GuardKind::Controlled(guard, held, mutex)) => {
                drop(held);
                drop(guard);
                if random_below(SPURIOUS_ONE_IN) == 0 {
                    self.give_turns(at);
                } else {
                    let waiter = self.enter();
                    let _waiting = Waiting::start(Kind::Condvar.name().to_string(), Some(made_at), at);
                    shuttle::future::block_on(poll_fn(|context| {
                        if waiter.is_notified.load(Relaxed) {
                            return Poll::Ready(());
                        }
                        *waiter.lock_waker() = Some(context.waker().clone());
                        Poll::Pending
                    }));
                }
                mutex.lock_at(at)
            }
            _ => mixed(),
        }
    }

    /// Waits for a notification while other threads get some turns. True if one came.
    fn give_turns(&self, at: &'static Location<'static>) -> bool {
        let waiter = self.enter();
        let _waiting = Waiting::start("a timed wait to end".to_string(), None, at);
        let turns = if random_below(4) == 0 { 0 } else { random_below(MAX_TURNS) + 1 };
        for _ in 0..turns {
            if waiter.is_notified.load(Relaxed) {
                return true;
            }
            thread::yield_now();
        }
        if let CondvarKind::Controlled { waiters, .. } = &self.0 {
            let mut waiters = waiters.lock().unwrap_or_else(PoisonError::into_inner);
            waiters.retain(|other| !Arc::ptr_eq(other, &waiter));
        }
        waiter.is_notified.load(Relaxed)
    }

    /// Enters the list.
    fn enter(&self) -> Arc<Waiter> {
        let waiter = Arc::new(Waiter::default());
        if let CondvarKind::Controlled { waiters, .. } = &self.0 {
            waiters.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&waiter));
        }
        waiter
    }
}

fn mixed() -> ! {
    panic!(
        "a condition variable made inside a controlled run is used with a mutex made outside, or the other way round"
    )
}

impl Waiter {
    fn notify(&self) {
        self.is_notified.store(true, Relaxed);
        let waker = self.lock_waker().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock_waker(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Condvar")
    }
}
