//! The course itself: the reference of every lab, graded as a learner's work is.

mod common;

use std::fs;
use std::path::Path;

use common::{copy, repository, test, work_dir};
use grader::blame;
use grader::catalog::Course;
use grader::grade::grade;
use grader::model::BuildReport;
use grader::observer::Silent;
use grader::paint::Paint;
use grader::report::{Context, terminal};
use grader::request::{Measuring, Request, Selection, Sources, Tasks};

/// A lab whose own reference does not pass is no lab: every learner's time on it would be lost.
#[test]
fn the_reference_of_every_lab_passes_its_hidden_tests() {
    let course = Course::open(&repository()).unwrap();
    assert!(!course.labs.is_empty(), "the course has labs");
    for lab in &course.labs {
        let mut request = Request::new(lab, Sources::Reference);
        request.selection = Selection::Tasks(Tasks::All, Measuring::Off);
        request.resources.work_dir = Some(work_dir());
        let report = grade(&course, &request, &mut Silent).unwrap();
        assert!(matches!(report.build, BuildReport::Ok { .. }), "lab {}: {:?}", lab.number, report.build);
        let tests: Vec<_> = report.tasks.iter().flat_map(|task| &task.tests).collect();
        assert!(tests.len() >= 30, "lab {} has {} tests", lab.number, tests.len());
        let failed: Vec<_> = tests.iter().filter(|test| !test.outcome.is_pass()).collect();
        assert!(failed.is_empty(), "lab {}: {failed:#?}", lab.number);
    }
}

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

/// A tree stands on a pool, the pool on pages and a replacer. Whose mistake it is must be said, and what to run, or a
/// learner looks for days in the wrong lab.
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
