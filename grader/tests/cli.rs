//! The binary as a user meets it: exit codes, streams, colour, files.

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use common::sandbox::{Running, Sandbox, code, err, hold_stage, out};
use common::{copy, repository, work_dir};

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
    assert!(folder.starts_with(".grade/"), "cargo clean must not remove it: {folder}");
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

/// A variable of the machine stops nothing: the report is there, and a warning. An option is tried before
/// the first minute of grading, and its folder is made.
#[test]
fn a_file_that_cannot_be_written_does_not_cost_the_report() {
    let course = Sandbox::new();
    course.solve();
    for value in ["", "/dev/null/s.md"] {
        let mut command = course.command();
        command.args(["run", "1", "--no-perf", "--junit", "out/j.xml"]).env("GITHUB_STEP_SUMMARY", value);
        let output = command.output().unwrap();
        assert_eq!(code(&output), 0, "{}", err(&output));
        assert!(out(&output).contains("4 of 4 tests passed"), "{}", out(&output));
        assert_eq!(err(&output).contains("warning: no summary is written"), !value.is_empty());
        assert!(course.read("out/j.xml").contains("<testsuites"));
    }
    let held = hold_stage();
    for option in ["--junit", "--gradescope", "--html", "--summary"] {
        let output = course.grade(&["run", "1", option, "/dev/null/x"]);
        assert_eq!(code(&output), 2, "{}", err(&output));
        assert!(err(&output).contains(&format!("{option} /dev/null/x: ")), "{}", err(&output));
    }
    drop(held);
}

/// A program that reads the JSON must notice that it is not all there.
#[test]
#[cfg(target_os = "linux")]
fn a_report_that_does_not_fit_on_the_disk_is_an_error() {
    let course = Sandbox::new();
    course.solve();
    let mut command = course.command();
    command.args(["run", "1", "--no-perf", "--json", "--html", "h.html"]);
    let output = command.stdout(fs::File::options().write(true).open("/dev/full").unwrap()).output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("standard output cannot be written"), "{}", err(&output));
    assert!(course.read("h.html").starts_with("<!DOCTYPE html>"), "the other reports are written");
}

/// While another grader works in the same folder, a run says so at once, and a hint that is taken meanwhile
/// is still known when the run has ended.
#[test]
fn a_hint_during_a_run_is_kept() {
    let course = Sandbox::new();
    let held = hold_stage();
    let mut command = course.command();
    command.args(["run", "1", "--no-perf"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut run = Running(command.spawn().unwrap());
    let mut lines = BufReader::new(run.0.stderr.take().unwrap()).lines();
    let line = lines.next().expect("it says that it waits").unwrap();
    assert_eq!(line, "waiting for another grader that uses the same folder");
    assert_eq!(code(&course.grade(&["hint", "1.1"])), 0);
    drop(held);
    assert_eq!(run.0.wait().unwrap().code(), Some(1));
    let progress = course.read("progress.toml");
    assert!(progress.contains("hints = 1") && progress.contains("last = \"todo\""), "{progress}");
}

/// The variable names the folder of everything that can be built again, as it does for cargo.
#[test]
fn the_target_folder_of_the_environment_is_used() {
    let course = Sandbox::new();
    course.solve();
    fs::remove_dir_all(course.path("target")).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(work_dir(), elsewhere.path().join("grade")).unwrap();
    let mut command = course.command();
    command.args(["run", "1", "--no-perf"]).env("CARGO_TARGET_DIR", elsewhere.path());
    let output = command.output().unwrap();
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert!(!course.path("target").exists());
}

/// A checkout that cannot be written costs the progress, with a warning. Only the build folder is needed, and
/// the message says how to move it.
#[test]
fn a_checkout_that_cannot_be_written_is_graded() {
    let course = Sandbox::new();
    course.solve();
    // A folder where a file belongs cannot be written by anybody, root included.
    fs::create_dir(course.path("progress.toml")).unwrap();
    fs::write(course.path(".grade"), "in the way").unwrap();
    let output = course.grade(&["run", "1", "--no-perf"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert!(out(&output).contains("4 of 4 tests passed"), "{}", out(&output));
    assert!(err(&output).contains("warning: progress is not kept"), "{}", err(&output));

    fs::remove_dir_all(course.path("target")).unwrap();
    fs::write(course.path("target"), "in the way").unwrap();
    let output = course.grade(&["run", "1", "--no-perf"]);
    assert_eq!(code(&output), 2);
    assert!(
        err(&output).contains("set CARGO_TARGET_DIR to a folder that can be written"),
        "{}",
        err(&output)
    );
}

/// A rerun command is there to be copied, so a path with a space is quoted. The folder of a lab itself is
/// taken for the folder that holds it.
#[test]
fn a_rerun_command_quotes_its_path() {
    let course = Sandbox::new();
    course.solve_with_push("self.numbers = vec![value];");
    copy(&course.path("labs/01-tiny"), &course.path("my labs/01-tiny"));
    let output = course.grade(&["run", "1", "--no-perf", "--labs", "my labs/01-tiny"]);
    assert_eq!(code(&output), 1, "{}", err(&output));
    let text = out(&output);
    let rerun = text.lines().find(|line| line.contains("rerun  ")).expect("the failure can be run again");
    assert!(rerun.ends_with(" --labs 'my labs/01-tiny'"), "{text}");
}

/// Another cargo may hold the lock of the package cache for minutes; rust-analyzer does while it fetches.
#[test]
fn a_run_says_at_once_that_cargo_waits() {
    let course = Sandbox::new();
    course.solve();
    let home = tempfile::tempdir().unwrap();
    let real = std::env::var_os("CARGO_HOME").map(std::path::PathBuf::from);
    let real = real.or_else(|| Some(std::env::home_dir()?.join(".cargo"))).unwrap();
    for entry in fs::read_dir(real).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_name().to_string_lossy().starts_with(".package-cache") {
            std::os::unix::fs::symlink(entry.path(), home.path().join(entry.file_name())).unwrap();
        }
    }
    let held = fs::File::create(home.path().join(".package-cache")).unwrap();
    held.lock().unwrap();
    let mut command = course.command();
    command.args(["run", "1", "--no-perf"]).env("CARGO_HOME", home.path());
    let mut run = Running(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(run.0.stderr.take().unwrap()).lines();
    let is_it = |line: &str| line == "cargo is waiting for file lock on package cache";
    assert!(lines.any(|line| is_it(&line.unwrap())), "it ended without saying that it waits");
    drop(held);
    assert_eq!(run.0.wait().unwrap().code(), Some(0));
}

fn cargo_grade(folder: &Path) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.arg("grade").current_dir(folder).env("CARGO_NET_OFFLINE", "true");
    // What these tests read must not depend on the settings of the person who runs them.
    cargo.env_remove("CLICOLOR_FORCE").env("CARGO_TERM_QUIET", "false");
    cargo
}

/// The first call of a learner builds the grader, and rust-analyzer may hold the lock of the build folder:
/// cargo has to say so.
#[test]
fn cargo_grade_says_at_once_that_it_waits() {
    let target = tempfile::tempdir().unwrap();
    fs::create_dir(target.path().join("debug")).unwrap();
    let held = fs::File::create(target.path().join("debug/.cargo-lock")).unwrap();
    held.lock().unwrap();
    let mut cargo = cargo_grade(&repository());
    cargo.env("CARGO_TARGET_DIR", target.path()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut cargo = Running(cargo.spawn().unwrap());
    let mut lines = BufReader::new(cargo.0.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("Blocking waiting for file lock")));
}

/// `solutions/` and the suites are another workspace of cargo than `labs/`.
#[test]
fn cargo_grade_works_in_every_folder() {
    for folder in ["solutions", "solutions/01-structures", "grader/suites/01-structures", "labs", "handouts"]
    {
        let output = cargo_grade(&repository().join(folder)).args(["list", "1"]).output().unwrap();
        assert!(output.status.success(), "{folder}: {}", err(&output));
        assert!(out(&output).starts_with("Lab 1: "), "{folder}: {}", out(&output));
    }
}

/// Git for Windows sets `core.autocrlf`, and its checkouts are used in WSL: each kind of file of the course
/// has the same bytes there.
#[test]
fn a_checkout_with_autocrlf_has_the_same_bytes() {
    let git = |folder: &Path, arguments: &[&str]| {
        let mut git = Command::new("git");
        // In a hook of git these name the repository of the hook, and git would use it in place of `folder`.
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"] {
            git.env_remove(name);
        }
        git.args(["-c", "user.name=test", "-c", "user.email=test@example.org"]);
        git.args(["-c", "commit.gpgSign=false", "-c", "core.hooksPath=/dev/null"]).args(arguments);
        let output = git.current_dir(folder).output().expect("git is installed");
        assert!(output.status.success(), "{arguments:?}: {}", err(&output));
        output
    };
    let listed = git(&repository(), &["ls-files", "-z"]);
    let paths = String::from_utf8(listed.stdout).unwrap();
    let kind = |path: &str| path.rsplit_once('.').map(|(_, kind)| kind.to_owned());
    let kinds: std::collections::BTreeMap<_, _> =
        paths.split_terminator('\0').map(|path| (kind(path), path)).collect();
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    for path in kinds.values().chain(&[".gitattributes"]) {
        fs::create_dir_all(from.join(path).parent().unwrap()).unwrap();
        fs::copy(repository().join(path), from.join(path)).unwrap();
    }
    git(&from, &["init", "--quiet"]);
    git(&from, &["add", "--force", "."]);
    git(&from, &["commit", "--quiet", "--message", "all kinds"]);
    git(folder.path(), &["clone", "--quiet", "--config", "core.autocrlf=true", "from", "to"]);
    for path in kinds.values() {
        let is_same = fs::read(from.join(path)).unwrap() == fs::read(to.join(path)).unwrap();
        assert!(is_same, "{path} has other bytes after a checkout with autocrlf");
    }
    assert!(kinds.len() > 8, "{kinds:?}");
}

/// Cargo cannot build below a folder whose name has a colon: it lists folders with colons between them.
#[test]
fn a_path_with_a_colon_is_refused_in_one_sentence() {
    let course = Sandbox::new();
    let target = course.path("with:colon");
    let output = course.command().args(["run", "1"]).env("CARGO_TARGET_DIR", &target).output().unwrap();
    assert_eq!(code(&output), 2, "{}", err(&output));
    assert_eq!(err(&output).lines().count(), 1, "{}", err(&output));
    assert!(err(&output).contains("with:colon/grade has a colon in its path"), "{}", err(&output));
}
