//! What can be wrong with a `lab.toml` that parses.
//!
//! The line of a problem is found by a search for the wrong text in the file. That is exact enough for a
//! message, and the catalog's types need no positions.

use std::collections::BTreeSet;
use std::fs;

use super::{Lab, Problem, Task};

/// Hints a task has, each saying more than the one before.
const HINTS: usize = 3;

/// Points of a whole lab.
const LAB_POINTS: u32 = 100;

/// Shortest and longest task, in minutes.
const MINUTES: std::ops::RangeInclusive<u32> = 15..=150;

impl Lab {
    /// Everything wrong with this lab's `lab.toml`; empty when all is well.
    pub fn problems(&self) -> Vec<Problem> {
        let mut found = Findings { lab: self, text: None, problems: Vec::new() };
        check_lab(&mut found);
        let mut ids = BTreeSet::new();
        for (index, task) in self.tasks.iter().enumerate() {
            if !ids.insert(task.id.as_str()) {
                found.fatal(&format!("id = \"{}\"", task.id), format!("two tasks have the id {}", task.id));
            }
            check_task(&mut found, index, task);
        }
        check_gates(&mut found);
        found.problems
    }
}

/// Collects problems; reads the file again only to find a line.
struct Findings<'a> {
    lab: &'a Lab,
    text: Option<String>,
    problems: Vec<Problem>,
}

impl Findings<'_> {
    fn add(&mut self, near: &str, text: String, is_fatal: bool) {
        let file = self.lab.suite_dir.join("lab.toml");
        let whole = self.text.get_or_insert_with(|| fs::read_to_string(&file).unwrap_or_default());
        let line = whole.lines().position(|line| line.contains(near)).map(|index| index + 1);
        self.problems.push(Problem { file, line, text, is_fatal });
    }

    fn untidy(&mut self, near: &str, text: String) {
        self.add(near, text, false);
    }

    fn fatal(&mut self, near: &str, text: String) {
        self.add(near, text, true);
    }
}

fn check_lab(found: &mut Findings<'_>) {
    let lab = found.lab;
    let prefix = format!("{:02}-", lab.number);
    if !lab.id.starts_with(&prefix) {
        found.fatal("number =", format!("the folder of lab {} must begin with {prefix}", lab.number));
    } else if lab.id[prefix.len()..] != lab.package {
        found.untidy("package =", format!("the folder must be {prefix}{}, after the package", lab.package));
    }
    let is_package = !lab.package.is_empty()
        && lab.package.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !is_package {
        let text = format!("package \"{}\": lower case letters, digits and hyphens only", lab.package);
        found.fatal("package =", text);
    }
    if lab.tasks.is_empty() {
        found.fatal("[lab]", "the lab has no [[task]]".to_owned());
    }
    for (name, value) in [
        ("wall_seconds", lab.limits.wall_seconds),
        ("cpu_seconds", lab.limits.cpu_seconds),
        ("memory_mib", lab.limits.memory_mib),
    ] {
        if value == 0 {
            found.fatal(name, format!("{name} must be at least 1"));
        }
    }
    if lab.limits.wall_seconds < lab.limits.cpu_seconds {
        found.untidy(
            "wall_seconds",
            "wall_seconds is below cpu_seconds: tests would fail on a busy machine".to_owned(),
        );
    }
    let sum: u32 = lab.required_tasks().map(|task| lab.task_points(task)).sum();
    if sum != LAB_POINTS {
        let text = format!(
            "the points of tasks and gates sum to {sum}, not to {LAB_POINTS}; bonus tasks do not count"
        );
        found.untidy("points =", text);
    }
    let is_late = |pair: &&[Task]| pair[0].is_bonus && !pair[1].is_bonus;
    if let Some(pair) = lab.tasks.windows(2).find(is_late) {
        let near = format!("id = \"{}\"", pair[1].id);
        found.untidy(&near, format!("task {} is required and comes after a bonus task", pair[1].id));
    }
    for (name, value) in [("title", &lab.title), ("summary", &lab.summary), ("why", &lab.why)] {
        if value.trim().is_empty() || value.contains('\n') {
            found.untidy(name, format!("{name} must be one line"));
        }
    }
}

fn check_task(found: &mut Findings<'_>, index: usize, task: &Task) {
    let near = format!("id = \"{}\"", task.id);
    let wanted = format!("{}.{}", found.lab.number, index + 1);
    if task.id != wanted {
        found.untidy(&near, format!("task {} is in the place of task {wanted}", task.id));
    }
    let is_source = task.file.starts_with("src/") && task.file.ends_with(".rs") && !task.file.contains("..");
    if !is_source {
        let text = format!("task {}: file \"{}\" is not a path like src/name.rs", task.id, task.file);
        found.fatal(&format!("file = \"{}\"", task.file), text);
    }
    if task.hints.len() != HINTS {
        found.untidy(&near, format!("task {} has {} hints, not {HINTS}", task.id, task.hints.len()));
    }
    if task.hints.iter().any(|hint| hint.trim().is_empty()) {
        found.untidy(&near, format!("task {} has an empty hint", task.id));
    }
    if !MINUTES.contains(&task.minutes) {
        let text = format!(
            "task {} takes {} minutes, not {} to {}; split it or merge it",
            task.id,
            task.minutes,
            MINUTES.start(),
            MINUTES.end()
        );
        found.untidy(&near, text);
    }
    if task.points == 0 {
        found.untidy(&near, format!("task {} has no points", task.id));
    }
    if task.title.trim().is_empty() {
        found.untidy(&near, format!("task {} has no title", task.id));
    }
}

fn check_gates(found: &mut Findings<'_>) {
    let lab = found.lab;
    let mut ids = BTreeSet::new();
    for gate in &lab.perf {
        let near = format!("id = \"{}\"", gate.id);
        if !ids.insert(gate.id.as_str()) {
            found.fatal(&near, format!("two gates have the id {}", gate.id));
        }
        if lab.task(&gate.task).is_none() {
            found.fatal(&near, format!("gate {}: there is no task {}", gate.id, gate.task));
        }
        let is_threshold = gate.max.is_finite() && gate.max > 0.0;
        if !is_threshold {
            found.fatal(&near, format!("gate {}: max must be above zero", gate.id));
        }
        if gate.why.trim().is_empty() || gate.title.trim().is_empty() {
            found.untidy(
                &near,
                format!(
                    "gate {}: title must say what it measures, and why must give the reason for max",
                    gate.id
                ),
            );
        }
    }
}
