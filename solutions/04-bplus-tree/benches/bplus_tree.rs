//! How fast lab 4 is: `cargo bench -p bplus-tree-benches`, or with a word after it, such as
//! `-- range`, to run only what has that word in its name. All pages fit into the pool.

use std::cell::Cell;
use std::hint::black_box;
use std::ops::Bound;

use bplus_tree::{BPlusTree, Direction, KeyMode, Latching};
use buffer_pool::{BufferPool, RecordId};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use kit::disk::MemDisk;
use kit::sync::Arc;
use slotted_page::{DiskManager, PageId, SlotId};

criterion_group!(benches, searches, changes, walks, bulk);
criterion_main!(benches);

/// Entries of a tree.
const ENTRIES: u64 = 100_000;
/// Entries given by a short range.
const RANGE: usize = 100;

/// An empty pool of 16 MiB.
fn pool() -> BufferPool {
    let disk = DiskManager::create(Arc::new(MemDisk::new())).expect("memory has room");
    BufferPool::new(disk, 4_096).expect("there are frames")
}

/// Number `n` mixed, so that keys come in no order.
fn mixed(n: u64) -> [u8; 8] {
    let mixed = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9).to_be_bytes()
}

/// The record id for a number.
fn record(n: u64) -> RecordId {
    RecordId { page: PageId(4 + (n / 100) as u32), slot: SlotId((n % 100) as u16) }
}

/// A tree of mixed keys.
fn full(pool: &BufferPool) -> BPlusTree {
    let tree = BPlusTree::create(pool, KeyMode::Unique).expect("memory has room");
    for n in 0..ENTRIES {
        tree.insert(pool, &mixed(n), record(n)).expect("keys differ");
    }
    tree
}

/// The numbers of the entries, over and over, in another order than they were inserted.
fn numbers() -> impl Fn() -> u64 {
    let next = Cell::new(0);
    move || {
        next.set((next.get() + 70_001) % ENTRIES);
        next.get()
    }
}

/// Task 4.1.
fn searches(criterion: &mut Criterion) {
    let pool = pool();
    let tree = full(&pool);
    let next = numbers();
    criterion.bench_function("tree/get", |bencher| bencher.iter(|| tree.get(&pool, &mixed(next()))));
    criterion.bench_function("tree/get what is not there", |bencher| {
        bencher.iter(|| tree.get(&pool, &mixed(ENTRIES + next())));
    });
}

/// Tasks 4.2, 4.3 and 4.6: an entry goes and comes again, with both ways to latch.
fn changes(criterion: &mut Criterion) {
    for (name, latching) in [("whole path", Latching::WholePath), ("optimistic", Latching::Optimistic)] {
        let pool = pool();
        let tree = full(&pool).with_latching(latching);
        let next = numbers();
        criterion.bench_function(&format!("tree/remove and insert, {name}"), |bencher| {
            bencher.iter(|| {
                let n = next();
                black_box(tree.remove(&pool, &mixed(n), record(n)).expect("it is there"));
                tree.insert(&pool, &mixed(n), record(n)).expect("it is gone");
            });
        });
    }
    criterion.bench_function("tree/fill with 100,000 entries", |bencher| {
        bencher.iter_batched_ref(pool, |pool| full(pool), BatchSize::LargeInput);
    });
}

/// Task 4.4.
fn walks(criterion: &mut Criterion) {
    let pool = pool();
    let tree = full(&pool);
    let next = numbers();
    let mut group = criterion.benchmark_group("tree/walk");
    for (name, direction) in [("forward", Direction::Forward), ("backward", Direction::Backward)] {
        group.throughput(Throughput::Elements(RANGE as u64));
        group.bench_function(format!("{RANGE} entries {name}"), |bencher| {
            bencher.iter(|| {
                let key = mixed(next());
                let bounds = match direction {
                    Direction::Forward => (Bound::Included(&key[..]), Bound::Unbounded),
                    Direction::Backward => (Bound::Unbounded, Bound::Included(&key[..])),
                };
                let mut range = tree.range(&pool, bounds, direction).expect("memory does not fail");
                for _ in 0..RANGE {
                    black_box(range.next_entry().expect("memory does not fail"));
                }
            });
        });
        group.throughput(Throughput::Elements(ENTRIES));
        group.bench_function(format!("all entries {name}"), |bencher| {
            bencher.iter(|| {
                let mut range = tree.range(&pool, .., direction).expect("memory does not fail");
                while let Some(entry) = range.next_entry().expect("memory does not fail") {
                    black_box(entry);
                }
            });
        });
    }
    group.finish();
}

/// Task 4.5.
fn bulk(criterion: &mut Criterion) {
    let mut keys: Vec<[u8; 8]> = (0..ENTRIES).map(mixed).collect();
    keys.sort_unstable();
    criterion.bench_function("tree/bulk load of 100,000 entries", |bencher| {
        bencher.iter_batched_ref(
            pool,
            |pool| {
                BPlusTree::bulk_load(
                    pool,
                    KeyMode::Unique,
                    90,
                    keys.iter().zip(0..).map(|(key, n)| (key, record(n))),
                )
            },
            BatchSize::LargeInput,
        );
    });
}
