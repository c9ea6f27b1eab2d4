//! Nodes written from the documentation of the format, without the code under test.

use std::cell::Cell;

use buffer_pool::RecordId;
use slotted_page::header::{get_u16, get_u32, put_u16, put_u32};
use slotted_page::slotted::{OWNER_AT, SLOT_COUNT_AT, SLOT_SIZE, SLOTS_AT};
use slotted_page::{PAGE_SIZE, PageBuf, PageId, PageKind, SlotId, SlottedPage, header};

use super::pages::Pages;

/// An entry: its key and its record id.
pub(crate) type Entry = (Vec<u8>, RecordId);

/// What a node says of itself, in the owner's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The leaf to the left, or 0.
    pub(crate) previous: PageId,
    /// The leaf to the right, or 0.
    pub(crate) next: PageId,
    /// The root page.
    pub(crate) tree: PageId,
    /// 0 for a leaf.
    pub(crate) level: u16,
    /// 0 unique, 1 duplicates.
    pub(crate) mode: u16,
}

impl Owner {
    /// Reads it.
    pub(crate) fn of(page: &PageBuf) -> Self {
        Owner {
            previous: PageId(get_u32(page, OWNER_AT)),
            next: PageId(get_u32(page, OWNER_AT + 4)),
            tree: PageId(get_u32(page, OWNER_AT + 8)),
            level: get_u16(page, OWNER_AT + 12),
            mode: get_u16(page, OWNER_AT + 14),
        }
    }

    fn put(self, page: &mut PageBuf) {
        put_u32(page, OWNER_AT, self.previous.0);
        put_u32(page, OWNER_AT + 4, self.next.0);
        put_u32(page, OWNER_AT + 8, self.tree.0);
        put_u16(page, OWNER_AT + 12, self.level);
        put_u16(page, OWNER_AT + 14, self.mode);
    }
}

/// A node of these entries, in this order.
pub(crate) fn node(id: PageId, owner: Owner, entries: &[Vec<u8>]) -> PageBuf {
    let kind = if owner.level == 0 { PageKind::BTREE_LEAF } else { PageKind::BTREE_INTERNAL };
    let mut page = [0; PAGE_SIZE];
    header::init(&mut page, id, kind);
    let mut slotted = SlottedPage::init(Box::new(page), id, kind);
    for (slot, entry) in entries.iter().enumerate() {
        slotted.insert_at(SlotId(slot as u16), entry).expect("the test's node holds what it is given");
    }
    let mut page = *slotted.into_inner();
    owner.put(&mut page);
    page
}

/// The bytes of a leaf's entry.
pub(crate) fn leaf_entry(key: &[u8], record: RecordId) -> Vec<u8> {
    let mut bytes = record.page.0.to_be_bytes().to_vec();
    bytes.extend(record.slot.0.to_be_bytes());
    bytes.extend(key);
    bytes
}

/// The bytes of an internal node's entry.
pub(crate) fn child_entry(child: PageId, separator: Option<&Entry>) -> Vec<u8> {
    let mut bytes = child.0.to_le_bytes().to_vec();
    match separator {
        Some((key, record)) => bytes.extend(leaf_entry(key, *record)),
        None => bytes.extend([0; 6]),
    }
    bytes
}

/// The entries of a page as they lie, in slot order; none if its slots make no sense.
pub(crate) fn entries_of(page: &PageBuf) -> Vec<&[u8]> {
    let count = get_u16(page, SLOT_COUNT_AT) as usize;
    let place = |slot: usize| {
        let at = SLOTS_AT + SLOT_SIZE * slot;
        let start = get_u16(page.get(at..at + 2)?, 0) as usize;
        let len = get_u16(page.get(at + 2..at + 4)?, 0) as usize;
        page.get(start..start + len)
    };
    (0..count).map_while(place).collect()
}

/// The leaf right of a leaf, if the page is a leaf and has one.
pub(crate) fn next_of(page: &PageBuf) -> Option<PageId> {
    let is_leaf = header::kind(page) == PageKind::BTREE_LEAF;
    Some(Owner::of(page).next).filter(|next| is_leaf && *next != PageId::NONE)
}

/// The children of an internal node; none for a leaf.
pub(crate) fn children_of(page: &PageBuf) -> Vec<PageId> {
    if header::kind(page) != PageKind::BTREE_INTERNAL {
        return Vec::new();
    }
    entries_of(page)
        .into_iter()
        .filter(|entry| entry.len() >= 4)
        .map(|entry| PageId(get_u32(entry, 0)))
        .collect()
}

/// Pages of `capacity` at most with a unique tree of the sorted `entries`, and its root: `per_leaf` entries a
/// leaf, `fanout` children a node. A separator is the first key on its right.
pub(crate) fn unique_tree(
    entries: &[Entry],
    per_leaf: usize,
    fanout: usize,
    capacity: usize,
) -> (Pages, PageId) {
    let separator = |_: &Entry, right: &Entry| (right.0.clone(), RecordId::MIN);
    let pages = Pages::with_capacity(capacity);
    let root =
        Shape { has_duplicates: false, per_leaf, fanout, separator: &separator }.build(&pages, entries);
    (pages, root)
}

/// How a tree is put together by hand.
pub(crate) struct Shape<'a> {
    /// True for a tree with duplicates.
    pub(crate) has_duplicates: bool,
    /// Entries of a leaf.
    pub(crate) per_leaf: usize,
    /// Children of an internal node.
    pub(crate) fanout: usize,
    /// The separator between the last entry to the left and the first to the right.
    pub(crate) separator: &'a dyn Fn(&Entry, &Entry) -> Entry,
}

impl Shape<'_> {
    /// Writes a tree of the sorted `entries` and gives its root.
    pub(crate) fn build(&self, pages: &Pages, entries: &[Entry]) -> PageId {
        let root = pages.place([0; PAGE_SIZE]);
        let mode = u16::from(self.has_duplicates);
        let mut chunks: Vec<&[Entry]> = entries.chunks(self.per_leaf).collect();
        if chunks.is_empty() {
            chunks.push(&[]);
        }
        let numbers = number_nodes(pages, root, chunks.len());
        for (at, chunk) in chunks.iter().enumerate() {
            let neighbour = |at: Option<usize>| at.and_then(|at| numbers.get(at)).copied();
            let previous = neighbour(at.checked_sub(1)).unwrap_or(PageId::NONE);
            let next = neighbour(Some(at + 1)).unwrap_or(PageId::NONE);
            let owner = Owner { previous, next, tree: root, level: 0, mode };
            let bytes: Vec<Vec<u8>> = chunk.iter().map(|(key, record)| leaf_entry(key, *record)).collect();
            pages.put(numbers[at], node(numbers[at], owner, &bytes));
        }
        // A node that waits for its parent: its page, and its first and last entry.
        let ends = |chunk: &&[Entry]| (chunk.first().cloned(), chunk.last().cloned());
        let mut below: Vec<(PageId, Option<Entry>, Option<Entry>)> =
            chunks.iter().map(ends).zip(&numbers).map(|((first, last), id)| (*id, first, last)).collect();
        let level = Cell::new(0);
        while below.len() > 1 {
            level.set(level.get() + 1);
            below = self.build_level(pages, root, level.get(), &below);
        }
        root
    }

    /// A tree of leaves with so many entries each under one root.
    pub(crate) fn leaves_of(entries: &[Entry], sizes: &[usize]) -> (Pages, PageId) {
        let pages = Pages::with_capacity(40);
        let root = pages.place([0; PAGE_SIZE]);
        let ids: Vec<PageId> = sizes.iter().map(|_| pages.place([0; PAGE_SIZE])).collect();
        let (mut rest, mut above) = (entries, Vec::new());
        for (at, size) in sizes.iter().enumerate() {
            let (own, later) = rest.split_at(*size);
            let neighbour =
                |at: Option<usize>| at.and_then(|at| ids.get(at)).copied().unwrap_or(PageId::NONE);
            let (previous, next) = (neighbour(at.checked_sub(1)), neighbour(Some(at + 1)));
            let owner = Owner { previous, next, tree: root, level: 0, mode: 0 };
            let bytes: Vec<Vec<u8>> = own.iter().map(|(key, record)| leaf_entry(key, *record)).collect();
            pages.put(ids[at], node(ids[at], owner, &bytes));
            let separator = (own[0].0.clone(), RecordId::MIN);
            above.push(child_entry(ids[at], if at == 0 { None } else { Some(&separator) }));
            rest = later;
        }
        let owner = Owner { previous: PageId::NONE, next: PageId::NONE, tree: root, level: 1, mode: 0 };
        pages.put(root, node(root, owner, &above));
        (pages, root)
    }

    fn build_level(
        &self,
        pages: &Pages,
        root: PageId,
        level: u16,
        below: &[(PageId, Option<Entry>, Option<Entry>)],
    ) -> Vec<(PageId, Option<Entry>, Option<Entry>)> {
        let groups: Vec<_> = below.chunks(self.fanout).collect();
        let numbers = number_nodes(pages, root, groups.len());
        let mut out = Vec::new();
        for (group, id) in groups.iter().zip(numbers) {
            let mut bytes = vec![child_entry(group[0].0, None)];
            for pair in group.windows(2) {
                let (left, right) = (pair[0].2.as_ref(), pair[1].1.as_ref());
                let separator = (self.separator)(left.expect("not empty"), right.expect("not empty"));
                bytes.push(child_entry(pair[1].0, Some(&separator)));
            }
            let mode = u16::from(self.has_duplicates);
            let owner = Owner { previous: PageId::NONE, next: PageId::NONE, tree: root, level, mode };
            pages.put(id, node(id, owner, &bytes));
            out.push((id, group[0].1.clone(), group[group.len() - 1].2.clone()));
        }
        out
    }
}

/// Numbers for `count` nodes of a level; the only node of the highest level is the root.
fn number_nodes(pages: &Pages, root: PageId, count: usize) -> Vec<PageId> {
    if count == 1 { vec![root] } else { (0..count).map(|_| pages.place([0; PAGE_SIZE])).collect() }
}
