//! Task 4.2: insert. Any split point that P2 and P3 allow will do; what counts is what the tree holds, and
//! that it is a tree.

mod admit;
mod damage;
mod destroy;
mod sizes;

use bplus_tree::{BPlusTree, Error, KeyMode, Latching, MAX_KEY_LEN, TreeStats};
use proptest::prelude::*;
use slotted_page::slotted::SLOTS_AT;
use slotted_page::{PAGE_SIZE, PageId};
use testkit::{check, check_eq, schedule, step};

use crate::support::faults::{all_bytes, in_batches, keeps_lsns, with_every_failure, with_few_frames};
use crate::support::keys::orders;
use crate::support::model::Model;
use crate::support::raw::{Entry, unique_tree};
use crate::support::{Fault, Op, Pages, Story, keys, pool};

/// What is inserted is found, in whatever order it came.
#[testkit::test]
fn what_is_inserted_is_found() {
    let mut story = Story::new(KeyMode::Unique);
    for (at, key) in
        [&b"dog"[..], b"ant", b"owl", b"", b"cat", b"dog\0", b"do", b"\xFF", b"\0"].iter().enumerate()
    {
        story.insert(key, keys::record(at as u64 + 1));
        story.check_gets();
        story.check();
    }
    story.get(b"dogs");
}

/// Splits up to the root, in any order of keys: every key is found, the leaves are linked both ways, the root
/// keeps its number.
#[testkit::test]
fn splits_keep_the_tree_a_tree() {
    for (name, order) in orders(600) {
        testkit::scene::clear();
        let mut story = Story::new(KeyMode::Unique);
        let root = story.tree.id();
        for (at, number) in order.into_iter().enumerate() {
            story.insert(&keys::long(number, 250), keys::record(number));
            if at % 23 == 0 {
                story.check();
            }
        }
        let walked = story.check();
        check!(
            walked.height >= 3,
            "600 keys of 250 bytes, {name}, make three levels, found {}",
            walked.height
        );
        check_eq!(story.tree.id(), root, "the root page");
        story.check_gets();
    }
}

/// A tree is counted right and goes away whole, however it grew: a page that a split lost would stay
/// allocated.
#[testkit::test]
fn a_tree_is_counted_and_destroyed_whole() {
    for (name, order) in orders(400) {
        testkit::scene::clear();
        step!("400 keys of 250 bytes, {name}");
        let mut story = Story::new(KeyMode::Unique);
        for number in order {
            story.insert(&keys::long(number, 250), keys::record(number));
        }
        let walked = story.check();
        let used: usize = walked.leaf_bytes.iter().sum();
        let expected = TreeStats {
            entries: walked.entries.len() as u64,
            height: walked.height as u32,
            leaf_pages: walked.leaves.len() as u32,
            internal_pages: walked.internals.len() as u32,
            leaf_fill_percent: (used * 100 / (walked.leaves.len() * (PAGE_SIZE - SLOTS_AT))) as u32,
        };
        let found = pool::done(story.tree.stats(&story.pages), "stats of the tree");
        check_eq!(found, expected, "stats of the tree");
        let Story { tree, pages, .. } = story;
        pool::done(tree.destroy(&pages), "destroy of the tree");
        check_eq!(pages.allocated(), Default::default(), "pages that are still allocated");
        check_eq!(pages.held(), 0, "guards that are still held");
    }
}

/// Short keys: many entries a node.
#[testkit::test]
fn many_short_keys_go_in() {
    for (name, order) in orders(460) {
        testkit::scene::clear();
        step!("460 keys of 8 bytes, {name}");
        let mut story = Story::new(KeyMode::Unique);
        for number in order {
            story.insert(&keys::number(number), keys::record(number));
        }
        story.check();
        story.check_gets();
    }
}

/// Four of the longest keys fit in a node, at every level: a split of such a node has a side for each entry.
#[testkit::test]
fn the_longest_keys_fit_at_every_level() {
    for (name, order) in orders(120) {
        testkit::scene::clear();
        let mut story = Story::new(KeyMode::Unique);
        for number in order {
            story.insert(&keys::long(number, MAX_KEY_LEN), keys::record(number));
            story.check();
        }
        let walked = story.check();
        check!(
            walked.height >= 4,
            "120 keys of 998 bytes, {name}, make four levels, found {}",
            walked.height
        );
        story.check_gets();
    }
}

/// A node splits by bytes, whatever the mix of lengths: a long key between many short ones, a short one
/// between long ones.
#[testkit::test]
fn nodes_of_mixed_lengths_split() {
    // Three of the longest entries and 51 short ones fill a leaf. The fourth long one goes in among the
    // three, and the half of the entries that has all long ones does not fit in a leaf.
    for long_ones_at in [0, 60] {
        testkit::scene::clear();
        let mut story = Story::new(KeyMode::Unique);
        for number in 4..55 {
            story.insert(&keys::long(number, 10), keys::record(number));
        }
        for number in [0, 1, 3, 2] {
            story.insert(&keys::long(long_ones_at + number, MAX_KEY_LEN), keys::record(100 + number));
        }
        story.check();
        story.check_gets();
    }
    testkit::prop::check(15, (any::<u64>(), 1..10_u32), |(seed, share)| {
        let mut rng = testkit::Rng::with_seed(seed);
        let mut story = Story::new(KeyMode::Unique);
        for at in 0..160 {
            let len = if rng.u32(..10) < share { rng.usize(900..=MAX_KEY_LEN) } else { rng.usize(10..30) };
            let number = rng.u64(..2_000);
            let key = keys::long(number, len);
            if story.model.get(&key).is_none() {
                story.insert(&key, keys::record(at));
                if at % 4 == 0 {
                    story.check();
                }
            }
        }
        story.check();
        story.check_gets();
    });
}

/// A leaf of tiny entries and one long one to come: at each place of the leaf, and for each length, the
/// insert succeeds.
#[testkit::test]
fn a_long_key_goes_anywhere_into_a_full_leaf() {
    for place in [0_u64, 1, 40, 80, 81, 160, 161, 162] {
        for len in [10, 400, MAX_KEY_LEN] {
            // Entries of 24 bytes with their slot: 168 fill a leaf.
            let full = (PAGE_SIZE - SLOTS_AT) as u64 / 24;
            let entry = |number| (keys::long(10 * number, 14), keys::record(number));
            let entries: Vec<Entry> = (0..full).map(entry).collect();
            let (pages, root) = unique_tree(&entries, full as usize, 2, 8);
            let mut story = Story::open(pages, root, &entries, KeyMode::Unique);
            story.insert(&keys::long(10 * place + 5, len), keys::record(999));
            story.check();
            story.check_gets();
        }
    }
}

/// Hard keys in any order, some twice and some too long, in both modes: the tree holds what a sorted set
/// holds.
#[testkit::test]
fn agrees_with_a_sorted_set() {
    for mode in [KeyMode::Unique, KeyMode::Duplicates] {
        testkit::prop::check(50, (any::<u64>(), 1..140_usize), |(seed, count)| {
            let mut rng = testkit::Rng::with_seed(seed);
            let keys = keys::hard(&mut rng, 60);
            let mut story = Story::new(mode);
            for _ in 0..count {
                let mut key = keys[rng.usize(..keys.len())].clone();
                if rng.u32(..30) == 0 {
                    key.resize(MAX_KEY_LEN + rng.usize(1..4), b'x');
                }
                story.insert(&key, keys::record(rng.u64(1..20)));
            }
            story.check();
            keys.iter().for_each(|key| story.get(key));
        });
    }
}

/// A tree of 40 long keys on three levels.
fn forty(mode: KeyMode) -> Story {
    let mut story = Story::new(mode);
    for number in 0..40 {
        story.insert(&keys::long(10 * number, 700), keys::record(number + 1));
    }
    story
}

/// A key that is too long is refused before anything is touched, also where the leaf is full.
#[testkit::test]
fn a_key_too_long_changes_nothing() {
    let mut story = forty(KeyMode::Unique);
    let before = all_bytes(&story.pages);
    for len in [MAX_KEY_LEN + 1, MAX_KEY_LEN + 2, 1_023, PAGE_SIZE, 65_535, 65_536, 70_000] {
        story.insert(&keys::long(55, len), keys::record(77));
        story.insert(&vec![0xFF; len], keys::record(77));
        check!(all_bytes(&story.pages) == before, "a key of {len} bytes leaves all pages as they were");
    }
    story.insert(&keys::long(55, MAX_KEY_LEN), keys::record(77));
    story.check();
}

/// A unique tree refuses a key that it has, whatever the record id, and says for whom it stands; nothing is
/// overwritten.
#[testkit::test]
fn a_key_that_is_there_is_refused() {
    let mut story = forty(KeyMode::Unique);
    let before = all_bytes(&story.pages);
    for number in 0..40 {
        for record in [1, number + 1, 500] {
            story.insert(&keys::long(10 * number, 700), keys::record(record));
        }
    }
    check!(all_bytes(&story.pages) == before, "refused inserts leave all pages as they were");
    story.check();
}

/// A key may stand for many records, over many leaves; each pair is there once, and the smallest is found.
#[testkit::test]
fn duplicates_are_kept_in_order_of_record_id() {
    for (name, order) in orders(620) {
        testkit::scene::clear();
        step!("620 records of one key, {name}");
        let mut story = Story::new(KeyMode::Duplicates);
        story.insert(b"a", keys::record(5));
        story.insert(b"z", keys::record(6));
        for (at, number) in order.into_iter().enumerate() {
            story.insert(b"many", keys::record(number + 1));
            if at % 50 == 0 {
                story.get(b"many");
                story.insert(b"many", keys::record(number + 1));
            }
        }
        let walked = story.check();
        check!(walked.leaves.len() >= 3, "620 duplicates lie in three leaves or more");
        for key in [&b"a"[..], b"many", b"z", b"man", b"many\0"] {
            story.get(key);
        }
        let before = all_bytes(&story.pages);
        for number in (0..620).step_by(9) {
            story.insert(b"many", keys::record(number + 1));
        }
        check!(all_bytes(&story.pages) == before, "pairs that are there are refused, and nothing changes");
    }
}

/// Long keys with duplicates: the separators carry the record id, else the way down cannot tell equal keys
/// apart.
#[testkit::test]
fn duplicates_of_long_keys_split_too() {
    let mut story = Story::new(KeyMode::Duplicates);
    let mut rng = testkit::rng();
    for _ in 0..150 {
        let key = keys::long(rng.u64(..4), MAX_KEY_LEN);
        story.insert(&key, keys::record(rng.u64(1..100)));
        story.check();
        story.get(&key);
    }
}

/// An insert that needs no split changes its leaf and no other page; one that splits a leaf changes no more
/// than that asks for.
#[testkit::test]
fn an_insert_changes_what_it_must() {
    let mut story = Story::new(KeyMode::Unique);
    let mut rng = testkit::rng();
    let mut splits = 0;
    for _ in 0..900 {
        let key = keys::long(rng.u64(..1 << 40), 100);
        let height = story.check_quietly().height;
        story.pages.watch();
        story.insert(&key, keys::record(1));
        let (counts, changed) = (story.pages.counts(), story.pages.changed());
        let most = match counts.allocates {
            0 => 1,
            // The leaf, the new one, its right neighbour, the parent; and two nodes more for each level that
            // splits too.
            new => 4 + 2 * (new as usize - 1),
        };
        splits += usize::from(counts.allocates > 0);
        check!(
            changed.len() <= most,
            "an insert with {} new pages in a tree of {height} levels changes {} pages, at most {most} are needed",
            counts.allocates,
            changed.len()
        );
    }
    check!(splits > 20, "some inserts split a leaf");
}

/// Whatever page request of an insert fails, the tree is as it was, no page is lost and no latch held: all
/// that is needed is had first.
#[testkit::test]
fn a_failed_request_changes_nothing() {
    for fault in [Fault::AllPinned, Fault::Full] {
        for (name, order) in orders(30) {
            testkit::scene::clear();
            step!("30 keys of 998 bytes, {name}");
            let mut story = Story::new(KeyMode::Unique);
            let mut most = 0;
            for number in order {
                let op = Op::Insert(keys::long(number, MAX_KEY_LEN), keys::record(number + 1));
                most = most.max(with_every_failure(&mut story, &op, fault));
            }
            story.check();
            check!(most >= 4, "some insert asked for several pages");
        }
    }
}

/// With no page left in the file an insert that must split fails and leaves the tree as it was; it works
/// again when there is room.
#[testkit::test]
fn a_full_file_changes_nothing() {
    let mut story = Story::new(KeyMode::Unique);
    let mut refused = 0;
    let mut rng = testkit::rng();
    for at in 0..150 {
        let op = Op::Insert(keys::long(rng.u64(..1 << 30), 800), keys::record(at + 1));
        for room in 0..8 {
            story.pages.limit_pages(story.pages.allocated().len() + room);
            step!("{}, with room for {room} pages", op.shown());
            let found = op.run(&story.tree, &story.pages);
            check_eq!(story.pages.held(), 0, "guards held after an insert");
            if found.is_ok() {
                op.note(&mut story);
                break;
            }
            let is_full = matches!(
                found,
                Err(Error::Pager(buffer_pool::Error::Page(slotted_page::Error::FileFull { .. })))
            );
            check!(is_full, "insert into a full file gives {found:?}, expected FileFull");
            refused += 1;
            story.check();
        }
    }
    check!(refused > 20, "some inserts were refused");
    check_eq!(story.check().entries.len(), 150, "entries that went in");
}

/// An insert needs a few frames for each level, not a frame for each page of the tree; with fewer it fails
/// and changes nothing.
#[testkit::test]
fn few_frames_are_enough() {
    let mut story = Story::new(KeyMode::Unique);
    let mut rng = testkit::rng();
    for at in 0..150 {
        let height = story.check().height;
        let op = Op::Insert(keys::long(rng.u64(..1 << 30), 800), keys::record(at + 1));
        let frames = with_few_frames(&mut story, &op);
        check!(
            frames <= 2 * height + 4,
            "an insert into a tree of {height} levels needs {frames} frames, expected at most {}",
            2 * height + 4
        );
    }
    story.check();
}

/// One insert in one batch: whatever it splits, all of it is kept or given up together. Lab 6 makes it one
/// log record.
#[testkit::test]
fn an_insert_is_one_batch() {
    for mode in [KeyMode::Unique, KeyMode::Duplicates] {
        let mut story = Story::new(mode);
        let mut rng = testkit::rng();
        for at in 0..120 {
            in_batches(&mut story, &Op::Insert(keys::long(rng.u64(..1 << 30), 700), keys::record(at + 1)));
            story.check();
        }
    }
}

/// A page that stays in use keeps its LSN, also the root when it is split: recovery in lab 6 would else do
/// work again that is done.
#[testkit::test]
fn pages_in_use_keep_their_lsn() {
    for (name, order) in orders(40) {
        testkit::scene::clear();
        step!("40 keys of 998 bytes, {name}");
        let mut story = Story::new(KeyMode::Unique);
        for number in order {
            keeps_lsns(&mut story, &Op::Insert(keys::long(number, MAX_KEY_LEN), keys::record(number + 1)));
        }
        story.check();
    }
}

/// The tree is in its pages and nowhere else: opened again by its root page, also on another day, it is the
/// same.
#[testkit::test]
fn a_tree_survives_reopening() {
    let (disk, pool) = pool::new_file(16);
    let mut model = Model::new(KeyMode::Unique);
    let tree = pool::done(BPlusTree::create(&pool, KeyMode::Unique), "create in a file");
    let root = tree.id();
    let mut tree = tree.with_latching(Latching::WholePath);
    let (mut disk, mut pool) = (disk, pool);
    for (at, number) in orders(400)[4].1.iter().enumerate() {
        let (key, record) = (keys::long(*number, 200), keys::record(number + 1));
        check_eq!(tree.insert(&pool, &key, record), model.insert(&key, record), "insert through the pool");
        if at % 100 == 99 {
            pool::check_file(&disk, &pool, root, &model);
            (disk, pool) = pool::reopen(&disk, 16);
            tree = pool::open_tree(&pool, root);
            check_eq!(tree.mode(), KeyMode::Unique, "mode of the tree, opened again");
        }
    }
    for (key, record) in &model.entries {
        check_eq!(tree.get(&pool, key), Ok(Some(*record)), "get of {}", keys::shown(key));
    }
}

/// Two trees share a file and no page.
#[testkit::test]
fn trees_do_not_disturb_each_other() {
    let mut first = Story::new(KeyMode::Unique);
    let second = match BPlusTree::create(&first.pages, KeyMode::Duplicates) {
        Ok(tree) => tree.with_latching(Latching::WholePath),
        Err(error) => {
            testkit::Failure::new("create of a second tree").expected_text("Ok").found(error).raise()
        }
    };
    let mut model = Model::new(KeyMode::Duplicates);
    for number in 0..60 {
        first.insert(&keys::long(number, 400), keys::record(number + 1));
        let key = keys::long(60 - number, 300);
        let expected = model.insert(&key, keys::record(number + 1));
        check_eq!(
            second.insert(&first.pages, &key, keys::record(number + 1)),
            expected,
            "insert into the second tree"
        );
    }
    let read = |id: PageId| first.pages.bytes(id);
    let (one, two) = (
        crate::support::walk::walk_with(&read, first.tree.id()),
        crate::support::walk::walk_with(&read, second.id()),
    );
    first.model.check(&one.entries, "the entries of the first tree");
    model.check(&two.entries, "the entries of the second tree");
    check!(one.pages().is_disjoint(&two.pages()), "the trees share no page");
}

/// A look-up that runs while a leaf splits finds every key that was there before.
#[testkit::test]
fn gets_find_every_key_while_leaves_split() {
    schedule::explore(120, || {
        let mut story = Story::with(Pages::with_capacity(24), KeyMode::Unique, Latching::WholePath);
        for number in 0..6 {
            story.insert(&keys::long(10 * number, 900), keys::record(number + 1));
        }
        let (pages, tree) = (&story.pages, &story.tree);
        kit::sync::thread::scope(|scope| {
            scope.spawn(|| {
                for number in [25, 26, 5] {
                    let found = tree.insert(pages, &keys::long(number, 900), keys::record(50));
                    check_eq!(found, Ok(()), "insert of {number}");
                }
            });
            scope.spawn(|| {
                for number in [2, 0, 5, 3] {
                    let found = tree.get(pages, &keys::long(10 * number, 900));
                    check_eq!(
                        found,
                        Ok(Some(keys::record(number + 1))),
                        "get of {} during splits",
                        10 * number
                    );
                }
            });
        });
    });
}
