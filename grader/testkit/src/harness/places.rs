//! Where the threads of a test are when the test has to be given up.
//!
//! ```text
//!   watchdog                           a thread of the test
//!     signal ------------------------>   handler: captures its own frames
//!     waits for at most 200 ms  <-----   and leaves them in SLOT
//!     looks the names up, keeps the learner's lines
//! ```
//!
//! Capturing allocates, which a signal handler must not do: a thread that is interrupted inside the allocator
//! may stop there for good. Here that is allowed, because the process ends with the report that is being
//! made. A thread that does not answer ends the search, and then nothing is looked up: it may hold a lock
//! that the look-up needs.
//!
//! Left out: systems other than Linux, where the report has no places.

use std::backtrace::Backtrace;

/// What is known of one thread.
pub(super) struct Place {
    /// The thread's name.
    pub(super) name: String,
    /// The learner's lines, innermost first; empty if it runs none of the learner's code.
    pub(super) lines: Vec<String>,
}

/// Where these threads are, each given by its number and its name. Empty if one of them does not answer.
pub(super) fn of(threads: Vec<(i32, String)>) -> Vec<Place> {
    let captured: Option<Vec<(String, Backtrace)>> =
        threads.into_iter().map(|(id, name)| Some((name, signals::frames_of(id)?))).collect();
    let place = |(name, frames): (String, Backtrace)| {
        let lines = super::report::trace(None, &super::report::frames(&frames));
        Place { name, lines }
    };
    captured.unwrap_or_default().into_iter().map(place).collect()
}

#[cfg(target_os = "linux")]
mod signals {
    // A handler can be installed, and one thread be signalled, only through the C library.
    #![allow(unsafe_code)]

    use std::backtrace::Backtrace;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Mutex, Once, PoisonError};
    use std::time::{Duration, Instant};

    /// Longest wait for a thread's answer.
    const ANSWER: Duration = Duration::from_millis(200);

    /// What the signalled thread captured.
    static SLOT: Mutex<Option<Backtrace>> = Mutex::new(None);
    static HAS_ANSWERED: AtomicBool = AtomicBool::new(false);

    extern "C" fn answer(_signal: libc::c_int) {
        let frames = Backtrace::force_capture();
        if let Ok(mut slot) = SLOT.try_lock() {
            *slot = Some(frames);
        }
        HAS_ANSWERED.store(true, Ordering::Release);
    }

    /// The frames of a thread of this process; `None` if it does not answer.
    pub(super) fn frames_of(thread: i32) -> Option<Backtrace> {
        install();
        HAS_ANSWERED.store(false, Ordering::Relaxed);
        // SAFETY: the system call takes numbers only; a thread that is gone is an error that it returns.
        let sent = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, libc::SIGUSR2) };
        let start = Instant::now();
        while sent == 0 && start.elapsed() < ANSWER {
            if HAS_ANSWERED.load(Ordering::Acquire) {
                return SLOT.lock().unwrap_or_else(PoisonError::into_inner).take();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        None
    }

    fn install() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // SAFETY: an all-zero `sigaction` is a valid one; the handler has the type that the flags ask
            // for.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = answer as extern "C" fn(libc::c_int) as usize;
                action.sa_flags = libc::SA_RESTART;
                libc::sigaction(libc::SIGUSR2, &raw const action, std::ptr::null_mut());
            }
        });
    }
}

#[cfg(not(target_os = "linux"))]
mod signals {
    pub(super) fn frames_of(_thread: i32) -> Option<std::backtrace::Backtrace> {
        None
    }
}
