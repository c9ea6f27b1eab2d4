//! The course itself: a mistake in one of its labs, found from a lab far above; and what grading says of a
//! lab that has just been added to it.

mod common;

use std::fs;
use std::path::Path;

use common::{copy, copy_of_the_course, lab_to_come, repository, test, work_dir};
use grader::author::new;
use grader::blame;
use grader::catalog::Course;
use grader::grade::grade;
use grader::model::TestOutcome;
use grader::observer::Silent;
use grader::paint::Paint;
use grader::report::{Context, terminal};
use grader::request::{Measuring, Request, Selection, Sources, Tasks};

/// A learner's mistake: the lab, its file, the right text and the wrong one.
struct Mistake {
    lab: u32,
    file: &'static str,
    right: &'static str,
    wrong: &'static str,
}

const MISTAKES: [Mistake; 3] = [
    Mistake { lab: 1, file: "src/lru_k.rs", right: "                self.order.insert(rank);\n", wrong: "" },
    Mistake {
        lab: 2,
        file: "src/slotted/reclaim.rs",
        right: "            self.set_slot(index, Slot { offset: start, len });\n",
        wrong: "",
    },
    Mistake {
        lab: 3,
        file: "src/guard.rs",
        right: "            self.pin.frame().set_dirty(true);\n",
        wrong: "",
    },
];

/// The test of lab 4 that looks: a tree through the pool, in a file, opened again and again.
const LOOKING: &str = "t4_2::a_tree_survives_reopening";

/// A tree stands on a pool, the pool on pages and a replacer. Whose mistake it is must be said, and what to
/// run, or a learner looks for days in the wrong lab.
#[test]
fn a_mistake_three_labs_below_is_blamed_on_its_lab() {
    let course = Course::open(&repository()).unwrap();
    let tree = course.lab("4").unwrap();
    for mistake in MISTAKES {
        let folder = tempfile::tempdir().unwrap();
        let labs = folder.path().join("labs");
        for lab in course.labs.iter().filter(|lab| lab.number <= tree.number) {
            copy(&course.root.join("solutions").join(&lab.id), &labs.join(&lab.id));
        }
        let lab = course.labs.iter().find(|lab| lab.number == mistake.lab).unwrap();
        plant(&labs.join(&lab.id), &mistake);
        let mut request = Request::new(tree, Sources::labs(labs));
        request.selection = Selection::Tests { task: "4.2".into(), names: vec![LOOKING.into()] };
        request.resources.work_dir = Some(work_dir());
        let mut report = grade(&course, &request, &mut Silent).unwrap();
        blame::assign(&course, &request, &mut report, &mut Silent).unwrap();
        let text = terminal::render(&report, &Context::of(tree), Paint::plain(), false);
        let blame = test(&report, LOOKING).blame.as_ref();
        let blame = blame.unwrap_or_else(|| panic!("nobody is blamed for lab {}: {text}", mistake.lab));
        assert_eq!((blame.lab, &blame.folder), (lab.number, &lab.path()), "{text}");
        let own = blame.test.as_ref().expect("the lab's own tests show it too");
        assert!(text.contains(&format!("cargo grade run {} --test {own}", lab.number)), "{text}");
    }
}

fn plant(lab: &Path, mistake: &Mistake) {
    let path = lab.join(mistake.file);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches(mistake.right).count(), 1, "{} has another text now", mistake.file);
    fs::write(path, text.replacen(mistake.right, mistake.wrong, 1)).unwrap();
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
