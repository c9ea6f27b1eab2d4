//! Inserts into damaged trees.

use bplus_tree::KeyMode;
use proptest::prelude::*;
use testkit::check;

use crate::support::faults::{damage, survives_damage, with_every_wrong_link};
use crate::support::raw::{Entry, unique_tree};
use crate::support::{Story, keys};

/// Whatever page a link leads to, an insert does not ask for a page that it holds.
#[testkit::test]
fn wrong_links_make_no_thread_wait_for_itself() {
    let make = || {
        let entries: Vec<Entry> = (1..=27).map(|at| (keys::long(10 * at, 900), keys::record(at))).collect();
        let (pages, root) = unique_tree(&entries, 4, 3, 40);
        Story::open(pages, root, &entries, KeyMode::Unique)
    };
    let errors = with_every_wrong_link(make, |story, key, record| {
        let new = [&key[..890], b"+"].concat();
        story.tree.insert_with(&story.pages, &new, record, |_| true).map(drop)
    });
    check!(errors > 100, "some wrong links give an error, here {errors}");
}

/// A damaged node gives an error or a wrong answer, never a panic, an endless loop or a latch that stays
/// held.
#[testkit::test]
fn damaged_nodes_do_not_panic() {
    testkit::prop::check(150, any::<u64>(), |seed| {
        let mut rng = testkit::Rng::with_seed(seed);
        let mut story = Story::new(KeyMode::Unique);
        for number in 0..40 {
            story.insert(&keys::long(10 * number, 600), keys::record(number + 1));
        }
        for _ in 0..rng.usize(1..3) {
            damage(&story, &mut rng);
        }
        let mut rng = testkit::Rng::with_seed(seed);
        survives_damage(&story, &mut rng, |story, key| {
            let mut key = key.to_vec();
            key.truncate(590);
            key.push(1);
            story.tree.insert(&story.pages, &key, keys::record(9))
        });
    });
}
