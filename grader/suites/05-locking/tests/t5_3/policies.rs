//! What holds for every policy: whatever transactions lock, in whatever order, all of them get to their end.

use kit::sync::Arc;
use kit::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use locking::DeadlockPolicy::{self, Detect, WoundWait};
use locking::LockMode::{self, IS, IX, S, SIX, X};
use locking::{LockError, LockTable};
use testkit::schedule::{explore, random};
use testkit::{Rng, check, check_eq, scene};

use crate::support::{locks, row, spawn, txn, until_waiting};

/// Locks and conversions of a transaction: row and mode.
type Script = Vec<(u32, LockMode)>;

fn random_script(rng: &mut Rng) -> Script {
    let modes = [S, S, X, X, IS, IX, SIX];
    (0..rng.usize(2..5)).map(|_| (rng.u32(0..3), modes[rng.usize(..modes.len())])).collect()
}

/// Runs a script until it gets through; a transaction that must be rolled back begins again, under a new
/// name, or under its old one so that it grows old.
fn run(locks: &LockTable, script: &Script, next: &AtomicU64, keeps_its_name: bool) -> usize {
    let mut number = next.fetch_add(1, Ordering::SeqCst);
    let mut victims = 0;
    loop {
        let result =
            script.iter().try_for_each(|(at, mode)| locks.lock(txn(number), &row(*at), *mode).map(drop));
        locks.unlock_all(txn(number));
        match result {
            Ok(()) => return victims,
            Err(error) => {
                check!(error.must_roll_back(), "an error of a transaction that nobody cancelled: {error}");
                victims += 1;
            }
        }
        if !keeps_its_name {
            number = next.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// If one circle were not found, its transactions would sleep for ever: the scheduler says so.
fn all_transactions_end(policy: DeadlockPolicy) {
    let victims = Arc::new(AtomicUsize::new(0));
    let mut rng = testkit::rng();
    for _ in 0..24 {
        let scripts: Vec<Script> = (0..3).map(|_| random_script(&mut rng)).collect();
        let victims = Arc::clone(&victims);
        scene::step(format!("{scripts:?}"));
        explore(24, move || {
            let (locks, next) = (locks(policy), Arc::new(AtomicU64::new(1)));
            let threads: Vec<_> = scripts
                .iter()
                .cloned()
                .enumerate()
                .map(|(at, script)| {
                    let (locks, next) = (Arc::clone(&locks), Arc::clone(&next));
                    spawn(format!("thread {at}"), move || run(&locks, &script, &next, true))
                })
                .collect();
            for thread in threads {
                victims.fetch_add(thread.join().unwrap_or(0), Ordering::SeqCst);
            }
            check_eq!(locks.resource_count(), 0, "resources after all have ended");
        });
    }
    check!(victims.load(Ordering::SeqCst) > 0, "some transaction of all these was a victim");
}

/// Random locks and conversions in three modes, under detection.
#[testkit::test]
fn all_transactions_end_under_detection() {
    scene::invariant("D1", "there is no circle among the waiting transactions");
    all_transactions_end(Detect);
}

/// The same under wound-wait, where a conversion that is granted past a waiter is the hard case.
#[testkit::test]
fn all_transactions_end_under_wound_wait() {
    scene::invariant("D2", "no transaction waits for a younger one");
    all_transactions_end(WoundWait);
}

/// An older transaction does not wait for a younger one that waits itself: it wounds it.
#[testkit::test]
fn an_older_transaction_wounds_a_younger_one() {
    explore(60, || {
        let locks = locks(WoundWait);
        check_eq!(locks.lock(txn(1), &row(1), X), Ok(None), "X on row 1");
        check_eq!(locks.lock(txn(2), &row(2), X), Ok(None), "X on row 2");
        let younger = {
            let locks = Arc::clone(&locks);
            spawn("T2", move || {
                let result = locks.lock(txn(2), &row(1), X);
                locks.unlock_all(txn(2));
                result
            })
        };
        until_waiting(&locks, txn(2));
        check_eq!(locks.lock(txn(1), &row(2), S), Ok(None), "S on a row of a younger transaction");
        let wounded = LockError::Wounded { victim: txn(2), by: txn(1), resource: row(2), wants: S };
        check_eq!(younger.join().ok(), Some(Err(wounded)), "the wait of the younger transaction");
        locks.unlock_all(txn(1));
        check_eq!(locks.resource_count(), 0, "resources after all have ended");
    });
}

/// A younger transaction waits for an older one and is not harmed.
#[testkit::test]
fn a_younger_transaction_waits_for_an_older_one() {
    explore(60, || {
        let locks = locks(WoundWait);
        check_eq!(locks.lock(txn(1), &row(1), X), Ok(None), "X on row 1");
        let younger = {
            let locks = Arc::clone(&locks);
            spawn("T2", move || locks.lock(txn(2), &row(1), X))
        };
        until_waiting(&locks, txn(2));
        check_eq!(locks.lock(txn(1), &row(5), X), Ok(None), "a lock of the older transaction");
        locks.unlock_all(txn(1));
        check_eq!(younger.join().ok(), Some(Ok(None)), "the wait of the younger transaction");
        locks.unlock_all(txn(2));
    });
}

/// A wounded transaction that runs gets the error at its next lock, and may end before.
#[testkit::test]
fn a_wounded_transaction_runs_to_its_next_lock() {
    explore(60, || {
        let locks = locks(WoundWait);
        check_eq!(locks.lock(txn(2), &row(1), X), Ok(None), "X on row 1");
        let older = {
            let locks = Arc::clone(&locks);
            spawn("T1", move || {
                let result = locks.lock(txn(1), &row(1), S);
                locks.unlock_all(txn(1));
                result
            })
        };
        until_waiting(&locks, txn(1));
        check_eq!(locks.held(txn(2), &row(1)), Some(X), "what the wounded transaction holds");
        let wounded = LockError::Wounded { victim: txn(2), by: txn(1), resource: row(1), wants: S };
        check_eq!(locks.lock(txn(2), &row(5), S), Err(wounded), "the next lock of the wounded transaction");
        locks.unlock_all(txn(2));
        check_eq!(older.join().ok(), Some(Ok(None)), "the wait of the older transaction");
        check_eq!(locks.resource_count(), 0, "resources after all have ended");
    });
}

/// Several younger transactions hold what an older one wants: one that is spared could wait for the older one
/// later.
#[testkit::test]
fn an_older_transaction_wounds_all_younger_ones_in_its_way() {
    explore(30, || {
        let locks = locks(WoundWait);
        for number in 2..=4 {
            check_eq!(locks.lock(txn(number), &row(1), S), Ok(None), "S beside other S");
        }
        let older = {
            let locks = Arc::clone(&locks);
            spawn("T1", move || {
                let result = locks.lock(txn(1), &row(1), X);
                locks.unlock_all(txn(1));
                result
            })
        };
        until_waiting(&locks, txn(1));
        for number in 2..=4 {
            let next = locks.lock(txn(number), &row(5), S);
            check!(
                matches!(next, Err(LockError::Wounded { .. })),
                "T{number} holds what T1 waits for, and its next lock gave {next:?}"
            );
            locks.unlock_all(txn(number));
        }
        check_eq!(older.join().ok(), Some(Ok(None)), "the wait of the older transaction");
        check_eq!(locks.resource_count(), 0, "resources after all have ended");
    });
}

/// Very many transactions in one queue: the search looks at each of them once, not once for each way to it.
#[testkit::test]
fn a_long_queue_is_searched_in_bounded_time() {
    random(2, || {
        let locks = locks(Detect);
        for number in 0..20 {
            check_eq!(locks.lock(txn(number), &row(1), S), Ok(None), "S beside other S");
        }
        // Every waiter waits for every holder and for every waiter before it: the number of ways grows as
        // 2^n.
        let threads: Vec<_> = (20..44)
            .map(|number| {
                let table = Arc::clone(&locks);
                let waiter = spawn(format!("T{number}"), move || {
                    let result = table.lock(txn(number), &row(1), X);
                    table.unlock_all(txn(number));
                    result
                });
                until_waiting(&locks, txn(number));
                waiter
            })
            .collect();
        (0..20).for_each(|number| locks.unlock_all(txn(number)));
        for thread in threads {
            check_eq!(thread.join().ok(), Some(Ok(None)), "X in a long queue");
        }
    });
}

/// Two conversions wait for a third transaction. When it ends, one of them is granted, and may be what the
/// other waits for from then on: an older one must not wait for a younger one.
#[testkit::test]
fn a_conversion_that_is_granted_past_an_older_one_is_wounded() {
    scene::invariant("D2", "no transaction waits for a younger one");
    explore(60, || {
        let locks = locks(WoundWait);
        check_eq!(locks.lock(txn(1), &row(2), X), Ok(None), "X of the older on another row");
        for (number, mode) in [(1, IS), (5, IS), (0, IX)] {
            check_eq!(locks.lock(txn(number), &row(1), mode), Ok(None), "{mode} beside intention locks");
        }
        let younger = {
            let locks = Arc::clone(&locks);
            spawn("T5", move || {
                let converted = locks.lock(txn(5), &row(1), SIX);
                let result = converted.and_then(|_| locks.lock(txn(5), &row(2), S));
                locks.unlock_all(txn(5));
                result
            })
        };
        until_waiting(&locks, txn(5));
        let older = {
            let locks = Arc::clone(&locks);
            spawn("T1", move || {
                let result = locks.lock(txn(1), &row(1), S);
                locks.unlock_all(txn(1));
                result
            })
        };
        until_waiting(&locks, txn(1));
        locks.unlock_all(txn(0));
        check_eq!(older.join().ok(), Some(Ok(Some(IS))), "the conversion of the older transaction");
        let younger = younger.join();
        check!(
            younger
                .as_ref()
                .is_ok_and(|result| result.as_ref().map_or_else(LockError::must_roll_back, |_| true)),
            "the younger transaction gets its lock or is wounded: {younger:?}"
        );
        check_eq!(locks.resource_count(), 0, "resources after all have ended");
    });
}
