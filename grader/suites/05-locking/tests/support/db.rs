//! Stores for tests: pages in memory that are counted, with and without batches that keep their pages.

use std::ops::Bound;

use bplus_tree::{BPlusTree, Direction, KeyMode};
use buffer_pool::{Pager, RecordId};
use kit::sync::{Arc, Mutex};
use locking::index::{OwnedEntry, Place};
use locking::store::MemoryUnit;
use locking::{
    DeadlockPolicy, Error, Index, IndexId, Isolation, LockConfig, LockMode, LockTable, Locker, Mark,
    MemoryStore, RowLock, Store, StoreError, TxnId, Undo, Unit,
};
use pager_kit::{BatchPager, CountingPager, MemPager};
use testkit::{check, check_eq, step};

use super::{TABLE, show, txn, with_config};

/// Pages in memory; calls are counted, and may be made to fail.
pub(crate) type Pages = CountingPager<MemPager>;

/// Frames that units may use together.
const FRAMES: u32 = 64;

/// New pages, room for `pages` of them.
pub(crate) fn pages(pages: u32) -> Pages {
    CountingPager::new(MemPager::new(pages))
}

/// A store over such pages.
pub(crate) fn memory_store(room: u32) -> MemoryStore<Pages> {
    MemoryStore::new(pages(room), FRAMES)
}

/// A store whose units keep their changed pages until they end, as those of lab 6 will: a second operation in
/// a unit panics, and so does a wait for a lock that holds a latch, if the lock's holder needs the page.
pub(crate) struct BatchStore {
    inner: MemoryStore<Pages>,
    clearing: Mutex<Clearing>,
}

/// Whether a [`BatchStore`] lets a commit clear away.
enum Clearing {
    Allowed,
    /// From the next commit on no unit begins.
    EndsWithCommit,
    /// No unit begins; this is what the commit left.
    Refused(Vec<Vec<u8>>),
}

/// A unit of a [`BatchStore`].
pub(crate) struct BatchUnit<'s> {
    batch: BatchPager<'s, Pages>,
    unit: MemoryUnit<'s, Pages>,
}

impl BatchStore {
    pub(crate) fn new(room: u32) -> Self {
        BatchStore { inner: memory_store(room), clearing: Mutex::new(Clearing::Allowed) }
    }

    /// The next commit clears nothing away, as if the machine stopped just after its commit point.
    pub(crate) fn refuse_clearing(&self) {
        *self.clearing.lock() = Clearing::EndsWithCommit;
    }

    /// What the commit left since [`refuse_clearing`](Self::refuse_clearing). Units begin again.
    pub(crate) fn take_rest(&self) -> Vec<Vec<u8>> {
        match std::mem::replace(&mut *self.clearing.lock(), Clearing::Allowed) {
            Clearing::Refused(rest) => rest,
            Clearing::Allowed | Clearing::EndsWithCommit => Vec::new(),
        }
    }
}

impl Store for BatchStore {
    type Reader = Pages;
    type Unit<'s> = BatchUnit<'s>;

    fn reader(&self) -> &Pages {
        self.inner.pager()
    }

    fn begin(&self, txn: TxnId) -> Result<(), StoreError> {
        self.inner.begin(txn)
    }

    fn unit(&self, txn: TxnId, pages: u32) -> Result<BatchUnit<'_>, StoreError> {
        if matches!(*self.clearing.lock(), Clearing::Refused(_)) {
            return Err(StoreError::NoRoom { txn });
        }
        Ok(BatchUnit { batch: BatchPager::new(self.inner.pager()), unit: self.inner.unit(txn, pages)? })
    }

    fn mark(&self, txn: TxnId) -> Mark {
        self.inner.mark(txn)
    }

    fn last_undo(&self, txn: TxnId, mark: Mark) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.last_undo(txn, mark)
    }

    fn commit(&self, txn: TxnId, rest: &[Vec<u8>]) -> Result<(), StoreError> {
        let mut clearing = self.clearing.lock();
        if matches!(*clearing, Clearing::EndsWithCommit) {
            *clearing = Clearing::Refused(rest.to_vec());
        }
        self.inner.commit(txn, rest)
    }

    fn finish(&self, txn: TxnId) {
        self.inner.finish(txn);
    }
}

impl<'s> Unit for BatchUnit<'s> {
    type Pager = BatchPager<'s, Pages>;

    fn run<R>(&self, operation: impl FnOnce(&Self::Pager) -> R) -> R {
        self.batch.operation(operation)
    }

    fn end(self, undo: Undo<'_>) -> Result<(), StoreError> {
        self.batch.commit()?;
        self.unit.end(undo)
    }
}

/// An index in a store of its own, and its lock table: what task 5.5 is tested with.
pub(crate) struct IndexStory {
    pub(crate) store: MemoryStore<Pages>,
    pub(crate) locks: Arc<LockTable>,
    pub(crate) index: Index,
}

impl IndexStory {
    /// An index with these keys, each for the record of its first byte.
    pub(crate) fn new(policy: DeadlockPolicy, keys: &[&str]) -> Arc<Self> {
        let store = memory_store(200);
        let locks = with_config(LockConfig { policy, ..LockConfig::default() });
        let tree = match BPlusTree::create(store.pager(), KeyMode::Duplicates) {
            Ok(tree) => Arc::new(tree),
            Err(error) => testkit::Failure::new("a new tree").found(error).raise(),
        };
        let index = Index::new(IndexId { table: TABLE, number: 0 }, tree);
        let story = Arc::new(IndexStory { store, locks, index });
        for key in keys {
            let found = story.index.tree().insert(story.store.pager(), key.as_bytes(), record_of(key));
            check_eq!(found, Ok(()), "insert of {key} into the tree");
        }
        story
    }

    /// The locks of transaction `number`.
    pub(crate) fn locker(&self, number: u64, isolation: Isolation) -> Locker {
        check_eq!(self.store.begin(txn(number)), Ok(()), "begin of T{number}");
        Locker::new(Arc::clone(&self.locks), txn(number), isolation)
    }

    /// Locks `key` and adds its entry.
    pub(crate) fn add(&self, locker: &Locker, key: &str) -> Result<bool, Error> {
        step!("{}: add '{key}'", locker.txn());
        locker.lock(&self.index.key(key.as_bytes()), LockMode::X)?;
        let added = self.index.add(&self.store, locker, key.as_bytes(), record_of(key));
        show(&self.locks);
        added
    }

    /// Undoes the newest change of the transaction.
    pub(crate) fn take_out(&self, key: &str) {
        step!("take '{key}' out");
        let taken = self.index.take_out(self.store.pager(), &self.locks, key.as_bytes(), record_of(key));
        show(&self.locks);
        check_eq!(taken, Ok(()), "taking '{key}' out");
    }

    /// Reads a range to its end, in batches of `at_most`.
    pub(crate) fn read(
        &self,
        locker: &Locker,
        (from, to): (Bound<&str>, Bound<&str>),
        direction: Direction,
        at_most: usize,
        strength: RowLock,
    ) -> Result<Vec<String>, Error> {
        step!("{}: read {from:?} to {to:?} {direction:?}", locker.txn());
        let bytes = |bound: Bound<&str>| bound.map(|key| key.as_bytes().to_vec());
        let (start, end) = match direction {
            Direction::Forward => (bytes(from), bytes(to)),
            Direction::Backward => (bytes(to), bytes(from)),
        };
        let mut place = Place::Start(start);
        let mut keys = Vec::new();
        loop {
            let end = end.as_ref().map(Vec::as_slice);
            let range = (&place, end, direction);
            let stretch = self.index.read_range(&self.store, locker, range, at_most, strength)?;
            show(&self.locks);
            check!(
                stretch.entries.len() <= at_most,
                "{} entries of at most {at_most}",
                stretch.entries.len()
            );
            check!(
                stretch.is_end || !stretch.entries.is_empty(),
                "a part of a range without entries is its end"
            );
            keys.extend(stretch.entries.iter().map(|(key, _)| String::from_utf8_lossy(key).into_owned()));
            match stretch.entries.into_iter().next_back() {
                Some(last) if !stretch.is_end => place = Place::After(last),
                _ => return Ok(keys),
            }
        }
    }
}

/// The record id of a key: any one, the same each time.
pub(crate) fn record_of(key: &str) -> RecordId {
    super::record(key.bytes().fold(1, |sum, byte| (sum * 31 + u32::from(byte)) % 5_000))
}

/// All entries of a tree.
pub(crate) fn entries_of<P: Pager>(pager: &P, tree: &BPlusTree) -> Vec<OwnedEntry> {
    let all = (Bound::Unbounded, Bound::Unbounded);
    match tree.range(pager, all, Direction::Forward).and_then(Iterator::collect) {
        Ok(entries) => entries,
        Err(error) => testkit::Failure::new("a walk over an index").found(error).raise(),
    }
}
