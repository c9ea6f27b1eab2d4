//! The versions of each item in their order, and which of them a read selected.
//!
//! ```text
//!   chain of x     0: start, 50      1: T2, 60      2: T5, deleted      3: T7, 65
//!                  |                                |
//!                  position                         a read that finds no row selects this one
//!   not installed  T3, 55 (T3 was rolled back)      T5, 61 (T5 wrote x again)
//! ```
//!
//! - V1: position 0 is the start state: a value, or "never written". The other positions are the last writes
//!   of committed transactions, one a transaction.
//! - V2: a read selects a range of positions. It has one position unless the read found no row and several
//!   versions would look like that.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;

use super::model::{Event, History, Item, Txn, Version};

/// In which order the versions of an item follow each other.
#[derive(Debug, Clone)]
pub enum Order {
    /// In the order in which they were written. Right where a write changes the row at once.
    Writes,
    /// In the order in which their writers committed. Right where a commit installs what was buffered.
    Commits,
    /// As the engine says, for each item that more than one committed transaction wrote, without the start.
    Given(BTreeMap<Item, Vec<Version>>),
}

/// Why a history cannot be judged: whatever recorded it made a mistake, or the engine invented a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryError {
    /// A transaction did something after its end.
    AfterEnd {
        /// The step, from 1.
        step: usize,
        /// The transaction.
        txn: Txn,
    },
    /// A version was read that no write of the history made.
    UnknownVersion {
        /// The step, from 1.
        step: usize,
        /// The item that was read.
        item: Item,
        /// What it was said to carry.
        version: Version,
    },
    /// Two writes of an item have the same version.
    SameVersion {
        /// The step of the second write, from 1.
        step: usize,
        /// The item.
        item: Item,
        /// The version.
        version: Version,
    },
    /// The order that was given for an item lacks a version, or names another one.
    WrongOrder {
        /// The item.
        item: Item,
        /// What must be ordered.
        versions: Vec<Version>,
    },
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HistoryError::AfterEnd { step, txn } => {
                write!(f, "step {step}: {txn} does something after its commit or rollback")
            }
            HistoryError::UnknownVersion { step, item, version } => {
                write!(f, "step {step}: the version {version} of {item} was read, and no step wrote it")
            }
            HistoryError::SameVersion { step, item, version } => {
                write!(f, "step {step}: version {version} of {item} was already written by an earlier step")
            }
            HistoryError::WrongOrder { item, versions } => {
                let names: Vec<String> = versions.iter().map(ToString::to_string).collect();
                write!(f, "the order given for {item} must name exactly the versions {}", names.join(" "))
            }
        }
    }
}

impl std::error::Error for HistoryError {}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Committed,
    Aborted,
    /// It asked for a commit, the answer was lost, and no read names what it wrote.
    Unknown,
    Unfinished,
}

/// A write of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Write {
    /// `None` for an item that was never written.
    pub version: Option<Version>,
    pub writer: Txn,
    pub value: Option<i64>,
    /// Index of the step; `None` for the start state.
    pub step: Option<usize>,
}

/// The versions of one item.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    /// By position (V1).
    pub installed: Vec<Write>,
    /// All other writes, in order of time.
    pub others: Vec<Write>,
}

/// What a read selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selected {
    /// Versions of the chain.
    Range(RangeInclusive<usize>),
    /// A write of a transaction that wrote the item again later. Its writer's fate is committed or unknown.
    Intermediate(Write),
    /// A write of a transaction that did not commit.
    NotCommitted(Write),
    /// Perhaps a write of a transaction whose fate is unknown: nothing follows.
    Unknown,
    /// The reader's own last write.
    Own,
    /// The reader's own last write should have been seen: this one.
    OwnMissed(Write),
    /// No version explains the read.
    Nothing,
}

/// The chains of all items and the fates of all transactions.
#[derive(Debug)]
pub(super) struct Versions {
    pub chains: BTreeMap<Item, Chain>,
    fates: Vec<Fate>,
}

impl Versions {
    pub fn new(history: &History, order: &Order) -> Result<Versions, HistoryError> {
        let writes = writes(history)?;
        let fates = fates(history)?;
        let mut versions = Versions { chains: BTreeMap::new(), fates };
        let commits = commit_steps(history);
        for (item, writes) in writes {
            let chain = versions.chain(&item, writes, order, &commits)?;
            versions.chains.insert(item, chain);
        }
        Ok(versions)
    }

    /// How `txn` ended; the start state is committed.
    pub fn fate(&self, txn: Txn) -> Fate {
        if txn == Txn::START { Fate::Committed } else { self.fates[txn.0 as usize - 1] }
    }

    /// Which version of `item` a read of `txn` in step `step` selected, if it returned `saw`. For a read that
    /// returned nothing, `is_hidden` says which values a version has that such a read does not return.
    pub fn selected(
        &self,
        (txn, step): (Txn, usize),
        item: &Item,
        saw: Option<Version>,
        is_hidden: impl Fn(Option<i64>) -> bool,
    ) -> Selected {
        let Some(chain) = self.chains.get(item) else { return Selected::Range(0..=0) };
        let own = chain.last_own(txn, step);
        match saw {
            Some(version) => {
                if let Some(own) = own {
                    let is_own = own.version == Some(version);
                    return if is_own { Selected::Own } else { Selected::OwnMissed(own) };
                }
                if version.writer == txn {
                    // It saw what it had not written yet.
                    return Selected::Nothing;
                }
                if let Some(at) = chain.installed.iter().position(|write| write.version == Some(version)) {
                    return Selected::Range(at..=at);
                }
                let other = chain.others.iter().find(|write| write.version == Some(version));
                other.map_or(Selected::Nothing, |write| self.not_installed(*write))
            }
            None => match own {
                Some(own) if is_hidden(own.value) => Selected::Own,
                Some(own) => Selected::OwnMissed(own),
                None => self.hidden(chain, step, is_hidden),
            },
        }
    }

    /// What a read selected that returned nothing and whose reader had not written the item. A write that was
    /// recorded before the read explains it better than one that was recorded after it. Of those, one whose
    /// writer's fate is unknown comes first, because a read that it explains says nothing (H1).
    fn hidden(&self, chain: &Chain, step: usize, is_hidden: impl Fn(Option<i64>) -> bool) -> Selected {
        for is_before in [true, false] {
            let in_time = |write: &Write| (write.step.is_none_or(|at| at < step)) == is_before;
            let fits = |write: &Write| in_time(write) && is_hidden(write.value);
            let may_count = |write: &Write| fits(write) && self.may_have_committed(chain, *write);
            if chain.others.iter().any(may_count) {
                return Selected::Unknown;
            }
            let first = chain.installed.iter().position(fits);
            let last = chain.installed.iter().rposition(fits);
            if let (Some(first), Some(last)) = (first, last) {
                return Selected::Range(first..=last);
            }
            if let Some(write) = chain.others.iter().rev().find(|write| fits(write)) {
                return self.not_installed(*write);
            }
        }
        Selected::Nothing
    }

    /// Whether a write is the last of its writer to the item, and the writer's fate is unknown.
    fn may_have_committed(&self, chain: &Chain, write: Write) -> bool {
        self.fate(write.writer) == Fate::Unknown && chain.last_own(write.writer, usize::MAX) == Some(write)
    }

    /// Of a write that cannot have been the last of a committed transaction.
    fn not_installed(&self, write: Write) -> Selected {
        match self.fate(write.writer) {
            Fate::Committed | Fate::Unknown => Selected::Intermediate(write),
            Fate::Aborted | Fate::Unfinished => Selected::NotCommitted(write),
        }
    }

    fn chain(
        &self,
        item: &Item,
        writes: Vec<Write>,
        order: &Order,
        commits: &[usize],
    ) -> Result<Chain, HistoryError> {
        let (start, writes): (Vec<Write>, Vec<Write>) =
            writes.into_iter().partition(|write| write.writer == Txn::START);
        let never = Write { version: None, writer: Txn::START, value: None, step: None };
        let mut last_of = BTreeMap::new();
        for (at, write) in writes.iter().enumerate() {
            if self.fate(write.writer) == Fate::Committed {
                last_of.insert(write.writer, at);
            }
        }
        let is_last = |at: usize| last_of.get(&writes[at].writer) == Some(&at);
        let mut installed: Vec<Write> =
            (0..writes.len()).filter(|at| is_last(*at)).map(|at| writes[at]).collect();
        let others = (0..writes.len()).filter(|at| !is_last(*at)).map(|at| writes[at]).collect();
        match order {
            Order::Writes => (),
            Order::Commits => installed.sort_by_key(|write| commits[write.writer.0 as usize - 1]),
            Order::Given(orders) => sort_as_given(item, &mut installed, orders.get(item))?,
        }
        installed.insert(0, start.first().copied().unwrap_or(never));
        Ok(Chain { installed, others })
    }
}

impl Chain {
    /// The last write that `txn` made before step `step`.
    fn last_own(&self, txn: Txn, step: usize) -> Option<Write> {
        let all = self.installed.iter().chain(&self.others);
        all.filter(|write| write.writer == txn && write.step.is_some_and(|at| at < step))
            .max_by_key(|write| write.step)
            .copied()
    }

    /// Where the version of `txn` is.
    pub fn position_of(&self, txn: Txn) -> Option<usize> {
        (1..self.installed.len()).find(|at| self.installed[*at].writer == txn)
    }
}

/// Sorts the versions of an item as the engine says.
fn sort_as_given(
    item: &Item,
    installed: &mut [Write],
    given: Option<&Vec<Version>>,
) -> Result<(), HistoryError> {
    let versions = || installed.iter().filter_map(|write| write.version);
    let wrong = || HistoryError::WrongOrder { item: item.clone(), versions: versions().collect() };
    let Some(given) = given else {
        return if installed.len() < 2 { Ok(()) } else { Err(wrong()) };
    };
    let named: BTreeSet<Version> = given.iter().copied().collect();
    if named.len() != given.len() || named != versions().collect() {
        return Err(wrong());
    }
    installed.sort_by_key(|write| given.iter().position(|version| Some(*version) == write.version));
    Ok(())
}

/// The writes of each item in order of time. Items that were only read have none.
fn writes(history: &History) -> Result<BTreeMap<Item, Vec<Write>>, HistoryError> {
    let mut writes: BTreeMap<Item, Vec<Write>> = BTreeMap::new();
    let mut known = BTreeSet::new();
    for (item, version, value) in history.start_state() {
        let write = Write { version: Some(*version), writer: Txn::START, value: Some(*value), step: None };
        known.insert((item.clone(), *version));
        writes.entry(item.clone()).or_default().push(write);
    }
    for (at, step) in history.steps().iter().enumerate() {
        match &step.event {
            Event::Write(item, version, value) => {
                if !known.insert((item.clone(), *version)) {
                    let (item, version) = (item.clone(), *version);
                    return Err(HistoryError::SameVersion { step: at + 1, item, version });
                }
                let write =
                    Write { version: Some(*version), writer: step.txn, value: *value, step: Some(at) };
                writes.entry(item.clone()).or_default().push(write);
            }
            Event::Read(item, None) => drop(writes.entry(item.clone()).or_default()),
            _ => (),
        }
    }
    // A read may be recorded before the write that it saw, so this comes after all writes are known.
    for (at, step) in history.steps().iter().enumerate() {
        let seen: Vec<(&Item, Version)> = match &step.event {
            Event::Read(item, Some(version)) => vec![(item, *version)],
            Event::Scan(_, saw) => saw.iter().map(|(item, version)| (item, *version)).collect(),
            _ => continue,
        };
        if let Some((item, version)) =
            seen.into_iter().find(|(item, version)| !known.contains(&((*item).clone(), *version)))
        {
            return Err(HistoryError::UnknownVersion { step: at + 1, item: item.clone(), version });
        }
    }
    Ok(writes)
}

/// How each transaction ended. A commit whose answer was lost counts if a committed transaction read from it,
/// and is unknown otherwise.
fn fates(history: &History) -> Result<Vec<Fate>, HistoryError> {
    let mut fates = vec![None; history.txn_count()];
    let mut unknown = BTreeSet::new();
    for (at, step) in history.steps().iter().enumerate() {
        let fate = &mut fates[step.txn.0 as usize - 1];
        if fate.is_some() && !matches!(step.event, Event::Note(_)) {
            return Err(HistoryError::AfterEnd { step: at + 1, txn: step.txn });
        }
        match step.event {
            Event::Commit => *fate = Some(Fate::Committed),
            Event::Abort => *fate = Some(Fate::Aborted),
            Event::CommitUnknown => {
                *fate = Some(Fate::Unknown);
                unknown.insert(step.txn);
            }
            _ => (),
        }
    }
    let mut fates: Vec<Fate> = fates.into_iter().map(|fate| fate.unwrap_or(Fate::Unfinished)).collect();
    // Each round finds the transactions that those of the round before read from.
    while !unknown.is_empty() {
        let mut found = BTreeSet::new();
        for step in history.steps() {
            if fates[step.txn.0 as usize - 1] == Fate::Committed {
                found.extend(read_from(&step.event).filter(|writer| unknown.contains(writer)));
            }
        }
        if found.is_empty() {
            break;
        }
        for txn in found {
            unknown.remove(&txn);
            fates[txn.0 as usize - 1] = Fate::Committed;
        }
    }
    Ok(fates)
}

/// The writers of the versions that an event saw.
fn read_from(event: &Event) -> impl Iterator<Item = Txn> {
    let (one, many) = match event {
        Event::Read(_, saw) => (saw.as_ref(), None),
        Event::Scan(_, saw) => (None, Some(saw)),
        _ => (None, None),
    };
    let many = many.into_iter().flatten().map(|(_, version)| version.writer);
    one.map(|version| version.writer).into_iter().chain(many)
}

/// The step in which each transaction ended.
fn commit_steps(history: &History) -> Vec<usize> {
    let mut ends = vec![usize::MAX; history.txn_count()];
    for (at, step) in history.steps().iter().enumerate() {
        if matches!(step.event, Event::Commit | Event::CommitUnknown) {
            ends[step.txn.0 as usize - 1] = at;
        }
    }
    ends
}
