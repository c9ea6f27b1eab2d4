//! redb: a copy-on-write B+Tree in Rust.

use redb::backends::InMemoryBackend;
use redb::{Database, Durability, ReadableDatabase, TableDefinition};

use crate::{Key, RANGE, Store, Value};

/// Keys and values of fixed length: what suits redb best.
const TABLE: TableDefinition<'_, &Key, &Value> = TableDefinition::new("entries");

/// A database in memory.
pub(crate) struct Redb {
    database: Database,
}

impl Store for Redb {
    fn new() -> Self {
        let mut builder = Database::builder();
        builder.set_cache_size(1 << 30);
        let database = builder.create_with_backend(InMemoryBackend::new()).expect("memory has room");
        Redb { database }
    }

    fn insert(&mut self, entries: impl Iterator<Item = (Key, Value)>) {
        let mut transaction = self.database.begin_write().expect("memory does not fail");
        transaction.set_durability(Durability::None).expect("nothing is written yet");
        {
            let mut table = transaction.open_table(TABLE).expect("memory does not fail");
            for (key, value) in entries {
                table.insert(&key, &value).expect("memory has room");
            }
        }
        transaction.commit().expect("memory does not fail");
    }

    fn get(&self, keys: impl Iterator<Item = Key>) -> u64 {
        let transaction = self.database.begin_read().expect("memory does not fail");
        let table = transaction.open_table(TABLE).expect("the table is there");
        let found = |key: Key| table.get(&key).expect("memory does not fail");
        keys.filter_map(found).map(|value| u64::from(value.value()[5])).sum()
    }

    fn range(&self, keys: impl Iterator<Item = Key>) -> u64 {
        let transaction = self.database.begin_read().expect("memory does not fail");
        let table = transaction.open_table(TABLE).expect("the table is there");
        let mut sum = 0;
        for key in keys {
            let range = table.range::<&Key>(&key..).expect("memory does not fail");
            for entry in range.take(RANGE) {
                let (_, value) = entry.expect("memory does not fail");
                sum += u64::from(value.value()[5]);
            }
        }
        sum
    }
}
