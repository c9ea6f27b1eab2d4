//! Task 1.1: pushes and pops in a queue that is full or grows, beside the reference, and memory allocated
//! by growth.

use std::hint::black_box;

use structures::RingQueue;
use testkit::alloc;
use testkit::perf::{Digest, Workload};

/// Operations a round.
const OPS: u64 = 200_000;

/// Pushes into the queue that grows. A pop after every three moves its front, so that growth finds it
/// wrapped.
const GROWTH: u64 = 150_000;

/// The workloads of this task; ids as in `lab.toml`.
pub(crate) fn workloads() -> Vec<Workload> {
    vec![
        Workload::timed("queue-churn", || {
            let mut queue: RingQueue<u64> = (0..1_000).collect();
            Box::new(move || {
                let mut digest = Digest::new();
                for value in 0..OPS {
                    queue.push_back(value);
                    digest.add(queue.pop_front().unwrap_or(OPS));
                    if value % 4 == 0 {
                        queue.push_front(value);
                        digest.add(queue.pop_back().unwrap_or(OPS));
                    }
                }
                let mut growing = RingQueue::new();
                for value in 0..GROWTH {
                    growing.push_back(value);
                    if value % 3 == 0 {
                        digest.add(growing.pop_front().unwrap_or(OPS));
                    }
                }
                queue.iter().for_each(|value| digest.add(*value));
                digest.add(growing.len() as u64);
                digest
            })
        }),
        Workload::counted("queue-growth", || {
            let counts = alloc::count(|| black_box((0..OPS).collect::<RingQueue<u64>>()));
            counts.bytes as f64 / OPS as f64
        }),
    ]
}
