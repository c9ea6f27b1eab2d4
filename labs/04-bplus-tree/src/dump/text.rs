//! A tree as text.
//!
//! ```text
//!   tree at page 4, unique
//!   page 4, level 1, 3 children, 63 of 4048 bytes: page 5 | "dog" | page 6 | "owl" | page 7
//!     page 5, leaf, next 6, 2 entries, 26 of 4048 bytes: "ant" 9.0, "cat" 9.4
//!     ...
//! ```

use std::fmt::Write as _;

use super::{Sketch, entry_text};
use crate::node::{CAPACITY, NodeRef};
use crate::{BPlusTree, Error, KeyMode};
use slotted_page::{PageBuf, PageId};

/// Most entries of a node that are shown: so many first ones, and so many last ones.
const SHOWN: (usize, usize) = (6, 3);
/// Most characters of a key.
const KEY_CHARS: usize = 24;

/// Draws a whole tree.
pub(super) fn draw(tree: &BPlusTree, root: &Sketch) -> String {
    let mode = match tree.mode() {
        KeyMode::Unique => "unique",
        KeyMode::Duplicates => "with duplicates",
    };
    let mut out = format!("tree at {}, {mode}\n", tree.id());
    draw_node(root, 0, &mut out);
    out
}

/// Draws a node and those below it.
fn draw_node(sketch: &Sketch, depth: usize, out: &mut String) {
    let _ = write!(out, "{:1$}{2}", "", depth * 2, sketch.page);
    match &sketch.node {
        Err(Error::BadNode { what, .. }) => drop(writeln!(out, ", damaged: {what}")),
        Err(error) => drop(writeln!(out, ", cannot be read: {error}")),
        Ok(node) if node.is_leaf() => {
            let _ = write!(out, ", leaf");
            for (name, leaf) in [("previous", node.previous()), ("next", node.next())] {
                if leaf != PageId::NONE {
                    let _ = write!(out, ", {name} {}", leaf.0);
                }
            }
            let (entries, bytes) = (counted(node.len(), "entry", "entries"), node.used_bytes());
            let _ = writeln!(out, ", {entries}, {bytes} of {CAPACITY} bytes:{}", line(node, ","));
        }
        Ok(node) => {
            let (level, bytes) = (node.level(), node.used_bytes());
            let children = counted(node.len(), "child", "children");
            let _ = write!(out, ", level {level}, {children}, {bytes} of {CAPACITY} bytes:");
            let _ = writeln!(out, "{}", line(node, " |"));
        }
    }
    for child in &sketch.children {
        draw_node(child, depth + 1, out);
    }
    if sketch.hidden() > 0 {
        let _ = writeln!(out, "{:1$}... {2} more", "", depth * 2 + 2, sketch.hidden());
    }
}

/// A number with the word for that many.
fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The entries of a node, those in the middle left out if there are many.
fn line(node: &NodeRef<Box<PageBuf>>, between: &str) -> String {
    let (first, last) = SHOWN;
    let mut out = String::new();
    for index in 0..node.len() {
        let is_middle = index >= first && index + last < node.len();
        if is_middle && node.len() > first + last + 1 {
            if index == first {
                let _ = write!(out, "{between} ... {} more ...", node.len() - first - last);
            }
            continue;
        }
        out += if index > 0 { between } else { "" };
        match (node.entry(index), node.is_leaf()) {
            (Err(error), _) => drop(write!(out, " ({error})")),
            (Ok(entry), true) => drop(write!(out, " {}", entry_text(entry, node.mode(), true, KEY_CHARS))),
            (Ok(entry), false) => {
                if index > 0 {
                    let separator = entry_text(entry, node.mode(), false, KEY_CHARS);
                    let _ = write!(out, " {separator}{between}");
                }
                let child = node.child(index).map_or(0, |child| child.0);
                let _ = write!(out, " page {child}");
            }
        }
    }
    out
}
