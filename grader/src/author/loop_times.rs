//! How long a learner waits after saving: `cargo grade author loop`.
//!
//! For each task the reference stands in for the learner's labs, in a copy. One line is added to the first
//! hole of the task's file; while its number is 0 the line panics, and otherwise it does nothing. So a save
//! changes one line, and the tests fail or pass as wanted:
//!
//! ```text
//!   number = 0   save ----- build ----- first failing test ----- complete
//!   number > 0   save ----- build ----- all tests ------------- complete
//! ```
//!
//! What cargo needs to start the grader is measured once and is part of every figure. Gates are left out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::generate::files_below;
use crate::catalog::{Course, Lab, Task};
use crate::grade::grade;
use crate::model::{LabReport, TestReport};
use crate::observer::Observer;
use crate::paint::{Paint, pad};
use crate::request::{Measuring, Request, Selection, Sources, Tasks};
use crate::stage::{course_sources, earlier_labs, write_folder};

/// Saves of each kind; the table shows the median.
const SAVES: usize = 3;

/// A stage of its own leaves the learner's as it is, and what is compiled for both is shared.
const STAGE: &str = "stage-loop";

/// Longest wait for the first failing test, in seconds.
const FIRST: f64 = 1.2;

/// Longest wait for the first failing test after an edit in lab 1, in seconds.
const FIRST_BELOW: f64 = 2.5;

/// Longest wait for the report of a task that passes, in seconds.
const COMPLETE: f64 = 3.0;

/// Measures the tasks of `labs`, or only `task`, and prints the table line by line; true when every figure is
/// within its limit.
pub fn run(course: &Course, labs: &[&Lab], task: Option<&str>, paint: Paint) -> Result<bool> {
    let is_wanted = |id: &str| task.is_none_or(|wanted| wanted == id);
    let start = cargo_start(course)?;
    println!(
        "Seconds from saving one line to what `cargo grade run N --task T --no-perf` shows; medians of {SAVES}."
    );
    println!("Of each figure {:.2} s are what cargo needs to start the grader.\n", start.as_secs_f64());
    println!("| task | edit in | first failing test | complete, passing | of it built | tested |");
    println!("| --- | --- | ---: | ---: | ---: | ---: |");
    let mut is_good = true;
    for lab in labs {
        for task in lab.tasks.iter().filter(|task| is_wanted(&task.id)) {
            is_good &= Bench { course, lab, task, edited: lab, edited_task: task, start }.line(paint)?;
        }
        if let Some(lowest) = earlier_labs(course, lab)?.into_iter().find(|lab| lab.number == 1) {
            is_good &= below(course, lab, lowest, task, start, paint)?;
        }
    }
    Ok(is_good)
}

/// Measures `wanted`, or the last task of `lab` that allows it, after an edit in the earlier lab `edited`: in
/// the first hole there that a test of the task reaches.
fn below(
    course: &Course,
    lab: &Lab,
    edited: &Lab,
    wanted: Option<&str>,
    start: Duration,
    paint: Paint,
) -> Result<bool> {
    for edited_task in &edited.tasks {
        // Which tasks notice is asked of all of them at once.
        let any = Bench { course, lab, task: &lab.tasks[0], edited, edited_task, start };
        let labs = any.folder();
        any.copy_reference(&labs)?;
        let report = any.save_for(&labs, 0, Tasks::All)?.report;
        let notices = |task: &&Task| {
            let mut tests = report.tasks.iter().filter(|it| it.id == task.id).flat_map(|it| &it.tests);
            wanted.is_none_or(|wanted| wanted == task.id) && tests.any(|test| !test.outcome.is_pass())
        };
        if let Some(task) = lab.tasks.iter().rev().find(notices) {
            return Bench { task, ..any }.line(paint);
        }
    }
    Ok(true)
}

/// How long cargo needs until the grader runs.
fn cargo_start(course: &Course) -> Result<Duration> {
    let cargo = std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from);
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--package", "grader", "--", "--version"]).current_dir(&course.root);
    let mut times = Vec::new();
    // The first time cargo may have to compile the grader.
    for turn in 0..=SAVES {
        let start = Instant::now();
        let output = command.output().context("cannot run cargo")?;
        ensure!(
            output.status.success(),
            "cargo could not start the grader: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        if turn > 0 {
            times.push(start.elapsed());
        }
    }
    Ok(median(times))
}

fn median<T: Ord + Copy>(mut values: Vec<T>) -> T {
    values.sort();
    values[values.len() / 2]
}

/// One line of the table.
struct Bench<'a> {
    course: &'a Course,
    lab: &'a Lab,
    task: &'a Task,
    /// The lab that is edited, and the task whose hole gets the line.
    edited: &'a Lab,
    edited_task: &'a Task,
    start: Duration,
}

/// What one save led to.
struct Saved {
    report: LabReport,
    first_failure: Option<Duration>,
    complete: Duration,
}

impl Bench<'_> {
    /// Measures and prints the line.
    fn line(&self, paint: Paint) -> Result<bool> {
        let labs = self.folder();
        self.copy_reference(&labs)?;
        // Once before the clock counts, so that everything else is built and the tests' cost is known.
        let warm = self.save(&labs, SAVES + 1)?;
        ensure!(warm.report.passed(), "task {} does not pass with a line added", self.task.id);
        let (mut first, mut complete) = (Vec::new(), Vec::new());
        for number in 1..=SAVES {
            let failing = self.save(&labs, 0)?;
            let Some(shown) = failing.first_failure else {
                bail!("no test of task {} fails although {} panics", self.task.id, self.edited_task.file);
            };
            first.push(shown + self.start);
            let passing = self.save(&labs, number)?;
            ensure!(passing.report.passed(), "task {} does not pass", self.task.id);
            let times = passing.report.times;
            complete.push((passing.complete + self.start, times.build_ms, times.test_ms));
        }
        let first = median(first).as_secs_f64();
        let (complete, build_ms, test_ms) = median(complete);
        let complete = complete.as_secs_f64();
        let limit = if self.edited.number == self.lab.number { FIRST } else { FIRST_BELOW };
        let figure = |seconds: f64, limit: f64| {
            let text = format!("{seconds:.1}");
            if seconds <= limit { text } else { paint.bad(&format!("{text} > {limit}")) }
        };
        println!(
            "| {} | {} | {} | {} | {:.1} | {:.1} |",
            self.task.id,
            pad(&format!("lab {}", self.edited.number), 5),
            figure(first, limit),
            figure(complete, COMPLETE),
            build_ms as f64 / 1000.0,
            test_ms as f64 / 1000.0
        );
        Ok(first <= limit && complete <= COMPLETE)
    }

    /// The copy of the labs.
    fn folder(&self) -> PathBuf {
        self.course.work_dir().join("loop/labs")
    }

    /// The reference as a learner would have it: the lab and those it stands on.
    fn copy_reference(&self, labs: &Path) -> Result<()> {
        let mut wanted = earlier_labs(self.course, self.lab)?;
        wanted.push(self.lab);
        for lab in wanted {
            let reference = self.course.root.join("solutions").join(&lab.id);
            let mut files = course_sources(&reference, "src")?;
            files.insert("Cargo.toml".into(), fs::read(reference.join("Cargo.toml"))?);
            if lab.number == self.edited.number {
                let (path, text) = self.edited_source(SAVES + 1)?;
                files.insert(path, text.into_bytes());
            }
            write_folder(&labs.join(&lab.id), &files)?;
        }
        Ok(())
    }

    /// The file with the line, by its path in the lab, and its text with this number.
    fn edited_source(&self, number: usize) -> Result<(PathBuf, String)> {
        let reference = self.course.root.join("solutions").join(&self.edited.id);
        let mark = format!("//# task {} ", self.edited_task.id);
        let own = PathBuf::from(&self.edited_task.file);
        let mut paths = files_below(&reference, Path::new("src"))?;
        paths.sort_by_key(|path| *path != own);
        for path in paths {
            let text = fs::read_to_string(reference.join(&path))?;
            if let Some(text) = with_line(&text, &mark, number) {
                return Ok((path, text));
            }
        }
        bail!("no file of {} has a hole of task {}", self.edited.id, self.edited_task.id)
    }

    /// Saves the file with this number and grades the task.
    fn save(&self, labs: &Path, number: usize) -> Result<Saved> {
        self.save_for(labs, number, Tasks::One(self.task.id.clone()))
    }

    /// Saves the file with this number and grades `tasks`.
    fn save_for(&self, labs: &Path, number: usize, tasks: Tasks) -> Result<Saved> {
        let (path, text) = self.edited_source(number)?;
        let selection = Selection::Tasks(tasks, Measuring::Off);
        let mut request = Request::new(self.lab, Sources::labs(labs)).selecting(selection);
        request.resources.stage = STAGE;
        fs::write(labs.join(&self.edited.id).join(path), text)?;
        let mut clock = Clock { start: Instant::now(), first_failure: None };
        let report = grade(self.course, &request, &mut clock)?;
        Ok(Saved { report, first_failure: clock.first_failure, complete: clock.start.elapsed() })
    }
}

/// `text` with a line after the first `mark`, which panics when `number` is 0.
fn with_line(text: &str, mark: &str, number: usize) -> Option<String> {
    let at = text.find(mark)?;
    let end = at + text[at..].find('\n')? + 1;
    let line = format!("assert_ne!(std::hint::black_box({number}), 0, \"this edit is wrong\");\n");
    Some(format!("{}{line}{}", &text[..end], &text[end..]))
}

/// Notes when the first failing test has ended.
struct Clock {
    start: Instant,
    first_failure: Option<Duration>,
}

impl Observer for Clock {
    fn say(&mut self, _line: &str) {}

    fn test_done(&mut self, test: &TestReport) {
        if !test.outcome.is_pass() && self.first_failure.is_none() {
            self.first_failure = Some(self.start.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_stands_in_the_hole() {
        let text = "fn f() {\n    //# task 1.1 do it\n    g()\n    //# end\n}\n";
        let edited = with_line(text, "//# task 1.1 ", 7).unwrap();
        assert!(edited.contains("do it\nassert_ne!(std::hint::black_box(7), 0"), "{edited}");
        assert_eq!(with_line(text, "//# task 1.2 ", 7), None);
    }
}
