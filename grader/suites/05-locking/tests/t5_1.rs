//! Task 5.1: modes, queues and the lock table.

mod queue;
mod table;

use locking::LockMode::{self, IS, IX, S, SIX, X};
use testkit::{check, check_eq};

/// What one mode allows its holder: to read all, to write all, to read parts, to write parts.
fn rights(mode: LockMode) -> [bool; 4] {
    match mode {
        IS => [false, false, true, false],
        IX => [false, false, true, true],
        S => [true, false, true, false],
        SIX => [true, false, true, true],
        X => [true, true, true, true],
    }
}

/// Two modes go together exactly if neither writes what the other one reads or writes without a lock of its
/// own on the part.
#[testkit::test]
fn modes_are_compatible_if_their_holders_cannot_disturb_each_other() {
    for one in LockMode::ALL {
        for other in LockMode::ALL {
            let disturbs = |[_, write_all, _, write_part]: [bool; 4], [read_all, _, _, _]: [bool; 4]| {
                write_all || (write_part && read_all)
            };
            let expected = !disturbs(rights(one), rights(other)) && !disturbs(rights(other), rights(one));
            check_eq!(one.is_compatible(other), expected, "{one}.is_compatible({other})");
        }
    }
}

/// A mode covers another exactly if it allows all that the other one allows. Taken the other way round, a
/// holder of S would write.
#[testkit::test]
fn a_mode_covers_what_allows_no_more() {
    for one in LockMode::ALL {
        for other in LockMode::ALL {
            let allows = |(one, other): (&bool, &bool)| *one || !*other;
            let expected = rights(one).iter().zip(&rights(other)).all(allows);
            check_eq!(one.covers(other), expected, "{one}.covers({other})");
        }
    }
}

/// The join covers both modes, and every mode that covers both covers the join.
#[testkit::test]
fn a_join_is_the_weakest_mode_that_covers_both() {
    for one in LockMode::ALL {
        for other in LockMode::ALL {
            let join = one.join(other);
            check!(join.covers(one) && join.covers(other), "{one}.join({other}) = {join} covers both");
            for third in LockMode::ALL.into_iter().filter(|third| third.covers(one) && third.covers(other)) {
                check!(
                    third.covers(join),
                    "{third} covers {one} and {other}, so it covers their join {join}"
                );
            }
        }
    }
    check_eq!(S.join(IX), SIX, "S.join(IX)");
}
