//! Task 5.7: snapshots, the first committer, validation, and versions that are kept.

mod kept;
mod play;
mod recorder;
mod threads;

use std::ops::Bound::{self, Excluded, Included, Unbounded};

use kit::sync::Arc;
use locking::snapshot::{Guarantee, SnapshotError, SnapshotTxn, Timestamp, VersionedMap, dump_versions};
use testkit::schedule::explore;
use testkit::{Failure, check, check_eq, scene, step};

const BOTH: [Guarantee; 2] = [Guarantee::Snapshot, Guarantee::Serializable];

/// Keys with their values, as text.
type Rows = Vec<(String, String)>;

/// Keys with the values that they get; `None` is a deletion.
type Writes<'a> = &'a [(&'a str, Option<&'a str>)];

/// Puts the versions into the scene, for the next failure.
fn show(map: &VersionedMap) {
    scene::picture(|| dump_versions(map));
}

fn rows(rows: &[(&str, &str)]) -> Rows {
    rows.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())).collect()
}

/// The keys between the bounds, in the scene.
fn range(txn: &mut SnapshotTxn, from: Bound<&str>, to: Bound<&str>) -> Rows {
    step!("snapshot {}: range({from:?}, {to:?})", txn.snapshot());
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let found = txn.range(from.map(str::as_bytes), to.map(str::as_bytes));
    found.into_iter().map(|(key, value)| (text(key), text(value))).collect()
}

fn all(txn: &mut SnapshotTxn) -> Rows {
    range(txn, Unbounded, Unbounded)
}

/// Writes a value, or deletes the key, in the scene. True if it was not refused.
fn write(txn: &mut SnapshotTxn, key: &str, value: Option<&str>) -> Result<(), SnapshotError> {
    step!("snapshot {}: {key} becomes {value:?}", txn.snapshot());
    match value {
        Some(value) => txn.put(key.as_bytes(), value.as_bytes()),
        None => txn.delete(key.as_bytes()),
    }
}

/// Commits, in the scene.
fn commit(map: &VersionedMap, txn: SnapshotTxn) -> Result<Timestamp, SnapshotError> {
    let snapshot = txn.snapshot();
    let result = txn.commit();
    step!("snapshot {snapshot}: commit gives {result:?}");
    show(map);
    result
}

/// Commits these writes in a transaction that nothing runs beside.
fn set(map: &Arc<VersionedMap>, writes: Writes<'_>) -> Timestamp {
    let mut txn = map.begin(Guarantee::Snapshot);
    let written = writes.iter().try_for_each(|(key, value)| write(&mut txn, key, *value));
    match written.and_then(|()| commit(map, txn)) {
        Ok(at) => at,
        Err(error) => Failure::new("a commit that no other has overtaken").found(error).raise(),
    }
}

/// What a transaction reads must not change while others commit: new values, new keys, deletions.
#[testkit::test]
fn a_transaction_reads_its_snapshot_to_its_end() {
    scene::invariant("V2", "a snapshot sees of each key the newest version that is not above it");
    for guarantee in BOTH {
        let map = VersionedMap::new();
        let states: [(Writes<'_>, Rows); 6] = [
            (&[], Rows::new()),
            (&[("b", Some("1")), ("d", Some("2"))], rows(&[("b", "1"), ("d", "2")])),
            (&[("b", Some("3"))], rows(&[("b", "3"), ("d", "2")])),
            (&[("a", Some("4")), ("d", None)], rows(&[("a", "4"), ("b", "3")])),
            (&[("d", Some("5")), ("b", None)], rows(&[("a", "4"), ("d", "5")])),
            (&[("a", None), ("d", None)], Rows::new()),
        ];
        let mut readers = Vec::new();
        for (writes, state) in states {
            if !writes.is_empty() {
                set(&map, writes);
            }
            readers.push((map.begin(guarantee), state));
            show(&map);
            for (reader, state) in &mut readers {
                check_eq!(all(reader), *state, "all keys of snapshot {}", reader.snapshot());
                for key in ["a", "b", "c", "d"] {
                    let expected = state.iter().find(|(other, _)| other == key).map(|(_, value)| value);
                    let found = reader.get(key.as_bytes());
                    let found = found.map(|value| String::from_utf8_lossy(&value).into_owned());
                    check_eq!(found.as_ref(), expected, "{key} at snapshot {}", reader.snapshot());
                }
            }
        }
        let last = readers.pop();
        drop(readers);
        check_eq!(last.map(|(mut reader, _)| all(&mut reader)), Some(Rows::new()), "the newest snapshot");
    }
}

/// A transaction sees its own writes at once, in gets and in ranges; nobody else does before the commit.
#[testkit::test]
fn a_transaction_sees_its_own_writes_and_nobody_else_does() {
    for guarantee in BOTH {
        let map = VersionedMap::new();
        set(&map, &[("b", Some("1")), ("d", Some("2")), ("f", Some("3"))]);
        let mut txn = map.begin(guarantee);
        let writes = [("a", Some("4")), ("b", Some("5")), ("c", Some("6")), ("d", None), ("c", None)];
        for (key, value) in writes {
            check_eq!(write(&mut txn, key, value), Ok(()), "a write of {key} that nobody else has written");
            let found = txn.get(key.as_bytes());
            check_eq!(found.as_deref(), value.map(str::as_bytes), "{key} after its own write");
        }
        let own = rows(&[("a", "4"), ("b", "5"), ("f", "3")]);
        check_eq!(all(&mut txn), own, "all keys after own writes");
        check_eq!(range(&mut txn, Included("b"), Excluded("f")), own[1..2].to_vec(), "own writes in bounds");
        let mut other = map.begin(guarantee);
        let old = rows(&[("b", "1"), ("d", "2"), ("f", "3")]);
        check_eq!(all(&mut other), old, "all keys for another transaction before the commit");
        check!(commit(&map, txn).is_ok(), "the commit of a transaction that nobody has overtaken");
        check_eq!(all(&mut other), old, "all keys for a snapshot from before the commit");
        check_eq!(all(&mut map.begin(guarantee)), own, "all keys after the commit");
    }
}

/// Neither an abort nor a drop leaves anything.
#[testkit::test]
fn what_is_taken_back_never_was() {
    let map = VersionedMap::new();
    let before = set(&map, &[("a", Some("1"))]);
    for is_dropped in [false, true] {
        let mut txn = map.begin(Guarantee::Serializable);
        let written = write(&mut txn, "a", Some("2")).and(write(&mut txn, "b", Some("3")));
        check_eq!(written, Ok(()), "writes that nobody is beside");
        if is_dropped {
            drop(txn)
        } else {
            txn.abort()
        }
        show(&map);
        check_eq!(all(&mut map.begin(Guarantee::Snapshot)), rows(&[("a", "1")]), "what is left");
        check_eq!(map.newest(), before, "the newest commit after a transaction that was taken back");
    }
}

/// Bounds of all kinds, also in the wrong order, where the standard map panics.
#[testkit::test]
fn ranges_come_in_order_and_within_their_bounds() {
    for guarantee in BOTH {
        let map = VersionedMap::new();
        set(&map, &[("e", Some("5")), ("", Some("0")), ("c", Some("3")), ("g", Some("7"))]);
        let mut txn = map.begin(guarantee);
        check_eq!(write(&mut txn, "d", Some("4")), Ok(()), "a write");
        let everything = rows(&[("", "0"), ("c", "3"), ("d", "4"), ("e", "5"), ("g", "7")]);
        for (from, to, expected) in [
            (Unbounded, Unbounded, 0..5),
            (Included("c"), Included("e"), 1..4),
            (Excluded("c"), Excluded("e"), 2..3),
            (Included("d"), Excluded("d"), 2..2),
            (Included("d"), Included("d"), 2..3),
            (Excluded("d"), Excluded("d"), 2..2),
            (Excluded("d"), Included("d"), 2..2),
            (Included("f"), Included("b"), 2..2),
            (Excluded("g"), Excluded(""), 2..2),
            (Unbounded, Excluded(""), 0..0),
            (Included("h"), Unbounded, 5..5),
            (Unbounded, Included("c"), 0..2),
        ] {
            let found = range(&mut txn, from, to);
            check_eq!(found, everything[expected].to_vec(), "keys of range({from:?}, {to:?})");
        }
        check!(commit(&map, txn).is_ok(), "the commit of a transaction that nothing ran beside");
    }
}

/// Two transactions that run at the same time write one key: an insert, an update or a deletion. The one that
/// commits first has it, and the other leaves nothing.
#[testkit::test]
fn the_first_committer_wins() {
    scene::invariant("V4", "of two transactions that ran at the same time and write one key, one commits");
    for guarantee in BOTH {
        for before in [None, Some("0")] {
            for (first, second) in
                [(Some("1"), Some("2")), (Some("1"), None), (None, Some("2")), (None, None)]
            {
                let map = VersionedMap::new();
                set(&map, &[("k", before), ("other", Some("9"))]);
                let (mut one, mut two) = (map.begin(guarantee), map.begin(guarantee));
                // The later committer writes first: neither the order of writes nor that of begins decides.
                let early = write(&mut two, "k", second).and(write(&mut two, "other", Some("8")));
                check_eq!(early, Ok(()), "writes that nobody has overtaken");
                check_eq!(write(&mut one, "k", first), Ok(()), "a write of a key that nobody committed");
                check!(commit(&map, one).is_ok(), "the commit of the first, at {guarantee}");
                let refused = commit(&map, two);
                check!(
                    refused.is_err(),
                    "{before:?} became {first:?} by the first commit; the second, with {second:?}, is refused"
                );
                let mut left: Rows = first.map(|value| ("k".into(), value.into())).into_iter().collect();
                left.extend(rows(&[("other", "9")]));
                check_eq!(all(&mut map.begin(guarantee)), left, "what the first committer left");
            }
        }
    }
}

/// The key is as it was when the transaction began, but two others wrote it meanwhile: it is not the first
/// committer.
#[testkit::test]
fn a_key_that_came_and_went_was_written() {
    scene::invariant("V4", "a commit is refused if a key that it writes has a version above its snapshot");
    let map = VersionedMap::new();
    set(&map, &[("a", Some("1"))]);
    let mut one = map.begin(Guarantee::Snapshot);
    set(&map, &[("k", Some("2"))]);
    set(&map, &[("k", None)]);
    let refused = write(&mut one, "k", Some("3")).and_then(|()| commit(&map, one).map(drop));
    check!(refused.is_err(), "the write of a key that was inserted and deleted since the snapshot");
    check_eq!(all(&mut map.begin(Guarantee::Snapshot)), rows(&[("a", "1")]), "what is left");
}

/// A transaction that begins after a commit does not run beside it.
#[testkit::test]
fn a_key_can_be_written_again_after_a_commit() {
    for guarantee in BOTH {
        let map = VersionedMap::new();
        for round in 0..20 {
            let mut txn = map.begin(guarantee);
            let value = round.to_string();
            let seen = all(&mut txn);
            let expected =
                if round % 3 == 1 { rows(&[("k", &(round - 1).to_string())]) } else { seen.clone() };
            check_eq!(seen, expected, "what the transaction after a commit sees");
            let wanted = if round % 3 == 2 { None } else { Some(value.as_str()) };
            check_eq!(write(&mut txn, "k", wanted), Ok(()), "a write of a key that was committed before");
            check!(commit(&map, txn).is_ok(), "a commit at {guarantee} that nothing ran beside");
        }
    }
}

/// The first committer is asked for keys, not for the whole map: writers of different keys all commit.
#[testkit::test]
fn writers_of_different_keys_all_commit() {
    for guarantee in BOTH {
        let map = VersionedMap::new();
        let keys = ["a", "b", "c", "d", "e"];
        set(&map, &keys.map(|key| (key, Some("0"))));
        let mut txns = keys.map(|key| (key, map.begin(guarantee)));
        for (key, txn) in &mut txns {
            check_eq!(txn.get(key.as_bytes()).as_deref(), Some(&b"0"[..]), "{key} at the start");
            check_eq!(write(txn, key, Some("1")), Ok(()), "a write of {key}");
        }
        for (key, txn) in txns {
            let result = commit(&map, txn);
            check!(result.is_ok(), "the commit of the only writer of {key}, at {guarantee}: {result:?}");
        }
        check_eq!(all(&mut map.begin(guarantee)), keys.map(|key| (key.into(), "1".into())).to_vec(), "all");
    }
}

/// Two serializable transactions each find the other's key absent, and insert their own. In a serial order
/// one of them finds a key.
#[testkit::test]
fn a_key_that_was_not_there_is_validated() {
    scene::invariant("V6", "what a serializable writer has read is unchanged when it commits");
    let map = VersionedMap::new();
    let mut one = map.begin(Guarantee::Serializable);
    let mut two = map.begin(Guarantee::Serializable);
    check_eq!((one.get(b"a"), two.get(b"b")), (None, None), "keys of an empty map");
    let written = write(&mut one, "b", Some("1")).and(write(&mut two, "a", Some("2")));
    check_eq!(written, Ok(()), "writes of two keys");
    let results = (commit(&map, one), commit(&map, two));
    check!(results.0.is_ok(), "the first of the two commits: {:?}", results.0);
    check!(
        results.1.is_err(),
        "the second of two transactions that each inserted what the other did not find"
    );
}

/// At the guarantee of snapshots nothing refuses a reader, whatever was changed since it began.
#[testkit::test]
fn a_reader_is_never_refused() {
    let map = VersionedMap::new();
    let first = set(&map, &[("a", Some("1")), ("b", Some("2"))]);
    let mut reader = map.begin(Guarantee::Snapshot);
    let before = all(&mut reader);
    for round in 0..10 {
        set(&map, &[("a", Some(&round.to_string())), ("b", None), ("c", Some("3"))]);
        check_eq!(all(&mut reader), before, "what the reader sees");
    }
    check_eq!(commit(&map, reader), Ok(first), "the commit of a reader, which is its snapshot");
}

/// Commits are numbered in their order, and a snapshot has the number of the commit that it shows.
#[testkit::test]
fn commits_have_ascending_numbers() {
    let map = VersionedMap::new();
    check_eq!(map.newest(), Timestamp(0), "the newest commit of an empty map");
    let mut last = Timestamp(0);
    for round in 0..5 {
        check_eq!(map.begin(Guarantee::Snapshot).snapshot(), last, "the snapshot after commit {last}");
        let at = set(&map, &[("a", Some("1")), (["b", "c"][round % 2], None)]);
        check!(at > last, "commit {at} follows commit {last}");
        check_eq!(map.newest(), at, "the newest commit");
        last = at;
    }
}

/// A refusal says which key it is about, and which commit was first. The two serializable transactions are
/// each one half of a write skew, whose other half has committed.
#[testkit::test]
fn a_refusal_names_the_key_and_the_commit() {
    let map = VersionedMap::new();
    let snapshot = set(&map, &[("a", Some("1")), ("b", Some("1")), ("c", Some("1"))]);
    let mut writer = map.begin(Guarantee::Snapshot);
    let mut reader = map.begin(Guarantee::Serializable);
    let mut scanner = map.begin(Guarantee::Serializable);
    set(&map, &[("c", Some("0"))]);
    let mut first = map.begin(Guarantee::Serializable);
    check_eq!(range(&mut first, Included("d"), Unbounded), Rows::new(), "keys from d on");
    let committed = write(&mut first, "b", Some("2")).and_then(|()| commit(&map, first));
    let key = b"b".to_vec();
    let written = ["a", "b"].iter().try_for_each(|key| write(&mut writer, key, Some("3")));
    let refused = written.and_then(|()| commit(&map, writer));
    let newest = map.newest();
    check_eq!(committed, Ok(newest), "the first commit of b");
    let expected = Err(SnapshotError::Overwritten { key: key.clone(), snapshot, newest });
    check_eq!(refused, expected, "a commit that comes second at b");
    let expected = Err(SnapshotError::ReadChanged { key, snapshot, newest });
    check_eq!(reader.get(b"b").as_deref(), Some(&b"1"[..]), "b at the older snapshot");
    let refused = write(&mut reader, "d", Some("3")).and_then(|()| commit(&map, reader));
    check_eq!(refused, expected, "the commit of a writer whose read of b has changed");
    let found = range(&mut scanner, Included("b"), Excluded("c"));
    check_eq!(found, rows(&[("b", "1")]), "a range at the older snapshot");
    let refused = write(&mut scanner, "e", Some("3")).and_then(|()| commit(&map, scanner));
    check_eq!(refused, expected, "the commit of a writer whose range around b has changed");
}

/// Many transactions are open on one thread, and write and read the same keys: a call that waited for one of
/// the others would never return.
#[testkit::test]
fn no_call_waits_for_a_transaction() {
    explore(2, || {
        for guarantee in BOTH {
            let map = VersionedMap::new();
            set(&map, &[("a", Some("1")), ("b", Some("1"))]);
            let mut open: Vec<SnapshotTxn> = (0..6).map(|_| map.begin(guarantee)).collect();
            for (number, txn) in open.iter_mut().enumerate() {
                check_eq!(all(txn), rows(&[("a", "1"), ("b", "1")]), "what an open transaction sees");
                let own = number.to_string();
                check_eq!(write(txn, "a", Some(&own)), Ok(()), "a write beside other writers");
                check_eq!(all(txn), rows(&[("a", &own), ("b", "1")]), "its own write");
            }
            set(&map, &[("b", Some("2"))]);
            let first = open.remove(0);
            let read: Vec<Rows> = open.iter_mut().map(all).collect();
            check!(
                read.iter().all(|rows| rows[1].1 == "1"),
                "b at snapshots from before its change: {read:?}"
            );
            let result = commit(&map, first);
            check!(result.is_ok() || guarantee == Guarantee::Serializable, "the first commit: {result:?}");
            drop(open);
        }
    });
}
