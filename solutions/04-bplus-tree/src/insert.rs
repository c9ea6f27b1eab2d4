//! Putting an entry in, and splitting what becomes too full (task 4.2; optimistically, 4.6).
//!
//! A leaf without room is split, and its parent gets an entry for the new half, for which the parent may have
//! to be split, and so on. Splitting a leaf *copies* a separator up, because the entry must stay in a leaf;
//! splitting an internal node *moves* one up:
//!
//! ```text
//!   leaf, + fox                         internal, + dog
//!
//!        | . owl |                           | . |
//!         /                                   /
//!   | ant cat dog |                     | . cat . fox . |
//!
//!        | . dog . owl |                     | . dog . |
//!         /     \                             /       \
//!   | ant cat | dog fox |               | . cat . | . fox . |
//! ```
//!
//! The root page keeps its number, which names the tree. So a root that is split first moves its entries to a
//! new page, and becomes that page's parent; then the new page is split like any other:
//!
//! ```text
//!   root | a b c d |   =>   root | . |   =>     root | . c |
//!                                 |                   / \
//!                             | a b c d |       | a b | c d |
//! ```
//!
//! - P1: all pages for the new halves are allocated before the first change. If one cannot be had, those that
//!   were are freed again.
//! - P2: where a node is cut. Each side of a leaf uses at least [`LOW_WATER`](crate::node::LOW_WATER) bytes
//!   (so the next removal does not merge them again), and each side of an internal node has at least two
//!   children. There is always such a cut, because an entry takes at most a quarter of a node. Which of them
//!   is taken is free.
//! - P3: the exception to P2. An entry that comes after all others of the tree may go to a new leaf alone,
//!   and the full leaf stays full: keys that come in rising order fill the leaves. (Not in the middle of a
//!   tree: there it is not known whether more keys will follow.) An internal node that is split for this
//!   reason gives its last two children to the new node. The same is allowed at the other end of the tree. No
//!   design has to do this.
//!
//! Source: Comer, "The ubiquitous B-tree" (1979); Graefe, "Modern B-tree techniques" (2011), section 4.2 for
//! P3.

use std::cmp::Ordering;
use std::ops::{Deref, DerefMut};

use buffer_pool::{Pager, RecordId};
use slotted_page::{PageBuf, PageId};

use crate::admit::Admit;
//# hide
use crate::descend::{Change, Level, Path, is_safe_for_insert, pages_of};
//# end
use crate::node::{Entry, NodeRef, kind_of};
use crate::{BPlusTree, Error, KeyMode};

//# hide
/// An entry that is to go into a node, with its key kept apart from any page.
struct NewEntry {
    /// Where in the node.
    at: usize,
    /// Its child, if the node is internal.
    child: PageId,
    key: Vec<u8>,
    record: RecordId,
}

/// A split of one node that is planned, with the pages for it.
struct Split<W> {
    /// What the node has no room for.
    entry: NewEntry,
    /// Number of entries, the new one counted, that stay on the left.
    cut: usize,
    /// The new page for the rest, an empty node so far.
    right: NodeRef<W>,
    /// If the node is the root: the new page for what stays.
    left: Option<NodeRef<W>>,
}

//# end
/// How an insert ended that latched nothing but the leaf for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeafInsert {
    /// The leaf has no room. Nothing was changed.
    NoRoom,
    /// The caller refused. Nothing was changed.
    Refused,
    /// The entry is in.
    Inserted,
}

//# hide
impl NewEntry {
    /// The entry without its place.
    fn entry(&self) -> Entry<'_> {
        Entry { key: &self.key, record: self.record }
    }
}
//# end

impl BPlusTree {
    /// Inserts with a write latch on the leaf alone, if that is enough.
    ///
    /// # Ensures
    /// See [`LeafInsert`]. `admit` is asked under the latch of the leaf (A1, A2).
    ///
    /// # Errors
    /// As [`insert_with`](Self::insert_with). No latch is held.
    pub(crate) fn insert_into_leaf<P: Pager>(
        &self,
        pager: &P,
        entry: Entry<'_>,
        admit: &mut Admit<'_>,
    ) -> Result<LeafInsert, Error> {
        //# task 4.6 insert optimistically
        let mut leaf = self.write_leaf(pager, entry)?;
        let at = self.vacancy(&leaf, entry)?;
        if !is_safe_for_insert(&leaf, entry) {
            return Ok(LeafInsert::NoRoom);
        }
        let is_admitted = self.insert_if_admitted(pager, &mut leaf, at, entry, admit, &[])?;
        Ok(if is_admitted { LeafInsert::Inserted } else { LeafInsert::Refused })
        //# end
    }

    /// Inserts with write latches from the root down, and splits what has no room. False if `admit` refused.
    ///
    /// # Requires
    /// The key is not too long.
    ///
    /// # Ensures, Errors
    /// As [`insert_with`](Self::insert_with), and L1 to L5, P1 and P2. Before a split, the structure counter
    /// is raised ([`structure_changes`](Self::structure_changes)). With
    /// [`Latching::WholePath`](crate::Latching::WholePath) every latch is kept to the end, with
    /// [`Latching::Optimistic`](crate::Latching::Optimistic) those above a safe node are released (L3, task
    /// 4.6).
    ///
    /// # Cost
    /// A page read for each level, and one for the right neighbour of a leaf that is split. Latched at the
    /// most: the nodes from the root to the leaf, a new page for each of them that is split, one more if that
    /// is the root, and the neighbour. A split copies each entry a few times at most.
    pub(crate) fn insert_along_path<P: Pager>(
        &self,
        pager: &P,
        entry: Entry<'_>,
        admit: &mut Admit<'_>,
    ) -> Result<bool, Error> {
        //# task 4.2 insert into a leaf, and split what has no room
        //+ // Nudge: write down first everything that a split reads, latches and changes, on all levels.
        //+ // What of it can fail? All of that comes before the first change, and `admit` in between.
        let mut path = self.write_path(pager, entry, Change::Insert)?;
        let held = pages_of(&path);
        let leaf = &mut path.last_mut().expect("a path ends in a leaf").node;
        let at = self.vacancy(leaf, entry)?;
        if leaf.size_for(entry.key) <= leaf.free_bytes() {
            return self.insert_if_admitted(pager, leaf, at, entry, admit, &held);
        }
        let neighbour = self.write_right_of(pager, leaf, &held)?;
        if !admit.ask(leaf, at, neighbour.as_ref())? {
            return Ok(false);
        }
        let new = NewEntry { at, child: PageId::NONE, key: entry.key.to_vec(), record: entry.record };
        let splits = self.plan_splits(pager, &path, new)?;
        self.structure_changes();
        self.split_path(path, splits, neighbour)?;
        Ok(true)
        //# end
    }

    /// A new page, an empty node of level `level`.
    pub(crate) fn new_node<'a, P: Pager>(
        &self,
        pager: &'a P,
        level: u16,
    ) -> Result<NodeRef<P::Write<'a>>, Error> {
        Ok(NodeRef::init(pager.allocate(kind_of(level))?, self.root, level, self.mode))
    }

    //# hide
    /// Puts `entry` at `at` into `leaf`, which has room, if `admit` says so. True if it is in. `held` are the
    /// other pages that this thread holds.
    fn insert_if_admitted<'a, P: Pager>(
        &self,
        pager: &'a P,
        leaf: &mut NodeRef<P::Write<'a>>,
        at: usize,
        entry: Entry<'_>,
        admit: &mut Admit<'_>,
        held: &[PageId],
    ) -> Result<bool, Error> {
        // It stays latched until the entry is in (A1).
        let next_leaf = self.read_next_leaf(pager, leaf, at, admit, held)?;
        let is_admitted = admit.ask(leaf, at, next_leaf.as_ref())?;
        if is_admitted {
            leaf.insert(at, PageId::NONE, entry)?;
        }
        Ok(is_admitted)
    }

    /// Where `entry` is to be put in its leaf.
    ///
    /// # Errors
    /// [`Error::DuplicateKey`] if a unique tree has the key, or a tree with duplicates this very entry;
    /// [`Error::BadNode`].
    fn vacancy<B: Deref<Target = PageBuf>>(
        &self,
        leaf: &NodeRef<B>,
        entry: Entry<'_>,
    ) -> Result<usize, Error> {
        let at = leaf.lower_bound(entry.key, self.bound(entry.record))?;
        if at < leaf.len() {
            let found = leaf.entry(at)?;
            if found.key == entry.key && (self.mode == KeyMode::Unique || found.record == entry.record) {
                return Err(Error::DuplicateKey { existing: found.record });
            }
        }
        Ok(at)
    }

    /// The right neighbour of `leaf`, latched for writing.
    pub(crate) fn write_right_of<'a, P: Pager, B: Deref<Target = PageBuf>>(
        &self,
        pager: &'a P,
        leaf: &NodeRef<B>,
        held: &[PageId],
    ) -> Result<Option<NodeRef<P::Write<'a>>>, Error> {
        let Some(id) = self.right_of(leaf, held)? else { return Ok(None) };
        Ok(Some(self.node(pager.write(id)?, Some(0))?))
    }

    /// Plans the splits of [`add_splits`](Self::add_splits), and frees their pages again on an error (P1).
    fn plan_splits<'a, P: Pager>(
        &self,
        pager: &'a P,
        path: &Path<'a, P>,
        new: NewEntry,
    ) -> Result<Vec<Split<P::Write<'a>>>, Error> {
        let mut splits = Vec::new();
        match self.add_splits(pager, path, new, &mut splits) {
            Ok(()) => Ok(splits),
            Err(error) => {
                for split in splits {
                    for page in [Some(split.right), split.left].into_iter().flatten() {
                        // The first error is the one to report; a page that cannot be freed is lost.
                        let _ = pager.free(page.into_inner());
                    }
                }
                Err(error)
            }
        }
    }

    /// Decides which nodes of `path` must be split so that `new` has room, and allocates the pages for that.
    ///
    /// # Requires
    /// The leaf of `path` has no room for `new`.
    ///
    /// # Ensures
    /// `splits` has one entry for each node to be split, the leaf first. What the last of them sends up has
    /// room in its parent, or that node is the root, and only then it has a `left`. No node of `path` was
    /// changed.
    ///
    /// # Errors
    /// Those of [`Pager::allocate`], [`Error::BadNode`]. What was planned so far is in `splits`.
    ///
    /// # Cost
    /// A pass over the slots of each node to be split.
    fn add_splits<'a, P: Pager>(
        &self,
        pager: &'a P,
        path: &Path<'a, P>,
        mut new: NewEntry,
        splits: &mut Vec<Split<P::Write<'a>>>,
    ) -> Result<(), Error> {
        let leaf = &path[path.len() - 1].node;
        let is_append = leaf.next() == PageId::NONE && new.at == leaf.len();
        for (depth, Level { node, .. }) in path.iter().enumerate().rev() {
            if node.size_for(&new.key) <= node.free_bytes() {
                break;
            }
            let cut = choose_cut(node, &new, is_append)?;
            let (key, record) = self.separator_at(node, &new, cut)?;
            let right = self.new_node(pager, node.level())?;
            let up = NewEntry { at: 0, child: right.id(), key, record };
            splits.push(Split { entry: std::mem::replace(&mut new, up), cut, right, left: None });
            match depth.checked_sub(1) {
                Some(above) => new.at = path[above].index + 1,
                None => {
                    let left = self.new_node(pager, node.level())?;
                    splits.last_mut().expect("it was pushed just now").left = Some(left);
                }
            }
        }
        Ok(())
    }

    /// The separator between the two sides of a cut: the first entry on the right, `new` counted.
    fn separator_at<B: Deref<Target = PageBuf>>(
        &self,
        node: &NodeRef<B>,
        new: &NewEntry,
        cut: usize,
    ) -> Result<(Vec<u8>, RecordId), Error> {
        let entry = if cut == new.at { new.entry() } else { node.entry(cut - usize::from(cut > new.at))? };
        Ok((entry.key.to_vec(), self.bound(entry.record)))
    }

    /// Carries out the planned splits, from the leaf up, and gives the last new node an entry in its parent.
    ///
    /// # Requires
    /// `splits` is a plan for `path`; `neighbour` is the right neighbour of the leaf, if it has one.
    ///
    /// # Ensures
    /// The entry is in, and the invariants of all nodes hold.
    ///
    /// # Errors
    /// [`Error::BadNode`] for damage that comes to light only now.
    fn split_path<W: DerefMut<Target = PageBuf>>(
        &self,
        mut path: Vec<Level<W>>,
        splits: Vec<Split<W>>,
        mut neighbour: Option<NodeRef<W>>,
    ) -> Result<(), Error> {
        let mut splits = splits.into_iter().peekable();
        while let Some(Split { entry, cut, mut right, left }) = splits.next() {
            let mut node = path.pop().expect("a split for a node of the path").node;
            let (key, record) = self.separator_at(&node, &entry, cut)?;
            let separator = Entry { key: &key, record };
            if let Some(left) = left {
                let (mut root, mut left) = self.push_down(node, left)?;
                divide(&mut left, &mut right, &entry, cut)?;
                link(&mut left, &mut right, None);
                return root.insert(1, right.id(), separator);
            }
            divide(&mut node, &mut right, &entry, cut)?;
            link(&mut node, &mut right, neighbour.take());
            if splits.peek().is_none() {
                let parent = path.last_mut().expect("a root that is split has a new left node");
                parent.node.insert(parent.index + 1, right.id(), separator)?;
            }
        }
        Ok(())
    }

    /// Moves all entries of the root to the empty node `left`, and makes the root its parent, one level
    /// higher.
    ///
    /// # Ensures
    /// The root has one entry: `left`, with the empty separator (N3). Both are handed back.
    fn push_down<W: DerefMut<Target = PageBuf>>(
        &self,
        root: NodeRef<W>,
        mut left: NodeRef<W>,
    ) -> Result<(NodeRef<W>, NodeRef<W>), Error> {
        for index in 0..root.len() {
            left.insert_raw(index, root.raw(index)?)?;
        }
        let level = root.level() + 1;
        let mut root = NodeRef::init(root.into_inner(), self.root, level, self.mode);
        root.insert(0, left.id(), Entry::EMPTY)?;
        Ok((root, left))
    }
    //# end
}

//# hide
/// How many of the entries of a node that has no room for `new`, with `new` among them, stay on the left when
/// it is split.
///
/// # Requires
/// The bytes of all of them together are more than a node has.
///
/// # Ensures
/// P2: the sides use as nearly as possible the same number of bytes. If `is_append` (`new` comes after
/// everything in the tree), P3.
///
/// # Errors
/// [`Error::BadNode`].
///
/// # Cost
/// One pass over the slots.
fn choose_cut<B: Deref<Target = PageBuf>>(
    node: &NodeRef<B>,
    new: &NewEntry,
    is_append: bool,
) -> Result<usize, Error> {
    let count = node.len() + 1;
    if is_append {
        return Ok(if node.is_leaf() { count - 1 } else { count - 2 });
    }
    let new_size = node.size_for(&new.key);
    let size = |index: usize| match index.cmp(&new.at) {
        Ordering::Less => node.entry_size(index),
        Ordering::Equal => Ok(new_size),
        Ordering::Greater => node.entry_size(index - 1),
    };
    let total = node.used_bytes() + new_size;
    let (mut on_left, mut best, mut best_gap) = (0, 1, usize::MAX);
    for cut in 1..count {
        on_left += size(cut - 1)?;
        // The key of an internal node's first entry on the right goes up.
        let goes_up = if node.is_leaf() { 0 } else { size(cut)? - node.size_for(&[]) };
        let gap = on_left.abs_diff(total - on_left - goes_up);
        if gap < best_gap {
            (best, best_gap) = (cut, gap);
        }
    }
    Ok(best)
}

/// Splits `node`: of its entries, with `new` among them, the first `cut` stay, the others go to the empty
/// `right`.
///
/// # Ensures
/// N1 to N3 for both. If they are internal, the separator of the first entry on the right is in neither: it
/// goes up.
///
/// # Errors
/// [`Error::BadNode`].
///
/// # Cost
/// Each entry that goes is copied once.
fn divide<W: DerefMut<Target = PageBuf>>(
    node: &mut NodeRef<W>,
    right: &mut NodeRef<W>,
    new: &NewEntry,
    cut: usize,
) -> Result<(), Error> {
    let count = node.len() + 1;
    for index in cut..count {
        let at = index - cut;
        let old = index - usize::from(index > new.at);
        if !node.is_leaf() && at == 0 {
            let child = if index == new.at { new.child } else { node.child(old)? };
            right.insert(at, child, Entry::EMPTY)?;
        } else if index == new.at {
            right.insert(at, new.child, new.entry())?;
        } else {
            right.insert_raw(at, node.raw(old)?)?;
        }
    }
    let stays = if new.at < cut { cut - 1 } else { cut };
    while node.len() > stays {
        node.remove(node.len() - 1)?;
    }
    if new.at < cut {
        node.insert(new.at, new.child, new.entry())?;
    }
    Ok(())
}

/// Puts the new leaf `right` between `leaf` and the leaf that was its right neighbour, if it had one. Nothing
/// to do for internal nodes.
///
/// # Ensures
/// `next` and `previous` of all three are right.
fn link<W: DerefMut<Target = PageBuf>>(
    leaf: &mut NodeRef<W>,
    right: &mut NodeRef<W>,
    neighbour: Option<NodeRef<W>>,
) {
    if !leaf.is_leaf() {
        return;
    }
    right.set_previous(leaf.id());
    right.set_next(leaf.next());
    leaf.set_next(right.id());
    if let Some(mut neighbour) = neighbour {
        neighbour.set_previous(right.id());
    }
}
//# end
