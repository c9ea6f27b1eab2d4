//! `cargo grade` without a command: the ten labs, how far the learner is, and the next step.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Result;

use super::common;
use crate::catalog::{Course, Lab, Task};
use crate::model::TaskEnd;
use crate::paint::{Paint, pad, wrap};
use crate::progress::Progress;

/// Cells of a progress bar.
const BAR: u32 = 10;

/// Runs the command.
pub fn run(course: &Course) -> Result<ExitCode> {
    let (_, progress) = common::progress(course);
    common::print(&render(course, &progress, Paint::stdout()));
    Ok(ExitCode::SUCCESS)
}

/// Points seen so far, points to earn, tasks passed.
fn standing(lab: &Lab, progress: &Progress) -> (u32, u32, usize) {
    let points = |task: &Task| progress.task(&task.id).best.min(lab.task_points(task));
    let earned = lab.tasks.iter().map(points).sum();
    let max = lab.tasks.iter().map(|task| lab.task_points(task)).sum();
    let passed = lab.tasks.iter().filter(|task| is_passed(progress, &task.id)).count();
    (earned, max, passed)
}

fn is_passed(progress: &Progress, task: &str) -> bool {
    progress.task(task).last == Some(TaskEnd::Passed)
}

/// The map as text.
pub fn render(course: &Course, progress: &Progress, paint: Paint) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}\n", paint.strong("Database labs: one database in ten labs"));
    let written = course.labs.iter().map(|lab| lab.title.as_str());
    let titles = written.chain(course.coming.iter().map(|lab| lab.title.as_str()));
    let width = titles.map(|title| title.chars().count()).max().unwrap_or(0);
    for lab in &course.labs {
        let (earned, max, passed) = standing(lab, progress);
        let full = (earned * BAR).checked_div(max).unwrap_or(0) as usize;
        let bar = format!("[{}{}]", "#".repeat(full), ".".repeat(BAR as usize - full));
        let bar = if earned == max { paint.good(&bar) } else { bar };
        let tasks = format!("{passed} of {} tasks", lab.tasks.len());
        let title = pad(&lab.title, width);
        let _ = writeln!(
            out,
            "  {:>2}  {title}  {bar}  {earned:>3}/{max}  {tasks}  {}",
            lab.number,
            paint.quiet(&format!("about {} hours", lab.hours))
        );
    }
    for lab in &course.coming {
        let title = pad(&lab.title, width);
        let _ = writeln!(out, "  {:>2}  {title}  {}", lab.number(), paint.quiet("still to come"));
    }
    let _ = write!(out, "\n{}", next(course, progress, 0, paint));
    if course.labs.iter().all(|lab| standing(lab, progress).2 == 0) {
        let text = "Red is expected at first: each task is a `todo!` until you write it, and each hidden test \
                    of it fails at once. Green comes task by task.";
        out.push('\n');
        for line in wrap(text, paint.width) {
            let _ = writeln!(out, "{}", paint.open(&line));
        }
    }
    out
}

/// What to do next: the first open task from lab `from` on, or else the first one.
pub fn next(course: &Course, progress: &Progress, from: u32, paint: Paint) -> String {
    let mut out = String::new();
    let (before, after): (Vec<&Lab>, Vec<&Lab>) = course.labs.iter().partition(|lab| lab.number < from);
    let current =
        after.first().filter(|lab| lab.number == from && standing(lab, progress).2 == lab.tasks.len());
    if let Some(lab) = current {
        let text = format!("Lab {} is done. Beside the reference, and where its files are:", lab.number);
        let command = paint.command(&format!("cargo grade compare {}", lab.number));
        let _ = writeln!(out, "{}\n  {command}\n", paint.good(&text));
    }
    let open = after.into_iter().chain(before).find_map(|lab| {
        let task = lab.tasks.iter().find(|task| !is_passed(progress, &task.id))?;
        Some((lab, task))
    });
    let Some((lab, task)) = open else {
        let text = "All tasks passed. Compare your way with the reference:";
        let _ = writeln!(out, "{}", paint.good(text));
        for lab in &course.labs {
            let _ = writeln!(out, "  {}", paint.command(&format!("cargo grade compare {}", lab.number)));
        }
        return out;
    };
    let begun = progress.task(&task.id).last == Some(TaskEnd::Failed);
    let title = format!(
        "{} task {} {}, about {} minutes",
        if begun { "Go on with" } else { "Next:" },
        task.id,
        task.title,
        task.minutes
    );
    let _ = writeln!(out, "{}", paint.strong(&title));
    let mut line = |label: &str, text: &str| {
        let _ = writeln!(out, "  {}  {text}", paint.quiet(&pad(label, 8)));
    };
    line("read", &format!("handouts/src/{}.md, \"Task {}: {}\"", lab.id, task.id, task.title));
    line("write", &format!("{}/{}", lab.path(), task.file));
    line("check", &paint.command(&format!("cargo grade run {} --task {}", lab.number, task.id)));
    line("on save", &paint.command(&format!("cargo grade watch {}", lab.number)));
    line("hint", &paint.command(&format!("cargo grade hint {}", task.id)));
    for done in course.labs.iter().filter(|other| other.number < lab.number) {
        let (earned, max, _) = standing(done, progress);
        if earned < max {
            let text = format!("{earned}/{max} so far; a run measures what is missing: ");
            let command = paint.command(&format!("cargo grade run {}", done.number));
            line(&format!("lab {}", done.number), &format!("{text}{command}"));
        }
    }
    out
}
