//! Lanes: steps of the check that run side by side.
//!
//! Most steps compile one changed file and run one test, and use one core for nearly all of that time. So
//! there is a lane for each core, with a stage and a build folder of its own, and the steps are shared out.
//!
//! ```text
//!   lane 0   |reference|skeleton|stub 1.1|mutant a|mutant d| ... |gates|gates of a variant|
//!   lane 1                      |stub 1.2|mutant b|mutant c| ... |
//!              alone              side by side                     alone
//! ```
//!
//! - I1: whatever is timed runs alone on the machine: gates are steps of their own, in lane 0.
//! - I2: lines are printed in the order of the steps, whichever ends first.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::Part;
use super::found::Found;
use crate::catalog::Course;
use crate::grade::grade;
use crate::model::LabReport;
use crate::observer::{Observer, Silent};
use crate::request::Request;

/// Most lanes: each has a build folder of its own.
const MOST: usize = 4;

/// Steps for which one more lane pays: it has to compile everything once.
const PAYS: usize = 20;

/// Longest wait for one crate to compile. A busy machine must not look like a broken lab.
const COMPILE_SECONDS: u64 = 900;

/// What grades one step after the other.
pub(super) struct Lane<'a> {
    pub(super) course: &'a Course,
    number: usize,
    /// Tests and compilers at a time; 0 for one a core.
    jobs: usize,
    /// The seed of every test; by default each test has its own.
    test_seed: Option<u64>,
    observer: &'a mut dyn Observer,
}

impl<'a> Lane<'a> {
    /// The lane of steps that have the machine for themselves.
    pub(super) fn alone(course: &'a Course, test_seed: Option<u64>, observer: &'a mut dyn Observer) -> Self {
        Self { course, number: 0, jobs: 0, test_seed, observer }
    }

    /// Where the lane keeps its files. Lane 0 shares with the commands of learners.
    pub(super) fn folder(&self) -> PathBuf {
        let shared = self.course.work_dir();
        if self.number == 0 { shared } else { shared.join(format!("lane-{}", self.number)) }
    }

    /// Grades in this lane.
    pub(super) fn grade(&mut self, mut request: Request<'_>) -> Result<LabReport> {
        request.seed = self.test_seed;
        let resources = &mut request.resources;
        resources.compile_seconds = COMPILE_SECONDS;
        resources.work_dir = Some(self.folder());
        (resources.test_jobs, resources.compile_jobs) = (self.jobs, self.jobs);
        grade(self.course, &request, self.observer)
    }
}

/// What a step does in the lane that takes it.
type Work<'a> = dyn Fn(&mut Lane<'_>) -> Result<Found> + Send + Sync + 'a;

/// How a step shares the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// It keeps every core busy, and others build on what it compiled: it runs alone, before the others.
    First,
    /// It may run beside others.
    Beside,
    /// It measures, so it runs alone, after the others.
    Measures,
}

/// One thing that only running can prove.
pub(super) struct Step<'a> {
    /// Unique within its lab.
    pub(super) name: String,
    pub(super) part: Part,
    pub(super) room: Room,
    /// The mutant or variant that it tries: its file, by path below the suite.
    pub(super) patch: Option<PathBuf>,
    pub(super) work: Box<Work<'a>>,
}

impl<'a> Step<'a> {
    pub(super) fn new(
        part: Part,
        room: Room,
        name: impl Into<String>,
        work: impl Fn(&mut Lane<'_>) -> Result<Found> + Send + Sync + 'a,
    ) -> Self {
        Self { name: name.into(), part, room, patch: None, work: Box::new(work) }
    }

    /// The step tries the patch at `path`, a path below the suite.
    pub(super) fn of_patch(mut self, path: &Path) -> Self {
        self.patch = Some(path.to_path_buf());
        self
    }

    /// The name of the mutant or variant.
    pub(super) fn patch_name(&self) -> Option<String> {
        Some(self.patch.as_ref()?.file_stem()?.to_string_lossy().into_owned())
    }
}

/// A step that has ended.
pub(super) struct Ended {
    pub(super) took: Duration,
    pub(super) found: Result<Found>,
}

/// Runs one step.
pub(super) fn timed(lane: &mut Lane<'_>, work: impl FnOnce(&mut Lane<'_>) -> Result<Found>) -> Ended {
    let start = Instant::now();
    let found = work(lane);
    Ended { took: start.elapsed(), found }
}

/// What is called as the steps go.
pub(super) trait Listener: Observer {
    /// A step and all before it have ended.
    fn ended(&mut self, name: &str, ended: Ended);
}

/// Runs the steps in the rooms that they need; `seed` is the seed of their tests.
pub(super) fn run_all(course: &Course, steps: &[Step<'_>], seed: Option<u64>, listener: &mut dyn Listener) {
    for room in [Room::First, Room::Beside, Room::Measures] {
        let steps: Vec<&Step<'_>> = steps.iter().filter(|step| step.room == room).collect();
        if room == Room::Beside {
            run_beside(course, &steps, seed, listener);
        } else {
            run_alone(course, &steps, seed, listener);
        }
    }
}

fn run_alone(course: &Course, steps: &[&Step<'_>], seed: Option<u64>, listener: &mut dyn Listener) {
    for step in steps {
        let ended = timed(&mut Lane::alone(course, seed, listener), &step.work);
        listener.ended(&step.name, ended);
    }
}

/// Runs `steps` in as many lanes as pay.
fn run_beside(course: &Course, steps: &[&Step<'_>], seed: Option<u64>, listener: &mut dyn Listener) {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    let lanes = cores.min(MOST).min(steps.len() / PAYS).max(1);
    if lanes == 1 {
        return run_alone(course, steps, seed, listener);
    }
    let next = AtomicUsize::new(0);
    let (to, from) = mpsc::channel();
    thread::scope(|scope| {
        for number in 0..lanes {
            let (next, to) = (&next, to.clone());
            scope.spawn(move || {
                let mut silent = Silent;
                let mut lane = Lane { course, number, jobs: 1, test_seed: seed, observer: &mut silent };
                while let Some((index, step)) = take(next, steps) {
                    if to.send((index, timed(&mut lane, &step.work))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(to);
        let mut waiting = BTreeMap::new();
        let mut count = 0;
        for (done, (index, ended)) in from.into_iter().enumerate() {
            listener.say(&format!("{} of {} steps", done + 1, steps.len()));
            waiting.insert(index, ended);
            while let Some(ended) = waiting.remove(&count) {
                listener.ended(&steps[count].name, ended);
                count += 1;
            }
        }
    });
}

fn take<'s, 'a>(next: &AtomicUsize, steps: &'s [&'s Step<'a>]) -> Option<(usize, &'s Step<'a>)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    steps.get(index).map(|step| (index, *step))
}
