//! Changes of damaged trees.

use bplus_tree::{KeyMode, Latching};
use proptest::prelude::*;
use testkit::Rng;

use super::tens;
use crate::support::faults::{damage, survives_damage, with_every_wrong_link};
use crate::support::raw::{Entry, unique_tree};
use crate::support::{Story, keys};

/// Whatever page a link leads to, no change asks for a page that it holds.
#[testkit::test]
fn wrong_links_make_no_thread_wait_for_itself() {
    for is_removal in [false, true] {
        let make = || {
            let entries: Vec<Entry> =
                (1..=16).map(|at| (keys::long(10 * at, 900), keys::record(at))).collect();
            let (pages, root) = unique_tree(&entries, 2, 3, 40);
            let mut story = Story::open(pages, root, &entries, KeyMode::Unique);
            story.tree = story.tree.with_latching(Latching::Optimistic);
            story
        };
        with_every_wrong_link(make, |story, key, record| match is_removal {
            true => story.tree.remove_with(&story.pages, key, record, |_| true).map(drop),
            false => {
                let new = [&key[..890], b"+"].concat();
                story.tree.insert_with(&story.pages, &new, record, |_| true).map(drop)
            }
        });
    }
}

/// A damaged node gives an error or a wrong answer, never a panic, an endless loop or a latch that stays
/// held.
#[testkit::test]
fn damaged_nodes_do_not_panic() {
    testkit::prop::check(150, any::<u64>(), |seed| {
        let mut rng = Rng::with_seed(seed);
        let story = tens(40, 600, 500);
        for _ in 0..rng.usize(1..3) {
            damage(&story, &mut rng);
        }
        let is_removal = rng.bool();
        survives_damage(&story, &mut rng, |story, key| {
            let record = story.model.get(key).expect("the test's own key");
            if is_removal {
                return story.tree.remove(&story.pages, key, record).map(drop);
            }
            let mut key = key.to_vec();
            key.truncate(590);
            key.push(1);
            story.tree.insert(&story.pages, &key, keys::record(9))
        });
    });
}
