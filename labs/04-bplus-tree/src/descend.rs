//! The ways from the root to a leaf (tasks 4.1 and 4.6).

use std::ops::Deref;

use buffer_pool::Pager;
use slotted_page::{PageBuf, PageId};

use crate::node::NodeRef;
use crate::{BTree, Error};

impl BTree {
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

    /// A leaf, latched for reading: from the root down to the child whose index `choose` gives, each child latched
    /// before its parent is let go.
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

    /// Child `index` of `node`, which is not `node` itself or the root: a thread that asked for a page it holds would
    /// wait for ever.
    pub(crate) fn child_of<B: Deref<Target = PageBuf>>(
        &self,
        node: &NodeRef<B>,
        index: usize,
    ) -> Result<PageId, Error> {
        let child = node.child(index)?;
        if child == node.id() || child == self.root {
            Err(node.damaged(crate::NodeDamage::Circle))
        } else {
            Ok(child)
        }
    }
}
