//! The ladder of stacks: whoever wrote the labs below, the same code gets the same marks.
//!
//! ```text
//!            lab 1      lab 2      lab 3      lab 4
//!   rung 1   learner    reference  reference  learner
//!   rung 2   learner    learner    reference  learner
//!   rung 3   learner    learner    learner    learner
//! ```
//!
//! The learner here is somebody who wrote exactly the reference, so every test must pass on every rung, and every gate on
//! the last. A rung where that is not so is a fault of the stage, or a lab that reaches for something of an earlier one
//! that is not public.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::super::generate::{files_below, write_file};
use super::lane::{Lane, Step};
use super::runs::told;
use super::{Found, build_error};
use crate::catalog::{Course, Lab};
use crate::model::{PerfReport, PerfVerdict};
use crate::paint::plural;
use crate::request::{Earlier, Measuring, Request, Rounds, Selection, Sources, Tasks};
use crate::stage::earlier_labs;

/// Every rung of the lab, and the gates on the last one; a lab that stands on nothing has none.
pub(super) fn steps<'a>(course: &'a Course, lab: &'a Lab) -> (Vec<Step<'a>>, Vec<Step<'a>>) {
    let earlier: Vec<u32> = match earlier_labs(course, lab) {
        Ok(earlier) => earlier.iter().map(|lab| lab.number).collect(),
        // Told by the first rung.
        Err(_) => vec![0],
    };
    let rung = |number: u32| {
        let name = format!("ladder, learner's labs up to {number}");
        Step::new(name, move |lane| lane.rung(lab, number))
    };
    let has_gates = !earlier.is_empty() && !lab.perf.is_empty();
    let gates = has_gates.then(|| Step::new("ladder, gates", move |lane| lane.top_gates(lab)));
    (earlier.iter().copied().map(rung).collect(), gates.into_iter().collect())
}

impl Lane<'_> {
    /// On the learner's labs up to `number` every test passes.
    fn rung(&mut self, lab: &Lab, number: u32) -> Result<Found> {
        let sources = Sources::Labs { folder: self.copy_of_reference(lab)?, earlier: Earlier::UpTo(number) };
        let request = Request::new(lab, sources).selecting(Selection::Tasks(Tasks::All, Measuring::Off));
        let report = self.grade(request)?;
        let mut problems: Vec<String> = build_error(&report).into_iter().collect();
        let tests = || report.tasks.iter().flat_map(|task| &task.tests);
        for test in tests().filter(|test| !test.outcome.is_pass()) {
            problems.push(format!("{}: {}", test.name, told(test)));
        }
        Ok(Found { says: format!("{} pass", plural(tests().count(), "test")), problems })
    }

    /// On the learner's labs alone no gate is lost.
    fn top_gates(&mut self, lab: &Lab) -> Result<Found> {
        let gates = lab.perf.iter().map(|gate| gate.id.clone()).collect();
        let sources = Sources::labs(self.copy_of_reference(lab)?);
        let request = Request::new(lab, sources).selecting(Selection::Gates(gates, Rounds::Quick));
        let report = self.grade(request)?;
        let mut problems: Vec<String> = build_error(&report).into_iter().collect();
        let gates = || report.tasks.iter().flat_map(|task| &task.perf);
        // A busy machine may leave a gate undecided, which is nobody's fault.
        let is_lost = |gate: &&PerfReport| matches!(gate.verdict, PerfVerdict::Fail | PerfVerdict::Broken(_));
        problems.extend(gates().filter(is_lost).map(|gate| format!("gate {}: {:?}", gate.id, gate.verdict)));
        let measured = gates().filter(|gate| gate.value.is_some()).count();
        Ok(Found { says: format!("{} measured", plural(measured, "gate")), problems })
    }

    /// A folder of labs as a learner who wrote the reference would have it: `lab` and those it stands on.
    fn copy_of_reference(&self, lab: &Lab) -> Result<PathBuf> {
        let course = self.course;
        let labs = self.folder().join("check/ladder");
        let solutions = course.root.join("solutions");
        let mut wanted = earlier_labs(course, lab)?;
        wanted.push(lab);
        for lab in wanted {
            let folder = Path::new(&lab.id).join("src");
            let files = files_below(&solutions, &folder)?;
            if labs.join(&folder).is_dir() {
                for path in files_below(&labs, &folder)?.iter().filter(|path| !files.contains(path)) {
                    fs::remove_file(labs.join(path))?;
                }
            }
            for path in files.iter().chain([&Path::new(&lab.id).join("Cargo.toml")]) {
                let bytes =
                    fs::read(solutions.join(path)).with_context(|| format!("read {}", path.display()))?;
                let target = labs.join(path);
                if fs::read(&target).ok().as_ref() != Some(&bytes) {
                    write_file(&target, &bytes)?;
                }
            }
        }
        Ok(labs)
    }
}
