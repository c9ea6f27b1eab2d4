//! A table with transactions: a heap and its indexes under locks (task 5.6).
//!
//! Called by the engine of lab 7. A row is bytes; the caller's [`RowKeys`] says which keys it has in the
//! indexes.
//!
//! ```text
//!   insert(row)                      locks                        undo
//!     check unique keys              X or IX of each key
//!     unit: into the heap            X of the new record id       take the row out
//!     unit: into each index          the gap, for a moment        take the entry out
//!
//!   delete(id)                       X of the row, keys
//!     unit: mark the row                                          take the mark away
//!     after the commit: entries out, row out
//! ```
//!
//! - W1: each live row has one entry in each index, under its key. Other entries (of a deleted row, of a key
//!   that a row had before) lead to a row that is marked or has another key: a reader looks at the row before
//!   it believes an entry.
//! - W2: whatever a transaction needs for its undo stays until it has committed: a deleted row keeps its
//!   place and its bytes, a row that became shorter keeps its length, an entry that became needless stays.
//! - W3: a transaction that changes the entries of a key holds the key: in X if the key must be unique, else
//!   in IX. So whoever holds a unique key in X knows whether a row has it, and an insert that meets the
//!   uncommitted delete of its key waits for the outcome.
//! - W4: each call changes all or nothing: what a failing call has changed is undone before it returns.
//! - W5: a record id that was freed by a transaction which has not ended goes to nobody else: its lock is
//!   held.
//!
//! Unique keys are checked here and not by the tree: a unique column holds any number of NULLs, and the entry
//! of a deleted row stands beside that of its successor for a while. So the trees are ones with duplicates,
//! and the caller says for each key whether it must be unique.

use std::collections::BTreeSet;

use bplus_tree::{BPlusTree, KeyMode};
use buffer_pool::{Pager, RecordId, TableHeap};
use kit::sync::Arc;
use slotted_page::PageId;

use crate::row::{self, StoredRow};
use crate::store::{HEAP_PAGES, Store, Undo, Unit};
use crate::undo::Op;
use crate::{
    Cursor, Error, Index, IndexId, LockMode, Locker, Resource, RowLock, Scan, TableId, Transaction,
    Transactions,
};

/// The key of a row in an index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexKey {
    /// Its bytes, as lab 2 makes them of values.
    pub key: Vec<u8>,
    /// No two rows may have it. False for a key with NULL in it, also in a unique index.
    pub must_be_unique: bool,
}

/// Which keys a row has. The caller's: a table does not know what its rows mean.
pub trait RowKeys: Send + Sync {
    /// Number of indexes.
    fn index_count(&self) -> usize;

    /// The key of `row` in the index `index`. The same row always gives the same key.
    fn key(&self, index: usize, row: &[u8]) -> IndexKey;
}

/// A table. Copies of the value are the same table; all threads share the heap and the trees.
#[derive(Clone)]
pub struct Table {
    id: TableId,
    heap: Arc<TableHeap>,
    indexes: Arc<[Index]>,
    keys: Arc<dyn RowKeys>,
}

/// A row and where it is.
pub type FoundRow = (RecordId, Vec<u8>);

impl Table {
    /// A new table without rows, and a tree for each index. It is not part of a transaction: for
    /// that, call [`Transaction::make_heap`] and [`Transaction::make_tree`], and then [`open`](Self::open).
    ///
    /// # Errors
    /// Those of heap and tree.
    pub fn create<S: Store>(
        shared: &Transactions<S>,
        id: TableId,
        keys: Arc<dyn RowKeys>,
    ) -> Result<Self, Error> {
        let pager = shared.store().reader();
        let heap = TableHeap::create(pager)?.id();
        let new_tree = |_| Ok(BPlusTree::create(pager, KeyMode::Duplicates)?.id());
        let roots: Vec<PageId> = (0..keys.index_count()).map(new_tree).collect::<Result<_, Error>>()?;
        Self::open(shared, id, heap, &roots, keys)
    }

    /// The table whose heap starts at `heap`, and whose indexes have these roots.
    ///
    /// # Errors
    /// Those of heap and tree.
    pub fn open<S: Store>(
        shared: &Transactions<S>,
        id: TableId,
        heap: PageId,
        roots: &[PageId],
        keys: Arc<dyn RowKeys>,
    ) -> Result<Self, Error> {
        let (pager, structures) = (shared.store().reader(), shared.structures());
        let heap = structures.heap(pager, heap)?;
        let index_of = |(number, root): (usize, &PageId)| {
            let number = u16::try_from(number).expect("a table has few indexes");
            Ok(Index::new(IndexId { table: id, number }, structures.tree(pager, *root)?))
        };
        let indexes: Vec<Index> = roots.iter().enumerate().map(index_of).collect::<Result<_, Error>>()?;
        Ok(Table { id, heap, indexes: indexes.into(), keys })
    }

    /// Its name.
    pub fn id(&self) -> TableId {
        self.id
    }

    /// Its heap.
    pub fn heap(&self) -> &TableHeap {
        &self.heap
    }

    /// Its indexes.
    pub fn indexes(&self) -> &[Index] {
        &self.indexes
    }

    /// Inserts a row.
    ///
    /// # Ensures
    /// W1 to W5: the row is locked in X before anybody can see it.
    ///
    /// # Errors
    /// Nothing is changed: [`Error::RowTooLong`]; [`Error::DuplicateKey`] if another row has a key that must
    /// be unique, and that row is committed, or this transaction's; those of [`Locker::lock`]; those of heap,
    /// tree and store.
    ///
    /// # Cost
    /// Locks: the table, the row, and one key for each index.
    pub fn insert<S: Store>(&self, txn: &Transaction<S>, row: &[u8]) -> Result<RecordId, Error> {
        // Nudge: what may wait comes before the first change; what fails after it is undone.
        // Nudge: `try_lock` also refuses a transaction that may take no more locks. Which error is that?
        todo!("task 5.6: insert a row")
    }

    /// The row `id`, or `None` if there is none.
    ///
    /// # Ensures
    /// What is returned is committed, or this transaction's own, except at read uncommitted.
    ///
    /// # Errors
    /// Those of [`Locker::read_row`] and of the heap.
    pub fn get<S: Store>(
        &self,
        txn: &Transaction<S>,
        id: RecordId,
        strength: RowLock,
    ) -> Result<Option<Vec<u8>>, Error> {
        todo!("task 5.6: read a row")
    }

    /// Gives the row `id` new contents; false if there is no such row.
    ///
    /// # Ensures
    /// W1 to W4. A key that does not change is neither locked nor touched. Room in the heap that the row does
    /// not need, also from a change that was rolled back, is given back at the commit.
    ///
    /// # Errors
    /// As for [`insert`](Self::insert).
    pub fn update<S: Store>(&self, txn: &Transaction<S>, id: RecordId, row: &[u8]) -> Result<bool, Error> {
        // Nudge: which length does the record have in the heap until the commit? See W2 and R1.
        todo!("task 5.6: update a row")
    }

    /// Deletes the row `id`; false if there is no such row.
    ///
    /// # Ensures
    /// W1 to W4. Until the commit the row keeps its record id, its bytes and its entries.
    ///
    /// # Errors
    /// Nothing is changed: those of [`Locker::lock`], of the heap and the store.
    pub fn delete<S: Store>(&self, txn: &Transaction<S>, id: RecordId) -> Result<bool, Error> {
        // Nudge: what would another transaction do with a slot that is free before the commit?
        todo!("task 5.6: delete a row")
    }

    /// The rows that have `key` in the index `index`, in the order of their record ids.
    ///
    /// # Ensures
    /// At serializable no other transaction changes the answer until this one ends, and nothing but the key
    /// and its rows is locked.
    ///
    /// # Errors
    /// Those of [`Locker::lock`], of heap and tree.
    pub fn lookup<S: Store>(
        &self,
        txn: &Transaction<S>,
        index: usize,
        key: &[u8],
        strength: RowLock,
    ) -> Result<Vec<FoundRow>, Error> {
        // Nudge: an entry that you find may be of a row that is deleted or has another key by now (W1).
        todo!("task 5.6: look rows up by a key")
    }

    /// A cursor over rows of the table. Nothing is read or locked before its first batch.
    pub fn scan(&self, scan: Scan) -> Cursor {
        Cursor::new(self.clone(), scan)
    }

    /// The row that an entry of the index `index` leads to, if it is live and has the key.
    pub(crate) fn row_of_entry<S: Store>(
        &self,
        txn: &Transaction<S>,
        index: usize,
        key: &[u8],
        id: RecordId,
        strength: RowLock,
    ) -> Result<Option<Vec<u8>>, Error> {
        let row = self.get(txn, id, strength)?;
        Ok(row.filter(|row| self.keys.key(index, row).key == key))
    }

    /// All keys of a row.
    fn keys_of(&self, row: &[u8]) -> Vec<IndexKey> {
        (0..self.indexes.len()).map(|index| self.keys.key(index, row)).collect()
    }

    /// The row `id` and its length in the heap, if there is one. Its lock is held.
    fn stored<S: Store>(
        &self,
        txn: &Transaction<S>,
        id: RecordId,
    ) -> Result<Option<(Vec<u8>, usize)>, Error> {
        match self.heap.get(txn.shared().store().reader(), id) {
            Err(buffer_pool::Error::NoRecord { .. }) => Ok(None),
            Err(error) => Err(error.into()),
            Ok(stored) => {
                let StoredRow { is_deleted, row, len } = row::decode(&stored)?;
                Ok((!is_deleted).then(|| (row.to_vec(), len)))
            }
        }
    }

    /// Runs one operation of the heap in a unit that `op` undoes.
    fn in_unit<'s, S: Store + 's, R>(
        &self,
        txn: &'s Transaction<S>,
        op: &[u8],
        operation: impl FnOnce(&<S::Unit<'s> as Unit>::Pager) -> Result<R, buffer_pool::Error>,
    ) -> Result<R, Error> {
        let unit = txn.shared().store().unit(txn.id(), HEAP_PAGES)?;
        let result = unit.run(operation)?;
        unit.end(Undo::Op(op))?;
        Ok(result)
    }

    /// Locks a key of which an entry will be added, or become needless (W3).
    fn lock_key(&self, locker: &Locker, index: usize, key: &IndexKey) -> Result<(), Error> {
        let mode = if key.must_be_unique { LockMode::X } else { LockMode::IX };
        locker.lock(&self.indexes[index].key(&key.key), mode)?;
        Ok(())
    }

    /// What a commit must clear away of the row `id`, as bytes of operations (X3): `entries` are those that
    /// may be needless.
    pub(crate) fn rest_of<P: Pager>(
        &self,
        reader: &P,
        id: RecordId,
        entries: &BTreeSet<(usize, Vec<u8>)>,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let stored = match self.heap.get(reader, id) {
            Err(buffer_pool::Error::NoRecord { .. }) => return Ok(Vec::new()),
            other => other?,
        };
        let StoredRow { is_deleted, row, len } = row::decode(&stored)?;
        let is_needless = |index: usize, key: &[u8]| is_deleted || self.keys.key(index, row).key != key;
        let mut rest: Vec<Vec<u8>> = Vec::new();
        for (at, key) in entries.iter().filter(|(at, key)| is_needless(*at, key)) {
            let index = &self.indexes[*at];
            let (index, tree) = (index.id(), index.tree().id());
            rest.push(Op::EntryAdded { index, tree, key, row: id }.encode());
        }
        let heap = self.heap.id();
        if is_deleted {
            rest.push(Op::RowAdded { heap, row: id }.encode());
        } else if len > row::encode(row, 0).len() {
            rest.push(Op::RowShrunk { heap, row: id }.encode());
        }
        Ok(rest)
    }
}
