//! `destroy_some`: a tree is freed in steps, and what is left can be freed later.

use bplus_tree::{BPlusTree, KeyMode};
use pager_kit::in_batch;
use slotted_page::PageId;
use testkit::pages::{account, expect_sound};
use testkit::{check, check_eq, step};

use crate::support::faults::all_bytes;
use crate::support::{Fault, Story, keys, pool};

/// A tree of `count` keys of 900 bytes.
fn grown(count: u64) -> Story {
    let mut story = Story::new(KeyMode::Unique);
    for number in 0..count {
        story.insert(&keys::long(number * 7 % count, 900), keys::record(number + 1));
    }
    testkit::scene::clear();
    step!("// a tree of {count} keys of 900 bytes");
    story
}

/// Frees what is left, ten pages at a time, through a tree that is opened again each time.
fn destroy_the_rest(story: &Story, root: PageId) {
    for _ in 0..500 {
        let tree = pool::done(BPlusTree::open(&story.pages, root), "open of a tree that is half destroyed");
        step!("tree.destroy_some(&pager, 10)");
        if pool::done(tree.destroy_some(&story.pages, 10), "destroy_some") {
            check_eq!(story.pages.allocated(), Default::default(), "pages that are still allocated");
            return;
        }
    }
    panic!("destroy_some with ten pages did not end within 500 calls");
}

/// Each step frees at least one page and at most as many as it may; the last one says that the tree is gone,
/// and nothing is left.
#[testkit::test]
fn it_frees_as_many_pages_as_it_may() {
    for at_most in [1, 2, 3, 5, 8, 1_000, usize::MAX] {
        for count in [0, 3, 40, 90] {
            let story = grown(count);
            let height = story.check().height;
            let root = story.tree.id();
            loop {
                let tree = pool::done(BPlusTree::open(&story.pages, root), "open between two steps");
                let before = story.pages.allocated().len();
                story.pages.watch();
                step!("tree.destroy_some(&pager, {at_most})");
                let is_gone = pool::done(tree.destroy_some(&story.pages, at_most), "destroy_some");
                let counts = story.pages.counts();
                let freed = before - story.pages.allocated().len();
                check!(
                    freed >= 1 && freed <= at_most,
                    "destroy_some frees {freed} pages, expected 1 to {at_most}"
                );
                check!(counts.most_held <= height + 1, "{} pages are held at once", counts.most_held);
                check_eq!(story.pages.held(), 0, "guards held after destroy_some");
                check_eq!(is_gone, freed == before, "whether the tree is gone");
                if is_gone {
                    break;
                }
            }
        }
    }
}

/// With no page to free nothing happens, and the tree is as it was.
#[testkit::test]
fn with_no_page_to_free_nothing_happens() {
    let story = grown(40);
    let before = all_bytes(&story.pages);
    check_eq!(story.tree.destroy_some(&story.pages, 0), Ok(false), "destroy_some with no page to free");
    check!(all_bytes(&story.pages) == before, "all pages are as they were");
    story.check();
}

/// Whatever page cannot be had or freed: each page that is left is still in the tree, and the next call goes
/// on.
#[testkit::test]
fn it_goes_on_after_an_error() {
    let mut failures = 0;
    for is_free in [false, true] {
        for n in 0..60 {
            let story = grown(25);
            let root = story.tree.id();
            if is_free {
                story.pages.fail_free(n)
            } else {
                story.pages.fail_at(n, Fault::AllPinned)
            }
            step!(
                "tree.destroy_some(&pager, 1000), call {n} of {} fails",
                if is_free { "free" } else { "all" }
            );
            let found = story.tree.destroy_some(&story.pages, 1_000);
            check_eq!(story.pages.held(), 0, "guards held after destroy_some");
            let is_over = if is_free { story.pages.stop_failing_frees() } else { story.pages.stop_failing() };
            if is_over {
                check_eq!(found, Ok(true), "destroy_some without a failure");
                break;
            }
            failures += 1;
            check!(found.is_err(), "destroy_some gives {found:?} though a call of the pager failed");
            destroy_the_rest(&story, root);
        }
    }
    check!(failures > 20, "calls of the pager that failed, here {failures}");
}

/// After a crash between two steps the rest can be destroyed, and no page of the file is lost.
#[testkit::test]
fn it_goes_on_after_a_crash() {
    let (mut disk, mut pool) = pool::new_file(16);
    let tree = pool::done(BPlusTree::create(&pool, KeyMode::Unique), "create in a file");
    let tree = tree.with_latching(bplus_tree::Latching::WholePath);
    for number in 0..60 {
        let key = keys::long(number * 7 % 60, 900);
        pool::done(tree.insert(&pool, &key, keys::record(number + 1)), "insert through the pool");
    }
    let root = tree.id();
    for _ in 0..100 {
        check_eq!(pool.sync(), Ok(()), "sync of the pool");
        drop(pool);
        (disk, pool) = pool::reopen(&disk, 16);
        step!("// the file is opened again; tree.destroy_some(&pool, 3)");
        let tree = pool::open_tree(&pool, root);
        if pool::done(tree.destroy_some(&pool, 3), "destroy_some through the pool") {
            check_eq!(pool.sync(), Ok(()), "sync of the pool");
            let account = account(&disk.durable(), &[], &[], &[]);
            expect_sound("the pages of the file, when the tree is gone", &account.problems);
            return;
        }
    }
    panic!("destroy_some with three pages did not end within 100 calls");
}

/// A step is one batch, which keeps few pages: a mini-transaction of lab 6 cannot keep a whole tree.
#[testkit::test]
fn a_step_is_one_small_batch() {
    let story = grown(60);
    let height = story.check().height;
    for _ in 0..200 {
        step!("tree.destroy_some(&batch, 4)");
        let step = in_batch(&story.pages, |batch| {
            let is_gone = story.tree.destroy_some(batch, 4)?;
            check!(
                batch.kept().len() <= 4 + height,
                "a batch that frees four pages of a tree of {height} levels keeps {} pages",
                batch.kept().len()
            );
            Ok(is_gone)
        });
        let (is_gone, _changes) = pool::done(step, "destroy_some in a batch");
        if is_gone {
            check_eq!(story.pages.allocated(), Default::default(), "pages that are still allocated");
            return;
        }
    }
    panic!("destroy_some with four pages did not end within 200 calls");
}
