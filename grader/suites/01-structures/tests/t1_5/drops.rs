//! Every key and value is dropped once, and at the right moment.

use structures::BTree;
use testkit::drops::{Counted, Ledger};
use testkit::{check, check_eq};

use super::orders_of;

fn filled(ledger: &Ledger, order: usize, count: i64) -> BTree<Counted, Counted> {
    let mut tree = BTree::with_order(order);
    for n in 0..count {
        tree.insert(ledger.item(n), ledger.item(n + 1000));
    }
    tree
}

/// Splits move entries: they drop none and lose none, and the tree drops all.
#[testkit::test]
fn splits_drop_nothing_and_the_tree_drops_all() {
    for order in [2, 3, 32] {
        let ledger = Ledger::new();
        let mut tree = BTree::with_order(order);
        for n in 0..300 {
            tree.insert(ledger.item(n), ledger.item(n));
            ledger
                .assert_alive(2 * (n as usize + 1), &format!("after {} inserts of a key and a value", n + 1));
        }
        drop(tree);
        ledger.assert_all_dropped_once();
    }
}

/// Borrows and merges move entries too: each remove drops exactly one key and one value.
#[testkit::test]
fn each_remove_drops_one_entry() {
    for order in [2, 3] {
        for (name, keys) in orders_of(150) {
            let ledger = Ledger::new();
            let mut tree = filled(&ledger, order, 150);
            for (done, key) in keys.iter().enumerate() {
                let value = tree.remove(&ledger.item(*key as i64)).map(|value| value.value());
                check_eq!(value, Some(*key as i64 + 1000), "remove({key}), {name}");
                ledger.assert_alive(2 * (149 - done), &format!("after {} removes, {name}", done + 1));
            }
            ledger.assert_all_dropped_once();
        }
    }
}

/// A replaced value is returned, and `clear` drops all entries.
#[testkit::test]
fn replaced_and_cleared_entries_are_dropped_at_once() {
    let ledger = Ledger::new();
    let mut tree = filled(&ledger, 2, 100);
    for n in 0..100 {
        let old = tree.insert(ledger.item(n), ledger.item(n + 2000));
        check_eq!(old.map(|value| value.value()), Some(n + 1000), "insert({n}) over a present key");
    }
    ledger.assert_alive(200, "after replacing 100 values");
    tree.clear();
    ledger.assert_alive(0, "after clear");
    tree.insert(ledger.item(1), ledger.item(2));
    drop(tree);
    ledger.assert_all_dropped_once();
}

/// `into_iter` returns the entries in order, and drops those that it did not return.
#[testkit::test]
fn into_iter_gives_in_order_and_drops_the_rest() {
    for taken in [0usize, 1, 7, 50, 199, 200] {
        let ledger = Ledger::new();
        let mut iter = filled(&ledger, 2, 200).into_iter();
        check_eq!(iter.len(), 200, "len of into_iter()");
        let given: Vec<(Counted, Counted)> = iter.by_ref().take(taken).collect();
        check_eq!(iter.len(), 200 - taken, "len of into_iter() after {taken} entries");
        check!(
            given
                .iter()
                .enumerate()
                .all(|(n, entry)| entry.0.value() == n as i64 && entry.1.value() == n as i64 + 1000),
            "the first {taken} entries of into_iter() are in order"
        );
        drop(iter);
        ledger.assert_alive(2 * taken, &format!("when {taken} entries were taken and the iterator dropped"));
        drop(given);
        ledger.assert_all_dropped_once();
    }
}

/// A clone has entries of its own: removing from one tree does not change the other.
#[testkit::test]
fn a_clone_owns_its_entries() {
    let ledger = Ledger::new();
    let mut tree = filled(&ledger, 2, 80);
    let copy = tree.clone();
    for n in 0..80 {
        tree.remove(&ledger.item(n));
    }
    drop(tree);
    ledger.assert_alive(160, "when only the clone of 80 entries is left");
    check!((0..80).all(|n| copy.contains_key(&ledger.item(n))), "the clone finds every key");
    drop(copy);
    ledger.assert_all_dropped_once();
}
