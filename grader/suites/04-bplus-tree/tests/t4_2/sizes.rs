//! Where nodes are cut, and what a split costs.

use bplus_tree::{KeyMode, MAX_KEY_LEN};
use proptest::prelude::*;
use slotted_page::PAGE_SIZE;
use testkit::{check, check_eq};

use crate::support::keys::orders;
use crate::support::{Story, fill, keys, mixed};

/// Rule P2: a split leaves each side of a leaf a third full, and two children on each side of an internal
/// node. A cut at any other place wastes pages, or is undone by the next removal.
#[testkit::test]
fn each_side_of_a_split_is_a_third_full() {
    for (len, count) in [(40, 320), (250, 200), (MAX_KEY_LEN, 60)] {
        for (name, order) in orders(count) {
            testkit::scene::clear();
            let mut story = Story::new(KeyMode::Unique);
            for number in order {
                story.insert(&keys::long(number, len), keys::record(number));
            }
            fill::check_splits(&story.check(), &format!("{count} inserts of {len} bytes, {name}"));
        }
    }
    testkit::prop::check(20, any::<u64>(), |seed| {
        let mut rng = testkit::Rng::with_seed(seed);
        let mut story = Story::new(KeyMode::Unique);
        let mut numbers: Vec<u64> = (0..120).collect();
        rng.shuffle(&mut numbers);
        for number in numbers {
            let len = mixed::a_length(&mut rng);
            story.insert(&keys::long(number, len), keys::record(number));
        }
        fill::check_splits(&story.check(), "120 inserts of keys of any length");
    });
}

/// Keys of any length go into a tree whose separators have any length, in nodes that are nearly full: what
/// goes up when a node is split may be much longer than the key that was inserted.
#[testkit::test]
fn separators_of_any_length_go_up() {
    testkit::prop::check(25, any::<u64>(), |seed| {
        let mut rng = testkit::Rng::with_seed(seed);
        let mut story = mixed::tree(&mut rng, 50, 100);
        for at in 0..60 {
            let key = keys::long(10 * rng.u64(0..50) + rng.u64(1..10), mixed::a_length(&mut rng));
            story.insert(&key, keys::record(1_000 + at));
            if at % 8 == 0 {
                story.check();
            }
        }
        story.check();
        story.check_gets();
    });
}

/// A split allocates a few pages' worth of memory, however many entries move: copying all of them for each of
/// them is quadratic.
#[testkit::test]
fn a_split_copies_each_entry_a_few_times() {
    let mut story = Story::new(KeyMode::Unique);
    let mut splits = 0;
    for number in orders(600)[4].1.clone() {
        let (key, record) = (keys::number(number), keys::record(number));
        story.pages.watch();
        let (counts, found) = testkit::alloc::count_with(|| story.tree.insert(&story.pages, &key, record));
        check_eq!(found, Ok(()), "insert of {}", keys::shown(&key));
        check_eq!(story.model.insert(&key, record), Ok(()), "the test's own keys");
        let new = story.pages.counts().allocates;
        splits += usize::from(new > 0);
        let most = (16 + 16 * new) * PAGE_SIZE as u64;
        check!(
            counts.bytes <= most,
            "an insert with {new} new pages allocates {} bytes of memory, expected at most {most}",
            counts.bytes
        );
    }
    story.check();
    check!(splits >= 3, "some inserts split a leaf, here {splits}");
}
