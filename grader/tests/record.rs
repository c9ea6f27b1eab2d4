//! The author's check with a record, on the fixture course: what was proven once is not proven again by
//! `--record`, and the gate rejects a record that is stale or was edited.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{copy, course, repository, work_dir};
use grader::author::check::{self, Options, Part, Scope};
use grader::catalog::Course;
use grader::paint::Paint;

/// A copy of the fixture course that builds where the other end-to-end tests build.
struct Copy {
    folder: tempfile::TempDir,
}

impl Copy {
    fn new() -> Copy {
        let folder = tempfile::tempdir().unwrap();
        for part in ["labs", "solutions", "grader"] {
            copy(&course().root.join(part), &folder.path().join(part));
        }
        fs::create_dir_all(folder.path().join("target")).unwrap();
        fs::create_dir_all(work_dir()).unwrap();
        std::os::unix::fs::symlink(work_dir(), folder.path().join("target/grade")).unwrap();
        Copy { folder }
    }

    /// Checks the stubs; whether there was no problem.
    fn check(&self, scope: Scope) -> bool {
        let course = Course::open_with(self.folder.path(), &repository()).unwrap();
        let options = Options { scope, only: vec![Part::Stubs], ..Options::default() };
        check::run(&course, &options, Paint::plain()).unwrap()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn edit(&self, path: &str, find: &str, replace: &str) {
        let path = self.path(path);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(find), "{find} is not in {text}");
        fs::write(path, text.replacen(find, replace, 1)).unwrap();
    }
}

const RECORD: &str = "grader/suites/01-tiny/proven.toml";

fn gate() -> Scope {
    Scope::Gate { since: None, seed: Some(1) }
}

fn record() -> Scope {
    Scope::Record { is_all: false }
}

fn modified(path: &Path) -> std::time::SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

/// Without a record, with a stale one and with an edited one the gate fails; with a current one it passes.
#[test]
fn the_gate_needs_a_current_record() {
    let copy = Copy::new();
    assert!(!copy.check(gate()), "there is no record");
    assert!(copy.check(record()) && copy.check(gate()), "it was just proven");
    let first = fs::read_to_string(copy.path(RECORD)).unwrap();
    assert!(first.contains("\"stub 1.1\"") && first.contains("\"stub 1.2\""), "{first}");

    copy.edit("solutions/01-tiny/src/bag.rs", "//! A bag of numbers.", "//! A bag of some numbers.");
    assert!(!copy.check(gate()), "the lab changed");
    assert!(copy.check(record()) && copy.check(gate()), "it was proven again");
    let second = fs::read_to_string(copy.path(RECORD)).unwrap();
    assert_ne!(first, second);

    copy.edit(RECORD, "own = \"", "own = \"0");
    assert!(!copy.check(gate()), "a line was edited");
}

/// A step that has a problem is not entered, and what is proven is not run again.
#[test]
fn only_what_was_proven_is_entered() {
    let copy = Copy::new();
    // With this test the stub of task 1.2 fails a test of the earlier task 1.1.
    copy.edit(
        "grader/suites/01-tiny/tests/t1_1.rs",
        "    check_eq!(other.sum(), 0, \"sum of an empty bag\");",
        "    tiny::Counter::new().add();\n    check_eq!(other.sum(), 0, \"sum of an empty bag\");",
    );
    assert!(!copy.check(record()), "stub 1.2 has a problem");
    let text = fs::read_to_string(copy.path(RECORD)).unwrap();
    assert!(text.contains("\"stub 1.1\"") && !text.contains("\"stub 1.2\""), "{text}");

    copy.edit("grader/suites/01-tiny/tests/t1_1.rs", "    tiny::Counter::new().add();\n", "");
    assert!(copy.check(record()));
    let written = modified(&copy.path(RECORD));
    assert!(copy.check(record()), "nothing is left to prove");
    assert_eq!(modified(&copy.path(RECORD)), written);
}
