//! What a grading run found: the one structure behind every report.
//!
//! The core fills it, the terminal, JSON, JUnit and HTML writers read it. All of it serialises, so that
//! `--json` is this file and nothing else.
//!
//! ```text
//!   LabReport
//!     build   BuildReport          did it compile; rustc's messages, and ours in words
//!     tasks   TaskReport ...       in the order of lab.toml
//!       tests   TestReport ...     one process each
//!       perf    PerfReport ...     one gate each
//!     notes                        what else a reader should know
//! ```

use grader_protocol::{Failure, Value};
use serde::Serialize;

/// One lab, graded.
#[derive(Debug, Clone, Serialize)]
pub struct LabReport {
    /// The lab's number.
    pub lab: u32,
    /// The lab's folder name, `01-structures`.
    pub id: String,
    /// The lab's title.
    pub title: String,
    /// Whether the lab and the hidden tests against it compiled.
    pub build: BuildReport,
    /// The selected tasks, in the order of `lab.toml`.
    pub tasks: Vec<TaskReport>,
    /// Facts about the run: files without effect, confinement in force, processes left behind.
    pub notes: Vec<String>,
    /// Points earned by the tasks in this report, bonus tasks aside.
    pub earned: u32,
    /// Points that the tasks in this report are worth, bonus tasks aside.
    pub max: u32,
    /// What the bonus tasks in this report earned and are worth, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bonus: Option<Points>,
    /// The seed of the request; `None` for each suite's default.
    pub seed: Option<u64>,
    /// Wall seconds of the build and of the tests.
    pub times: Times,
}

impl LabReport {
    /// Whether everything that was selected passed. A lab passes without its bonus tasks; they count when
    /// nothing else was selected.
    pub fn passed(&self) -> bool {
        let only_bonus = self.tasks.iter().all(|task| task.is_bonus);
        let mut counted = self.tasks.iter().filter(|task| only_bonus || !task.is_bonus);
        matches!(self.build, BuildReport::Ok { .. }) && counted.all(|task| task.passed)
    }
}

/// Points earned and points to earn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Points {
    /// Earned.
    pub earned: u32,
    /// To earn.
    pub max: u32,
}

impl Points {
    /// The points of `tasks`.
    pub fn of<'a>(tasks: impl Iterator<Item = &'a TaskReport>) -> Points {
        tasks.fold(Points { earned: 0, max: 0 }, |sum, task| Points {
            earned: sum.earned + task.points_earned,
            max: sum.max + task.points_max,
        })
    }
}

/// Where the time went.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Times {
    /// Milliseconds spent writing the stage.
    pub stage_ms: u64,
    /// Milliseconds spent compiling the lab and its tests.
    pub build_ms: u64,
    /// Milliseconds spent running tests.
    pub test_ms: u64,
    /// Milliseconds spent building and running the performance part.
    pub perf_ms: u64,
}

/// How compiling went.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum BuildReport {
    /// Lab and tests compiled.
    Ok {
        /// Warnings in the graded lab.
        warnings: Vec<CompilerMessage>,
    },
    /// Nothing was run.
    Failed {
        /// The messages of rustc in its own words, in the order in which they came.
        messages: Vec<CompilerMessage>,
        /// The same in the grader's words: "you changed the signature of ..", "src/lib.rs is missing".
        notes: Vec<String>,
    },
}

/// One message of the compiler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CompilerMessage {
    /// `error` or `warning`.
    pub level: String,
    /// The message as rustc prints it, without colour.
    pub rendered: String,
    /// The same with terminal colours.
    #[serde(skip)]
    pub ansi: String,
    /// The error's code, `E0308`.
    pub code: Option<String>,
    /// The file it is about, as the learner knows it: `labs/01-structures/src/ring_queue.rs`.
    pub file: Option<String>,
    /// The line it is about, from 1.
    pub line: Option<u32>,
}

/// One task, graded.
#[derive(Debug, Clone, Serialize)]
pub struct TaskReport {
    /// The task's id, `1.2`.
    pub id: String,
    /// The task's title.
    pub title: String,
    /// The file the task is in, `src/ring_queue.rs`.
    pub file: String,
    /// Whether its points come on top of the lab's 100.
    #[serde(rename = "bonus", skip_serializing_if = "std::ops::Not::not")]
    pub is_bonus: bool,
    /// Points earned: tests and gates.
    pub points_earned: u32,
    /// Points the task is worth: tests and gates.
    pub points_max: u32,
    /// The tests of the task that were selected.
    pub tests: Vec<TestReport>,
    /// The task's performance gates.
    pub perf: Vec<PerfReport>,
    /// Every test that was run passed, and no gate failed.
    pub passed: bool,
}

impl TaskReport {
    /// How the task ended; `None` when nothing of it ran.
    pub fn end(&self) -> Option<TaskEnd> {
        let outcomes = || self.tests.iter().map(|test| &test.outcome);
        if outcomes().all(|outcome| matches!(outcome, TestOutcome::NotRun)) {
            return None;
        }
        let is_open = |outcome: &TestOutcome| matches!(outcome, TestOutcome::Todo(_));
        let is_wrong = |outcome: &TestOutcome| !outcome.is_pass() && !is_open(outcome);
        Some(if self.passed {
            TaskEnd::Passed
        } else if !outcomes().any(is_wrong) && outcomes().any(is_open) {
            TaskEnd::Todo
        } else {
            TaskEnd::Failed
        })
    }
}

/// How the run of a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskEnd {
    /// All tests passed and no gate failed.
    Passed,
    /// Something failed.
    Failed,
    /// Everything that failed is not written yet.
    Todo,
}

/// One hidden test.
#[derive(Debug, Clone, Serialize)]
pub struct TestReport {
    /// `t1_1::keeps_order_when_it_grows_wrapped`.
    pub name: String,
    /// The id of the task it belongs to.
    pub task: String,
    /// What must hold and why it could break.
    pub doc: String,
    /// How it ended.
    pub outcome: TestOutcome,
    /// Wall milliseconds, starting the process included.
    pub wall_ms: u64,
    /// Processor milliseconds, as far as known.
    pub cpu_ms: u64,
    /// The end of what the test printed.
    pub output_tail: String,
    /// The earlier lab that makes it fail, if the run looked for one and found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blame: Option<Blame>,
}

/// A test fails on the learner's earlier labs and passes on the reference's: the lab at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blame {
    /// Its number.
    pub lab: u32,
    /// Its folder, `labs/02-slotted-page`.
    pub folder: String,
    /// The task that is not written yet, if that is the reason.
    pub task: Option<String>,
    /// A test of its own that fails too.
    pub test: Option<String>,
    /// Where that test points: lines of the lab's code, or else the files of the test's task.
    pub place: Vec<String>,
}

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", content = "detail", rename_all = "snake_case")]
pub enum TestOutcome {
    /// The test function returned, and the process said so under the right nonce.
    Pass,
    /// A check did not hold.
    Fail(Failure),
    /// The learner's code panicked.
    Panic(Failure),
    /// The code under test is still a `todo!`.
    Todo(Failure),
    /// Out of time while computing.
    Timeout(Failure),
    /// Out of time, or nothing runnable, with all threads waiting.
    Deadlock(Failure),
    /// The stack ran out, nearly always recursion without an end.
    StackOverflow(Failure),
    /// The heap limit was reached.
    OutOfMemory(Failure),
    /// A signal ended the process.
    Killed {
        /// The signal's number.
        signal: i32,
    },
    /// The process ended before the test function returned.
    ExitedEarly {
        /// The exit code, which counts for nothing.
        code: i32,
    },
    /// More bytes on the grader's socket than a report has.
    OutputFlood,
    /// Not run, or cut off because others of its task did not end; the report's notes or build say why.
    NotRun,
}

impl TestOutcome {
    /// Whether the test passed.
    pub fn is_pass(&self) -> bool {
        matches!(self, TestOutcome::Pass)
    }

    /// The failure's facts, where the outcome has some.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            TestOutcome::Fail(failure)
            | TestOutcome::Panic(failure)
            | TestOutcome::Todo(failure)
            | TestOutcome::Timeout(failure)
            | TestOutcome::Deadlock(failure)
            | TestOutcome::StackOverflow(failure)
            | TestOutcome::OutOfMemory(failure) => Some(failure),
            _ => None,
        }
    }

    /// The outcome in a word or two, for a table.
    pub fn label(&self) -> &'static str {
        match self {
            TestOutcome::Pass => "pass",
            TestOutcome::Fail(_) => "fail",
            TestOutcome::Panic(_) => "panic",
            TestOutcome::Todo(_) => "to do",
            TestOutcome::Timeout(_) => "timeout",
            TestOutcome::Deadlock(_) => "deadlock",
            TestOutcome::StackOverflow(_) => "stack overflow",
            TestOutcome::OutOfMemory(_) => "out of memory",
            TestOutcome::Killed { .. } => "killed",
            TestOutcome::ExitedEarly { .. } => "exited early",
            TestOutcome::OutputFlood => "output flood",
            TestOutcome::NotRun => "not run",
        }
    }
}

/// One performance gate.
#[derive(Debug, Clone, Serialize)]
pub struct PerfReport {
    /// The workload's id.
    pub id: String,
    /// What is measured.
    pub title: String,
    /// Count or ratio.
    pub kind: GateKind,
    /// The threshold.
    pub max: f64,
    /// The figure, where there is one.
    pub value: Option<Value>,
    /// What it means.
    pub verdict: PerfVerdict,
    /// What else a reader should know of the figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Points earned.
    pub points_earned: u32,
    /// Points the gate is worth.
    pub points_max: u32,
}

/// What a gate compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateKind {
    /// Learner time over reference time, from pairs taken in turn in one process.
    Ratio,
    /// An exact count.
    Count,
}

/// What a gate's figure means.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", content = "reason", rename_all = "snake_case")]
pub enum PerfVerdict {
    /// Within the threshold.
    Pass,
    /// Above the threshold, and the interval leaves no doubt.
    Fail,
    /// The interval covers the threshold even after the extra rounds: no points, and no failure.
    TooNoisy,
    /// The workload panicked, hung or gave a wrong answer: what happened.
    Broken(String),
    /// Not measured: why.
    NotRun(String),
}
