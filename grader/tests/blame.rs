//! Blame: a mistake in an earlier lab shows in a later one, and the report says whose it is.
//!
//! The course here is made for it: three labs of a line each, so that every stack compiles in a moment.
//!
//! ```text
//!   lab 1 doubled(x)      its tests look at small numbers only
//!   lab 2 fourfold(x)     = doubled(doubled(x))
//!   lab 3 eightfold(x)    = fourfold(doubled(x))
//! ```

mod common;

use std::fs;
use std::path::Path;

use common::{repository, test, work_dir};
use grader::blame;
use grader::catalog::Course;
use grader::grade::grade;
use grader::model::{Blame, LabReport};
use grader::observer::Silent;
use grader::paint::Paint;
use grader::report::{Context, terminal};
use grader::request::{Measuring, Request, Selection, Sources, Tasks};

/// Name, body, the lab it calls, and the number its own tests look at.
const LABS: [(&str, &str, &str); 3] = [
    ("doubled", "x + x", ""),
    ("fourfold", "doubled::doubled(doubled::doubled(x))", "doubled"),
    ("eightfold", "fourfold::fourfold(doubled::doubled(x))", "fourfold doubled"),
];

/// Writes the course into `root`.
fn write_course(root: &Path) {
    for (index, (name, body, below)) in LABS.into_iter().enumerate() {
        let (number, id) = (index + 1, format!("0{}-{name}", index + 1));
        let below: String = below.split_whitespace().map(|lab| format!("{lab}.workspace = true\n")).collect();
        let write = |path: String, text: String| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let package = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\n\n[dependencies]\n{below}");
        write(format!("solutions/{id}/Cargo.toml"), package);
        let source = format!("//! {name}.\n\n/// {name}.\npub fn {name}(x: u64) -> u64 {{\n    {body}\n}}\n");
        write(format!("solutions/{id}/src/lib.rs"), source);
        let suite = format!(
            "[package]\nname = \"{name}-suite\"\nversion = \"0.1.0\"\n\n[dependencies]\ntestkit.workspace = true\n{name}.workspace = true\n"
        );
        write(format!("grader/suites/{id}/Cargo.toml"), suite);
        let catalog = format!(
            "[lab]\nnumber = {number}\npackage = \"{name}\"\ntitle = \"{name}\"\nsummary = \"s\"\nhours = 1\n\n\
             [limits]\nwall_seconds = 30\ncpu_seconds = 5\nmemory_mib = 256\n\n\
             [[task]]\nid = \"{number}.1\"\ntitle = \"{name}\"\nfile = \"src/lib.rs\"\nminutes = 15\npoints = 100\n\
             hints = [\"a\", \"b\", \"c\"]\n"
        );
        write(format!("grader/suites/{id}/lab.toml"), catalog);
        write(
            format!("grader/suites/{id}/tests/main.rs"),
            format!("mod t{number}_1;\n\nfn main() {{\n    testkit::main();\n}}\n"),
        );
        let factor = 2 << index;
        let tests = format!(
            "use testkit::check_eq;\n\n\
             /// Small numbers.\n#[testkit::test]\nfn small() {{\n    \
             check_eq!({name}::{name}(3), 3 * {factor}, \"of 3\");\n}}\n"
        );
        let large = format!(
            "\n/// Large numbers.\n#[testkit::test]\nfn large() {{\n    check_eq!({name}::{name}(1000), 1000 * {factor}, \"of 1000\");\n}}\n"
        );
        let tests = if index == 0 { tests } else { tests + &large };
        write(format!("grader/suites/{id}/tests/t{number}_1.rs"), tests);
    }
}

/// Grades lab 3 of a learner who wrote `body` in lab `number` and the reference's elsewhere.
fn grade_with(number: usize, body: &str) -> (LabReport, String) {
    let root = tempfile::tempdir().unwrap();
    write_course(root.path());
    let labs = root.path().join("labs");
    for (index, (name, right, _)) in LABS.into_iter().enumerate() {
        let id = format!("0{}-{name}", index + 1);
        let from = root.path().join(format!("solutions/{id}"));
        let source = fs::read_to_string(from.join("src/lib.rs")).unwrap();
        let source = if index + 1 == number { source.replace(right, body) } else { source };
        fs::create_dir_all(labs.join(&id).join("src")).unwrap();
        fs::write(labs.join(&id).join("src/lib.rs"), source).unwrap();
        fs::copy(from.join("Cargo.toml"), labs.join(&id).join("Cargo.toml")).unwrap();
    }
    let course = Course::open_with(root.path(), &repository()).unwrap();
    let lab = course.lab("3").unwrap();
    let mut request = Request::new(lab, Sources::labs(labs));
    request.selection = Selection::Tasks(Tasks::All, Measuring::Off);
    request.resources.work_dir = Some(work_dir());
    let mut report = grade(&course, &request, &mut Silent).unwrap();
    blame::assign(&course, &request, &mut report, &mut Silent).unwrap();
    let text = terminal::render(&report, &Context::of(lab), Paint::plain(), false);
    (report, text)
}

fn blame_of(lab: u32, name: &str, task: Option<&str>, test: Option<&str>) -> Option<Blame> {
    let folder = format!("labs/0{lab}-{name}");
    let place = test.map(|_| format!("{folder}/src/lib.rs")).into_iter().collect();
    Some(Blame { place, lab, folder, task: task.map(Into::into), test: test.map(Into::into) })
}

/// The lab at fault is named, with a test of its own that shows the same mistake and the command to run it.
#[test]
fn the_lab_between_is_named_with_its_own_test() {
    let (report, text) = grade_with(2, "doubled::doubled(x)");
    let expected = blame_of(2, "fourfold", None, Some("t2_1::small"));
    assert_eq!(test(&report, "t3_1::large").blame, expected);
    assert_eq!(test(&report, "t3_1::small").blame, expected);
    assert!(text.contains("cargo grade run 2 --test t2_1::small"), "{text}");
    assert!(text.contains("cargo grade hint 2.1") && !text.contains("cargo grade hint 3.1"), "{text}");
}

/// A mistake that the earlier lab's own tests miss is still found, and the way on is shown.
#[test]
fn a_mistake_that_its_own_tests_miss_is_named() {
    let (report, text) = grade_with(1, "if x > 100 { x } else { x + x }");
    assert_eq!(test(&report, "t3_1::large").blame, blame_of(1, "doubled", None, None));
    assert!(test(&report, "t3_1::small").outcome.is_pass());
    assert!(text.contains("they miss a mistake there"), "{text}");
    assert!(text.contains("cargo grade run 3 --earlier reference"), "{text}");
}

/// A lab that was never written is named by its task, without running anything.
#[test]
fn a_hole_below_is_named_by_its_task() {
    let (report, text) = grade_with(2, "todo!(\"task 2.1: four times\")");
    assert_eq!(test(&report, "t3_1::small").blame, blame_of(2, "fourfold", Some("2.1"), None));
    assert!(text.contains("cargo grade run 2 --task 2.1"), "{text}");
}

/// The lab's own mistake is nobody else's.
#[test]
fn the_labs_own_mistake_blames_nobody() {
    let (report, text) = grade_with(3, "x");
    assert!(!test(&report, "t3_1::small").outcome.is_pass());
    assert_eq!(test(&report, "t3_1::small").blame, None);
    assert!(!text.contains("blame"), "{text}");
}

/// What is wrong with another lab's folder is that lab's: its manifest is never read, and a lab that nothing
/// stands on may be missing.
#[test]
fn a_broken_manifest_and_a_missing_lab_stop_no_other_lab() {
    let root = tempfile::tempdir().unwrap();
    write_course(root.path());
    let labs = root.path().join("labs");
    common::copy(&root.path().join("solutions/01-doubled"), &labs.join("01-doubled"));
    common::copy(&root.path().join("solutions/02-fourfold"), &labs.join("02-fourfold"));
    for id in ["01-doubled", "02-fourfold"] {
        fs::write(labs.join(id).join("Cargo.toml"), "[package\nname = ").unwrap();
    }
    fs::write(labs.join("02-fourfold/src/lib.rs"), "pub fn fourfold(").unwrap();
    let course = Course::open_with(root.path(), &repository()).unwrap();
    let grade_lab = |number: &str| {
        let mut request = Request::new(course.lab(number).unwrap(), Sources::labs(&labs));
        request.selection = Selection::Tasks(Tasks::All, Measuring::Off);
        request.resources.work_dir = Some(work_dir());
        grade(&course, &request, &mut Silent).unwrap()
    };
    let report = grade_lab("1");
    assert!(report.passed(), "{report:#?}");
    assert!(common::notes(&report).contains("01-doubled/Cargo.toml was edited"), "{report:#?}");
    let (messages, _) = common::failed_build(&grade_lab("2"));
    assert!(messages.contains("labs/02-fourfold/src/lib.rs"), "{messages}");
}
