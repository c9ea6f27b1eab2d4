//! Task 4.3: delete. Which sibling is taken and where the border lies after a borrow is free, as far as D4
//! allows; what counts is that the tree stays one, that nothing is lost, and that an emptied tree gives its
//! pages back.

mod admit;
mod damage;
mod only_children;
mod replace;
mod sizes;

use bplus_tree::{BPlusTree, KeyMode, Latching, MAX_KEY_LEN};
use buffer_pool::RecordId;
use proptest::prelude::*;
use slotted_page::PageId;
use testkit::{Rng, check, check_eq, schedule, step};

use crate::support::faults::{all_bytes, in_batches, keeps_lsns, with_every_failure, with_few_frames};
use crate::support::keys::orders;
use crate::support::model::Model;
use crate::support::raw::{Entry, Shape, unique_tree};
use crate::support::walk::walk_with;
use crate::support::{Fault, Op, Pages, Story, keys, pool};

/// A tree of the keys 0, 1, 2, ... of `len` bytes, inserted in an order of `seed`.
fn filled(mode: KeyMode, count: u64, len: usize, seed: u64) -> Story {
    let mut numbers: Vec<u64> = (0..count).collect();
    Rng::with_seed(seed).shuffle(&mut numbers);
    let mut story = Story::new(mode);
    for number in numbers {
        story.insert(&keys::long(number, len), keys::record(number + 1));
    }
    testkit::scene::clear();
    step!("// a tree of {count} keys of {len} bytes");
    story
}

/// Fails unless the tree is one empty leaf and has given back all other pages.
fn check_emptied(story: &Story, root: PageId) {
    let walked = story.check();
    check_eq!(story.tree.id(), root, "the root page");
    check_eq!((walked.height, walked.leaves.len()), (1, 1), "height and leaves of an emptied tree");
    check_eq!(story.pages.allocated().len(), 1, "pages of an emptied tree");
}

/// What is removed is gone, and nothing else is.
#[testkit::test]
fn what_is_removed_is_gone() {
    let mut story = filled(KeyMode::Unique, 30, 40, 1);
    for number in [7, 0, 29, 15, 14] {
        story.remove(&keys::long(number, 40), keys::record(number + 1));
        story.check();
        (0..30).for_each(|number| story.get(&keys::long(number, 40)));
    }
    story.insert(&keys::long(7, 40), keys::record(70));
    story.check();
}

/// What is not there is not removed: no such key, or another record id. Nothing changes then.
#[testkit::test]
fn what_is_not_there_is_not_removed() {
    for mode in [KeyMode::Unique, KeyMode::Duplicates] {
        let mut story = filled(mode, 60, 500, 2);
        let before = all_bytes(&story.pages);
        for number in 0..60 {
            let key = keys::long(number, 500);
            story.remove(&key, keys::record(number + 2));
            story.remove(&key, RecordId::MIN);
            story.remove(&key, RecordId::MAX);
            story.remove(&key[..499], keys::record(number + 1));
            story.remove(&keys::long(number, 501), keys::record(number + 1));
        }
        story.remove(b"", keys::record(1));
        story.remove(&vec![b'9'; 3_000], keys::record(1));
        check!(all_bytes(&story.pages) == before, "removing what is not there leaves all pages as they were");
        story.check();
    }
    let mut empty = Story::new(KeyMode::Unique);
    empty.remove(b"any", keys::record(1));
    empty.check();
}

/// Removed in any order down to nothing: a tree at each step, its root page keeps its number, every other
/// page is given back.
#[testkit::test]
fn removes_in_any_order_down_to_nothing() {
    for (name, order) in orders(400) {
        let mut story = filled(KeyMode::Unique, 400, 250, 3);
        let root = story.tree.id();
        step!("// removed {name}");
        for (at, number) in order.into_iter().enumerate() {
            story.remove(&keys::long(number, 250), keys::record(number + 1));
            if at % 7 == 0 {
                story.check();
            }
            if at % 50 == 0 {
                story.check_gets();
            }
        }
        check_emptied(&story, root);
        story.insert(b"again", keys::record(1));
        story.get(b"again");
    }
}

/// Short keys: many entries a node, two levels.
#[testkit::test]
fn many_short_keys_come_out() {
    let entries: Vec<Entry> = (0..400).map(|at| (keys::number(at), keys::record(at))).collect();
    for (name, order) in orders(400) {
        testkit::scene::clear();
        let (pages, root) = unique_tree(&entries, 100, 8, 16);
        let mut story = Story::open(pages, root, &entries, KeyMode::Unique);
        step!("// removed {name}");
        for (at, number) in order.into_iter().enumerate() {
            story.remove(&keys::number(number), keys::record(number));
            if at % 100 == 0 {
                story.check();
                story.check_gets();
            }
        }
        check_emptied(&story, root);
    }
}

/// Four entries a node at every level: merges, borrows and the collapse of the root come together.
#[testkit::test]
fn the_longest_keys_come_out_at_every_level() {
    for (name, order) in orders(120) {
        let mut story = filled(KeyMode::Unique, 120, MAX_KEY_LEN, 4);
        let root = story.tree.id();
        step!("// removed {name}");
        for number in order {
            story.remove(&keys::long(number, MAX_KEY_LEN), keys::record(number + 1));
            story.check();
        }
        check_emptied(&story, root);
    }
}

/// Keys of all lengths: a borrow gives the parent a new separator, which may be longer than the old one and
/// not fit.
#[testkit::test]
fn separators_may_become_longer() {
    testkit::prop::check(14, (any::<u64>(), 1..10_u32), |(seed, share)| {
        let mut rng = Rng::with_seed(seed);
        let mut story = Story::new(KeyMode::Unique);
        let mut there: Vec<(Vec<u8>, u64)> = Vec::new();
        for at in 0..170 {
            let len = if rng.u32(..10) < share { rng.usize(900..=MAX_KEY_LEN) } else { rng.usize(10..60) };
            let key = keys::long(rng.u64(..5_000), len);
            if story.model.get(&key).is_none() {
                story.insert(&key, keys::record(at));
                there.push((key, at));
            }
        }
        rng.shuffle(&mut there);
        for (at, (key, record)) in there.iter().enumerate() {
            story.remove(key, keys::record(*record));
            if at % 3 == 0 {
                story.check();
            }
            if at % 32 == 0 {
                story.check_gets();
            }
        }
        check_emptied(&story, story.tree.id());
    });
}

/// Inserts and removes of hard keys in any mix, in both modes: the tree holds what a sorted set holds.
#[testkit::test]
fn agrees_with_a_sorted_set() {
    for mode in [KeyMode::Unique, KeyMode::Duplicates] {
        testkit::prop::check(30, (any::<u64>(), 1..260_usize), |(seed, count)| {
            let mut rng = Rng::with_seed(seed);
            let keys = keys::hard(&mut rng, 50);
            let mut story = Story::new(mode);
            for at in 0..count {
                let key = &keys[rng.usize(..keys.len())];
                // Growing and shrinking in turn.
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
            check_emptied(&story, story.tree.id());
        });
    }
}

/// Of many records of one key, exactly the one that was named goes, wherever it lies.
#[testkit::test]
fn one_of_many_duplicates_goes() {
    for (name, order) in orders(320) {
        let mut story = Story::new(KeyMode::Duplicates);
        for key in [&b"a"[..], b"many", b"z"] {
            (0..320).filter(|at| key == b"many" || at % 100 == 0).for_each(|at| {
                story.insert(key, keys::record(at + 1));
            });
        }
        testkit::scene::clear();
        step!("// 320 records of one key, removed {name}");
        for (at, number) in order.into_iter().enumerate() {
            story.remove(b"many", keys::record(number + 1));
            story.remove(b"many", keys::record(number + 1));
            if at % 40 == 0 {
                story.get(b"many");
                story.check();
            }
        }
        for key in [&b"a"[..], b"many", b"z"] {
            story.get(key);
        }
        story.check();
    }
}

/// Duplicates of long keys: separators carry record ids, and a removal must follow them.
#[testkit::test]
fn duplicates_of_long_keys_come_out_too() {
    let mut story = Story::new(KeyMode::Duplicates);
    let mut rng = testkit::rng();
    for number in 0..120 {
        story.insert(&keys::long(number % 4, MAX_KEY_LEN), keys::record(number + 1));
    }
    let mut entries: Vec<_> = story.model.entries.iter().cloned().collect();
    rng.shuffle(&mut entries);
    for (key, record) in entries {
        story.remove(&key, record);
        story.check();
        story.get(&key);
    }
    check_emptied(&story, story.tree.id());
}

/// A removal from a leaf that keeps enough changes the leaf alone.
#[testkit::test]
fn a_removal_changes_what_it_must() {
    let mut story = Story::new(KeyMode::Unique);
    (0..800).for_each(|number| story.insert(&keys::long(number, 50), keys::record(number + 1)));
    let leaves = story.check().leaves.len();
    check!(leaves > 8, "the test's tree has more than 8 leaves");
    for number in (0..800).step_by(80) {
        story.pages.watch();
        story.remove(&keys::long(number, 50), keys::record(number + 1));
        let changed = story.pages.changed();
        check_eq!(changed.len(), 1, "pages changed by a removal from a leaf that stays half full");
    }
    story.check();
}

/// Entries come at one end and go at the other: the tree does not grow, so leaves and nodes that are left
/// behind must be found and freed.
#[testkit::test]
fn a_queue_does_not_grow() {
    for is_rising in [true, false] {
        let number = |at: u64| if is_rising { at } else { 10_000 - at };
        let mut story = Story::new(KeyMode::Unique);
        let mut most = 0;
        for at in 0..1_500 {
            story.insert(&keys::long(number(at), 200), keys::record(at));
            if at >= 100 {
                story.remove(&keys::long(number(at - 100), 200), keys::record(at - 100));
            }
            most = most.max(story.pages.allocated().len());
        }
        story.check();
        check!(most <= 30, "100 entries of 200 bytes need {most} pages at the most, expected 30");
    }
}

/// A look-up still reads one page a level after many merges: the root gives up levels when it can.
#[testkit::test]
fn the_tree_becomes_lower() {
    let mut story = filled(KeyMode::Unique, 300, MAX_KEY_LEN, 5);
    let mut heights = vec![story.check().height];
    for number in 0..300 {
        story.remove(&keys::long(number, MAX_KEY_LEN), keys::record(number + 1));
        let height = story.check_quietly().height;
        check!(heights.last().is_some_and(|last| height <= *last), "a removal does not make the tree higher");
        heights.push(height);
        story.pages.watch();
        story.get(&keys::long(299, MAX_KEY_LEN));
        check_eq!(story.pages.counts().reads, height as u64, "pages read by a get");
    }
    heights.dedup();
    check!(
        heights.len() >= 4,
        "the tree of 300 long keys became lower step by step, found heights {heights:?}"
    );
    check_emptied(&story, story.tree.id());
}

/// Whatever page request of a removal fails, the tree is as it was, no page is lost and no latch held.
#[testkit::test]
fn a_failed_request_changes_nothing() {
    for (name, order) in orders(30) {
        let mut story = filled(KeyMode::Unique, 30, MAX_KEY_LEN, 6);
        step!("// removed {name}");
        let mut most = 0;
        for number in order {
            let op = Op::Remove(keys::long(number, MAX_KEY_LEN), keys::record(number + 1));
            most = most.max(with_every_failure(&mut story, &op, Fault::AllPinned));
        }
        check_emptied(&story, story.tree.id());
        check!(most >= 4, "some removal asked for several pages");
    }
}

/// The same with nodes of many entries, where a borrow is more likely than a merge.
#[testkit::test]
fn a_failed_borrow_changes_nothing() {
    let mut story = filled(KeyMode::Unique, 90, 300, 7);
    for number in orders(90)[4].1.clone() {
        let op = Op::Remove(keys::long(number, 300), keys::record(number + 1));
        with_every_failure(&mut story, &op, Fault::AllPinned);
    }
    check_emptied(&story, story.tree.id());
}

/// A removal needs a few frames for each level; with fewer it fails and changes nothing. It needs no new
/// page.
#[testkit::test]
fn few_frames_are_enough() {
    let mut story = filled(KeyMode::Unique, 120, 800, 8);
    for number in orders(120)[4].1.clone() {
        let height = story.check().height;
        story.pages.limit_pages(story.pages.allocated().len());
        let op = Op::Remove(keys::long(number, 800), keys::record(number + 1));
        let frames = with_few_frames(&mut story, &op);
        check!(
            frames <= 3 * height + 4,
            "a removal from a tree of {height} levels needs {frames} frames, expected at most {}",
            3 * height + 4
        );
    }
    check_emptied(&story, story.tree.id());
}

/// A latch that cannot be had at once, since somebody reads the neighbour, is not given up on: the removal is
/// done all the same.
#[testkit::test]
fn refused_latches_are_asked_for_again() {
    for (name, order) in orders(100) {
        let mut story = filled(KeyMode::Unique, 100, 600, 9);
        step!("// removed {name}, with every second try_write refused");
        story.pages.refuse_every_second_try();
        for number in order {
            story.remove(&keys::long(number, 600), keys::record(number + 1));
            story.check_quietly();
        }
        check_emptied(&story, story.tree.id());
    }
}

/// One removal in one batch: merges, borrows and the freed pages are kept or given up together.
#[testkit::test]
fn a_removal_is_one_batch() {
    for mode in [KeyMode::Unique, KeyMode::Duplicates] {
        let mut story = filled(mode, 100, 700, 10);
        for number in orders(100)[4].1.clone() {
            in_batches(&mut story, &Op::Remove(keys::long(number, 700), keys::record(number + 1)));
            story.check();
        }
        check_emptied(&story, story.tree.id());
    }
}

/// In a file, through a pool of few frames, opened again in between: what is removed stays removed, and its
/// pages are free.
#[testkit::test]
fn removals_survive_reopening() {
    let (mut disk, mut pool) = pool::new_file(16);
    let mut model = Model::new(KeyMode::Unique);
    let tree = pool::done(BPlusTree::create(&pool, KeyMode::Unique), "create in a file");
    let root = tree.id();
    let mut tree = tree.with_latching(Latching::WholePath);
    for number in 0..400 {
        let (key, record) = (keys::long(number, 200), keys::record(number + 1));
        check_eq!(tree.insert(&pool, &key, record), model.insert(&key, record), "insert through the pool");
    }
    for (at, number) in orders(400)[4].1.iter().enumerate() {
        let (key, record) = (keys::long(*number, 200), keys::record(number + 1));
        check_eq!(
            tree.remove(&pool, &key, record),
            Ok(model.remove(&key, record)),
            "remove through the pool"
        );
        if at % 80 == 79 {
            pool::check_file(&disk, &pool, root, &model);
            (disk, pool) = pool::reopen(&disk, 16);
            tree = pool::open_tree(&pool, root);
        }
    }
    pool::check_file(&disk, &pool, root, &model);
    check!(model.entries.is_empty(), "all is removed");
}

/// A page that stays in use keeps its LSN, also the root when it takes in its only child.
#[testkit::test]
fn pages_in_use_keep_their_lsn() {
    for (name, order) in orders(40) {
        let mut story = filled(KeyMode::Unique, 40, MAX_KEY_LEN, 12);
        step!("// removed {name}");
        for number in order {
            keeps_lsns(&mut story, &Op::Remove(keys::long(number, MAX_KEY_LEN), keys::record(number + 1)));
        }
        check_emptied(&story, story.tree.id());
    }
}

/// Pages that one tree gives back are used by another: nobody keeps a way to them.
#[testkit::test]
fn freed_pages_serve_another_tree() {
    let mut first = filled(KeyMode::Unique, 200, 400, 11);
    let second = pool::done(BPlusTree::create(&first.pages, KeyMode::Unique), "create of a second tree");
    let second = second.with_latching(Latching::WholePath);
    let mut model = Model::new(KeyMode::Unique);
    for number in orders(200)[4].1.clone() {
        first.remove(&keys::long(number, 400), keys::record(number + 1));
        let (key, record) = (keys::long(number, 300), keys::record(number + 2));
        check_eq!(
            second.insert(&first.pages, &key, record),
            model.insert(&key, record),
            "insert into the second tree"
        );
        let read = |id: PageId| first.pages.bytes(id);
        let (one, two) = (walk_with(&read, first.tree.id()), walk_with(&read, second.id()));
        first.model.check(&one.entries, "the entries of the first tree");
        model.check(&two.entries, "the entries of the second tree");
        let all = one.pages().union(&two.pages()).count();
        check_eq!(all, first.pages.allocated().len(), "pages of both trees, beside those that are allocated");
    }
}

/// A look-up that runs while leaves are merged and pages freed finds every key that stays.
#[testkit::test]
fn gets_find_every_key_while_leaves_merge() {
    schedule::explore(120, || {
        let mut story = Story::with(Pages::with_capacity(24), KeyMode::Unique, Latching::WholePath);
        for number in 0..10 {
            story.insert(&keys::long(number, 900), keys::record(number + 1));
        }
        let (pages, tree) = (&story.pages, &story.tree);
        kit::sync::thread::scope(|scope| {
            scope.spawn(|| {
                for number in [4, 5, 3, 1, 8] {
                    let found = tree.remove(pages, &keys::long(number, 900), keys::record(number + 1));
                    check_eq!(found, Ok(true), "remove of {number}");
                }
            });
            scope.spawn(|| {
                for number in [6, 2, 9, 0, 7] {
                    let found = tree.get(pages, &keys::long(number, 900));
                    check_eq!(found, Ok(Some(keys::record(number + 1))), "get of {number} during merges");
                }
            });
        });
        for number in [4, 5, 3, 1, 8] {
            story.model.remove(&keys::long(number, 900), keys::record(number + 1));
        }
        story.check();
    });
}

/// The records of a key begin in the leaf after the one that a look-up comes to, and that leaf is merged away
/// at this moment.
#[testkit::test]
fn gets_go_on_to_a_leaf_while_it_is_merged() {
    let entries: Vec<Entry> = (0..9).map(|at| (keys::long(at / 3, 900), keys::record(at + 1))).collect();
    let gone = [4, 5, 1, 2];
    schedule::explore(200, move || {
        let pages = Pages::with_capacity(16);
        let separator = |_: &Entry, right: &Entry| right.clone();
        let shape = Shape { has_duplicates: true, per_leaf: 3, fanout: 4, separator: &separator };
        let root = shape.build(&pages, &entries);
        let mut story = Story::open(pages, root, &entries, KeyMode::Duplicates);
        let (pages, tree) = (&story.pages, &story.tree);
        kit::sync::thread::scope(|scope| {
            scope.spawn(|| {
                for at in gone {
                    let (key, record) = &entries[at];
                    check_eq!(tree.remove(pages, key, *record), Ok(true), "remove for {record}");
                }
            });
            scope.spawn(|| {
                for _ in 0..3 {
                    let found = tree.get(pages, &keys::long(1, 900));
                    check_eq!(found, Ok(Some(keys::record(4))), "get of a key while its leaf is merged");
                }
            });
        });
        for at in gone {
            story.model.remove(&entries[at].0, entries[at].1);
        }
        story.check();
    });
}
