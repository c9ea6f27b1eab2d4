//! Values that know whether they were dropped exactly once.
//!
//! A container under test is filled with [`Counted`] items of one [`Ledger`]. Each item, each clone included,
//! has its own line in the ledger: alive, or or dropped a number of times. A line that is still alive at the
//! end is a leak; a double drop is noted when it happens.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Failure;

#[derive(Debug, Default)]
struct Lines {
    /// Value and number of drops, by item.
    items: Vec<(i64, u32)>,
}

/// The list of every item that it made. Clones share the list.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    lines: Arc<Mutex<Lines>>,
}

/// An item of a [`Ledger`]. Compares, orders and hashes by its value; a clone is an item of its own.
pub struct Counted {
    value: i64,
    line: usize,
    ledger: Ledger,
}

impl Ledger {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// A new item.
    pub fn item(&self, value: i64) -> Counted {
        let mut lines = self.lock();
        lines.items.push((value, 0));
        Counted { value, line: lines.items.len() - 1, ledger: self.clone() }
    }

    /// Items made so far, clones included.
    pub fn made(&self) -> usize {
        self.lock().items.len()
    }

    /// Items not dropped yet.
    pub fn alive(&self) -> usize {
        self.lock().items.iter().filter(|(_, drops)| *drops == 0).count()
    }

    /// Values of the items not dropped yet, in the order in which they were made.
    pub fn alive_values(&self) -> Vec<i64> {
        self.lock().items.iter().filter(|(_, drops)| *drops == 0).map(|(value, _)| *value).collect()
    }

    /// Fails the test unless exactly `expected` items are alive.
    pub fn assert_alive(&self, expected: usize, what: &str) {
        let alive = self.alive_values();
        if alive.len() != expected {
            Failure::new(format!("items still alive {what}"))
                .expected_text(format!("{expected} alive"))
                .found_text(format!("{} alive: {}", alive.len(), crate::failure::show(&alive)))
                .raise();
        }
        self.assert_none_dropped_twice();
    }

    /// Fails the test if an item was never dropped (a leak), or dropped twice.
    pub fn assert_all_dropped_once(&self) {
        self.assert_none_dropped_twice();
        let alive = self.alive_values();
        if !alive.is_empty() {
            Failure::new("every item the structure held is dropped when the structure is")
                .expected_text("0 items alive")
                .found_text(format!(
                    "{} items leaked, with values {}",
                    alive.len(),
                    crate::failure::show(&alive)
                ))
                .raise();
        }
    }

    fn assert_none_dropped_twice(&self) {
        let twice: Vec<i64> =
            self.lock().items.iter().filter(|(_, drops)| *drops > 1).map(|(value, _)| *value).collect();
        if !twice.is_empty() {
            Failure::new("no item is dropped twice")
                .expected_text("each item dropped once")
                .found_text(format!("dropped more than once: {}", crate::failure::show(&twice)))
                .raise();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    /// The item's value.
    pub fn value(&self) -> i64 {
        self.value
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some((_, drops)) = self.ledger.lock().items.get_mut(self.line) {
            *drops += 1;
        }
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.ledger.item(self.value)
    }
}

impl std::fmt::Debug for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "item({})", self.value)
    }
}

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for Counted {}

impl PartialOrd for Counted {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Counted {
    fn cmp(&self, other: &Self) -> Ordering {
        self.value.cmp(&other.value)
    }
}

impl Hash for Counted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leak_is_named_by_its_value() {
        let ledger = Ledger::new();
        std::mem::forget(ledger.item(7));
        drop(ledger.item(8).clone());
        assert_eq!((ledger.made(), ledger.alive()), (3, 1));
        let payload = std::panic::catch_unwind(|| ledger.assert_all_dropped_once()).unwrap_err();
        let failure = payload.downcast::<Failure>().unwrap();
        assert!(failure.report.found.unwrap().contains("[7]"));
    }
}
