//! The caller's code panics in the middle of an operation: the hash, the comparison or the clone of a key.

use structures::lru::LruCache;
use testkit::drops::{Counted, Ledger};
use testkit::fuse::{Call, Fused, burn};
use testkit::hashers::Collide;
use testkit::{check, check_eq, scene, step};

/// All keys have the same hash, so that they are compared with each other.
type Cache = LruCache<Fused, Counted, Collide>;

/// The ledgers of the keys and of the values: a design may keep a key twice.
#[derive(Default)]
struct Ledgers {
    keys: Ledger,
    values: Ledger,
}

impl Ledgers {
    fn key(&self, key: i64) -> Fused {
        Fused::new(&self.keys, key)
    }

    fn put(&self, cache: &mut Cache, key: i64) {
        let _ = cache.put(self.key(key), self.values.item(key + 1_000));
    }
}

/// A cache of the keys 0..count in this order of use; 1 is pinned.
fn filled(ledgers: &Ledgers, capacity: usize, count: i64) -> Cache {
    let mut cache = LruCache::with_hasher(capacity, Collide);
    for key in 0..count {
        ledgers.put(&mut cache, key);
    }
    if count > 1 {
        check_eq!(cache.pin(&ledgers.key(1)), Ok(()), "pin(1)");
    }
    cache
}

/// The keys by recency. The length, the lookups and the ledger must agree with them.
fn check_sound(cache: &Cache, ledgers: &Ledgers, when: &str) -> Vec<i64> {
    scene::picture(|| cache.dump());
    let keys: Vec<i64> = cache.iter().take(100).map(|(key, _)| key.value()).collect();
    check_eq!(cache.len(), keys.len(), "len(), and the number of entries of iter(), {when}");
    for key in &keys {
        let value = cache.peek(&ledgers.key(*key)).map(Counted::value);
        check_eq!(value, Some(key + 1_000), "peek({key}) {when}");
    }
    ledgers.values.assert_alive(keys.len(), when);
    keys
}

/// One operation on a cache of the keys 0..count.
type Work = fn(&mut Cache, &Ledgers, i64);

/// Does `work`, and lets each call of the caller's code panic in turn. Afterwards the entries must be those
/// of before, in the same order, perhaps without the one that `put` evicts.
fn check_panics(call: Call, what: &str, work: Work) {
    for (capacity, count) in [(4, 0), (4, 3), (4, 4), (8, 8), (40, 7), (40, 14), (40, 28), (40, 30)] {
        for calls in 0..400 {
            scene::clear();
            scene::invariant("L1", "the map and the two lists hold the same keys");
            step!("cache of capacity {capacity} with the keys 0..{count}, 1 is pinned");
            step!("cache.{what}, in which call number {calls} of {call:?} panics");
            let ledgers = Ledgers::default();
            let mut cache = filled(&ledgers, capacity, count);
            let before = check_sound(&cache, &ledgers, "before");
            if burn(call, calls, || work(&mut cache, &ledgers, count)).is_some() {
                break;
            }
            let when = format!("after {call:?} panicked in {what}");
            let after = check_sound(&cache, &ledgers, &when);
            let victim = if count as usize == capacity && what.starts_with("put") { Some(0) } else { None };
            let without: Vec<i64> = before.iter().copied().filter(|key| Some(*key) != victim).collect();
            if after != without {
                check_eq!(after, before, "keys by recency {when}");
            }
            check_usable(cache, &ledgers, &when);
        }
    }
}

/// Uses the cache after a panic, until every entry of before is gone.
fn check_usable(mut cache: Cache, ledgers: &Ledgers, when: &str) {
    let _ = cache.unpin(&ledgers.key(1));
    for key in 100..150 {
        check!(cache.put(ledgers.key(key), ledgers.values.item(key + 1_000)).is_ok(), "put({key}) {when}");
    }
    let keys = check_sound(&cache, ledgers, when);
    check_eq!(keys.len(), cache.capacity(), "entries of a full cache {when}");
    check!(keys.iter().rev().is_sorted(), "the latest puts are in the cache {when}, not {keys:?}");
    while cache.pop_lru().is_some() {}
    check!(cache.is_empty(), "is_empty() after all were evicted, {when}");
    drop(cache);
    ledgers.values.assert_all_dropped_once();
    ledgers.keys.assert_all_dropped_once();
}

/// The hash of a key panics: no entry is lost, none is in the list and not in the map.
#[testkit::test]
fn a_hash_that_panics_leaves_a_sound_cache() {
    check_every_operation(Call::Hash);
}

/// The comparison of two keys panics.
#[testkit::test]
fn a_comparison_that_panics_leaves_a_sound_cache() {
    check_every_operation(Call::Eq);
}

/// The clone of a key panics.
#[testkit::test]
fn a_clone_that_panics_leaves_a_sound_cache() {
    check_every_operation(Call::Clone);
}

fn check_every_operation(call: Call) {
    check_panics(call, "put(a new key)", |cache, ledgers, count| ledgers.put(cache, count));
    check_panics(call, "put(2)", |cache, ledgers, _| ledgers.put(cache, 2));
    check_panics(call, "get(0)", |cache, ledgers, _| {
        let _ = cache.get(&ledgers.key(0));
    });
    check_panics(call, "pin(0)", |cache, ledgers, _| {
        let _ = cache.pin(&ledgers.key(0));
    });
    check_panics(call, "unpin(1)", |cache, ledgers, _| {
        let _ = cache.unpin(&ledgers.key(1));
    });
    check_panics(call, "remove(2)", |cache, ledgers, _| {
        let _ = cache.remove(&ledgers.key(2));
    });
    check_panics(call, "pop_lru()", |cache, _, _| {
        let _ = cache.pop_lru();
    });
}
