//! What the tests of this lab share: names, a lock table in the scene, threads with names.

pub(crate) mod circle;
pub(crate) mod db;
pub(crate) mod rows;

use buffer_pool::RecordId;
use kit::sync::Arc;
use kit::sync::thread::{self, JoinHandle};
use locking::{DeadlockPolicy, LockConfig, LockTable, Resource, TableId, TxnId, dump_locks};
use slotted_page::{PageId, SlotId};
use testkit::scene;

/// The table of most tests.
pub(crate) const TABLE: TableId = TableId(1);

/// Transaction number `number`.
pub(crate) fn txn(number: u64) -> TxnId {
    TxnId(number)
}

/// Row number `number` of [`TABLE`].
pub(crate) fn row(number: u32) -> Resource {
    Resource::Row(TABLE, record(number))
}

/// A record id.
pub(crate) fn record(number: u32) -> RecordId {
    RecordId { page: PageId(3 + number / 100), slot: SlotId((number % 100) as u16) }
}

/// A lock table with this policy and no other limit in reach.
pub(crate) fn locks(policy: DeadlockPolicy) -> Arc<LockTable> {
    with_config(LockConfig { policy, ..LockConfig::default() })
}

/// A lock table.
pub(crate) fn with_config(config: LockConfig) -> Arc<LockTable> {
    Arc::new(LockTable::new(config))
}

/// Puts the lock table into the scene, for the next failure.
pub(crate) fn show(locks: &LockTable) {
    scene::picture(|| dump_locks(locks));
}

/// Starts a thread with a name, as reports show it.
pub(crate) fn spawn<R: Send + 'static>(
    name: impl Into<String>,
    body: impl FnOnce() -> R + Send + 'static,
) -> JoinHandle<R> {
    thread::Builder::new().name(name.into()).spawn(body).expect("a thread starts")
}

/// Lets other threads run until `txn` waits.
pub(crate) fn until_waiting(locks: &LockTable, txn: TxnId) {
    while !locks.is_waiting(txn) {
        thread::yield_now();
    }
    show(locks);
}
