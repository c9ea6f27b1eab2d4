//! Reports that no test run has to make: the writers' tests and the progress tests use them.

use std::fs;
use std::path::Path;

use grader_protocol::{Failure, Value};

use super::Context;
use crate::model::{
    BuildReport, CompilerMessage, GateKind, LabReport, PerfReport, PerfVerdict, TaskReport, TestOutcome,
    TestReport, Times,
};

/// Compares `text` with the kept file `grader/tests/golden/NAME.txt`, or writes it when the variable
/// `UPDATE_GOLDEN` is set.
pub fn golden(name: &str, text: &str) {
    let name = if name.contains('.') { name.to_string() } else { format!("{name}.txt") };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        return fs::write(&path, text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    if kept != text {
        let diff = similar::TextDiff::from_lines(kept.as_str(), text).unified_diff().to_string();
        panic!("{} differs; after a look, run with UPDATE_GOLDEN=1\n{diff}", path.display());
    }
}

/// The context of a plain run.
pub fn context() -> Context {
    Context {
        lab: 1,
        folder: "labs/01-structures".into(),
        handout: "handouts/src/01-structures.md".into(),
        ..Context::default()
    }
}

fn report(tasks: Vec<TaskReport>) -> LabReport {
    LabReport {
        lab: 1,
        id: "01-structures".into(),
        title: "In-memory structures".into(),
        build: BuildReport::Ok { warnings: Vec::new() },
        earned: tasks.iter().map(|task| task.points_earned).sum(),
        max: tasks.iter().map(|task| task.points_max).sum(),
        bonus: None,
        tasks,
        notes: Vec::new(),
        seed: None,
        times: Times { stage_ms: 20, build_ms: 812, test_ms: 430, perf_ms: 0 },
    }
}

fn task(id: &str, title: &str, file: &str, points: (u32, u32), tests: Vec<TestReport>) -> TaskReport {
    let passed = tests.iter().all(|test| test.outcome.is_pass());
    TaskReport {
        id: id.into(),
        title: title.into(),
        file: file.into(),
        is_bonus: false,
        points_earned: points.0,
        points_max: points.1,
        tests,
        perf: Vec::new(),
        passed,
    }
}

fn test(name: &str, doc: &str, outcome: TestOutcome) -> TestReport {
    let task = name.strip_prefix('t').unwrap().split("::").next().unwrap().replace('_', ".");
    let (name, doc) = (name.to_string(), doc.to_string());
    TestReport { name, task, doc, outcome, wall_ms: 12, cpu_ms: 9, output_tail: String::new(), blame: None }
}

fn gate(verdict: PerfVerdict, median: f64) -> PerfReport {
    PerfReport {
        id: "map-hit".into(),
        title: "one million hits in a map of 65,536 keys".into(),
        kind: GateKind::Ratio,
        max: 4.0,
        value: Some(Value::Ratio {
            median,
            low: median - 0.25,
            high: median + 0.25,
            pairs: 21,
            learner_ns: 7_300_000.0 * median,
            reference_ns: 7_300_000.0,
        }),
        points_earned: if verdict == PerfVerdict::Pass { 2 } else { 0 },
        verdict,
        note: None,
        points_max: 2,
    }
}

fn hole(task: &str, line: u32) -> TestOutcome {
    TestOutcome::Todo(Failure {
        what: format!("not yet implemented: task {task}: write it"),
        trace: vec![format!("labs/01-structures/src/ring_queue.rs:{line}")],
        ..Failure::default()
    })
}

fn wrapped() -> TestOutcome {
    TestOutcome::Fail(Failure {
        what: "pop_front after growing a wrapped queue".into(),
        expected: Some("Some(1)".into()),
        found: Some("Some(3)".into()),
        steps: vec!["queue.push_back(1)".into(), "queue.push_back(2)".into(), "queue.push_front(3)".into()],
        case: Some("[PushBack(1), PushBack(2), PushFront(3)]".into()),
        picture: Some("  0   1   2\n| 1 | 2 | 3 |\n         head".into()),
        invariant: Some(("I2".into(), "element i lies at (head + i) mod capacity".into())),
        notes: vec!["the queue had grown from 2 to 4 cells".into()],
        trace: Vec::new(),
        seed: Some(7),
    })
}

/// Nothing written yet.
pub fn skeleton() -> LabReport {
    report(vec![
        task(
            "1.1",
            "Ring queue",
            "src/ring_queue.rs",
            (0, 18),
            vec![
                test("t1_1::order", "Order is kept.", hole("1.1", 41)),
                test("t1_1::grows", "It grows.", hole("1.1", 52)),
            ],
        ),
        task(
            "1.2",
            "Channel",
            "src/channel.rs",
            (0, 20),
            vec![test("t1_2::close", "Close wakes.", hole("1.2", 60))],
        ),
    ])
}

/// One task passed, one wrong, one not written.
pub fn mixed() -> LabReport {
    let mut report = report(vec![
        task(
            "1.1",
            "Ring queue",
            "src/ring_queue.rs",
            (18, 18),
            vec![test("t1_1::order", "Order is kept.", TestOutcome::Pass)],
        ),
        task(
            "1.2",
            "Channel",
            "src/channel.rs",
            (10, 20),
            vec![
                test("t1_2::close", "Close wakes.", TestOutcome::Pass),
                test("t1_2::open", "Opens.", hole("1.2", 60)),
                test(
                    "t1_2::wraps",
                    "Order survives growth while the ring is wrapped; a copy of the buffer as it lies scrambles it.",
                    wrapped(),
                ),
                test("t1_2::exits", "It comes back.", TestOutcome::ExitedEarly { code: 0 }),
            ],
        ),
        task(
            "1.3",
            "Hash map",
            "src/map.rs",
            (0, 22),
            vec![test("t1_3::insert", "Inserts.", hole("1.3", 99))],
        ),
    ]);
    report.notes.push("labs/01-structures/Cargo.toml differs from the course's and was not used".into());
    report
}

/// Everything passed, one gate undecided.
pub fn passed() -> LabReport {
    let mut report = report(vec![
        task(
            "1.1",
            "Ring queue",
            "src/ring_queue.rs",
            (18, 18),
            vec![test("t1_1::order", "Order is kept.", TestOutcome::Pass)],
        ),
        task(
            "1.3",
            "Hash map",
            "src/map.rs",
            (20, 22),
            vec![test("t1_3::insert", "Inserts.", TestOutcome::Pass)],
        ),
    ]);
    report.tasks[1].perf = vec![gate(PerfVerdict::TooNoisy, 4.1)];
    report.times.perf_ms = 2100;
    report
}

/// Tests pass, a gate fails.
pub fn slow() -> LabReport {
    let mut report = passed();
    report.tasks[1].perf = vec![gate(PerfVerdict::Fail, 5.21)];
    report.tasks[1].passed = false;
    report
}

/// Does not compile.
pub fn broken_build() -> LabReport {
    let rendered = "error[E0308]: mismatched types\n  --> labs/01-structures/src/ring_queue.rs:44:9\n   |\n44 |         0\n   |         ^ expected `Option<T>`, found integer\n";
    let message = |line| CompilerMessage {
        level: "error".into(),
        rendered: rendered.into(),
        ansi: String::new(),
        code: Some("E0308".into()),
        file: Some("labs/01-structures/src/ring_queue.rs".into()),
        line: Some(line),
    };
    let mut report = report(Vec::new());
    report.build = BuildReport::Failed {
        messages: (44..48).map(message).collect(),
        notes: vec!["the signature of RingQueue::pop_front differs from the skeleton's".into()],
    };
    report
}
