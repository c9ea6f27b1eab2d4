//! Reports what the grader does while it does it.
//!
//! Called by every layer that takes time. The terminal's [`Live`](crate::live::Live) line is one observer,
//! and the author's check another.

use crate::model::TestReport;

/// Receives what happens while it happens.
pub trait Observer {
    /// One line on what the grader does now: "compiling structures", "waiting for another grader".
    fn say(&mut self, line: &str);
    /// The grader waits for something outside it, as a line like that of [`Observer::say`].
    fn wait(&mut self, line: &str) {
        self.say(line);
    }
    /// The number of tests about to run.
    fn tests(&mut self, _count: usize) {}
    /// One test has ended.
    fn test_done(&mut self, _test: &TestReport) {}
}

/// Ignores everything.
#[derive(Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn say(&mut self, _line: &str) {}
}
