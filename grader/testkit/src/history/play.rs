//! Plays a scenario on an engine, step by step, and records it.
//!
//! One session at a time does something. If a step waits, the session's later steps are kept, and it is asked
//! again after each step of another session. When only waiting sessions are left and the engine does not end
//! the deadlock itself, the one that began to wait last is rolled back: that is what a busy timeout does.

use std::collections::VecDeque;

use super::scenario::{Do, Find, START, Scenario};
use super::{History, HistoryError, Item, Order, Report, Txn, Version};

/// How often waiting sessions are asked again before the run is given up.
const MAX_ASKED: usize = 4_000;

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is done. The rows that it read, wrote or deleted: id, value, stored version.
    Done(Vec<[i64; 3]>),
    /// Another transaction is in the way.
    Waits,
    /// It failed, and the transaction must be rolled back.
    Failed(String),
}

/// A session of the engine.
pub trait Player {
    /// Begins a transaction.
    fn begin(&mut self) -> Result<(), String>;

    /// Gives the session a step, which stores `version` in the rows that it writes. No other step waits.
    fn ask(&mut self, step: Do, version: Version) -> Answer;

    /// What came of the step that waited.
    fn again(&mut self) -> Answer;

    /// Rolls the transaction back. If a step still waits, the engine must forget it.
    fn roll_back(&mut self) -> Result<(), String>;

    /// Whether the engine itself ends a wait, by an error, if all sessions wait for each other.
    fn ends_deadlocks(&self) -> bool;

    /// What the engine looks like now, for the report of a failure: its lock table, for example.
    fn picture(&self) -> String {
        String::new()
    }
}

/// What happened in a run.
#[derive(Debug)]
pub struct Outcome {
    /// What the checker says.
    pub report: Report,
    /// How many steps had to wait.
    pub waits: usize,
    /// Why sessions were rolled back against their will: number from 1, and reason.
    pub refused: Vec<(usize, String)>,
}

impl Outcome {
    /// Whether the run shows what its scenario invites.
    pub fn shows(&self, scenario: &Scenario) -> bool {
        scenario.shows.iter().any(|anomaly| self.report.find(*anomaly).is_some())
    }
}

/// A session and what it still has to do.
struct Running<P> {
    player: P,
    txn: Option<Txn>,
    left: VecDeque<Do>,
    /// The step that waits, with its version, and when it began to wait.
    waits: Option<(Do, Version, usize)>,
    is_over: bool,
}

struct Driver<P> {
    history: History,
    running: Vec<Running<P>>,
    waits: usize,
    refused: Vec<(usize, String)>,
}

impl Scenario {
    /// How many sessions take part.
    pub fn sessions(&self) -> usize {
        self.steps.iter().map(|(session, _)| *session).max().unwrap_or(0)
    }

    /// Plays the scenario. `open` makes a table with exactly the rows that it is given as id, value and
    /// version, and as many players as it is asked for.
    pub fn play<P: Player>(
        &self,
        open: impl FnOnce(&[[i64; 3]], usize) -> Result<Vec<P>, String>,
    ) -> Result<Outcome, String> {
        let mut history = History::new();
        let rows: Vec<[i64; 3]> =
            START.iter().map(|(id, value)| [*id, *value, history.start(*id, *value).to_i64()]).collect();
        let players = open(&rows, self.sessions())?;
        let running = players.into_iter().map(|player| Running {
            player,
            txn: None,
            left: VecDeque::new(),
            waits: None,
            is_over: false,
        });
        let mut driver = Driver { history, running: running.collect(), waits: 0, refused: Vec::new() };
        for (session, step) in self.steps {
            driver.running[session - 1].left.push_back(*step);
            driver.go_on(session - 1)?;
            driver.ask_waiting()?;
        }
        driver.finish()?;
        let Driver { history, waits, refused, .. } = driver;
        let report = history.check(&Order::Writes);
        let report = report.map_err(|error: HistoryError| format!("{error}: {history}"))?;
        Ok(Outcome { report, waits, refused })
    }
}

impl<P: Player> Driver<P> {
    /// Does what a session has left, up to its end or to a step that waits.
    fn go_on(&mut self, number: usize) -> Result<(), String> {
        while self.running[number].waits.is_none() {
            let Some(step) = self.running[number].left.pop_front() else { break };
            if self.running[number].is_over {
                continue;
            }
            let txn = match self.running[number].txn {
                Some(txn) => txn,
                None => self.begin(number)?,
            };
            let version = self.history.next_version(txn);
            let answer = self.running[number].player.ask(step, version);
            if answer == Answer::Waits {
                self.waits += 1;
                self.history.note(txn, "waits");
            }
            self.answered(number, step, version, answer)?;
        }
        Ok(())
    }

    fn begin(&mut self, number: usize) -> Result<Txn, String> {
        let txn = self.history.begin(number as u32 + 1);
        self.running[number].txn = Some(txn);
        self.running[number].player.begin()?;
        Ok(txn)
    }

    /// Asks each waiting session again, until none can go on. Returns whether one could.
    fn ask_waiting(&mut self) -> Result<bool, String> {
        let mut has_moved = false;
        loop {
            let mut is_moving = false;
            for number in 0..self.running.len() {
                let Some((step, version, _)) = self.running[number].waits else { continue };
                let answer = self.running[number].player.again();
                if answer != Answer::Waits {
                    is_moving = true;
                    self.running[number].waits = None;
                    self.answered(number, step, version, answer)?;
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
            if !self.ask_waiting()? && !self.running[last].player.ends_deadlocks() {
                self.running[last].waits = None;
                self.roll_back(last, "gave up waiting".into())?;
            }
        }
        Err("a session waits for ever".into())
    }

    /// Records what came of a step.
    fn answered(&mut self, number: usize, step: Do, version: Version, answer: Answer) -> Result<(), String> {
        let txn = self.running[number].txn.expect("a step has a transaction");
        match answer {
            Answer::Done(rows) => {
                record(&mut self.history, txn, step, version, &rows);
                self.running[number].is_over = matches!(step, Do::Commit | Do::Abort);
            }
            Answer::Waits => self.running[number].waits = Some((step, version, self.waits)),
            Answer::Failed(why) => self.roll_back(number, why)?,
        }
        self.history.picture(|| self.running[number].player.picture());
        Ok(())
    }

    fn roll_back(&mut self, number: usize, why: String) -> Result<(), String> {
        let txn = self.running[number].txn.expect("a step has a transaction");
        self.running[number].is_over = true;
        self.history.note(txn, "is refused");
        self.history.abort(txn);
        self.refused.push((number + 1, why));
        self.running[number].player.roll_back()
    }
}

/// Notes a step that is done, with the rows of [`Answer::Done`].
pub fn record(history: &mut History, txn: Txn, step: Do, version: Version, rows: &[[i64; 3]]) {
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
