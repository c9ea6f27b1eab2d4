//! Which earlier lab is at fault when a test of a later one fails.
//!
//! A lab stands on the learner's own earlier labs, so a mistake in lab 2 may first show in lab 4. Called by
//! `cargo grade run` with a finished report; grades the failing tests again on other stacks.
//!
//! ```text
//!   lab 4 fails on        reference 1 2 3         passes: the mistake is below lab 4
//!   then on               mine 1, reference 2 3   passes
//!                         mine 1 2, reference 3   fails: the mistake is in lab 2
//! ```
//!
//! The first stack that fails names its topmost lab, because the stack without that lab passes. A second
//! mistake, higher up, shows after the first is corrected. Then the lab's own tests are run, because one of
//! them is easier to follow than a later lab's.
//!
//! Tests that ran out of time are run again too, but only a few of them (`SLOW_SUSPECTS`): each costs its
//! limit on each stack.
//!
//! What is left out: gates. A slow earlier lab makes a later one slow, which `compare` on the earlier lab
//! shows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;

use crate::catalog::{Course, Lab, task_of_test};
use crate::grade::grade;
use crate::model::{Blame, LabReport, TestOutcome, TestReport};
use crate::observer::Observer;
use crate::report::holes;
use crate::request::{Earlier, Measuring, Request, Selection, Sources, Tasks};
use crate::stage::earlier_labs;

/// Adds to each failing test of `report` the earlier lab that makes it fail, if one does.
pub fn assign(
    course: &Course,
    request: &Request,
    report: &mut LabReport,
    observer: &mut dyn Observer,
) -> Result<()> {
    let Sources::Labs { folder, earlier: Earlier::Same } = &request.sources else { return Ok(()) };
    let earlier = earlier_labs(course, request.lab)?;
    if earlier.is_empty() {
        return Ok(());
    }
    let mut found = BTreeMap::new();
    let mut suspects = Vec::new();
    let mut slow = 0;
    for test in failing(report) {
        match hole_below(test, request.lab, &earlier) {
            Some(blame) => drop(found.insert(test.name.clone(), blame)),
            None if matches!(test.outcome, TestOutcome::Todo(_)) => {}
            None if is_slow(test) && slow == SLOW_SUSPECTS => {}
            None if is_slow(test) => {
                slow += 1;
                suspects.push(test.name.clone());
            }
            None => suspects.push(test.name.clone()),
        }
    }
    if !suspects.is_empty() {
        observer.say("looking for the mistake in earlier labs");
        let stacks = Stacks { course, request, folder };
        let passing = stacks.run(Earlier::Reference, &suspects, observer)?.0;
        for (lab, tests) in stacks.lowest_that_fail(&earlier, passing, observer)? {
            let own = stacks.own_failure(lab, observer)?;
            let place = own.as_ref().map(|test| place(lab, test)).unwrap_or_default();
            let test = own.map(|test| test.name);
            let blame = Blame { lab: lab.number, folder: lab.path(), task: None, test, place };
            found.extend(tests.into_iter().map(|test| (test, blame.clone())));
        }
    }
    for test in report.tasks.iter_mut().flat_map(|task| &mut task.tests) {
        test.blame = found.remove(&test.name);
    }
    Ok(())
}

/// Most tests that ran out of time and are run again.
const SLOW_SUSPECTS: usize = 2;

/// Whether the test took the time of a loop without an end.
fn is_slow(test: &TestReport) -> bool {
    matches!(test.outcome, TestOutcome::Timeout(_) | TestOutcome::Deadlock(_)) && test.wall_ms >= 1_000
}

fn failing(report: &LabReport) -> impl Iterator<Item = &TestReport> {
    let tests = report.tasks.iter().flat_map(|task| &task.tests);
    tests.filter(|test| !matches!(test.outcome, TestOutcome::Pass | TestOutcome::NotRun))
}

/// Where a test of the lab at fault points. A mistake in one function often stops another one (an update that
/// leaves a page damaged, the next insert), so lines count only in the files of the test's task.
fn place(lab: &Lab, test: &TestReport) -> Vec<String> {
    let mut files = holes::files(lab).remove(&test.task).unwrap_or_default();
    if files.is_empty() {
        files.extend(lab.task(&test.task).map(|task| task.file.clone()));
    }
    let files: Vec<String> = files.iter().map(|file| format!("{}/{file}", lab.path())).collect();
    let is_in = |line: &&String| {
        let file = line.rsplit_once(':').map_or(line.as_str(), |(file, _)| file);
        files.iter().any(|known| known == file)
    };
    let trace = test.outcome.failure().map(|failure| failure.trace.as_slice()).unwrap_or_default();
    let lines: Vec<String> = trace.iter().filter(is_in).take(PLACES).cloned().collect();
    if lines.is_empty() { files } else { lines }
}

/// Most lines of a place.
const PLACES: usize = 6;

/// A hole of an earlier lab that the test reached: nothing has to be run to know the lab at fault.
fn hole_below(test: &TestReport, lab: &Lab, earlier: &[&Lab]) -> Option<Blame> {
    let TestOutcome::Todo(failure) = &test.outcome else { return None };
    let (_, text) = failure.what.split_once("task ")?;
    let id = text.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    if lab.task(id).is_some() {
        return None;
    }
    let owner = earlier.iter().find(|lab| lab.task(id).is_some())?;
    Some(Blame {
        lab: owner.number,
        folder: owner.path(),
        task: Some(id.to_string()),
        test: None,
        place: Vec::new(),
    })
}

/// Grades the same lab on other earlier labs.
struct Stacks<'a> {
    course: &'a Course,
    request: &'a Request<'a>,
    /// The learner's labs.
    folder: &'a Path,
}

impl<'a> Stacks<'a> {
    /// Which of `tests` pass on the stack, and which do not.
    fn run(
        &self,
        earlier: Earlier,
        tests: &[String],
        observer: &mut dyn Observer,
    ) -> Result<(Vec<String>, Vec<String>)> {
        let mut passed = Vec::new();
        let tasks: BTreeSet<String> = tests.iter().filter_map(|test| task_of_test(test)).collect();
        for task in tasks {
            let in_task = |name: &&String| task_of_test(name).as_ref() == Some(&task);
            let names = tests.iter().filter(in_task).cloned().collect();
            let mut request = self.base(self.request.lab, earlier);
            request.selection = Selection::Tests { task: task.clone(), names };
            let report = grade(self.course, &request, observer)?;
            let all = report.tasks.iter().flat_map(|task| &task.tests);
            passed.extend(all.filter(|test| test.outcome.is_pass()).map(|test| test.name.clone()));
        }
        Ok(tests.iter().cloned().partition(|test| passed.contains(test)))
    }

    /// For each earlier lab, the tests that fail once the learner's labs up to this one take the place of the
    /// reference's.
    fn lowest_that_fail(
        &self,
        earlier: &[&'a Lab],
        mut passing: Vec<String>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<(&'a Lab, Vec<String>)>> {
        let mut found = Vec::new();
        let Some((top, below)) = earlier.split_last() else { return Ok(found) };
        for lab in below {
            if passing.is_empty() {
                return Ok(found);
            }
            let (good, bad) = self.run(Earlier::UpTo(lab.number), &passing, observer)?;
            passing = good;
            if !bad.is_empty() {
                found.push((*lab, bad));
            }
        }
        // With all of the learner's labs they failed in the first place.
        if !passing.is_empty() {
            found.push((*top, passing));
        }
        Ok(found)
    }

    /// A test of the lab's own that fails too, of the first task that has one. A task that is not written yet
    /// is no mistake, so its tests come last.
    fn own_failure(&self, lab: &'a Lab, observer: &mut dyn Observer) -> Result<Option<TestReport>> {
        let mut hole = None;
        for task in &lab.tasks {
            let mut request = self.base(lab, Earlier::Same);
            request.resources.stage = self.request.resources.stage;
            request.selection = Selection::Tasks(Tasks::One(task.id.clone()), Measuring::Off);
            let report = grade(self.course, &request, observer)?;
            for test in failing(&report) {
                match test.outcome {
                    TestOutcome::Todo(_) => hole = hole.or_else(|| Some(test.clone())),
                    _ => return Ok(Some(test.clone())),
                }
            }
        }
        Ok(hole)
    }

    fn base(&self, lab: &'a Lab, earlier: Earlier) -> Request<'a> {
        let mut request = Request::new(lab, Sources::Labs { folder: self.folder.to_path_buf(), earlier });
        request.seed = self.request.seed;
        request.resources = self.request.resources.clone();
        request.resources.stage = "stage-earlier";
        request
    }
}
