//! One grading run, from sources to a report.
//!
//! ```text
//!   Request -> stage -> compile -> run -> perf -> LabReport
//! ```
//!
//! [`grade`] errs only where nothing can be said about the submission (no cargo, no network for the
//! first fetch, a broken reference). Whatever the submission does is a [`LabReport`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::catalog::{Course, Lab, Task, task_of_test};
use crate::compile::{Compiled, Target, compile};
use crate::model::{BuildReport, LabReport, PerfReport, PerfVerdict, TaskReport, TestReport, Times};
use crate::perf;
use crate::run::{self, Listed, Results, Settings};
use crate::stage::Stage;

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
    /// From the same place up to the lab of this number, the reference's on top of them above it.
    UpTo(u32),
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
    /// Only the tasks from this one on.
    pub from: Option<String>,
    /// Only the tasks up to this one.
    pub until: Option<String>,
    /// Only tests whose name contains this.
    pub test: Option<String>,
    /// Only the tests with exactly these names; empty for all.
    pub names: Vec<String>,
    /// Only these gates, and no test: they are measured whatever the tests of their tasks would say. Empty for the
    /// tests, and the gates of each task whose tests pass.
    pub gates: Vec<String>,
    /// Seed of everything random; `None` for the suites' default.
    pub seed: Option<u64>,
    /// How much to measure.
    pub perf: PerfMode,
    /// Tests at a time; 0 for one a core.
    pub jobs: usize,
    /// Compilers at a time; 0 for one a core.
    pub compile_jobs: usize,
    /// Where to write stage and build files; `None` for the course's own `target/grade`.
    pub work_dir: Option<PathBuf>,
    /// Name of the stage's folder. Going from one to another rebuilds nothing.
    pub stage: &'static str,
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
            from: None,
            until: None,
            test: None,
            names: Vec::new(),
            gates: Vec::new(),
            seed: None,
            perf: PerfMode::Full,
            jobs: 0,
            compile_jobs: 0,
            work_dir: None,
            stage: "stage",
            compile_seconds: 240,
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
    let lab = request.lab;
    if let Some(id) = &request.task
        && lab.task(id).is_none()
    {
        bail!("lab {} has no task {id}", lab.number);
    }
    let mut times = Times::default();
    let start = Instant::now();
    let mut stage = Stage::prepare(course, request, progress)?;
    times.stage_ms = lap(start);
    let mut notes = std::mem::take(&mut stage.notes);
    let start = Instant::now();
    let target = target(request, &stage)?;
    let compiled = if stage.problems.is_empty() {
        compile(course, &stage, request, &target, progress)?
    } else {
        Compiled::Failed { messages: Vec::new(), notes: std::mem::take(&mut stage.problems) }
    };
    times.build_ms = lap(start);
    let mut tasks = Vec::new();
    let build = match compiled {
        Compiled::Failed { messages, notes } => {
            for task in asked_for(request) {
                tasks.push(assemble(
                    lab,
                    task,
                    Vec::new(),
                    0,
                    not_measured(lab, task, "it does not compile"),
                ));
            }
            BuildReport::Failed { messages, notes }
        }
        Compiled::Ok { programs, warnings } => {
            let start = Instant::now();
            let mut perf = Perf { course, request, stage: &stage, program: None };
            let mut listed = Vec::new();
            for program in programs {
                match target {
                    Target::Tests(_) => listed.extend(run::list(&program)?),
                    Target::Perf => perf.program = Some(Ok(program)),
                }
            }
            let results = if request.gates.is_empty() {
                run_tests(request, &listed, progress)?
            } else {
                Results::default()
            };
            times.test_ms = lap(start);
            notes.extend(results.notes);
            let start = Instant::now();
            for task in asked_for(request) {
                let in_task = listed.iter().filter(|test| test.task() == task.id).count();
                let tests: Vec<TestReport> =
                    results.tests.iter().filter(|test| test.task == task.id).cloned().collect();
                let gates = perf.gates(task, &tests, in_task, progress)?;
                tasks.push(assemble(lab, task, tests, in_task, gates));
            }
            times.perf_ms = lap(start);
            BuildReport::Ok { warnings }
        }
    };
    deduplicate(&mut notes);
    Ok(LabReport {
        lab: lab.number,
        id: lab.id.clone(),
        title: lab.title.clone(),
        build,
        earned: tasks.iter().map(|task| task.points_earned).sum(),
        max: tasks.iter().map(|task| task.points_max).sum(),
        tasks,
        notes,
        seed: request.seed,
        times,
    })
}

/// What to compile first.
fn target(request: &Request, stage: &Stage) -> Result<Target> {
    if request.gates.is_empty() {
        return Ok(Target::Tests(asked_for(request).map(|task| task.id.clone()).collect()));
    }
    if stage.perf_package.is_none() {
        bail!("{}", no_perf(request.lab));
    }
    Ok(Target::Perf)
}

fn no_perf(lab: &Lab) -> String {
    format!("the suite of {} has no perf/lib.rs", lab.id)
}

fn lap(start: Instant) -> u64 {
    start.elapsed().as_millis() as u64
}

fn deduplicate(notes: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    notes.retain(|note| seen.insert(note.clone()));
}

/// The tasks of the report: the one asked for, or the one that a full test name tells, or all from the first to the last one.
fn asked_for<'a>(request: &Request<'a>) -> impl Iterator<Item = &'a Task> {
    let told = || request.test.as_deref().and_then(task_of_test);
    let told = || told().filter(|id| request.lab.task(id).is_some());
    let wanted = request.task.clone().or_else(told);
    let tasks = &request.lab.tasks;
    let place = |id: &Option<String>| tasks.iter().position(|task| id.as_ref() == Some(&task.id));
    let first = place(&request.from).unwrap_or(0);
    let end = place(&request.until).map_or(tasks.len(), |last| last + 1);
    tasks
        .get(first..end)
        .unwrap_or_default()
        .iter()
        .filter(move |task| wanted.as_ref().is_none_or(|id| *id == task.id))
}

/// Runs the tests that were asked for.
fn run_tests(request: &Request, listed: &[Listed], progress: &mut dyn Progress) -> Result<Results> {
    let lab = request.lab;
    if let Some(stray) = listed.iter().find(|test| lab.task(&test.task()).is_none()) {
        bail!("the hidden test {} belongs to no task of lab {}", stray.name, lab.number);
    }
    let is_wanted = |test: &&Listed| {
        request.task.as_ref().is_none_or(|id| *id == test.task())
            && request.test.as_ref().is_none_or(|part| test.name.contains(part.as_str()))
            && (request.names.is_empty() || request.names.contains(&test.name))
    };
    let wanted: Vec<Listed> = listed.iter().filter(is_wanted).cloned().collect();
    if let (true, Some(part)) = (wanted.is_empty(), &request.test) {
        bail!("no hidden test of what was asked for has \"{part}\" in its name");
    }
    let settings = Settings { limits: lab.limits, seed: request.seed, jobs: request.jobs };
    run::run_all(&wanted, &settings, progress)
}

/// The performance part, compiled when the first gate needs it.
struct Perf<'a> {
    course: &'a Course,
    request: &'a Request<'a>,
    stage: &'a Stage,
    /// The program, or why there is none.
    program: Option<Result<PathBuf, String>>,
}

impl Perf<'_> {
    /// Measures the gates of `task`, whose tests gave `tests` of `in_task`.
    fn gates(
        &mut self,
        task: &Task,
        tests: &[TestReport],
        in_task: usize,
        progress: &mut dyn Progress,
    ) -> Result<Vec<PerfReport>> {
        let lab = self.request.lab;
        let why_not = if self.request.perf == PerfMode::Off {
            Some("not asked for")
        } else if !self.request.gates.is_empty() {
            None
        } else if tests.len() < in_task {
            Some("only some of the task's tests were run")
        } else if !run::all_passed(tests) {
            Some("measured once all tests of the task pass")
        } else {
            None
        };
        if let Some(why) = why_not {
            return Ok(not_measured(lab, task, why));
        }
        let mut reports = Vec::new();
        for gate in lab.gates(&task.id) {
            if !self.request.gates.is_empty() && !self.request.gates.contains(&gate.id) {
                reports.push(perf::not_run(gate, "not asked for"));
                continue;
            }
            reports.push(match self.program(progress)? {
                Ok(program) => {
                    let is_quick = self.request.perf == PerfMode::Quick;
                    perf::measure(&program, gate, self.request.seed, is_quick, progress)?
                }
                Err(what) => perf::broken(gate, &what),
            });
        }
        Ok(reports)
    }

    fn program(&mut self, progress: &mut dyn Progress) -> Result<Result<PathBuf, String>> {
        if let Some(known) = &self.program {
            return Ok(known.clone());
        }
        progress.say("compiling the performance part");
        let lab = self.request.lab;
        let program = if self.stage.perf_package.is_none() {
            Err(no_perf(lab))
        } else {
            match compile(self.course, self.stage, self.request, &Target::Perf, progress)? {
                Compiled::Ok { programs, .. } => {
                    let program = programs.into_iter().next();
                    program.ok_or_else(|| "cargo names no performance program".to_owned())
                }
                Compiled::Failed { messages, mut notes } => {
                    notes.extend(messages.into_iter().take(1).map(|message| message.rendered));
                    Err(format!("the performance part does not compile: {}", notes.join("\n")))
                }
            }
        };
        Ok(self.program.insert(program).clone())
    }
}

fn not_measured(lab: &Lab, task: &Task, why: &str) -> Vec<PerfReport> {
    lab.gates(&task.id).map(|gate| perf::not_run(gate, why)).collect()
}

/// A task's report. Its test points are earned in proportion to the tests passed, rounded down.
fn assemble(
    lab: &Lab,
    task: &Task,
    tests: Vec<TestReport>,
    in_task: usize,
    perf: Vec<PerfReport>,
) -> TaskReport {
    let passed = tests.iter().filter(|test| test.outcome.is_pass()).count();
    let for_tests = u64::from(task.points) * passed as u64 / (in_task.max(1) as u64);
    let for_gates: u32 = perf.iter().map(|gate| gate.points_earned).sum();
    let is_held_back = |gate: &PerfReport| matches!(gate.verdict, PerfVerdict::Fail | PerfVerdict::Broken(_));
    TaskReport {
        id: task.id.clone(),
        title: task.title.clone(),
        file: task.file.clone(),
        points_earned: for_tests as u32 + for_gates,
        points_max: lab.task_points(task),
        passed: run::all_passed(&tests) && !perf.iter().any(is_held_back),
        tests,
        perf,
    }
}
