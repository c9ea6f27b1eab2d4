//! Task 4.1: nodes and search. The trees here are written by hand, byte by byte.

mod damage;

use bplus_tree::{BPlusTree, Error, KeyMode, MAX_KEY_LEN, NodeRef};
use buffer_pool::RecordId;
use proptest::prelude::*;
use slotted_page::{PAGE_SIZE, PageBuf, PageId, PageKind, header};
use testkit::{check, check_eq, step};

use crate::support::raw::{Entry, Owner, Shape, child_entry, children_of, leaf_entry, node};
use crate::support::{Fault, Pages, Story, keys};

/// A page number that the tests of single nodes use, and that of their tree.
const NODE: PageId = PageId(0x0102_0304);
const TREE: PageId = PageId(7);

fn owner(level: u16, has_duplicates: bool) -> Owner {
    Owner { previous: PageId::NONE, next: PageId::NONE, tree: TREE, level, mode: u16::from(has_duplicates) }
}

fn leaf(entries: &[Entry]) -> PageBuf {
    let bytes: Vec<Vec<u8>> = entries.iter().map(|(key, record)| leaf_entry(key, *record)).collect();
    node(NODE, owner(0, true), &bytes)
}

/// An internal node with children 100, 101, ..., one more than separators.
fn internal(separators: &[Entry]) -> PageBuf {
    let mut bytes = vec![child_entry(PageId(100), None)];
    let rest = separators.iter().enumerate();
    bytes.extend(rest.map(|(at, separator)| child_entry(PageId(101 + at as u32), Some(separator))));
    node(NODE, owner(1, true), &bytes)
}

fn view(page: &PageBuf, level: u16) -> NodeRef<&PageBuf> {
    match NodeRef::open(page, TREE, Some(level)) {
        Ok(node) => node,
        Err(error) => testkit::Failure::new("open of a node").expected_text("Ok").found(error).raise(),
    }
}

/// Compares all three searches of a node of these sorted entries with a search from end to end.
fn check_searches(entries: &[Entry], probe: &Entry) {
    let (key, record) = (&probe.0, probe.1);
    let below = entries.iter().filter(|entry| *entry < probe).count();
    let up_to = entries.iter().filter(|entry| *entry <= probe).count();
    let leaf = leaf(entries);
    step!("the node has {} entries: {entries:?}", entries.len());
    let what = format!("{} with {record}", keys::shown(key));
    check_eq!(view(&leaf, 0).lower_bound(key, record), Ok(below), "lower_bound of {what}");
    check_eq!(view(&leaf, 0).upper_bound(key, record), Ok(up_to), "upper_bound of {what}");
    let internal = internal(entries);
    check_eq!(view(&internal, 1).child_index(key, record), Ok(up_to), "child_index of {what}");
}

/// Entries with these keys and record ids 10, 11, ...
fn numbered(keys: &[&[u8]]) -> Vec<Entry> {
    keys.iter().enumerate().map(|(at, key)| (key.to_vec(), keys::record(10 + at as u64))).collect()
}

/// Lower bound counts what is below, upper bound also what is equal: one off at either end, and a key at the
/// edge of a node is lost.
#[testkit::test]
fn bounds_count_what_is_below() {
    for len in 0..12_u64 {
        let key = |number: u64| keys::number(77 * number);
        let entries: Vec<Entry> = (0..len).map(|at| (key(10 * at + 10), keys::record(at + 1))).collect();
        for probe in 0..=10 * len + 15 {
            for record in [RecordId::MIN, keys::record(probe / 10), RecordId::MAX] {
                check_searches(&entries, &(key(probe), record));
            }
        }
    }
}

/// Equal keys are ordered by their record ids, page first, then slot, as numbers.
#[testkit::test]
fn equal_keys_are_ordered_by_record_id() {
    let ids: [(u32, u16); 6] = [(1, 2), (1, 256), (2, 1), (255, 9), (256, 0), (0x0100_0000, 1)];
    let id = |(page, slot): (u32, u16)| RecordId { page: PageId(page), slot: slotted_page::SlotId(slot) };
    let entries: Vec<Entry> = ids.iter().map(|&ids| (b"same key".to_vec(), id(ids))).collect();
    for entry in &entries {
        check_searches(&entries, entry);
    }
    for (page, slot) in
        [(0, 0), (1, 1), (1, 3), (1, 255), (1, 257), (2, 0), (200, 1), (255, 10), (0x00FF_FFFF, 1)]
    {
        check_searches(&entries, &(b"same key".to_vec(), id((page, slot))));
        check_searches(&entries, &(b"same kex".to_vec(), id((page, slot))));
        check_searches(&entries, &(b"same key\0".to_vec(), id((page, slot))));
    }
}

/// Keys are compared byte by byte as numbers from 0 to 255, and a prefix comes before what it is a prefix of.
#[testkit::test]
fn keys_are_compared_as_bytes() {
    let keys: [&[u8]; 16] = [
        b"",
        b"\0",
        b"\0\0",
        b"\0\x01",
        b"\x01",
        b"12345678",
        b"12345678\0",
        b"12345678\0\0",
        b"12345678\0\x01",
        b"12345679",
        b"a",
        b"a\0",
        b"a\x7F",
        b"a\x80",
        b"b",
        b"\xFF\xFF",
    ];
    let entries = numbered(&keys);
    for key in keys {
        for record in [RecordId::MIN, keys::record(12), RecordId::MAX] {
            check_searches(&entries, &(key.to_vec(), record));
            for behind in [0, 1, 0xFF] {
                check_searches(&entries, &([key, &[behind]].concat(), record));
            }
        }
    }
}

/// The first separator stands for "below everything", whatever is searched: also for the empty key with the
/// smallest record id.
#[testkit::test]
fn the_first_child_has_no_lower_bound() {
    let page = internal(&[(Vec::new(), keys::record(5)), (b"m".to_vec(), RecordId::MIN)]);
    for (record, expected) in
        [(RecordId::MIN, 0), (keys::record(4), 0), (keys::record(5), 1), (RecordId::MAX, 1)]
    {
        check_eq!(
            view(&page, 1).child_index(b"", record),
            Ok(expected),
            "child_index of the empty key, {record}"
        );
    }
    let single = internal(&[]);
    check_eq!(view(&single, 1).child_index(b"any", RecordId::MIN), Ok(0), "child_index with one child");
}

/// Any mix of keys, short and long, with common prefixes: each search gives what a search from end to end
/// gives.
#[testkit::test]
fn searches_agree_with_a_search_from_end_to_end() {
    testkit::prop::check(150, (any::<u64>(), 0..60_usize), |(seed, count)| {
        let mut rng = testkit::Rng::with_seed(seed);
        let mut entries: Vec<Entry> = Vec::new();
        let mut room = PAGE_SIZE - 200;
        for key in keys::hard(&mut rng, count + 5) {
            if key.len() + 20 < room && rng.u32(..4) > 0 {
                room -= key.len() + 20;
                entries.push((key, keys::record(rng.u64(1..600))));
            }
        }
        for _ in 0..20 {
            let mut probe = match entries.is_empty() {
                true => (Vec::new(), RecordId::MIN),
                false => entries[rng.usize(..entries.len())].clone(),
            };
            match rng.u32(..5) {
                0 => probe.1 = RecordId::MIN,
                1 => probe.1 = RecordId::MAX,
                2 => drop(probe.0.pop()),
                3 => probe.0.push(rng.u8(..)),
                _ => {}
            }
            check_searches(&entries, &probe);
        }
    });
}

/// The cost of a search is a few entries that it looks at. Which ones is found out by damaging one after the
/// other: a search that looks at a damaged entry gives an error. A search from end to end looks at all.
#[testkit::test]
fn a_search_looks_at_few_entries() {
    const COUNT: usize = 100;
    // Twice what a binary search needs: log2(100) + 1 is less than 8.
    const MOST: usize = 16;
    let entries: Vec<Entry> =
        (1..=COUNT as u64).map(|at| (keys::number(10 * at), keys::record(at))).collect();
    let probes = [0, 10, 15, 300, 505, 700, 995, 1_000, 1_005];
    let mut looked_at = [[0; 3]; 9];
    for damaged in 0..COUNT {
        let mut leaf: Vec<Vec<u8>> = entries.iter().map(|(key, record)| leaf_entry(key, *record)).collect();
        leaf[damaged].truncate(3);
        let leaf = node(NODE, owner(0, true), &leaf);
        let child =
            |(at, entry): (usize, &Entry)| child_entry(PageId(100 + at as u32), (at > 0).then_some(entry));
        let mut internal: Vec<Vec<u8>> = entries.iter().enumerate().map(child).collect();
        internal[damaged].truncate(7);
        let internal = node(NODE, owner(1, true), &internal);
        for (number, looked_at) in probes.iter().zip(&mut looked_at) {
            let (key, record) = (keys::number(*number), keys::record(number / 10));
            looked_at[0] += usize::from(view(&leaf, 0).lower_bound(&key, record).is_err());
            looked_at[1] += usize::from(view(&leaf, 0).upper_bound(&key, record).is_err());
            looked_at[2] += usize::from(view(&internal, 1).child_index(&key, record).is_err());
        }
    }
    for (number, looked_at) in probes.iter().zip(looked_at) {
        for (name, count) in ["lower_bound", "upper_bound", "child_index"].iter().zip(looked_at) {
            check!(
                (1..=MOST).contains(&count),
                "{name} of number({number}) looks at {count} of {COUNT} entries, expected at most {MOST}"
            );
        }
    }
}

/// A search allocates nothing, and a look-up no more than its page requests do.
#[testkit::test]
fn a_look_up_allocates_nothing() {
    let (story, entries) = tens(&UNIQUE, 36);
    for (key, record) in &entries {
        story.pages.watch();
        let (with_get, found) = testkit::alloc::count_with(|| story.tree.get(&story.pages, key));
        check_eq!(found, Ok(Some(*record)), "get of {}", keys::shown(key));
        let way = story.pages.asked();
        story.pages.watch();
        let by_hand = testkit::alloc::count(|| {
            let mut guards = way.iter().map(|id| buffer_pool::Pager::read(&story.pages, *id));
            let first = guards.next();
            guards.fold(first, |_, guard| Some(guard));
        });
        check!(
            with_get.allocations <= by_hand.allocations,
            "get of {} allocates {} times, its page requests alone {} times",
            keys::shown(key),
            with_get.allocations,
            by_hand.allocations
        );
    }
    let page = leaf(&entries);
    let node = view(&page, 0);
    let key = keys::number(155);
    let (counts, found) = testkit::alloc::count_with(|| node.lower_bound(&key, RecordId::MIN));
    check_eq!(found, Ok(15), "lower_bound of number(155)");
    check_eq!(counts.allocations, 0, "allocations of lower_bound");
}

/// The first entry to the right is the separator, as a split leaves it.
fn exact(_: &Entry, right: &Entry) -> Entry {
    (right.0.clone(), RecordId::MIN)
}

/// A separator that is no key of the tree: left behind when the entry it was copied from was removed.
fn between(left: &Entry, right: &Entry) -> Entry {
    let below = [left.0.as_slice(), &[0]].concat();
    (below.min(right.0.clone()), RecordId::MIN)
}

const UNIQUE: Shape<'_> = Shape { has_duplicates: false, per_leaf: 4, fanout: 3, separator: &exact };

/// A tree of `count` keys 10, 20, 30, ...
fn tens(shape: &Shape<'_>, count: u64) -> (Story, Vec<Entry>) {
    let entries: Vec<Entry> = (1..=count).map(|at| (keys::number(10 * at), keys::record(at))).collect();
    let pages = Pages::new();
    let root = shape.build(&pages, &entries);
    (Story::open(pages, root, &entries, KeyMode::Unique), entries)
}

/// An empty tree is one empty leaf, and has no key.
#[testkit::test]
fn a_new_tree_is_empty() {
    for mode in [KeyMode::Unique, KeyMode::Duplicates] {
        let story = Story::new(mode);
        for key in [&b""[..], b"a", &[0xFF; MAX_KEY_LEN], &[1; 3_000]] {
            story.get(key);
        }
        let walked = story.check();
        check_eq!((walked.height, walked.leaves.len()), (1, 1), "height and leaves of an empty tree");
        let again = BPlusTree::open(&story.pages, story.tree.id()).map(|tree| (tree.id(), tree.mode()));
        check_eq!(again, Ok((story.tree.id(), mode)), "id and mode of the tree, opened again");
    }
}

/// Every key is found, from the first of the first leaf to the last of the last, and no key that is not
/// there, in trees of 1 to 5 levels.
#[testkit::test]
fn get_finds_what_is_there() {
    for separator in [&exact as &dyn Fn(&Entry, &Entry) -> Entry, &between] {
        for count in [1, 3, 4, 5, 12, 13, 36, 100, 300] {
            let (story, _) = tens(&Shape { separator, ..UNIQUE }, count);
            for number in 0..=10 * count + 15 {
                if number % 10 < 2 || number % 10 == 9 {
                    story.get(&keys::number(number));
                }
            }
            for key in [&b""[..], b"\0", b"\xFF"] {
                story.get(key);
            }
        }
    }
}

/// A key that is a separator lies to the right of it: also where separators of several levels are equal to
/// it.
#[testkit::test]
fn a_key_that_equals_a_separator_is_found() {
    let (story, entries) = tens(&Shape { per_leaf: 1, fanout: 2, ..UNIQUE }, 64);
    for (key, record) in entries {
        check_eq!(story.tree.get(&story.pages, &key), Ok(Some(record)), "get of {}", keys::shown(&key));
    }
}

/// Long keys and short ones, common prefixes, zero bytes: what is there is found, what is nearly there is
/// not.
#[testkit::test]
fn get_takes_any_key() {
    testkit::prop::check(40, any::<u64>(), |seed| {
        let mut rng = testkit::Rng::with_seed(seed);
        let keys = keys::hard(&mut rng, 120);
        let mut entries: Vec<Entry> = Vec::new();
        for (at, key) in keys.iter().enumerate() {
            if rng.bool() {
                entries.push((key.clone(), keys::record(at as u64)));
            }
        }
        let (per_leaf, fanout) = (rng.usize(1..4), rng.usize(2..4));
        let pages = Pages::new();
        let shape = Shape { per_leaf, fanout, ..UNIQUE };
        let root = shape.build(&pages, &entries);
        let story = Story::open(pages, root, &entries, KeyMode::Unique);
        keys.iter().for_each(|key| story.get(key));
    });
}

/// With duplicates the smallest record id is given, also where the key begins in the leaf after the one that
/// the way down leads to.
#[testkit::test]
fn the_smallest_of_equal_keys_is_found() {
    let exact = |_: &Entry, right: &Entry| right.clone();
    for per_leaf in [1, 2, 3, 4, 7] {
        for equal in [1, 2, 5, 20] {
            let mut entries: Vec<Entry> = Vec::new();
            for number in 1..9_u64 {
                let records = 100 * number..100 * number + if number % 2 == 0 { equal } else { 1 };
                entries.extend(records.map(|record| (keys::number(10 * number), keys::record(record))));
            }
            let pages = Pages::new();
            let shape = Shape { has_duplicates: true, per_leaf, fanout: 3, separator: &exact };
            let root = shape.build(&pages, &entries);
            let story = Story::open(pages, root, &entries, KeyMode::Duplicates);
            for number in 0..95 {
                story.get(&keys::number(number));
            }
        }
    }
}

/// A look-up reads one page a level and no other, and takes no write latch: more reads mean that something is
/// read twice.
#[testkit::test]
fn get_reads_one_page_a_level() {
    for count in [1, 4, 12, 36, 100] {
        let (story, entries) = tens(&UNIQUE, count);
        let walked = story.check();
        for number in 0..=10 * count + 5 {
            story.pages.watch();
            story.get(&keys::number(number));
            let counts = story.pages.counts();
            check_eq!(counts.reads, walked.height as u64, "pages read by a get in a tree of {count} keys");
            check_eq!((counts.writes, counts.refused), (0, 0), "write latches taken by a get");
        }
        check!(!entries.is_empty(), "the test's tree has entries");
    }
}

/// The child is latched before its parent is let go, and the parent is let go then: between the two a split
/// could move the key away.
#[testkit::test]
fn get_holds_parent_and_child_and_no_more() {
    let (story, _) = tens(&UNIQUE, 100);
    story.pages.watch();
    story.get(&keys::number(500));
    check_eq!(story.pages.counts().most_held, 2, "most pages held at once by a get in a tree of 4 levels");
}

/// Whatever request fails, its error comes out and nothing stays latched.
#[testkit::test]
fn errors_come_out_and_hold_nothing() {
    let (story, _) = tens(&UNIQUE, 100);
    for n in 0..4 {
        story.pages.fail_at(n, Fault::AllPinned);
        let found = story.tree.get(&story.pages, &keys::number(500));
        check_eq!(
            found,
            Err(Error::Pager(Fault::AllPinned.error())),
            "get with its page request {n} failing"
        );
        check_eq!(story.pages.held(), 0, "guards held after an error");
        story.get(&keys::number(500));
    }
}

/// A tree of 36 keys on three levels, and the numbers of its root, the root's first child, and the first
/// leaf.
fn three_levels() -> (Story, [PageId; 3]) {
    let (story, _) = tens(&UNIQUE, 36);
    let root = story.tree.id();
    let child = |id: PageId| children_of(&story.pages.bytes(id).expect("it is there"))[0];
    let levels = [root, child(root), child(child(root))];
    (story, levels)
}

/// Only the root opens a tree: a node below it, a page of a heap or a free page does not.
#[testkit::test]
fn only_a_root_opens_a_tree() {
    let (story, levels) = three_levels();
    story.get(&keys::number(10));
    for id in &levels[1..] {
        let found = BPlusTree::open(&story.pages, *id).map(|tree| tree.id());
        check_eq!(found, Err(Error::NotARoot { page: *id }), "open of a node below the root");
    }
    let mut page = [0; PAGE_SIZE];
    header::init(&mut page, PageId(0), PageKind::HEAP);
    let heap = story.pages.place(page);
    let found = BPlusTree::open(&story.pages, heap).map(|tree| tree.id());
    check_eq!(found, Err(Error::NotARoot { page: heap }), "open of a heap's page");
    check!(BPlusTree::open(&story.pages, PageId(1_000)).is_err(), "open of a free page is an error");
    check_eq!(story.pages.held(), 0, "guards held after opening");
}
