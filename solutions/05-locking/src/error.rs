//! What can go wrong in this lab, grouped by what the caller can do about it.

use std::fmt;

use crate::{LockMode, Resource, TxnId};

/// A lock that was not granted. The transaction keeps the locks that it has until it is rolled back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    // Roll the transaction back, then run it again.
    /// The transaction waited in a circle with others and was chosen as the victim.
    #[error("deadlock, {victim} was chosen as its victim: {}; roll it back and run it again", Story(cycle))]
    Deadlock {
        /// The transaction that gets this error.
        victim: TxnId,
        /// The circle: the blocker of each edge is the waiter of the next one, and that of the last edge the
        /// waiter of the first.
        cycle: Vec<WaitEdge>,
    },
    /// An older transaction needed what this one has (wound-wait).
    #[error(
        "{victim} must be rolled back and run again: {by}, which is older, waits for {wants} on {resource}"
    )]
    Wounded {
        /// The transaction that gets this error.
        victim: TxnId,
        /// The older one.
        by: TxnId,
        /// What the older one waits for.
        resource: Resource,
        /// In which mode.
        wants: LockMode,
    },

    // Roll the transaction back, and open the store again.
    /// The lock table was [closed](crate::LockTable::close): the lock that is waited for may stay for good.
    #[error("{txn} cannot wait for {wants} on {resource}: the lock table is closed; open the store again")]
    Closed {
        /// The transaction.
        txn: TxnId,
        /// What it waited for, or would have waited for.
        resource: Resource,
        /// In which mode.
        wants: LockMode,
    },

    // Roll the statement back, or the transaction.
    /// [`cancel`](crate::LockTable::cancel) was called.
    #[error("{txn} was cancelled while it waited for {wants} on {resource}")]
    Cancelled {
        /// The transaction.
        txn: TxnId,
        /// What it waited for.
        resource: Resource,
        /// In which mode.
        wants: LockMode,
    },
    /// The transaction has as many locks as it may have, and the table as a whole could not be locked.
    #[error(
        "{txn} holds {max} locks, the most that one transaction may hold: lock the table, or change less at a time"
    )]
    TooManyLocks {
        /// The transaction.
        txn: TxnId,
        /// The limit, [`LockConfig::max_locks`](crate::LockConfig::max_locks).
        max: usize,
    },

    // Wrong use.
    /// The transaction has ended or must be rolled back, and takes no lock any more.
    #[error("{txn} takes no more locks: it has ended, or must be rolled back")]
    NotGrowing {
        /// The transaction.
        txn: TxnId,
    },
}

impl LockError {
    /// True if nothing but a rollback of the whole transaction helps.
    pub fn must_roll_back(&self) -> bool {
        !matches!(self, LockError::Cancelled { .. } | LockError::TooManyLocks { .. })
    }
}

/// One transaction waits for another: an edge of the waits-for graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitEdge {
    /// The transaction that waits.
    pub waiter: TxnId,
    /// For what.
    pub resource: Resource,
    /// The mode that it asked for; of [`LockTable::waits`](crate::LockTable::waits) the mode that it will
    /// hold.
    pub wants: LockMode,
    /// The transaction that it waits for.
    pub blocker: TxnId,
    /// The mode that the blocker holds, or waits for.
    pub has: LockMode,
    /// True if the blocker holds the resource, false if it waits for it, before the waiter.
    pub is_holder: bool,
}

impl fmt::Display for WaitEdge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WaitEdge { waiter, resource, wants, blocker, has, is_holder } = self;
        if *is_holder {
            write!(f, "{waiter} waits for {wants} on {resource}, which {blocker} holds in {has}")
        } else {
            write!(f, "{waiter} waits for {wants} on {resource}, behind {blocker}, which waits for {has}")
        }
    }
}

/// The edges of a circle as one sentence.
struct Story<'a>(&'a [WaitEdge]);

impl fmt::Display for Story<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, edge) in self.0.iter().enumerate() {
            f.write_str(if number == 0 { "" } else { "; " })?;
            edge.fmt(f)?;
        }
        Ok(())
    }
}

/// A failure of a [`Store`](crate::Store).
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum StoreError {
    /// The store has no room for the change, or for its undo.
    #[error("the store has no room for a change of {txn} and its undo")]
    NoRoom {
        /// The transaction.
        txn: TxnId,
    },
    /// A write or a sync of the store failed earlier. It takes no more changes until it is opened again.
    #[error("the store takes no more changes since a write or a sync failed: open it again")]
    Closed,
    /// The store failed during the commit: nobody knows whether the transaction has committed. It takes no
    /// more changes until it is opened again.
    #[error("the store failed while {txn} was committed: open it again to see whether {txn} has committed")]
    InDoubt {
        /// The transaction.
        txn: TxnId,
    },
    /// The pager failed.
    #[error(transparent)]
    Pager(#[from] buffer_pool::Error),
}

/// Any failure of a table or a transaction.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Error {
    // Wrong use.
    /// The row is longer than a table can hold.
    #[error("a row of {len} bytes is too long for a table, the most is {max}")]
    RowTooLong {
        /// Length of the row in bytes.
        len: usize,
        /// [`MAX_ROW_LEN`](crate::MAX_ROW_LEN).
        max: usize,
    },
    /// A savepoint of another transaction, or one that is gone.
    #[error("the savepoint is not one of {txn}, or lies behind an earlier rollback")]
    NoSavepoint {
        /// The transaction.
        txn: TxnId,
    },

    // Conflict.
    /// Another row has the key, and the key must be unique.
    #[error("index {index} has the key already, for {existing}")]
    DuplicateKey {
        /// Number of the index in the table.
        index: usize,
        /// The row that has it.
        existing: buffer_pool::RecordId,
    },
    /// A lock was not granted.
    #[error(transparent)]
    Lock(#[from] LockError),

    // Corrupt data.
    /// A record of the heap is no row, or bytes of an undo are none.
    #[error("damaged: {what}")]
    Damaged {
        /// What is wrong.
        what: &'static str,
    },

    // From below.
    /// The heap failed.
    #[error(transparent)]
    Heap(#[from] buffer_pool::Error),
    /// An index failed.
    #[error(transparent)]
    Tree(#[from] bplus_tree::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// True if nothing but a rollback of the whole transaction helps.
    pub fn must_roll_back(&self) -> bool {
        matches!(self, Error::Lock(error) if error.must_roll_back())
    }

    /// True if it is not known whether the transaction has committed.
    pub(crate) fn is_in_doubt(&self) -> bool {
        matches!(self, Error::Store(StoreError::InDoubt { .. }))
    }

    /// True if the store takes no more changes until it is opened again.
    pub(crate) fn is_store_closed(&self) -> bool {
        matches!(self, Error::Store(StoreError::Closed | StoreError::InDoubt { .. }))
    }
}
