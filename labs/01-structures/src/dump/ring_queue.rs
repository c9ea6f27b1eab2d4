//! Picture of a ring queue: the slots as they lie, and which elements the head and length claim.

use std::fmt;

use kit::draw;

use crate::ring_queue::RingQueue;

/// Most slots shown; the rest is counted.
const MOST_SLOTS: usize = 48;

impl<T: fmt::Debug> RingQueue<T> {
    /// A text picture of the ring, for failing tests and for looking at a queue that behaves oddly.
    /// A free slot is shown as `.`.
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
