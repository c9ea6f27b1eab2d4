//! The reference in a learner's place, and the stack in which a learner's lab meets the reference's.
//!
//! ```text
//!                lab 1      lab 2      lab 3      lab 4
//!   reference    learner    learner    learner    learner
//!   stack        learner    reference  reference  learner
//! ```
//!
//! The learner here is somebody who wrote exactly the reference, so every test must pass on both. The first
//! shows that a learner's labs fit each other. The second is what a failing test is run on to find the lab at
//! fault: the only stack in which the reference's labs stand on a learner's and a learner's stands on them,
//! so that a lab that reaches for what an earlier one keeps private, or a type that is there twice, shows.
//! Where more or fewer of the labs below are a learner's, the same two joints appear again, one lab higher;
//! so one stack is enough, whatever the number of labs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::super::generate::{files_below, write_file};
use super::Part;
use super::found::{Found, build_error, outcome_line};
use super::lane::{Lane, Room, Step};
use crate::catalog::{Course, Lab};
use crate::paint::plural;
use crate::request::{Earlier, Measuring, Request, Selection, Sources, Tasks};
use crate::stage::earlier_labs;

/// The step of the mixed stack; none for a lab that stands on fewer than two.
pub(super) fn steps<'a>(course: &'a Course, lab: &'a Lab) -> Vec<Step<'a>> {
    let lowest = match earlier_labs(course, lab) {
        Ok(earlier) if earlier.len() < 2 => return Vec::new(),
        Ok(earlier) => earlier[0].number,
        // The step reports the error.
        Err(_) => 0,
    };
    vec![Step::new(Part::Ladder, Room::Beside, "stack", move |lane| lane.stack(lab, lowest))]
}

impl Lane<'_> {
    /// On the learner's labs up to `number` and the reference's above them every test passes.
    fn stack(&mut self, lab: &Lab, number: u32) -> Result<Found> {
        let sources = Sources::Labs { folder: self.copy_of_reference(lab)?, earlier: Earlier::UpTo(number) };
        let request = Request::new(lab, sources).selecting(Selection::Tasks(Tasks::All, Measuring::Off));
        let report = self.grade(request)?;
        let mut problems: Vec<String> = build_error(&report).into_iter().collect();
        let tests = || report.tasks.iter().flat_map(|task| &task.tests);
        for test in tests().filter(|test| !test.outcome.is_pass()) {
            problems.push(format!("{}: {}", test.name, outcome_line(test)));
        }
        let says = format!("{} pass on the learner's lab {number}", plural(tests().count(), "test"));
        Ok(Found { says, problems, ..Found::default() })
    }

    /// A folder of labs as a learner who wrote the reference would have it: `lab` and those it stands on.
    pub(super) fn copy_of_reference(&self, lab: &Lab) -> Result<PathBuf> {
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
