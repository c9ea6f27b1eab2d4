//! How full nodes must be: rules P2 and D4, counted over the bytes of a tree.

use bplus_tree::node::{CAPACITY, LOW_WATER};
use bplus_tree::{KeyMode, Latching};
use testkit::{Rng, check, step};

use super::keys;
use super::model::Story;
use super::raw::{Entry, Shape, unique_tree};
use super::walk::Walked;

/// Fails unless the nodes of a tree that only had inserts are cut as P2 says: in every order of inserts, the
/// leaves other than the first and the last use at least [`LOW_WATER`] bytes, and internal nodes have two
/// children.
pub(crate) fn check_splits(walked: &Walked, what: &str) {
    let leaves = walked.leaf_bytes.len();
    for (at, bytes) in walked.leaf_bytes.iter().enumerate() {
        // P3 allows less at either end.
        check!(
            at == 0 || at + 1 == leaves || *bytes >= LOW_WATER,
            "P2: {} (leaf {} of {leaves}) uses {bytes} bytes after {what}, expected at least {LOW_WATER}",
            walked.leaves[at],
            at + 1
        );
    }
    for (id, children) in walked.internals.iter().zip(&walked.children) {
        check!(*children >= 2, "P2: {id} has {children} child after {what}, expected two at least");
    }
}

/// A tree of keys of 100 bytes in which each node but the root uses a bit more than half: four nodes with 20
/// leaves each.
fn half_full(latching: Latching) -> Story {
    let entries: Vec<Entry> = (0..1_600).map(|at| (keys::long(at, 100), keys::record(at + 1))).collect();
    let (pages, root) = unique_tree(&entries, 20, 20, 200);
    let mut story = Story::open(pages, root, &entries, KeyMode::Unique);
    story.tree = story.tree.with_latching(latching);
    step!("// a tree of 1,600 keys of 100 bytes, 20 a leaf, 20 leaves a node");
    story
}

/// D4: entries go in any order, and no leaf and no internal node stays underfull. All keys have one length,
/// so that a separator always fits.
pub(crate) fn check_removals(latching: Latching) {
    let mut rng = testkit::rng();
    let shuffled = |rng: &mut Rng| {
        let mut numbers: Vec<u64> = (0..1_600).collect();
        rng.shuffle(&mut numbers);
        numbers
    };
    let outwards = (0..1_600).map(|at| if at % 2 == 0 { 800 + at / 2 } else { 799 - at / 2 });
    for (name, order) in [("shuffled", shuffled(&mut rng)), ("from the middle", outwards.collect())] {
        testkit::scene::clear();
        let mut story = half_full(latching);
        for (at, number) in order.into_iter().enumerate() {
            story.remove(&keys::long(number, 100), keys::record(number + 1));
            if at % 8 == 0 || at > 1_500 {
                let walked = story.check_quietly();
                let leaves = walked.leaves.iter().zip(&walked.leaf_bytes);
                let internals = walked.internals.iter().zip(&walked.internal_bytes);
                for (id, bytes) in leaves.chain(internals).filter(|(id, _)| **id != story.tree.id()) {
                    if *bytes < LOW_WATER {
                        story.draw();
                    }
                    check!(
                        *bytes >= LOW_WATER,
                        "D4: {id} uses {bytes} bytes after {} removals, {name}, expected at least {LOW_WATER}",
                        at + 1
                    );
                }
            }
        }
        story.check();
    }
}

/// D4: a leaf that is just full enough loses an entry, and its siblings are full. After the borrow each leaf
/// uses three eighths at least. With long keys the parent has room for the new separator only in place of the
/// old one.
pub(crate) fn check_borrow(latching: Latching) {
    for (len, leaves) in [(40, 4), (990, 5)] {
        let entry = len + 10;
        let (full, enough) = (CAPACITY / entry, LOW_WATER.div_ceil(entry));
        for low in 0..leaves {
            testkit::scene::clear();
            let sizes: Vec<usize> = (0..leaves).map(|at| if at == low { enough } else { full }).collect();
            let count = sizes.iter().sum::<usize>() as u64;
            let entries: Vec<Entry> = (0..count).map(|at| (keys::long(at, len), keys::record(at))).collect();
            let (pages, root) = Shape::leaves_of(&entries, &sizes);
            let mut story = Story::open(pages, root, &entries, KeyMode::Unique);
            story.tree = story.tree.with_latching(latching);
            step!("// a tree of {leaves} leaves, with {sizes:?} entries of {entry} bytes");
            let first = sizes[..low].iter().sum::<usize>();
            let (key, record) = entries[first + 1].clone();
            story.remove(&key, record);
            for (at, bytes) in story.check().leaf_bytes.iter().enumerate() {
                check!(
                    8 * bytes >= 3 * CAPACITY,
                    "D4: leaf {} of {leaves} uses {bytes} bytes after a borrow, expected at least {}",
                    at + 1,
                    3 * CAPACITY / 8
                );
            }
        }
    }
}
