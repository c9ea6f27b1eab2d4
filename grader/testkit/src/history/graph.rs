//! The direct serialization graph: committed transactions, and what each depends on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::anomaly::Anomaly;
use super::model::{Event, History, Item, Predicate, Txn, Version};
use super::versions::{Chain, Fate, Selected, Versions, Write};

/// Which two operations an edge is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A write, and the next write of the same item.
    Ww,
    /// A write, and a read of what it wrote.
    Wr,
    /// A read, and the next write of what was read.
    Rw,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Ww => "ww",
            Kind::Wr => "wr",
            Kind::Rw => "rw",
        })
    }
}

/// An edge: `from` must come before `to` in every serial order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependency {
    /// The transaction that must come first.
    pub from: Txn,
    /// The transaction that must come later.
    pub to: Txn,
    /// Which two operations make it.
    pub kind: Kind,
    /// About a predicate, not about a row that was read.
    pub is_predicate: bool,
    /// The item of both operations.
    pub item: Item,
    /// Index of the step of `from`.
    pub from_step: usize,
    /// Index of the step of `to`.
    pub to_step: usize,
}

/// A read that is wrong by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadRead {
    pub anomaly: Anomaly,
    pub reader: Txn,
    pub item: Item,
    /// Index of the reader's step.
    pub step: usize,
    /// The write that it saw or should have seen.
    pub write: Option<Write>,
}

/// The graph. Nodes are the committed transactions in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub nodes: Vec<Txn>,
    /// Sorted, each once.
    pub edges: Vec<Dependency>,
    pub bad_reads: Vec<BadRead>,
    /// The version that each read of a row selected: reader, item, step, position.
    pub item_reads: Vec<(Txn, Item, usize, usize)>,
}

/// One read, while its edges are being made.
#[derive(Clone, Copy)]
struct Reader<'h> {
    txn: Txn,
    step: usize,
    item: &'h Item,
}

/// What makes two edges the same: their ends, their kind, and the item if it is no predicate's edge.
type EdgeKey = (Txn, Txn, Kind, bool, Option<Item>);

struct Builder<'h> {
    versions: &'h Versions,
    /// The items of each table by their numbers.
    numbers: BTreeMap<&'h str, BTreeMap<i64, &'h Item>>,
    values: BTreeMap<(Item, Version), Option<i64>>,
    /// Item and steps of each edge. Edges of a predicate count once between two transactions, those of items
    /// once for each item.
    edges: BTreeMap<EdgeKey, (Item, usize, usize)>,
    bad_reads: Vec<BadRead>,
    item_reads: Vec<(Txn, Item, usize, usize)>,
}

impl Graph {
    pub fn new(history: &History, versions: &Versions) -> Graph {
        let mut numbers: BTreeMap<&str, BTreeMap<i64, &Item>> = BTreeMap::new();
        for item in versions.chains.keys() {
            if let Some(number) = item.number() {
                numbers.entry(item.table()).or_default().insert(number, item);
            }
        }
        let mut builder = Builder {
            versions,
            numbers,
            values: history.values(),
            edges: BTreeMap::new(),
            bad_reads: Vec::new(),
            item_reads: Vec::new(),
        };
        for (item, chain) in &versions.chains {
            builder.writes(item, chain);
        }
        for (at, step) in history.steps().iter().enumerate() {
            if versions.fate(step.txn) != Fate::Committed {
                continue;
            }
            match &step.event {
                Event::Read(item, Some(version)) => {
                    builder.row(Reader { txn: step.txn, step: at, item }, *version);
                }
                Event::Read(item, None) => {
                    builder.missing(Reader { txn: step.txn, step: at, item }, |value| value.is_some());
                }
                Event::Scan(predicate, saw) => builder.scan((step.txn, at), predicate, saw),
                _ => (),
            }
        }
        let nodes = (1..=history.txn_count() as u32).map(Txn);
        let nodes = nodes.filter(|txn| versions.fate(*txn) == Fate::Committed).collect();
        let edges = builder.edges.into_iter().map(|((from, to, kind, is_predicate, _), edge)| {
            let (item, from_step, to_step) = edge;
            Dependency { from, to, kind, is_predicate, item, from_step, to_step }
        });
        Graph { nodes, edges: edges.collect(), bad_reads: builder.bad_reads, item_reads: builder.item_reads }
    }
}

impl<'h> Builder<'h> {
    /// The `ww` edges of an item: each version depends on the one before it.
    fn writes(&mut self, item: &Item, chain: &Chain) {
        for pair in chain.installed.windows(2) {
            if let (Some(from), Some(to)) = (pair[0].step, pair[1].step) {
                self.edge(Kind::Ww, false, item, (pair[0].writer, from), (pair[1].writer, to));
            }
        }
    }

    /// A read that returned a row.
    fn row(&mut self, reader: Reader<'_>, version: Version) {
        let selected =
            self.versions.selected((reader.txn, reader.step), reader.item, Some(version), |_| false);
        let chain = &self.versions.chains[reader.item];
        match selected {
            Selected::Range(range) => {
                let at = *range.start();
                self.item_reads.push((reader.txn, reader.item.clone(), reader.step, at));
                self.read_from(false, reader, chain.installed[at]);
                self.overwritten(false, reader, chain.installed.get(at + 1));
            }
            Selected::Intermediate(write) => {
                self.read_from(false, reader, write);
                let at = chain.position_of(write.writer).expect("a committed writer has a version");
                self.overwritten(false, reader, chain.installed.get(at + 1));
                self.bad(Anomaly::IntermediateRead, reader, Some(write));
            }
            other => self.wrong(&other, reader),
        }
    }

    /// A read that did not return a row, because no row was there or because the row has not the property.
    /// `is_shown` says which values a version has that the read would have returned.
    fn missing(&mut self, reader: Reader<'_>, is_shown: impl Fn(Option<i64>) -> bool) {
        let selected =
            self.versions.selected((reader.txn, reader.step), reader.item, None, |value| !is_shown(value));
        let Some(chain) = self.versions.chains.get(reader.item) else { return };
        let changes =
            |at: usize| is_shown(chain.installed[at].value) != is_shown(chain.installed[at - 1].value);
        let range = match selected {
            Selected::Range(range) => range,
            Selected::Own => match chain.position_of(reader.txn) {
                Some(at) => at..=at,
                None => return,
            },
            Selected::Intermediate(write) => {
                if self.versions.fate(write.writer) == Fate::Committed {
                    self.read_from(true, reader, write);
                }
                return self.bad(Anomaly::IntermediateRead, reader, Some(write));
            }
            other => return self.wrong(&other, reader),
        };
        if let Some(at) = (1..=*range.start()).rev().find(|at| changes(*at)) {
            self.read_from(true, reader, chain.installed[at]);
        }
        let next = (range.end() + 1..chain.installed.len()).find(|at| changes(*at));
        self.overwritten(true, reader, next.map(|at| &chain.installed[at]));
    }

    /// A scan: the rows that it returned, and for every other item that it did not return it.
    fn scan(&mut self, (txn, step): (Txn, usize), predicate: &Predicate, saw: &[(Item, Version)]) {
        let mut returned = BTreeSet::new();
        for (item, version) in saw {
            let reader = Reader { txn, step, item };
            let value = self.values[&(item.clone(), *version)];
            if !predicate.matches(item, value) || !returned.insert(item) {
                self.bad(Anomaly::Unexplained, reader, None);
            }
            self.row(reader, *version);
        }
        let versions = self.versions;
        let items: Vec<&Item> = match predicate.range() {
            Some((_, range)) if range.is_empty() => Vec::new(),
            Some((table, range)) => {
                let (low, high) = (*range.start(), *range.end());
                let rows = self.numbers.get(table);
                rows.into_iter().flat_map(|rows| rows.range(low..=high)).map(|(_, item)| *item).collect()
            }
            None => versions.chains.keys().collect(),
        };
        for item in items {
            let chain = &versions.chains[item];
            let mut all = chain.installed.iter().chain(&chain.others);
            let can_match = all.any(|write| predicate.matches(item, write.value));
            if can_match && !returned.contains(item) {
                self.missing(Reader { txn, step, item }, |value| predicate.matches(item, value));
            }
        }
    }

    /// A `wr` edge.
    fn read_from(&mut self, is_predicate: bool, reader: Reader<'_>, write: Write) {
        if let Some(step) = write.step {
            let to = (reader.txn, reader.step);
            self.edge(Kind::Wr, is_predicate, reader.item, (write.writer, step), to);
        }
    }

    /// An `rw` edge.
    fn overwritten(&mut self, is_predicate: bool, reader: Reader<'_>, next: Option<&Write>) {
        if let Some(Write { writer, step: Some(step), .. }) = next {
            let from = (reader.txn, reader.step);
            self.edge(Kind::Rw, is_predicate, reader.item, from, (*writer, *step));
        }
    }

    /// The first of several edges that are the same stands for all of them.
    fn edge(
        &mut self,
        kind: Kind,
        is_predicate: bool,
        item: &Item,
        (from, from_step): (Txn, usize),
        (to, to_step): (Txn, usize),
    ) {
        if from != to {
            let key = (from, to, kind, is_predicate, (!is_predicate).then(|| item.clone()));
            self.edges.entry(key).or_insert_with(|| (item.clone(), from_step, to_step));
        }
    }

    /// A read that is wrong by itself, or one of the reader's own write, which needs no edge.
    fn wrong(&mut self, selected: &Selected, reader: Reader<'_>) {
        match selected {
            Selected::NotCommitted(write) => self.bad(Anomaly::AbortedRead, reader, Some(*write)),
            Selected::OwnMissed(write) => self.bad(Anomaly::OwnWriteMissed, reader, Some(*write)),
            Selected::Nothing => self.bad(Anomaly::Unexplained, reader, None),
            Selected::Own | Selected::Unknown | Selected::Range(_) | Selected::Intermediate(_) => (),
        }
    }

    fn bad(&mut self, anomaly: Anomaly, reader: Reader<'_>, write: Option<Write>) {
        let Reader { txn: reader, step, item } = reader;
        self.bad_reads.push(BadRead { anomaly, reader, item: item.clone(), step, write });
    }
}
