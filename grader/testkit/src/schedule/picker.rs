//! Which thread runs next: the two policies, and the list of what they picked.
//!
//! PCT gives each thread a random priority and always runs the highest one that can run. At `depth - 1`
//! random points of the schedule the running thread falls to the bottom. So a bug that needs `depth`
//! orderings is found with a known probability. A thread that had [`MAX_TURNS`] turns in a row while others
//! could run falls to the bottom too: it waits for them by polling. A thread that yields falls only in
//! every other schedule: otherwise a lock that tries a few times before it sleeps would never sleep.
//!
//! A thread that draws a picture for the scene keeps its turn, and no choice is made for that: the schedule
//! that fails is the same with pictures and without. Only where the picture needs a lock that another thread
//! holds do others run until that is released.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use kit::sync::controlled::thread_name;
use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};

use crate::scene::is_drawing;

/// Turns in a row after which PCT takes a thread to be polling, the first time. After that the number varies
/// by up to a quarter: two threads that poll for each other in loops of one length would otherwise be stopped
/// at the same places for ever.
const MAX_TURNS: usize = 500;

/// Turns kept for the report.
const TRAIL: usize = 24;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    /// Every thread that can run is equally likely.
    Random,
    /// Priorities, with this depth.
    Pct(usize),
}

/// The scheduler of one schedule. A clone makes the same choices from the start.
#[derive(Debug, Clone)]
pub(super) struct Picker {
    policy: Policy,
    seed: u64,
    rng: Rng,
    is_used: bool,
    /// By thread number; the highest runs.
    priorities: Vec<i64>,
    lowest: i64,
    changes: Vec<usize>,
    heeds_yields: bool,
    in_a_row: usize,
    /// Turns in a row after which the running thread falls.
    max_turns: usize,
    /// The thread that draws a picture.
    drawer: Option<TaskId>,
    trail: Trail,
}

/// What was picked: shared between the scheduler and whoever reports.
#[derive(Debug, Clone, Default)]
pub(super) struct Trail(Arc<Mutex<Turns>>);

#[derive(Debug, Default)]
struct Turns {
    /// Picks at which there was a choice.
    choices: usize,
    is_recording: bool,
    /// Thread and number of turns in a row.
    last: VecDeque<(usize, usize)>,
}

impl Picker {
    /// `longest` is the largest number of choices of the schedules so far.
    pub(super) fn new(policy: Policy, seed: u64, longest: usize) -> Self {
        let mut rng = Rng::with_seed(seed);
        let changes = match policy {
            Policy::Random => Vec::new(),
            Policy::Pct(depth) => (1..depth).map(|_| rng.usize(..longest.max(16))).collect(),
        };
        let heeds_yields = rng.bool();
        Picker {
            policy,
            seed,
            rng,
            is_used: false,
            priorities: Vec::new(),
            lowest: 0,
            changes,
            heeds_yields,
            in_a_row: 0,
            max_turns: MAX_TURNS,
            drawer: None,
            trail: Trail::default(),
        }
    }

    pub(super) fn trail(&self) -> Trail {
        self.trail.clone()
    }

    fn by_priority(&mut self, runnable: &[&Task], current: Option<TaskId>, is_yielding: bool) -> usize {
        let highest_id = runnable.iter().map(|task| usize::from(task.id())).max().unwrap_or(0);
        while self.priorities.len() <= highest_id {
            self.priorities.push(self.rng.i64(1..i64::MAX));
        }
        let is_change = self.changes.contains(&self.trail.choices());
        let is_polling = self.in_a_row >= self.max_turns;
        if is_polling {
            self.max_turns = MAX_TURNS + self.rng.usize(..MAX_TURNS / 4);
        }
        if let Some(current) = current.map(usize::from)
            && ((is_yielding && self.heeds_yields) || is_change || is_polling)
            && current < self.priorities.len()
        {
            self.lowest -= 1;
            self.priorities[current] = self.lowest;
        }
        let highest =
            runnable.iter().map(|task| usize::from(task.id())).max_by_key(|id| self.priorities[*id]);
        highest.unwrap_or(0)
    }
}

impl Scheduler for Picker {
    fn new_execution(&mut self) -> Option<Schedule> {
        (!std::mem::replace(&mut self.is_used, true)).then(|| Schedule::new(self.seed))
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        self.drawer = if is_drawing() { self.drawer.or(current) } else { None };
        if let Some(drawer) = self.drawer.filter(|drawer| runnable.iter().any(|task| task.id() == *drawer)) {
            return Some(drawer);
        }
        let id = if let [only] = runnable {
            usize::from(only.id())
        } else {
            let id = match self.policy {
                Policy::Random => usize::from(runnable[self.rng.usize(..runnable.len())].id()),
                Policy::Pct(_) => self.by_priority(runnable, current, is_yielding),
            };
            self.in_a_row = if current.map(usize::from) == Some(id) { self.in_a_row + 1 } else { 0 };
            self.trail.lock().choices += 1;
            id
        };
        self.trail.note(id);
        Some(TaskId::from(id))
    }

    fn next_u64(&mut self) -> u64 {
        self.rng.u64(..)
    }
}

impl Trail {
    /// Number of picks at which there was a choice.
    pub(super) fn choices(&self) -> usize {
        self.lock().choices
    }

    /// From now on the last turns are kept.
    pub(super) fn record(&self) {
        *self.lock() = Turns { is_recording: true, ..Turns::default() };
    }

    fn note(&self, id: usize) {
        let mut turns = self.lock();
        if !turns.is_recording {
            return;
        }
        match turns.last.back_mut() {
            Some((last, count)) if *last == id => *count += 1,
            _ => turns.last.push_back((id, 1)),
        }
        if turns.last.len() > TRAIL {
            turns.last.pop_front();
        }
    }

    /// The last turns as text: `main x3, consumer, main x2`.
    pub(super) fn last_turns(&self) -> String {
        let turns = self.lock();
        let text = |(id, count): &(usize, usize)| {
            let name = thread_name(*id);
            if *count == 1 { name } else { format!("{name} x{count}") }
        };
        turns.last.iter().map(text).collect::<Vec<_>>().join(", ")
    }

    fn lock(&self) -> MutexGuard<'_, Turns> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
