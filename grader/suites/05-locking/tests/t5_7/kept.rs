//! Which versions are kept: all that a live snapshot sees, and none for transactions that have ended.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use kit::sync::Arc;
use locking::snapshot::{Guarantee, SnapshotTxn, Timestamp, VersionedMap};
use testkit::{check, check_eq, scene, step};

use super::{BOTH, all, commit, rows, set, show, write};

const RULE: &str = "a version is kept while it is the newest or a live snapshot sees it, and no longer";

/// With no transaction running each key has one version, and a deleted key none.
#[testkit::test]
fn without_readers_each_key_has_one_version() {
    scene::invariant("V5", RULE);
    let map = VersionedMap::new();
    for round in 0..50_u32 {
        let value = round.to_string();
        set(&map, &[("a", Some(&value)), ("b", if round % 2 == 0 { Some(&value) } else { None })]);
        check_eq!(map.versions_of(b"a"), 1, "versions of a key that nobody reads");
        let left = usize::from(round % 2 == 0);
        check_eq!(
            map.versions_of(b"b"),
            left,
            "versions of a key in round {round}, in odd ones it is deleted"
        );
        check_eq!(map.version_count(), 1 + left, "all versions");
    }
    set(&map, &[("a", None), ("never was", None)]);
    check_eq!(map.version_count(), 0, "versions after the last key was deleted");
}

/// However a transaction ends, its snapshot ends with it: by commit, refusal, abort, drop or a panic of the
/// caller.
#[testkit::test]
fn each_end_of_a_transaction_ends_its_snapshot() {
    scene::invariant("V5", RULE);
    type End = fn(&Arc<VersionedMap>, SnapshotTxn);
    let ends: [(&str, End); 6] = [
        ("the commit of a reader", |map, txn| drop(commit(map, txn))),
        ("the commit of a writer", |map, mut txn| {
            drop(write(&mut txn, "other", Some("1")));
            check!(commit(map, txn).is_ok(), "the commit of the only writer of a key");
        }),
        ("a refused commit", |map, mut txn| {
            let refused = write(&mut txn, "k", Some("1")).and_then(|()| commit(map, txn).map(drop));
            check!(refused.is_err(), "the commit of a transaction that is not the first");
        }),
        ("the abort of a writer", |_, mut txn| {
            drop(write(&mut txn, "other", Some("1")));
            txn.abort();
        }),
        ("drop", |_, txn| drop(txn)),
        ("a panic of the caller", |_, txn| {
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                let _txn = txn;
                resume_unwind(Box::new("a caller that panics"))
            }));
            match panicked {
                Err(panic) if panic.downcast_ref() == Some(&"a caller that panics") => {}
                Err(panic) => resume_unwind(panic),
                Ok(()) => check!(false, "the panic of the caller is not swallowed"),
            }
        }),
    ];
    for guarantee in BOTH {
        for (how, end) in ends {
            let map = VersionedMap::new();
            set(&map, &[("k", Some("0"))]);
            let txn = map.begin(guarantee);
            set(&map, &[("k", Some("2"))]);
            check_eq!(map.versions_of(b"k"), 2, "versions of k beside a reader of the older one");
            step!("{how}");
            end(&map, txn);
            show(&map);
            check_eq!(map.versions_of(b"k"), 1, "versions of k after {how}");
            set(&map, &[("k", Some("3"))]);
            check_eq!(all(&mut map.begin(guarantee))[0].1, "3", "k in a new transaction after {how}");
        }
    }
}

/// Two transactions read one snapshot: what it sees is there until the second one ends.
#[testkit::test]
fn a_snapshot_lives_until_its_last_reader_ends() {
    scene::invariant("V5", RULE);
    let map = VersionedMap::new();
    set(&map, &[("a", Some("1")), ("b", Some("1"))]);
    let (one, mut two) = (map.begin(Guarantee::Snapshot), map.begin(Guarantee::Snapshot));
    set(&map, &[("a", Some("2")), ("b", None)]);
    drop(one);
    show(&map);
    check_eq!(all(&mut two), rows(&[("a", "1"), ("b", "1")]), "a snapshot whose other reader has ended");
    drop(two);
    check_eq!(map.version_count(), 1, "versions after the last reader has ended");
}

/// The newest version of a key is a deletion, and an old reader still sees the value below it. Without the
/// deletion the value would come back.
#[testkit::test]
fn a_deletion_hides_the_versions_below_it() {
    scene::invariant("V5", RULE);
    for newest_first in [false, true] {
        let map = VersionedMap::new();
        set(&map, &[("k", Some("1"))]);
        let mut old = map.begin(Guarantee::Snapshot);
        set(&map, &[("k", None)]);
        let mut new = map.begin(Guarantee::Snapshot);
        set(&map, &[("other", Some("2"))]);
        check_eq!(all(&mut old), rows(&[("k", "1")]), "the old reader");
        check_eq!(all(&mut new), Vec::new(), "the reader after the deletion");
        if newest_first {
            drop(new);
            check_eq!(all(&mut old), rows(&[("k", "1")]), "the old reader after the new one has ended");
        } else {
            drop(old);
            check_eq!(all(&mut new), Vec::new(), "the new reader after the old one has ended");
        }
        check_eq!(all(&mut map.begin(Guarantee::Snapshot)), rows(&[("other", "2")]), "a later transaction");
        check!(map.versions_of(b"k") <= 2, "versions of k: {}", map.versions_of(b"k"));
    }
}

/// A reader's state, from a model that copies everything at each commit.
type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// Transactions that begin and end in a random order. Each sees its state as long as it lives, and no chain
/// is longer than the commits since the oldest of them.
#[testkit::test]
fn what_a_live_snapshot_sees_is_kept() {
    scene::invariant("V5", RULE);
    let mut rng = testkit::rng();
    for _ in 0..40 {
        let map = VersionedMap::new();
        let mut states: BTreeMap<Timestamp, Model> = BTreeMap::from([(Timestamp(0), Model::new())]);
        let mut writers: BTreeMap<Vec<u8>, Vec<Timestamp>> = BTreeMap::new();
        let mut readers: Vec<SnapshotTxn> = Vec::new();
        for _ in 0..120 {
            match rng.u32(..6) {
                0 | 1 => readers.push(map.begin(Guarantee::Snapshot)),
                2 if !readers.is_empty() => drop(readers.swap_remove(rng.usize(..readers.len()))),
                3 if readers.len() > 1 => drop(readers.remove(0)),
                _ => {
                    let mut model = states.values().next_back().cloned().unwrap_or_default();
                    let mut txn = map.begin(Guarantee::Snapshot);
                    let mut written = Vec::new();
                    for _ in 0..rng.u32(1..4) {
                        let key = vec![b'a' + rng.u8(..4)];
                        let value = (rng.u32(..3) > 0).then(|| rng.u32(..1_000).to_string());
                        let text = String::from_utf8_lossy(&key).into_owned();
                        check_eq!(write(&mut txn, &text, value.as_deref()), Ok(()), "a write");
                        match value {
                            Some(value) => drop(model.insert(key.clone(), value.into_bytes())),
                            None => drop(model.remove(&key)),
                        }
                        written.push(key);
                    }
                    match commit(&map, txn) {
                        Ok(at) => {
                            states.insert(at, model);
                            written.sort();
                            written.dedup();
                            written.into_iter().for_each(|key| writers.entry(key).or_default().push(at));
                        }
                        Err(error) => check!(false, "the commit of the only writer: {error}"),
                    }
                }
            }
            show(&map);
            for reader in &mut readers {
                let snapshot = reader.snapshot();
                let found: Model = reader
                    .range(std::ops::Bound::Unbounded, std::ops::Bound::Unbounded)
                    .into_iter()
                    .collect();
                check_eq!(Some(&found), states.get(&snapshot), "what snapshot {snapshot} sees");
            }
            let oldest = readers.iter().map(SnapshotTxn::snapshot).min().unwrap_or(map.newest());
            for (key, commits) in &writers {
                let since = commits.iter().filter(|at| **at > oldest).count();
                let kept = map.versions_of(key);
                let text = String::from_utf8_lossy(key);
                check!(
                    kept <= since + 1,
                    "{text} has {kept} versions, {since} of them above the oldest snapshot"
                );
            }
        }
        drop(readers);
        check_eq!(map.version_count(), all(&mut map.begin(Guarantee::Snapshot)).len(), "versions at the end");
    }
}
