//! Several sessions, each on a thread of its own, that a test leads step by step.
//!
//! ```text
//!   test                                     thread of session 2
//!     sessions.step(1, |table| ...)            takes the step, runs it
//!        |  until the step has ended,            |
//!        |  or `is_waiting(1)` says yes          v
//!     Step::Done(result)  or  Step::Waits      waits inside the code under test
//!     ...
//!     sessions.wait_for(1)                     is woken, ends the step
//! ```
//!
//! A session that waits keeps its thread, so nobody has to guess how long a wait takes: the code under test
//! says whether a session waits. Threads and locks are those of `kit::sync`, so all of it runs under
//! [`crate::schedule`] too.
//!
//! - N1: a session runs one step at a time, in the order in which they were given.
//! - N2: `step` returns when the session has ended the step or waits; it never returns while the session
//!   runs.
//! - N3: a step that panics ends the test with the same panic: when the test gives or looks at a step of any
//!   session, or when the sessions are dropped.
//!
//! Left out: the moment between a grant and the end of the step. A step that was granted but has not ended is
//! seen as waiting or as running, as the code under test says; [`Sessions::wait_for`] does not depend on it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use kit::sync::{Arc, Condvar, Mutex, thread};

use crate::failure::Failure;

/// How often a real thread looks whether a session waits. Under a schedule no time passes.
const LOOK_AGAIN: Duration = Duration::from_micros(200);

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<R> {
    /// It ended.
    Done(R),
    /// It waits inside the code under test.
    Waits,
}

impl<R> Step<R> {
    /// What the step returned, if it ended.
    pub fn done(self) -> Option<R> {
        match self {
            Step::Done(result) => Some(result),
            Step::Waits => None,
        }
    }

    /// Whether the session waits.
    pub fn is_waiting(&self) -> bool {
        matches!(self, Step::Waits)
    }
}

type Work<S, R> = Box<dyn FnOnce(&mut S) -> R + Send>;

/// What the test and a session's thread share.
struct Desk<S, R> {
    work: Option<Work<S, R>>,
    /// What the step returned, or the payload of its panic (N3).
    result: Option<thread::Result<R>>,
    /// A step was given, and its result was not yet fetched.
    is_busy: bool,
    /// The test gives no more steps.
    is_closed: bool,
}

struct Shared<S, R> {
    /// Protects the desks. Not held while a step runs.
    desks: Mutex<Vec<Desk<S, R>>>,
    changed: Condvar,
}

/// The sessions. Dropping them ends the threads after the steps that they were given, so no session may still
/// wait then.
pub struct Sessions<S, R> {
    shared: Arc<Shared<S, R>>,
    threads: Vec<thread::JoinHandle<()>>,
    is_waiting: Box<dyn Fn(usize) -> bool>,
}

impl<S: Send + 'static, R: Send + 'static> Sessions<S, R> {
    /// A thread for each of `states`, numbered from 0. `is_waiting` says whether a session waits inside the
    /// code under test; it is called without any lock held.
    pub fn new(
        states: impl IntoIterator<Item = S>,
        is_waiting: impl Fn(usize) -> bool + 'static,
    ) -> Sessions<S, R> {
        let states: Vec<S> = states.into_iter().collect();
        let desk = |_| Desk { work: None, result: None, is_busy: false, is_closed: false };
        let desks = Mutex::new((0..states.len()).map(desk).collect());
        let shared = Arc::new(Shared { desks, changed: Condvar::new() });
        let threads = states
            .into_iter()
            .enumerate()
            .map(|(number, state)| {
                let shared = Arc::clone(&shared);
                let builder = thread::Builder::new().name(format!("session {}", number + 1));
                builder.spawn(move || serve(&shared, number, state)).expect("a thread can be started")
            })
            .collect();
        Sessions { shared, threads, is_waiting: Box::new(is_waiting) }
    }

    /// Gives a session a step. Returns when the step has ended or waits.
    ///
    /// # Panics
    ///
    /// When the session still has a step, and as any session's step panicked (N3).
    pub fn step(&self, session: usize, work: impl FnOnce(&mut S) -> R + Send + 'static) -> Step<R> {
        let mut desks = self.shared.desks.lock();
        assert!(!desks[session].is_busy, "session {} still has a step", session + 1);
        desks[session].is_busy = true;
        desks[session].work = Some(Box::new(work));
        drop(desks);
        self.shared.changed.notify_all();
        self.look(session, true)
    }

    /// Whether the step of a session has ended by now: what it returned, or [`Step::Waits`] if it still
    /// waits.
    ///
    /// # Panics
    ///
    /// When the session has no step, and as any session's step panicked (N3).
    pub fn look_at(&self, session: usize) -> Step<R> {
        self.look(session, true)
    }

    /// Waits until the step of a session has ended.
    ///
    /// # Panics
    ///
    /// When the session has no step, and as any session's step panicked (N3).
    pub fn wait_for(&self, session: usize) -> R {
        self.look(session, false).done().expect("it has ended")
    }

    /// Whether a session has a step that was not seen to end.
    pub fn is_busy(&self, session: usize) -> bool {
        self.shared.desks.lock()[session].is_busy
    }

    fn look(&self, session: usize, may_wait: bool) -> Step<R> {
        loop {
            // Asked before the desk is looked at: a step that ends in between is seen to have ended.
            let is_waiting = may_wait && (self.is_waiting)(session);
            let mut desks = self.shared.desks.lock();
            assert!(desks[session].is_busy, "session {} has no step", session + 1);
            // Also of another session: the one that is looked at may wait for it.
            if let Some(payload) = panic_of(&mut desks) {
                drop(desks);
                hand_over(payload);
            }
            if let Some(Ok(result)) = desks[session].result.take() {
                desks[session].is_busy = false;
                return Step::Done(result);
            }
            if is_waiting && desks[session].work.is_none() {
                return Step::Waits;
            }
            // A wait without a limit: under a schedule, a session that nobody wakes is found as a deadlock.
            if may_wait {
                drop(self.shared.changed.wait_timeout(desks, LOOK_AGAIN));
            } else {
                drop(self.shared.changed.wait(desks));
            }
        }
    }
}

impl<S, R> Drop for Sessions<S, R> {
    fn drop(&mut self) {
        for desk in self.shared.desks.lock().iter_mut() {
            desk.is_closed = true;
        }
        self.shared.changed.notify_all();
        if !std::thread::panicking() {
            for thread in self.threads.drain(..) {
                // A step's panic is in its result.
                let _ = thread.join();
            }
            let unseen = panic_of(&mut self.shared.desks.lock());
            if let Some(payload) = unseen {
                hand_over(payload);
            }
        }
    }
}

type Payload = Box<dyn Any + Send>;

/// Takes the panic of a step, if one panicked.
fn panic_of<S, R>(desks: &mut [Desk<S, R>]) -> Option<Payload> {
    let desk = desks.iter_mut().find(|desk| matches!(desk.result, Some(Err(_))))?;
    desk.is_busy = false;
    desk.result.take()?.err()
}

/// Ends the test as the step ended. A failure has the scene of the session's thread and gets what is missing
/// from the test's.
fn hand_over(payload: Payload) -> ! {
    match payload.downcast::<Failure>() {
        Ok(failure) => Failure { is_complete: false, ..*failure }.raise(),
        Err(payload) => resume_unwind(payload),
    }
}

/// The thread of a session.
fn serve<S, R>(shared: &Arc<Shared<S, R>>, number: usize, mut state: S) {
    loop {
        let desks = shared.desks.lock();
        let is_idle = |desks: &mut Vec<Desk<S, R>>| desks[number].work.is_none() && !desks[number].is_closed;
        let mut desks = shared.changed.wait_while(desks, is_idle);
        let Some(work) = desks[number].work.take() else { return };
        drop(desks);
        let result = catch_unwind(AssertUnwindSafe(|| work(&mut state)));
        shared.desks.lock()[number].result = Some(result);
        shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// A lock that is handed to the sessions in the order in which they ask.
    struct Toy {
        /// The session that holds it, and those that wait.
        state: Mutex<(Option<usize>, VecDeque<usize>)>,
        freed: Condvar,
    }

    impl Toy {
        fn take(&self, session: usize) {
            let mut state = self.state.lock();
            match state.0 {
                None => state.0 = Some(session),
                Some(_) => state.1.push_back(session),
            }
            drop(self.freed.wait_while(state, |state| state.0 != Some(session)));
        }

        fn free(&self) {
            let mut state = self.state.lock();
            state.0 = state.1.pop_front();
            drop(state);
            self.freed.notify_all();
        }
    }

    /// Two sessions with one lock.
    fn two() -> Sessions<Arc<Toy>, ()> {
        let toy = Arc::new(Toy { state: Mutex::new((None, VecDeque::new())), freed: Condvar::new() });
        let asked = Arc::clone(&toy);
        let states = (0..2).map(|_| Arc::clone(&toy));
        Sessions::new(states, move |session| asked.state.lock().1.contains(&session))
    }

    fn lead() {
        let sessions = two();
        assert_eq!(sessions.step(0, |toy| toy.take(0)), Step::Done(()));
        assert_eq!(sessions.step(1, |toy| toy.take(1)), Step::Waits);
        assert_eq!(sessions.look_at(1), Step::Waits);
        assert!(sessions.is_busy(1) && !sessions.is_busy(0));
        assert_eq!(sessions.step(0, |toy| toy.free()), Step::Done(()));
        sessions.wait_for(1);
        assert_eq!(sessions.step(1, |toy| toy.free()), Step::Done(()));
    }

    #[test]
    fn steps_end_or_wait_on_real_threads() {
        lead();
    }

    #[test]
    #[cfg(feature = "controlled")]
    fn steps_end_or_wait_under_every_schedule() {
        crate::schedule::explore(200, lead);
    }

    /// Session 2 waits for the lock of session 1, is granted it, and panics while it holds it.
    fn granted_and_unfinished() -> Sessions<Arc<Toy>, ()> {
        let sessions = two();
        sessions.step(0, |toy| toy.take(0));
        let unfinished = |toy: &mut Arc<Toy>| {
            toy.take(1);
            todo!("task 5.1")
        };
        assert_eq!(sessions.step(1, unfinished), Step::Waits);
        sessions.step(0, |toy| toy.free());
        sessions
    }

    /// Tests in which a step of session 2 panics. The test waits for this step, or for a step of session 1
    /// that waits for session 2, or only for the end of the sessions.
    const UNFINISHED: [fn(); 3] = [
        || {
            two().step(1, |_| todo!("task 5.1"));
        },
        || {
            let sessions = granted_and_unfinished();
            sessions.step(0, |toy| toy.take(0));
            sessions.wait_for(0);
        },
        || drop(granted_and_unfinished()),
    ];

    #[test]
    fn a_panic_of_a_step_ends_the_test_with_its_message() {
        for test in UNFINISHED {
            let failure = crate::harness::caught(test).expect_err("a step panics");
            assert_eq!(failure.report.what, "not yet implemented: task 5.1");
            assert_eq!(failure.kind, crate::failure::Kind::Todo);
        }
    }

    #[test]
    #[cfg(feature = "controlled")]
    fn a_panic_of_a_step_ends_the_test_with_its_message_under_every_schedule() {
        for test in UNFINISHED {
            let failure = crate::harness::caught(|| crate::schedule::explore(200, test));
            let failure = failure.expect_err("a step panics");
            assert_eq!(failure.report.what, "not yet implemented: task 5.1");
            assert_eq!(failure.kind, crate::failure::Kind::Todo);
        }
    }

    #[test]
    fn a_check_of_a_step_ends_the_test_with_the_steps_of_the_test() {
        let failure = crate::harness::caught(|| {
            crate::scene::step("lock.take(1)");
            two().step(1, |_| crate::check_eq!(1, 2, "the number of locks"));
        });
        let report = failure.expect_err("a check does not hold").report;
        assert_eq!(report.what, "the number of locks");
        assert_eq!((report.expected.as_deref(), report.found.as_deref()), (Some("2"), Some("1")));
        assert_eq!(report.steps, ["lock.take(1)"]);
    }
}
