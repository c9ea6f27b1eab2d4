//! What a change of a table leaves for its undo, and what a commit leaves to be cleared away. Given, except
//! for `Structures::undo_change` (task 5.6).
//!
//! Both are bytes, because in lab 6 they go into the log, and both name heaps and trees by a page, because in
//! lab 7 they are read before there is a catalog.
//!
//! | offset | size | field                                                     |
//! | ------ | ---- | --------------------------------------------------------- |
//! | 0      | 1    | tag, see [`Op`]                                           |
//! | 1      | 4    | first page of the heap, or root page of the tree          |
//! | 5      | 6    | record id                                                 |
//! | 11     | 4, 2 | of an entry: table and number of the index                |
//! | 11, 17 | rest | the row as it was (tag 3), or the key (tags 4 and 5)      |
//!
//! Numbers are little-endian. Tags 6 and 7, for whole heaps and trees, are in `made.rs`.
//!
//! - U1: each of these operations can be done without a lock, without a new page and without a longer record
//!   (S3 in `store.rs`).
//! - U2: clearing away a row or an entry twice is like clearing it away once: its record id is locked until
//!   all is cleared away.
//! - U3: a heap or a tree is destroyed in several units, of which each leaves a heap or tree that the next
//!   one goes on with, also after a restart. Once its last page is free, its pages may have another owner, so
//!   nothing may destroy it twice: the unit that frees the last page says that the operation is done with
//!   ([`Undo::Compensates`](crate::Undo::Compensates) or [`Undo::Cleared`](crate::Undo::Cleared)).

mod made;

use std::collections::BTreeMap;

use bplus_tree::BPlusTree;
use buffer_pool::{Pager, RecordId, TableHeap};
use kit::sync::{Arc, Mutex};
use slotted_page::PageId;

use crate::row::{self, StoredRow};
use crate::{Error, Index, IndexId, LockTable, TableId};
pub(crate) use made::Made;

/// Pages that are freed in one unit. With the path to them, of a tree of at most five levels, a unit keeps 11
/// pages: less than [`TREE_PAGES`](crate::store::TREE_PAGES).
const DESTROYED_AT_ONCE: usize = 6;

/// An operation that undoes a change, or that clears away after a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op<'a> {
    /// A row was inserted: undone by taking it out. Tag 1; after a commit it clears a deleted row away.
    RowAdded { heap: PageId, row: RecordId },
    /// A row was marked as deleted: undone by taking the mark away. Tag 2.
    RowHidden { heap: PageId, row: RecordId },
    /// A row was changed: undone by writing it as it was. Tag 3.
    RowChanged { heap: PageId, row: RecordId, before: &'a [u8] },
    /// An entry was added: undone by taking it out. Tag 4; after a commit it clears a needless entry away.
    EntryAdded { index: IndexId, tree: PageId, key: &'a [u8], row: RecordId },
    /// After a commit: the room that a row does not need any more is given back. Tag 5.
    RowShrunk { heap: PageId, row: RecordId },
}

const DAMAGED: Error = Error::Damaged { what: "the bytes of an undo" };

impl<'a> Op<'a> {
    /// As bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (tag, page, row) = match *self {
            Op::RowAdded { heap, row } => (1, heap, row),
            Op::RowHidden { heap, row } => (2, heap, row),
            Op::RowChanged { heap, row, .. } => (3, heap, row),
            Op::EntryAdded { tree, row, .. } => (4, tree, row),
            Op::RowShrunk { heap, row } => (5, heap, row),
        };
        let mut bytes = vec![tag];
        bytes.extend(page.0.to_le_bytes());
        bytes.extend(row.to_bytes());
        match self {
            Op::RowChanged { before, .. } => bytes.extend_from_slice(before),
            Op::EntryAdded { index, key, .. } => {
                bytes.extend(index.table.0.to_le_bytes());
                bytes.extend(index.number.to_le_bytes());
                bytes.extend_from_slice(key);
            }
            _ => {}
        }
        bytes
    }

    /// From bytes.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, Error> {
        let (tag, rest) = bytes.split_first().ok_or(DAMAGED)?;
        let (page, rest) = rest.split_first_chunk().ok_or(DAMAGED)?;
        let (row, rest) = rest.split_first_chunk().ok_or(DAMAGED)?;
        let (page, row) = (PageId(u32::from_le_bytes(*page)), RecordId::from_bytes(*row));
        match tag {
            1 => Ok(Op::RowAdded { heap: page, row }),
            2 => Ok(Op::RowHidden { heap: page, row }),
            3 => Ok(Op::RowChanged { heap: page, row, before: rest }),
            4 => {
                let (table, rest) = rest.split_first_chunk().ok_or(DAMAGED)?;
                let (number, key) = rest.split_first_chunk().ok_or(DAMAGED)?;
                let table = TableId(u32::from_le_bytes(*table));
                let index = IndexId { table, number: u16::from_le_bytes(*number) };
                Ok(Op::EntryAdded { index, tree: page, key, row })
            }
            5 => Ok(Op::RowShrunk { heap: page, row }),
            _ => Err(DAMAGED),
        }
    }
}

/// The heaps and trees that are in use, by page. All threads share one value of each, or iterators would miss
/// structure changes.
#[derive(Default)]
pub struct Structures {
    open: Mutex<Open>,
}

/// What the mutex protects. No page is asked for under it.
#[derive(Default)]
struct Open {
    heaps: BTreeMap<PageId, Arc<TableHeap>>,
    trees: BTreeMap<PageId, Arc<BPlusTree>>,
}

impl Structures {
    /// The heap whose first page is `first`.
    ///
    /// # Errors
    /// Those of [`TableHeap::open`].
    pub fn heap<P: Pager>(&self, pager: &P, first: PageId) -> Result<Arc<TableHeap>, Error> {
        if let Some(heap) = self.open.lock().heaps.get(&first) {
            return Ok(Arc::clone(heap));
        }
        let heap = Arc::new(TableHeap::open(pager, first)?);
        Ok(Arc::clone(self.open.lock().heaps.entry(first).or_insert(heap)))
    }

    /// The tree whose root page is `root`.
    ///
    /// # Errors
    /// Those of [`BPlusTree::open`].
    pub fn tree<P: Pager>(&self, pager: &P, root: PageId) -> Result<Arc<BPlusTree>, Error> {
        if let Some(tree) = self.open.lock().trees.get(&root) {
            return Ok(Arc::clone(tree));
        }
        let tree = Arc::new(BPlusTree::open(pager, root)?);
        Ok(Arc::clone(self.open.lock().trees.entry(root).or_insert(tree)))
    }

    /// Undoes one change, or clears away after a commit; true if that is done, false if a part of it was
    /// done, and another unit must run it again (U3). Opens heap and tree through `reader` if they are not
    /// open yet, and changes pages through `pager`: one operation of one of them. Given.
    ///
    /// # Requires
    /// Nobody else uses a heap or tree that is to be destroyed.
    ///
    /// # Ensures
    /// U1 to U3. The lock table only learns which gap became part of which ([`Index::take_out`]). What is to
    /// be taken out and is not there is taken for done. A call changes at most
    /// [`TREE_PAGES`](crate::store::TREE_PAGES) pages.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the bytes are no operation, or the record is no row; those of heap and tree.
    pub fn undo<R: Pager, P: Pager>(
        &self,
        reader: &R,
        pager: &P,
        locks: &LockTable,
        op: &[u8],
    ) -> Result<bool, Error> {
        let Some(made) = Made::decode(op)? else {
            return self.undo_change(reader, pager, locks, op).map(|()| true);
        };
        // Forgotten before its first page is free, because then the page may be another structure's.
        match made {
            Made::Heap(first) => {
                self.open.lock().heaps.remove(&first);
                Ok(TableHeap::open(reader, first)?.destroy_some(pager, DESTROYED_AT_ONCE)?)
            }
            Made::Tree(root) => {
                self.open.lock().trees.remove(&root);
                Ok(BPlusTree::open(reader, root)?.destroy_some(pager, DESTROYED_AT_ONCE)?)
            }
        }
    }

    /// As [`undo`](Self::undo), for a row or an entry.
    fn undo_change<R: Pager, P: Pager>(
        &self,
        reader: &R,
        pager: &P,
        locks: &LockTable,
        op: &[u8],
    ) -> Result<(), Error> {
        //# task 5.6 undo one change of a table
        //+ // Nudge: a row keeps the length that it has in the heap; `row::encode` fills the rest.
        match Op::decode(op)? {
            Op::RowAdded { heap, row } => match self.heap(reader, heap)?.delete(pager, row) {
                Err(buffer_pool::Error::NoRecord { .. }) => Ok(()),
                other => Ok(other?),
            },
            Op::RowHidden { heap, row } => {
                let heap = self.heap(reader, heap)?;
                let mut stored = heap.get(reader, row)?;
                row::set_deleted(&mut stored, false)?;
                Ok(heap.update(pager, row, &stored)?)
            }
            Op::RowChanged { heap, row, before } => {
                let heap = self.heap(reader, heap)?;
                let len = heap.get_with(reader, row, <[u8]>::len)?;
                Ok(heap.update(pager, row, &row::encode(before, len))?)
            }
            Op::EntryAdded { index, tree, key, row } => {
                let tree = self.tree(reader, tree)?;
                Index::new(index, tree).take_out(pager, locks, key, row)
            }
            Op::RowShrunk { heap, row } => {
                let heap = self.heap(reader, heap)?;
                let stored = heap.get(reader, row)?;
                let StoredRow { row: bytes, .. } = row::decode(&stored)?;
                Ok(heap.update(pager, row, &row::encode(bytes, 0))?)
            }
        }
        //# end
    }
}
