//! Removing an entry, and rebalancing nodes that become too empty (task 4.3; optimistically, 4.6).
//!
//! A node is *underfull* when it uses less than [`LOW_WATER`] bytes. It is merged with a sibling if the
//! entries of both fit into one node. Otherwise it borrows entries from the sibling, so that both use about
//! as many bytes. A sibling is a neighbour under the same parent.
//!
//! ```text
//!   merge two leaves                       borrow from the right leaf
//!
//!     | . dog . owl |       | . owl |        | . dog . owl |       | . fox . owl |
//!      /     |       =>      /                /     |       =>      /     |
//!   |ant|  |dog|       |ant dog|           |ant|  |dog fox gnu|  |ant dog| |fox gnu|
//!
//!   merge two internal nodes: the separator comes down
//!
//!         | . dog . |                | . |
//!          /       \         =>       /
//!    | . cat . | | . |          | . cat . dog . |
//! ```
//!
//! A merge moves the entries of the right node into the left one and frees the right page. If the root is
//! left with one child, the entries of the child move into the root page, which keeps its number, and the
//! page of the child is freed. In no other way does a tree become lower.
//!
//! - D1: a sibling is latched from the top down, before anything below it: later it could not be waited for
//!   (L1). So whether a node may need its sibling is decided when the node is reached.
//! - D2: a borrow gives the parent a new separator, which may be longer than the old one. If the parent has
//!   no room for it, another place to cut is tried. If no cut has a separator that fits, the node stays
//!   underfull. A merge needs no new separator.
//! - D3: *only children*. Because of D2, an internal node other than the root may be left with one child. It
//!   counts as underfull, however many bytes it uses. If that child becomes empty, it has no sibling to merge
//!   with: it is *cut out*, which means that its parent and the leaves beside it forget it, and its page is
//!   freed. Then its parent has no child and is cut out too, *even if it has a sibling*: it has no entry that
//!   could be merged, and a borrow would have no separator to bring down. The same may happen to the node
//!   above. When the root takes over the entries of its last child, that may be one child again, and the root
//!   goes on with it. If that child's page cannot be had, or a `try_write` for it is refused, the root may
//!   keep an only child: the tree is right, and higher than it need be.
//! - D4: *how full nodes are*. After a removal no node that lost an entry or a child uses less than
//!   [`LOW_WATER`] bytes, unless it is the root, has no sibling, or long keys do not allow it (D2). After a
//!   borrow each of the two leaves uses at least three eighths of [`CAPACITY`], unless D2 does not allow it:
//!   many removals follow before the next borrow. There is such a border, because an entry takes at most a
//!   quarter of a node. It is free which sibling is taken, where between these bounds the border lies, and
//!   whether nodes are merged earlier than they must be.
//!
//! Left out: leaves are merged only under the same parent, and an underfull node is rebalanced only by the
//! next removal in it.
//!
//! Source: Comer, "The ubiquitous B-tree" (1979), section 2; Graefe, "Modern B-tree techniques" (2011),
//! section 2 for variable-length entries.

use std::ops::{Deref, DerefMut};

use buffer_pool::{Pager, RecordId};
use kit::sync::thread::yield_now;
use slotted_page::{PageBuf, PageId};

use crate::admit::Admit;
use crate::node::{CAPACITY, Entry, LOW_WATER, NodeRef};
use crate::{BPlusTree, Error, NodeDamage, Removal};

impl BPlusTree {
    /// Removes with a write latch on the leaf alone, if that is enough.
    ///
    /// # Ensures
    /// `Some`: the answer of [`remove_with`](Self::remove_with). `None`: the leaf would become underfull, and
    /// nothing was changed.
    ///
    /// # Errors
    /// As [`remove_with`](Self::remove_with). No latch is held.
    pub(crate) fn remove_from_leaf<P: Pager>(
        &self,
        pager: &P,
        entry: Entry<'_>,
        admit: &mut Admit<'_>,
    ) -> Result<Option<Removal>, Error> {
        todo!("task 4.6: remove optimistically")
    }

    /// Removes with write latches from the root down, and rebalances what becomes underfull.
    ///
    /// # Requires
    /// The key is not too long.
    ///
    /// # Ensures, Errors
    /// As [`remove_with`](Self::remove_with), and L1 to L5 and D1 to D4. Before entries go from node to node
    /// or a node is cut out, the structure counter is raised
    /// ([`structure_changes`](Self::structure_changes)): no test of this task looks at it, the iterators of
    /// task 4.4 rely on it. With
    /// [`Latching::WholePath`](crate::Latching::WholePath) every latch is kept to the end, with
    /// [`Latching::Optimistic`](crate::Latching::Optimistic) those above a safe node are released (L3, task
    /// 4.6).
    ///
    /// # Cost
    /// A page read for each level, one for each sibling (D1), and one for each leaf whose links change. More
    /// only if a latch was refused and everything starts again.
    pub(crate) fn remove_along_path<P: Pager>(
        &self,
        pager: &P,
        entry: Entry<'_>,
        admit: &mut Admit<'_>,
    ) -> Result<Removal, Error> {
        // Nudge: decide what will happen to the leaf, latch everything for it, and ask `admit`.
        // Only then change the leaf, and after it its ancestors from the leaf up.
        todo!("task 4.3: remove from a leaf, and rebalance what becomes underfull")
    }
}
