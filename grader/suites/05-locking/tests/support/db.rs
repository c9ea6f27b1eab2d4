//! Stores for tests: pages in memory that are counted, with and without batches that keep their pages.

use std::ops::{Bound, Range};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bplus_tree::{BPlusTree, Direction, KeyMode};
use buffer_pool::{Pager, RecordId};
use kit::sync::Arc;
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
    plan: Mutex<Plan>,
}

/// What a [`BatchStore`] refuses, and what it was asked for.
#[derive(Default)]
struct Plan {
    /// Units of new work that still begin; any number if it is `None`.
    new_units: Option<u32>,
    /// Undo units that are refused before one begins again.
    refused_undo_units: u32,
    /// Undo units that were asked for.
    undo_units: u32,
    /// Everything is refused.
    is_closed: bool,
    /// What the next commit fails with.
    commit_error: Option<fn(TxnId) -> StoreError>,
    /// Units that are refused after the next commit: 0 is the first that is asked for.
    refused_after_commit: Range<u32>,
    /// Units that were asked for since that commit, and what it left.
    after_commit: Option<(u32, Vec<Vec<u8>>)>,
    /// Operations that were cleared away since the last commit, as the units said.
    cleared: usize,
}

impl Plan {
    /// Counts a unit, and says whether it begins.
    fn admit(&mut self, txn: TxnId, is_undo: bool) -> Result<(), StoreError> {
        let left = match is_undo {
            false => self.new_units.as_mut(),
            true => None,
        };
        let mut is_refused = match left {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        };
        if is_undo {
            self.undo_units += 1;
            is_refused |= self.refused_undo_units > 0;
            self.refused_undo_units = self.refused_undo_units.saturating_sub(1);
        }
        if let Some((count, _)) = &mut self.after_commit {
            is_refused |= self.refused_after_commit.contains(count);
            *count += 1;
        }
        match (self.is_closed, is_refused) {
            (true, _) => Err(StoreError::Closed),
            (false, true) => Err(StoreError::NoRoom { txn }),
            (false, false) => Ok(()),
        }
    }
}

/// A unit of a [`BatchStore`].
pub(crate) struct BatchUnit<'s> {
    store: &'s BatchStore,
    batch: BatchPager<'s, Pages>,
    unit: MemoryUnit<'s, Pages>,
    /// Most pages that it may keep.
    pages: u32,
    is_undo: bool,
}

impl BatchStore {
    pub(crate) fn new(room: u32) -> Self {
        BatchStore { inner: memory_store(room), plan: Mutex::default() }
    }

    /// The plan. The scheduler knows nothing of its mutex: nothing that may wait is called under it.
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After `units` more units there is no room for new work, but there is for what was promised.
    pub(crate) fn refuse_new_work_after(&self, units: u32) {
        self.plan().new_units = Some(units);
    }

    /// There is room for new work again.
    pub(crate) fn allow_new_work(&self) {
        self.plan().new_units = None;
    }

    /// The next `count` undo units are refused.
    pub(crate) fn refuse_undo_units(&self, count: u32) {
        self.plan().refused_undo_units = count;
    }

    /// From now on no unit begins and nothing commits.
    pub(crate) fn close(&self) {
        self.plan().is_closed = true;
    }

    /// Number of undo units that were asked for so far.
    pub(crate) fn undo_units(&self) -> u32 {
        self.plan().undo_units
    }

    /// The next commit fails.
    pub(crate) fn fail_commit(&self, error: fn(TxnId) -> StoreError) {
        self.plan().commit_error = Some(error);
    }

    /// After the next commit these units are refused, counted from 0. All of them: as if the machine stopped
    /// just after the commit point.
    pub(crate) fn refuse_clearing(&self, units: Range<u32>) {
        self.plan().refused_after_commit = units;
    }

    /// What the commit left since [`refuse_clearing`](Self::refuse_clearing). Units begin again.
    pub(crate) fn take_rest(&self) -> Vec<Vec<u8>> {
        let mut plan = self.plan();
        plan.refused_after_commit = 0..0;
        plan.after_commit.take().map(|(_, rest)| rest).unwrap_or_default()
    }

    /// Number of operations of the rest that are done with since the last commit: where a restart goes on.
    pub(crate) fn cleared(&self) -> usize {
        self.plan().cleared
    }

    fn begin_unit(&self, txn: TxnId, pages: u32, is_undo: bool) -> Result<BatchUnit<'_>, StoreError> {
        self.plan().admit(txn, is_undo)?;
        let batch = BatchPager::new(self.inner.pager());
        Ok(BatchUnit { store: self, batch, unit: self.inner.unit(txn, pages)?, pages, is_undo })
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
        self.begin_unit(txn, pages, false)
    }

    fn undo_unit(&self, txn: TxnId, pages: u32) -> Result<BatchUnit<'_>, StoreError> {
        self.begin_unit(txn, pages, true)
    }

    fn mark(&self, txn: TxnId) -> Mark {
        self.inner.mark(txn)
    }

    fn last_undo(&self, txn: TxnId, mark: Mark) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.last_undo(txn, mark)
    }

    fn commit(&self, txn: TxnId, rest: &[Vec<u8>]) -> Result<(), StoreError> {
        let mut plan = self.plan();
        if let Some(error) = plan.commit_error.take() {
            return Err(error(txn));
        }
        plan.cleared = 0;
        if !plan.refused_after_commit.is_empty() {
            plan.after_commit = Some((0, rest.to_vec()));
        }
        drop(plan);
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
        let kept = self.batch.kept();
        check!(kept.len() <= self.pages as usize, "a unit of {} pages keeps {kept:?}", self.pages);
        check!(!self.is_undo || !matches!(undo, Undo::Op(_)), "an undo unit ends with an undo of its own");
        self.batch.commit()?;
        self.store.plan().cleared += usize::from(undo == Undo::Cleared);
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
