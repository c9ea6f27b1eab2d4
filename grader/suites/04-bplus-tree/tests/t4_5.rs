//! Task 4.5: bulk load.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bplus_tree::{BPlusTree, Direction, Error, KeyMode, Latching, MAX_KEY_LEN};
use buffer_pool::{Pager, RecordId};
use proptest::prelude::*;
use slotted_page::slotted::SLOTS_AT;
use slotted_page::{PAGE_SIZE, PageKind};
use testkit::{Failure, Rng, check, check_eq, step};

use crate::support::keys::shown;
use crate::support::model::Model;
use crate::support::raw::Entry;
use crate::support::{Fault, Pages, Story, keys, mixed, pool};

/// Bytes of a node for entries and their slots.
const CAPACITY: usize = PAGE_SIZE - SLOTS_AT;

/// Loads what must load.
fn load(pages: Pages, mode: KeyMode, percent: u8, entries: &[Entry]) -> Story {
    step!("BPlusTree::bulk_load(&pager, KeyMode::{mode:?}, {percent}, {} entries)", entries.len());
    let tree =
        match BPlusTree::bulk_load(&pages, mode, percent, entries.iter().map(|(key, record)| (key, *record)))
        {
            Ok(tree) => tree.with_latching(Latching::WholePath),
            Err(error) => {
                Failure::new("bulk_load of sorted entries").expected_text("Ok").found(error).raise()
            }
        };
    check_eq!(tree.mode(), mode, "mode() of a loaded tree");
    check_eq!(pages.held(), 0, "guards held after bulk_load");
    Story { pages, tree, model: Model { mode, entries: entries.iter().cloned().collect() } }
}

/// The keys 0 to `count - 1` of `len` bytes.
fn numbered(count: u64, len: usize) -> Vec<Entry> {
    (0..count).map(|number| (keys::long(number, len), keys::record(number + 1))).collect()
}

/// Any number of entries makes a tree with exactly these: none, one, as many as just fill a leaf, one more,
/// and so on.
#[testkit::test]
fn any_number_of_entries_makes_a_tree() {
    // 16 entries fill a leaf, and 16 children an internal node.
    let full = (CAPACITY / 253) as u64;
    let around = |count: u64| (count.saturating_sub(3)..count + 4).collect::<Vec<u64>>();
    let mut counts: Vec<u64> = (0..70).collect();
    for base in [5 * full, full * full / 2, full * full, full * full + full, 2 * full * full] {
        counts.extend(around(base));
    }
    for percent in [100, 70, 50] {
        for count in &counts {
            let story = load(Pages::new(), KeyMode::Unique, percent, &numbered(*count, 239));
            story.check();
            if count % 5 == 0 {
                story.check_gets();
                story.get(b"");
                story.get(b"x");
            }
        }
    }
}

/// The longest keys, four or less to a node, at every level.
#[testkit::test]
fn the_longest_keys_load() {
    for percent in [50, 60, 75, 90, 100] {
        for count in (0..60).chain([100, 255, 256, 257]) {
            let story = load(Pages::new(), KeyMode::Unique, percent, &numbered(count, MAX_KEY_LEN));
            story.check();
        }
    }
}

/// Keys of all lengths with long common prefixes, in both modes and at any fill factor.
#[testkit::test]
fn any_sorted_entries_load() {
    for mode in [KeyMode::Unique, KeyMode::Duplicates] {
        testkit::prop::check(40, (any::<u64>(), 0..150_usize, 50..101_u8), |(seed, count, percent)| {
            let mut rng = Rng::with_seed(seed);
            let mut model = Model::new(mode);
            let keys = keys::hard(&mut rng, 90);
            for _ in 0..count {
                let _ = model.insert(&keys[rng.usize(..keys.len())], keys::record(rng.u64(1..9)));
            }
            let entries: Vec<Entry> = model.entries.into_iter().collect();
            let story = load(Pages::new(), mode, percent, &entries);
            story.check();
            keys.iter().for_each(|key| story.get(key));
        });
    }
}

/// Each leaf is filled as far as was asked, up to one entry, but for the last two; an internal node likewise.
#[testkit::test]
fn nodes_are_filled_as_asked() {
    for len in [14, 40, 200] {
        for percent in [50, 55, 70, 85, 99, 100] {
            let story = load(Pages::new(), KeyMode::Unique, percent, &numbered(1_300, len));
            let walked = story.check();
            let (target, entry) = (CAPACITY * percent as usize / 100, len + 10);
            let leaves = walked.leaf_bytes.len();
            for (at, bytes) in walked.leaf_bytes.iter().enumerate().take(leaves - 2) {
                let is_right = *bytes <= (target + entry).min(CAPACITY) && *bytes + entry > target;
                check!(
                    is_right,
                    "leaf {at} of {leaves} uses {bytes} bytes, expected {target} ({percent} %) up to an entry of {entry}"
                );
            }
        }
    }
}

/// What is left at the end of a level is shared or joined: no leaf and no node is nearly empty, whatever the
/// number of entries.
#[testkit::test]
fn the_last_nodes_are_not_nearly_empty() {
    // Eight entries fill a leaf, and eight children an internal node.
    for percent in [50, 70, 100] {
        for count in (0..90).chain((90..300).step_by(7)) {
            let story = load(Pages::with_capacity(200), KeyMode::Unique, percent, &numbered(count, 490));
            check_none_is_nearly_empty(&story, &format!("loading {count} entries at {percent} %"));
        }
    }
}

/// What is left at the end of a level is cut by bytes, not by entries: an entry takes up to a quarter of a
/// node, and the key that goes up from an internal node lies in neither side.
#[testkit::test]
fn the_last_nodes_of_mixed_lengths_are_not_nearly_empty() {
    let check = |lengths: &[usize], percent| {
        testkit::scene::clear();
        let entry = |(at, len): (usize, &usize)| (keys::long(at as u64, *len), keys::record(at as u64 + 1));
        let entries: Vec<Entry> = lengths.iter().enumerate().map(entry).collect();
        let story = load(Pages::with_capacity(400), KeyMode::Unique, percent, &entries);
        check_none_is_nearly_empty(&story, &format!("loading keys of {lengths:?} bytes at {percent} %"));
    };
    // Leaves.
    check(&[998, 998, 700], 50);
    check(&[529, 825, 998, 373], 60);
    // Internal nodes: the entry that reaches half is one of the last; the longest keys are in the middle.
    check(&[995, 869, 920, 880, 960, 38, 885, 876, 964, 37, 904], 68);
    check(&[998, 998, 998, 998, 998, 998, 700, 998], 50);
    let mut rng = testkit::rng();
    for _ in 0..40 {
        let lengths: Vec<usize> = (0..rng.usize(..120)).map(|_| mixed::a_length(&mut rng)).collect();
        check(&lengths, rng.u8(50..=100));
    }
}

/// F3: fails if a node other than the root uses less than a fifth of its bytes, or an internal node has one
/// child.
fn check_none_is_nearly_empty(story: &Story, after: &str) {
    let walked = story.check_quietly();
    let leaves = walked.leaves.iter().zip(&walked.leaf_bytes);
    let internals = walked.internals.iter().zip(&walked.internal_bytes);
    for (id, bytes) in leaves.chain(internals).filter(|(id, _)| **id != story.tree.id()) {
        check!(
            5 * bytes >= CAPACITY,
            "F3: {id} uses {bytes} bytes of {CAPACITY} after {after}, expected a fifth at least"
        );
    }
    let few = walked.children.iter().filter(|children| **children < 2).count();
    check_eq!(few, 0, "internal nodes with one child, after {after}");
}

/// Each node is latched once: allocated, filled and let go. No page is read, and none is asked for again.
#[testkit::test]
fn each_node_is_written_once() {
    for (count, len) in [(0, 50), (5, 50), (3_000, 50), (300, MAX_KEY_LEN)] {
        let pages = Pages::new();
        pages.watch();
        let story = load(pages, KeyMode::Unique, 80, &numbered(count, len));
        let counts = story.pages.counts();
        let nodes = story.pages.allocated().len() as u64;
        check_eq!(counts.allocates, nodes, "pages allocated for {nodes} nodes");
        check_eq!(counts.frees, 0, "pages freed by a load that succeeds");
        check!(
            counts.reads + counts.writes <= 2 * story.check().height as u64,
            "{} pages asked for again while {nodes} nodes were loaded",
            counts.reads + counts.writes
        );
    }
}

/// In a file, through a pool of few frames, each node is written to the disk once.
#[testkit::test]
fn each_page_goes_to_disk_once() {
    let (disk, pool) = pool::new_file(8);
    let entries = numbered(3_000, 100);
    let tree =
        BPlusTree::bulk_load(&pool, KeyMode::Unique, 90, entries.iter().map(|(key, record)| (key, *record)));
    let root = pool::done(tree, "bulk_load into a file").id();
    let model = Model { mode: KeyMode::Unique, entries: entries.into_iter().collect() };
    pool::check_file(&disk, &pool, root, &model);
    let nodes = (0..disk.bytes().len() as u32 / PAGE_SIZE as u32)
        .filter(|id| *id > 2 && pool.disk().is_allocated(slotted_page::PageId(*id)))
        .count() as u64;
    let writes = pool.stats().writes;
    check!(writes <= nodes + 4, "{writes} pages written for {nodes} nodes, expected no more than a few over");
    let (_disk, pool) = pool::reopen(&disk, 8);
    let tree = pool::open_tree(&pool, root);
    for (key, record) in model.entries.iter().step_by(37) {
        check_eq!(tree.get(&pool, key), Ok(Some(*record)), "get of {} after reopening", shown(key));
    }
}

/// Few pages are latched at a time, whatever the size of the tree: a small pool is enough.
#[testkit::test]
fn few_pages_are_held() {
    for (count, len) in [(2_000, 50), (400, MAX_KEY_LEN)] {
        let pages = Pages::new();
        pages.watch();
        let story = load(pages, KeyMode::Unique, 60, &numbered(count, len));
        let height = story.check().height;
        let held = story.pages.counts().most_held;
        check!(
            held <= height + 2,
            "{held} pages held at once for a tree of {height} levels, expected {}",
            height + 2
        );
    }
}

/// The input is taken as it comes, not kept: after half of it, about half of the pages are there.
#[testkit::test]
fn the_input_is_not_kept() {
    let pages = Pages::new();
    let taken = Cell::new(0_u64);
    let entries = (0..4_000_u64).map(|number| {
        taken.set(number);
        if number == 2_000 {
            let there = pages.allocated().len();
            check!(there >= 40, "{there} pages are there after 2,000 entries of 110 bytes, which fill 55");
        }
        (keys::long(number, 100), keys::record(number + 1))
    });
    let found = BPlusTree::bulk_load(&pages, KeyMode::Unique, 100, entries).map(|tree| tree.mode());
    check_eq!(found, Ok(KeyMode::Unique), "bulk_load of 4,000 entries");
    check_eq!(taken.get(), 3_999, "the last entry that was taken");
}

/// What must be refused, with its error, leaves no page behind.
fn check_refused(mode: KeyMode, percent: u8, entries: &[Entry], expected: Error) {
    let pages = Pages::new();
    let found =
        BPlusTree::bulk_load(&pages, mode, percent, entries.iter().map(|(key, record)| (key, *record)))
            .map(|tree| tree.id());
    check_eq!(found, Err(expected), "bulk_load of {} entries, KeyMode::{mode:?}", entries.len());
    check_eq!(pages.held(), 0, "guards held after an error");
    check_eq!(pages.allocated().len(), 0, "pages left over after an error");
}

/// Entries out of order are refused at the first that is not above the one before it, wherever it is; also a
/// key that comes twice.
#[testkit::test]
fn entries_out_of_order_are_refused() {
    for len in [40, 700] {
        let good = numbered(120, len);
        for index in [1, 2, 3, 5, 6, 30, 60, 118, 119] {
            let mut swapped = good.clone();
            swapped.swap(index - 1, index);
            check_refused(KeyMode::Unique, 80, &swapped, Error::NotSorted { index });
            check_refused(KeyMode::Duplicates, 80, &swapped, Error::NotSorted { index });
            let mut twice = good.clone();
            twice[index] = twice[index - 1].clone();
            check_refused(KeyMode::Unique, 80, &twice, Error::NotSorted { index });
            check_refused(KeyMode::Duplicates, 80, &twice, Error::NotSorted { index });
            // The same key for a larger record id is in order where duplicates are allowed, and only there.
            twice[index].1 = RecordId { page: slotted_page::PageId(9_000), ..twice[index].1 };
            check_refused(KeyMode::Unique, 80, &twice, Error::NotSorted { index });
            load(Pages::new(), KeyMode::Duplicates, 80, &twice).check();
            twice[index].1 = RecordId::MIN;
            check_refused(KeyMode::Duplicates, 80, &twice, Error::NotSorted { index });
        }
    }
}

/// A key that is too long is refused, wherever it is, and a fill factor that makes no sense.
#[testkit::test]
fn wrong_input_is_refused() {
    for index in [0, 1, 50, 119] {
        for len in [MAX_KEY_LEN + 1, 5_000, 70_000] {
            let mut entries = numbered(120, 300);
            entries[index].0.resize(len, b'x');
            check_refused(KeyMode::Unique, 100, &entries, Error::KeyTooLong { len, max: MAX_KEY_LEN });
        }
    }
    for percent in [0, 1, 49, 101, 200, 255] {
        check_refused(KeyMode::Unique, percent, &numbered(10, 30), Error::BadFillFactor { percent });
        check_refused(KeyMode::Unique, percent, &[], Error::BadFillFactor { percent });
    }
}

/// Whatever page request fails, the error comes out and every page is given back.
#[testkit::test]
fn a_failed_request_leaves_no_page() {
    let entries = numbered(120, 800);
    for fault in [Fault::AllPinned, Fault::Full] {
        for n in 0..200 {
            let pages = Pages::new();
            pages.fail_at(n, fault);
            let input = entries.iter().map(|(key, record)| (key, *record));
            let found = BPlusTree::bulk_load(&pages, KeyMode::Unique, 70, input).map(|tree| tree.id());
            check_eq!(pages.held(), 0, "guards held after bulk_load");
            if pages.stop_failing() {
                check!(n > 20, "a load of 120 long keys asks for more than 20 pages");
                break;
            }
            check_eq!(found, Err(Error::Pager(fault.error())), "bulk_load with page request {n} failing");
            check_eq!(pages.allocated().len(), 0, "pages left over after page request {n} failed");
        }
    }
}

/// An input that panics is the caller's mistake, and leaves no latch and no page behind.
#[testkit::test]
fn a_panic_of_the_input_leaves_no_page() {
    load(Pages::new(), KeyMode::Unique, 70, &numbered(120, 800)).check();
    for at in [0, 1, 3, 30, 119] {
        let pages = Pages::new();
        step!("// entry {at} of the input panics");
        let input = numbered(120, 800).into_iter().enumerate().map(|(index, entry)| {
            if index == at {
                std::panic::resume_unwind(Box::new(()));
            }
            entry
        });
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            BPlusTree::bulk_load(&pages, KeyMode::Unique, 70, input).map(|tree| tree.id())
        }));
        check!(outcome.is_err(), "the panic of the input goes on to the caller of bulk_load");
        check_eq!(pages.held(), 0, "guards held after a panic of the input");
        check_eq!(pages.allocated().len(), 0, "pages left over after a panic of the input");
    }
}

/// A loaded tree is a tree like any other: entries go in and come out, at once and at every fill factor.
#[testkit::test]
fn a_loaded_tree_can_be_changed() {
    for percent in [50, 80, 100] {
        for len in [60, 700, MAX_KEY_LEN] {
            let even: Vec<Entry> = numbered(240, len)
                .into_iter()
                .enumerate()
                .filter(|(at, _)| at % 2 == 0)
                .map(|(_, entry)| entry)
                .collect();
            let mut story = load(Pages::new(), KeyMode::Unique, percent, &even);
            let root = story.tree.id();
            let mut numbers: Vec<u64> = (0..240).collect();
            testkit::rng().shuffle(&mut numbers);
            for (at, number) in numbers.iter().enumerate() {
                let (key, record) = (keys::long(*number, len), keys::record(number + 1));
                if number % 2 == 0 {
                    story.remove(&key, record)
                } else {
                    story.insert(&key, record)
                }
                if at % 8 == 0 {
                    story.check();
                }
            }
            for (key, record) in story.model.entries.clone() {
                story.remove(&key, record);
            }
            story.check();
            check_eq!(story.tree.id(), root, "the root page");
            check_eq!(story.pages.allocated().len(), 1, "pages of an emptied tree");
        }
    }
}

/// The input may come from the pager itself: a tree is rebuilt from a walk over another one.
#[testkit::test]
fn a_tree_is_rebuilt_from_another() {
    let mut old = Story::new(KeyMode::Unique);
    for number in 0..300 {
        old.insert(&keys::long(number * 7 % 300, 200), keys::record(number + 1));
    }
    let entries: Vec<Entry> = old.model.entries.iter().cloned().collect();
    // A page of something else in between.
    drop(pool::done(old.pages.allocate(PageKind::HEAP).map_err(Error::from), "allocate"));
    let range = pool::done(old.tree.range(&old.pages, .., Direction::Forward), "opening a range");
    let input = range.map(|entry| pool::done(entry, "the next entry of a range"));
    let tree =
        pool::done(BPlusTree::bulk_load(&old.pages, KeyMode::Unique, 100, input), "bulk_load from a range");
    let read = |id| old.pages.bytes(id);
    let walked = crate::support::walk::walk_with(&read, tree.id());
    check!(walked.entries == entries, "the new tree has the entries of the old one");
    check_eq!(old.pages.held(), 0, "guards held after bulk_load");
}
