//! The engine: pairs of rounds, until the interval decides.
//!
//! One pair is learner and reference (or the other way round, in turn: ABBA), each timed over as many repeats
//! of its round as make the reference's share at least [`Config::min_round_ns`]. The learner's share does the
//! same number of repeats. Both sides run the same rounds in the same order, so that the digests of a round
//! can be compared whichever side ran it first.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use grader_protocol::{Failure as Report, Measurement, Value};
use rustix::time::{ClockId, clock_gettime};

use super::intruders::Intruders;
use super::{Clock, Digest, Kind, Round, Workload, stats};
use crate::harness::caught;

/// A learner's round that takes so long, and a hundred times the reference's, is measured once.
const HOPELESS_SECONDS: f64 = 2.0;

/// Longest real time of one workload's pairs. Processor time is limited by [`Config::workload_seconds`]; this
/// ends a learner's code that sleeps.
const WALL_LIMIT: Duration = Duration::from_secs(20);

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
    /// Warms both sides up and finds the number of repeats.
    pub(super) fn new(ours: Round, theirs: Round, clock: Clock, config: &Config) -> Self {
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
            intruders: Some(Intruders::default()),
            compared: 0,
            problem: None,
            is_hopeless: false,
        };
        let first = pairs.theirs.time(clock, 1);
        let warm = pairs.theirs.time(clock, 1).min(first).max(50.0);
        pairs.repeats = (config.min_round_ns / warm).ceil().clamp(1.0, 100_000.0) as u32;
        let ours = pairs.ours.time(clock, 1);
        pairs.spent_ns = first + warm + ours;
        // A first round is slower than later ones (page faults, caches), but not by so much.
        if ours > HOPELESS_SECONDS * 1e9 && ours > 100.0 * warm {
            pairs.is_hopeless = true;
            pairs.note(ours, warm, 1);
        } else {
            pairs.spent_ns += pairs.ours.time(clock, 1);
        }
        pairs.compare();
        pairs
    }

    /// The same for sides that nobody is graded by: threads of their own are allowed.
    pub(super) fn trusting(self) -> Self {
        Pairs { intruders: None, ..self }
    }

    /// Pairs until the interval is on one side of `max`, or enough; or why there is no figure.
    pub(super) fn run(mut self, config: &Config, max: Option<f64>) -> Result<Value, String> {
        let mut target = config.pairs;
        while !self.is_hopeless && self.problem.is_none() {
            while self.ratios.len() < target as usize && self.problem.is_none() {
                self.one_pair();
                let hopeless = max.is_some_and(|max| self.ratios.iter().all(|ratio| *ratio > 10.0 * max));
                let is_late =
                    self.spent_ns > config.workload_seconds * 1e9 || self.start.elapsed() > WALL_LIMIT;
                if self.ratios.len() >= 3 && (hopeless || is_late) {
                    return self.result();
                }
                if self.start.elapsed() > 2 * WALL_LIMIT {
                    let pairs = self.ratios.len();
                    return Err(format!(
                        "it waits instead of computing: {pairs} pairs took {WALL_LIMIT:?} and more"
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
            let ours = self.ours.time(self.clock, repeats);
            (ours, self.time_theirs(repeats))
        } else {
            let theirs = self.time_theirs(repeats);
            (self.ours.time(self.clock, repeats), theirs)
        };
        self.spent_ns += ours + theirs;
        self.compare();
        self.note(ours, theirs, repeats);
        // A learner so slow that the pairs would not fit: fewer repeats, at least one.
        if self.ratios.len() == 1 && ours > 20.0 * theirs {
            self.repeats = (repeats / 10).max(1);
        }
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
                    "wrong results: what round {round} computed differs from the reference's, so its time means nothing"
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
