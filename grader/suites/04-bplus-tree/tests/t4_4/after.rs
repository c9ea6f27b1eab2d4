//! `range_after`: a range that goes on exactly behind an entry.

use std::ops::Bound;

use bplus_tree::{Direction, Entry as TreeEntry, KeyMode, Range};
use buffer_pool::RecordId;
use testkit::{Failure, check, check_eq, step};

use super::{shown_bound, tens};
use crate::support::raw::{Entry, Shape};
use crate::support::seen::{BOTH, KeyBound, next};
use crate::support::walk::shown;
use crate::support::{Pages, Story, keys};

/// Opens a range behind `after`, which must open.
fn open_after<'a>(
    story: &'a Story,
    after: &Entry,
    end: KeyBound<'_>,
    direction: Direction,
) -> Range<'a, Pages> {
    let entry = TreeEntry { key: &after.0, record: after.1 };
    match story.tree.range_after(&story.pages, entry, end, direction) {
        Ok(range) => range,
        Err(error) => {
            Failure::new("opening a range behind an entry").expected_text("Ok").found(error).raise()
        }
    }
}

/// Walks from behind `after` to the end, and compares with the model.
fn check_after(story: &Story, after: &Entry, end: KeyBound<'_>, direction: Direction) {
    let is_within = |key: &Vec<u8>| match (direction, end) {
        (_, Bound::Unbounded) => true,
        (Direction::Forward, Bound::Included(end)) => key.as_slice() <= end,
        (Direction::Forward, Bound::Excluded(end)) => key.as_slice() < end,
        (Direction::Backward, Bound::Included(end)) => key.as_slice() >= end,
        (Direction::Backward, Bound::Excluded(end)) => key.as_slice() > end,
    };
    let is_behind = |entry: &Entry| match (story.model.mode, direction) {
        (KeyMode::Unique, Direction::Forward) => entry.0 > after.0,
        (KeyMode::Unique, Direction::Backward) => entry.0 < after.0,
        (KeyMode::Duplicates, Direction::Forward) => entry > after,
        (KeyMode::Duplicates, Direction::Backward) => entry < after,
    };
    let wanted = story.model.entries.iter().filter(|entry| is_behind(entry) && is_within(&entry.0));
    let mut wanted: Vec<Entry> = wanted.cloned().collect();
    if direction == Direction::Backward {
        wanted.reverse();
    }
    let what = format!("range_after({}, {}, {direction:?})", shown(after), shown_bound(end));
    let mut range = open_after(story, after, end, direction);
    check_eq!(story.pages.held(), 0, "guards held after opening a range");
    for entry in wanted.iter().map(Some).chain([None]) {
        let found = next(&mut range);
        if found.as_ref() != entry {
            story.draw();
        }
        let text = |entry: Option<&Entry>| entry.map_or("the end".to_string(), shown);
        check_eq!(text(found.as_ref()), text(entry), "the next entry of {what}");
        check_eq!(story.pages.held(), 0, "guards held between two calls of next_entry");
    }
}

/// A tree with up to seven entries of 400 bytes a key.
fn groups() -> Story {
    let mut story = Story::new(KeyMode::Duplicates);
    for number in 0..60 {
        story.insert(&keys::long(number * 7 % 60 / 7, 400), keys::record(number + 1));
    }
    testkit::scene::clear();
    step!("// a tree of nine keys of 400 bytes, with about seven entries each");
    story
}

/// Behind each entry of the tree, and behind each entry that would lie between two, the range goes on with
/// the next one and ends at its bound.
#[testkit::test]
fn a_range_continues_behind_any_entry() {
    for story in [tens(KeyMode::Unique, 40, 400, 3), groups()] {
        let entries: Vec<Entry> = story.model.entries.iter().cloned().collect();
        let middle = entries[entries.len() / 2].0.clone();
        for direction in BOTH {
            for (key, record) in &entries {
                let between = [[key.as_slice(), b"+"].concat(), key[..key.len() - 1].to_vec()];
                for after in [key].into_iter().chain(&between).map(|key| (key.clone(), *record)) {
                    check_after(&story, &after, Bound::Unbounded, direction);
                }
                check_after(&story, &(key.clone(), *record), Bound::Included(&middle), direction);
                check_after(&story, &(key.clone(), *record), Bound::Excluded(&middle), direction);
            }
            for key in [Vec::new(), vec![0xFF; 3_000]] {
                check_after(&story, &(key, keys::record(1)), Bound::Unbounded, direction);
            }
        }
    }
}

/// In a unique tree the range goes on behind the key, whichever record id the key has now.
#[testkit::test]
fn a_range_leaves_out_the_key_in_a_unique_tree() {
    let story = tens(KeyMode::Unique, 30, 400, 4);
    for direction in BOTH {
        for (key, _) in &story.model.entries {
            for record in [RecordId::MIN, keys::record(1), keys::record(15), RecordId::MAX] {
                check_after(&story, &(key.clone(), record), Bound::Unbounded, direction);
            }
        }
    }
}

/// A range behind an entry that is at or past its end is empty, and no page is read for it.
#[testkit::test]
fn a_range_past_its_end_reads_no_page() {
    for story in [tens(KeyMode::Unique, 40, 400, 3), groups()] {
        let entries: Vec<Entry> = story.model.entries.iter().cloned().collect();
        let (first, last) = (&entries[0], &entries[entries.len() - 1]);
        for (after, end, direction) in [(last, first, Direction::Forward), (first, last, Direction::Backward)]
        {
            for end in [Bound::Included(end.0.as_slice()), Bound::Excluded(&end.0)] {
                story.pages.watch();
                check_after(&story, after, end, direction);
                check_eq!(story.pages.counts().reads, 0, "pages read for a range past its end");
            }
        }
    }
}

/// Amid 30,000 entries of one key, a range behind any of them costs one way down from the root, and a leaf
/// more at most.
#[testkit::test]
fn amid_many_duplicates_a_range_costs_one_descent() {
    let entries: Vec<Entry> = (0..30_000).map(|number| (b"many".to_vec(), keys::record(number))).collect();
    let pages = Pages::new();
    let separator = |_: &Entry, right: &Entry| right.clone();
    let shape = Shape { has_duplicates: true, per_leaf: 200, fanout: 100, separator: &separator };
    let root = shape.build(&pages, &entries);
    let story = Story::open(pages, root, &entries, KeyMode::Duplicates);
    let height = story.check_quietly().height as u64;
    for at in (1..29_999).step_by(1_499) {
        for (direction, expected) in [(Direction::Forward, at + 1), (Direction::Backward, at - 1)] {
            story.pages.watch();
            let mut range = open_after(&story, &entries[at], Bound::Unbounded, direction);
            check_eq!(next(&mut range).as_ref(), Some(&entries[expected]), "the entry behind entry {at}");
            let counts = story.pages.counts();
            check!(
                counts.reads <= height + 1 && counts.writes == 0,
                "{} pages are read for the first entry, expected at most {}",
                counts.reads,
                height + 1
            );
        }
    }
}
