//! Task 1.2: values sent and received by one thread beside the reference.
//!
//! With several threads the time depends on how often the kernel puts one to sleep and wakes it: the same
//! code measured 40 times the reference on one day and 600 times on another. So no thread waits here. Whether
//! a channel wakes the threads that wait is what the tests ask.

use structures::channel::bounded;
use testkit::perf::{Digest, Workload};

/// Values that the channel holds.
const CAPACITY: u64 = 4_096;

/// How often the channel is filled and emptied in a round.
const FILLS: u64 = 16;

/// The workloads of this task; ids as in `lab.toml`.
pub(crate) fn workloads() -> Vec<Workload> {
    vec![Workload::timed("channel-fill", || {
        let (sender, receiver) = bounded(CAPACITY as usize);
        Box::new(move || {
            let mut digest = Digest::new();
            for _ in 0..FILLS {
                let sent = (0..CAPACITY).filter(|value| sender.send(*value).is_ok()).count();
                digest.add(sent as u64);
                (0..sent).filter_map(|_| receiver.recv().ok()).for_each(|value| digest.add(value));
            }
            digest
        })
    })]
}
