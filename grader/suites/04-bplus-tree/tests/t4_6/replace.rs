//! `replace` on the optimistic way, and beside readers.

use std::ops::Bound;

use bplus_tree::Direction;
use kit::sync::thread;
use testkit::{check, check_eq, schedule};

use super::{roomy, tens};
use crate::support::keys;
use crate::support::seen::{next, open};

/// A replace takes one write latch, that of the leaf, and reads one page for each level above it.
#[testkit::test]
fn a_replace_takes_one_write_latch() {
    let story = roomy(256, 100, 4, 8);
    let height = story.check().height as u64;
    for number in 1..=256 {
        story.pages.watch();
        let key = keys::long(10 * number, 100);
        let found = story.tree.replace(&story.pages, &key, keys::record(number), keys::record(500));
        check_eq!(found, Ok(true), "replace of a key that is there");
        let counts = story.pages.counts();
        check_eq!(counts.writes, 1, "write latches of a replace");
        check_eq!(counts.reads, height - 1, "pages read on the way to the leaf");
    }
}

/// Readers find the key at each moment, with the old or the new record id, while inserts and removals change
/// the leaves.
#[testkit::test]
fn a_replaced_key_is_never_missing() {
    schedule::explore(200, || {
        let mut story = tens(8, 900, 64);
        let (pages, tree) = (&story.pages, &story.tree);
        let key = keys::long(40, 900);
        let (old, new) = (keys::record(4), keys::record(400));
        let is_either = |record| record == Some(old) || record == Some(new);
        thread::scope(|scope| {
            scope.spawn(|| {
                for (from, to) in [(old, new), (new, old), (old, new)] {
                    check_eq!(tree.replace(pages, &key, from, to), Ok(true), "replace of {from} by {to}");
                }
            });
            scope.spawn(|| {
                for _ in 0..4 {
                    let found = tree.get(pages, &key);
                    check!(
                        found.as_ref().is_ok_and(|record| is_either(*record)),
                        "get during a replace gives {found:?}"
                    );
                }
            });
            scope.spawn(|| {
                let mut range = open(tree, pages, Bound::Unbounded, Bound::Unbounded, Direction::Forward);
                let mut count = 0;
                while let Some((found, record)) = next(&mut range) {
                    count += usize::from(found == key && is_either(Some(record)));
                }
                check_eq!(count, 1, "how often a walk gives the key during a replace");
            });
            scope.spawn(|| {
                for number in [41, 42, 39] {
                    let found = tree.insert(pages, &keys::long(number, 900), keys::record(number));
                    check_eq!(found, Ok(()), "insert of {number}");
                }
                let found = tree.remove(pages, &keys::long(30, 900), keys::record(3));
                check_eq!(found, Ok(true), "remove of 30");
            });
        });
        story.model.remove(&key, old);
        story.model.remove(&keys::long(30, 900), keys::record(3));
        story.model.entries.insert((key, new));
        story.model.entries.extend([41, 42, 39].map(|at| (keys::long(at, 900), keys::record(at))));
        story.check();
    });
}
