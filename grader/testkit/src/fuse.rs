//! Keys and values whose own code panics at a chosen call: a structure calls the caller's `hash`, `eq`,
//! `cmp`, `clone` and `drop`, and each of them may panic in the middle of an operation.
//!
//! ```text
//!   burn(Call::Hash, 2, || map.insert(key, value))     hash, hash, panic
//! ```
//!
//! A test burns 0, 1, 2, ... calls until the operation ends without a panic, and looks at the structure each
//! time. The fuse belongs to a thread.

use std::cell::Cell;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::drops::{Counted, Ledger};

/// The text of the panic.
const TEXT: &str = "the caller's code panics, because the test wants it";

thread_local! {
    static FUSE: Cell<Option<(Call, u64)>> = const { Cell::new(None) };
}

/// A kind of call of the caller's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// `Hash::hash`.
    Hash,
    /// `PartialEq::eq`.
    Eq,
    /// `Ord::cmp`, also through `partial_cmp`.
    Cmp,
    /// `Clone::clone`.
    Clone,
    /// `Drop::drop`.
    Drop,
    /// A closure or an iterator of the test, which calls [`called`].
    Closure,
}

/// An item of a [`Ledger`] that panics when the fuse has burnt down. It compares, orders and hashes by its
/// value, and is shown as its value.
pub struct Fused(Counted);

impl Fused {
    /// A new item of the ledger.
    pub fn new(ledger: &Ledger, value: i64) -> Self {
        Fused(ledger.item(value))
    }

    /// The item's value.
    pub fn value(&self) -> i64 {
        self.0.value()
    }
}

/// Runs `work`, in which call number `calls` (from 0) of this kind panics. Returns `None` if that panic came
/// out of `work`. Any other panic goes on.
pub fn burn<R>(call: Call, calls: u64, work: impl FnOnce() -> R) -> Option<R> {
    FUSE.set(Some((call, calls)));
    let result = catch_unwind(AssertUnwindSafe(work));
    FUSE.set(None);
    match result {
        Ok(result) => Some(result),
        Err(payload) if payload.downcast_ref::<&str>().is_some_and(|text| *text == TEXT) => None,
        Err(payload) => resume_unwind(payload),
    }
}

/// One call of this kind: panics if it is the chosen one.
pub fn called(call: Call) {
    match FUSE.get() {
        Some((chosen, 0)) if chosen == call => {
            FUSE.set(None);
            // Without the panic hook, so that nothing is printed or kept.
            resume_unwind(Box::new(TEXT));
        }
        Some((chosen, left)) if chosen == call => FUSE.set(Some((chosen, left - 1))),
        _ => {}
    }
}

impl fmt::Debug for Fused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value())
    }
}

impl Clone for Fused {
    fn clone(&self) -> Self {
        called(Call::Clone);
        Fused(self.0.clone())
    }
}

impl Drop for Fused {
    fn drop(&mut self) {
        called(Call::Drop);
    }
}

impl PartialEq for Fused {
    fn eq(&self, other: &Self) -> bool {
        called(Call::Eq);
        self.0 == other.0
    }
}

impl Eq for Fused {}

impl PartialOrd for Fused {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Fused {
    fn cmp(&self, other: &Self) -> Ordering {
        called(Call::Cmp);
        self.0.cmp(&other.0)
    }
}

impl Hash for Fused {
    fn hash<H: Hasher>(&self, state: &mut H) {
        called(Call::Hash);
        self.0.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_call_panics_and_no_other() {
        let ledger = Ledger::new();
        let items: Vec<Fused> = (0..4).map(|value| Fused::new(&ledger, value)).collect();
        let clone_all = || items.to_vec();
        assert!(burn(Call::Clone, 2, clone_all).is_none());
        ledger.assert_alive(4, "after the clones made before the panic were dropped");
        assert_eq!(burn(Call::Clone, 4, clone_all).map(|clones| clones.len()), Some(4));
        assert!(burn(Call::Drop, 1, move || drop(items)).is_none());
        ledger.assert_all_dropped_once();
    }

    #[test]
    fn another_panic_goes_on() {
        let payload = catch_unwind(|| burn(Call::Hash, 0, || panic!("other"))).unwrap_err();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"other"));
    }
}
