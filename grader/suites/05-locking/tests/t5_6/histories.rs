//! The classic scenarios of isolation at each level, judged from the recorded history: each level forbids
//! what it should, and lets through what it allows.

mod client;
mod random;

use std::rc::Rc;

use kit::sync::Arc;
use locking::DeadlockPolicy::{Detect, WoundWait};
use locking::{DeadlockPolicy, Isolation, LockConfig, TxnId};
use testkit::Failure;
use testkit::check;
use testkit::history::play::Outcome;
use testkit::history::scenario::Do::{Abort, Commit, DeleteValue, Insert, Read, Scan, Set};
use testkit::history::scenario::{Find, SCENARIOS, Scenario};
use testkit::history::{Anomaly, Level};
use testkit::scene;
use testkit::schedule::random as schedules;
use testkit::sessions::Sessions;

use client::{By, Client, Seat, fill, new_db};

/// Scenarios of this lab beside the classic ones. With no anomaly, every level lets it through.
const OWN: &[Scenario] = &[
    own(
        "a row that is not committed",
        &[Anomaly::AbortedRead],
        &[(1, Insert(3, 90)), (2, Read(3)), (2, Scan(Find::All)), (1, Abort), (2, Commit)],
    ),
    own(
        "a deletion that is not committed",
        &[Anomaly::AbortedRead],
        &[(1, DeleteValue(60)), (2, Scan(Find::All)), (2, Read(2)), (1, Abort), (2, Commit)],
    ),
    own(
        "lost update, one after the other",
        &[Anomaly::LostUpdate],
        &[(1, Read(1)), (2, Read(1)), (1, Set(1, 41)), (1, Commit), (2, Set(1, 42)), (2, Commit)],
    ),
    own(
        "non-repeatable scan",
        &[Anomaly::NonRepeatableRead],
        &[(1, Scan(Find::All)), (2, Set(1, 42)), (2, Commit), (1, Scan(Find::All)), (1, Commit)],
    ),
    own(
        "a row below all others",
        &[Anomaly::Phantom],
        &[(1, Scan(Find::All)), (2, Insert(0, 90)), (2, Commit), (1, Scan(Find::All)), (1, Commit)],
    ),
    own(
        "a row that was not there",
        &[Anomaly::Phantom],
        &[(1, Read(3)), (2, Insert(3, 90)), (2, Commit), (1, Read(3)), (1, Commit)],
    ),
    own(
        "readers side by side",
        &[],
        &[
            (1, Read(1)),
            (2, Scan(Find::All)),
            (3, Read(1)),
            (1, Scan(Find::All)),
            (2, Commit),
            (3, Read(7)),
            (1, Commit),
            (3, Commit),
        ],
    ),
    own(
        "writers of two rows",
        &[],
        &[(1, Set(1, 41)), (2, Set(2, 61)), (1, Insert(3, 90)), (2, Insert(4, 99)), (1, Commit), (2, Commit)],
    ),
    own(
        "a reader of one row and a writer of another",
        &[],
        &[
            (1, Read(1)),
            (2, Set(2, 61)),
            (1, Read(5)),
            (2, Insert(4, 99)),
            (2, Commit),
            (1, Read(1)),
            (1, Commit),
        ],
    ),
];

const fn own(
    name: &'static str,
    shows: &'static [Anomaly],
    steps: &'static [(usize, testkit::history::scenario::Do)],
) -> Scenario {
    Scenario { name, hermitage: "", shows, steps }
}

/// Scenarios in which two transactions write one row, so that one of them waits at every level.
const WRITES_MEET: [&str; 3] = ["dirty write", "phantom of a write", "lost update"];

fn all_scenarios() -> impl Iterator<Item = &'static Scenario> {
    SCENARIOS.iter().chain(OWN)
}

/// The level of the checker that promises what `isolation` promises.
fn level_of(isolation: Isolation) -> Level {
    match isolation {
        Isolation::ReadUncommitted => Level::ReadUncommitted,
        Isolation::ReadCommitted => Level::ReadCommitted,
        Isolation::RepeatableRead => Level::RepeatableRead,
        Isolation::Serializable => Level::Serializable,
    }
}

/// Plays a scenario with all transactions at one level.
fn play(scenario: &Scenario, isolation: Isolation, scans: By, policy: DeadlockPolicy) -> Outcome {
    scene::clear();
    let outcome = scenario.play(|rows, count| {
        let db = new_db(LockConfig { policy, ..LockConfig::default() });
        // In the order of the sessions and before the setup: the lock table names them as the history does.
        let mut clients: Vec<Client> = (0..count).map(|_| Client::new(&db, isolation, scans)).collect();
        let ids: Vec<TxnId> = clients.iter_mut().map(Client::begin).collect();
        fill(&db, rows);
        let asked = Arc::clone(&db);
        let sessions = Sessions::new(clients, move |at| asked.shared.locks().is_waiting(ids[at]));
        let sessions = Rc::new(sessions);
        Ok((0..count).map(|number| Seat::new(number, &sessions, &db)).collect())
    });
    match outcome {
        Ok(outcome) => outcome,
        Err(error) => Failure::new(format!("{} at {isolation}", scenario.name)).found_text(error).raise(),
    }
}

/// What a level forbids does not happen, whichever transaction has to wait or to roll back for that.
#[testkit::test]
fn no_scenario_shows_what_its_level_forbids() {
    let each = |isolation| {
        for (scans, policy) in [(By::Index, Detect), (By::Heap, Detect), (By::Index, WoundWait)] {
            for scenario in all_scenarios() {
                let outcome = play(scenario, isolation, scans, policy);
                let what = format!("{} at {isolation}, scans by {scans:?}", scenario.name);
                outcome.report.expect(level_of(isolation), &what);
            }
        }
    };
    Isolation::ALL.into_iter().for_each(|isolation| schedules(1, move || each(isolation)));
}

/// A level that is too strong makes transactions wait for nothing. Where no two transactions write one row
/// and the level allows every anomaly that the scenario invites, nothing waits and nothing is rolled back.
#[testkit::test]
fn no_scenario_waits_that_its_level_allows() {
    let each = |isolation| {
        for scans in [By::Index, By::Heap] {
            for scenario in all_scenarios().filter(|scenario| is_allowed(scenario, isolation)) {
                check_passes(scenario, isolation, scans);
            }
        }
    };
    Isolation::ALL.into_iter().for_each(|isolation| schedules(1, move || each(isolation)));
}

fn check_passes(scenario: &Scenario, isolation: Isolation, scans: By) {
    let outcome = play(scenario, isolation, scans, Detect);
    let what = format!("{} at {isolation}, which allows it, scans by {scans:?}", scenario.name);
    let found = outcome.report.anomalies();
    let is_expected = if scenario.shows.is_empty() { found.is_empty() } else { outcome.shows(scenario) };
    let Outcome { report, waits, refused } = outcome;
    if waits > 0 || !refused.is_empty() {
        Failure::new(what)
            .expected_text("no step waits, and no transaction is rolled back")
            .found_text(format!("{waits} steps waited; rolled back: {refused:?}"))
            .note(format!("the history: {}", report.history()))
            .raise();
    }
    check!(is_expected, "{what}: expected {:?}, found {found:?} in {}", scenario.shows, report.history());
}

fn is_allowed(scenario: &Scenario, isolation: Isolation) -> bool {
    let forbids = |anomaly: &Anomaly| level_of(isolation).forbids(*anomaly);
    !WRITES_MEET.contains(&scenario.name) && !scenario.shows.iter().any(forbids)
}
