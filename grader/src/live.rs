//! The line on standard error that says what the grader does now.
//!
//! Used by the commands and by the author's check, each of which clears it before it prints.

use std::io::{IsTerminal, Write as _};

use crate::model::TestReport;
use crate::observer::Observer;

/// One line on standard error that says what is going on, on a terminal only.
pub struct Live {
    on: bool,
    width: usize,
    tests: usize,
    done: usize,
    shown: bool,
}

impl Live {
    /// A line, or nothing where standard error is no terminal.
    pub fn new() -> Self {
        let on = std::io::stderr().is_terminal();
        let size = if on { rustix::termios::tcgetwinsize(std::io::stderr()).ok() } else { None };
        let width = size.map_or(80, |size| usize::from(size.ws_col)).max(20);
        Self { on, width, tests: 0, done: 0, shown: false }
    }

    fn show(&mut self, text: &str) {
        if self.on {
            let text: String = text.chars().take(self.width - 1).collect();
            let mut to = std::io::stderr().lock();
            let _ = write!(to, "\r\x1b[2K{text}").and_then(|()| to.flush());
            self.shown = true;
        }
    }

    /// Takes the line away, so that a report starts on a clean one.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let mut to = std::io::stderr().lock();
            let _ = write!(to, "\r\x1b[2K").and_then(|()| to.flush());
        }
    }
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for Live {
    fn say(&mut self, line: &str) {
        self.show(&format!("  {line} ..."));
    }

    fn tests(&mut self, count: usize) {
        (self.tests, self.done) = (count, 0);
    }

    fn test_done(&mut self, test: &TestReport) {
        self.done += 1;
        self.show(&format!("  {}/{}  {}", self.done, self.tests.max(self.done), test.name));
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.clear();
    }
}
