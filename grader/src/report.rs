//! How a [`LabReport`](crate::model::LabReport) is written: terminal, JSON, JUnit, Gradescope, GitHub step
//! summary, page.
//!
//! Called by the commands. Every writer takes the report and a [`Context`] and returns text; none of them
//! prints or decides an exit code. What a failure means is written once, in [`explain`].

pub mod explain;
pub mod gradescope;
pub(crate) mod holes;
pub mod html;
pub mod json;
pub mod junit;
mod layout;
mod lists;
mod plain;
#[cfg(test)]
pub mod samples;
pub mod summary;
mod tally;
pub mod terminal;

use std::collections::BTreeMap;

use crate::catalog::Lab;
use crate::model::TaskReport;

/// What a report cannot know: where the files are and how the run was started.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// Number of the lab.
    pub lab: u32,
    /// Folder of the lab's files as the reader knows it: `labs/01-structures`.
    pub folder: String,
    /// The lab's handout: `handouts/src/01-structures.md`.
    pub handout: String,
    /// How many tasks the lab has.
    pub tasks: usize,
    /// Options that a rerun needs besides the test: ` --solution`.
    pub options: String,
    /// Whether only some tests of a task were run, so that points mean nothing.
    pub part_of_task: bool,
    /// The seed of the request.
    pub seed: Option<u64>,
    /// Hints shown so far, by task.
    pub hints: BTreeMap<String, usize>,
    /// The files that a task's holes are in, by task, where it is known: `src/channel/buffered.rs`.
    pub hole_files: BTreeMap<String, Vec<String>>,
}

impl Context {
    /// The context of a plain run of the learner's own labs.
    pub fn of(lab: &Lab) -> Self {
        Self {
            lab: lab.number,
            tasks: lab.tasks.len(),
            folder: lab.path(),
            handout: format!("handouts/src/{}.md", lab.id),
            hole_files: holes::files(lab),
            ..Self::default()
        }
    }

    /// The command that runs a part of the lab as this run did.
    fn command(&self, part: &str) -> String {
        let space = if part.is_empty() { "" } else { " " };
        format!("cargo grade run {}{space}{part}{}", self.lab, self.options)
    }

    /// The command for the next hint.
    fn hint(&self, task: &str) -> String {
        match self.hints.get(task).copied().unwrap_or(0) {
            0 => format!("cargo grade hint {task}"),
            seen => format!("cargo grade hint {task}   ({} of 3 seen)", seen.min(3)),
        }
    }

    fn file(&self, task: &TaskReport) -> String {
        format!("{}/{}", self.folder, task.file)
    }

    /// The files that the task's code is in, one a line.
    fn files(&self, task: &TaskReport) -> String {
        match self.hole_files.get(&task.id) {
            Some(files) if !files.is_empty() => {
                files.iter().map(|file| format!("{}/{file}", self.folder)).collect::<Vec<_>>().join("\n")
            }
            _ => self.file(task),
        }
    }

    fn handout(&self, task: &TaskReport) -> String {
        format!("{}, \"Task {}: {}\"", self.handout, task.id, task.title)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LabReport;
    use crate::paint::Paint;

    fn all(report: &LabReport) -> [(&'static str, String); 6] {
        let context = samples::context();
        [
            ("terminal", terminal::render(report, &context, Paint::plain(), false)),
            ("JSON", json::render(report)),
            ("JUnit", junit::render(report, &context)),
            ("Gradescope", gradescope::render(report, &context)),
            ("summary", summary::render(report, &context, 4 << 10)),
            ("page", html::render(report, &context)),
        ]
    }

    /// A missing confinement is a note, and a reader of any report must see it: also where the code does not
    /// compile, and where a summary has no room for all failures.
    #[test]
    fn each_report_has_the_notes_of_the_run() {
        let mut long = samples::mixed();
        let failing = long.tasks.iter().find(|task| !task.passed).cloned().expect("a task that fails");
        long.tasks.extend(std::iter::repeat_n(failing, 20));
        for mut report in [samples::mixed(), samples::broken_build(), samples::passed(), long] {
            report.notes.push("landlock was missing".into());
            for (name, text) in all(&report) {
                assert!(text.contains("landlock was missing"), "{name}:\n{text}");
            }
        }
    }
}
