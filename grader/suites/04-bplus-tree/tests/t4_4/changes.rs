//! Changes between two calls, and beside them.

use std::collections::BTreeSet;
use std::ops::Bound;

use bplus_tree::{BPlusTree, Direction, KeyMode, Latching, MAX_KEY_LEN};
use buffer_pool::RecordId;
use proptest::prelude::*;
use slotted_page::PageId;
use testkit::{Rng, check_eq, schedule, step};

use super::tens;
use crate::support::chains::with_only_children;
use crate::support::keys::shown;
use crate::support::raw::{Entry, Shape, unique_tree};
use crate::support::seen::{BOTH, Seen, open};
use crate::support::{Pages, Story, keys, pool};

/// Changes of every kind between two calls: splits, merges and borrows before, at and behind the place of the
/// walk.
#[testkit::test]
fn changes_between_calls_lose_and_repeat_nothing() {
    for mode in [KeyMode::Unique, KeyMode::Duplicates] {
        testkit::prop::check(24, (any::<u64>(), 0..2_usize, 1..30_usize), |(seed, direction, most)| {
            let direction = BOTH[direction];
            let mut rng = Rng::with_seed(seed);
            let len = [300, 700, MAX_KEY_LEN][rng.usize(..3)];
            let mut story = Story::new(mode);
            let key_of =
                |number: u64| keys::long(if mode == KeyMode::Unique { number } else { number / 8 }, len);
            let mut stable = BTreeSet::new();
            for number in 0..80 {
                if rng.u32(..3) > 0 {
                    story.insert(&key_of(number), keys::record(number + 1));
                    if rng.u32(..3) == 0 {
                        stable.insert((key_of(number), keys::record(number + 1)));
                    }
                }
            }
            let is_free = |number: u64| !stable.contains(&(key_of(number), keys::record(number + 1)));
            let free: Vec<u64> = (0..80).filter(|number| is_free(*number)).collect();
            let mut seen =
                Seen { direction, stable: &stable, ever: story.model.entries.clone(), found: Vec::new() };
            // The walk borrows the tree; the model and the tree are changed beside it.
            let Story { pages, tree, model } = &mut story;
            let mut range = open(tree, pages, Bound::Unbounded, Bound::Unbounded, direction);
            while seen.next(&mut range, mode == KeyMode::Unique) {
                for _ in 0..rng.usize(..most) {
                    let number = free[rng.usize(..free.len())];
                    let (key, record) = (key_of(number), keys::record(number + 1));
                    if model.entries.contains(&(key.clone(), record)) {
                        step!("tree.remove(&pager, {}, {record})", shown(&key));
                        model.remove(&key, record);
                        check_eq!(tree.remove(pages, &key, record), Ok(true), "remove during a walk");
                    } else if model.insert(&key, record).is_ok() {
                        step!("tree.insert(&pager, {}, {record})", shown(&key));
                        check_eq!(tree.insert(pages, &key, record), Ok(()), "insert during a walk");
                        seen.ever.insert((key, record));
                    }
                }
                check_eq!(pages.held(), 0, "guards held between two calls");
            }
            seen.check();
            drop(range);
            story.check();
        });
    }
}

/// One change at one place of the walk, for every place and many changes: all that the random test may miss.
#[testkit::test]
fn one_change_at_each_place() {
    let tree = tens(KeyMode::Unique, 24, 900, 9);
    for direction in BOTH {
        for place in 0..24 {
            for around in 0..8_u64 {
                for is_removal in [false, true] {
                    walk_with_one_change(tree.copy(), direction, place, 3 * around, is_removal);
                }
            }
        }
    }
}

/// Walks over 24 keys, four or less a leaf; before entry `place` comes, those from `from` on are removed
/// (three of them), or three are inserted there.
fn walk_with_one_change(mut story: Story, direction: Direction, place: usize, from: u64, is_removal: bool) {
    testkit::scene::clear();
    step!("// a tree of the keys 10, 20, .. 240 of 900 bytes");
    let stays = |number: u64| !is_removal || !(from + 1..=from + 3).contains(&number);
    let stable: BTreeSet<Entry> = (1..=24)
        .filter(|number| stays(*number))
        .map(|at| (keys::long(10 * at, 900), keys::record(at)))
        .collect();
    let mut seen = Seen { direction, stable: &stable, ever: story.model.entries.clone(), found: Vec::new() };
    let Story { pages, tree, model } = &mut story;
    let mut range = open(tree, pages, Bound::Unbounded, Bound::Unbounded, direction);
    for at in 0.. {
        if at == place {
            for number in from + 1..=from + 3 {
                let (key, record) = match is_removal {
                    true => (keys::long(10 * number, 900), keys::record(number)),
                    false => (keys::long(10 * number + 5, 900), keys::record(100 + number)),
                };
                if is_removal {
                    step!("tree.remove(&pager, {}, {record})", shown(&key));
                    check_eq!(tree.remove(pages, &key, record), Ok(model.remove(&key, record)), "remove");
                } else {
                    step!("tree.insert(&pager, {}, {record})", shown(&key));
                    check_eq!(tree.insert(pages, &key, record), model.insert(&key, record), "insert");
                    seen.ever.insert((key, record));
                }
            }
        }
        if !seen.next(&mut range, true) {
            break;
        }
    }
    seen.check();
}

/// Entries move from a leaf to the one beside it while a walk is in one of them: none is missed and none
/// comes twice. Four entries fit in a leaf, and each leaf has four: a leaf that keeps one cannot be merged,
/// but it can borrow.
#[testkit::test]
fn entries_that_move_between_leaves_come_once() {
    let entries: Vec<Entry> = (1..=20).map(|at| (keys::long(10 * at, 900), keys::record(at))).collect();
    for direction in BOTH {
        for leaf in 0..5 {
            for stays in 0..4 {
                for already in 0..18 {
                    testkit::scene::clear();
                    let (pages, root) = unique_tree(&entries, 4, 10, 30);
                    let story = Story::open(pages, root, &entries, KeyMode::Unique);
                    let gone = entries[4 * leaf..4 * leaf + 4].iter().enumerate();
                    let gone: Vec<&Entry> =
                        gone.filter(|(at, _)| *at != stays).map(|(_, entry)| entry).collect();
                    let stable = entries.iter().filter(|entry| !gone.contains(entry)).cloned().collect();
                    let ever = story.model.entries.clone();
                    let mut seen = Seen { direction, stable: &stable, ever, found: Vec::new() };
                    let (pages, tree) = (&story.pages, &story.tree);
                    let mut range = open(tree, pages, Bound::Unbounded, Bound::Unbounded, direction);
                    for _ in 0..=already {
                        seen.next(&mut range, true);
                    }
                    for (key, record) in gone {
                        step!("tree.remove(&pager, {}, {record})", shown(key));
                        check_eq!(tree.remove(pages, key, *record), Ok(true), "remove during a walk");
                    }
                    while seen.next(&mut range, true) {}
                    seen.check();
                }
            }
        }
    }
}

/// The next leaf is an only child and becomes empty: it is cut out, and its page may belong to another tree
/// when the walk goes on.
#[testkit::test]
fn a_leaf_that_is_cut_out_is_left_out() {
    for direction in BOTH {
        for groups in [[1, 1, 3], [1, 3, 1], [3, 1, 1]] {
            for stop in 1..5 {
                for number in 0..5 {
                    testkit::scene::clear();
                    let mut story = with_only_children(2, groups);
                    let other =
                        pool::done(BPlusTree::create(&story.pages, KeyMode::Unique), "create of a tree");
                    let other = other.with_latching(Latching::WholePath);
                    let (key, record) = (keys::long(number, 900), keys::record(number + 1));
                    let ever = story.model.entries.clone();
                    story.model.remove(&key, record);
                    let mut seen = Seen { direction, stable: &story.model.entries, ever, found: Vec::new() };
                    let (pages, tree) = (&story.pages, &story.tree);
                    let mut range = open(tree, pages, Bound::Unbounded, Bound::Unbounded, direction);
                    for _ in 0..stop {
                        seen.next(&mut range, true);
                    }
                    step!(
                        "tree.remove(&pager, {}, {record}), and ten inserts into another tree",
                        shown(&key)
                    );
                    check_eq!(tree.remove(pages, &key, record), Ok(true), "remove during a walk");
                    for at in 0..10 {
                        let found = other.insert(pages, &keys::long(at, 900), keys::record(5_000));
                        check_eq!(found, Ok(()), "insert into another tree");
                    }
                    while seen.next(&mut range, true) {}
                    seen.check();
                }
            }
        }
    }
}

/// The leaf that a walk was to go to next is freed, and another tree, or another part of this one, has its
/// page: nothing of it comes.
#[testkit::test]
fn a_freed_leaf_may_be_used_again() {
    for direction in BOTH {
        for stop in 0..20 {
            let mut story = tens(KeyMode::Unique, 40, 900, 10);
            let other =
                pool::done(BPlusTree::create(&story.pages, KeyMode::Unique), "create of another tree");
            let other = other.with_latching(Latching::WholePath);
            // What stays: every tenth key.
            let stable: BTreeSet<Entry> = story
                .model
                .entries
                .iter()
                .enumerate()
                .filter(|(at, _)| at % 10 == 0)
                .map(|(_, e)| e.clone())
                .collect();
            let mut seen =
                Seen { direction, stable: &stable, ever: story.model.entries.clone(), found: Vec::new() };
            let Story { pages, tree, model } = &mut story;
            let mut range = open(tree, pages, Bound::Unbounded, Bound::Unbounded, direction);
            for _ in 0..stop {
                seen.next(&mut range, true);
            }
            for (at, (key, record)) in model.entries.clone().into_iter().enumerate() {
                if at % 10 > 0 {
                    step!("tree.remove(&pager, {}, {record})", shown(&key));
                    model.remove(&key, record);
                    check_eq!(tree.remove(pages, &key, record), Ok(true), "remove during a walk");
                }
            }
            step!("// 60 inserts into another tree");
            for number in 0..60 {
                let key = keys::long(7 * number + 3, 900);
                check_eq!(other.insert(pages, &key, keys::record(5_000)), Ok(()), "insert into another tree");
            }
            while seen.next(&mut range, true) {}
            seen.check();
        }
    }
}

/// A key of a unique tree that is removed and comes back with another record id is given once at most, though
/// its entry is new.
#[testkit::test]
fn a_key_that_moves_comes_once() {
    for direction in BOTH {
        for stop in 0..12 {
            let mut story = tens(KeyMode::Unique, 30, 900, 11);
            let all = story.model.entries.clone();
            let mut seen = Seen { direction, stable: &BTreeSet::new(), ever: all.clone(), found: Vec::new() };
            let Story { pages, tree, model } = &mut story;
            let mut range = open(tree, pages, Bound::Unbounded, Bound::Unbounded, direction);
            for _ in 0..stop {
                seen.next(&mut range, true);
            }
            // Every key comes back with another record id; a unique tree gives each key once at most.
            for (key, record) in &all {
                model.remove(key, *record);
                check_eq!(tree.remove(pages, key, *record), Ok(true), "remove during a walk");
            }
            for (key, record) in &all {
                let other = RecordId { page: PageId(record.page.0 + 50), ..*record };
                check_eq!(tree.insert(pages, key, other), Ok(()), "insert during a walk");
                seen.ever.insert((key.clone(), other));
            }
            step!("// every key was removed and is back with another record id");
            while seen.next(&mut range, true) {}
        }
    }
}

/// Walks beside threads that split and merge: what is there all the time comes exactly once, in order,
/// whatever the schedule.
#[testkit::test]
fn threads_that_change_the_tree_lose_nothing() {
    schedule::explore(150, || {
        let mut story = Story::with(Pages::with_capacity(32), KeyMode::Unique, Latching::WholePath);
        for number in 1..=12 {
            story.insert(&keys::long(10 * number, 900), keys::record(number));
        }
        let gone = [20, 30, 60, 70, 110];
        let stable: BTreeSet<Entry> = story
            .model
            .entries
            .iter()
            .filter(|entry| gone.iter().all(|at| keys::long(*at, 900) != entry.0))
            .cloned()
            .collect();
        let mut ever = story.model.entries.clone();
        ever.extend([25, 45, 55, 105].map(|number| (keys::long(number, 900), keys::record(number))));
        let (pages, tree) = (&story.pages, &story.tree);
        kit::sync::thread::scope(|scope| {
            scope.spawn(|| {
                for number in gone {
                    let found = tree.remove(pages, &keys::long(number, 900), keys::record(number / 10));
                    check_eq!(found, Ok(true), "remove of {number}");
                }
                for number in [25, 45, 55, 105] {
                    let found = tree.insert(pages, &keys::long(number, 900), keys::record(number));
                    check_eq!(found, Ok(()), "insert of {number}");
                }
            });
            for direction in BOTH {
                let (stable, ever) = (&stable, ever.clone());
                scope.spawn(move || {
                    let mut seen = Seen { direction, stable, ever, found: Vec::new() };
                    let mut range = open(tree, pages, Bound::Unbounded, Bound::Unbounded, direction);
                    while seen.next(&mut range, true) {}
                    seen.check();
                });
            }
        });
    });
}

/// The sibling is merged away, or gives entries to the leaf before it, just when a walk waits for its latch:
/// what was true before the latch was had is true no more.
#[testkit::test]
fn a_sibling_may_go_while_it_is_waited_for() {
    schedule::explore(400, || {
        let mut story = Story::with(Pages::with_capacity(16), KeyMode::Unique, Latching::WholePath);
        for number in 1..=7 {
            story.insert(&keys::long(10 * number, 900), keys::record(number));
        }
        let gone = [20, 10, 40, 50];
        let stays = |entry: &&Entry| gone.iter().all(|number| keys::long(*number, 900) != entry.0);
        let stable: BTreeSet<Entry> = story.model.entries.iter().filter(stays).cloned().collect();
        let ever = story.model.entries.clone();
        let (pages, tree) = (&story.pages, &story.tree);
        kit::sync::thread::scope(|scope| {
            scope.spawn(|| {
                for number in gone {
                    let found = tree.remove(pages, &keys::long(number, 900), keys::record(number / 10));
                    check_eq!(found, Ok(true), "remove of {number}");
                }
            });
            scope.spawn(|| {
                let mut seen =
                    Seen { direction: Direction::Forward, stable: &stable, ever, found: Vec::new() };
                let mut range = open(tree, pages, Bound::Unbounded, Bound::Unbounded, Direction::Forward);
                while seen.next(&mut range, true) {}
                seen.check();
            });
        });
    });
}

/// A leaf borrows from the one that a walk goes to next, just when the walk waits for it. The counter must be
/// raised before the latches are released: else the walk reads the old count and the new leaf.
#[testkit::test]
fn a_sibling_may_lend_while_it_is_waited_for() {
    for (direction, sizes, gone) in [(Direction::Forward, [2, 4], 0), (Direction::Backward, [4, 2], 5)] {
        schedule::explore(200, move || {
            let entries: Vec<Entry> =
                (1..=6).map(|at| (keys::long(10 * at, 900), keys::record(at))).collect();
            let (pages, root) = Shape::leaves_of(&entries, &sizes);
            let story = Story::open(pages, root, &entries, KeyMode::Unique);
            let mut stable = story.model.entries.clone();
            stable.remove(&entries[gone]);
            let (pages, tree, ever) = (&story.pages, &story.tree, story.model.entries.clone());
            kit::sync::thread::scope(|scope| {
                scope.spawn(|| {
                    let (key, record) = &entries[gone];
                    check_eq!(tree.remove(pages, key, *record), Ok(true), "remove during a walk");
                });
                scope.spawn(|| {
                    let mut seen = Seen { direction, stable: &stable, ever, found: Vec::new() };
                    let mut range = open(tree, pages, Bound::Unbounded, Bound::Unbounded, direction);
                    while seen.next(&mut range, true) {}
                    seen.check();
                });
            });
        });
    }
}
