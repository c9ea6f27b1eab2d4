//! `cargo grade watch`: grades again whenever a file is saved.
//!
//! ```text
//!   file events ---+                        +--> the failing task, without performance
//!   (or every      +--> changed? --> round -+
//!    half second) -+       ^                +--> it passes: all tests, find the next failing task
//!   keys ---------------- loop
//! ```
//!
//! An event only says "look": a round starts when time or length of a file that is graded has changed, so
//! that an editor's temporary files start nothing, and saves that come while a round runs are not lost.
//! Sources are also looked at every few seconds without an event, because network folders send none.
//!
//! `q` ends the program at once, also in the middle of a round; other keys wait for the end of the round.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
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
use crate::paint::{Paint, takes_escapes};
use crate::progress::Progress;
use crate::report::terminal;
use crate::request::{Measuring, Request, Rounds, Selection, Sources, Tasks};
use crate::signals;
use crate::stage::{earlier_labs, is_graded};

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

/// Length and time of every file that a round would grade, by its path below `labs/`.
type Snapshot = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// Runs the command until `q` or a signal ends the program.
pub fn run(course: &Course, args: &WatchArgs) -> Result<ExitCode> {
    let progress = common::progress(course);
    let lab = match &args.lab {
        Some(key) => course.lab(key)?,
        None => current_lab(course, &progress)?,
    };
    let (sender, events) = mpsc::channel();
    let watcher = if args.poll { None } else { file_events(&course.root.join("labs"), sender.clone()) };
    let keys = Keys::start(pressed(sender.clone()));
    let mut watch = Watch {
        course,
        lab,
        folders: folders(course, lab)?,
        progress,
        focus: 0,
        paint: Paint::stdout(),
        clear: takes_escapes(&std::io::stdout()),
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

/// What a key does. The loop takes no event while a round runs, so `q` ends the program from here.
fn pressed(events: Sender<Event>) -> impl FnMut(u8) -> bool + Send + 'static {
    move |key| {
        if key == b'q' {
            println!();
            signals::end(0);
        }
        events.send(Event::Key(key)).is_ok()
    }
}

/// The folders below `labs/` whose files a round grades: the lab, the labs that it stands on, and the kit.
fn folders(course: &Course, lab: &Lab) -> Result<Vec<String>> {
    let mut folders = vec![lab.id.clone(), "kit".to_owned()];
    folders.extend(earlier_labs(course, lab)?.into_iter().map(|earlier| earlier.id.clone()));
    Ok(folders)
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

/// Looks at the files of `folders` below `labs` that would be graded.
fn snapshot(labs: &Path, folders: &[String]) -> Snapshot {
    let mut found = Snapshot::new();
    for folder in folders {
        // A folder that vanishes while it is read is seen at the next look.
        let files = files_below(labs, &Path::new(folder).join("src")).unwrap_or_default();
        for path in files.into_iter().filter(|path| is_graded(path)) {
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
    /// What is looked at, below `labs/`.
    folders: Vec<String>,
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
        let labs = self.course.root.join("labs");
        let mut seen = snapshot(&labs, &self.folders);
        self.round();
        loop {
            match events.recv_timeout(look) {
                Ok(Event::Key(key)) => self.key(key),
                Ok(Event::Files) => {
                    if let Some(key) = wait_until_quiet(events) {
                        self.key(key);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            let now = snapshot(&labs, &self.folders);
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
                self.progress = common::update(self.course, |progress| progress.record(&report));
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
            common::show("\x1b[2J\x1b[H");
        }
        let mut context = common::context(self.lab, &self.progress);
        context.seed = report.seed;
        common::show(&terminal::render(report, &context, self.paint, false));
        let is_whole = report.tasks.len() == self.lab.tasks.len();
        let gates = report.tasks.iter().flat_map(|task| &task.perf);
        let is_measured = gates.into_iter().all(|gate| !matches!(gate.verdict, PerfVerdict::NotRun(_)));
        if is_whole && report.passed() && !is_measured {
            let key = if self.has_keys { "p, or " } else { "" };
            let text =
                format!("Every test passes; {key}cargo grade run {} measures performance.", self.lab.number);
            common::show(&format!("\n  {}\n", self.paint.good(&text)));
        }
        self.footer();
    }

    fn hint(&mut self) {
        let Some(task) = self.lab.tasks.get(self.focus) else { return };
        self.progress = common::update(self.course, |progress| progress.take_hint(task));
        let text = hint::render(task, self.progress.task(&task.id).hints, self.paint);
        common::show(&format!("\n{text}"));
    }

    /// What can be pressed, or how to end.
    fn footer(&self) {
        let task = self.lab.tasks.get(self.focus).map_or("", |task| task.id.as_str());
        let text = if self.has_keys {
            format!("task {task}   n next task   h hint   r again   a all tests   p performance   q quit")
        } else {
            format!("task {task}; waiting for a file to be saved, Ctrl-C ends")
        };
        common::show(&format!("\n  {}\n", self.paint.quiet(&text)));
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

    /// What an editor puts beside a file starts no round; what is graded does.
    #[test]
    fn only_files_that_are_graded_are_looked_at() {
        let labs = tempfile::tempdir().unwrap();
        let source = labs.path().join("01-tiny/src");
        fs::create_dir_all(source.join(".AppleDouble")).unwrap();
        fs::write(source.join("bag.rs"), "").unwrap();
        let folders = ["01-tiny".to_owned()];
        let before = snapshot(labs.path(), &folders);
        assert_eq!(before.keys().collect::<Vec<_>>(), [Path::new("01-tiny/src/bag.rs")]);
        for name in ["._bag.rs", ".bag.rs.swp", "bag.rs~", "#bag.rs#", "4913", ".AppleDouble/bag.rs"] {
            fs::write(source.join(name), "x").unwrap();
        }
        std::os::unix::fs::symlink("me@host.1:2", source.join(".#bag.rs")).unwrap();
        assert_eq!(snapshot(labs.path(), &folders), before);
        fs::write(source.join("new.rs"), "").unwrap();
        assert_ne!(snapshot(labs.path(), &folders), before);
    }

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
