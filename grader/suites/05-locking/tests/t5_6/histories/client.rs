//! Steps of `testkit::history::scenario` as calls of a table, and a session that is led through them.

use std::ops::Bound::Unbounded;
use std::rc::Rc;

use bplus_tree::Direction::Forward;
use buffer_pool::RecordId;
use kit::sync::Arc;
use locking::{Error, Isolation, LockConfig, RowLock, Rows, Transaction, TxnId, dump_locks};
use testkit::history::Version;
use testkit::history::play::{Answer, Player};
use testkit::history::scenario::Do;
use testkit::sessions::{Sessions, Step};
use testkit::{Failure, scene};

use crate::support::db::BatchStore;
use crate::support::rows::{Db, Person, id_key, ok};

pub(super) type SharedDb = Arc<Db<BatchStore>>;

/// A row of a history: id, value, and the version of its last writer. Value and version are its text.
pub(super) type Stored = [i64; 3];

/// A database without rows.
pub(super) fn new_db(config: LockConfig) -> SharedDb {
    Arc::new(Db::new(BatchStore::new(200), config))
}

/// Inserts rows in a transaction that commits.
pub(super) fn fill(db: &SharedDb, rows: &[Stored]) {
    let txn = db.begin(Isolation::Serializable);
    for row in rows {
        ok(db.table.insert(&txn, &bytes(*row)), "an insert of the test's setup");
    }
    ok(txn.commit(), "the commit of the test's setup");
}

fn bytes([id, value, version]: Stored) -> Vec<u8> {
    let text = [value.to_be_bytes(), version.to_be_bytes()].concat();
    Person { id: u32::try_from(id).ok(), group: 0, text }.bytes()
}

fn parts(row: &[u8]) -> Stored {
    let number = |at: usize| i64::from_be_bytes(row[at..at + 8].try_into().expect("eight bytes"));
    let id = u32::from_be_bytes(row[1..5].try_into().expect("four bytes"));
    [i64::from(id), number(6), number(14)]
}

/// How a client finds all rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// In the order of the index.
    Index,
    /// In the order of the heap.
    Heap,
}

/// A transaction, for whatever leads it step by step.
pub(super) struct Client {
    db: SharedDb,
    isolation: Isolation,
    scans: By,
    txn: Option<Transaction<BatchStore>>,
}

impl Client {
    pub(super) fn new(db: &SharedDb, isolation: Isolation, scans: By) -> Self {
        Client { db: Arc::clone(db), isolation, scans, txn: None }
    }

    pub(super) fn begin(&mut self) -> TxnId {
        let txn = self.db.begin(self.isolation);
        let id = txn.id();
        self.txn = Some(txn);
        id
    }

    /// Rolls the transaction back, if it has not ended.
    pub(super) fn roll_back(&mut self) -> Result<(), Error> {
        self.txn.take().map_or(Ok(()), Transaction::abort)
    }

    /// Does a step. `rows` gets the rows that it touched, also if it fails half way: others may have seen
    /// what it wrote.
    pub(super) fn run(&mut self, step: Do, version: i64, rows: &mut Vec<Stored>) -> Result<(), Error> {
        match (step, &self.txn) {
            (Do::Commit, _) => self.txn.take().map_or(Ok(()), Transaction::commit),
            (Do::Abort, _) => self.roll_back(),
            (_, Some(txn)) => self.statement(txn, step, version, rows),
            (_, None) => Failure::new(format!("{step:?} after the end of its transaction")).raise(),
        }
    }

    fn statement(
        &self,
        txn: &Transaction<BatchStore>,
        step: Do,
        version: i64,
        rows: &mut Vec<Stored>,
    ) -> Result<(), Error> {
        let table = &self.db.table;
        match step {
            Do::Read(id) => rows.extend(self.find(txn, id, RowLock::Read)?.iter().map(|(_, row)| *row)),
            Do::Scan(find) => {
                let predicate = find.predicate();
                let found = self.scan(txn, RowLock::Read)?.into_iter().map(|(_, row)| row);
                rows.extend(found.filter(|[id, value, _]| predicate.matches(&(*id).into(), Some(*value))));
            }
            Do::Set(id, value) => {
                for (record, [id, ..]) in self.find(txn, id, RowLock::Write)? {
                    table.update(txn, record, &bytes([id, value, version]))?;
                    rows.push([id, value, version]);
                }
            }
            Do::AddToAll(number) => {
                for (record, [id, old, _]) in self.scan(txn, RowLock::Write)? {
                    table.update(txn, record, &bytes([id, old + number, version]))?;
                    rows.push([id, old + number, version]);
                }
            }
            Do::Insert(id, value) => {
                table.insert(txn, &bytes([id, value, version]))?;
                rows.push([id, value, version]);
            }
            Do::DeleteValue(value) => {
                for (record, row) in self.scan(txn, RowLock::Write)? {
                    if row[1] == value {
                        table.delete(txn, record)?;
                        rows.push(row);
                    }
                }
            }
            Do::Commit | Do::Abort => unreachable!("they end the transaction"),
        }
        Ok(())
    }

    fn find(
        &self,
        txn: &Transaction<BatchStore>,
        id: i64,
        lock: RowLock,
    ) -> Result<Vec<(RecordId, Stored)>, Error> {
        let found = self.db.table.lookup(txn, 0, &id_key(id as u32), lock)?;
        Ok(found.into_iter().map(|(record, row)| (record, parts(&row))).collect())
    }

    /// All rows.
    fn scan(&self, txn: &Transaction<BatchStore>, lock: RowLock) -> Result<Vec<(RecordId, Stored)>, Error> {
        let all = match self.scans {
            By::Index => Rows::Range { index: 0, from: Unbounded, to: Unbounded, direction: Forward },
            By::Heap => Rows::All,
        };
        let found = self.db.scan(txn, all, lock)?;
        Ok(found.into_iter().map(|(record, row)| (record, parts(&row))).collect())
    }
}

/// What a step of a session gave.
type Given = Result<Vec<Stored>, Error>;

/// A session of a scenario. All of them share the threads.
pub(super) struct Seat {
    number: usize,
    sessions: Rc<Sessions<Client, Given>>,
    db: SharedDb,
}

impl Seat {
    pub(super) fn new(number: usize, sessions: &Rc<Sessions<Client, Given>>, db: &SharedDb) -> Self {
        Seat { number, sessions: Rc::clone(sessions), db: Arc::clone(db) }
    }

    fn answer(&self, step: Step<Given>) -> Answer {
        match step {
            Step::Done(Ok(rows)) => Answer::Done(rows),
            Step::Done(Err(error)) if error.must_roll_back() => Answer::Failed(error.to_string()),
            Step::Done(Err(error)) => Failure::new("a step of a scenario").found(error).raise(),
            Step::Waits => Answer::Waits,
        }
    }
}

impl Player for Seat {
    fn begin(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn ask(&mut self, step: Do, version: Version) -> Answer {
        scene::step(format!("session {}: {step:?}", self.number + 1));
        let version = version.to_i64();
        self.answer(self.sessions.step(self.number, move |client| {
            let mut rows = Vec::new();
            client.run(step, version, &mut rows).map(|()| rows)
        }))
    }

    fn again(&mut self) -> Answer {
        self.answer(self.sessions.look_at(self.number))
    }

    fn roll_back(&mut self) -> Result<(), String> {
        match self.sessions.step(self.number, |client| client.roll_back().map(|()| Vec::new())) {
            Step::Done(Ok(_)) => Ok(()),
            other => Err(format!("a rollback gave {other:?}")),
        }
    }

    fn ends_deadlocks(&self) -> bool {
        true
    }

    fn picture(&self) -> String {
        dump_locks(self.db.shared.locks())
    }
}
