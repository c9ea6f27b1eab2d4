//! A store whose undo is a list in memory: [`MemoryStore`]. Given.

use buffer_pool::Pager;
use kit::sync::{Condvar, Mutex};
use structures::HashMap;

use super::{Mark, Store, Undo, Unit};
use crate::hash::LockHash;
use crate::{StoreError, TxnId};

/// Pages of any pager, with the undo of all transactions in memory.
pub struct MemoryStore<P> {
    pager: P,
    /// Frames that units may use together.
    frames: u32,
    state: Mutex<State>,
    /// Notified when a unit gives frames back.
    frames_free: Condvar,
}

/// What the mutex protects. No page is asked for under it.
#[derive(Default)]
struct State {
    promised: u32,
    undo: HashMap<TxnId, Vec<Vec<u8>>, LockHash>,
}

/// A unit of a [`MemoryStore`].
pub struct MemoryUnit<'s, P> {
    store: &'s MemoryStore<P>,
    txn: TxnId,
    pages: u32,
}

impl<P: Pager> MemoryStore<P> {
    /// A store over `pager`, whose units use at most `frames` frames together.
    pub fn new(pager: P, frames: u32) -> Self {
        MemoryStore { pager, frames, state: Mutex::default(), frames_free: Condvar::new() }
    }

    /// The pager.
    pub fn pager(&self) -> &P {
        &self.pager
    }
}

impl<P: Pager + Send + Sync> Store for MemoryStore<P> {
    type Reader = P;
    type Unit<'s>
        = MemoryUnit<'s, P>
    where
        P: 's;

    fn reader(&self) -> &P {
        &self.pager
    }

    fn begin(&self, txn: TxnId) -> Result<(), StoreError> {
        self.state.lock().undo.insert(txn, Vec::new());
        Ok(())
    }

    fn unit(&self, txn: TxnId, pages: u32) -> Result<MemoryUnit<'_, P>, StoreError> {
        let pages = pages.min(self.frames);
        let mut state = self.state.lock();
        while state.promised + pages > self.frames {
            state = self.frames_free.wait(state);
        }
        state.promised += pages;
        Ok(MemoryUnit { store: self, txn, pages })
    }

    fn mark(&self, txn: TxnId) -> Mark {
        Mark(self.state.lock().undo.get(&txn).map_or(0, |list| list.len() as u64))
    }

    fn last_undo(&self, txn: TxnId, mark: Mark) -> Result<Option<Vec<u8>>, StoreError> {
        let state = self.state.lock();
        let list = state.undo.get(&txn).map_or(&[][..], Vec::as_slice);
        Ok((list.len() as u64 > mark.0).then(|| list[list.len() - 1].clone()))
    }

    fn commit(&self, _txn: TxnId, _rest: &[Vec<u8>]) -> Result<(), StoreError> {
        Ok(())
    }

    fn finish(&self, txn: TxnId) {
        self.state.lock().undo.remove(&txn);
    }
}

impl<P: Pager + Send + Sync> Unit for MemoryUnit<'_, P> {
    type Pager = P;

    fn run<R>(&self, operation: impl FnOnce(&P) -> R) -> R {
        operation(&self.store.pager)
    }

    fn end(self, undo: Undo<'_>) -> Result<(), StoreError> {
        let mut state = self.store.state.lock();
        let list = state.undo.entry(self.txn).or_default();
        match undo {
            Undo::Op(op) => list.push(op.to_vec()),
            Undo::Compensates => drop(list.pop()),
            Undo::Nothing | Undo::Cleared => {}
        }
        Ok(())
    }
}

impl<P> Drop for MemoryUnit<'_, P> {
    fn drop(&mut self) {
        self.store.state.lock().promised -= self.pages;
        self.store.frames_free.notify_all();
    }
}
