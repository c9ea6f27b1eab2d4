//! The seam between the transactional table and what is below it: [`Store`], [`Unit`] and [`Undo`]. Given.
//!
//! A change of a table is a sequence of *units*. The locks are taken first; then the unit begins, one
//! operation of one heap or tree changes pages through the unit's pager, and the unit ends with the logical
//! undo of that change. In this lab the pager is the pool and the undo goes to a list in memory
//! ([`MemoryStore`]). In lab 6 the pager is a mini-transaction and the undo goes into its log record: the
//! code of this lab runs there unchanged.
//!
//! ```text
//!   lock row, lock keys          may wait, holds no latch
//!   unit                         waits for pages alone
//!     run: one operation         latches; asks for locks only by `try_lock` and `passes`
//!     end(undo)                  from here on the change counts
//! ```
//!
//! - S1: no transaction lock is waited for while a unit is open, and a thread has one unit at a time (rule U4
//!   of [`Pager`]).
//! - S2: a unit that is dropped without `end` has changed nothing. In this lab that holds because an
//!   operation of heap or tree that fails has changed nothing (U3 of `Pager`).
//! - S3: the undo of a change needs no lock and no room: it never makes a record longer, never inserts into
//!   a heap, and never adds an entry to a tree.

mod memory;

use buffer_pool::Pager;

use crate::{StoreError, TxnId};
pub use memory::{MemoryStore, MemoryUnit};

/// Most pages that an operation of a heap has latched at a time.
pub const HEAP_PAGES: u32 = 4;

/// Most pages that an operation of a tree has latched at a time, if the tree has at most five levels.
pub const TREE_PAGES: u32 = 2 * 5 + 2;

/// A place in the list of a transaction's changes: a savepoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(pub u64);

/// What happens to the change of a unit if the transaction is rolled back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undo<'a> {
    /// It is undone by these bytes.
    Op(&'a [u8]),
    /// It is itself the undo of the newest change that is not undone yet; that one is done with.
    Compensates,
    /// Nothing: the change shows nowhere, or it is a part of an undo or of clearing away, and more units of
    /// the same follow.
    Nothing,
    /// Nothing, since the transaction has committed, and the next operation of what the commit left is done
    /// with. A store that counts these in the unit itself knows after a crash where to go on.
    Cleared,
}

/// Pages with units of work.
pub trait Store: Send + Sync {
    /// Reads pages outside of units.
    type Reader: Pager;
    /// A unit of work.
    type Unit<'s>: Unit
    where
        Self: 's;

    /// The pager for reads.
    fn reader(&self) -> &Self::Reader;

    /// A transaction begins.
    ///
    /// # Errors
    /// The store takes no more transactions.
    fn begin(&self, txn: TxnId) -> Result<(), StoreError>;

    /// Begins a unit of `txn` that latches at most `pages` pages at a time. Waits until so many frames are
    /// not promised to other units.
    ///
    /// # Errors
    /// There is no room for what the unit, or its undo, will need.
    fn unit(&self, txn: TxnId, pages: u32) -> Result<Self::Unit<'_>, StoreError>;

    /// As [`unit`](Self::unit), for an undo or for clearing away: the room for it was promised when the
    /// change was made, so a store that is full for new work must still give this unit.
    ///
    /// # Requires
    /// It is not ended with [`Undo::Op`].
    ///
    /// # Errors
    /// [`StoreError::Closed`]; [`StoreError::NoRoom`] only if what was promised is used up.
    fn undo_unit(&self, txn: TxnId, pages: u32) -> Result<Self::Unit<'_>, StoreError> {
        self.unit(txn, pages)
    }

    /// Where the list of the transaction's changes ends now.
    fn mark(&self, txn: TxnId) -> Mark;

    /// The undo of the newest change of `txn` that is behind `mark` and not undone yet; `None` if there is
    /// none.
    ///
    /// # Errors
    /// The undo cannot be read.
    fn last_undo(&self, txn: TxnId, mark: Mark) -> Result<Option<Vec<u8>>, StoreError>;

    /// The commit point: from here on the changes of `txn` stay. `rest` is what must still be cleared away,
    /// for a store that finishes it after a crash: operations for
    /// [`Structures::undo`](crate::Structures::undo), each in one or more units, in this order. An operation
    /// does not say where its bytes end, so a store keeps the length of each.
    ///
    /// # Errors
    /// [`StoreError::InDoubt`]: it may have committed, and must not be rolled back. Any other error: it has
    /// not committed, and can still be rolled back.
    fn commit(&self, txn: TxnId, rest: &[Vec<u8>]) -> Result<(), StoreError>;

    /// The transaction is over: rolled back, or committed and cleared away.
    fn finish(&self, txn: TxnId);
}

/// Changes of pages that happen together, and their undo.
pub trait Unit {
    /// Gives out the pages.
    type Pager: Pager;

    /// Runs the one operation of a heap or a tree that this unit is for.
    fn run<R>(&self, operation: impl FnOnce(&Self::Pager) -> R) -> R;

    /// Ends the unit: its changes count, and `undo` says how they are taken back. A unit that is dropped
    /// instead has changed nothing.
    ///
    /// # Errors
    /// The unit has changed nothing.
    fn end(self, undo: Undo<'_>) -> Result<(), StoreError>;
}
