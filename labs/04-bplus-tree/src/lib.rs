//! Lab 4: a B+Tree on raw bytes, through the pager of lab 3.
//!
//! An index finds the record of a key in as many page reads as the tree has levels, and walks over ranges of
//! keys in order. Keys are any bytes (lab 2 makes them of values); what is found is a record id of the heap.
//!
//! ```text
//!   BPlusTree::get ------> descend --> NodeRef --> SlottedPage --> bytes of a page
//!   insert, remove --> descend ----^           (lab 2)              |
//!   range -----------> cursor -----^                             Pager (lab 3)
//! ```
//!
//! | file                     | what it is                                              | task          |
//! | ------------------------ | ------------------------------------------------------- | ------------- |
//! | `error.rs`               | failures                                                | given         |
//! | [`node`]                 | layout of a node, search in it                          | 4.1           |
//! | [`tree`]                 | what the tree promises; get                             | 4.1           |
//! | `descend.rs`             | latches between the root and a leaf, checked links      | 4.6           |
//! | `admit.rs`               | asking the caller before a change                       | given         |
//! | `insert.rs`              | insert, splits                                          | 4.2, 4.6      |
//! | `delete.rs`              | remove, merges, borrows                                 | 4.3, 4.6      |
//! | `replace.rs`             | another record id for a key                             | 4.3           |
//! | `cursor.rs`              | iterators over ranges                                   | 4.4           |
//! | `bulk.rs`                | trees of sorted entries                                 | 4.5           |
//! | `tree/stats.rs`, `dump.rs` | counting, freeing, drawing                            | given         |

mod admit;
mod bulk;
mod cursor;
mod delete;
mod descend;
mod dump;
mod error;
mod insert;
pub mod node;
mod replace;
pub mod tree;

pub use cursor::Range;
pub use dump::{dump_tree, tree_svg};
pub use error::{Error, NodeDamage};
pub use node::{Entry, NodeRef};
pub use tree::{BPlusTree, Direction, KeyMode, Latching, MAX_KEY_LEN, Removal, TreeStats};
