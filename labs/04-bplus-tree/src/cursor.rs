//! Walking over a range of entries (task 4.4).
//!
//! Called through [`BPlusTree::range`]; reads nodes through the pager. A [`Range`] works a leaf at a time: it
//! latches the leaf, copies it, notes the sibling to go to, and lets go. Between two calls it holds no latch
//! and no pin, so that whoever walks may take all the time in the world, change the tree meanwhile, or never
//! come back.
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
//! of the tree, and a tree counts those in memory: the counter is raised while the latches of what changes
//! are held. So, with the sibling latched:
//!
//! - the counter is as it was when the leaf was copied: the sibling is still the neighbour, and whatever is
//!   beyond the last entry copied is in it or further on;
//! - it is not: forget the sibling, and look for the last entry again from the root.
//!
//! A [`Cut`] is a place between two entries. A range lies between two of them, and a walk that starts again
//! starts at the cut just behind the last entry that was given out:
//!
//! ```text
//!   entries          b:1       b:7        d:2
//!   cuts      ^    ^     ^              ^       ^
//!             |    |     |              |       Top
//!             |    |     After(b, 1)    Before(d, 0) and After(c, MAX): the same place
//!             |    Before(b, 0): where b..  begins
//!             Before("", 0): where everything begins
//! ```
//!
//! Invariants:
//!
//! - R1: no latch is held between two calls, and while one runs at most two, parent and child.
//! - R2: each entry that is in the tree from the first call to the last is given out exactly once, in order.
//!   One that comes or goes meanwhile is given out at most once. In a unique tree that is true of each *key*:
//!   one that was given out, is removed and comes back with another record id is not given out again.
//! - R3: with no change of the structure, a walk reads as many pages as the tree is high, and then each leaf
//!   once.
//!
//! What it costs: a leaf is copied whole, 4 KiB in one go. That takes less time than a search in a page that
//! is not in the processor's cache, and the copy is: so the search comes after it, when the latch is free
//! again. What was copied may be old when it is given out: that an entry still stands for something is for
//! the caller to see, in lab 5 by a lock.
//!
//! Source: Graefe, "A survey of B-tree locking techniques" (2010), section 4.1 on cursors that keep no latch;
//! PostgreSQL `nbtree/README`, which copies the items of a leaf in the same way.

use std::cmp::Ordering;
use std::ops::{Bound, Deref, RangeBounds};

use buffer_pool::{Pager, RecordId};
use slotted_page::{PageBuf, PageId};

use crate::node::{Entry, NodeRef};
use crate::{BPlusTree, Direction, Error, KeyMode, NodeDamage};

/// A place between two entries, or at an end of the tree. Cuts are ordered as the places are.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cut {
    /// Just below or just above where the entry of this key and record id is, or would be.
    At { key: Vec<u8>, record: RecordId, side: Side },
    /// Above everything.
    Top,
}

/// Which side of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Before,
    After,
}

impl Cut {
    /// Where a range that starts with `bound` begins.
    fn low(bound: Bound<&[u8]>) -> Self {
        match bound {
            Bound::Included(key) => Cut::at(key, RecordId::MIN, Side::Before),
            Bound::Excluded(key) => Cut::at(key, RecordId::MAX, Side::After),
            Bound::Unbounded => Cut::at(&[], RecordId::MIN, Side::Before),
        }
    }

    /// Where a range that ends with `bound` ends.
    fn high(bound: Bound<&[u8]>) -> Self {
        match bound {
            Bound::Included(key) => Cut::at(key, RecordId::MAX, Side::After),
            Bound::Excluded(key) => Cut::at(key, RecordId::MIN, Side::Before),
            Bound::Unbounded => Cut::Top,
        }
    }

    fn at(key: &[u8], record: RecordId, side: Side) -> Self {
        Cut::At { key: key.to_vec(), record, side }
    }

    /// Makes this the cut on `side` of an entry.
    fn set(&mut self, new_key: &[u8], new_record: RecordId, new_side: Side) {
        match self {
            Cut::At { key, record, side } => {
                key.clear();
                key.extend_from_slice(new_key);
                (*record, *side) = (new_record, new_side);
            }
            Cut::Top => *self = Cut::at(new_key, new_record, new_side),
        }
    }

    /// True if a walk in `direction` comes from here to the cut on `side` of the entry.
    fn is_before(&self, key: &[u8], record: RecordId, side: Side, direction: Direction) -> bool {
        let order = match self {
            Cut::At { key: own_key, record: own_record, side: own_side } => {
                (own_key.as_slice(), *own_record, *own_side).cmp(&(key, record, side))
            }
            Cut::Top => Ordering::Greater,
        };
        match direction {
            Direction::Forward => order == Ordering::Less,
            Direction::Backward => order == Ordering::Greater,
        }
    }

    /// Number of entries of `leaf` below the cut.
    fn entries_below<B: Deref<Target = PageBuf>>(&self, leaf: &NodeRef<B>) -> Result<usize, Error> {
        match self {
            Cut::At { key, record, side: Side::Before } => leaf.lower_bound(key, *record),
            Cut::At { key, record, side: Side::After } => leaf.upper_bound(key, *record),
            Cut::Top => Ok(leaf.len()),
        }
    }

    /// Index of the child of `node` that leads to the cut. The leaf there may have nothing on the far side of
    /// it: then the next leaf in the direction of the walk has.
    fn child<B: Deref<Target = PageBuf>>(&self, node: &NodeRef<B>) -> Result<usize, Error> {
        match self {
            Cut::At { key, record, .. } => node.child_index(key, *record),
            Cut::Top => Ok(node.len() - 1),
        }
    }
}

/// Iterator over a range of a tree. Holds no latch between two calls (R1). After an error it has ended.
pub struct Range<'a, P: Pager> {
    tree: &'a BPlusTree,
    pager: &'a P,
    direction: Direction,
    /// Just behind the last entry of `batch`, in the direction of the walk; while there is none, where the
    /// range begins.
    from: Cut,
    /// Where the range ends.
    end: Cut,
    /// Copy of the leaf whose entries are given out.
    batch: Option<NodeRef<Box<PageBuf>>>,
    /// Entries of `batch` that were not given out yet.
    left: std::ops::Range<usize>,
    /// What to do when `left` is empty.
    then: Then,
}

/// How a walk goes on behind a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// From the root to the leaf that has the cut.
    Descend,
    /// To the sibling, if the tree's structure counter is still `changes`.
    Sibling { leaf: PageId, changes: u64 },
    /// Not at all.
    End,
}

impl<'a, P: Pager> Range<'a, P> {
    /// The range of `tree` with the keys in `keys`, its first leaf copied.
    ///
    /// # Ensures
    /// Bounds that are the wrong way round, or have nothing between them, give an empty range, and no page is
    /// read for them.
    ///
    /// # Errors
    /// [`Error::BadNode`], and those of [`Pager::read`].
    ///
    /// # Cost
    /// As many page reads as the tree is high.
    pub(crate) fn open(
        tree: &'a BPlusTree,
        pager: &'a P,
        keys: impl RangeBounds<[u8]>,
        direction: Direction,
    ) -> Result<Self, Error> {
        // Nudge: walked backwards, a range begins at its high cut.
        todo!("task 4.4: open a range")
    }

    /// The range of `tree` from just behind `after` to `end`, its first leaf copied.
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
    /// [`Error::BadNode`], and those of [`Pager::read`]. The walk is over then: the next call says `None`.
    ///
    /// # Cost
    /// O(1) and no allocation while entries of the batch are left, else the page reads of R3. The first call
    /// may need them although the range was just opened, if the leaf that its bound leads to has nothing on
    /// the far side of the bound.
    pub fn next_entry(&mut self) -> Result<Option<(&[u8], RecordId)>, Error> {
        // Nudge: a batch may be empty although the walk is not over.
        todo!("task 4.4: give out the next entry")
    }

    /// Copies the leaf behind the batch, which is used up; it may turn out to have nothing for this range.
    ///
    /// # Errors
    /// [`Error::BadNode`] ([`NodeDamage::OutOfOrder`] if a leaf has no entry on the far side of `from`
    /// although its neighbour leads there: such links may go round in a circle), and those of
    /// [`Pager::read`].
    ///
    /// # Cost
    /// One page read; if the structure of the tree changed, up to one more for each level.
    fn refill(&mut self) -> Result<(), Error> {
        // Nudge: you have the sibling. What may have happened before, and how can you exclude it?
        todo!("task 4.4: go on to the next leaf")
    }

    /// Copies `leaf`, and notes which of its entries are wanted, where the walk is when they are given out,
    /// and how it goes on from there. If none is wanted, the walk stays where it was.
    ///
    /// # Errors
    /// [`Error::BadNode`]: [`NodeDamage::OutOfOrder`] if the last one wanted is not on the far side of
    /// `from`. The entries of a damaged leaf may lead back, and the walk would never end.
    fn copy(&mut self, leaf: NodeRef<P::Read<'a>>) -> Result<(), Error> {
        // Nudge: what is true only while the leaf is latched, and what can be found out from the copy?
        // In a unique tree the cut behind an entry is behind all record ids of its key:
        // behind (key, MAX), or backward before (key, MIN).
        todo!("task 4.4: copy a leaf")
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
