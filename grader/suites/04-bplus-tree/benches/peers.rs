//! The tree beside what people use, for the table in the handout:
//!
//! `cargo bench --manifest-path solutions/Cargo.toml -p bplus-tree-peers`
//!
//! The same work on both sides: a million keys of 8 bytes in mixed order, each with a value of 6 bytes (for
//! us, a record id), everything in memory, and nobody has to make anything durable:
//!
//! - ours: a pool that holds all pages, over a disk in memory;
//! - redb: its backend in memory, a cache of 1 GiB, no durability;
//! - SQLite: a database in memory, a table without row ids, neither journal nor sync, prepared statements;
//! - LMDB: a file of the system's cache, mapped for writing, no sync.
//!
//! All of them can do more than our tree at this point of the course: transactions and snapshots, in one
//! round of work one of each here. LMDB reads from its map without a copy, and without a latch or a checksum.

mod peers {
    pub(crate) mod lmdb;
    pub(crate) mod ours;
    pub(crate) mod redb;
    pub(crate) mod sqlite;
}

use std::hint::black_box;

use testkit::perf::Peers;

use peers::{lmdb::Lmdb, ours::Ours, redb::Redb, sqlite::Sqlite};

/// Entries of each tree.
const ENTRIES: u64 = 1_000_000;
/// Keys looked up a round.
const GETS: u64 = 100_000;
/// Entries given by each range, and ranges a round.
const RANGE: usize = 100;
const RANGES: u64 = 5_000;

/// A key.
type Key = [u8; 8];
/// What a key stands for.
type Value = [u8; 6];

/// A store of sorted keys.
trait Store: Sized + 'static {
    /// An empty one.
    fn new() -> Self;
    /// Adds entries that are not there yet, in one transaction if there are transactions.
    fn insert(&mut self, entries: impl Iterator<Item = (Key, Value)>);
    /// Looks keys up and adds up the last bytes of their values.
    fn get(&self, keys: impl Iterator<Item = Key>) -> u64;
    /// For each key, adds up the last bytes of the values of the [`RANGE`] entries from there on.
    fn range(&self, keys: impl Iterator<Item = Key>) -> u64;
}

/// Key number `n`: mixed, so that they come in no order.
fn key(n: u64) -> Key {
    let mixed = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb)).to_be_bytes()
}

/// The value of key number `n`.
fn value(n: u64) -> Value {
    let [_, _, value @ ..] = (n + (1 << 20)).to_be_bytes();
    value
}

/// The first `count` numbers of the entries, in an order that is neither the one of insertion nor of the
/// keys.
fn others(count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(|n| n * 700_001 % ENTRIES)
}

/// A store with all entries.
fn full<S: Store>() -> S {
    let mut store = S::new();
    store.insert((0..ENTRIES).map(|n| (key(n), value(n))));
    store
}

/// A round that looks up keys that are there.
fn get<S: Store>() -> Box<dyn FnMut()> {
    let store = full::<S>();
    let expected: u64 = others(GETS).map(|n| u64::from(value(n)[5])).sum();
    Box::new(move || assert_eq!(store.get(others(GETS).map(key)), expected))
}

/// A round that looks up keys that are not there.
fn miss<S: Store>() -> Box<dyn FnMut()> {
    let store = full::<S>();
    Box::new(move || assert_eq!(store.get(others(GETS).map(|n| key(n + ENTRIES))), 0))
}

/// A round of short ranges.
fn range<S: Store>() -> Box<dyn FnMut()> {
    let store = full::<S>();
    Box::new(move || {
        black_box(store.range(others(RANGES).map(key)));
    })
}

/// A round that fills an empty store.
fn insert<S: Store>() -> Box<dyn FnMut()> {
    Box::new(|| {
        black_box(full::<S>());
    })
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    type Setup = fn() -> Box<dyn FnMut()>;
    let rows: [(&str, u32, [Setup; 4]); 4] = [
        ("get", 21, [get::<Ours>, get::<Redb>, get::<Sqlite>, get::<Lmdb>]),
        ("get, not there", 21, [miss::<Ours>, miss::<Redb>, miss::<Sqlite>, miss::<Lmdb>]),
        ("range of 100", 21, [range::<Ours>, range::<Redb>, range::<Sqlite>, range::<Lmdb>]),
        ("insert", 5, [insert::<Ours>, insert::<Redb>, insert::<Sqlite>, insert::<Lmdb>]),
    ];
    for (name, pairs, [ours, redb, sqlite, lmdb]) in rows {
        if wanted.is_empty() || wanted.iter().any(|word| name.contains(word)) {
            Peers::new("B+Tree of 1,000,000 keys of 8 bytes, in memory")
                .pairs(pairs)
                .row(name, boxed(ours))
                .against("redb", boxed(redb))
                .against("SQLite", boxed(sqlite))
                .against("LMDB", boxed(lmdb))
                .print();
        }
    }
}

/// A setup as [`Peers`] wants it.
fn boxed(setup: fn() -> Box<dyn FnMut()>) -> impl Fn() -> Box<Box<dyn FnMut()>> {
    move || Box::new(setup())
}
