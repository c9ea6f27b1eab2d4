//! Random histories: no false alarm on those of correct engines, and what a search through all serial orders
//! says of histories that were changed.

use std::collections::{BTreeMap, BTreeSet};

use rustix::time::{ClockId, clock_gettime};

use super::simulated::{Shape, history, order_of};
use super::*;
use crate::Rng;

const SEEDS: u64 = 300;

fn shape(level: Level) -> Shape {
    Shape { level, txns: 8, at_once: 3, operations: 5, keys: 6, is_ambiguous: true }
}

#[test]
fn serial_histories_have_no_anomaly_at_all() {
    for seed in 0..SEEDS {
        let one_at_a_time = Shape { at_once: 1, ..shape(Level::Serializable) };
        let history = history(&mut Rng::with_seed(seed), one_at_a_time);
        let report = history.check(&Order::Writes).unwrap();
        assert!(report.findings().is_empty(), "seed {seed}: {history}\n{report}");
    }
}

#[test]
fn an_engine_of_each_level_shows_nothing_that_the_level_forbids() {
    for level in Level::ALL {
        for seed in 0..SEEDS {
            let history = history(&mut Rng::with_seed(seed), shape(level));
            let report = history.check(&order_of(level)).unwrap();
            assert_eq!(report.violation(level), None, "{level}, seed {seed}: {history}\n{report}");
        }
    }
}

#[test]
fn an_engine_of_each_level_shows_the_anomalies_that_the_level_allows() {
    let mut found: BTreeMap<Level, BTreeSet<Anomaly>> = BTreeMap::new();
    for level in Level::ALL {
        for seed in 0..SEEDS {
            let history = history(&mut Rng::with_seed(seed), Shape { keys: 3, ..shape(level) });
            let report = history.check(&order_of(level)).unwrap();
            found.entry(level).or_default().extend(report.anomalies());
        }
    }
    let shows = |level: Level, anomalies: &[Anomaly]| {
        for anomaly in anomalies {
            assert!(found[&level].contains(anomaly), "{level} never shows {anomaly}: {:?}", found[&level]);
        }
    };
    use Anomaly::*;
    shows(Level::ReadUncommitted, &[AbortedRead, IntermediateRead, CircularFlow, LostUpdate]);
    shows(Level::ReadCommitted, &[LostUpdate, NonRepeatableRead, ReadSkew, WriteSkew, Phantom]);
    shows(Level::RepeatableRead, &[Phantom, PhantomSkew]);
    shows(Level::Snapshot, &[WriteSkew, PhantomSkew]);
    assert!(found[&Level::Serializable].is_empty());
}

/// A copy of a history in which each step has the event that `replace` returns for it.
fn copied(history: &History, mut replace: impl FnMut(usize, &Event) -> Event) -> History {
    let mut copy = History::new();
    for (item, _, value) in history.start_state() {
        copy.start(item, *value);
    }
    for (at, step) in history.steps().iter().enumerate() {
        let txn = step.txn;
        match replace(at, &step.event) {
            Event::Begin => drop(copy.begin(history.session(txn))),
            Event::Read(item, saw) => copy.read(txn, item, saw),
            Event::Scan(predicate, saw) => copy.scan(txn, &predicate, saw),
            Event::Write(item, version, value) => copy.write(txn, item, version, value),
            Event::Commit => copy.commit(txn),
            Event::Abort => copy.abort(txn),
            Event::CommitUnknown => copy.commit_unknown(txn),
            Event::Note(text) => copy.note(txn, text),
        }
    }
    copy
}

/// Changes one read or scan into one that saw another version, or no row.
fn changed(rng: &mut Rng, history: &History) -> History {
    let values = history.values();
    let reads: Vec<usize> = (0..history.steps().len())
        .filter(|at| matches!(history.steps()[*at].event, Event::Read(..) | Event::Scan(..)))
        .collect();
    let change = if reads.is_empty() { usize::MAX } else { reads[rng.usize(..reads.len())] };
    let mut other = |item: &Item| {
        let all: Vec<Version> = values
            .iter()
            .filter(|((of, _), value)| of == item && value.is_some())
            .map(|((_, version), _)| *version)
            .collect();
        let row = (!all.is_empty() && rng.u8(..6) > 0).then(|| all[rng.usize(..all.len())]);
        (row, rng.usize(..))
    };
    copied(history, |at, event| match event {
        Event::Read(item, _) if at == change => Event::Read(item.clone(), other(item).0),
        Event::Scan(predicate, saw) if at == change && !saw.is_empty() => {
            let mut saw = saw.clone();
            let row = other(&saw[0].0).1 % saw.len();
            match other(&saw[row].0).0 {
                Some(version) => saw[row].1 = version,
                None => drop(saw.remove(row)),
            }
            Event::Scan(predicate.clone(), saw)
        }
        event => event.clone(),
    })
}

/// The answers of some commits are lost: of those that took effect, and of others, which did not.
#[test]
fn a_lost_answer_never_makes_an_engine_show_what_its_level_forbids() {
    let mut lost = 0;
    for level in Level::ALL {
        for seed in 0..2 * SEEDS {
            let mut rng = Rng::with_seed(seed);
            let full = history(&mut rng, Shape { keys: 4, ..shape(level) });
            let history = copied(&full, |_, event| match event {
                Event::Commit | Event::Abort if rng.bool() => {
                    lost += 1;
                    Event::CommitUnknown
                }
                event => event.clone(),
            });
            let report = history.check(&order_of(level)).unwrap();
            assert_eq!(report.violation(level), None, "{level}, seed {seed}: {history}\n{report}");
        }
    }
    assert!(lost > 1_000, "only {lost} answers were lost");
}

/// Whether some serial order of the committed transactions gives each read what it saw, and each item its
/// versions in the order of the writes. Shares nothing with the checker.
fn has_serial_order(history: &History) -> bool {
    let committed: Vec<Txn> = history
        .steps()
        .iter()
        .filter(|step| matches!(step.event, Event::Commit))
        .map(|step| step.txn)
        .collect();
    let mut order: BTreeMap<Item, Vec<Version>> = BTreeMap::new();
    for (at, step) in history.steps().iter().enumerate() {
        let Event::Write(item, version, _) = &step.event else { continue };
        let is_again = history.steps()[at + 1..].iter().any(|later| {
            later.txn == step.txn && matches!(&later.event, Event::Write(other, ..) if other == item)
        });
        if committed.contains(&step.txn) && !is_again {
            order.entry(item.clone()).or_default().push(*version);
        }
    }
    let mut state: BTreeMap<Item, (Version, i64)> = BTreeMap::new();
    for (item, version, value) in history.start_state() {
        state.insert(item.clone(), (*version, *value));
    }
    search(history, &committed, &state, &mut order)
}

fn search(
    history: &History,
    left: &[Txn],
    state: &BTreeMap<Item, (Version, i64)>,
    order: &mut BTreeMap<Item, Vec<Version>>,
) -> bool {
    left.is_empty()
        || left.iter().any(|txn| {
            let mut state = state.clone();
            let mut order = order.clone();
            let rest: Vec<Txn> = left.iter().copied().filter(|other| other != txn).collect();
            replay(history, *txn, &mut state, &mut order) && search(history, &rest, &state, &mut order)
        })
}

/// Runs a transaction on the state. Returns whether its reads saw what they should.
fn replay(
    history: &History,
    txn: Txn,
    state: &mut BTreeMap<Item, (Version, i64)>,
    order: &mut BTreeMap<Item, Vec<Version>>,
) -> bool {
    let mut last_writes = BTreeMap::new();
    for step in history.steps().iter().filter(|step| step.txn == txn) {
        match &step.event {
            Event::Read(item, saw) if state.get(item).map(|(version, _)| *version) != *saw => return false,
            Event::Scan(predicate, saw) => {
                let expected: BTreeSet<(Item, Version)> = state
                    .iter()
                    .filter(|(item, (_, value))| predicate.matches(item, Some(*value)))
                    .map(|(item, (version, _))| (item.clone(), *version))
                    .collect();
                if expected != saw.iter().cloned().collect() {
                    return false;
                }
            }
            Event::Write(item, version, value) => {
                last_writes.insert(item.clone(), *version);
                match value {
                    Some(value) => drop(state.insert(item.clone(), (*version, *value))),
                    None => drop(state.remove(item)),
                }
            }
            _ => (),
        }
    }
    last_writes.into_iter().all(|(item, version)| {
        let left = order.get_mut(&item).expect("a committed write");
        let is_next = left.first() == Some(&version);
        left.retain(|other| *other != version);
        is_next
    })
}

#[test]
fn a_history_with_a_serial_order_never_has_an_anomaly() {
    let mut serial = 0;
    for seed in 0..4 * SEEDS {
        let mut rng = Rng::with_seed(seed);
        let level = Level::ALL[seed as usize % 3];
        let shape = Shape { txns: 4, at_once: 3, operations: 3, keys: 3, ..shape(level) };
        let mut history = history(&mut rng, shape);
        if seed % 2 == 0 {
            history = changed(&mut rng, &history);
        }
        if has_serial_order(&history) {
            serial += 1;
            let report = history.check(&Order::Writes).unwrap();
            assert!(report.findings().is_empty(), "seed {seed}: {history}\n{report}");
        }
    }
    assert!(serial > 200, "only {serial} histories had a serial order");
}

#[test]
fn a_history_without_a_serial_order_always_has_an_anomaly() {
    let mut broken = 0;
    for seed in 0..4 * SEEDS {
        let mut rng = Rng::with_seed(seed);
        let level = Level::ALL[seed as usize % 3];
        let shape =
            Shape { txns: 4, at_once: 3, operations: 3, keys: 3, is_ambiguous: false, ..shape(level) };
        let mut history = history(&mut rng, shape);
        if seed % 2 == 0 {
            history = changed(&mut rng, &history);
        }
        let report = history.check(&Order::Writes).unwrap();
        let is_serial = has_serial_order(&history);
        assert_eq!(report.findings().is_empty(), is_serial, "seed {seed}: {history}\n{report}");
        broken += usize::from(!is_serial);
    }
    assert!(broken > 200, "only {broken} histories had no serial order");
}

/// Nanoseconds that this thread needs for a check: the least of three.
fn time_of(history: &History, order: &Order) -> u64 {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    };
    let times = (0..3).map(|_| {
        let start = now();
        history.check(order).unwrap();
        now() - start
    });
    times.min().unwrap()
}

/// Work that grows with the square of the history makes it 16 times as long, with the third power 64 times.
#[test]
fn a_history_four_times_as_long_takes_less_than_32_times_as_long() {
    let mut most = 0;
    let crowded = [Level::ReadUncommitted, Level::ReadCommitted, Level::Snapshot, Level::Serializable];
    for (level, keys) in crowded.into_iter().flat_map(|level| [(level, 10), (level, 1_000)]) {
        let of = |txns| {
            history(&mut Rng::with_seed(1), Shape { txns, at_once: 8, operations: 8, keys, ..shape(level) })
        };
        let (short, long) = (of(70), of(280));
        let operations = long.steps().len() - 2 * long.txn_count();
        let ratio = time_of(&long, &order_of(level)) / time_of(&short, &order_of(level)).max(1);
        println!("{level}, {keys} keys, {operations} operations: {ratio} times as long");
        most = most.max(operations);
        assert!(ratio < 32, "{level}, {keys} keys: {ratio} times as long");
    }
    assert!(most >= 2_000, "the longest history has {most} operations");
}

#[test]
fn two_checks_of_a_history_give_the_same_report() {
    for (level, keys) in Level::ALL.into_iter().flat_map(|level| [(level, 10), (level, 1_000)]) {
        let shape = Shape { txns: 280, at_once: 8, operations: 8, keys, ..shape(level) };
        let history = history(&mut Rng::with_seed(1), shape);
        let report = || history.check(&order_of(level)).unwrap().to_string();
        assert_eq!(report(), report(), "{level}, {keys} keys");
    }
}
