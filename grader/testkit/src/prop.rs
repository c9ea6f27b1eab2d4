//! Properties: many generated inputs, and the smallest one that fails.
//!
//! ```text
//!   search   scene and panic messages off    case 0, 1, 2, ... until one fails
//!   shrink   still off                       simpler inputs that also fail, within a budget
//!   show     scene on                        the smallest once more: its steps, picture, expected, found
//! ```
//!
//! Inputs come from proptest strategies, seeded with [`crate::seed`] and the test's name; nothing is kept
//! in files. Set `--seed` to search elsewhere.

use std::fmt::Debug;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rustix::time::{ClockId, clock_gettime};

use crate::failure::{Failure, Kind, cut};
use crate::harness::caught;
use crate::{scene, seeds};

pub use proptest;

/// Most inputs tried while shrinking.
const MAX_SHRINKS: u32 = 4_000;

/// Most processor seconds spent on shrinking.
const MAX_SHRINK_SECONDS: i64 = 2;

/// Longest input shown, in characters.
const MAX_CASE_CHARS: usize = 6_000;

/// Runs `test` on `cases` inputs of `strategy`. If one fails, ends with the failure of the smallest input
/// found. The body uses the check macros, may panic, and is run again many times: it must not depend on
/// anything but its input.
pub fn check<S>(cases: u32, strategy: S, test: impl Fn(S::Value))
where
    S: Strategy,
    S::Value: Debug,
{
    let mut runner = runner();
    for case in 0..cases {
        let mut tree = match strategy.new_tree(&mut runner) {
            Ok(tree) => tree,
            Err(reason) => panic!("the strategy gives no input: {reason}"),
        };
        if let Err(first) = run_quietly(&test, tree.current()) {
            // A `todo!` does not depend on the input: there is nothing to shrink.
            let value = if first.kind == Kind::Todo { tree.current() } else { shrink(&mut tree, &test) };
            show(case, value, first, &test).raise();
        }
    }
    scene::end_case();
}

fn runner() -> TestRunner {
    let mut bytes = [0; 32];
    for (k, chunk) in bytes.chunks_mut(8).enumerate() {
        chunk.copy_from_slice(&seeds::mix(seeds::test_seed(), k as u64).to_le_bytes());
    }
    let config = Config { failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// One input, with nothing printed or recorded except the input itself, for the watchdog.
fn run_quietly<V: Debug>(test: &impl Fn(V), value: V) -> Result<(), Box<Failure>> {
    scene::begin_case(cut(format!("{value:?}"), MAX_CASE_CHARS));
    scene::with_quiet(true, || crate::harness::quietly_caught(|| test(value)))
}

/// Walks from a failing input to a smaller one. The budget is counted in runs and in processor time.
fn shrink<T: ValueTree>(tree: &mut T, test: &impl Fn(T::Value)) -> T::Value
where
    T::Value: Debug,
{
    let start = clock_gettime(ClockId::ThreadCPUTime).tv_sec;
    let mut smallest = tree.current();
    let mut can_go_on = tree.simplify();
    for _ in 0..MAX_SHRINKS {
        if !can_go_on || clock_gettime(ClockId::ThreadCPUTime).tv_sec - start > MAX_SHRINK_SECONDS {
            break;
        }
        can_go_on = if run_quietly(test, tree.current()).is_err() {
            smallest = tree.current();
            tree.simplify()
        } else {
            tree.complicate()
        };
    }
    smallest
}

/// Runs the smallest input with the scene on and adds what the search knows.
fn show<V: Debug>(case: u32, value: V, first: Box<Failure>, test: &impl Fn(V)) -> Box<Failure> {
    let shown = cut(format!("{value:?}"), MAX_CASE_CHARS);
    let shown = if shown.len() > 100 { cut(format!("{value:#?}"), MAX_CASE_CHARS) } else { shown };
    let shown = if shown.lines().count() > 60 { cut(format!("{value:?}"), MAX_CASE_CHARS) } else { shown };
    scene::end_case();
    scene::clear();
    let mut failure = match caught(|| scene::with_quiet(false, || test(value))) {
        Err(failure) => failure,
        Ok(()) => Box::new(first.note(
            "the same input passed when it was run again: the result depends on something besides the input",
        )),
    };
    failure.complete();
    failure.report.case = Some(shown);
    failure.report.seed = Some(crate::seed());
    if failure.kind != Kind::Todo {
        failure.report.notes.push(format!("found by generated input {}", case + 1));
    }
    failure
}
