//! Task 4.6: concurrency. Under schedules that the test chooses, and with real threads.

use std::collections::BTreeSet;
use std::ops::Bound;

use bplus_tree::{BTree, Error, KeyMode, Latching, MAX_KEY_LEN};
use buffer_pool::{Pager, RecordId};
use kit::sync::thread;
use proptest::prelude::*;
use slotted_page::PageId;
use testkit::{Rng, check, check_eq, schedule, step};

use crate::support::faults::{damage, in_batches, survives_damage, with_every_failure, with_few_frames};
use crate::support::keys::orders;
use crate::support::model::Model;
use crate::support::raw::{Entry, Shape, children_of, entries_of};
use crate::support::seen::{BOTH, Seen, open};
use crate::support::{Fault, Op, Pages, Story, keys, pool};

/// An empty tree with the optimistic way.
fn new(mode: KeyMode, capacity: usize) -> Story {
    Story::with(Pages::with_capacity(capacity), mode, Latching::Optimistic)
}

/// A tree of the keys 10, 20, ... of `len` bytes.
fn tens(count: u64, len: usize, capacity: usize) -> Story {
    let mut story = new(KeyMode::Unique, capacity);
    for number in 1..=count {
        story.insert(&keys::long(10 * number, len), keys::record(number));
    }
    testkit::scene::clear();
    step!("// a tree of the keys 10, 20, .. {} of {len} bytes", 10 * count);
    story
}

/// As [`tens`], written by hand with room in every node: `per_leaf` entries a leaf, `fanout` children a node. The tree is opened, so
/// it latches as a tree does that is not told how.
fn roomy(count: u64, len: usize, per_leaf: usize, fanout: usize) -> Story {
    let entries: Vec<Entry> = (1..=count).map(|at| (keys::long(10 * at, len), keys::record(at))).collect();
    let pages = Pages::with_capacity(150);
    let separator = |_: &Entry, right: &Entry| (right.0.clone(), RecordId::MIN);
    let root =
        Shape { has_duplicates: false, per_leaf, fanout, separator: &separator }.build(&pages, &entries);
    let tree = pool::done(BTree::open(&pages, root), "open of a tree");
    step!(
        "// a tree of the keys 10, 20, .. {} of {len} bytes, {per_leaf} a leaf, {fanout} children a node",
        10 * count
    );
    Story { pages, tree, model: Model { mode: KeyMode::Unique, entries: entries.into_iter().collect() } }
}

/// Alone, the optimistic way gives what the other one gives, in both modes, growing and shrinking.
#[testkit::test]
fn alone_it_agrees_with_a_sorted_set() {
    for mode in [KeyMode::Unique, KeyMode::Duplicates] {
        testkit::prop::check(50, (any::<u64>(), 1..260_usize), |(seed, count)| {
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

/// Where the leaf has room, an insert takes one write latch, that of the leaf, and reads one page for each level above it.
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
    let mut numbers: Vec<u64> = (0..4_000).collect();
    testkit::rng().shuffle(&mut numbers);
    for number in numbers {
        story.insert(&keys::number(number), keys::record(number));
    }
    let mean = story.pages.counts().writes as f64 / 4_000.0;
    check!(mean < 1.5, "an insert takes {mean:.2} write latches on average, expected little more than 1");
}

/// The way from the root to the leaf of `key`, by hand.
fn way(story: &Story, key: &[u8]) -> Vec<PageId> {
    story.pages.watch();
    story.get(key);
    let way = story.pages.asked();
    story.pages.watch();
    way
}

/// Readers in the nodes above do not hold up a change that needs its leaf alone, nor does the change hold up readers elsewhere.
#[testkit::test]
fn readers_above_do_not_block_a_change() {
    for is_removal in [false, true] {
        schedule::explore(20, move || {
            let story = roomy(60, 500, 5, 4);
            let key = keys::long(305, 20);
            let leaf = *way(&story, &key).last().expect("a leaf");
            let walked = story.check_quietly();
            let all = walked.internals.into_iter().chain(walked.leaves);
            let others: Vec<PageId> = all.filter(|id| *id != leaf).collect();
            let (pages, tree) = (&story.pages, &story.tree);
            step!("// {} pages are held for reading, all but the leaf", others.len());
            let held: Vec<_> = others.iter().map(|id| pages.read(*id)).collect();
            thread::scope(|scope| {
                scope.spawn(|| {
                    let found = match is_removal {
                        false => tree.insert(pages, &key, keys::record(9)),
                        true => tree.remove(pages, &keys::long(300, 500), keys::record(30)).map(drop),
                    };
                    check_eq!(found, Ok(()), "a change while all other pages are read");
                });
            });
            drop(held);
        });
    }
}

/// A thread inside one leaf stops nobody in another subtree, not even one that splits a leaf or merges two there.
#[testkit::test]
fn changes_in_different_subtrees_overlap() {
    schedule::explore(30, || {
        let story = roomy(81, 900, 3, 3);
        let (pages, tree) = (&story.pages, &story.tree);
        let root = pages.bytes(tree.id()).expect("the root is there");
        let subtree = *children_of(&root).first().expect("a child");
        let inside = pages.bytes(subtree).expect("it is there");
        check!(!children_of(&inside).is_empty(), "the test's tree has three levels");
        step!("// {subtree}, the first child of the root, and its leaves are held for writing");
        let mut held = vec![pages.write(subtree)];
        held.extend(children_of(&inside).into_iter().map(|id| pages.write(id)));
        thread::scope(|scope| {
            scope.spawn(|| {
                for number in [701, 702, 703, 704, 705, 706] {
                    let found = tree.insert(pages, &keys::long(number, 900), keys::record(number));
                    check_eq!(found, Ok(()), "insert of {number} while another subtree is held");
                }
                for number in [701, 702, 703, 704, 705, 706, 700, 710, 690] {
                    let record = if number > 700 && number < 707 { number } else { number / 10 };
                    let found = tree.remove(pages, &keys::long(number, 900), keys::record(record));
                    check_eq!(found, Ok(true), "remove of {number} while another subtree is held");
                }
                let found = tree.get(pages, &keys::long(650, 900));
                check_eq!(found, Ok(Some(keys::record(65))), "get while another subtree is held");
            });
        });
        drop(held);
    });
}

/// A change that waits at the bottom has let go of the root, if a node below is safe: others pass.
#[testkit::test]
fn ancestors_of_a_safe_node_are_let_go() {
    for is_removal in [false, true] {
        schedule::explore(40, move || {
            let story = roomy(180, 500, 5, 6);
            let (pages, tree) = (&story.pages, &story.tree);
            let walked = story.check_quietly();
            check_eq!(walked.height, 3, "levels of the test's tree");
            // A leaf in the middle of a node in the middle, which has room and entries to spare.
            let middle = walked.internals[3];
            let leaves = children_of(&pages.bytes(middle).expect("it is there"));
            let (leaf, right) = (leaves[2], leaves[3]);
            let first = entry_keys(pages, leaf)[0].clone();
            step!("// {right} is held for reading, and a change in {leaf} needs it");
            let held = pages.read(right);
            thread::scope(|scope| {
                scope.spawn(|| {
                    if is_removal {
                        // With one entry left of five the leaf is merged.
                        let keys: Vec<Vec<u8>> = entry_keys(pages, leaf);
                        for key in keys.iter().skip(1) {
                            let record = story.model.get(key).expect("the test's own key");
                            let found = tree.remove(pages, key, record);
                            check_eq!(found, Ok(true), "remove of {}", keys::shown(key));
                        }
                    } else {
                        for number in 0..8 {
                            let mut key = first.clone();
                            key.truncate(490);
                            key.push(b'0' + number);
                            let found = tree.insert(pages, &key, keys::record(7));
                            check_eq!(found, Ok(()), "insert of {}", keys::shown(&key));
                        }
                    }
                });
                scope
                    .spawn(|| {
                        for number in [1, 179, 2] {
                            let found = tree.get(pages, &keys::long(10 * number, 500));
                            check_eq!(found, Ok(Some(keys::record(number))), "get past a change that waits");
                        }
                        let found = tree.insert(pages, &keys::long(1_795, 20), keys::record(7));
                        check_eq!(found, Ok(()), "insert past a change that waits");
                    })
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                drop(held);
            });
        });
    }
}

/// The keys of a leaf.
fn entry_keys(pages: &Pages, leaf: PageId) -> Vec<Vec<u8>> {
    let Some(page) = pages.bytes(leaf) else { return Vec::new() };
    entries_of(&page).into_iter().map(|entry| entry[6..].to_vec()).collect()
}

/// Two threads insert into one leaf that is the root: between a look at it and its write latch it may have become an inner node.
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

/// Removals with merges beside inserts and look-ups: what stays is always found, and the tree is one in the end.
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

/// The tree grows a level and loses it again under readers and other writers: the root page is the only thing that stays.
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

/// Of several threads that insert one key, one succeeds and the others are told for whom it stands; of those that remove it, one.
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
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|p| std::panic::resume_unwind(p)))
                .collect()
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
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|p| std::panic::resume_unwind(p)))
                .collect()
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

/// Walks both ways beside merges with the left and the right sibling: no deadlock, nothing lost, nothing twice.
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

/// Look-ups of duplicates go on from a leaf to the next while removals mend leaves from the right: no deadlock.
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
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|p| std::panic::resume_unwind(p)))
            .collect()
    });
    story.model.entries.extend(left.into_iter().flatten());
    story.check();
    story.check_gets();
}

/// A walk that meets each stable entry once, in order, whatever else it meets.
fn check_walk(tree: &BTree, pages: &Pages, stable: &BTreeSet<Entry>, direction: bplus_tree::Direction) {
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

/// A damaged node gives an error or a wrong answer, never a panic, an endless loop or a latch that stays held.
#[testkit::test]
fn damaged_nodes_do_not_panic() {
    testkit::prop::check(150, any::<u64>(), |seed| {
        let mut rng = Rng::with_seed(seed);
        let story = tens(40, 600, 500);
        for _ in 0..rng.usize(1..3) {
            damage(&story, &mut rng);
        }
        let is_removal = rng.bool();
        survives_damage(&story, &mut rng, |story, key| {
            let record = story.model.get(key).expect("the test's own key");
            if is_removal {
                return story.tree.remove(&story.pages, key, record).map(drop);
            }
            let mut key = key.to_vec();
            key.truncate(590);
            key.push(1);
            story.tree.insert(&story.pages, &key, keys::record(9))
        });
    });
}
