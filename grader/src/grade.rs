//! One grading run, from sources to a report.
//!
//! ```text
//!   Request -> stage -> compile -> run -> gates -> LabReport
//! ```
//!
//! [`grade`] returns an error only where the submission cannot be judged (no cargo, no network for the
//! first fetch, a broken reference). Whatever the submission does becomes a [`LabReport`].

mod gates;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::catalog::{Course, Lab, Task};
use crate::clean;
use crate::compile::{self, Compiled, Target, compile};
use crate::model::{BuildReport, LabReport, PerfReport, PerfVerdict, Points, TaskReport, TestReport, Times};
use crate::observer::Observer;
use crate::request::{Earlier, Request, Selection, Sources};
use crate::run::order::History;
use crate::run::{self, Listed, Results, Settings};
use crate::stage::Stage;
use gates::{Gates, not_measured, without_program};

/// Grades one lab.
pub fn grade(course: &Course, request: &Request, observer: &mut dyn Observer) -> Result<LabReport> {
    if let Some(id) = request.task().filter(|id| request.lab.task(id).is_none()) {
        bail!("lab {} has no task {id}", request.lab.number);
    }
    let mut times = Times::default();
    let start = Instant::now();
    let mut stage = Stage::prepare(course, request, observer)?;
    times.stage_ms = lap(start);
    let mut notes = std::mem::take(&mut stage.notes);
    let start = Instant::now();
    observer.say(&format!("compiling {} and its tests", request.lab.path()));
    let target = target(request, &stage)?;
    let compiled = if stage.problems.is_empty() {
        compile(course, &stage, request, &target, observer)?
    } else {
        Compiled::Failed { messages: Vec::new(), notes: std::mem::take(&mut stage.problems) }
    };
    times.build_ms = lap(start);
    let (build, tasks) = match compiled {
        Compiled::Failed { messages, notes } => (
            BuildReport::Failed { messages, notes },
            request.tasks().map(|task| not_built(request.lab, task)).collect(),
        ),
        Compiled::Ok { programs, warnings } => {
            let mut judge = Judge { course, request, stage: &stage, times: &mut times, notes: &mut notes };
            let tasks = match target {
                Target::Tests(_) => judge.tests(&programs, observer)?,
                Target::Perf => judge.gates_alone(programs, observer)?,
            };
            (BuildReport::Ok { warnings }, tasks)
        }
    };
    if request.resources.submission.is_some() {
        notes.extend(run::warning(&notes));
        notes.extend(compile::warning());
    }
    deduplicate(&mut notes);
    notes.extend(tasks.iter().flat_map(|task: &TaskReport| &task.perf).filter_map(|gate| gate.note.clone()));
    let required = Points::of(tasks.iter().filter(|task| !task.is_bonus));
    let bonus = Points::of(tasks.iter().filter(|task| task.is_bonus));
    Ok(clean::report(LabReport {
        lab: request.lab.number,
        id: request.lab.id.clone(),
        title: request.lab.title.clone(),
        build,
        earned: required.earned,
        max: required.max,
        bonus: (bonus.max > 0).then_some(bonus),
        tasks,
        notes,
        seed: request.seed,
        times,
    }))
}

/// What to compile first.
fn target(request: &Request, stage: &Stage) -> Result<Target> {
    if !matches!(request.selection, Selection::Gates(..)) {
        return Ok(Target::Tests(request.tasks().map(|task| task.id.clone()).collect()));
    }
    if stage.perf_package.is_none() {
        bail!("{}", without_program(request.lab));
    }
    Ok(Target::Perf)
}

fn lap(start: Instant) -> u64 {
    start.elapsed().as_millis() as u64
}

fn deduplicate(notes: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    notes.retain(|note| seen.insert(note.clone()));
}

/// Runs the programs of one stage and makes the reports of the tasks.
struct Judge<'a> {
    course: &'a Course,
    request: &'a Request<'a>,
    stage: &'a Stage,
    times: &'a mut Times,
    notes: &'a mut Vec<String>,
}

impl Judge<'_> {
    /// Runs the tests in `programs`, then measures the gates of the tasks whose tests pass.
    fn tests(&mut self, programs: &[PathBuf], observer: &mut dyn Observer) -> Result<Vec<TaskReport>> {
        let lab = self.request.lab;
        let start = Instant::now();
        let mut listed = Vec::new();
        for program in programs {
            listed.extend(run::list(program)?);
        }
        let results = self.run_tests(&listed, observer)?;
        self.times.test_ms = lap(start);
        self.notes.extend(results.notes);
        let start = Instant::now();
        let mut gates = Gates::new(self.course, self.request, self.stage);
        let mut tasks = Vec::new();
        for task in self.request.tasks() {
            let in_task = listed.iter().filter(|test| test.task() == task.id).count();
            let tests: Vec<TestReport> =
                results.tests.iter().filter(|test| test.task == task.id).cloned().collect();
            let gates = gates.after_tests(task, &tests, in_task, observer)?;
            tasks.push(assemble(lab, task, tests, in_task, gates));
        }
        self.times.perf_ms = lap(start);
        Ok(tasks)
    }

    /// Runs the selected tests, and remembers how those of a learner ended.
    fn run_tests(&self, listed: &[Listed], observer: &mut dyn Observer) -> Result<Results> {
        let (request, lab) = (self.request, self.request.lab);
        if let Some(stray) = listed.iter().find(|test| lab.task(&test.task()).is_none()) {
            bail!("the hidden test {} belongs to no task of lab {}", stray.name, lab.number);
        }
        let is_wanted = |test: &&Listed| request.wants_test(&test.name);
        let wanted: Vec<Listed> = listed.iter().filter(is_wanted).cloned().collect();
        if let (true, Selection::NamePart { part, .. }) = (wanted.is_empty(), &request.selection) {
            bail!("none of the selected hidden tests has \"{part}\" in its name");
        }
        let settings = Settings { limits: lab.limits, seed: request.seed, jobs: request.resources.test_jobs };
        let path = self.stage.history(lab);
        let mut history = History::read(&path);
        let results = run::run_all(&wanted, &settings, &history, observer)?;
        // Mutants, stubs and other stacks fail where the learner's labs do not.
        if matches!(request.sources, Sources::Labs { earlier: Earlier::Same, .. }) {
            history.record(&results.tests);
            history.write(&path);
        }
        Ok(results)
    }

    /// Measures the gates that the selection names.
    fn gates_alone(
        &mut self,
        programs: Vec<PathBuf>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<TaskReport>> {
        let start = Instant::now();
        let mut gates = Gates::with_program(self.course, self.request, self.stage, programs);
        let mut tasks = Vec::new();
        for task in self.request.tasks() {
            let gates = gates.selected(task, observer)?;
            tasks.push(assemble(self.request.lab, task, Vec::new(), 0, gates));
        }
        self.times.perf_ms = lap(start);
        Ok(tasks)
    }
}

/// The report of a task whose lab does not compile.
fn not_built(lab: &Lab, task: &Task) -> TaskReport {
    assemble(lab, task, Vec::new(), 0, not_measured(lab, task, "it does not compile"))
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
        is_bonus: task.is_bonus,
        points_earned: for_tests as u32 + for_gates,
        points_max: lab.task_points(task),
        passed: run::all_passed(&tests) && !perf.iter().any(is_held_back),
        tests,
        perf,
    }
}
