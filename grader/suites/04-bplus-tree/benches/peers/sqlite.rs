//! SQLite, in its own B-tree: a table without row ids.

use rusqlite::{Connection, OptionalExtension};

use crate::{Key, RANGE, Store, Value};

/// A database in memory.
pub(crate) struct Sqlite {
    connection: Connection,
}

impl Sqlite {
    /// Does something in one transaction.
    fn transaction<T>(&self, work: impl FnOnce() -> T) -> T {
        self.connection.execute_batch("BEGIN").expect("no transaction is open");
        let result = work();
        self.connection.execute_batch("COMMIT").expect("a transaction is open");
        result
    }
}

impl Store for Sqlite {
    fn new() -> Self {
        let connection = Connection::open_in_memory().expect("memory has room");
        let settings = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;
            CREATE TABLE entries (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;";
        connection.execute_batch(settings).expect("the statements are right");
        Sqlite { connection }
    }

    fn insert(&mut self, entries: impl Iterator<Item = (Key, Value)>) {
        let statement = "INSERT INTO entries VALUES (?1, ?2)";
        let mut statement = self.connection.prepare(statement).expect("the statement is right");
        self.transaction(|| {
            for (key, value) in entries {
                statement.execute((&key[..], &value[..])).expect("each key comes once");
            }
        });
    }

    fn get(&self, keys: impl Iterator<Item = Key>) -> u64 {
        let statement = "SELECT value FROM entries WHERE key = ?1";
        let mut statement = self.connection.prepare_cached(statement).expect("the statement is right");
        let mut last_byte = |key: Key| {
            let value = statement.query_row([&key[..]], |row| Ok(row.get_ref(0)?.as_blob()?[5]));
            value.optional().expect("memory does not fail")
        };
        self.transaction(|| keys.filter_map(&mut last_byte).map(u64::from).sum())
    }

    fn range(&self, keys: impl Iterator<Item = Key>) -> u64 {
        let statement = "SELECT key, value FROM entries WHERE key >= ?1 ORDER BY key LIMIT ?2";
        let mut statement = self.connection.prepare_cached(statement).expect("the statement is right");
        self.transaction(|| {
            let mut sum = 0;
            for key in keys {
                let mut rows = statement.query((&key[..], RANGE as i64)).expect("memory does not fail");
                while let Some(row) = rows.next().expect("memory does not fail") {
                    let value = row.get_ref(1).expect("there are two columns");
                    sum += u64::from(value.as_blob().expect("values are blobs")[5]);
                }
            }
            sum
        })
    }
}
