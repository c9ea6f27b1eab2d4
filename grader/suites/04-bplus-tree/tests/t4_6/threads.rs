//! Several threads on one tree.

use std::collections::BTreeSet;
use std::ops::Bound;

use bplus_tree::{BPlusTree, Error, KeyMode};
use kit::sync::thread;
use testkit::{Rng, check, check_eq, schedule};

use super::{new, roomy, tens};
use crate::support::raw::Entry;
use crate::support::seen::{BOTH, Seen, open};
use crate::support::threads::joined;
use crate::support::{Pages, keys};

/// Two threads insert into one leaf that is the root: between a look at it and its write latch it may have
/// become an inner node.
#[testkit::test]
fn the_root_may_split_on_the_way() {
    schedule::explore(300, || {
        let mut story = new(KeyMode::Unique, 40);
        for number in [10, 20, 30] {
            story.insert(&keys::long(number, 900), keys::record(number));
        }
        let (pages, tree) = (&story.pages, &story.tree);
        thread::scope(|scope| {
            for own in [1, 2, 3] {
                scope.spawn(move || {
                    for number in [20 + own, own] {
                        let found = tree.insert(pages, &keys::long(number, 900), keys::record(number));
                        check_eq!(found, Ok(()), "insert of {number}");
                    }
                });
            }
        });
        for number in [1, 2, 3, 21, 22, 23] {
            check_eq!(
                story.model.insert(&keys::long(number, 900), keys::record(number)),
                Ok(()),
                "the test's own keys"
            );
        }
        story.check();
        story.check_gets();
    });
}

/// Threads that insert their own keys between each other's: all of them are there in the end.
#[testkit::test]
fn inserts_beside_inserts_lose_nothing() {
    schedule::explore(150, || {
        let mut story = tens(8, 900, 64);
        let (pages, tree) = (&story.pages, &story.tree);
        thread::scope(|scope| {
            for own in 1..=3 {
                scope.spawn(move || {
                    for number in [40, 10, 70, 41] {
                        let number = number + 2 * own;
                        let found = tree.insert(pages, &keys::long(number, 900), keys::record(number));
                        check_eq!(found, Ok(()), "insert of {number}");
                    }
                });
            }
        });
        for own in 1..=3 {
            for number in [40, 10, 70, 41] {
                let number = number + 2 * own;
                check_eq!(
                    story.model.insert(&keys::long(number, 900), keys::record(number)),
                    Ok(()),
                    "own keys"
                );
            }
        }
        story.check();
        story.check_gets();
    });
}

/// Removals with merges beside inserts and look-ups: what stays is always found, and the tree is one in the
/// end.
#[testkit::test]
fn removals_beside_everything_lose_nothing() {
    schedule::explore(200, || {
        let mut story = tens(12, 900, 64);
        let (pages, tree) = (&story.pages, &story.tree);
        thread::scope(|scope| {
            for gone in [[20, 30, 80, 120], [40, 50, 100, 110]] {
                scope.spawn(move || {
                    for number in gone {
                        let found = tree.remove(pages, &keys::long(number, 900), keys::record(number / 10));
                        check_eq!(found, Ok(true), "remove of {number}");
                    }
                });
            }
            scope.spawn(|| {
                for number in [25, 85, 115] {
                    let found = tree.insert(pages, &keys::long(number, 900), keys::record(number));
                    check_eq!(found, Ok(()), "insert of {number}");
                }
            });
            scope.spawn(|| {
                for number in [60, 10, 90, 70] {
                    let found = tree.get(pages, &keys::long(number, 900));
                    check_eq!(found, Ok(Some(keys::record(number / 10))), "get of {number}, which stays");
                }
            });
        });
        for number in [20, 30, 80, 120, 40, 50, 100, 110] {
            story.model.remove(&keys::long(number, 900), keys::record(number / 10));
        }
        for number in [25, 85, 115] {
            check_eq!(story.model.insert(&keys::long(number, 900), keys::record(number)), Ok(()), "own keys");
        }
        story.check();
        story.check_gets();
    });
}

/// Five levels with two children a node: almost every removal merges at several levels, beside inserts that
/// split them again.
#[testkit::test]
fn deep_trees_shrink_under_everything() {
    schedule::explore(150, || {
        let mut story = roomy(20, 900, 2, 2);
        let (pages, tree) = (&story.pages, &story.tree);
        thread::scope(|scope| {
            for gone in [[30, 40, 60, 160], [50, 100, 110, 170]] {
                scope.spawn(move || {
                    for number in gone {
                        let found = tree.remove(pages, &keys::long(number, 900), keys::record(number / 10));
                        check_eq!(found, Ok(true), "remove of {number}");
                    }
                });
            }
            scope.spawn(|| {
                for number in [41, 42, 105, 165] {
                    let found = tree.insert(pages, &keys::long(number, 900), keys::record(number));
                    check_eq!(found, Ok(()), "insert of {number}");
                }
            });
            scope.spawn(|| {
                for number in [70, 20, 120, 180] {
                    let found = tree.get(pages, &keys::long(number, 900));
                    check_eq!(found, Ok(Some(keys::record(number / 10))), "get of {number}, which stays");
                }
            });
        });
        for number in [30, 40, 60, 160, 50, 100, 110, 170] {
            story.model.remove(&keys::long(number, 900), keys::record(number / 10));
        }
        for number in [41, 42, 105, 165] {
            check_eq!(
                story.model.insert(&keys::long(number, 900), keys::record(number)),
                Ok(()),
                "the test's own keys"
            );
        }
        story.check();
        story.check_gets();
    });
}

/// The tree grows a level and loses it again under readers and other writers: the root page is the only thing
/// that stays.
#[testkit::test]
fn the_root_splits_and_collapses_under_readers() {
    schedule::explore(200, || {
        let mut story = new(KeyMode::Unique, 40);
        for number in [10, 50, 90] {
            story.insert(&keys::long(number, 900), keys::record(number));
        }
        let (pages, tree) = (&story.pages, &story.tree);
        thread::scope(|scope| {
            for own in [[20, 60], [30, 70]] {
                scope.spawn(move || {
                    for number in own {
                        let found = tree.insert(pages, &keys::long(number, 900), keys::record(number));
                        check_eq!(found, Ok(()), "insert of {number}");
                    }
                    for number in own {
                        let found = tree.remove(pages, &keys::long(number, 900), keys::record(number));
                        check_eq!(found, Ok(true), "remove of {number}");
                    }
                });
            }
            scope.spawn(|| {
                for number in [10, 90, 50, 10, 90] {
                    let found = tree.get(pages, &keys::long(number, 900));
                    check_eq!(found, Ok(Some(keys::record(number))), "get of {number}, which stays");
                }
            });
        });
        story.check();
        story.check_gets();
    });
}

/// Of several threads that insert one key, one succeeds and the others get its record id in the error; of
/// those that remove it, one succeeds.
#[testkit::test]
fn one_of_many_wins() {
    schedule::explore(200, || {
        let mut story = tens(9, 900, 64);
        let (pages, tree) = (&story.pages, &story.tree);
        let key = keys::long(45, 900);
        let inserted: Vec<Result<(), Error>> = thread::scope(|scope| {
            let threads: Vec<_> = (1..=3)
                .map(|own| {
                    let key = &key;
                    scope.spawn(move || tree.insert(pages, key, keys::record(own)))
                })
                .collect();
            joined(threads)
        });
        let winner = inserted.iter().position(Result::is_ok).map(|at| keys::record(at as u64 + 1));
        check_eq!(
            inserted.iter().filter(|result| result.is_ok()).count(),
            1,
            "inserts of one key that succeed"
        );
        check_eq!(tree.get(pages, &key), Ok(winner), "get of the key, beside the insert that succeeded");
        for result in inserted {
            let existing = winner.expect("one won");
            check!(
                result.is_ok() || result == Err(Error::DuplicateKey { existing }),
                "an insert that lost gives {result:?}, expected DuplicateKey for {existing}"
            );
        }
        let removed: Vec<Result<bool, Error>> = thread::scope(|scope| {
            let threads: Vec<_> = (1..=3)
                .map(|_| {
                    let (key, winner) = (&key, winner.expect("one won"));
                    scope.spawn(move || tree.remove(pages, key, winner))
                })
                .collect();
            joined(threads)
        });
        check_eq!(
            removed.iter().filter(|found| **found == Ok(true)).count(),
            1,
            "removals of one key that succeed"
        );
        check!(removed.iter().all(Result::is_ok), "removals that find nothing are no errors: {removed:?}");
        story.check();
        story.remove(&keys::long(10, 900), keys::record(1));
    });
}

/// Walks both ways beside merges with the left and the right sibling: no deadlock, nothing lost, nothing
/// twice.
#[testkit::test]
fn walks_beside_merges_lose_nothing() {
    schedule::explore(250, || {
        let story = tens(12, 900, 64);
        let gone = [120, 110, 20, 60, 70];
        let stays = |entry: &&Entry| gone.iter().all(|number| keys::long(*number, 900) != entry.0);
        let stable: BTreeSet<Entry> = story.model.entries.iter().filter(stays).cloned().collect();
        let mut ever = story.model.entries.clone();
        ever.extend([25, 105].map(|number| (keys::long(number, 900), keys::record(number))));
        let (pages, tree) = (&story.pages, &story.tree);
        thread::scope(|scope| {
            scope.spawn(|| {
                for number in gone {
                    let found = tree.remove(pages, &keys::long(number, 900), keys::record(number / 10));
                    check_eq!(found, Ok(true), "remove of {number}");
                }
            });
            scope.spawn(|| {
                for number in [25, 105] {
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

/// Look-ups of duplicates go on from a leaf to the next while removals rebalance leaves from the right: no
/// deadlock.
#[testkit::test]
fn look_ups_of_duplicates_beside_merges() {
    schedule::explore(200, || {
        let mut story = new(KeyMode::Duplicates, 64);
        for number in 1..=12 {
            story.insert(&keys::long(number / 4, 900), keys::record(number));
        }
        let (pages, tree) = (&story.pages, &story.tree);
        thread::scope(|scope| {
            scope.spawn(|| {
                for number in [12, 11, 9, 10, 6, 7] {
                    let found = tree.remove(pages, &keys::long(number / 4, 900), keys::record(number));
                    check_eq!(found, Ok(true), "remove of {number}");
                }
            });
            scope.spawn(|| {
                for (key, record) in [(1, 4), (2, 8), (0, 1), (1, 4)] {
                    let found = tree.get(pages, &keys::long(key, 900));
                    check_eq!(found, Ok(Some(keys::record(record))), "get of the smallest record of {key}");
                }
            });
            scope.spawn(|| {
                let found = tree.insert(pages, &keys::long(1, 900), keys::record(50));
                check_eq!(found, Ok(()), "insert of a duplicate");
            });
        });
        for number in [12, 11, 9, 10, 6, 7] {
            story.model.remove(&keys::long(number / 4, 900), keys::record(number));
        }
        check_eq!(story.model.insert(&keys::long(1, 900), keys::record(50)), Ok(()), "own key");
        story.check();
    });
}

/// Real threads, each with its own keys between those of the others, beside walks of what stays.
#[testkit::test]
fn real_threads_lose_nothing() {
    let mut story = new(KeyMode::Unique, 4_000);
    let stable: BTreeSet<Entry> =
        (0..300).map(|number| (keys::long(1_000 * number, 120), keys::record(number + 1))).collect();
    stable.iter().for_each(|(key, record)| story.insert(key, *record));
    let (pages, tree) = (&story.pages, &story.tree);
    let own_key = |own: u64, number: u64| keys::long(1_000 * (number % 300) + 10 * own + number / 300, 150);
    let left: Vec<BTreeSet<Entry>> = thread::scope(|scope| {
        let threads: Vec<_> = (1..=3_u64)
            .map(|own| {
                scope.spawn(move || {
                    let mut rng = Rng::with_seed(testkit::seed() ^ own);
                    let mut there = BTreeSet::new();
                    for _ in 0..2_500 {
                        let number = rng.u64(..900);
                        let entry = (own_key(own, number), keys::record(number + 1));
                        if there.remove(&entry) {
                            check_eq!(
                                tree.remove(pages, &entry.0, entry.1),
                                Ok(true),
                                "remove of an own key"
                            );
                        } else {
                            check_eq!(tree.insert(pages, &entry.0, entry.1), Ok(()), "insert of an own key");
                            there.insert(entry);
                        }
                    }
                    there
                })
            })
            .collect();
        for round in 0..10 {
            let (stable, direction) = (&stable, BOTH[round % 2]);
            check_walk(tree, pages, stable, direction);
            for (key, record) in stable.iter().step_by(7) {
                check_eq!(tree.get(pages, key), Ok(Some(*record)), "get of a key that stays");
            }
        }
        joined(threads)
    });
    story.model.entries.extend(left.into_iter().flatten());
    story.check();
    story.check_gets();
}

/// A walk that meets each stable entry once, in order, whatever else it meets.
fn check_walk(tree: &BPlusTree, pages: &Pages, stable: &BTreeSet<Entry>, direction: bplus_tree::Direction) {
    let mut met: Vec<Entry> = Vec::new();
    let mut range = open(tree, pages, Bound::Unbounded, Bound::Unbounded, direction);
    while let Some(entry) = crate::support::seen::next(&mut range) {
        if stable.contains(&entry) {
            met.push(entry);
        }
    }
    if direction == bplus_tree::Direction::Backward {
        met.reverse();
    }
    check!(
        stable.iter().eq(&met),
        "a walk beside real threads meets each of {} entries once, in order",
        stable.len()
    );
}
