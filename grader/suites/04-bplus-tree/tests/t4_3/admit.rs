//! `remove_with`: the caller is asked under the latches, before anything changes, and sees the next entry.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bplus_tree::{KeyMode, MAX_KEY_LEN};
use proptest::prelude::*;
use testkit::{Rng, check, check_eq, step};

use super::{check_emptied, filled};
use crate::support::faults::{all_bytes, in_batches, with_every_failure, with_few_frames};
use crate::support::keys::orders;
use crate::support::raw::entries_of;
use crate::support::{Fault, Op, Story, keys};

/// `admit` gets the smallest entry above the one that goes, wherever that is: in the leaf, in a sibling,
/// behind both, or nowhere.
#[testkit::test]
fn admit_gets_the_next_entry() {
    for (name, order) in orders(60) {
        for len in [400, MAX_KEY_LEN] {
            testkit::scene::clear();
            step!("// 60 keys of {len} bytes, removed {name}");
            let mut story = filled(KeyMode::Unique, 60, len, 3);
            for number in &order {
                for other in (0..60).step_by(7) {
                    story.remove_with(&keys::long(other, len), keys::record(other + 1), false);
                }
                story.remove_with(&keys::long(*number, len), keys::record(number + 1), true);
            }
            check_emptied(&story, story.tree.id());
        }
    }
}

/// Hard keys in both modes, removed with and without consent, between inserts.
#[testkit::test]
fn agrees_with_a_sorted_set() {
    for mode in [KeyMode::Unique, KeyMode::Duplicates] {
        testkit::prop::check(50, (any::<u64>(), 1..200_usize), |(seed, count)| {
            let mut rng = Rng::with_seed(seed);
            let keys = keys::hard(&mut rng, 50);
            let mut story = Story::new(mode);
            for at in 0..count {
                let key = &keys[rng.usize(..keys.len())];
                let is_growing = (at / 60) % 2 == 0;
                if rng.u32(..4) < if is_growing { 3 } else { 1 } {
                    story.insert(key, keys::record(rng.u64(1..6)));
                } else {
                    let record = story.model.get(key).filter(|_| rng.u32(..4) > 0);
                    let record = record.unwrap_or(keys::record(rng.u64(1..6)));
                    story.remove_with(key, record, rng.u32(..3) > 0);
                }
            }
            story.check();
        });
    }
}

/// A removal that is refused changes no byte, whatever would have been merged, and the entry goes when the
/// caller agrees.
#[testkit::test]
fn a_refused_removal_changes_nothing() {
    let mut story = filled(KeyMode::Unique, 60, 700, 4);
    for number in orders(60)[4].1.clone() {
        let before = all_bytes(&story.pages);
        story.remove_with(&keys::long(number, 700), keys::record(number + 1), false);
        check!(all_bytes(&story.pages) == before, "a refused removal leaves all pages as they were");
        story.get(&keys::long(number, 700));
        story.remove_with(&keys::long(number, 700), keys::record(number + 1), true);
        story.check();
    }
    check_emptied(&story, story.tree.id());
}

/// An entry that is not there is absent, and nobody is asked; so is a key with another record id, and one
/// that is too long.
#[testkit::test]
fn what_is_not_there_is_absent_without_a_question() {
    for mode in [KeyMode::Unique, KeyMode::Duplicates] {
        let mut story = filled(mode, 30, 700, 5);
        for number in 0..30 {
            story.remove_with(&keys::long(number, 700), keys::record(number + 2), true);
            story.remove_with(&keys::long(number, 699), keys::record(number + 1), true);
        }
        story.remove_with(&keys::long(3, MAX_KEY_LEN + 1), keys::record(4), true);
        story.check();
    }
}

/// A panic in `admit` leaves the tree as it was and no latch held.
#[testkit::test]
fn a_panic_in_admit_changes_nothing() {
    let mut story = filled(KeyMode::Unique, 40, 700, 6);
    for number in orders(40)[4].1.clone() {
        let (key, record) = (keys::long(number, 700), keys::record(number + 1));
        let before = all_bytes(&story.pages);
        step!("tree.remove_with(&pager, {}, {record}, |_| panic!())", keys::shown(&key));
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let panic = |_: Option<bplus_tree::Entry<'_>>| std::panic::resume_unwind(Box::new(()));
            story.tree.remove_with(&story.pages, &key, record, panic)
        }));
        check!(outcome.is_err(), "the panic of admit goes on to the caller of remove_with");
        check_eq!(story.pages.held(), 0, "guards held after a panic in admit");
        check!(all_bytes(&story.pages) == before, "a panic in admit leaves all pages as they were");
        story.remove_with(&key, record, true);
    }
    check_emptied(&story, story.tree.id());
}

/// While `admit` runs, the leaf of the entry is latched for writing, and the leaf of the next entry is
/// latched too (A1).
#[testkit::test]
fn both_leaves_are_latched_while_admit_runs() {
    let mut story = filled(KeyMode::Unique, 40, 700, 7);
    let mut in_the_next_leaf = 0;
    for number in orders(40)[4].1.clone() {
        let (key, record) = (keys::long(number, 700), keys::record(number + 1));
        let next = story.model.next(&key, record).cloned();
        let leaves = story.check_quietly().leaves;
        let leaf_of = |key: &[u8]| {
            let has = |page: &slotted_page::PageBuf| entries_of(page).iter().any(|entry| &entry[6..] == key);
            leaves.iter().copied().find(|id| story.pages.bytes(*id).is_some_and(|page| has(&page)))
        };
        let (own, other) = (leaf_of(&key), next.and_then(|next| leaf_of(&next.0)));
        in_the_next_leaf += usize::from(other.is_some() && own != other);
        step!("tree.remove_with(&pager, {}, {record}, |_| true)", keys::shown(&key));
        let found = story.tree.remove_with(&story.pages, &key, record, |_| {
            let is_written = own.is_some_and(|id| story.pages.bytes(id).is_none());
            check!(is_written, "the leaf of the entry is latched for writing");
            let is_latched = other.is_none_or(|id| story.pages.is_latched(id));
            check!(is_latched, "the leaf of the next entry is latched");
            true
        });
        check_eq!(found, Ok(bplus_tree::Removal::Removed), "a removal that is admitted");
        story.model.remove(&key, record);
    }
    check!(
        in_the_next_leaf > 0,
        "the next entry is sometimes in the next leaf, here {in_the_next_leaf} times"
    );
    check_emptied(&story, story.tree.id());
}

/// A latch that is refused is asked for again, and the question with it.
#[testkit::test]
fn refused_latches_are_asked_for_again() {
    let mut story = filled(KeyMode::Unique, 80, 600, 8);
    story.pages.refuse_every_second_try();
    for number in orders(80)[4].1.clone() {
        story.remove_with(&keys::long(number, 600), keys::record(number + 1), true);
    }
    check_emptied(&story, story.tree.id());
}

/// A page request of `remove_with` that fails leaves the tree as it was; with few frames it does, and in one
/// batch.
#[testkit::test]
fn an_admitted_removal_fails_as_a_plain_one() {
    let mut story = filled(KeyMode::Unique, 50, 800, 9);
    for number in orders(50)[4].1.clone() {
        let height = story.check_quietly().height;
        let op = Op::RemoveWith(keys::long(number, 800), keys::record(number + 1));
        match number % 3 {
            0 => drop(with_every_failure(&mut story, &op, Fault::AllPinned)),
            1 => in_batches(&mut story, &op),
            _ => {
                let frames = with_few_frames(&mut story, &op);
                check!(
                    frames <= 3 * height + 4,
                    "remove_with in a tree of {height} levels needs {frames} frames, expected at most {}",
                    3 * height + 4
                );
            }
        }
    }
    check_emptied(&story, story.tree.id());
}
