//! What controlled schedules find, and what they say about it.

#![cfg(feature = "controlled")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use kit::sync::atomic::{AtomicU64, Ordering};
use kit::sync::{Arc, Condvar, Mutex, RwLock, thread};
use testkit::{check_eq, schedule};

/// The failure that `search` ends with, as text.
fn failure_of(search: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(search)).expect_err("the bug was not found");
    let failure = payload.downcast::<testkit::Failure>().expect("it ends with a failure");
    format!("{failure:#?}")
}

/// A one-place channel; `is_broken` makes `send` test its condition once, and wake one of either kind.
struct Slot {
    value: Mutex<Option<u32>>,
    changed: Condvar,
    is_broken: bool,
}

impl Slot {
    fn new(is_broken: bool) -> Arc<Self> {
        Arc::new(Slot { value: Mutex::new(None), changed: Condvar::new(), is_broken })
    }

    fn send(&self, value: u32) {
        let mut slot = self.value.lock();
        while slot.is_some() {
            slot = self.changed.wait(slot);
        }
        *slot = Some(value);
        self.wake();
    }

    fn receive(&self) -> u32 {
        let mut slot = self.value.lock();
        loop {
            if let Some(value) = slot.take() {
                self.wake();
                return value;
            }
            slot = self.changed.wait(slot);
        }
    }

    /// With senders and receivers on one condition variable, waking one may wake the wrong one.
    fn wake(&self) {
        if self.is_broken { self.changed.notify_one() } else { self.changed.notify_all() }
    }
}

fn two_senders_two_receivers(is_broken: bool) {
    let slot = Slot::new(is_broken);
    let start = |name: &str, work: fn(&Slot)| {
        let slot = Arc::clone(&slot);
        thread::Builder::new().name(name.to_string()).spawn(move || work(&slot)).unwrap()
    };
    let send: fn(&Slot) = |slot| (0..3).for_each(|k| slot.send(k));
    let receive: fn(&Slot) = |slot| (0..3).for_each(|_| assert!(slot.receive() < 3));
    let threads = [
        start("sender-1", send),
        start("sender-2", send),
        start("receiver-1", receive),
        start("receiver-2", receive),
    ];
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_lost_wake_up_is_found_and_named() {
    let text = failure_of(|| schedule::explore(500, || two_senders_two_receivers(true)));
    assert!(text.contains("kind: Deadlock"), "{text}");
    assert!(text.contains("waits for a notification of the condition variable"), "{text}");
    assert!(text.contains("sender-") || text.contains("receiver-"), "{text}");
    assert!(text.contains("grader/testkit/tests/schedules.rs:"), "{text}");
}

#[test]
fn the_same_seed_finds_the_same_failure() {
    let find = || failure_of(|| schedule::explore(500, || two_senders_two_receivers(true)));
    assert_eq!(find(), find());
}

#[test]
fn a_picture_that_takes_locks_does_not_change_the_schedule_that_fails() {
    let text = failure_of(|| {
        schedule::explore(500, || {
            let order = Arc::new(Mutex::new(Vec::new()));
            let threads: Vec<_> = (0..4)
                .map(|number| {
                    let order = Arc::clone(&order);
                    thread::spawn(move || {
                        order.lock().push(number);
                        for _ in 0..3 {
                            testkit::scene::picture(|| format!("{:?}", *order.lock()));
                        }
                    })
                })
                .collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            let order = order.lock().clone();
            testkit::check!(order != [2, 0, 3, 1], "one order of 24: {order:?}");
        });
    });
    assert!(text.contains("one order of 24: [2, 0, 3, 1]"), "{text}");
    assert!(!text.contains("passed when it was run again"), "{text}");
    assert!(text.contains("picture: Some("), "{text}");
}

#[test]
fn a_correct_channel_passes() {
    schedule::explore(300, || two_senders_two_receivers(false));
    schedule::pct(100, 4, || two_senders_two_receivers(false));
}

#[test]
fn waiting_with_if_in_place_of_while_is_found() {
    // Only a wake-up without a reason shows it here.
    let text = failure_of(|| {
        schedule::random(300, || {
            let pair = Arc::new((Mutex::new(false), Condvar::new()));
            let other = Arc::clone(&pair);
            let setter = thread::spawn(move || {
                *other.0.lock() = true;
                other.1.notify_one();
            });
            let mut is_set = pair.0.lock();
            if !*is_set {
                is_set = pair.1.wait(is_set);
            }
            check_eq!(*is_set, true, "the flag after the wait");
            drop(is_set);
            setter.join().unwrap();
        });
    });
    assert!(text.contains("the flag after the wait") && text.contains("kind: Fail"), "{text}");
}

#[test]
fn locks_taken_in_two_orders_are_a_deadlock_with_holders() {
    let text = failure_of(|| {
        schedule::explore(200, || {
            let locks = Arc::new((Mutex::new(()), RwLock::new(())));
            let other = Arc::clone(&locks);
            let thread = thread::spawn(move || {
                let _first = other.1.write();
                let _second = other.0.lock();
            });
            let _first = locks.0.lock();
            let _second = locks.1.read();
            drop((_second, _first));
            thread.join().unwrap();
        });
    });
    assert!(text.contains("kind: Deadlock"), "{text}");
    assert!(text.contains("main waits for the reader-writer lock made at"), "{text}");
    assert!(text.contains("held by thread-1") && text.contains("held by main"), "{text}");
}

#[test]
fn a_race_on_atomics_is_found() {
    let text = failure_of(|| {
        schedule::pct(300, 2, || {
            let counter = Arc::new(AtomicU64::new(0));
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let counter = Arc::clone(&counter);
                    thread::spawn(move || {
                        let seen = counter.load(Ordering::SeqCst);
                        counter.store(seen + 1, Ordering::SeqCst);
                    })
                })
                .collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            check_eq!(counter.load(Ordering::SeqCst), 2, "two increments");
        });
    });
    assert!(text.contains("two increments"), "{text}");
}

#[test]
fn locking_twice_is_a_deadlock() {
    let text = failure_of(|| {
        schedule::random(1, || {
            let lock = Mutex::new(());
            let _first = lock.lock();
            let _second = lock.lock();
        });
    });
    assert!(text.contains("kind: Deadlock") && text.contains("already holds"), "{text}");
}

#[test]
fn polling_for_ever_is_a_livelock() {
    let text = failure_of(|| {
        schedule::random(1, || {
            let flag = AtomicU64::new(0);
            while flag.load(Ordering::SeqCst) == 0 {}
        });
    });
    assert!(text.contains("kind: Timeout") && text.contains("livelock"), "{text}");
}

#[test]
fn polling_for_another_thread_is_not_a_livelock() {
    schedule::explore(50, || {
        let flag = Arc::new(AtomicU64::new(0));
        let other = Arc::clone(&flag);
        let thread = thread::spawn(move || other.store(1, Ordering::SeqCst));
        while flag.load(Ordering::SeqCst) == 0 {}
        thread.join().unwrap();
    });
}

#[test]
fn a_timed_wait_sometimes_times_out_and_always_comes_back() {
    static TIMED_OUT: AtomicUsize = AtomicUsize::new(0);
    static NOTIFIED: AtomicUsize = AtomicUsize::new(0);
    schedule::explore(200, || {
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        let other = Arc::clone(&pair);
        let setter = thread::spawn(move || {
            *other.0.lock() = true;
            other.1.notify_one();
        });
        let (mut is_set, mut is_over) = (pair.0.lock(), false);
        while !*is_set && !is_over {
            let (guard, result) = pair.1.wait_timeout(is_set, Duration::from_millis(1));
            is_set = guard;
            is_over = result.timed_out();
        }
        let counter = if *is_set { &NOTIFIED } else { &TIMED_OUT };
        counter.fetch_add(1, Ordering::SeqCst);
        drop(is_set);
        setter.join().unwrap();
        // Nobody notifies: it comes back all the same.
        let guard = pair.0.lock();
        assert!(pair.1.wait_timeout(guard, Duration::from_millis(1)).1.timed_out());
    });
    assert!(TIMED_OUT.load(Ordering::SeqCst) > 10 && NOTIFIED.load(Ordering::SeqCst) > 10);
}

#[test]
fn scoped_threads_run_under_the_scheduler() {
    schedule::explore(50, || {
        let total = Mutex::new(0);
        let first = thread::scope(|scope| {
            let one = scope.spawn(|| {
                *total.lock() += 1;
                7
            });
            scope.spawn(|| *total.lock() += 1);
            one.join().unwrap()
        });
        check_eq!((first, *total.lock()), (7, 2), "what the threads did");
    });
}

#[test]
fn a_panic_on_a_thread_keeps_its_message() {
    let text = failure_of(|| {
        schedule::explore(5, || {
            let thread = thread::spawn(|| panic!("lost item {}", 3));
            let _ = thread.join();
        });
    });
    assert!(text.contains("lost item 3"), "{text}");
}

#[test]
fn outside_a_run_everything_is_the_standard_one() {
    let lock = Arc::new(Mutex::new(1));
    let other = Arc::clone(&lock);
    thread::spawn(move || *other.lock() += 1).join().unwrap();
    assert_eq!(*lock.lock(), 2);
    let ids = (thread::current().id(), thread::spawn(|| thread::current().id()).join().unwrap());
    assert_ne!(ids.0, ids.1);
}
