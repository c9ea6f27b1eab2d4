//! The queue of one resource: which transactions hold it, and which wait for it (task 5.1).
//!
//! Called by the lock table, which owns one queue for each locked resource, under its mutex. A queue knows
//! nothing of threads: it says which transactions are granted, and the table wakes them.
//!
//! ```text
//!   holders      waiters, first to last
//!   T1 S         T2 S -> X        T4 X        T5 S        T6 S
//!   T2 S         conversion       newcomers --------------------->
//! ```
//!
//! A *conversion* is a request of a transaction that holds a weaker mode already. It asks for the join of
//! both, and keeps what it holds while it waits.
//!
//! - Q1: what two transactions hold is compatible, except for gaps that were inherited (task 5.5).
//! - Q2: a newcomer is granted only if its mode is compatible with what others hold *and* with what every
//!   transaction before it waits for. So no stream of S requests keeps an X waiting for ever.
//! - Q3: a conversion waits before all newcomers and behind other conversions, and is granted as soon as it
//!   is compatible with what *others* hold. If it stood behind a newcomer, that one would wait for the
//!   holder, and the holder for it.
//! - Q4: nothing waits without a reason: after each call the first waiter conflicts with what another
//!   transaction holds.
//!
//! Free: whether a newcomer that is compatible with all holders and all waiters is granted at once (as here)
//! or waits behind them.

use std::collections::VecDeque;

use crate::{LockMode, TxnId};

/// A transaction and the mode that it holds.
pub type Hold = (TxnId, LockMode);

/// A request that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiter {
    /// The transaction.
    pub txn: TxnId,
    /// What it will hold once it is granted: of a conversion the join of what it holds and what it asks for.
    pub mode: LockMode,
    /// It holds a weaker mode already.
    pub is_conversion: bool,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The transaction holds the mode.
    Granted,
    /// The request is in the queue.
    Waits,
}

/// Holders and waiters of one resource.
#[derive(Debug, Default)]
pub struct LockQueue {
    holders: Holders,
    /// Conversions first (Q3).
    #[expect(
        clippy::box_collection,
        reason = "a pointer is all that a resource without waiters pays for them"
    )]
    waiters: Option<Box<VecDeque<Waiter>>>,
}

/// Nearly every resource has one holder, which costs no allocation.
#[derive(Debug, Default)]
enum Holders {
    #[default]
    None,
    One(Hold),
    Many(Vec<Hold>),
}

impl LockQueue {
    /// Asks for `mode`. The transaction gets it, or waits in the queue until `release`, `weaken` or
    /// `withdraw` names it.
    ///
    /// # Requires
    /// `txn` does not wait in this queue.
    ///
    /// # Ensures
    /// Q1 to Q4. A transaction that holds a mode which covers `mode` is granted, and the queue is as before.
    ///
    /// # Cost
    /// Linear in the number of holders and waiters.
    pub fn request(&mut self, txn: TxnId, mode: LockMode) -> Answer {
        //# task 5.1 grant a request or put it into the queue
        //+ // Nudge: what does `txn` hold? A conversion and a newcomer wait for different things.
        if self.can_grant(txn, mode) {
            let mode = self.held(txn).map_or(mode, |held| held.join(mode));
            self.holders.set(txn, mode);
            return Answer::Granted;
        }
        let held = self.held(txn);
        let is_conversion = held.is_some();
        let waiter = Waiter { txn, mode: held.map_or(mode, |held| held.join(mode)), is_conversion };
        let waiters = self.waiters.get_or_insert_default();
        let at = match is_conversion {
            true => waiters.iter().position(|waiter| !waiter.is_conversion).unwrap_or(waiters.len()),
            false => waiters.len(),
        };
        waiters.insert(at, waiter);
        Answer::Waits
        //# end
    }

    /// True if [`request`](Self::request) would grant `mode` to `txn`. Changes nothing.
    pub fn can_grant(&self, txn: TxnId, mode: LockMode) -> bool {
        //# task 5.1 say whether a request would be granted
        let Some(held) = self.held(txn) else {
            return self.is_free_for(txn, mode)
                && self.waiters().all(|waiter| waiter.mode.is_compatible(mode));
        };
        held.covers(mode) || self.is_free_for(txn, held.join(mode))
        //# end
    }

    /// Takes away what `txn` holds. Returns the waiters that are granted by that, in the order of the queue.
    ///
    /// # Ensures
    /// Q1 to Q4. *All* waiters that can be granted now are, not only the first. A transaction that holds
    /// nothing here changes nothing.
    pub fn release(&mut self, txn: TxnId) -> Vec<TxnId> {
        //# task 5.1 release a lock and grant waiters
        self.holders.remove(txn);
        self.grant()
        //# end
    }

    /// Reduces what `txn` holds to `mode`. Returns the waiters that are granted by that.
    ///
    /// # Requires
    /// `txn` holds a mode that covers `mode`, and does not wait here.
    pub fn weaken(&mut self, txn: TxnId, mode: LockMode) -> Vec<TxnId> {
        //# task 5.1 weaken a lock and grant waiters
        self.holders.set(txn, mode);
        self.grant()
        //# end
    }

    /// Takes the request of `txn` out of the queue; what the transaction holds, it keeps. Returns the waiters
    /// that are granted by that: those that waited for this request alone.
    pub fn withdraw(&mut self, txn: TxnId) -> Vec<TxnId> {
        //# task 5.1 withdraw a request and grant waiters
        if let Some(waiters) = &mut self.waiters {
            waiters.retain(|waiter| waiter.txn != txn);
        }
        self.grant()
        //# end
    }

    /// What the waiting request of `txn` waits for: each other transaction that holds a conflicting mode,
    /// with that mode and `true`, and each one before it in the queue that must be granted first, with the
    /// mode that it waits for and `false`. Empty if `txn` does not wait here.
    pub fn blockers(&self, txn: TxnId) -> Vec<(TxnId, LockMode, bool)> {
        //# task 5.3 list what a request waits for
        //+ // Nudge: a conversion does not wait for newcomers, and not for other conversions either.
        let Some(own) = self.waiters().find(|waiter| waiter.txn == txn) else { return Vec::new() };
        let conflicts = |mode: LockMode| !mode.is_compatible(own.mode);
        let holders =
            self.holders.as_slice().iter().filter(|(other, mode)| *other != txn && conflicts(*mode));
        let mut blockers: Vec<_> = holders.map(|(other, mode)| (*other, *mode, true)).collect();
        if !own.is_conversion {
            let before = self.waiters().take_while(|waiter| waiter.txn != txn);
            blockers.extend(before.filter(|w| conflicts(w.mode)).map(|w| (w.txn, w.mode, false)));
        }
        blockers
        //# end
    }

    /// What `txn` holds here.
    pub fn held(&self, txn: TxnId) -> Option<LockMode> {
        self.holders.as_slice().iter().find(|(holder, _)| *holder == txn).map(|(_, mode)| *mode)
    }

    /// All holders, in no order.
    pub fn holders(&self) -> &[Hold] {
        self.holders.as_slice()
    }

    /// All waiters, first to last.
    pub fn waiters(&self) -> impl Iterator<Item = Waiter> + '_ {
        self.waiters.iter().flat_map(|waiters| waiters.iter().copied())
    }

    /// True if no other transaction holds a mode that conflicts with `mode`. What is waited for does not
    /// count.
    pub fn is_free_for(&self, txn: TxnId, mode: LockMode) -> bool {
        self.holders().iter().all(|(holder, held)| *holder == txn || held.is_compatible(mode))
    }

    /// Gives `txn` the mode in addition to what it holds, whatever others hold (task 5.5 says when that is
    /// right).
    pub(crate) fn admit(&mut self, txn: TxnId, mode: LockMode) {
        let mode = self.held(txn).map_or(mode, |held| held.join(mode));
        self.holders.set(txn, mode);
    }

    /// True if nobody holds it and nobody waits for it.
    pub(crate) fn is_unused(&self) -> bool {
        matches!(self.holders, Holders::None) && self.waiters().next().is_none()
    }

    //# hide
    /// Grants every waiter that can be granted, first to last (Q2, Q3).
    fn grant(&mut self) -> Vec<TxnId> {
        let Some(mut waiters) = self.waiters.take() else { return Vec::new() };
        let mut granted = Vec::new();
        let mut left: Vec<LockMode> = Vec::new();
        waiters.retain(|waiter| {
            let is_free = self.is_free_for(waiter.txn, waiter.mode)
                && (waiter.is_conversion || left.iter().all(|mode| mode.is_compatible(waiter.mode)));
            if is_free {
                self.holders.set(waiter.txn, waiter.mode);
                granted.push(waiter.txn);
            } else {
                left.push(waiter.mode);
            }
            !is_free
        });
        self.waiters = (!waiters.is_empty()).then_some(waiters);
        granted
    }
    //# end
}

impl Holders {
    fn as_slice(&self) -> &[Hold] {
        match self {
            Holders::None => &[],
            Holders::One(hold) => std::slice::from_ref(hold),
            Holders::Many(holds) => holds,
        }
    }

    /// Makes `mode` what `txn` holds.
    fn set(&mut self, txn: TxnId, mode: LockMode) {
        match self {
            Holders::None => *self = Holders::One((txn, mode)),
            Holders::One(hold) if hold.0 == txn => hold.1 = mode,
            Holders::One(hold) => *self = Holders::Many(vec![*hold, (txn, mode)]),
            Holders::Many(holds) => match holds.iter_mut().find(|hold| hold.0 == txn) {
                Some(hold) => hold.1 = mode,
                None => holds.push((txn, mode)),
            },
        }
    }

    fn remove(&mut self, txn: TxnId) {
        match self {
            Holders::One(hold) if hold.0 == txn => *self = Holders::None,
            Holders::Many(holds) => {
                holds.retain(|hold| hold.0 != txn);
                if let [hold] = holds[..] {
                    *self = Holders::One(hold);
                }
            }
            _ => {}
        }
    }
}
