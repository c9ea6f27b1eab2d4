//! Performance workloads of lab 4, built once with the learner's crate and once with the reference.

mod memory;

use std::sync::Arc;

use bplus_tree::node::CAPACITY;
use bplus_tree::{BPlusTree, Direction, Entry, KeyMode, Latching, NodeRef};
use buffer_pool::{Pager, RecordId};
use memory::Memory;
use slotted_page::{PageId, PageKind, SlotId, header};
use testkit::Rng;
use testkit::perf::{Digest, Workload};

/// Keys of the trees that are read.
const KEYS: u64 = 200_000;
/// Keys of the trees that grow and shrink.
const CHANGED_KEYS: u64 = 8_000;

/// All workloads; their ids are those of `lab.toml`.
pub fn workloads() -> Vec<Workload> {
    let mut workloads = vec![
        Workload::counted("get-reads", reads_per_get),
        Workload::timed("get", || {
            let (pager, tree) = written_by_hand(KEYS);
            let mut rng = Rng::with_seed(1);
            let keys: Vec<[u8; 8]> = (0..10_000).map(|_| key(rng.u64(..KEYS))).collect();
            Box::new(move || {
                let mut digest = Digest::new();
                for key in &keys {
                    digest.add(seen(tree.get(&pager, key).expect("the tree is in order")));
                }
                digest
            })
        }),
        Workload::counted("insert-leaves", || {
            let (pager, _tree) = inserted(&shuffled(20_000), Latching::WholePath);
            // Beside what full leaves would take: key, record id and slot are 18 bytes.
            pager.in_use() as f64 * CAPACITY as f64 / (20_000 * 18) as f64
        }),
        Workload::timed("insert", || {
            let order = shuffled(CHANGED_KEYS);
            Box::new(move || {
                let (pager, tree) = inserted(&order, Latching::WholePath);
                some_of(&order, &pager, &tree)
            })
        }),
        Workload::timed("delete", || {
            let (order, other) = (shuffled(CHANGED_KEYS), shuffled_by(CHANGED_KEYS, 9));
            let pager = Memory::new(200);
            let tree = BPlusTree::create(&pager, KeyMode::Unique).expect("there is room");
            let tree = tree.with_latching(Latching::WholePath);
            Box::new(move || {
                for number in &order {
                    tree.insert(&pager, &key(*number), record(*number)).expect("there is room");
                }
                let mut digest = some_of(&order, &pager, &tree);
                for number in &other {
                    let removed = tree.remove(&pager, &key(*number), record(*number));
                    digest.add(removed.expect("the tree is in order").into());
                }
                digest.join(some_of(&order, &pager, &tree));
                digest
            })
        }),
        Workload::timed("range", || {
            let (pager, tree) = inserted(&shuffled(40_000), Latching::WholePath);
            let starts = shuffled(40_000);
            Box::new(move || {
                let mut digest = Digest::new();
                for start in &starts[..500] {
                    let (low, high) = (key(*start), key(start + 100));
                    let bounds = (std::ops::Bound::Included(&low[..]), std::ops::Bound::Excluded(&high[..]));
                    for direction in [Direction::Forward, Direction::Backward] {
                        let mut range = tree.range(&pager, bounds, direction).expect("the tree is in order");
                        while let Some(entry) = range.next_entry().expect("the tree is in order") {
                            digest.add(seen(Some(entry.1)));
                        }
                    }
                }
                digest
            })
        }),
    ];
    workloads.extend(bulk_and_threads());
    workloads
}

/// The workloads of tasks 4.5 and 4.6.
fn bulk_and_threads() -> Vec<Workload> {
    vec![
        Workload::counted("bulk-latches", || {
            let pager = Memory::new(2_000);
            bulk_load(&pager, 100_000);
            let (reads, writes) = pager.take();
            let pages = pager.in_use() as f64;
            ((reads + writes) as f64 + pages) / pages
        }),
        Workload::counted("insert-latches", || {
            let order = shuffled(20_000);
            let (pager, tree) = inserted(&order[..5_000], Latching::Optimistic);
            pager.take();
            insert_all(&pager, &tree, &order[5_000..]);
            pager.take().1 as f64 / 15_000.0
        }),
        Workload::timed_threads("threads", || {
            let (pager, tree) = inserted(&shuffled(20_000), Latching::Optimistic);
            let shared = Arc::new((pager, tree));
            Box::new(move || {
                std::thread::scope(|scope| {
                    let threads = [0, 1].map(|own| {
                        let shared = Arc::clone(&shared);
                        scope.spawn(move || mixed_work(&shared.0, &shared.1, own))
                    });
                    let mut digest = Digest::new();
                    for thread in threads {
                        digest.join(thread.join().expect("the thread returns its digest"));
                    }
                    digest
                })
            })
        }),
    ]
}

/// A key of eight bytes; those of neighbouring numbers lie apart, so that threads find room between them.
fn key(number: u64) -> [u8; 8] {
    (number << 8).to_be_bytes()
}

fn record(number: u64) -> RecordId {
    RecordId { page: PageId(1 + (number >> 6) as u32), slot: SlotId((number & 63) as u16) }
}

/// What a look-up found, as a number.
fn seen(found: Option<RecordId>) -> u64 {
    found.map_or(0, |record| u64::from(record.page.0) << 16 | u64::from(record.slot.0))
}

/// What look-ups of some of the keys find.
fn some_of(numbers: &[u64], pager: &Memory, tree: &BPlusTree) -> Digest {
    let mut digest = Digest::new();
    for number in numbers.iter().step_by(64) {
        digest.add(seen(tree.get(pager, &key(*number)).expect("the tree is in order")));
    }
    digest
}

fn shuffled(count: u64) -> Vec<u64> {
    shuffled_by(count, 5)
}

fn shuffled_by(count: u64, seed: u64) -> Vec<u64> {
    let mut numbers: Vec<u64> = (0..count).collect();
    Rng::with_seed(seed).shuffle(&mut numbers);
    numbers
}

fn insert_all(pager: &Memory, tree: &BPlusTree, numbers: &[u64]) {
    for number in numbers {
        tree.insert(pager, &key(*number), record(*number)).expect("there is room");
    }
}

/// A tree of these keys, inserted in this order.
fn inserted(numbers: &[u64], latching: Latching) -> (Memory, BPlusTree) {
    let pager = Memory::new(numbers.len() / 40 + 20);
    let tree = BPlusTree::create(&pager, KeyMode::Unique).expect("there is room").with_latching(latching);
    insert_all(&pager, &tree, numbers);
    (pager, tree)
}

fn bulk_load(pager: &Memory, count: u64) -> BPlusTree {
    let entries = (0..count).map(|number| (key(number), record(number)));
    BPlusTree::bulk_load(pager, KeyMode::Unique, 90, entries).expect("the keys are in order")
}

/// A thread's round: look-ups everywhere, keys of its own that come and go.
fn mixed_work(pager: &Memory, tree: &BPlusTree, own: u64) -> Digest {
    let mut digest = Digest::new();
    let mut rng = Rng::with_seed(own);
    for at in 0..2_000_u64 {
        let number = rng.u64(..20_000);
        digest.add(seen(tree.get(pager, &key(number)).expect("the tree is in order")));
        let mut new = key(at * 9);
        new[7] = 1 + own as u8;
        tree.insert(pager, &new, record(at)).expect("there is room");
        if at % 2 == 1 {
            for at in [at, at - 1] {
                let mut old = key(at * 9);
                old[7] = 1 + own as u8;
                digest.add(tree.remove(pager, &old, record(at)).expect("the tree is in order").into());
            }
        }
    }
    digest
}

/// Latches taken by a look-up in a tree of three levels.
fn reads_per_get() -> f64 {
    let (pager, tree) = written_by_hand(KEYS);
    pager.take();
    for number in (0..KEYS).step_by(37) {
        let found = tree.get(&pager, &key(number)).expect("the tree is in order");
        assert_eq!(found, Some(record(number)), "get of key {number}");
    }
    let (reads, writes) = pager.take();
    // A tree of three levels.
    (reads + writes) as f64 / (3 * KEYS.div_ceil(37)) as f64
}

/// A tree of `count` keys, put together node by node with what is given: needs no insert.
fn written_by_hand(count: u64) -> (Memory, BPlusTree) {
    const PER_NODE: usize = 130;
    let pager = Memory::new(count as usize / 100);
    let root = header::id(&pager.allocate(PageKind::BTREE_INTERNAL).expect("there is room"));
    let numbers: Vec<u64> = (0..count).collect();
    // The nodes of a level, each with its first key.
    let mut nodes: Vec<(PageId, u64)> = Vec::new();
    for numbers in numbers.chunks(PER_NODE) {
        let page = pager.allocate(PageKind::BTREE_LEAF).expect("there is room");
        nodes.push((header::id(&page), numbers[0]));
        let mut leaf = NodeRef::init(page, root, 0, KeyMode::Unique);
        for (index, number) in numbers.iter().enumerate() {
            let entry = Entry { key: &key(*number), record: record(*number) };
            leaf.insert(index, PageId::NONE, entry).expect("there is room");
        }
    }
    for pair in nodes.windows(2) {
        let set = |id, next, other| {
            let page = pager.write(id).expect("it is there");
            let mut leaf = NodeRef::open(page, root, Some(0)).expect("a leaf");
            if next { leaf.set_next(other) } else { leaf.set_previous(other) }
        };
        set(pair[0].0, true, pair[1].0);
        set(pair[1].0, false, pair[0].0);
    }
    let mut level = 0;
    while nodes.len() > 1 {
        level += 1;
        let is_top = nodes.len() <= PER_NODE;
        let mut above = Vec::new();
        for children in nodes.chunks(PER_NODE) {
            let page = match is_top {
                true => pager.write(root).expect("it is there"),
                false => pager.allocate(PageKind::BTREE_INTERNAL).expect("there is room"),
            };
            above.push((header::id(&page), children[0].1));
            let mut node = NodeRef::init(page, root, level, KeyMode::Unique);
            for (index, (child, first)) in children.iter().enumerate() {
                let separator = key(*first);
                let entry = Entry { key: &separator, record: RecordId::MIN };
                node.insert(index, *child, if index == 0 { Entry::EMPTY } else { entry })
                    .expect("there is room");
            }
        }
        nodes = above;
    }
    let tree = BPlusTree::open(&pager, root).expect("the tree is in order");
    (pager, tree)
}
