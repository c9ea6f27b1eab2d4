//! `insert_with`: the caller is asked under the latches, before anything changes, and sees the next entry.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bplus_tree::{KeyMode, MAX_KEY_LEN};
use proptest::prelude::*;
use testkit::{Rng, check, check_eq, step};

use super::forty;
use crate::support::faults::{all_bytes, in_batches, with_every_failure, with_few_frames};
use crate::support::keys::orders;
use crate::support::raw::entries_of;
use crate::support::{Fault, Op, Story, keys};

/// `admit` gets the smallest entry above the new one, in its own leaf or in the next, and None at the end of
/// the tree.
#[testkit::test]
fn admit_gets_the_next_entry() {
    for mode in [KeyMode::Unique, KeyMode::Duplicates] {
        testkit::prop::check(50, (any::<u64>(), 1..160_usize), |(seed, count)| {
            let mut rng = Rng::with_seed(seed);
            let keys = keys::hard(&mut rng, 70);
            let mut story = Story::new(mode);
            for _ in 0..count {
                let mut key = keys[rng.usize(..keys.len())].clone();
                if rng.u32(..30) == 0 {
                    key.resize(MAX_KEY_LEN + rng.usize(1..4), b'x');
                }
                story.insert_with(&key, keys::record(rng.u64(1..20)), rng.u32(..4) > 0);
            }
            story.check();
        });
    }
}

/// The next entry of each gap of a tree of many leaves: within a leaf, between two leaves, and behind all.
#[testkit::test]
fn admit_gets_the_next_entry_at_every_place() {
    for (name, order) in orders(60) {
        testkit::scene::clear();
        step!("// 60 keys of 700 bytes, inserted {name}");
        let mut story = Story::new(KeyMode::Unique);
        for number in &order {
            story.insert(&keys::long(10 * number, 700), keys::record(number + 1));
        }
        for number in 0..60 {
            story.insert_with(&keys::long(10 * number + 5, 20), keys::record(500), false);
            story.insert_with(&keys::long(10 * number + 5, 700), keys::record(500), false);
        }
        for number in order {
            story.insert_with(&keys::long(10 * number + 5, 700), keys::record(500), true);
        }
        story.check();
    }
}

/// An insert that is refused changes no byte and keeps no page, whether the leaf has room or must be split.
#[testkit::test]
fn a_refused_insert_changes_nothing() {
    for mode in [KeyMode::Unique, KeyMode::Duplicates] {
        let mut story = Story::new(mode);
        let mut rng = testkit::rng();
        for at in 0..120 {
            let key = keys::long(rng.u64(..1 << 30), rng.usize(500..900));
            let before = all_bytes(&story.pages);
            story.insert_with(&key, keys::record(at + 1), false);
            check!(all_bytes(&story.pages) == before, "a refused insert leaves all pages as they were");
            story.insert_with(&key, keys::record(at + 1), true);
        }
        story.check();
        story.check_gets();
    }
}

/// A key that is there, or too long, is refused without a question: the caller would prepare for an insert
/// that cannot be.
#[testkit::test]
fn a_wrong_key_is_refused_without_a_question() {
    let mut story = forty(KeyMode::Unique);
    for number in 0..40 {
        story.insert_with(&keys::long(10 * number, 700), keys::record(number + 2), true);
    }
    story.insert_with(&keys::long(55, MAX_KEY_LEN + 1), keys::record(7), true);
    let mut story = forty(KeyMode::Duplicates);
    for number in 0..40 {
        story.insert_with(&keys::long(10 * number, 700), keys::record(number + 1), true);
        story.insert_with(&keys::long(10 * number, 700), keys::record(number + 2), true);
    }
    story.check();
}

/// A panic in `admit` leaves the tree as it was and no latch held.
#[testkit::test]
fn a_panic_in_admit_changes_nothing() {
    let mut story = Story::new(KeyMode::Unique);
    let mut rng = testkit::rng();
    for at in 0..80 {
        let key = keys::long(rng.u64(..1 << 30), 700);
        let before = all_bytes(&story.pages);
        step!("tree.insert_with(&pager, {}, .., |_| panic!())", keys::shown(&key));
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            story
                .tree
                .insert_with(&story.pages, &key, keys::record(9), |_| std::panic::resume_unwind(Box::new(())))
        }));
        check!(outcome.is_err(), "the panic of admit goes on to the caller of insert_with");
        check_eq!(story.pages.held(), 0, "guards held after a panic in admit");
        check!(all_bytes(&story.pages) == before, "a panic in admit leaves all pages as they were");
        story.insert_with(&key, keys::record(at + 1), true);
    }
    story.check();
}

/// While `admit` runs, the leaf that will change is latched for writing, and the leaf of the next entry is
/// latched too (A1).
#[testkit::test]
fn both_leaves_are_latched_while_admit_runs() {
    let story = forty(KeyMode::Unique);
    let mut in_the_next_leaf = 0;
    for number in 0..40 {
        for len in [20, 700] {
            let key = keys::long(10 * number + 5, len);
            let leaves = story.check_quietly().leaves;
            let bytes = |at: usize| story.pages.bytes(leaves[at]).expect("nobody writes it");
            let last_key = |at: usize| entries_of(&bytes(at)).last().map(|entry| entry[6..].to_vec());
            // The first leaf that holds something above the key; the new entry goes there, or into the leaf
            // before it.
            let next_leaf = (0..leaves.len()).find(|at| last_key(*at) > Some(key.clone()));
            step!("tree.insert_with(&pager, {}, .., |_| false)", keys::shown(&key));
            let found = story.tree.insert_with(&story.pages, &key, keys::record(7), |next| {
                check_eq!(next.is_some(), next_leaf.is_some(), "whether there is a next entry");
                let at = next_leaf.unwrap_or(leaves.len() - 1);
                let is_written = |at: usize| story.pages.bytes(leaves[at]).is_none();
                check!(
                    story.pages.is_latched(leaves[at]),
                    "{}, the leaf of the next entry, is latched",
                    leaves[at]
                );
                let is_in_the_next = at > 0 && is_written(at - 1);
                check!(is_in_the_next || is_written(at), "the leaf of the new entry is latched for writing");
                in_the_next_leaf += usize::from(is_in_the_next);
                false
            });
            check_eq!(found, Ok(false), "an insert that is refused");
        }
    }
    check!(
        in_the_next_leaf > 10,
        "the next entry is sometimes in the next leaf, here {in_the_next_leaf} times"
    );
}

/// A page request of `insert_with` that fails leaves the tree as it was; with few frames it does, and in one
/// batch.
#[testkit::test]
fn an_admitted_insert_fails_as_a_plain_one() {
    let mut story = Story::new(KeyMode::Unique);
    for number in orders(60)[4].1.clone() {
        let height = story.check_quietly().height;
        let op = Op::InsertWith(keys::long(number, 800), keys::record(number + 1));
        match number % 3 {
            0 => drop(with_every_failure(&mut story, &op, Fault::AllPinned)),
            1 => in_batches(&mut story, &op),
            _ => {
                let frames = with_few_frames(&mut story, &op);
                check!(
                    frames <= 2 * height + 4,
                    "insert_with in a tree of {height} levels needs {frames} frames, expected at most {}",
                    2 * height + 4
                );
            }
        }
    }
    story.check();
}

/// A plain insert reads no page to find the next entry, and `insert_with` at most one: it is asked for
/// nothing else.
#[testkit::test]
fn the_question_costs_one_page_at_most() {
    let mut story = forty(KeyMode::Unique);
    let height = story.check().height as u64;
    let mut dearer = 0;
    for number in 0..40 {
        story.pages.watch();
        story.insert(&keys::long(10 * number + 3, 10), keys::record(100 + number));
        let plain = story.pages.counts();
        check_eq!(plain.allocates, 0, "new pages of an insert into a leaf with room");
        check_eq!(
            plain.reads + plain.writes,
            height,
            "pages that a plain insert asks for in a leaf with room"
        );
        story.pages.watch();
        story.insert_with(&keys::long(10 * number + 5, 10), keys::record(200 + number), true);
        let asking = story.pages.counts();
        check_eq!(asking.allocates, 0, "new pages of an insert into a leaf with room");
        let pages = asking.reads + asking.writes;
        check!(
            pages == height || pages == height + 1,
            "insert_with asks for {pages} pages in a tree of {height} levels, expected at most one more"
        );
        dearer += u64::from(pages > height);
    }
    check!(dearer > 0, "the next entry is sometimes in the next leaf");
}
