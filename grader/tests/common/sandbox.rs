//! A course of one small lab that the compiled grader works on.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Output};

use super::{copy, course, repository, work_dir};

/// The body of `Bag::push` in the reference.
const PUSH: &str = "self.numbers.push(value);";

/// A course of one small lab in a folder of its own, with the compiled testkit shared.
pub struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    pub fn new() -> Sandbox {
        let folder = tempfile::tempdir().unwrap();
        copy(&course().root, folder.path());
        fs::create_dir_all(folder.path().join("target")).unwrap();
        fs::create_dir_all(work_dir()).unwrap();
        std::os::unix::fs::symlink(work_dir(), folder.path().join("target/grade")).unwrap();
        Sandbox { folder }
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Writes a file and its folders.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The reference, but `Bag::push` has another body.
    pub fn solve_with_push(&self, body: &str) {
        self.solve();
        let path = "labs/01-tiny/src/bag.rs";
        let text = self.read(path);
        assert!(text.contains(PUSH), "{text}");
        self.write(path, &text.replace(PUSH, body));
    }

    /// The learner hands in the reference.
    pub fn solve(&self) {
        fs::remove_dir_all(self.path("labs/01-tiny")).unwrap();
        copy(&self.path("solutions/01-tiny"), &self.path("labs/01-tiny"));
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_grader"));
        command.current_dir(self.folder.path()).arg("--commons").arg(repository());
        for name in ["NO_COLOR", "CLICOLOR_FORCE", "GITHUB_STEP_SUMMARY", "CARGO_TARGET_DIR"] {
            command.env_remove(name);
        }
        command
    }

    pub fn grade(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by a signal: {output:?}"))
}

pub fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The lock of the stage that the end-to-end tests share: no other grader builds or tests while it is held.
pub fn hold_stage() -> File {
    fs::create_dir_all(work_dir()).unwrap();
    let lock = File::create(work_dir().join("lock")).unwrap();
    lock.lock().unwrap();
    lock
}

/// A process that is ended with the test.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
