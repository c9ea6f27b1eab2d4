//! Finds the anomalies of a history, the shortest example of each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::anomaly::{Anomaly, Level};
use super::cycles::{Edges, Must, Rest, shortest};
use super::graph::{BadRead, Dependency, Graph, Kind};
use super::model::{History, Item, Txn};
use super::versions::{Chain, HistoryError, Order, Versions};
use super::{story, svg};
use crate::Failure;

/// An anomaly and its example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its name.
    pub anomaly: Anomaly,
    /// The cycle, each edge starting where the one before it ends; empty for a read that is wrong by itself.
    pub cycle: Vec<Dependency>,
    pub(super) read: Option<BadRead>,
}

/// What the checker found in a history.
#[derive(Debug, Clone)]
pub struct Report {
    history: History,
    findings: Vec<Finding>,
}

impl History {
    /// Looks for anomalies. Versions of an item follow each other in the given order.
    ///
    /// Cost: 2,000 operations take some milliseconds where the history is serializable, and far less than a
    /// second where it is not.
    pub fn check(&self, order: &Order) -> Result<Report, HistoryError> {
        let versions = Versions::new(self, order)?;
        let graph = Graph::new(self, &versions);
        Ok(Report { history: self.clone(), findings: findings(&graph, &versions) })
    }

    /// As [`check`](History::check), for transactions of different levels: only what the level of a
    /// transaction forbids counts for its own reads. Everything that is found is therefore forbidden.
    /// Transactions without a level are serializable; snapshots cannot be mixed with others.
    ///
    /// Source: Adya, Liskov and O'Neil, "Generalized Isolation Level Definitions", ICDE 2000, on mixing
    /// levels.
    ///
    /// # Panics
    ///
    /// When a level is [`Level::Snapshot`].
    pub fn check_mixed(&self, order: &Order, levels: &BTreeMap<Txn, Level>) -> Result<Report, HistoryError> {
        assert!(levels.values().all(|level| *level != Level::Snapshot), "snapshots cannot be mixed");
        let level_of = |txn: Txn| levels.get(&txn).copied().unwrap_or(Level::Serializable);
        let versions = Versions::new(self, order)?;
        let mut graph = Graph::new(self, &versions);
        graph.edges.retain(|edge| match edge.kind {
            Kind::Ww => true,
            Kind::Wr => level_of(edge.to) >= Level::ReadCommitted,
            Kind::Rw if edge.is_predicate => level_of(edge.from) >= Level::Serializable,
            Kind::Rw => level_of(edge.from) >= Level::RepeatableRead,
        });
        graph.bad_reads.retain(|read| level_of(read.reader).forbids(read.anomaly));
        graph.item_reads.retain(|(reader, ..)| level_of(*reader) >= Level::RepeatableRead);
        Ok(Report { history: self.clone(), findings: findings(&graph, &versions) })
    }
}

/// The shortest example of each anomaly in a graph, the most severe first.
fn findings(graph: &Graph, versions: &Versions) -> Vec<Finding> {
    let mut findings = bad_reads(graph);
    let mut search = |anomaly, edges, must, rest| {
        let cycle = shortest(graph, edges, must, rest);
        let is_found = cycle.is_some();
        if let Some(cycle) = cycle {
            add(&mut findings, Finding { anomaly: name_of(anomaly, &cycle), cycle, read: None });
        }
        is_found
    };
    search(Anomaly::DirtyWrite, Edges::Writes, Must::Any, Rest::Any);
    search(Anomaly::CircularFlow, Edges::Flow, Must::Read, Rest::Any);
    let of_items = (Anomaly::SingleAntiDependency, Anomaly::AntiDependencyCycle, Anomaly::LongFork);
    let of_predicates = (Anomaly::Phantom, Anomaly::PhantomSkew, Anomaly::Phantom);
    for (edges, must, (one, several, apart)) in
        [(Edges::Items, Must::Item, of_items), (Edges::All, Must::Predicate, of_predicates)]
    {
        let has_one = search(one, edges, must, Rest::NoRw);
        search(several, edges, must, Rest::AnotherRw);
        // Of the cycles whose `rw` edges are apart, one with a single `rw` edge is the shortest.
        if !has_one {
            search(apart, edges, must, Rest::ApartRw);
        }
    }
    for (anomaly, cycle) in same_item(graph, versions) {
        add(&mut findings, Finding { anomaly, cycle, read: None });
    }
    findings.sort_by_key(|finding| finding.anomaly);
    findings
}

/// Keeps the shortest example of each anomaly.
fn add(findings: &mut Vec<Finding>, new: Finding) {
    match findings.iter_mut().find(|old| old.anomaly == new.anomaly) {
        Some(old) if new.cycle.len() < old.cycle.len() => *old = new,
        Some(_) => (),
        None => findings.push(new),
    }
}

/// The most special name of a cycle that the search for `anomaly` found.
fn name_of(anomaly: Anomaly, cycle: &[Dependency]) -> Anomaly {
    let is_one_item = cycle.iter().all(|edge| edge.item == cycle[0].item);
    let rest = |kind: Kind| cycle[1..].iter().all(|edge| edge.kind == kind);
    match anomaly {
        Anomaly::SingleAntiDependency if is_one_item && rest(Kind::Ww) => Anomaly::LostUpdate,
        Anomaly::SingleAntiDependency if is_one_item => Anomaly::NonRepeatableRead,
        Anomaly::SingleAntiDependency if !rest(Kind::Ww) => Anomaly::ReadSkew,
        Anomaly::AntiDependencyCycle if cycle.len() == 2 => Anomaly::WriteSkew,
        Anomaly::AntiDependencyCycle if is_apart(cycle) => Anomaly::LongFork,
        Anomaly::PhantomSkew if is_apart(cycle) => Anomaly::Phantom,
        other => other,
    }
}

/// Whether no `rw` edge follows another.
fn is_apart(cycle: &[Dependency]) -> bool {
    let next = cycle.iter().skip(1).chain(cycle);
    cycle.iter().zip(next).all(|(edge, next)| edge.kind != Kind::Rw || next.kind != Kind::Rw)
}

/// The first read of each kind that is wrong by itself.
fn bad_reads(graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    for read in &graph.bad_reads {
        add(&mut findings, Finding { anomaly: read.anomaly, cycle: Vec::new(), read: Some(read.clone()) });
    }
    findings
}

/// Lost updates and non-repeatable reads: cycles of one item, which a search may pass over because another
/// cycle is as short.
fn same_item(graph: &Graph, versions: &Versions) -> Vec<(Anomaly, Vec<Dependency>)> {
    let mut found = Vec::new();
    let mut last_reads: BTreeMap<(Txn, &Item), (usize, usize)> = BTreeMap::new();
    for (reader, item, step, at) in &graph.item_reads {
        let chain = &versions.chains[item];
        let read = (*at, *step);
        if let Some(own) = chain.position_of(*reader).filter(|own| own > at) {
            found.extend(
                overtaken(chain, item, (*reader, read), own, None).map(|cycle| (Anomaly::LostUpdate, cycle)),
            );
        }
        if let Some(before) = last_reads.insert((*reader, item), read) {
            let (low, high) = (before.min(read), before.max(read));
            let cycle = overtaken(chain, item, (*reader, low), high.0, Some(high.1));
            found.extend(cycle.map(|cycle| (Anomaly::NonRepeatableRead, cycle)));
        }
    }
    found
}

/// The cycle of a transaction that read position `at` in step `step`, of the writers of the positions after
/// it up to `end`, and back: by the read of position `end` in step `back`, or because the transaction itself
/// wrote it.
fn overtaken(
    chain: &Chain,
    item: &Item,
    (reader, (at, step)): (Txn, (usize, usize)),
    end: usize,
    back: Option<usize>,
) -> Option<Vec<Dependency>> {
    let mut cycle = Vec::new();
    let mut from = (reader, step);
    for position in at + 1..=end {
        let write = chain.installed[position];
        let to = (write.writer, write.step?);
        let kind = if position == at + 1 { Kind::Rw } else { Kind::Ww };
        cycle.push(edge(kind, item, from, to));
        from = to;
    }
    if let Some(step) = back {
        cycle.push(edge(Kind::Wr, item, from, (reader, step)));
    }
    let froms: BTreeSet<Txn> = cycle.iter().map(|edge| edge.from).collect();
    (cycle.len() > 1 && froms.len() == cycle.len()).then_some(cycle)
}

fn edge(kind: Kind, item: &Item, (from, from_step): (Txn, usize), (to, to_step): (Txn, usize)) -> Dependency {
    Dependency { from, to, kind, is_predicate: false, item: item.clone(), from_step, to_step }
}

impl Finding {
    /// The transactions that take part, each once, in the order of the cycle.
    pub fn txns(&self) -> Vec<Txn> {
        let writer = |read: &BadRead| read.write.map(|write| write.writer).filter(|txn| *txn != Txn::START);
        match &self.read {
            Some(read) => {
                let mut txns: Vec<Txn> = writer(read).into_iter().chain([read.reader]).collect();
                txns.dedup();
                txns
            }
            None => self.cycle.iter().map(|edge| edge.from).collect(),
        }
    }
}

impl Report {
    /// What was found, the most severe first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The names of what was found, the most severe first.
    pub fn anomalies(&self) -> Vec<Anomaly> {
        self.findings.iter().map(|finding| finding.anomaly).collect()
    }

    /// The example of an anomaly.
    pub fn find(&self, anomaly: Anomaly) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.anomaly == anomaly)
    }

    /// The most severe finding that a level forbids.
    pub fn violation(&self, level: Level) -> Option<&Finding> {
        self.findings.iter().find(|finding| level.forbids(finding.anomaly))
    }

    /// The history that was checked.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// A finding in words: what its transactions did side by side, and what each edge of the cycle means.
    pub fn story(&self, finding: &Finding) -> String {
        story::story(&self.history, finding)
    }

    /// A finding as a drawing: a lane for each transaction, time to the right, an arrow for each edge.
    pub fn svg(&self, finding: &Finding) -> String {
        svg::draw(&self.history, Some(finding))
    }

    /// What the engine looked like when the finding was complete, if the history has a picture from then on.
    fn picture_of(&self, finding: &Finding) -> String {
        let of_read = finding.read.iter().map(|read| read.step);
        let of_cycle = finding.cycle.iter().flat_map(|edge| [edge.from_step, edge.to_step]);
        let complete = of_read.chain(of_cycle).max().map_or(0, |at| at + 1);
        let picture = self.history.picture_from(complete);
        picture.map_or(String::new(), |(step, picture)| format!("after step {step}:\n{picture}"))
    }

    /// Ends the test if the history has an anomaly that `level` forbids; `what` says what made the history.
    /// The failure has the story of the most severe one, and what the engine looked like then
    /// ([`History::picture`]).
    pub fn expect(&self, level: Level, what: &str) {
        let Some(finding) = self.violation(level) else { return };
        let mut failure = Failure::new(format!("{what}: {} forbids this anomaly", level.name()))
            .expected_text(format!("no {}", finding.anomaly))
            .found_text(story::summary(finding))
            .picture(story::short_story(&self.history, finding) + &self.picture_of(finding));
        let others: Vec<String> =
            self.findings.iter().filter(|other| *other != finding).map(story::summary).collect();
        if !others.is_empty() {
            failure = failure.note(format!("also found: {}", others.join("; ")));
        }
        failure.note(format!("the history: {}", self.history)).raise()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.findings.is_empty() {
            return writeln!(f, "no anomaly in {} transactions", self.history.txn_count());
        }
        for (number, finding) in self.findings.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            write!(f, "{}", self.story(finding))?;
        }
        Ok(())
    }
}
