//! Gaps that are cut in two by a new key, or become one when a key goes.

use std::ops::Bound::{Excluded, Included, Unbounded};

use bplus_tree::Direction::{Backward, Forward};
use kit::sync::Arc;
use locking::DeadlockPolicy::Patient;
use locking::LockMode::{self, IX, S, SIX, X};
use locking::{Isolation, RowLock};
use testkit::schedule::explore;
use testkit::{check, check_eq, scene};

use crate::support::db::{IndexStory, entries_of};
use crate::support::{locks, row, show, spawn, txn, until_waiting};

/// Starts an insert of `key` by transaction `number`, and checks that it waits.
fn check_waits(story: &Arc<IndexStory>, number: u64, key: &'static str) -> kit::sync::thread::JoinHandle<()> {
    let table = Arc::clone(story);
    let writer = spawn(format!("T{number}"), move || {
        let writer = table.locker(number, Isolation::ReadCommitted);
        check_eq!(table.add(&writer, key), Ok(true), "insert of '{key}' in the end");
        writer.end();
    });
    while !story.locks.is_waiting(txn(number)) {
        check!(!writer.is_finished(), "an insert of '{key}' did not wait for a reader of its gap");
        kit::sync::thread::yield_now();
    }
    writer
}

/// The reader's own insert cuts its gap into two. Both stay locked.
#[testkit::test]
fn both_parts_of_a_gap_that_was_cut_stay_locked() {
    scene::invariant("G3", "the holder of a gap that is cut holds both parts");
    for (key, others) in [("h", ["e", "k"]), ("z", ["y", "zz"]), ("a", ["0", "b"])] {
        explore(12, move || {
            let story = IndexStory::new(Patient, &["c", "m"]);
            let reader = story.locker(1, Isolation::Serializable);
            let read = story.read(&reader, (Unbounded, Unbounded), Forward, 10, RowLock::Read);
            check!(read.is_ok(), "a range is read: {read:?}");
            check_eq!(story.add(&reader, key), Ok(true), "the reader's own insert of '{key}'");
            let writers = [check_waits(&story, 2, others[0]), check_waits(&story, 3, others[1])];
            reader.end();
            writers.into_iter().for_each(|writer| drop(writer.join()));
            check_eq!(story.locks.resource_count(), 0, "locks after all have ended");
        });
    }
}

/// A reader stopped at a key that is then rolled back. The gap that it read is part of a larger one now, and
/// must be held under that one's name.
#[testkit::test]
fn a_gap_that_loses_its_key_stays_locked() {
    scene::invariant("G4", "the holder of a gap that becomes part of another holds that one");
    for (above, inside) in [(&["m"][..], "d"), (&[][..], "d"), (&["m"][..], "b")] {
        explore(12, move || {
            let keys: Vec<&str> = std::iter::once("a").chain(above.iter().copied()).collect();
            let story = IndexStory::new(Patient, &keys);
            let undone = story.locker(1, Isolation::Serializable);
            check_eq!(story.add(&undone, "f"), Ok(true), "insert of 'f', which is to be undone");
            let reader = story.locker(2, Isolation::Serializable);
            let range = (Excluded("a"), Excluded("f"));
            check_eq!(
                story.read(&reader, range, Forward, 10, RowLock::Read),
                Ok(Vec::new()),
                "keys below 'f'"
            );
            story.take_out("f");
            undone.end();
            let writer = check_waits(&story, 3, inside);
            let again = story.read(&reader, range, Forward, 10, RowLock::Read);
            check_eq!(again, Ok(Vec::new()), "the same range after 'f' was undone");
            reader.end();
            drop(writer.join());
            check_eq!(story.locks.resource_count(), 0, "locks after all have ended");
        });
    }
}

/// An insert waits for a gap, or has just been granted it, and becomes a reader of that gap meanwhile: the
/// key that ended its own range is rolled back. What it has read must stay locked when the insert gives the
/// gap back, also if it must wait once more then, for another reader that got the gap in the same way.
#[testkit::test]
fn a_gap_that_an_inserter_inherits_stays_locked() {
    scene::invariant("G4", "the holder of a gap that becomes part of another holds that one");
    let below = (Excluded("a"), Excluded("f"));
    for (is_granted_first, has_second) in [(false, false), (true, false), (false, true), (true, true)] {
        explore(40, move || {
            let story = IndexStory::new(Patient, &["a", "m"]);
            let undone = story.locker(1, Isolation::Serializable);
            check_eq!(story.add(&undone, "f"), Ok(true), "insert of 'f', which is to be undone");
            let other = story.locker(2, Isolation::Serializable);
            let read =
                |locker: &locking::Locker, range| story.read(locker, range, Forward, 10, RowLock::Read);
            check_eq!(read(&other, (Included("g"), Included("l"))), Ok(Vec::new()), "keys above 'f'");
            let second = story.locker(5, Isolation::Serializable);
            if has_second {
                check_eq!(read(&second, below), Ok(Vec::new()), "keys below 'f', read by T5");
            }
            let table = Arc::clone(&story);
            let inserter = spawn("T3", move || {
                let locker = table.locker(3, Isolation::Serializable);
                let read = table.read(&locker, below, Forward, 10, RowLock::Read);
                check_eq!(read, Ok(Vec::new()), "keys below 'f'");
                check_eq!(table.add(&locker, "k"), Ok(true), "insert of 'k' in the end");
                locker
            });
            until_waiting(&story.locks, txn(3));
            if is_granted_first {
                other.end();
            }
            story.take_out("f");
            undone.end();
            other.end();
            let writer = check_waits(&story, 4, "c");
            second.end();
            let inserter = inserter.join().expect("the inserter ends");
            check!(story.locks.is_waiting(txn(4)), "an insert of 'c' waits for T3, which has read around it");
            check_eq!(read(&inserter, below), Ok(Vec::new()), "keys below 'f', read by T3 again");
            inserter.end();
            drop(writer.join());
            check_eq!(story.locks.resource_count(), 0, "locks after all have ended");
        });
    }
}

/// An insert waits for another reader of a gap that its own transaction has read too. Both parts of the gap
/// are still its own when the other reader has ended.
#[testkit::test]
fn an_insert_that_waited_keeps_the_gap_that_was_read() {
    scene::invariant("G3", "the holder of a gap that is cut holds both parts");
    explore(40, || {
        let story = IndexStory::new(Patient, &["a", "m"]);
        let all = (Unbounded, Unbounded);
        let other = story.locker(1, Isolation::Serializable);
        check!(story.read(&other, all, Forward, 10, RowLock::Read).is_ok(), "a range is read");
        let table = Arc::clone(&story);
        let inserter = spawn("T2", move || {
            let locker = table.locker(2, Isolation::Serializable);
            check!(table.read(&locker, all, Forward, 10, RowLock::Read).is_ok(), "a range is read");
            check_eq!(table.add(&locker, "f"), Ok(true), "insert of 'f' in the end");
            locker
        });
        until_waiting(&story.locks, txn(2));
        other.end();
        let inserter = inserter.join().expect("the inserter ends");
        let writers = [check_waits(&story, 3, "c"), check_waits(&story, 4, "h")];
        inserter.end();
        writers.into_iter().for_each(|writer| drop(writer.join()));
        check_eq!(story.locks.resource_count(), 0, "locks after all have ended");
    });
}

/// A transaction inherits a lock that it waits for. It holds both in the end, and gives back what it took for
/// its insert alone.
#[testkit::test]
fn an_heir_that_waits_gets_the_join() {
    for (inherited, granted, left) in [(S, SIX, S), (X, X, X)] {
        explore(40, move || {
            let locks = locks(Patient);
            let (from, to) = (row(1), row(2));
            let before: [(u64, &_, LockMode); 2] = [(1, &from, inherited), (2, &to, S)];
            for (number, gap, mode) in before {
                check_eq!(locks.lock(txn(number), gap, mode), Ok(None), "{mode} on what is free");
            }
            let waiters: Vec<_> = [(1, IX), (3, IX)]
                .into_iter()
                .map(|(number, mode)| {
                    let (table, gap) = (Arc::clone(&locks), to.clone());
                    let waiter = spawn(format!("T{number}"), move || table.lock(txn(number), &gap, mode));
                    until_waiting(&locks, txn(number));
                    waiter
                })
                .collect();
            locks.inherit(&from, &to);
            show(&locks);
            check_eq!(locks.held(txn(1), &to), Some(inherited), "what T1 holds while it waits");
            locks.unlock_all(txn(2));
            let mut waiters = waiters.into_iter();
            let heir = waiters.next().and_then(|heir| heir.join().ok());
            check!(heir.is_some_and(|result| result.is_ok()), "the heir's wait for IX");
            check_eq!(locks.held(txn(1), &to), Some(granted), "what T1 holds after its wait");
            check_eq!(locks.lock_count(txn(1)), 2, "locks of T1");
            locks.release_intention(txn(1), &to);
            check_eq!(locks.held(txn(1), &to), Some(left), "what T1 holds after its insert");
            check!(locks.is_waiting(txn(3)), "an inserter beside a reader of its gap waits");
            locks.unlock_all(txn(1));
            check!(waiters.all(|waiter| waiter.join().ok() == Some(Ok(None))), "the other inserter's wait");
            locks.release_intention(txn(3), &to);
            check_eq!(locks.held(txn(3), &to), None, "what is left of an IX");
            locks.unlock_all(txn(3));
            check_eq!(locks.resource_count(), 0, "resources after all have ended");
        });
    }
}

/// Clearing away may run twice (U2): an entry that is gone already is no error.
#[testkit::test]
fn taking_out_what_is_not_there_is_no_error() {
    let story = IndexStory::new(Patient, &["a", "m"]);
    story.take_out("q");
    story.take_out("a");
    let left: Vec<_> =
        entries_of(story.store.pager(), story.index.tree()).into_iter().map(|(key, _)| key).collect();
    check_eq!(left, vec![b"m".to_vec()], "what is left of 'a' and 'm' after 'q' and 'a' were taken out");
}

/// The inserter is refused under the latch, waits, and comes back: the gap may have another name by then, or
/// be held by another reader.
#[testkit::test]
fn an_insert_looks_again_after_its_wait() {
    explore(60, || {
        let story = IndexStory::new(Patient, &["a", "m"]);
        let first = story.locker(1, Isolation::Serializable);
        check!(
            story.read(&first, (Unbounded, Unbounded), Forward, 10, RowLock::Read).is_ok(),
            "a range is read"
        );
        let writer = check_waits(&story, 2, "f");
        // The gap is cut at 'h', and a second reader locks the part below it.
        check_eq!(story.add(&first, "h"), Ok(true), "insert of 'h' by the first reader");
        let second = {
            let story = Arc::clone(&story);
            spawn("T3", move || {
                let locker = story.locker(3, Isolation::Serializable);
                let range = (Included("b"), Included("g"));
                let read = story.read(&locker, range, Backward, 10, RowLock::Read);
                check!(read.is_ok(), "a range is read: {read:?}");
                let again = story.read(&locker, range, Forward, 10, RowLock::Read);
                check_eq!(again, read, "the range read again in the same transaction");
                locker.end();
            })
        };
        first.end();
        drop(second.join());
        drop(writer.join());
        check_eq!(story.locks.resource_count(), 0, "locks after all have ended");
    });
}

/// Readers and writers at once: whatever a serializable transaction has read, it reads again.
#[testkit::test]
fn a_range_is_the_same_when_it_is_read_again() {
    scene::invariant("G5", "what a reader returns is what is locked");
    for (at_most, direction) in [(2, Forward), (100, Backward)] {
        explore(60, move || {
            let story = IndexStory::new(Patient, &["c", "g", "k", "p"]);
            let reader = {
                let story = Arc::clone(&story);
                spawn("reader", move || {
                    let locker = story.locker(1, Isolation::Serializable);
                    let range = (Included("d"), Included("m"));
                    let first = story.read(&locker, range, direction, at_most, RowLock::Read);
                    check!(first.is_ok(), "a range is read: {first:?}");
                    for _ in 0..2 {
                        let again = story.read(&locker, range, direction, at_most, RowLock::Read);
                        check_eq!(again, first, "the range read again in the same transaction");
                    }
                    locker.end();
                })
            };
            let writers: Vec<_> = [(2, ["e", "l"]), (3, ["h", "z"])]
                .into_iter()
                .map(|(number, keys)| {
                    let story = Arc::clone(&story);
                    spawn(format!("T{number}"), move || {
                        for (round, key) in (0..).zip(keys) {
                            let writer = story.locker(number + 10 * round, Isolation::ReadCommitted);
                            check_eq!(story.add(&writer, key), Ok(true), "insert of '{key}'");
                            writer.end();
                        }
                    })
                })
                .collect();
            drop(reader.join());
            writers.into_iter().for_each(|writer| drop(writer.join()));
            check_eq!(story.locks.resource_count(), 0, "locks after all have ended");
        });
    }
}

/// No thread that waits for a lock holds a latch: a reader of the same leaf goes on.
#[testkit::test]
fn an_insert_that_waits_holds_no_latch() {
    explore(20, || {
        let story = IndexStory::new(Patient, &["a", "m"]);
        let reader = story.locker(1, Isolation::Serializable);
        check!(
            story.read(&reader, (Unbounded, Unbounded), Forward, 10, RowLock::Read).is_ok(),
            "a range is read"
        );
        let table = Arc::clone(&story);
        let writer = spawn("T2", move || {
            let writer = table.locker(2, Isolation::ReadCommitted);
            check_eq!(table.add(&writer, "f"), Ok(true), "insert of 'f' in the end");
            writer.end();
        });
        until_waiting(&story.locks, txn(2));
        check_eq!(story.store.pager().held(), Vec::new(), "pages latched while T2 waits for a gap");
        check_eq!(
            story.index.tree().insert(story.store.pager(), b"g", crate::support::record(9)),
            Ok(()),
            "a change of the same leaf"
        );
        reader.end();
        drop(writer.join());
    });
}

/// An insert that had to wait for a gap does not keep it: a reader of other keys in it goes on.
#[testkit::test]
fn a_reader_comes_after_an_insert_that_waited() {
    explore(20, || {
        let story = IndexStory::new(Patient, &["a", "m"]);
        let reader = story.locker(1, Isolation::Serializable);
        check!(
            story.read(&reader, (Unbounded, Unbounded), Forward, 10, RowLock::Read).is_ok(),
            "a range is read"
        );
        let table = Arc::clone(&story);
        let writer = spawn("T2", move || {
            let writer = table.locker(2, Isolation::ReadCommitted);
            check_eq!(table.add(&writer, "f"), Ok(true), "insert of 'f' in the end");
            writer
        });
        until_waiting(&story.locks, txn(2));
        reader.end();
        let writer = writer.join().expect("the writer ends");
        let other = story.locker(3, Isolation::Serializable);
        let range = (Included("h"), Included("k"));
        check_eq!(
            story.read(&other, range, Forward, 10, RowLock::Read),
            Ok(Vec::new()),
            "keys in the same gap"
        );
        check!(story.locks.held(txn(2), &story.index.key(b"f")).is_some(), "the writer has not ended");
        writer.end();
    });
}
