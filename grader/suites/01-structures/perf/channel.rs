//! Task 1.2: values passed between threads beside the reference.

use std::hint::black_box;

use kit::sync::thread;
use structures::channel::bounded;
use testkit::perf::Workload;

/// Values a round, over all senders.
const VALUES: u64 = 100_000;

/// Values the channel holds.
const CAPACITY: usize = 1_024;

/// The workloads of this task; ids as in `lab.toml`.
pub(crate) fn workloads() -> Vec<Workload> {
    vec![
        Workload::timed_threads("channel-1p1c", || Box::new(|| pass_values(1))),
        Workload::timed_threads("channel-4p4c", || Box::new(|| pass_values(4))),
    ]
}

/// Passes all values from `pairs` senders to as many receivers.
fn pass_values(pairs: u64) {
    let (sender, receiver) = bounded(CAPACITY);
    let mut threads = Vec::new();
    for _ in 0..pairs {
        let (sender, receiver) = (sender.clone(), receiver.clone());
        threads.push(thread::spawn(move || {
            (0..VALUES / pairs).filter(|value| sender.send(*value).is_ok()).count() as u64
        }));
        threads.push(thread::spawn(move || receiver.iter().sum::<u64>()));
    }
    drop((sender, receiver));
    for thread in threads {
        black_box(thread.join().unwrap_or(0));
    }
}
