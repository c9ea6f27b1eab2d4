//! `insert_with` and `remove_with` on the optimistic way.

use std::sync::{Mutex, PoisonError};

use bplus_tree::{BPlusTree, KeyMode, Removal};
use kit::sync::thread;
use testkit::{check, check_eq, schedule};

use super::{new, roomy, tens};
use crate::support::faults::all_bytes;
use crate::support::raw::Entry;
use crate::support::threads::joined;
use crate::support::walk::shown;
use crate::support::{Pages, Story, keys};

/// Alone, a change that is refused changes nothing, and one that is admitted is made; each question shows the
/// next entry.
#[testkit::test]
fn alone_a_refused_change_changes_nothing() {
    for mode in [KeyMode::Unique, KeyMode::Duplicates] {
        let mut story = new(mode, 2_000);
        let mut rng = testkit::rng();
        for at in 0..120 {
            let key = keys::long(rng.u64(..1 << 30), rng.usize(400..900));
            let before = all_bytes(&story.pages);
            story.insert_with(&key, keys::record(at + 1), false);
            check!(all_bytes(&story.pages) == before, "a refused insert leaves all pages as they were");
            story.insert_with(&key, keys::record(at + 1), true);
        }
        story.check();
        let mut entries: Vec<Entry> = story.model.entries.iter().cloned().collect();
        rng.shuffle(&mut entries);
        for (key, record) in entries {
            let before = all_bytes(&story.pages);
            story.remove_with(&key, record, false);
            check!(all_bytes(&story.pages) == before, "a refused removal leaves all pages as they were");
            story.remove_with(&key, record, true);
        }
        check_eq!(story.check().entries.len(), 0, "entries of an emptied tree");
    }
}

/// The question costs a plain insert nothing, and another one a read of the next leaf at most; both take one
/// write latch.
#[testkit::test]
fn the_question_takes_no_write_latch() {
    let mut story = roomy(256, 100, 4, 8);
    let height = story.check().height as u64;
    let (mut quick, mut dearer) = (0, 0);
    for number in 1..=256 {
        story.pages.watch();
        story.insert_with(&keys::long(10 * number + 5, 60), keys::record(number), true);
        let counts = story.pages.counts();
        if counts.allocates == 0 {
            quick += 1;
            check_eq!(counts.writes, 1, "write latches of insert_with into a leaf with room");
            check!(
                counts.reads == height - 1 || counts.reads == height,
                "insert_with reads {} pages in a tree of {height} levels, expected at most one a level",
                counts.reads
            );
            dearer += u64::from(counts.reads == height);
        }
    }
    check!(quick > 150, "most inserts find room, found {quick} of 256");
    check!(dearer > 20, "the next entry is sometimes in the next leaf, here {dearer} times");
}

/// A change that was admitted: when the caller was asked for the last time, and which entry it saw then.
struct Admitted {
    turn: usize,
    is_insert: bool,
    entry: Entry,
    next: Option<Entry>,
}

/// Inserts or removes, and notes what `admit` saw when it was called for the last time.
fn change_and_note(
    tree: &BPlusTree,
    pages: &Pages,
    turns: &Mutex<usize>,
    is_insert: bool,
    entry: Entry,
) -> Admitted {
    let mut last = None;
    let admit = |next: Option<bplus_tree::Entry<'_>>| {
        let mut turn = turns.lock().unwrap_or_else(PoisonError::into_inner);
        *turn += 1;
        last = Some((*turn, next.map(|next| (next.key.to_vec(), next.record))));
        true
    };
    if is_insert {
        let found = tree.insert_with(pages, &entry.0, entry.1, admit);
        check_eq!(found, Ok(true), "insert of {}", shown(&entry));
    } else {
        let found = tree.remove_with(pages, &entry.0, entry.1, admit);
        check_eq!(found, Ok(Removal::Removed), "removal of {}", shown(&entry));
    }
    let Some((turn, next)) = last else { panic!("the change of {} did not call admit", shown(&entry)) };
    Admitted { turn, is_insert, entry, next }
}

/// Makes each thread's changes (an insert or a removal of a number) and checks that each saw the true next
/// entry: that of a sorted set in which the changes are made in the order in which they were admitted.
fn check_next_entries(mut story: Story, changes: &[Vec<(bool, u64)>]) {
    let (pages, tree, turns) = (&story.pages, &story.tree, &Mutex::new(0));
    let mut log: Vec<Admitted> = thread::scope(|scope| {
        let threads: Vec<_> = changes
            .iter()
            .map(|changes| {
                scope.spawn(move || {
                    let entry = |number| (keys::long(number, 900), keys::record(number / 10));
                    let change = |(is_insert, number): &(bool, u64)| {
                        change_and_note(tree, pages, turns, *is_insert, entry(*number))
                    };
                    changes.iter().map(change).collect::<Vec<_>>()
                })
            })
            .collect();
        joined(threads).into_iter().flatten().collect()
    });
    log.sort_by_key(|admitted| admitted.turn);
    for Admitted { is_insert, entry, next, .. } in log {
        let expected = story.model.next(&entry.0, entry.1);
        check_eq!(
            next.as_ref().map(shown),
            expected.map(shown),
            "the next entry that admit gets for {}",
            shown(&entry)
        );
        if is_insert {
            story.model.entries.insert(entry);
        } else {
            story.model.entries.remove(&entry);
        }
    }
    story.check();
    story.check_gets();
}

/// Beside other inserts and splits, `admit` sees the true next entry: nothing comes in between until the
/// insert is done.
#[testkit::test]
fn the_next_entry_is_true_beside_other_inserts() {
    schedule::explore(200, || {
        let changes = [1, 2, 3].map(|own| [40, 71, 41, 10].map(|number| (true, number + 2 * own)).to_vec());
        check_next_entries(tens(8, 900, 64), &changes);
    });
}

/// Beside removals that merge leaves and inserts that split them, `admit` sees the true next entry.
#[testkit::test]
fn the_next_entry_is_true_beside_merges() {
    schedule::explore(300, || {
        let changes = [
            vec![(false, 20), (false, 30), (false, 80), (false, 120)],
            vec![(false, 40), (false, 50), (false, 100), (false, 110)],
            vec![(true, 25), (true, 85), (true, 115), (true, 45)],
        ];
        check_next_entries(tens(12, 900, 64), &changes);
    });
}
