//! Task 1.3: hits, misses, growth and churn beside the reference, and comparisons counted.

use std::hint::black_box;

use structures::HashMap;
use testkit::counted::{self, CountedKey};
use testkit::hashers::Seeded;
use testkit::perf::Workload;

/// Entries of the maps for the lookups: too many for the first-level cache, few enough for a round.
const ENTRIES: u64 = 50_000;

type Map = HashMap<u64, u64, Seeded>;

/// The workloads of this task; ids as in `lab.toml`.
pub(crate) fn workloads() -> Vec<Workload> {
    vec![
        Workload::timed("map-hit", || {
            let map = filled();
            Box::new(move || {
                for round in 0..2 {
                    let found: u64 = (0..ENTRIES).filter_map(|n| map.get(&key(n * 31 % ENTRIES))).sum();
                    black_box(found + round);
                }
            })
        }),
        Workload::timed("map-miss", || {
            let map = filled();
            Box::new(move || {
                for round in 1..5 {
                    let absent = (round * ENTRIES)..((round + 1) * ENTRIES);
                    black_box(absent.filter(|n| map.contains_key(&key(*n))).count());
                }
            })
        }),
        Workload::timed("map-insert", || {
            Box::new(|| {
                let mut map = Map::default();
                for n in 0..ENTRIES {
                    map.insert(key(n), n);
                }
                black_box(map.len());
            })
        }),
        Workload::timed("map-churn", || {
            // Four rounds before, without timing: a design that becomes slower is slow when the clock starts.
            let mut map = filled();
            let mut oldest = 0;
            let mut churn = move || {
                for _ in 0..ENTRIES {
                    map.remove(&key(oldest));
                    map.insert(key(oldest + ENTRIES), oldest);
                    oldest += 1;
                }
                black_box(map.len());
            };
            (0..4).for_each(|_| churn());
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
