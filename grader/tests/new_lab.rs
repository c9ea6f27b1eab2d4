//! `author new` on a copy of the course: what an author sees before the first line of the new lab is written.
//!
//! These tests start processes, so none of them grades in this process: a grader kills every child that it
//! did not start. What grading says of an empty lab is in `course.rs`.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::{copy_of_the_course, lab_to_come};
use grader::catalog::Course;

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
