//! Building a tree from entries that are sorted already (task 4.5).
//!
//! Called through [`BPlusTree::bulk_load`]. Entries that come one by one in order fill the leaves from left
//! to right, and never touch a leaf again: so no search is needed, no split, and each node is written once.
//! Of each level only the right end is unfinished:
//!
//! ```text
//!   level 1     [node]----------------------- ... (unfinished)
//!                 |         |         |
//!   level 0     [leaf]-[leaf]- ... -[leaf]-  (unfinished)
//!
//!   input       a b c d e f g ... o p q r s t u v   w x y z ...
//!                                                   ^ next
//! ```
//!
//! A leaf names the leaf to its right. So that page is allocated before the leaf can be written and released.
//!
//! Invariants:
//!
//! - F1: what is kept in memory of a level is at most two nodes, and at most three pages are latched,
//!   whatever the size of the tree: the root, the next leaf and the node that is being written. (Also the
//!   number of each page, because the pages are freed if the input turns out to be bad.)
//! - F2: a page is latched from when it is allocated until it is filled, and not touched again. So it is
//!   written to disk once.
//! - F3: a node is filled up to `fill_percent` of [`CAPACITY`], so that one entry more would be too much,
//!   except the last two of a level. These two use at least a fifth of [`CAPACITY`] each, or are one node. An
//!   internal node has two children at least.
//!
//! Why not fill each node to the brim? A tree that gets new entries afterwards would split a full leaf at
//! each of the first inserts. A tree that is only read is best filled to 100 %.
//!
//! Source: Graefe, "Modern B-tree techniques" (2011), section 5.5; Rosenberg and Snyder, "Time- and
//! space-optimality in B-trees" (1981), for trees that are as full as can be.

use buffer_pool::{Pager, RecordId};
use slotted_page::slotted::SLOT_SIZE;
use slotted_page::{PageId, header};

use crate::node::{CAPACITY, CHILD_LEN, Entry, LOW_WATER, NodeRef, kind_of};
use crate::{BPlusTree, Error, KeyMode, MAX_KEY_LEN};

/// A new tree of `entries`, see [`BPlusTree::bulk_load`]; F1 to F3 hold.
pub(crate) fn load<P: Pager, K: AsRef<[u8]>>(
    pager: &P,
    mode: KeyMode,
    fill_percent: u8,
    entries: impl IntoIterator<Item = (K, RecordId)>,
) -> Result<BPlusTree, Error> {
    // Nudge: every node names the root's page, and the root is the node that is known last.
    // `BPlusTree::at` makes the tree when its root page is filled.
    todo!("task 4.5: build a tree")
}
