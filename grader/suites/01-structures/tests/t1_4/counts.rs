//! How often a put probes the map, and that limits are not sizes.

use structures::LruK;
use structures::lru::{LruCache, Put};
use testkit::counted::{self, CountedKey};
use testkit::hashers::Seeded;
use testkit::{alloc, check, check_eq};

/// A put looks its key up and inserts it, and removes the key that it evicts: three probes of the map at
/// most. Now and then the map is rehashed, so the median counts.
#[testkit::test]
fn a_put_probes_the_map_three_times_at_most() {
    const CAPACITY: u64 = 500;
    let mut cache = LruCache::with_hasher(CAPACITY as usize, Seeded(1));
    let mut median_of = |what: &str, keys: std::ops::Range<u64>, most: u64| {
        let mut hashes: Vec<u64> = keys
            .map(|key| {
                counted::take();
                check!(cache.put(CountedKey(key), key).is_ok(), "{what}");
                counted::take().hashes
            })
            .collect();
        hashes.sort_unstable();
        let median = hashes[hashes.len() / 2];
        check!(median <= most, "{what} hashes {median} keys in most cases (at most {most})");
    };
    median_of("put of a new key with room", 0..CAPACITY, 2);
    median_of("put over a present key", 0..CAPACITY, 1);
    median_of("put that evicts", CAPACITY..4 * CAPACITY, 3);
}

/// A capacity and a K are limits and not sizes: no memory is used for them.
#[testkit::test]
fn large_limits_use_no_memory() {
    let (counts, mut cache) = alloc::count_with(|| LruCache::with_hasher(1 << 40, Seeded(1)));
    check_eq!(cache.capacity(), 1 << 40, "capacity()");
    check!(counts.bytes < 4 << 10, "a cache for 2^40 entries allocates {} bytes at first", counts.bytes);
    let counts = alloc::count(|| {
        for key in 0..100_u64 {
            check_eq!(cache.put(key, key), Ok(Put::Inserted), "put({key}) with room");
        }
    });
    check!(counts.bytes < 64 << 10, "100 entries of a cache for 2^40 allocate {} bytes", counts.bytes);
    for k in [1 << 40, usize::MAX] {
        let counts = alloc::count(|| {
            let mut replacer = LruK::new(k).expect("K of at least 1 is valid");
            for frame in [0, 1, 0, 2, 1, 0] {
                replacer.record_access(frame);
                check_eq!(replacer.set_evictable(frame, true), Ok(()), "set_evictable({frame}, true)");
            }
            check_eq!(replacer.evict(), Some(2), "evict() of 0 1 0 2 1 0, all with fewer than K accesses");
        });
        check!(
            counts.bytes < 64 << 10,
            "a replacer with K = {k} and 3 frames allocates {} bytes",
            counts.bytes
        );
    }
}
