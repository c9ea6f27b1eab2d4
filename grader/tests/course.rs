//! The course itself: a mistake in one of its labs, found from a lab far above.

mod common;

use std::fs;
use std::path::Path;

use common::{copy, repository, test, work_dir};
use grader::blame;
use grader::catalog::Course;
use grader::grade::grade;
use grader::observer::Silent;
use grader::paint::Paint;
use grader::report::{Context, terminal};
use grader::request::{Request, Selection, Sources};

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
