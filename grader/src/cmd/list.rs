//! `cargo grade list LAB`: a lab's tasks and gates.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Result;

use super::common;
use crate::catalog::{Course, Lab, Task};
use crate::model::{GateKind, TaskEnd};
use crate::paint::{Paint, pad, plural};
use crate::progress::Progress;
use crate::report::explain::number;

/// Runs the command.
pub fn run(course: &Course, lab: &str) -> Result<ExitCode> {
    let lab = course.lab(lab)?;
    let progress = common::progress(course);
    common::print(&render(lab, &progress, Paint::stdout()))?;
    Ok(ExitCode::SUCCESS)
}

fn render(lab: &Lab, progress: &Progress, paint: Paint) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", paint.strong(&format!("Lab {}: {}", lab.number, lab.title)));
    let _ = writeln!(out, "{} (about {} hours)\n", lab.summary, lab.hours);
    let ids = lab.tasks.iter().map(|task| task.id.len()).max().unwrap_or(0);
    let title =
        |task: &Task| if task.is_bonus { format!("{} (bonus)", task.title) } else { task.title.clone() };
    let titles = lab.tasks.iter().map(|task| title(task).chars().count()).max().unwrap_or(0);
    let head = format!("        {}  {:>7}  {:>6}  file", pad("task", ids + 2 + titles), "points", "min");
    let _ = writeln!(out, "{}", paint.quiet(&head));
    for task in &lab.tasks {
        let known = progress.task(&task.id);
        let word = match known.last {
            None => "-   ".to_string(),
            Some(TaskEnd::Passed) => paint.good("ok  "),
            Some(TaskEnd::Todo) => paint.open("todo"),
            Some(TaskEnd::Failed) => paint.bad("FAIL"),
        };
        let points = format!("{}/{}", known.best, lab.task_points(task));
        let _ = writeln!(
            out,
            "  {word}  {}  {}  {points:>7}  {:>6}  {}",
            pad(&task.id, ids),
            pad(&title(task), titles),
            task.minutes,
            task.file
        );
        for gate in lab.gates(&task.id) {
            let limit = match gate.kind {
                GateKind::Ratio => format!("at most {}x the reference's time", number(gate.max)),
                GateKind::Count => format!("at most {}", number(gate.max)),
            };
            let text = format!(
                "gate {} ({}): {}; {limit}",
                gate.id,
                plural(gate.points as usize, "point"),
                gate.title
            );
            let _ = writeln!(out, "        {}", paint.quiet(&text));
        }
    }
    let _ = writeln!(out, "\nhandout  handouts/src/{}.md", lab.id);
    let _ = writeln!(out, "tests    {}", paint.command(&format!("cargo grade run {} -v", lab.number)));
    out
}
