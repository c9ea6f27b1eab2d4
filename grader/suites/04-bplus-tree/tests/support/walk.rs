//! Reads a whole tree from the bytes of its pages and says whether it is one.

use std::collections::BTreeSet;

use buffer_pool::RecordId;
use slotted_page::header::get_u32;
use slotted_page::slotted::SLOTS_AT;
use slotted_page::{PAGE_SIZE, PageBuf, PageId, PageKind, SlottedPage, header};
use testkit::Failure;

use super::pages::Pages;
use super::raw::{Entry, Owner, entries_of};

/// A tree that is in order.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// Its entries, in order.
    pub(crate) entries: Vec<Entry>,
    /// Its leaves, from left to right.
    pub(crate) leaves: Vec<PageId>,
    /// Its internal nodes, each before its children.
    pub(crate) internals: Vec<PageId>,
    /// Levels, 1 for a single leaf.
    pub(crate) height: usize,
    /// For each leaf, the bytes that its slots and entries use.
    pub(crate) leaf_bytes: Vec<usize>,
    /// The separators of all internal nodes, each node's in order.
    pub(crate) separators: Vec<Entry>,
    /// The level of each node, with its page.
    pub(crate) levels: Vec<(PageId, u16)>,
}

impl Walked {
    /// Mean fill of the leaves, as a fraction.
    pub(crate) fn leaf_fill(&self) -> f64 {
        self.leaf_bytes.iter().sum::<usize>() as f64 / (self.leaves.len() * (PAGE_SIZE - SLOTS_AT)) as f64
    }

    /// All its pages.
    pub(crate) fn pages(&self) -> BTreeSet<PageId> {
        self.leaves.iter().chain(&self.internals).copied().collect()
    }
}

/// Reads the tree in `pages` at `root`; fails the test if it is not in order or a page is lost.
pub(crate) fn walk(pages: &Pages, root: PageId) -> Walked {
    let walked = walk_with(&|id| pages.bytes(id), root);
    let (expected, found) = (walked.pages(), pages.allocated());
    if expected != found {
        let lost: Vec<_> = found.difference(&expected).collect();
        Failure::new("pages that are allocated")
            .expected(&expected)
            .found(&found)
            .note(format!("allocated, but not of the tree: {lost:?}"))
            .raise();
    }
    walked
}

/// As [`walk`], for the pages that `read` gives, of which others may have some.
pub(crate) fn walk_with(read: &dyn Fn(PageId) -> Option<PageBuf>, root: PageId) -> Walked {
    match try_walk(read, root) {
        Ok(walked) => walked,
        Err(Broken { rule, found }) => Failure::new("the tree, read from the bytes of its pages")
            .expected_text(rule)
            .found_text(found)
            .raise(),
    }
}

/// A rule of the format that does not hold.
pub(crate) struct Broken {
    rule: &'static str,
    found: String,
}

fn broken<T>(rule: &'static str, found: String) -> Result<T, Broken> {
    Err(Broken { rule, found })
}

/// Reads the tree, or says what is wrong with it.
pub(crate) fn try_walk(read: &dyn Fn(PageId) -> Option<PageBuf>, root: PageId) -> Result<Walked, Broken> {
    let mut walker = Walker { read, root, mode: 0, seen: BTreeSet::new(), out: Walked::default() };
    let Some(page) = read(root) else {
        return broken("the root page keeps its number", format!("{root} is free"));
    };
    let owner = Owner::of(&page);
    walker.mode = owner.mode;
    walker.out.height = owner.level as usize + 1;
    walker.node(root, owner.level, None, None)?;
    walker.check_links()?;
    Ok(walker.out)
}

struct Walker<'a> {
    read: &'a dyn Fn(PageId) -> Option<PageBuf>,
    root: PageId,
    mode: u16,
    seen: BTreeSet<PageId>,
    out: Walked,
}

impl Walker<'_> {
    /// The node `id` and all below it, whose entries must be at or above `low` and below `high`.
    fn node(
        &mut self,
        id: PageId,
        level: u16,
        low: Option<&Entry>,
        high: Option<&Entry>,
    ) -> Result<(), Broken> {
        let Some(page) = (self.read)(id) else {
            return broken("every child is an allocated page that nobody holds", format!("{id} is not"));
        };
        if !self.seen.insert(id) {
            return broken("every node has one parent", format!("{id} is reached twice"));
        }
        self.check_header(id, level, &page)?;
        self.out.levels.push((id, level));
        if level == 0 {
            return self.leaf(id, &page, low, high);
        }
        self.out.internals.push(id);
        let mut children: Vec<(PageId, Entry)> = Vec::new();
        for (index, bytes) in entries_of(&page).into_iter().enumerate() {
            if bytes.len() < 4 + RecordId::LEN {
                return broken(
                    "an entry has a child and a record id",
                    format!("{id}, entry {index}: {bytes:?}"),
                );
            }
            children.push((PageId(get_u32(bytes, 0)), entry(&bytes[4..])));
        }
        self.check_children(id, &children, low, high)?;
        for (index, (child, separator)) in children.iter().enumerate() {
            let low = if index == 0 { low } else { Some(separator) };
            let high = children.get(index + 1).map(|next| &next.1).or(high);
            self.node(*child, level - 1, low, high)?;
        }
        Ok(())
    }

    fn check_header(&self, id: PageId, level: u16, page: &PageBuf) -> Result<(), Broken> {
        let kind = if level == 0 { PageKind::BTREE_LEAF } else { PageKind::BTREE_INTERNAL };
        let owner = Owner::of(page);
        if header::id(page) != id || header::kind(page) != kind {
            let found =
                format!("{id} says {} and {}, at level {level}", header::id(page), header::kind(page));
            return broken("a node's header names its page and its kind", found);
        }
        if let Err(error) = SlottedPage::open(page, kind) {
            return broken("a node is a sound slotted page", format!("{id}: {error}"));
        }
        if owner.level != level || owner.tree != self.root || owner.mode != self.mode {
            let found = format!("{id}: {owner:?}");
            return broken("level is one below the parent's, tree and mode are the root's", found);
        }
        if level > 0 && (owner.previous, owner.next) != (PageId::NONE, PageId::NONE) {
            return broken("an internal node has no siblings", format!("{id}: {owner:?}"));
        }
        Ok(())
    }

    fn check_children(
        &mut self,
        id: PageId,
        children: &[(PageId, Entry)],
        low: Option<&Entry>,
        high: Option<&Entry>,
    ) -> Result<(), Broken> {
        let Some(first) = children.first() else {
            return broken("an internal node has a child", format!("{id} has none"));
        };
        if id == self.root && children.len() < 2 {
            return broken("an internal root has two children or more", format!("{id} has one"));
        }
        if first.1 != (Vec::new(), RecordId::MIN) {
            return broken("the first separator of a node is empty", format!("{id}: {}", shown(&first.1)));
        }
        let separators: Vec<&Entry> = children[1..].iter().map(|child| &child.1).collect();
        if let Some(pair) = separators.windows(2).find(|pair| pair[0] >= pair[1]) {
            let found = format!("{id}: {} before {}", shown(pair[0]), shown(pair[1]));
            return broken("separators ascend", found);
        }
        for separator in separators {
            let is_below = low.is_some_and(|low| separator <= low);
            if is_below || high.is_some_and(|high| separator >= high) {
                let found = format!("{id}: {} is not between {low:?} and {high:?}", shown(separator));
                return broken("separators lie between the parent's", found);
            }
            if self.mode == 0 && separator.1 != RecordId::MIN {
                let found = format!("{id}: {}", shown(separator));
                return broken("separators of a unique tree have record id zero", found);
            }
            self.out.separators.push(separator.clone());
        }
        Ok(())
    }

    fn leaf(
        &mut self,
        id: PageId,
        page: &PageBuf,
        low: Option<&Entry>,
        high: Option<&Entry>,
    ) -> Result<(), Broken> {
        let stored = entries_of(page);
        if stored.is_empty() && id != self.root {
            return broken("no leaf but the root is empty", format!("{id} is"));
        }
        for (index, bytes) in stored.iter().enumerate() {
            if bytes.len() < RecordId::LEN {
                return broken("an entry has a record id", format!("{id}, entry {index}: {bytes:?}"));
            }
            let entry = entry(bytes);
            let before = self.out.entries.last();
            let is_ordered =
                before.is_none_or(|before| if self.mode == 0 { before.0 < entry.0 } else { *before < entry });
            if !is_ordered {
                let found =
                    format!("{id}: {} after {}", shown(&entry), before.map(shown).unwrap_or_default());
                return broken("entries ascend, inside a leaf and from leaf to leaf", found);
            }
            let is_low = low.is_some_and(|low| self.searched(&entry) < *low);
            if is_low || high.is_some_and(|high| self.searched(&entry) >= *high) {
                let bound = |bound: Option<&Entry>| bound.map(shown).unwrap_or_else(|| "none".to_string());
                let found =
                    format!("{id}: {} is not between {} and {}", shown(&entry), bound(low), bound(high));
                return broken("separator <= everything in the child < next separator", found);
            }
            self.out.entries.push(entry);
        }
        self.out.leaves.push(id);
        self.out.leaf_bytes.push(stored.iter().map(|entry| entry.len() + 4).sum());
        Ok(())
    }

    /// What is compared with separators: in a unique tree the key alone.
    fn searched(&self, entry: &Entry) -> Entry {
        if self.mode == 0 { (entry.0.clone(), RecordId::MIN) } else { entry.clone() }
    }

    fn check_links(&self) -> Result<(), Broken> {
        let leaves = &self.out.leaves;
        for (at, id) in leaves.iter().enumerate() {
            let owner = (self.read)(*id).map(|page| Owner::of(&page));
            let previous = at.checked_sub(1).map_or(PageId::NONE, |at| leaves[at]);
            let next = leaves.get(at + 1).copied().unwrap_or(PageId::NONE);
            if owner.map(|owner| (owner.previous, owner.next)) != Some((previous, next)) {
                let found = format!("{id}: {owner:?}, expected previous {previous} and next {next}");
                return broken("the leaves are linked both ways, from end to end", found);
            }
        }
        Ok(())
    }
}

/// An entry as a test shows it: long keys are cut.
pub(crate) fn shown(entry: &Entry) -> String {
    format!("({}, {})", super::keys::shown(&entry.0), entry.1)
}

/// A record id and a key.
fn entry(bytes: &[u8]) -> Entry {
    let (record, key) = bytes.split_at(RecordId::LEN);
    let record: [u8; RecordId::LEN] = record.try_into().expect("six bytes");
    (key.to_vec(), RecordId::from_bytes(record))
}
