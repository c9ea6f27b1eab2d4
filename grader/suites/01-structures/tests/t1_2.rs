//! Task 1.2: channel. Tests with one thread are here, interleavings are in `schedules.rs`, real threads in
//! `stress.rs`.

mod rendezvous;
mod schedules;
mod stress;

use std::collections::VecDeque;
use std::sync::Mutex as StdMutex;
use std::time::{Duration, Instant};

use kit::sync::{Arc, thread};
use proptest::prelude::*;
use structures::channel::{
    Receiver, RecvError, RecvTimeoutError, SendError, SendTimeoutError, Sender, TryRecvError, TrySendError,
    bounded,
};
use testkit::drops::{Counted, Ledger};
use testkit::fuse::{Call, Fused, burn};
use testkit::{alloc, check, check_eq, scene, step};

/// Longer than any test: under the scheduler of `schedules.rs` it never ends.
const LONG: Duration = Duration::from_secs(7_200);

/// A channel that the report begins with.
fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    step!("let (sender, receiver) = bounded({capacity});");
    bounded(capacity)
}

/// Starts a thread with a name for the report, and adds the call that it `does` to the report.
fn spawn<T: Send + 'static>(
    name: impl Into<String>,
    does: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let name = name.into();
    step!("{name}: {does}");
    thread::Builder::new().name(name).spawn(body).expect("there is room for one more thread")
}

/// The invariant that a deadlock breaks.
fn no_thread_sleeps_in_vain() {
    scene::invariant("C6", "no thread sleeps while it could continue");
}

/// First in, first out, over many rounds of the ring; the try calls report full and empty and do not wait.
#[testkit::test]
fn returns_values_in_order_and_reports_full_and_empty() {
    for capacity in 1..=5 {
        let (sender, receiver) = bounded(capacity);
        let mut next = 0;
        for round in 0..20 {
            check_eq!(receiver.try_recv(), Err(TryRecvError::Empty), "try_recv from an empty channel");
            for value in next..next + capacity {
                check_eq!(sender.try_send(value), Ok(()), "try_send in round {round}, capacity {capacity}");
            }
            check_eq!(
                sender.try_send(999),
                Err(TrySendError::Full(999)),
                "try_send into a channel with {capacity} of {capacity} values"
            );
            for value in next..next + capacity {
                check_eq!(receiver.recv(), Ok(value), "recv in round {round}, capacity {capacity}");
            }
            next += capacity;
        }
    }
}

/// Values sent before close are received after it: close ends the stream but loses nothing.
#[testkit::test]
fn receives_values_sent_before_close() {
    scene::invariant("C5", "closed is reported only when no accepted value is left");
    let (sender, receiver) = bounded(4);
    for value in 1..=3 {
        check_eq!(sender.send(value), Ok(()), "send({value})");
    }
    check!(sender.close(), "the first close says true");
    check_eq!(receiver.len(), 3, "len after close");
    check_eq!(receiver.recv(), Ok(1), "recv after close");
    check_eq!(receiver.try_recv(), Ok(2), "try_recv after close");
    check_eq!(receiver.recv_timeout(LONG), Ok(3), "recv_timeout after close");
    for _ in 0..2 {
        check_eq!(receiver.recv(), Err(RecvError), "recv from a closed and drained channel");
        check_eq!(
            receiver.try_recv(),
            Err(TryRecvError::Closed),
            "try_recv from a closed and drained channel"
        );
        check_eq!(
            receiver.recv_timeout(LONG),
            Err(RecvTimeoutError::Closed),
            "recv_timeout from a closed and drained channel"
        );
    }
    let (sender, receiver) = bounded(3);
    sender.send('a').ok();
    sender.send('b').ok();
    drop(sender);
    check_eq!(receiver.iter().collect::<String>(), "ab".to_string(), "iter() after the last sender went");
    check_eq!((&receiver).into_iter().next(), None, "a second loop over a closed channel");
}

/// A send after close must fail and give the value back, full or not; accepted, it would be lost or break
/// the stream's end.
#[testkit::test]
fn refuses_sends_after_close_and_returns_the_value() {
    scene::invariant("C4", "after close returned, no send is accepted");
    for already_in in [0, 1, 2] {
        for from_receiver in [false, true] {
            let (sender, receiver) = bounded(2);
            for _ in 0..already_in {
                sender.send("in".to_string()).ok();
            }
            check!(
                if from_receiver { receiver.close() } else { sender.close() },
                "the first close says true"
            );
            let value = || "back".to_string();
            check_eq!(
                sender.send(value()),
                Err(SendError(value())),
                "send after close, {already_in} of 2 in"
            );
            check_eq!(
                sender.try_send(value()),
                Err(TrySendError::Closed(value())),
                "try_send after close, {already_in} of 2 in"
            );
            check_eq!(
                sender.send_timeout(value(), LONG),
                Err(SendTimeoutError::Closed(value())),
                "send_timeout after close, {already_in} of 2 in"
            );
            check_eq!(
                sender.clone().send(value()),
                Err(SendError(value())),
                "send by a new clone after close"
            );
            check_eq!(receiver.iter().count(), already_in, "values received after close");
        }
    }
}

/// Only the first close returns true, from either end, and both ends report the channel as closed.
#[testkit::test]
fn closes_once_from_either_end() {
    for capacity in [0, 1, 8] {
        let (sender, receiver) = bounded::<u8>(capacity);
        check!(!sender.is_closed() && !receiver.is_closed(), "a new channel is open");
        check!(receiver.close(), "the first close says true (capacity {capacity})");
        check!(sender.is_closed() && receiver.is_closed(), "both ends see a close by the receiver");
        check!(!sender.close(), "a second close, from the other end, says false");
        check!(!receiver.close(), "a third close says false");
        let (sender, receiver) = bounded::<u8>(capacity);
        check!(sender.close(), "the first close says true (capacity {capacity})");
        check!(sender.is_closed() && receiver.is_closed(), "both ends see a close by the sender");
        check!(!receiver.clone().close(), "a second close, by a clone of the other end, says false");
    }
}

/// The channel closes with the last sender and not before: a clone that is not counted, or counted twice,
/// shows here.
#[testkit::test]
fn closes_with_the_last_sender_and_not_before() {
    for capacity in [0, 3] {
        let (sender, receiver) = bounded::<u8>(capacity);
        let second = sender.clone();
        let third = second.clone();
        drop(sender);
        check_eq!(receiver.try_recv(), Err(TryRecvError::Empty), "try_recv with two of three senders left");
        drop(third);
        check!(!receiver.is_closed(), "a channel with one of three senders left is open");
        check_eq!(receiver.try_recv(), Err(TryRecvError::Empty), "try_recv with one of three senders left");
        let fourth = second.clone();
        drop(second);
        check!(!fourth.is_closed(), "a channel whose one sender is a later clone is open");
        drop(fourth);
        check!(receiver.is_closed(), "a channel without senders is closed");
        check_eq!(receiver.recv(), Err(RecvError), "recv without senders");
    }
}

/// Without receivers the values in the channel cannot be received: sends fail, and the values are dropped
/// at once, not with the last sender.
#[testkit::test]
fn closes_and_drops_the_values_with_the_last_receiver() {
    let ledger = Ledger::new();
    let (sender, receiver) = bounded(4);
    let second = receiver.clone();
    for value in 0..4 {
        sender.send(ledger.item(value)).ok();
    }
    drop(second.recv());
    sender.send(ledger.item(4)).ok();
    drop(receiver);
    check!(!sender.is_closed(), "a channel with one of two receivers left is open");
    ledger.assert_alive(4, "in the channel while one of two receivers is left");
    drop(second);
    check!(sender.is_closed(), "a channel without receivers is closed");
    ledger.assert_alive(0, "after the last receiver went");
    check_eq!(sender.len(), 0, "len without receivers");
    let refused = sender.send(ledger.item(9));
    check!(refused.is_err(), "a send without receivers fails");
    ledger.assert_alive(1, "while the refused value is in the error");
    drop(refused);
    drop(sender);
    ledger.assert_all_dropped_once();
}

/// A value that records its number when it is dropped.
struct Noted(u32, Arc<StdMutex<Vec<u32>>>);

impl Drop for Noted {
    fn drop(&mut self) {
        self.1.lock().expect("no test panics with this lock").push(self.0);
    }
}

/// Values that cannot be received any more are dropped oldest first, also if they are in two queues.
#[testkit::test]
fn drops_the_values_left_oldest_first() {
    for taken in 0..3 {
        for later in 0..4 {
            scene::clear();
            let notes = Arc::new(StdMutex::new(Vec::new()));
            let (sender, receiver) = channel(8);
            step!("sender.send(0), ... sender.send(3)");
            for number in 0..4 {
                check!(sender.send(Noted(number, notes.clone())).is_ok(), "send({number}) with room");
            }
            step!("receiver.recv(), {taken} times; {later} more sends");
            for number in 0..taken {
                check_eq!(receiver.recv().map(|value| value.0), Ok(number), "recv");
            }
            for number in 4..4 + later {
                check!(sender.send(Noted(number, notes.clone())).is_ok(), "send({number}) with room");
            }
            step!("drop(receiver)");
            drop(receiver);
            let found = notes.lock().expect("no test panics with this lock").clone();
            let expected: Vec<u32> = (0..4 + later).collect();
            check_eq!(found, expected, "the order of drops: those received, then those left, oldest first");
        }
    }
}

/// A wait lasts until its limit, and not longer: returning at the first wake-up is wrong, and waiting for
/// ever is too.
#[testkit::test]
fn waits_until_the_limit_and_not_longer() {
    let limit = Duration::from_millis(30);
    for capacity in [0, 1] {
        let (sender, receiver) = bounded(capacity);
        let start = Instant::now();
        check_eq!(
            receiver.recv_timeout(limit),
            Err(RecvTimeoutError::Timeout),
            "recv_timeout, nothing comes"
        );
        check!(start.elapsed() >= limit, "recv_timeout of 30 ms returned after {:?}", start.elapsed());
        for _ in 0..capacity {
            check_eq!(sender.send_timeout('a', limit), Ok(()), "send_timeout with room");
        }
        let start = Instant::now();
        check_eq!(
            sender.send_timeout('b', limit),
            Err(SendTimeoutError::Timeout('b')),
            "send_timeout without room (capacity {capacity})"
        );
        check!(start.elapsed() >= limit, "send_timeout of 30 ms returned after {:?}", start.elapsed());
        check_eq!(receiver.iter().take(capacity).count(), capacity, "values in the channel");
        check_eq!(receiver.try_recv(), Err(TryRecvError::Empty), "try_recv: the timed-out value is not in");
        check_eq!(
            receiver.recv_timeout(Duration::ZERO),
            Err(RecvTimeoutError::Timeout),
            "recv_timeout(0) of an empty channel"
        );
    }
}

/// A limit that the clock cannot represent means for ever; adding it to the present time overflows.
#[testkit::test]
fn accepts_any_limit() {
    for limit in [Duration::MAX, Duration::from_secs(u64::MAX), Duration::ZERO] {
        let (sender, receiver) = bounded(1);
        check_eq!(sender.send_timeout(1, limit), Ok(()), "send_timeout(1, {limit:?}) with room");
        check_eq!(receiver.recv_timeout(limit), Ok(1), "recv_timeout({limit:?}) of a channel with a value");
        sender.close();
        check_eq!(
            sender.send_timeout(2, limit),
            Err(SendTimeoutError::Closed(2)),
            "send_timeout(2, {limit:?}) of a closed channel"
        );
        check_eq!(
            receiver.recv_timeout(limit),
            Err(RecvTimeoutError::Closed),
            "recv_timeout({limit:?}) of a closed channel"
        );
    }
    let (sender, receiver) = bounded(1);
    let waiting = thread::spawn(move || receiver.recv_timeout(Duration::MAX));
    check_eq!(sender.send(5), Ok(()), "send to a receiver that waits for ever");
    check_eq!(
        waiting.join().ok(),
        Some(Ok(5)),
        "recv_timeout(Duration::MAX) with a sender on another thread"
    );
}

/// The capacity is only a limit: a channel with a large capacity must not allocate memory for it.
#[testkit::test]
fn allocates_nothing_for_values_not_sent() {
    let (counts, ends) = alloc::count_with(|| bounded::<[u64; 8]>(1 << 40));
    check_eq!(ends.0.capacity(), 1 << 40, "capacity()");
    check!(
        counts.bytes < 64 << 10,
        "bounded(1 << 40) allocates less than 64 KiB, found {} bytes",
        counts.bytes
    );
    for value in 0..10 {
        check_eq!(ends.0.try_send([value; 8]), Ok(()), "try_send into an almost endless channel");
    }
    check_eq!(ends.1.len(), 10, "len after 10 sends");
}

/// The `drop` of a value panics when the last receiver goes: the channel is closed all the same, and every
/// other value is dropped once.
#[testkit::test]
fn a_value_whose_drop_panics_takes_no_other_with_it() {
    for calls in 0..5 {
        scene::clear();
        let ledger = Ledger::new();
        let (sender, receiver) = channel(8);
        for value in 0..4 {
            check!(sender.send(Fused::new(&ledger, value)).is_ok(), "send({value}) with room");
        }
        check_eq!(receiver.recv().map(|value| value.value()), Ok(0), "recv");
        for value in 4..6 {
            check!(sender.send(Fused::new(&ledger, value)).is_ok(), "send({value}) with room");
        }
        step!("sends 0 to 5, one recv; drop(receiver), in which drop number {calls} panics");
        check!(burn(Call::Drop, calls, || drop(receiver)).is_none(), "the panic comes out of drop(receiver)");
        ledger.assert_alive(0, "after the last receiver went");
        check!(sender.is_closed(), "a channel without receivers is closed");
        check!(sender.send(Fused::new(&ledger, 9)).is_err(), "a send without receivers fails");
        drop(sender);
        ledger.assert_all_dropped_once();
    }
}

/// A limit of zero makes a call with a limit a try: it does what can be done at once.
#[testkit::test]
fn a_limit_of_zero_is_a_try() {
    let zero = Duration::ZERO;
    for capacity in [1, 3] {
        let (sender, receiver) = bounded(capacity);
        for value in 0..capacity {
            check_eq!(sender.send_timeout(value, zero), Ok(()), "send_timeout({value}, 0) with room");
        }
        let full = Err(SendTimeoutError::Timeout(9));
        check_eq!(sender.send_timeout(9, zero), full, "send_timeout(9, 0) of a full channel");
        for value in 0..capacity {
            check_eq!(receiver.recv_timeout(zero), Ok(value), "recv_timeout(0) with a value");
        }
        let empty = Err(RecvTimeoutError::Timeout);
        check_eq!(receiver.recv_timeout(zero), empty, "recv_timeout(0) of an empty channel");
        check_eq!(receiver.len(), 0, "len at the end");
    }
}

/// A value that closes its own channel when it is dropped.
struct Parcel(Sender<Parcel>);

impl Drop for Parcel {
    fn drop(&mut self) {
        // When the scheduler gives up a schedule it unwinds; a second wait in there would end the process.
        if !std::thread::panicking() {
            self.0.close();
        }
    }
}

/// A value may own an end of its own channel: if it is dropped under a lock, its drop waits for that lock.
#[testkit::test]
fn holds_no_lock_while_a_value_is_dropped() {
    // Under the scheduler a thread that waits for itself is found at once.
    testkit::schedule::explore(4, || {
        let (sender, receiver) = bounded(4);
        for _ in 0..2 {
            step!("sender.send(Parcel(sender.clone()))  // closes the channel when it is dropped");
            check!(sender.send(Parcel(sender.clone())).is_ok(), "send a sender through its own channel");
        }
        step!("drop(receiver)  // drops both parcels");
        drop(receiver);
        check!(sender.is_closed(), "the channel is closed when its last receiver is gone");
    });
}

/// One of the operations that a thread can do without waiting.
#[derive(Debug, Clone)]
enum Op {
    TrySend,
    TryRecv,
    Close(bool),
    AddSender,
    DropSender,
    AddReceiver,
    DropReceiver,
}

fn ops() -> impl Strategy<Value = (usize, Vec<Op>)> {
    let op = prop_oneof![
        12 => Just(Op::TrySend),
        10 => Just(Op::TryRecv),
        1 => any::<bool>().prop_map(Op::Close),
        2 => Just(Op::AddSender),
        2 => Just(Op::DropSender),
        2 => Just(Op::AddReceiver),
        2 => Just(Op::DropReceiver),
    ];
    (1..5usize, prop::collection::vec(op, 0..50))
}

/// A channel on one thread as a plain queue, a flag and two numbers.
struct Model {
    queue: VecDeque<i64>,
    is_closed: bool,
    capacity: usize,
}

impl Model {
    fn check_ends(&self, sender: Option<&Sender<Counted>>, receiver: Option<&Receiver<Counted>>) {
        if let Some(sender) = sender {
            check_eq!(sender.len(), self.queue.len(), "len()");
            check_eq!(sender.is_full(), self.queue.len() == self.capacity, "is_full()");
            check_eq!(sender.is_closed(), self.is_closed, "is_closed()");
        }
        if let Some(receiver) = receiver {
            check_eq!(receiver.len(), self.queue.len(), "len()");
            check_eq!(receiver.is_empty(), self.queue.is_empty(), "is_empty()");
            check_eq!(receiver.is_closed(), self.is_closed, "is_closed()");
        }
    }
}

/// On one thread, after any sequence of operations, a channel behaves like a bounded queue with a close,
/// and no value is lost or dropped twice.
#[testkit::test]
fn agrees_with_a_plain_model() {
    testkit::prop::check(250, ops(), |(capacity, ops)| {
        let ledger = Ledger::new();
        let (sender, receiver) = bounded(capacity);
        step!("let (sender, receiver) = bounded({capacity});");
        let (mut senders, mut receivers) = (vec![sender], vec![receiver]);
        let mut model = Model { queue: VecDeque::new(), is_closed: false, capacity };
        for (value, op) in (0..).zip(ops) {
            step!("{op:?}  // value {value}");
            match (op, senders.last(), receivers.last()) {
                (Op::TrySend, Some(sender), _) => {
                    let expected = match (model.is_closed, model.queue.len() == capacity) {
                        (true, _) => Err(TrySendError::Closed(value)),
                        (false, true) => Err(TrySendError::Full(value)),
                        (false, false) => {
                            model.queue.push_back(value);
                            Ok(())
                        }
                    };
                    let found = sender.try_send(ledger.item(value)).map_err(|error| match error {
                        TrySendError::Full(item) => TrySendError::Full(item.value()),
                        TrySendError::Closed(item) => TrySendError::Closed(item.value()),
                    });
                    check_eq!(found, expected, "try_send");
                }
                (Op::TryRecv, _, Some(receiver)) => {
                    let none = if model.is_closed { TryRecvError::Closed } else { TryRecvError::Empty };
                    let found = receiver.try_recv().map(|item| item.value());
                    check_eq!(found, model.queue.pop_front().ok_or(none), "try_recv");
                }
                (Op::Close(true), Some(sender), _) => {
                    check_eq!(sender.close(), !model.is_closed, "close()");
                    model.is_closed = true;
                }
                (Op::Close(false), _, Some(receiver)) => {
                    check_eq!(receiver.close(), !model.is_closed, "close()");
                    model.is_closed = true;
                }
                (Op::AddSender, Some(sender), _) => senders.push(sender.clone()),
                (Op::DropSender, ..) => drop(senders.pop()),
                (Op::AddReceiver, _, Some(receiver)) => receivers.push(receiver.clone()),
                (Op::DropReceiver, ..) => drop(receivers.pop()),
                _ => {}
            }
            model.is_closed |= senders.is_empty() || receivers.is_empty();
            if receivers.is_empty() {
                model.queue.clear();
            }
            model.check_ends(senders.last(), receivers.last());
            ledger.assert_alive(model.queue.len(), "in the channel");
        }
        drop((senders, receivers));
        ledger.assert_all_dropped_once();
    });
}
