//! Changing the record id of an entry (task 4.3).
//!
//! ```text
//!   | ant 7 | cat 3 | dog 9 |   replace(cat, 3, 12)   | ant 7 | cat 12 | dog 9 |
//! ```
//!
//! In a unique tree the record id has no part in the order, and no separator has one. So the entry keeps its
//! place and its length, and one write latch is enough: no reader sees the tree without the key. A `remove`
//! and an `insert` would let a reader in between. In a tree with duplicates the entry would move to another
//! place, perhaps in another leaf, so [`BPlusTree::replace`] refuses it. The new entry can be inserted there
//! before the old one is removed.

use buffer_pool::{Pager, RecordId};

use crate::node::Entry;
use crate::{BPlusTree, Error, KeyMode, Latching, MAX_KEY_LEN};

impl BPlusTree {
    /// Gives the entry of `key` and `old` the record id `new`; false if there is no such entry.
    ///
    /// # Ensures
    /// At each moment the tree has the key, with `old` or with `new`. No other entry changes, and no page is
    /// allocated or freed.
    ///
    /// # Errors
    /// Nothing is changed: [`Error::NotUnique`] for a tree with duplicates; [`Error::BadNode`]; those of
    /// [`Pager::read`] and [`Pager::write`].
    ///
    /// # Cost
    /// A page read for each level; with [`Latching::Optimistic`] one write latch, that of the leaf.
    pub fn replace<P: Pager>(
        &self,
        pager: &P,
        key: &[u8],
        old: RecordId,
        new: RecordId,
    ) -> Result<bool, Error> {
        todo!("task 4.3: change the record id of an entry")
    }
}
