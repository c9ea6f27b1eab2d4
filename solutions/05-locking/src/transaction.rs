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
//! - X3: what a commit clears away (deleted rows, needless entries, spare room) shows to nobody. If clearing
//!   fails, the transaction has committed all the same, and the rest stays as it is.
//! - X4: a transaction whose rollback failed keeps its locks for good: what it changed stays hidden.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use buffer_pool::RecordId;
use kit::sync::atomic::{AtomicU64, Ordering};
use kit::sync::{Arc, thread};

use crate::store::{HEAP_PAGES, Mark, Store, TREE_PAGES, Undo, Unit};
use crate::undo::Structures;
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
        let locks = Arc::new(LockTable::new(config));
        Arc::new(Transactions { store, locks, structures: Structures::default(), next: AtomicU64::new(1) })
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
        let (leftovers, rollbacks, is_over) = (RefCell::default(), RefCell::default(), Cell::new(false));
        Ok(Transaction { shared: Arc::clone(self), locker, leftovers, rollbacks, is_over })
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
        //# task 5.6 undo the newest changes
        while let Some(op) = self.store.last_undo(txn, mark)? {
            self.apply(txn, &op, Undo::Compensates)?;
        }
        Ok(())
        //# end
    }

    /// Runs an operation of an undo or of clearing away in a unit of its own. Given.
    fn apply(&self, txn: TxnId, op: &[u8], undo: Undo<'_>) -> Result<(), Error> {
        loop {
            let unit = self.store.unit(txn, HEAP_PAGES.max(TREE_PAGES))?;
            match unit.run(|pager| self.structures.undo(self.store.reader(), pager, &self.locks, op)) {
                Ok(()) => return Ok(unit.end(undo)?),
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
        let (mark, rollbacks) = (self.shared.store.mark(self.id()), self.rollbacks.borrow().count);
        Savepoint { txn: self.id(), mark, rollbacks }
    }

    /// Undoes all changes since `savepoint`, and lets a cancelled transaction wait again. The locks are kept:
    /// another transaction must not see rows that a later rollback would change again.
    ///
    /// # Errors
    /// [`Error::NoSavepoint`] if it is another transaction's, or if an earlier rollback went behind it: then
    /// it stays gone, whatever was changed since. [`LockError::NotGrowing`] if the whole transaction must be
    /// rolled back; those of [`Transactions::undo_to`].
    pub fn rollback_to(&self, savepoint: Savepoint) -> Result<(), Error> {
        //# task 5.6 go back to a savepoint
        //+ // Nudge: `undo_to` of the transaction remembers what `Rollbacks::is_alive` has to know.
        if savepoint.txn != self.id() || !self.rollbacks.borrow().is_alive(savepoint) {
            return Err(Error::NoSavepoint { txn: self.id() });
        }
        if self.locker.state() != TxnState::Growing {
            return Err(LockError::NotGrowing { txn: self.id() }.into());
        }
        self.undo_to(savepoint.mark)?;
        self.shared.locks.resume(self.id());
        Ok(())
        //# end
    }

    /// Undoes all changes behind `mark`, and notes that savepoints behind it are gone. Given.
    fn undo_to(&self, mark: Mark) -> Result<(), Error> {
        self.rollbacks.borrow_mut().note(mark);
        self.shared.undo_to(self.id(), mark)
    }

    /// Runs `statement`, and undoes what it has changed if it fails. Savepoints that it set are gone then.
    ///
    /// # Errors
    /// Those of `statement`; if the undo fails too, that error.
    pub fn atomically<R>(&self, statement: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
        //# task 5.6 undo a statement that fails half way
        let mark = self.shared.store.mark(self.id());
        let result = statement();
        if result.is_err() {
            self.undo_to(mark)?;
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
    /// The transaction is rolled back: it had to be ([`LockError::NotGrowing`]), or the store did not commit.
    pub fn commit(self) -> Result<(), Error> {
        //# task 5.6 commit
        //+ // Nudge: in what order do the commit point, clearing away and the release of the locks come?
        if self.locker.state() != TxnState::Growing {
            let error = LockError::NotGrowing { txn: self.id() }.into();
            return self.roll_back().and(Err(error));
        }
        let rest = self.rest();
        if let Err(error) = self.shared.store.commit(self.id(), &rest) {
            return self.roll_back().and(Err(error.into()));
        }
        for op in &rest {
            // The transaction has committed: what cannot be cleared away stays hidden (X3).
            let _ = self.shared.apply(self.id(), op, Undo::Nothing);
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
            self.locker.abandon();
            return Err(error);
        }
        self.close();
        Ok(())
        //# end
    }

    /// Ends the transaction in the store and releases its locks. Given.
    fn close(&self) {
        self.is_over.set(true);
        self.shared.store.finish(self.id());
        self.locker.end();
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
    /// name. A row that cannot be read is left as it is (X3). Given.
    fn rest(&self) -> Vec<Vec<u8>> {
        let reader = self.shared.store.reader();
        let leftovers = self.leftovers.take();
        let rows = leftovers.into_iter();
        rows.flat_map(|((_, row), left)| left.table.rest_of(reader, row, &left.entries).unwrap_or_default())
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
