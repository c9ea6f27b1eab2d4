//! Internal nodes with an only child, as removals may leave them (D3).

use bplus_tree::Error;
use testkit::{check, check_eq, step};

use super::check_emptied;
use crate::support::chains::with_only_children;
use crate::support::walk::walk_with;
use crate::support::{Fault, keys};

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
                    // Where the latch of a root's only child is refused, the root may keep it.
                    story.check_with_a_high_root();
                }
                check_emptied(&story, story.tree.id());
            }
        }
    }
}

/// Where the page of a root's only child cannot be had, the root may keep it. A request that fails once does
/// not stop the tree from being emptied.
#[testkit::test]
fn only_children_come_out_though_a_request_fails() {
    for height in 1..4 {
        for n in 0..60 {
            testkit::scene::clear();
            let mut story = with_only_children(height, [1, 1, 3]);
            story.pages.fail_at(n, Fault::AllPinned);
            step!("// page request {n} from now on fails");
            for number in [0, 2, 3, 4, 1] {
                let (key, record) = (keys::long(number, 900), keys::record(number + 1));
                let is_out = story.tree.remove(&story.pages, &key, record) == Ok(true)
                    || story.tree.remove(&story.pages, &key, record) == Ok(true);
                check!(is_out, "remove of {} works when it is called again", keys::shown(&key));
                story.model.remove(&key, record);
                story.check_with_a_high_root();
            }
            story.pages.stop_failing();
            check_emptied(&story, story.tree.id());
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
