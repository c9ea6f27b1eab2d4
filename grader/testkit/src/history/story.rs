//! A finding as a text that a person can follow.
//!
//! ```text
//!   write skew (G2-item): no order of T1 and T2 gives what they saw
//!
//!     step  T1                          T2
//!        3  reads x: 50 (the start)
//!        4                              reads y: 50 (the start)
//!        5  writes y = -10
//!
//!     T1 -rw y-> T2  T1 reads y in step 3, ...
//! ```
//!
//! With up to three transactions they stand side by side, as long as the table is at most [`MAX_WIDTH`]
//! columns wide; otherwise a line names its transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::anomaly::Anomaly;
use super::check::Finding;
use super::graph::{BadRead, Dependency, Kind};
use super::model::{Event, History, Item, Step, Txn, Version};

/// Widest table, in columns.
const MAX_WIDTH: usize = 100;
/// Most transactions side by side.
const MAX_COLUMNS: usize = 3;
/// Most steps of the transactions that are shown in full.
const MAX_STEPS: usize = 24;
/// Most rows of a scan that are shown.
const MAX_ROWS: usize = 4;

/// The values of all versions.
pub(super) type Values = BTreeMap<(Item, Version), Option<i64>>;

/// A finding in one line: its name and its cycle.
pub(super) fn summary(finding: &Finding) -> String {
    match &finding.read {
        Some(read) => format!("{}: {} reads {}", finding.anomaly, read.reader, read.item),
        None => {
            let mut line = format!("{}: {}", finding.anomaly, finding.cycle[0].from);
            for edge in &finding.cycle {
                let _ = write!(line, " {} {}", arrow(edge), edge.to);
            }
            line
        }
    }
}

/// The whole story.
pub(super) fn story(history: &History, finding: &Finding) -> String {
    let values = history.values();
    let shown = shown_steps(history, finding);
    let table = table(history, finding, &shown, &values);
    format!("{}: {}\n\n{table}\n{}", finding.anomaly, headline(finding), reasons(history, finding))
}

/// The story without its first line and without the steps that begin transactions: a failure says the first
/// line elsewhere and has room for few lines.
pub(super) fn short_story(history: &History, finding: &Finding) -> String {
    let begins = |at: &usize| matches!(history.steps()[*at].event, Event::Begin);
    let shown: Vec<usize> = shown_steps(history, finding).into_iter().filter(|at| !begins(at)).collect();
    table(history, finding, &shown, &history.values()) + &reasons(history, finding)
}

/// What each edge of the cycle means, and what follows from all of them; or what is wrong with a read.
fn reasons(history: &History, finding: &Finding) -> String {
    let mut out = String::new();
    match &finding.read {
        Some(read) => {
            let _ = writeln!(out, "  {}", bad_read(read, history));
        }
        None => {
            let names: Vec<String> = finding
                .cycle
                .iter()
                .map(|edge| format!("{} {} {}", edge.from, arrow(edge), edge.to))
                .collect();
            let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
            for (name, edge) in names.iter().zip(&finding.cycle) {
                let _ = writeln!(out, "  {name:<width$}  {}", sentence(history, edge));
            }
            let _ = writeln!(out, "  {:<width$}  {}", "", conclusion(&finding.cycle));
        }
    }
    out
}

/// `-rw x->`, with a `p` where the edge is about a predicate.
pub(super) fn arrow(edge: &Dependency) -> String {
    let predicate = if edge.is_predicate { "p" } else { "" };
    format!("-{}{predicate} {}->", edge.kind, edge.item)
}

fn headline(finding: &Finding) -> String {
    let mut txns = finding.txns();
    txns.sort_unstable();
    let names: Vec<String> = txns.iter().map(ToString::to_string).collect();
    let names = names.join(", ");
    match finding.anomaly {
        Anomaly::Unexplained => "no state of the row explains what the read returned".into(),
        Anomaly::OwnWriteMissed => "a transaction must see its own last write".into(),
        Anomaly::DirtyWrite => format!("the writes of {names} are mixed"),
        Anomaly::AbortedRead => "a committed transaction read what another wrote that did not commit".into(),
        Anomaly::IntermediateRead => "a committed transaction read what its writer then replaced".into(),
        _ => format!("no serial order of {names} gives what they saw"),
    }
}

/// The last line: what follows from all edges together.
fn conclusion(cycle: &[Dependency]) -> String {
    let mut order: Vec<String> = cycle.iter().map(|edge| edge.from.to_string()).collect();
    order.push(cycle[0].from.to_string());
    format!("So {} would have to come before itself: {}.", order[0], order.join(" before "))
}

/// What an edge means.
fn sentence(history: &History, edge: &Dependency) -> String {
    let Dependency { from, to, item, .. } = edge;
    let (first, second) = (edge.from_step + 1, edge.to_step + 1);
    let scan = |at: usize| match &history.steps()[at].event {
        Event::Scan(predicate, _) => Some(predicate.to_string()),
        _ => None,
    };
    match (edge.kind, edge.is_predicate) {
        (Kind::Ww, _) => {
            format!(
                "{from} writes {item} in step {first}, and {to} writes the next version in step {second}."
            )
        }
        (Kind::Wr, false) => {
            format!("{from} writes {item} in step {first}, and {to} reads that version in step {second}.")
        }
        (Kind::Rw, false) => {
            format!("{from} reads {item} in step {first}, and {to} writes the next version in step {second}.")
        }
        (Kind::Wr, true) => match scan(edge.to_step) {
            Some(scan) => format!(
                "{from} changes in step {first} whether {item} belongs to {scan}, and {to}'s scan in step {second} \
                 sees this."
            ),
            None => format!("{from} deletes {item} in step {first}, and {to} finds no row in step {second}."),
        },
        (Kind::Rw, true) => match scan(edge.from_step) {
            Some(scan) => format!(
                "{from}'s scan of {scan} in step {first} does not return {item}, and {to} adds it in step {second}."
            ),
            None => format!("{from} finds no row {item} in step {first}, and {to} adds it in step {second}."),
        },
    }
}

/// What is wrong with a read that is wrong by itself.
fn bad_read(read: &BadRead, history: &History) -> String {
    let BadRead { anomaly, reader, item, step, write } = read;
    let at = step + 1;
    let writer = write.map_or(Txn::START, |write| write.writer);
    let written = write.and_then(|write| write.step).map_or(0, |step| step + 1);
    match anomaly {
        Anomaly::OwnWriteMissed => {
            format!("{reader} wrote {item} in step {written}, and does not see this in step {at}.")
        }
        Anomaly::IntermediateRead => format!(
            "{reader} sees in step {at} what {writer} wrote to {item} in step {written}; {writer} wrote it again, and no \
             other transaction may see what it wrote before that."
        ),
        Anomaly::AbortedRead => {
            let mut steps = history.steps().iter();
            let is_end = steps.any(|step| step.txn == writer && matches!(step.event, Event::Abort));
            let end = if is_end { "was rolled back" } else { "has not committed" };
            format!(
                "{reader} sees in step {at} what {writer} wrote to {item} in step {written}; {reader} committed, and \
                 {writer} {end}."
            )
        }
        _ => format!("in step {at} {reader} got an answer for {item} that fits no version of it."),
    }
}

/// The steps `shown` of the transactions that take part.
fn table(history: &History, finding: &Finding, shown: &[usize], values: &Values) -> String {
    let mut txns = finding.txns();
    txns.sort_unstable();
    let text = |at: usize| words(&history.steps()[at], values);
    let widths: Vec<usize> = txns
        .iter()
        .map(|txn| {
            let own = shown.iter().filter(|at| history.steps()[**at].txn == *txn);
            own.map(|at| text(*at).chars().count()).max().unwrap_or(0).max(4)
        })
        .collect();
    let is_wide = txns.len() > MAX_COLUMNS || widths.iter().sum::<usize>() + 8 + 2 * txns.len() > MAX_WIDTH;
    let mut out = String::new();
    if is_wide {
        for at in shown {
            let step = &history.steps()[*at];
            let _ = writeln!(out, "  {:>4}  {:<4} {}", at + 1, step.txn.to_string(), text(*at));
        }
        return out;
    }
    let mut line = "  step".to_string();
    for (txn, width) in txns.iter().zip(&widths) {
        let _ = write!(line, "  {:<width$}", txn.to_string());
    }
    let _ = writeln!(out, "{}", line.trim_end());
    for at in shown {
        let mut line = format!("  {:>4}", at + 1);
        for (txn, width) in txns.iter().zip(&widths) {
            let cell = if history.steps()[*at].txn == *txn { text(*at) } else { String::new() };
            let _ = write!(line, "  {cell:<width$}");
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// Indexes of the steps to show: all of the transactions that take part, or, if those are too many, what the
/// finding is about and the ends.
pub(super) fn shown_steps(history: &History, finding: &Finding) -> Vec<usize> {
    let txns: BTreeSet<Txn> = finding.txns().into_iter().collect();
    let of_txns = |at: &usize| txns.contains(&history.steps()[*at].txn);
    let all: Vec<usize> = (0..history.steps().len()).filter(of_txns).collect();
    if all.len() <= MAX_STEPS {
        return all;
    }
    let mut named: BTreeSet<usize> =
        finding.cycle.iter().flat_map(|edge| [edge.from_step, edge.to_step]).collect();
    if let Some(read) = &finding.read {
        named.insert(read.step);
        named.extend(read.write.and_then(|write| write.step));
    }
    let is_end = |at: &usize| {
        matches!(history.steps()[*at].event, Event::Commit | Event::Abort | Event::CommitUnknown)
    };
    all.into_iter().filter(|at| named.contains(at) || is_end(at)).collect()
}

/// A step in words.
pub(super) fn words(step: &Step, values: &Values) -> String {
    let value = |item: &Item, version: &Version| match values.get(&(item.clone(), *version)) {
        Some(Some(value)) => value.to_string(),
        Some(None) => "deleted".into(),
        None => "?".into(),
    };
    match &step.event {
        Event::Begin => "begins".into(),
        Event::Read(item, None) => format!("reads {item}: no row"),
        Event::Read(item, Some(version)) => {
            format!("reads {item}: {} ({})", value(item, version), version.writer)
        }
        Event::Scan(predicate, saw) => {
            let mut rows: Vec<String> = saw
                .iter()
                .take(MAX_ROWS)
                .map(|(item, version)| format!("{item} = {}", value(item, version)))
                .collect();
            if saw.len() > MAX_ROWS {
                rows.push(format!("{} more", saw.len() - MAX_ROWS));
            }
            let rows = if rows.is_empty() { "nothing".into() } else { rows.join(", ") };
            format!("scans {predicate}: {rows}")
        }
        Event::Write(item, _, Some(value)) => format!("writes {item} = {value}"),
        Event::Write(item, _, None) => format!("deletes {item}"),
        Event::Commit => "commits".into(),
        Event::Abort => "is rolled back".into(),
        Event::CommitUnknown => "asks for a commit".into(),
        Event::Note(text) => text.clone(),
    }
}
