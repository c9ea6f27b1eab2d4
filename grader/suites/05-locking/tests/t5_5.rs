//! Task 5.5: next-key locks. What a serializable reader of a range did not find stays away.

mod circles;
mod gaps;

use std::ops::Bound::{self, Excluded, Included, Unbounded};

use bplus_tree::Direction::{self, Backward, Forward};
use kit::sync::Arc;
use locking::DeadlockPolicy::{Detect, Patient};
use locking::{Isolation, LockError, RowLock};
use testkit::schedule::explore;
use testkit::{check, check_eq, scene};

use crate::support::db::IndexStory;
use crate::support::{spawn, txn, until_waiting};

/// Bounds of a range.
type Range = (Bound<&'static str>, Bound<&'static str>);

/// True if an insert of `key` by another transaction waits for a reader of `range`, which has `isolation`. In
/// either case the entry is in at the end.
fn waits(
    keys: &'static [&'static str],
    range: Range,
    how: (Isolation, Direction, usize),
    key: &'static str,
) -> bool {
    let (isolation, direction, at_most) = how;
    let story = IndexStory::new(Patient, keys);
    let reader = story.locker(1, isolation);
    let read = story.read(&reader, range, direction, at_most, RowLock::Read);
    check!(read.is_ok(), "a range is read: {read:?}");
    let writer = {
        let story = Arc::clone(&story);
        spawn("T2", move || {
            let writer = story.locker(2, Isolation::ReadCommitted);
            let added = story.add(&writer, key);
            writer.end();
            added
        })
    };
    let mut is_blocked = false;
    while !writer.is_finished() && !is_blocked {
        is_blocked = story.locks.is_waiting(txn(2));
        if is_blocked {
            check_eq!(
                story.store.pager().held(),
                Vec::new(),
                "pages latched by a thread that waits for a lock"
            );
            let again = story.read(&reader, range, direction, at_most, RowLock::Read);
            check_eq!(again, read, "the range, read again while an insert of '{key}' waits");
        }
        kit::sync::thread::yield_now();
    }
    reader.end();
    check_eq!(writer.join().ok(), Some(Ok(true)), "an insert of '{key}'");
    check_eq!(story.locks.resource_count(), 0, "locks after both have ended");
    is_blocked
}

/// A new key in the range waits: between two keys, on a key that was not there, at both ends, in an empty
/// range.
#[testkit::test]
fn a_new_key_in_a_range_waits_for_its_reader() {
    scene::invariant("G2", "a key is added only if no other transaction holds the gap that it falls into");
    const KEYS: &[&str] = &["b", "d", "g", "k"];
    for direction in [Forward, Backward] {
        for at_most in [1, 2, 100] {
            for (range, inside) in [
                ((Included("b"), Included("g")), &["c", "ba", "e", "f"][..]),
                ((Included("c"), Excluded("g")), &["c", "e", "fz"][..]),
                ((Unbounded, Excluded("d")), &["a", "", "c"][..]),
                ((Excluded("g"), Unbounded), &["h", "kz", "z"][..]),
                ((Included("l"), Included("n")), &["l", "m", "n"][..]),
                ((Excluded("d"), Excluded("g")), &["e"][..]),
            ] {
                for key in inside {
                    let is_blocked = waits(KEYS, range, (Isolation::Serializable, direction, at_most), key);
                    check!(
                        is_blocked,
                        "an insert of '{key}' into {range:?}, read {direction:?}, did not wait"
                    );
                }
            }
        }
    }
}

/// An index without a key has one gap: all of it.
#[testkit::test]
fn a_range_of_an_empty_index_is_locked() {
    for direction in [Forward, Backward] {
        for range in [(Unbounded, Unbounded), (Included("b"), Included("c"))] {
            let is_blocked = waits(&[], range, (Isolation::Serializable, direction, 10), "b");
            check!(is_blocked, "an insert of 'b' into {range:?} of an empty index did not wait");
        }
    }
}

/// A weaker level lets phantoms in: a design that waits there takes locks that nobody asked for.
#[testkit::test]
fn weaker_levels_do_not_lock_ranges() {
    const KEYS: &[&str] = &["b", "d", "g"];
    for isolation in [Isolation::ReadUncommitted, Isolation::ReadCommitted, Isolation::RepeatableRead] {
        for key in ["c", "d2", "z"] {
            let is_blocked = waits(KEYS, (Unbounded, Unbounded), (isolation, Forward, 2), key);
            check!(!is_blocked, "an insert of '{key}' waited for a reader at {isolation}");
        }
    }
}

/// A reader may lock up to the next key on each side of its range, and no further.
#[testkit::test]
fn keys_beyond_the_next_one_are_free() {
    const KEYS: &[&str] = &["b", "d", "g", "k", "m"];
    for direction in [Forward, Backward] {
        for (range, outside) in [
            ((Included("d"), Included("g")), &["a", "l", "z"][..]),
            ((Unbounded, Excluded("d")), &["e", "h", "z"][..]),
            ((Included("g"), Unbounded), &["a", "c"][..]),
        ] {
            for key in outside {
                let is_blocked = waits(KEYS, range, (Isolation::Serializable, direction, 2), key);
                check!(!is_blocked, "an insert of '{key}' waited for a reader of {range:?}, {direction:?}");
            }
        }
    }
}

/// One key is one lock: its neighbours are free, and the key itself is not, whether it is there or not.
#[testkit::test]
fn a_lookup_locks_its_key_alone() {
    explore(20, || {
        let story = IndexStory::new(Patient, &["b", "d", "g"]);
        let reader = story.locker(1, Isolation::Serializable);
        for (key, expected) in [("d", 1), ("e", 0)] {
            let found = story.index.find(&story.store, &reader, key.as_bytes(), RowLock::Read);
            check_eq!(found.map(|found| found.len()), Ok(expected), "entries of '{key}'");
        }
        let neighbour = story.locker(2, Isolation::Serializable);
        for key in ["c", "da", "f", "ea", "z"] {
            check_eq!(
                story.add(&neighbour, key),
                Ok(true),
                "insert of '{key}' beside two keys that are read"
            );
        }
        neighbour.end();
        let writer = {
            let story = Arc::clone(&story);
            spawn("T3", move || {
                let writer = story.locker(3, Isolation::ReadCommitted);
                story.add(&writer, "e")
            })
        };
        until_waiting(&story.locks, txn(3));
        let found = story.index.find(&story.store, &reader, b"e", RowLock::Read);
        check_eq!(found, Ok(Vec::new()), "entries of 'e' while an insert of it waits");
        reader.end();
        check_eq!(writer.join().ok(), Some(Ok(true)), "an insert of a key that was read");
    });
}

/// Two transactions that insert into the same gap are no conflict.
#[testkit::test]
fn inserts_into_one_gap_do_not_wait_for_each_other() {
    let story = IndexStory::new(Patient, &["b", "m"]);
    let (one, other) = (story.locker(1, Isolation::Serializable), story.locker(2, Isolation::Serializable));
    for (locker, key) in [(&one, "e"), (&other, "d"), (&one, "c"), (&other, "f"), (&one, "z"), (&other, "y")]
    {
        check_eq!(story.add(locker, key), Ok(true), "insert of '{key}'");
    }
}

/// Adding what is there already changes nothing.
#[testkit::test]
fn an_entry_is_added_once() {
    let story = IndexStory::new(Patient, &["b", "m"]);
    let one = story.locker(1, Isolation::Serializable);
    check_eq!(story.add(&one, "e"), Ok(true), "a new entry");
    check_eq!(story.add(&one, "e"), Ok(false), "the same entry again");
}

/// Each reads the range and then inserts into it: they wait for each other, and the lock table notices.
#[testkit::test]
fn a_deadlock_through_gaps_has_one_victim() {
    explore(60, || {
        let story = IndexStory::new(Detect, &["b", "m"]);
        let lockers = [1, 2].map(|number| {
            let locker = story.locker(number, Isolation::Serializable);
            let read = story.read(&locker, (Unbounded, Unbounded), Forward, 10, RowLock::Read);
            check!(read.is_ok(), "a range is read: {read:?}");
            locker
        });
        let threads: Vec<_> = lockers
            .into_iter()
            .zip(["d", "e"])
            .map(|(locker, key)| {
                let story = Arc::clone(&story);
                spawn(locker.txn().to_string(), move || {
                    let added = story.add(&locker, key);
                    locker.end();
                    added
                })
            })
            .collect();
        let ended: Vec<_> = threads.into_iter().filter_map(|thread| thread.join().ok()).collect();
        let victims = ended
            .iter()
            .filter(|result| matches!(result, Err(locking::Error::Lock(LockError::Deadlock { .. }))));
        check_eq!(victims.count(), 1, "victims of a circle through a gap");
        check_eq!(story.locks.resource_count(), 0, "locks after both have ended");
    });
}

/// A read for writing keeps a second one out from the start, so that neither has to wait for the other later.
#[testkit::test]
fn a_range_that_is_read_for_writing_is_locked_in_x() {
    explore(40, || {
        let story = IndexStory::new(Detect, &["b", "m"]);
        let threads: Vec<_> = [(1, "d"), (2, "e")]
            .into_iter()
            .map(|(number, key)| {
                let story = Arc::clone(&story);
                let locker = story.locker(number, Isolation::Serializable);
                spawn(format!("T{number}"), move || {
                    let read = story.read(&locker, (Unbounded, Unbounded), Forward, 10, RowLock::Write);
                    let added = read.and_then(|_| story.add(&locker, key));
                    locker.end();
                    added
                })
            })
            .collect();
        for thread in threads {
            check_eq!(thread.join().ok(), Some(Ok(true)), "a read for writing and an insert");
        }
    });
}
