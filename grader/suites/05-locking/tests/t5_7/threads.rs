//! Transactions on several threads, under a scheduler that decides which of them runs next.

use std::ops::Bound::Unbounded;

use kit::sync::Arc;
use locking::snapshot::{Guarantee, VersionedMap};
use testkit::schedule::explore;
use testkit::{check, check_eq, scene};

use super::recorder::Recorder;
use super::{set, show};
use crate::support::spawn;

/// Three threads with random transactions on five keys, judged by the checker.
#[testkit::test]
fn sessions_at_the_same_time_keep_their_guarantee() {
    for guarantee in super::BOTH {
        let seed = testkit::rng().u64(..);
        explore(150, move || {
            let recorder = Recorder::new(guarantee);
            let threads: Vec<_> = (1..=3)
                .map(|session| {
                    let recorder = Arc::clone(&recorder);
                    spawn(format!("session {session}"), move || {
                        let mut rng = testkit::Rng::with_seed(seed ^ u64::from(session));
                        for _ in 0..3 {
                            let mut at = recorder.begin(session);
                            let goes_on = (0..4).all(|_| recorder.step(&mut at, &mut rng));
                            recorder.end(at, goes_on);
                        }
                    })
                })
                .collect();
            for thread in threads {
                check!(thread.join().is_ok(), "a session ends");
            }
            recorder.judge("transactions on three threads");
        });
    }
}

/// The number of a snapshot and the note that it is read are one step: in between, a commit could clear away
/// what the snapshot sees.
#[testkit::test]
fn a_snapshot_is_taken_at_once() {
    scene::invariant("V5", "a version is kept while a live snapshot sees it");
    explore(200, || {
        let map = VersionedMap::new();
        set(&map, &[("a", Some("0"))]);
        let writer = {
            let map = Arc::clone(&map);
            spawn("writer", move || {
                for round in 1..4_u32 {
                    set(&map, &[("a", Some(&round.to_string()))]);
                }
            })
        };
        for _ in 0..3 {
            let mut reader = map.begin(Guarantee::Snapshot);
            let first = reader.get(b"a");
            show(&map);
            check!(first.is_some(), "a has a value in every snapshot, also in {}", reader.snapshot());
            check_eq!(reader.get(b"a"), first, "a, read again at snapshot {}", reader.snapshot());
        }
        check!(writer.join().is_ok(), "the writer ends");
    });
}

/// A commit changes three keys; no snapshot sees one of them changed and another not.
#[testkit::test]
fn a_commit_appears_at_once() {
    scene::invariant("V3", "all versions of a commit appear at once");
    explore(200, || {
        let map = VersionedMap::new();
        set(&map, &[("a", Some("0")), ("b", Some("0")), ("c", Some("0"))]);
        let writer = {
            let map = Arc::clone(&map);
            spawn("writer", move || {
                for round in ["1", "2"] {
                    set(&map, &[("a", Some(round)), ("b", Some(round)), ("c", Some(round))]);
                }
            })
        };
        for _ in 0..3 {
            let mut reader = map.begin(Guarantee::Snapshot);
            let values: Vec<_> = [b"c", b"b", b"a"].iter().map(|key| reader.get(*key)).collect();
            show(&map);
            check!(
                values.iter().all(|value| *value == values[0]),
                "three keys that change together: {values:?}"
            );
            let range: Vec<_> =
                reader.range(Unbounded, Unbounded).into_iter().map(|row| Some(row.1)).collect();
            check_eq!(range, values, "the range of the same snapshot, backwards the same values");
        }
        check!(writer.join().is_ok(), "the writer ends");
    });
}

/// Threads add 1 to a counter and try again when they are refused: the check and the new versions are one
/// step, or an addition is lost.
#[testkit::test]
fn no_addition_is_lost() {
    scene::invariant("V4", "of two transactions that ran at the same time and write one key, one commits");
    for guarantee in super::BOTH {
        explore(120, move || {
            let map = VersionedMap::new();
            set(&map, &[("sum", Some("0"))]);
            let adders: Vec<_> = (0..3)
                .map(|number| {
                    let map = Arc::clone(&map);
                    spawn(format!("adder {number}"), move || (0..2).filter(|_| add(&map, guarantee)).count())
                })
                .collect();
            let added: usize = adders.into_iter().map(|thread| thread.join().unwrap_or(99)).sum();
            show(&map);
            check!(added > 0, "of transactions that run at the same time, one is first");
            let sum = map.begin(guarantee).get(b"sum").unwrap_or_default();
            check_eq!(String::from_utf8_lossy(&sum), added.to_string(), "the sum after {added} additions");
        });
    }
}

/// Adds 1 to the sum; true if that was committed.
fn add(map: &Arc<VersionedMap>, guarantee: Guarantee) -> bool {
    let mut txn = map.begin(guarantee);
    let sum = txn.get(b"sum").unwrap_or_default();
    let sum: u32 = String::from_utf8_lossy(&sum).parse().unwrap_or(0);
    txn.put(b"sum", (sum + 1).to_string().as_bytes()).and_then(|()| txn.commit()).is_ok()
}
