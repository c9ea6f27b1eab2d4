//! Task 1.4: hits and evictions in a cache of 262,144 entries beside the reference.

use structures::lru::Put;
use structures::{LruCache, LruK};
use testkit::hashers::Seeded;
use testkit::perf::{Digest, Workload};

/// Entries of the cache.
const ENTRIES: u64 = 262_144;

/// Operations a round.
const OPS: u64 = 30_000;

/// Entries that are pinned while others are evicted.
const PINNED: u64 = 4_000;

/// Frames of the replacer.
const FRAMES: usize = 4_096;

/// The workloads of this task; ids as in `lab.toml`.
pub(crate) fn workloads() -> Vec<Workload> {
    vec![
        Workload::timed("lru-touch", || {
            let mut cache = filled();
            let mut at = 0;
            Box::new(move || {
                let mut digest = Digest::new();
                for _ in 0..OPS {
                    at = (at + 100_003) % ENTRIES;
                    digest.add(cache.get(&at).map_or(0, |value| value + 1));
                }
                // The order of use has changed: the entry that would be evicted next shows it.
                digest.add(cache.peek_lru().map_or(0, |(key, _)| key + 1));
                digest
            })
        }),
        Workload::timed("lru-evict", || {
            // Pinned entries, which an eviction must not read.
            let mut cache = filled();
            (0..PINNED).for_each(|key| assert!(cache.pin(&key).is_ok(), "the key is in the cache"));
            let mut next = ENTRIES;
            Box::new(move || {
                let mut digest = Digest::new();
                for _ in 0..OPS / 2 {
                    digest.add(match cache.put(next, next) {
                        Ok(Put::Evicted(key, _)) => key + 1,
                        _ => 0,
                    });
                    next += 1;
                }
                digest
            })
        }),
        Workload::timed("lru-k-evict", || {
            let mut replacer = LruK::new(2).expect("2 is a valid K");
            let use_frame = |replacer: &mut LruK, frame: usize| {
                replacer.record_access(frame);
                let _ = replacer.set_evictable(frame, true);
            };
            (0..2 * FRAMES).for_each(|n| use_frame(&mut replacer, n % FRAMES));
            Box::new(move || {
                let mut digest = Digest::new();
                for _ in 0..OPS / 4 {
                    if let Some(frame) = replacer.evict() {
                        digest.add(frame as u64);
                        use_frame(&mut replacer, frame);
                        use_frame(&mut replacer, frame);
                    }
                }
                digest.add(replacer.len() as u64);
                digest
            })
        }),
    ]
}

/// A full cache of the keys below `ENTRIES`.
fn filled() -> LruCache<u64, u64, Seeded> {
    let mut cache = LruCache::with_hasher(ENTRIES as usize, Seeded(1));
    for key in 0..ENTRIES {
        let _ = cache.put(key, key);
    }
    cache
}
