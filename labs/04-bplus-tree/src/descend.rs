//! The ways from the root to a leaf (tasks 4.1, 4.2 and 4.6).
//!
//! Nobody may see a node that a change has half done, and nobody may go to a child that is not the right one
//! any more. Both follow from latches:
//!
//! ```text
//!   read (4.1)            whole path (4.2)          optimistic (4.6)
//!
//!   R root  . . let go    W root                    R root  . . let go
//!    \                     \                         \
//!     R node . . let go     W node                    R node . . let go
//!      \                     \                         \
//!       R leaf                W leaf                     W leaf
//!
//!   if the leaf is not safe, once more (4.6):   W root . . let go as soon as
//!                                                \         a node below is safe
//!                                                 W node
//!                                                  \
//!                                                   W leaf
//! ```
//!
//! - L1: a thread that holds a latch waits only for one that comes later: every node of a level comes before
//!   every node of the levels below, and in a level left comes before right. Against that order it asks with
//!   `try_write`, which does not wait.
//! - L2: the latch of a child is taken before that of its parent is let go, so nobody comes in between.
//! - L3: a node is *safe* for a change below it if that change cannot reach its parent. Only then the parent
//!   is let go early. What is safe for an insert, room, is not what is safe for a removal, entries to spare.
//! - L4: everything is latched, and every new page allocated, before the first byte changes.
//!
//! Left out: links to the right in internal nodes, with which a reader holds one latch at a time and never
//! waits on the way down (Lehman and Yao's B-link tree). The price is that a split or merge stops every
//! thread that needs its parent. Not every circle is found either: if a damaged link leads to a page that the
//! thread itself holds, above the parent and below the root, the thread waits for itself for ever. Checksums
//! do not find this. Only a mistake in the code writes such a link.
//!
//! Source: Bayer and Schkolnick, "Concurrency of operations on B-trees" (1977), solutions 1 to 3; Lehman and
//! Yao, "Efficient locking for concurrent operations on B-trees" (1981).

use std::ops::Deref;

use buffer_pool::Pager;
use slotted_page::{PageBuf, PageId};

use crate::node::{Entry, MAX_ENTRY_SIZE, NodeRef};
use crate::{BPlusTree, Error, Latching, NodeDamage};

/// A node latched for writing, on the way down to a leaf.
pub(crate) struct Level<W> {
    /// The node.
    pub(crate) node: NodeRef<W>,
    /// Which of its children the way goes to. 0 in a leaf.
    pub(crate) index: usize,
    /// A sibling under the same parent, latched too, if the node may need one.
    pub(crate) sibling: Option<Sibling<W>>,
}

/// A sibling of a node.
pub(crate) struct Sibling<W> {
    /// The sibling.
    pub(crate) node: NodeRef<W>,
    /// True if it is the right one.
    pub(crate) is_right: bool,
}

/// A way down, from the topmost node that is still latched to the leaf.
pub(crate) type Path<'a, P> = Vec<Level<<P as Pager>::Write<'a>>>;

/// What is to be done in the leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Put an entry in.
    Insert,
    /// Take an entry out.
    Remove,
}

impl<W> Level<W> {
    /// A node without a sibling.
    pub(crate) fn new(node: NodeRef<W>) -> Self {
        Level { node, index: 0, sibling: None }
    }
}

impl BPlusTree {
    /// Takes `page` for a node of this tree.
    pub(crate) fn node<B: Deref<Target = PageBuf>>(
        &self,
        page: B,
        level: Option<u16>,
    ) -> Result<NodeRef<B>, Error> {
        NodeRef::open(page, self.root, level)
    }

    /// The root, latched for reading.
    pub(crate) fn read_root<'a, P: Pager>(&self, pager: &'a P) -> Result<NodeRef<P::Read<'a>>, Error> {
        self.node(pager.read(self.root)?, None)
    }

    /// A leaf, latched for reading: from the root down to the child whose index `choose` gives, each child
    /// latched before its parent is let go (L2).
    ///
    /// # Errors
    /// Those of [`Pager::read`], [`Error::BadNode`], and what `choose` says. No latch is held.
    ///
    /// # Cost
    /// A page read for each level, two latches at a time.
    pub(crate) fn read_leaf<'a, P: Pager>(
        &self,
        pager: &'a P,
        choose: impl Fn(&NodeRef<P::Read<'a>>) -> Result<usize, Error>,
    ) -> Result<NodeRef<P::Read<'a>>, Error> {
        todo!("task 4.1: go down to a leaf")
    }

    /// The way to the leaf of `entry` with write latches, for `change`.
    ///
    /// # Ensures
    /// With [`Latching::WholePath`] the whole way is latched, root first. With [`Latching::Optimistic`] the
    /// ancestors of the lowest safe node (L3) are let go. Each node below the first that is not safe for a
    /// removal comes with a sibling, if it has one ([`with_sibling`](Self::with_sibling)).
    ///
    /// # Errors
    /// Those of [`Pager::write`], [`Error::BadNode`]. No latch is held.
    ///
    /// # Cost
    /// A page read for each level, and one for each sibling.
    pub(crate) fn write_path<'a, P: Pager>(
        &self,
        pager: &'a P,
        entry: Entry<'_>,
        change: Change,
    ) -> Result<Path<'a, P>, Error> {
        // Nudge: `with_sibling` is for removals, `release_ancestors` for `Latching::Optimistic`.
        todo!("task 4.2: go down with write latches")
    }

    /// A leaf, latched for writing, with read latches on the way.
    ///
    /// # Ensures
    /// It is the leaf of `entry`, and stays so while it is latched. No other latch is held.
    ///
    /// # Errors
    /// Those of [`Pager::read`] and [`Pager::write`], [`Error::BadNode`]. No latch is held.
    ///
    /// # Cost
    /// A page read for each level, one write latch. A tree that is one leaf costs a page read more: only a
    /// look at the root says that it is the leaf.
    pub(crate) fn write_leaf<'a, P: Pager>(
        &self,
        pager: &'a P,
        entry: Entry<'_>,
    ) -> Result<NodeRef<P::Write<'a>>, Error> {
        // Nudge: what may have become of the root between its read latch and its write latch?
        todo!("task 4.6: go down with read latches to a write latch")
    }

    /// Lets go of all of `path` if `node`, the next one on the way, is safe for `change` (L3).
    ///
    /// # Errors
    /// [`Error::BadNode`].
    pub(crate) fn release_ancestors<W: Deref<Target = PageBuf>>(
        &self,
        path: &mut Vec<Level<W>>,
        node: &NodeRef<W>,
        entry: Entry<'_>,
        change: Change,
    ) -> Result<(), Error> {
        todo!("task 4.6: let go of the ancestors of a safe node")
    }

    /// Child `index` of `node`, which is not `node` itself or the root: a thread that asked for a page it
    /// holds would wait for ever.
    pub(crate) fn child_of<B: Deref<Target = PageBuf>>(
        &self,
        node: &NodeRef<B>,
        index: usize,
    ) -> Result<PageId, Error> {
        let child = node.child(index)?;
        if child == node.id() || child == self.root {
            return Err(node.damaged(NodeDamage::Circle));
        }
        Ok(child)
    }
}

/// True if an insert of `entry` below or into `node` cannot split it.
///
/// # Ensures
/// A leaf has room for the entry, an internal node for the longest separator: which one comes up is not known
/// before the leaf is split.
pub(crate) fn is_safe_for_insert<B: Deref<Target = PageBuf>>(node: &NodeRef<B>, entry: Entry<'_>) -> bool {
    todo!("task 4.6: tell whether a node can be split")
}
