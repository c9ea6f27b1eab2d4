//! The locks of one transaction: two phases, and locks on parts of a table (tasks 5.2 and 5.4).
//!
//! Called by whatever reads and writes for a transaction. Calls the lock table.
//!
//! ```text
//!   locks                   commit point
//!     ^            ___________|
//!     |         __|           |
//!     |      __|              |            growing: locks are only taken
//!     |   __|                 |            end: all are released at once, after the commit point
//!     +--|--------------------|-----> time
//! ```
//!
//! - T1: before a part of a table is locked, the table is locked in the intention mode of that lock.
//! - T2: a lock that protects something is held until [`end`](Locker::end) (strict two-phase locking). What
//!   is released earlier is the short lock of a read, and what a lock of the whole table covers.
//! - T3: after [`end`](Locker::end), and after an error that asks for a rollback, no lock is taken.
//! - T4: a part of a table that the transaction has locked as a whole, in a mode that covers the lock, is not
//!   locked again.
//!
//! Escalation: a transaction that holds very many locks on parts of a table tries to lock the table in S or X
//! instead, without waiting. If others are in the way it goes on with single locks and tries again when it
//! holds twice as many.
//!
//! Source: Eswaran, Gray, Lorie and Traiger, "The Notions of Consistency and Predicate Locks in a Database
//! System", CACM 19(11), 1976, for two phases; Gray and others (1976), section 2, for intention locks.

use std::cell::RefCell;
use std::collections::BTreeMap;

use buffer_pool::RecordId;
use kit::sync::Arc;

use crate::isolation::Duration;
use crate::{Isolation, LockError, LockMode, LockTable, Resource, RowLock, TableId, TxnId};

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxnState {
    /// It takes locks.
    Growing,
    /// It was made a victim, or a statement that failed could not be undone. It keeps its locks until its
    /// changes are undone, and takes no more.
    MustRollBack,
    /// Its locks are released.
    Ended,
}

/// The locks of one transaction, which one thread uses at a time. Dropping it releases all of them.
#[derive(Debug)]
pub struct Locker {
    table: Arc<LockTable>,
    txn: TxnId,
    isolation: Isolation,
    own: RefCell<Own>,
}

/// What the transaction remembers, so that most calls need not ask the lock table.
#[derive(Debug)]
struct Own {
    state: TxnState,
    tables: BTreeMap<TableId, TableLocks>,
}

/// The locks on one table and on its parts.
#[derive(Clone, Copy, Debug)]
struct TableLocks {
    /// The mode in which the whole table is held.
    mode: LockMode,
    /// Locks taken on parts since the table was locked, as far as they were counted.
    parts: usize,
    /// The number of locks on parts at which the next escalation is tried.
    escalate_at: usize,
    /// One of them allows writing.
    has_writes: bool,
}

impl Locker {
    /// The locks of `txn`, none so far.
    ///
    /// # Requires
    /// No other `Locker` of this transaction exists.
    pub fn new(table: Arc<LockTable>, txn: TxnId, isolation: Isolation) -> Self {
        let own = Own { state: TxnState::Growing, tables: BTreeMap::new() };
        Locker { table, txn, isolation, own: RefCell::new(own) }
    }

    /// The transaction.
    pub fn txn(&self) -> TxnId {
        self.txn
    }

    /// Its level.
    pub fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// Where it stands.
    pub fn state(&self) -> TxnState {
        self.own.borrow().state
    }

    /// The lock table.
    pub fn table(&self) -> &Arc<LockTable> {
        &self.table
    }

    /// Locks `resource` in `mode` until the end, and waits for that if it must. Returns what was held of it
    /// before; a part that the lock of its table covers is not locked itself (T4).
    ///
    /// # Ensures
    /// T1 to T4. Afterwards nobody else can hold `resource` in a mode that conflicts with `mode`. With more
    /// than [`escalate_at`](crate::LockConfig::escalate_at) locks on parts of one table, escalation is
    /// tried.
    ///
    /// # Errors
    /// [`LockError::NotGrowing`] after the end, and after an error that
    /// [must be rolled back](LockError::must_roll_back); those of [`LockTable::lock`]. What was held before
    /// is still held, and perhaps the intention lock of the table.
    pub fn lock(&self, resource: &Resource, mode: LockMode) -> Result<Option<LockMode>, LockError> {
        //# task 5.2 lock a table or a part of one
        //+ // Nudge: which lock comes first? What is remembered in `own` saves most calls of the lock table.
        self.check_growing()?;
        if !resource.is_part() {
            return self.lock_table(resource.table(), mode);
        }
        if self.covers(resource.table(), mode) {
            return Ok(Some(mode));
        }
        self.lock_table(resource.table(), mode.intention())?;
        let before = match self.table.lock(self.txn, resource, mode) {
            Err(LockError::TooManyLocks { txn, max }) => {
                self.note_part(resource.table(), mode, 0);
                if !self.escalate(resource.table()) {
                    return Err(LockError::TooManyLocks { txn, max });
                }
                return Ok(None);
            }
            other => self.noticed(other)?,
        };
        self.note_part(resource.table(), mode, usize::from(before.is_none()));
        Ok(before)
        //# end
    }

    /// As [`lock`](Self::lock), but returns false instead of waiting.
    ///
    /// Never sleeps: a thread that holds a latch may call it.
    ///
    /// # Requires
    /// The table of `resource` is locked in the intention mode of `mode`.
    pub fn try_lock(&self, resource: &Resource, mode: LockMode) -> bool {
        //# task 5.2 lock if that needs no wait
        if self.state() != TxnState::Growing {
            return false;
        }
        if resource.is_part() && self.covers(resource.table(), mode) {
            return true;
        }
        if !self.table.try_lock(self.txn, resource, mode) {
            return false;
        }
        if resource.is_part() {
            self.note_part(resource.table(), mode, 1);
        } else {
            self.note_table(resource.table(), mode);
        }
        true
        //# end
    }

    /// Reads a row: locks it as the level and `strength` say, calls `look`, and releases the lock if the
    /// level says so.
    ///
    /// # Ensures
    /// `look` runs while the lock is held, if the level asks for one. A lock that the transaction had before
    /// is kept, also by a level that releases its own at once. The lock of a read at read committed is gone
    /// also if `look` panics.
    ///
    /// # Errors
    /// Those of [`lock`](Self::lock); `look` is not called.
    pub fn read_row<R>(
        &self,
        table: TableId,
        row: RecordId,
        strength: RowLock,
        look: impl FnOnce() -> R,
    ) -> Result<R, LockError> {
        //# task 5.4 lock a row, look at it, and let go as the level says
        //+ // Nudge: a short lock on a row that the transaction has changed must not end the long one.
        let Some((mode, duration)) = self.isolation.row_lock(strength) else { return Ok(look()) };
        let resource = Resource::Row(table, row);
        let before = self.lock(&resource, mode)?;
        let _short = (duration == Duration::Short && !before.is_some_and(|before| before.covers(mode)))
            .then(|| Short { locker: self, resource, before });
        Ok(look())
        //# end
    }

    /// Locks a row for writing, until the end.
    ///
    /// # Errors
    /// Those of [`lock`](Self::lock).
    pub fn write_row(&self, table: TableId, row: RecordId) -> Result<(), LockError> {
        self.lock(&Resource::Row(table, row), LockMode::X).map(drop)
    }

    /// Releases all locks.
    ///
    /// # Requires
    /// The commit point is past, or all changes are undone: a lock that ends before that shows others what
    /// may never have happened.
    ///
    /// # Ensures
    /// T3. A second call does nothing.
    pub fn end(&self) {
        //# task 5.2 release all locks
        let mut own = self.own.borrow_mut();
        if own.state != TxnState::Ended {
            own.state = TxnState::Ended;
            own.tables.clear();
            self.table.unlock_all(self.txn);
        }
        //# end
    }

    /// Ends the transaction without releasing its locks: its changes could not be undone, and nobody may see
    /// them.
    pub(crate) fn abandon(&self) {
        self.own.borrow_mut().state = TxnState::Ended;
    }

    /// From now on nothing but a rollback of the whole transaction is possible (T3): what a statement changed
    /// could not be undone.
    pub(crate) fn must_roll_back(&self) {
        self.own.borrow_mut().state = TxnState::MustRollBack;
    }

    /// Locks the whole `table` in S until the guard is dropped, if that needs no wait and is more than what
    /// is held. Meanwhile the transaction only reads.
    ///
    /// # Requires
    /// The table is locked in IS or stronger.
    pub(crate) fn share_table(&self, table: TableId) -> Option<SharedTable<'_>> {
        let before = self.own.borrow().tables.get(&table)?.mode;
        let is_locked = !before.covers(LockMode::S) && self.try_lock(&Resource::Table(table), LockMode::S);
        is_locked.then(|| SharedTable { locker: self, table, before })
    }

    /// True if the lock on the whole `table` makes a lock in `mode` on a part of it needless.
    pub(crate) fn covers(&self, table: TableId, mode: LockMode) -> bool {
        let own = self.own.borrow();
        own.tables.get(&table).is_some_and(|held| match held.mode {
            LockMode::X => true,
            LockMode::S | LockMode::SIX => LockMode::S.covers(mode),
            LockMode::IS | LockMode::IX => false,
        })
    }

    /// Fails after the end, and if the transaction must be rolled back (T3).
    pub(crate) fn check_growing(&self) -> Result<(), LockError> {
        match self.state() {
            TxnState::Growing => Ok(()),
            TxnState::MustRollBack | TxnState::Ended => Err(LockError::NotGrowing { txn: self.txn }),
        }
    }

    //# hide
    /// Locks a whole table, unless it is remembered that it is held.
    fn lock_table(&self, table: TableId, mode: LockMode) -> Result<Option<LockMode>, LockError> {
        let held = self.own.borrow().tables.get(&table).map(|held| held.mode);
        if held.is_some_and(|held| held.covers(mode)) {
            return Ok(held);
        }
        let before = self.noticed(self.table.lock(self.txn, &Resource::Table(table), mode))?;
        self.note_table(table, mode);
        Ok(before)
    }
    //# end

    /// Remembers that an error must be rolled back (T3).
    fn noticed<R>(&self, result: Result<R, LockError>) -> Result<R, LockError> {
        if result.as_ref().is_err_and(LockError::must_roll_back) {
            self.own.borrow_mut().state = TxnState::MustRollBack;
        }
        result
    }

    /// Remembers that the whole table is locked in `mode` too.
    fn note_table(&self, table: TableId, mode: LockMode) {
        let escalate_at = self.table.config().escalate_at;
        let new = TableLocks { mode, parts: 0, escalate_at, has_writes: false };
        let mut own = self.own.borrow_mut();
        let held = own.tables.entry(table).or_insert(new);
        held.mode = held.mode.join(mode);
    }

    /// Counts `count` locks on parts of the table, and tries to escalate if there are many.
    fn note_part(&self, table: TableId, mode: LockMode, count: usize) {
        let is_many = {
            let mut own = self.own.borrow_mut();
            let Some(held) = own.tables.get_mut(&table) else { return };
            held.parts += count;
            held.has_writes |= !LockMode::S.covers(mode);
            held.parts >= held.escalate_at
        };
        if is_many && count > 0 {
            self.escalate(table);
        }
    }

    /// Tries to lock the whole `table` in place of its parts: in X if one of them is locked for writing, else
    /// in S. Says whether it did.
    ///
    /// # Ensures
    /// It never waits. If it succeeds, the locks on parts are released and the table's lock covers them; if
    /// not, all is as before, and the next attempt comes when the transaction has twice as many.
    fn escalate(&self, table: TableId) -> bool {
        //# task 5.2 lock the table in place of its parts
        //+ // Nudge: which comes first, the lock of the table or the release of the parts?
        let has_writes = self.own.borrow().tables.get(&table).is_some_and(|held| held.has_writes);
        let mode = if has_writes { LockMode::X } else { LockMode::S };
        let is_locked = self.table.try_lock(self.txn, &Resource::Table(table), mode);
        if is_locked {
            self.note_table(table, mode);
            self.table.release_parts(self.txn, table);
        }
        if let Some(held) = self.own.borrow_mut().tables.get_mut(&table) {
            held.escalate_at = held.parts.max(1) * 2;
            held.parts = if is_locked { 0 } else { held.parts };
        }
        is_locked
        //# end
    }
}

impl Drop for Locker {
    fn drop(&mut self) {
        self.end();
    }
}

/// A lock of a whole table in S that ends with the guard.
pub(crate) struct SharedTable<'a> {
    locker: &'a Locker,
    table: TableId,
    before: LockMode,
}

impl Drop for SharedTable<'_> {
    fn drop(&mut self) {
        let SharedTable { locker, table, before } = *self;
        if let Some(held) = locker.own.borrow_mut().tables.get_mut(&table) {
            held.mode = before;
        }
        locker.table.release_to(locker.txn, &Resource::Table(table), Some(before));
    }
}

//# hide
/// A lock that ends with the read that it is for.
struct Short<'a> {
    locker: &'a Locker,
    resource: Resource,
    before: Option<LockMode>,
}

impl Drop for Short<'_> {
    fn drop(&mut self) {
        self.locker.table.release_to(self.locker.txn, &self.resource, self.before);
        if self.before.is_none() {
            let table = self.resource.table();
            if let Some(held) = self.locker.own.borrow_mut().tables.get_mut(&table) {
                held.parts = held.parts.saturating_sub(1);
            }
        }
    }
}
//# end
