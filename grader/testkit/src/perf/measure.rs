//! The engine: pairs of rounds, until the interval decides.
//!
//! One pair is learner and reference (or the other way round, in turn: ABBA), each timed over as many repeats
//! of its round as make the reference's share at least [`Config::min_round_ns`]. The learner's share does the
//! same number of repeats. Both sides run the same rounds in the same order, so that the digests of a round
//! can be compared whichever side ran it first.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use grader_protocol::{Failure as Report, Measurement, Value};
use rustix::time::{ClockId, clock_gettime};

use super::intruders::Intruders;
use super::{Clock, Digest, Kind, Round, Workload, stats};
use crate::harness::caught;

/// A learner's round that takes so long, and a hundred times the reference's, is measured once.
const HOPELESS_SECONDS: f64 = 2.0;

/// Time of other threads that a share of the learner's is not charged for, because of the watchdog and of
/// rounding: a part of the share's own time, and nanoseconds.
const FREE_PART: f64 = 0.10;
const FREE_NS: f64 = 5e5;

/// How [`measure`] goes about it.
#[derive(Debug, Clone)]
pub struct Config {
    /// Pairs of the first attempt.
    pub pairs: u32,
    /// The pairs are doubled while undecided, up to this many times the first attempt.
    pub max_doubling: u32,
    /// Least processor time of the reference's share of a pair.
    pub min_round_ns: f64,
    /// Most processor time of one workload, in seconds. A measurement with at least three pairs is given
    /// then.
    pub workload_seconds: f64,
    /// Most real time of one workload, in seconds: ends a learner's code that sleeps. A table of peers has no
    /// such limit.
    pub wall_seconds: f64,
    /// Gates: id and largest allowed ratio. Only a workload with a gate needs more pairs to decide.
    pub gates: Vec<(String, f64)>,
    /// Measures only these ids; all if empty.
    pub only: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            pairs: 21,
            max_doubling: 4,
            min_round_ns: 5e6,
            workload_seconds: 12.0,
            wall_seconds: 20.0,
            gates: Vec::new(),
            only: Vec::new(),
        }
    }
}

/// Measures each workload of `learner` beside the one of `reference` with the same id, in the learner's
/// order.
pub fn measure(learner: Vec<Workload>, reference: Vec<Workload>, config: &Config) -> Vec<Measurement> {
    let wanted = |id: &str| config.only.is_empty() || config.only.iter().any(|only| only == id);
    let mut out = Vec::new();
    for ours in learner.iter().filter(|workload| wanted(workload.id)) {
        let value = match reference.iter().find(|other| other.id == ours.id) {
            Some(theirs) => measure_one(ours, theirs, config),
            None => broken(format!("the reference has no workload called {}", ours.id)),
        };
        out.push(Measurement { id: ours.id.to_string(), value });
    }
    out
}

fn broken(what: String) -> Value {
    Value::Broken { failure: Report { what, ..Report::default() } }
}

fn measure_one(learner: &Workload, reference: &Workload, config: &Config) -> Value {
    // A panic of the learner's side is a failure; a panic of the reference's side means that the suite is
    // broken.
    let result = caught(|| match (&learner.kind, &reference.kind) {
        (Kind::Counted(ours), Kind::Counted(theirs)) => {
            let reference = on_behalf_of_the_reference(theirs);
            Value::Count { learner: ours(), reference }
        }
        (Kind::Timed { setup: ours, clock }, Kind::Timed { setup: theirs, .. }) => {
            let max = config.gates.iter().find(|(id, _)| id == learner.id).map(|(_, max)| *max);
            // The reference is set up first: nothing of the learner's code runs beside it.
            let theirs = on_behalf_of_the_reference(theirs);
            let pairs = Pairs::new(ours(), theirs, *clock, config);
            pairs.run(config, max).unwrap_or_else(broken)
        }
        _ => broken(format!("{} is timed on one side and counted on the other", learner.id)),
    });
    result.unwrap_or_else(|failure| Value::Broken { failure: failure.report })
}

fn on_behalf_of_the_reference<R>(work: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| panic!("the reference's side of the workload panicked"))
}

/// A side, and what its rounds computed that the other side has not run yet.
struct Side {
    round: Round,
    digests: VecDeque<Digest>,
}

impl Side {
    fn new(round: Round) -> Self {
        Side { round, digests: VecDeque::new() }
    }

    /// Processor nanoseconds of `repeats` rounds.
    fn time(&mut self, clock: Clock, repeats: u32) -> f64 {
        self.digests.reserve(repeats as usize);
        let start = now(clock);
        for _ in 0..repeats {
            self.digests.push_back((self.round)());
        }
        now(clock) - start
    }
}

/// Two rounds that take turns.
pub(super) struct Pairs {
    ours: Side,
    theirs: Side,
    clock: Clock,
    repeats: u32,
    ratios: Vec<f64>,
    ours_ns: Vec<f64>,
    theirs_ns: Vec<f64>,
    spent_ns: f64,
    start: Instant,
    /// `None` for peers, which may have threads of their own.
    intruders: Option<Intruders>,
    /// Rounds whose digests were compared.
    compared: u64,
    /// Why the measurement does not count.
    problem: Option<String>,
    /// The learner's first round was so slow that no more rounds are needed.
    is_hopeless: bool,
}

impl Pairs {
    /// A learner's side and the reference's.
    pub(super) fn new(ours: Round, theirs: Round, clock: Clock, config: &Config) -> Self {
        Self::warmed_up(ours, theirs, clock, config, Some(Intruders::default()))
    }

    /// Two sides of a table: nobody is graded, so both may wait and may have threads of their own.
    pub(super) fn of_peers(ours: Round, theirs: Round, clock: Clock, config: &Config) -> Self {
        Self::warmed_up(ours, theirs, clock, config, None)
    }

    /// Warms both sides up and finds the number of repeats.
    fn warmed_up(
        ours: Round,
        theirs: Round,
        clock: Clock,
        config: &Config,
        intruders: Option<Intruders>,
    ) -> Self {
        let mut pairs = Pairs {
            ours: Side::new(ours),
            theirs: Side::new(theirs),
            clock,
            repeats: 1,
            ratios: Vec::new(),
            ours_ns: Vec::new(),
            theirs_ns: Vec::new(),
            spent_ns: 0.0,
            start: Instant::now(),
            intruders,
            compared: 0,
            problem: None,
            is_hopeless: false,
        };
        let first = pairs.theirs.time(clock, 1);
        let warm = pairs.theirs.time(clock, 1).min(first).max(50.0);
        pairs.repeats = (config.min_round_ns / warm).ceil().clamp(1.0, 100_000.0) as u32;
        let ours = pairs.time_ours(1);
        pairs.spent_ns = first + warm + ours;
        // A first round is slower than later ones (page faults, caches), but not by so much.
        if ours > HOPELESS_SECONDS * 1e9 && ours > 100.0 * warm {
            pairs.is_hopeless = true;
            pairs.note(ours, warm, 1);
        } else {
            pairs.spent_ns += pairs.time_ours(1);
        }
        pairs.compare();
        pairs
    }

    /// Pairs until the interval is on one side of `max`, or enough; or why there is no figure.
    pub(super) fn run(mut self, config: &Config, max: Option<f64>) -> Result<Value, String> {
        let mut target = config.pairs;
        while !self.is_hopeless && self.problem.is_none() {
            while self.ratios.len() < target as usize && self.problem.is_none() {
                self.one_pair();
                let hopeless = max.is_some_and(|max| self.ratios.iter().all(|ratio| *ratio > 10.0 * max));
                // A table may wait: for a disk that syncs, for instance.
                let wall = if self.intruders.is_some() { self.start.elapsed().as_secs_f64() } else { 0.0 };
                let is_late = self.spent_ns > config.workload_seconds * 1e9 || wall > config.wall_seconds;
                if self.ratios.len() >= 3 && (hopeless || is_late) {
                    return self.result();
                }
                if wall > 2.0 * config.wall_seconds {
                    return Err(format!(
                        "{} pairs took {wall:.0} s, of which {:.1} s are processor time: look for a sleep or a wait",
                        self.ratios.len(),
                        self.spent_ns / 1e9
                    ));
                }
            }
            let (low, high) = stats::interval(&self.ratios);
            let undecided = max.is_some_and(|max| low <= max && max < high);
            if !undecided || target >= config.pairs * config.max_doubling {
                break;
            }
            target *= 2;
        }
        self.result()
    }

    fn one_pair(&mut self) {
        let repeats = self.repeats;
        let (ours, theirs) = if self.ratios.len().is_multiple_of(2) {
            let ours = self.time_ours(repeats);
            (ours, self.time_theirs(repeats))
        } else {
            let theirs = self.time_theirs(repeats);
            (self.time_ours(repeats), theirs)
        };
        self.spent_ns += ours + theirs;
        self.compare();
        self.note(ours, theirs, repeats);
        // A learner so slow that the pairs would not fit: fewer repeats, at least one.
        if self.ratios.len() == 1 && ours > 20.0 * theirs {
            self.repeats = (repeats / 10).max(1);
        }
    }

    /// A share of the learner's. What other threads computed meanwhile counts too: the round gave it to them
    /// (P2).
    fn time_ours(&mut self, repeats: u32) -> f64 {
        let start = Time::now();
        let ours = self.ours.time(self.clock, repeats);
        let others = start.others_since();
        let is_charged = self.clock == Clock::Thread && self.intruders.is_some();
        if is_charged && others > FREE_NS + FREE_PART * ours { ours + others } else { ours }
    }

    /// A share of the reference, and what else computed beside it.
    fn time_theirs(&mut self, repeats: u32) -> f64 {
        if let Some(intruders) = &mut self.intruders {
            intruders.before(self.clock);
        }
        let start = Time::now();
        let theirs = self.theirs.time(self.clock, repeats);
        if let Some(intruders) = &mut self.intruders {
            intruders.after(self.clock, start);
        }
        theirs
    }

    /// Compares the digests of the rounds that both sides have run (P5).
    fn compare(&mut self) {
        while let (Some(ours), Some(theirs)) = (self.ours.digests.front(), self.theirs.digests.front()) {
            if self.problem.is_none() && theirs.is_empty() {
                self.problem = Some("the suite's round returns the digest of nothing".into());
            } else if self.problem.is_none() && ours != theirs {
                let round = self.compared + 1;
                self.problem = Some(format!(
                    "wrong results: what round {round} computed differs from the reference's, so its time means nothing: \
                     find the wrong result with the task's tests first"
                ));
            }
            self.compared += 1;
            self.ours.digests.pop_front();
            self.theirs.digests.pop_front();
        }
    }

    fn note(&mut self, ours: f64, theirs: f64, repeats: u32) {
        self.ours_ns.push(ours / f64::from(repeats));
        self.theirs_ns.push(theirs / f64::from(repeats));
        self.ratios.push(ours / theirs.max(1.0));
    }

    fn result(self) -> Result<Value, String> {
        if let Some(problem) = self.problem.or_else(|| self.intruders.and_then(|found| found.verdict())) {
            return Err(problem);
        }
        let (low, high) = stats::interval(&self.ratios);
        Ok(Value::Ratio {
            median: stats::median(&self.ratios),
            low,
            high,
            pairs: self.ratios.len() as u32,
            learner_ns: stats::median(&self.ours_ns),
            reference_ns: stats::median(&self.theirs_ns),
        })
    }
}

/// A moment on both processor clocks, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time {
    pub(super) thread: f64,
    pub(super) process: f64,
}

impl Time {
    pub(super) fn now() -> Self {
        Time { thread: now(Clock::Thread), process: now(Clock::Process) }
    }

    /// Nanoseconds that other threads have computed since this moment.
    pub(super) fn others_since(&self) -> f64 {
        let end = Time::now();
        (end.process - self.process - (end.thread - self.thread)).max(0.0)
    }
}

/// Processor nanoseconds so far.
pub(super) fn now(clock: Clock) -> f64 {
    let id = match clock {
        Clock::Thread => ClockId::ThreadCPUTime,
        Clock::Process => ClockId::ProcessCPUTime,
    };
    let time = clock_gettime(id);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn computes() -> Round {
        Box::new(|| Digest::of((0..10_000).fold(0, |sum: u64, k| std::hint::black_box(sum ^ k))))
    }

    /// Computes the same, and waits.
    fn waits() -> Round {
        let mut round = computes();
        Box::new(move || {
            std::thread::sleep(Duration::from_millis(20));
            round()
        })
    }

    /// The limit of real time ends a learner's code that sleeps. A side of a table may wait for a disk.
    #[test]
    fn only_a_graded_side_has_a_limit_of_real_time() {
        let config = Config {
            pairs: 5,
            min_round_ns: 1e3,
            wall_seconds: 0.01,
            workload_seconds: 60.0,
            ..Config::default()
        };
        let graded = Pairs::new(waits(), computes(), Clock::Thread, &config).run(&config, None);
        let why = graded.expect_err("it waits for longer than twice the limit");
        assert!(why.contains("s are processor time: look for a sleep or a wait"), "{why}");
        let table = Pairs::of_peers(waits(), computes(), Clock::Thread, &config).run(&config, None);
        assert!(matches!(table, Ok(Value::Ratio { pairs: 5, .. })), "{table:?}");
    }
}
