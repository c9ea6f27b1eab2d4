//! How full nodes are after removals, and separators of any length.

use bplus_tree::Latching;
use proptest::prelude::*;
use testkit::Rng;

use super::check_emptied;
use crate::support::raw::Entry;
use crate::support::{fill, mixed};

/// Separators of any length in nodes that are nearly full: whatever is merged or borrowed, no node may
/// overflow, not even for a moment, and the root gives up levels.
#[testkit::test]
fn separators_of_any_length_come_down() {
    testkit::prop::check(40, (any::<u64>(), 40..101_usize), |(seed, fill)| {
        let mut rng = Rng::with_seed(seed);
        let mut story = mixed::tree(&mut rng, 60, fill);
        let mut entries: Vec<Entry> = story.model.entries.iter().cloned().collect();
        rng.shuffle(&mut entries);
        for (at, (key, record)) in entries.iter().enumerate() {
            story.remove(key, *record);
            if at % 4 == 0 {
                story.check();
            }
        }
        check_emptied(&story, story.tree.id());
    });
}

/// Rule D4: no leaf and no internal node stays underfull, in whatever order entries go. Nodes that are never
/// merged keep the pages of a tree that has shrunk.
#[testkit::test]
fn no_node_stays_underfull() {
    fill::check_removals(Latching::WholePath);
}

/// Rule D4: a leaf that borrows gets so many entries that it need not borrow soon again.
#[testkit::test]
fn a_borrow_evens_out() {
    fill::check_borrow(Latching::WholePath);
}
