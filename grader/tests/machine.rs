//! Faults of the machine: a killed linker, a killed or hanging compiler, a full disk. Each ends with exit
//! code 2, without a report, and with a sentence that says it.
//!
//! The faults come from programs called `cc` and `rustc` in a folder that is first in PATH. The grader runs
//! as a process of its own, because PATH belongs to a whole process. A test of this program must not grade in
//! this process: the grader there would end the children of the others.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{Submission, course, repository, work_dir};

/// A folder with one program, which does `fault` for the arguments that hold `word` and the real thing
/// otherwise.
fn broken(program: &str, word: &str, fault: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let real = real(program);
    let text = format!(
        "#!/bin/sh\ncase \"$*\" in *{word}*) {fault};; esac\nexec {} \"$@\"\n",
        real.to_str().unwrap()
    );
    let path = folder.path().join(program);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    folder
}

/// The program as PATH has it today.
fn real(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("there is no {program}"))
}

fn path_with(folder: &Path) -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap();
    let folders = std::iter::once(folder.to_path_buf()).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).unwrap()
}

/// The course of the fixture in a folder of its own, whose labs are a submission.
struct Graded {
    root: tempfile::TempDir,
}

impl Graded {
    /// A correct submission whose `push` is `body`, built where the other tests build.
    fn new(body: &str) -> Graded {
        let graded = Graded::apart(body);
        fs::create_dir_all(graded.root.path().join("target")).unwrap();
        fs::create_dir_all(work_dir()).unwrap();
        std::os::unix::fs::symlink(work_dir(), graded.root.path().join("target/grade")).unwrap();
        graded
    }

    /// The same with a build folder of its own.
    fn apart(body: &str) -> Graded {
        let root = tempfile::tempdir().unwrap();
        common::copy(&course().root, root.path());
        let graded = Graded { root };
        graded.hand_in(body);
        graded
    }

    /// The same in a folder below `above`.
    fn below(above: &Path, body: &str) -> Graded {
        let root = tempfile::tempdir_in(above).unwrap();
        common::copy(&course().root, root.path());
        fs::create_dir_all(root.path().join("target")).unwrap();
        fs::create_dir_all(work_dir()).unwrap();
        std::os::unix::fs::symlink(work_dir(), root.path().join("target/grade")).unwrap();
        let graded = Graded { root };
        graded.hand_in(body);
        graded
    }

    fn hand_in(&self, body: &str) {
        common::copy(&Submission::correct().with_push(body).labs(), &self.root.path().join("labs"));
    }

    fn report(&self) -> PathBuf {
        self.root.path().join("report.xml")
    }

    /// The command that grades it.
    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_grader"));
        command.arg("--commons").arg(repository());
        command.args(["run", "1", "--no-perf", "--junit"]).arg(self.report());
        command.current_dir(self.root.path()).env_remove("GITHUB_STEP_SUMMARY");
        command
    }
}

/// Grades a correct submission that nobody has compiled before, with `tools` first in PATH.
fn grade(tools: &Path, number: u32) -> (Output, bool) {
    let graded = Graded::new(&unseen(number));
    let output = graded.command().env("PATH", path_with(tools)).output().unwrap();
    (output, graded.report().exists())
}

/// A correct body that no build of before has.
fn unseen(number: u32) -> String {
    format!("let _ = \"{} {number}\"; self.numbers.push(value);", std::process::id())
}

/// Nothing was graded, and the reason is `says`.
fn assert_not_graded((output, has_report): (Output, bool), says: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{printed}{text}");
    assert!(text.contains(says), "{says:?} is not in\n{text}");
    assert!(!printed.contains("points") && !has_report, "{printed}");
    assert!(!text.contains("a public item"), "{text}");
}

#[test]
fn a_killed_linker_is_no_mistake_of_the_learner() {
    let tools = broken("cc", "t1_", "kill -9 $$");
    assert_not_graded(grade(tools.path(), 1), "signal 9 ended the linker");
}

#[test]
fn a_full_disk_is_no_mistake_of_the_learner() {
    let tools = broken("cc", "t1_", "echo 'ld: final link failed: No space left on device' >&2; exit 1");
    assert_not_graded(grade(tools.path(), 2), "no space left on the disk");
}

#[test]
fn a_linker_that_is_killed_below_the_compiler_driver_is_no_mistake_of_the_learner() {
    let fault = "echo 'collect2: fatal error: ld terminated with signal 9 [Killed]' >&2; exit 1";
    let tools = broken("cc", "t1_", fault);
    assert_not_graded(grade(tools.path(), 3), "the linker was ended by a signal");
}

#[test]
fn a_killed_compiler_is_no_mistake_of_the_learner() {
    for (number, crate_name) in [(4, "tiny"), (5, "t1_2")] {
        let tools = broken("rustc", &format!("--crate-name\\ {crate_name}\\ "), "kill -9 $$");
        assert_not_graded(grade(tools.path(), number), "signal 9 ended the compiler");
    }
}

/// The limit is minutes, so this one grades through the library with a limit of seconds: this program again,
/// with only [`the_child_that_grades`].
#[test]
fn a_compiler_that_hangs_is_no_mistake_of_the_learner() {
    let child = |number: &str, path: &std::ffi::OsStr| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "the_child_that_grades", "--nocapture"]);
        let output = command.env("PATH", path).env(CHILD, number).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        text
    };
    // The crates of the course must be there already: the limit is on one crate.
    child(WARM, &std::env::var_os("PATH").unwrap());
    for (number, crate_name) in [(6, "tiny"), (7, "t1_2")] {
        let tools = broken("rustc", &format!("--crate-name\\ {crate_name}\\ "), "exec sleep 600");
        let text = child(&number.to_string(), &path_with(tools.path()));
        assert!(text.contains("nothing was graded"), "{text}");
    }
}

/// Says in the child which submission to grade.
const CHILD: &str = "GRADE_CHILD";

/// A submission that compiles.
const WARM: &str = "warm";

#[test]
fn the_child_that_grades() {
    let Ok(number) = std::env::var(CHILD) else { return };
    if number == WARM {
        common::assert_grader_is_alive();
        return;
    }
    let submission = Submission::correct().with_push(&unseen(number.parse().unwrap()));
    let course = course();
    let mut request =
        grader::request::Request::new(&course.labs[0], grader::request::Sources::labs(submission.labs()));
    request.resources.work_dir = Some(work_dir());
    // Five times as long for a crate of the course.
    request.resources.compile_seconds = 4;
    let error = grader::grade::grade(&course, &request, &mut grader::observer::Silent).unwrap_err();
    println!("{error:#}");
}

/// What a variable holds would be in the program, and what the program prints in the student's report.
#[test]
fn the_compiler_sees_no_variable_of_the_grader() {
    let body = "const SEEN: Option<&str> = option_env!(\"GRADE_SECRET\"); assert!(SEEN.is_none(), \"{SEEN:?}\"); \
                assert!(option_env!(\"PATH\").is_some()); self.numbers.push(value);";
    let graded = Graded::new(body);
    let output = graded.command().env("GRADE_SECRET", "hunter2").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}

/// The configuration in cargo's home folder is for the user's own programs. The registry stays the user's,
/// and packages that are only downloaded there are unpacked: a CI that keeps a registry keeps it in this way.
/// All of it holds for a confined compiler too.
/// The build folder is one of its own, because another home folder means other paths.
#[test]
fn settings_of_the_user_change_no_verdict() {
    let home = tempfile::tempdir().unwrap();
    let own = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let user = own("CARGO_HOME").unwrap_or_else(|| own("HOME").unwrap().join(".cargo"));
    for part in ["index", "cache"] {
        let part = Path::new("registry").join(part);
        common::copy(&user.join(&part), &home.path().join(&part));
    }
    let mut config = fs::read_to_string(user.join("config.toml")).unwrap_or_default();
    config.push_str(
        "\n[build]\nrustflags = [\"-Dwarnings\"]\ntarget = \"wasm32-unknown-unknown\"\n\
         [profile.dev]\npanic = \"abort\"\noverflow-checks = false\ndebug-assertions = false\n\
         [env]\nRUSTFLAGS = \"-Dwarnings\"\n",
    );
    fs::write(home.path().join("config.toml"), config).unwrap();
    let graded = Graded::apart("let unused = 7; self.numbers.push(value);");
    let grade = || {
        let mut command = graded.command();
        command.arg("--labs").arg(graded.root.path());
        command.env("CARGO_HOME", home.path()).output().unwrap()
    };
    let output = grade();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{text}");
    graded.hand_in("let _ = std::hint::black_box(255_u8) + value.min(1) as u8; self.numbers.push(value);");
    let output = grade();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("overflow"), "{text}");
}

/// Cargo takes up each configuration between its current folder and the root of the system. Whoever has one
/// in a folder above the course, or in `/.cargo`, must get the same verdict as others.
#[test]
fn a_configuration_above_changes_no_verdict() {
    let above = tempfile::tempdir().unwrap();
    fs::create_dir_all(above.path().join(".cargo")).unwrap();
    let config = "[build]\nrustflags = [\"-Dwarnings\"]\ntarget = \"wasm32-unknown-unknown\"\n\
                  [profile.dev]\npanic = \"abort\"\noverflow-checks = false\n";
    fs::write(above.path().join(".cargo/config.toml"), config).unwrap();
    let scratch = above.path().join("tmp");
    fs::create_dir(&scratch).unwrap();
    let overflows = "let _ = std::hint::black_box(255_u8) + value.min(1) as u8; let unused = 7;";
    let graded = Graded::below(above.path(), overflows);
    // Cargo is started in a folder for temporary files, so there is a configuration above that one as well.
    let output = graded.command().env("TMPDIR", &scratch).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("overflow"), "{text}");
}

/// What the compiler reads can end in a message or in what the program prints, and so in a student's report.
/// It reads named folders only, where landlock can confine it; where not, the report says so, and files from
/// outside are found afterwards.
#[test]
fn the_compiler_reads_nothing_of_the_account_that_grades() {
    let secret = tempfile::tempdir().unwrap();
    let file = secret.path().join("secret.rs");
    fs::write(&file, "\"hunter2\" hunter3").unwrap();
    let submission = Submission::correct();
    let graded = Graded::new("self.numbers.push(value);");
    let grade = || {
        let mut command = graded.command();
        command.arg("--labs").arg(submission.top()).arg("-v").env("GRADE_SECRET", "hunter4");
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text + &String::from_utf8_lossy(&output.stderr))
    };
    let (code, text) = grade();
    assert_eq!(code, Some(0), "a correct submission passes: {text}");
    let is_confined = !text.contains("landlock did not confine the compiler");
    let parent = format!("/proc/{}/environ", std::process::id());
    for path in [file.to_str().unwrap(), "/proc/self/environ", &parent, "/etc/passwd"] {
        for body in [
            format!("assert_eq!(include_str!({path:?}), \"\"); self.numbers.push(value);"),
            format!("assert_eq!(include_bytes!({path:?}), b\"\"); self.numbers.push(value);"),
            format!("include!({path:?}); self.numbers.push(value);"),
        ] {
            let source = fs::read_to_string(Submission::correct().with_push(&body).labs().join(BAG)).unwrap();
            fs::write(submission.labs().join(BAG), source).unwrap();
            let (code, text) = grade();
            assert_eq!(code, Some(1), "{body}: {text}");
            assert!(!text.contains("hunter") && !text.contains("root:"), "{body}: {text}");
            let refused = if is_confined { "which the compiler may not read" } else { "is outside its src/" };
            assert!(text.contains(refused), "{body}: {text}");
            assert_eq!(text.contains("Permission denied"), is_confined, "{body}: {text}");
        }
    }
}

/// A file of the fixture's lab.
const BAG: &str = "01-tiny/src/bag.rs";
