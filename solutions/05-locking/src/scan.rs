//! Scans of a table, a batch at a time (task 5.6).
//!
//! A cursor owns what it needs and holds nothing between two batches but the locks of its transaction: the
//! caller may change the table meanwhile, also with the same transaction. Each batch goes on just behind the
//! last entry of the one before.
//!
//! | rows            | read uncommitted | read committed | repeatable read | serializable              |
//! | --------------- | ---------------- | -------------- | --------------- | ------------------------- |
//! | all, by heap    | no lock          | S, short       | S of each row   | S of the table            |
//! | a range         | no lock          | S, short       | S of each row   | S of rows, keys and gaps  |
//!
//! A scan that will read most rows tries to lock the whole table first, without waiting: a million row locks
//! cost more than the scan. The lock of the table lasts as long as those of the rows would: until the end,
//! or, at read committed, for one batch. If others are in the way, the scan locks rows.

use std::ops::Bound;

use bplus_tree::Direction;
use buffer_pool::RecordId;

use crate::index::{Place, Stretch};
use crate::isolation::Duration;
use crate::locker::SharedTable;
use crate::row::{self, StoredRow};
use crate::store::Store;
use crate::table::FoundRow;
use crate::{Error, Resource, RowLock, Table, Transaction};

/// Most entries that are read at a time.
const BATCH: usize = 256;

/// Which rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    /// All, in no order.
    All,
    /// Those whose keys lie between two bounds, in the order of the index.
    Range {
        /// Number of the index in the table.
        index: usize,
        /// The lower bound.
        from: Bound<Vec<u8>>,
        /// The upper bound.
        to: Bound<Vec<u8>>,
        /// Which way.
        direction: Direction,
    },
}

/// What a scan reads, and how it locks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Which rows.
    pub rows: Rows,
    /// What they are read for.
    pub lock: RowLock,
    /// It will read most rows: at every level that locks rows, one lock on the table is tried before.
    pub most_rows: bool,
}

/// A scan in progress.
pub struct Cursor {
    table: Table,
    scan: Scan,
    at: At,
}

/// Where a cursor stands.
enum At {
    /// Before the first batch.
    Start,
    /// Behind a record of the heap.
    Record(RecordId),
    /// In a range.
    Entry(Place),
    /// At the end.
    End,
}

impl Cursor {
    /// A scan of `table` that has not begun.
    pub(crate) fn new(table: Table, scan: Scan) -> Self {
        Cursor { table, scan, at: At::Start }
    }

    /// The next rows, at least one; none at the end and from then on. `txn` is the same for all batches.
    ///
    /// # Ensures
    /// Each row that is there from the first batch to the last with the same key comes once, and its key lies
    /// in the range. A row whose key changes meanwhile may come twice or not at all: by this transaction at
    /// every level, by others below serializable. At serializable no other transaction changes what was read
    /// until this one ends.
    ///
    /// # Errors
    /// Those of [`Locker::lock`](crate::Locker::lock), of heap and tree. The same call can be made again.
    pub fn next<S: Store>(&mut self, txn: &Transaction<S>) -> Result<Vec<FoundRow>, Error> {
        //# task 5.6 read the next rows of a scan
        //+ // Nudge: a batch of entries may lead to no row at all, and the scan has not ended for that.
        if matches!(self.at, At::Start) {
            self.lock_table(txn)?;
        }
        while !matches!(self.at, At::End) {
            let _shared = self.share_table(txn);
            let rows = match self.scan.rows.clone() {
                Rows::All => self.next_of_heap(txn)?,
                Rows::Range { index, from, to, direction } => {
                    let (start, end) = match direction {
                        Direction::Forward => (from, to),
                        Direction::Backward => (to, from),
                    };
                    self.next_of_range(txn, index, start, end, direction)?
                }
            };
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
        Ok(Vec::new())
        //# end
    }

    //# hide
    /// Locks the table, as the level and the scan ask for.
    fn lock_table<S: Store>(&self, txn: &Transaction<S>) -> Result<(), Error> {
        let (locker, table) = (txn.locker(), Resource::Table(self.table.id()));
        let Some((mode, duration)) = txn.isolation().row_lock(self.scan.lock) else { return Ok(()) };
        // A heap has no gaps that could be locked.
        if txn.isolation().locks_ranges() && self.scan.rows == Rows::All {
            locker.lock(&table, mode)?;
            return Ok(());
        }
        locker.lock(&table, mode.intention())?;
        if self.scan.most_rows && duration == Duration::Long {
            locker.try_lock(&table, mode);
        }
        Ok(())
    }

    /// Tries to lock the table for one batch, where a lock of a row would last no longer.
    fn share_table<'t, S: Store>(&self, txn: &'t Transaction<S>) -> Option<SharedTable<'t>> {
        match txn.isolation().row_lock(self.scan.lock) {
            Some((_, Duration::Short)) if self.scan.most_rows => txn.locker().share_table(self.table.id()),
            _ => None,
        }
    }

    fn next_of_heap<S: Store>(&mut self, txn: &Transaction<S>) -> Result<Vec<FoundRow>, Error> {
        let (reader, lock) = (txn.shared().store().reader(), self.scan.lock);
        let is_unlocked = txn.isolation().row_lock(lock).is_none();
        // What the walk copies is believed only if the lock that protects it is held before the walk begins.
        // Otherwise each row is read again under its lock, also if the table gets locked meanwhile.
        let is_believed = is_unlocked || txn.locker().covers(self.table.id(), lock.mode());
        let heap = self.table.heap();
        let walk = match self.at {
            At::Record(after) => heap.scan_after(reader, after),
            _ => heap.scan(reader),
        };
        let mut found = Vec::new();
        for record in walk.take(BATCH) {
            found.push(record?);
        }
        let mut rows = Vec::new();
        for (id, stored) in &found {
            let row = if is_believed {
                let StoredRow { is_deleted, row, .. } = row::decode(stored)?;
                (!is_deleted).then(|| row.to_vec())
            } else {
                self.table.get(txn, *id, lock)?
            };
            rows.extend(row.map(|row| (*id, row)));
        }
        self.at = match found.last() {
            Some((id, _)) if found.len() == BATCH => At::Record(*id),
            _ => At::End,
        };
        Ok(rows)
    }

    fn next_of_range<S: Store>(
        &mut self,
        txn: &Transaction<S>,
        index: usize,
        start: Bound<Vec<u8>>,
        end: Bound<Vec<u8>>,
        direction: Direction,
    ) -> Result<Vec<FoundRow>, Error> {
        let from = match &self.at {
            At::Entry(from) => from.clone(),
            _ => Place::Start(start),
        };
        let range = (&from, end.as_ref().map(Vec::as_slice), direction);
        let (store, locker) = (txn.shared().store(), txn.locker());
        let Stretch { entries, is_end, .. } =
            self.table.indexes()[index].read_range(store, locker, range, BATCH, self.scan.lock)?;
        let mut rows = Vec::new();
        for (key, id) in &entries {
            let row = self.table.row_of_entry(txn, index, key, *id, self.scan.lock)?;
            rows.extend(row.map(|row| (*id, row)));
        }
        self.at = match entries.into_iter().next_back() {
            Some(last) if !is_end => At::Entry(Place::After(last)),
            _ => At::End,
        };
        Ok(rows)
    }
    //# end
}
