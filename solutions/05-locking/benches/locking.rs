//! How fast lab 5 is: `cargo bench -p locking-benches`, or with a word after it, such as `-- lock`, to run
//! only what has that word in its name. All pages fit into the pool.

use std::hint::black_box;
use std::ops::Bound;

use bplus_tree::Direction;
use buffer_pool::{BufferPool, RecordId};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kit::disk::MemDisk;
use kit::sync::{Arc, Mutex, thread};
use locking::{
    Error, IndexKey, Isolation, LockConfig, LockMode, LockTable, MemoryStore, Resource, RowKeys, RowLock,
    Rows, Scan, Table, TableId, Transactions, TxnId,
};
use slotted_page::{DiskManager, PageId, SlotId};

criterion_group!(benches, locks, ranges, transfers);
criterion_main!(benches);

/// Accounts of the bank.
const ACCOUNTS: u32 = 1_000;
/// Transfers of each thread in a round.
const TRANSFERS: u32 = 200;

fn record(number: u32) -> RecordId {
    RecordId { page: PageId(3 + number / 64), slot: SlotId((number % 64) as u16) }
}

/// A lock and its release that nobody else wants, beside those of a mutex.
fn locks(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("lock");
    let table = LockTable::new(LockConfig::default());
    let row = Resource::Row(TableId(1), record(7));
    group.bench_function("a row and its release", |bench| {
        bench.iter(|| {
            black_box(table.lock(TxnId(1), &row, LockMode::X).is_ok());
            table.unlock_all(TxnId(1));
        });
    });
    let mutex = Mutex::new(0);
    group.bench_function("a mutex and its release", |bench| {
        bench.iter(|| *black_box(&mutex).lock() += 1);
    });
    group.finish();
}

/// A range of 100 rows at read committed and serializable.
fn ranges(bench: &mut Criterion) {
    let (shared, table, _) = bank();
    let mut group = bench.benchmark_group("range of 100 rows");
    for isolation in [Isolation::ReadCommitted, Isolation::Serializable] {
        group.bench_function(isolation.to_string(), |bench| {
            bench.iter(|| {
                let txn = shared.begin(isolation).expect("a transaction begins");
                let bound = |number: u32| number.to_be_bytes().to_vec();
                let rows = Rows::Range {
                    index: 0,
                    from: Bound::Included(bound(300)),
                    to: Bound::Excluded(bound(400)),
                    direction: Direction::Forward,
                };
                let mut cursor = table.scan(Scan { rows, lock: RowLock::Read, most_rows: false });
                while !black_box(cursor.next(&txn).expect("nobody else is there")).is_empty() {}
                txn.commit().expect("the memory store commits");
            });
        });
    }
    group.finish();
}

/// Transfers between accounts, with 1, 4 and 16 threads.
fn transfers(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("transfers");
    for threads in [1, 4, 16] {
        let (shared, table, ids) = bank();
        group.throughput(Throughput::Elements(u64::from(threads * TRANSFERS)));
        group.bench_function(format!("{threads} threads"), |bench| {
            bench.iter(|| {
                thread::scope(|scope| {
                    for number in 0..threads {
                        let (shared, table, ids) = (&shared, &table, &ids);
                        scope.spawn(move || {
                            for round in 0..TRANSFERS {
                                let mixed = (number * 7_919 + round).wrapping_mul(2_654_435_761);
                                let from = ids[(mixed % ACCOUNTS) as usize];
                                let to = ids[(mixed / ACCOUNTS % ACCOUNTS) as usize];
                                while let Err(error) = transfer(shared, table, from, to) {
                                    assert!(error.must_roll_back(), "a transfer failed for good: {error}");
                                }
                            }
                        });
                    }
                });
            });
        });
    }
    group.finish();
}

type Shared = Arc<Transactions<MemoryStore<BufferPool>>>;

fn transfer(shared: &Shared, table: &Table, from: RecordId, to: RecordId) -> Result<(), Error> {
    let txn = shared.begin(Isolation::Serializable)?;
    for (id, amount) in [(from, -1), (to, 1)] {
        let Some(mut row) = table.get(&txn, id, RowLock::Write)? else { continue };
        let mut balance = [0; 8];
        balance.copy_from_slice(&row[4..12]);
        row[4..12].copy_from_slice(&(i64::from_le_bytes(balance) + amount).to_le_bytes());
        table.update(&txn, id, &row)?;
    }
    txn.commit()
}

/// A table of accounts: number and balance, with an index of the number.
fn bank() -> (Shared, Table, Vec<RecordId>) {
    let disk = DiskManager::create(Arc::new(MemDisk::new())).expect("memory has room");
    let pool = BufferPool::new(disk, 4_096).expect("there are frames");
    let shared = Transactions::new(MemoryStore::new(pool, 1_000), LockConfig::default());
    let table = Table::create(&shared, TableId(1), Arc::new(Number)).expect("memory has room");
    let txn = shared.begin(Isolation::Serializable).expect("a transaction begins");
    let account = |number: u32| {
        let mut row = number.to_be_bytes().to_vec();
        row.extend(1_000_i64.to_le_bytes());
        table.insert(&txn, &row).expect("a new number")
    };
    let ids = (0..ACCOUNTS).map(account).collect();
    txn.commit().expect("the memory store commits");
    (shared, table, ids)
}

/// The index of the number.
struct Number;

impl RowKeys for Number {
    fn index_count(&self) -> usize {
        1
    }

    fn key(&self, _index: usize, row: &[u8]) -> IndexKey {
        IndexKey { key: row[..4].to_vec(), must_be_unique: true }
    }
}
