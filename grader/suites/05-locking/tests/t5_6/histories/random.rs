//! Random transactions on threads, recorded and judged.

use std::collections::BTreeMap;

use kit::sync::atomic::{AtomicUsize, Ordering};
use kit::sync::{Arc, Mutex};
use locking::DeadlockPolicy::{Detect, WoundWait};
use locking::{DeadlockPolicy, Error, Isolation, LockConfig, dump_locks};
use testkit::history::play::record;
use testkit::history::scenario::{Do, Find};
use testkit::history::{History, Level, Order, Txn};
use testkit::schedule::explore;
use testkit::{Failure, Rng, check, check_eq};

use super::client::{By, Client, SharedDb, Stored, fill, new_db};
use super::level_of;
use crate::support::rows::ok;
use crate::support::spawn;

/// Choices of steps for each choice of levels, and schedules for each of those.
const CASES: usize = 4;
const SCHEDULES: usize = 5;
/// Sessions, transactions of each, and steps of a transaction.
const SESSIONS: u32 = 3;
const TXNS: usize = 2;
const STEPS: usize = 3;

/// A step. Rows 1 to 3 exist at the start; 4 and 5 may be inserted.
fn random_step(rng: &mut Rng) -> Do {
    match rng.u8(0..6) {
        0 | 1 => Do::Read(rng.i64(1..6)),
        2 => Do::Scan(Find::All),
        3 => Do::Set(rng.i64(1..5), rng.i64(1..5) * 10),
        4 => Do::Insert(rng.i64(4..6), rng.i64(40..100)),
        _ => Do::DeleteValue(rng.i64(1..4) * 10),
    }
}

/// One random transaction, recorded.
fn run(db: &SharedDb, history: &Mutex<History>, (isolation, session): (Isolation, u32), mut rng: Rng) -> Txn {
    let scans = if rng.bool() { By::Index } else { By::Heap };
    let mut client = Client::new(db, isolation, scans);
    let txn = {
        // At one moment, so that both give it the same name.
        let mut history = history.lock();
        client.begin();
        history.begin(session)
    };
    let end = if rng.u8(0..4) == 0 { Do::Abort } else { Do::Commit };
    let steps: Vec<Do> = (0..STEPS).map(|_| random_step(&mut rng)).collect();
    for step in steps.into_iter().chain([end]) {
        let version = history.lock().next_version(txn);
        let mut rows: Vec<Stored> = Vec::new();
        let result = client.run(step, version.to_i64(), &mut rows);
        let mut history = history.lock();
        match result {
            Ok(()) => record(&mut history, txn, step, version, &rows),
            Err(Error::DuplicateKey { .. }) => continue,
            Err(error) => {
                check!(error.must_roll_back(), "a random step: {error}");
                // What it wrote before it failed may have been seen.
                for [id, value, _] in rows {
                    let value = (!matches!(step, Do::DeleteValue(_))).then_some(value);
                    history.write(txn, id, version, value);
                }
                history.abort(txn);
                drop(history);
                ok(client.roll_back(), "a rollback");
                break;
            }
        }
        history.picture(|| dump_locks(db.shared.locks()));
    }
    txn
}

/// Runs random transactions at the levels that `pick` chooses. Returns how many histories had an anomaly that
/// these levels allow.
fn judge(policy: DeadlockPolicy, pick: fn(&mut Rng) -> Isolation) -> usize {
    let mut rng = testkit::rng();
    let with_anomaly = Arc::new(AtomicUsize::new(0));
    for case in 0..CASES {
        let seed = rng.u64(..);
        // In every other case a transaction soon holds so many row locks that it tries to lock the table.
        let escalate_at = if case % 2 == 0 { 2 } else { LockConfig::default().escalate_at };
        let config = LockConfig { policy, escalate_at, ..LockConfig::default() };
        let with_anomaly = Arc::clone(&with_anomaly);
        explore(SCHEDULES, move || {
            if judge_one(config, pick, Rng::with_seed(seed)) {
                with_anomaly.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    with_anomaly.load(Ordering::SeqCst)
}

/// True if the history has an anomaly, which the levels allow.
fn judge_one(config: LockConfig, pick: fn(&mut Rng) -> Isolation, mut rng: Rng) -> bool {
    let mut history = History::new();
    let rows: Vec<Stored> = (1..4).map(|id| [id, id * 10, history.start(id, id * 10).to_i64()]).collect();
    let db = new_db(config);
    fill(&db, &rows);
    // The setup was the first transaction of the table.
    let setup = history.begin(0);
    history.commit(setup);
    let history = Arc::new(Mutex::new(history));
    let threads: Vec<_> = (1..=SESSIONS)
        .map(|session| {
            let (db, history, mut rng) = (Arc::clone(&db), Arc::clone(&history), rng.fork());
            spawn(format!("session {session}"), move || {
                let txns = (0..TXNS).map(|_| {
                    let isolation = pick(&mut rng);
                    (run(&db, &history, (isolation, session), rng.fork()), level_of(isolation))
                });
                txns.collect::<Vec<_>>()
            })
        })
        .collect();
    let mut levels: BTreeMap<Txn, Level> = BTreeMap::new();
    for thread in threads {
        levels.extend(thread.join().expect("a session ends"));
    }
    let names: Vec<String> = levels.iter().map(|(txn, level)| format!("{txn} {level}")).collect();
    let history = history.lock();
    let (judged, all) = match (history.check_mixed(&Order::Writes, &levels), history.check(&Order::Writes)) {
        (Ok(judged), Ok(all)) => (judged, all),
        (Err(error), _) | (_, Err(error)) => {
            Failure::new("the rows that transactions saw").found_text(error.to_string()).raise()
        }
    };
    // What a transaction's own level allows is no finding of a history of mixed levels.
    judged.expect(Level::Serializable, &format!("transactions at {}", names.join(", ")));
    !all.findings().is_empty()
}

/// All transactions at one level.
#[testkit::test]
fn random_transactions_show_nothing_that_their_level_forbids() {
    let allowed = judge(Detect, |_| Isolation::ReadUncommitted) + judge(Detect, |_| Isolation::ReadCommitted);
    check!(allowed > 0, "no anomaly in any history at read uncommitted and read committed, which allow some");
    judge(Detect, |_| Isolation::RepeatableRead);
    let wrong = judge(Detect, |_| Isolation::Serializable);
    check_eq!(wrong, 0, "histories with an anomaly at serializable");
}

/// Each transaction has what its own level promises, whatever the levels of the others.
#[testkit::test]
fn random_transactions_of_different_levels_have_what_each_promises() {
    for policy in [Detect, WoundWait] {
        judge(policy, |rng| Isolation::ALL[rng.usize(..4)]);
    }
}
