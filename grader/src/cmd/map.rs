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
    let progress = common::progress(course);
    common::print(&render(course, &progress, Paint::stdout()))?;
    Ok(ExitCode::SUCCESS)
}

/// How far the learner is in a lab.
struct Standing {
    /// Points seen so far, bonus tasks aside.
    earned: u32,
    /// Points to earn, bonus tasks aside.
    max: u32,
    /// Required tasks that passed.
    passed: usize,
    /// Required tasks.
    tasks: usize,
    /// Bonus points seen so far.
    bonus: u32,
}

fn standing(lab: &Lab, progress: &Progress) -> Standing {
    let points = |task: &Task| progress.task(&task.id).best.min(lab.task_points(task));
    Standing {
        earned: lab.required_tasks().map(points).sum(),
        max: lab.required_tasks().map(|task| lab.task_points(task)).sum(),
        passed: lab.required_tasks().filter(|task| is_passed(progress, &task.id)).count(),
        tasks: lab.required_tasks().count(),
        bonus: lab.bonus_tasks().map(points).sum(),
    }
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
        let Standing { earned, max, passed, tasks, bonus } = standing(lab, progress);
        let full = (earned * BAR).checked_div(max).unwrap_or(0) as usize;
        let bar = format!("[{}{}]", "#".repeat(full), ".".repeat(BAR as usize - full));
        let bar = if earned == max { paint.good(&bar) } else { bar };
        let bonus = if bonus > 0 { format!("+{bonus}") } else { String::new() };
        let title = pad(&lab.title, width);
        let _ = writeln!(
            out,
            "  {:>2}  {title}  {bar}  {earned:>3}/{max}{bonus}  {passed} of {tasks} tasks  {}",
            lab.number,
            paint.quiet(&format!("about {} hours", lab.hours))
        );
    }
    for lab in &course.coming {
        let title = pad(&lab.title, width);
        let _ = writeln!(out, "  {:>2}  {title}  {}", lab.number(), paint.quiet("still to come"));
    }
    let _ = write!(out, "\n{}", next(course, progress, 0, paint));
    if course.labs.iter().all(|lab| standing(lab, progress).passed == 0) {
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
    let is_done = |lab: &Lab| {
        let standing = standing(lab, progress);
        standing.passed == standing.tasks
    };
    let current = after.first().filter(|lab| lab.number == from && is_done(lab));
    if let Some(lab) = current {
        let text = format!("Lab {} is done. Beside the reference, and where its files are:", lab.number);
        let command = paint.command(&format!("cargo grade compare {}", lab.number));
        let _ = writeln!(out, "{}\n  {command}\n", paint.good(&text));
    }
    let labs: Vec<&Lab> = after.into_iter().chain(before).collect();
    let open = |is_bonus: bool| {
        let tasks = labs.iter().flat_map(|lab| lab.tasks.iter().map(move |task| (*lab, task)));
        let mut wanted = tasks.filter(|(_, task)| task.is_bonus == is_bonus);
        wanted.find(|(_, task)| !is_passed(progress, &task.id))
    };
    // Bonus tasks come last: no lab needs them.
    let open = open(false).or_else(|| open(true));
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
        let Standing { earned, max, .. } = standing(done, progress);
        if earned < max {
            let text = format!("{earned}/{max} so far; a run measures what is missing: ");
            let command = paint.command(&format!("cargo grade run {}", done.number));
            line(&format!("lab {}", done.number), &format!("{text}{command}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// One lab with two required tasks of 100 points, and a bonus task of 40.
    fn course() -> Course {
        let text = include_str!("../../tests/fixture/grader/suites/01-tiny/lab.toml");
        let mut lab = Lab::parse(Path::new("grader/suites/01-tiny"), text).unwrap();
        let mut bonus = lab.tasks[0].clone();
        (bonus.id, bonus.title, bonus.is_bonus) = ("1.3".to_owned(), "More".to_owned(), true);
        lab.tasks.push(bonus);
        Course { root: "".into(), commons: "".into(), labs: vec![lab], coming: Vec::new(), kits: Vec::new() }
    }

    fn passed(course: &Course, ids: &[&str]) -> Progress {
        let mut progress = Progress::default();
        for id in ids {
            let (lab, task) = course.task(id).unwrap();
            let kept = progress.tasks.entry((*id).to_owned()).or_default();
            (kept.best, kept.last) = (lab.task_points(task), Some(TaskEnd::Passed));
        }
        progress
    }

    /// The bonus is shown beside the 100 and never counted to them.
    #[test]
    fn bonus_points_stand_beside_the_points_of_the_lab() {
        let course = course();
        let map = |ids: &[&str]| render(&course, &passed(&course, ids), Paint::plain());
        assert!(map(&["1.1", "1.2"]).contains("100/100  2 of 2 tasks"), "{}", map(&["1.1", "1.2"]));
        let all = map(&["1.1", "1.2", "1.3"]);
        assert!(all.contains("100/100+40  2 of 2 tasks") && all.contains("All tasks passed"), "{all}");
        let begun = map(&["1.1", "1.3"]);
        assert!(!begun.contains("100/100") && begun.contains("1 of 2 tasks"), "{begun}");
    }

    /// A bonus task is proposed only when no required task of any lab is open, and a lab is done without it.
    #[test]
    fn bonus_tasks_come_last() {
        let mut course = course();
        let mut second = course.labs[0].clone();
        (second.number, second.id) = (2, "02-tiny".to_owned());
        for task in &mut second.tasks {
            task.id = task.id.replace("1.", "2.");
        }
        course.labs.push(second);
        let next = |ids: &[&str]| next(&course, &passed(&course, ids), 1, Paint::plain());
        let first_done = next(&["1.1", "1.2"]);
        assert!(first_done.contains("Lab 1 is done") && first_done.contains("task 2.1"), "{first_done}");
        let both_done = next(&["1.1", "1.2", "2.1", "2.2"]);
        assert!(both_done.contains("task 1.3 More"), "{both_done}");
    }
}
