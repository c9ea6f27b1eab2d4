//! Running the hidden tests: each in a process of its own, as many at a time as there are cores.
//!
//! ```text
//!   list() -------- `t1_1 --list` -----------------> names and what they are for
//!   run_all() --+-- worker: process::run, outcome::of --+--> TestReports, in order
//!               +-- worker: ...                         |
//!               +-- this thread: observer <-------------+
//! ```

pub mod order;
pub mod outcome;
pub mod process;
pub mod reading;
mod timeout_policy;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use grader_protocol::Limits;
use serde::Deserialize;

use crate::catalog::task_of_test;
use crate::children;
use crate::clean;
use crate::model::{TestOutcome, TestReport};
use crate::observer::Observer;
use crate::paint::plural;
use order::{History, Queue};
use process::Job;
use timeout_policy::TimeoutPolicy;

/// Seconds a process may take longer than the limit it sets itself, before it is killed from outside.
const WALL_MARGIN: u64 = 5;

/// Longest wait for a test binary to list its tests.
const LIST_WALL: Duration = Duration::from_secs(20);

/// One test as the binary lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Listed {
    /// `t1_1::keeps_order`.
    pub name: String,
    /// What must hold and why it could break.
    #[serde(default)]
    pub doc: String,
    /// The line of its file that it stands on.
    #[serde(default)]
    pub line: u32,
    /// The program that holds it.
    #[serde(skip)]
    pub program: PathBuf,
}

impl Listed {
    /// The id of the task the test belongs to; empty for a test outside any task's module.
    pub fn task(&self) -> String {
        task_of_test(&self.name).unwrap_or_default()
    }
}

/// How to run the tests.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// What one test may use.
    pub limits: Limits,
    /// Seed of everything random.
    pub seed: Option<u64>,
    /// Tests at a time; 0 for one a core.
    pub jobs: usize,
}

/// What running the tests gave.
#[derive(Debug, Default)]
pub struct Results {
    /// One report a test, in the order of the list.
    pub tests: Vec<TestReport>,
    /// What a reader should know: confinement, processes left behind, forged reports.
    pub notes: Vec<String>,
}

/// The tests in the binary, in reading order: what ordinary use reaches first, then as their author wrote
/// them.
pub fn list(binary: &Path) -> Result<Vec<Listed>> {
    let job = Job {
        program: binary,
        arguments: &["--list"],
        seed: None,
        limits: Limits { wall_seconds: 0, cpu_seconds: 0, memory_mib: 0 },
        wall: LIST_WALL,
        has_order: false,
    };
    let ended = process::run(&job).with_context(|| format!("cannot run {}", binary.display()))?;
    if !ended.status.is_some_and(|status| status.success()) || ended.stop.is_some() {
        bail!("{} could not list its tests:\n{}", binary.display(), outcome::tail(&ended.output, 0));
    }
    let text = String::from_utf8_lossy(&ended.output);
    let lines = text.lines().filter(|line| line.starts_with('{'));
    let read = |line: &str| -> Result<Listed> {
        let listed: Listed = serde_json::from_str(line).with_context(|| format!("listed as {line}"))?;
        Ok(Listed { program: binary.to_path_buf(), ..listed })
    };
    let mut tests = lines.map(read).collect::<Result<Vec<Listed>>>()?;
    tests.sort_by_cached_key(|test| (test.task(), reading::place(&test.name), test.line));
    Ok(tests)
}

/// Runs `tests`, each in its program, in the order that `history` advises.
pub fn run_all(
    tests: &[Listed],
    settings: &Settings,
    history: &History,
    observer: &mut dyn Observer,
) -> Result<Results> {
    let jobs = match settings.jobs {
        0 => thread::available_parallelism().map_or(1, |cores| cores.get()),
        jobs => jobs,
    };
    observer.tests(tests.len());
    let queue = Queue::new(tests, history);
    let policy = TimeoutPolicy::default();
    let (to, from) = mpsc::channel();
    let mut done: Vec<Option<TestReport>> = vec![None; tests.len()];
    let mut seen = Seen::default();
    thread::scope(|scope| -> io::Result<()> {
        for worker in 0..jobs.min(tests.len()) {
            let to = to.clone();
            let (queue, policy) = (&queue, &policy);
            scope.spawn(move || {
                while let Some(index) = queue.take(worker) {
                    let test = &tests[index];
                    let result = match policy.limits(&test.task(), settings.limits) {
                        Some(limits) => run_one(test, &Settings { limits, ..*settings }),
                        None => Ok((cut_off(test), Facts::default())),
                    };
                    if let Ok((report, _)) = &result {
                        policy.saw(report);
                    }
                    let has_failed = result.is_err();
                    if to.send((index, result)).is_err() || has_failed {
                        break;
                    }
                }
            });
        }
        drop(to);
        for (index, result) in from {
            let (report, facts) = result.inspect_err(|_| queue.close())?;
            seen.add(&report, facts);
            observer.test_done(&report);
            done[index] = Some(report);
        }
        Ok(())
    })
    .context("cannot run a test program")?;
    let mut notes = policy.notes(settings.limits);
    notes.extend(seen.notes());
    Ok(Results { tests: done.into_iter().flatten().collect(), notes })
}

/// What one process showed beside its outcome.
#[derive(Debug, Default)]
struct Facts {
    layers: Option<Vec<String>>,
    runaways: usize,
    saw_forgery: bool,
    /// Bytes printed beyond those that are kept.
    dropped_bytes: u64,
}

/// The report of a test that is not run because others of its task did not end.
fn cut_off(test: &Listed) -> TestReport {
    TestReport {
        name: test.name.clone(),
        task: test.task(),
        doc: test.doc.clone(),
        outcome: TestOutcome::NotRun,
        wall_ms: 0,
        cpu_ms: 0,
        output_tail: String::new(),
        blame: None,
    }
}

fn run_one(test: &Listed, settings: &Settings) -> io::Result<(TestReport, Facts)> {
    let wall = Duration::from_secs(settings.limits.wall_seconds + WALL_MARGIN);
    let job = Job {
        program: &test.program,
        arguments: &["--exec", &test.name],
        seed: settings.seed,
        limits: settings.limits,
        wall,
        has_order: true,
    };
    let ended = process::run(&job)?;
    let outcome = outcome::of(&ended, &settings.limits, wall);
    let reported_ms = ended.report.as_ref().map(|report| report.cpu_ms);
    let report = TestReport {
        name: test.name.clone(),
        task: test.task(),
        doc: test.doc.clone(),
        outcome,
        wall_ms: ended.wall.as_millis() as u64,
        cpu_ms: reported_ms.or(ended.cpu_ms).unwrap_or(0),
        output_tail: outcome::tail(&ended.output, ended.dropped_bytes),
        blame: None,
    };
    let layers = ended.report.map(|report| report.layers);
    let facts = Facts {
        layers,
        runaways: ended.runaways,
        saw_forgery: ended.saw_forgery,
        dropped_bytes: ended.dropped_bytes,
    };
    // What the observer shows comes straight from here.
    Ok((clean::test(report), facts))
}

/// Facts of all processes together.
#[derive(Debug, Default)]
struct Seen {
    /// Layers in force in every process that reported them, `None` before the first.
    layers: Option<BTreeSet<String>>,
    runaways: usize,
    forgers: Vec<String>,
    /// Tests that printed more than is kept, and how much more.
    talkers: Vec<(String, u64)>,
}

impl Seen {
    fn add(&mut self, report: &TestReport, facts: Facts) {
        if let Some(layers) = facts.layers {
            let layers: BTreeSet<String> = layers.into_iter().collect();
            self.layers = Some(match self.layers.take() {
                Some(before) => &before & &layers,
                None => layers,
            });
        }
        self.runaways += facts.runaways;
        if facts.dropped_bytes > 0 {
            self.talkers.push((report.name.clone(), facts.dropped_bytes));
        }
        if facts.saw_forgery {
            self.forgers.push(report.name.clone());
        }
    }

    fn notes(self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(layers) = self.layers {
            notes.push(confinement(&layers));
        }
        if self.runaways > 0 {
            notes.push(format!("{} processes outlived their test and were killed", self.runaways));
        }
        if let [(name, dropped), others @ ..] = self.talkers.as_slice() {
            let printed = outcome::bytes(dropped + process::OUTPUT_BYTES as u64);
            let others = match others.len() {
                0 => String::new(),
                count => format!(", and {} more than 1 MB", plural(count, "other test")),
            };
            notes.push(format!(
                "{name} printed {printed}{others}; only the end is kept, and no points are lost"
            ));
        }
        for name in self.forgers {
            notes.push(format!(
                "{name}: something other than the test harness wrote a report, or the process ended before the \
                 harness could report; no pass was counted"
            ));
        }
        notes
    }
}

const NO_LANDLOCK: &str = "landlock (a test could read and write files outside its folder)";

/// What to say beside somebody else's code when one of the `notes` of its run says that landlock was missing.
pub fn warning(notes: &[String]) -> Option<String> {
    let is_missing = |note: &String| note.starts_with("confinement") && note.contains(NO_LANDLOCK);
    notes.iter().any(is_missing).then(|| {
        "landlock was not in force: this code could read and write every file of the account that graded it, and \
         points can be forged; grade submissions on Linux 5.13 or later, or each in a container of its own"
            .to_owned()
    })
}

/// What held the tests in, and what did not.
fn confinement(layers: &BTreeSet<String>) -> String {
    let mut active: Vec<&str> = layers.iter().map(String::as_str).collect();
    active.push("process group");
    let mut inactive = Vec::new();
    if children::catches_runaways() {
        active.push("subreaper");
    } else {
        inactive.push("subreaper (a process that leaves its group can live on)");
    }
    if !layers.iter().any(|layer| layer.starts_with("landlock")) {
        inactive.push(NO_LANDLOCK);
    }
    let mut text = format!("confinement in force: {}", active.join(", "));
    if !inactive.is_empty() {
        text.push_str(&format!("; not available here: {}", inactive.join(", ")));
    }
    text
}

/// Whether every test passed; an empty list has not.
pub fn all_passed<'a>(tests: impl IntoIterator<Item = &'a TestReport>) -> bool {
    let mut count = 0;
    tests.into_iter().all(|test| {
        count += 1;
        test.outcome == TestOutcome::Pass
    }) && count > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever grades somebody else's code must learn it without an option.
    #[test]
    fn missing_landlock_is_said_in_a_note_of_its_own() {
        let layers =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
        let without = confinement(&layers(&["cpu limit", "memory limit"]));
        let warning = warning(&["another note".to_owned(), without]).expect("a warning");
        assert!(warning.starts_with("landlock was not in force") && !warning.contains("  "), "{warning}");
        for enough in ["landlock", "landlock (partly)"] {
            assert_eq!(super::warning(&[confinement(&layers(&["cpu limit", enough]))]), None, "{enough}");
        }
    }
}
