//! A small engine that runs random transactions at each isolation level and records what they did.
//!
//! With locks, rows are changed in place, a rolled back transaction puts them back, and a step that would
//! wait for a lock is not made. How long a read locks what it read is the level. With snapshots, a
//! transaction reads the state in which it began and its own writes; of two that write one row only the first
//! commits.

use std::collections::BTreeMap;

use super::*;
use crate::Rng;

/// What the random transactions are like.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub level: Level,
    /// Transactions in all, and how many at the same time.
    pub txns: usize,
    pub at_once: usize,
    /// Operations of each.
    pub operations: usize,
    pub keys: i64,
    /// Rows are deleted, and scans look for values; then an absent row has several explanations.
    pub is_ambiguous: bool,
}

/// A write lock, with what the row was and became under it.
struct Written {
    txn: Txn,
    key: i64,
    before: Option<(Version, i64)>,
    values: Vec<Option<i64>>,
}

#[derive(Default)]
struct Locks {
    rows: BTreeMap<i64, (Version, i64)>,
    written: Vec<Written>,
    read: Vec<(Txn, i64)>,
    scanned: Vec<(Txn, Predicate)>,
}

/// What a transaction wrote and nobody else sees yet.
type Buffer = BTreeMap<i64, (Version, Option<i64>)>;

#[derive(Default)]
struct Snapshots {
    /// For each key: number of the commit, version, value.
    versions: BTreeMap<i64, Vec<(usize, Version, Option<i64>)>>,
    commits: usize,
    /// For each transaction: the commits that it sees, and what it wrote.
    active: BTreeMap<Txn, (usize, Buffer)>,
}

/// One operation of a random transaction.
enum Operation {
    Read(i64),
    Scan(Predicate),
    Write(i64, Option<i64>),
}

/// A history of random transactions of this shape. The versions of an item are in the order of [`order_of`].
pub fn history(rng: &mut Rng, shape: Shape) -> History {
    let mut history = History::new();
    let mut locks = Locks::default();
    let mut snapshots = Snapshots::default();
    for key in (0..shape.keys).filter(|key| key % 2 == 0) {
        let version = history.start(key, key);
        locks.rows.insert(key, (version, key));
        snapshots.versions.insert(key, vec![(0, version, Some(key))]);
    }
    let mut active: Vec<(Txn, usize)> = Vec::new();
    let mut begun = 0;
    while begun < shape.txns || !active.is_empty() {
        if begun < shape.txns && active.len() < shape.at_once {
            begun += 1;
            let txn = history.begin(begun as u32 % 4 + 1);
            active.push((txn, 0));
            snapshots.active.insert(txn, (snapshots.commits, BTreeMap::new()));
        }
        let slot = rng.usize(..active.len());
        let (txn, done) = &mut active[slot];
        let txn = *txn;
        *done += 1;
        if *done <= shape.operations {
            let operation = random_operation(rng, shape);
            match shape.level {
                Level::Snapshot => snapshots.run(&mut history, txn, operation),
                level => locks.run(&mut history, txn, operation, level),
            }
            continue;
        }
        active.remove(slot);
        let wants_commit = rng.u8(..8) > 0;
        let is_committed = match shape.level {
            Level::Snapshot => snapshots.end(txn, wants_commit),
            _ => locks.end(txn, wants_commit),
        };
        if is_committed { history.commit(txn) } else { history.abort(txn) }
    }
    history
}

/// The order of versions in the histories of a level.
pub fn order_of(level: Level) -> Order {
    if level == Level::Snapshot { Order::Commits } else { Order::Writes }
}

fn random_operation(rng: &mut Rng, shape: Shape) -> Operation {
    let key = rng.i64(0..shape.keys);
    match rng.u8(..8) {
        0..=2 => Operation::Read(key),
        3 if shape.is_ambiguous && rng.bool() => Operation::Scan(Predicate::multiple_of(3)),
        3 => Operation::Scan(Predicate::keys("", key..=key + rng.i64(0..3))),
        4 if shape.is_ambiguous => Operation::Write(key, None),
        _ => Operation::Write(key, Some(rng.i64(0..10))),
    }
}

impl Locks {
    fn run(&mut self, history: &mut History, txn: Txn, operation: Operation, level: Level) {
        let is_dirty = level == Level::ReadUncommitted;
        let is_long = level >= Level::RepeatableRead;
        let is_serializable = level == Level::Serializable;
        match operation {
            Operation::Read(key) => {
                if !is_dirty && self.written.iter().any(|write| write.txn != txn && write.key == key) {
                    return;
                }
                let row = self.rows.get(&key);
                history.read(txn, key, row.map(|(version, _)| *version));
                if is_long && row.is_some() {
                    self.read.push((txn, key));
                }
                if is_serializable && row.is_none() {
                    self.scanned.push((txn, Predicate::keys("", key..=key)));
                }
            }
            Operation::Scan(predicate) => {
                let is_touched = |write: &Written| {
                    let before = write.before.map(|(_, value)| value);
                    let mut values = write.values.iter().copied().chain([before]);
                    write.txn != txn && values.any(|value| predicate.matches(&write.key.into(), value))
                };
                if !is_dirty && self.written.iter().any(is_touched) {
                    return;
                }
                let rows = self.rows.iter();
                let saw: Vec<(i64, Version)> = rows
                    .filter(|(key, (_, value))| predicate.matches(&(**key).into(), Some(*value)))
                    .map(|(key, (version, _))| (*key, *version))
                    .collect();
                history.scan(txn, &predicate, saw.iter().map(|(key, version)| ((*key).into(), *version)));
                if is_long {
                    self.read.extend(saw.iter().map(|(key, _)| (txn, *key)));
                }
                if is_serializable {
                    self.scanned.push((txn, predicate));
                }
            }
            Operation::Write(key, value) => self.write(history, txn, key, value),
        }
    }

    fn write(&mut self, history: &mut History, txn: Txn, key: i64, value: Option<i64>) {
        let before = self.rows.get(&key).copied();
        let item = Item::from(key);
        let matches = |predicate: &Predicate| {
            predicate.matches(&item, value) || predicate.matches(&item, before.map(|(_, value)| value))
        };
        let is_refused = self.written.iter().any(|write| write.txn != txn && write.key == key)
            || self.read.iter().any(|(other, read)| *other != txn && *read == key)
            || self.scanned.iter().any(|(other, predicate)| *other != txn && matches(predicate));
        if is_refused || (value.is_none() && before.is_none()) {
            return;
        }
        let version = history.next_version(txn);
        history.write(txn, key, version, value);
        match self.written.iter_mut().find(|write| write.key == key) {
            Some(write) => write.values.push(value),
            None => self.written.push(Written { txn, key, before, values: vec![value] }),
        }
        match value {
            Some(value) => drop(self.rows.insert(key, (version, value))),
            None => drop(self.rows.remove(&key)),
        }
    }

    /// Returns whether the transaction committed.
    fn end(&mut self, txn: Txn, wants_commit: bool) -> bool {
        for write in self.written.iter().filter(|write| write.txn == txn && !wants_commit) {
            match write.before {
                Some(row) => drop(self.rows.insert(write.key, row)),
                None => drop(self.rows.remove(&write.key)),
            }
        }
        self.written.retain(|write| write.txn != txn);
        self.read.retain(|(other, _)| *other != txn);
        self.scanned.retain(|(other, _)| *other != txn);
        wants_commit
    }
}

impl Snapshots {
    fn run(&mut self, history: &mut History, txn: Txn, operation: Operation) {
        match operation {
            Operation::Read(key) => {
                history.read(txn, key, self.seen(txn, key).map(|(version, _)| version));
            }
            Operation::Scan(predicate) => {
                let own = self.active[&txn].1.keys();
                let mut keys: Vec<i64> = self.versions.keys().chain(own).copied().collect();
                keys.sort_unstable();
                keys.dedup();
                let rows = keys.into_iter().filter_map(|key| Some((key, self.seen(txn, key)?)));
                let saw: Vec<(Item, Version)> = rows
                    .filter(|(key, (_, value))| predicate.matches(&(*key).into(), Some(*value)))
                    .map(|(key, (version, _))| (key.into(), version))
                    .collect();
                history.scan(txn, &predicate, saw);
            }
            Operation::Write(key, value) => {
                if value.is_none() && self.seen(txn, key).is_none() {
                    return;
                }
                let version = history.next_version(txn);
                history.write(txn, key, version, value);
                let (_, writes) = self.active.get_mut(&txn).unwrap();
                writes.insert(key, (version, value));
            }
        }
    }

    /// The row that a transaction sees under a key.
    fn seen(&self, txn: Txn, key: i64) -> Option<(Version, i64)> {
        let (snapshot, writes) = &self.active[&txn];
        if let Some((version, value)) = writes.get(&key) {
            return value.map(|value| (*version, value));
        }
        let versions = self.versions.get(&key)?;
        let (_, version, value) = versions.iter().rfind(|(commit, ..)| commit <= snapshot)?;
        value.map(|value| (*version, value))
    }

    /// Returns whether the transaction committed: not if another one was faster.
    fn end(&mut self, txn: Txn, wants_commit: bool) -> bool {
        let (snapshot, writes) = self.active.remove(&txn).unwrap();
        let is_newer = |key: &i64| {
            self.versions.get(key).is_some_and(|all| all.iter().any(|(commit, ..)| *commit > snapshot))
        };
        if !wants_commit || writes.keys().any(is_newer) {
            return false;
        }
        self.commits += 1;
        for (key, (version, value)) in writes {
            self.versions.entry(key).or_default().push((self.commits, version, value));
        }
        true
    }
}
