//! The lock table: the queues of all locked resources, and the transactions that wait in them (tasks 5.1 and
//! 5.2).
//!
//! Called by [`Locker`](crate::Locker) for each lock of a transaction. Calls [`LockQueue`] for what is
//! granted and [`deadlock`] before a transaction sleeps.
//!
//! ```text
//!   LockTable { one mutex }
//!     queues   row 3.1 -> [T1 X | T2 S, T3 X wait]
//!              row 3.2 -> [T2 X]
//!     owners   T1 -> holds row 3.1
//!              T2 -> holds row 3.2, waits for row 3.1   condition variable of T2
//!              T3 -> waits for row 3.1                  condition variable of T3
//! ```
//!
//! - K1: a transaction holds exactly the resources in the list of its owner, and waits in exactly the queue
//!   that `wait` names, or in none.
//! - K2: whatever takes a waiter out of its queue (a grant, a cancel, a deadlock, `close`) clears `wait` and
//!   notifies the waiter, all under the mutex. The waiter looks at `wait` under the mutex before each sleep.
//!   So no wake-up is lost.
//! - K3: a queue without holders and waiters is not in the map, and an owner without locks is forgotten when
//!   its transaction ends.
//! - K4: the mutex is held for one operation, never during a wait, and no latch is asked for under it. So a
//!   thread that holds a latch may call everything here that does not wait.
//! - K5: a lock that nobody else wants takes at most 400 bytes, with all that is kept about it: a transaction
//!   may hold a million of them.
//!
//! Left out: more than one mutex. A lock takes it for about a tenth of a microsecond; with very many cores
//! the table would be cut into parts by the hash of the resource, and the search for deadlocks would have to
//! stop all of them.
//!
//! Source: Gray and Reuter, "Transaction Processing" (1993), sections 7.7 and 8.4.

use kit::sync::{Arc, Condvar, Mutex, MutexGuard};
use structures::HashMap;

use crate::deadlock::{self, DeadlockPolicy};
use crate::hash::LockHash;
use crate::queue::{Answer, LockQueue};
use crate::{LockError, LockMode, Resource, TableId, TxnId};

/// Most locks that are released before the mutex is let go for a moment.
const RELEASED_AT_ONCE: usize = 512;

/// How a lock table behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockConfig {
    /// What is done about deadlocks.
    pub policy: DeadlockPolicy,
    /// Most locks that one transaction may hold.
    pub max_locks: usize,
    /// Number of locks on parts of one table from which on a transaction tries to lock the whole table
    /// instead (task 5.2).
    pub escalate_at: usize,
}

impl Default for LockConfig {
    fn default() -> Self {
        LockConfig { policy: DeadlockPolicy::Detect, max_locks: 1 << 20, escalate_at: 10_000 }
    }
}

/// The locks of all transactions. Threads share it.
///
/// A transaction is used by one thread at a time; [`cancel`](Self::cancel) may be called by any.
#[derive(Debug)]
pub struct LockTable {
    config: LockConfig,
    state: Mutex<State>,
}

/// What the mutex protects.
#[derive(Debug)]
pub(crate) struct State {
    config: LockConfig,
    queues: HashMap<Resource, LockQueue, LockHash>,
    owners: HashMap<TxnId, Owner, LockHash>,
    /// Queues in which waiters were granted, while other queues are looked at for that reason; see
    /// [`State::settle`].
    unseen: Vec<Resource>,
    is_looking: bool,
    /// Nothing waits any more; see [`LockTable::close`].
    is_closed: bool,
}

/// What the table knows of a transaction.
#[derive(Debug, Default)]
struct Owner {
    /// The resources that it holds (K1).
    held: Vec<Resource>,
    /// What it waits for.
    wait: Option<Wait>,
    /// Why its last wait ended without a lock; taken by the thread that waited.
    failure: Option<LockError>,
    /// It must be rolled back, for this reason: every further request gets it.
    doom: Option<LockError>,
    /// It was cancelled: it does not wait until [`LockTable::resume`].
    is_cancelled: bool,
    /// What its thread sleeps on. Made at its first wait, since most transactions never wait.
    wake: Option<Arc<Condvar>>,
}

/// A request that is in a queue.
#[derive(Clone, Debug)]
pub(crate) struct Wait {
    /// The queue that it is in.
    pub(crate) resource: Resource,
    /// The mode that was asked for.
    pub(crate) wants: LockMode,
    /// The transaction holds the resource already, in a weaker mode.
    is_conversion: bool,
}

impl LockTable {
    /// A table without locks.
    pub fn new(config: LockConfig) -> Self {
        let (queues, owners) = (HashMap::default(), HashMap::default());
        let state = State { config, queues, owners, unseen: Vec::new(), is_looking: false, is_closed: false };
        LockTable { config, state: Mutex::new(state) }
    }

    /// How it behaves.
    pub fn config(&self) -> LockConfig {
        self.config
    }

    /// Locks `resource` in `mode` for `txn`, and waits for that if it must. Returns what `txn` held before.
    ///
    /// # Ensures
    /// `txn` holds the join of `mode` and what it held. On an error it holds what it held before, and waits
    /// for nothing. A request that can be granted at once never fails, except for `TooManyLocks` and for a
    /// transaction that must be rolled back.
    ///
    /// # Errors
    /// [`LockError::Deadlock`] and [`LockError::Wounded`]: from then on each request of the transaction gets
    /// the same error, until [`unlock_all`](Self::unlock_all). [`LockError::Cancelled`];
    /// [`LockError::Closed`]; [`LockError::TooManyLocks`].
    pub fn lock(
        &self,
        txn: TxnId,
        resource: &Resource,
        mode: LockMode,
    ) -> Result<Option<LockMode>, LockError> {
        // Nudge: `State::request` says whether to wait. Before a sleep, call `deadlock::before_wait`.
        // Nudge: what must be looked at before each sleep, and why under the mutex? See K2.
        todo!("task 5.1: lock, and sleep until the lock is granted")
    }

    /// As [`lock`](Self::lock), but instead of waiting it returns `false`, and nothing is changed. Also false
    /// if the transaction may take no more locks.
    ///
    /// Never sleeps: a thread that holds a latch may call it.
    pub fn try_lock(&self, txn: TxnId, resource: &Resource, mode: LockMode) -> bool {
        todo!("task 5.1: lock if that needs no wait")
    }

    /// Reduces what `txn` holds of `resource` to `mode`, or releases it with `None`, and wakes the waiters
    /// that are granted by that. Two-phase locking allows that only for a lock that protected nothing (a
    /// short read of read committed).
    ///
    /// # Requires
    /// `txn` holds a mode that covers `mode`, or nothing.
    pub fn release_to(&self, txn: TxnId, resource: &Resource, mode: Option<LockMode>) {
        todo!("task 5.2: release one lock or weaken it")
    }

    /// Releases everything that `txn` holds and forgets the transaction.
    ///
    /// # Requires
    /// The transaction has committed, or its changes are undone. It does not wait.
    ///
    /// # Ensures
    /// Every waiter that can be granted by that is granted and wakes. A transaction that holds a million
    /// locks does not keep the others out meanwhile.
    pub fn unlock_all(&self, txn: TxnId) {
        todo!("task 5.1: release all locks of a transaction")
    }

    /// Releases all that `txn` holds of the parts of `table`, but not the table itself.
    ///
    /// # Requires
    /// `txn` holds the table in a mode that covers all of them.
    ///
    /// # Cost
    /// Linear in the number of locks of `txn`. Unlike [`unlock_all`](Self::unlock_all) it keeps the mutex for
    /// all of them.
    pub fn release_parts(&self, txn: TxnId, table: TableId) {
        let mut state = self.state.lock();
        if state.owners.get(&txn).is_none() {
            return;
        }
        let held = std::mem::take(&mut state.owner(txn).held);
        let (parts, kept) = held.into_iter().partition(|other| other.is_part() && other.table() == table);
        state.owner(txn).held = kept;
        let parts: Vec<Resource> = parts;
        parts.iter().for_each(|resource| state.release(txn, resource));
    }

    /// Ends the wait of `txn` with [`LockError::Cancelled`]; if it does not wait, its next wait. Any thread
    /// may call it: for a user's Ctrl-C, or a connection that is gone. False if the table does not know the
    /// transaction: it has no lock yet, or has ended.
    ///
    /// # Ensures
    /// Requests that need no wait still succeed, until the transaction ends. [`resume`](Self::resume) takes
    /// the cancel back. Waiters that stood behind `txn` are granted if they can be.
    pub fn cancel(&self, txn: TxnId) -> bool {
        todo!("task 5.2: end the wait of a transaction")
    }

    /// Ends every wait, and every later request that would wait, with [`LockError::Closed`]. Called when
    /// transactions whose changes cannot be undone keep their locks for good: nothing must wait for those.
    ///
    /// # Ensures
    /// Requests that need no wait still succeed, and locks are released as before.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        let mut waiting: Vec<TxnId> =
            state.owners.iter().filter(|(_, owner)| owner.wait.is_some()).map(|(txn, _)| *txn).collect();
        waiting.sort();
        for txn in waiting {
            // The end of one wait may have granted another.
            if let Some(Wait { resource, wants, .. }) = state.wait_of(txn).cloned() {
                state.end_wait(txn, LockError::Closed { txn, resource, wants });
            }
        }
    }

    /// Lets a cancelled transaction wait again: the statement that was cancelled is rolled back.
    pub fn resume(&self, txn: TxnId) {
        let mut state = self.state.lock();
        if let Some(owner) = state.owners.get_mut(&txn) {
            owner.is_cancelled = false;
        }
    }

    /// True if no other transaction holds `resource` in a mode that conflicts with `mode`. Nothing is locked,
    /// and what `txn` holds itself does not count.
    ///
    /// Never sleeps: a thread that holds a latch may call it.
    pub fn passes(&self, txn: TxnId, resource: &Resource, mode: LockMode) -> bool {
        let state = self.state.lock();
        state.queues.get(resource).is_none_or(|queue| queue.is_free_for(txn, mode))
    }

    /// Gives back the intention lock that `txn` took of `gap` only to wait for its readers: what it holds of
    /// the gap as a reader, it keeps. It may have become a reader of the gap during the wait
    /// ([`inherit`](Self::inherit)), so what it held before the wait does not say what it must keep.
    ///
    /// Never sleeps: a thread that holds a latch may call it.
    ///
    /// # Ensures
    /// Of IX nothing is left, of SIX an S. S and X stay: with X the transaction is a reader too.
    pub fn release_intention(&self, txn: TxnId, gap: &Resource) {
        let mut state = self.state.lock();
        let Some(queue) = state.queues.get_mut(gap) else { return };
        match queue.held(txn) {
            Some(LockMode::IX) => {
                let granted = queue.release(txn);
                state.settle(gap, &granted);
                state.unlist(txn, gap);
            }
            Some(LockMode::SIX) => {
                let granted = queue.weaken(txn, LockMode::S);
                state.settle(gap, &granted);
            }
            _ => {}
        }
    }

    /// Every transaction that holds `from` in X gets `to` in X, and every one that holds it in S or SIX gets
    /// it in S: at once, and whatever others hold.
    ///
    /// Never sleeps: a thread that holds a latch may call it.
    ///
    /// # Ensures
    /// A transaction that waits for `to` and gets it here goes on waiting, as a conversion: in the end it
    /// holds the join of both. A deadlock that arises because a waiter of `to` now waits for one more
    /// transaction is found as if the waiter had just come.
    pub fn inherit(&self, from: &Resource, to: &Resource) {
        // Nudge: `State::admit` gives a lock to a transaction that may wait for that very lock.
        todo!("task 5.5: let the holders of one gap hold another")
    }

    /// What `txn` holds of `resource`.
    pub fn held(&self, txn: TxnId, resource: &Resource) -> Option<LockMode> {
        self.state.lock().held(txn, resource)
    }

    /// Number of resources that `txn` holds.
    pub fn lock_count(&self, txn: TxnId) -> usize {
        self.state.lock().owners.get(&txn).map_or(0, |owner| owner.held.len())
    }

    /// True if `txn` waits for a lock.
    pub fn is_waiting(&self, txn: TxnId) -> bool {
        self.state.lock().wait_of(txn).is_some()
    }

    /// Number of resources that somebody holds or waits for.
    pub fn resource_count(&self) -> usize {
        self.state.lock().queues.len()
    }

    /// The state, for code of this lab that looks at all of it.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

/// Bookkeeping. Given.
impl State {
    /// Asks for a lock: the transaction holds it, or stands in the queue and `wait` says so. The second value
    /// is what the transaction held before.
    ///
    /// # Errors
    /// Nothing is changed: the transaction must be rolled back; it holds `max_locks`; it must wait, and was
    /// cancelled, or the table is closed.
    fn request(
        &mut self,
        txn: TxnId,
        resource: &Resource,
        mode: LockMode,
    ) -> Result<(Answer, Option<LockMode>), LockError> {
        let max = self.config.max_locks;
        let owner = self.owners.entry(txn).or_default();
        if let Some(doom) = &owner.doom {
            return Err(doom.clone());
        }
        let queue = self.queues.entry(resource.clone()).or_default();
        let before = queue.held(txn);
        let failure = if before.is_none() && owner.held.len() >= max {
            Some(LockError::TooManyLocks { txn, max })
        } else if owner.is_cancelled && !queue.can_grant(txn, mode) {
            Some(LockError::Cancelled { txn, resource: resource.clone(), wants: mode })
        } else if self.is_closed && !queue.can_grant(txn, mode) {
            Some(LockError::Closed { txn, resource: resource.clone(), wants: mode })
        } else {
            None
        };
        if let Some(failure) = failure {
            self.forget_unused(resource);
            return Err(failure);
        }
        let answer = queue.request(txn, mode);
        let is_conversion = before.is_some();
        match answer {
            Answer::Granted if is_conversion => {}
            Answer::Granted => owner.held.push(resource.clone()),
            Answer::Waits => {
                owner.wait = Some(Wait { resource: resource.clone(), wants: mode, is_conversion });
            }
        }
        if is_conversion && queue.waiters().next().is_some() {
            deadlock::converted(self, resource);
        }
        Ok((answer, before))
    }

    /// Gives `txn` the mode in addition to what it holds of `resource`, whatever others hold. If it waits for
    /// `resource`, its request is put into the queue again, as the conversion that it is from now on.
    fn admit(&mut self, txn: TxnId, resource: &Resource, mode: LockMode) {
        let queue = self.queues.entry(resource.clone()).or_default();
        let owner = self.owners.entry(txn).or_default();
        if queue.held(txn).is_none() {
            owner.held.push(resource.clone());
        }
        queue.admit(txn, mode);
        let Some(wait) = owner.wait.as_mut().filter(|wait| wait.resource == *resource) else { return };
        wait.is_conversion = true;
        let mut granted = queue.withdraw(txn);
        if queue.request(txn, wait.wants) == Answer::Granted {
            granted.push(txn);
        }
        self.settle(resource, &granted);
    }

    /// Releases one resource that `txn` holds. Its list is the caller's.
    fn release(&mut self, txn: TxnId, resource: &Resource) {
        let queue = self.queues.get_mut(resource).expect("K1: a held resource has a queue");
        let granted = queue.release(txn);
        self.settle(resource, &granted);
    }

    /// Takes `resource`, which `txn` does not hold any more, out of the list of its owner (K1).
    fn unlist(&mut self, txn: TxnId, resource: &Resource) {
        let held = &mut self.owner(txn).held;
        // A lock that ends early is one of the newest: look from the end.
        let at = held.iter().rposition(|other| other == resource);
        held.swap_remove(at.expect("K1: a held resource is in the list"));
    }

    /// Notes that `granted` now hold `resource`, wakes them, and forgets the queue if it is unused (K2, K3).
    ///
    /// A conversion that was granted may be what another conversion, which stays in the queue, waits for from
    /// now on (D2 in `deadlock.rs`). To look at that may end waits in other queues, and settles those. Each
    /// queue is looked at by the first call, so calls do not pile up on the stack.
    fn settle(&mut self, resource: &Resource, granted: &[TxnId]) {
        for txn in granted {
            let owner = self.owner(*txn);
            let wait = owner.wait.take().expect("K1: a waiter in a queue waits");
            if !wait.is_conversion {
                owner.held.push(wait.resource);
            }
            owner.notify();
        }
        if granted.is_empty() {
            self.forget_unused(resource);
            return;
        }
        self.unseen.push(resource.clone());
        if !self.is_looking {
            self.is_looking = true;
            while let Some(resource) = self.unseen.pop() {
                deadlock::converted(self, &resource);
            }
            self.is_looking = false;
        }
    }

    /// What is done about deadlocks.
    pub(crate) fn policy(&self) -> DeadlockPolicy {
        self.config.policy
    }

    fn forget_unused(&mut self, resource: &Resource) {
        if self.queues.get(resource).is_some_and(LockQueue::is_unused) {
            self.queues.remove(resource);
        }
    }

    fn owner(&mut self, txn: TxnId) -> &mut Owner {
        self.owners.entry(txn).or_default()
    }

    fn held(&self, txn: TxnId, resource: &Resource) -> Option<LockMode> {
        self.queues.get(resource).and_then(|queue| queue.held(txn))
    }

    /// What `txn` waits for.
    pub(crate) fn wait_of(&self, txn: TxnId) -> Option<&Wait> {
        self.owners.get(&txn).and_then(|owner| owner.wait.as_ref())
    }

    /// The queue of `resource`, if somebody holds it or waits for it.
    pub(crate) fn queue(&self, resource: &Resource) -> Option<&LockQueue> {
        self.queues.get(resource)
    }

    /// All queues, in no order.
    pub(crate) fn queues(&self) -> impl Iterator<Item = (&Resource, &LockQueue)> {
        self.queues.iter()
    }

    /// Ends the wait of `txn`, if it waits, with `failure`: takes its request out of the queue and wakes its
    /// thread and all that are granted by that.
    pub(crate) fn end_wait(&mut self, txn: TxnId, failure: LockError) {
        let owner = self.owner(txn);
        let Some(wait) = owner.wait.take() else { return };
        owner.failure = Some(failure);
        owner.notify();
        let queue = self.queues.get_mut(&wait.resource).expect("K1: a waiter stands in a queue");
        let granted = queue.withdraw(txn);
        self.settle(&wait.resource, &granted);
    }

    /// Makes `txn` a victim: its wait ends with `reason`, and so does each request from now on.
    pub(crate) fn doom(&mut self, txn: TxnId, reason: LockError) {
        self.owner(txn).doom = Some(reason.clone());
        self.end_wait(txn, reason);
    }

    /// True if `txn` must be rolled back.
    pub(crate) fn is_doomed(&self, txn: TxnId) -> bool {
        self.owners.get(&txn).is_some_and(|owner| owner.doom.is_some())
    }
}

impl Owner {
    /// Wakes the thread of the transaction, if it sleeps.
    fn notify(&self) {
        if let Some(wake) = &self.wake {
            wake.notify_all();
        }
    }
}
