//! The channel of capacity 0, in which a sender gives its value directly to a receiver.

use std::time::Duration;

use kit::sync::Arc;
use kit::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use kit::sync::thread;
use structures::channel::{
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
use testkit::drops::Ledger;
use testkit::schedule::explore;
use testkit::{check, check_eq, scene, step};

use super::{channel, no_thread_sleeps_in_vain, spawn};

/// A limit that may end at any moment under the scheduler.
const SHORT: Duration = Duration::from_millis(1);

/// How often a thread that polls tries before it gives up.
const TRIES: usize = 200;

/// A channel of capacity 0 holds no value, so it is full and empty at once, and a sender cannot leave a
/// value in it.
#[testkit::test]
fn refuses_values_while_no_receiver_waits() {
    let ledger = Ledger::new();
    let (sender, receiver) = channel(0);
    check_eq!((sender.capacity(), sender.len()), (0, 0), "capacity and len");
    check!(sender.is_full() && receiver.is_empty(), "a channel of capacity 0 is full and empty");
    let refused = sender.try_send(ledger.item(1));
    check!(
        matches!(refused, Err(TrySendError::Full(_))),
        "try_send with no receiver waiting is refused as full"
    );
    drop(refused);
    let refused = sender.send_timeout(ledger.item(2), SHORT);
    check!(matches!(refused, Err(SendTimeoutError::Timeout(_))), "send_timeout with no receiver times out");
    drop(refused);
    ledger.assert_alive(0, "after both values came back: none may stay in the channel");
    check_eq!(receiver.try_recv().map(|_| ()), Err(TryRecvError::Empty), "try_recv with no sender waiting");
    check_eq!(
        receiver.recv_timeout(SHORT).map(|_| ()),
        Err(RecvTimeoutError::Timeout),
        "recv_timeout with no sender waiting"
    );
    drop(sender);
    check_eq!(receiver.recv().map(|_| ()), Err(RecvError), "recv after the last sender went");
    ledger.assert_all_dropped_once();
}

/// A send returns only after a receiver took the value: if it returns earlier, the channel has a buffer of
/// one.
#[testkit::test]
fn a_send_returns_only_after_the_value_was_taken() {
    explore(150, || {
        let (sender, receiver) = channel(0);
        let has_returned = Arc::new(AtomicBool::new(false));
        let sending = {
            let has_returned = has_returned.clone();
            spawn("sender", "sender.send(1)", move || {
                let result = sender.send(1);
                has_returned.store(true, Ordering::SeqCst);
                result
            })
        };
        for _ in 0..3 {
            check!(!has_returned.load(Ordering::SeqCst), "send has not returned before anybody receives");
            thread::yield_now();
        }
        step!("main: receiver.recv();");
        check_eq!(receiver.recv(), Ok(1), "recv from a sender that waits");
        check_eq!(sending.join().ok(), Some(Ok(())), "send whose value was taken");
    });
}

/// With several senders and receivers each value is received once, those of one sender in order, and no
/// thread is left waiting.
#[testkit::test]
fn delivers_each_value_once() {
    explore(120, || {
        scene::invariant(
            "C1",
            "every accepted value is received exactly once, or dropped with the last receiver",
        );
        let (sender, receiver) = channel(0);
        let mut sending = Vec::new();
        for index in 0..2 {
            let sender = sender.clone();
            sending.push(spawn(format!("sender {index}"), "sends twice", move || {
                (0..2).for_each(|number| check_eq!(sender.send(10 * index + number), Ok(()), "send"));
            }));
        }
        drop(sender);
        let taking: Vec<_> = (0..2)
            .map(|index| {
                let receiver = receiver.clone();
                spawn(format!("receiver {index}"), "receives until the channel is closed", move || {
                    receiver.iter().collect::<Vec<i32>>()
                })
            })
            .collect();
        sending.into_iter().for_each(|thread| drop(thread.join()));
        let mut all = Vec::new();
        for thread in taking {
            let values = thread.join().unwrap_or_default();
            for index in 0..2 {
                let own: Vec<i32> = values.iter().copied().filter(|value| value / 10 == index).collect();
                check!(own.is_sorted(), "values of sender {index} in its order, found {own:?}");
            }
            all.extend(values);
        }
        all.sort_unstable();
        check_eq!(all, vec![0, 1, 10, 11], "everything both receivers got");
    });
}

/// As with Go's select and default: a try call succeeds while the other side waits.
#[testkit::test]
fn try_calls_succeed_while_the_other_side_waits() {
    let met = Arc::new(AtomicUsize::new(0));
    let count = met.clone();
    explore(100, move || {
        let (sender, receiver) = channel(0);
        let waiting = {
            let receiver = receiver.clone();
            spawn("receiver", "receiver.recv()", move || receiver.recv())
        };
        step!("main: sender.try_send(1), up to {TRIES} times until it succeeds");
        let sent = (0..TRIES).any(|_| {
            thread::yield_now();
            sender.try_send(1).is_ok()
        });
        if !sent {
            // This schedule never let the receiver wait while we tried.
            check_eq!(sender.send(1), Ok(()), "send");
        }
        check_eq!(waiting.join().ok(), Some(Ok(1)), "recv that waited");
        let waiting = spawn("sender", "sender.send(2)", move || sender.send(2));
        step!("main: receiver.try_recv(), up to {TRIES} times until it succeeds");
        let found = (0..TRIES).find_map(|_| {
            thread::yield_now();
            receiver.try_recv().ok()
        });
        if sent && found.is_some() {
            met.fetch_add(1, Ordering::Relaxed);
        }
        check_eq!(found.or_else(|| receiver.recv().ok()), Some(2), "the value of a sender that waited");
        check_eq!(waiting.join().ok(), Some(Ok(())), "send that waited");
    });
    let count = count.load(Ordering::Relaxed);
    check!(count > 0, "try_send and try_recv meet a waiting partner in at least one of 100 schedules");
}

/// Receivers that take one value each: an offer must wake a receiver also if there are offers before it.
#[testkit::test]
fn each_offer_wakes_a_receiver() {
    for head_start in [0, 20, 60] {
        explore(100, move || {
            no_thread_sleeps_in_vain();
            let (sender, receiver) = channel(0);
            let taking: Vec<_> = (0..3)
                .map(|index| {
                    let receiver = receiver.clone();
                    spawn(format!("receiver {index}"), "receiver.recv()  // once", move || receiver.recv())
                })
                .collect();
            // Time for the receivers to fall asleep.
            (0..head_start).for_each(|_| thread::yield_now());
            let sending: Vec<_> = (0..3)
                .map(|value| {
                    let sender = sender.clone();
                    spawn(format!("sender {value}"), "sends its number, once", move || sender.send(value))
                })
                .collect();
            for thread in sending {
                check_eq!(thread.join().ok(), Some(Ok(())), "send, with as many receivers as senders");
            }
            let mut found: Vec<_> =
                taking.into_iter().map(|thread| thread.join().ok().and_then(Result::ok)).collect();
            found.sort_unstable();
            check_eq!(found, vec![Some(0), Some(1), Some(2)], "what three receivers took");
        });
    }
}

/// Senders that wait, and one receiver that takes all: each receive must let the sender go whose value it
/// took.
#[testkit::test]
fn each_receive_lets_its_sender_go() {
    explore(150, || {
        no_thread_sleeps_in_vain();
        let (sender, receiver) = channel(0);
        let sending: Vec<_> = (0..3)
            .map(|value| {
                let sender = sender.clone();
                spawn(format!("sender {value}"), "sends its number, once", move || sender.send(value))
            })
            .collect();
        let mut found = [(); 3].map(|()| {
            step!("main: receiver.recv();");
            receiver.recv().ok()
        });
        found.sort_unstable();
        check_eq!(found, [Some(0), Some(1), Some(2)], "what main received");
        for thread in sending {
            check_eq!(thread.join().ok(), Some(Ok(())), "send whose value was taken");
        }
        check_eq!(receiver.try_recv(), Err(TryRecvError::Empty), "try_recv after three of three values");
    });
}

/// Several receivers wait: each of them can be promised a value.
#[testkit::test]
fn each_waiting_receiver_is_promised_a_value() {
    let promised = Arc::new(AtomicUsize::new(0));
    let count = promised.clone();
    explore(150, move || {
        scene::invariant("R2", "no more values are promised than receivers wait");
        let (sender, receiver) = channel(0);
        let waiting: Vec<_> = (0..2)
            .map(|index| {
                let receiver = receiver.clone();
                spawn(format!("receiver {index}"), "receiver.recv()  // once", move || receiver.recv())
            })
            .collect();
        // Time for both to fall asleep.
        (0..60).for_each(|_| thread::yield_now());
        step!("main: sender.try_send(1); sender.try_send(2);");
        let sent = [1, 2].map(|value| sender.try_send(value).is_ok());
        promised.fetch_add(usize::from(sent == [true, true]), Ordering::Relaxed);
        for (value, is_sent) in [1, 2].into_iter().zip(sent) {
            if !is_sent {
                check_eq!(sender.send(value), Ok(()), "send");
            }
        }
        let mut found: Vec<_> = waiting.into_iter().map(|thread| thread.join().ok()).collect();
        found.sort_unstable_by_key(|value| value.and_then(Result::ok));
        check_eq!(found, vec![Some(Ok(1)), Some(Ok(2))], "what two receivers took");
    });
    let count = count.load(Ordering::Relaxed);
    check!(count > 0, "two try_sends meet two waiting receivers in at least one of 150 schedules");
}

/// A limit that has passed makes a call a try: it succeeds if the other side waits.
#[testkit::test]
fn calls_with_a_limit_of_zero_meet_a_partner_that_waits() {
    let met = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let count = met.clone();
    explore(100, move || {
        scene::invariant("C1", "every accepted value is received exactly once");
        let (sender, receiver) = channel(0);
        let waiting = {
            let receiver = receiver.clone();
            spawn("receiver", "receiver.recv()", move || receiver.recv())
        };
        step!("main: sender.send_timeout(1, 0), up to {TRIES} times until it succeeds");
        let is_sent = (0..TRIES).any(|_| {
            thread::yield_now();
            sender.send_timeout(1, Duration::ZERO).is_ok()
        });
        met[0].fetch_add(usize::from(is_sent), Ordering::Relaxed);
        if !is_sent {
            // This schedule never let the receiver wait while we tried.
            check_eq!(sender.send(1), Ok(()), "send");
        }
        check_eq!(waiting.join().ok(), Some(Ok(1)), "recv that waited");
        let waiting = spawn("sender", "sender.send(2)", move || sender.send(2));
        step!("main: receiver.recv_timeout(0), up to {TRIES} times until it succeeds");
        let found = (0..TRIES).find_map(|_| {
            thread::yield_now();
            receiver.recv_timeout(Duration::ZERO).ok()
        });
        met[1].fetch_add(usize::from(found.is_some()), Ordering::Relaxed);
        check_eq!(found.or_else(|| receiver.recv().ok()), Some(2), "the value of a sender that waited");
        check_eq!(waiting.join().ok(), Some(Ok(())), "send that waited");
    });
    let [sends, receives] = [0, 1].map(|side: usize| count[side].load(Ordering::Relaxed));
    check!(sends > 0, "send_timeout(1, 0) meets a receiver that waits in at least one of 100 schedules");
    check!(receives > 0, "recv_timeout(0) meets a sender that waits in at least one of 100 schedules");
}

/// One receiver that waits takes one value: with two sends that did not wait, one would be left behind.
#[testkit::test]
fn a_waiting_receiver_is_promised_one_value() {
    let promised = Arc::new(AtomicUsize::new(0));
    let count = promised.clone();
    explore(150, move || {
        scene::invariant("R2", "no more values are promised than receivers wait");
        let (sender, receiver) = channel(0);
        let waiting = spawn("receiver", "receiver.recv()  // once", move || (receiver.recv(), receiver));
        step!("main: sender.try_send(1), up to {TRIES} times until it succeeds");
        let sent = (0..TRIES).any(|_| {
            thread::yield_now();
            sender.try_send(1).is_ok()
        });
        if sent {
            promised.fetch_add(1, Ordering::Relaxed);
            step!("main: sender.try_send(2);");
            check_eq!(
                sender.try_send(2),
                Err(TrySendError::Full(2)),
                "a second try_send, to a receiver that receives once"
            );
        } else {
            // This schedule never let the receiver wait while we tried.
            check_eq!(sender.send(1), Ok(()), "send");
        }
        let (received, receiver) = waiting.join().expect("the receiver ends with a value");
        check_eq!(received, Ok(1), "recv that waited");
        check_eq!(receiver.try_recv(), Err(TryRecvError::Empty), "try_recv after that");
    });
    let count = count.load(Ordering::Relaxed);
    check!(count > 0, "try_send meets a waiting receiver in at least one of 150 schedules");
}

/// A value that try_send left for a waiting receiver is accepted: a close before the receiver runs must not
/// lose it.
#[testkit::test]
fn close_loses_no_promised_value() {
    let promised = Arc::new(AtomicUsize::new(0));
    let count = promised.clone();
    explore(150, move || {
        scene::invariant("C1", "every accepted value is received exactly once");
        let (sender, receiver) = channel(0);
        let waiting = {
            let receiver = receiver.clone();
            spawn("receiver", "receiver.recv()", move || receiver.recv())
        };
        step!("main: sender.try_send(1), up to {TRIES} times until it succeeds");
        let sent = (0..TRIES).any(|_| {
            thread::yield_now();
            sender.try_send(1).is_ok()
        });
        step!("main: sender.close();");
        check!(sender.close(), "the first close says true");
        if sent {
            promised.fetch_add(1, Ordering::Relaxed);
        }
        let expected = if sent { Ok(1) } else { Err(RecvError) };
        check_eq!(waiting.join().ok(), Some(expected), "recv that waited, after try_send and close");
    });
    let count = count.load(Ordering::Relaxed);
    check!(count > 0, "try_send meets a waiting receiver in at least one of 150 schedules");
}

/// If the channel is closed before a value was taken, its own sender gets it back.
#[testkit::test]
fn close_returns_values_that_were_not_taken() {
    explore(200, || {
        scene::invariant("C1", "a value that was not accepted is returned to the caller");
        let (sender, receiver) = channel(0);
        let waiting: Vec<_> = (0..2)
            .map(|value| {
                let sender = sender.clone();
                (value, spawn(format!("sender {value}"), "sends its number", move || sender.send(value)))
            })
            .collect();
        step!("main: receiver.close();");
        receiver.close();
        check_eq!(receiver.recv(), Err(RecvError), "recv after close returned");
        check_eq!(receiver.try_recv(), Err(TryRecvError::Closed), "try_recv after close returned");
        for (value, thread) in waiting {
            check_eq!(
                thread.join().ok(),
                Some(Err(SendError(value))),
                "send of {value} that no receiver took"
            );
        }
    });
}

/// All receivers that wait when the channel is closed wake up.
#[testkit::test]
fn close_wakes_waiting_receivers() {
    explore(100, || {
        no_thread_sleeps_in_vain();
        let (sender, receiver) = channel::<u8>(0);
        let waiting: Vec<_> = (0..3)
            .map(|index| {
                let receiver = receiver.clone();
                spawn(format!("receiver {index}"), "receiver.recv()", move || receiver.recv())
            })
            .collect();
        step!("main: drop(sender);");
        drop(sender);
        for thread in waiting {
            check_eq!(
                thread.join().ok(),
                Some(Err(RecvError)),
                "recv that waited until the last sender went"
            );
        }
    });
}

/// If a time-out on either side and a hand-over happen at the same moment, sender and receiver agree on the
/// result.
#[testkit::test]
fn sender_and_receiver_agree_on_each_value() {
    explore(300, || {
        scene::invariant(
            "C1",
            "every accepted value is received exactly once, or dropped with the last receiver",
        );
        let ledger = Ledger::new();
        let (sender, receiver) = channel(0);
        let sending: Vec<_> = (0..2)
            .map(|value| {
                let (sender, item) = (sender.clone(), ledger.item(value));
                spawn(
                    format!("sender {value}"),
                    "sends its number: 0 with a time-out of 1 ms, 1 with try_send",
                    move || match value {
                        0 => sender.send_timeout(item, SHORT).is_ok(),
                        _ => sender.try_send(item).is_ok(),
                    },
                )
            })
            .collect();
        let taking: Vec<_> = (0..2)
            .map(|index| {
                let receiver = receiver.clone();
                spawn(format!("receiver {index}"), "receiver.recv_timeout(1 ms)", move || {
                    receiver.recv_timeout(SHORT).is_ok()
                })
            })
            .collect();
        let sent = sending.into_iter().filter_map(|thread| thread.join().ok()).filter(|&is_ok| is_ok).count();
        let taken = taking.into_iter().filter_map(|thread| thread.join().ok()).filter(|&is_ok| is_ok).count();
        check_eq!(sent, taken, "sends that succeeded, against receives that did");
        ledger.assert_all_dropped_once();
    });
}
