//! Rows for tests, and a table whose steps are in the scene and whose contents are checked against a model.

use std::collections::BTreeMap;
use std::ops::Bound;

use bplus_tree::Direction;
use buffer_pool::RecordId;
use kit::sync::Arc;
use locking::{
    Error, IndexKey, Isolation, LockConfig, RowKeys, RowLock, Rows, Scan, Store, Table, Transaction,
    Transactions,
};
use testkit::{Failure, check, check_eq, step};

use super::TABLE;
use super::db::{Pages, entries_of};

/// A row: an id that is unique unless it is NULL, a group that is not, and text of any length.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Person {
    pub(crate) id: Option<u32>,
    pub(crate) group: u8,
    pub(crate) text: Vec<u8>,
}

impl Person {
    pub(crate) fn new(id: u32, group: u8, len: usize) -> Self {
        Person { id: Some(id), group, text: testkit::bytes::tagged(len, id as usize) }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![u8::from(self.id.is_some())];
        bytes.extend(self.id.unwrap_or(0).to_be_bytes());
        bytes.push(self.group);
        bytes.extend_from_slice(&self.text);
        bytes
    }

    /// Its key in the unique index.
    pub(crate) fn id_key(&self) -> Vec<u8> {
        self.bytes()[..5].to_vec()
    }
}

/// The key of an id.
pub(crate) fn id_key(id: u32) -> Vec<u8> {
    Person::new(id, 0, 0).id_key()
}

/// The keys of [`Person`]s: index 0 of the id, index 1 of the group.
pub(crate) struct PersonKeys;

impl RowKeys for PersonKeys {
    fn index_count(&self) -> usize {
        2
    }

    fn key(&self, index: usize, row: &[u8]) -> IndexKey {
        match index {
            0 => IndexKey { key: row[..5].to_vec(), must_be_unique: row[0] == 1 },
            _ => IndexKey { key: row[5..6].to_vec(), must_be_unique: false },
        }
    }
}

/// Transactions and one table.
pub(crate) struct Db<S: Store> {
    pub(crate) shared: Arc<Transactions<S>>,
    pub(crate) table: Table,
}

impl<S: Store<Reader = Pages>> Db<S> {
    pub(crate) fn new(store: S, config: LockConfig) -> Self {
        Self::with_keys(store, config, Arc::new(PersonKeys))
    }

    pub(crate) fn with_keys(store: S, config: LockConfig, keys: Arc<dyn RowKeys>) -> Self {
        let shared = Transactions::new(store, config);
        match Table::create(&shared, TABLE, keys) {
            Ok(table) => Db { shared, table },
            Err(error) => Failure::new("a new table").found(error).raise(),
        }
    }

    pub(crate) fn pages(&self) -> &Pages {
        self.shared.store().reader()
    }

    pub(crate) fn begin(&self, isolation: Isolation) -> Transaction<S> {
        match self.shared.begin(isolation) {
            Ok(txn) => txn,
            Err(error) => Failure::new("begin").found(error).raise(),
        }
    }

    /// Inserts rows in a transaction that commits.
    pub(crate) fn fill(&self, rows: &[Person]) -> Vec<RecordId> {
        let txn = self.begin(Isolation::Serializable);
        let ids =
            rows.iter().map(|row| ok(self.table.insert(&txn, &row.bytes()), "an insert of the test's setup"));
        let ids = ids.collect();
        ok(txn.commit(), "the commit of the test's setup");
        ids
    }

    /// What a scan gives, in the order of rows.
    pub(crate) fn scan(
        &self,
        txn: &Transaction<S>,
        rows: Rows,
        lock: RowLock,
    ) -> Result<Vec<(RecordId, Vec<u8>)>, Error> {
        self.run(txn, Scan { rows, lock, most_rows: false })
    }

    /// All that a scan gives, batch after batch.
    pub(crate) fn run(&self, txn: &Transaction<S>, scan: Scan) -> Result<Vec<(RecordId, Vec<u8>)>, Error> {
        let mut cursor = self.table.scan(scan);
        let mut found = Vec::new();
        loop {
            let batch = cursor.next(txn)?;
            if batch.is_empty() {
                return Ok(found);
            }
            found.extend(batch);
        }
    }

    /// Checks that the table has exactly these rows, each with one entry in each index, and nothing else; no
    /// latch and no lock is left.
    ///
    /// # Requires
    /// No transaction runs.
    pub(crate) fn check_contents(&self, expected: &BTreeMap<RecordId, Vec<u8>>, when: &str) {
        step!("// the table is compared with the model: {when}");
        check_eq!(self.pages().held(), Vec::new(), "pages latched {when}");
        check_eq!(self.shared.locks().resource_count(), 0, "locks {when}");
        let txn = self.begin(Isolation::ReadUncommitted);
        let found: BTreeMap<_, _> =
            ok(self.scan(&txn, Rows::All, RowLock::Read), "a scan of all rows").into_iter().collect();
        check_same(&found, expected, &format!("the rows of the heap {when}"));
        let records = self.table.heap().scan(self.pages()).count();
        check_eq!(records, expected.len(), "records in the heap {when}, deleted ones included");
        for (number, index) in self.table.indexes().iter().enumerate() {
            let entries = entries_of(self.pages(), index.tree());
            let mut keys: Vec<_> =
                expected.iter().map(|(id, row)| (PersonKeys.key(number, row).key, *id)).collect();
            keys.sort();
            check_eq!(entries, keys, "the entries of index {number} {when}");
            let all = Rows::Range {
                index: number,
                from: Bound::Unbounded,
                to: Bound::Unbounded,
                direction: Direction::Forward,
            };
            let found: BTreeMap<_, _> =
                ok(self.scan(&txn, all, RowLock::Read), "a scan of an index").into_iter().collect();
            check_same(&found, expected, &format!("the rows by index {number} {when}"));
        }
        ok(txn.commit(), "the commit of a transaction that only read");
    }
}

/// Compares rows without printing thousands of bytes.
pub(crate) fn check_same(
    found: &BTreeMap<RecordId, Vec<u8>>,
    expected: &BTreeMap<RecordId, Vec<u8>>,
    what: &str,
) {
    let ids = |rows: &BTreeMap<RecordId, Vec<u8>>| rows.keys().map(ToString::to_string).collect::<Vec<_>>();
    check_eq!(ids(found), ids(expected), "{what}");
    for (id, row) in found {
        check!(*row == expected[id], "{what}: {id} has other bytes than expected");
    }
}

/// The value, or the end of the test.
pub(crate) fn ok<T>(result: Result<T, Error>, what: &str) -> T {
    match result {
        Ok(value) => value,
        Err(error) => Failure::new(what).expected_text("Ok").found(error).raise(),
    }
}
