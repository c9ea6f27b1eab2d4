//! Tasks 5.5 and 5.6: a range under next-key locks, and rows that come and go in transactions.

use std::hint::black_box;
use std::ops::Bound;

use bplus_tree::Direction;
use buffer_pool::BufferPool;
use kit::sync::Arc;
use locking::{
    IndexKey, Isolation, LockConfig, MemoryStore, RowKeys, RowLock, Rows, Scan, Table, TableId, Transactions,
};
use slotted_page::DiskManager;
use testkit::disk::FaultDisk;
use testkit::perf::{Digest, Workload};

/// Rows of the table, and the number of the first.
const ROWS: u32 = 2_000;
const FIRST: u32 = 10_000;

/// Rows that come and go in a round. Their keys are below those of all others.
const CHURN: u32 = 400;

/// The workloads of these tasks; ids as in `lab.toml`.
pub(crate) fn workloads() -> Vec<Workload> {
    vec![
        Workload::timed("range-locks", || {
            let (shared, table) = filled();
            Box::new(move || {
                let txn = shared.begin(Isolation::Serializable).expect("a transaction begins");
                let rows = Rows::Range {
                    index: 0,
                    from: Bound::Unbounded,
                    to: Bound::Unbounded,
                    direction: Direction::Forward,
                };
                let mut cursor = table.scan(Scan { rows, lock: RowLock::Read, most_rows: false });
                let mut digest = Digest::new();
                loop {
                    let batch = cursor.next(&txn).expect("nobody else is there");
                    if batch.is_empty() {
                        break;
                    }
                    batch.iter().for_each(|(_, row)| digest.add(number_of(row)));
                }
                txn.commit().expect("nobody else is there");
                digest
            })
        }),
        Workload::timed("table-churn", || {
            let (shared, table) = filled();
            Box::new(move || {
                let mut digest = Digest::new();
                for commits in [true, false] {
                    let txn = shared.begin(Isolation::Serializable).expect("a transaction begins");
                    let new = (0..CHURN).map(|number| table.insert(&txn, &row(number)).expect("a new key"));
                    let new: Vec<_> = new.collect();
                    for (number, id) in (0..).zip(&new) {
                        let changed = table.update(&txn, *id, &short(number));
                        let deleted = table.delete(&txn, *id);
                        digest.add(u64::from(changed == Ok(true)) + 2 * u64::from(deleted == Ok(true)));
                    }
                    if commits {
                        txn.commit().expect("the memory store commits")
                    } else {
                        txn.abort().expect("undo")
                    }
                }
                digest
            })
        }),
        Workload::counted("table-locks", || {
            let (shared, table) = filled();
            let txn = shared.begin(Isolation::Serializable).expect("a transaction begins");
            for number in 0..100 {
                black_box(table.insert(&txn, &row(number)).is_ok());
            }
            (shared.locks().lock_count(txn.id()) as f64 - 1.0) / 100.0
        }),
    ]
}

type Shared = Arc<Transactions<MemoryStore<BufferPool>>>;

/// A table of [`ROWS`] rows in a pool that holds all of it.
fn filled() -> (Shared, Table) {
    let manager = DiskManager::create(Arc::new(FaultDisk::new())).expect("the disk works");
    let pool = BufferPool::new(manager, 1_000).expect("a pool of some frames");
    let shared = Transactions::new(MemoryStore::new(pool, 100), LockConfig::default());
    let table = Table::create(&shared, TableId(1), Arc::new(Number)).expect("the disk has room");
    let txn = shared.begin(Isolation::Serializable).expect("a transaction begins");
    for number in FIRST..FIRST + ROWS {
        black_box(table.insert(&txn, &row(number)).is_ok());
    }
    txn.commit().expect("the memory store commits");
    (shared, table)
}

fn row(number: u32) -> Vec<u8> {
    let mut row = number.to_be_bytes().to_vec();
    row.resize(100, 7);
    row
}

/// The number of a row.
fn number_of(row: &[u8]) -> u64 {
    row[..4].iter().fold(0, |number, byte| number * 256 + u64::from(*byte))
}

/// The same row, shorter.
fn short(number: u32) -> Vec<u8> {
    row(number)[..50].to_vec()
}

/// One unique index of the number that a row begins with.
struct Number;

impl RowKeys for Number {
    fn index_count(&self) -> usize {
        1
    }

    fn key(&self, _index: usize, row: &[u8]) -> IndexKey {
        IndexKey { key: row[..4].to_vec(), must_be_unique: true }
    }
}
