//! The course itself: the reference of every lab, graded as a learner's work is.

mod common;

use common::{repository, work_dir};
use grader::catalog::Course;
use grader::grade::{PerfMode, Request, Silent, Source, grade};
use grader::model::BuildReport;

/// A lab whose own reference does not pass is no lab: every learner's time on it would be lost.
#[test]
fn the_reference_of_every_lab_passes_its_hidden_tests() {
    let course = Course::open(&repository()).unwrap();
    assert!(!course.labs.is_empty(), "the course has labs");
    for lab in &course.labs {
        let mut request = Request::new(lab, Source::Solutions);
        request.perf = PerfMode::Off;
        request.work_dir = Some(work_dir());
        let report = grade(&course, &request, &mut Silent).unwrap();
        assert!(matches!(report.build, BuildReport::Ok { .. }), "lab {}: {:?}", lab.number, report.build);
        let tests: Vec<_> = report.tasks.iter().flat_map(|task| &task.tests).collect();
        assert!(tests.len() >= 30, "lab {} has {} tests", lab.number, tests.len());
        let failed: Vec<_> = tests.iter().filter(|test| !test.outcome.is_pass()).collect();
        assert!(failed.is_empty(), "lab {}: {failed:#?}", lab.number);
    }
}
