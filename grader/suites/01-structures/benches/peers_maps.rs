//! Our hash map and B-tree beside libraries in common use, for the table in the handout:
//!
//! `cargo bench --manifest-path solutions/Cargo.toml -p structures-suite --bench peers_maps`
//!
//! The same work on both sides: a million `u64` keys in mixed order, the hash maps with the same hasher.

use std::collections::{BTreeMap, HashMap as StdMap};
use std::hint::black_box;

use foldhash::fast::FixedState;
use structures::{BTree, HashMap};
use testkit::perf::Peers;

/// Entries of each structure.
const ENTRIES: u64 = 1_000_000;

/// Entries given by each range, and ranges a round.
const RANGE: usize = 100;
const RANGES: u64 = 10_000;

type Ours = HashMap<u64, u64, FixedState>;
type Std = StdMap<u64, u64, FixedState>;
type Brown = hashbrown::HashMap<u64, u64, FixedState>;

/// Mixes the numbers, so that keys come in no order.
fn key(n: u64) -> u64 {
    let mixed = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb)
}

/// The numbers below `ENTRIES` in an order that is not the one of insertion.
fn others() -> impl Iterator<Item = u64> {
    (0..ENTRIES).map(|n| n * 700_001 % ENTRIES)
}

/// A round that fills an empty structure.
macro_rules! insert {
    ($new:expr) => {
        || {
            Box::new(|| {
                let mut map = $new;
                for n in 0..ENTRIES {
                    map.insert(key(n), n);
                }
                black_box(map.len());
            })
        }
    };
}

/// A round that looks up as many keys as there are entries, the first of them number `$from`.
macro_rules! get {
    ($new:expr, $from:expr) => {
        || {
            let mut map = $new;
            map.extend((0..ENTRIES).map(|n| (key(n), n)));
            Box::new(move || {
                black_box(others().filter(|n| map.get(&key($from + n)).is_some()).count());
            })
        }
    };
}

/// A round that replaces every key by another one.
macro_rules! churn {
    ($new:expr) => {
        || {
            let mut map = $new;
            map.extend((0..ENTRIES).map(|n| (key(n), n)));
            let mut base = 0;
            Box::new(move || {
                for n in others() {
                    map.remove(&key(base + n));
                    map.insert(key(base + ENTRIES + n), n);
                }
                base += ENTRIES;
                black_box(map.len());
            })
        }
    };
}

/// A round of short ranges from keys that are in the tree.
macro_rules! range {
    ($new:expr) => {
        || {
            let mut tree = $new;
            tree.extend((0..ENTRIES).map(|n| (key(n), n)));
            Box::new(move || {
                let values =
                    |n: u64| tree.range(key(n * 97)..).take(RANGE).map(|(_, value)| *value).sum::<u64>();
                black_box((0..RANGES).map(values).sum::<u64>());
            })
        }
    };
}

fn hash_maps() {
    Peers::new("HashMap of 1,000,000 u64, foldhash on both sides")
        .row("insert", insert!(Ours::default()))
        .against("hashbrown", insert!(Brown::default()))
        .against("std", insert!(Std::default()))
        .row("get, hit", get!(Ours::default(), 0))
        .against("hashbrown", get!(Brown::default(), 0))
        .against("std", get!(Std::default(), 0))
        .row("get, miss", get!(Ours::default(), ENTRIES))
        .against("hashbrown", get!(Brown::default(), ENTRIES))
        .against("std", get!(Std::default(), ENTRIES))
        .row("remove + insert", churn!(Ours::default()))
        .against("hashbrown", churn!(Brown::default()))
        .against("std", churn!(Std::default()))
        .pairs(11)
        .print();
}

fn trees() {
    Peers::new("BTree of 1,000,000 u64")
        .row("insert", insert!(BTree::new()))
        .against("std BTreeMap", insert!(BTreeMap::new()))
        .row("get", get!(BTree::new(), 0))
        .against("std BTreeMap", get!(BTreeMap::new(), 0))
        .row("range of 100", range!(BTree::new()))
        .against("std BTreeMap", range!(BTreeMap::new()))
        .row("remove + insert", churn!(BTree::new()))
        .against("std BTreeMap", churn!(BTreeMap::new()))
        .pairs(11)
        .print();
}

fn main() {
    hash_maps();
    trees();
}
