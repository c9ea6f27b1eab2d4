//! LMDB through heed: a copy-on-write B+Tree in C over a mapped file.

use std::ops::Bound;

use heed::types::Bytes;
use heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, PutFlags};
use tempfile::TempDir;

use crate::{Key, RANGE, Store, Value};

/// Size of the map.
const MAP_BYTES: usize = 1 << 30;

/// A database in a file that goes with it.
pub(crate) struct Lmdb {
    env: Env,
    _folder: TempDir,
}

impl Lmdb {
    /// The table, opened anew for each round: its handle borrows the environment.
    fn database(&self) -> Database<'_, Bytes, Bytes> {
        let transaction = self.env.write_txn().expect("nobody else writes");
        let database = self.env.create_databases_and_commit(transaction, |opener, transaction| {
            opener.create_database(transaction, None).map(CommitOrAbort::<_, ()>::Commit)
        });
        database.expect("there is room").unwrap_commit()
    }
}

impl Store for Lmdb {
    #[allow(
        unsafe_code,
        reason = "a file that is mapped may be changed by others: nobody else knows this one"
    )]
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is room for files");
        let mut options = EnvOpenOptions::new();
        options.map_size(MAP_BYTES);
        // SAFETY: the folder is new, its name is known to nobody else, and no crash is to be survived.
        let env = unsafe {
            options.flags(EnvFlags::NO_SYNC | EnvFlags::WRITE_MAP);
            options.open(folder.path()).expect("the folder is there")
        };
        Lmdb { env, _folder: folder }
    }

    fn insert(&mut self, entries: impl Iterator<Item = (Key, Value)>) {
        let database = self.database();
        let mut transaction = self.env.write_txn().expect("nobody else writes");
        for (key, value) in entries {
            let put = database.put_with_flags(&mut transaction, PutFlags::NO_OVERWRITE, &key, &value);
            put.expect("each key comes once");
        }
        transaction.commit().expect("there is room");
    }

    fn get(&self, keys: impl Iterator<Item = Key>) -> u64 {
        let database = self.database();
        let transaction = self.env.read_txn().expect("there are few readers");
        let found = |key: Key| database.get(&transaction, &key).expect("the file is sound");
        keys.filter_map(found).map(|value| u64::from(value[5])).sum()
    }

    fn range(&self, keys: impl Iterator<Item = Key>) -> u64 {
        let database = self.database();
        let transaction = self.env.read_txn().expect("there are few readers");
        let mut sum = 0;
        for key in keys {
            let keys = (Bound::Included(&key[..]), Bound::Unbounded);
            let range = database.range(&transaction, &keys).expect("the file is sound");
            for entry in range.take(RANGE) {
                sum += u64::from(entry.expect("the file is sound").1[5]);
            }
        }
        sum
    }
}
