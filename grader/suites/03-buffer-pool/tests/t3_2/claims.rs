//! Claims that end while other threads wait: each is woken as soon as it can go on, and gets the right error.

use std::io::ErrorKind;

use buffer_pool::Access;
use testkit::check_eq;

use crate::pool_support::{
    Io, Journal, KIND, check_frames, io_error, joined, make, not_allocated, pin, pool_over, spawn_visit,
    visit,
};

/// A victim that is gone can be read again at once: a thread that waits for it does not wait for the page
/// that takes its frame.
#[testkit::test]
fn a_victim_does_not_wait_for_its_successor() {
    testkit::schedule::explore(120, || {
        let (tap, pool, ids) = pool_over(3, 2);
        let made = make(&pool);
        visit(&pool, ids[0]);
        tap.hold(Io::Write(made));
        tap.hold(Io::Read(ids[1]));
        let journal = Journal::default();
        let evictor = spawn_visit(&journal, "evictor", &pool, ids[1]);
        tap.await_held(Io::Write(made));
        // Whichever of these two is woken first, the other must not sleep on.
        let successor = spawn_visit(&journal, "waiter for the successor", &pool, ids[1]);
        let waiter = spawn_visit(&journal, "waiter", &pool, made);
        kit::sync::thread::yield_now();
        tap.let_go(Io::Write(made));
        joined("pin of a victim while the read of its successor hangs", waiter);
        check_eq!(tap.count(Io::Read(made)), 1, "reads of the victim, which is wanted again");
        tap.let_go(Io::Read(ids[1]));
        joined("pin whose read hung", evictor);
        joined("pin of the page that comes in", successor);
        check_frames(&pool, &ids[..2]);
    });
}

/// A call that waited for another thread's read has used the page too: with two uses it stays longer than a
/// page that was used once.
#[testkit::test]
fn a_call_that_waited_is_a_use() {
    testkit::schedule::explore(60, || {
        let (tap, pool, ids) = pool_over(3, 2);
        tap.hold(Io::Read(ids[0]));
        let journal = Journal::default();
        let threads = ["one", "two"].map(|name| spawn_visit(&journal, name, &pool, ids[0]));
        tap.await_held(Io::Read(ids[0]));
        tap.let_go(Io::Read(ids[0]));
        threads.into_iter().for_each(|thread| joined("pin", thread));
        visit(&pool, ids[1]);
        visit(&pool, ids[2]);
        visit(&pool, ids[0]);
        check_eq!(tap.count(Io::Read(ids[0])), 1, "reads of the page that two threads asked for");
    });
}

/// A page that could not be made is free before any other thread can look for it: a request for its number
/// fails because there is no such page, not because one is damaged.
#[testkit::test]
fn a_page_that_was_not_made_is_not_there() {
    testkit::schedule::pct(200, 3, || {
        let (tap, pool, ids) = pool_over(2, 2);
        let made = make(&pool);
        let new = pool.disk().allocate().expect("the disk has room");
        check_eq!(pool.disk().free(new), Ok(()), "free of a page that nobody uses");
        // The page that stays is worth more than the other, which leaves first once it is not pinned.
        (0..2).for_each(|_| visit(&pool, made));
        let other = pin(&pool, ids[0]);
        tap.fail(Io::Write(made), 1, ErrorKind::TimedOut);
        tap.hold(Io::Write(made));
        let (journal, below) = (Journal::default(), pool.clone());
        let maker = journal.spawn("maker", move |journal| {
            journal.call("maker", "pin_new", || below.pin_new(KIND).map(|pin| pin.id()))
        });
        tap.await_held(Io::Write(made));
        drop(other);
        tap.hold(Io::Read(new));
        let below = pool.clone();
        let reader = journal.spawn("reader", move |journal| {
            journal.call("reader", &format!("pin({new})"), || below.pin(new, Access::Again).map(drop))
        });
        tap.let_go(Io::Write(made));
        let failed = maker.join().expect("the thread ends");
        check_eq!(failed, Err(io_error(ErrorKind::TimedOut)), "pin_new whose victim cannot be written");
        tap.let_go(Io::Read(new));
        let found = reader.join().expect("the thread ends");
        check_eq!(found, Err(not_allocated(new)), "pin of {new}, which was not made after all");
        check_frames(&pool, &ids);
    });
}
