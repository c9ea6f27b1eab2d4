//! Task 5.7: what is kept beside old readers, and short transactions on a map with many keys.

use kit::sync::Arc;
use locking::snapshot::{Guarantee, SnapshotTxn, VersionedMap};
use testkit::alloc;
use testkit::perf::{Digest, Workload};

/// Keys, bytes of a value and commits of the count of versions.
const HOT: u32 = 20;
const VALUE_LEN: usize = 1_000;
const COMMITS: u32 = 2_000;

/// Keys of the map, and transactions of a round.
const KEYS: u32 = 20_000;
const TXNS: u32 = 2_000;

/// The workloads of this task; ids as in `lab.toml`.
pub(crate) fn workloads() -> Vec<Workload> {
    vec![
        // In bytes, so that no design has to count anything.
        Workload::counted("versions-kept", || {
            let (counts, kept) = alloc::count_with(|| {
                let map = VersionedMap::new();
                let mut readers: Vec<SnapshotTxn> = Vec::new();
                for round in 0..COMMITS {
                    if round % (COMMITS / 3) == HOT {
                        readers.push(map.begin(Guarantee::Snapshot));
                    }
                    let mut txn = map.begin(Guarantee::Snapshot);
                    assert!(txn.put(&key(round % HOT), &[7; VALUE_LEN]).is_ok(), "nobody else writes");
                    assert!(txn.commit().is_ok(), "nobody else writes");
                }
                (map, readers)
            });
            drop(kept);
            counts.live_bytes as f64 / (f64::from(HOT) * VALUE_LEN as f64)
        }),
        Workload::timed("version-churn", || {
            let map = VersionedMap::new();
            let mut txn = map.begin(Guarantee::Snapshot);
            for number in 0..KEYS {
                assert!(txn.put(&key(number), &number.to_be_bytes()).is_ok(), "nobody else writes");
            }
            assert!(txn.commit().is_ok(), "nobody else writes");
            let mut round = 0;
            Box::new(move || {
                round += 1;
                churn(&map, round)
            })
        }),
    ]
}

/// Short transactions that read one key and change another, half of them serializable, beside a reader that
/// is replaced now and then.
fn churn(map: &Arc<VersionedMap>, round: u32) -> Digest {
    let mut digest = Digest::new();
    let mut reader = map.begin(Guarantee::Snapshot);
    for number in 0..TXNS {
        let guarantee = if number % 2 == 0 { Guarantee::Snapshot } else { Guarantee::Serializable };
        let mut txn = map.begin(guarantee);
        let (from, to) = (key(number * 7 % KEYS), key(number * 13 % KEYS));
        digest.add(sum(txn.get(&from)));
        let written = txn.put(&to, &(number + round).to_be_bytes());
        digest.add(u64::from(written.is_ok() && txn.commit().is_ok()));
        if number % 64 == 0 {
            digest.add(sum(reader.get(&to)));
            reader = map.begin(Guarantee::Snapshot);
        }
    }
    drop(reader);
    digest.add(map.version_count() as u64);
    digest
}

fn sum(value: Option<Vec<u8>>) -> u64 {
    value.map_or(0, |value| value.iter().fold(0, |sum, byte| sum * 256 + u64::from(*byte)))
}

fn key(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}
