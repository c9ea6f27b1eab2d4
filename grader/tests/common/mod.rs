//! What the end-to-end tests share: the fixture course, and submissions made from its reference.
//!
//! Every test grades a real submission through [`grader::grade::grade`], with the real cargo and the real
//! testkit. They share one stage and one target folder, so the testkit is compiled once; the stage's lock
//! makes them take turns.

// Each test program uses some of this.
#![allow(dead_code)]

pub mod sandbox;

use std::fs;
use std::path::{Path, PathBuf};

use grader::catalog::{COURSE_FILE, Coming, Course, Lab, Outline};
use grader::grade::grade;
use grader::model::{BuildReport, LabReport, TestOutcome, TestReport};
use grader::observer::Silent;
use grader::request::{Measuring, Request, Selection, Sources, Tasks};

/// The repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the grader is in the repository").to_path_buf()
}

/// The fixture course.
pub fn course() -> Course {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture");
    Course::open_with(&fixture, &repository()).unwrap()
}

/// Stage and target folder of all end-to-end tests.
pub fn work_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("grade")
}

/// Somebody's solution: the fixture's reference, to be broken.
pub struct Submission {
    folder: tempfile::TempDir,
}

impl Submission {
    /// A correct one.
    pub fn correct() -> Submission {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("labs/01-tiny");
        copy(&course().root.join("solutions/01-tiny"), &to);
        Submission { folder }
    }

    /// The unsolved skeleton.
    pub fn skeleton() -> Submission {
        let folder = tempfile::tempdir().unwrap();
        copy(&course().root.join("labs/01-tiny"), &folder.path().join("labs/01-tiny"));
        Submission { folder }
    }

    /// The folder that holds `01-tiny`.
    pub fn labs(&self) -> PathBuf {
        self.folder.path().join("labs")
    }

    /// The folder above `labs`.
    pub fn top(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file of the lab.
    pub fn write(self, path: &str, contents: impl AsRef<[u8]>) -> Submission {
        let path = self.labs().join("01-tiny").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
        self
    }

    /// Replaces text of a lab's file that must be there.
    pub fn edit(self, path: &str, find: &str, replace: &str) -> Submission {
        let text = fs::read_to_string(self.labs().join("01-tiny").join(path)).unwrap();
        assert!(text.contains(find), "{path} has no {find}");
        let text = text.replacen(find, replace, 1);
        self.write(path, text)
    }

    /// The body of `Bag::push` becomes `body`.
    pub fn with_push(self, body: &str) -> Submission {
        self.edit("src/bag.rs", "self.numbers.push(value);", body)
    }

    /// The body of `Counter::add` becomes `body`.
    pub fn with_add(self, body: &str) -> Submission {
        self.edit("src/counter.rs", "*self.count.lock() += 1;", body)
    }

    /// Grades all tests, no performance.
    pub fn grade(&self) -> LabReport {
        self.grade_with(|_, _| {})
    }

    /// Grades with changed limits or another request.
    pub fn grade_with(&self, change: impl FnOnce(&mut Lab, &mut Settings)) -> LabReport {
        let course = course();
        let mut lab = course.labs[0].clone();
        // A machine with other things to do must not change what is found, so walls are wide.
        lab.limits.wall_seconds = 30;
        let mut settings = Settings::default();
        change(&mut lab, &mut settings);
        let mut request = Request::new(&lab, settings.sources.unwrap_or(Sources::labs(self.labs())));
        request.selection = settings.selection;
        request.resources.work_dir = Some(work_dir());
        request.resources.compile_seconds = settings.compile_seconds;
        grade(&course, &request, &mut Silent).unwrap()
    }
}

/// What a test may change of a request.
pub struct Settings {
    pub sources: Option<Sources>,
    pub selection: Selection,
    pub compile_seconds: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        let selection = Selection::Tasks(Tasks::All, Measuring::Off);
        Settings { sources: None, selection, compile_seconds: 300 }
    }
}

/// The report of one test by its full name.
pub fn test<'a>(report: &'a LabReport, name: &str) -> &'a TestReport {
    if let BuildReport::Failed { messages, notes } = &report.build {
        panic!("does not compile: {notes:#?} {messages:#?}");
    }
    let mut tests = report.tasks.iter().flat_map(|task| &task.tests);
    tests.find(|test| test.name == name).unwrap_or_else(|| panic!("no test {name} in {report:#?}"))
}

/// How one test ended.
pub fn outcome<'a>(report: &'a LabReport, name: &str) -> &'a TestOutcome {
    &test(report, name).outcome
}

/// rustc's messages and the notes of a build that failed.
pub fn failed_build(report: &LabReport) -> (String, String) {
    match &report.build {
        BuildReport::Ok { .. } => panic!("it compiled: {report:#?}"),
        BuildReport::Failed { messages, notes } => {
            let messages: Vec<&str> = messages.iter().map(|message| message.rendered.as_str()).collect();
            (messages.join("\n"), notes.join("\n"))
        }
    }
}

/// A grader that is well: the correct submission still gets everything.
pub fn assert_grader_is_alive() {
    let report = Submission::correct().grade();
    assert!(report.passed(), "{report:#?}");
}

/// All notes as one text.
pub fn notes(report: &LabReport) -> String {
    report.notes.join("\n")
}

/// Whether the report says that landlock held the tests in.
pub fn has_landlock(report: &LabReport) -> bool {
    let notes = notes(report);
    let line =
        notes.lines().find(|line| line.starts_with("confinement")).expect("the report tells the layers");
    let (active, inactive) = line.split_once("; not available here: ").unwrap_or((line, ""));
    assert!(
        active.contains("landlock") != inactive.contains("landlock"),
        "landlock is either in force or named as missing: {line}"
    );
    active.contains("landlock")
}

/// Copies a folder.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A lab to come, after all others of the copied course: its number and its folder.
pub fn lab_to_come(root: &Path) -> (u32, String) {
    let outline = Outline::read(root).unwrap();
    let last =
        outline.labs.iter().map(|lab| lab.number).chain(outline.coming.iter().map(Coming::number)).max();
    let number = last.unwrap_or(0) + 1;
    let id = format!("{number:02}-example");
    let mut text = fs::read_to_string(root.join(COURSE_FILE)).unwrap();
    text.push_str(&format!("\n[[coming]]\nid = \"{id}\"\ntitle = \"Example\"\nsummary = \"an example\"\n"));
    text.push_str("why = \"it shows that a lab can be added\"\nstands_on = [\"structures\"]\n");
    fs::write(root.join(COURSE_FILE), text).unwrap();
    (number, id)
}

/// The parts of the course that lists, links and manifests need. Build folders stay behind.
pub fn copy_of_the_course() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let from = repository();
    for file in ["Cargo.toml", "Cargo.lock", "README.md", "CONTRIBUTING.md", "LICENSE", "rust-toolchain.toml"]
    {
        fs::copy(from.join(file), root.path().join(file)).unwrap();
    }
    for folder in ["handouts", "labs", "grader"] {
        copy(&from.join(folder), &root.path().join(folder));
    }
    for entry in fs::read_dir(from.join("solutions")).unwrap() {
        let entry = entry.unwrap();
        let target = root.path().join("solutions").join(entry.file_name());
        if entry.file_name() == "target" {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(entry.path(), target).unwrap();
        }
    }
    root
}
