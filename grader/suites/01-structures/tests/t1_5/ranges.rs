//! Ranges: every kind of bound, both directions, both ends at once.

use std::ops::Bound::{self, Excluded, Included, Unbounded};

use structures::BTree;
use testkit::{check, check_eq, scene, step};

use super::show;

/// The even numbers below `2 * count`.
fn evens(order: usize, count: i32) -> BTree<i32, i32> {
    let mut tree = BTree::with_order(order);
    for n in 0..count {
        tree.insert(n * 2, n);
    }
    tree
}

/// The keys of `tree` within the bounds, found by comparing every key.
fn slowly(tree: &BTree<i32, i32>, start: Bound<i32>, end: Bound<i32>) -> Vec<i32> {
    let after_start = |key: &i32| match start {
        Included(bound) => *key >= bound,
        Excluded(bound) => *key > bound,
        Unbounded => true,
    };
    let before_end = |key: &i32| match end {
        Included(bound) => *key <= bound,
        Excluded(bound) => *key < bound,
        Unbounded => true,
    };
    tree.iter().map(|(key, _)| *key).filter(|key| after_start(key) && before_end(key)).collect()
}

fn every_bound(past_last: i32) -> Vec<Bound<i32>> {
    let at = (-1..=past_last).flat_map(|key| [Included(key), Excluded(key)]);
    at.chain([Unbounded]).collect()
}

/// A range gives exactly the keys between its bounds, for bounds on a key, between keys and outside, each
/// included, excluded or open.
#[testkit::test]
fn a_range_respects_each_kind_of_bound() {
    for order in [2, 3] {
        let tree = evens(order, 14);
        show(&tree);
        for start in every_bound(28) {
            for end in every_bound(28) {
                let found: Vec<i32> = tree.range((start, end)).map(|(key, _)| *key).collect();
                check_eq!(found, slowly(&tree, start, end), "keys of range(({start:?}, {end:?}))");
            }
        }
    }
}

/// Backwards a range gives the same keys in the opposite order: the end bound must be honoured as exactly
/// as the start.
#[testkit::test]
fn a_range_runs_backwards() {
    for order in [2, 3] {
        let tree = evens(order, 14);
        show(&tree);
        for start in every_bound(28) {
            for end in every_bound(28) {
                let found: Vec<i32> = tree.range((start, end)).rev().map(|(key, _)| *key).collect();
                let mut wanted = slowly(&tree, start, end);
                wanted.reverse();
                check_eq!(found, wanted, "keys of range(({start:?}, {end:?})).rev()");
            }
        }
    }
}

/// If the start is greater than the end, the range is empty; it must not panic or run to the end of the
/// tree: bounds come from queries such as `x > 5 AND x < 3`.
#[testkit::test]
fn a_start_greater_than_the_end_gives_nothing() {
    let tree = evens(2, 50);
    show(&tree);
    let ends = [
        (Included(60), Included(20)),
        (Included(60), Excluded(20)),
        (Excluded(60), Excluded(20)),
        (Included(61), Included(60)),
        (Excluded(60), Included(59)),
        (Excluded(60), Excluded(60)),
        (Included(60), Excluded(60)),
        (Excluded(61), Excluded(61)),
        (Excluded(98), Unbounded),
        (Unbounded, Excluded(0)),
    ];
    for (start, end) in ends {
        let mut range = tree.range((start, end));
        check_eq!(range.next(), None, "next of range(({start:?}, {end:?}))");
        check_eq!(range.next_back(), None, "next_back of range(({start:?}, {end:?}))");
        check_eq!(range.next(), None, "next, asked again, of range(({start:?}, {end:?}))");
    }
}

/// Taken from both ends in any order, a range returns each entry once and then no more: the ends must
/// stop where they meet, in any place of the tree.
#[testkit::test]
fn both_ends_of_a_range_meet() {
    for order in [2, 3, 5] {
        for count in [0, 1, 2, 5, 12, 40] {
            let tree = evens(order, count);
            for pattern in 0..64u32 {
                scene::clear();
                step!(
                    "tree of order {order} with {count} keys; bit n of {pattern:#b} set: step n is next_back"
                );
                show(&tree);
                let mut range = tree.range(..);
                let (mut front, mut back) = (0, count);
                for step in 0..count {
                    let (found, wanted) = if pattern >> (step % 6) & 1 == 0 {
                        front += 1;
                        (range.next(), front - 1)
                    } else {
                        back -= 1;
                        (range.next_back(), back)
                    };
                    check_eq!(found, Some((&(wanted * 2), &wanted)), "entry {step} of {count}");
                }
                for _ in 0..2 {
                    check_eq!(range.next(), None, "next when all {count} entries were given");
                    check_eq!(range.next_back(), None, "next_back when all {count} entries were given");
                }
            }
        }
    }
}

/// `iter` runs both ways and always knows how many entries are left.
#[testkit::test]
fn iter_knows_how_many_are_left() {
    let tree = evens(3, 100);
    let mut iter = tree.iter();
    check_eq!(iter.len(), 100, "len of iter() at the start");
    for n in 0..50 {
        check_eq!(iter.next(), Some((&(n * 2), &n)), "next, the {n}th time");
        check_eq!(iter.next_back(), Some((&((99 - n) * 2), &(99 - n))), "next_back, the {n}th time");
        check_eq!(iter.len() as i32, 100 - 2 * (n + 1), "len of iter() after {} entries", 2 * (n + 1));
    }
    check_eq!(iter.next(), None, "next at the end");
    check_eq!(iter.next_back(), None, "next_back at the end");
    check!(tree.iter().rev().map(|(key, _)| *key).eq((0..100).rev().map(|n| n * 2)), "iter().rev()");
}

/// A range stays right after removals have merged nodes and lowered the tree.
#[testkit::test]
fn ranges_are_right_in_a_tree_that_has_shrunk() {
    for order in [2, 4] {
        let mut tree = evens(order, 400);
        for n in (0..400).filter(|n| n % 7 != 0) {
            tree.remove(&(n * 2));
        }
        show(&tree);
        for low in (0..800).step_by(13) {
            let high = low + 150;
            let found: Vec<i32> = tree.range(low..high).map(|(key, _)| *key).collect();
            check_eq!(found, slowly(&tree, Included(low), Excluded(high)), "keys of range({low}..{high})");
            let found: Vec<i32> = tree.range(low..=high).rev().map(|(key, _)| *key).collect();
            let mut wanted = slowly(&tree, Included(low), Included(high));
            wanted.reverse();
            check_eq!(found, wanted, "keys of range({low}..={high}).rev()");
        }
    }
}
