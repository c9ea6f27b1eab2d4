//! Reads a whole tree from the bytes of its pages, by the walker of the test kit, and says whether it is one.

use std::collections::BTreeSet;

use buffer_pool::RecordId;
use slotted_page::{PageBuf, PageId, SlotId};
use testkit::check_eq;
use testkit::pages::{Node, Rid, TreeWalk, expect_sound, tree_walk_with};

use super::pages::Pages;
use super::raw::Entry;

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
    /// For each internal node, the bytes that its slots and entries use.
    pub(crate) internal_bytes: Vec<usize>,
    /// For each internal node, the number of its children.
    pub(crate) children: Vec<usize>,
    /// The separators of all internal nodes, each node's in order.
    pub(crate) separators: Vec<Entry>,
}

impl Walked {
    /// What the test kit's walker found.
    pub(crate) fn of(walk: TreeWalk) -> Self {
        let (leaves, internals): (Vec<&Node>, Vec<&Node>) =
            walk.nodes.iter().partition(|node| node.level == 0);
        let entry =
            |(key, (page, slot)): (Vec<u8>, Rid)| (key, RecordId { page: PageId(page), slot: SlotId(slot) });
        Walked {
            entries: walk.entries.into_iter().map(entry).collect(),
            leaves: leaves.iter().map(|node| PageId(node.page)).collect(),
            internals: internals.iter().map(|node| PageId(node.page)).collect(),
            height: walk.height,
            leaf_bytes: leaves.iter().map(|node| node.used_bytes).collect(),
            internal_bytes: internals.iter().map(|node| node.used_bytes).collect(),
            children: internals.iter().map(|node| node.entries).collect(),
            separators: walk.separators.into_iter().map(entry).collect(),
        }
    }

    /// All its pages.
    pub(crate) fn pages(&self) -> BTreeSet<PageId> {
        self.leaves.iter().chain(&self.internals).copied().collect()
    }
}

/// Reads the tree in `pages` at `root`; fails the test if it is not in order or a page is lost. If it is not
/// in order, `before_it_fails` is called first.
pub(crate) fn walk(pages: &Pages, root: PageId, before_it_fails: impl Fn()) -> Walked {
    let walk = tree_walk_with(&|id| pages.bytes(PageId(id)), root.0);
    if !walk.problems.is_empty() {
        before_it_fails();
    }
    expect_sound(WHAT, &walk.problems);
    nothing_lost(pages, Walked::of(walk))
}

/// As [`walk`], but the root may have one child.
pub(crate) fn walk_with_a_high_root(pages: &Pages, root: PageId) -> Walked {
    let walk = tree_walk_with(&|id| pages.bytes(PageId(id)), root.0);
    expect_sound(WHAT, &walk.problems_but_a_high_root());
    nothing_lost(pages, Walked::of(walk))
}

/// As [`walk`], for the pages that `read` gives, of which others may have some.
pub(crate) fn walk_with(read: &dyn Fn(PageId) -> Option<PageBuf>, root: PageId) -> Walked {
    let walk = tree_walk_with(&|id| read(PageId(id)), root.0);
    expect_sound(WHAT, &walk.problems);
    Walked::of(walk)
}

/// What is looked at.
const WHAT: &str = "the tree, read from the bytes of its pages";

/// Fails the test if a page is allocated that the tree does not have.
fn nothing_lost(pages: &Pages, walked: Walked) -> Walked {
    check_eq!(pages.allocated(), walked.pages(), "pages that are allocated, beside those of the tree");
    walked
}

/// An entry as a test shows it: long keys are cut.
pub(crate) fn shown(entry: &Entry) -> String {
    format!("({}, {})", super::keys::shown(&entry.0), entry.1)
}
