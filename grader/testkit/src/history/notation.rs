//! Histories as text, for tests by hand and for reports.
//!
//! ```text
//!   start(x=50, y=50)        items that exist at the start
//!   r1(x=50)                 T1 reads x and sees the version that has the value 50
//!   r2(x@1) r2(x@1.2)        T2 reads x and sees the last write so far of T1; its write number 2
//!   r2(x=-)                  T2 reads x and finds no row
//!   s1(10..20: 12=5, 15@2)   T1 scans the keys 10 to 20 and is given two rows
//!   w1(x=60) w1(x=-)         T1 writes x; deletes it
//!   c1 a1 u1                 T1 commits; is rolled back; asks for a commit whose answer is lost
//! ```
//!
//! A transaction begins with its first step, or with `b1`. Its number is at most 10,000. A scan is of
//! keys (`10..20`, `accounts/10..20`), of all rows (`all`, `accounts/all`), or of values (`=30`, `%3`:
//! the value is 30, is a multiple of 3).

use std::fmt;
use std::str::FromStr;

use super::model::{Event, History, Item, Predicate, Txn, Version};

/// Highest number of a transaction: a history has a place for each number up to the highest.
const MAX_TXN: u32 = 10_000;

/// Why a text is no history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotationError {
    /// The part of the text that is wrong.
    pub part: String,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for NotationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.part, self.what)
    }
}

impl std::error::Error for NotationError {}

impl FromStr for History {
    type Err = NotationError;

    fn from_str(text: &str) -> Result<History, NotationError> {
        let mut history = History::new();
        for part in parts(text) {
            let fail = |what: String| NotationError { part: part.to_string(), what };
            read_part(&mut history, part).map_err(fail)?;
        }
        Ok(history)
    }
}

/// The text, cut after each operation.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let space = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let end = match rest.find('(') {
            Some(open) if open < space => rest.find(')').map_or(rest.len(), |close| close + 1),
            _ => space,
        };
        let (part, after) = rest.split_at(end);
        parts.push(part);
        rest = after.trim_start();
    }
    parts
}

fn read_part(history: &mut History, part: &str) -> Result<(), String> {
    let (head, body) = part.split_once('(').unwrap_or((part, ""));
    let body = body.strip_suffix(')').unwrap_or(body);
    if head == "start" {
        for (name, value) in list(body)? {
            let Seen::Value(value) = value else { return Err("the start has values: x=50".into()) };
            history.start(name, value);
        }
        return Ok(());
    }
    let kind = head.chars().next().ok_or("an operation is missing")?;
    let (number, write) = head[kind.len_utf8()..].split_once('.').unwrap_or((&head[kind.len_utf8()..], ""));
    let number: u32 = number.parse().map_err(|_| "a transaction has a number, as in r1".to_string())?;
    if number == 0 {
        return Err("transactions are numbered from 1".into());
    }
    if number > MAX_TXN {
        return Err(format!("transactions are numbered up to {MAX_TXN}"));
    }
    let txn = history.begin_if_new(Txn(number));
    match kind {
        'b' => (),
        'c' => history.commit(txn),
        'a' => history.abort(txn),
        'u' => history.commit_unknown(txn),
        'r' => {
            for (item, seen) in list(body)? {
                let saw = version(history, &item, &seen)?;
                history.read(txn, item, saw);
            }
        }
        'w' => {
            for (item, seen) in list(body)? {
                let value = match seen {
                    Seen::Value(value) => Some(value),
                    Seen::Nothing => None,
                    Seen::Version(..) => return Err("a write has a value: w1(x=60)".into()),
                };
                let mut version = history.next_version(txn);
                if !write.is_empty() {
                    version.write = write.parse().map_err(|_| "a write has a number, as in w1.2")?;
                }
                history.write(txn, item, version, value);
            }
        }
        's' => {
            let (what, rows) = body.split_once(':').unwrap_or((body, ""));
            let mut saw = Vec::new();
            for (item, seen) in list(rows)? {
                let version = version(history, &item, &seen)?;
                saw.push((item, version.ok_or("a scan returns rows that exist")?));
            }
            history.scan(txn, &predicate(what.trim())?, saw);
        }
        _ => return Err("operations are b, r, w, s, c, a and u".into()),
    }
    Ok(())
}

/// What is said of an item: `x=50`, `x=-`, `x@1`, `x@1.2`.
enum Seen {
    Value(i64),
    Nothing,
    Version(Txn, Option<u32>),
}

fn list(text: &str) -> Result<Vec<(Item, Seen)>, String> {
    let mut out = Vec::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let wrong = || format!("`{entry}` is not like x=50, x=-, x@1 or x@1.2");
        if let Some((name, writer)) = entry.split_once('@') {
            let (txn, write) =
                writer.split_once('.').map_or((writer, None), |(txn, write)| (txn, Some(write)));
            let txn = txn.parse().map_err(|_| wrong())?;
            let write = write.map(str::parse).transpose().map_err(|_| wrong())?;
            out.push((name.into(), Seen::Version(Txn(txn), write)));
        } else {
            let (name, value) = entry.split_once('=').ok_or_else(wrong)?;
            let seen = match value {
                "-" => Seen::Nothing,
                value => Seen::Value(value.parse().map_err(|_| wrong())?),
            };
            out.push((name.into(), seen));
        }
    }
    Ok(out)
}

/// The version that a read saw.
fn version(history: &History, item: &Item, seen: &Seen) -> Result<Option<Version>, String> {
    let values = history.values();
    let mut all = values.iter().filter(|((other, _), _)| other == item);
    match seen {
        Seen::Nothing => Ok(None),
        Seen::Version(writer, Some(write)) => Ok(Some(Version { writer: *writer, write: *write })),
        Seen::Version(writer, None) => {
            let last = all.rfind(|((_, version), _)| version.writer == *writer);
            last.map(|((_, version), _)| Some(*version))
                .ok_or_else(|| format!("{writer} did not write {item}"))
        }
        Seen::Value(value) => {
            let mut all = all.filter(|(_, other)| **other == Some(*value));
            match (all.next(), all.next()) {
                (Some(((_, version), _)), None) => Ok(Some(*version)),
                (None, _) => Err(format!("nothing has written {value} to {item} so far")),
                _ => Err(format!(
                    "several versions of {item} have the value {value}: name one, as in {item}@1"
                )),
            }
        }
    }
}

fn predicate(text: &str) -> Result<Predicate, String> {
    let number = |text: &str| text.parse::<i64>().map_err(|_| format!("`{text}` is no number"));
    if let Some(value) = text.strip_prefix('=') {
        return Ok(Predicate::equals(number(value)?));
    }
    if let Some(divisor) = text.strip_prefix('%') {
        let divisor = number(divisor)?;
        if divisor < 1 {
            return Err("a divisor is at least 1".into());
        }
        return Ok(Predicate::multiple_of(divisor));
    }
    let (table, keys) = text.rsplit_once('/').unwrap_or(("", text));
    if keys == "all" {
        return Ok(Predicate::table(table));
    }
    let (low, high) = keys.split_once("..").ok_or_else(|| format!("`{text}` is no scan"))?;
    Ok(Predicate::keys(table, number(low)?..=number(high)?))
}

impl Predicate {
    /// The rows with this value: `=30`.
    pub fn equals(value: i64) -> Predicate {
        Predicate::new(format!("={value}"), move |_, other| other == value)
    }

    /// The rows whose value is a multiple of `divisor`: `%3`.
    ///
    /// # Panics
    ///
    /// When `divisor` is less than 1.
    pub fn multiple_of(divisor: i64) -> Predicate {
        assert!(divisor >= 1, "a divisor is at least 1, not {divisor}");
        Predicate::new(format!("%{divisor}"), move |_, value| value % divisor == 0)
    }
}

/// The history as the parser reads it. A scan with a condition of the caller's own does not parse, nor do
/// more than 10,000 transactions, and notes are left out.
impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start: Vec<String> =
            self.start_state().iter().map(|(item, _, value)| format!("{item}={value}")).collect();
        let mut words = Vec::new();
        if !start.is_empty() {
            words.push(format!("start({})", start.join(", ")));
        }
        let mut writes = vec![0; self.txn_count()];
        for step in self.steps() {
            let txn = step.txn.0;
            words.push(match &step.event {
                Event::Begin => format!("b{txn}"),
                Event::Read(item, None) => format!("r{txn}({item}=-)"),
                Event::Read(item, Some(version)) => format!("r{txn}({item}@{version})"),
                Event::Scan(predicate, saw) => {
                    let rows: Vec<String> =
                        saw.iter().map(|(item, version)| format!("{item}@{version}")).collect();
                    format!("s{txn}({predicate}: {})", rows.join(", "))
                }
                Event::Write(item, version, value) => {
                    let count = &mut writes[txn as usize - 1];
                    *count += 1;
                    let number =
                        if *count == version.write { String::new() } else { format!(".{}", version.write) };
                    let value = value.map_or("-".to_string(), |value| value.to_string());
                    format!("w{txn}{number}({item}={value})")
                }
                Event::Commit => format!("c{txn}"),
                Event::Abort => format!("a{txn}"),
                Event::CommitUnknown => format!("u{txn}"),
                Event::Note(_) => continue,
            });
        }
        f.write_str(&words.join(" "))
    }
}
