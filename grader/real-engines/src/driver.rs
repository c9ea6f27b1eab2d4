//! Runs a scenario step by step and records it.
//!
//! One session at a time does something. If a statement waits, the session's later steps are kept, and it is
//! asked again after each step of another session. When only waiting sessions are left and the engine does
//! not end the deadlock itself, the one that began to wait last is rolled back: that is what a busy timeout
//! does.

use std::collections::VecDeque;

use testkit::history::scenario::{Do, Find, START, Scenario};
use testkit::history::{History, Item, Order, Report, Txn, Version};

use crate::engine::{Answer, Engine, Session};

/// How often a waiting session is asked again before the run is given up.
const MAX_ASKED: usize = 4_000;

/// What happened in a run.
#[derive(Debug)]
pub struct Outcome {
    /// What the checker says.
    pub report: Report,
    /// How many statements had to wait.
    pub waits: usize,
    /// Why sessions were rolled back against their will: number and reason.
    pub refused: Vec<(usize, String)>,
}

impl Outcome {
    /// Whether the run shows what its scenario invites.
    pub fn shows(&self, scenario: &Scenario) -> bool {
        scenario.shows.iter().any(|anomaly| self.report.find(*anomaly).is_some())
    }
}

/// A session and what it still has to do.
struct Running {
    session: Box<dyn Session>,
    txn: Option<Txn>,
    left: VecDeque<Do>,
    /// The statement that waits, with its version, and when it began to wait.
    waits: Option<(Do, Version, usize)>,
    is_over: bool,
}

struct Driver {
    begin: String,
    history: History,
    running: Vec<Running>,
    waits: usize,
    refused: Vec<(usize, String)>,
}

/// Runs a scenario on a fresh table.
pub fn run(engine: &mut dyn Engine, scenario: &Scenario) -> Result<Outcome, String> {
    let mut history = History::new();
    let rows: Vec<[i64; 3]> =
        START.iter().map(|(id, value)| [*id, *value, history.start(*id, *value).to_i64()]).collect();
    let sessions = scenario.steps.iter().map(|(session, _)| *session).max().unwrap_or(0);
    let running = engine.open(&rows, sessions)?.into_iter().map(|session| Running {
        session,
        txn: None,
        left: VecDeque::new(),
        waits: None,
        is_over: false,
    });
    let mut driver =
        Driver { begin: engine.begin(), history, running: running.collect(), waits: 0, refused: Vec::new() };
    for (session, step) in scenario.steps {
        driver.running[session - 1].left.push_back(*step);
        driver.go_on(session - 1)?;
        driver.ask_waiting()?;
    }
    driver.finish()?;
    let Driver { history, waits, refused, .. } = driver;
    let report = history.check(&Order::Writes).map_err(|error| format!("{error}: {history}"))?;
    Ok(Outcome { report, waits, refused })
}

impl Driver {
    /// Does what a session has left, up to its end or to a statement that waits.
    fn go_on(&mut self, number: usize) -> Result<(), String> {
        while self.running[number].waits.is_none() {
            let Some(step) = self.running[number].left.pop_front() else { break };
            if self.running[number].is_over {
                continue;
            }
            let txn = match self.running[number].txn {
                Some(txn) => txn,
                None => self.begin_txn(number)?,
            };
            let version = self.history.next_version(txn);
            let answer = self.running[number].session.ask(&sql(step, version));
            self.answered(number, step, version, answer, true)?;
        }
        Ok(())
    }

    fn begin_txn(&mut self, number: usize) -> Result<Txn, String> {
        let txn = self.history.begin(number as u32 + 1);
        self.running[number].txn = Some(txn);
        match self.running[number].session.ask(&self.begin) {
            Answer::Done(_) => Ok(txn),
            other => Err(format!("a transaction does not begin: {other:?}")),
        }
    }

    /// Asks each waiting session again, until none can go on.
    fn ask_waiting(&mut self) -> Result<bool, String> {
        let mut has_moved = false;
        loop {
            let mut is_moving = false;
            for number in 0..self.running.len() {
                let Some((step, version, _)) = self.running[number].waits else { continue };
                let answer = self.running[number].session.again();
                if answer != Answer::Waits {
                    is_moving = true;
                    self.running[number].waits = None;
                    self.answered(number, step, version, answer, false)?;
                    self.go_on(number)?;
                }
            }
            has_moved |= is_moving;
            if !is_moving {
                return Ok(has_moved);
            }
        }
    }

    /// Ends all waits.
    fn finish(&mut self) -> Result<(), String> {
        for _ in 0..MAX_ASKED {
            let Some(last) = (0..self.running.len())
                .filter(|number| self.running[*number].waits.is_some())
                .max_by_key(|number| self.running[*number].waits.map(|(.., since)| since))
            else {
                return Ok(());
            };
            if !self.ask_waiting()? && !self.running[last].session.ends_deadlocks() {
                self.running[last].waits = None;
                self.roll_back(last, "gave up waiting".into())?;
            }
        }
        Err("a session waits for ever".into())
    }

    /// Records what came of a statement.
    fn answered(
        &mut self,
        number: usize,
        step: Do,
        version: Version,
        answer: Answer,
        is_first: bool,
    ) -> Result<(), String> {
        let txn = self.running[number].txn.expect("a statement has a transaction");
        match answer {
            Answer::Done(rows) => {
                record(&mut self.history, txn, step, version, &rows);
                self.running[number].is_over = matches!(step, Do::Commit | Do::Abort);
            }
            Answer::Waits => {
                if is_first {
                    self.waits += 1;
                    self.history.note(txn, "waits");
                }
                self.running[number].waits = Some((step, version, self.waits));
            }
            Answer::Failed(why) => self.roll_back(number, why)?,
        }
        Ok(())
    }

    fn roll_back(&mut self, number: usize, why: String) -> Result<(), String> {
        let txn = self.running[number].txn.expect("a statement has a transaction");
        self.running[number].is_over = true;
        self.history.note(txn, "is refused");
        self.history.abort(txn);
        self.refused.push((number + 1, why));
        match self.running[number].session.ask("ROLLBACK") {
            Answer::Done(_) => Ok(()),
            other => Err(format!("a transaction is not rolled back: {other:?}")),
        }
    }
}

/// A statement in SQL. Every one returns the rows that it touched.
fn sql(step: Do, version: Version) -> String {
    let stamp = version.to_i64();
    let returning = "RETURNING id, value, version";
    match step {
        Do::Read(id) => format!("SELECT id, value, version FROM test WHERE id = {id}"),
        Do::Scan(find) => {
            format!("SELECT id, value, version FROM test WHERE {} ORDER BY id", condition(find))
        }
        Do::Set(id, value) => {
            format!("UPDATE test SET value = {value}, version = {stamp} WHERE id = {id} {returning}")
        }
        Do::AddToAll(number) => {
            format!("UPDATE test SET value = value + {number}, version = {stamp} {returning}")
        }
        Do::Insert(id, value) => {
            format!("INSERT INTO test (id, value, version) VALUES ({id}, {value}, {stamp}) {returning}")
        }
        Do::DeleteValue(value) => format!("DELETE FROM test WHERE value = {value} {returning}"),
        Do::Commit => "COMMIT".into(),
        Do::Abort => "ROLLBACK".into(),
    }
}

/// What a scan looks for, as a condition in SQL.
fn condition(find: Find) -> String {
    match find {
        Find::All => "0 = 0".into(),
        Find::Value(value) => format!("value = {value}"),
        Find::MultipleOf(divisor) => format!("value % {divisor} = 0"),
    }
}

fn record(history: &mut History, txn: Txn, step: Do, version: Version, rows: &[[i64; 3]]) {
    let saw = rows.iter().map(|[id, _, stored]| (Item::from(*id), Version::from_i64(*stored)));
    match step {
        Do::Read(id) => history.read(txn, id, saw.map(|(_, version)| version).next()),
        Do::Scan(find) => history.scan(txn, &find.predicate(), saw),
        Do::Set(id, _) if rows.is_empty() => history.read(txn, id, None),
        Do::Set(..) | Do::AddToAll(_) | Do::Insert(..) => {
            for [id, value, _] in rows {
                history.write(txn, *id, version, Some(*value));
            }
        }
        Do::DeleteValue(value) => {
            // The rows that a deletion returns are as it found them.
            history.scan(txn, &Find::Value(value).predicate(), saw);
            for [id, ..] in rows {
                history.write(txn, *id, version, None);
            }
        }
        Do::Commit => history.commit(txn),
        Do::Abort => history.abort(txn),
    }
}
