//! Trees whose internal nodes have an only child.

use bplus_tree::KeyMode;
use buffer_pool::RecordId;
use slotted_page::{PAGE_SIZE, PageId};

use super::keys;
use super::model::Story;
use super::pages::Pages;
use super::raw::{Entry, Owner, child_entry, leaf_entry, node};

/// A tree as removals may have left it: below the root a chain of `height` nodes for each of `groups`, at its
/// end so many leaves of one entry each.
pub(crate) fn with_only_children(height: u16, groups: [usize; 3]) -> Story {
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
