//! Finds code of the learner's that computes while the reference is measured (P6).
//!
//! A thread that spins on adds its time to the reference's where the whole process is timed, and takes the
//! caches from it elsewhere; a process does the latter. Either makes a slow learner look fast.
//!
//! ```text
//!   before each share of the reference   no child process
//!   one-thread workload                  over the share:  time of the process - time of this thread
//!   workload with threads                over a probe:    the same; this thread computes for 6 ms
//! ```
//!
//! The differences of all shares are added up. An idle process has next to none; a thread that spins has as
//! much as this thread, or a good part of it on one core. A thread that sleeps is allowed.

use std::hint::black_box;

use rustix::process::{WaitId, WaitIdOptions};

use super::Clock;
use super::measure::{Time, now};

/// Foreign time is tolerated up to this part of the own time: the watchdog, and rounding.
const TOLERATED: f64 = 0.10;

/// And up to this much in all, in nanoseconds.
const SLACK_NS: f64 = 2e6;

/// Computing time of a probe: longer than the 4 ms after which the system counts what runs on another core.
const PROBE_NS: f64 = 6e6;

/// Adds up what others computed beside the measuring thread.
#[derive(Debug, Default)]
pub(super) struct Intruders {
    own_ns: f64,
    foreign_ns: f64,
    has_child: bool,
}

impl Intruders {
    /// Before a share of the reference.
    pub(super) fn before(&mut self, clock: Clock) {
        self.has_child |= has_child();
        if clock == Clock::Process {
            let start = Time::now();
            while now(Clock::Thread) - start.thread < PROBE_NS {
                (0..100_u64).for_each(|number| _ = black_box(number));
            }
            self.note(start);
        }
    }

    /// What a share of the reference on this thread alone took, from `start` to now.
    pub(super) fn after(&mut self, clock: Clock, start: Time) {
        if clock == Clock::Thread {
            self.note(start);
        }
    }

    fn note(&mut self, start: Time) {
        let end = Time::now();
        let own = end.thread - start.thread;
        self.own_ns += own;
        self.foreign_ns += (end.process - start.process - own).max(0.0);
    }

    /// Why the measurement does not count, if it does not.
    pub(super) fn verdict(&self) -> Option<String> {
        if self.has_child {
            return Some(
                "the lab's code started a process that still ran while the reference was measured".into(),
            );
        }
        (self.foreign_ns > SLACK_NS + TOLERATED * self.own_ns).then(|| {
            let percent = 100.0 * self.foreign_ns / self.own_ns.max(1.0);
            format!(
                "threads that the lab's code left behind were computing while the reference was measured \
                 ({percent:.0} % of its time); join every thread before the round returns"
            )
        })
    }
}

/// Whether this process has a child, running or ended.
fn has_child() -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    rustix::process::waitid(WaitId::All, options).is_ok()
}
