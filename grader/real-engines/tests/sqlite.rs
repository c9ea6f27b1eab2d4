//! SQLite shows exactly the anomalies that its modes allow. The checker is tried on an engine that it does
//! not come from.

use real_engines::sqlite::{Mode, Sqlite};
use real_engines::{Engine, run};
use testkit::history::Level;
use testkit::history::play::Answer;
use testkit::history::scenario::SCENARIOS;

/// The names of the scenarios whose anomaly a mode shows.
fn shown(mode: Mode) -> Vec<&'static str> {
    let mut engine = Sqlite::new(mode);
    let mut names = Vec::new();
    for scenario in SCENARIOS {
        let outcome = run(&mut engine, scenario).unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
        if outcome.shows(scenario) {
            names.push(scenario.name);
        }
    }
    names
}

#[test]
fn files_are_serializable_with_either_journal() {
    for mode in [Mode::Journal, Mode::Wal] {
        let mut engine = Sqlite::new(mode);
        for scenario in SCENARIOS {
            let outcome = run(&mut engine, scenario).unwrap();
            assert_eq!(
                outcome.report.violation(Level::Serializable),
                None,
                "{mode:?}, {}:\n{}",
                scenario.name,
                outcome.report
            );
        }
    }
}

#[test]
fn a_shared_cache_that_reads_uncommitted_shows_all_but_dirty_writes() {
    let shown = shown(Mode::SharedCache);
    for name in ["aborted read", "intermediate read", "phantom", "lost update", "read skew", "write skew"] {
        assert!(shown.contains(&name), "{name} is not in {shown:?}");
    }
    assert!(!shown.contains(&"dirty write"), "{shown:?}");
}

#[test]
fn two_engines_in_memory_have_a_database_each() {
    let mut first = Sqlite::new(Mode::SharedCache);
    let mut second = Sqlite::new(Mode::SharedCache);
    let open = |value: i64, engine: &mut Sqlite| engine.open(&[[1, value, 1]], 1).unwrap().remove(0);
    let sessions = [open(10, &mut first), open(20, &mut second)];
    for (mut session, value) in sessions.into_iter().zip([10, 20]) {
        let answer = session.ask("SELECT id, value, version FROM test");
        assert_eq!(answer, Answer::Done(vec![[1, value, 1]]));
    }
}
