//! `insert_with` on the optimistic way.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use bplus_tree::{BPlusTree, KeyMode};
use kit::sync::thread;
use testkit::{check, check_eq, schedule};

use super::{new, roomy, tens};
use crate::support::faults::all_bytes;
use crate::support::raw::Entry;
use crate::support::walk::shown;
use crate::support::{Pages, keys};

/// Alone, an insert that is refused changes nothing, and one that is admitted is in; each question shows the next entry.
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
    }
}

/// The question costs a plain insert nothing, and another one a read of the next leaf at most; both take one write latch.
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

/// An insert that was admitted: when it was asked for the last time, and which entry it saw then.
struct Admitted {
    turn: usize,
    entry: Entry,
    next: Option<Entry>,
}

/// Inserts, and notes what `admit` saw when it was called for the last time.
fn insert_and_note(tree: &BPlusTree, pages: &Pages, turns: &Mutex<usize>, entry: Entry) -> Admitted {
    let mut last = None;
    let found = tree.insert_with(pages, &entry.0, entry.1, |next| {
        let mut turn = turns.lock().unwrap_or_else(PoisonError::into_inner);
        *turn += 1;
        last = Some((*turn, next.map(|next| (next.key.to_vec(), next.record))));
        true
    });
    check_eq!(found, Ok(true), "insert of {}", shown(&entry));
    let Some((turn, next)) = last else { panic!("insert_with of {} did not call admit", shown(&entry)) };
    Admitted { turn, entry, next }
}

/// Beside other inserts and splits, `admit` sees the true next entry: nothing comes in between until the insert is done.
#[testkit::test]
fn the_next_entry_is_true_beside_other_inserts() {
    schedule::explore(200, || {
        let mut story = tens(8, 900, 64);
        let (pages, tree, turns) = (&story.pages, &story.tree, &Mutex::new(0));
        let mut log: Vec<Admitted> = thread::scope(|scope| {
            let threads: Vec<_> = (1..=3)
                .map(|own| {
                    scope.spawn(move || {
                        [40, 71, 41, 10].map(|number| {
                            let number = number + 2 * own;
                            let entry = (keys::long(number, 900), keys::record(number));
                            insert_and_note(tree, pages, turns, entry)
                        })
                    })
                })
                .collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap_or_else(|p| std::panic::resume_unwind(p)))
                .collect()
        });
        log.sort_by_key(|admitted| admitted.turn);
        let mut there: BTreeSet<Entry> = story.model.entries.clone();
        for Admitted { entry, next, .. } in log {
            let expected = there.range(entry.clone()..).next();
            check_eq!(
                next.as_ref().map(shown),
                expected.map(shown),
                "the next entry that admit gets for {}",
                shown(&entry)
            );
            there.insert(entry);
        }
        story.model.entries = there;
        story.check();
        story.check_gets();
    });
}
