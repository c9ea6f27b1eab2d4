//! Which threads wait: a page that the test holds must not stop a thread that does not need it.

use buffer_pool::Pager;
use kit::sync::thread;
use slotted_page::PageId;
use testkit::{check, check_eq, schedule, step};

use super::roomy;
use crate::support::raw::{children_of, entries_of};
use crate::support::{Pages, Story, keys};

/// The way from the root to the leaf of `key`, by hand.
fn way(story: &Story, key: &[u8]) -> Vec<PageId> {
    story.pages.watch();
    story.get(key);
    let way = story.pages.asked();
    story.pages.watch();
    way
}

/// Readers in the nodes above do not hold up a change that needs its leaf alone, nor does the change hold up
/// readers elsewhere.
#[testkit::test]
fn readers_above_do_not_block_a_change() {
    for is_removal in [false, true] {
        schedule::explore(20, move || {
            let story = roomy(60, 500, 5, 4);
            let key = keys::long(305, 20);
            let leaf = *way(&story, &key).last().expect("a leaf");
            let walked = story.check_quietly();
            let all = walked.internals.into_iter().chain(walked.leaves);
            let others: Vec<PageId> = all.filter(|id| *id != leaf).collect();
            let (pages, tree) = (&story.pages, &story.tree);
            step!("// {} pages are held for reading, all but the leaf", others.len());
            let held: Vec<_> = others.iter().map(|id| pages.read(*id)).collect();
            thread::scope(|scope| {
                scope.spawn(|| {
                    let found = match is_removal {
                        false => tree.insert(pages, &key, keys::record(9)),
                        true => tree.remove(pages, &keys::long(300, 500), keys::record(30)).map(drop),
                    };
                    check_eq!(found, Ok(()), "a change while all other pages are read");
                });
            });
            drop(held);
        });
    }
}

/// A thread inside one leaf stops nobody in another subtree, not even one that splits a leaf or merges two
/// there.
#[testkit::test]
fn changes_in_different_subtrees_overlap() {
    schedule::explore(30, || {
        let story = roomy(81, 900, 3, 3);
        let (pages, tree) = (&story.pages, &story.tree);
        let root = pages.bytes(tree.id()).expect("the root is there");
        let subtree = *children_of(&root).first().expect("a child");
        let inside = pages.bytes(subtree).expect("it is there");
        check!(!children_of(&inside).is_empty(), "the test's tree has three levels");
        step!("// {subtree}, the first child of the root, and its leaves are held for writing");
        let mut held = vec![pages.write(subtree)];
        held.extend(children_of(&inside).into_iter().map(|id| pages.write(id)));
        thread::scope(|scope| {
            scope.spawn(|| {
                for number in [701, 702, 703, 704, 705, 706] {
                    let found = tree.insert(pages, &keys::long(number, 900), keys::record(number));
                    check_eq!(found, Ok(()), "insert of {number} while another subtree is held");
                }
                for number in [701, 702, 703, 704, 705, 706, 700, 710, 690] {
                    let record = if number > 700 && number < 707 { number } else { number / 10 };
                    let found = tree.remove(pages, &keys::long(number, 900), keys::record(record));
                    check_eq!(found, Ok(true), "remove of {number} while another subtree is held");
                }
                let found = tree.get(pages, &keys::long(650, 900));
                check_eq!(found, Ok(Some(keys::record(65))), "get while another subtree is held");
            });
        });
        drop(held);
    });
}

/// A change that waits at the bottom has let go of the root, if a node below is safe: others pass.
#[testkit::test]
fn ancestors_of_a_safe_node_are_let_go() {
    for is_removal in [false, true] {
        schedule::explore(40, move || {
            let story = roomy(180, 500, 5, 6);
            let (pages, tree) = (&story.pages, &story.tree);
            let walked = story.check_quietly();
            check_eq!(walked.height, 3, "levels of the test's tree");
            // A leaf in the middle of a node in the middle, which has room and entries to spare.
            let middle = walked.internals[3];
            let leaves = children_of(&pages.bytes(middle).expect("it is there"));
            let (leaf, right) = (leaves[2], leaves[3]);
            let first = entry_keys(pages, leaf)[0].clone();
            step!("// {right} is held for reading, and a change in {leaf} needs it");
            let held = pages.read(right);
            thread::scope(|scope| {
                scope.spawn(|| {
                    if is_removal {
                        // With one entry left of five the leaf is merged.
                        let keys: Vec<Vec<u8>> = entry_keys(pages, leaf);
                        for key in keys.iter().skip(1) {
                            let record = story.model.get(key).expect("the test's own key");
                            let found = tree.remove(pages, key, record);
                            check_eq!(found, Ok(true), "remove of {}", keys::shown(key));
                        }
                    } else {
                        for number in 0..8 {
                            let mut key = first.clone();
                            key.truncate(490);
                            key.push(b'0' + number);
                            let found = tree.insert(pages, &key, keys::record(7));
                            check_eq!(found, Ok(()), "insert of {}", keys::shown(&key));
                        }
                    }
                });
                scope
                    .spawn(|| {
                        for number in [1, 179, 2] {
                            let found = tree.get(pages, &keys::long(10 * number, 500));
                            check_eq!(found, Ok(Some(keys::record(number))), "get past a change that waits");
                        }
                        let found = tree.insert(pages, &keys::long(1_795, 20), keys::record(7));
                        check_eq!(found, Ok(()), "insert past a change that waits");
                    })
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                drop(held);
            });
        });
    }
}

/// The keys of a leaf.
fn entry_keys(pages: &Pages, leaf: PageId) -> Vec<Vec<u8>> {
    let Some(page) = pages.bytes(leaf) else { return Vec::new() };
    entries_of(&page).into_iter().map(|entry| entry[6..].to_vec()).collect()
}
