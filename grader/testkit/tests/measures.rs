//! Counting allocations, and the performance engine. The engine's figures are checked for what they must be
//! on any machine: the order of two sides that differ by far, never an exact ratio.

use std::hint::black_box;
use std::sync::Mutex;

use grader_protocol::Value;
use testkit::perf::{Config, Digest, Workload, measure};

/// The allocation counters are for the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn work(units: u64) -> u64 {
    (0..units * 1_000).fold(1, |sum, k| black_box(sum ^ k))
}

fn timed(id: &'static str, units: u64) -> Workload {
    Workload::timed(id, move || {
        Box::new(move || {
            black_box(work(units));
            Digest::of(7)
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
        Workload::timed("todo", || -> Box<fn() -> Digest> { todo!("task 1.1") }),
        Workload::counted("nobody", || 0.0),
    ];
    let reference = vec![
        Workload::counted("probes", || 5.0),
        Workload::counted("broken", || 1.0),
        Workload::timed("todo", || Box::new(|| Digest::of(1))),
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

/// Why there is no figure for the first workload.
fn broken(learner: Workload, reference: Workload) -> String {
    // The system counts the time of a thread that runs on another core once in some milliseconds.
    let config = Config { min_round_ns: 1e7, ..config() };
    let out = measure(vec![learner], vec![reference], &config);
    match &out[0].value {
        Value::Broken { failure } => failure.what.clone(),
        other => panic!("{other:?}"),
    }
}

/// A round that computes the number of its call, and something else from `wrong_from` on.
fn numbered(wrong_from: u64) -> Workload {
    Workload::timed("numbered", move || {
        let mut round = 0;
        Box::new(move || {
            round += 1;
            black_box(work(100));
            Digest::of(if round >= wrong_from { 0 } else { round })
        })
    })
}

/// Code that skips the work is fast; its figure must not count, also when only a late round is wrong.
#[test]
fn wrong_results_have_no_figure() {
    let _alone = ONE_AT_A_TIME.lock();
    for wrong_from in [1, 2, 9] {
        let why = broken(numbered(wrong_from), numbered(u64::MAX));
        assert!(why.contains(&format!("what round {wrong_from} computed differs")), "{why}");
    }
    // Both sides run the same rounds, so a round may depend on those before it.
    let out = measure(vec![numbered(u64::MAX)], vec![numbered(u64::MAX)], &config());
    ratio(&out[0].value);
}

/// A suite whose round forgets to say what it computed compares nothing.
#[test]
fn a_round_with_an_empty_digest_is_refused() {
    let _alone = ONE_AT_A_TIME.lock();
    let empty = || Workload::timed("empty", || Box::new(Digest::new));
    let why = broken(empty(), empty());
    assert!(why.contains("digest of nothing"), "{why}");
}

/// Does a little with one thread, or with two.
fn plain(has_threads: bool) -> Workload {
    let round = || {
        black_box(work(100));
        Digest::of(7)
    };
    if has_threads {
        Workload::timed_threads("w", move || Box::new(round))
    } else {
        Workload::timed("w", move || Box::new(round))
    }
}

/// A thread that goes on computing makes the reference look slow where the process is timed, and takes its
/// caches elsewhere.
#[test]
fn a_thread_left_computing_breaks_the_measurement() {
    let _alone = ONE_AT_A_TIME.lock();
    for has_threads in [false, true] {
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let spins = stop.clone();
        let setup = move || {
            let spins = spins.clone();
            std::thread::spawn(move || {
                while !spins.load(std::sync::atomic::Ordering::Relaxed) {
                    black_box(work(1));
                }
            });
            Box::new(|| {
                black_box(work(100));
                Digest::of(7)
            })
        };
        let learner =
            if has_threads { Workload::timed_threads("w", setup) } else { Workload::timed("w", setup) };
        let why = broken(learner, plain(has_threads));
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(why.contains("threads that the lab's code left behind"), "{why}");
    }
}

/// A thread that only waits takes nothing from the reference, and threads of a round that were joined are no
/// intruders.
#[test]
fn a_waiting_thread_is_allowed() {
    let _alone = ONE_AT_A_TIME.lock();
    let learner = Workload::timed("w", || {
        std::thread::spawn(|| {
            loop {
                std::thread::park();
            }
        });
        Box::new(|| {
            black_box(work(100));
            Digest::of(7)
        })
    });
    ratio(&measure(vec![learner], vec![plain(false)], &config())[0].value);
    let joined = || {
        Workload::timed_threads("w", || {
            Box::new(|| {
                let thread = std::thread::spawn(|| black_box(work(100)));
                Digest::of(thread.join().expect("it returns"))
            })
        })
    };
    ratio(&measure(vec![joined()], vec![joined()], &config())[0].value);
}

/// The clock of the measuring thread does not see the work that a round gives to another thread.
#[test]
fn work_on_another_thread_costs_as_much() {
    let _alone = ONE_AT_A_TIME.lock();
    let learner = Workload::timed("w", || {
        Box::new(|| {
            let thread = std::thread::spawn(|| black_box(work(2_000)));
            black_box(thread.join().expect("it returns"));
            Digest::of(7)
        })
    });
    let (median, _) = ratio(&measure(vec![learner], vec![timed("w", 2_000)], &config())[0].value);
    assert!(median > 0.5, "{median}");
}

/// A process is not seen by any clock of this one.
#[test]
fn a_process_left_running_breaks_the_measurement() {
    let _alone = ONE_AT_A_TIME.lock();
    let child = std::process::Command::new("sleep").arg("60").spawn();
    let mut child = child.expect("there is a program called sleep");
    let why = broken(plain(false), plain(false));
    child.kill().expect("it runs");
    child.wait().expect("it was killed");
    assert!(why.contains("started a process"), "{why}");
}

/// The program that runs these tests allocates too, in a thread of its own, so one of some attempts counts.
#[test]
fn allocations_are_counted() {
    let _alone = ONE_AT_A_TIME.lock();
    let counted = || {
        let (counts, kept) = testkit::alloc::count_with(|| {
            drop(black_box(vec![1u8; 10_000]));
            black_box(vec![2u8; 500])
        });
        let grown = testkit::alloc::count(|| black_box((0..1_000u32).collect::<Vec<_>>()));
        let live = (counts.live_bytes, kept.len());
        ((counts.allocations, counts.bytes, counts.peak_bytes), live, grown.allocations)
    };
    let expected = ((2, 10_500, 10_000), (500, 500), 1);
    let found: Vec<_> = (0..100).map(|_| counted()).collect();
    assert!(found.contains(&expected), "{:?}", found[0]);
}
