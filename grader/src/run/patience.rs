//! How long to wait for the tests of a task that runs out of time again and again.
//!
//! A loop that never ends, never ends in any of a task's tests, and its author waits for each of them. After
//! [`ENOUGH`] time-outs the task's other tests get a part of the time. It is still many times what a test needs.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use grader_protocol::Limits;

use crate::model::{TestOutcome, TestReport};
use crate::report::paint::plural;

/// Tests of a task that may run out of time before the others get less.
const ENOUGH: usize = 3;

/// The part they get: one in so many.
const PART: u64 = 4;

/// Counts the time-outs of each task of one run.
#[derive(Debug, Default)]
pub struct Patience {
    timeouts: Mutex<BTreeMap<String, usize>>,
}

impl Patience {
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

    /// Says which tasks got less time.
    pub fn notes(&self, all: Limits) -> Vec<String> {
        let told = |(task, count): (&String, &usize)| {
            let less = self.limits(task, all).cpu_seconds;
            let after = plural(ENOUGH, "test");
            (*count >= ENOUGH)
                .then(|| format!("task {task}: after {after} ran out of time, the others got {less} s each"))
        };
        let counts = self.timeouts().clone();
        counts.iter().filter_map(told).collect()
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

    /// Thirty tests that never end must not take thirty times the limit, and one slow task must not hurry another.
    #[test]
    fn time_runs_short_after_three_time_outs_of_the_same_task() {
        let all = Limits { wall_seconds: 20, cpu_seconds: 10, memory_mib: 512 };
        let patience = Patience::default();
        for _ in 0..ENOUGH {
            assert_eq!(patience.limits("3.6", all), all);
            patience.saw(&report("3.6", TestOutcome::Pass));
            patience.saw(&report("3.6", TestOutcome::Timeout(Failure::default())));
        }
        let less = Limits { wall_seconds: 5, cpu_seconds: 3, memory_mib: 512 };
        assert_eq!(patience.limits("3.6", all), less);
        assert_eq!(patience.limits("3.5", all), all);
        let note = "task 3.6: after 3 tests ran out of time, the others got 3 s each";
        assert_eq!(patience.notes(all), [note]);
    }
}
