//! The channel with a buffer, under a scheduler that decides which thread takes the next step.
//!
//! A lost wake-up ends in a deadlock here, at the first schedule that loses it; with real threads it
//! would be a hang once in thousands of runs.

use std::time::Duration;

use kit::sync::Arc;
use kit::sync::atomic::{AtomicUsize, Ordering};
use kit::sync::{controlled, thread};
use structures::channel::{RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError};
use testkit::drops::Ledger;
use testkit::schedule::{explore, random};
use testkit::{check, check_eq, scene, step};

use super::{channel, no_thread_sleeps_in_vain, spawn};

/// A limit that may end at any moment under the scheduler.
const SHORT: Duration = Duration::from_millis(1);

/// A limit that never ends under the scheduler.
const LONG: Duration = Duration::from_secs(7_200);

/// Checks that `values` of (sender, number) have the numbers of each sender in order, without a gap.
fn check_in_order(values: &[(usize, usize)], what: &str) {
    let mut last = std::collections::BTreeMap::new();
    for &(sender, number) in values {
        let before = last.insert(sender, number);
        check!(before < Some(number), "{what}: value {number} of sender {sender} came after {before:?}");
    }
}

/// Each value arrives once, and those of one sender in its order, however senders and receivers take turns.
#[testkit::test]
fn delivers_each_value_once_and_in_the_order_of_its_sender() {
    explore(120, || {
        scene::invariant(
            "C1",
            "every accepted value is received exactly once, or dropped with the last receiver",
        );
        let (sender, receiver) = channel(2);
        let senders: Vec<_> = (0..2)
            .map(|index| {
                let sender = sender.clone();
                spawn(format!("sender {index}"), "sends 0, 1 and 2", move || {
                    (0..3).for_each(|number| check_eq!(sender.send((index, number)), Ok(()), "send"));
                })
            })
            .collect();
        drop(sender);
        let receivers: Vec<_> = (0..2)
            .map(|index| {
                let receiver = receiver.clone();
                spawn(format!("receiver {index}"), "receives until the channel is closed", move || {
                    receiver.iter().collect::<Vec<(usize, usize)>>()
                })
            })
            .collect();
        drop(receiver);
        senders.into_iter().for_each(|sender| drop(sender.join()));
        let mut all = Vec::new();
        for receiver in receivers {
            let values = receiver.join().expect("a receiver ends when the channel is closed");
            check_in_order(&values, "what one receiver got");
            all.extend(values);
        }
        all.sort_unstable();
        let expected: Vec<_> = (0..2).flat_map(|index| (0..3).map(move |number| (index, number))).collect();
        check_eq!(all, expected, "everything that both receivers got");
    });
}

/// With one condition variable for both ends, notify_one may wake a thread of the wrong kind, and the right
/// one sleeps on.
#[testkit::test]
fn wakes_the_right_kind_of_waiter() {
    explore(200, || {
        no_thread_sleeps_in_vain();
        let (sender, receiver) = channel(1);
        let mut threads = Vec::new();
        for index in 0..3 {
            let (sender, receiver) = (sender.clone(), receiver.clone());
            threads.push(spawn(format!("sender {index}"), "sends twice", move || {
                check_eq!(sender.send(index), Ok(()), "send");
                check_eq!(sender.send(index), Ok(()), "send");
            }));
            threads.push(spawn(format!("receiver {index}"), "receives twice", move || {
                check!(receiver.recv().is_ok(), "recv while a sender is there gives a value");
                check!(receiver.recv().is_ok(), "recv while a sender is there gives a value");
            }));
        }
        threads.into_iter().for_each(|thread| drop(thread.join()));
        check_eq!(receiver.len(), 0, "len after 6 sends and 6 receives");
        drop(sender);
    });
}

/// Each value and each free slot allows one waiting thread to continue; if a notification is left out at
/// the wrong moment, a thread sleeps on.
#[testkit::test]
fn wakes_a_waiter_for_each_value_and_each_free_slot() {
    for head_start in (0..120).step_by(24) {
        explore(80, move || {
            no_thread_sleeps_in_vain();
            let (sender, receiver) = channel(2);
            let receivers: Vec<_> = (0..2)
                .map(|index| {
                    let receiver = receiver.clone();
                    spawn(format!("receiver {index}"), "receiver.recv()", move || receiver.recv())
                })
                .collect();
            // Time for both receivers to find the channel empty and to fall asleep.
            (0..head_start).for_each(|_| thread::yield_now());
            step!("main: sender.send(1); sender.send(2);");
            check_eq!(
                (sender.send(1), sender.send(2)),
                (Ok(()), Ok(())),
                "two sends to two waiting receivers"
            );
            let mut found: Vec<_> = receivers.into_iter().map(|thread| thread.join().ok()).collect();
            found.sort_unstable_by_key(|value| value.and_then(Result::ok));
            check_eq!(found, vec![Some(Ok(1)), Some(Ok(2))], "what two waiting receivers got");
            step!("main: sender.send(3); sender.send(4);");
            check_eq!((sender.send(3), sender.send(4)), (Ok(()), Ok(())), "two sends into an empty channel");
            let senders: Vec<_> = (5..7)
                .map(|value| {
                    let sender = sender.clone();
                    spawn(format!("sender {value}"), "sends its number", move || sender.send(value))
                })
                .collect();
            (0..head_start).for_each(|_| thread::yield_now());
            step!("main: receiver.recv(); receiver.recv();");
            check_eq!((receiver.recv(), receiver.recv()), (Ok(3), Ok(4)), "two receives from a full channel");
            for sender in senders {
                check_eq!(sender.join().ok(), Some(Ok(())), "a send that waited for one of two free places");
            }
            check_eq!(receiver.len(), 2, "len after both waiting senders went on");
        });
    }
}

/// One value lets one receiver continue, and one place lets one sender continue: if a send wakes all
/// receivers, all but one of them wake up for nothing.
#[testkit::test]
fn wakes_no_more_threads_than_can_continue() {
    const WAITING: usize = 6;
    let before = controlled::wakeups();
    const SCHEDULES: usize = 12;
    random(SCHEDULES, || {
        no_thread_sleeps_in_vain();
        let (sender, receiver) = channel(1);
        let taking: Vec<_> = (0..WAITING)
            .map(|index| {
                let receiver = receiver.clone();
                spawn(format!("receiver {index}"), "receiver.recv()", move || receiver.recv())
            })
            .collect();
        for value in 0..WAITING {
            // Time for all that wait to fall asleep, however often they look before they do.
            (0..400).for_each(|_| thread::yield_now());
            step!("main: sender.send({value});");
            check_eq!(sender.send(value), Ok(()), "send");
        }
        taking.into_iter().for_each(|thread| check!(matches!(thread.join(), Ok(Ok(_))), "recv"));
        check_eq!(sender.send(0), Ok(()), "send into an empty channel");
        let sending: Vec<_> = (0..WAITING)
            .map(|value| {
                let sender = sender.clone();
                spawn(format!("sender {value}"), "sends its number", move || sender.send(value))
            })
            .collect();
        for _ in 0..WAITING {
            (0..400).for_each(|_| thread::yield_now());
            step!("main: receiver.recv();");
            check!(receiver.recv().is_ok(), "recv from a full channel");
        }
        sending.into_iter().for_each(|thread| check_eq!(thread.join().ok(), Some(Ok(())), "send"));
    });
    let wakeups = controlled::wakeups() - before;
    // 12 waits a schedule. Waking all wakes 6 and 5 and 4 and so on, twice: 42.
    let most = (20 * SCHEDULES) as u64;
    check!(
        wakeups <= most,
        "{wakeups} threads were woken for 12 waits in {SCHEDULES} schedules (at most {most})"
    );
}

/// A sender must not miss room that appears between its check and its sleep: it checks, announces itself,
/// and checks again.
#[testkit::test]
fn room_that_appears_before_the_sleep_is_not_missed() {
    for head_start in (0..120).step_by(2) {
        explore(60, move || {
            no_thread_sleeps_in_vain();
            let (sender, receiver) = channel(1);
            step!("main: sender.send(0);");
            check_eq!(sender.send(0), Ok(()), "send into an empty channel");
            let waiting = spawn("sender", "sender.send(1)", move || sender.send(1));
            // Time for the sender to find the channel full, however often it looks before it sleeps.
            (0..head_start).for_each(|_| thread::yield_now());
            step!("main: receiver.recv();");
            check_eq!(receiver.recv(), Ok(0), "recv from a full channel");
            check_eq!(waiting.join().ok(), Some(Ok(())), "send that waited for room, after there was room");
            check_eq!(receiver.recv(), Ok(1), "the value of the sender that waited");
        });
    }
}

/// A receiver must not miss a value that is added between its check and its sleep.
#[testkit::test]
fn a_value_that_comes_before_the_sleep_is_not_missed() {
    for head_start in (0..100).step_by(20) {
        explore(60, move || {
            no_thread_sleeps_in_vain();
            let (sender, receiver) = channel(1);
            let waiting = spawn("receiver", "receiver.recv()", move || receiver.recv());
            (0..head_start).for_each(|_| thread::yield_now());
            step!("main: sender.send(1);");
            check_eq!(sender.send(1), Ok(()), "send to a receiver that waits");
            check_eq!(waiting.join().ok(), Some(Ok(1)), "recv that waited, after there was a value");
        });
    }
}

/// Close must wake every waiting thread: with notify_one, or without a second check after the wait, one
/// thread sleeps for ever.
#[testkit::test]
fn close_wakes_all_receivers() {
    explore(150, || {
        no_thread_sleeps_in_vain();
        let (sender, receiver) = channel::<u8>(2);
        let waiting: Vec<_> = (0..3)
            .map(|index| {
                let receiver = receiver.clone();
                spawn(format!("receiver {index}"), "receiver.recv()", move || receiver.recv())
            })
            .collect();
        step!("main: sender.close();");
        sender.close();
        for thread in waiting {
            check_eq!(
                thread.join().ok(),
                Some(Err(RecvError)),
                "recv that waited while the channel was closed"
            );
        }
    });
}

/// A sender that waits for room when the channel is closed returns its value.
#[testkit::test]
fn close_wakes_all_senders_and_returns_their_values() {
    explore(150, || {
        no_thread_sleeps_in_vain();
        let (sender, receiver) = channel(1);
        step!("main: sender.send(0);");
        check_eq!(sender.send(0), Ok(()), "send into an empty channel");
        let waiting: Vec<_> = (1..=3)
            .map(|value| {
                let sender = sender.clone();
                (value, spawn(format!("sender {value}"), "sends its number", move || sender.send(value)))
            })
            .collect();
        step!("main: receiver.close();");
        receiver.close();
        for (value, thread) in waiting {
            check_eq!(
                thread.join().ok(),
                Some(Err(SendError(value))),
                "send that waited for room until close"
            );
        }
        check_eq!(receiver.recv(), Ok(0), "the value from before close");
        check_eq!(receiver.recv(), Err(RecvError), "recv after that");
    });
}

/// Two threads clone their ends at the same moment: both clones count, or the channel closes while one of
/// them is left.
#[testkit::test]
fn clones_made_at_the_same_moment_are_all_counted() {
    explore(150, || {
        let (sender, receiver) = channel(8);
        let cloning: Vec<_> = (0..2)
            .map(|index| {
                let (sender, receiver) = (sender.clone(), receiver.clone());
                spawn(format!("thread {index}"), "clones both ends and drops the originals", move || {
                    let (second, other) = (sender.clone(), receiver.clone());
                    drop((sender, receiver));
                    (second, other)
                })
            })
            .collect();
        drop((sender, receiver));
        let ends = cloning.into_iter().map(|thread| thread.join().expect("the thread ends"));
        let (mut senders, mut receivers): (Vec<_>, Vec<_>) = ends.unzip();
        step!("main: drops one of two senders and one of two receivers");
        drop((senders.pop(), receivers.pop()));
        let (Some(sender), Some(receiver)) = (senders.pop(), receivers.pop()) else { return };
        check!(!sender.is_closed(), "a channel with one sender and one receiver left is open");
        check_eq!(sender.send(1), Ok(()), "send");
        check_eq!(receiver.recv(), Ok(1), "recv");
        drop(sender);
        check_eq!(receiver.recv(), Err(RecvError), "recv after the last sender went");
    });
}

/// Dropping the last sender is a close too, from whichever thread it happens.
#[testkit::test]
fn the_last_sender_wakes_the_receivers() {
    explore(150, || {
        no_thread_sleeps_in_vain();
        let (sender, receiver) = channel(1);
        let waiting: Vec<_> = (0..2)
            .map(|index| {
                let receiver = receiver.clone();
                spawn(format!("receiver {index}"), "receives until the channel is closed", move || {
                    receiver.iter().sum::<usize>()
                })
            })
            .collect();
        let senders: Vec<_> = (1..=2)
            .map(|value| {
                let sender = sender.clone();
                spawn(format!("sender {value}"), "sends its number", move || {
                    check_eq!(sender.send(value), Ok(()), "send")
                })
            })
            .collect();
        drop(sender);
        senders.into_iter().for_each(|thread| drop(thread.join()));
        let sums: Vec<usize> = waiting.into_iter().filter_map(|thread| thread.join().ok()).collect();
        check_eq!(sums.iter().sum::<usize>(), 3, "sum of all values received");
    });
}

/// Dropping the last receiver ends every wait for room, and no value is lost.
#[testkit::test]
fn the_last_receiver_wakes_the_senders() {
    explore(150, || {
        no_thread_sleeps_in_vain();
        let ledger = Ledger::new();
        let (sender, receiver) = channel(1);
        let second = receiver.clone();
        let waiting: Vec<_> = (0..3)
            .map(|value| {
                let (sender, item) = (sender.clone(), ledger.item(value));
                spawn(format!("sender {value}"), "sends its number", move || sender.send(item).is_ok())
            })
            .collect();
        let leaving = spawn("receiver 2", "drops its receiver", move || drop(second));
        step!("main: drop(receiver);");
        drop(receiver);
        drop(leaving.join());
        let accepted = waiting.into_iter().filter_map(|thread| thread.join().ok());
        check!(accepted.filter(|&is_accepted| is_accepted).count() <= 1, "at most one value found room");
        check_eq!(sender.len(), 0, "len after the last receiver went");
        ledger.assert_all_dropped_once();
    });
}

/// A send and a close at the same moment: the value is either refused or received, never accepted and lost.
#[testkit::test]
fn loses_nothing_when_close_meets_a_send() {
    explore(250, || {
        scene::invariant(
            "C1",
            "every accepted value is received exactly once, or dropped with the last receiver",
        );
        let (sender, receiver) = channel(2);
        let senders: Vec<_> = (0..2)
            .map(|index| {
                let sender = sender.clone();
                spawn(format!("sender {index}"), "sends 0, 1 and 2 until a send fails", move || {
                    (0..3).take_while(|&number| sender.send((index, number)).is_ok()).count()
                })
            })
            .collect();
        let draining = {
            let receiver = receiver.clone();
            spawn("receiver", "receives until the channel is closed", move || receiver.iter().count())
        };
        step!("main: sender.close();");
        check!(sender.close(), "the first close says true");
        check!(sender.send((9, 9)).is_err(), "a send after close returned is refused");
        let accepted: usize = senders.into_iter().filter_map(|thread| thread.join().ok()).sum();
        let received = draining.join().unwrap_or(0);
        check_eq!(receiver.try_recv(), Err(TryRecvError::Closed), "try_recv after iter() ended");
        check_eq!(received, accepted, "values received, against values accepted");
    });
}

/// A wait may end without a notification, or another thread may be faster: neither means that the time is up.
#[testkit::test]
fn a_spurious_wakeup_is_no_timeout() {
    explore(200, || {
        let (sender, receiver) = channel(1);
        let taking: Vec<_> = (0..2)
            .map(|index| {
                let receiver = receiver.clone();
                spawn(format!("receiver {index}"), "receiver.recv_timeout(2 hours)", move || {
                    receiver.recv_timeout(LONG)
                })
            })
            .collect();
        let sending: Vec<_> = (0..3)
            .map(|value| {
                let sender = sender.clone();
                spawn(format!("sender {value}"), "sends its number, with a time-out of 2 hours", move || {
                    sender.send_timeout(value, LONG)
                })
            })
            .collect();
        for thread in taking {
            check!(matches!(thread.join(), Ok(Ok(_))), "recv_timeout of 2 hours gets one of 3 values");
        }
        check!(receiver.recv_timeout(LONG).is_ok(), "recv_timeout of 2 hours gets the last of 3 values");
        for thread in sending {
            check_eq!(thread.join().ok(), Some(Ok(())), "send_timeout of 2 hours");
        }
    });
}

/// A receiver whose time is up at the moment it is notified must not lose the notification: it checks once
/// more.
#[testkit::test]
fn a_receiver_that_times_out_passes_the_wakeup_on() {
    let (timeouts, values) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for head_start in (0..140).step_by(20) {
        let (timeouts, values) = (timeouts.clone(), values.clone());
        explore(100, move || {
            no_thread_sleeps_in_vain();
            let (sender, receiver) = channel(2);
            let waiting = {
                let receiver = receiver.clone();
                spawn("the waiting receiver", "receiver.recv()", move || receiver.recv())
            };
            let timed = spawn("the timed receiver", "receiver.recv_timeout(1 ms)", move || {
                receiver.recv_timeout(SHORT)
            });
            // Time for both to fall asleep, however often they look before they do.
            (0..head_start).for_each(|_| thread::yield_now());
            step!("main: sender.send(1);");
            check_eq!(sender.send(1), Ok(()), "send");
            match timed.join().ok() {
                Some(Ok(value)) => {
                    values.fetch_add(1, Ordering::Relaxed);
                    check_eq!(value, 1, "recv_timeout");
                    step!("main: sender.send(1);  // for the waiting receiver");
                    check_eq!(sender.send(1), Ok(()), "send for the other receiver");
                }
                other => {
                    timeouts.fetch_add(1, Ordering::Relaxed);
                    check_eq!(other, Some(Err(RecvTimeoutError::Timeout)), "recv_timeout of an open channel");
                }
            }
            check_eq!(waiting.join().ok(), Some(Ok(1)), "recv, with a value in the channel");
        });
    }
    let (timeouts, values) = (timeouts.load(Ordering::Relaxed), values.load(Ordering::Relaxed));
    check!(timeouts > 0 && values > 0, "both outcomes were seen: {timeouts} time-outs, {values} values");
}

/// A sender whose time is up at the moment it is notified must not lose the notification: it checks once
/// more.
#[testkit::test]
fn a_sender_that_times_out_passes_the_wakeup_on() {
    for head_start in (0..140).step_by(20) {
        explore(100, move || {
            no_thread_sleeps_in_vain();
            let (sender, receiver) = channel(1);
            step!("main: sender.send(0);");
            check_eq!(sender.send(0), Ok(()), "send into an empty channel");
            let waiting = {
                let sender = sender.clone();
                spawn("the waiting sender", "sender.send(1)", move || sender.send(1))
            };
            let timed = spawn("the timed sender", "sender.send_timeout(2, 1 ms)", move || {
                sender.send_timeout(2, SHORT)
            });
            // Time for both to fall asleep, however often they look before they do.
            (0..head_start).for_each(|_| thread::yield_now());
            step!("main: receiver.recv();");
            check_eq!(receiver.recv(), Ok(0), "recv from a full channel");
            match timed.join().ok() {
                Some(Ok(())) => {
                    step!("main: receiver.recv();");
                    check!(receiver.recv().is_ok(), "recv after send_timeout was accepted");
                }
                other => {
                    check_eq!(
                        other,
                        Some(Err(SendTimeoutError::Timeout(2))),
                        "send_timeout into an open channel"
                    )
                }
            }
            check_eq!(waiting.join().ok(), Some(Ok(())), "send, with room in the channel");
        });
    }
}

/// try_recv and len never wait: if a receiver kept a lock while it sleeps, they would.
#[testkit::test]
fn try_recv_and_len_do_not_wait_for_a_sleeping_receiver() {
    for head_start in [0, 30, 60, 90] {
        explore(40, move || {
            no_thread_sleeps_in_vain();
            let (sender, receiver) = channel(2);
            let waiting = {
                let receiver = receiver.clone();
                spawn("receiver", "receiver.recv()", move || receiver.recv())
            };
            // Time for the receiver to fall asleep, however often it looks before it does.
            (0..head_start).for_each(|_| thread::yield_now());
            step!("main: receiver.try_recv();");
            check_eq!(receiver.try_recv(), Err(TryRecvError::Empty), "try_recv while another receiver waits");
            step!("main: receiver.len();");
            check_eq!(receiver.len(), 0, "len while a receiver waits");
            step!("main: receiver.recv_timeout(1 ms);");
            check_eq!(
                receiver.recv_timeout(SHORT),
                Err(RecvTimeoutError::Timeout),
                "recv_timeout while another receiver waits"
            );
            step!("main: sender.send(1);");
            check_eq!(sender.send(1), Ok(()), "send to a receiver that waits");
            check_eq!(waiting.join().ok(), Some(Ok(1)), "recv that waited, after there was a value");
        });
    }
}

/// Between check and push no second sender may push: the limit holds at every moment.
#[testkit::test]
fn never_holds_more_than_the_capacity() {
    explore(120, || {
        scene::invariant("C3", "at most capacity values are in the channel");
        let (sender, receiver) = channel(2);
        let mut threads = Vec::new();
        for index in 0..3 {
            let sender = sender.clone();
            threads.push(spawn(format!("sender {index}"), "sends twice", move || {
                (0..2).for_each(|value| check_eq!(sender.send(value), Ok(()), "send"))
            }));
        }
        let taking = {
            let receiver = receiver.clone();
            spawn("receiver", "receives 6 times", move || {
                (0..6).for_each(|_| check!(receiver.recv().is_ok(), "recv while senders are there"));
            })
        };
        for _ in 0..4 {
            let len = receiver.len();
            check!(len <= 2, "at most 2 values are in a channel of capacity 2, len() says {len}");
        }
        threads.into_iter().for_each(|thread| drop(thread.join()));
        drop(taking.join());
        check_eq!(receiver.len(), 0, "len at the end");
    });
}
