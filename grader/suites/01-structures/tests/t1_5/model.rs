//! The tree beside std's, on generated sequences of operations.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};

use proptest::collection::vec;
use proptest::prelude::*;
use structures::BTree;
use testkit::{check_eq, prop, step};

use super::{check_contents, check_height, contents, show};

/// One call on the tree. There are few keys, so that the same key is used often.
#[derive(Debug, Clone)]
enum Op {
    Insert(u16, u32),
    Remove(u16),
    RemoveFirst,
    RemoveLast,
    Change(u16, u32),
    Range(Bound<u16>, Bound<u16>, bool),
}

fn bound() -> impl Strategy<Value = Bound<u16>> {
    prop_oneof![
        4 => (0..200u16).prop_map(Bound::Included),
        4 => (0..200u16).prop_map(Bound::Excluded),
        1 => Just(Bound::Unbounded),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let key = 0..200u16;
    prop_oneof![
        12 => (key.clone(), any::<u32>()).prop_map(|(key, value)| Op::Insert(key, value)),
        9 => key.clone().prop_map(Op::Remove),
        1 => Just(Op::RemoveFirst),
        1 => Just(Op::RemoveLast),
        2 => (key, any::<u32>()).prop_map(|(key, value)| Op::Change(key, value)),
        3 => (bound(), bound(), any::<bool>()).prop_map(|(start, end, back)| Op::Range(start, end, back)),
    ]
}

fn apply(tree: &mut BTree<u16, u32>, model: &mut BTreeMap<u16, u32>, op: &Op) {
    match *op {
        Op::Insert(key, value) => {
            step!("tree.insert({key}, {value})");
            check_eq!(tree.insert(key, value), model.insert(key, value), "insert({key}, {value})");
        }
        Op::Remove(key) => {
            step!("tree.remove(&{key})");
            check_eq!(tree.remove(&key), model.remove(&key), "remove({key})");
        }
        Op::RemoveFirst => {
            step!("tree.first(), and remove that key");
            let first = tree.first().map(|(key, value)| (*key, *value));
            check_eq!(first, model.pop_first(), "first()");
            first.and_then(|(key, _)| tree.remove(&key));
        }
        Op::RemoveLast => {
            step!("tree.last(), and remove that key");
            let last = tree.last().map(|(key, value)| (*key, *value));
            check_eq!(last, model.pop_last(), "last()");
            last.and_then(|(key, _)| tree.remove(&key));
        }
        Op::Change(key, value) => {
            step!("tree.get_mut(&{key}).map(|old| *old = {value})");
            let old = tree.get_mut(&key).map(|old| std::mem::replace(old, value));
            check_eq!(old, model.get_mut(&key).map(|old| std::mem::replace(old, value)), "get_mut({key})");
        }
        Op::Range(start, end, is_back) => {
            step!("tree.range(({start:?}, {end:?})){}", if is_back { ".rev()" } else { "" });
            let inside = |key: &u16| (start, end).contains(key);
            let pairs = model.iter().filter(|(key, _)| inside(key)).map(|(key, value)| (*key, *value));
            let found = tree.range((start, end)).map(|(key, value)| (*key, *value));
            if is_back {
                let found: Vec<(u16, u32)> =
                    tree.range((start, end)).rev().map(|(key, value)| (*key, *value)).collect();
                check_eq!(found, pairs.rev().collect::<Vec<_>>(), "range(({start:?}, {end:?})).rev()");
            } else {
                check_eq!(
                    found.collect::<Vec<_>>(),
                    pairs.collect::<Vec<_>>(),
                    "range(({start:?}, {end:?}))"
                );
            }
        }
    }
}

/// Any sequence of operations gives the results of std's tree, at orders small enough to split and merge
/// often.
#[testkit::test]
fn agrees_with_std() {
    prop::check(200, (2..6usize, vec(op(), 1..300)), |(order, ops)| {
        step!("let mut tree = BTree::with_order({order})");
        let mut tree = BTree::with_order(order);
        let mut model = BTreeMap::new();
        for op in &ops {
            apply(&mut tree, &mut model, op);
            show(&tree);
            check_eq!(tree.len(), model.len(), "len");
            check_height(&tree, order);
        }
        let wanted: Vec<(u16, u32)> = model.iter().map(|(key, value)| (*key, *value)).collect();
        check_contents(&tree, &wanted, "at the end");
        for key in 0..200 {
            check_eq!(tree.get(&key), model.get(&key), "get({key}) at the end");
        }
    });
}

/// The same at the default order with many keys, where nodes are wide and splits are rare.
#[testkit::test]
fn agrees_with_std_at_the_default_order() {
    prop::check(12, vec((any::<bool>(), 0..4000u32), 1..6000), |ops| {
        let mut tree = BTree::new();
        let mut model = BTreeMap::new();
        for (is_insert, key) in ops {
            if is_insert {
                check_eq!(tree.insert(key, key), model.insert(key, key), "insert({key})");
            } else {
                let key = key / 2;
                check_eq!(tree.remove(&key), model.remove(&key), "remove({key})");
            }
        }
        show(&tree);
        check_eq!(tree.len(), model.len(), "len");
        check_eq!(contents(&tree), model.into_iter().collect::<Vec<_>>(), "all entries of iter()");
    });
}
