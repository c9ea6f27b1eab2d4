//! What a run spends on tests that do not end.
//!
//! A loop without an end, or a `sleep`, usually stops every test of its task, and the learner waits for each
//! of them. So the first tests of a task that run out of time use their whole limit, the next ones a part of
//! it, and once a task has lost [`TASK_LOSS`] its other tests are not run at all.
//!
//! | lost so far, in this task | the next test of this task gets |
//! | --- | --- |
//! | nothing | its limits |
//! | one test | a quarter |
//! | three tests | an eighth, which is still many times what most tests need |
//! | [`TASK_LOSS`] | nothing: it is cut off |
//!
//! The sum over all tasks has a limit too, [`RUN_LOSS`]: after it, a task is cut off at its first test that
//! runs out of time.
//!
//! Time is counted for each worker: on two processors two tests lose two seconds in one. A `sleep` of an hour
//! in the function that opens each node of lab 4, in all six tasks, takes 58 s of tests on two processors,
//! and 129 s of gates, their compilation included, if only the release build has it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grader_protocol::Limits;

use crate::model::{TestOutcome, TestReport};
use crate::paint::plural;

/// What the tests of one task may lose before the others are cut off.
const TASK_LOSS: Duration = Duration::from_secs(20);

/// What all tests of a run may lose before a task is cut off at its first test that runs out of time.
const RUN_LOSS: Duration = Duration::from_secs(100);

/// Tests of a task that run out of time before the others get an eighth of their limits.
const ENOUGH: usize = 3;

/// Counts what each task of one run has lost.
#[derive(Debug, Default)]
pub struct TimeoutPolicy {
    tasks: Mutex<BTreeMap<String, Lost>>,
}

/// What one task has lost.
#[derive(Debug, Clone, Copy, Default)]
struct Lost {
    tests: usize,
    time: Duration,
    /// Tests that got less than the others.
    shortened: usize,
    cut: usize,
}

impl TimeoutPolicy {
    fn tasks(&self) -> MutexGuard<'_, BTreeMap<String, Lost>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a test of `task` may use, of what it might have; `None` if it is cut off.
    pub fn limits(&self, task: &str, all: Limits) -> Option<Limits> {
        let mut tasks = self.tasks();
        let in_run: Duration = tasks.values().map(|lost| lost.time).sum();
        let Some(lost) = tasks.get_mut(task) else { return Some(all) };
        if lost.time >= TASK_LOSS || (in_run >= RUN_LOSS && lost.tests > 0) {
            lost.cut += 1;
            return None;
        }
        lost.shortened += usize::from(lost.tests > 0);
        Some(shortened(lost.tests, all))
    }

    /// Counts the outcome of a test.
    pub fn saw(&self, report: &TestReport) {
        if is_out_of_time(report) {
            let mut tasks = self.tasks();
            let lost = tasks.entry(report.task.clone()).or_default();
            lost.tests += 1;
            lost.time += Duration::from_millis(report.wall_ms);
        }
    }

    /// For each task what was shortened, and what was cut off.
    pub fn notes(&self, all: Limits) -> Vec<String> {
        let tasks = self.tasks().clone();
        tasks.iter().filter_map(|(task, lost)| note(task, *lost, all)).collect()
    }
}

/// Part of the limits after so many tests that ran out of time.
fn shortened(tests: usize, all: Limits) -> Limits {
    let part = match tests {
        0 => return all,
        1..ENOUGH => 4,
        _ => 8,
    };
    let part = |seconds: u64| seconds.div_ceil(part);
    Limits { wall_seconds: part(all.wall_seconds), cpu_seconds: part(all.cpu_seconds), ..all }
}

/// A test that waits for ever costs as much as one that computes for ever.
fn is_out_of_time(report: &TestReport) -> bool {
    let waits = report.wall_ms >= 1_000;
    match report.outcome {
        TestOutcome::Timeout(_) => true,
        TestOutcome::Deadlock(_) => waits,
        _ => false,
    }
}

fn note(task: &str, lost: Lost, all: Limits) -> Option<String> {
    let out_of_time = plural(lost.tests, "test");
    let seconds = lost.time.as_secs();
    if lost.cut > 0 {
        let cut = plural(lost.cut, "other test");
        let were = if lost.cut == 1 { "was" } else { "were" };
        return Some(format!(
            "task {task}: {cut} {were} not run, because {out_of_time} did not end and took {seconds} s; \
             correct those first"
        ));
    }
    let less = shortened(lost.tests, all).cpu_seconds;
    (lost.shortened > 0 && less < all.cpu_seconds).then(|| {
        format!(
            "task {task}: after {} did not end, the others got {less} s of processor time each, not {} s",
            out_of_time, all.cpu_seconds
        )
    })
}

#[cfg(test)]
mod tests {
    use grader_protocol::Failure;

    use super::*;

    const ALL: Limits = Limits { wall_seconds: 20, cpu_seconds: 10, memory_mib: 512 };

    fn report(task: &str, outcome: TestOutcome, wall_ms: u64) -> TestReport {
        TestReport {
            name: String::new(),
            task: task.to_owned(),
            doc: String::new(),
            outcome,
            wall_ms,
            cpu_ms: 0,
            output_tail: String::new(),
            blame: None,
        }
    }

    fn timeout(task: &str, seconds: u64) -> TestReport {
        report(task, TestOutcome::Timeout(Failure::default()), seconds * 1_000)
    }

    /// Thirty tests that never end must not take thirty times the limit, and a slow task must not shorten the
    /// limits of another.
    #[test]
    fn limits_shorten_with_each_test_that_does_not_end() {
        let policy = TimeoutPolicy::default();
        let cpu = |task: &str| policy.limits(task, ALL).map(|limits| limits.cpu_seconds);
        assert_eq!(cpu("3.6"), Some(10));
        policy.saw(&report("3.6", TestOutcome::Pass, 9_000));
        assert_eq!(cpu("3.6"), Some(10), "a slow test that passes loses nothing");
        policy.saw(&timeout("3.6", 10));
        assert_eq!((cpu("3.6"), cpu("3.5")), (Some(3), Some(10)));
        policy.saw(&timeout("3.6", 3));
        policy.saw(&timeout("3.6", 3));
        assert_eq!(cpu("3.6"), Some(2));
        let note = "task 3.6: after 3 tests did not end, the others got 2 s of processor time each, not 10 s";
        assert_eq!(policy.notes(ALL), [note]);
    }

    /// The report says what was cut off and why.
    #[test]
    fn a_task_that_has_lost_enough_is_cut_off() {
        let policy = TimeoutPolicy::default();
        policy.saw(&timeout("1.1", 10));
        policy.saw(&report("1.1", TestOutcome::Deadlock(Failure::default()), 10_000));
        assert_eq!(policy.limits("1.1", ALL), None);
        assert_eq!(policy.limits("1.1", ALL), None);
        assert_eq!(policy.limits("1.2", ALL), Some(ALL));
        let note = "task 1.1: 2 other tests were not run, because 2 tests did not end and took 20 s; correct those first";
        assert_eq!(policy.notes(ALL), [note]);
    }

    /// Ten tasks that all hang must not cost ten times what one costs.
    #[test]
    fn a_run_that_has_lost_enough_cuts_a_task_off_at_once() {
        let policy = TimeoutPolicy::default();
        (1..6).for_each(|task| policy.saw(&timeout(&format!("1.{task}"), 20)));
        assert_eq!(policy.limits("1.6", ALL), Some(ALL), "its tests may pass");
        policy.saw(&timeout("1.6", 1));
        assert_eq!(policy.limits("1.6", ALL), None);
    }

    /// A deadlock that the controlled scheduler finds at once has lost nothing.
    #[test]
    fn a_deadlock_found_at_once_is_no_loss() {
        let policy = TimeoutPolicy::default();
        policy.saw(&report("1.2", TestOutcome::Deadlock(Failure::default()), 40));
        assert_eq!(policy.limits("1.2", ALL), Some(ALL));
    }
}
