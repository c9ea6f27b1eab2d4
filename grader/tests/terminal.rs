//! The binary on a terminal: keys, signals, escape sequences, and what stays when it is killed.
//!
//! These tests start graders and look at their processes, so none of them grades in this process.

mod common;

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use common::sandbox::{Running, Sandbox};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

/// Longest wait for anything; a grader on a busy machine compiles for a while.
const LONGEST: Duration = Duration::from_secs(300);

/// A terminal with a grader on it.
struct Terminal {
    keys: File,
    /// The side of the grader; kept open, so that its settings can be read after the grader has ended.
    inside: File,
    shown: Receiver<String>,
    seen: String,
    grader: Running,
}

impl Terminal {
    fn start(mut command: Command) -> Terminal {
        let outside = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&outside).unwrap();
        unlockpt(&outside).unwrap();
        let name = ptsname(&outside, Vec::new()).unwrap();
        let inside = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let end = || Stdio::from(OwnedFd::from(inside.try_clone().unwrap()));
        command.stdin(end()).stdout(end()).stderr(end());
        let grader = Running(command.spawn().unwrap());
        let keys = File::from(outside);
        let (to, shown) = channel();
        let mut output = keys.try_clone().unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count) = output.read(&mut buffer) {
                if count == 0 || to.send(String::from_utf8_lossy(&buffer[..count]).into_owned()).is_err() {
                    break;
                }
            }
        });
        Terminal { keys, inside, shown, seen: String::new(), grader }
    }

    fn press(&mut self, key: u8) {
        self.keys.write_all(&[key]).unwrap();
    }

    /// Waits until the grader has shown `part`.
    fn until(&mut self, part: &str) {
        let deadline = Instant::now() + LONGEST;
        while !self.seen.contains(part) {
            let rest = deadline.saturating_duration_since(Instant::now());
            match self.shown.recv_timeout(rest) {
                Ok(text) => self.seen.push_str(&text),
                Err(_) => panic!("{part:?} was not shown in\n{}", self.seen),
            }
        }
    }

    fn wait(&mut self) -> ExitStatus {
        let status = wait_for("the grader to end", || self.grader.0.try_wait().unwrap());
        while let Ok(text) = self.shown.recv_timeout(Duration::from_millis(100)) {
            self.seen.push_str(&text);
        }
        status
    }

    fn echoes(&self) -> bool {
        let modes = tcgetattr(&self.inside).unwrap().local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON)
    }
}

/// Looks again and again until `look` finds something.
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LONGEST;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited too long for {what}");
        thread::park_timeout(Duration::from_millis(10));
    }
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(id as i32).unwrap()
}

fn signal(id: u32, signal: Signal) {
    kill_process(pid(id), signal).unwrap();
}

/// The test programs that the grader `id` runs now.
#[cfg(target_os = "linux")]
fn test_programs(id: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let children: Vec<u32> = lists
        .flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|id| id.parse().ok())
        .collect();
    let is_test = |id: &u32| {
        let words = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        words.split(|&byte| byte == 0).any(|word| word == b"--exec")
    };
    children.into_iter().filter(is_test).collect()
}

/// Whether the process computes or waits; one that has ended and was not reaped does neither.
#[cfg(target_os = "linux")]
fn is_alive(id: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn watch(course: &Sandbox) -> Command {
    let mut command = course.command();
    command.args(["watch", "1", "--poll"]).env("TERM", "xterm");
    command
}

/// A terminal without echo is of no use to the shell that comes next.
#[test]
fn a_signal_that_ends_watch_leaves_the_terminal_as_it_was() {
    let course = Sandbox::new();
    for kind in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut terminal = Terminal::start(watch(&course));
        terminal.until("q quit");
        assert!(!terminal.echoes());
        signal(terminal.grader.0.id(), kind);
        let status = terminal.wait();
        assert!(!status.success(), "{kind:?}: {status}");
        assert!(terminal.echoes(), "{kind:?}");
    }
}

/// An endless loop keeps its test program busy for as long as its limits allow. Neither that nor the round
/// may outlive the wish to end.
#[test]
#[cfg(target_os = "linux")]
fn whatever_ends_the_grader_ends_its_tests_at_once() {
    let course = Sandbox::new();
    course.solve_with_push("let _ = value; loop { std::hint::spin_loop(); }");
    let mut run = course.command();
    run.args(["run", "1", "--no-perf"]).env("TERM", "xterm");
    let cases: [(Command, u8, Option<i32>); 3] =
        [(watch(&course), 3, Some(130)), (watch(&course), b'q', Some(0)), (run, 3, None)];
    for (command, key, code) in cases {
        let is_watch = code.is_some();
        let mut terminal = Terminal::start(command);
        let grader = terminal.grader.0.id();
        let tests =
            wait_for("a test program", || Some(test_programs(grader)).filter(|tests| !tests.is_empty()));
        let start = Instant::now();
        if is_watch {
            terminal.press(key);
        } else {
            // The terminal of this test is no controlling terminal, which would send the signal.
            signal(grader, Signal::INT);
        }
        let status = terminal.wait();
        assert_eq!(status.code(), code, "{status}");
        wait_for("the test programs to end", || tests.iter().all(|id| !is_alive(*id)).then_some(()));
        assert!(start.elapsed() < Duration::from_secs(8), "{:?} after key {key}", start.elapsed());
        assert!(terminal.echoes());
    }
}

/// SIGKILL leaves the scratch folders of the running tests; the next start of any command removes them.
#[test]
#[cfg(target_os = "linux")]
fn what_a_killed_grader_leaves_is_removed_at_the_next_start() {
    let course = Sandbox::new();
    course.solve_with_push("let _ = value; loop { std::hint::spin_loop(); }");
    let temporary = tempfile::tempdir().unwrap();
    let count = || fs::read_dir(temporary.path()).unwrap().count();
    let mut command = course.command();
    command.args(["run", "1", "--no-perf"]).env("TMPDIR", temporary.path());
    let mut run = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let tests =
        wait_for("a test program", || Some(test_programs(run.0.id())).filter(|tests| !tests.is_empty()));
    let mut list = course.command();
    list.args(["list", "1"]).env("TMPDIR", temporary.path());
    assert!(list.output().unwrap().status.success());
    assert!(count() > 0, "a grader that runs keeps its folders");
    run.0.kill().unwrap();
    run.0.wait().unwrap();
    for id in tests {
        // It may have ended by itself.
        let _ = kill_process(pid(id), Signal::KILL);
    }
    assert!(count() > 0);
    assert!(list.output().unwrap().status.success());
    assert_eq!(count(), 0);
}

/// A terminal that knows no escape sequences shows them as rubbish.
#[test]
fn a_dumb_terminal_gets_no_escapes() {
    let course = Sandbox::new();
    for term in [Some("xterm"), Some("dumb"), Some(""), None] {
        let mut run = course.command();
        run.args(["run", "1", "--no-perf"]);
        for mut command in [run, watch(&course)] {
            command.env_remove("TERM");
            term.map(|term| command.env("TERM", term));
            let is_watch = command.get_args().any(|argument| argument == "watch");
            let mut terminal = Terminal::start(command);
            if is_watch {
                terminal.until("q quit");
                terminal.press(b'q');
            }
            terminal.wait();
            let has_escapes = terminal.seen.contains('\u{1b}');
            assert_eq!(has_escapes, term == Some("xterm"), "{term:?}: {:?}", terminal.seen);
        }
    }
}
