//! Lab 4: a B+Tree on raw bytes, through the pager of lab 3.

mod bulk;
mod cursor;
mod delete;
mod descend;
mod dump;
mod error;
mod insert;
pub mod node;
pub mod tree;

pub use cursor::Range;
pub use dump::{dump_tree, tree_svg};
pub use error::{Error, NodeDamage};
pub use node::{Entry, NodeRef};
pub use tree::{BTree, Direction, KeyMode, Latching, MAX_KEY_LEN, TreeStats};
