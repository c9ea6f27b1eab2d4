//! The classic anomalies of isolation, step by step, with the transactions side by side.
//!
//! ```text
//! cargo run -p locking --example isolation -- read-committed
//! ```
//!
//! The levels are `read-uncommitted`, `read-committed`, `repeatable-read` and `serializable`, or in short
//! `ru`, `rc`, `rr` and `ser`. Tasks 5.1 to 5.6 must be done.
//!
//! ```text
//!   stories.rs    which transaction does what, in which order
//!   session.rs    a transaction on a thread of its own
//!   main.rs       gives one step after another, and prints what becomes of it
//! ```
//!
//! After each step the program waits until every transaction has ended its step or waits for a lock, as the
//! lock table says. A step that waited ends below the step that let it go on.

mod session;
mod stories;

use buffer_pool::BufferPool;
use kit::disk::MemDisk;
use kit::sync::Arc;
use locking::{
    Error, Isolation, LockConfig, LockError, MemoryStore, Table, TableId, Transactions, TxnId, WaitEdge,
};
use slotted_page::DiskManager;

use session::{Accounts, ByName, Session, Store, read_all, row};
use stories::{Do, STORIES, Story};

/// Width of a column.
const COLUMN: usize = 31;

/// The id of the transaction in the first column. The one before it made the accounts.
const FIRST: u64 = 2;

fn main() {
    let name = std::env::args().skip(1).collect::<Vec<_>>().join(" ").replace(['-', '_'], " ");
    let Some(level) = level(&name) else {
        let names = Isolation::ALL.map(|level| format!("  {:<16}  or {}", dashed(level), short(level)));
        let found = if name.is_empty() {
            "no isolation level is given".into()
        } else {
            format!("there is no isolation level `{name}`")
        };
        eprintln!("{found}; the levels are:\n{}", names.join("\n"));
        std::process::exit(2);
    };
    println!("All transactions run at {level}. At the start the accounts a and b have 50 each.");
    for story in STORIES {
        Stage::new(story, level).play(story);
    }
}

fn level(name: &str) -> Option<Isolation> {
    Isolation::ALL.into_iter().find(|level| level.to_string() == name || short(*level) == name)
}

fn short(level: Isolation) -> &'static str {
    match level {
        Isolation::ReadUncommitted => "ru",
        Isolation::ReadCommitted => "rc",
        Isolation::RepeatableRead => "rr",
        Isolation::Serializable => "ser",
    }
}

fn dashed(level: Isolation) -> String {
    level.to_string().replace(' ', "-")
}

/// What a story runs on.
struct Stage {
    shared: Arc<Transactions<Store>>,
    table: Table,
    sessions: Vec<Session>,
    /// The resource of each account, as errors name it.
    legend: String,
}

impl Stage {
    /// The accounts, and a transaction for each column.
    fn new(story: &Story, level: Isolation) -> Stage {
        let manager = DiskManager::create(Arc::new(MemDisk::new())).expect("memory has room");
        let pool = BufferPool::new(manager, 60).expect("a pool of some frames");
        let shared = Transactions::new(MemoryStore::new(pool, 50), LockConfig::default());
        let table = Table::create(&shared, TableId(1), Arc::new(ByName)).expect("memory has room");
        let setup = shared.begin(Isolation::Serializable).expect("a transaction begins");
        let legend = ['a', 'b'].map(|name| {
            let id = table.insert(&setup, &row(name, 50)).expect("no other transaction runs");
            format!("row {}.{} is account {name}", id.page.0, id.slot.0)
        });
        setup.commit().expect("no other transaction runs");
        let count = story.steps.iter().map(|(number, _)| *number).max().unwrap_or(0);
        let sessions = (0..count).map(|_| Session::new(&shared, &table, level)).collect();
        Stage { shared, table, sessions, legend: legend.join(", ") }
    }

    fn play(mut self, story: &Story) {
        println!("\n{}\n{}\n", story.name, story.question);
        let names: Vec<String> =
            (1..=self.sessions.len()).map(|number| format!("T{number:<0$}", COLUMN - 1)).collect();
        println!("  {}", names.concat().trim_end());
        for (number, step) in story.steps {
            self.sessions[number - 1].add(*step);
            self.go_on();
        }
        // Without a search for deadlocks, transactions in a circle would wait for ever.
        while let Some(number) = self.sessions.iter().position(|session| session.doing.is_some()) {
            println!("  T{} waits for ever: it is cancelled", number + 1);
            self.shared.locks().cancel(self.sessions[number].id);
            self.settle(None);
            self.go_on();
        }
        let reader = self.shared.begin(Isolation::ReadCommitted).expect("a transaction begins");
        let end = read_all(&self.table, &reader).expect("no other transaction runs");
        println!("  {}", "-".repeat(COLUMN * self.sessions.len() - 2));
        println!("  in the end: {}", balances(&end));
    }

    /// Gives every transaction that does not wait the steps that it has still to do.
    fn go_on(&mut self) {
        while let Some(number) = self.sessions.iter().position(Session::is_ready) {
            self.sessions[number].go_on();
            self.settle(Some(number));
        }
    }

    /// Waits until every step has ended or waits for a lock, and prints what has changed. `given` is the
    /// transaction that has just got its step.
    fn settle(&mut self, given: Option<usize>) {
        let mut ended: Vec<(usize, Do, Result<Accounts, Error>)> = Vec::new();
        loop {
            let mut is_quiet = true;
            for (number, session) in self.sessions.iter_mut().enumerate() {
                let Some(step) = session.doing else { continue };
                // Asked before the result is looked for: a step that ends in between is seen to have ended.
                let is_waiting = self.shared.locks().is_waiting(session.id);
                match session.result() {
                    Some(result) => {
                        ended.push((number, step, result));
                        is_quiet = false;
                    }
                    None => is_quiet &= is_waiting,
                }
            }
            if is_quiet {
                break;
            }
            kit::sync::thread::yield_now();
        }
        if let Some(number) = given {
            self.print_given(number, &mut ended);
        }
        // Victims first: what they released let the others go on.
        ended.sort_by_key(|(number, _, result)| (result.is_ok(), *number));
        for (number, step, result) in ended {
            self.print_end(number, &format!("... {}", words(step)), step, result);
        }
    }

    /// Prints the step that was just given: it has ended, or it waits, or it waited until a victim was rolled
    /// back.
    fn print_given(&self, number: usize, ended: &mut Vec<(usize, Do, Result<Accounts, Error>)>) {
        let own = ended.iter().position(|(other, ..)| *other == number);
        let has_victim = ended.iter().any(|(other, _, result)| *other != number && result.is_err());
        match own {
            Some(own) if !has_victim => {
                let (_, step, result) = ended.remove(own);
                self.print_end(number, &words(step), step, result);
            }
            Some(own) => line(number, &format!("{}: waits", words(ended[own].1))),
            None => {
                let blockers = self.blockers_of(number).join(", ");
                let step = self.sessions[number].doing.expect("its step has not ended");
                line(number, &format!("{}: waits for {blockers}", words(step)));
            }
        }
    }

    fn print_end(&self, number: usize, words: &str, step: Do, result: Result<Accounts, Error>) {
        match result {
            Ok(found) if matches!(step, Do::Read(_) | Do::ReadAll) => {
                line(number, &format!("{words}: {}", balances(&found)));
            }
            Ok(_) => line(number, words),
            Err(Error::Lock(LockError::Deadlock { cycle, .. })) => {
                line(number, &format!("{words}: rolled back"));
                println!("      deadlock ({}):", self.legend);
                cycle.iter().for_each(|edge| println!("      {}", renamed(edge)));
            }
            Err(error) => {
                line(number, &format!("{words}: rolled back"));
                println!("      {error}");
            }
        }
    }

    /// The columns of the transactions that one waits for.
    fn blockers_of(&self, number: usize) -> Vec<String> {
        let id = self.sessions[number].id;
        let edges = self.shared.locks().waits().into_iter().filter(|edge| edge.waiter == id);
        edges.map(|edge| column_of(edge.blocker).to_string()).collect()
    }
}

/// The name of a transaction's column.
fn column_of(id: TxnId) -> TxnId {
    TxnId(id.0 + 1 - FIRST)
}

/// An edge with the names of the columns.
fn renamed(edge: &WaitEdge) -> WaitEdge {
    WaitEdge { waiter: column_of(edge.waiter), blocker: column_of(edge.blocker), ..edge.clone() }
}

fn words(step: Do) -> String {
    match step {
        Do::Read(name) => format!("read {name}"),
        Do::ReadAll => "read all".into(),
        Do::Write(name, balance) => format!("write {name} = {balance}"),
        Do::Insert(name, balance) => format!("insert {name} = {balance}"),
        Do::Commit => "commit".into(),
        Do::Abort => "abort".into(),
    }
}

fn balances(found: &Accounts) -> String {
    if found.is_empty() {
        return "nothing".into();
    }
    let one = |(_, name, balance): &(_, char, i64)| format!("{name} = {balance}");
    found.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Prints a line in the column of a transaction.
fn line(number: usize, text: &str) {
    println!("  {:width$}{text}", "", width = number * COLUMN);
}
