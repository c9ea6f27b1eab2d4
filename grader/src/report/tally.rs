//! A task in a word and two counts.

use crate::model::{PerfVerdict, TaskEnd, TaskReport};

/// The word in front of a task.
pub fn word(task: &TaskReport) -> &'static str {
    let noisy = |task: &TaskReport| task.perf.iter().any(|gate| gate.verdict == PerfVerdict::TooNoisy);
    match task.end() {
        None => "-",
        Some(TaskEnd::Passed) if noisy(task) => "ok?",
        Some(TaskEnd::Passed) => "ok",
        Some(TaskEnd::Todo) => "todo",
        Some(TaskEnd::Failed) if task.tests.iter().all(|test| test.outcome.is_pass()) => "SLOW",
        Some(TaskEnd::Failed) => "FAIL",
    }
}

/// Passed and all tests of a task, and gates where some were measured.
pub fn counts(task: &TaskReport) -> (String, String) {
    let passed = task.tests.iter().filter(|test| test.outcome.is_pass()).count();
    let measured = task.perf.iter().filter(|gate| !matches!(gate.verdict, PerfVerdict::NotRun(_))).count();
    let within = task.perf.iter().filter(|gate| gate.verdict == PerfVerdict::Pass).count();
    let gates = if measured == 0 { "-".to_string() } else { format!("{within}/{}", task.perf.len()) };
    (format!("{passed}/{}", task.tests.len()), gates)
}

/// "1/3 tests, gates 1/2".
pub fn phrase(task: &TaskReport) -> String {
    match counts(task) {
        (tests, gates) if gates == "-" => format!("{tests} tests"),
        (tests, gates) => format!("{tests} tests, {gates} gates"),
    }
}
