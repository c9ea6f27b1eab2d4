//! Task 1.3: hits, misses, growth and churn beside the reference, and comparisons counted.

use std::hint::black_box;

use structures::HashMap;
use testkit::counted::{self, CountedKey};
use testkit::hashers::Seeded;
use testkit::perf::{Digest, Workload};

/// Entries of the maps for the lookups: too many for the first-level cache, few enough for a round.
const ENTRIES: u64 = 50_000;

type Map = HashMap<u64, u64, Seeded>;

/// The workloads of this task; ids as in `lab.toml`.
pub(crate) fn workloads() -> Vec<Workload> {
    vec![
        Workload::timed("map-hit", || {
            let map = filled();
            Box::new(move || {
                let mut digest = Digest::new();
                for n in (0..ENTRIES).chain(0..ENTRIES) {
                    digest.add(map.get(&key(n * 31 % ENTRIES)).map_or(0, |n| n + 1));
                }
                digest
            })
        }),
        Workload::timed("map-miss", || {
            let map = filled();
            Box::new(move || {
                let mut digest = Digest::new();
                // A few keys that are there, so that `false` is not always the answer.
                for n in ENTRIES - 50..5 * ENTRIES {
                    digest.add(map.contains_key(&key(n)).into());
                }
                digest
            })
        }),
        Workload::timed("map-insert", || {
            Box::new(|| {
                let mut map = Map::default();
                for n in 0..ENTRIES {
                    map.insert(key(n), n);
                }
                let mut digest = Digest::of(map.len() as u64);
                (0..ENTRIES).step_by(64).for_each(|n| digest.add(map.get(&key(n)).map_or(0, |n| n + 1)));
                digest
            })
        }),
        Workload::timed("map-churn", || {
            // Four rounds before, without timing: a design that becomes slower is slow when the clock starts.
            let mut map = filled();
            let mut oldest = 0;
            let mut churn = move || {
                let mut digest = Digest::new();
                for _ in 0..ENTRIES {
                    digest.add(map.remove(&key(oldest)).map_or(0, |n| n + 1));
                    map.insert(key(oldest + ENTRIES), oldest);
                    oldest += 1;
                }
                digest.add(map.len() as u64);
                digest
            };
            (0..4).for_each(|_| _ = black_box(churn()));
            Box::new(churn)
        }),
        Workload::counted("map-probes", probes),
    ]
}

/// Spreads the numbers, so that neither side gains from keys in a row.
fn key(n: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn filled() -> Map {
    (0..ENTRIES).map(|n| (key(n), n)).collect()
}

/// Comparisons an operation, averaged over inserts, hits, misses and removes in a map that has seen churn.
fn probes() -> f64 {
    let count = 20_000;
    let mut map: HashMap<CountedKey, u64, Seeded> = HashMap::default();
    counted::take();
    for n in 0..count {
        map.insert(CountedKey(n), n);
    }
    for n in count..3 * count {
        map.remove(&CountedKey(n - count));
        map.insert(CountedKey(n), n);
    }
    let found = (0..4 * count).filter(|n| map.contains_key(&CountedKey(*n))).count();
    black_box(found);
    counted::take().eqs as f64 / (count + 4 * count + 4 * count) as f64
}
