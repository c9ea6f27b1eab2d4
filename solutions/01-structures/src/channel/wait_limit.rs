//! How long a call may wait, so that `send`, `try_send` and `send_timeout` share one loop.
//!
//! Both kinds of channel call this with the guard of the lock that protects the condition. The loop
//! around the wait checks the condition once more after each wait, also when the time is up:
//!
//! ```text
//!   let mut is_over = false;
//!   loop {
//!       if the condition holds { go on }
//!       if is_over { give up }
//!       (guard, is_over) = limit.wait(&condvar, guard);
//!   }
//! ```
//!
//! Without that last check, a thread that is notified at the moment its time is up would use up the
//! notification and leave, and the thread that needed the notification would sleep on (C6).

use std::time::{Duration, Instant};

use kit::sync::{Condvar, MutexGuard};

/// How long a call may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WaitLimit {
    /// Not at all.
    NoWait,
    /// Until this moment.
    Until(Instant),
    /// For ever.
    Forever,
}

impl WaitLimit {
    /// The limit of a wait that may last `duration` from now.
    ///
    /// # Ensures
    /// If the clock cannot represent that moment, the limit is [`WaitLimit::Forever`].
    pub(super) fn at_most(duration: Duration) -> Self {
        //# task 1.2 turn a duration into a moment
        Instant::now().checked_add(duration).map_or(WaitLimit::Forever, WaitLimit::Until)
        //# end
    }

    /// Waits on `condvar` once. Returns the guard, and whether the limit was reached.
    ///
    /// # Ensures
    /// The second part is true if the limit is `NoWait`, if the moment has passed, or if the wait on
    /// `condvar` reports a time-out. Trust that report and do not read the clock again: the grader's
    /// scheduler may let a time-out happen at any moment. If it is false, anything may have ended the
    /// wait: check the condition again.
    ///
    /// # Cost
    /// Waits only if the limit is not reached yet.
    pub(super) fn wait<'a, T>(
        self,
        condvar: &Condvar,
        guard: MutexGuard<'a, T>,
    ) -> (MutexGuard<'a, T>, bool) {
        //# task 1.2 wait up to the limit
        match self {
            WaitLimit::NoWait => (guard, true),
            WaitLimit::Forever => (condvar.wait(guard), false),
            WaitLimit::Until(moment) => {
                let left = moment.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return (guard, true);
                }
                let (guard, result) = condvar.wait_timeout(guard, left);
                (guard, result.timed_out())
            }
        }
        //# end
    }
}
