//! Pictures of a tree: text, and SVG. Given.

use buffer_pool::Pager;

use crate::{BTree, Error};

/// The tree as text: a node a line, indented by level.
pub fn dump_tree<P: Pager>(pager: &P, tree: &BTree) -> Result<String, Error> {
    todo!()
}

/// The tree as an SVG drawing, leaves in a row at the bottom with their sibling links.
pub fn tree_svg<P: Pager>(pager: &P, tree: &BTree) -> Result<String, Error> {
    todo!()
}
