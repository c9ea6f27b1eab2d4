//! Internal nodes with an only child, as removals may leave them (D3).

use bplus_tree::Error;
use buffer_pool::Pager;
use kit::sync::{Arc, thread};
use testkit::{check, check_eq, schedule, step};

use super::check_emptied;
use crate::support::chains::with_only_children;
use crate::support::pages::Counts;
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

/// L1: the leaf before one that is cut out is held by another thread. Refused, a removal lets others run
/// before it asks again: the thread that holds the leaf needs a turn to drop its guard.
#[testkit::test]
fn a_refused_latch_is_not_asked_for_again_at_once() {
    // In many schedules the removal runs first, and in half of these a yield gives the other thread its turn.
    // Without a yield the schedule keeps a thread running for hundreds of turns.
    let counted: Arc<std::sync::Mutex<Vec<Counts>>> = Arc::default();
    let seen = Arc::clone(&counted);
    schedule::pct(60, 1, move || {
        let mut story = with_only_children(1, [1, 1, 3]);
        let before = story.check_quietly().leaves[0];
        let (pages, tree) = (&story.pages, &story.tree);
        let (key, record) = (keys::long(1, 900), keys::record(2));
        thread::scope(|scope| {
            let guard = pages.write(before).expect("the leaf is there");
            pages.watch();
            let remover = scope.spawn(|| tree.remove(pages, &key, record));
            // The removal may run here; no other thread runs at `counts`.
            thread::yield_now();
            let counts = pages.counts();
            drop(guard);
            check_eq!(remover.join().expect("the thread ends"), Ok(true), "remove of an only child");
            seen.lock().expect("no schedule failed").push(counts);
        });
        story.model.remove(&key, record);
        story.check();
    });
    let counted = counted.lock().expect("no schedule failed");
    let has_run = counted.iter().any(|counts| counts.writes > 0);
    check!(has_run, "in some schedule the removal runs while the leaf is held");
    let fewest = counted.iter().map(|counts| counts.refused).filter(|count| *count > 0).min().unwrap_or(0);
    check!(
        fewest <= 3,
        "L1: a removal asked {fewest} times or more for a leaf that another thread held. After a refusal, \
         release everything and call kit::sync::thread::yield_now before the next attempt"
    );
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
