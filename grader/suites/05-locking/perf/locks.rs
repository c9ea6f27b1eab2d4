//! Tasks 5.1 and 5.2: locks that nobody else wants, and the memory of many.

use std::hint::black_box;

use buffer_pool::RecordId;
use locking::{DeadlockPolicy, LockConfig, LockMode, LockTable, Resource, TableId, TxnId};
use slotted_page::{PageId, SlotId};
use testkit::alloc;
use testkit::perf::{Digest, Workload};

/// Transactions in a round, and locks of each.
const TXNS: u64 = 2_000;
const LOCKS: u32 = 5;

/// Locks of the transaction that holds many.
const MANY: u32 = 40_000;

/// Locks that another transaction holds meanwhile, on rows of its own.
const OTHERS: u32 = 10_000;

/// The workloads of these tasks; ids as in `lab.toml`.
pub(crate) fn workloads() -> Vec<Workload> {
    vec![
        Workload::timed("lock-release", || {
            let table = new_table();
            for number in MANY..MANY + OTHERS {
                black_box(table.lock(TxnId(TXNS), &row(number), LockMode::X).is_ok());
            }
            Box::new(move || {
                let mut digest = Digest::new();
                for txn in 0..TXNS {
                    for number in 0..LOCKS {
                        let granted = table.lock(TxnId(txn), &row(number + txn as u32 % 100), LockMode::X);
                        digest.add(u64::from(granted.is_ok()));
                    }
                    digest.add(table.lock_count(TxnId(txn)) as u64);
                    table.unlock_all(TxnId(txn));
                }
                digest
            })
        }),
        Workload::timed("lock-many", || {
            let table = new_table();
            Box::new(move || {
                let mut digest = Digest::new();
                for number in 0..MANY {
                    digest.add(u64::from(table.lock(TxnId(1), &row(number), LockMode::S).is_ok()));
                }
                digest.add(table.lock_count(TxnId(1)) as u64);
                table.unlock_all(TxnId(1));
                digest.add(table.resource_count() as u64);
                digest
            })
        }),
        Workload::counted("lock-bytes", || {
            let table = new_table();
            let counts = alloc::count(|| {
                for number in 0..MANY {
                    black_box(table.lock(TxnId(1), &row(number), LockMode::S).is_ok());
                }
            });
            counts.peak_bytes as f64 / f64::from(MANY)
        }),
    ]
}

fn new_table() -> LockTable {
    LockTable::new(LockConfig { policy: DeadlockPolicy::Patient, ..LockConfig::default() })
}

fn row(number: u32) -> Resource {
    let page = PageId(3 + number / 64);
    Resource::Row(TableId(1), RecordId { page, slot: SlotId((number % 64) as u16) })
}
