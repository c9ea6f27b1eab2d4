//! One grading run, from sources to a report.
//!
//! ```text
//!   Request -> stage -> compile -> run -> perf -> LabReport
//! ```
//!
//! [`grade`] errs only where nothing can be said about the submission (no cargo, no network for the
//! first fetch, a broken reference). Whatever the submission does is a [`LabReport`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;

use crate::catalog::{Course, Lab};
use crate::model::{LabReport, TestReport};

/// Whose code is graded.
#[derive(Debug, Clone)]
pub enum Source {
    /// A folder that holds `NN-name/` folders: the learner's `labs/`, or somebody's submission.
    Labs(PathBuf),
    /// The reference.
    Solutions,
    /// The reference with some files changed: mutants and stubs.
    Patched {
        /// New contents by path below `solutions/`: `01-structures/src/ring_queue.rs`.
        files: BTreeMap<PathBuf, String>,
    },
}

/// Whose earlier labs the graded one stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earlier {
    /// From the same place as the graded lab.
    Same,
    /// The reference's.
    Reference,
}

/// How much to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PerfMode {
    /// As many rounds as the verdict needs.
    Full,
    /// Few rounds, for a first look; a close ratio stays undecided.
    Quick,
    /// Nothing; gates are reported as not run.
    Off,
}

/// What to grade, and how.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The lab.
    pub lab: &'a Lab,
    /// Whose code.
    pub source: Source,
    /// Whose earlier labs.
    pub earlier: Earlier,
    /// Only this task.
    pub task: Option<String>,
    /// Only tests whose name contains this.
    pub test: Option<String>,
    /// Seed of everything random; `None` for the suites' default.
    pub seed: Option<u64>,
    /// How much to measure.
    pub perf: PerfMode,
    /// Tests at a time; 0 for one a core.
    pub jobs: usize,
    /// Where to write stage and build files; `None` for the course's own `target/grade`.
    pub work_dir: Option<PathBuf>,
    /// Longest wait for one crate to compile, in seconds.
    pub compile_seconds: u64,
}

impl<'a> Request<'a> {
    /// Grades the whole of `lab` from `source` with the usual settings.
    pub fn new(lab: &'a Lab, source: Source) -> Request<'a> {
        Request {
            lab,
            source,
            earlier: Earlier::Same,
            task: None,
            test: None,
            seed: None,
            perf: PerfMode::Full,
            jobs: 0,
            work_dir: None,
            compile_seconds: 120,
        }
    }
}

/// Told what happens while it happens.
pub trait Progress {
    /// One line on what the grader does now: "compiling structures", "waiting for another grader".
    fn say(&mut self, line: &str);
    /// The tests about to run.
    fn tests(&mut self, _count: usize) {}
    /// One test has ended.
    fn test_done(&mut self, _test: &TestReport) {}
}

/// Says nothing.
#[derive(Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn say(&mut self, _line: &str) {}
}

/// Grades one lab.
pub fn grade(course: &Course, request: &Request, progress: &mut dyn Progress) -> Result<LabReport> {
    let _ = (course, request, progress);
    anyhow::bail!("not there yet")
}
