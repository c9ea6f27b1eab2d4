//! Counting allocations, and the performance engine. The engine's figures are checked for what they must be
//! on any machine: the order of two sides that differ by far, never an exact ratio.

use std::hint::black_box;
use std::sync::Mutex;

use grader_protocol::Value;
use testkit::perf::{Config, Workload, measure};

/// The allocation counters are for the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn work(units: u64) -> u64 {
    (0..units * 1_000).fold(1, |sum, k| black_box(sum ^ k))
}

fn timed(id: &'static str, units: u64) -> Workload {
    Workload::timed(id, move || {
        Box::new(move || {
            black_box(work(units));
        })
    })
}

fn config() -> Config {
    Config { pairs: 7, min_round_ns: 2e5, workload_seconds: 5.0, ..Config::default() }
}

fn ratio(value: &Value) -> (f64, u32) {
    match value {
        Value::Ratio { median, pairs, low, high, .. } => {
            assert!(low <= median && median <= high);
            (*median, *pairs)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_slower_learner_has_a_larger_ratio() {
    let _alone = ONE_AT_A_TIME.lock();
    let learner = vec![timed("same", 100), timed("slow", 400)];
    let out = measure(learner, vec![timed("slow", 100), timed("same", 100)], &config());
    let (same, slow) = (ratio(&out[0].value).0, ratio(&out[1].value).0);
    assert!((0.5..2.0).contains(&same), "{same}");
    assert!((2.5..6.0).contains(&slow), "{slow}");
}

#[test]
fn a_hopeless_learner_ends_early() {
    let _alone = ONE_AT_A_TIME.lock();
    let gated = Config { gates: vec![("slow".to_string(), 2.0)], ..config() };
    let out = measure(vec![timed("slow", 10_000)], vec![timed("slow", 100)], &gated);
    let (median, pairs) = ratio(&out[0].value);
    assert!(median > 20.0 && pairs == 3, "{median} {pairs}");
}

#[test]
fn pairs_are_doubled_while_the_gate_is_inside_the_interval() {
    let _alone = ONE_AT_A_TIME.lock();
    let same = || vec![timed("same", 100)];
    let (median, _) = ratio(&measure(same(), same(), &config())[0].value);
    // Nothing is as undecided as a gate at the true ratio.
    let gated = Config { gates: vec![("same".to_string(), median)], ..config() };
    let (_, pairs) = ratio(&measure(same(), same(), &gated)[0].value);
    assert!((7..=28).contains(&pairs), "{pairs}");
}

#[test]
fn counts_are_exact_and_a_panic_breaks_one_workload_only() {
    let _alone = ONE_AT_A_TIME.lock();
    let learner = vec![
        Workload::counted("probes", || 7.0),
        Workload::counted("broken", || panic!("index out of bounds")),
        Workload::timed("todo", || -> Box<fn()> { todo!("task 1.1") }),
        Workload::counted("nobody", || 0.0),
    ];
    let reference = vec![
        Workload::counted("probes", || 5.0),
        Workload::counted("broken", || 1.0),
        Workload::timed("todo", || Box::new(|| ())),
    ];
    let out = measure(learner, reference, &config());
    assert_eq!(out[0].value, Value::Count { learner: 7.0, reference: 5.0 });
    for (broken, what) in
        [(1, "index out of bounds"), (2, "not yet implemented"), (3, "no workload called nobody")]
    {
        let Value::Broken { failure } = &out[broken].value else { panic!("{:?}", out[broken]) };
        assert!(failure.what.contains(what), "{failure:?}");
    }
}

#[test]
fn allocations_are_counted() {
    let _alone = ONE_AT_A_TIME.lock();
    let (counts, kept) = testkit::alloc::count_with(|| {
        drop(black_box(vec![1u8; 10_000]));
        black_box(vec![2u8; 500])
    });
    assert_eq!((counts.allocations, counts.bytes, counts.peak_bytes), (2, 10_500, 10_000));
    assert_eq!((counts.live_bytes, kept.len()), (500, 500));
    let grown = testkit::alloc::count(|| black_box((0..1_000u32).collect::<Vec<_>>()));
    assert_eq!(grown.allocations, 1);
}
