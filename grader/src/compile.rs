//! Compiles what the stage holds, and decides whether the submission, its fit to the tests, or the course is
//! at fault when that fails.
//!
//! ```text
//!   cargo build  (own environment, own target folder, current folder /)
//!     --offline first; packages missing: `cargo fetch` once, then again
//!     messages in JSON:  artifact -> the program's path
//!                        message  -> by the folder its package lies in
//!   errors in   labs/ patched/         the submission does not compile
//!               grader/suites/ perf/   the tests do not fit it: a signature was changed
//!               anywhere else          the course is broken, nothing can be graded
//! ```
//!
//! Cargo looks for configuration from its current folder upwards, so that folder is `/`: nothing that a
//! submission brings is above it. The learner's compile-time code is macros and constants only: there are
//! no build scripts and no procedural macros of a lab.

mod cargo;
mod depinfo;
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
use messages::{Artifact, Found, Origin};

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
        /// The test programs, in the order of the tasks, or the performance program.
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
/// Returns an error when the submission is not at fault: no cargo, no network for a first fetch, a broken
/// reference.
pub fn compile(
    course: &Course,
    stage: &Stage,
    request: &Request<'_>,
    target: &Target,
    observer: &mut dyn Observer,
) -> Result<Compiled> {
    let lab = request.lab;
    let mut ran = cargo::build(course, stage, request, target, observer)?;
    if !ran.is_success && ran.found.iter().any(|found| found.message.rendered.contains(": linking with ")) {
        // A build that was killed can leave half an incremental compilation behind.
        std::fs::remove_dir_all(stage.build_dir.join("debug/incremental")).ok();
        ran = cargo::build(course, stage, request, target, observer)?;
    }
    if ran.is_success {
        return finished(course, stage, lab, target, ran);
    }
    let of_submission = |origin: Origin| origin == Origin::Submission;
    let errors = |wanted: &dyn Fn(Origin) -> bool| -> Vec<CompilerMessage> {
        let found = ran.found.iter().filter(|found| found.message.level == "error" && wanted(found.origin));
        found.map(|found| found.message.clone()).take(MESSAGES).collect()
    };
    let submission = errors(&of_submission);
    if !submission.is_empty() {
        let notes = earlier_labs(stage, course, lab, &submission);
        return Ok(Compiled::Failed { messages: submission, notes });
    }
    if ran.is_out_of_time {
        let seconds = request.resources.compile_seconds;
        let what = match ran.pending(stage, course) {
            Some(name) => format!("compiling {name} took longer than {seconds} s and was stopped"),
            None => format!("compiling the hidden tests against {} did not end and was stopped", lab.path()),
        };
        return Ok(Compiled::Failed { messages: Vec::new(), notes: vec![what] });
    }
    let tests = errors(&|origin| origin == Origin::Tests);
    let is_learners = stage.seat(lab) != Seat::Reference;
    if !tests.is_empty() && is_learners {
        let notes = signatures::explain(course, stage, lab, &ran.found);
        return Ok(Compiled::Failed { messages: tests, notes });
    }
    if let Some(name) = ran.crashed_on(stage, course) {
        let notes = vec![format!("the compiler itself stopped while compiling {name}")];
        let message = plain_message(&without_backtrace(&ran.errors));
        return Ok(Compiled::Failed { messages: vec![message], notes });
    }
    let mut text: Vec<String> = errors(&|_| true).into_iter().map(|message| message.rendered).collect();
    text.push(ran.errors);
    bail!("the course itself does not compile; the submission was not graded\n{}", text.join("\n"))
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
        programs.push(program);
    }
    let folder = format!("{}/{}/", stage.seat(lab).folder(), lab.id);
    let is_here = |found: &&Found| found.message.file.as_ref().is_some_and(|file| file.starts_with(&folder));
    let is_warning = |found: &&Found| found.message.level == "warning";
    let warnings = ran.found.iter().filter(is_warning).filter(is_here);
    let warnings = warnings.map(|found| found.message.clone()).take(MESSAGES).collect();
    Ok(Compiled::Ok { programs, warnings })
}

/// Says so when it is an earlier lab that does not compile.
fn earlier_labs(stage: &Stage, course: &Course, lab: &Lab, errors: &[CompilerMessage]) -> Vec<String> {
    let mut notes = Vec::new();
    for other in course.earlier(lab) {
        let folder = format!("{}/{}/", stage.seat(other).folder(), other.id);
        if errors.iter().any(|error| error.file.as_ref().is_some_and(|file| file.starts_with(&folder))) {
            notes.push(format!(
                "{} does not compile, and {} stands on it; `--earlier reference` grades on the reference's instead",
                other.path(),
                lab.path()
            ));
        }
    }
    notes
}

/// The first lines of what a crashing compiler printed; its own backtrace helps no learner.
fn without_backtrace(text: &str) -> String {
    let lines = text.lines().take_while(|line| !line.contains("backtrace") && !line.starts_with("  0:"));
    lines.filter(|line| !line.trim().is_empty()).take(12).collect::<Vec<_>>().join("\n")
}

fn plain_message(text: &str) -> CompilerMessage {
    CompilerMessage {
        level: "error".to_owned(),
        rendered: text.to_owned(),
        ansi: text.to_owned(),
        code: None,
        file: None,
        line: None,
    }
}
