//! Shortens the limits of a task whose tests run out of time again and again.
//!
//! A loop without an end usually stops every test of its task, and the learner waits for each of them. After
//! [`ENOUGH`] timeouts the other tests of the task get a part of the time, which is still many times what a
//! test needs.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use grader_protocol::Limits;

use crate::model::{TestOutcome, TestReport};
use crate::paint::plural;

/// Tests of a task that may run out of time before the limits of the others are shortened.
const ENOUGH: usize = 3;

/// The others get one part in so many.
const PART: u64 = 4;

/// Counts the timeouts of each task of one run.
#[derive(Debug, Default)]
pub struct TimeoutPolicy {
    timeouts: Mutex<BTreeMap<String, usize>>,
}

impl TimeoutPolicy {
    fn timeouts(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.timeouts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a test of `task` may use now, of what it might have.
    pub fn limits(&self, task: &str, all: Limits) -> Limits {
        let is_enough = self.timeouts().get(task).is_some_and(|count| *count >= ENOUGH);
        let part = |seconds: u64| seconds.div_ceil(PART);
        if is_enough {
            Limits { wall_seconds: part(all.wall_seconds), cpu_seconds: part(all.cpu_seconds), ..all }
        } else {
            all
        }
    }

    /// Counts the outcome of a test.
    pub fn saw(&self, report: &TestReport) {
        if matches!(report.outcome, TestOutcome::Timeout(_)) {
            *self.timeouts().entry(report.task.clone()).or_default() += 1;
        }
    }

    /// One note for each task whose limits were shortened.
    pub fn notes(&self, all: Limits) -> Vec<String> {
        let note = |(task, count): (&String, &usize)| {
            let less = self.limits(task, all).cpu_seconds;
            let after = plural(ENOUGH, "test");
            (*count >= ENOUGH)
                .then(|| format!("task {task}: after {after} ran out of time, the others got {less} s each"))
        };
        let counts = self.timeouts().clone();
        counts.iter().filter_map(note).collect()
    }
}

#[cfg(test)]
mod tests {
    use grader_protocol::Failure;

    use super::*;

    fn report(task: &str, outcome: TestOutcome) -> TestReport {
        TestReport {
            name: String::new(),
            task: task.to_owned(),
            doc: String::new(),
            outcome,
            wall_ms: 0,
            cpu_ms: 0,
            output_tail: String::new(),
            blame: None,
        }
    }

    /// Thirty tests that never end must not take thirty times the limit, and a slow task must not shorten the
    /// limits of another.
    #[test]
    fn limits_shorten_after_three_timeouts_of_the_same_task() {
        let all = Limits { wall_seconds: 20, cpu_seconds: 10, memory_mib: 512 };
        let policy = TimeoutPolicy::default();
        for _ in 0..ENOUGH {
            assert_eq!(policy.limits("3.6", all), all);
            policy.saw(&report("3.6", TestOutcome::Pass));
            policy.saw(&report("3.6", TestOutcome::Timeout(Failure::default())));
        }
        let less = Limits { wall_seconds: 5, cpu_seconds: 3, memory_mib: 512 };
        assert_eq!(policy.limits("3.6", all), less);
        assert_eq!(policy.limits("3.5", all), all);
        let note = "task 3.6: after 3 tests ran out of time, the others got 3 s each";
        assert_eq!(policy.notes(all), [note]);
    }
}
