//! Circles of 2 to 16 transactions that hold their locks already and want more of them.

use kit::sync::Arc;
use locking::DeadlockPolicy::{Detect, Patient};
use locking::LockMode::{S, X};
use locking::{LockError, dump_locks, waits_for_svg};
use testkit::schedule::random;
use testkit::{Failure, check, check_eq, scene};

use super::{run_waits, wait_on_a_thread};
use crate::support::circle::check_circle;
use crate::support::{locks, row, txn};

/// Transaction `k` reads rows `k` and `k + 1`, then writes row `k`, which transaction `k - 1` has read too.
fn circle_of_conversions(length: u64) {
    let locks = locks(Detect);
    let next = |number: u64| number % length + 1;
    for number in 1..=length {
        for at in [number, next(number)] {
            check_eq!(locks.lock(txn(number), &row(at as u32), S), Ok(None), "S on row {at} for T{number}");
        }
    }
    let waits = (1..=length).map(|number| (number, row(number as u32), X)).collect();
    let ended = run_waits(&Arc::clone(&locks), waits);
    let victims: Vec<_> = ended.iter().filter(|(_, result)| result.is_err()).collect();
    check_eq!(victims.len(), 1, "victims of one circle of {length} conversions");
    let (victim, Err(LockError::Deadlock { cycle, .. })) = &victims[0] else {
        Failure::new("the error of the victim").found(&victims[0].1).raise();
    };
    let members: Vec<_> = (1..=length).map(txn).collect();
    check_circle(*victim, cycle, &members);
    for edge in cycle {
        check_eq!(edge.resource, row(edge.waiter.0 as u32), "what {} waits for", edge.waiter);
        check!(edge.is_holder, "{} holds what {} waits for", edge.blocker, edge.waiter);
        check_eq!((edge.wants, edge.has), (X, S), "modes of {edge}");
    }
    for (txn, result) in ended.iter().filter(|(txn, _)| txn != victim) {
        check_eq!(*result, Ok(Some(S)), "the conversion of {txn}, which is no victim");
    }
    check_eq!(locks.resource_count(), 0, "resources after all have ended");
}

/// A conversion waits in front of all newcomers, so a circle of conversions has no other way out than a
/// victim.
#[testkit::test]
fn a_circle_of_two_to_sixteen_conversions_has_one_victim() {
    scene::invariant("D4", "detection makes one victim for each circle");
    for length in 2..=16 {
        random(4, move || circle_of_conversions(length));
    }
}

/// The pictures of a lock table in which three transactions wait in a circle and a fourth behind them.
#[testkit::test]
fn text_and_drawing_show_what_a_live_table_waits_for() {
    random(4, || {
        let locks = locks(Patient);
        for number in 1..=3 {
            check_eq!(locks.lock(txn(number), &row(number as u32), X), Ok(None), "X on a free row");
        }
        let waits = [(1, 2, S), (2, 3, X), (3, 1, X), (4, 1, S)];
        let threads = waits.map(|(number, at, mode)| wait_on_a_thread(&locks, number, row(at), mode));
        let (text, drawing) = (dump_locks(&locks), waits_for_svg(&locks));
        for line in [
            "row 3.1 of table 1  held by T1 X              waiting: T3 X, T4 S",
            "row 3.2 of table 1  held by T2 X              waiting: T1 S",
        ] {
            check!(text.lines().any(|other| other == line), "the text has the line {line:?}:\n{text}");
        }
        for (part, count) in [("marker-end=", 5), ("class=\"d\"", 3), (", behind T3, which waits for X", 1)] {
            check_eq!(
                drawing.matches(part).count(),
                count,
                "{part:?} in the drawing of five waits: {drawing}"
            );
        }
        locks.cancel(txn(2));
        for thread in threads {
            check!(thread.join().is_ok(), "a wait ends after one of the circle was cancelled");
        }
        check_eq!(locks.resource_count(), 0, "resources after all have ended");
    });
}
