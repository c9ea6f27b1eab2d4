//! Threads under a scheduler that a seed decides.
//!
//! [`explore`] runs a body again and again, each time in another order of steps. The body makes its locks,
//! condition variables, atomics and threads through `kit::sync`; all of them run on one OS thread, and after
//! each step the scheduler picks the thread that runs next.
//!
//! ```text
//!   seed of the run --mix-- test name --mix-- schedule number  =  seed of the schedule
//!                                                                  |
//!        even numbers: random, every thread equally likely  <------+
//!        odd numbers:  PCT, fixed random priorities with a few changes
//! ```
//!
//! - S1: the same seed gives the same schedules, and a failing schedule fails alone when it is run again: it
//!   is, with the [`scene`] recording, to make the report.
//! - S2: exploration stops at the first schedule that fails. A deadlock says which thread waits for what.
//! - S3: a schedule that goes on for [`MAX_STEPS`] steps ends as a livelock.
//! - S4: a panic on any thread, and a failing check on any thread, ends the schedule.
//!
//! Left out: weak memory orderings, and threads or locks made through `std` (a real lock held across a step
//! stops the one OS thread for good; the watchdog ends that).
//!
//! Source: Burckhardt and others, "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs",
//! ASPLOS 2010, for PCT.

mod picker;

use std::sync::{Arc, Once};

use kit::sync::controlled::{self, Wait};

use crate::failure::{Failure, Kind};
use crate::harness::{caught, quietly_caught};
use crate::{scene, seeds};

use picker::{Picker, Policy, Trail};

/// Steps after which a schedule is given up.
pub const MAX_STEPS: usize = 50_000;

/// Stack of a thread under the scheduler.
const STACK_BYTES: usize = 512 << 10;

/// Most lines shown of a waiting thread's backtrace.
const MAX_WAY: usize = 3;

/// Depth of the PCT schedules of [`explore`]: bugs that need this many orderings to come together.
const EXPLORE_DEPTH: usize = 3;

/// Runs `body` under `schedules` schedules, in turn random and PCT. Ends the test at the first that fails.
pub fn explore(schedules: usize, body: impl Fn() + Send + Sync + 'static) {
    search(
        schedules,
        body,
        |number| if number % 2 == 0 { Policy::Random } else { Policy::Pct(EXPLORE_DEPTH) },
    );
}

/// As [`explore`], with random schedules only: best where threads are symmetric.
pub fn random(schedules: usize, body: impl Fn() + Send + Sync + 'static) {
    search(schedules, body, |_| Policy::Random);
}

/// As [`explore`], with PCT schedules only: best for rare orders of few events. `depth` is the number of
/// orderings that must come together for the bug, 2 to 5.
pub fn pct(schedules: usize, depth: usize, body: impl Fn() + Send + Sync + 'static) {
    search(schedules, body, move |_| Policy::Pct(depth.max(1)));
}

fn search(schedules: usize, body: impl Fn() + Send + Sync + 'static, policy: impl Fn(usize) -> Policy) {
    prepare();
    let body: Arc<dyn Fn() + Send + Sync> = Arc::new(body);
    let base = seeds::test_seed();
    // PCT spreads its priority changes over the length of a schedule, estimated from the schedules before.
    let mut longest = 0;
    for number in 0..schedules {
        let picker = Picker::new(policy(number), seeds::mix(base, number as u64), longest);
        let trail = picker.trail();
        let first = scene::with_quiet(true, || quietly_caught(|| run(picker.clone(), &body)));
        longest = longest.max(trail.choices());
        if let Err(first) = first {
            let failure = explain(number, schedules, first, picker, &body);
            failure.raise();
        }
    }
}

/// Two common causes of a livelock, and what to do about each.
const LIVELOCK: [&str; 2] = [
    "a thread that yields or tries again gets no further if it keeps a latch or lock that another thread needs: \
     release all of them before the next attempt",
    "a thread that waits for another thread's notification must block on the condition variable; a loop that \
     looks again and again takes turns from the thread that it waits for",
];

/// One schedule.
fn run(picker: Picker, body: &Arc<dyn Fn() + Send + Sync>) {
    let mut config = shuttle::Config::new();
    config.stack_size = STACK_BYTES;
    config.failure_persistence = shuttle::FailurePersistence::None;
    config.max_steps = shuttle::MaxSteps::FailAfter(MAX_STEPS);
    config.silence_warnings = true;
    let body = Arc::clone(body);
    controlled::run(|| {
        shuttle::Runner::new(picker, config).run(move || {
            controlled::forget_threads();
            body();
        });
    });
}

/// Runs the failing schedule once more, with the scene on, and says all that is known about it.
fn explain(
    number: usize,
    schedules: usize,
    first: Box<Failure>,
    picker: Picker,
    body: &Arc<dyn Fn() + Send + Sync>,
) -> Box<Failure> {
    scene::clear();
    let trail = picker.trail();
    trail.record();
    controlled::trace_waits(true);
    let result = caught(|| scene::with_quiet(false, || run(picker, body)));
    controlled::trace_waits(false);
    let mut failure = match result {
        Err(failure) => failure,
        Ok(()) => Box::new(first.note(
            "the same schedule passed when it was run again: something outside kit::sync decides (a std lock, \
             the clock, a HashMap's order)",
        )),
    };
    sort_out(&mut failure, &trail);
    failure.complete();
    failure.report.seed = Some(crate::seed());
    if failure.kind != Kind::Todo {
        let tried = format!("found by schedule {} of {schedules}; the same seed finds it again", number + 1);
        failure.report.notes.push(tried);
    }
    failure
}

/// Distinguishes deadlock and livelock, which the scheduler reports as panics, from other panics.
fn sort_out(failure: &mut Failure, trail: &Trail) {
    let what = failure.report.what.clone();
    if what.contains("deadlock! blocked tasks") {
        let waits = controlled::waits();
        failure.kind = Kind::Deadlock;
        failure.report.what = "deadlock: every thread waits, and none can go on".to_string();
        failure.report.notes = waits.iter().map(describe).collect();
        failure.report.trace = waits.iter().flat_map(way_to).fold(Vec::new(), |mut lines, line| {
            if !lines.contains(&line) {
                lines.push(line);
            }
            lines
        });
    } else if let Some((_, rest)) = what.split_once("deadlock: ") {
        failure.kind = Kind::Deadlock;
        failure.report.what = format!("deadlock: {rest}");
    } else if what.contains("exceeded max_steps bound") {
        failure.kind = Kind::Timeout;
        failure.report.what = format!("livelock: the threads are still busy after {MAX_STEPS} steps");
        failure.report.notes = LIVELOCK.map(str::to_string).into();
        failure.report.trace.clear();
    }
    if failure.kind != Kind::Todo {
        let last = trail.last_turns();
        if !last.is_empty() {
            failure.report.notes.push(format!("the last turns, latest at the end: {last}"));
        }
    }
}

/// One line of a deadlock's report.
fn describe(wait: &Wait) -> String {
    let mut line = format!("{} waits for {}", wait.thread, wait.on);
    if let Some(made_at) = wait.made_at {
        line.push_str(&format!(" made at {}", crate::harness::shown_place(made_at)));
    }
    let mut way = way_to(wait);
    way.truncate(MAX_WAY);
    let at = if way.is_empty() { crate::harness::shown_place(wait.at) } else { way.join(" < ") };
    line.push_str(&format!(", at {at}"));
    if !wait.held_by.is_empty() {
        line.push_str(&format!("; held by {}", wait.held_by.join(", ")));
    }
    line
}

/// The learner's lines in the backtrace of the waiting thread, innermost first.
fn way_to(wait: &Wait) -> Vec<String> {
    wait.backtrace.as_ref().map_or_else(Vec::new, |backtrace| crate::harness::learner_lines(backtrace))
}

/// Lets the scheduler put its panic hook in place, which it does once, and ours over it.
fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        crate::harness::install();
        let picker = Picker::new(Policy::Random, 0, 0);
        controlled::run(|| shuttle::Runner::new(picker, shuttle::Config::new()).run(|| ()));
        crate::harness::install();
    });
}
