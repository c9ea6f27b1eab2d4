//! The reference, the skeleton, and the reference with one task's holes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::super::generate::{files_below, write_file};
use super::super::marks;
use super::Part;
use super::found::{Found, build_error, outcome_line};
use super::gates::gate_lost;
use super::lane::{Lane, Room, Step};
use crate::catalog::{Course, Lab, Task};
use crate::model::{BuildReport, LabReport, TestOutcome};
use crate::paint::plural;
use crate::report::explain;
use crate::request::{Earlier, Measuring, Request, Selection, Sources, Tasks};

/// Longest time a test of a skeleton may take, in milliseconds: a hole fails at once.
const AT_ONCE_MS: u64 = 3_000;

/// The steps of the reference, the skeleton and the stubs.
pub(super) fn steps<'a>(lab: &'a Lab) -> Vec<Step<'a>> {
    let mut steps = vec![
        Step::new(Part::Reference, Room::First, "reference", move |lane| lane.reference(lab)),
        Step::new(Part::Skeleton, Room::First, "skeleton", move |lane| lane.skeleton(lab)),
    ];
    for task in &lab.tasks {
        let name = format!("stub {}", task.id);
        steps.push(Step::new(Part::Stubs, Room::Beside, name, move |lane| lane.stub(lab, task)));
    }
    if !lab.perf.is_empty() {
        steps.push(Step::new(Part::Gates, Room::Measures, "gates", move |lane| lane.gates(lab)));
    }
    steps
}

impl Lane<'_> {
    /// The reference, graded as the work of a learner whose labs are all the reference, passes every test,
    /// and every test is in order itself.
    fn reference(&mut self, lab: &Lab) -> Result<Found> {
        let sources = Sources::labs(self.copy_of_reference(lab)?);
        let request = Request::new(lab, sources).selecting(Selection::Tasks(Tasks::All, Measuring::Off));
        let report = self.grade(request)?;
        let mut problems = problems_of_build(&report);
        let mut tests = 0;
        for task in &report.tasks {
            tests += task.tests.len();
            if task.tests.is_empty() && problems.is_empty() {
                problems.push(format!("task {} has no test", task.id));
            }
            for test in &task.tests {
                if test.doc.trim().is_empty() {
                    problems.push(format!("{} does not say what must hold (its doc is empty)", test.name));
                }
                if !test.outcome.is_pass() {
                    problems.push(format!("{}: {}", test.name, outcome_line(test)));
                }
            }
        }
        Ok(Found { says: format!("{} pass", plural(tests, "test")), problems, ..Found::default() })
    }

    /// The same labs lose no gate.
    fn gates(&mut self, lab: &Lab) -> Result<Found> {
        let gates: Vec<String> = lab.perf.iter().map(|gate| gate.id.clone()).collect();
        let measured = self.measured(lab, Sources::labs(self.copy_of_reference(lab)?), &gates)?;
        Ok(measured.found(gate_lost))
    }

    /// The skeleton compiles without a warning, and every test fails at once. It stands on the reference's
    /// earlier labs, so that no test fails only because an earlier lab is missing.
    fn skeleton(&mut self, lab: &Lab) -> Result<Found> {
        let labs = self.folder().join("check/labs");
        let (plan, _) = super::plan(self.course, lab)?;
        let before = files_below(&labs, Path::new(&lab.id))?;
        for path in before.iter().filter(|path| !plan.wanted.contains_key(*path)) {
            fs::remove_file(labs.join(path))?;
        }
        for (path, bytes) in &plan.wanted {
            let target = labs.join(path);
            if fs::read(&target).ok().as_ref() != Some(bytes) {
                write_file(&target, bytes)?;
            }
        }
        let sources = Sources::Labs { folder: labs, earlier: Earlier::Reference };
        let request = Request::new(lab, sources).selecting(Selection::Tasks(Tasks::All, Measuring::Off));
        let report = self.grade(request)?;
        let mut problems = problems_of_build(&report);
        let tests = || report.tasks.iter().flat_map(|task| &task.tests);
        for test in tests() {
            let ends =
                matches!(test.outcome, TestOutcome::Todo(_) | TestOutcome::Fail(_) | TestOutcome::Panic(_));
            if test.outcome.is_pass() {
                problems.push(format!("{} passes on the skeleton", test.name));
            } else if !ends {
                problems.push(format!("{} does not fail at once: {}", test.name, test.outcome.label()));
            } else if test.wall_ms > AT_ONCE_MS {
                problems.push(format!("{} takes {} ms to fail", test.name, test.wall_ms));
            }
        }
        let holes = tests().filter(|test| explain::is_hole(&test.outcome)).count();
        let says = format!(
            "{} fail at once, {holes} of them say what is not written",
            plural(tests().count(), "test")
        );
        Ok(Found { says, problems, ..Found::default() })
    }

    /// With only the holes of `task`, some of its tests fail and none of an earlier task.
    fn stub(&mut self, lab: &Lab, task: &Task) -> Result<Found> {
        let sources = Sources::Patched { files: stubbed(self.course, lab, &task.id)? };
        // What later tasks' tests say is of no interest, so they are not even compiled.
        let selection = Selection::Tasks(Tasks::Until(task.id.clone()), Measuring::Off);
        let report = self.grade(Request::new(lab, sources).selecting(selection))?;
        let mut problems: Vec<String> = build_error(&report).into_iter().collect();
        let mut own = (0, 0);
        for found in report.tasks.iter().take_while(|found| found.id != task.id) {
            for test in found.tests.iter().filter(|test| !test.outcome.is_pass()) {
                problems.push(format!(
                    "{} of the earlier task {} fails: {}",
                    test.name,
                    found.id,
                    outcome_line(test)
                ));
            }
        }
        let survivors: Vec<&str> = match report.tasks.iter().find(|found| found.id == task.id) {
            Some(found) => {
                let passes = found.tests.iter().filter(|test| test.outcome.is_pass());
                let names: Vec<&str> = passes.map(|test| test.name.as_str()).collect();
                own = (found.tests.len() - names.len(), found.tests.len());
                names
            }
            None => Vec::new(),
        };
        if own.0 == 0 && problems.is_empty() {
            problems.push(format!("no test of task {} needs the task", task.id));
        }
        let but =
            if survivors.is_empty() { String::new() } else { format!(", but not {}", survivors.join(", ")) };
        let says = format!("{} of {} own tests fail{but}", own.0, own.1);
        Ok(Found { says, problems, ..Found::default() })
    }
}

/// Compiler errors and warnings.
fn problems_of_build(report: &LabReport) -> Vec<String> {
    let mut problems: Vec<String> = build_error(report).into_iter().collect();
    if let BuildReport::Ok { warnings } = &report.build {
        problems.extend(warnings.iter().map(|warning| warning.rendered.trim_end().to_string()));
    }
    problems
}

/// The files of the reference that hold holes of `task`, with these open.
fn stubbed(course: &Course, lab: &Lab, task: &str) -> Result<BTreeMap<PathBuf, String>> {
    let solutions = course.root.join("solutions");
    let mut files = BTreeMap::new();
    for path in files_below(&solutions, &Path::new(&lab.id).join("src"))? {
        let name = format!("solutions/{}", path.display());
        let text = fs::read_to_string(solutions.join(&path)).with_context(|| format!("read {name}"))?;
        let marked = marks::parse(&name, &text).map_err(|errors| anyhow::anyhow!("{}", errors[0]))?;
        if marked.regions().any(|region| region.task == task) {
            files.insert(path, marked.stubbed(task));
        }
    }
    Ok(files)
}
