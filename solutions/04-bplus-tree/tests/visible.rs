//! The public examples of lab 4: read them beside the task, run them with `cargo test -p bplus-tree`.
//! The grader has more, and harder ones.

use std::ops::Bound::{self, Excluded, Included, Unbounded};

use bplus_tree::{BPlusTree, Direction, Entry, Error, KeyMode, Latching, MAX_KEY_LEN, NodeRef, Removal};
use buffer_pool::{BufferPool, Pager, RecordId};
use kit::disk::MemDisk;
use kit::sync::{Arc, thread};
use slotted_page::{DiskManager, PAGE_SIZE, PageBuf, PageId, PageKind, SlotId, header};

/// A pool of 64 frames over a file in memory.
fn pool() -> BufferPool {
    let disk = DiskManager::create(Arc::new(MemDisk::new())).unwrap();
    BufferPool::new(disk, 64).unwrap()
}

/// The record id for a number.
fn record(number: u32) -> RecordId {
    RecordId { page: PageId(4 + number / 100), slot: SlotId((number % 100) as u16) }
}

/// A key of 200 bytes that sorts as the number: about 19 of them fill a leaf.
fn key(number: u32) -> Vec<u8> {
    let mut key = number.to_be_bytes().to_vec();
    key.resize(200, b'.');
    key
}

/// A node of the tree at page 9, with the given keys, each for its length as record; children are 100, 101,
/// ...
fn node(level: u16, keys: &[&[u8]]) -> NodeRef<Box<PageBuf>> {
    let kind = if level == 0 { PageKind::BTREE_LEAF } else { PageKind::BTREE_INTERNAL };
    let mut page = Box::new([0; PAGE_SIZE]);
    header::init(&mut page, PageId(9), kind);
    let mut node = NodeRef::init(page, PageId(9), level, KeyMode::Unique);
    for (index, key) in keys.iter().enumerate() {
        let record = if level == 0 { record(key.len() as u32) } else { RecordId::MIN };
        node.insert(index, PageId(100 + index as u32), bplus_tree::Entry { key, record }).unwrap();
    }
    node
}

// Task 4.1: nodes and search.

/// A search says how many entries lie below; a key that is a prefix of another comes before it.
#[test]
fn a_leaf_is_searched_by_bytes() {
    let leaf = node(0, &[b"", b"a", b"a\0", b"ab", b"b\xFF"]);
    for (index, key) in [&b""[..], b"a", b"a\0", b"ab", b"b\xFF"].into_iter().enumerate() {
        assert_eq!(leaf.lower_bound(key, RecordId::MIN), Ok(index));
        assert_eq!(leaf.upper_bound(key, RecordId::MAX), Ok(index + 1));
    }
    assert_eq!(leaf.lower_bound(b"aa", RecordId::MIN), Ok(3));
    assert_eq!(leaf.lower_bound(b"c", RecordId::MIN), Ok(5));
}

/// A key that equals a separator lies right of it; what is below every separator lies in the first child.
#[test]
fn a_separator_belongs_to_the_right() {
    let node = node(1, &[b"", b"dog", b"owl"]);
    let child = |key: &[u8]| node.child_index(key, RecordId::MIN).unwrap();
    assert_eq!([child(b""), child(b"ant"), child(b"dof")], [0, 0, 0]);
    assert_eq!([child(b"dog"), child(b"dogs"), child(b"ow")], [1, 1, 1]);
    assert_eq!([child(b"owl"), child(b"zebra")], [2, 2]);
    assert_eq!(node.child(2), Ok(PageId(102)));
}

/// A new tree has nothing in it, and opens again by its root page.
#[test]
fn an_empty_tree_finds_nothing() {
    let pool = pool();
    let tree = BPlusTree::create(&pool, KeyMode::Unique).unwrap();
    assert_eq!(tree.get(&pool, b"cat"), Ok(None));
    assert_eq!(BPlusTree::open(&pool, tree.id()).unwrap().mode(), KeyMode::Unique);
}

// Task 4.2: insert.

/// A tree that latches its whole way, with the even numbers below `2 * count`, put in in a mixed order.
fn even_numbers(pool: &BufferPool, count: u32) -> BPlusTree {
    let tree = BPlusTree::create(pool, KeyMode::Unique).unwrap().with_latching(Latching::WholePath);
    for step in 0..count {
        let number = step * 7919 % count * 2;
        tree.insert(pool, &key(number), record(number)).unwrap();
    }
    tree
}

/// Splits up to the root, twice; every key is found, nothing else is, and the root page keeps its number.
#[test]
fn a_tree_grows() {
    let pool = pool();
    let tree = even_numbers(&pool, 500);
    let root = tree.id();
    assert!(tree.stats(&pool).unwrap().height >= 3);
    for number in 0..1000 {
        let expected = (number % 2 == 0).then(|| record(number));
        assert_eq!(tree.get(&pool, &key(number)), Ok(expected), "get of {number}");
    }
    assert_eq!(tree.id(), root);
    assert_eq!(tree.stats(&pool).unwrap().entries, 500);
}

/// A key that is there and a key that is too long are errors, and change nothing.
#[test]
fn refused_inserts_change_nothing() {
    let pool = pool();
    let tree = even_numbers(&pool, 100);
    let existing = record(42);
    assert_eq!(tree.insert(&pool, &key(42), record(7)), Err(Error::DuplicateKey { existing }));
    let too_long = Error::KeyTooLong { len: MAX_KEY_LEN + 1, max: MAX_KEY_LEN };
    assert_eq!(tree.insert(&pool, &[b'k'; MAX_KEY_LEN + 1], record(7)), Err(too_long));
    assert_eq!(tree.get(&pool, &key(42)), Ok(Some(existing)));
    assert_eq!(tree.stats(&pool).unwrap().entries, 100);
}

/// With duplicates a key has many records, more than a leaf holds; the smallest is found.
#[test]
fn duplicates_fill_several_leaves() {
    let pool = pool();
    let tree = BPlusTree::create(&pool, KeyMode::Duplicates).unwrap().with_latching(Latching::WholePath);
    for number in (1..100).rev() {
        tree.insert(&pool, b"the same key, again and again and again", record(number)).unwrap();
    }
    let existing = record(50);
    let again = tree.insert(&pool, b"the same key, again and again and again", existing);
    assert_eq!(again, Err(Error::DuplicateKey { existing }));
    let found = tree.get(&pool, b"the same key, again and again and again");
    assert_eq!(found, Ok(Some(record(1))));
}

/// The caller sees the entry that will follow the new one, and decides.
#[test]
fn an_insert_can_be_refused_at_the_last_moment() {
    let pool = pool();
    let tree = even_numbers(&pool, 100);
    let mut next = None;
    let inserted = tree.insert_with(&pool, &key(51), record(51), |entry| {
        next = entry.map(|entry| entry.key.to_vec());
        false
    });
    assert_eq!((inserted, next), (Ok(false), Some(key(52))));
    assert_eq!(tree.get(&pool, &key(51)), Ok(None));
    assert_eq!(tree.insert_with(&pool, &key(51), record(51), |_| true), Ok(true));
    assert_eq!(tree.get(&pool, &key(51)), Ok(Some(record(51))));
}

/// A tree is freed in steps of a few pages.
#[test]
fn a_tree_is_destroyed_in_steps() {
    let pool = pool();
    let tree = even_numbers(&pool, 500);
    let mut steps = 1;
    while !tree.destroy_some(&pool, 4).unwrap() {
        steps += 1;
    }
    assert!(steps > 5, "{steps} steps of four pages");
    assert_eq!(pool.disk().stats().allocated, 0, "all pages went back");
}

// Task 4.3: delete.

/// Only exactly this key and record id go.
#[test]
fn what_is_not_there_is_not_removed() {
    let pool = pool();
    let tree = even_numbers(&pool, 100);
    assert_eq!(tree.remove(&pool, &key(43), record(43)), Ok(false));
    assert_eq!(tree.remove(&pool, &key(42), record(7)), Ok(false));
    assert_eq!(tree.remove(&pool, &key(42), record(42)), Ok(true));
    assert_eq!(tree.remove(&pool, &key(42), record(42)), Ok(false));
    assert_eq!(tree.get(&pool, &key(42)), Ok(None));
}

/// A tree from which everything is removed is one page again, the one it began with.
#[test]
fn a_tree_shrinks_to_its_root() {
    let pool = pool();
    let tree = even_numbers(&pool, 500);
    for step in 0..500 {
        let number = step * 17 % 500 * 2;
        assert_eq!(tree.remove(&pool, &key(number), record(number)), Ok(true), "remove of {number}");
        assert_eq!(tree.get(&pool, &key(number)), Ok(None));
    }
    let stats = tree.stats(&pool).unwrap();
    assert_eq!((stats.entries, stats.height, stats.leaf_pages, stats.internal_pages), (0, 1, 1, 0));
    let root = pool.read(tree.id()).unwrap();
    assert_eq!(header::kind(&root), PageKind::BTREE_LEAF);
}

/// A removal has three outcomes; replace changes the record id of a key in place.
#[test]
fn a_removal_can_be_refused_and_a_record_replaced() {
    let pool = pool();
    let tree = even_numbers(&pool, 100);
    assert_eq!(tree.remove_with(&pool, &key(51), record(51), |_| true), Ok(Removal::Absent));
    assert_eq!(tree.remove_with(&pool, &key(52), record(52), |_| false), Ok(Removal::Refused));
    assert_eq!(tree.replace(&pool, &key(52), record(52), record(7)), Ok(true));
    assert_eq!(tree.get(&pool, &key(52)), Ok(Some(record(7))));
    assert_eq!(tree.remove_with(&pool, &key(52), record(7), |_| true), Ok(Removal::Removed));
    assert_eq!(tree.get(&pool, &key(52)), Ok(None));
}

// Task 4.4: iterators.

/// The numbers that a range gives, whose keys are those of [`key`].
fn numbers(
    pool: &BufferPool,
    tree: &BPlusTree,
    keys: (Bound<u32>, Bound<u32>),
    direction: Direction,
) -> Vec<u32> {
    let (low, high) = (keys.0.map(key), keys.1.map(key));
    let bounds = (low.as_ref().map(Vec::as_slice), high.as_ref().map(Vec::as_slice));
    let range = tree.range(pool, bounds, direction).unwrap();
    range.map(|entry| u32::from_be_bytes(*entry.unwrap().0.first_chunk().unwrap())).collect()
}

/// Bounds are meant as they are written, in both directions, also between keys; the wrong way round they hold
/// nothing.
#[test]
fn a_range_keeps_to_its_bounds() {
    let pool = pool();
    let tree = even_numbers(&pool, 100);
    let up = |low, high| numbers(&pool, &tree, (low, high), Direction::Forward);
    assert_eq!(up(Included(50), Excluded(58)), [50, 52, 54, 56]);
    assert_eq!(up(Excluded(50), Included(58)), [52, 54, 56, 58]);
    assert_eq!(up(Included(49), Included(53)), [50, 52]);
    assert_eq!(up(Unbounded, Unbounded).len(), 100);
    assert_eq!(up(Included(60), Included(40)), []);
    assert_eq!(up(Included(60), Excluded(60)), []);
    let down = |low, high| numbers(&pool, &tree, (low, high), Direction::Backward);
    assert_eq!(down(Excluded(50), Included(56)), [56, 54, 52]);
    assert_eq!(down(Included(190), Unbounded), [198, 196, 194, 192, 190]);
}

/// A range goes on behind an entry, also amid many entries of its key.
#[test]
fn a_range_goes_on_behind_an_entry() {
    let pool = pool();
    let tree = BPlusTree::create(&pool, KeyMode::Duplicates).unwrap().with_latching(Latching::WholePath);
    for number in 0..100 {
        tree.insert(&pool, &key(1), record(number)).unwrap();
    }
    let key = key(1);
    let after = Entry { key: &key, record: record(70) };
    let mut range = tree.range_after(&pool, after, Unbounded, Direction::Forward).unwrap();
    assert_eq!(range.next_entry(), Ok(Some((&key[..], record(71)))));
    assert_eq!(range.count(), 28);
}

/// A walk holds no latch, so its own thread may change the tree; an entry that stays comes once.
#[test]
fn a_walk_goes_on_while_the_tree_changes() {
    let pool = pool();
    let tree = even_numbers(&pool, 200);
    let mut range = tree.range(&pool, .., Direction::Forward).unwrap();
    let mut seen = Vec::new();
    while let Some((found, _)) = range.next_entry().unwrap() {
        let number = u32::from_be_bytes(*found.first_chunk().unwrap());
        seen.push(number);
        // Behind the walk leaves become empty and go, in front of it they are split.
        tree.remove(&pool, &key(number), record(number)).unwrap();
        tree.insert(&pool, &key(1_000 - number), record(number)).unwrap();
    }
    let stayed: Vec<u32> = seen.iter().copied().filter(|number| *number < 400).collect();
    assert_eq!(stayed, (0..400).step_by(2).collect::<Vec<u32>>());
    assert!(seen.is_sorted_by(|a, b| a < b));
}

// Task 4.5: bulk load.

/// A tree that is built from sorted entries is as full as was asked for, and a tree like any other.
#[test]
fn a_tree_is_built_from_sorted_entries() {
    let pool = pool();
    for (percent, leaves) in [(100, 53..=54), (50, 111..=113)] {
        let entries = (0..1_000).map(|number| (key(number), record(number)));
        let tree = BPlusTree::bulk_load(&pool, KeyMode::Unique, percent, entries).unwrap();
        let stats = tree.stats(&pool).unwrap();
        assert_eq!(stats.entries, 1_000);
        assert!(leaves.contains(&stats.leaf_pages), "{percent} %: {} leaves", stats.leaf_pages);
        assert_eq!(numbers(&pool, &tree, (Unbounded, Unbounded), Direction::Forward).len(), 1_000);
        tree.destroy(&pool).unwrap();
    }
    assert_eq!(pool.disk().stats().allocated, 0, "all pages went back");
}

/// What is not sorted is refused, and no page stays behind.
#[test]
fn unsorted_entries_are_refused() {
    let pool = pool();
    let mut entries: Vec<_> = (0..500).map(|number| (key(number), record(number))).collect();
    entries.swap(300, 301);
    let refused = BPlusTree::bulk_load(&pool, KeyMode::Unique, 90, entries).err();
    assert_eq!(refused, Some(Error::NotSorted { index: 301 }));
    assert_eq!(pool.disk().stats().allocated, 0);
}

// Task 4.6: concurrency.

/// Four threads insert, remove and look up their own keys in one tree at the same time.
#[test]
fn threads_share_a_tree() {
    let pool = pool();
    let tree = BPlusTree::create(&pool, KeyMode::Unique).unwrap();
    let (pool, tree) = (&pool, &tree);
    thread::scope(|scope| {
        for own in 0..4 {
            scope.spawn(move || {
                for number in (0..200).map(|step| step * 4 + own) {
                    tree.insert(pool, &key(number), record(number)).unwrap();
                }
                for number in (0..200).map(|step| step * 4 + own) {
                    assert_eq!(tree.get(pool, &key(number)), Ok(Some(record(number))));
                    if number % 3 == 0 {
                        assert_eq!(tree.remove(pool, &key(number), record(number)), Ok(true));
                    }
                }
            });
        }
    });
    for number in 0..800 {
        let expected = (number % 3 != 0).then(|| record(number));
        assert_eq!(tree.get(pool, &key(number)), Ok(expected), "get of {number}");
    }
}
