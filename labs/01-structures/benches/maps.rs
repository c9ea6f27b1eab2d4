//! Hash map and B-tree of lab 1 beside std's: `cargo bench -p structures-benches --bench maps`.
//!
//! Each name is operation/structure; criterion prints the time of one operation's batch and, from the second
//! run on, how it changed. Add a filter to run less: `-- map-hit`.

use std::collections::{BTreeMap, HashMap as StdMap};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use structures::{BTree, HashMap};

/// Entries of each structure: more than the second-level cache holds.
const ENTRIES: u64 = 100_000;

/// A number that looks random, the same each time.
fn key(n: u64) -> u64 {
    let mixed = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

fn pairs() -> impl Iterator<Item = (u64, u64)> {
    (0..ENTRIES).map(|n| (key(n), n))
}

/// How many of all keys `remove` finds.
fn removed(mut remove: impl FnMut(u64) -> Option<u64>) -> usize {
    pairs().filter(|(key, _)| remove(*key).is_some()).count()
}

/// Both maps with their default hasher, which is the same.
fn hash_maps(criterion: &mut Criterion) {
    let ours: HashMap<u64, u64> = pairs().collect();
    let std: StdMap<u64, u64> = pairs().collect();
    let mut group = criterion.benchmark_group("map-hit");
    group.bench_function("ours", |b| b.iter(|| pairs().filter(|(key, _)| ours.contains_key(key)).count()));
    group.bench_function("std", |b| b.iter(|| pairs().filter(|(key, _)| std.contains_key(key)).count()));
    group.finish();
    let mut group = criterion.benchmark_group("map-insert");
    group.bench_function("ours", |b| b.iter(|| pairs().collect::<HashMap<u64, u64>>()));
    group.bench_function("std", |b| b.iter(|| pairs().collect::<StdMap<u64, u64>>()));
    group.finish();
    let mut group = criterion.benchmark_group("map-remove");
    group.bench_function("ours", |b| {
        b.iter_batched_ref(|| ours.clone(), |map| removed(|key| map.remove(&key)), BatchSize::LargeInput);
    });
    group.bench_function("std", |b| {
        b.iter_batched_ref(|| std.clone(), |map| removed(|key| map.remove(&key)), BatchSize::LargeInput);
    });
    group.finish();
}

/// The tree at a few orders beside std's.
fn trees(criterion: &mut Criterion) {
    let grown = |order: usize| {
        let mut tree = BTree::with_order(order);
        tree.extend(pairs());
        tree
    };
    let std: BTreeMap<u64, u64> = pairs().collect();
    let orders = [4, 8, 32, 128];
    let mut group = criterion.benchmark_group("tree-get");
    for order in orders {
        let tree = grown(order);
        group.bench_function(format!("order {order}"), |b| {
            b.iter(|| pairs().filter(|(key, _)| tree.contains_key(key)).count());
        });
    }
    group.bench_function("std", |b| b.iter(|| pairs().filter(|(key, _)| std.contains_key(key)).count()));
    group.finish();
    let mut group = criterion.benchmark_group("tree-insert");
    for order in orders {
        group.bench_function(format!("order {order}"), |b| b.iter(|| grown(order)));
    }
    group.bench_function("std", |b| b.iter(|| pairs().collect::<BTreeMap<u64, u64>>()));
    group.finish();
    let mut group = criterion.benchmark_group("tree-scan");
    for order in orders {
        let tree = grown(order);
        group.bench_function(format!("order {order}"), |b| {
            b.iter(|| tree.iter().map(|(_, value)| *value).sum::<u64>())
        });
    }
    group.bench_function("std", |b| b.iter(|| std.values().sum::<u64>()));
    group.finish();
}

criterion_group! {
    name = maps;
    config = Criterion::default().sample_size(10);
    targets = hash_maps, trees
}
criterion_main!(maps);
