//! Internal nodes with an only child, as removals may leave them (D3).

use bplus_tree::{Error, KeyMode};
use buffer_pool::RecordId;
use slotted_page::{PAGE_SIZE, PageId};
use testkit::{check, check_eq, step};

use super::check_emptied;
use crate::support::raw::{Entry, Owner, child_entry, leaf_entry, node};
use crate::support::walk::walk_with;
use crate::support::{Fault, Pages, Story, keys};

/// A tree as removals may have left it: below the root a chain of `height` nodes for each of `groups`, at its
/// end so many leaves of one entry each.
fn with_only_children(height: u16, groups: [usize; 3]) -> Story {
    let entries: Vec<Entry> = (0..5).map(|at| (keys::long(at, 900), keys::record(at + 1))).collect();
    let pages = Pages::new();
    let root = pages.place([0; PAGE_SIZE]);
    let leaves: Vec<PageId> = (0..5).map(|_| pages.place([0; PAGE_SIZE])).collect();
    let owner = |level| Owner { previous: PageId::NONE, next: PageId::NONE, tree: root, level, mode: 0 };
    for (at, leaf) in leaves.iter().enumerate() {
        let neighbour = |at: Option<usize>| at.and_then(|at| leaves.get(at)).copied().unwrap_or(PageId::NONE);
        let owner =
            Owner { previous: neighbour(at.checked_sub(1)), next: neighbour(Some(at + 1)), ..owner(0) };
        pages.put(*leaf, node(*leaf, owner, &[leaf_entry(&entries[at].0, entries[at].1)]));
    }
    let child = |id: PageId, at: usize, is_first: bool| {
        let separator = (entries[at].0.clone(), RecordId::MIN);
        child_entry(id, if is_first { None } else { Some(&separator) })
    };
    let (mut at, mut tops) = (0, Vec::new());
    for count in groups {
        let mut below: Vec<Vec<u8>> =
            (at..at + count).map(|leaf| child(leaves[leaf], leaf, leaf == at)).collect();
        let mut top = root;
        for level in 1..=height {
            top = pages.place([0; PAGE_SIZE]);
            pages.put(top, node(top, owner(level), &below));
            below = vec![child_entry(top, None)];
        }
        tops.push(child(top, at, at == 0));
        at += count;
    }
    pages.put(root, node(root, owner(height + 1), &tops));
    Story::open(pages, root, &entries, KeyMode::Unique)
}

/// A node may have an only child, where nothing could be borrowed for it. If that goes, it has no sibling to
/// be merged with.
#[testkit::test]
fn only_children_come_out() {
    let orders = [
        [0, 1, 2, 3, 4],
        [4, 3, 2, 1, 0],
        [1, 0, 3, 2, 4],
        [2, 3, 0, 4, 1],
        [3, 4, 2, 0, 1],
        [0, 4, 1, 3, 2],
    ];
    for height in 1..4 {
        for groups in [[1, 3, 1], [1, 1, 3], [3, 1, 1], [1, 2, 2]] {
            for order in orders {
                testkit::scene::clear();
                let mut story = with_only_children(height, groups);
                story.check();
                for number in order {
                    story.remove(&keys::long(number, 900), keys::record(number + 1));
                    story.check();
                    story.check_gets();
                }
                check_emptied(&story, story.tree.id());
            }
        }
    }
}

/// An only child that is cut out needs the leaf before it, against the order of latches. Refused, that is
/// asked for again: the entry goes all the same.
#[testkit::test]
fn only_children_come_out_though_a_latch_is_refused() {
    for tries in 1..4 {
        for groups in [[1, 1, 3], [1, 3, 1], [3, 1, 1]] {
            for order in [[1, 0, 3, 2, 4], [4, 3, 2, 1, 0], [3, 4, 2, 0, 1]] {
                testkit::scene::clear();
                let mut story = with_only_children(2, groups);
                for number in order {
                    step!("// the next {tries} calls of try_write are refused");
                    story.pages.refuse_tries(tries);
                    story.remove(&keys::long(number, 900), keys::record(number + 1));
                    story.check();
                }
                check_emptied(&story, story.tree.id());
            }
        }
    }
}

/// A page that cannot be freed is the error of the removal, but the entry is out, and the other pages that
/// left the tree are free.
#[testkit::test]
fn a_free_that_fails_loses_one_page() {
    let mut most = 0;
    for height in 1..4 {
        for number in 0..5 {
            for n in 0..10 {
                testkit::scene::clear();
                let mut story = with_only_children(height, [1, 2, 2]);
                let (key, record) = (keys::long(number, 900), keys::record(number + 1));
                story.pages.fail_free(n);
                step!("// remove of {}, call {n} of free fails", keys::shown(&key));
                let found = story.tree.remove(&story.pages, &key, record);
                story.model.remove(&key, record);
                story.draw();
                if story.pages.stop_failing_frees() {
                    check_eq!(found, Ok(true), "remove without a failure");
                    most = most.max(n);
                    break;
                }
                check_eq!(
                    found,
                    Err(Error::Pager(Fault::Full.error())),
                    "remove with call {n} of free failing"
                );
                check_eq!(story.pages.held(), 0, "guards held after an error");
                let walked = walk_with(&|id| story.pages.bytes(id), story.tree.id());
                story.model.check(&walked.entries, "the entries after a free that failed");
                let lost = story.pages.allocated().difference(&walked.pages()).count();
                check_eq!(lost, 1, "pages in no tree after one free that failed");
            }
        }
    }
    check!(most >= 2, "some removal frees several pages");
}
