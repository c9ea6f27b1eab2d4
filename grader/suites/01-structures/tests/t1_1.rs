//! Task 1.1: ring queue.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use proptest::prelude::*;
use structures::RingQueue;
use testkit::drops::Ledger;
use testkit::fuse::{Call, Fused, burn, called};
use testkit::{alloc, check, check_eq, scene, step};

/// A queue of `capacity` slots whose front lies `offset` slots from where it began: pushes wrap soon.
fn rotated(capacity: usize, offset: usize) -> RingQueue<i64> {
    let mut queue = RingQueue::with_capacity(capacity);
    step!("let mut queue = RingQueue::with_capacity({capacity});");
    for _ in 0..offset {
        queue.push_back(-1);
        queue.pop_front();
    }
    step!("push_back and pop_front, {offset} times");
    queue
}

/// The elements, popped from the front until the queue is empty.
fn drained<T>(mut queue: RingQueue<T>) -> Vec<T> {
    std::iter::from_fn(|| queue.pop_front()).collect()
}

/// First in, first out, while the ring grows several times.
#[testkit::test]
fn returns_elements_in_the_order_of_the_pushes() {
    let mut queue = RingQueue::new();
    check_eq!(queue.pop_front(), None, "pop_front of a new queue");
    check_eq!(queue.pop_back(), None, "pop_back of a new queue");
    for value in 0..1_000 {
        queue.push_back(value);
        check_eq!(queue.len(), value + 1, "len after {} pushes", value + 1);
        check!(!queue.is_empty(), "a queue with an element is not empty");
    }
    for value in 0..1_000 {
        check_eq!(queue.pop_front(), Some(value), "pop_front number {}", value + 1);
    }
    check!(queue.is_empty(), "a queue is empty after as many pops as pushes");
    check_eq!(queue.pop_front(), None, "pop_front of a queue that became empty");
}

/// Full and empty must stay different wherever the front lies; head and end are equal in both.
#[testkit::test]
fn distinguishes_full_from_empty_at_every_head() {
    for capacity in 1..=9 {
        for offset in 0..=capacity + 1 {
            scene::clear();
            scene::invariant("Q3", "full and empty look the same from the head and the end alone");
            let mut queue = rotated(capacity, offset);
            check!(queue.is_empty(), "the queue is empty after as many pops as pushes");
            check_eq!(queue.front(), None, "front of an empty queue");
            check_eq!(queue.back(), None, "back of an empty queue");
            for value in 0..capacity as i64 {
                queue.push_back(value);
            }
            step!("push_back(0..{capacity})");
            scene::picture(|| queue.dump());
            check_eq!(queue.len(), capacity, "len of a ring with every slot in use");
            check_eq!(queue.front(), Some(&0), "front of a ring with every slot in use");
            check_eq!(queue.back(), Some(&(capacity as i64 - 1)), "back of a ring with every slot in use");
            check_eq!(drained(queue), (0..capacity as i64).collect::<Vec<_>>(), "all elements by pop_front");
        }
    }
}

/// A wrapped ring keeps its order when it grows: if the slots are only copied, the end comes before the
/// front.
#[testkit::test]
fn keeps_order_when_it_grows_wrapped() {
    const SLOT_OF_AN_ELEMENT: &str = "element i lies in slot (head + i) mod slots.len()";
    for capacity in 1..=9 {
        for offset in 0..=capacity {
            scene::clear();
            scene::invariant("Q2", SLOT_OF_AN_ELEMENT);
            let mut queue = rotated(capacity, offset);
            for value in 0..=2 * capacity as i64 {
                queue.push_back(value);
                step!("queue.push_back({value});");
                scene::picture(|| queue.dump());
                let expected: Vec<i64> = (0..=value).collect();
                check_eq!(queue.iter().copied().collect::<Vec<_>>(), expected, "the elements front to back");
            }
            scene::clear();
            scene::invariant("Q2", SLOT_OF_AN_ELEMENT);
            let mut queue = rotated(capacity, offset);
            for value in 0..=2 * capacity as i64 {
                queue.push_front(value);
                step!("queue.push_front({value});");
                scene::picture(|| queue.dump());
                let expected: Vec<i64> = (0..=value).rev().collect();
                check_eq!(queue.iter().copied().collect::<Vec<_>>(), expected, "the elements front to back");
            }
        }
    }
}

/// The two ends are mirror images: a stack at either end, a queue in either direction.
#[testkit::test]
fn works_at_both_ends() {
    let mut queue = RingQueue::new();
    for value in 1..=50 {
        queue.push_front(-value);
        queue.push_back(value);
    }
    check_eq!(queue.front(), Some(&-50), "front after 50 pushes at each end");
    check_eq!(queue.back(), Some(&50), "back after 50 pushes at each end");
    for value in (1..=50).rev() {
        check_eq!(queue.pop_back(), Some(value), "pop_back undoes push_back");
        check_eq!(queue.pop_front(), Some(-value), "pop_front undoes push_front");
    }
    for value in 0..20 {
        queue.push_front(value);
    }
    for value in 0..20 {
        check_eq!(queue.pop_back(), Some(value), "pop_back after push_front only");
    }
    check_eq!(queue.pop_back(), None, "pop_back of a queue that became empty");
}

/// An index counts elements from the front, not slots, and there is no element at the length or after it.
#[testkit::test]
fn indexes_count_from_the_front() {
    for offset in 0..=6 {
        scene::clear();
        scene::invariant("Q2", "element i lies in slot (head + i) mod slots.len()");
        let mut queue = rotated(6, offset);
        queue.extend([10, 11, 12, 13]);
        step!("queue.extend([10, 11, 12, 13]);");
        scene::picture(|| queue.dump());
        for index in 0..4 {
            check_eq!(queue.get(index), Some(&(10 + index as i64)), "get({index})");
            check_eq!(queue[index], 10 + index as i64, "queue[{index}]");
        }
        for index in [4, 5, 6, 7, 1_000, usize::MAX] {
            check_eq!(queue.get(index), None, "get({index}) of 4 elements");
            check_eq!(queue.get_mut(index), None, "get_mut({index}) of 4 elements");
        }
        *queue.get_mut(1).expect("element 1 of 4") = 21;
        queue[2] = 22;
        *queue.front_mut().expect("the front of 4") = 20;
        *queue.back_mut().expect("the back of 4") = 23;
        check_eq!(drained(queue), vec![20, 21, 22, 23], "the elements after each was changed in place");
    }
    let queue: RingQueue<i64> = (0..3).collect();
    let outcome = std::panic::catch_unwind(|| queue[3]);
    check!(outcome.is_err(), "an index at the length panics");
}

/// Iterators see each element once and in order, from either end, also when the ring wraps.
#[testkit::test]
fn iterates_from_both_ends_over_the_wrap() {
    for offset in 0..=7 {
        scene::clear();
        let mut queue = rotated(7, offset);
        queue.extend(0..6);
        step!("queue.extend(0..6);");
        scene::picture(|| queue.dump());
        check_eq!(queue.iter().copied().collect::<Vec<_>>(), vec![0, 1, 2, 3, 4, 5], "iter()");
        check_eq!(queue.iter().rev().copied().collect::<Vec<_>>(), vec![5, 4, 3, 2, 1, 0], "iter().rev()");
        let mut both = queue.iter();
        let (first, last) = (both.next().copied(), both.next_back().copied());
        check_eq!((first, last, both.len()), (Some(0), Some(5), 4), "first, last and len() of iter()");
        check_eq!(both.copied().collect::<Vec<_>>(), vec![1, 2, 3, 4], "what is left between the two ends");
        let mut tens = 10;
        for value in queue.iter_mut() {
            *value += tens;
            tens += 10;
        }
        if let Some(last) = queue.iter_mut().next_back() {
            *last += 100;
        }
        check_eq!(
            queue.into_iter().collect::<Vec<_>>(),
            vec![10, 21, 32, 43, 54, 165],
            "into_iter() after iter_mut() added 10, 20, ... and 100 to the last"
        );
    }
    let mut none: RingQueue<i64> = RingQueue::new();
    check_eq!(none.iter_mut().count(), 0, "iter_mut() of a queue without slots");
    check_eq!(none.iter().next_back(), None, "iter().next_back() of a queue without slots");
    none.push_back(1);
    none.pop_back();
    check_eq!(none.iter().count(), 0, "iter() of a queue that became empty");
}

#[derive(Debug, Clone)]
enum Op {
    PushBack,
    PushFront,
    PopBack,
    PopFront,
    Change(usize),
    Clear,
    Rebuild,
}

fn ops() -> impl Strategy<Value = (usize, Vec<Op>)> {
    let op = prop_oneof![
        8 => Just(Op::PushBack),
        6 => Just(Op::PushFront),
        5 => Just(Op::PopBack),
        5 => Just(Op::PopFront),
        2 => (0..12usize).prop_map(Op::Change),
        1 => Just(Op::Clear),
        1 => Just(Op::Rebuild),
    ];
    (0..6usize, prop::collection::vec(op, 0..60))
}

/// After any sequence of operations the queue holds the same elements as a `VecDeque`.
#[testkit::test]
fn agrees_with_a_plain_model() {
    testkit::prop::check(250, ops(), |(capacity, ops)| {
        let mut queue = RingQueue::with_capacity(capacity);
        let mut model = VecDeque::new();
        step!("let mut queue = RingQueue::with_capacity({capacity});");
        for (value, op) in ops.into_iter().enumerate() {
            match op {
                Op::PushBack => {
                    step!("queue.push_back({value});");
                    queue.push_back(value);
                    model.push_back(value);
                }
                Op::PushFront => {
                    step!("queue.push_front({value});");
                    queue.push_front(value);
                    model.push_front(value);
                }
                Op::PopBack => {
                    step!("queue.pop_back();");
                    check_eq!(queue.pop_back(), model.pop_back(), "pop_back()");
                }
                Op::PopFront => {
                    step!("queue.pop_front();");
                    check_eq!(queue.pop_front(), model.pop_front(), "pop_front()");
                }
                Op::Change(index) => {
                    step!("queue.get_mut({index}).map(|slot| *slot = {value});");
                    let found = queue.get_mut(index).map(|slot| std::mem::replace(slot, value));
                    let expected = model.get_mut(index).map(|slot| std::mem::replace(slot, value));
                    check_eq!(found, expected, "get_mut({index})");
                }
                Op::Clear => {
                    step!("queue.clear();");
                    queue.clear();
                    model.clear();
                }
                Op::Rebuild => {
                    step!("queue = queue.clone();");
                    let copy = queue.clone();
                    check!(copy == queue, "a clone is equal to the original");
                    queue = copy;
                }
            }
            scene::picture(|| queue.dump());
            check_eq!(queue.len(), model.len(), "len()");
            check!(queue.capacity() >= queue.len(), "capacity() is at least len()");
            check_eq!(queue.front(), model.front(), "front()");
            check_eq!(queue.back(), model.back(), "back()");
            check_eq!(queue.iter().collect::<Vec<_>>(), model.iter().collect::<Vec<_>>(), "iter()");
        }
    });
}

/// Every element is dropped exactly once: not lost in a growth, not kept in a slot, not dropped with the
/// slots again.
#[testkit::test]
fn drops_each_element_exactly_once() {
    scene::invariant("Q3, Q4", "a popped element leaves its slot; each element is dropped exactly once");
    let ledger = Ledger::new();
    let mut queue = RingQueue::with_capacity(3);
    for value in 0..20 {
        queue.push_back(ledger.item(value));
        queue.push_front(ledger.item(-value));
    }
    ledger.assert_alive(40, "in the queue after 40 pushes");
    for _ in 0..5 {
        drop(queue.pop_front());
        drop(queue.pop_back());
    }
    ledger.assert_alive(30, "after 10 pops: a popped element must not stay behind in its slot");
    if let Some(slot) = queue.get_mut(4) {
        *slot = ledger.item(100);
    }
    ledger.assert_alive(30, "after one element was replaced in place");
    let mut rest = queue.clone().into_iter();
    drop((rest.next(), rest.next_back()));
    ledger.assert_alive(58, "a clone of 30 after its into_iter() gave 2 away");
    drop(rest);
    ledger.assert_alive(30, "after a half-used into_iter() was dropped");
    queue.clear();
    ledger.assert_alive(0, "after clear()");
    check_eq!(queue.len(), 0, "len after clear()");
    queue.push_back(ledger.item(7));
    drop(queue);
    ledger.assert_all_dropped_once();
}

/// An element that records its number when it is dropped.
struct Noted(i64, Rc<RefCell<Vec<i64>>>);

impl Drop for Noted {
    fn drop(&mut self) {
        self.1.borrow_mut().push(self.0);
    }
}

/// Elements are dropped front to back; a wrapped ring that drops its slots in slot order starts in the
/// middle.
#[testkit::test]
fn drops_front_to_back() {
    for offset in 0..=5 {
        for way in ["drop(queue)", "queue.clear()", "drop(queue.into_iter())"] {
            scene::clear();
            scene::invariant("Q4", "elements are dropped front to back");
            let notes = Rc::new(RefCell::new(Vec::new()));
            let mut queue = RingQueue::with_capacity(5);
            step!("let mut queue = RingQueue::with_capacity(5);");
            for _ in 0..offset {
                queue.push_back(Noted(-1, notes.clone()));
                queue.pop_front();
            }
            step!("push_back and pop_front, {offset} times; push_back(0..5); {way}");
            queue.extend((0..5).map(|value| Noted(value, notes.clone())));
            notes.borrow_mut().clear();
            match way {
                "drop(queue)" => drop(queue),
                "queue.clear()" => queue.clear(),
                _ => drop(queue.into_iter()),
            }
            check_eq!(*notes.borrow(), vec![0, 1, 2, 3, 4], "the order of drops in {way}");
        }
    }
}

/// Growth by a constant, or at each push, makes n pushes cost n^2 moves; a push must use a free slot if
/// there is one.
#[testkit::test]
fn allocates_only_when_the_ring_is_full() {
    const PUSHES: usize = 100_000;
    const PRINTED: &str = " (a println! also allocates)";
    let none = alloc::count(|| drop(RingQueue::<u64>::new()));
    check_eq!(none.allocations, 0, "allocations of RingQueue::new()");
    let (made, mut queue) = alloc::count_with(|| RingQueue::with_capacity(1_000));
    check!(made.allocations >= 1 && queue.capacity() >= 1_000, "with_capacity(1000) makes the room at once");
    let pushes = alloc::count(|| (0..1_000u64).for_each(|value| queue.push_back(value)));
    check_eq!(pushes.allocations, 0, "allocations of 1000 pushes into with_capacity(1000){PRINTED}");
    let churn = alloc::count(|| {
        for value in 0..10_000 {
            queue.pop_front();
            queue.push_back(value);
            queue.pop_back();
            queue.push_front(value);
        }
    });
    check_eq!(
        churn.allocations,
        0,
        "allocations of pushes that follow a pop: the free slot must be found{PRINTED}"
    );
    let (growth, queue) = alloc::count_with(|| (0..PUSHES as u64).collect::<RingQueue<_>>());
    check_eq!(queue.len(), PUSHES, "len after {PUSHES} pushes");
    let mut queue = RingQueue::new();
    let growths = (0..PUSHES)
        .filter(|&value| {
            let before = queue.capacity();
            queue.push_back(value);
            queue.capacity() != before
        })
        .count();
    check!(growths <= 200, "the ring grows at most 200 times in {PUSHES} pushes, found {growths}");
    let per_push = growth.bytes / PUSHES as u64;
    check!(per_push <= 250, "each push of 8 bytes allocates at most 250 bytes on average, found {per_push}");
}

/// A cleared queue keeps its capacity: without it, the next pushes would have to grow the ring again.
#[testkit::test]
fn clear_keeps_the_capacity() {
    for count in [0u64, 1, 5, 100, 1_000] {
        scene::clear();
        let mut queue: RingQueue<u64> = (0..count).collect();
        queue.pop_front();
        let room = queue.capacity();
        step!("queue of 0..{count}, pop_front(), clear()");
        queue.clear();
        check_eq!(queue.capacity(), room, "capacity after clear()");
        check!(queue.is_empty(), "a queue is empty after clear()");
        let pushes = alloc::count(|| (0..room as u64).for_each(|value| queue.push_back(value)));
        check_eq!(pushes.allocations, 0, "allocations of {room} pushes after clear()");
        check_eq!(drained(queue), (0..room as u64).collect::<Vec<_>>(), "the elements pushed after clear()");
    }
}

/// Clearing costs the elements that are there, not the slots: a queue that was long once is cleared as
/// quickly as a short one. The ratio of two times in one run, each the shortest of several.
#[testkit::test]
fn clear_does_not_visit_free_slots() {
    let time_of = |capacity: usize| {
        let mut queue = RingQueue::with_capacity(capacity);
        let rounds = (0..20).map(|_| {
            let start = std::time::Instant::now();
            for value in 0..50_u8 {
                queue.push_back(value);
                queue.clear();
            }
            start.elapsed().as_nanos().max(1)
        });
        rounds.min().expect("there are 20 rounds")
    };
    let (short, long) = (time_of(8), time_of(1 << 20));
    let ratio = long / short;
    check!(
        ratio < 200,
        "clear() of one element in 2^20 slots takes {ratio} times as long as in 8 slots (below 200)"
    );
}

/// Checks a queue after a panic: what it says of its elements agrees, and it can be used and dropped.
fn check_usable(mut queue: RingQueue<Fused>, ledger: &Ledger, when: &str) {
    let values: Vec<i64> = queue.iter().map(Fused::value).collect();
    check_eq!(queue.len(), values.len(), "len(), and the number of elements of iter(), {when}");
    check!(values.is_sorted(), "the elements left are in their order {when}, not {values:?}");
    ledger.assert_alive(values.len(), when);
    for value in 100..110 {
        queue.push_back(Fused::new(ledger, value));
    }
    let expected: Vec<i64> = values.into_iter().chain(100..110).collect();
    let found: Vec<i64> = drained(queue).iter().map(Fused::value).collect();
    check_eq!(found, expected, "elements after ten pushes {when}");
    ledger.assert_all_dropped_once();
}

/// The caller's code panics: the drop or the clone of an element, or the iterator of `extend`. No element is
/// lost or dropped twice, and the queue can be used.
#[testkit::test]
fn panics_of_the_callers_code_leave_a_usable_queue() {
    for offset in 0..=7 {
        for calls in 0..6 {
            scene::clear();
            scene::invariant("Q3", "a slot is Some exactly if an element lies in it");
            let ledger = Ledger::new();
            let filled = || {
                let mut queue = RingQueue::with_capacity(7);
                for _ in 0..offset {
                    queue.push_back(Fused::new(&ledger, -1));
                    queue.pop_front();
                }
                queue.extend((0..6).map(|value| Fused::new(&ledger, value)));
                queue
            };
            step!(
                "a queue of 0..6 in 7 slots, the front in slot {offset}; clear(), drop number {calls} panics"
            );
            let mut queue = filled();
            check!(burn(Call::Drop, calls, || queue.clear()).is_none(), "the panic comes out of clear()");
            check_usable(queue, &ledger, "after a drop panicked in clear()");
            step!("the same with drop(queue)");
            let queue = filled();
            check!(burn(Call::Drop, calls, || drop(queue)).is_none(), "the panic comes out of drop(queue)");
            ledger.assert_all_dropped_once();
            step!("the same with queue.clone(), clone number {calls} panics");
            let queue = filled();
            check!(burn(Call::Clone, calls, || queue.clone()).is_none(), "the panic comes out of clone()");
            check_eq!(queue.len(), 6, "len() after a clone of an element panicked");
            check_usable(queue, &ledger, "after a clone panicked");
            step!("the same with queue.extend(..), call number {calls} of the iterator panics");
            let mut queue = filled();
            let more = (6..20).map(|value| {
                called(Call::Closure);
                Fused::new(&ledger, value)
            });
            check!(
                burn(Call::Closure, calls, || queue.extend(more)).is_none(),
                "the panic comes out of extend()"
            );
            check_eq!(queue.len(), 6 + calls as usize, "len() after the iterator of extend panicked");
            check_usable(queue, &ledger, "after the iterator of extend panicked");
        }
    }
}

/// Two queues are equal if their elements are, in any slots; a clone is independent.
#[testkit::test]
fn compares_elements_and_not_slots() {
    let plain: RingQueue<i64> = (0..4).collect();
    for offset in 0..=5 {
        let mut other = rotated(5, offset);
        other.extend(0..4);
        check!(plain == other, "queues of 0, 1, 2, 3 are equal at every offset");
        check_eq!(format!("{other:?}"), "[0, 1, 2, 3]".to_string(), "Debug text");
        other[3] = 9;
        check!(plain != other, "queues of equal length with different elements are different");
        other.pop_back();
        check!(plain != other, "a queue is different from its own beginning");
    }
    let mut copy = plain.clone();
    copy.push_back(4);
    copy[0] = 7;
    check_eq!(plain.iter().copied().collect::<Vec<_>>(), vec![0, 1, 2, 3], "the original of a changed copy");
}

/// Elements without a size take no bytes, and are counted like all others.
#[testkit::test]
fn counts_elements_without_a_size() {
    let mut queue = RingQueue::new();
    for _ in 0..100 {
        queue.push_back(());
        queue.push_front(());
    }
    check_eq!(queue.len(), 200, "len after 200 pushes of ()");
    check_eq!(queue.iter().count(), 200, "elements seen by iter()");
    check_eq!(drained(queue).len(), 200, "elements popped");
}
