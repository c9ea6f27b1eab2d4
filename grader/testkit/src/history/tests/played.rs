//! The scenarios on two engines that are easy to foresee: one without any lock, one with a single lock.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::play::{Answer, Outcome, Player};
use super::scenario::{Do, SCENARIOS, Scenario};
use super::*;

/// Value and version of a row.
type Row = (i64, i64);

#[derive(Default)]
struct Engine {
    /// By id.
    rows: BTreeMap<i64, Row>,
    /// What each session changed: the row as it was before.
    undo: BTreeMap<usize, Vec<(i64, Option<Row>)>>,
    /// Whether there is a lock of the whole table, and which session holds it.
    has_lock: bool,
    holder: Option<usize>,
}

struct Session {
    number: usize,
    engine: Rc<RefCell<Engine>>,
    /// The step that waits.
    waits: Option<(Do, Version)>,
}

impl Engine {
    fn set(&mut self, session: usize, id: i64, new: Option<Row>) {
        let old = match new {
            Some(row) => self.rows.insert(id, row),
            None => self.rows.remove(&id),
        };
        self.undo.entry(session).or_default().push((id, old));
    }

    fn run(&mut self, session: usize, step: Do, version: i64) -> Vec<[i64; 3]> {
        let all: Vec<[i64; 3]> =
            self.rows.iter().map(|(id, (value, version))| [*id, *value, *version]).collect();
        let keep =
            |wanted: &dyn Fn([i64; 3]) -> bool| all.iter().copied().filter(|row| wanted(*row)).collect();
        let found: Vec<[i64; 3]> = match step {
            Do::Read(key) | Do::Set(key, _) => keep(&|[id, ..]| id == key),
            Do::Scan(find) => keep(&|[id, value, _]| find.predicate().matches(&id.into(), Some(value))),
            Do::DeleteValue(wanted) => keep(&|[_, value, _]| value == wanted),
            Do::AddToAll(_) => all,
            Do::Insert(id, value) => vec![[id, value, 0]],
            Do::Commit | Do::Abort => Vec::new(),
        };
        let written = |new: i64| move |[id, ..]: [i64; 3]| [id, new, version];
        let changed: Vec<[i64; 3]> = match step {
            Do::Set(_, value) | Do::Insert(_, value) => found.iter().copied().map(written(value)).collect(),
            Do::AddToAll(number) => {
                found.iter().map(|[id, value, _]| [*id, value + number, version]).collect()
            }
            _ => Vec::new(),
        };
        for [id, value, version] in &changed {
            self.set(session, *id, Some((*value, *version)));
        }
        match step {
            Do::DeleteValue(_) => found.iter().for_each(|[id, ..]| self.set(session, *id, None)),
            Do::Commit => self.end(session),
            Do::Abort => self.roll_back(session),
            _ => (),
        }
        if changed.is_empty() { found } else { changed }
    }

    fn end(&mut self, session: usize) {
        self.undo.remove(&session);
        if self.holder == Some(session) {
            self.holder = None;
        }
    }

    fn roll_back(&mut self, session: usize) {
        for (id, old) in self.undo.remove(&session).unwrap_or_default().into_iter().rev() {
            match old {
                Some(row) => drop(self.rows.insert(id, row)),
                None => drop(self.rows.remove(&id)),
            }
        }
        self.end(session);
    }
}

impl Player for Session {
    fn begin(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn ask(&mut self, step: Do, version: Version) -> Answer {
        self.waits = Some((step, version));
        self.again()
    }

    fn again(&mut self) -> Answer {
        let mut engine = self.engine.borrow_mut();
        let (step, version) = self.waits.expect("a step");
        if engine.has_lock && engine.holder.is_some_and(|holder| holder != self.number) {
            return Answer::Waits;
        }
        engine.holder = Some(self.number);
        Answer::Done(engine.run(self.number, step, version.to_i64()))
    }

    fn roll_back(&mut self) -> Result<(), String> {
        self.engine.borrow_mut().roll_back(self.number);
        Ok(())
    }

    fn ends_deadlocks(&self) -> bool {
        false
    }

    fn picture(&self) -> String {
        format!("{:?}", self.engine.borrow().holder)
    }
}

fn play(scenario: &Scenario, has_lock: bool) -> Outcome {
    let outcome = scenario.play(|rows, count| {
        let rows = rows.iter().map(|[id, value, version]| (*id, (*value, *version))).collect();
        let engine = Rc::new(RefCell::new(Engine { rows, has_lock, ..Engine::default() }));
        Ok((0..count).map(|number| Session { number, engine: Rc::clone(&engine), waits: None }).collect())
    });
    outcome.unwrap_or_else(|error| panic!("{}: {error}", scenario.name))
}

#[test]
fn without_locks_each_scenario_shows_its_anomaly() {
    for scenario in SCENARIOS {
        let outcome = play(scenario, false);
        assert_eq!((outcome.waits, outcome.refused.len()), (0, 0), "{}", scenario.name);
        // Its second write must see the rows as they were before the first one: an engine without versions
        // cannot do that.
        let needs_versions = scenario.name == "phantom of a write";
        assert_eq!(outcome.shows(scenario), !needs_versions, "{}:\n{}", scenario.name, outcome.report);
    }
}

#[test]
fn under_a_single_lock_no_scenario_shows_anything_and_each_waits() {
    for scenario in SCENARIOS {
        let outcome = play(scenario, true);
        assert_eq!(outcome.report.anomalies(), [], "{}:\n{}", scenario.name, outcome.report);
        assert!(outcome.waits > 0, "{}", scenario.name);
        assert_eq!(outcome.refused, [], "{}", scenario.name);
    }
}
