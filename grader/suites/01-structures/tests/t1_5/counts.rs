//! What operations cost, in comparisons and bytes: exact, so no clock is needed.
//!
//! How many nodes an operation visits cannot be seen from outside, comparisons can. A visit of a node of
//! order t costs at most 2 * (2t - 1) of them: each key once, or twice if the code compares for less and
//! for equal.

use std::cell::RefCell;
use std::cmp::Ordering;

use structures::BTree;
use testkit::counted::{self, CountedKey};
use testkit::{alloc, check, check_eq, generate, rng};

fn shuffled(order: usize, count: usize) -> BTree<CountedKey, usize> {
    let mut tree = BTree::with_order(order);
    for key in generate::shuffled(&mut rng(), count) {
        tree.insert(CountedKey(key as u64 * 2), key);
    }
    tree
}

/// The greatest number of comparisons on one path from the root to a leaf.
fn way_down<V>(tree: &BTree<CountedKey, V>, order: usize) -> u64 {
    (tree.height() * 2 * (2 * order - 1)) as u64
}

/// A lookup visits one node on each level: if it also searches siblings or other nodes, it makes more
/// comparisons.
#[testkit::test]
fn a_lookup_visits_one_node_a_level() {
    for order in [2, 3, 8] {
        let tree = shuffled(order, 10_000);
        let most = way_down(&tree, order);
        for key in 0..20_000 {
            counted::take();
            let found = tree.get(&CountedKey(key)).is_some();
            let counts = counted::take();
            let cmps = counts.cmps + counts.eqs;
            check_eq!(found, key % 2 == 0, "whether get({key}) finds a value");
            check!(
                cmps <= most,
                "{cmps} comparisons for get({key}), at most {most} at height {}",
                tree.height()
            );
        }
    }
}

/// A node with many keys is not searched key by key: steps of eight keys, or of half of what is left, need
/// far fewer comparisons.
#[testkit::test]
fn a_wide_node_is_searched_with_few_comparisons() {
    let order = 128;
    let tree = shuffled(order, 20_000);
    let most = 64 * tree.height() as u64;
    for key in (0..40_000).step_by(7) {
        counted::take();
        let found = tree.get(&CountedKey(key)).is_some();
        let cmps = counted::take().cmps;
        check_eq!(found, key % 2 == 0, "whether get({key}) finds a value");
        check!(cmps <= most, "{cmps} comparisons for get({key}) in nodes of 127 to 255 keys, at most {most}");
    }
}

/// Inserts and removes visit one node on each level too, and a few more to replace a separator.
#[testkit::test]
fn inserts_and_removes_visit_few_nodes() {
    for order in [2, 3, 8] {
        let mut tree = shuffled(order, 5_000);
        let most = 3 * way_down(&tree, order);
        for key in generate::shuffled(&mut rng(), 5_000) {
            counted::take();
            tree.insert(CountedKey(key as u64 * 2 + 1), 0);
            let cmps = counted::take().cmps;
            check!(cmps <= most, "{cmps} comparisons to insert {}, at most {most}", key * 2 + 1);
            tree.remove(&CountedKey(key as u64 * 2));
            let cmps = counted::take().cmps;
            check!(cmps <= most, "{cmps} comparisons to remove {}, at most {most}", key * 2);
        }
        check_eq!(tree.len(), 5_000, "len after as many removes as inserts");
    }
}

thread_local! {
    /// The keys that were compared with another key, in turn.
    static COMPARED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// A key that writes down with which keys of the tree it is compared. The tree has even keys; odd ones are
/// searched for.
#[derive(Debug, Clone, Copy)]
struct Watched(u64);

impl Watched {
    fn note(self, other: Self) {
        let present = if self.0.is_multiple_of(2) { self.0 } else { other.0 };
        COMPARED.with_borrow_mut(|compared| compared.push(present));
    }
}

impl PartialEq for Watched {
    fn eq(&self, other: &Self) -> bool {
        self.note(*other);
        self.0 == other.0
    }
}

impl Eq for Watched {}

impl PartialOrd for Watched {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Watched {
    fn cmp(&self, other: &Self) -> Ordering {
        self.note(*other);
        self.0.cmp(&other.0)
    }
}

/// An insert descends once: it does not come back to the root after it has left it, for instance to look
/// first whether the key is there.
#[testkit::test]
fn an_insert_descends_once() {
    for order in [2, 3] {
        // Keys in the root: each comparison of one node is one of the first few.
        let in_a_node = 2 * (2 * order - 1);
        let mut tree = BTree::with_order(order);
        for key in generate::shuffled(&mut rng(), 3_000) {
            tree.insert(Watched(key as u64 * 4), ());
        }
        for key in generate::shuffled(&mut rng(), 3_000) {
            COMPARED.with_borrow_mut(Vec::clear);
            let new = Watched(key as u64 * 4 + 1);
            check_eq!(tree.insert(new, ()), None, "insert({}) of a new key", new.0);
            let compared = COMPARED.take();
            let first = compared.first().copied().unwrap_or_default();
            let again = compared.iter().skip(in_a_node).filter(|key| **key == first).count();
            check_eq!(
                again,
                0,
                "comparisons with {first}, a key of the root, after insert({}) left it",
                new.0
            );
            check_eq!(tree.remove(&new), Some(()), "remove({})", new.0);
        }
    }
}

/// A range descends to its two ends and reads nothing outside: its cost does not depend on the tree's size
/// beyond the height.
#[testkit::test]
fn a_range_visits_nothing_outside_its_bounds() {
    for order in [2, 8] {
        let tree = shuffled(order, 20_000);
        for low in (0..40_000u64).step_by(997) {
            for count in [0, 1, 10, 200] {
                let bounds = CountedKey(low)..CountedKey(low + 2 * count);
                counted::take();
                let forward = tree.range(bounds.clone()).count() as u64;
                let backward = tree.range(bounds).rev().count() as u64;
                let cmps = counted::take().cmps;
                let most = 2 * (3 * way_down(&tree, order) + 4) + 4 * (forward + 1);
                check_eq!(forward, backward, "entries of range({low}..{}) and of its rev()", low + 2 * count);
                check!(
                    cmps <= most,
                    "{cmps} comparisons to walk {forward} entries both ways, at most {most}"
                );
            }
        }
    }
}

/// The first entry of a long range costs little: a range must not collect its entries first.
#[testkit::test]
fn a_range_is_lazy() {
    let tree = shuffled(8, 20_000);
    let counts = alloc::count(|| {
        for low in 0..100 {
            let first = tree.range(CountedKey(low)..).next().map(|(key, _)| key.0);
            check_eq!(first, Some(low.div_ceil(2) * 2), "first key of range({low}..)");
            let last = tree.range(..CountedKey(low + 1)).next_back().map(|(key, _)| key.0);
            check_eq!(last, Some(low / 2 * 2), "last key of range(..{})", low + 1);
        }
    });
    let most = 200 * 4096;
    check!(counts.bytes <= most, "{} bytes allocated for 200 ranges that gave an entry each", counts.bytes);
}

/// If the number of entries stays constant, so does the memory: merged nodes are used again or freed.
#[testkit::test]
fn churn_does_not_grow_the_tree() {
    for order in [2, 16] {
        let mut tree = BTree::with_order(order);
        let filled = alloc::count(|| {
            for key in 0..2_000u64 {
                tree.insert(key, key);
            }
        });
        let churned = alloc::count(|| {
            for key in 2_000..60_000u64 {
                check_eq!(
                    tree.remove(&(key - 2_000)),
                    Some(key - 2_000),
                    "remove({}), the smallest",
                    key - 2_000
                );
                tree.insert(key, key);
            }
        });
        check_eq!(tree.len(), 2_000, "len after 58000 removes and inserts");
        let (held, grown) = (filled.live_bytes, churned.peak_bytes);
        check!(
            grown as i64 <= 2 * held,
            "{grown} bytes more at the peak of churning 2000 entries that took {held} bytes (at most twice)"
        );
    }
}
