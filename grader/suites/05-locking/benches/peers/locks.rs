//! The table of task 5.6.

use buffer_pool::{BufferPool, RecordId};
use kit::disk::MemDisk;
use kit::sync::Arc;
use locking::{
    Error, IndexKey, Isolation, LockConfig, MemoryStore, RowKeys, RowLock, Rows, Scan, Table, TableId,
    Transaction, Transactions,
};
use slotted_page::{DiskManager, PageId, SlotId};

use crate::{ACCOUNTS, BALANCE, Bank};

/// A table of accounts with an index of the number.
pub(crate) struct Locks {
    shared: Arc<Transactions<MemoryStore<BufferPool>>>,
    table: Table,
}

pub(crate) fn record(number: u32) -> RecordId {
    RecordId { page: PageId(3 + number / 64), slot: SlotId((number % 64) as u16) }
}

impl Locks {
    fn add(&self, txn: &Transaction<MemoryStore<BufferPool>>, key: u32, amount: i64) -> Result<(), Error> {
        let (id, mut row) =
            self.table.lookup(txn, 0, &key.to_be_bytes(), RowLock::Write)?.pop().expect("the account exists");
        let balance = balance(&row) + amount;
        row[4..].copy_from_slice(&balance.to_le_bytes());
        self.table.update(txn, id, &row).map(drop)
    }
}

fn balance(row: &[u8]) -> i64 {
    i64::from_le_bytes(row[4..].try_into().expect("a balance has eight bytes"))
}

impl Bank for Locks {
    type Teller<'b> = &'b Locks;

    fn new() -> Self {
        let disk = DiskManager::create(Arc::new(MemDisk::new())).expect("memory has room");
        let pool = BufferPool::new(disk, 4_096).expect("there are frames");
        let shared = Transactions::new(MemoryStore::new(pool, 1_000), LockConfig::default());
        let table = Table::create(&shared, TableId(1), Arc::new(Number)).expect("memory has room");
        let txn = shared.begin(Isolation::Serializable).expect("a transaction begins");
        for number in 0..ACCOUNTS {
            let row = [&number.to_be_bytes()[..], &BALANCE.to_le_bytes()].concat();
            table.insert(&txn, &row).expect("a new number");
        }
        txn.commit().expect("the memory store commits");
        Locks { shared, table }
    }

    fn teller(&self) -> &Locks {
        self
    }

    fn transfer(teller: &mut &Locks, from: u32, to: u32) {
        loop {
            let txn = teller.shared.begin(Isolation::Serializable).expect("a transaction begins");
            let done = teller.add(&txn, from, -1).and_then(|()| teller.add(&txn, to, 1));
            match done.and_then(|()| txn.commit()) {
                Ok(()) => return,
                Err(error) => assert!(error.must_roll_back(), "a transfer failed for good: {error}"),
            }
        }
    }

    fn sum(&self) -> i64 {
        let txn = self.shared.begin(Isolation::Serializable).expect("a transaction begins");
        let mut cursor = self.table.scan(Scan { rows: Rows::All, lock: RowLock::Read, most_rows: true });
        let mut sum = 0;
        loop {
            let batch = cursor.next(&txn).expect("nobody else is there");
            if batch.is_empty() {
                return sum;
            }
            sum += batch.iter().map(|(_, row)| balance(row)).sum::<i64>();
        }
    }
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
