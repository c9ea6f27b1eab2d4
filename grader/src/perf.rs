//! The performance gates of a lab.
//!
//! Each workload has a process of its own, so that one that hangs or aborts loses only its own figure. They
//! run one at a time, because other work on the same cores is the largest error of measurement. The program
//! measures, and refuses a figure when the results differ from the reference's or when something else
//! computes beside it (P5 and P6 of `testkit::perf`). This module compares the figure with the gate:
//!
//! | gate | pass | fail | too noisy |
//! | --- | --- | --- | --- |
//! | ratio | high end of the interval within max | low end past max | else |
//! | count | within max | past max | never |
//!
//! A ratio that no honest code is expected to reach is measured again; if it comes again, the report says so.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use grader_protocol::{Failure, Limits, Outcome, Value};

use crate::catalog::PerfGate;
use crate::model::{GateKind, PerfReport, PerfVerdict, TestOutcome};
use crate::observer::Observer;
use crate::request::Rounds;
use crate::run::outcome;
use crate::run::process::{self, Ended, Job};

/// Wall seconds for one workload: 84 pairs of 10 ms rounds need two, the rest is for slow solutions.
const WALL_SECONDS: u64 = 90;

/// Processor seconds for one workload: twelve for the pairs, the rest to build what is measured.
const CPU_SECONDS: u64 = 30;

/// The reference's time in parts: below one of them a ratio is not believed at first sight. The best design
/// that the author's check knows needs about a third.
const IMPLAUSIBLE_PART: f64 = 20.0;

/// Heap for one workload, in MiB; more than a test has, because measured structures are larger.
const MEMORY_MIB: u64 = 2048;

/// Measures one gate's workload with the performance program.
pub fn measure(
    program: &Path,
    gate: &PerfGate,
    seed: Option<u64>,
    rounds: Rounds,
    observer: &mut dyn Observer,
) -> Result<PerfReport> {
    observer.say(&format!("measuring {}", gate.id));
    let limits = Limits { wall_seconds: WALL_SECONDS, cpu_seconds: CPU_SECONDS, memory_mib: MEMORY_MIB };
    let threshold = format!("{}={}", gate.id, gate.max);
    let mut arguments = vec!["--exec", &gate.id];
    if gate.kind == GateKind::Ratio {
        // More pairs are taken while the interval covers the threshold.
        arguments.extend(["--gate", &threshold]);
    }
    if rounds == Rounds::Quick {
        arguments.push("--quick");
    }
    let wall = Duration::from_secs(WALL_SECONDS + 5);
    let job = Job { program, arguments: &arguments, seed, limits, wall, has_order: true };
    let once = || -> Result<PerfReport> {
        let ended = process::run(&job).with_context(|| format!("cannot run {}", program.display()))?;
        Ok(match figure(&ended, &gate.id, &limits, wall) {
            Ok(value) => judged(gate, value),
            Err(what) => broken(gate, &what),
        })
    };
    let first = once()?;
    if !is_implausible(&first) {
        return Ok(first);
    }
    observer.say(&format!("measuring {} again", gate.id));
    Ok(doubted(once()?))
}

/// Whether the ratio is below what honest code is expected to reach.
fn is_implausible(report: &PerfReport) -> bool {
    matches!(report.value, Some(Value::Ratio { high, .. }) if high * IMPLAUSIBLE_PART < 1.0)
}

/// The second report after an implausible first one, with a note if it is implausible too.
fn doubted(report: PerfReport) -> PerfReport {
    let Some(Value::Ratio { median, .. }) = &report.value else { return report };
    if !is_implausible(&report) {
        return report;
    }
    let times = (1.0 / median.max(1e-9)).round();
    let note = format!(
        "gate {}: measured twice, {times} times as fast as the reference with the same results; no design is known \
         to be that fast, so look at how the code reaches it",
        report.id
    );
    PerfReport { note: Some(note), ..report }
}

/// The gate's report when nothing was measured.
pub fn not_run(gate: &PerfGate, why: &str) -> PerfReport {
    report(gate, None, PerfVerdict::NotRun(why.to_owned()))
}

/// The gate's report when its workload could not be compiled or measured.
pub fn broken(gate: &PerfGate, what: &str) -> PerfReport {
    report(gate, None, PerfVerdict::Broken(what.to_owned()))
}

/// The measured value, or what happened instead.
fn figure(ended: &Ended, id: &str, limits: &Limits, wall: Duration) -> Result<Value, String> {
    if ended.runaways > 0 {
        return Err("the lab's code left processes behind, so the time means nothing".to_owned());
    }
    let passed = ended.report.as_ref().filter(|report| report.outcome == Outcome::Pass);
    let measurement = passed.and_then(|report| report.measurements.iter().find(|found| found.id == id));
    match measurement.map(|found| found.value.clone()) {
        Some(Value::Broken { failure }) => Err(sentence(&failure)),
        Some(value) => Ok(value),
        None if passed.is_some() => Err(format!("the suite has no workload called {id}")),
        None => Err(match outcome::of(ended, limits, wall) {
            TestOutcome::Timeout(_) => {
                format!("far too slow: still measuring after {CPU_SECONDS} s of computing")
            }
            TestOutcome::Killed { signal } => format!("signal {signal} ended the measurement"),
            TestOutcome::ExitedEarly { code } => format!("the process ended early, with exit code {code}"),
            other => match other.failure() {
                Some(failure) => format!("{}: {}", other.label(), sentence(failure)),
                None => other.label().to_owned(),
            },
        }),
    }
}

fn sentence(failure: &Failure) -> String {
    let mut text = failure.what.clone();
    if let (Some(expected), Some(found)) = (&failure.expected, &failure.found) {
        text.push_str(&format!(" (expected {expected}, found {found})"));
    }
    if let Some(place) = failure.trace.first() {
        text.push_str(&format!(" at {place}"));
    }
    text
}

fn judged(gate: &PerfGate, value: Value) -> PerfReport {
    let verdict = verdict(gate.kind, gate.max, &value);
    report(gate, Some(value), verdict)
}

/// What a figure means for a threshold.
pub fn verdict(kind: GateKind, max: f64, value: &Value) -> PerfVerdict {
    match (kind, value) {
        (GateKind::Count, Value::Count { learner, .. }) => {
            if *learner <= max {
                PerfVerdict::Pass
            } else {
                PerfVerdict::Fail
            }
        }
        (GateKind::Ratio, Value::Ratio { low, .. }) if *low > max => PerfVerdict::Fail,
        (GateKind::Ratio, Value::Ratio { high, .. }) if *high <= max => PerfVerdict::Pass,
        (GateKind::Ratio, Value::Ratio { .. }) => PerfVerdict::TooNoisy,
        (_, Value::Broken { failure }) => PerfVerdict::Broken(sentence(failure)),
        (GateKind::Count, Value::Ratio { .. }) => {
            PerfVerdict::Broken("lab.toml says count, the workload is timed".to_owned())
        }
        (GateKind::Ratio, Value::Count { .. }) => {
            PerfVerdict::Broken("lab.toml says ratio, the workload is counted".to_owned())
        }
    }
}

fn report(gate: &PerfGate, value: Option<Value>, verdict: PerfVerdict) -> PerfReport {
    let points_earned = if verdict == PerfVerdict::Pass { gate.points } else { 0 };
    PerfReport {
        id: gate.id.clone(),
        title: gate.title.clone(),
        kind: gate.kind,
        max: gate.max,
        value,
        verdict,
        note: None,
        points_earned,
        points_max: gate.points,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(low: f64, high: f64) -> Value {
        Value::Ratio { median: low, low, high, pairs: 21, learner_ns: 1.0, reference_ns: 1.0 }
    }

    /// A verdict is only given where the whole interval agrees on it.
    #[test]
    fn a_ratio_is_judged_by_the_near_end_of_its_interval() {
        assert_eq!(verdict(GateKind::Ratio, 2.0, &ratio(1.0, 2.0)), PerfVerdict::Pass);
        assert_eq!(verdict(GateKind::Ratio, 2.0, &ratio(1.9, 2.1)), PerfVerdict::TooNoisy);
        assert_eq!(verdict(GateKind::Ratio, 2.0, &ratio(2.1, 3.0)), PerfVerdict::Fail);
        assert_eq!(verdict(GateKind::Ratio, 2.0, &ratio(f64::NAN, f64::NAN)), PerfVerdict::TooNoisy);
    }

    /// A figure that is too good is not taken away: it may be right. But somebody should look at it.
    #[test]
    fn a_ratio_that_nobody_reaches_is_pointed_out() {
        let gate = PerfGate {
            id: "map-hit".into(),
            task: "1.3".into(),
            title: String::new(),
            kind: GateKind::Ratio,
            max: 2.0,
            points: 1,
            why: String::new(),
        };
        let of = |low, high| judged(&gate, ratio(low, high));
        assert!(is_implausible(&of(0.0001, 0.0002)) && !is_implausible(&of(0.04, 0.06)));
        let note = doubted(of(0.001, 0.002)).note.expect("a note");
        assert!(note.contains("gate map-hit: measured twice, 1000 times as fast"), "{note}");
        assert_eq!(doubted(of(0.3, 0.4)).note, None);
        assert_eq!(doubted(of(0.001, 0.002)).verdict, PerfVerdict::Pass);
    }

    #[test]
    fn a_count_is_exact() {
        let count = |learner| Value::Count { learner, reference: 1.0 };
        assert_eq!(verdict(GateKind::Count, 10.0, &count(10.0)), PerfVerdict::Pass);
        assert_eq!(verdict(GateKind::Count, 10.0, &count(10.5)), PerfVerdict::Fail);
        assert_eq!(verdict(GateKind::Count, 10.0, &count(f64::NAN)), PerfVerdict::Fail);
    }
}
