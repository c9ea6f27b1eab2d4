//! Circles of 2 to 16 transactions that wait for each other's gaps.

use std::ops::Bound::{Excluded, Unbounded};

use bplus_tree::Direction::Forward;
use kit::sync::Arc;
use locking::DeadlockPolicy::Detect;
use locking::{Error, Isolation, LockError, Locker, RowLock};
use testkit::schedule::random;
use testkit::{Failure, check_eq};

use crate::support::circle::check_circle;
use crate::support::db::IndexStory;
use crate::support::{spawn, txn};

/// Transaction `k` has read the gap behind key `k`, the last one the end of the index, and adds a key to the
/// gap of the next one.
fn circle_of_gaps(length: usize) {
    let key = |at: usize| format!("k{at:02}");
    let keys: Vec<String> = (1..=length).map(key).collect();
    let story = IndexStory::new(Detect, &keys.iter().map(String::as_str).collect::<Vec<_>>());
    let read_gap = |number: usize| {
        let locker = story.locker(number as u64, Isolation::Serializable);
        let (low, high) = (key(number), key(number + 1));
        let high = if number == length { Unbounded } else { Excluded(high.as_str()) };
        let read = story.read(&locker, (Excluded(low.as_str()), high), Forward, 10, RowLock::Read);
        check_eq!(read, Ok(Vec::new()), "the gap behind key {number}");
        locker
    };
    let lockers: Vec<Locker> = (1..=length).map(read_gap).collect();
    let threads: Vec<_> = lockers
        .into_iter()
        .zip(1..)
        .map(|(locker, number)| {
            let (story, added) = (Arc::clone(&story), key(number % length + 1) + "x");
            spawn(locker.txn().to_string(), move || {
                let result = story.add(&locker, &added);
                locker.end();
                (locker.txn(), result)
            })
        })
        .collect();
    let ended: Vec<_> = threads.into_iter().filter_map(|thread| thread.join().ok()).collect();
    let victims: Vec<_> = ended.iter().filter(|(_, result)| result.is_err()).collect();
    check_eq!(victims.len(), 1, "victims of one circle through {length} gaps");
    let (victim, Err(Error::Lock(LockError::Deadlock { cycle, .. }))) = &victims[0] else {
        Failure::new("the error of the victim").found(&victims[0].1).raise();
    };
    let members: Vec<_> = (1..=length as u64).map(txn).collect();
    check_circle(*victim, cycle, &members);
    for (txn, result) in ended.iter().filter(|(txn, _)| txn != victim) {
        check_eq!(*result, Ok(true), "the insert of {txn}, which is no victim");
    }
    check_eq!(story.locks.resource_count(), 0, "locks after all have ended");
}

/// An inserter waits for a gap outside of the tree, and the search for circles goes through gaps as through
/// rows.
#[testkit::test]
fn a_circle_through_two_to_sixteen_gaps_has_one_victim() {
    for length in 2..=16 {
        random(3, move || circle_of_gaps(length));
    }
}
