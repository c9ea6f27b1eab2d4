//! What the grader does now, on standard error.
//!
//! Used by the commands and by the author's check, each of which clears it before it prints.
//!
//! ```text
//!   a terminal       one line, written over again and again; above it the first failing test
//!   anything else    a line now and then, so that a log shows that the run goes on
//! ```

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::clean;
use crate::model::TestReport;
use crate::observer::Observer;
use crate::paint::takes_escapes;

/// How often a line is printed where there is no terminal.
const EVERY: Duration = Duration::from_secs(30);

/// Shows on standard error what is going on.
pub struct Live {
    shows: Shows,
    tests: usize,
    done: usize,
}

enum Shows {
    OnTerminal(Screen),
    InLog(Log),
}

impl Live {
    /// A line that is written over on a terminal, and a line now and then elsewhere.
    pub fn new() -> Self {
        let stderr = io::stderr();
        let shows = if takes_escapes(&stderr) {
            Shows::OnTerminal(Screen::new())
        } else {
            Shows::InLog(Log::start(EVERY, stderr))
        };
        Self { shows, tests: 0, done: 0 }
    }

    fn show(&mut self, text: &str) {
        let text = clean::text(text);
        match &mut self.shows {
            Shows::OnTerminal(screen) => screen.show(&text),
            Shows::InLog(log) => log.state().says = text,
        }
    }

    /// Shows `text` above the line until [`Live::clear`]; as much of it as the terminal holds. Shows nothing
    /// where there is no terminal.
    pub fn pin(&mut self, text: &str) {
        if let Shows::OnTerminal(screen) = &mut self.shows {
            screen.pin(text);
        }
    }

    /// Takes the line and the pinned text away, so that a report starts on a clean line.
    pub fn clear(&mut self) {
        if let Shows::OnTerminal(screen) = &mut self.shows {
            screen.clear();
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
        let line = match self.shows {
            Shows::OnTerminal(_) => format!("  {line} ..."),
            Shows::InLog(_) => line.to_owned(),
        };
        self.show(&line);
    }

    fn wait(&mut self, line: &str) {
        self.say(line);
        // A log shows at once what may take long.
        if let Shows::InLog(_) = self.shows {
            eprintln!("{line}");
        }
    }

    fn tests(&mut self, count: usize) {
        (self.tests, self.done) = (count, 0);
    }

    fn test_done(&mut self, test: &TestReport) {
        self.done += 1;
        let (done, all) = (self.done, self.tests.max(self.done));
        let line = match self.shows {
            Shows::OnTerminal(_) => format!("  {done}/{all}  {}", test.name),
            Shows::InLog(_) => format!("{done} of {all} tests have ended"),
        };
        self.show(&line);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The line on a terminal.
struct Screen {
    width: usize,
    height: usize,
    shown: bool,
    /// Lines of the text above the line.
    pinned: usize,
}

impl Screen {
    fn new() -> Self {
        // A terminal that does not know its size says that it has none.
        let size = rustix::termios::tcgetwinsize(io::stderr()).ok();
        let size = size.filter(|size| size.ws_row > 0 && size.ws_col > 0);
        let (rows, columns) =
            size.map_or((24, 80), |size| (usize::from(size.ws_row), usize::from(size.ws_col)));
        Self { width: columns.max(20), height: rows.max(5), shown: false, pinned: 0 }
    }

    fn show(&mut self, text: &str) {
        let text: String = text.chars().take(self.width - 1).collect();
        let mut to = io::stderr().lock();
        let _ = write!(to, "\r\x1b[2K{text}").and_then(|()| to.flush());
        self.shown = true;
    }

    fn pin(&mut self, text: &str) {
        let text = fitting(text, self.width, self.height);
        self.clear();
        self.pinned = text.lines().count();
        let mut to = io::stderr().lock();
        let _ = write!(to, "{text}").and_then(|()| to.flush());
    }

    fn clear(&mut self) {
        let mut to = io::stderr().lock();
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

/// Lines in a log, written by a thread of its own: while cargo compiles one large crate nothing calls an
/// observer.
struct Log {
    shared: Arc<(Mutex<State>, Condvar)>,
    writer: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    says: String,
    has_ended: bool,
}

fn locked(shared: &(Mutex<State>, Condvar)) -> MutexGuard<'_, State> {
    shared.0.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Log {
    fn start(every: Duration, to: impl Write + Send + 'static) -> Self {
        let shared = Arc::new((Mutex::new(State::default()), Condvar::new()));
        let state = Arc::clone(&shared);
        // A run without these lines is no worse.
        let writer =
            thread::Builder::new().name("log".to_owned()).spawn(move || write_log(&state, every, to));
        Self { shared, writer: writer.ok() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.shared)
    }
}

fn write_log(shared: &(Mutex<State>, Condvar), every: Duration, mut to: impl Write) {
    let start = Instant::now();
    let mut next = start + every;
    let mut state = locked(shared);
    while !state.has_ended {
        let now = Instant::now();
        if now >= next {
            let seconds = (next - start).as_secs();
            let says = if state.says.is_empty() { "at work" } else { &state.says };
            let _ = writeln!(to, "after {seconds} s: {says}").and_then(|()| to.flush());
            next += every;
            continue;
        }
        let waited = shared.1.wait_timeout(state, next - now);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.state().has_ended = true;
        self.shared.1.notify_all();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// The first lines of `text` that a terminal shows without scrolling or wrapping.
fn fitting(text: &str, width: usize, height: usize) -> String {
    let clip = |line: &str| line.chars().take(width - 1).chain(['\n']).collect::<String>();
    text.lines().take(height - 2).map(clip).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// A line that wraps, or a text that scrolls, could not be taken away again.
    #[test]
    fn a_pinned_text_fits_the_terminal() {
        assert_eq!(fitting("one two\nthree\nfour\nfive", 6, 5), "one t\nthree\nfour\n");
        assert_eq!(fitting("one\n\ntwo\n", 80, 24), "one\n\ntwo\n");
    }

    /// Sends what is written to it.
    struct Sends(Sender<String>);

    impl Write for Sends {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8_lossy(bytes).into_owned();
            self.0.send(text).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A log shows again and again what goes on, although nobody calls the observer in between, and ends with
    /// the run.
    #[test]
    fn a_log_gets_a_line_again_and_again() {
        let (to, lines) = channel();
        let log = Log::start(Duration::from_millis(5), Sends(to));
        log.state().says = "compiled bag".into();
        let mut seen = String::new();
        while seen.matches(": compiled bag\n").count() < 3 {
            seen.push_str(&lines.recv().expect("the log goes on"));
        }
        drop(log);
        assert!(lines.try_iter().all(|text| !text.contains('\u{1b}')) && lines.recv().is_err());
    }

    /// A run that ends sooner leaves no line.
    #[test]
    fn a_short_run_logs_nothing() {
        let (to, lines) = channel();
        drop(Log::start(EVERY, Sends(to)));
        assert!(lines.recv().is_err());
    }
}
