//! Picture of a B-tree: one line for each level, one pair of brackets for each node.

use std::fmt;

use kit::draw;

use crate::btree::BTree;
use crate::btree::node::Node;

/// The greatest number of characters shown of a key.
const MOST_KEY_CHARS: usize = 12;

impl<K: fmt::Debug, V> BTree<K, V> {
    /// Draws the tree as text: the keys of each node, one line for each level, from the root down. Nodes that
    /// do not fit on the line are counted.
    ///
    /// ```text
    /// len 10, order 2, height 2
    /// [7 16]
    /// [1 3 5] [11 13] [18 20 24]
    /// ```
    pub fn dump(&self) -> String {
        let mut out = format!("len {}, order {}, height {}\n", self.len(), self.order(), self.height());
        let mut level: Vec<&Node<K, V>> = vec![&self.root];
        while !level.is_empty() {
            out.push_str(&level_text(&level));
            out.push('\n');
            level = level.into_iter().flat_map(|node| &node.children).collect();
        }
        out
    }
}

/// The nodes of one level, cut to fit a line.
fn level_text<K: fmt::Debug, V>(nodes: &[&Node<K, V>]) -> String {
    let mut line = String::new();
    for (shown, node) in nodes.iter().enumerate() {
        let text = node_text(node);
        let rest = format!("... and {} nodes more", nodes.len() - shown);
        if line.len() + text.len() + rest.len() + 2 > draw::WIDTH && shown > 0 {
            return line + &rest;
        }
        line.push_str(&text);
        line.push(' ');
    }
    line.trim_end().to_string()
}

/// The keys of a node; of a node with many keys, the first, the last, and their number.
fn node_text<K: fmt::Debug, V>(node: &Node<K, V>) -> String {
    let short = |key: &K| -> String { format!("{key:?}").chars().take(MOST_KEY_CHARS).collect() };
    match node.keys.as_slice() {
        [first, .., last] if node.keys.len() > 4 => {
            format!("[{} .. {}: {} keys]", short(first), short(last), node.keys.len())
        }
        keys => format!("[{}]", keys.iter().map(short).collect::<Vec<_>>().join(" ")),
    }
}
