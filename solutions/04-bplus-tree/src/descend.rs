//! The ways from the root to a leaf (tasks 4.1, 4.2 and 4.6).
//!
//! No thread may read a node that another thread is changing, and no thread may follow a child's number that
//! is no longer right. Latches exclude both:
//!
//! ```text
//!   read (4.1)            whole path (4.2)          optimistic (4.6)
//!
//!   R root  . . release   W root                    R root  . . release
//!    \                     \                         \
//!     R node . . release    W node                    R node . . release
//!      \                     \                         \
//!       R leaf                W leaf                     W leaf
//!
//!   if the leaf is not safe, once more (4.6):   W root . . released as soon
//!                                                \         as a node below
//!                                                 W node   is safe
//!                                                  \
//!                                                   W leaf
//! ```
//!
//! - L1: a thread that holds a latch waits only for one that comes later: every node of a level comes before
//!   every node of the levels below, and in a level left comes before right. Against that order it asks with
//!   `try_write`, which does not wait. If that is refused, it releases what it holds and tries again after
//!   [`yield_now`](kit::sync::thread::yield_now), or does without the latch.
//! - L2: the latch of a child is taken before that of its parent is released, so that no other thread changes
//!   the child in between.
//! - L3: a node is *safe* for a change below it if that change cannot reach its parent. Only then the parent
//!   is released early. A node that is safe for an insert has room; a node that is safe for a removal has
//!   entries to spare. Keys have many lengths: what will reach the node is not the key at hand.
//! - L4: everything is latched, and every new page allocated, before the first byte changes.
//! - L5: no thread asks for a page that it holds, whatever the bytes say: it would wait for itself for ever.
//!   Checksums do not find a link that a program wrote wrongly. So every link is checked before it is
//!   followed: [`BPlusTree::child_of`], [`BPlusTree::right_of`] and [`BPlusTree::left_of`] do this, if they
//!   are given the pages that the thread holds.
//!
//! Left out: links to the right in internal nodes, with which a reader holds one latch at a time and never
//! waits while it goes down (Lehman and Yao's B-link tree). The price is that a split or merge stops every
//! thread that needs its parent.
//!
//! Source: Bayer and Schkolnick, "Concurrency of operations on B-trees" (1977), solutions 1 to 3; Lehman and
//! Yao, "Efficient locking for concurrent operations on B-trees" (1981).

use std::ops::Deref;

use buffer_pool::Pager;
use slotted_page::{PageBuf, PageId};

use crate::node::{Entry, MAX_ENTRY_SIZE, NodeRef};
use crate::{BPlusTree, Error, Latching, NodeDamage};

//# hide
/// A node latched for writing, between the root and a leaf.
pub(crate) struct Level<W> {
    /// The node.
    pub(crate) node: NodeRef<W>,
    /// Which of its children comes next. 0 in a leaf.
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

/// The nodes from the topmost one that is still latched down to the leaf.
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

/// The pages of a path, those of siblings too: what the thread holds (L5).
pub(crate) fn pages_of<W: Deref<Target = PageBuf>>(path: &[Level<W>]) -> Vec<PageId> {
    path.iter()
        .flat_map(|level| [Some(level.node.id()), level.sibling.as_ref().map(|sibling| sibling.node.id())])
        .flatten()
        .collect()
}
//# end

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

    /// Child `index` of `node`, checked (L5): it is not `node` itself, not the root, and none of `held`, the
    /// other pages that this thread holds.
    ///
    /// # Errors
    /// [`NodeDamage::Circle`]; those of [`NodeRef::child`].
    pub(crate) fn child_of<B: Deref<Target = PageBuf>>(
        &self,
        node: &NodeRef<B>,
        index: usize,
        held: &[PageId],
    ) -> Result<PageId, Error> {
        self.checked(node, node.child(index)?, held)
    }

    /// The leaf to the right of `leaf`, checked as in [`child_of`](Self::child_of); `None` if `leaf` is the
    /// last one.
    ///
    /// # Errors
    /// [`NodeDamage::Circle`].
    pub(crate) fn right_of<B: Deref<Target = PageBuf>>(
        &self,
        leaf: &NodeRef<B>,
        held: &[PageId],
    ) -> Result<Option<PageId>, Error> {
        let next = self.checked(leaf, leaf.next(), held)?;
        Ok(Some(next).filter(|next| *next != PageId::NONE))
    }

    /// The leaf to the left of `leaf`, checked as in [`child_of`](Self::child_of); `None` if `leaf` is the
    /// first one.
    ///
    /// # Errors
    /// [`NodeDamage::Circle`].
    pub(crate) fn left_of<B: Deref<Target = PageBuf>>(
        &self,
        leaf: &NodeRef<B>,
        held: &[PageId],
    ) -> Result<Option<PageId>, Error> {
        let previous = self.checked(leaf, leaf.previous(), held)?;
        Ok(Some(previous).filter(|previous| *previous != PageId::NONE))
    }

    /// `link`, a page that `node` names, if the thread does not hold it.
    fn checked<B: Deref<Target = PageBuf>>(
        &self,
        node: &NodeRef<B>,
        link: PageId,
        held: &[PageId],
    ) -> Result<PageId, Error> {
        if link == node.id() || link == self.root || held.contains(&link) {
            return Err(node.damaged(NodeDamage::Circle));
        }
        Ok(link)
    }

    //# hide
    /// A leaf, latched for reading: from the root down to the child whose index `choose` gives, each child
    /// latched before its parent is released (L2).
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
        let mut node = self.read_root(pager)?;
        while !node.is_leaf() {
            let child = self.child_of(&node, choose(&node)?, &[])?;
            node = self.node(pager.read(child)?, Some(node.level() - 1))?;
        }
        Ok(node)
    }

    /// The nodes down to the leaf of `entry` with write latches, for `change`.
    ///
    /// # Ensures
    /// With [`Latching::WholePath`] all of them are latched, root first. With [`Latching::Optimistic`] the
    /// ancestors of the lowest safe node (L3) are released. Each node below the first that is not safe for a
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
        let root = self.node(pager.write(self.root)?, None)?;
        let mut path = Vec::with_capacity(root.level() as usize + 1);
        path.push(Level::new(root));
        loop {
            let held = pages_of(&path);
            let Some(parent) = path.last_mut().filter(|parent| !parent.node.is_leaf()) else {
                return Ok(path);
            };
            parent.index = parent.node.child_index(entry.key, self.bound(entry.record))?;
            let child = self.child_of(&parent.node, parent.index, &held)?;
            let child = self.node(pager.write(child)?, Some(parent.node.level() - 1))?;
            let level = match change {
                Change::Insert => Level::new(child),
                Change::Remove => self.with_sibling(pager, parent, child, entry, held)?,
            };
            if self.latching == Latching::Optimistic && self.is_safe(&level.node, entry, change)? {
                path.clear();
            }
            path.push(level);
        }
    }

    /// True if `change` in or below `node` cannot reach the parent of `node` (L3).
    ///
    /// # Errors
    /// [`Error::BadNode`].
    fn is_safe<B: Deref<Target = PageBuf>>(
        &self,
        node: &NodeRef<B>,
        entry: Entry<'_>,
        change: Change,
    ) -> Result<bool, Error> {
        match change {
            Change::Insert => Ok(is_safe_for_insert(node, entry)),
            Change::Remove => self.is_safe_for_remove(node, entry),
        }
    }
    //# end

    /// The leaf of `entry`, latched for writing; the nodes above it are latched for reading only.
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
        //# task 4.6 go down with read latches to a write latch
        //+ // Nudge: what may other threads do to the root between its read latch and its write latch?
        loop {
            let mut node = self.read_root(pager)?;
            if node.is_leaf() {
                drop(node);
                let root = self.node(pager.write(self.root)?, None)?;
                if root.is_leaf() {
                    return Ok(root);
                }
                continue;
            }
            loop {
                let index = node.child_index(entry.key, self.bound(entry.record))?;
                let child = self.child_of(&node, index, &[])?;
                if node.level() == 1 {
                    return self.node(pager.write(child)?, Some(0));
                }
                node = self.node(pager.read(child)?, Some(node.level() - 1))?;
            }
        }
        //# end
    }
}

//# hide
/// True if an insert of `entry` below or into `node` cannot split it.
///
/// # Ensures
/// A leaf has room for the entry, an internal node for the longest separator: which one comes up is not known
/// before the leaf is split.
pub(crate) fn is_safe_for_insert<B: Deref<Target = PageBuf>>(node: &NodeRef<B>, entry: Entry<'_>) -> bool {
    let size = if node.is_leaf() { node.size_for(entry.key) } else { MAX_ENTRY_SIZE };
    size <= node.free_bytes()
}
//# end
