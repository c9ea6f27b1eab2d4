//! What operations cost, in hashes, comparisons and bytes: exact, so no clock is needed.

use std::hash::BuildHasher;

use structures::HashMap;
use testkit::counted::{self, CountedKey};
use testkit::hashers::{Collide, CountingHasher, Seeded};
use testkit::{alloc, check, check_eq, scene, step};

/// A lookup compares its key with few others, in a map of any size; the limit of eight on average is high.
#[testkit::test]
fn a_lookup_compares_few_keys() {
    for n in [100u64, 1_000, 20_000] {
        let mut map: HashMap<CountedKey, u64, Seeded> = (0..n).map(|key| (CountedKey(key), key)).collect();
        counted::take();
        check!((0..n).all(|key| map.get(&CountedKey(key)) == Some(&key)), "all of {n} keys are found");
        let hits = counted::take().eqs;
        check!(hits >= n && hits <= 8 * n, "{hits} comparisons for {n} lookups that hit (at most 8 each)");
        check!((n..2 * n).all(|key| !map.contains_key(&CountedKey(key))), "absent keys are not found");
        let misses = counted::take().eqs;
        check!(misses <= 8 * n, "{misses} comparisons for {n} lookups that miss (at most 8 each)");
        for key in 0..n {
            map.remove(&CountedKey(key));
        }
        let removes = counted::take().eqs;
        check!(removes <= 8 * n, "{removes} comparisons for {n} removes (at most 8 each)");
    }
}

/// Growing costs a constant number of hashes an insert in the long run: a table that grows by a fixed
/// amount, or too early, hashes every key again and again.
#[testkit::test]
fn growth_is_amortised() {
    let hasher = CountingHasher::new();
    let mut map = HashMap::with_hasher(hasher.clone());
    let n = 50_000u64;
    for key in 0..n {
        map.insert(key, key);
    }
    check_eq!(map.len() as u64, n, "len");
    let hashes = hasher.hashes();
    check!(hashes <= 6 * n, "{hashes} hashes for {n} inserts into a map that grows (at most 6 each)");
}

/// Alternating inserts and removes cost a constant number of hashes: a remove must make its slot usable
/// again, or the table is rebuilt more and more often.
#[testkit::test]
fn churn_costs_constant_hashes() {
    for live in [1u64, 3, 7, 100, 447, 448, 1_000] {
        let hasher = CountingHasher::new();
        let mut map = HashMap::with_hasher(hasher.clone());
        for key in 0..live {
            map.insert(key, ());
        }
        let before = hasher.hashes();
        let rounds = 20_000;
        for key in live..live + rounds {
            check_eq!(
                map.remove(&(key - live)),
                Some(()),
                "remove({}), the oldest of {live} keys",
                key - live
            );
            map.insert(key, ());
        }
        let hashes = hasher.hashes() - before;
        check!(
            hashes <= 8 * 2 * rounds,
            "{hashes} hashes for {rounds} removes and inserts at {live} entries (at most 8 an operation)"
        );
    }
}

/// If the number of entries stays constant, the map does not grow, for any number of inserts and removes:
/// freed slots are used again.
#[testkit::test]
fn churn_does_not_grow_the_map() {
    for live in [10u64, 500, 1_000] {
        let mut map: HashMap<u64, u64, Seeded> = HashMap::default();
        let (filled, ()) = alloc::count_with(|| {
            for key in 0..live {
                map.insert(key, key);
            }
        });
        let churned = alloc::count(|| {
            for key in live..live + 60_000 {
                map.remove(&(key - live));
                map.insert(key, key);
            }
        });
        check_eq!(map.len() as u64, live, "len after 60000 removes and inserts");
        // Room for one growth by four, with the old table and a vector of entries beside the new one. A map
        // that never uses a freed slot again grows more than twenty times.
        let (held, grown) = (filled.live_bytes.max(4096), churned.peak_bytes);
        check!(
            grown as i64 <= 8 * held,
            "{grown} bytes more at the peak of churning {live} entries that took {held} bytes (at most 8 times)"
        );
    }
}

/// If the entries take at most half of the capacity, exactly half included, the map removes its tombstones
/// and does not grow.
#[testkit::test]
fn tombstones_alone_do_not_grow_the_map() {
    keeps_its_capacity(Seeded(1), 20_000);
    keeps_its_capacity(Collide, 2_000);
}

fn keeps_its_capacity<S: BuildHasher>(hasher: S, rounds: u64) {
    scene::clear();
    scene::invariant("H4", "growth_left = 7 * groups - full - deleted, and a rehash sweeps the deleted");
    let mut map = HashMap::with_capacity_and_hasher(112, hasher);
    let capacity = map.capacity();
    let live = capacity as u64 / 2;
    step!(
        "map of capacity {capacity} with {live} keys; then remove the oldest key and insert a new one, ..."
    );
    for key in 0..live {
        map.insert(key, ());
    }
    for key in live..live + rounds {
        map.remove(&(key - live));
        map.insert(key, ());
        check_eq!(
            map.capacity(),
            capacity,
            "capacity after {} removes and inserts at {live} entries",
            key - live + 1
        );
    }
}

/// A key that is removed and inserted again takes no more room each time: the slot that a remove frees, or
/// the tombstone, is used again, so the table is never rebuilt.
#[testkit::test]
fn a_key_that_comes_and_goes_costs_its_own_hashes_only() {
    costs_its_own_hashes_only(Seeded(1));
    costs_its_own_hashes_only(Collide);
}

fn costs_its_own_hashes_only<S: BuildHasher>(hasher: S) {
    const ROUNDS: u64 = 200;
    let mut map = HashMap::with_capacity_and_hasher(112, hasher);
    for key in 0..50 {
        map.insert(CountedKey(key), ());
    }
    for key in 0..50 {
        scene::clear();
        scene::invariant("H4", "growth_left = 7 * groups - full - deleted");
        step!("map of capacity {} with the keys 0..50", map.capacity());
        step!("map.remove({key}); map.insert({key});  // {ROUNDS} times");
        counted::take();
        for _ in 0..ROUNDS {
            check_eq!(map.remove(&CountedKey(key)), Some(()), "remove({key})");
            check_eq!(map.insert(CountedKey(key), ()), None, "insert({key}) after its removal");
        }
        let hashes = counted::take().hashes;
        check_eq!(hashes, 2 * ROUNDS, "hashes for {ROUNDS} times remove({key}) and insert({key})");
    }
}

/// Hashing costs time: lookups, inserts with room, and removes hash the key once, and no other key.
#[testkit::test]
fn hashes_each_key_once_an_operation() {
    let hasher = CountingHasher::new();
    let mut map = HashMap::with_capacity_and_hasher(2_000, hasher.clone());
    for key in 0..1_000u64 {
        map.insert(key, key);
    }
    check_eq!(hasher.hashes(), 1_000, "hashes for 1000 inserts within the capacity");
    for key in 0..1_000u64 {
        map.get(&key);
        map.insert(key, key + 1);
    }
    check_eq!(hasher.hashes(), 3_000, "hashes after 1000 lookups and 1000 inserts over present keys");
    for key in 0..1_000u64 {
        check_eq!(map.remove(&key), Some(key + 1), "remove({key})");
    }
    check_eq!(hasher.hashes(), 4_000, "hashes after 1000 removes");
}
