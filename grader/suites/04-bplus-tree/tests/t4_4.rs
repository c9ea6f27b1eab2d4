//! Task 4.4: iterators. How much is copied at a time is free; what counts is that nothing is latched between
//! two calls, and that what is there all the time comes exactly once.

mod after;
mod changes;
mod damage;
mod ranges;

use std::ops::Bound;

use bplus_tree::{Direction, KeyMode};
use testkit::{Failure, check_eq};

use crate::support::Story;
use crate::support::keys::shown;
use crate::support::raw::Entry;
use crate::support::seen::{KeyBound, next, open};

/// The entries of the model in a range, in order.
pub(super) fn expected(
    story: &Story,
    low: KeyBound<'_>,
    high: KeyBound<'_>,
    direction: Direction,
) -> Vec<Entry> {
    let is_above = |key: &[u8]| match low {
        Bound::Included(low) => key >= low,
        Bound::Excluded(low) => key > low,
        Bound::Unbounded => true,
    };
    let is_below = |key: &[u8]| match high {
        Bound::Included(high) => key <= high,
        Bound::Excluded(high) => key < high,
        Bound::Unbounded => true,
    };
    let inside = story.model.entries.iter().filter(|entry| is_above(&entry.0) && is_below(&entry.0));
    let mut entries: Vec<Entry> = inside.cloned().collect();
    if direction == Direction::Backward {
        entries.reverse();
    }
    entries
}

pub(super) fn shown_bound(bound: KeyBound<'_>) -> String {
    match bound {
        Bound::Included(key) => format!("Included({})", shown(key)),
        Bound::Excluded(key) => format!("Excluded({})", shown(key)),
        Bound::Unbounded => "Unbounded".to_string(),
    }
}

/// Walks over a range, to its end and past it, and compares.
pub(super) fn check_range(story: &Story, low: KeyBound<'_>, high: KeyBound<'_>, direction: Direction) {
    let what = format!("range ({}, {}), {direction:?}", shown_bound(low), shown_bound(high));
    let mut range = open(&story.tree, &story.pages, low, high, direction);
    check_eq!(story.pages.held(), 0, "guards held after opening a range");
    let wanted = expected(story, low, high, direction);
    for (at, entry) in wanted.iter().enumerate() {
        let found = next(&mut range);
        if found.as_ref() != Some(entry) {
            story.draw();
            let text =
                |entry: Option<&Entry>| entry.map_or("the end".to_string(), crate::support::walk::shown);
            Failure::new(format!("entry {at} of {what}"))
                .expected_text(text(Some(entry)))
                .found_text(text(found.as_ref()))
                .raise();
        }
        check_eq!(story.pages.held(), 0, "guards held between two calls of next_entry");
    }
    for _ in 0..3 {
        let found = next(&mut range).as_ref().map(crate::support::walk::shown);
        if found.is_some() {
            story.draw();
        }
        check_eq!(found, None, "{what} after all {} entries", wanted.len());
    }
    check_eq!(story.pages.held(), 0, "guards held at the end of a range");
}

/// A tree of the keys 10, 20, ... of `len` bytes, inserted in an order of `seed`.
pub(super) fn tens(mode: KeyMode, count: u64, len: usize, seed: u64) -> Story {
    Story::new(mode).with_tens(count, len, Some(seed))
}
