//! Task 1.5: inserts, lookups, removes and ranges beside the reference, and comparisons counted.

use std::hint::black_box;

use structures::BTree;
use testkit::counted::{self, CountedKey};
use testkit::perf::{Digest, Workload};

/// Entries of the trees: three levels at the default order.
const ENTRIES: u64 = 30_000;

/// The workloads of this task; ids as in `lab.toml`.
pub(crate) fn workloads() -> Vec<Workload> {
    vec![
        Workload::timed("btree-insert", || {
            Box::new(|| {
                let tree = filled();
                let mut digest = Digest::of(tree.len() as u64);
                (0..ENTRIES).step_by(64).for_each(|n| digest.add(tree.get(&key(n)).map_or(0, |n| n + 1)));
                digest
            })
        }),
        Workload::timed("btree-get", || {
            let tree = filled();
            Box::new(move || {
                let mut digest = Digest::new();
                for n in 0..ENTRIES {
                    digest.add(tree.get(&key(n * 31 % ENTRIES)).map_or(0, |n| n + 1));
                }
                digest
            })
        }),
        Workload::timed("btree-churn", || {
            let mut tree = filled();
            let mut oldest = 0;
            Box::new(move || {
                let mut digest = Digest::new();
                for _ in 0..ENTRIES / 2 {
                    digest.add(tree.remove(&key(oldest)).map_or(0, |n| n + 1));
                    tree.insert(key(oldest + ENTRIES), oldest);
                    oldest += 1;
                }
                digest.add(tree.len() as u64);
                digest
            })
        }),
        Workload::timed("btree-range", || {
            let tree = filled();
            Box::new(move || {
                let mut digest = Digest::new();
                for n in 0..1_500 {
                    let start = key(n * 17);
                    tree.range(start..).take(100).for_each(|(_, value)| digest.add(*value));
                    tree.range(..start).rev().take(100).for_each(|(_, value)| digest.add(*value));
                }
                digest
            })
        }),
        Workload::counted("btree-visits", visits),
    ]
}

/// Mixes the numbers, so that keys come in no order.
fn key(n: u64) -> u64 {
    let mixed = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

fn filled() -> BTree<u64, u64> {
    let mut tree = BTree::new();
    for n in 0..ENTRIES {
        tree.insert(key(n), n);
    }
    tree
}

/// Comparisons a lookup in a tree of order 2 that has grown and shrunk, for each of the levels that T3 and
/// T4 allow at most for its length. Nodes of order 2 have three keys at most, so this stands for the
/// nodes visited, which cannot be counted from outside.
fn visits() -> f64 {
    let (grown, left) = (20_000, 2_000);
    let mut tree = BTree::with_order(2);
    for n in 0..grown {
        tree.insert(CountedKey(key(n)), n);
    }
    for n in left..grown {
        tree.remove(&CountedKey(key(n)));
    }
    counted::take();
    let found = (0..2 * left).filter(|n| tree.contains_key(&CountedKey(key(*n)))).count();
    black_box(found);
    let counts = counted::take();
    let levels = 1 + u64::from(left.div_ceil(2).ilog2());
    (counts.cmps + counts.eqs) as f64 / (2 * left * levels) as f64
}
