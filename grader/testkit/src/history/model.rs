//! A recorded history: the start state, and what each transaction did in order of time.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A transaction of a history. [`Txn::START`] stands for the state before all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Txn(pub u32);

impl Txn {
    /// Wrote the start state.
    pub const START: Txn = Txn(0);
}

impl fmt::Display for Txn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Txn::START { f.write_str("the start") } else { write!(f, "T{}", self.0) }
    }
}

/// Names one write of an item: the transaction, and the number of the write among all that it made, from 1.
///
/// A recorder stores it in the row that it writes, as one integer, so that a read shows which write it saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The transaction that wrote it.
    pub writer: Txn,
    /// Which of the writer's writes, from 1.
    pub write: u32,
}

impl Version {
    /// As one positive integer, to be stored in a row.
    pub fn to_i64(self) -> i64 {
        i64::from(self.writer.0) << 31 | i64::from(self.write & 0x7fff_ffff)
    }

    /// From the integer that [`to_i64`](Version::to_i64) made.
    pub fn from_i64(stored: i64) -> Version {
        Version { writer: Txn((stored >> 31) as u32), write: (stored & 0x7fff_ffff) as u32 }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.writer.0, self.write)
    }
}

/// Something that is read and written as a whole: a row, a key, a register. A name without spaces or any of
/// `( ) [ ] = @ ,`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item(Arc<str>);

impl Item {
    /// The row of `table` with this key: `accounts/7`.
    pub fn row(table: &str, key: i64) -> Item {
        Item(format!("{table}/{key}").into())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The number at the end of the name, after the last `/`, if there is one.
    pub fn number(&self) -> Option<i64> {
        self.0.rsplit('/').next()?.parse().ok()
    }

    /// The part of the name before the last `/`; empty if there is none.
    pub fn table(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(table, _)| table)
    }
}

impl From<&str> for Item {
    fn from(name: &str) -> Item {
        Item(name.into())
    }
}

impl From<String> for Item {
    fn from(name: String) -> Item {
        Item(name.into())
    }
}

impl From<&Item> for Item {
    fn from(item: &Item) -> Item {
        item.clone()
    }
}

impl From<i64> for Item {
    fn from(key: i64) -> Item {
        Item(key.to_string().into())
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Decides whether a row belongs to a scan.
type Matches = dyn Fn(&Item, i64) -> bool + Send + Sync;

/// What a scan looks for: a condition on a row's key and value. It is asked about rows that exist only.
#[derive(Clone)]
pub struct Predicate {
    text: Arc<str>,
    matches: Arc<Matches>,
    /// All that can match: the rows of a table whose number is in this range.
    range: Option<(Arc<str>, RangeInclusive<i64>)>,
}

impl Predicate {
    /// A condition, and how a report writes it.
    pub fn new(
        text: impl Into<String>,
        matches: impl Fn(&Item, i64) -> bool + Send + Sync + 'static,
    ) -> Predicate {
        Predicate { text: text.into().into(), matches: Arc::new(matches), range: None }
    }

    /// All rows of a table; the table with the empty name is that of items without a `/`.
    pub fn table(table: &str) -> Predicate {
        let name = table.to_string();
        let text = if table.is_empty() { "all".to_string() } else { format!("{table}/all") };
        Predicate::new(text, move |item, _| item.table() == name)
    }

    /// The rows of a table whose number is in a range.
    pub fn keys(table: &str, range: RangeInclusive<i64>) -> Predicate {
        let name = table.to_string();
        let slash = if table.is_empty() { "" } else { "/" };
        let text = format!("{table}{slash}{}..{}", range.start(), range.end());
        let known = Some((table.into(), range.clone()));
        let predicate = Predicate::new(text, move |item, _| {
            item.table() == name && item.number().is_some_and(|number| range.contains(&number))
        });
        Predicate { range: known, ..predicate }
    }

    /// The table and the numbers of all rows that can belong to the scan, where this is known.
    pub(super) fn range(&self) -> Option<(&str, &RangeInclusive<i64>)> {
        self.range.as_ref().map(|(table, range)| (&**table, range))
    }

    /// Whether a row with this value belongs to the scan. A row that does not exist never does.
    pub fn matches(&self, item: &Item, value: Option<i64>) -> bool {
        value.is_some_and(|value| (self.matches)(item, value))
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Predicate({})", self.text)
    }
}

/// What a transaction did in one step.
#[derive(Debug, Clone)]
pub enum Event {
    /// It began.
    Begin,
    /// It read an item and saw this version, or no row.
    Read(Item, Option<Version>),
    /// It looked for all rows with a property, and was given these.
    Scan(Predicate, Vec<(Item, Version)>),
    /// It wrote an item; no value means that it deleted the row.
    Write(Item, Version, Option<i64>),
    /// It committed.
    Commit,
    /// It was rolled back, by itself or by the engine.
    Abort,
    /// It asked for a commit, and the answer was lost. It counts as committed if a committed transaction read
    /// what it wrote. Otherwise it may have committed or not.
    CommitUnknown,
    /// Something to show that is no operation: "waits for T1".
    Note(String),
}

/// An event and its transaction.
#[derive(Debug, Clone)]
pub struct Step {
    /// The transaction.
    pub txn: Txn,
    /// What it did.
    pub event: Event,
}

/// A recorded history.
///
/// An event is recorded when the engine's answer is known: a write after it was done, a read with its result.
/// Under this rule the order of two writes of one item is right for every engine that holds a lock on what
/// it wrote until the transaction ends.
#[derive(Debug, Clone, Default)]
pub struct History {
    start: Vec<(Item, Version, i64)>,
    steps: Vec<Step>,
    /// The session of each transaction, from T1 on, and how many writes it announced.
    txns: Vec<(u32, u32)>,
    /// What the engine looked like after so many steps.
    pictures: BTreeMap<usize, String>,
}

impl History {
    /// A history in which nothing has happened and no item exists.
    pub fn new() -> History {
        History::default()
    }

    /// Adds an item to the start state. Returns its version, which the row must carry.
    pub fn start(&mut self, item: impl Into<Item>, value: i64) -> Version {
        let version = Version { writer: Txn::START, write: self.start.len() as u32 + 1 };
        self.start.push((item.into(), version, value));
        version
    }

    /// A new transaction of a session begins.
    pub fn begin(&mut self, session: u32) -> Txn {
        self.txns.push((session, 0));
        let txn = Txn(self.txns.len() as u32);
        self.push(txn, Event::Begin);
        txn
    }

    /// The transaction read `item` and saw this version, or `None` where it found no row.
    pub fn read(&mut self, txn: Txn, item: impl Into<Item>, saw: Option<Version>) {
        self.push(txn, Event::Read(item.into(), saw));
    }

    /// The transaction asked for all rows with a property and was given these.
    pub fn scan(&mut self, txn: Txn, predicate: &Predicate, saw: impl IntoIterator<Item = (Item, Version)>) {
        self.push(txn, Event::Scan(predicate.clone(), saw.into_iter().collect()));
    }

    /// The version for the next write of the transaction. Put it into the row, then call
    /// [`write`](History::write). A statement that writes several rows may give all of them one version.
    pub fn next_version(&mut self, txn: Txn) -> Version {
        let (_, writes) = &mut self.txns[txn.0 as usize - 1];
        *writes += 1;
        Version { writer: txn, write: *writes }
    }

    /// The transaction wrote `item`; `None` as the value means that it deleted the row.
    pub fn write(&mut self, txn: Txn, item: impl Into<Item>, version: Version, value: Option<i64>) {
        self.push(txn, Event::Write(item.into(), version, value));
    }

    /// The transaction committed.
    pub fn commit(&mut self, txn: Txn) {
        self.push(txn, Event::Commit);
    }

    /// The transaction was rolled back.
    pub fn abort(&mut self, txn: Txn) {
        self.push(txn, Event::Abort);
    }

    /// The transaction asked for a commit, and whether it committed is not known.
    pub fn commit_unknown(&mut self, txn: Txn) {
        self.push(txn, Event::CommitUnknown);
    }

    /// Something to show at this point that is no operation.
    pub fn note(&mut self, txn: Txn, text: impl Into<String>) {
        self.push(txn, Event::Note(text.into()));
    }

    /// Keeps a picture of the engine as it is now, after the newest step: a lock table, a list of versions. A
    /// failure shows the one of the moment in which the anomaly was complete. `draw` is called as by
    /// [`scene::picture`](crate::scene::picture).
    pub fn picture(&mut self, draw: impl FnOnce() -> String) {
        if let Some(picture) = crate::scene::drawn(draw) {
            self.pictures.insert(self.steps.len(), picture);
        }
    }

    /// The picture that was kept after step number `step`, or the next one after that.
    pub(super) fn picture_from(&self, step: usize) -> Option<(usize, &str)> {
        let (step, picture) = self.pictures.range(step..).next()?;
        (!picture.is_empty()).then_some((*step, picture))
    }

    /// All steps in order of time.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The items that existed before the first transaction: name, version, value.
    pub fn start_state(&self) -> &[(Item, Version, i64)] {
        &self.start
    }

    /// How many transactions began.
    pub fn txn_count(&self) -> usize {
        self.txns.len()
    }

    /// The session of a transaction.
    pub fn session(&self, txn: Txn) -> u32 {
        self.txns[txn.0 as usize - 1].0
    }

    /// The value that each write of the history gave its item: `None` is a deletion.
    pub fn values(&self) -> BTreeMap<(Item, Version), Option<i64>> {
        let start = self.start.iter().map(|(item, version, value)| ((item.clone(), *version), Some(*value)));
        let writes = self.steps.iter().filter_map(|step| match &step.event {
            Event::Write(item, version, value) => Some(((item.clone(), *version), *value)),
            _ => None,
        });
        start.chain(writes).collect()
    }

    /// Begins a transaction whose number the caller chose, if it has done nothing yet.
    pub(super) fn begin_if_new(&mut self, txn: Txn) -> Txn {
        while self.txns.len() < txn.0 as usize {
            let session = self.txns.len() as u32 + 1;
            self.txns.push((session, 0));
        }
        if self.steps.iter().all(|step| step.txn != txn) {
            self.push(txn, Event::Begin);
        }
        txn
    }

    fn push(&mut self, txn: Txn, event: Event) {
        let known = 1..=self.txns.len();
        assert!(known.contains(&(txn.0 as usize)), "{txn} did not begin in this history");
        self.steps.push(Step { txn, event });
    }
}
