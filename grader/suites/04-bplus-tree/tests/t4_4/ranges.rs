//! A tree that nobody changes: bounds, order and cost.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use bplus_tree::{BPlusTree, Direction, Error, KeyMode, Latching, MAX_KEY_LEN};
use pager_kit::BatchPager;
use proptest::prelude::*;
use testkit::{Rng, check, check_eq};

use super::{check_range, expected, tens};
use crate::support::keys::{orders, shown};
use crate::support::raw::Entry;
use crate::support::seen::{BOTH, KeyBound, next, open};
use crate::support::{Fault, Story, keys, pool};

/// Everything, in order, both ways: from the first entry of the first leaf to the last of the last.
#[testkit::test]
fn walks_over_everything() {
    for (count, len) in [(0, 20), (1, 20), (7, 20), (300, 20), (200, 300), (100, MAX_KEY_LEN)] {
        let story = tens(KeyMode::Unique, count, len, 1);
        for direction in BOTH {
            check_range(&story, Bound::Unbounded, Bound::Unbounded, direction);
        }
    }
}

/// Bounds of every kind at every place: on a key, on a separator, between two keys, between two leaves,
/// outside; and the wrong way round.
#[testkit::test]
fn bounds_of_every_kind() {
    let story = tens(KeyMode::Unique, 12, 990, 2);
    let mut places: BTreeSet<Vec<u8>> = BTreeSet::from([Vec::new(), b"\xFF".to_vec()]);
    for number in [5, 10, 11, 15, 30, 39, 40, 41, 60, 65, 70, 80, 90, 110, 115, 120, 121] {
        places.insert(keys::long(number, 990));
    }
    places.extend(story.check().separators.into_iter().map(|separator| separator.0));
    let mut bounds: Vec<KeyBound<'_>> = vec![Bound::Unbounded];
    for place in &places {
        bounds.extend([Bound::Included(place.as_slice()), Bound::Excluded(place.as_slice())]);
    }
    for direction in BOTH {
        for low in &bounds {
            bounds.iter().for_each(|high| check_range(&story, *low, *high, direction));
        }
    }
}

/// Bounds that are the wrong way round, or the same key with nothing between: known without a look at any
/// page.
#[testkit::test]
fn an_empty_range_reads_no_page() {
    use Bound::{Excluded, Included};
    let story = tens(KeyMode::Unique, 40, 300, 12);
    let (low, high) = (keys::long(100, 300), keys::long(200, 300));
    let (low, high) = (low.as_slice(), high.as_slice());
    let ranges = [
        (Included(high), Included(low)),
        (Excluded(high), Excluded(low)),
        (Included(low), Excluded(low)),
        (Excluded(low), Included(low)),
        (Excluded(low), Excluded(low)),
    ];
    for direction in BOTH {
        for (low, high) in ranges {
            story.pages.watch();
            check_range(&story, low, high, direction);
            check_eq!(story.pages.asked().len(), 0, "pages asked for by an empty range");
        }
    }
}

/// After removals a separator is no key of the tree any more, and a leaf may end before a bound that leads to
/// it.
#[testkit::test]
fn bounds_on_separators_that_are_no_keys() {
    let mut story = tens(KeyMode::Unique, 90, 300, 3);
    let separators: Vec<Vec<u8>> =
        story.check().separators.into_iter().map(|separator| separator.0).collect();
    for key in &separators {
        if let Some(record) = story.model.get(key) {
            story.remove(key, record);
        }
    }
    let now: Vec<Vec<u8>> = story.check().separators.into_iter().map(|separator| separator.0).collect();
    for direction in BOTH {
        for key in separators.iter().chain(&now) {
            for (low, high) in [
                (Bound::Included(key.as_slice()), Bound::Unbounded),
                (Bound::Excluded(key.as_slice()), Bound::Unbounded),
                (Bound::Unbounded, Bound::Included(key.as_slice())),
                (Bound::Unbounded, Bound::Excluded(key.as_slice())),
                (Bound::Included(key.as_slice()), Bound::Included(key.as_slice())),
            ] {
                check_range(&story, low, high, direction);
            }
        }
    }
}

/// Ranges are given in many ways, and a bound may be longer than any key.
#[testkit::test]
fn any_form_of_a_range_will_do() {
    let story = tens(KeyMode::Unique, 20, 400, 4);
    let long = vec![b'0'; 5_000];
    for direction in BOTH {
        let whole = story.tree.range(&story.pages, .., direction).map(Iterator::count);
        check_eq!(whole, Ok(20), "entries of the range `..`");
        for bound in [&long[..], &[0xFF; 2_000]] {
            check_range(&story, Bound::Included(bound), Bound::Unbounded, direction);
            check_range(&story, Bound::Unbounded, Bound::Excluded(bound), direction);
        }
        // As an iterator, with copies.
        let range =
            story.tree.range(&story.pages, .., direction).map(Iterator::collect::<Result<Vec<Entry>, Error>>);
        let wanted = expected(&story, Bound::Unbounded, Bound::Unbounded, direction);
        check!(range == Ok(Ok(wanted)), "the iterator gives what next_entry gives, {direction:?}");
    }
    check_eq!(story.pages.held(), 0, "guards held after walking");
}

/// Equal keys over many leaves: a range of one key has them all, in order of record id, and none of its
/// neighbours.
#[testkit::test]
fn duplicates_over_many_leaves() {
    let mut story = Story::new(KeyMode::Duplicates);
    let mut records: Vec<u64> = (1..=60).collect();
    testkit::rng().shuffle(&mut records);
    let all = [&b"a"[..], b"many", b"many\0", b"z"].map(|key| [key, &[b'.'; 400]].concat());
    for record in records {
        story.insert(&all[1], keys::record(record));
        if record % 6 == 0 {
            [0, 2, 3].iter().for_each(|at| story.insert(&all[*at], keys::record(record)));
        }
    }
    let none = [&b"m"[..], b"many-", b"zz"].map(<[u8]>::to_vec);
    let mut bounds: Vec<KeyBound<'_>> = vec![Bound::Unbounded];
    for key in all.iter().chain(&none) {
        bounds.extend([Bound::Included(key.as_slice()), Bound::Excluded(key.as_slice())]);
    }
    for direction in BOTH {
        for low in &bounds {
            bounds.iter().for_each(|high| check_range(&story, *low, *high, direction));
        }
    }
}

/// Hard keys and bounds of them, in both modes and both directions: what a sorted set gives.
#[testkit::test]
fn agrees_with_a_sorted_set() {
    for mode in [KeyMode::Unique, KeyMode::Duplicates] {
        testkit::prop::check(60, (any::<u64>(), 0..120_usize), |(seed, count)| {
            let mut rng = Rng::with_seed(seed);
            let keys = keys::hard(&mut rng, 60);
            let mut story = Story::new(mode);
            for _ in 0..count {
                story.insert(&keys[rng.usize(..keys.len())], keys::record(rng.u64(1..9)));
            }
            for _ in 0..count / 3 {
                let key = &keys[rng.usize(..keys.len())];
                story.model.get(key).into_iter().for_each(|record| story.remove(key, record));
            }
            for _ in 0..12 {
                let mut bound = || match (rng.u32(..5), rng.usize(..keys.len())) {
                    (0, _) => Bound::Unbounded,
                    (1 | 2, at) => Bound::Excluded(keys[at].as_slice()),
                    (_, at) => Bound::Included(keys[at].as_slice()),
                };
                let (low, high) = (bound(), bound());
                BOTH.into_iter().for_each(|direction| check_range(&story, low, high, direction));
            }
        });
    }
}

/// Opening and the first entry cost at most one page more than the tree is high, the rest one page a leaf; no
/// write latch is taken.
#[testkit::test]
fn a_walk_reads_each_leaf_once() {
    for (count, len) in [(3, 40), (100, 40), (400, 100), (200, MAX_KEY_LEN)] {
        let story = tens(KeyMode::Unique, count, len, 5);
        let walked = story.check();
        let (height, leaves) = (walked.height as u64, walked.leaves.len() as u64);
        for direction in BOTH {
            story.pages.watch();
            let mut range = open(&story.tree, &story.pages, Bound::Unbounded, Bound::Unbounded, direction);
            check!(next(&mut range).is_some(), "there is a first entry");
            let first = story.pages.counts().reads;
            check!(
                first <= height + 1,
                "{first} pages read for the first entry, expected at most {}",
                height + 1
            );
            while next(&mut range).is_some() {}
            let counts = story.pages.counts();
            check!(
                counts.reads < height + leaves + 1,
                "{} pages read for {leaves} leaves and {height} levels, expected at most {}",
                counts.reads,
                height + leaves
            );
            check_eq!((counts.writes, counts.refused), (0, 0), "write latches taken by a walk");
            check!(
                counts.most_held <= 2,
                "{} pages held at once by a walk, expected at most 2",
                counts.most_held
            );
            for leaf in &walked.leaves {
                let reads = story.pages.asked().iter().filter(|id| *id == leaf).count();
                check!(reads <= 1, "{leaf} was read {reads} times by one walk");
            }
        }
    }
}

/// While entries of a copied leaf are left, the next one costs no page and no memory.
#[testkit::test]
fn an_entry_of_a_copied_leaf_costs_nothing() {
    for mode in [KeyMode::Unique, KeyMode::Duplicates] {
        let story = tens(mode, 120, 100, 9);
        for direction in BOTH {
            let mut range = open(&story.tree, &story.pages, Bound::Unbounded, Bound::Unbounded, direction);
            let mut without_a_page = 0;
            loop {
                story.pages.watch();
                let (counts, found) =
                    testkit::alloc::count_with(|| range.next_entry().map(|entry| entry.is_some()));
                let is_free = story.pages.asked().is_empty();
                check!(
                    !is_free || counts.allocations == 0,
                    "next_entry allocates {} times although it asks for no page",
                    counts.allocations
                );
                without_a_page += usize::from(is_free);
                if found != Ok(true) {
                    break;
                }
            }
            check!(without_a_page > 60, "most entries need no page, here {without_a_page} of 120");
        }
    }
}

/// A range ends at its bound: no leaf beyond is read but the one that says so.
#[testkit::test]
fn a_short_range_reads_little() {
    let story = tens(KeyMode::Unique, 600, 100, 6);
    let height = story.check().height as u64;
    for number in (10..5_900).step_by(370) {
        let (low, high) = (keys::long(number, 100), keys::long(number + 40, 100));
        for direction in BOTH {
            story.pages.watch();
            check_range(&story, Bound::Included(&low), Bound::Excluded(&high), direction);
            let reads = story.pages.counts().reads;
            check!(
                reads <= height + 2,
                "{reads} pages read for a range of 4 entries in a tree of {height} levels"
            );
        }
    }
}

/// A walk that is dropped half way has left nothing behind.
#[testkit::test]
fn a_walk_may_stop_anywhere() {
    let mut story = tens(KeyMode::Unique, 60, 400, 7);
    for stop in 0..60 {
        let mut range = open(&story.tree, &story.pages, Bound::Unbounded, Bound::Unbounded, BOTH[stop % 2]);
        (0..stop).for_each(|_| drop(next(&mut range)));
        drop(range);
        check_eq!(story.pages.held(), 0, "guards held after a walk was dropped");
        story.remove(&keys::long(10 * (stop as u64 + 1), 400), keys::record(stop as u64 + 1));
    }
    story.check();
}

/// A failed page request comes out as its error; the walk is over then, and holds nothing.
#[testkit::test]
fn errors_end_a_walk() {
    let story = tens(KeyMode::Unique, 60, 400, 8);
    for direction in BOTH {
        for n in 0..8 {
            story.pages.fail_at(n, Fault::AllPinned);
            let range = story.tree.range(&story.pages, .., direction);
            check_eq!(story.pages.held(), 0, "guards held after opening a range");
            let (mut found, mut error) = (Vec::new(), None);
            match range {
                Err(first) => error = Some(first),
                Ok(range) => {
                    for entry in range {
                        match entry {
                            Ok(entry) if error.is_none() => found.push(entry),
                            Ok(entry) => check!(false, "{} comes after an error", shown(&entry.0)),
                            Err(_) if error.is_some() => check!(false, "a walk gives a second error"),
                            Err(first) => error = Some(first),
                        }
                    }
                }
            }
            check_eq!(error, Some(Error::Pager(Fault::AllPinned.error())), "the error of page request {n}");
            let wanted = expected(&story, Bound::Unbounded, Bound::Unbounded, direction);
            check!(wanted.starts_with(&found), "what came before the error is the beginning of the range");
            check_eq!(story.pages.held(), 0, "guards held after an error");
        }
    }
}

/// Inside a batch a walk sees what the batch changed.
#[testkit::test]
fn a_walk_sees_its_own_batch() {
    let mut story = tens(KeyMode::Unique, 40, 600, 12);
    // What the batch keeps latched is no order to go by.
    story.pages.check_no_order();
    let batch = BatchPager::new(&story.pages);
    for number in [15, 25, 35, 205] {
        let (key, record) = (keys::long(number, 600), keys::record(number));
        check_eq!(
            story.tree.insert(&batch, &key, record),
            story.model.insert(&key, record),
            "insert in a batch"
        );
    }
    for direction in BOTH {
        let mut range = open(&story.tree, &batch, Bound::Unbounded, Bound::Unbounded, direction);
        for entry in expected(&story, Bound::Unbounded, Bound::Unbounded, direction) {
            check_eq!(next(&mut range), Some(entry), "the next entry of a walk in a batch");
        }
        check_eq!(next(&mut range), None, "the end of a walk in a batch");
    }
}

/// In a file, through a pool of few frames.
#[testkit::test]
fn walks_through_a_small_pool() {
    let (_disk, pool) = pool::new_file(10);
    let tree = pool::done(BPlusTree::create(&pool, KeyMode::Unique), "create in a file")
        .with_latching(Latching::WholePath);
    let mut wanted = BTreeMap::new();
    for number in orders(300)[4].1.clone() {
        let (key, record) = (keys::long(number, 200), keys::record(number + 1));
        pool::done(tree.insert(&pool, &key, record), "insert through the pool");
        wanted.insert(key, record);
    }
    let entries: Vec<Entry> = wanted.into_iter().collect();
    for direction in BOTH {
        let mut found: Vec<Entry> = Vec::new();
        let mut range = open(&tree, &pool, Bound::Unbounded, Bound::Unbounded, direction);
        while let Some(entry) = next(&mut range) {
            found.push(entry);
        }
        if direction == Direction::Backward {
            found.reverse();
        }
        check!(found == entries, "a walk through the pool gives all {} entries in order", entries.len());
    }
}
