//! The public examples of lab 5. Read them beside the task; run them with
//! `cargo test -p locking`. The grader has more, and harder ones.

use buffer_pool::RecordId;
use kit::sync::Arc;
use locking::{DeadlockPolicy, LockConfig, LockTable, Resource, TableId, TxnId};
use slotted_page::{PageId, SlotId};

const TABLE: TableId = TableId(1);

fn record(slot: u16) -> RecordId {
    RecordId { page: PageId(3), slot: SlotId(slot) }
}

fn row(slot: u16) -> Resource {
    Resource::Row(TABLE, record(slot))
}

fn lock_table(policy: DeadlockPolicy) -> Arc<LockTable> {
    Arc::new(LockTable::new(LockConfig { policy, ..LockConfig::default() }))
}

mod t5_1 {
    use locking::LockMode::{S, X};
    use locking::{Answer, LockQueue};

    use super::*;

    #[test]
    fn a_queue_grants_in_order() {
        let (one, two, three) = (TxnId(1), TxnId(2), TxnId(3));
        let mut queue = LockQueue::default();
        assert_eq!(queue.request(one, S), Answer::Granted);
        assert_eq!(queue.request(two, X), Answer::Waits, "X beside S");
        assert_eq!(queue.request(three, S), Answer::Waits, "S behind a waiting X");
        assert_eq!(queue.release(one), vec![two]);
        assert_eq!(queue.release(two), vec![three]);
    }

    #[test]
    fn a_thread_waits_for_a_lock() {
        let locks = lock_table(DeadlockPolicy::Patient);
        assert_eq!(locks.lock(TxnId(1), &row(1), X), Ok(None));
        assert!(!locks.try_lock(TxnId(2), &row(1), S));
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| locks.lock(TxnId(2), &row(1), S));
            while !locks.is_waiting(TxnId(2)) {
                std::thread::yield_now();
            }
            locks.unlock_all(TxnId(1));
            assert_eq!(waiter.join().expect("the waiter ends"), Ok(None));
        });
    }
}

mod t5_2 {
    use locking::LockMode::{IX, S, X};
    use locking::{Isolation, Locker};

    use super::*;

    #[test]
    fn the_table_shows_that_a_row_is_locked() {
        let locks = lock_table(DeadlockPolicy::Patient);
        let one = Locker::new(Arc::clone(&locks), TxnId(1), Isolation::Serializable);
        one.lock(&row(1), X).expect("nobody else is there");
        assert_eq!(locks.held(TxnId(1), &Resource::Table(TABLE)), Some(IX));
        assert!(!locks.try_lock(TxnId(2), &Resource::Table(TABLE), S));
        one.end();
        assert!(locks.try_lock(TxnId(2), &Resource::Table(TABLE), S));
    }
}

mod t5_3 {
    use locking::LockMode::X;

    use super::*;

    #[test]
    fn a_deadlock_has_one_victim() {
        let locks = lock_table(DeadlockPolicy::Detect);
        for number in 1..=2 {
            locks.lock(TxnId(number), &row(number as u16), X).expect("nobody else is there");
        }
        let wait = |number: u64, other: u16| {
            let result = locks.lock(TxnId(number), &row(other), X);
            locks.unlock_all(TxnId(number));
            result.is_err()
        };
        let victims = std::thread::scope(|scope| {
            let (one, two) = (scope.spawn(|| wait(1, 2)), scope.spawn(|| wait(2, 1)));
            [one, two].into_iter().map(|thread| thread.join().expect("it ends")).filter(|is| *is).count()
        });
        assert_eq!(victims, 1);
    }
}

mod t5_4 {
    use locking::LockMode::{S, X};
    use locking::{Isolation, Locker, RowLock};

    use super::*;

    #[test]
    fn a_row_that_was_read_is_locked_as_the_level_says() {
        for (isolation, held) in [(Isolation::ReadCommitted, None), (Isolation::RepeatableRead, Some(S))] {
            let locks = lock_table(DeadlockPolicy::Patient);
            let one = Locker::new(Arc::clone(&locks), TxnId(1), isolation);
            assert_eq!(one.read_row(TABLE, record(1), RowLock::Read, || "the row"), Ok("the row"));
            assert_eq!(locks.held(TxnId(1), &row(1)), held, "{isolation}");
            assert_eq!(one.read_row(TABLE, record(1), RowLock::Write, || "the row"), Ok("the row"));
            assert_eq!(locks.held(TxnId(1), &row(1)), Some(X), "{isolation}");
        }
    }
}

/// A table of numbers, for tasks 5.5 and 5.6.
mod numbers {
    use buffer_pool::BufferPool;
    use kit::disk::MemDisk;
    use locking::{IndexKey, MemoryStore, RowKeys, Table, Transactions};
    use slotted_page::DiskManager;

    use super::*;

    struct Number;

    impl RowKeys for Number {
        fn index_count(&self) -> usize {
            1
        }

        fn key(&self, _index: usize, row: &[u8]) -> IndexKey {
            IndexKey { key: row.to_vec(), must_be_unique: true }
        }
    }

    pub(super) fn new_table() -> (Arc<Transactions<MemoryStore<BufferPool>>>, Table) {
        let manager = DiskManager::create(Arc::new(MemDisk::new())).expect("a new file");
        let pool = BufferPool::new(manager, 50).expect("a pool of some frames");
        let shared = Transactions::new(MemoryStore::new(pool, 40), LockConfig::default());
        let table = Table::create(&shared, TABLE, Arc::new(Number)).expect("the file has room");
        (shared, table)
    }
}

mod t5_5 {
    use locking::{Isolation, LockMode, RowLock};

    use super::*;

    #[test]
    fn a_key_that_was_not_found_is_locked() {
        let (shared, table) = super::numbers::new_table();
        let txn = shared.begin(Isolation::Serializable).expect("a transaction begins");
        let index = &table.indexes()[0];
        let found = index.find(shared.store(), txn.locker(), b"7", RowLock::Read);
        assert_eq!(found, Ok(Vec::new()));
        assert!(!shared.locks().try_lock(TxnId(99), &index.key(b"7"), LockMode::X));
    }
}

mod t5_6 {
    use locking::{Error, Isolation, RowLock};

    #[test]
    fn what_is_rolled_back_never_was() {
        let (shared, table) = super::numbers::new_table();
        let txn = shared.begin(Isolation::Serializable).expect("a transaction begins");
        let seven = table.insert(&txn, b"7").expect("a new key");
        txn.commit().expect("nothing is in the way");

        let txn = shared.begin(Isolation::Serializable).expect("a transaction begins");
        assert_eq!(table.delete(&txn, seven), Ok(true));
        assert_eq!(table.get(&txn, seven, RowLock::Read), Ok(None));
        let again = table.insert(&txn, b"7").expect("the key is free for this transaction");
        assert_ne!(again, seven, "the place of the deleted row is not free yet");
        txn.abort().expect("an undo needs nothing");

        let txn = shared.begin(Isolation::Serializable).expect("a transaction begins");
        assert_eq!(table.lookup(&txn, 0, b"7", RowLock::Read), Ok(vec![(seven, b"7".to_vec())]));
        assert_eq!(table.insert(&txn, b"7"), Err(Error::DuplicateKey { index: 0, existing: seven }));
    }
}

mod t5_7 {
    use locking::snapshot::{Guarantee, SnapshotError, VersionedMap, dump_versions};

    #[test]
    fn a_reader_keeps_its_state_and_the_first_committer_wins() -> Result<(), SnapshotError> {
        let map = VersionedMap::new();
        let mut first = map.begin(Guarantee::Snapshot);
        first.put(b"a", b"10")?;
        let at = first.commit()?;

        let mut reader = map.begin(Guarantee::Snapshot);
        let (mut one, mut two) = (map.begin(Guarantee::Snapshot), map.begin(Guarantee::Snapshot));
        one.put(b"a", b"11")?;
        one.commit()?;
        assert_eq!(reader.get(b"a").as_deref(), Some(&b"10"[..]), "{}", dump_versions(&map));
        let refused = two.put(b"a", b"12").and_then(|()| two.commit().map(drop));
        let expected = SnapshotError::Overwritten { key: b"a".to_vec(), snapshot: at, newest: map.newest() };
        assert_eq!(refused, Err(expected));

        assert_eq!(map.versions_of(b"a"), 2, "{}", dump_versions(&map));
        reader.abort();
        assert_eq!(map.versions_of(b"a"), 1, "{}", dump_versions(&map));
        Ok(())
    }

    /// The commits and the two readers of the handout's drawing, and its picture.
    #[test]
    fn chains_keep_what_two_readers_see() -> Result<(), SnapshotError> {
        let map = VersionedMap::new();
        let mut readers = Vec::new();
        let commits: [(&[u8], Option<&[u8]>); 7] = [
            (b"b", Some(b"20")),
            (b"a", Some(b"10")),
            (b"b", Some(b"21")),
            (b"a", Some(b"11")),
            (b"a", Some(b"12")),
            (b"c", Some(b"30")),
            (b"a", None),
        ];
        for (key, value) in commits {
            let mut writer = map.begin(Guarantee::Snapshot);
            match value {
                Some(value) => writer.put(key, value)?,
                None => writer.delete(key)?,
            }
            let at = writer.commit()?;
            if at.0 == 3 || at.0 == 6 {
                readers.push(map.begin(Guarantee::Snapshot));
            }
        }
        let picture = r#"newest commit @7
snapshot @3, 1 reader, keeps "a"@2
snapshot @6, 1 reader, keeps "a"@5, "a"@7 (deleted)
"a"  @2 "10"  @5 "12"  @7 deleted
"b"  @3 "21"
"c"  @6 "30"
"#;
        assert_eq!(dump_versions(&map), picture);
        Ok(())
    }
}
