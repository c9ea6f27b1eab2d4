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
//# hide
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
//# end
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
//# hide
//! What it costs: a leaf is copied whole, 4 KiB in one go. Copying takes less time than a search in a page
//! that is not in the processor's cache. So the search comes after it, in the copy, when the latch is free
//! again.
//!
//# end
//! Source: Graefe, "A survey of B-tree locking techniques" (2010), section 4.1 on cursors that keep no latch;
//! PostgreSQL `nbtree/README`, which copies the items of a leaf in the same way.

use std::cmp::Ordering;
use std::ops::{Bound, Deref, RangeBounds};

use buffer_pool::{Pager, RecordId};
use slotted_page::{PageBuf, PageId};

use crate::node::{Entry, NodeRef};
use crate::{BPlusTree, Direction, Error, KeyMode, NodeDamage};

//# hide
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

//# end
/// Iterator over a range of a tree. Holds no latch between two calls (R1). After an error it has ended.
pub struct Range<'a, P: Pager> {
    tree: &'a BPlusTree,
    pager: &'a P,
    direction: Direction,
    //+ // Add what a walk must remember: where it is, where it ends, what it has copied, how it goes on.
    //# hide
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
    //# end
}

//# hide
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
//# end

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
        //# task 4.4 open a range
        let (low, high) = (Cut::low(keys.start_bound()), Cut::high(keys.end_bound()));
        Self::between(tree, pager, low, high, direction)
        //# end
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
        //# task 4.4 open a range behind an entry
        //+ // Nudge: where does a walk go on that has just given this entry out?
        let (record, side) = behind(tree.mode(), after.record, direction);
        let from = Cut::at(after.key, record, side);
        match direction {
            Direction::Forward => Self::between(tree, pager, from, Cut::high(end), direction),
            Direction::Backward => Self::between(tree, pager, Cut::low(end), from, direction),
        }
        //# end
    }

    //# hide
    /// The range between two cuts, its first leaf copied.
    fn between(
        tree: &'a BPlusTree,
        pager: &'a P,
        low: Cut,
        high: Cut,
        direction: Direction,
    ) -> Result<Self, Error> {
        let then = if low < high { Then::Descend } else { Then::End };
        let (from, end) = match direction {
            Direction::Forward => (low, high),
            Direction::Backward => (high, low),
        };
        let mut range = Range { tree, pager, direction, from, end, batch: None, left: 0..0, then };
        if then == Then::Descend {
            range.refill()?;
        }
        Ok(range)
    }
    //# end

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
        //# task 4.4 give out the next entry
        //+ // Nudge: a leaf may have nothing for this range although the walk is not over.
        //+ // You have the sibling's number. What may have happened to it, and how do you exclude it?
        while self.left.is_empty() {
            if self.then == Then::End {
                return Ok(None);
            }
            if let Err(error) = self.refill() {
                self.then = Then::End;
                return Err(error);
            }
        }
        let next = match self.direction {
            Direction::Forward => self.left.next(),
            Direction::Backward => self.left.next_back(),
        };
        let (Some(batch), Some(index)) = (&self.batch, next) else { return Ok(None) };
        match batch.entry(index) {
            Ok(entry) => Ok(Some((entry.key, entry.record))),
            Err(error) => {
                (self.left, self.then) = (0..0, Then::End);
                Err(error)
            }
        }
        //# end
    }

    //# hide
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
        if let Then::Sibling { leaf, changes } = self.then {
            let page = self.pager.read(leaf);
            if self.tree.structure() == changes {
                self.copy(self.tree.node(page?, Some(0))?)?;
                return match &self.batch {
                    Some(batch) if self.left.is_empty() && self.then != Then::End => {
                        Err(batch.damaged(NodeDamage::OutOfOrder))
                    }
                    _ => Ok(()),
                };
            }
        }
        let leaf = self.tree.read_leaf(self.pager, |node| self.from.child(node))?;
        self.copy(leaf)
    }

    /// Copies `leaf`, and notes which of its entries are wanted, where the walk is when they are given out,
    /// and how it goes on from there. If none is wanted, the walk stays where it was.
    ///
    /// # Errors
    /// [`Error::BadNode`]: [`NodeDamage::OutOfOrder`] if the last one wanted is not on the far side of
    /// `from`. The entries of a damaged leaf may lead back, and the walk would never end.
    fn copy(&mut self, leaf: NodeRef<P::Read<'a>>) -> Result<(), Error> {
        let batch = match self.batch.take().map(NodeRef::into_inner) {
            Some(mut buffer) => {
                buffer.copy_from_slice(leaf.bytes());
                buffer
            }
            None => Box::new(*leaf.bytes()),
        };
        let changes = self.tree.structure();
        drop(leaf);
        let batch = self.batch.insert(self.tree.node(batch, Some(0))?);

        let (from, end) = (self.from.entries_below(batch)?, self.end.entries_below(batch)?);
        let (wanted, is_last, sibling) = match self.direction {
            Direction::Forward => (from..end, end < batch.len(), batch.next()),
            Direction::Backward => (end..from, end > 0, batch.previous()),
        };
        let is_end = is_last || sibling == PageId::NONE;
        self.then = if is_end { Then::End } else { Then::Sibling { leaf: sibling, changes } };
        if !wanted.is_empty() {
            let last = match self.direction {
                Direction::Forward => wanted.end - 1,
                Direction::Backward => wanted.start,
            };
            let entry = batch.entry(last)?;
            let (record, side) = behind(self.tree.mode(), entry.record, self.direction);
            if !self.from.is_before(entry.key, record, side, self.direction) {
                return Err(batch.damaged(NodeDamage::OutOfOrder));
            }
            self.from.set(entry.key, record, side);
        }
        self.left = wanted;
        Ok(())
    }
    //# end
}

//# hide
/// Where the cut is that lies just behind an entry with `record`, in the direction of the walk. In a unique
/// tree that is behind all record ids of its key: a key that is removed and comes back with another record id
/// is still given out once.
fn behind(mode: KeyMode, record: RecordId, direction: Direction) -> (RecordId, Side) {
    match (mode, direction) {
        (KeyMode::Unique, Direction::Forward) => (RecordId::MAX, Side::After),
        (KeyMode::Unique, Direction::Backward) => (RecordId::MIN, Side::Before),
        (KeyMode::Duplicates, Direction::Forward) => (record, Side::After),
        (KeyMode::Duplicates, Direction::Backward) => (record, Side::Before),
    }
}
//# end

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
