//! Performance: a learner's code beside the reference, in one process, in turn.
//!
//! ```text
//!   perf/lib.rs, compiled twice        the perf binary
//!     workloads() with the learner's --+
//!     workloads() with the reference's +--> main(learner, reference)
//!                                             pairs: A B  B A  A B ...   ratio of each pair
//!                                             median, 95 % interval, more pairs if undecided
//! ```
//!
//! - P1: a time is never compared with a number of seconds, only with the other side's time in the same pair.
//! - P2: time is processor time: for [`Workload::timed`] of the thread, and of the threads that the learner's
//!   round starts; for [`Workload::timed_threads`] of the process. A busy machine slows both sides and
//!   changes neither.
//! - P3: a count is exact and measured once.
//! - P4: a workload that panics, or in which the learner is far over the limit, ends early; the others still
//!   run.
//! - P5: each round returns a [`Digest`] of what it computed. Round by round it must equal the reference's,
//!   so code that skips the work has no figure.
//! - P6: only the side whose turn it is computes. Threads and processes that the learner's side left running
//!   end the measurement.

mod compare;
mod digest;
mod intruders;
mod main;
mod measure;
mod stats;

pub use compare::{Beside, Peers, compare};
pub use digest::Digest;
pub use main::main;
pub use measure::{Config, measure};

/// One thing that is measured. The same list is built against the learner's crate and the reference's.
pub struct Workload {
    pub(crate) id: &'static str,
    pub(crate) kind: Kind,
}

/// Work that is done once a round, and the digest of what it computed (P5).
pub type Round = Box<dyn FnMut() -> Digest>;

pub(crate) enum Kind {
    Timed { setup: Box<dyn Fn() -> Round>, clock: Clock },
    Counted(Box<dyn Fn() -> f64>),
}

/// Which processor time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    Thread,
    Process,
}

impl Workload {
    /// A workload on one thread. `setup` builds the state, untimed, and returns the round: 2 to 10 ms of work
    /// with the reference. The digest holds what every correct design computes in this round, and enough of
    /// it that the work cannot be left out.
    pub fn timed<R>(id: &'static str, setup: impl Fn() -> Box<R> + 'static) -> Self
    where
        R: FnMut() -> Digest + 'static,
    {
        let setup = move || -> Round { setup() };
        Workload { id, kind: Kind::Timed { setup: Box::new(setup), clock: Clock::Thread } }
    }

    /// As [`Workload::timed`], for a round that starts threads and joins them: processor time of the process.
    pub fn timed_threads<R>(id: &'static str, setup: impl Fn() -> Box<R> + 'static) -> Self
    where
        R: FnMut() -> Digest + 'static,
    {
        let setup = move || -> Round { setup() };
        Workload { id, kind: Kind::Timed { setup: Box::new(setup), clock: Clock::Process } }
    }

    /// An exact count, for instance of comparisons, that does not depend on the machine.
    pub fn counted(id: &'static str, count: impl Fn() -> f64 + 'static) -> Self {
        Workload { id, kind: Kind::Counted(Box::new(count)) }
    }

    /// The workload's id, as in `lab.toml`.
    pub fn id(&self) -> &'static str {
        self.id
    }
}

impl std::fmt::Debug for Workload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workload").field("id", &self.id).finish_non_exhaustive()
    }
}
