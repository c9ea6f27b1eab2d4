//! Pictures of a tree: text, and SVG. Given.
//!
//! Both are drawn from a [`Sketch`], a copy of the tree that is made a node at a time: nothing stays latched,
//! one frame is enough, and while others change the tree the picture may show parts from different moments.
//! Any tree is drawn, a damaged one too: a node that makes no sense is shown with what is wrong with it, and
//! one that turns up twice is followed once.

mod svg;
mod text;

use std::collections::BTreeSet;

use buffer_pool::{Pager, RecordId};
use slotted_page::{PageBuf, PageId};

use crate::node::{CAPACITY, Entry, NodeRef};
use crate::{BPlusTree, Error, KeyMode};

/// Most nodes in a text; the others are counted.
const NODES_IN_TEXT: usize = 200;
/// Most nodes in a drawing.
const NODES_IN_SVG: usize = 60;

/// The tree as text: a node a line, indented by level. Long keys are cut, and of full nodes the first and the
/// last entries are shown.
///
/// # Errors
/// Those of [`Pager::read`], if the root cannot be read. What is wrong further down is part of the text.
pub fn dump_tree<P: Pager>(pager: &P, tree: &BPlusTree) -> Result<String, Error> {
    Ok(text::draw(tree, &Sketch::of_tree(pager, tree, NODES_IN_TEXT)?))
}

/// The tree as an SVG drawing, leaves in a row at the bottom with their sibling links. A link that does not
/// lead to the leaf beside it is written under the leaf, in red.
///
/// # Errors
/// As [`dump_tree`].
pub fn tree_svg<P: Pager>(pager: &P, tree: &BPlusTree) -> Result<String, Error> {
    Ok(svg::draw(tree, &Sketch::of_tree(pager, tree, NODES_IN_SVG)?))
}

/// A copy of a node, and of those below it.
struct Sketch {
    page: PageId,
    /// The node, or why it is none.
    node: Result<NodeRef<Box<PageBuf>>, Error>,
    /// As many of its children as there was room for, from the left.
    children: Vec<Sketch>,
}

impl Sketch {
    /// A copy of at most `most` nodes of `tree`.
    fn of_tree<P: Pager>(pager: &P, tree: &BPlusTree, most: usize) -> Result<Self, Error> {
        // Reads it twice, to tell a root that cannot be read from a node that is damaged.
        drop(pager.read(tree.id())?);
        let mut seen = BTreeSet::new();
        Ok(Sketch::below(pager, tree, (tree.id(), None), most, &mut seen))
    }

    /// A copy of the node `page`, which should be of that level, and of what is below it.
    fn below<P: Pager>(
        pager: &P,
        tree: &BPlusTree,
        (page, level): (PageId, Option<u16>),
        most: usize,
        seen: &mut BTreeSet<PageId>,
    ) -> Self {
        seen.insert(page);
        let mut children = Vec::new();
        let bytes = pager.read(page).map(|page| Box::new(*page)).map_err(Error::from);
        let node = bytes.and_then(|bytes| tree.node(bytes, level));
        if let Ok(node) = &node
            && !node.is_leaf()
        {
            for index in 0..node.len() {
                match node.child(index) {
                    Ok(child) if seen.len() < most && !seen.contains(&child) => {
                        let child = (child, Some(node.level() - 1));
                        children.push(Sketch::below(pager, tree, child, most, seen));
                    }
                    _ => break,
                }
            }
        }
        Sketch { page, node, children }
    }

    /// Number of children that were left out.
    fn hidden(&self) -> usize {
        match &self.node {
            Ok(node) if !node.is_leaf() => node.len() - self.children.len(),
            _ => 0,
        }
    }
}

/// Percent of a node that is used.
fn fill_percent(node: &NodeRef<Box<PageBuf>>) -> usize {
    node.used_bytes() * 100 / CAPACITY
}

/// A word or two that tell keys apart for a reader: text in quotes or hexadecimal digits, cut after `most`
/// characters. Dots stand for what is left out: zeros in front of a number, and the end of a long key that
/// repeats one byte over and over.
fn key_text(key: &[u8], most: usize) -> String {
    let is_text = key.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    let shown = match key.last() {
        Some(last) if key.len() > most => {
            let run = key.iter().rev().take_while(|byte| *byte == last).count();
            if run > key.len() / 2 { &key[..key.len() - run] } else { key }
        }
        _ => key,
    };
    let dots = |is_cut| if is_cut { ".." } else { "" };
    if is_text {
        let head = &shown[..shown.len().min(most)];
        return format!("\"{}\"{}", head.escape_ascii(), dots(head.len() < key.len()));
    }
    // Numbers as keys begin with zeros, which say nothing.
    let zeros = shown.iter().take_while(|byte| **byte == 0).count();
    let zeros = if zeros > 2 { zeros.min(shown.len() - 1) } else { 0 };
    let head = &shown[zeros..shown.len().min(zeros + most / 2)];
    let digits: String = head.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("0x{}{digits}{}", dots(zeros > 0), dots(zeros + head.len() < key.len()))
}

/// An entry as text; the record id where it tells something: in leaves, and with duplicates in separators
/// too.
fn entry_text(entry: Entry<'_>, mode: KeyMode, is_leaf: bool, most: usize) -> String {
    let key = key_text(entry.key, most);
    if is_leaf || (mode == KeyMode::Duplicates && entry.record != RecordId::MIN) {
        format!("{key} {}.{}", entry.record.page.0, entry.record.slot.0)
    } else {
        key
    }
}
