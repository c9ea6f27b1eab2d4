//! The channel on real threads: more values and more threads than a scheduler can explore.

use kit::sync::thread;
use structures::channel::{TryRecvError, bounded};
use testkit::check_eq;

/// Values of each sender.
const VALUES: u64 = 4_000;

/// Senders, and as many receivers.
const THREADS: u64 = 4;

fn pass_values(capacity: usize) {
    let (sender, receiver) = bounded(capacity);
    let sending: Vec<_> = (0..THREADS)
        .map(|index| {
            let sender = sender.clone();
            thread::spawn(move || (0..VALUES).all(|number| sender.send((index, number)).is_ok()))
        })
        .collect();
    drop(sender);
    let taking: Vec<_> = (0..THREADS)
        .map(|_| {
            let receiver = receiver.clone();
            thread::spawn(move || receiver.iter().collect::<Vec<(u64, u64)>>())
        })
        .collect();
    for thread in sending {
        check_eq!(thread.join().ok(), Some(true), "all sends accepted, capacity {capacity}");
    }
    let mut seen = vec![vec![0u32; VALUES as usize]; THREADS as usize];
    for thread in taking {
        let mut last = vec![None; THREADS as usize];
        for (index, number) in thread.join().unwrap_or_default() {
            let before = last[index as usize].replace(number);
            check_eq!(before.max(Some(number)), Some(number), "order of sender {index}, capacity {capacity}");
            seen[index as usize][number as usize] += 1;
        }
    }
    let wrong = seen.iter().flatten().filter(|&&times| times != 1).count();
    check_eq!(wrong, 0, "values not received exactly once, capacity {capacity}");
    check_eq!(receiver.try_recv(), Err(TryRecvError::Closed), "try_recv at the end, capacity {capacity}");
}

/// Four senders and four receivers on real threads, through a buffer that is often full and one that seldom
/// is.
#[testkit::test]
fn passes_many_values_between_many_threads() {
    for capacity in [2, 64, 1_024] {
        pass_values(capacity);
    }
}

/// The same without a buffer.
#[testkit::test]
fn passes_many_values_without_a_buffer() {
    pass_values(0);
}

/// The same with a buffer of one, where both kinds of waiters are there all the time.
#[testkit::test]
fn passes_many_values_through_a_buffer_of_one() {
    pass_values(1);
}
