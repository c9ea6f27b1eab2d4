//! The ledger of a lab during a check: which steps its record proves, which run now, and what they prove.
//!
//! ```text
//!                       the lab itself changed     what it stands on changed      nothing changed
//!   since the base      every step                 reference, skeleton, stack,    reference, a small sample
//!                                                  a larger sample
//!   in the record       stale: a problem           allowed                        current
//! ```
//!
//! "Changed since the base" is read from the record of the base: a step is changed when that record does not
//! prove its own key of today. So a change that was taken back is none, and uncommitted changes count.
//!
//! - L1: what runs is a function of the contents, the two records and the seed; nothing of it is left to
//!   chance or to a clock.
//! - L2: with other seeds every step is in the sample sooner or later.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;

use super::Part;
use super::base::Base;
use super::found::Found;
use super::keys::{Content, Keys, LabKeys};
use super::lane::{Room, Step};
use super::record::{FILE, Record, State};
use crate::catalog::{Course, Lab};
use crate::paint::plural;

/// How many steps of a lab are in a sample: of those that run tests, and of those that measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sample {
    tests: usize,
    gates: usize,
}

/// Where nothing changed.
const QUIET: Sample = Sample { tests: 4, gates: 1 };

/// Where something below the lab changed.
const MOVED: Sample = Sample { tests: 24, gates: 3 };

/// Most names in a problem.
const NAMES: usize = 5;

/// What is known of the steps of a lab.
#[derive(Debug)]
pub(super) struct Ledger<'a> {
    course: &'a Course,
    lab: &'a Lab,
    /// As they were when the check began.
    shared: LabKeys,
    record: Record,
    keys: BTreeMap<String, Keys>,
    states: BTreeMap<String, State>,
}

impl<'a> Ledger<'a> {
    /// Reads the record of `lab` and compares it with `steps`.
    pub(super) fn open(course: &'a Course, lab: &'a Lab, steps: &[Step<'_>]) -> Result<Self> {
        let shared = LabKeys::of(course, lab)?;
        let record = Record::read(lab)?;
        let mut keys = BTreeMap::new();
        for step in steps {
            keys.insert(step.name.clone(), shared.of_step(step)?);
        }
        let states = keys.iter().map(|(name, keys)| (name.clone(), record.state(name, keys))).collect();
        Ok(Self { course, lab, shared, record, keys, states })
    }

    fn state(&self, name: &str) -> State {
        self.states.get(name).copied().unwrap_or(State::Missing)
    }

    /// What is wrong with the record. `all` are the names of all steps of the lab.
    pub(super) fn problems(&self, all: &BTreeSet<String>) -> Found {
        let mut problems = Vec::new();
        let mut tell = |what: &str, names: Vec<&str>| {
            if !names.is_empty() {
                let more = names.len().saturating_sub(NAMES);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let names = names.iter().take(NAMES).copied().collect::<Vec<_>>().join(", ");
                problems.push(format!("{what}: {names}{more}"));
            }
        };
        let of = |wanted: State| {
            self.states.iter().filter(|(_, state)| **state == wanted).map(|(name, _)| name.as_str()).collect()
        };
        tell("the lab changed since it was proven", of(State::Stale));
        tell("not proven yet", of(State::Missing));
        tell("the entry was edited by hand", of(State::Edited));
        tell("there is no such step", self.record.names().filter(|name| !all.contains(*name)).collect());
        if !problems.is_empty() {
            problems.push(format!("run: cargo grade author check --record --lab {}", self.lab.number));
        }
        let moved = self.states.values().filter(|state| **state == State::Moved).count();
        let proven = self.states.values().filter(|state| state.is_proven()).count();
        let says = match moved {
            0 => format!("{} proven", plural(proven, "step")),
            _ => format!("{} proven, {moved} of them before something below changed", plural(proven, "step")),
        };
        Found { says, problems, ..Found::default() }
    }

    /// The steps that the gate runs, by name.
    pub(super) fn picked(&self, steps: &[Step<'_>], base: &Base) -> BTreeSet<String> {
        let at_base = self.at_base(base);
        let is_changed = |name: &str| {
            let known = |record: &Record| {
                self.keys.get(name).is_some_and(|keys| record.state(name, keys).is_proven())
            };
            !self.state(name).is_proven() || !at_base.as_ref().is_some_and(known)
        };
        let is_moved = self.states.values().any(|state| *state == State::Moved);
        let always = |step: &Step<'_>| match step.part {
            Part::Reference => true,
            Part::Skeleton | Part::Ladder => is_moved,
            _ => false,
        };
        let (picked, rest): (Vec<_>, Vec<_>) =
            steps.iter().partition(|step| is_changed(&step.name) || always(step));
        let mut rest: Vec<_> = rest.iter().map(|step| (self.rank(base.seed, &step.name), step)).collect();
        rest.sort_by_key(|(rank, _)| *rank);
        let sample = if is_moved { MOVED } else { QUIET };
        let of = |measures: bool, count: usize| {
            let of_kind = rest.iter().filter(move |(_, step)| (step.room == Room::Measures) == measures);
            of_kind.take(count).map(|(_, step)| step.name.clone())
        };
        let sampled = of(false, sample.tests).chain(of(true, sample.gates));
        picked.iter().map(|step| step.name.clone()).chain(sampled).collect()
    }

    /// The record that the lab had at the base; none when everything counts as changed.
    fn at_base(&self, base: &Base) -> Option<Record> {
        let path = Path::new("grader/suites").join(&self.lab.id).join(FILE);
        let text = base.file(&self.course.root, &path)?;
        Record::parse(self.lab, &text).ok()
    }

    /// The place of a step in the order in which the sample takes them.
    fn rank(&self, seed: u64, name: &str) -> u64 {
        let mut content = Content::new();
        content.bytes("seed", &seed.to_le_bytes());
        content.text("lab", &self.lab.id);
        content.text("step", name);
        content.number()
    }

    /// Whether `--record` has to prove the step: the lab changed, or with `is_all` anything that it depends
    /// on.
    pub(super) fn is_due(&self, name: &str, is_all: bool) -> bool {
        match self.state(name) {
            State::Current => false,
            State::Moved => is_all,
            State::Stale | State::Missing | State::Edited => true,
        }
    }

    /// Enters what a step proved and writes the record. Nothing is entered when a file was changed since the
    /// step began.
    pub(super) fn enter(&mut self, name: &str, ratios: &BTreeMap<String, f64>) -> Result<()> {
        let Some(keys) = self.keys.get(name) else { return Ok(()) };
        if LabKeys::of(self.course, self.lab)? != self.shared {
            anyhow::bail!(
                "not recorded: files of the lab, or of what it stands on, changed while the check ran"
            );
        }
        self.record.enter(name, keys.clone(), ratios.clone());
        self.states.insert(name.to_owned(), State::Current);
        self.record.write(self.lab)
    }

    /// Takes out the entries of steps that are no longer there; `all` are the names of those that are.
    pub(super) fn drop_unknown(&mut self, all: &BTreeSet<String>) -> Result<()> {
        let before = self.record.names().count();
        self.record.retain(|name| all.contains(name));
        if self.record.names().count() < before { self.record.write(self.lab) } else { Ok(()) }
    }

    /// The ratios in the record that were measured on the lab as it is.
    pub(super) fn ratios(&self) -> impl Iterator<Item = (&str, &BTreeMap<String, f64>)> {
        let proven = self.states.iter().filter(|(_, state)| state.is_proven());
        proven.filter_map(|(name, _)| Some((name.as_str(), &self.record.entry(name)?.ratios)))
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
