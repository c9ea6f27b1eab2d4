//! Removing: from leaves and internal nodes, with borrows and merges, down to the empty tree.

use structures::BTree;
use testkit::{check, check_eq, scene, step};

use super::{check_contents, check_height, contents, orders_of, show};

fn numbers(order: usize, count: u64) -> BTree<u64, u64> {
    let mut tree = BTree::with_order(order);
    for key in 0..count {
        tree.insert(key, key + 1);
    }
    tree
}

/// Any key can be removed, also one that separates two children: another key must replace it, and the child
/// it comes from may then have one key too few.
#[testkit::test]
fn removes_a_key_from_any_place_in_the_tree() {
    for order in [2, 3, 4] {
        for count in [1, 3, 4, 7, 10, 30, 63] {
            for victim in 0..count {
                scene::clear();
                step!("tree of order {order} with the keys 0..{count} inserted in turn; remove({victim})");
                let mut tree = numbers(order, count);
                show(&tree);
                check_eq!(tree.remove(&victim), Some(victim + 1), "remove({victim})");
                check_eq!(tree.len() as u64, count - 1, "len after remove({victim})");
                let wanted: Vec<(u64, u64)> =
                    (0..count).filter(|&key| key != victim).map(|key| (key, key + 1)).collect();
                check_contents(&tree, &wanted, &format!("after remove({victim})"));
                for key in 0..count {
                    let value = key + 1;
                    let wanted = (key != victim).then_some(&value);
                    check_eq!(tree.get(&key), wanted, "get({key}) after remove({victim})");
                }
                check_height(&tree, order);
            }
        }
    }
}

/// Keys can be removed in every order: after each step all nodes have enough keys and the other keys are
/// found.
#[testkit::test]
fn any_order_of_removal_empties_the_tree() {
    for order in [2, 3, 6] {
        for (name, keys) in orders_of(300) {
            scene::clear();
            step!("tree of order {order} with the keys 0..300; then all removed {name}");
            let mut tree = numbers(order, 300);
            for (done, key) in keys.iter().enumerate() {
                step!("tree.remove(&{key})");
                show(&tree);
                check_eq!(tree.remove(key), Some(key + 1), "remove({key})");
                check_eq!(tree.len(), 300 - done - 1, "len after remove({key})");
                check_height(&tree, order);
                if done % 10 == 0 {
                    check_rest(&tree, &keys[done + 1..]);
                }
            }
            check!(tree.is_empty(), "is_empty after every key was removed");
        }
    }
}

fn check_rest(tree: &BTree<u64, u64>, rest: &[u64]) {
    let mut wanted = rest.to_vec();
    wanted.sort_unstable();
    let entries: Vec<(u64, u64)> = wanted.iter().map(|&key| (key, key + 1)).collect();
    check_contents(tree, &entries, "after some removes");
    check!(wanted.iter().all(|key| tree.get(key) == Some(&(key + 1))), "every key left is found");
}

/// The smallest key again and again: the left-most node has no left sibling to borrow from.
#[testkit::test]
fn the_leftmost_node_is_refilled_without_a_left_sibling() {
    for order in [2, 3, 4, 32] {
        scene::clear();
        step!("tree of order {order} with the keys 0..500 inserted in turn");
        let mut tree = numbers(order, 500);
        for key in 0..500 {
            step!("tree.remove(&{key})  // the smallest");
            show(&tree);
            check_eq!(tree.first(), Some((&key, &(key + 1))), "first() before remove({key})");
            check_eq!(tree.remove(&key), Some(key + 1), "remove({key}), the smallest key");
            check_height(&tree, order);
        }
        check_eq!(tree.first(), None, "first() of the emptied tree");
    }
}

/// The greatest key again and again: the right-most node has no right sibling to borrow from.
#[testkit::test]
fn the_rightmost_node_is_refilled_without_a_right_sibling() {
    for order in [2, 3, 4, 32] {
        scene::clear();
        step!("tree of order {order} with the keys 0..500 inserted in turn");
        let mut tree = numbers(order, 500);
        for key in (0..500).rev() {
            step!("tree.remove(&{key})  // the greatest");
            show(&tree);
            check_eq!(tree.last(), Some((&key, &(key + 1))), "last() before remove({key})");
            check_eq!(tree.remove(&key), Some(key + 1), "remove({key}), the greatest key");
            check_height(&tree, order);
        }
        check_eq!(tree.last(), None, "last() of the emptied tree");
    }
}

/// When the root's last two children merge, the tree loses a level: a root without keys would cost every
/// later operation one more node.
#[testkit::test]
fn the_only_child_replaces_a_root_without_keys() {
    for order in [2, 3, 8] {
        scene::clear();
        step!("tree of order {order}: 2000 keys inserted, then all but 3 removed");
        let mut tree = numbers(order, 2000);
        let grown = tree.height();
        check!(grown >= 2, "2000 keys make a tree of order {order} at least 2 high, found {grown}");
        for key in 3..2000 {
            tree.remove(&key);
        }
        show(&tree);
        check_eq!(contents(&tree), vec![(0, 1), (1, 2), (2, 3)], "what is left");
        check_height(&tree, order);
        for key in 0..3 {
            check_eq!(tree.remove(&key), Some(key + 1), "remove({key})");
        }
        check_eq!(tree.height(), 0, "height of the emptied tree");
        check_eq!(tree.insert(5, 5), None, "insert(5) into the emptied tree");
        check_eq!(tree.height(), 1, "height of a tree with one entry");
    }
}

/// Removing an absent key changes nothing: not the length, not the entries, not the nodes.
#[testkit::test]
fn removing_an_absent_key_changes_nothing() {
    for order in [2, 3] {
        let mut tree = BTree::with_order(order);
        check_eq!(tree.remove(&1), None, "remove(1) from an empty tree");
        for key in 0..200 {
            tree.insert(key * 2, key);
        }
        let before = contents(&tree);
        for absent in (1..400).step_by(2) {
            check_eq!(tree.remove(&absent), None, "remove({absent}), never stored");
            check_height(&tree, order);
        }
        check_eq!(tree.remove(&400), None, "remove(400), past the greatest key");
        check_eq!(tree.len(), 200, "len after removing absent keys");
        check_eq!(contents(&tree), before, "entries after removing absent keys");
    }
}
