//! Task 1.1: a queue with two ends in one growable ring of slots.
//!
//! The channel (task 1.2) keeps its values in ring queues, and LRU-K (task 1.4) keeps the times of the
//! last accesses to a frame in one. This file calls nothing else of this lab.
//!
//! In Go you would append to a slice and cut its front off (`q = q[1:]`). Then the front of the array is
//! never used again, and `append` copies all elements each time the array is full. A ring uses the
//! freed slots again: the queue starts at `head` and continues at slot 0 when it reaches the end.
//!
//! ```text
//!   push_back 1 2 3 4 5, pop_front twice, push_back 6 7
//!
//!      0     1     2     3     4     5        slots.len() = 6
//!   +-----+-----+-----+-----+-----+-----+
//!   |  7  |     |  3  |  4  |  5  |  6  |     len  = 5
//!   +-----+-----+-----+-----+-----+-----+
//!     back       front                        head = 2
//!                head
//! ```
//!
//! # Invariants
//! - **Q1** `head < slots.len()`, or both are 0; `len <= slots.len()`.
//! - **Q2** element `i` (0 is the front) lies in slot `(head + i) mod slots.len()`.
//! - **Q3** a slot is `Some` exactly if an element lies in it. A full ring and an empty ring have the same
//!   first slot and the same next free slot, so `len` is stored too.
//! - **Q4** elements are dropped front to back, each exactly once.
//!
//! If the `drop` or `clone` of an element panics, or the iterator that `extend` reads, Q1 to Q3 hold
//! afterwards, and no element is dropped twice. `extend` keeps the elements that it read before the panic.
//! After a panic in `clear`, the queue holds some or none of the elements that were not dropped.
//!
//! # Left out, and the price
//! - The ring never shrinks: a queue keeps the slots it needed when it was longest.
//! - There is no contiguous slice of all elements.
//! - `Option<T>` adds a tag to each slot if `T` has no unused bit pattern: 16 bytes for a `u64`. The
//!   standard `VecDeque` needs 8, and uses `unsafe` for it.
//!
//! Source: Knuth, The Art of Computer Programming, volume 1, section 2.2.2 (sequential allocation of
//! queues); growing by doubling: Cormen et al., Introduction to Algorithms, section on dynamic tables.

use std::fmt;
use std::ops::{Index, IndexMut};
use std::slice;

/// Number of slots of the first allocation if the queue was made with `new`.
const FIRST_CAPACITY: usize = 4;

/// A growable double-ended queue. See the [module](self) for its shape.
pub struct RingQueue<T> {
    /// The ring. Its length is the capacity.
    pub(crate) slots: Vec<Option<T>>,
    /// Slot of the front element; any valid slot, or 0, while the queue is empty.
    pub(crate) head: usize,
    /// Number of elements.
    pub(crate) len: usize,
}

impl<T> RingQueue<T> {
    /// Makes an empty queue. It allocates nothing before the first push.
    pub const fn new() -> Self {
        RingQueue { slots: Vec::new(), head: 0, len: 0 }
    }

    /// Makes an empty queue with room for `capacity` elements.
    ///
    /// # Ensures
    /// The first `capacity` pushes allocate nothing.
    pub fn with_capacity(capacity: usize) -> Self {
        let mut slots = Vec::new();
        slots.resize_with(capacity, || None);
        RingQueue { slots, head: 0, len: 0 }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there is no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of elements that fit before the ring grows.
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// Slot of element `index` (Q2).
    ///
    /// # Requires
    /// `index <= len`, and the ring has at least one slot. `index == len` is the slot after the back,
    /// which is free unless the ring is full.
    ///
    /// # Cost
    /// O(1).
    fn slot_of(&self, index: usize) -> usize {
        //# task 1.1 find the slot of an element
        let slot = self.head + index;
        if slot < self.slots.len() { slot } else { slot - self.slots.len() }
        //# end
    }

    /// Gives the ring more slots.
    ///
    /// # Ensures
    /// Every element keeps its index; there is at least one free slot.
    ///
    /// # Cost
    /// O(len). The pushes call it only when the ring is full. Choose the new size so that a push costs
    /// O(1) on average, for any number of pushes.
    fn grow(&mut self) {
        //# task 1.1 grow the ring
        //+ // Nudge: the formula of Q2 now uses a larger slots.len(). Which slots must the elements
        //+ // move to that were at the start of the ring?
        self.slots.rotate_left(self.head);
        self.head = 0;
        let capacity = (self.slots.len() * 2).max(FIRST_CAPACITY);
        self.slots.resize_with(capacity, || None);
        //# end
    }

    /// Adds `value` behind the back.
    ///
    /// # Cost
    /// O(1) amortised.
    pub fn push_back(&mut self, value: T) {
        //# task 1.1 push at the back
        if self.len == self.slots.len() {
            self.grow();
        }
        let slot = self.slot_of(self.len);
        debug_assert!(self.slots[slot].is_none(), "Q3: the slot behind the back is free");
        self.slots[slot] = Some(value);
        self.len += 1;
        debug_assert!(self.head < self.slots.len() && self.len <= self.slots.len(), "Q1");
        //# end
    }

    /// Adds `value` before the front.
    ///
    /// # Cost
    /// O(1) amortised.
    pub fn push_front(&mut self, value: T) {
        //# task 1.1 push at the front
        if self.len == self.slots.len() {
            self.grow();
        }
        self.head = if self.head == 0 { self.slots.len() - 1 } else { self.head - 1 };
        debug_assert!(self.slots[self.head].is_none(), "Q3: the slot before the front is free");
        self.slots[self.head] = Some(value);
        self.len += 1;
        //# end
    }

    /// Takes the front element out; `None` if the queue is empty.
    ///
    /// # Ensures
    /// The slot is `None` (Q3): the ring keeps no copy of the element.
    ///
    /// # Cost
    /// O(1).
    pub fn pop_front(&mut self) -> Option<T> {
        //# task 1.1 pop at the front
        //+ // Nudge: Option::take moves a value out of a slot and leaves None.
        if self.len == 0 {
            return None;
        }
        let value = self.slots[self.head].take();
        debug_assert!(value.is_some(), "Q2, Q3: the front element is in slot `head`");
        self.head = self.slot_of(1);
        self.len -= 1;
        value
        //# end
    }

    /// Takes the back element out; `None` if the queue is empty.
    ///
    /// # Ensures
    /// The slot is `None` (Q3).
    ///
    /// # Cost
    /// O(1).
    pub fn pop_back(&mut self) -> Option<T> {
        //# task 1.1 pop at the back
        if self.len == 0 {
            return None;
        }
        self.len -= 1;
        let slot = self.slot_of(self.len);
        self.slots[slot].take()
        //# end
    }

    /// Returns element `index`, counted from the front; `None` if `index >= len`.
    ///
    /// # Cost
    /// O(1).
    pub fn get(&self, index: usize) -> Option<&T> {
        //# task 1.1 look at an element
        if index >= self.len {
            return None;
        }
        self.slots[self.slot_of(index)].as_ref()
        //# end
    }

    /// Returns element `index`, counted from the front, as a mutable reference; `None` if `index >= len`.
    ///
    /// # Cost
    /// O(1).
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        //# task 1.1 change an element
        if index >= self.len {
            return None;
        }
        let slot = self.slot_of(index);
        self.slots[slot].as_mut()
        //# end
    }

    /// The front element; `None` if the queue is empty.
    pub fn front(&self) -> Option<&T> {
        self.get(0)
    }

    /// The front element as a mutable reference; `None` if the queue is empty.
    pub fn front_mut(&mut self) -> Option<&mut T> {
        self.get_mut(0)
    }

    /// The back element; `None` if the queue is empty.
    pub fn back(&self) -> Option<&T> {
        self.get(self.len.checked_sub(1)?)
    }

    /// The back element as a mutable reference; `None` if the queue is empty.
    pub fn back_mut(&mut self) -> Option<&mut T> {
        self.get_mut(self.len.checked_sub(1)?)
    }

    /// Drops every element. The capacity stays the same.
    ///
    /// # Ensures
    /// Elements are dropped front to back (Q4).
    ///
    /// # Cost
    /// O(len).
    pub fn clear(&mut self) {
        //# task 1.1 drop all elements in order
        while self.pop_front().is_some() {}
        //# end
    }

    /// Iterates over the elements from front to back, or from back to front with `rev`.
    ///
    /// # Ensures
    /// `first` holds the slots from the front element up to the back element or up to the end of the ring.
    /// `second` holds the slots of the elements that continue at slot 0. Neither holds a free slot.
    ///
    /// # Cost
    /// O(1).
    pub fn iter(&self) -> Iter<'_, T> {
        //# task 1.1 iterate
        //+ // Nudge: a ring is two slices, and the second may be empty.
        let first = self.len.min(self.slots.len() - self.head);
        let (wrapped, from_head) = self.slots.split_at(self.head);
        Iter { first: from_head[..first].iter(), second: wrapped[..self.len - first].iter() }
        //# end
    }

    /// As [`RingQueue::iter`], with mutable references.
    pub fn iter_mut(&mut self) -> IterMut<'_, T> {
        //# task 1.1 iterate and change
        let first = self.len.min(self.slots.len() - self.head);
        let (wrapped, from_head) = self.slots.split_at_mut(self.head);
        IterMut { first: from_head[..first].iter_mut(), second: wrapped[..self.len - first].iter_mut() }
        //# end
    }
}

impl<T> Drop for RingQueue<T> {
    fn drop(&mut self) {
        // While a panic unwinds, the vector drops the elements that are left, in the order of the slots.
        if !std::thread::panicking() {
            self.clear();
        }
    }
}

/// The elements of a [`RingQueue`], front to back.
#[derive(Clone)]
pub struct Iter<'a, T> {
    first: slice::Iter<'a, Option<T>>,
    second: slice::Iter<'a, Option<T>>,
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        self.first.next().or_else(|| self.second.next())?.as_ref()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.first.len() + self.second.len();
        (left, Some(left))
    }
}

impl<T> DoubleEndedIterator for Iter<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.second.next_back().or_else(|| self.first.next_back())?.as_ref()
    }
}

impl<T> ExactSizeIterator for Iter<'_, T> {}

/// The elements of a [`RingQueue`] as mutable references, front to back.
pub struct IterMut<'a, T> {
    first: slice::IterMut<'a, Option<T>>,
    second: slice::IterMut<'a, Option<T>>,
}

impl<'a, T> Iterator for IterMut<'a, T> {
    type Item = &'a mut T;

    fn next(&mut self) -> Option<&'a mut T> {
        self.first.next().or_else(|| self.second.next())?.as_mut()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.first.len() + self.second.len();
        (left, Some(left))
    }
}

impl<T> DoubleEndedIterator for IterMut<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.second.next_back().or_else(|| self.first.next_back())?.as_mut()
    }
}

impl<T> ExactSizeIterator for IterMut<'_, T> {}

/// The owned elements of a [`RingQueue`], front to back. When it is dropped, it drops the elements that are
/// left.
pub struct IntoIter<T>(RingQueue<T>);

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.pop_front()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len(), Some(self.0.len()))
    }
}

impl<T> DoubleEndedIterator for IntoIter<T> {
    fn next_back(&mut self) -> Option<T> {
        self.0.pop_back()
    }
}

impl<T> ExactSizeIterator for IntoIter<T> {}

impl<T> IntoIterator for RingQueue<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter(self)
    }
}

impl<'a, T> IntoIterator for &'a RingQueue<T> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T> IntoIterator for &'a mut RingQueue<T> {
    type Item = &'a mut T;
    type IntoIter = IterMut<'a, T>;

    fn into_iter(self) -> IterMut<'a, T> {
        self.iter_mut()
    }
}

impl<T> Extend<T> for RingQueue<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        for value in values {
            self.push_back(value);
        }
    }
}

impl<T> FromIterator<T> for RingQueue<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut queue = RingQueue::new();
        queue.extend(values);
        queue
    }
}

impl<T> Default for RingQueue<T> {
    fn default() -> Self {
        RingQueue::new()
    }
}

impl<T: Clone> Clone for RingQueue<T> {
    fn clone(&self) -> Self {
        self.iter().cloned().collect()
    }
}

impl<T: PartialEq> PartialEq for RingQueue<T> {
    /// Two queues are equal if their elements are, in the same order. The slots do not matter.
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<T: Eq> Eq for RingQueue<T> {}

impl<T> Index<usize> for RingQueue<T> {
    type Output = T;

    fn index(&self, index: usize) -> &T {
        match self.get(index) {
            Some(value) => value,
            None => panic!("index {index} of a queue of {} elements", self.len()),
        }
    }
}

impl<T> IndexMut<usize> for RingQueue<T> {
    fn index_mut(&mut self, index: usize) -> &mut T {
        let len = self.len();
        match self.get_mut(index) {
            Some(value) => value,
            None => panic!("index {index} of a queue of {len} elements"),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for RingQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}
