//! `replace`: another record id for a key, in one step.

use bplus_tree::{Error, KeyMode, MAX_KEY_LEN};
use testkit::{check, check_eq, step};

use super::filled;
use crate::support::faults::{all_bytes, in_batches, keeps_lsns, with_every_failure};
use crate::support::keys::orders;
use crate::support::{Fault, Op, keys};

/// Each key gets another record id, and again another; nothing else in the tree changes, and one page does.
#[testkit::test]
fn a_key_gets_another_record_id() {
    for len in [12, 700, MAX_KEY_LEN] {
        let mut story = filled(KeyMode::Unique, 40, len, 3);
        for number in orders(40)[4].1.clone() {
            let key = keys::long(number, len);
            for (old, new) in [(number + 1, 500 + number), (500 + number, 7), (7, 7), (7, number + 1)] {
                let op = Op::Replace(key.clone(), keys::record(old), keys::record(new));
                step!("{}", op.shown());
                story.pages.watch();
                check_eq!(op.run(&story.tree, &story.pages), Ok(()), "{}", op.shown());
                op.note(&mut story);
                let (counts, changed) = (story.pages.counts(), story.pages.changed());
                check_eq!((counts.allocates, counts.frees), (0, 0), "pages allocated and freed by replace");
                check!(changed.len() <= 1, "replace changes {} pages, expected one", changed.len());
                check_eq!(story.pages.held(), 0, "guards held after replace");
                story.get(&key);
            }
            story.check();
        }
    }
}

/// A key that is not there, a record id that it does not have, and a key that is too long: the answer is
/// false, and nothing changes.
#[testkit::test]
fn a_wrong_old_record_changes_nothing() {
    let story = filled(KeyMode::Unique, 40, 700, 4);
    let before = all_bytes(&story.pages);
    for number in 0..40 {
        let record = keys::record(number + 1);
        for (key, old) in [
            (keys::long(number, 700), keys::record(number + 2)),
            (keys::long(number, 699), record),
            (keys::long(number, 699), keys::record(number)),
            (keys::long(number, MAX_KEY_LEN + 1), record),
        ] {
            let found = story.tree.replace(&story.pages, &key, old, keys::record(99));
            check_eq!(found, Ok(false), "replace of {} with the old record id {old}", keys::shown(&key));
        }
    }
    check!(all_bytes(&story.pages) == before, "a replace that finds nothing leaves all pages as they were");
}

/// In a tree with duplicates the entry would have to move: replace is refused, and nothing changes.
#[testkit::test]
fn a_tree_with_duplicates_refuses() {
    let story = filled(KeyMode::Duplicates, 20, 700, 5);
    let before = all_bytes(&story.pages);
    for number in 0..20 {
        let key = keys::long(number, 700);
        let found = story.tree.replace(&story.pages, &key, keys::record(number + 1), keys::record(99));
        check_eq!(found, Err(Error::NotUnique), "replace in a tree with duplicates");
    }
    check!(all_bytes(&story.pages) == before, "a refused replace leaves all pages as they were");
}

/// A page request that fails leaves the tree as it was; in one batch, and with the LSN of the page kept.
#[testkit::test]
fn a_failed_request_changes_nothing() {
    let mut story = filled(KeyMode::Unique, 40, 700, 6);
    for number in 0..40 {
        let op = Op::Replace(keys::long(number, 700), keys::record(number + 1), keys::record(100 + number));
        match number % 3 {
            0 => drop(with_every_failure(&mut story, &op, Fault::AllPinned)),
            1 => in_batches(&mut story, &op),
            _ => keeps_lsns(&mut story, &op),
        }
    }
    story.check();
}
