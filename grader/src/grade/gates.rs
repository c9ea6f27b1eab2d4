//! The gates of a run: whether each is measured, and the performance program, compiled when the first one
//! needs it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::catalog::{Course, Lab, PerfGate, Task};
use crate::compile::{Compiled, Target, compile};
use crate::model::{PerfReport, PerfVerdict, TestReport};
use crate::observer::Observer;
use crate::perf;
use crate::request::{Measuring, Request, Rounds, Selection};
use crate::run;
use crate::stage::Stage;

/// The gates of one run.
pub(super) struct Gates<'a> {
    course: &'a Course,
    request: &'a Request<'a>,
    stage: &'a Stage,
    program: Program,
    /// Real time of measurements that gave no figure.
    lost: Duration,
}

/// What measurements without a figure may take before the other gates are cut off.
const LOSS: Duration = Duration::from_secs(45);

/// The performance program.
#[derive(Debug, Clone)]
enum Program {
    /// No gate needed it so far.
    NotBuilt,
    /// It is built.
    Built(PathBuf),
    /// It cannot be built, and why.
    Broken(String),
}

impl<'a> Gates<'a> {
    /// Gates whose program is compiled when the first of them is measured.
    pub(super) fn new(course: &'a Course, request: &'a Request<'a>, stage: &'a Stage) -> Gates<'a> {
        Gates { course, request, stage, program: Program::NotBuilt, lost: Duration::ZERO }
    }

    /// Gates whose program is the first of `programs`.
    pub(super) fn with_program(
        course: &'a Course,
        request: &'a Request<'a>,
        stage: &'a Stage,
        programs: Vec<PathBuf>,
    ) -> Gates<'a> {
        Gates { program: built(programs), ..Gates::new(course, request, stage) }
    }

    /// Measures the gates of `task`, whose tests gave `tests` of `in_task`.
    pub(super) fn after_tests(
        &mut self,
        task: &Task,
        tests: &[TestReport],
        in_task: usize,
        observer: &mut dyn Observer,
    ) -> Result<Vec<PerfReport>> {
        let lab = self.request.lab;
        let rounds = match &self.request.selection {
            Selection::Tasks(_, Measuring::Gates(rounds)) => *rounds,
            _ => return Ok(not_measured(lab, task, "not asked for")),
        };
        if tests.len() < in_task {
            return Ok(not_measured(lab, task, "only some of the task's tests were run"));
        }
        if !run::all_passed(tests) {
            return Ok(not_measured(lab, task, "measured once all tests of the task pass"));
        }
        lab.gates(&task.id).map(|gate| self.measure(gate, rounds, observer)).collect()
    }

    /// Measures those gates of `task` that the selection names.
    pub(super) fn selected(&mut self, task: &Task, observer: &mut dyn Observer) -> Result<Vec<PerfReport>> {
        let request = self.request;
        let Selection::Gates(wanted, rounds) = &request.selection else {
            return Ok(not_measured(request.lab, task, "not asked for"));
        };
        let gates = request.lab.gates(&task.id);
        let report = |gate: &PerfGate| match wanted.contains(&gate.id) {
            true => self.measure(gate, *rounds, observer),
            false => Ok(perf::not_run(gate, "not asked for")),
        };
        gates.map(report).collect()
    }

    fn measure(
        &mut self,
        gate: &PerfGate,
        rounds: Rounds,
        observer: &mut dyn Observer,
    ) -> Result<PerfReport> {
        if let Program::NotBuilt = self.program {
            self.program = self.build(observer)?;
        }
        match &self.program {
            Program::Built(_) if self.lost >= LOSS => {
                let seconds = self.lost.as_secs();
                let why = format!(
                    "cut off: gates before it took {seconds} s and gave no figure; correct those first"
                );
                Ok(perf::not_run(gate, &why))
            }
            Program::Built(program) => {
                let start = Instant::now();
                let report = perf::measure(program, gate, self.request.seed, rounds, observer)?;
                if matches!(report.verdict, PerfVerdict::Broken(_)) {
                    self.lost += start.elapsed();
                }
                Ok(report)
            }
            Program::Broken(why) => Ok(perf::broken(gate, why)),
            Program::NotBuilt => unreachable!("built above"),
        }
    }

    fn build(&self, observer: &mut dyn Observer) -> Result<Program> {
        observer.say("compiling the performance part");
        if self.stage.perf_package.is_none() {
            return Ok(Program::Broken(without_program(self.request.lab)));
        }
        Ok(match compile(self.course, self.stage, self.request, &Target::Perf, observer)? {
            Compiled::Ok { programs, .. } => built(programs),
            Compiled::Failed { messages, mut notes } => {
                notes.extend(messages.into_iter().take(1).map(|message| message.rendered));
                Program::Broken(format!("the performance part does not compile: {}", notes.join("\n")))
            }
        })
    }
}

fn built(programs: Vec<PathBuf>) -> Program {
    let first = programs.into_iter().next();
    first.map_or_else(|| Program::Broken("cargo names no performance program".into()), Program::Built)
}

/// Why the lab has no performance program.
pub(super) fn without_program(lab: &Lab) -> String {
    format!("the suite of {} has no perf/lib.rs", lab.id)
}

/// The reports of a task's gates when none is measured.
pub(super) fn not_measured(lab: &Lab, task: &Task, why: &str) -> Vec<PerfReport> {
    lab.gates(&task.id).map(|gate| perf::not_run(gate, why)).collect()
}
