//! Task 1.5: B-tree. Small tests and edge cases are here; removal, ranges, the model, counts and drops are
//! in the modules below.

mod counts;
mod drops;
mod model;
mod panics;
mod ranges;
mod removal;

use std::fmt::Debug;
use std::ops::Bound;

use structures::BTree;
use testkit::{Failure, check, check_eq, rng, scene};

/// Levels of a tree that are shown: a broken tree may have hundreds.
const MOST_LEVELS: usize = 8;

/// Adds the tree to the report of the next failure.
fn show<K: Debug, V>(tree: &BTree<K, V>) {
    scene::picture(|| {
        let picture = tree.dump();
        let mut lines: Vec<&str> = picture.lines().collect();
        let more = lines.len().saturating_sub(1 + MOST_LEVELS);
        lines.truncate(1 + MOST_LEVELS);
        let cut = if more > 0 { format!("\n... and {more} levels more") } else { String::new() };
        lines.join("\n") + &cut
    });
}

/// The entries of a tree, in the order of `iter`.
fn contents<K: Clone, V: Clone>(tree: &BTree<K, V>) -> Vec<(K, V)> {
    tree.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Checks that the height is one that a tree of this order and length can have (T3, T4): with too few or
/// too many keys in a node it is not.
fn check_height<K: Debug, V>(tree: &BTree<K, V>, order: usize) {
    let (len, height) = (tree.len(), tree.height());
    if len == 0 {
        check_eq!(height, 0, "height of an empty tree");
        return;
    }
    show(tree);
    let power = |base: usize, exponent: usize| base.saturating_pow(exponent as u32);
    let most = power(2 * order, height) - 1;
    let fewest = if height == 1 { 1 } else { (2 * power(order, height - 1)).saturating_sub(1) };
    if len < fewest || len > most {
        Failure::new(format!("entries of a tree of order {order} and height {height}"))
            .expected_text(format!("{fewest} to {most} entries"))
            .found(len)
            .invariant("T3", "every node has at most 2t - 1 keys, and every node but the root at least t - 1")
            .raise();
    }
}

/// Checks that `iter` gives `wanted`. Keys that do not rise say that a key lies on the wrong side of another.
fn check_contents<K: Clone + Debug + Ord, V: Clone + Debug + PartialEq>(
    tree: &BTree<K, V>,
    wanted: &[(K, V)],
    what: &str,
) {
    show(tree);
    let found = contents(tree);
    if let Some(at) = found.windows(2).position(|pair| pair[0].0 >= pair[1].0) {
        Failure::new(format!("neighbours in iter(), {what}"))
            .expected_text(format!("a key greater than {:?}", found[at].0))
            .found(&found[at + 1].0)
            .invariant("T2", "all keys below child i lie strictly between key i - 1 and key i")
            .raise();
    }
    check_eq!(found, wanted, "entries of iter(), {what}");
}

/// The numbers `0..count` in a few orders that lead to different splits and merges.
fn orders_of(count: u64) -> [(&'static str, Vec<u64>); 4] {
    let ascending: Vec<u64> = (0..count).collect();
    let descending = ascending.iter().rev().copied().collect();
    let outside_in = (0..count).map(|n| if n % 2 == 0 { n / 2 } else { count - 1 - n / 2 }).collect();
    let mut shuffled = ascending.clone();
    rng().shuffle(&mut shuffled);
    [("ascending", ascending), ("descending", descending), ("outside in", outside_in), ("shuffled", shuffled)]
}

/// A stored value is found, replaced and counted once; a key that is not there is not found.
#[testkit::test]
fn stores_finds_and_replaces() {
    let mut tree = BTree::new();
    check_eq!(tree.get(&1), None, "get(1) in an empty tree");
    check_eq!(tree.first(), None, "first() of an empty tree");
    check_eq!(tree.last(), None, "last() of an empty tree");
    check_eq!(tree.insert(2, "two"), None, "insert(2, \"two\") into an empty tree");
    check_eq!(tree.insert(1, "one"), None, "insert(1, \"one\")");
    check_eq!(tree.insert(3, "three"), None, "insert(3, \"three\")");
    check_eq!(tree.insert(2, "dos"), Some("two"), "insert(2, \"dos\") over a present key");
    check_eq!(tree.len(), 3, "len after three keys, one stored twice");
    check_eq!(tree.get(&2), Some(&"dos"), "get(2)");
    check_eq!(tree.get(&4), None, "get(4), never stored");
    check_eq!(tree.first(), Some((&1, &"one")), "first()");
    check_eq!(tree.last(), Some((&3, &"three")), "last()");
    check!(tree.contains_key(&1) && !tree.contains_key(&0), "contains_key agrees with get");
    if let Some(value) = tree.get_mut(&1) {
        *value = "uno";
    }
    check_eq!(tree.remove(&1), Some("uno"), "remove(1) after a change through get_mut");
    check_eq!(tree.remove(&1), None, "remove(1) a second time");
    check_eq!(contents(&tree), vec![(2, "dos"), (3, "three")], "what is left");
}

/// Keys inserted in any order are found and iterated in sorted order: a split must lose no key, and
/// leave every key on its side of the separator.
#[testkit::test]
fn any_order_of_insertion_gives_the_same_contents() {
    for order in [2, 3, 4, 8, 32] {
        for (name, keys) in orders_of(400) {
            scene::clear();
            testkit::step!("BTree::with_order({order}), the keys 0..400 inserted {name}");
            let mut tree = BTree::with_order(order);
            for (done, &key) in keys.iter().enumerate() {
                check_eq!(tree.insert(key, key * 2), None, "insert({key}) of a new key");
                check_eq!(tree.len(), done + 1, "len after {} inserts", done + 1);
            }
            show(&tree);
            let wanted: Vec<(u64, u64)> = (0..400).map(|key| (key, key * 2)).collect();
            check_contents(&tree, &wanted, "all inserted");
            for key in 0..400 {
                check_eq!(tree.get(&key), Some(&(key * 2)), "get({key})");
            }
            check_eq!(tree.first(), Some((&0, &0)), "first()");
            check_eq!(tree.last(), Some((&399, &798)), "last()");
        }
    }
}

/// After every insert the tree has a height that its order allows: a node that is never split, or split too
/// early, shows in the height.
#[testkit::test]
fn the_height_fits_the_order_while_it_grows() {
    for order in [2, 3, 5, 16] {
        for (name, keys) in orders_of(600) {
            scene::clear();
            testkit::step!("BTree::with_order({order}), keys inserted {name}");
            let mut tree = BTree::with_order(order);
            for key in keys {
                tree.insert(key, ());
                check_height(&tree, order);
            }
        }
    }
}

/// Values can be changed in place wherever in the tree their key is, also in an internal node.
#[testkit::test]
fn get_mut_reaches_every_entry() {
    let mut tree = BTree::with_order(2);
    for key in 0..100u64 {
        tree.insert(key, 0);
    }
    show(&tree);
    for key in 0..100 {
        match tree.get_mut(&key) {
            Some(value) => *value = key + 7,
            None => panic!("get_mut({key}) does not find a present key"),
        }
    }
    check_eq!(tree.get_mut(&100), None, "get_mut(100), never stored");
    check_eq!(contents(&tree), (0..100).map(|key| (key, key + 7)).collect::<Vec<_>>(), "all entries");
}

/// An insert of a present key replaces its value in any node, keeps the first key, and does not change the
/// length alone.
#[testkit::test]
fn replacing_changes_nothing_else() {
    let mut tree = BTree::with_order(2);
    for key in 0..200u64 {
        tree.insert(Labelled(key, "first"), 1);
    }
    show(&tree);
    for key in 0..200u64 {
        check_eq!(tree.insert(Labelled(key, "second"), 2), Some(1), "insert over the present key {key}");
        check_eq!(tree.len(), 200, "len after replacing the value of {key}");
    }
    check_height(&tree, 2);
    check!(tree.iter().all(|(key, value)| key.1 == "first" && *value == 2), "first keys, second values");
}

/// A key whose label does not count for the order.
#[derive(Debug, Clone)]
struct Labelled(u64, &'static str);

impl PartialEq for Labelled {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Labelled {}

impl PartialOrd for Labelled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Labelled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

/// After `clear` the tree is empty, has the same order, and works like a new one.
#[testkit::test]
fn is_usable_after_clear() {
    let mut tree = BTree::with_order(3);
    for key in 0..100 {
        tree.insert(key, key);
    }
    tree.clear();
    check!(tree.is_empty(), "is_empty after clear");
    check_eq!(tree.height(), 0, "height after clear");
    check_eq!(tree.iter().next(), None, "next of iter() after clear");
    check_eq!(tree.order(), 3, "order after clear");
    for key in (0..200).rev() {
        tree.insert(key, key + 1);
        check_height(&tree, 3);
    }
    check_eq!(contents(&tree), (0..200).map(|key| (key, key + 1)).collect::<Vec<_>>(), "all entries");
}

/// Lookups accept any borrowed form of the key, and the usual traits agree with the entries of the tree.
#[testkit::test]
fn borrowed_keys_and_the_usual_traits() {
    let mut tree: BTree<String, u32> = BTree::default();
    tree.extend([("b".to_string(), 2), ("a".to_string(), 1), ("b".to_string(), 3)]);
    check_eq!(tree.get("b"), Some(&3), "get(\"b\") after extend with two values for it");
    check_eq!(format!("{tree:?}"), "{\"a\": 1, \"b\": 3}".to_string(), "Debug");
    let within: Vec<&String> =
        tree.range::<str, _>((Bound::Included("aa"), Bound::Unbounded)).map(|(key, _)| key).collect();
    check_eq!(within, ["b"], "keys of range(\"aa\"..)");
    let copy = tree.clone();
    check_eq!(tree.remove_entry("a"), Some(("a".to_string(), 1)), "remove_entry(\"a\")");
    check_eq!(copy.len(), 2, "len of a clone after a remove from the original");
    check!(copy != tree, "a tree and one with an entry less are not equal");
    let up: BTree<u32, u32> = (0..100).map(|key| (key, key)).collect();
    let mut down = BTree::with_order(2);
    down.extend((0..100).rev().map(|key| (key, key)));
    let mut changed = up.clone();
    changed.insert(99, 0);
    check!(up != changed, "trees of equal length with different entries are not equal");
    check!(up == down, "trees of different shape with the same entries are equal");
}

/// The order is a limit and not a size: no memory is used for it.
#[testkit::test]
fn a_large_order_uses_no_memory() {
    let counts = testkit::alloc::count(|| {
        let mut tree = BTree::with_order(1 << 40);
        for key in 0..200_u64 {
            check_eq!(tree.insert(key, key), None, "insert({key}) of a new key");
        }
        check_eq!((tree.height(), tree.order()), (1, 1 << 40), "height and order of 200 entries");
        for key in 0..200 {
            check_eq!(tree.remove(&key), Some(key), "remove({key})");
        }
    });
    check!(counts.bytes < 64 << 10, "a tree of order 2^40 with 200 entries allocates {} bytes", counts.bytes);
}

/// An order below 2 is refused when the tree is made, because a node could then have no key.
#[testkit::test]
fn an_order_below_two_is_refused() {
    let mut smallest = BTree::with_order(2);
    smallest.insert(1, 1);
    check_eq!(smallest.get(&1), Some(&1), "get(1) in a tree of order 2");
    for order in [0, 1] {
        let made = std::panic::catch_unwind(|| BTree::<u64, u64>::with_order(order).len());
        check!(made.is_err(), "with_order({order}) panics");
    }
}
