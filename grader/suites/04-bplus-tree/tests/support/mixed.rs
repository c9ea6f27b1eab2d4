//! Trees whose separators have other lengths than their keys, in nodes that are filled with bytes.

use bplus_tree::{KeyMode, MAX_KEY_LEN};
use buffer_pool::RecordId;
use slotted_page::slotted::{SLOT_SIZE, SLOTS_AT};
use slotted_page::{PAGE_SIZE, PageId};
use testkit::{Rng, step};

use super::keys;
use super::model::Story;
use super::pages::Pages;
use super::raw::{Entry, Owner, child_entry, leaf_entry, node};

/// Bytes of a node for entries and their slots.
pub(crate) const CAPACITY: usize = PAGE_SIZE - SLOTS_AT;

/// A node that waits for its parent: its page, and the separator to its left.
type Below = (PageId, Entry);

/// A length of a key: short or long.
pub(crate) fn a_length(rng: &mut Rng) -> usize {
    if rng.bool() { rng.usize(10..40) } else { rng.usize(850..=MAX_KEY_LEN) }
}

/// A tree of the keys 10, 20, .. of any length in leaves of one to four entries. The separators lie between
/// two keys and have any length. Internal nodes are filled up to `fill` percent, with two children at least.
pub(crate) fn tree(rng: &mut Rng, count: u64, fill: usize) -> Story {
    let numbers: Vec<u64> = (1..=count).map(|at| 10 * at).collect();
    let mut leaves: Vec<Vec<Entry>> = Vec::new();
    let mut rest = &numbers[..];
    while !rest.is_empty() {
        let (now, later) = rest.split_at(rng.usize(1..=4).min(rest.len()));
        let entry = |number: &u64| (keys::long(*number, a_length(rng)), keys::record(*number / 10));
        leaves.push(now.iter().map(entry).collect());
        rest = later;
    }
    let pages = Pages::with_capacity(400);
    let root = pages.place([0; PAGE_SIZE]);
    let ids: Vec<PageId> = leaves.iter().map(|_| pages.place([0; PAGE_SIZE])).collect();
    let mut below: Vec<Below> = Vec::new();
    for (at, leaf) in leaves.iter().enumerate() {
        let neighbour = |at: Option<usize>| at.and_then(|at| ids.get(at)).copied().unwrap_or(PageId::NONE);
        let (previous, next) = (neighbour(at.checked_sub(1)), neighbour(Some(at + 1)));
        let owner = Owner { previous, next, tree: root, level: 0, mode: 0 };
        let bytes: Vec<Vec<u8>> = leaf.iter().map(|(key, record)| leaf_entry(key, *record)).collect();
        pages.put(ids[at], node(ids[at], owner, &bytes));
        let first = leaf[0].1.slot.0 as u64 * 10;
        below.push((ids[at], (keys::long(first - 5, a_length(rng)), RecordId::MIN)));
    }
    let mut level = 0;
    while below.len() > 1 {
        level += 1;
        below = parents(&pages, root, level, below, fill);
    }
    let entries: Vec<Entry> = leaves.into_iter().flatten().collect();
    testkit::scene::clear();
    step!("// a tree of {count} keys, in {} leaves, with separators of any length", ids.len());
    Story::open(pages, root, &entries, KeyMode::Unique)
}

/// A tree of three levels with one entry a leaf. Each group is an internal node: the length of the separator
/// before it, and then those of the separators between its children.
pub(crate) fn three_levels(groups: &[&[usize]]) -> Story {
    let leaves: usize = groups.iter().map(|group| group.len()).sum();
    let entries: Vec<Entry> =
        (1..=leaves as u64).map(|at| (keys::long(10 * at, 10), keys::record(at))).collect();
    let pages = Pages::with_capacity(60);
    let root = pages.place([0; PAGE_SIZE]);
    let ids: Vec<PageId> = entries.iter().map(|_| pages.place([0; PAGE_SIZE])).collect();
    let owner = |level| Owner { previous: PageId::NONE, next: PageId::NONE, tree: root, level, mode: 0 };
    for (at, (key, record)) in entries.iter().enumerate() {
        let neighbour = |at: Option<usize>| at.and_then(|at| ids.get(at)).copied().unwrap_or(PageId::NONE);
        let (previous, next) = (neighbour(at.checked_sub(1)), neighbour(Some(at + 1)));
        pages.put(ids[at], node(ids[at], Owner { previous, next, ..owner(0) }, &[leaf_entry(key, *record)]));
    }
    let separator = |at: usize, len| (keys::long(10 * at as u64 + 5, len), RecordId::MIN);
    let (mut at, mut above) = (0, Vec::new());
    for group in groups {
        let id = pages.place([0; PAGE_SIZE]);
        let bytes = group.iter().enumerate().map(|(child, len)| {
            let separator = separator(at + child, *len);
            child_entry(ids[at + child], if child == 0 { None } else { Some(&separator) })
        });
        pages.put(id, node(id, owner(1), &bytes.collect::<Vec<_>>()));
        let separator = separator(at, group[0]);
        above.push(child_entry(id, if at == 0 { None } else { Some(&separator) }));
        at += group.len();
    }
    pages.put(root, node(root, owner(2), &above));
    testkit::scene::clear();
    step!("// a tree of three levels with {leaves} leaves; the lengths of its separators are {groups:?}");
    Story::open(pages, root, &entries, KeyMode::Unique)
}

/// Writes the level above `below`.
fn parents(pages: &Pages, root: PageId, level: u16, below: Vec<Below>, fill: usize) -> Vec<Below> {
    let mut groups: Vec<Vec<Below>> = Vec::new();
    let mut used = usize::MAX;
    for child in below {
        let size = SLOT_SIZE + 4 + RecordId::LEN + child.1.0.len();
        let is_small = groups.last().is_some_and(|group| group.len() < 2);
        if is_small || used.saturating_add(size) <= CAPACITY * fill / 100 {
            used += size;
            groups.last_mut().expect("it has a child").push(child);
        } else {
            used = SLOT_SIZE + 4 + RecordId::LEN;
            groups.push(vec![child]);
        }
    }
    // The last group needs two children as well.
    if groups.len() > 1 && groups.last().is_some_and(|group| group.len() < 2) {
        let last = groups.pop().expect("there is one");
        groups.last_mut().expect("there is another").extend(last);
        let two = groups.pop().expect("there is one");
        let right = two[two.len() - 2..].to_vec();
        let left = two[..two.len() - 2].to_vec();
        if left.len() < 2 {
            groups.push(two);
        } else {
            groups.extend([left, right]);
        }
    }
    let is_top = groups.len() == 1;
    groups
        .into_iter()
        .map(|group| {
            let id = if is_top { root } else { pages.place([0; PAGE_SIZE]) };
            let child = |(at, (id, separator)): (usize, &Below)| {
                child_entry(*id, if at == 0 { None } else { Some(separator) })
            };
            let bytes: Vec<Vec<u8>> = group.iter().enumerate().map(child).collect();
            let owner = Owner { previous: PageId::NONE, next: PageId::NONE, tree: root, level, mode: 0 };
            pages.put(id, node(id, owner, &bytes));
            (id, group[0].1.clone())
        })
        .collect()
}
