//! What a walk must give while others change the tree.

use std::collections::BTreeSet;
use std::ops::Bound;

use bplus_tree::{BPlusTree, Direction, Range};
use buffer_pool::Pager;
use testkit::{Failure, check, step};

use super::raw::Entry;
use super::walk::shown;

/// Both ways of walking.
pub(crate) const BOTH: [Direction; 2] = [Direction::Forward, Direction::Backward];

/// A bound of a range.
pub(crate) type KeyBound<'a> = Bound<&'a [u8]>;

/// Opens a range that must open.
pub(crate) fn open<'a, P: Pager>(
    tree: &'a BPlusTree,
    pager: &'a P,
    low: KeyBound<'_>,
    high: KeyBound<'_>,
    direction: Direction,
) -> Range<'a, P> {
    match tree.range(pager, (low, high), direction) {
        Ok(range) => range,
        Err(error) => Failure::new("opening a range").expected_text("Ok").found(error).raise(),
    }
}

/// The next entry, which must come without an error.
pub(crate) fn next<P: Pager>(range: &mut Range<'_, P>) -> Option<Entry> {
    match range.next_entry() {
        Ok(entry) => entry.map(|(key, record)| (key.to_vec(), record)),
        Err(error) => Failure::new("the next entry of a range").expected_text("Ok").found(error).raise(),
    }
}

/// What a walk gave while the tree was changed, and what must be true of it.
pub(crate) struct Seen<'a> {
    /// Which way it goes.
    pub(crate) direction: Direction,
    /// Entries that are in the tree all the time.
    pub(crate) stable: &'a BTreeSet<Entry>,
    /// Every entry that was in the tree at some time.
    pub(crate) ever: BTreeSet<Entry>,
    /// What came, in order.
    pub(crate) found: Vec<Entry>,
}

impl Seen<'_> {
    /// Notes the next entry; false at the end.
    pub(crate) fn next<P: Pager>(&mut self, range: &mut Range<'_, P>, is_unique: bool) -> bool {
        let Some(entry) = next(range) else { return false };
        step!("range.next_entry() gives {}", shown(&entry));
        if let Some(last) = self.found.last() {
            let order = if is_unique { entry.0.cmp(&last.0) } else { entry.cmp(last) };
            let wanted = if self.direction == Direction::Forward { "after" } else { "before" };
            check!(
                (order == std::cmp::Ordering::Greater) == (wanted == "after") && order.is_ne(),
                "{} comes {wanted} {}",
                shown(&entry),
                shown(last)
            );
        }
        check!(self.ever.contains(&entry), "{} was never in the tree", shown(&entry));
        self.found.push(entry);
        true
    }

    /// At the end: every stable entry came.
    pub(crate) fn check(&self) {
        let found: BTreeSet<Entry> = self.found.iter().cloned().collect();
        let missing: Vec<String> = self.stable.difference(&found).map(shown).collect();
        check!(
            missing.is_empty(),
            "entries that were there all the time and did not come: {}",
            missing.join(", ")
        );
    }
}
