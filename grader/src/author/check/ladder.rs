//! The ladder of stacks: whoever wrote the labs below, the same code gets the same marks.
//!
//! ```text
//!            lab 1      lab 2      lab 3      lab 4
//!   rung 1   learner    reference  reference  learner
//!   rung 2   learner    learner    reference  learner
//!   rung 3   learner    learner    learner    learner
//! ```
//!
//! The learner here is somebody who wrote exactly the reference, so every test must pass on every rung, and every gate on the last. A rung that does not is a
//! fault of the stage, or a lab that reaches for something of an earlier one that is not public.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::super::generate::{files_below, write_file};
use super::runs::told;
use super::{Check, Found, build_error};
use crate::catalog::{Course, Lab};
use crate::grade::{Earlier, PerfMode, Request, Source};
use crate::model::{PerfReport, PerfVerdict};
use crate::report::paint::plural;
use crate::stage::earlier_labs;

impl Check<'_> {
    /// Every rung of the lab; one that stands on nothing has none.
    pub(super) fn ladder(&mut self, lab: &Lab) {
        let earlier = match earlier_labs(self.course, lab) {
            Ok(earlier) => earlier.iter().map(|lab| lab.number).collect(),
            // Told by the first rung.
            Err(_) => vec![0],
        };
        let top = earlier.iter().copied().max();
        for number in earlier {
            let perf = if Some(number) == top { PerfMode::Quick } else { PerfMode::Off };
            self.step(&format!("ladder, learner's labs up to {number}"), |check| {
                check.rung(lab, number, perf)
            });
        }
    }

    fn rung(&mut self, lab: &Lab, number: u32, perf: PerfMode) -> Result<Found> {
        let mut request = Request::new(lab, Source::Labs(copy_of_reference(self.course, lab)?));
        request.earlier = Earlier::UpTo(number);
        request.perf = perf;
        let report = self.grade(request)?;
        let mut problems: Vec<String> = build_error(&report).into_iter().collect();
        let tests = || report.tasks.iter().flat_map(|task| &task.tests);
        for test in tests().filter(|test| !test.outcome.is_pass()) {
            problems.push(format!("{}: {}", test.name, told(test)));
        }
        let gates = || report.tasks.iter().flat_map(|task| &task.perf);
        // A busy machine may leave a gate undecided, which is nobody's fault.
        let is_lost = |gate: &&PerfReport| matches!(gate.verdict, PerfVerdict::Fail | PerfVerdict::Broken(_));
        problems.extend(gates().filter(is_lost).map(|gate| format!("gate {}: {:?}", gate.id, gate.verdict)));
        let measured = gates().filter(|gate| gate.value.is_some()).count();
        let says = format!("{} pass, {} measured", plural(tests().count(), "test"), plural(measured, "gate"));
        Ok(Found { says, problems })
    }
}

/// A folder of labs as a learner who wrote the reference would have it: `lab` and those it stands on.
fn copy_of_reference(course: &Course, lab: &Lab) -> Result<PathBuf> {
    let labs = course.work_dir().join("check/ladder");
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
            let bytes = fs::read(solutions.join(path)).with_context(|| format!("read {}", path.display()))?;
            let target = labs.join(path);
            if fs::read(&target).ok().as_ref() != Some(&bytes) {
                write_file(&target, &bytes)?;
            }
        }
    }
    Ok(labs)
}
