//! The classic anomalies, played step by step on one thread, and random interleavings of such steps.

use std::ops::Bound::Unbounded;

use kit::sync::Arc;
use locking::snapshot::{Guarantee, SnapshotError, SnapshotTxn, VersionedMap};
use testkit::history::play::{Answer, Player};
use testkit::history::scenario::{Do, Find, SCENARIOS};
use testkit::history::{Anomaly, Item, Version};
use testkit::{Failure, check, check_eq, scene, step};

use super::recorder::{Recorded, Recorder, level_of};
use super::show;

/// A session on a map whose rows are text: value and version.
struct Session {
    map: Arc<VersionedMap>,
    guarantee: Guarantee,
    txn: Option<SnapshotTxn>,
}

/// Id, value and stored version.
type Row = [i64; 3];

fn key(id: i64) -> String {
    format!("row {id}")
}

fn value(row: Row) -> String {
    format!("{} version {}", row[1], row[2])
}

/// The row that these bytes say.
fn row(key: &[u8], value: &[u8]) -> Row {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (key, value) = (text(key), text(value));
    let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).unwrap_or(-1);
    let mut words = value.split(" version ");
    [number(key.strip_prefix("row ")), number(words.next()), number(words.next())]
}

fn scan(txn: &mut SnapshotTxn, find: Find) -> Vec<Row> {
    let found = txn.range(Unbounded, Unbounded);
    let rows = found.iter().map(|(key, value)| row(key, value));
    rows.filter(|row| find.predicate().matches(&Item::from(row[0]), Some(row[1]))).collect()
}

impl Session {
    /// Writes a row with the version, and returns it.
    fn put(&mut self, id: i64, new: i64, version: Version) -> Result<Row, SnapshotError> {
        let row = [id, new, version.to_i64()];
        self.txn().put(key(id).as_bytes(), value(row).as_bytes())?;
        Ok(row)
    }

    fn txn(&mut self) -> &mut SnapshotTxn {
        self.txn.as_mut().expect("a step has a transaction")
    }

    fn done(&mut self, step: Do, version: Version) -> Result<Vec<Row>, SnapshotError> {
        let read = |txn: &mut SnapshotTxn, id: i64| {
            txn.get(key(id).as_bytes()).map(|value| row(key(id).as_bytes(), &value))
        };
        match step {
            Do::Read(id) => Ok(read(self.txn(), id).into_iter().collect()),
            Do::Scan(find) => Ok(scan(self.txn(), find)),
            Do::Set(id, _) if read(self.txn(), id).is_none() => Ok(Vec::new()),
            Do::Set(id, new) | Do::Insert(id, new) => Ok(vec![self.put(id, new, version)?]),
            Do::AddToAll(amount) => {
                let rows = scan(self.txn(), Find::All);
                rows.into_iter().map(|[id, old, _]| self.put(id, old + amount, version)).collect()
            }
            Do::DeleteValue(wanted) => {
                let rows = scan(self.txn(), Find::Value(wanted));
                rows.iter().try_for_each(|[id, ..]| self.txn().delete(key(*id).as_bytes()))?;
                Ok(rows)
            }
            Do::Commit => self.txn.take().map_or(Ok(Vec::new()), |txn| txn.commit().map(|_| Vec::new())),
            Do::Abort => Ok(self
                .txn
                .take()
                .into_iter()
                .flat_map(|txn| {
                    txn.abort();
                    None
                })
                .collect()),
        }
    }
}

impl Player for Session {
    fn begin(&mut self) -> Result<(), String> {
        self.txn = Some(self.map.begin(self.guarantee));
        Ok(())
    }

    fn ask(&mut self, step: Do, version: Version) -> Answer {
        let answer = match self.done(step, version) {
            Ok(rows) => Answer::Done(rows),
            Err(error) => Answer::Failed(error.to_string()),
        };
        step!("{step:?}: {answer:?}");
        show(&self.map);
        answer
    }

    fn again(&mut self) -> Answer {
        Answer::Waits
    }

    fn roll_back(&mut self) -> Result<(), String> {
        self.txn = None;
        Ok(())
    }

    fn ends_deadlocks(&self) -> bool {
        true
    }
}

/// Plays all scenarios. Each level forbids what it should; and what snapshots allow, they let through.
fn play_all(guarantee: Guarantee) {
    let level = level_of(guarantee);
    for scenario in SCENARIOS {
        scene::clear();
        step!("// {} at {guarantee}", scenario.name);
        let open = |rows: &[Row], sessions: usize| {
            let map = VersionedMap::new();
            let mut txn = map.begin(guarantee);
            for row in rows {
                drop(txn.put(key(row[0]).as_bytes(), value(*row).as_bytes()));
            }
            drop(txn.commit());
            let session = |_| Session { map: Arc::clone(&map), guarantee, txn: None };
            Ok((0..sessions).map(session).collect())
        };
        let outcome = match scenario.play(open) {
            Ok(outcome) => outcome,
            Err(error) => Failure::new(format!("{}: a history", scenario.name)).found(error).raise(),
        };
        outcome.report.expect(level, &format!("{} at {guarantee}", scenario.name));
        if scenario.shows.iter().all(|anomaly| !level.forbids(*anomaly)) {
            check_eq!(
                outcome.refused,
                Vec::new(),
                "refusals in \"{}\", which {} allows",
                scenario.name,
                level.name()
            );
            check!(
                outcome.shows(scenario),
                "\"{}\" shows its anomaly at {}, as two snapshots must",
                scenario.name,
                level.name()
            );
        }
    }
}

/// One snapshot and the first committer forbid most anomalies; write skew they allow, and a design that
/// refuses it costs its users transactions for nothing.
#[testkit::test]
fn snapshots_forbid_what_they_should_and_allow_write_skew() {
    play_all(Guarantee::Snapshot);
}

/// Serializable forbids each anomaly, also those of ranges and of three transactions.
#[testkit::test]
fn serializable_forbids_every_anomaly() {
    scene::invariant("V6", "what a serializable writer has read is unchanged when it commits");
    play_all(Guarantee::Serializable);
}

/// Thousands of random steps of four sessions. In each history nothing is found that the guarantee forbids;
/// in some, what it allows.
#[testkit::test]
fn random_sessions_keep_their_guarantee() {
    for guarantee in super::BOTH {
        let mut rng = testkit::rng();
        let (mut committed, mut refused, mut skewed) = (0, 0, 0);
        for _ in 0..150 {
            let recorder = Recorder::new(guarantee);
            let mut open: [Option<Recorded>; 4] = [None, None, None, None];
            for _ in 0..50 {
                let session = rng.usize(..4);
                let mut at = match open[session].take() {
                    Some(at) => at,
                    None => recorder.begin(session as u32 + 1),
                };
                if rng.u32(..5) == 0 {
                    recorder.end(at, rng.u32(..8) > 0);
                } else if recorder.step(&mut at, &mut rng) {
                    open[session] = Some(at);
                } else {
                    recorder.end(at, false);
                }
            }
            for at in open.into_iter().flatten() {
                recorder.end(at, true);
            }
            let report = recorder.judge("random transactions");
            let skews = [Anomaly::WriteSkew, Anomaly::PhantomSkew, Anomaly::AntiDependencyCycle];
            skewed += usize::from(skews.iter().any(|skew| report.find(*skew).is_some()));
            let (of_these, refused_of_these) = recorder.counts();
            committed += of_these;
            refused += refused_of_these;
        }
        check!(committed > 800, "commits of 150 random histories at {guarantee}: {committed}");
        check!(refused > 0, "some transactions of 150 random histories at {guarantee} are refused");
        check_eq!(skewed > 0, guarantee == Guarantee::Snapshot, "write skew occurs at {guarantee}");
    }
}
