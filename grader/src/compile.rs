//! Compiles what the stage holds, and decides whether the submission, its fit to the tests, the machine, or
//! the course is at fault when that fails.
//!
//! ```text
//!   cargo build  (own environment, own target folder, an empty current folder)
//!     --offline first; packages missing: `cargo fetch` once, then again
//!     messages in JSON:  artifact -> the program's path
//!                        message  -> by the folder its package lies in
//!   errors in   labs/ patched/         the submission does not compile
//!               grader/suites/ perf/   the tests do not fit it, and why
//!               no place in the code   the linker or the system failed: nothing can be graded
//!               anywhere else          the course is broken, nothing can be graded
//! ```
//!
//! Cargo looks for configuration from its current folder upwards, so that folder is an empty one, and the
//! search ends there. What the user has set for all builds has no effect either (`home`). The learner's
//! compile-time code is macros and constants only: there are no build scripts and no procedural macros of a
//! lab. What such code can have the compiler read is confined where somebody else's code is graded
//! (`confine`).

mod cargo;
mod confine;
mod depinfo;
mod failed;
mod home;
mod machine;
mod messages;
pub mod signatures;

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::catalog::{Course, Lab};
use crate::model::CompilerMessage;
use crate::observer::Observer;
use crate::request::Request;
use crate::stage::manifests::test_program;
use crate::stage::{Seat, Stage};
use cargo::Ran;
pub use confine::warning;
use messages::{Artifact, Found};

/// Most compiler messages in a report.
const MESSAGES: usize = 30;

/// What to build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The hidden tests of these tasks, in the test profile: a program a task.
    Tests(Vec<String>),
    /// The performance program, in the release profile.
    Perf,
}

/// How compiling went.
#[derive(Debug)]
pub enum Compiled {
    /// It did.
    Ok {
        /// The test programs, in the order of the tasks, or the performance program: sealed copies.
        programs: Vec<PathBuf>,
        /// Warnings in the graded lab.
        warnings: Vec<CompilerMessage>,
    },
    /// The submission is at fault.
    Failed {
        /// rustc's messages.
        messages: Vec<CompilerMessage>,
        /// What they come down to.
        notes: Vec<String>,
    },
}

/// Compiles `target` of the stage, with the time limit and the number of compilers that `request` has.
///
/// Returns an error when the submission is not at fault: no cargo, no network for a first fetch, a full disk,
/// a compiler that was killed, a broken reference.
pub fn compile(
    course: &Course,
    stage: &Stage,
    request: &Request<'_>,
    target: &Target,
    observer: &mut dyn Observer,
) -> Result<Compiled> {
    let jobs = request.resources.compile_jobs;
    let mut ran = cargo::build(course, stage, request, target, jobs, observer)?;
    let is_killed = machine::killed(&ran).is_some();
    if !ran.is_success && (is_killed || machine::linker_errors(&ran).next().is_some()) {
        // A build that was killed can leave half an incremental compilation behind.
        std::fs::remove_dir_all(stage.build_dir.join("debug/incremental")).ok();
        let jobs = if is_killed { 1 } else { jobs };
        ran = cargo::build(course, stage, request, target, jobs, observer)?;
    }
    if ran.is_success {
        return finished(course, stage, request.lab, target, ran);
    }
    failed::explain(course, stage, request, ran)
}

/// After a build without errors: the program, and the check that nothing outside `src/` was read.
fn finished(course: &Course, stage: &Stage, lab: &Lab, target: &Target, ran: Ran) -> Result<Compiled> {
    let mut foreign = Vec::new();
    for (number, seat) in &stage.seats {
        let known = course.labs.iter().find(|lab| lab.number == *number);
        if let (Seat::Learner, Some(lab)) = (seat, known) {
            let package = seat.package(&lab.package);
            foreign.extend(depinfo::foreign_sources(stage, &package, lab, &ran.artifacts)?);
        }
    }
    if !foreign.is_empty() {
        return Ok(Compiled::Failed { messages: Vec::new(), notes: foreign });
    }
    let wanted: Vec<(String, String)> = match target {
        Target::Tests(tasks) => {
            tasks.iter().map(|task| (stage.suite_package.clone(), test_program(task))).collect()
        }
        Target::Perf => stage.perf_package.iter().map(|name| (name.clone(), name.clone())).collect(),
    };
    let mut programs = Vec::new();
    for (package, name) in &wanted {
        let is_it = |artifact: &&Artifact| artifact.package == *package && artifact.target == *name;
        let program = ran.artifacts.iter().find(is_it).and_then(|artifact| artifact.executable.clone());
        let Some(program) = program else {
            bail!("cargo built {} but names no program for {name}", lab.id);
        };
        programs.push(stage.programs.add(&program)?);
    }
    let folder = format!("{}/{}/", stage.seat(lab).folder(), lab.id);
    let is_here = |found: &&Found| found.message.file.as_ref().is_some_and(|file| file.starts_with(&folder));
    let is_warning = |found: &&Found| found.message.level == "warning";
    let warnings = ran.found.iter().filter(is_warning).filter(is_here);
    let warnings = warnings.map(|found| found.message.clone()).take(MESSAGES).collect();
    Ok(Compiled::Ok { programs, warnings })
}
