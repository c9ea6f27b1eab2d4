//! Shows the first failing test as soon as it has ended, while the others still run.
//!
//! Used by `run` and `watch`, on a terminal only. The text stands above the line that says what is going on,
//! and the report takes its place: it has every task. A failure that ordinary use reaches earlier, in the
//! order of [`reading`], takes the place of one that ended before it.

use super::common;
use crate::catalog::Lab;
use crate::live::Live;
use crate::model::{TaskReport, TestOutcome, TestReport};
use crate::observer::Observer;
use crate::paint::{Paint, takes_escapes};
use crate::report::{Context, explain, terminal};
use crate::run::reading;

/// A [`Live`] line, and the first failure above it.
pub struct FirstLook<'a> {
    live: Live,
    lab: &'a Lab,
    context: Context,
    /// Place of the failure that is shown: its task, whether it is a hole, its rank.
    shown: Option<(usize, bool, u8)>,
    clears_screen: bool,
}

impl<'a> FirstLook<'a> {
    /// Watches a run of `lab`.
    pub fn new(lab: &'a Lab, context: Context) -> Self {
        Self { live: Live::new(), lab, context, shown: None, clears_screen: false }
    }

    /// Clears the screen before the first failure, where standard output is a terminal.
    pub fn on_a_clear_screen(self) -> Self {
        Self { clears_screen: takes_escapes(&std::io::stdout()), ..self }
    }

    /// Takes everything away, so that the report starts on a clean line.
    pub fn clear(&mut self) {
        self.live.clear();
    }
}

impl Observer for FirstLook<'_> {
    fn say(&mut self, line: &str) {
        self.live.say(line);
    }

    fn wait(&mut self, line: &str) {
        self.live.wait(line);
    }

    fn tests(&mut self, count: usize) {
        self.live.tests(count);
    }

    fn test_done(&mut self, test: &TestReport) {
        let index = self.lab.tasks.iter().position(|task| task.id == test.task).unwrap_or(usize::MAX);
        let rank = (index, explain::is_hole(&test.outcome), reading::rank(test));
        let is_better = self.shown.is_none_or(|shown| rank < shown);
        let is_shown = is_better && !matches!(test.outcome, TestOutcome::Pass | TestOutcome::NotRun);
        if let Some(task) = self.lab.task(&test.task).filter(|_| is_shown) {
            self.shown = Some(rank);
            let task = TaskReport {
                id: task.id.clone(),
                title: task.title.clone(),
                file: task.file.clone(),
                is_bonus: task.is_bonus,
                points_earned: 0,
                points_max: self.lab.task_points(task),
                tests: vec![test.clone()],
                perf: Vec::new(),
                passed: false,
            };
            if self.clears_screen {
                self.live.clear();
                common::show("\x1b[2J\x1b[H");
            }
            self.live.pin(&terminal::first_look(&self.context, &task, test, Paint::plain()));
        }
        self.live.test_done(test);
    }
}
