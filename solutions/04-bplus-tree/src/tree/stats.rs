//! Visiting every node of a tree: to count them, and to free them. Given.
//!
//! Both keep the way down from the root latched. A thread that splits or merges a node needs its parent for
//! writing. So the tree keeps its shape while its nodes are counted, but entries may come and go in leaves.

use buffer_pool::Pager;
use slotted_page::PageId;

use super::TreeStats;
use crate::node::{CAPACITY, Entry, NodeRef};
use crate::{BPlusTree, Error, NodeDamage};

impl BPlusTree {
    /// Walks over the whole tree and counts.
    ///
    /// # Errors
    /// [`Error::BadNode`], and those of [`Pager::read`].
    ///
    /// # Cost
    /// A page read for each node. As many pages are latched at a time as the tree is high.
    pub fn stats<P: Pager>(&self, pager: &P) -> Result<TreeStats, Error> {
        let root = self.read_root(pager)?;
        let mut stats = TreeStats { height: u32::from(root.level()) + 1, ..TreeStats::default() };
        let mut used_bytes = 0;
        self.count(pager, &root, &mut Vec::new(), &mut stats, &mut used_bytes)?;
        let room = u64::from(stats.leaf_pages) * CAPACITY as u64;
        stats.leaf_fill_percent = (used_bytes * 100 / room) as u32;
        Ok(stats)
    }

    /// Adds `node` and everything below it. `above` are the nodes between the root and `node`.
    fn count<P: Pager>(
        &self,
        pager: &P,
        node: &NodeRef<P::Read<'_>>,
        above: &mut Vec<PageId>,
        stats: &mut TreeStats,
        used_bytes: &mut u64,
    ) -> Result<(), Error> {
        if node.is_leaf() {
            stats.leaf_pages += 1;
            stats.entries += node.len() as u64;
            *used_bytes += node.used_bytes() as u64;
            return Ok(());
        }
        stats.internal_pages += 1;
        for index in 0..node.len() {
            let child = self.child_of(node, index, above)?;
            let child = self.node(pager.read(child)?, Some(node.level() - 1))?;
            above.push(node.id());
            self.count(pager, &child, above, stats, used_bytes)?;
            above.pop();
        }
        Ok(())
    }

    /// Frees every page: [`destroy_some`](Self::destroy_some) until the tree is gone.
    ///
    /// # Errors
    /// Those of `destroy_some`. What was freed stays freed; the rest can be opened and destroyed.
    ///
    /// # Cost
    /// A page read for each node. As many pages are latched at a time as the tree is high.
    pub fn destroy<P: Pager>(self, pager: &P) -> Result<(), Error> {
        while !self.destroy_some(pager, usize::MAX)? {}
        Ok(())
    }

    /// Frees up to `at_most` pages; true if the tree is gone then, false if pages are left. A large tree is
    /// dropped in many small steps, each of which latches and logs few pages (lab 6).
    ///
    /// # Requires
    /// From the first call on, the tree is used for nothing but `destroy_some` and
    /// [`destroy`](Self::destroy).
    ///
    /// # Ensures
    /// A call with `at_most` above 0 frees at least one page. After a call that returned false or an error,
    /// every page that is left is reached from the root, and [`open`](Self::open) opens the root page: the
    /// next call goes on, also after a restart. A page that could not be freed is still in the tree.
    ///
    /// # Errors
    /// [`Error::BadNode`], those of [`Pager::write`] and [`Pager::free`].
    ///
    /// # Cost
    /// A page read for each level and for each page that is freed. As many pages are latched at a time as the
    /// tree is high.
    pub fn destroy_some<P: Pager>(&self, pager: &P, at_most: usize) -> Result<bool, Error> {
        let mut root = self.node(pager.write(self.id())?, None)?;
        let mut left = at_most;
        loop {
            if left == 0 {
                return Ok(false);
            }
            if root.is_leaf() {
                pager.free(root.into_inner())?;
                return Ok(true);
            }
            root = self.free_below(pager, root, &mut Vec::new(), &mut left)?;
        }
    }

    /// Frees pages below `node`, until none is there or `left` pages were freed. It goes from left to right,
    /// because a mini-transaction keeps the latches of freed pages (L1). A node without children becomes an
    /// empty leaf: in a tree that is being destroyed the levels no longer matter, but an internal node
    /// without a child is damage.
    fn free_below<'a, P: Pager>(
        &self,
        pager: &'a P,
        mut node: NodeRef<P::Write<'a>>,
        above: &mut Vec<PageId>,
        left: &mut usize,
    ) -> Result<NodeRef<P::Write<'a>>, Error> {
        while !node.is_leaf() && *left > 0 {
            let child = self.child_of(&node, 0, above)?;
            let child = self.node(pager.write(child)?, None)?;
            if child.level() >= node.level() {
                let (expected, found) = (node.level() - 1, child.level());
                return Err(child.damaged(NodeDamage::BadLevel { expected, found }));
            }
            above.push(node.id());
            let child = self.free_below(pager, child, above, left)?;
            above.pop();
            if *left == 0 || !child.is_leaf() {
                break;
            }
            // First free it, then forget it: a page that cannot be freed is still in the tree.
            pager.free(child.into_inner())?;
            *left -= 1;
            if node.len() > 1 {
                node.remove(0)?;
                node.set_separator(0, Entry::EMPTY)?;
            } else {
                node = NodeRef::init(node.into_inner(), self.root, 0, self.mode);
            }
        }
        Ok(node)
    }
}
