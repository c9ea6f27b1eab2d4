//! Walks over the whole of a tree: to count it, and to free it. Given.
//!
//! Both keep the way down from the root latched. Whoever wants to split or merge a node needs its parent for writing, so that
//! the tree keeps its shape while it is looked at; entries may still come and go in leaves with room.

use buffer_pool::Pager;

use super::TreeStats;
use crate::node::{CAPACITY, NodeRef};
use crate::{BPlusTree, Error};

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
        self.count(pager, &root, &mut stats, &mut used_bytes)?;
        let room = u64::from(stats.leaf_pages) * CAPACITY as u64;
        stats.leaf_fill_percent = (used_bytes * 100 / room) as u32;
        Ok(stats)
    }

    /// Adds `node` and everything below it.
    fn count<P: Pager>(
        &self,
        pager: &P,
        node: &NodeRef<P::Read<'_>>,
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
            let child = self.child_of(node, index)?;
            let child = self.node(pager.read(child)?, Some(node.level() - 1))?;
            self.count(pager, &child, stats, used_bytes)?;
        }
        Ok(())
    }

    /// Frees every page.
    ///
    /// # Errors
    /// [`Error::BadNode`], those of [`Pager::write`] and [`Pager::free`]. Some pages may be free then, and the tree cannot be
    /// used any more.
    ///
    /// # Cost
    /// A page read for each node. As many pages are latched at a time as the tree is high.
    pub fn destroy<P: Pager>(self, pager: &P) -> Result<(), Error> {
        let root = self.node(pager.write(self.id())?, None)?;
        self.free(pager, root)
    }

    /// Frees everything below `node`, and then `node`.
    fn free<'a, P: Pager>(&self, pager: &'a P, node: NodeRef<P::Write<'a>>) -> Result<(), Error> {
        if !node.is_leaf() {
            for index in 0..node.len() {
                let child = self.child_of(&node, index)?;
                let child = self.node(pager.write(child)?, Some(node.level() - 1))?;
                self.free(pager, child)?;
            }
        }
        Ok(pager.free(node.into_inner())?)
    }
}
