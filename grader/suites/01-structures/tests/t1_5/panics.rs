//! The caller's code panics in the middle of an operation: a comparison, a clone, a drop.

use structures::BTree;
use testkit::drops::{Counted, Ledger};
use testkit::fuse::{Call, Fused, burn};
use testkit::{check, check_eq, scene, step};

use super::{check_height, orders_of, show};

type Tree = BTree<Fused, Counted>;

/// One operation on a tree.
type Work = fn(&mut Tree);

/// A tree of the keys twice as large as those of `keys`, each value 1,000 greater than its key.
fn filled(ledger: &Ledger, order: usize, keys: &[u64]) -> Tree {
    let mut tree = BTree::with_order(order);
    for key in keys {
        let key = *key as i64 * 2;
        tree.insert(Fused::new(ledger, key), ledger.item(key + 1_000));
    }
    tree
}

/// Checks that the tree is one: the length, the order, the height, the lookups and the ledger agree. Returns
/// its keys.
fn check_sound(tree: &Tree, ledger: &Ledger, order: usize, when: &str) -> Vec<i64> {
    show(tree);
    let keys: Vec<i64> = tree.iter().map(|(key, _)| key.value()).collect();
    check_eq!(tree.range::<Fused, _>(..).count(), keys.len(), "entries of range(..) {when}");
    check_eq!(tree.len(), keys.len(), "len(), and the number of entries of iter(), {when}");
    check!(keys.is_sorted(), "the keys of iter() rise {when}, not {keys:?}");
    check_height(tree, order);
    for key in &keys {
        let value = tree.get(&Fused::new(ledger, *key)).map(Counted::value);
        check_eq!(value, Some(key + 1_000), "get({key}) {when}");
    }
    ledger.assert_alive(2 * keys.len(), when);
    keys
}

/// Does `work` on trees of several shapes, and lets each comparison panic in turn. Afterwards the tree must
/// have the entries that it had.
fn check_unchanged(what: &str, work: fn(&mut Tree, &Ledger, i64)) {
    for order in [2, 3] {
        for (name, keys) in orders_of(30) {
            for at in (-1..61).step_by(4) {
                for calls in 0..100 {
                    scene::clear();
                    step!("tree of order {order} with the even keys below 60, inserted {name}");
                    step!("tree.{what} with key {at}, in which comparison number {calls} panics");
                    let ledger = Ledger::new();
                    let mut tree = filled(&ledger, order, &keys);
                    if burn(Call::Cmp, calls, || work(&mut tree, &ledger, at)).is_some() {
                        break;
                    }
                    let when = format!("after a comparison panicked in {what}");
                    let after = check_sound(&tree, &ledger, order, &when);
                    check_eq!(after, (0..30).map(|key| key * 2).collect::<Vec<_>>(), "keys {when}");
                    drop(tree);
                    ledger.assert_all_dropped_once();
                }
            }
        }
    }
}

/// A comparison panics during an insert, also when a node is split on the path of the key.
#[testkit::test]
fn an_insert_whose_comparison_panics_changes_nothing() {
    check_unchanged("insert", |tree, ledger, key| {
        tree.insert(Fused::new(ledger, key), ledger.item(0));
    });
}

/// A comparison panics during a remove: the key may be in an internal node.
#[testkit::test]
fn a_remove_whose_comparison_panics_changes_nothing() {
    check_unchanged("remove(an odd key)", |tree, ledger, key| {
        tree.remove(&Fused::new(ledger, key));
    });
    check_unchanged("remove(an even key)", |tree, ledger, key| {
        tree.remove(&Fused::new(ledger, key + 1));
    });
}

/// A drop or a clone panics: nothing is dropped twice or lost, and the tree can be used.
#[testkit::test]
fn a_drop_or_clone_that_panics_leaves_a_sound_tree() {
    for order in [2, 32] {
        for calls in [0, 1, 17, 39] {
            let works: [(&str, Call, Work); 3] = [
                ("clear()", Call::Drop, Tree::clear),
                ("clone()", Call::Clone, |tree| drop(tree.clone())),
                ("std::mem::take(..).into_iter().nth(5)", Call::Drop, |tree| {
                    drop(std::mem::take(tree).into_iter().nth(5));
                }),
            ];
            for (what, call, work) in works {
                scene::clear();
                step!(
                    "tree of order {order} with 40 keys; {what}, in which call number {calls} of {call:?} panics"
                );
                let ledger = Ledger::new();
                let mut tree = filled(&ledger, order, &(0..40).collect::<Vec<_>>());
                let when = format!("after {call:?} panicked in {what}");
                check!(burn(call, calls, || work(&mut tree)).is_none(), "a panic comes out of {what}");
                let order = tree.order();
                check_sound(&tree, &ledger, order, &when);
                for key in 0..100 {
                    tree.insert(Fused::new(&ledger, key), ledger.item(key + 1_000));
                }
                check_eq!(check_sound(&tree, &ledger, order, &when).len(), 100, "entries after 100 inserts");
                drop(tree);
                ledger.assert_all_dropped_once();
            }
        }
    }
}
