//! The line on standard error that says what the grader does now.
//!
//! Used by the commands and by the author's check, each of which clears it before it prints.

use std::io::{IsTerminal, Write as _};

use crate::clean;
use crate::model::TestReport;
use crate::observer::Observer;

/// One line on standard error that says what is going on, on a terminal only.
pub struct Live {
    on: bool,
    width: usize,
    tests: usize,
    done: usize,
    shown: bool,
    /// Lines of the text above the line.
    pinned: usize,
    height: usize,
}

impl Live {
    /// A line, or nothing where standard error is no terminal.
    pub fn new() -> Self {
        let on = std::io::stderr().is_terminal();
        let size = if on { rustix::termios::tcgetwinsize(std::io::stderr()).ok() } else { None };
        let (rows, columns) =
            size.map_or((24, 80), |size| (usize::from(size.ws_row), usize::from(size.ws_col)));
        Self { on, width: columns.max(20), height: rows.max(5), tests: 0, done: 0, shown: false, pinned: 0 }
    }

    fn show(&mut self, text: &str) {
        if self.on {
            let text: String = clean::text(text).chars().take(self.width - 1).collect();
            let mut to = std::io::stderr().lock();
            let _ = write!(to, "\r\x1b[2K{text}").and_then(|()| to.flush());
            self.shown = true;
        }
    }

    /// Shows `text` above the line until [`Live::clear`]; as much of it as the terminal holds.
    pub fn pin(&mut self, text: &str) {
        if self.on {
            let text = fitting(text, self.width, self.height);
            self.clear();
            self.pinned = text.lines().count();
            let mut to = std::io::stderr().lock();
            let _ = write!(to, "{text}").and_then(|()| to.flush());
        }
    }

    /// Takes the line and the pinned text away, so that a report starts on a clean line.
    pub fn clear(&mut self) {
        let mut to = std::io::stderr().lock();
        if std::mem::take(&mut self.shown) {
            let _ = write!(to, "\r\x1b[2K");
        }
        match std::mem::take(&mut self.pinned) {
            0 => {}
            lines => drop(write!(to, "\x1b[{lines}A\x1b[J")),
        }
        let _ = to.flush();
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

/// The first lines of `text` that a terminal shows without scrolling or wrapping.
fn fitting(text: &str, width: usize, height: usize) -> String {
    let clip = |line: &str| line.chars().take(width - 1).chain(['\n']).collect::<String>();
    text.lines().take(height - 2).map(clip).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line that wraps, or a text that scrolls, could not be taken away again.
    #[test]
    fn a_pinned_text_fits_the_terminal() {
        assert_eq!(fitting("one two\nthree\nfour\nfive", 6, 5), "one t\nthree\nfour\n");
        assert_eq!(fitting("one\n\ntwo\n", 80, 24), "one\n\ntwo\n");
    }
}
