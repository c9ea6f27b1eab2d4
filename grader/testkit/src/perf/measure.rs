//! The engine: pairs of rounds, until the interval decides.
//!
//! One pair is learner and reference (or the other way round, in turn: ABBA), each timed over as many repeats
//! of its round as make the reference's share at least [`Config::min_round_ns`]. The learner's share does the
//! same number of repeats.

use std::panic::{AssertUnwindSafe, catch_unwind};

use grader_protocol::{Failure as Report, Measurement, Value};
use rustix::time::{ClockId, clock_gettime};

use super::{Clock, Kind, Round, Workload, stats};
use crate::harness::caught;

/// A learner's round that takes so long, and a hundred times the reference's, is measured once.
const HOPELESS_SECONDS: f64 = 2.0;

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
            workload_seconds: 20.0,
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
            let theirs = on_behalf_of_the_reference(theirs);
            Pairs::new(ours(), theirs, *clock, config).run(config, max)
        }
        _ => broken(format!("{} is timed on one side and counted on the other", learner.id)),
    });
    result.unwrap_or_else(|failure| Value::Broken { failure: failure.report })
}

fn on_behalf_of_the_reference<R>(work: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| panic!("the reference's side of the workload panicked"))
}

/// Two rounds that take turns.
pub(super) struct Pairs {
    ours: Round,
    theirs: Round,
    clock: Clock,
    repeats: u32,
    ratios: Vec<f64>,
    ours_ns: Vec<f64>,
    theirs_ns: Vec<f64>,
    spent_ns: f64,
    /// The learner's first round was so slow that no more rounds are needed.
    is_hopeless: bool,
}

impl Pairs {
    /// Warms both sides up and finds the number of repeats.
    pub(super) fn new(ours: Round, theirs: Round, clock: Clock, config: &Config) -> Self {
        let mut pairs = Pairs {
            ours,
            theirs,
            clock,
            repeats: 1,
            ratios: Vec::new(),
            ours_ns: Vec::new(),
            theirs_ns: Vec::new(),
            spent_ns: 0.0,
            is_hopeless: false,
        };
        let first = time(clock, &mut pairs.theirs, 1);
        let warm = time(clock, &mut pairs.theirs, 1).min(first).max(50.0);
        pairs.repeats = (config.min_round_ns / warm).ceil().clamp(1.0, 100_000.0) as u32;
        let ours = time(clock, &mut pairs.ours, 1);
        pairs.spent_ns = first + warm + ours;
        // A first round is slower than later ones (page faults, caches), but not by so much.
        if ours > HOPELESS_SECONDS * 1e9 && ours > 100.0 * warm {
            pairs.is_hopeless = true;
            pairs.note(ours, warm, 1);
        }
        pairs
    }

    /// Pairs until the interval is on one side of `max`, or enough.
    pub(super) fn run(mut self, config: &Config, max: Option<f64>) -> Value {
        let mut target = config.pairs;
        if self.is_hopeless {
            return self.value();
        }
        loop {
            while self.ratios.len() < target as usize {
                self.one_pair();
                let hopeless = max.is_some_and(|max| self.ratios.iter().all(|ratio| *ratio > 10.0 * max));
                let is_enough = self.ratios.len() >= 3;
                if is_enough && (hopeless || self.spent_ns > config.workload_seconds * 1e9) {
                    return self.value();
                }
            }
            let (low, high) = stats::interval(&self.ratios);
            let undecided = max.is_some_and(|max| low <= max && max < high);
            if !undecided || target >= config.pairs * config.max_doubling {
                return self.value();
            }
            target *= 2;
        }
    }

    fn one_pair(&mut self) {
        let repeats = self.repeats;
        let (ours, theirs) = if self.ratios.len().is_multiple_of(2) {
            let ours = time(self.clock, &mut self.ours, repeats);
            (ours, time(self.clock, &mut self.theirs, repeats))
        } else {
            let theirs = time(self.clock, &mut self.theirs, repeats);
            (time(self.clock, &mut self.ours, repeats), theirs)
        };
        self.spent_ns += ours + theirs;
        self.note(ours, theirs, repeats);
        // A learner so slow that the pairs would not fit: fewer repeats, at least one.
        if self.ratios.len() == 1 && ours > 20.0 * theirs {
            self.repeats = (repeats / 10).max(1);
        }
    }

    fn note(&mut self, ours: f64, theirs: f64, repeats: u32) {
        self.ours_ns.push(ours / f64::from(repeats));
        self.theirs_ns.push(theirs / f64::from(repeats));
        self.ratios.push(ours / theirs.max(1.0));
    }

    fn value(&self) -> Value {
        let (low, high) = stats::interval(&self.ratios);
        Value::Ratio {
            median: stats::median(&self.ratios),
            low,
            high,
            pairs: self.ratios.len() as u32,
            learner_ns: stats::median(&self.ours_ns),
            reference_ns: stats::median(&self.theirs_ns),
        }
    }
}

/// Processor nanoseconds of `repeats` rounds.
fn time(clock: Clock, round: &mut Round, repeats: u32) -> f64 {
    let start = now(clock);
    for _ in 0..repeats {
        round();
    }
    now(clock) - start
}

fn now(clock: Clock) -> f64 {
    let id = match clock {
        Clock::Thread => ClockId::ThreadCPUTime,
        Clock::Process => ClockId::ProcessCPUTime,
    };
    let time = clock_gettime(id);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}
