//! Task 4.6: concurrency. Under schedules that the test chooses, and with real threads.

mod admit;
mod alone;
mod blocking;
mod damage;
mod replace;
mod sizes;
mod threads;

use bplus_tree::{BPlusTree, KeyMode, Latching};
use testkit::step;

use crate::support::model::Model;
use crate::support::raw::{Entry, unique_tree};
use crate::support::{Pages, Story, keys, pool};

/// An empty tree with the optimistic way.
pub(super) fn new(mode: KeyMode, capacity: usize) -> Story {
    Story::with(Pages::with_capacity(capacity), mode, Latching::Optimistic)
}

/// A tree of the keys 10, 20, ... of `len` bytes.
pub(super) fn tens(count: u64, len: usize, capacity: usize) -> Story {
    new(KeyMode::Unique, capacity).with_tens(count, len, None)
}

/// As [`tens`], written by hand with room in every node: `per_leaf` entries a leaf, `fanout` children a node.
/// The tree is opened, so it has the default way of latching.
pub(super) fn roomy(count: u64, len: usize, per_leaf: usize, fanout: usize) -> Story {
    let entries: Vec<Entry> = (1..=count).map(|at| (keys::long(10 * at, len), keys::record(at))).collect();
    let (pages, root) = unique_tree(&entries, per_leaf, fanout, 150);
    let tree = pool::done(BPlusTree::open(&pages, root), "open of a tree");
    step!(
        "// a tree of the keys 10, 20, .. {} of {len} bytes, {per_leaf} a leaf, {fanout} children a node",
        10 * count
    );
    Story { pages, tree, model: Model { mode: KeyMode::Unique, entries: entries.into_iter().collect() } }
}
