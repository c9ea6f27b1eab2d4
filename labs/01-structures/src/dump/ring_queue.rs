//! Picture of a ring queue: the slots in their order, and the first and the last element.

use std::fmt;

use kit::draw;

use crate::ring_queue::RingQueue;

/// The greatest number of slots shown; the others are counted.
const MOST_SLOTS: usize = 48;

impl<T: fmt::Debug> RingQueue<T> {
    /// Draws the ring as text, for failing tests and for debugging. A free slot is shown as `.`.
    ///
    /// ```text
    /// len 3, capacity 4, head 2
    ///    0      1     2      3
    /// |  7   |  .  |  5   |  6  |
    ///   back         head
    /// ```
    pub fn dump(&self) -> String {
        let capacity = self.slots.len();
        let mut out = format!("len {}, capacity {capacity}, head {}\n", self.len, self.head);
        let values: Vec<String> = self
            .slots
            .iter()
            .take(MOST_SLOTS)
            .map(|slot| slot.as_ref().map_or_else(|| ".".to_string(), |value| format!("{value:?}")))
            .collect();
        let mut marks = vec![(self.head, "head")];
        if self.len > 0 && capacity > 0 {
            marks.push(((self.head + self.len - 1) % capacity, "back"));
        }
        out.push_str(&draw::cells(&values, &marks));
        if capacity > MOST_SLOTS {
            out.push_str(&format!("... and {} slots more\n", capacity - MOST_SLOTS));
        }
        out
    }
}
