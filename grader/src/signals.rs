//! What the grader does before a signal ends it.
//!
//! [`crate::children`] kills the processes that it started, and the commands put the terminal back. Both
//! register a cleanup here; Ctrl-C, SIGTERM and SIGHUP run every cleanup and then end the program as if
//! nothing had caught the signal. [`end`] does the same without a signal.
//!
//! Invariants:
//! - I1: cleanups run in the reverse order of their registration, at most once.
//! - I2: once they run, no cleanup can be added or taken away: both block until the program has ended.

use std::sync::{Mutex, MutexGuard, Once, PoisonError};

type Cleanup = Box<dyn FnMut() + Send>;

/// The cleanups with their numbers, in the order of their registration.
static CLEANUPS: Mutex<Vec<(u64, Cleanup)>> = Mutex::new(Vec::new());

fn cleanups() -> MutexGuard<'static, Vec<(u64, Cleanup)>> {
    CLEANUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A registered cleanup; dropping this takes it away again.
#[derive(Debug)]
pub struct Registered(u64);

impl Drop for Registered {
    fn drop(&mut self) {
        cleanups().retain(|(number, _)| *number != self.0);
    }
}

/// Runs `cleanup` before a signal ends the program.
pub fn before_end(cleanup: impl FnMut() + Send + 'static) -> Registered {
    static LISTEN: Once = Once::new();
    LISTEN.call_once(listen);
    let mut cleanups = cleanups();
    let number = cleanups.last().map_or(0, |(last, _)| last + 1);
    cleanups.push((number, Box::new(cleanup)));
    Registered(number)
}

/// Runs the cleanups and ends the program with `code`.
pub fn end(code: i32) -> ! {
    clean_up();
    std::process::exit(code)
}

fn clean_up() {
    let mut cleanups = cleanups();
    while let Some((_, mut cleanup)) = cleanups.pop() {
        cleanup();
    }
    // I2: the lock is never released.
    std::mem::forget(cleanups);
}

fn listen() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return };
    let watch = move || {
        if let Some(signal) = signals.forever().next() {
            clean_up();
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    };
    // Without the thread a signal is caught and nothing follows, so it must not be caught then.
    let thread = std::thread::Builder::new().name("signals".to_owned()).spawn(watch);
    thread.expect("a grader that cannot start a thread cannot run a test either");
}
