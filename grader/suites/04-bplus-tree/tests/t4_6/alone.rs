//! One thread: what the optimistic way does, and what it costs.

use bplus_tree::{KeyMode, MAX_KEY_LEN};
use proptest::prelude::*;
use testkit::{Rng, check, check_eq, step};

use super::{new, roomy, tens};
use crate::support::faults::{in_batches, with_every_failure, with_few_frames};
use crate::support::keys::orders;
use crate::support::{Fault, Op, keys};

/// Alone, the optimistic way gives what the other one gives, in both modes, growing and shrinking.
#[testkit::test]
fn alone_it_agrees_with_a_sorted_set() {
    for mode in [KeyMode::Unique, KeyMode::Duplicates] {
        testkit::prop::check(30, (any::<u64>(), 1..260_usize), |(seed, count)| {
            let mut rng = Rng::with_seed(seed);
            let keys = keys::hard(&mut rng, 50);
            let mut story = new(mode, 2_000);
            for at in 0..count {
                let key = &keys[rng.usize(..keys.len())];
                let is_growing = (at / 80) % 2 == 0;
                if rng.u32(..4) < if is_growing { 3 } else { 1 } {
                    story.insert(key, keys::record(rng.u64(1..6)));
                } else {
                    let record = story.model.get(key).filter(|_| rng.u32(..4) > 0);
                    story.remove(key, record.unwrap_or(keys::record(rng.u64(1..6))));
                }
                if at % 16 == 0 {
                    story.check();
                }
            }
            story.check();
            keys.iter().for_each(|key| story.get(key));
            for (key, record) in story.model.entries.clone() {
                story.remove(&key, record);
            }
            story.check();
            check_eq!(story.pages.allocated().len(), 1, "pages of an emptied tree");
        });
    }
}

/// Grown and emptied in every order, with four entries a node: splits and merges go through all levels.
#[testkit::test]
fn alone_it_grows_and_shrinks_in_any_order() {
    for (name, order) in orders(100) {
        testkit::scene::clear();
        let mut story = new(KeyMode::Unique, 2_000);
        step!("// inserted and removed {name}");
        for number in &order {
            story.insert(&keys::long(*number, MAX_KEY_LEN), keys::record(number + 1));
            story.check();
        }
        for number in &order {
            story.remove(&keys::long(*number, MAX_KEY_LEN), keys::record(number + 1));
            story.check();
        }
        check_eq!(story.pages.allocated().len(), 1, "pages of an emptied tree");
    }
}

/// A failed page request leaves the tree as it was on the optimistic way, on the other, and between the two.
#[testkit::test]
fn a_failed_request_changes_nothing() {
    for fault in [Fault::AllPinned, Fault::Full] {
        let mut story = new(KeyMode::Unique, 2_000);
        let order = orders(30)[4].1.clone();
        for number in &order {
            let op = Op::Insert(keys::long(*number, MAX_KEY_LEN), keys::record(number + 1));
            with_every_failure(&mut story, &op, fault);
        }
        for number in order.iter().rev() {
            let op = Op::Remove(keys::long(*number, MAX_KEY_LEN), keys::record(number + 1));
            with_every_failure(&mut story, &op, fault);
        }
        check_eq!(story.pages.allocated().len(), 1, "pages of an emptied tree");
    }
}

/// A latch that cannot be had at once is not given up on.
#[testkit::test]
fn refused_latches_are_asked_for_again() {
    let mut story = tens(100, 600, 2_000);
    story.pages.refuse_every_second_try();
    for number in orders(100)[4].1.clone() {
        story.remove(&keys::long(10 * number + 10, 600), keys::record(number + 1));
        story.check_quietly();
    }
    story.check();
}

/// One operation in one batch, and with few frames: letting go early changes neither.
#[testkit::test]
fn batches_and_few_frames_will_do() {
    let mut story = new(KeyMode::Unique, 2_000);
    let order = orders(80)[4].1.clone();
    let mut ops: Vec<Op> =
        order.iter().map(|at| Op::Insert(keys::long(*at, 800), keys::record(at + 1))).collect();
    ops.extend(order.iter().rev().map(|at| Op::Remove(keys::long(*at, 800), keys::record(at + 1))));
    for (at, op) in ops.iter().enumerate() {
        let height = story.check().height;
        if at % 2 == 0 {
            in_batches(&mut story, op);
        } else {
            let frames = with_few_frames(&mut story, op);
            check!(
                frames <= 3 * height + 4,
                "{} needs {frames} frames in a tree of {height} levels",
                op.shown()
            );
        }
    }
    check_eq!(story.check().entries.len(), 0, "entries of an emptied tree");
}

/// Where the leaf has room, an insert takes one write latch, that of the leaf, and reads one page for each
/// level above it.
#[testkit::test]
fn an_insert_takes_one_write_latch() {
    let mut story = roomy(256, 100, 4, 8);
    let height = story.check().height as u64;
    check_eq!(height, 3, "levels of the test's tree");
    let mut quick = 0;
    for number in 1..=256 {
        story.pages.watch();
        story.insert(&keys::long(10 * number + 5, 60), keys::record(number));
        let counts = story.pages.counts();
        if counts.allocates == 0 {
            quick += 1;
            check_eq!(counts.writes, 1, "write latches of an insert into a leaf with room");
            check_eq!(counts.reads, height - 1, "pages read on the way to a leaf with room");
            check!(counts.most_held <= 2, "{} pages held at once on the way down", counts.most_held);
        }
    }
    check!(quick > 150, "most inserts find room, found {quick} of 256");
}

/// Where the leaf keeps enough, a removal takes one write latch.
#[testkit::test]
fn a_removal_takes_one_write_latch() {
    let mut story = roomy(800, 50, 50, 4);
    let height = story.check().height as u64;
    for number in (1..=800).step_by(80) {
        story.pages.watch();
        story.remove(&keys::long(10 * number, 50), keys::record(number));
        let counts = story.pages.counts();
        check_eq!(counts.writes, 1, "write latches of a removal from a leaf that keeps enough");
        check_eq!(counts.reads, height - 1, "pages read on the way to a leaf that keeps enough");
    }
    for key in [&b"no"[..], b""] {
        story.pages.watch();
        story.remove(key, keys::record(1));
        check!(
            story.pages.counts().writes <= 1,
            "a removal that finds nothing takes at most one write latch"
        );
        check_eq!(story.pages.changed().len(), 0, "pages changed by a removal that finds nothing");
    }
}

/// Mean write latches of inserts in random order: splits are rare, so not much above one.
#[testkit::test]
fn inserts_take_few_write_latches() {
    let mut story = new(KeyMode::Unique, 2_000);
    story.pages.watch();
    let mut numbers: Vec<u64> = (0..1_500).collect();
    testkit::rng().shuffle(&mut numbers);
    for number in numbers {
        story.insert(&keys::number(number), keys::record(number));
    }
    let mean = story.pages.counts().writes as f64 / 1_500.0;
    check!(mean < 1.5, "an insert takes {mean:.2} write latches on average, expected little more than 1");
}
