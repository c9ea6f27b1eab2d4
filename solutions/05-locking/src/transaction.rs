//! Transactions: begin, savepoints, commit and rollback (task 5.6).
//!
//! ```text
//!   Transactions (one for all)          Transaction (one for each)
//!     store, lock table, open heaps       Locker, what to clear away
//!
//!   commit:    commit point --> clear away --> release the locks
//!   rollback:  undo, newest change first ----> release the locks
//! ```
//!
//! - X1: a transaction releases its locks after its commit point and after what it left was cleared away, or
//!   after all its changes are undone.
//! - X2: a rollback takes no lock and waits for nothing but latches and frames.
//! - X3: what a commit clears away (deleted rows, needless entries, spare room, dropped heaps and trees)
//!   shows to nobody. If clearing fails, the transaction has committed all the same, and the rest stays as
//!   it is, from the operation on that failed: the store counts those that are done.
//! - X4: a transaction whose rollback failed, or of which nobody knows whether it has committed, keeps its
//!   locks for good: what it changed stays hidden. If the store takes no more changes, nothing waits for such
//!   locks: the lock table is closed.
//! - X5: if the undo of a statement or of a rollback to a savepoint fails, the transaction can only be rolled
//!   back as a whole. Half a statement never commits.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use bplus_tree::{BPlusTree, KeyMode};
use buffer_pool::{RecordId, TableHeap};
use kit::sync::atomic::{AtomicU64, Ordering};
use kit::sync::{Arc, thread};
use slotted_page::PageId;

use crate::store::{HEAP_PAGES, Mark, Store, TREE_PAGES, Undo, Unit};
use crate::undo::{Made, Structures};
use crate::{Error, Isolation, LockConfig, LockError, LockTable, Locker, Table, TableId, TxnId, TxnState};

/// All that transactions share.
pub struct Transactions<S> {
    store: S,
    locks: Arc<LockTable>,
    structures: Structures,
    next: AtomicU64,
}

/// A transaction. One thread uses it at a time; it may move between threads. Dropping it rolls it back.
pub struct Transaction<S: Store> {
    shared: Arc<Transactions<S>>,
    locker: Locker,
    /// The rows that a commit must look at, and the entries of each that may have become needless.
    leftovers: RefCell<BTreeMap<(TableId, RecordId), Leftover>>,
    /// The heaps and trees that a commit destroys, in the order in which they were dropped.
    dropped: RefCell<Vec<Made>>,
    rollbacks: RefCell<Rollbacks>,
    is_over: Cell<bool>,
}

/// A row that was deleted, changed or made shorter.
struct Leftover {
    table: Table,
    entries: BTreeSet<(usize, Vec<u8>)>,
}

/// A point that a transaction can go back to, until a rollback goes behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Savepoint {
    txn: TxnId,
    mark: Mark,
    /// Number of rollbacks before it.
    rollbacks: usize,
    /// Number of heaps and trees that were dropped before it.
    dropped: usize,
}

/// How far back a transaction has gone so far. A mark alone does not say that: the changes behind it may be
/// others by now.
#[derive(Default)]
struct Rollbacks {
    count: usize,
    /// Number and mark of each rollback, oldest first, but for those whose mark a later one reached or went
    /// behind. So the marks ascend.
    deepest: Vec<(usize, Mark)>,
}

impl Rollbacks {
    /// Notes a rollback to `mark`.
    fn note(&mut self, mark: Mark) {
        while self.deepest.pop_if(|(_, other)| *other >= mark).is_some() {}
        self.deepest.push((self.count, mark));
        self.count += 1;
    }

    /// True if no rollback has gone behind `savepoint` since it was set.
    fn is_alive(&self, savepoint: Savepoint) -> bool {
        let later = self.deepest.partition_point(|(number, _)| *number < savepoint.rollbacks);
        self.deepest.get(later).is_none_or(|(_, mark)| *mark >= savepoint.mark)
    }
}

impl<S: Store> Transactions<S> {
    /// Transactions over `store`, none so far.
    pub fn new(store: S, config: LockConfig) -> Arc<Self> {
        Self::starting_at(store, config, TxnId(1))
    }

    /// As [`new`](Self::new), but the first transaction has the id `first`: a store that remembers
    /// transactions after a restart must not see one id twice.
    pub fn starting_at(store: S, config: LockConfig, first: TxnId) -> Arc<Self> {
        let locks = Arc::new(LockTable::new(config));
        let next = AtomicU64::new(first.0);
        Arc::new(Transactions { store, locks, structures: Structures::default(), next })
    }

    /// The store.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The lock table. [`LockTable::cancel`] ends the wait of a transaction.
    pub fn locks(&self) -> &Arc<LockTable> {
        &self.locks
    }

    /// The heaps and trees that are in use.
    pub fn structures(&self) -> &Structures {
        &self.structures
    }

    /// A new transaction, younger than all before it.
    ///
    /// # Errors
    /// Those of [`Store::begin`].
    pub fn begin(self: &Arc<Self>, isolation: Isolation) -> Result<Transaction<S>, Error> {
        let id = TxnId(self.next.fetch_add(1, Ordering::Relaxed));
        self.store.begin(id)?;
        let locker = Locker::new(Arc::clone(&self.locks), id, isolation);
        Ok(Transaction {
            shared: Arc::clone(self),
            locker,
            leftovers: RefCell::default(),
            dropped: RefCell::default(),
            rollbacks: RefCell::default(),
            is_over: Cell::new(false),
        })
    }

    /// Undoes all changes of `txn` behind `mark`, the newest first.
    ///
    /// # Ensures
    /// X2. A unit that finds no free frame is given up and run again.
    ///
    /// # Errors
    /// A page could not be read or written. What is undone until then stays undone, and the rest can be
    /// undone by another call.
    pub fn undo_to(&self, txn: TxnId, mark: Mark) -> Result<(), Error> {
        while self.undo_one(txn, mark)? {}
        Ok(())
    }

    /// Undoes the newest change of `txn` behind `mark`; false if there is none.
    ///
    /// # Ensures
    /// X2. The store knows from the last unit of the undo that the change is done with.
    ///
    /// # Errors
    /// As for [`undo_to`](Self::undo_to).
    pub fn undo_one(&self, txn: TxnId, mark: Mark) -> Result<bool, Error> {
        //# task 5.6 undo the newest change
        let Some(op) = self.store.last_undo(txn, mark)? else { return Ok(false) };
        self.apply(txn, &op, Undo::Compensates)?;
        Ok(true)
        //# end
    }

    /// Runs one operation of what the commit of `txn` left ([`Store::commit`]). Given.
    ///
    /// # Requires
    /// All operations before it are done, and it is not ([`Undo::Cleared`]).
    ///
    /// # Errors
    /// Those of [`Structures::undo`] and of the store. The operation is not done, or a part of it is; another
    /// call goes on.
    pub fn clear_away(&self, txn: TxnId, op: &[u8]) -> Result<(), Error> {
        self.apply(txn, op, Undo::Cleared)
    }

    /// Runs an operation of an undo or of clearing away, in as many units as it needs. The last one ends with
    /// `undo`. Given.
    fn apply(&self, txn: TxnId, op: &[u8], undo: Undo<'_>) -> Result<(), Error> {
        loop {
            let unit = self.store.undo_unit(txn, HEAP_PAGES.max(TREE_PAGES))?;
            match unit.run(|pager| self.structures.undo(self.store.reader(), pager, &self.locks, op)) {
                Ok(true) => return Ok(unit.end(undo)?),
                Ok(false) => unit.end(Undo::Nothing)?,
                Err(error) if is_all_pinned(&error) => {
                    drop(unit);
                    thread::yield_now();
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl<S: Store> Transaction<S> {
    /// Its name.
    pub fn id(&self) -> TxnId {
        self.locker.txn()
    }

    /// Its level.
    pub fn isolation(&self) -> Isolation {
        self.locker.isolation()
    }

    /// Its locks.
    pub fn locker(&self) -> &Locker {
        &self.locker
    }

    /// What it shares with others.
    pub fn shared(&self) -> &Arc<Transactions<S>> {
        &self.shared
    }

    /// A point that [`rollback_to`](Self::rollback_to) goes back to.
    pub fn savepoint(&self) -> Savepoint {
        let (txn, mark) = (self.id(), self.shared.store.mark(self.id()));
        Savepoint {
            txn,
            mark,
            rollbacks: self.rollbacks.borrow().count,
            dropped: self.dropped.borrow().len(),
        }
    }

    /// Undoes all changes since `savepoint`, and lets a cancelled transaction wait again. The locks are kept:
    /// another transaction must not see rows that a later rollback would change again.
    ///
    /// # Errors
    /// [`Error::NoSavepoint`] if it is another transaction's, or if an earlier rollback went behind it: then
    /// it stays gone, whatever was changed since. [`LockError::NotGrowing`] if the whole transaction must be
    /// rolled back; those of [`Transactions::undo_to`], and then it must be (X5).
    pub fn rollback_to(&self, savepoint: Savepoint) -> Result<(), Error> {
        //# task 5.6 go back to a savepoint
        //+ // Nudge: `undo_to` of the transaction remembers what `Rollbacks::is_alive` has to know.
        if savepoint.txn != self.id() || !self.rollbacks.borrow().is_alive(savepoint) {
            return Err(Error::NoSavepoint { txn: self.id() });
        }
        if self.locker.state() != TxnState::Growing {
            return Err(LockError::NotGrowing { txn: self.id() }.into());
        }
        self.undo_to(savepoint)?;
        self.shared.locks.resume(self.id());
        Ok(())
        //# end
    }

    /// Undoes all changes since `savepoint`, notes that savepoints behind it are gone, and forgets what was
    /// dropped since; X5. Given.
    fn undo_to(&self, savepoint: Savepoint) -> Result<(), Error> {
        self.rollbacks.borrow_mut().note(savepoint.mark);
        self.dropped.borrow_mut().truncate(savepoint.dropped);
        let undone = self.shared.undo_to(self.id(), savepoint.mark);
        if undone.is_err() {
            self.locker.must_roll_back();
        }
        undone
    }

    /// Runs `statement`, and undoes what it has changed if it fails. Savepoints that it set are gone then.
    ///
    /// # Errors
    /// Those of `statement`; if the undo fails too, that error, and X5.
    pub fn atomically<R>(&self, statement: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
        //# task 5.6 undo a statement that fails half way
        let start = self.savepoint();
        let result = statement();
        if result.is_err() {
            self.undo_to(start)?;
        }
        result
        //# end
    }

    /// Makes all changes last, and ends the transaction.
    ///
    /// # Ensures
    /// X1 and X3.
    ///
    /// # Errors
    /// [`StoreError::InDoubt`](crate::StoreError::InDoubt): nobody knows whether it has committed, nothing is
    /// undone, and X4. Any other error: the transaction is rolled back, because it had to be
    /// ([`LockError::NotGrowing`]) or the store did not commit.
    pub fn commit(self) -> Result<(), Error> {
        //# task 5.6 commit
        //+ // Nudge: in what order do the commit point, clearing away and the release of the locks come?
        //+ // Nudge: what must not happen while it is not known whether the transaction has committed?
        //+ // Nudge: the store counts what `clear_away` did. What does its count say if one operation failed?
        if self.locker.state() != TxnState::Growing {
            let error = LockError::NotGrowing { txn: self.id() }.into();
            return self.roll_back().and(Err(error));
        }
        let rest = self.rest();
        if let Err(error) = self.shared.store.commit(self.id(), &rest).map_err(Error::from) {
            if error.is_in_doubt() {
                return Err(self.abandon(error));
            }
            return self.roll_back().and(Err(error));
        }
        for op in &rest {
            // The transaction has committed: what cannot be cleared away stays hidden (X3).
            if self.shared.clear_away(self.id(), op).is_err() {
                break;
            }
        }
        self.close();
        Ok(())
        //# end
    }

    /// Takes all changes back, and ends the transaction.
    ///
    /// # Errors
    /// Those of [`Transactions::undo_to`]; then X4.
    pub fn abort(self) -> Result<(), Error> {
        self.roll_back()
    }

    /// Undoes everything and releases the locks.
    fn roll_back(&self) -> Result<(), Error> {
        //# task 5.6 roll back
        self.is_over.set(true);
        if let Err(error) = self.shared.undo_to(self.id(), Mark::default()) {
            return Err(self.abandon(error));
        }
        self.close();
        Ok(())
        //# end
    }

    /// Ends the transaction without a release of its locks, because of `error` (X4). Given.
    fn abandon(&self, error: Error) -> Error {
        self.is_over.set(true);
        self.locker.abandon();
        if error.is_store_closed() {
            self.shared.locks.close();
        }
        error
    }

    /// Ends the transaction in the store and releases its locks. Given.
    fn close(&self) {
        self.is_over.set(true);
        self.shared.store.finish(self.id());
        self.locker.end();
    }

    /// A new heap, which a rollback destroys.
    ///
    /// # Errors
    /// [`LockError::NotGrowing`]; those of [`TableHeap::create`] and of the store.
    pub fn make_heap(&self) -> Result<PageId, Error> {
        self.locker.check_growing()?;
        let unit = self.shared.store.unit(self.id(), HEAP_PAGES)?;
        let heap = unit.run(TableHeap::create)?.id();
        unit.end(Undo::Op(&Made::Heap(heap).encode()))?;
        Ok(heap)
    }

    /// A new tree for an index, which a rollback destroys.
    ///
    /// # Errors
    /// [`LockError::NotGrowing`]; those of [`BPlusTree::create`] and of the store.
    pub fn make_tree(&self) -> Result<PageId, Error> {
        self.locker.check_growing()?;
        let unit = self.shared.store.unit(self.id(), TREE_PAGES)?;
        let tree = unit.run(|pager| BPlusTree::create(pager, KeyMode::Duplicates))?.id();
        unit.end(Undo::Op(&Made::Tree(tree).encode()))?;
        Ok(tree)
    }

    /// The commit destroys these trees and this heap. A rollback, also one to a savepoint that was set
    /// before, forgets that.
    ///
    /// # Requires
    /// The transaction holds the table in X, and nobody uses it after the commit. Each heap and tree is
    /// named once.
    pub fn destroy_later(&self, heap: Option<PageId>, trees: &[PageId]) {
        let mut dropped = self.dropped.borrow_mut();
        dropped.extend(trees.iter().copied().map(Made::Tree));
        dropped.extend(heap.map(Made::Heap));
    }

    /// Notes that a commit has to look at `row`, and at entries that may be needless then. Given.
    pub(crate) fn leave(
        &self,
        table: &Table,
        row: RecordId,
        entries: impl IntoIterator<Item = (usize, Vec<u8>)>,
    ) {
        let mut leftovers = self.leftovers.borrow_mut();
        let new = || Leftover { table: table.clone(), entries: BTreeSet::new() };
        leftovers.entry((table.id(), row)).or_insert_with(new).entries.extend(entries);
    }

    /// What must be cleared away after the commit, as bytes of operations: entries before the rows that they
    /// name, and at last what was dropped. A row that cannot be read is left as it is (X3). Given.
    fn rest(&self) -> Vec<Vec<u8>> {
        let reader = self.shared.store.reader();
        let leftovers = self.leftovers.take();
        let rows = leftovers.into_iter();
        rows.flat_map(|((_, row), left)| left.table.rest_of(reader, row, &left.entries).unwrap_or_default())
            .chain(self.dropped.take().into_iter().map(Made::encode))
            .collect()
    }
}

impl<S: Store> Drop for Transaction<S> {
    fn drop(&mut self) {
        if !self.is_over.get() {
            // A destructor cannot return an error; the locks stay then (X4).
            let _ = self.roll_back();
        }
    }
}

/// True if every frame of the pool was pinned.
fn is_all_pinned(error: &Error) -> bool {
    matches!(
        error,
        Error::Heap(buffer_pool::Error::AllPinned { .. })
            | Error::Tree(bplus_tree::Error::Pager(buffer_pool::Error::AllPinned { .. }))
    )
}
