//! `author new` on a copy of the course: what an author sees before the first line of the new lab is written.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::{copy, repository, test, work_dir};
use grader::author::new;
use grader::catalog::{COURSE_FILE, Coming, Course, Outline};
use grader::grade::grade;
use grader::model::TestOutcome;
use grader::observer::Silent;
use grader::request::{Measuring, Request, Selection, Sources, Tasks};

/// A lab to come, after all others of the copied course: its number and its folder.
fn lab_to_come(root: &Path) -> (u32, String) {
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
fn copy_of_the_course() -> tempfile::TempDir {
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

fn grader(root: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grader"));
    command.arg("--root").arg(root).args(arguments).env("NO_COLOR", "1").output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The packages of the workspace of `manifest`, as cargo reads it.
fn packages(root: &Path, manifest: &str) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"]);
    let output = cargo.arg(root.join(manifest)).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The text part of the check passes, every list has the lab, and a second call overwrites nothing.
#[test]
fn an_empty_lab_is_in_order_and_in_every_list() {
    let copied = copy_of_the_course();
    let root = copied.path();
    let (number, id) = lab_to_come(root);
    let made = grader(root, &["author", "new", &id]);
    assert!(made.status.success(), "{}", text(&made));
    let check = grader(root, &["author", "check", "--only", "text"]);
    assert!(check.status.success(), "{}", text(&check));
    let up_to_date = grader(root, &["author", "generate", "--check"]);
    assert!(up_to_date.status.success(), "{}", text(&up_to_date));

    for manifest in ["Cargo.toml", "solutions/Cargo.toml"] {
        assert!(packages(root, manifest).contains("\"name\":\"example\""), "{manifest}");
    }
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    assert!(read("README.md").contains(&format!("(labs/{id})")));
    for file in ["handouts/src/SUMMARY.md", "handouts/src/00-introduction.md"] {
        assert!(read(file).contains(&format!("({id}.md)")), "{file}");
    }
    assert!(text(&grader(root, &[])).contains("0 of 1 tasks"), "the map has the new lab");

    let lab_toml = format!("grader/suites/{id}/lab.toml");
    let before = read(&lab_toml);
    let again = grader(root, &["author", "new", &id]);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again).contains(&format!("lab {number} exists already")), "{}", text(&again));
    assert_eq!(read(&lab_toml), before);
}

/// A file that is in the way stops the command before it writes anything.
#[test]
fn a_file_in_the_way_is_named_and_kept() {
    let copied = copy_of_the_course();
    let root = copied.path();
    let (_, id) = lab_to_come(root);
    let handout = format!("handouts/src/{id}.md");
    fs::write(root.join(&handout), "my notes\n").unwrap();
    let output = grader(root, &["author", "new", &id]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains(&format!("{handout} exists already")), "{}", text(&output));
    assert_eq!(fs::read_to_string(root.join(&handout)).unwrap(), "my notes\n");
    assert!(!root.join("solutions").join(&id).exists() && !root.join("grader/suites").join(&id).exists());
}

/// The parts that run something fail, and say in which file to write what.
#[test]
fn an_empty_lab_says_what_to_write_next() {
    let copied = copy_of_the_course();
    let (number, id) = lab_to_come(copied.path());
    new::create(copied.path(), &id).unwrap();
    let course = Course::open_with(copied.path(), &repository()).unwrap();
    let lab = course.lab(&number.to_string()).unwrap();
    let selection = Selection::Tasks(Tasks::All, Measuring::Off);
    let mut request = Request::new(lab, Sources::Reference).selecting(selection);
    request.resources.work_dir = Some(work_dir());
    let report = grade(&course, &request, &mut Silent).unwrap();
    let name = format!("t{number}_1::the_first_task_is_written");
    let outcome = &test(&report, &name).outcome;
    let TestOutcome::Fail(failure) = outcome else { panic!("{outcome:?}") };
    assert!(failure.what.contains(&format!("write it in solutions/{id}/src/first.rs")), "{}", failure.what);
    let places = new::to_write(&course.root, &id).unwrap().join("\n");
    for file in [
        format!("solutions/{id}/src/first.rs:"),
        format!("grader/suites/{id}/tests/t{number}_1.rs:"),
        format!("handouts/src/{id}.md:"),
    ] {
        assert!(places.contains(&file), "{file}: {places}");
    }
}

/// A later lab whose code is gone, or does not compile, stops no cargo command for the labs before it.
#[test]
fn cargo_reads_the_workspace_without_the_code_of_a_later_lab() {
    let copied = copy_of_the_course();
    let root = copied.path();
    let course = Course::open(root).unwrap();
    let last = course.labs.last().expect("the course has labs");
    fs::remove_dir_all(root.join("labs").join(&last.id).join("src")).unwrap();
    let found = packages(root, "Cargo.toml");
    assert!(
        found.contains("\"name\":\"structures\"") && found.contains("\"name\":\"structures-benches\""),
        "{found}"
    );
}
