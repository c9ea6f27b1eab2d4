//! One thread: keys and separators of any length, and how full nodes are.

use bplus_tree::node::LOW_WATER;
use bplus_tree::{KeyMode, Latching};
use buffer_pool::RecordId;
use proptest::prelude::*;
use testkit::{Rng, check_eq, step};

use super::new;
use crate::support::keys::orders;
use crate::support::raw::{Entry, Shape};
use crate::support::{Pages, Story, fill, keys, mixed};

/// Keys and separators of any length, in nodes that are nearly full: a node is safe for an insert if the
/// longest separator fits, and not only the key at hand; and it may lose a separator longer than the key that
/// is removed.
#[testkit::test]
fn alone_it_takes_separators_of_any_length() {
    testkit::prop::check(40, (any::<u64>(), 60..101_usize), |(seed, fill)| {
        let mut rng = Rng::with_seed(seed);
        let mut story = mixed::tree(&mut rng, 50, fill);
        story.tree = story.tree.with_latching(Latching::Optimistic);
        for at in 0..50 {
            let key = keys::long(10 * rng.u64(0..50) + rng.u64(1..10), mixed::a_length(&mut rng));
            story.insert(&key, keys::record(1_000 + at));
        }
        story.check();
        let mut entries: Vec<Entry> = story.model.entries.iter().cloned().collect();
        rng.shuffle(&mut entries);
        for (at, (key, record)) in entries.iter().enumerate() {
            story.remove(key, *record);
            if at % 16 == 0 {
                story.check();
            }
        }
        story.check();
        check_eq!(story.pages.allocated().len(), 1, "pages of an emptied tree");
    });
}

/// A short key goes into a full leaf of long ones, and a long separator comes up. Above, a node has room for
/// the short key and not for that separator: it is not safe, and its parent must stay latched.
#[testkit::test]
fn a_long_separator_comes_up_for_a_short_key() {
    let entries: Vec<Entry> = (1..=80).map(|at| (keys::long(10 * at, 990), keys::record(at))).collect();
    let separator = |_: &Entry, right: &Entry| (right.0[..900].to_vec(), RecordId::MIN);
    // Five children with separators of 900 bytes leave 378 bytes.
    let shape = Shape { has_duplicates: false, per_leaf: 4, fanout: 5, separator: &separator };
    for leaf in 0..20 {
        testkit::scene::clear();
        let pages = Pages::with_capacity(60);
        let root = shape.build(&pages, &entries);
        let mut story = Story::open(pages, root, &entries, KeyMode::Unique);
        story.tree = story.tree.with_latching(Latching::Optimistic);
        step!("// a tree of 80 keys of 990 bytes, its separators have 900");
        story.insert(&keys::long(40 * leaf + 15, 100), keys::record(500));
        story.check();
        story.check_gets();
    }
}

/// A short key is removed, and a node loses a long separator: it is not safe, because it becomes underfull,
/// and its parent must stay latched.
#[testkit::test]
fn a_long_separator_goes_for_a_short_key() {
    let group: [usize; 3] = [100, 998, 386];
    for number in 1..=9 {
        let mut story = mixed::three_levels(&[&group[..]; 3]);
        story.tree = story.tree.with_latching(Latching::Optimistic);
        story.remove(&keys::long(10 * number, 10), keys::record(number));
        let walked = story.check();
        for (id, bytes) in walked.internals.iter().zip(&walked.internal_bytes) {
            testkit::check!(
                *id == story.tree.id() || *bytes >= LOW_WATER,
                "D4: {id} uses {bytes} bytes after a removal, expected at least {LOW_WATER}"
            );
        }
    }
}

/// Rules D4 and P2 hold on this way too.
#[testkit::test]
fn alone_it_leaves_no_node_underfull() {
    fill::check_removals(Latching::Optimistic);
    fill::check_borrow(Latching::Optimistic);
    for (name, order) in orders(400) {
        testkit::scene::clear();
        let mut story = new(KeyMode::Unique, 400);
        for number in order {
            story.insert(&keys::long(number, 40), keys::record(number));
        }
        fill::check_splits(&story.check(), &format!("400 inserts of 40 bytes, {name}"));
    }
}
