//! Locks and transactions beside what people use, for the tables in the handout:
//!
//! `cargo bench --manifest-path solutions/Cargo.toml -p locking-peers`
//!
//! The first table is processor time on one thread: a row's lock and its release, beside a mutex and beside
//! an empty transaction of SQLite that takes the lock of its database (`BEGIN IMMEDIATE; COMMIT`, a database
//! in memory).
//!
//! The second table is transfers between 1,000 accounts a second, by the clock on the wall, because a thread
//! that sleeps until another is done costs no processor time. Nobody makes anything durable:
//!
//! - locks: the table of task 5.6 at serializable, on a pool that holds all pages, the account looked up by
//!   its key for writing; a victim of a deadlock tries again;
//! - snapshots: the map of task 5.7, serializable; what is refused tries again;
//! - SQLite: a connection for each thread, WAL, no sync, a file in memory where there is such a folder,
//!   `BEGIN IMMEDIATE` and a busy timeout, prepared statements.

mod peers {
    pub(crate) mod locks;
    pub(crate) mod snapshots;
    pub(crate) mod sqlite;
}

use std::hint::black_box;
use std::time::Instant;

use kit::sync::{Mutex, thread};
use locking::{LockConfig, LockMode, LockTable, Resource, TableId, TxnId};
use testkit::perf::Peers;

use peers::{locks::Locks, snapshots::Snapshots, sqlite::Sqlite};

/// Accounts of the bank, and what each holds at first.
const ACCOUNTS: u32 = 1_000;
const BALANCE: i64 = 1_000;

/// Transfers of a round, by all threads together, and rounds of each side.
const TRANSFERS: u32 = 8_000;
const ROUNDS: usize = 7;

/// Locks, or transactions, of a round of the first table.
const TURNS: u64 = 20_000;

/// A bank that several threads use.
trait Bank: Sync + Sized {
    /// What one thread has of it.
    type Teller<'b>: Send
    where
        Self: 'b;

    /// A bank in which each account has [`BALANCE`].
    fn new() -> Self;
    /// What a thread needs.
    fn teller(&self) -> Self::Teller<'_>;
    /// Moves 1 from one account to another, as often as it takes.
    fn transfer(teller: &mut Self::Teller<'_>, from: u32, to: u32);
    /// The sum of all accounts.
    fn sum(&self) -> i64;
}

fn main() {
    one_lock();
    println!("\nTransfers between {ACCOUNTS} accounts a second, median of {ROUNDS} rounds, in turn");
    println!(
        "{:<12}{:>12}{:>12}{:>12}{:>16}{:>20}",
        "threads", "locks", "snapshots", "SQLite", "locks/SQLite", "snapshots/SQLite"
    );
    for threads in [1, 4, 16] {
        let (locks, snapshots, sqlite) = (Locks::new(), Snapshots::new(), Sqlite::new());
        let mut rates: [Vec<f64>; 3] = Default::default();
        for round in 0..ROUNDS {
            rates[0].push(rate(&locks, threads, round));
            rates[1].push(rate(&snapshots, threads, round));
            rates[2].push(rate(&sqlite, threads, round));
        }
        let expected = i64::from(ACCOUNTS) * BALANCE;
        assert_eq!([locks.sum(), snapshots.sum(), sqlite.sum()], [expected; 3], "no money comes or goes");
        let [locks, snapshots, sqlite] = rates.map(|mut rates| {
            rates.sort_by(f64::total_cmp);
            rates[ROUNDS / 2]
        });
        println!(
            "{threads:<12}{locks:>12.0}{snapshots:>12.0}{sqlite:>12.0}{:>16.2}{:>20.2}",
            locks / sqlite,
            snapshots / sqlite
        );
    }
}

/// Transfers a second by so many threads.
fn rate<B: Bank>(bank: &B, threads: u32, round: usize) -> f64 {
    let mut tellers: Vec<B::Teller<'_>> = (0..threads).map(|_| bank.teller()).collect();
    let start = Instant::now();
    thread::scope(|scope| {
        for (number, teller) in (0_u32..).zip(&mut tellers) {
            scope.spawn(move || {
                for turn in 0..TRANSFERS / threads {
                    let mixed = (number * 7_919 + turn + round as u32).wrapping_mul(2_654_435_761);
                    let from = mixed % ACCOUNTS;
                    let to = mixed / ACCOUNTS % ACCOUNTS;
                    if from != to {
                        B::transfer(teller, from, to);
                    }
                }
            });
        }
    });
    f64::from(TRANSFERS / threads * threads) / start.elapsed().as_secs_f64()
}

/// A lock that nobody else wants.
fn one_lock() {
    let ours = || {
        let table = LockTable::new(LockConfig::default());
        let row = Resource::Row(TableId(1), peers::locks::record(7));
        Box::new(move || {
            for turn in 0..TURNS {
                black_box(table.lock(TxnId(turn), &row, LockMode::X).is_ok());
                table.unlock_all(TxnId(turn));
            }
        })
    };
    let mutex = || {
        let mutex = Mutex::new(0);
        Box::new(move || {
            for turn in 0..TURNS {
                *black_box(&mutex).lock() += turn;
            }
        })
    };
    let sqlite = || {
        let connection = rusqlite::Connection::open_in_memory().expect("memory has room");
        Box::new(move || {
            for _ in 0..TURNS {
                for statement in ["BEGIN IMMEDIATE", "COMMIT"] {
                    let mut statement = connection.prepare_cached(statement).expect("the statement is right");
                    statement.execute([]).expect("nobody else is there");
                }
            }
        })
    };
    Peers::new(&format!("{TURNS} locks of a row and their release"))
        .row("lock, release", ours)
        .against("mutex", mutex)
        .against("SQLite", sqlite)
        .print();
}
