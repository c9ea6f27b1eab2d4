//! `cargo grade compare LAB`: performance beside the reference, and where the reference's way is to be
//! read once a task passes.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use grader_protocol::Value;

use super::common;
use crate::catalog::Course;
use crate::grade::grade;
use crate::live::Live;
use crate::model::{BuildReport, LabReport, PerfReport, PerfVerdict};
use crate::paint::{Paint, pad};
use crate::report::explain::{limit, nanoseconds, number};
use crate::report::{Context, terminal};
use crate::request::{Request, Sources};

/// Runs the command.
pub fn run(course: &Course, lab: &str, seed: Option<u64>) -> Result<ExitCode> {
    let lab = course.lab(lab)?;
    let mut request = Request::new(lab, Sources::labs(course.root.join("labs")));
    request.seed = seed;
    let mut live = Live::new();
    let report = grade(course, &request, &mut live)?;
    live.clear();
    let progress = common::update(course, |progress| progress.record(&report));
    let context = common::context(lab, &progress);
    let paint = Paint::stdout();
    if matches!(report.build, BuildReport::Failed { .. }) {
        common::print(&terminal::render(&report, &context, paint, false))?;
    } else {
        common::print(&render(course, &report, &context, paint))?;
    }
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn render(course: &Course, report: &LabReport, context: &Context, paint: Paint) -> String {
    let mut out = String::new();
    let title = format!("Lab {}: {}, beside the reference", report.lab, report.title);
    let _ = writeln!(out, "{}\n", paint.strong(&title));
    let _ = writeln!(out, "{}\n", table(report));
    let _ = writeln!(
        out,
        "  Times are processor time of one round, taken in turn with the reference in one process.\n  \
         The ratio is the median of the pairs' ratios, not the quotient of the two columns."
    );
    out.push_str("\nThe reference's way, for tasks whose tests pass:\n");
    for task in &report.tasks {
        let passed = !task.tests.is_empty() && task.tests.iter().all(|test| test.outcome.is_pass());
        let path = format!("solutions/{}/{}", report.id, task.file);
        let text = if !passed {
            paint.quiet(&format!("after its tests pass: cargo grade run {} --task {}", context.lab, task.id))
        } else if course.root.join(&path).is_file() {
            path
        } else {
            paint.quiet("not in this copy of the course")
        };
        let _ = writeln!(out, "  {}  {}  {text}", task.id, pad(&task.title, 20));
    }
    out
}

fn table(report: &LabReport) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(["", "task", "gate", "yours", "reference", "ratio", "95 %", "at most"]);
    for task in &report.tasks {
        for gate in &task.perf {
            table.add_row(row(&task.id, gate));
        }
    }
    for column in 3..8 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn row(task: &str, gate: &PerfReport) -> [String; 8] {
    let word = match &gate.verdict {
        PerfVerdict::Pass => "ok",
        PerfVerdict::Fail => "SLOW",
        PerfVerdict::TooNoisy => "noisy",
        PerfVerdict::Broken(_) => "broken",
        PerfVerdict::NotRun(_) => "-",
    };
    let dash = || "-".to_string();
    let (yours, reference, ratio, interval) = match &gate.value {
        Some(Value::Count { learner, reference }) => {
            let ratio = if *reference > 0.0 { format!("{:.2}", learner / reference) } else { dash() };
            (number(*learner), number(*reference), ratio, "exact".to_string())
        }
        Some(Value::Ratio { median, low, high, learner_ns, reference_ns, .. }) => (
            nanoseconds(*learner_ns),
            nanoseconds(*reference_ns),
            format!("{median:.2}"),
            format!("{low:.2} to {high:.2}"),
        ),
        _ => (dash(), dash(), dash(), dash()),
    };
    [word.into(), task.into(), gate.id.clone(), yours, reference, ratio, interval, limit(gate)]
}
