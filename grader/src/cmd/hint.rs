//! `cargo grade hint TASK`: one hint more at each call.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Result;

use super::common;
use crate::catalog::{Course, Task};
use crate::paint::{Paint, wrap};

/// Runs the command.
pub fn run(course: &Course, task: &str) -> Result<ExitCode> {
    let (_, task) = course.task(task)?;
    let progress = common::update(course, |progress| progress.take_hint(task));
    common::print(&render(task, progress.task(&task.id).hints, Paint::stdout()))?;
    Ok(ExitCode::SUCCESS)
}

/// The first `count` hints of a task as text.
pub fn render(task: &Task, count: usize, paint: Paint) -> String {
    let mut out = String::new();
    let all = task.hints.len();
    let _ = writeln!(out, "{}", paint.strong(&format!("Task {} {}", task.id, task.title)));
    for (index, hint) in task.hints.iter().take(count).enumerate() {
        let _ = writeln!(out, "\n  {}", paint.quiet(&format!("hint {} of {all}", index + 1)));
        for line in wrap(hint, paint.width - 2) {
            let _ = writeln!(out, "  {line}");
        }
    }
    let rest = if count < all {
        format!("one more: cargo grade hint {}", task.id)
    } else {
        "that was the last one; read the task's section of the handout again, then its invariants".to_string()
    };
    let _ = writeln!(out, "\n  {}", paint.quiet(&rest));
    out
}
