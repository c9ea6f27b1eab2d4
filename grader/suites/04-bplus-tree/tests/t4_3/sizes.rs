//! How full nodes are after removals, and separators of any length.

use bplus_tree::Latching;
use proptest::prelude::*;
use testkit::Rng;

use super::check_emptied;
use crate::support::raw::Entry;
use crate::support::{fill, keys, mixed};

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

/// An internal node is left with one child beside a sibling that is full. The only separator that the parent
/// has room for would give the node more than it can hold: so nothing is borrowed.
#[testkit::test]
fn a_borrow_that_would_overflow_a_node_is_left_out() {
    let full = [300, 998, 998, 998, 722, 62, 172];
    let groups: [&[usize]; 6] = [&[10, 10], &full, &[998, 10], &[998, 10], &[998, 10], &[400, 10]];
    for first in 1..=2 {
        let mut story = mixed::three_levels(&groups);
        story.check();
        let others = (3..=17).rev();
        for number in [first, 3 - first].into_iter().chain(others) {
            story.remove(&keys::long(10 * number, 10), keys::record(number));
            story.check();
        }
        check_emptied(&story, story.tree.id());
    }
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
