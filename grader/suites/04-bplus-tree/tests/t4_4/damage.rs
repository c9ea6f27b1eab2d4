//! Walks over damaged trees.

use bplus_tree::{Direction, KeyMode};
use proptest::prelude::*;
use testkit::{Rng, check, check_eq, step};

use super::tens;
use crate::support::Story;
use crate::support::faults::damage;
use crate::support::raw::{Owner, entries_of, node};
use crate::support::seen::BOTH;

/// Leaves that are linked in a circle, or to a wrong place, end a walk with an error or early: never an
/// endless one.
#[testkit::test]
fn wrong_links_end_a_walk() {
    for direction in BOTH {
        for from in 0..5 {
            for to in 0..6 {
                let story = tens(KeyMode::Unique, 20, 900, 13);
                let leaves = story.check().leaves;
                let id = leaves[from];
                let page = story.pages.bytes(id).expect("it is there");
                let entries: Vec<Vec<u8>> = entries_of(&page).into_iter().map(<[u8]>::to_vec).collect();
                let target = leaves.get(to).copied().unwrap_or(story.tree.id());
                let owner = Owner { next: target, previous: target, ..Owner::of(&page) };
                story.pages.put(id, node(id, owner, &entries));
                step!("{id} is linked to {target} on both sides");
                check_ends(&story, direction);
            }
        }
    }
}

/// Damaged nodes of any kind: a walk gives an error or nonsense, but it comes to an end, without a panic and
/// with nothing held.
#[testkit::test]
fn damaged_nodes_do_not_panic() {
    testkit::prop::check(200, (any::<u64>(), 0..2_usize), |(seed, direction)| {
        let mut rng = Rng::with_seed(seed);
        let story = tens(KeyMode::Unique, 40, 600, 14);
        for _ in 0..rng.usize(1..3) {
            damage(&story, &mut rng);
        }
        check_ends(&story, BOTH[direction]);
    });
}

/// The last entry of a leaf, in the direction of the walk, sorts as the first of all, and the leaf links back
/// to where the walk began. A walk that believes both never ends.
#[testkit::test]
fn a_leaf_that_leads_back_ends_the_walk() {
    for direction in BOTH {
        let story = tens(KeyMode::Unique, 40, 600, 14);
        let leaves = story.check().leaves;
        let (id, first, last) = (leaves[2], leaves[0], leaves[leaves.len() - 1]);
        let page = story.pages.bytes(id).expect("the leaf is there");
        let mut owner = Owner::of(&page);
        let mut entries: Vec<Vec<u8>> = entries_of(&page).into_iter().map(<[u8]>::to_vec).collect();
        let at_key = buffer_pool::RecordId::LEN;
        match direction {
            Direction::Forward => {
                owner.next = first;
                entries.last_mut().expect("no leaf is empty")[at_key..].fill(0);
            }
            Direction::Backward => {
                owner.previous = last;
                entries[0][at_key..].fill(0xFF);
            }
        }
        step!("// {id} leads back, and its entry at that end is out of order");
        story.pages.put(id, node(id, owner, &entries));
        check_ends(&story, direction);
    }
}

fn check_ends(story: &Story, direction: Direction) {
    story.pages.check_no_order();
    if let Ok(mut range) = story.tree.range(&story.pages, .., direction) {
        let mut count = 0;
        while let Ok(Some(_)) = range.next_entry() {
            count += 1;
            check!(count < 2_000, "a walk over a damaged tree of 40 entries comes to an end");
        }
    }
    check_eq!(story.pages.held(), 0, "guards held after a walk over a damaged tree");
}
