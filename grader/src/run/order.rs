//! The order in which the tests of a run start.
//!
//! What failed in the run before starts first, so that a learner sees at once whether it passes now. Of the
//! others one worker takes the lightest first, which shows a new mistake early, and the other workers take
//! the heaviest first, so that no heavy test is left over at the end when only one worker has something to
//! do.
//!
//! ```text
//!   worker 0    failed before, then light ->
//!                                             -> meet in the middle
//!   workers 1..  failed before, then heavy ->
//! ```
//!
//! How a test ended and what it cost is kept beside the stage, in a file that only decides this order. A file
//! that cannot be read counts as empty: no verdict depends on it.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::Listed;
use crate::model::{TestOutcome, TestReport};

/// What is remembered of the tests of a lab, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    tests: BTreeMap<String, Remembered>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    cpu_ms: u64,
    has_failed: bool,
}

impl History {
    /// Reads the file; empty without one.
    pub fn read(path: &Path) -> History {
        let text = std::fs::read(path).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Adds what a run found.
    pub fn record(&mut self, tests: &[TestReport]) {
        // A test that was not run keeps what is known of it.
        for test in tests.iter().filter(|test| test.outcome != TestOutcome::NotRun) {
            let has_failed = !test.outcome.is_pass();
            let known = self.tests.entry(test.name.clone()).or_default();
            // A test that stops early says nothing about what it costs when it passes.
            let cpu_ms = if has_failed { known.cpu_ms.max(test.cpu_ms) } else { test.cpu_ms };
            *known = Remembered { cpu_ms, has_failed };
        }
    }

    /// Writes the file. Without it the next run only starts its tests in another order.
    pub fn write(&self, path: &Path) {
        if let Ok(text) = serde_json::to_vec(self) {
            let _ = std::fs::write(path, text);
        }
    }
}

/// The tests that no worker has taken yet.
#[derive(Debug)]
pub struct Queue {
    waiting: Mutex<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    /// Indices of the tests that failed in the run before.
    failed: VecDeque<usize>,
    /// Indices of the others, the lightest in front.
    others: VecDeque<usize>,
}

impl Queue {
    /// All of `tests`, in the order that `history` advises.
    pub fn new(tests: &[Listed], history: &History) -> Queue {
        let known = |index: &usize| history.tests.get(&tests[*index].name).copied().unwrap_or_default();
        let (mut failed, mut others): (Vec<usize>, Vec<usize>) =
            (0..tests.len()).partition(|index| known(index).has_failed);
        failed.sort_by_key(|index| known(index).cpu_ms);
        others.sort_by_key(|index| known(index).cpu_ms);
        Queue { waiting: Mutex::new(Waiting { failed: failed.into(), others: others.into() }) }
    }

    /// The next test of the worker with this number.
    pub fn take(&self, worker: usize) -> Option<usize> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = waiting.failed.pop_front();
        failed.or_else(|| match worker {
            0 => waiting.others.pop_front(),
            _ => waiting.others.pop_back(),
        })
    }

    /// Takes all tests out, so that the workers end.
    pub fn close(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.failed.clear();
        waiting.others.clear();
    }
}

#[cfg(test)]
mod tests {
    use grader_protocol::Failure;

    use super::*;

    fn report(name: &str, outcome: TestOutcome, cpu_ms: u64) -> TestReport {
        TestReport {
            name: name.to_owned(),
            task: String::new(),
            doc: String::new(),
            outcome,
            wall_ms: 0,
            cpu_ms,
            output_tail: String::new(),
            blame: None,
        }
    }

    fn listed(names: &[&str]) -> Vec<Listed> {
        let listed =
            |name: &&str| Listed { name: (*name).into(), doc: String::new(), line: 0, program: "".into() };
        names.iter().map(listed).collect()
    }

    /// The learner waits for the test that failed, and the last test to end must not be a heavy one.
    #[test]
    fn what_failed_starts_first_and_heavy_tests_start_early() {
        let mut history = History::default();
        let failed = || TestOutcome::Fail(Failure::default());
        history.record(&[
            report("heavy", TestOutcome::Pass, 900),
            report("light", TestOutcome::Pass, 1),
            report("middle", TestOutcome::Pass, 50),
            report("failed", failed(), 70),
        ]);
        let tests = listed(&["heavy", "failed", "middle", "light"]);
        let queue = Queue::new(&tests, &history);
        let taken: Vec<&str> =
            [0, 1, 0, 1].map(|worker| tests[queue.take(worker).unwrap()].name.as_str()).into();
        assert_eq!(taken, ["failed", "heavy", "light", "middle"]);
        assert_eq!(queue.take(0), None);
    }

    /// A test that fails at once is as heavy as it was when it passed.
    #[test]
    fn the_file_keeps_the_cost_of_a_test_that_fails() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.json");
        assert_eq!(History::read(&path), History::default());
        let mut history = History::default();
        history.record(&[report("a", TestOutcome::Pass, 900)]);
        history.record(&[report("a", TestOutcome::Fail(Failure::default()), 1)]);
        history.write(&path);
        let read = History::read(&path);
        assert_eq!(read.tests["a"], Remembered { cpu_ms: 900, has_failed: true });
        std::fs::write(&path, "no JSON").unwrap();
        assert_eq!(History::read(&path), History::default());
    }

    /// Nothing is known of a new suite: its tests start in the order of the list.
    #[test]
    fn an_empty_history_keeps_the_order_of_the_list() {
        let tests = listed(&["a", "b", "c"]);
        let queue = Queue::new(&tests, &History::default());
        assert_eq!([queue.take(0), queue.take(0)], [Some(0), Some(1)]);
        queue.close();
        assert_eq!(queue.take(0), None);
    }
}
