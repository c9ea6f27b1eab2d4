//! Removals from damaged trees.

use bplus_tree::KeyMode;
use proptest::prelude::*;
use testkit::{Rng, check};

use crate::support::chains::with_only_children;
use crate::support::faults::{damage, survives_damage, with_every_wrong_link};
use crate::support::raw::{Entry, unique_tree};
use crate::support::{Story, keys};

/// Whatever page a link leads to, a parent that names a child twice among them, a removal does not ask for a
/// page that it holds.
#[testkit::test]
fn wrong_links_make_no_thread_wait_for_itself() {
    let make = || {
        let entries: Vec<Entry> = (1..=16).map(|at| (keys::long(10 * at, 900), keys::record(at))).collect();
        let (pages, root) = unique_tree(&entries, 2, 3, 40);
        Story::open(pages, root, &entries, KeyMode::Unique)
    };
    let remove = |story: &Story, key: &[u8], record| {
        story.tree.remove_with(&story.pages, key, record, |_| true).map(drop)
    };
    let errors = with_every_wrong_link(make, remove);
    check!(errors > 100, "some wrong links give an error, here {errors}");
    with_every_wrong_link(|| with_only_children(2, [1, 2, 2]), remove);
}

/// A damaged node gives an error or a wrong answer, never a panic, an endless loop or a latch that stays
/// held.
#[testkit::test]
fn damaged_nodes_do_not_panic() {
    testkit::prop::check(150, any::<u64>(), |seed| {
        let mut rng = Rng::with_seed(seed);
        let mut story = Story::new(KeyMode::Unique);
        for number in 0..40 {
            story.insert(&keys::long(10 * number, 600), keys::record(number / 2 + 1));
        }
        for _ in 0..rng.usize(1..3) {
            damage(&story, &mut rng);
        }
        let entries = story.model.entries.clone();
        survives_damage(&story, &mut rng, |story, key| {
            let entry = entries.iter().find(|entry| entry.0 == key).expect("the test's own key");
            story.tree.remove(&story.pages, key, entry.1).map(drop)
        });
    });
}
