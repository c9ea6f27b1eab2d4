//! A B+Tree: nodes, order, separators, links (lab 4).

use std::collections::BTreeSet;

use super::slotted::CAPACITY;
use super::{
    INTERNAL, LEAF, PAGE, Rid, has_header, key_text, kind, kind_name, page, rid_at, slotted, u16_at, u32_at,
};

/// Longest key in bytes: four entries of an internal node fit, each with its slot.
const MAX_KEY: usize = CAPACITY / 4 - 4 - 4 - 6;

/// What is in a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TreeWalk {
    /// Keys can have several records.
    pub has_duplicates: bool,
    /// Levels, 1 for a tree of one leaf.
    pub height: usize,
    /// The entries from left to right.
    pub entries: Vec<(Vec<u8>, Rid)>,
    /// The nodes, each before its children, from left to right.
    pub nodes: Vec<Node>,
    /// The separators of all internal nodes but those of first children, each node's in order.
    pub separators: Vec<(Vec<u8>, Rid)>,
    /// What is wrong.
    pub problems: Vec<String>,
    /// That one of the problems that says that the root has one child. A tree may keep such a root where a
    /// latch was refused.
    pub high_root: Option<String>,
}

/// A node of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Its page.
    pub page: u32,
    /// 0 for a leaf, one more for each level up.
    pub level: u16,
    /// Entries, which in an internal node are children.
    pub entries: usize,
    /// Bytes of slots and entries.
    pub used_bytes: usize,
}

impl Node {
    /// Bytes used, of those a node has for slots and entries, in percent.
    pub fn fill_percent(&self) -> usize {
        self.used_bytes * 100 / CAPACITY
    }
}

impl TreeWalk {
    /// The pages of the leaves from left to right.
    pub fn leaves(&self) -> Vec<u32> {
        self.nodes.iter().filter(|node| node.level == 0).map(|node| node.page).collect()
    }

    /// The pages of all nodes.
    pub fn pages(&self) -> Vec<u32> {
        self.nodes.iter().map(|node| node.page).collect()
    }

    /// What is wrong, other than a root that has one child.
    pub fn problems_but_a_high_root(&self) -> Vec<String> {
        self.problems.iter().filter(|problem| Some(*problem) != self.high_root.as_ref()).cloned().collect()
    }

    /// Bytes used in all leaves, of those they have, in percent.
    pub fn leaf_fill_percent(&self) -> usize {
        let leaves: Vec<&Node> = self.nodes.iter().filter(|node| node.level == 0).collect();
        let used: usize = leaves.iter().map(|node| node.used_bytes).sum();
        used * 100 / (CAPACITY * leaves.len()).max(1)
    }
}

/// Key and record id: what entries are ordered by.
type Position = (Vec<u8>, Rid);

/// What a node must keep to: everything in it is at or above `low` and below `high`.
#[derive(Clone, Default)]
struct Bounds {
    low: Option<Position>,
    high: Option<Position>,
}

struct Walker<'r> {
    read: &'r dyn Fn(u32) -> Option<[u8; PAGE]>,
    root: u32,
    mode: u16,
    seen: BTreeSet<u32>,
    /// Each leaf with its links to the left and to the right.
    links: Vec<(u32, u32, u32)>,
    walk: TreeWalk,
}

/// Walks over the tree whose root page is `root`, from the top.
pub fn tree_walk(bytes: &[u8], root: u32) -> TreeWalk {
    tree_walk_with(&|id| page(bytes, id)?.try_into().ok(), root)
}

/// As [`tree_walk`], of the pages that `read` gives: `None` for one that is not there, or that cannot be
/// looked at.
pub fn tree_walk_with(read: &dyn Fn(u32) -> Option<[u8; PAGE]>, root: u32) -> TreeWalk {
    let walk = TreeWalk::default();
    let mut walker = Walker { read, root, mode: 0, seen: BTreeSet::new(), links: Vec::new(), walk };
    walker.node(root, None, &Bounds::default());
    walker.links();
    walker.walk
}

impl Walker<'_> {
    fn problem(&mut self, text: String) {
        self.walk.problems.push(text);
    }

    /// The subtree of `id`; `level` is None for the root.
    fn node(&mut self, id: u32, level: Option<u16>, bounds: &Bounds) {
        if !self.seen.insert(id) {
            return self.problem(format!("page {id} can be reached in two ways"));
        }
        let Some(page) = (self.read)(id) else {
            return self.problem(format!("page {id} is of the tree, and is not there"));
        };
        if !has_header(&page, id, &mut self.walk.problems) {
            return;
        }
        let slotted = slotted(&page);
        self.walk.problems.extend(slotted.problems.iter().map(|problem| format!("page {id} {problem}")));
        let found = u16_at(slotted.owner, 12);
        if level.is_none() {
            self.mode = u16_at(slotted.owner, 14);
            self.walk.has_duplicates = self.mode == 1;
            self.walk.height = usize::from(found) + 1;
        }
        if !self.check_owner(id, kind(&page), slotted.owner, level) {
            return;
        }
        let head = if found == 0 { 0 } else { 4 };
        let mut entries: Vec<(u32, Position)> = Vec::new();
        for (slot, record) in slotted.records.iter().enumerate() {
            match record {
                None => self.problem(format!("page {id}: slot {slot} of a node is free")),
                Some(entry) if entry.len() < head + 6 => {
                    self.problem(format!("page {id}: entry {slot} has {} bytes", entry.len()));
                }
                Some(entry) => {
                    let child = if head == 0 { 0 } else { u32_at(entry, 0) };
                    entries.push((child, (entry[head + 6..].to_vec(), rid_at(entry, head))));
                }
            }
        }
        let node = Node { page: id, level: found, entries: entries.len(), used_bytes: slotted.used_bytes };
        self.walk.nodes.push(node);
        self.check_count(&node);
        self.check_entries(&node, &entries, bounds);
        if found == 0 {
            self.links.push((id, u32_at(slotted.owner, 0), u32_at(slotted.owner, 4)));
            self.walk.entries.extend(entries.into_iter().map(|(_, position)| position));
        } else {
            let separators = entries.iter().skip(1).map(|(_, separator)| separator.clone());
            self.walk.separators.extend(separators);
            self.children(&node, &entries, bounds);
        }
    }

    /// Whether the page is a node that belongs here, so that its entries can be read.
    fn check_owner(&mut self, id: u32, kind: u16, owner: &[u8], level: Option<u16>) -> bool {
        let (found, mode) = (u16_at(owner, 12), u16_at(owner, 14));
        let wanted = if found == 0 { LEAF } else { INTERNAL };
        if kind != wanted {
            self.problem(format!("page {id} is of kind {} and at level {found}", kind_name(kind)));
            return false;
        }
        if let Some(level) = level.filter(|level| *level != found) {
            self.problem(format!("page {id} is at level {found}, its parent at level {}", level + 1));
            return false;
        }
        if u32_at(owner, 8) != self.root {
            self.problem(format!("page {id} names tree {}, and is in tree {}", u32_at(owner, 8), self.root));
        }
        if mode > 1 || mode != self.mode {
            self.problem(format!("page {id} is of mode {mode}, the root of mode {}", self.mode));
        }
        if found > 0 && (u32_at(owner, 0), u32_at(owner, 4)) != (0, 0) {
            self.problem(format!("page {id} is internal and has siblings linked"));
        }
        true
    }

    fn check_count(&mut self, node: &Node) {
        let Node { page, level, entries, .. } = *node;
        let is_root = page == self.root;
        if level == 0 && entries == 0 && !is_root {
            self.problem(format!("page {page} is an empty leaf, and not the root"));
        }
        if level > 0 && entries == 0 {
            self.problem(format!("page {page} is internal and has no child"));
        }
        if level > 0 && entries == 1 && is_root {
            let problem = format!("the root, page {page}, has one child: it should have become that child");
            self.walk.high_root = Some(problem.clone());
            self.problem(problem);
        }
    }

    /// Order inside of the node and against its bounds.
    fn check_entries(&mut self, node: &Node, entries: &[(u32, Position)], bounds: &Bounds) {
        let id = node.page;
        let is_unique = self.mode == 0;
        // The first separator of an internal node stands for "below everything".
        let skipped = usize::from(node.level > 0);
        if let Some((_, first)) = entries.first().filter(|_| node.level > 0)
            && *first != (Vec::new(), (0, 0))
        {
            self.problem(format!("page {id}: the first separator is not empty, it is {}", text(first)));
        }
        let ordered = entries.get(skipped..).unwrap_or_default();
        for (at, (_, position)) in ordered.iter().enumerate() {
            let entry = at + skipped;
            if position.0.len() > MAX_KEY {
                self.problem(format!("page {id}: the key of entry {entry} has {} bytes", position.0.len()));
            }
            if node.level > 0 && is_unique && position.1 != (0, 0) {
                self.problem(format!("page {id}: separator {entry} of a unique tree has a record id"));
            }
            let below_low = bounds.low.as_ref().filter(|low| position < low);
            if let Some(low) = below_low {
                let (own, low) = (text(position), text(low));
                self.problem(format!("page {id}: entry {entry}, {own}, is below its separator {low}"));
            }
            if let Some(high) = bounds.high.as_ref().filter(|high| position >= *high) {
                let (own, high) = (text(position), text(high));
                self.problem(format!(
                    "page {id}: entry {entry}, {own}, is not below {high}, where the next subtree begins"
                ));
            }
        }
        for (at, pair) in ordered.windows(2).enumerate() {
            let (left, right) = (&pair[0].1, &pair[1].1);
            if left >= right || is_unique && left.0 == right.0 {
                let entry = at + skipped + 1;
                let (left, right) = (text(left), text(right));
                self.problem(format!("page {id}: entry {entry}, {right}, does not come after {left}"));
            }
        }
    }

    fn children(&mut self, node: &Node, entries: &[(u32, Position)], bounds: &Bounds) {
        for (at, (child, separator)) in entries.iter().enumerate() {
            let low = if at == 0 { bounds.low.clone() } else { Some(separator.clone()) };
            let high = match entries.get(at + 1) {
                Some((_, next)) => Some(next.clone()),
                None => bounds.high.clone(),
            };
            self.node(*child, Some(node.level - 1), &Bounds { low, high });
        }
    }

    /// The leaves are linked as they stand.
    fn links(&mut self) {
        let links = std::mem::take(&mut self.links);
        for (at, (leaf, previous, next)) in links.iter().enumerate() {
            let left = at.checked_sub(1).map_or(0, |at| links[at].0);
            let right = links.get(at + 1).map_or(0, |link| link.0);
            if *previous != left {
                self.problem(format!("leaf {leaf} says that leaf {previous} is to its left, it is {left}"));
            }
            if *next != right {
                self.problem(format!("leaf {leaf} says that leaf {next} is to its right, it is {right}"));
            }
        }
    }
}

fn text(position: &Position) -> String {
    match position.1 {
        (0, 0) => key_text(&position.0),
        (page, slot) => format!("{} of record {page}.{slot}", key_text(&position.0)),
    }
}
