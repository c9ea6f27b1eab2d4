//! What to grade, and how: the input of a grading run.
//!
//! Made by the commands and by the author's check; read by every layer below them.
//!
//! ```text
//!   Request
//!     lab
//!     sources    Sources      whose code
//!     selection  Selection    whole tasks, some tests, or gates alone
//!     seed
//!     resources  Resources    folders, jobs, time limit of the compiler
//! ```
//!
//! What excludes each other is one enum: gates that are measured alone run no test, and a part of a task's
//! tests decides no gate.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::catalog::{Lab, Task, task_of_test};

/// What to grade, and how.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The lab.
    pub lab: &'a Lab,
    /// Whose code.
    pub sources: Sources,
    /// Which part of the lab.
    pub selection: Selection,
    /// Seed of everything random; `None` for the suites' default.
    pub seed: Option<u64>,
    /// With what.
    pub resources: Resources,
}

impl<'a> Request<'a> {
    /// Grades the whole of `lab` from `sources` with the usual settings.
    pub fn new(lab: &'a Lab, sources: Sources) -> Request<'a> {
        let selection = Selection::Tasks(Tasks::All, Measuring::Gates(Rounds::Full));
        Request { lab, sources, selection, seed: None, resources: Resources::default() }
    }

    /// The same for another part of the lab.
    pub fn selecting(self, selection: Selection) -> Request<'a> {
        Request { selection, ..self }
    }

    /// The tasks of the report, in the order of the lab.
    pub fn tasks(&self) -> impl Iterator<Item = &'a Task> {
        let tasks = &self.lab.tasks;
        let place = |id: &str| tasks.iter().position(|task| task.id == id);
        let one = |id: &str| place(id).map_or(0..0, |place| place..place + 1);
        let all = 0..tasks.len();
        let range = match &self.selection {
            Selection::Tasks(Tasks::All, _) | Selection::Gates(..) => all,
            Selection::Tasks(Tasks::One(id), _) | Selection::Tests { task: id, .. } => one(id),
            Selection::Tasks(Tasks::From(id), _) => place(id).unwrap_or(0)..tasks.len(),
            Selection::Tasks(Tasks::Until(id), _) => 0..place(id).map_or(tasks.len(), |last| last + 1),
            Selection::NamePart { task: Some(id), .. } => one(id),
            // A full test name says its task.
            Selection::NamePart { task: None, part } => match task_of_test(part).and_then(|id| place(&id)) {
                Some(place) => place..place + 1,
                None => all,
            },
        };
        tasks[range].iter()
    }

    /// The task that the selection names by its id.
    pub fn task(&self) -> Option<&str> {
        match &self.selection {
            Selection::Tasks(Tasks::One(id), _)
            | Selection::Tests { task: id, .. }
            | Selection::NamePart { task: Some(id), .. } => Some(id),
            _ => None,
        }
    }

    /// Whether the test called `name` is to be run.
    pub fn wants_test(&self, name: &str) -> bool {
        match &self.selection {
            Selection::Tasks(..) => true,
            Selection::NamePart { part, .. } => name.contains(part.as_str()),
            Selection::Tests { names, .. } => names.iter().any(|wanted| wanted == name),
            Selection::Gates(..) => false,
        }
    }
}

/// Whose code is graded, and on whose earlier labs it stands.
#[derive(Debug, Clone)]
pub enum Sources {
    /// A learner's, or somebody's submission.
    Labs {
        /// The folder that holds the `NN-name/` folders.
        folder: PathBuf,
        /// Whose earlier labs.
        earlier: Earlier,
    },
    /// The reference.
    Reference,
    /// The reference with some files changed: mutants and stubs.
    Patched {
        /// New contents by path below `solutions/`: `01-structures/src/ring_queue.rs`.
        files: BTreeMap<PathBuf, String>,
    },
}

impl Sources {
    /// The labs in `folder`, on the earlier labs of the same folder.
    pub fn labs(folder: impl Into<PathBuf>) -> Sources {
        Sources::Labs { folder: folder.into(), earlier: Earlier::Same }
    }
}

/// Whose earlier labs the graded one stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earlier {
    /// From the same folder as the graded lab.
    Same,
    /// The reference's.
    Reference,
    /// From the same folder up to the lab of this number, the reference's above it.
    UpTo(u32),
}

/// Which part of the lab to grade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Every test of these tasks, and then their gates.
    Tasks(Tasks, Measuring),
    /// The tests whose name contains a text. No gate is measured.
    NamePart {
        /// Only tests of this task.
        task: Option<String>,
        /// The text.
        part: String,
    },
    /// The tests of a task with exactly these names. No gate is measured.
    Tests {
        /// The task.
        task: String,
        /// The names.
        names: Vec<String>,
    },
    /// These gates, whatever the tests of their tasks would say. No test is run.
    Gates(Vec<String>, Rounds),
}

/// Some tasks of a lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tasks {
    /// All of them.
    All,
    /// The one with this id.
    One(String),
    /// The one with this id and all after it.
    From(String),
    /// The one with this id and all before it.
    Until(String),
}

/// Whether gates are measured after the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measuring {
    /// The gates of each task whose tests pass.
    Gates(Rounds),
    /// None; gates are reported as not run.
    Off,
}

/// How long a gate is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounds {
    /// As many rounds as the verdict needs.
    Full,
    /// Few rounds, for a first look; a close ratio stays undecided.
    Quick,
}

/// What a run may use.
#[derive(Debug, Clone)]
pub struct Resources {
    /// Tests at a time; 0 for one a core.
    pub test_jobs: usize,
    /// Compilers at a time; 0 for one a core.
    pub compile_jobs: usize,
    /// Longest wait for one crate to compile, in seconds.
    pub compile_seconds: u64,
    /// Where to write stage and build files; `None` for the
    /// [course's own](crate::catalog::Course::work_dir).
    pub work_dir: Option<PathBuf>,
    /// A submission with a stage and a build folder of its own, by a name that no other one has; `None` for
    /// the course's labs.
    pub submission: Option<String>,
    /// Name of the stage's folder. Going from one to another rebuilds nothing.
    pub stage: &'static str,
}

impl Default for Resources {
    fn default() -> Resources {
        Resources {
            test_jobs: 0,
            compile_jobs: 0,
            compile_seconds: 240,
            work_dir: None,
            submission: None,
            stage: "stage",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Course;

    fn ids(selection: Selection) -> Vec<String> {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let course = Course::open(root).unwrap();
        let mut lab = course.lab("1").unwrap().clone();
        lab.tasks.truncate(3);
        let request = Request::new(&lab, Sources::Reference).selecting(selection);
        request.tasks().map(|task| task.id.clone()).collect()
    }

    /// What is not selected is not even compiled.
    #[test]
    fn a_selection_names_its_tasks() {
        let tasks = |tasks| ids(Selection::Tasks(tasks, Measuring::Off));
        assert_eq!(tasks(Tasks::All), ["1.1", "1.2", "1.3"]);
        assert_eq!(tasks(Tasks::One("1.2".into())), ["1.2"]);
        assert_eq!(tasks(Tasks::From("1.2".into())), ["1.2", "1.3"]);
        assert_eq!(tasks(Tasks::Until("1.2".into())), ["1.1", "1.2"]);
        let part = |task: Option<&str>, part: &str| {
            ids(Selection::NamePart { task: task.map(Into::into), part: part.into() })
        };
        assert_eq!(part(None, "t1_3::keeps_order"), ["1.3"]);
        assert_eq!(part(None, "order"), ["1.1", "1.2", "1.3"]);
        assert_eq!(part(Some("1.2"), "order"), ["1.2"]);
        assert_eq!(ids(Selection::Gates(vec!["queue".into()], Rounds::Quick)), ["1.1", "1.2", "1.3"]);
    }
}
