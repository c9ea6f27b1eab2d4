//! What the learner has done so far, in `progress.toml` at the root of the course.
//!
//! Called by the commands: `run` and `watch` record, `hint` counts, the map reads. Never read for grading:
//! a learner who writes "18 points" into it changes only what the map shows.
//!
//! ```toml
//! version = 1
//! [tasks."1.2"]
//! best = 8            # most points seen in one run
//! max = 20            # what the task was worth then
//! last = "failed"     # passed, failed or todo: the last run
//! hints = 1           # hints shown so far
//! ```
//!
//! Invariants:
//! - I1: the file is replaced in one step, so that a reader never sees half of it.
//! - I2: a file that cannot be read is set aside under another name, never overwritten.
//! - I3: whoever changes the file reads it under the lock `.grade/lock` first, so that of two graders at once
//!   neither undoes what the other wrote. Without the lock (a read-only tree, no locks) the change is tried.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::catalog::{GRADE_FOLDER, Task};
use crate::lock::{self, Lock};
use crate::model::{LabReport, TaskEnd};

/// Version of the file's format.
const VERSION: u32 = 1;

/// The contents of `progress.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Version of the format.
    pub version: u32,
    /// By task id.
    #[serde(default)]
    pub tasks: BTreeMap<String, TaskProgress>,
}

impl Default for Progress {
    fn default() -> Self {
        Self { version: VERSION, tasks: BTreeMap::new() }
    }
}

/// One task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskProgress {
    /// Most points seen in one run.
    pub best: u32,
    /// What the task was worth in that run.
    pub max: u32,
    /// How the last run ended; `None` before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<TaskEnd>,
    /// Hints shown so far.
    pub hints: usize,
}

/// What [`ProgressFile::update`] did.
#[derive(Debug)]
pub struct Updated {
    /// The changed progress.
    pub progress: Progress,
    /// What went wrong, a sentence each: nothing that ends a run.
    pub warnings: Vec<String>,
}

/// The progress file of one course.
pub struct ProgressFile {
    path: PathBuf,
}

impl ProgressFile {
    /// The file of the course at `root`.
    pub fn of(root: &Path) -> Self {
        Self { path: root.join("progress.toml") }
    }

    /// Reads the file. Without a file progress is empty. A file that is no progress is set aside; the second
    /// value says so, or why the file cannot be read.
    pub fn read(&self) -> (Progress, Option<String>) {
        // A file that is no progress is renamed, so this takes the lock too.
        let _lock = self.lock();
        self.try_read().unwrap_or_else(|error| {
            let warning = format!("progress is not known: {error:#}");
            (Progress::default(), Some(warning))
        })
    }

    /// Changes what the file holds now, and writes it. A file that cannot be read stays as it is.
    pub fn update(&self, change: impl FnOnce(&mut Progress)) -> Updated {
        let _lock = self.lock();
        let (mut progress, warning, known) = match self.try_read() {
            Ok((progress, warning)) => (progress, warning, Ok(())),
            Err(error) => (Progress::default(), None, Err(error)),
        };
        change(&mut progress);
        let mut warnings: Vec<String> = warning.into_iter().collect();
        // I2: what could not be read is not overwritten.
        if let Err(error) = known.and_then(|()| self.write(&progress)) {
            warnings.push(format!("progress is not kept: {error:#}"));
        }
        Updated { progress, warnings }
    }

    /// The lock; `None` where there can be none.
    fn lock(&self) -> Option<Lock> {
        let folder = self.path.with_file_name(GRADE_FOLDER);
        fs::create_dir_all(&folder).ok()?;
        lock::take(&folder.join("lock"), || {}).ok()
    }

    fn try_read(&self) -> Result<(Progress, Option<String>)> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Progress::default(), None)),
            Err(error) => return Err(error).with_context(|| format!("read {}", self.path.display())),
        };
        let why = match String::from_utf8(bytes) {
            Err(_) => "it is not text".to_string(),
            Ok(text) => match toml::from_str::<Progress>(&text) {
                Ok(progress) if progress.version == VERSION => return Ok((progress, None)),
                Ok(progress) => format!("its version is {}, this grader reads {VERSION}", progress.version),
                Err(error) => error.message().to_string(),
            },
        };
        let aside = self.set_aside()?;
        let message = format!(
            "progress.toml could not be read ({why}); it is now {} and progress starts anew",
            aside.display()
        );
        Ok((Progress::default(), Some(message)))
    }

    fn set_aside(&self) -> Result<PathBuf> {
        let mut number = 1;
        loop {
            let aside = self.path.with_file_name(format!("progress.toml.broken-{number}"));
            if !aside.exists() {
                fs::rename(&self.path, &aside).with_context(|| format!("rename to {}", aside.display()))?;
                return Ok(aside);
            }
            number += 1;
        }
    }

    /// Writes the file in one step.
    fn write(&self, progress: &Progress) -> Result<()> {
        let text = toml::to_string(progress).context("write progress as TOML")?;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new().prefix(".progress").tempfile_in(folder)?;
        writeln!(file, "# Kept by `cargo grade`; safe to delete. Grading never reads it.")?;
        file.write_all(text.as_bytes())?;
        file.persist(&self.path).with_context(|| format!("write {}", self.path.display()))?;
        Ok(())
    }
}

impl Progress {
    /// What is known of a task.
    pub fn task(&self, id: &str) -> TaskProgress {
        self.tasks.get(id).cloned().unwrap_or_default()
    }

    /// Counts one more hint of `task` as shown, while there are more.
    pub fn take_hint(&mut self, task: &Task) {
        let kept = self.tasks.entry(task.id.clone()).or_default();
        kept.hints = (kept.hints + 1).min(task.hints.len());
    }

    /// Takes over what a run of whole tasks found.
    pub fn record(&mut self, report: &LabReport) {
        for task in &report.tasks {
            let Some(last) = task.end() else { continue };
            let kept = self.tasks.entry(task.id.clone()).or_default();
            kept.last = Some(last);
            if task.points_earned >= kept.best || kept.max != task.points_max {
                kept.best = task.points_earned;
                kept.max = task.points_max;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    /// What is written is what is read, and a missing file is a beginning, not an error.
    #[test]
    fn a_written_file_reads_the_same() {
        let root = tempfile::tempdir().unwrap();
        let file = ProgressFile::of(root.path());
        assert_eq!(file.read(), (Progress::default(), None));
        let Updated { progress, warnings } = file.update(|progress| {
            progress.record(&samples::mixed());
            progress.tasks.get_mut("1.2").unwrap().hints = 2;
        });
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(file.read(), (progress.clone(), None));
        assert_eq!(progress.task("1.1").last, Some(TaskEnd::Passed));
        assert_eq!(progress.task("1.2").last, Some(TaskEnd::Failed));
        assert_eq!(progress.task("1.3").last, Some(TaskEnd::Todo));
    }

    /// A file of another account cannot be read, but the folder can be written to: the file must stay. A link
    /// to itself is such a file also for the account that may read everything.
    #[test]
    fn a_file_that_cannot_be_read_is_not_overwritten() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("progress.toml");
        std::os::unix::fs::symlink("progress.toml", &path).unwrap();
        let updated = ProgressFile::of(root.path()).update(|progress| progress.record(&samples::mixed()));
        assert!(updated.warnings[0].contains("progress is not kept"), "{:?}", updated.warnings);
        assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    }

    /// The best result stays when a later run is worse.
    #[test]
    fn best_points_do_not_fall() {
        let mut progress = Progress::default();
        progress.record(&samples::passed());
        let best = progress.task("1.1").best;
        progress.record(&samples::skeleton());
        assert_eq!(progress.task("1.1").best, best);
        assert_eq!(progress.task("1.1").last, Some(TaskEnd::Todo));
    }

    /// A broken file is the learner's history: it is kept under another name and the run goes on.
    #[test]
    fn a_broken_file_is_set_aside() {
        let root = tempfile::tempdir().unwrap();
        let file = ProgressFile::of(root.path());
        for (number, broken) in ["[tasks\n", "version = 99\n", "version = \"x\""].iter().enumerate() {
            fs::write(root.path().join("progress.toml"), broken).unwrap();
            let (progress, message) = file.read();
            assert_eq!(progress, Progress::default());
            let name = format!("progress.toml.broken-{}", number + 1);
            assert!(message.unwrap().contains(&name));
            assert_eq!(fs::read_to_string(root.path().join(name)).unwrap(), *broken);
        }
    }

    /// Two terminals at once: a run that ends must not undo the hint that was taken meanwhile.
    #[test]
    fn changes_of_several_graders_are_all_kept() {
        let root = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for grader in 0..4 {
                let file = ProgressFile::of(root.path());
                scope.spawn(move || {
                    for _ in 0..25 {
                        file.update(|progress| {
                            progress.tasks.entry(format!("1.{grader}")).or_default().hints += 1;
                        });
                    }
                });
            }
        });
        let (progress, _) = ProgressFile::of(root.path()).read();
        let hints: Vec<usize> = progress.tasks.values().map(|task| task.hints).collect();
        assert_eq!(hints, [25; 4]);
    }

    /// A tree that cannot be written costs the map its memory and nothing else.
    #[test]
    fn what_cannot_be_written_is_a_warning() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("progress.toml")).unwrap();
        fs::write(root.path().join(GRADE_FOLDER), "in the way").unwrap();
        let updated = ProgressFile::of(root.path()).update(|progress| progress.record(&samples::mixed()));
        assert_eq!(updated.progress.task("1.1").last, Some(TaskEnd::Passed));
        assert!(updated.warnings.join("\n").contains("progress is not kept"), "{:?}", updated.warnings);
    }
}
