//! `cargo grade watch`: grades again whenever a file is saved.
//!
//! ```text
//!   file events ---+                        +--> the failing task, without performance
//!   (or every      +--> changed? --> round -+
//!    half second) -+       ^                +--> it passes: all tests, find the next failing task
//!   keys ---------------- loop
//! ```
//!
//! An event only says "look": a round starts when time or length of some source has changed, so that
//! an editor's temporary files start nothing, and saves that come while a round runs are not lost. Sources
//! are also looked at every few seconds without an event, because network folders send none.

use std::collections::BTreeMap;
use std::fs;
use std::io::{IsTerminal, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use notify::{RecursiveMode, Watcher as _};

use super::first_look::FirstLook;
use super::keys::Keys;
use super::{common, hint};
use crate::author::generate::files_below;
use crate::catalog::{Course, Lab};
use crate::clean;
use crate::cli::WatchArgs;
use crate::grade::grade;
use crate::model::{LabReport, PerfVerdict, TaskEnd};
use crate::paint::Paint;
use crate::progress::{Progress, ProgressFile};
use crate::report::terminal;
use crate::request::{Measuring, Request, Rounds, Selection, Sources, Tasks};

/// How long files must be quiet before a round starts.
const QUIET: Duration = Duration::from_millis(60);

/// Longest wait for files to become quiet.
const LONGEST: Duration = Duration::from_secs(1);

/// How often sources are looked at where events do not arrive.
const POLL: Duration = Duration::from_millis(500);

/// How often they are looked at where events do arrive.
const LOOK: Duration = Duration::from_secs(3);

/// What wakes the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A key, in lower case.
    Key(u8),
    /// Something below `labs/` may have changed.
    Files,
}

/// Length and time of every source below `labs/`.
type Snapshot = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// Runs the command until `q` is pressed.
pub fn run(course: &Course, args: &WatchArgs) -> Result<ExitCode> {
    let (file, progress) = common::progress(course);
    let lab = match &args.lab {
        Some(key) => course.lab(key)?,
        None => current_lab(course, &progress)?,
    };
    let (sender, events) = mpsc::channel();
    let watcher = if args.poll { None } else { file_events(&course.root.join("labs"), sender.clone()) };
    let pressed = sender.clone();
    let keys = Keys::start(move |key| pressed.send(Event::Key(key)).is_ok());
    let mut watch = Watch {
        course,
        lab,
        file,
        progress,
        focus: 0,
        paint: Paint::stdout(),
        clear: std::io::stdout().is_terminal(),
        has_keys: keys.is_some(),
    };
    watch.focus = watch.first_open();
    let look = if watcher.is_some() { LOOK } else { POLL };
    // The loop owns a sender, so that it waits on even when neither keys nor events can come.
    let result = watch.watch(&events, look);
    drop((keys, watcher, sender));
    println!();
    result.map(|()| ExitCode::SUCCESS)
}

/// The first lab with a task that has not passed, or else the last one.
fn current_lab<'a>(course: &'a Course, progress: &Progress) -> Result<&'a Lab> {
    let open =
        |lab: &&Lab| lab.tasks.iter().any(|task| progress.task(&task.id).last != Some(TaskEnd::Passed));
    let lab = course.labs.iter().find(open).or(course.labs.last());
    lab.ok_or_else(|| anyhow::anyhow!("the course has no lab yet"))
}

/// Sends an event for each change below `folder`; `None` where the system sends none.
fn file_events(folder: &Path, events: Sender<Event>) -> Option<notify::RecommendedWatcher> {
    let handler = move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            let _ = events.send(Event::Files);
        }
    };
    let mut watcher = notify::recommended_watcher(handler).ok()?;
    watcher.watch(folder, RecursiveMode::Recursive).ok()?;
    Some(watcher)
}

fn snapshot(course: &Course) -> Snapshot {
    let labs = course.root.join("labs");
    let mut found = Snapshot::new();
    for lab in course.labs.iter().map(|lab| lab.id.as_str()).chain(["kit"]) {
        // A folder that vanishes while it is read is seen at the next look.
        for path in files_below(&labs, &Path::new(lab).join("src")).unwrap_or_default() {
            let known = fs::metadata(labs.join(&path)).ok();
            let state = known.map_or((0, None), |known| (known.len(), known.modified().ok()));
            found.insert(path, state);
        }
    }
    found
}

struct Watch<'a> {
    course: &'a Course,
    lab: &'a Lab,
    file: ProgressFile,
    progress: Progress,
    /// The task that is run first: its index in the lab.
    focus: usize,
    paint: Paint,
    clear: bool,
    has_keys: bool,
}

impl Watch<'_> {
    fn first_open(&self) -> usize {
        let open = |task: &crate::catalog::Task| self.progress.task(&task.id).last != Some(TaskEnd::Passed);
        self.lab.tasks.iter().position(open).unwrap_or(0)
    }

    fn watch(&mut self, events: &Receiver<Event>, look: Duration) -> Result<()> {
        let mut seen = snapshot(self.course);
        self.round();
        loop {
            match events.recv_timeout(look) {
                Ok(Event::Key(b'q')) => return Ok(()),
                Ok(Event::Key(key)) => self.key(key),
                Ok(Event::Files) => {
                    if let Some(key) = wait_until_quiet(events) {
                        if key == b'q' {
                            return Ok(());
                        }
                        self.key(key);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            let now = snapshot(self.course);
            if now != seen {
                seen = now;
                self.round();
            }
        }
    }

    fn key(&mut self, key: u8) {
        match key {
            b'n' => {
                self.focus = (self.focus + 1) % self.lab.tasks.len().max(1);
                self.show(self.focus_id(), Measuring::Off);
            }
            b'r' => self.round(),
            b'a' => self.show(None, Measuring::Off),
            b'p' => self.show(None, Measuring::Gates(Rounds::Full)),
            b'h' => self.hint(),
            _ => self.footer(),
        }
    }

    fn focus_id(&self) -> Option<String> {
        self.lab.tasks.get(self.focus).map(|task| task.id.clone())
    }

    /// The focused task; when it passes, the whole lab, to find the next one.
    fn round(&mut self) {
        if let Some(report) = self.grade(self.focus_id(), Measuring::Off) {
            if !report.passed() {
                return self.report(&report);
            }
            self.show(None, Measuring::Off);
        }
    }

    fn show(&mut self, task: Option<String>, measuring: Measuring) {
        let whole = task.is_none();
        if let Some(report) = self.grade(task, measuring) {
            let failing = report.tasks.iter().find(|task| !task.passed).map(|task| &task.id);
            let index = self.lab.tasks.iter().position(|task| Some(&task.id) == failing);
            if let Some(index) = index.filter(|_| whole) {
                self.focus = index;
            }
            self.report(&report);
        }
    }

    /// Grades. If that is impossible, the error is printed and the watch goes on.
    fn grade(&mut self, task: Option<String>, measuring: Measuring) -> Option<LabReport> {
        let mut request = Request::new(self.lab, Sources::labs(self.course.root.join("labs")));
        request.selection = Selection::Tasks(task.map_or(Tasks::All, Tasks::One), measuring);
        let context = common::context(self.lab, &self.progress);
        let mut live = FirstLook::new(self.lab, context).on_a_clear_screen();
        let report = grade(self.course, &request, &mut live);
        live.clear();
        match report {
            Ok(report) => {
                // Another grader may have written in the meantime.
                if let Ok((progress, None)) = self.file.read() {
                    self.progress = progress;
                }
                self.progress.record(&report);
                common::keep(&self.file, &self.progress);
                Some(report)
            }
            Err(error) => {
                eprintln!("error: {}", clean::text(&format!("{error:#}")));
                self.footer();
                None
            }
        }
    }

    fn report(&self, report: &LabReport) {
        if self.clear {
            common::print("\x1b[2J\x1b[H");
        }
        let mut context = common::context(self.lab, &self.progress);
        context.seed = report.seed;
        common::print(&terminal::render(report, &context, self.paint, false));
        let is_whole = report.tasks.len() == self.lab.tasks.len();
        let gates = report.tasks.iter().flat_map(|task| &task.perf);
        let is_measured = gates.into_iter().all(|gate| !matches!(gate.verdict, PerfVerdict::NotRun(_)));
        if is_whole && report.passed() && !is_measured {
            let key = if self.has_keys { "p, or " } else { "" };
            let text =
                format!("Every test passes; {key}cargo grade run {} measures performance.", self.lab.number);
            common::print(&format!("\n  {}\n", self.paint.good(&text)));
        }
        self.footer();
    }

    fn hint(&mut self) {
        let Some(task) = self.lab.tasks.get(self.focus) else { return };
        let kept = self.progress.tasks.entry(task.id.clone()).or_default();
        kept.hints = (kept.hints + 1).min(task.hints.len());
        let text = hint::render(task, kept.hints, self.paint);
        common::keep(&self.file, &self.progress);
        common::print(&format!("\n{text}"));
    }

    /// What can be pressed, or how to end.
    fn footer(&self) {
        let task = self.lab.tasks.get(self.focus).map_or("", |task| task.id.as_str());
        let text = if self.has_keys {
            format!("task {task}   n next task   h hint   r again   a all tests   p performance   q quit")
        } else {
            format!("task {task}; waiting for a file to be saved, Ctrl-C ends")
        };
        common::print(&format!("\n  {}\n", self.paint.quiet(&text)));
        let _ = std::io::stdout().flush();
    }
}

/// Waits until no file event has come for a while; a key that comes in between is given back.
fn wait_until_quiet(events: &Receiver<Event>) -> Option<u8> {
    let start = Instant::now();
    while start.elapsed() < LONGEST {
        match events.recv_timeout(QUIET) {
            Ok(Event::Files) => {}
            Ok(Event::Key(key)) => return Some(key),
            Err(_) => break,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An editor that saves in three steps starts one round, and no key is lost meanwhile.
    #[test]
    fn a_burst_of_events_is_one() {
        let (sender, events) = mpsc::channel();
        for _ in 0..3 {
            sender.send(Event::Files).unwrap();
        }
        assert_eq!(wait_until_quiet(&events), None);
        assert_eq!(events.try_recv(), Err(mpsc::TryRecvError::Empty));
        sender.send(Event::Files).unwrap();
        sender.send(Event::Key(b'n')).unwrap();
        assert_eq!(wait_until_quiet(&events), Some(b'n'));
    }
}
