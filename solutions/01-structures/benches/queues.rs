//! Queue, channel and cache of lab 1: `cargo bench -p structures-benches --bench queues`.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use kit::sync::thread;
use structures::channel::bounded;
use structures::{LruCache, LruK, RingQueue};

/// Values through a channel in one measurement.
const VALUES: u64 = 20_000;

/// Entries of the cache.
const ENTRIES: u64 = 262_144;

fn ring_queue(c: &mut Criterion) {
    let mut group = c.benchmark_group("ring queue");
    group.bench_function("push_back + pop_front", |b| {
        let mut queue: RingQueue<u64> = (0..1_000).collect();
        b.iter(|| {
            queue.push_back(black_box(1));
            queue.pop_front()
        });
    });
    group.throughput(Throughput::Elements(10_000));
    group.bench_function("fill with 10,000", |b| {
        b.iter_with_large_drop(|| (0..10_000u64).collect::<RingQueue<u64>>());
    });
    group.bench_function("iterate over 10,000", |b| {
        let queue: RingQueue<u64> = (0..10_000).collect();
        b.iter(|| black_box(&queue).iter().sum::<u64>());
    });
    group.finish();
}

fn channel(c: &mut Criterion) {
    let mut group = c.benchmark_group("channel");
    group.throughput(Throughput::Elements(VALUES));
    for (capacity, pairs) in [(1_024, 1), (1_024, 4), (16, 4), (0, 1)] {
        group.bench_function(format!("capacity {capacity}, {pairs} senders, {pairs} receivers"), |b| {
            b.iter(|| pass_values(capacity, pairs));
        });
    }
    group.finish();
}

/// Passes all values from `pairs` senders to as many receivers.
fn pass_values(capacity: usize, pairs: u64) -> u64 {
    let (sender, receiver) = bounded(capacity);
    let mut receiving = Vec::new();
    for _ in 0..pairs {
        let (sender, receiver) = (sender.clone(), receiver.clone());
        thread::spawn(move || (0..VALUES / pairs).all(|value| sender.send(value).is_ok()));
        receiving.push(thread::spawn(move || receiver.iter().sum::<u64>()));
    }
    drop((sender, receiver));
    receiving.into_iter().filter_map(|thread| thread.join().ok()).sum()
}

fn lru(c: &mut Criterion) {
    let mut group = c.benchmark_group("LRU of 262,144");
    group.bench_function("get, hit", |b| {
        let mut cache = filled();
        let mut key = 0;
        b.iter(|| {
            key = (key + 100_003) % ENTRIES;
            cache.get(&key).copied()
        });
    });
    group.bench_function("put that evicts", |b| {
        let mut cache = filled();
        let mut key = ENTRIES;
        b.iter(|| {
            key += 1;
            cache.put(key, key)
        });
    });
    group.bench_function("LRU-2, access and evict among 4,096 frames", |b| {
        b.iter_batched_ref(
            || {
                let mut replacer = LruK::new(2).expect("2 is a valid K");
                for frame in (0..4_096).chain(0..4_096) {
                    replacer.record_access(frame);
                    replacer.set_evictable(frame, true).expect("an accessed frame is known");
                }
                replacer
            },
            |replacer| {
                for _ in 0..1_000 {
                    let frame = replacer.evict().expect("all frames are evictable");
                    replacer.record_access(frame);
                    replacer.set_evictable(frame, true).expect("an accessed frame is known");
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// A full cache of the keys below `ENTRIES`.
fn filled() -> LruCache<u64, u64> {
    let mut cache = LruCache::new(ENTRIES as usize);
    for key in 0..ENTRIES {
        let _ = cache.put(key, key);
    }
    cache
}

criterion_group!(queues, ring_queue, channel, lru);
criterion_main!(queues);
