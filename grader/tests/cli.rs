//! The binary as a user meets it: exit codes, streams, colour, files.

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use common::{copy, repository, work_dir};

/// A course of one small lab in a folder of its own, with the compiled testkit shared.
struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    fn new() -> Sandbox {
        let folder = tempfile::tempdir().unwrap();
        copy(&common::course().root, folder.path());
        fs::create_dir_all(folder.path().join("target")).unwrap();
        fs::create_dir_all(work_dir()).unwrap();
        std::os::unix::fs::symlink(work_dir(), folder.path().join("target/grade")).unwrap();
        Sandbox { folder }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The learner hands in the reference.
    fn solve(&self) {
        fs::remove_dir_all(self.path("labs/01-tiny")).unwrap();
        copy(&self.path("solutions/01-tiny"), &self.path("labs/01-tiny"));
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_grader"));
        command.current_dir(self.folder.path()).arg("--commons").arg(repository());
        for name in ["NO_COLOR", "CLICOLOR_FORCE", "GITHUB_STEP_SUMMARY"] {
            command.env_remove(name);
        }
        command
    }

    fn grade(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by a signal: {output:?}"))
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A lab to come, as `course.toml` describes it.
const COMING: &str = "[[coming]]\nid = \"09-raft\"\ntitle = \"Raft\"\nsummary = \"elections\"\n\
                      why = \"a machine may fail\"\nstands_on = [\"tiny\"]\n";

/// The first command of the course names the first task, its file and its handout, and nothing is red by
/// surprise.
#[test]
fn the_map_says_what_to_do_first() {
    let course = Sandbox::new();
    fs::write(course.path("grader/suites/course.toml"), COMING).unwrap();
    let output = course.grade(&[]);
    assert_eq!(code(&output), 0);
    let text = out(&output);
    for part in [
        "A bag of numbers",
        " 9  Raft              still to come",
        "task 1.1 Bag",
        "labs/01-tiny/src/bag.rs",
        "handouts/src/01-tiny.md",
        "Red is expected",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert_eq!(err(&output), "");
}

/// Colour is for terminals; `NO_COLOR` wins over whatever asks for it.
#[test]
fn colour_is_asked_for_or_absent() {
    let course = Sandbox::new();
    let is_coloured = |command: &mut Command| out(&command.output().unwrap()).contains('\u{1b}');
    assert!(!is_coloured(&mut course.command()));
    assert!(is_coloured(course.command().env("CLICOLOR_FORCE", "1")));
    assert!(!is_coloured(course.command().env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1")));
}

/// What cannot be graded is exit code 2, with what is wrong and what there is instead.
#[test]
fn what_cannot_be_graded_is_two() {
    let course = Sandbox::new();
    fs::write(course.path("grader/suites/course.toml"), COMING).unwrap();
    let cases: [(&[&str], &str); 7] = [
        (&["run", "7x"], "there is no lab \"7x\""),
        (&["run", "9"], "lab 9 (Raft) is still to come"),
        (&["run", "1", "--task", "1.7"], "there are: 1.1, 1.2"),
        (&["hint", "3.1"], "there is no task"),
        (&["run", "1", "--labs", "nowhere"], "no folder nowhere"),
        (&["run"], "Usage"),
        (&["reset", "1.1"], "the skeleton already"),
    ];
    for (arguments, says) in cases {
        let output = course.grade(arguments);
        let text = format!("{}{}", out(&output), err(&output));
        assert!(text.contains(says), "{arguments:?}: {text}");
        let expected = if says.contains("already") { 0 } else { 2 };
        assert_eq!(code(&output), expected, "{arguments:?}: {text}");
    }
    let outside = tempfile::tempdir().unwrap();
    let output = course.command().current_dir(outside.path()).output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("--root"), "{}", err(&output));
}

/// Hints come one at a time and are remembered; a fourth call shows the three again.
#[test]
fn hints_come_one_by_one() {
    let course = Sandbox::new();
    for count in [1, 2, 3, 3] {
        let output = course.grade(&["hint", "1.1"]);
        assert_eq!(code(&output), 0);
        assert_eq!(out(&output).matches(" of 3").count(), count);
    }
    assert!(course.read("progress.toml").contains("hints = 3"));
}

/// A broken progress file is the learner's history: it is kept under another name, reported, and stops
/// nothing.
#[test]
fn a_broken_progress_file_stops_nothing() {
    let course = Sandbox::new();
    fs::write(course.path("progress.toml"), "tasks = 7").unwrap();
    let output = course.grade(&[]);
    assert_eq!(code(&output), 0);
    assert!(err(&output).contains("progress.toml.broken-1"), "{}", err(&output));
    assert_eq!(course.read("progress.toml.broken-1"), "tasks = 7");
}

/// Reset keeps a copy and asks first; without a terminal there is nobody to ask.
#[test]
fn reset_keeps_what_was_there() {
    let course = Sandbox::new();
    course.solve();
    let mine = course.read("labs/01-tiny/src/bag.rs").replace("//! A bag", "//! My bag");
    fs::write(course.path("labs/01-tiny/src/bag.rs"), &mine).unwrap();
    let output = course.grade(&["reset", "1.1"]);
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("--yes"), "{}", err(&output));
    assert_eq!(course.read("labs/01-tiny/src/bag.rs"), mine);

    let output = course.grade(&["reset", "1.1", "--yes"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let text = course.read("labs/01-tiny/src/bag.rs");
    assert!(text.contains("todo!(\"task 1.1: ") && text.contains("//! My bag"), "{text}");
    assert!(!course.read("labs/01-tiny/src/counter.rs").contains("todo!"));
    let text = out(&output);
    let (_, folder) = text.trim().rsplit_once(' ').unwrap();
    assert_eq!(course.read(&format!("{folder}/labs/01-tiny/src/bag.rs")), mine);
}

/// The generator's check names the stale file, shows how it differs, and says what to run.
#[test]
fn a_stale_skeleton_is_named() {
    let course = Sandbox::new();
    assert_eq!(code(&course.grade(&["author", "generate"])), 0);
    assert_eq!(code(&course.grade(&["author", "generate", "--check"])), 0);
    let path = course.path("labs/01-tiny/src/counter.rs");
    fs::write(&path, course.read("labs/01-tiny/src/counter.rs").replace("Adds one", "Adds two")).unwrap();
    let output = course.grade(&["author", "generate", "--check"]);
    assert_eq!(code(&output), 1);
    let text = err(&output);
    for part in ["labs/01-tiny/src/counter.rs", "-    /// Adds two.", "run: cargo grade author generate"] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

/// A program that reads the JSON gets nothing else on the stream, red or green.
#[test]
fn json_is_the_whole_output() {
    let course = Sandbox::new();
    let output = course.grade(&["run", "1", "--json", "--no-perf"]);
    assert_eq!(code(&output), 1, "{}", err(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((json["version"].as_u64(), json["passed"].as_bool()), (Some(1), Some(false)));
    assert_eq!(json["tasks"][0]["tests"][0]["outcome"]["kind"], "todo");
    assert!(!err(&output).contains(['\r', '\u{1b}']), "{}", err(&output));
    assert!(course.read("progress.toml").contains("last = \"todo\""));
}

/// A correct lab is exit code 0, and every other report is written beside the one on the terminal.
#[test]
fn a_correct_lab_is_zero_and_every_report_is_written() {
    let course = Sandbox::new();
    course.solve();
    fs::write(course.path("summary.md"), "before\n").unwrap();
    let files = ["--junit", "j.xml", "--gradescope", "g.json", "--html", "h.html", "--summary", "summary.md"];
    let output = course.grade(&[&["run", "1", "--no-perf"], &files[..]].concat());
    assert_eq!(code(&output), 0, "{}{}", out(&output), err(&output));
    assert!(out(&output).contains("4 of 4 tests passed"), "{}", out(&output));
    assert!(course.read("j.xml").contains("<testsuites"));
    assert!(course.read("g.json").contains("\"max_score\""));
    assert!(course.read("h.html").starts_with("<!DOCTYPE html>"));
    let summary = course.read("summary.md");
    assert!(summary.starts_with("before\n## Lab 1"), "{summary}");
    assert!(course.read("progress.toml").contains("last = \"passed\""));
    let output = course.grade(&["run", "1", "--test", "no_such_test"]);
    assert_eq!(code(&output), 2, "{}", out(&output));
}

/// A wrong line gives one failure with the command that shows it again.
#[test]
fn a_wrong_line_is_one_failure() {
    let course = Sandbox::new();
    course.solve();
    let path = "labs/01-tiny/src/bag.rs";
    let text = course.read(path).replace("self.numbers.push(value);", "self.numbers = vec![value];");
    fs::write(course.path(path), text).unwrap();
    let output = course.grade(&["run", "1", "--no-perf"]);
    assert_eq!(code(&output), 1);
    let text = out(&output);
    for part in
        ["t1_1::adds_up fails", "expected    55", "found       10", "cargo grade run 1 --test t1_1::adds_up"]
    {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

/// The folder of somebody else is graded without touching the learner's progress.
#[test]
fn another_folder_leaves_progress_alone() {
    let course = Sandbox::new();
    let other = tempfile::tempdir().unwrap();
    copy(&course.path("solutions/01-tiny"), &other.path().join("01-tiny"));
    let folder: &Path = other.path();
    let output = course.grade(&["run", "1", "--no-perf", "--labs", folder.to_str().unwrap()]);
    assert_eq!(code(&output), 0, "{}{}", out(&output), err(&output));
    assert!(!course.path("progress.toml").exists());
}

/// A watch outlives what does not compile, and sees the file that repairs it. Without a terminal it reads no
/// keys and clears no screen.
#[test]
fn watch_survives_a_broken_file() {
    let course = Sandbox::new();
    course.solve();
    let path = course.path("labs/01-tiny/src/bag.rs");
    let good = fs::read_to_string(&path).unwrap();
    let mut command = course.command();
    command.args(["watch", "1", "--poll"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut watch = Running(command.spawn().unwrap());
    let mut lines = BufReader::new(watch.0.stdout.take().unwrap()).lines();
    let mut until = |part: &str| {
        let mut seen = String::new();
        for line in lines.by_ref() {
            let line = line.unwrap();
            seen.push_str(&line);
            seen.push('\n');
            if line.contains(part) {
                return seen;
            }
        }
        panic!("the watch ended before it said {part:?}:\n{seen}");
    };
    let text = until("waiting for a file");
    assert!(text.contains("Every test passes") && !text.contains('\u{1b}'), "{text}");
    fs::write(&path, good.replace("self.numbers.push(value);", "self.numbers.push(;")).unwrap();
    until("does not compile");
    until("waiting for a file");
    fs::write(&path, &good).unwrap();
    until("Every test passes");
}

/// A process that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
