//! A transaction on a thread of its own, which does one step after another.

use std::collections::VecDeque;
use std::ops::Bound::Unbounded;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

use bplus_tree::Direction::Forward;
use buffer_pool::{BufferPool, RecordId};
use kit::sync::{Arc, thread};
use locking::{
    Error, IndexKey, Isolation, MemoryStore, RowKeys, RowLock, Rows, Scan, Table, Transaction, Transactions,
    TxnId,
};

use crate::stories::Do;

/// Pages in memory.
pub(crate) type Store = MemoryStore<BufferPool>;

/// Accounts: record id, name and balance.
pub(crate) type Accounts = Vec<(RecordId, char, i64)>;

/// The index of accounts by name.
pub(crate) struct ByName;

impl RowKeys for ByName {
    fn index_count(&self) -> usize {
        1
    }

    fn key(&self, _: usize, row: &[u8]) -> IndexKey {
        IndexKey { key: row[..1].to_vec(), must_be_unique: true }
    }
}

/// The row of an account: a byte with its name, then the balance.
pub(crate) fn row(name: char, balance: i64) -> Vec<u8> {
    [&[name as u8][..], &balance.to_be_bytes()].concat()
}

fn account(id: RecordId, row: &[u8]) -> (RecordId, char, i64) {
    (id, char::from(row[0]), i64::from_be_bytes(row[1..].try_into().expect("a row has a balance")))
}

/// A transaction and its thread, which ends with the transaction.
pub(crate) struct Session {
    /// Its id.
    pub(crate) id: TxnId,
    /// The step that it does now, or waits in.
    pub(crate) doing: Option<Do>,
    /// Steps that it has still to do.
    later: VecDeque<Do>,
    has_ended: bool,
    steps: Sender<Do>,
    results: Receiver<Result<Accounts, Error>>,
}

impl Session {
    /// Begins a transaction.
    pub(crate) fn new(shared: &Arc<Transactions<Store>>, table: &Table, level: Isolation) -> Session {
        let txn = shared.begin(level).expect("a transaction begins");
        let id = txn.id();
        let (steps, given) = channel();
        let (done, results) = channel();
        let table = table.clone();
        thread::spawn(move || serve(&table, txn, &given, &done));
        Session { id, doing: None, later: VecDeque::new(), has_ended: false, steps, results }
    }

    /// Adds a step to those that it has still to do, unless it has ended.
    pub(crate) fn add(&mut self, step: Do) {
        if !self.has_ended {
            self.later.push_back(step);
        }
    }

    /// True if it has a step to do and does none.
    pub(crate) fn is_ready(&self) -> bool {
        self.doing.is_none() && !self.later.is_empty()
    }

    /// Lets it do its next step.
    ///
    /// # Requires
    /// [`is_ready`](Self::is_ready).
    pub(crate) fn go_on(&mut self) {
        let step = self.later.pop_front().expect("it has a step to do");
        self.doing = Some(step);
        self.steps.send(step).expect("the thread takes steps until the transaction has ended");
    }

    /// What the step gave, if it has ended. After an error the steps that are left are dropped.
    pub(crate) fn result(&mut self) -> Option<Result<Accounts, Error>> {
        let result = match self.results.try_recv() {
            Ok(result) => result,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => {
                // Its panic has been printed.
                eprintln!("the thread of a transaction has ended by a panic: are tasks 5.1 to 5.6 done?");
                std::process::exit(1);
            }
        };
        let step = self.doing.take();
        if result.is_err() || matches!(step, Some(Do::Commit | Do::Abort)) {
            self.has_ended = true;
            self.later.clear();
        }
        Some(result)
    }
}

/// The thread of a transaction.
fn serve(
    table: &Table,
    txn: Transaction<Store>,
    given: &Receiver<Do>,
    done: &Sender<Result<Accounts, Error>>,
) {
    let mut txn = Some(txn);
    for step in given {
        let Some(open) = txn.take() else { break };
        let result = match step {
            Do::Commit => open.commit().map(|()| Accounts::new()),
            Do::Abort => open.abort().map(|()| Accounts::new()),
            _ => match run(table, &open, step) {
                Ok(found) => {
                    txn = Some(open);
                    Ok(found)
                }
                // It releases its locks before its error is printed.
                Err(error) => open.abort().and(Err(error)),
            },
        };
        if done.send(result).is_err() {
            break;
        }
    }
}

fn run(table: &Table, txn: &Transaction<Store>, step: Do) -> Result<Accounts, Error> {
    let find = |name: char, lock: RowLock| -> Result<Accounts, Error> {
        let found = table.lookup(txn, 0, &[name as u8], lock)?;
        Ok(found.iter().map(|(id, row)| account(*id, row)).collect())
    };
    match step {
        Do::Read(name) => find(name, RowLock::Read),
        Do::ReadAll => read_all(table, txn),
        Do::Write(name, balance) => {
            let found = find(name, RowLock::Write)?;
            for (id, ..) in &found {
                table.update(txn, *id, &row(name, balance))?;
            }
            Ok(found)
        }
        Do::Insert(name, balance) => table.insert(txn, &row(name, balance)).map(|_| Accounts::new()),
        Do::Commit | Do::Abort => unreachable!("they end the transaction"),
    }
}

/// All accounts, in the order of their names.
pub(crate) fn read_all(table: &Table, txn: &Transaction<Store>) -> Result<Accounts, Error> {
    let rows = Rows::Range { index: 0, from: Unbounded, to: Unbounded, direction: Forward };
    let mut cursor = table.scan(Scan { rows, lock: RowLock::Read, most_rows: false });
    let mut found = Accounts::new();
    loop {
        let batch = cursor.next(txn)?;
        if batch.is_empty() {
            return Ok(found);
        }
        found.extend(batch.iter().map(|(id, row)| account(*id, row)));
    }
}
