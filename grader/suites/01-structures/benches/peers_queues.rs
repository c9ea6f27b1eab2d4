//! Our queue, channel and cache beside libraries in common use, for the table in the handout:
//!
//! ```sh
//! cargo bench --manifest-path solutions/Cargo.toml -p structures-suite \
//!     --no-default-features --bench peers_queues
//! ```
//!
//! (Without the default features locks and atomics are the standard ones, as in a learner's own build.)
//!
//! The same work on both sides. Channels are measured by the processor time of all threads: a thread that
//! sleeps costs nothing, one that spins does.

use std::collections::VecDeque;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::thread;

use foldhash::fast::FixedState;
use structures::channel::bounded;
use structures::{LruCache, RingQueue};
use testkit::perf::Peers;

/// Pushes and pops a round.
const OPS: u64 = 200_000;

/// Values a round through a channel, over all senders.
const VALUES: u64 = 200_000;

/// Entries of the caches.
const ENTRIES: u64 = 262_144;

/// A round of pushes at the back, each followed by a pop at the front.
macro_rules! churn {
    ($new:expr) => {
        || {
            let mut queue = $new;
            queue.extend(0..1_000u64);
            Box::new(move || {
                for value in 0..OPS {
                    queue.push_back(value);
                    black_box(queue.pop_front());
                }
            })
        }
    };
}

/// A round that fills an empty queue.
macro_rules! fill {
    ($new:expr) => {
        || {
            Box::new(|| {
                let mut queue = $new;
                for value in 0..OPS {
                    queue.push_back(value);
                }
                black_box(queue.len());
            })
        }
    };
}

/// A round that sums the elements of a full queue, ten times.
macro_rules! sum {
    ($new:expr) => {
        || {
            let mut queue = $new;
            queue.extend(0..OPS);
            Box::new(move || {
                for _ in 0..10 {
                    black_box(black_box(&queue).iter().sum::<u64>());
                }
            })
        }
    };
}

/// A round that passes values from `$pairs` senders to as many receivers.
macro_rules! pass {
    ($bounded:path, $pairs:expr, $capacity:expr) => {
        || {
            Box::new(|| {
                let (sender, receiver) = $bounded($capacity);
                let mut threads = Vec::new();
                for _ in 0..$pairs {
                    let (sender, receiver) = (sender.clone(), receiver.clone());
                    threads.push(thread::spawn(move || {
                        (0..VALUES / $pairs).filter(|value| sender.send(*value).is_ok()).count() as u64
                    }));
                    threads.push(thread::spawn(move || receiver.iter().sum::<u64>()));
                }
                drop((sender, receiver));
                for thread in threads {
                    black_box(thread.join().unwrap_or(0));
                }
            })
        }
    };
}

fn ours() -> LruCache<u64, u64, FixedState> {
    let mut cache = LruCache::with_hasher(ENTRIES as usize, FixedState::default());
    for key in 0..ENTRIES {
        let _ = cache.put(key, key);
    }
    cache
}

fn crate_lru() -> lru::LruCache<u64, u64, FixedState> {
    let capacity = NonZeroUsize::new(ENTRIES as usize).expect("not zero");
    let mut cache = lru::LruCache::with_hasher(capacity, FixedState::default());
    for key in 0..ENTRIES {
        cache.push(key, key);
    }
    cache
}

/// A round of hits in no particular order.
macro_rules! hit {
    ($new:expr) => {
        || {
            let mut cache = $new;
            let mut at = 1u64;
            Box::new(move || {
                for _ in 0..OPS {
                    at ^= at << 13;
                    at ^= at >> 7;
                    at ^= at << 17;
                    black_box(cache.get(&(at % ENTRIES)));
                }
            })
        }
    };
}

/// A round of new keys, each of which evicts an old one.
macro_rules! evict {
    ($new:expr, $put:ident) => {
        || {
            let mut cache = $new;
            let mut next = ENTRIES;
            Box::new(move || {
                for _ in 0..OPS {
                    let _ = black_box(cache.$put(next, next));
                    next += 1;
                }
            })
        }
    };
}

fn main() {
    Peers::new("RingQueue of u64")
        .row("push_back + pop_front", churn!(RingQueue::new()))
        .against("VecDeque", churn!(VecDeque::new()))
        .row("fill from empty", fill!(RingQueue::new()))
        .against("VecDeque", fill!(VecDeque::new()))
        .row("iterate", sum!(RingQueue::new()))
        .against("VecDeque", sum!(VecDeque::new()))
        .print();
    Peers::new("Channel of u64")
        .threads()
        .row("capacity 1024, 1p1c", pass!(bounded, 1, 1_024))
        .against("crossbeam", pass!(crossbeam_channel::bounded, 1, 1_024))
        .against("flume", pass!(flume::bounded, 1, 1_024))
        .row("capacity 1024, 4p4c", pass!(bounded, 4, 1_024))
        .against("crossbeam", pass!(crossbeam_channel::bounded, 4, 1_024))
        .against("flume", pass!(flume::bounded, 4, 1_024))
        .row("capacity 16, 4p4c", pass!(bounded, 4, 16))
        .against("crossbeam", pass!(crossbeam_channel::bounded, 4, 16))
        .against("flume", pass!(flume::bounded, 4, 16))
        .print();
    Peers::new("LruCache of 262,144 u64, foldhash on both sides")
        .row("get, hit", hit!(ours()))
        .against("lru", hit!(crate_lru()))
        .row("put that evicts", evict!(ours(), put))
        .against("lru", evict!(crate_lru(), push))
        .print();
}
