//! Walking over a range of entries (task 4.4).
//!
//! Called through [`BPlusTree::range`]; reads nodes through the pager. A [`Range`] works a leaf at a time: it
//! latches the leaf, copies what it needs, notes the sibling to go to, and releases the latch. Between two
//! calls it holds no latch and no pin. So its user may wait, change the tree, or never call again.
//!
//! ```text
//!   latched     | leaf 5: a b c |                | leaf 8: d e f |
//!   copied      a b c, next is 8, counter 41     d e f, next is 9 ...
//!   given out     a  b  c                          d  e  f
//!   time        ---------------------------------------------------->
//!                 no latch held                    no latch held
//! ```
//!
//! What if the tree changes while nothing is latched? Leaf 8 may be split, may take entries from leaf 5 or
//! give some to it, or may be gone, its page in use for something else. All of these change the *structure*
//! of the tree, and a tree counts those in memory ([`BPlusTree::structure`]): the counter is raised while the
//! latches of what changes are held. So, with the sibling latched:
//!
//! - the counter is as it was when the leaf was copied: the sibling is still the neighbour, and whatever is
//!   beyond the last entry copied is in it or further on;
//! - it is not: forget the sibling, and look for the next entry again from the root.
//!
//! Invariants:
//!
//! - R1: no latch is held between two calls, and while one runs at most two, parent and child.
//! - R2: each entry that is in the tree from the first call to the last is given out exactly once, in order.
//!   One that comes or goes meanwhile is given out at most once. In a unique tree that is true of each *key*:
//!   one that was given out, is removed and comes back with another record id is not given out again.
//! - R3: with no change of the structure, a walk reads as many pages as the tree is high, and then each leaf
//!   once.
//! - R4: each leaf brings the walk forward. If the links of damaged leaves lead back, the walk ends with an
//!   error and not never.
//!
//! What was copied may be old when it is given out. Whether an entry is still there is for the caller to find
//! out, in lab 5 by a lock. It is free whether the page is copied or only its entries, but a leaf is read
//! once (R3).
//!
//! Source: Graefe, "A survey of B-tree locking techniques" (2010), section 4.1 on cursors that keep no latch;
//! PostgreSQL `nbtree/README`, which copies the items of a leaf in the same way.

use std::cmp::Ordering;
use std::ops::{Bound, Deref, RangeBounds};

use buffer_pool::{Pager, RecordId};
use slotted_page::{PageBuf, PageId};

use crate::node::{Entry, NodeRef};
use crate::{BPlusTree, Direction, Error, KeyMode, NodeDamage};

/// Iterator over a range of a tree. Holds no latch between two calls (R1). After an error it has ended.
pub struct Range<'a, P: Pager> {
    tree: &'a BPlusTree,
    pager: &'a P,
    direction: Direction,
    // Add what a walk must remember: where it is, where it ends, what it has copied, how it goes on.
}

impl<'a, P: Pager> Range<'a, P> {
    /// The range of `tree` with the keys in `keys`.
    ///
    /// # Ensures
    /// Bounds that are the wrong way round, or have nothing between them, give an empty range, and no page is
    /// read for them.
    ///
    /// # Errors
    /// [`Error::BadNode`], and those of [`Pager::read`].
    ///
    /// # Cost
    /// At most as many page reads as the tree is high.
    pub(crate) fn open(
        tree: &'a BPlusTree,
        pager: &'a P,
        keys: impl RangeBounds<[u8]>,
        direction: Direction,
    ) -> Result<Self, Error> {
        todo!("task 4.4: open a range")
    }

    /// The range of `tree` from just behind `after` to `end`.
    ///
    /// # Ensures, Errors, Cost
    /// As [`open`](Self::open). In a unique tree all entries of the key of `after` are left out.
    pub(crate) fn open_after(
        tree: &'a BPlusTree,
        pager: &'a P,
        after: Entry<'_>,
        end: Bound<&[u8]>,
        direction: Direction,
    ) -> Result<Self, Error> {
        // Nudge: where does a walk go on that has just given this entry out?
        todo!("task 4.4: open a range behind an entry")
    }

    /// The next entry, without a copy of its own; `None` at the end, and from then on.
    ///
    /// # Ensures
    /// R1 and R2.
    ///
    /// # Errors
    /// [`Error::BadNode`] ([`NodeDamage::OutOfOrder`] if a leaf does not bring the walk forward, R4), and
    /// those of [`Pager::read`]. The walk is over then: the next call says `None`.
    ///
    /// # Cost
    /// O(1) and no allocation while entries of the leaf are left that was copied, else the page reads of R3.
    /// If the structure changed, one page read for each level.
    pub fn next_entry(&mut self) -> Result<Option<(&[u8], RecordId)>, Error> {
        // Nudge: a leaf may have nothing for this range although the walk is not over.
        // You have the sibling's number. What may have happened to it, and how do you exclude it?
        todo!("task 4.4: give out the next entry")
    }
}

impl<P: Pager> Iterator for Range<'_, P> {
    type Item = Result<(Vec<u8>, RecordId), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.next_entry() {
            Ok(entry) => entry.map(|(key, record)| Ok((key.to_vec(), record))),
            Err(error) => Some(Err(error)),
        }
    }
}

impl<P: Pager> std::iter::FusedIterator for Range<'_, P> {}
