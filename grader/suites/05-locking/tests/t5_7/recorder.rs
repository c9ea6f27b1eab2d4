//! Random transactions on a versioned map whose history is recorded.

use std::collections::BTreeMap;
use std::ops::Bound::Included;

use kit::sync::{Arc, Mutex};
use locking::snapshot::{Guarantee, SnapshotTxn, Timestamp, VersionedMap};
use testkit::Rng;
use testkit::history::{History, Item, Level, Order, Predicate, Report, Txn, Version};

/// Keys of the map: one byte each, the item is its number.
pub(super) const KEYS: i64 = 5;

/// A map, and what transactions saw in it.
pub(super) struct Recorder {
    pub(super) map: Arc<VersionedMap>,
    guarantee: Guarantee,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    history: History,
    /// The last write of each item by transactions that committed, and the numbers of their commits.
    installed: Vec<(Timestamp, Item, Version)>,
    committed: usize,
    refused: usize,
}

/// A transaction that is recorded.
pub(super) struct Recorded {
    txn: SnapshotTxn,
    name: Txn,
    writes: BTreeMap<i64, Version>,
}

pub(super) fn level_of(guarantee: Guarantee) -> Level {
    match guarantee {
        Guarantee::Snapshot => Level::Snapshot,
        Guarantee::Serializable => Level::Serializable,
    }
}

fn key_of(number: i64) -> [u8; 1] {
    [b'a' + number as u8]
}

/// A value that carries the version, for a person too.
fn value_of(version: Version) -> String {
    version.to_i64().to_string()
}

fn version_of(value: &[u8]) -> Version {
    let number = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
    Version::from_i64(number.unwrap_or(-1))
}

impl Recorder {
    /// A map in which the first three keys have values.
    pub(super) fn new(guarantee: Guarantee) -> Arc<Self> {
        let map = VersionedMap::new();
        let mut notes = Notes::default();
        let mut txn = map.begin(guarantee);
        for number in 0..3 {
            let version = notes.history.start(number, 0);
            drop(txn.put(&key_of(number), value_of(version).as_bytes()));
        }
        drop(txn.commit());
        Arc::new(Recorder { map, guarantee, notes: Mutex::new(notes) })
    }

    pub(super) fn begin(&self, session: u32) -> Recorded {
        let name = self.notes.lock().history.begin(session);
        Recorded { txn: self.map.begin(self.guarantee), name, writes: BTreeMap::new() }
    }

    /// One random read, scan, write or deletion. False if it was refused; the transaction is over then.
    pub(super) fn step(&self, at: &mut Recorded, rng: &mut Rng) -> bool {
        let number = rng.i64(0..KEYS);
        match rng.u32(..6) {
            0 | 1 => {
                let saw = at.txn.get(&key_of(number)).map(|value| version_of(&value));
                self.notes.lock().history.read(at.name, number, saw);
                true
            }
            2 => {
                let to = rng.i64(number..KEYS);
                let (from_key, to_key) = (key_of(number), key_of(to));
                let found = at.txn.range(Included(&from_key), Included(&to_key));
                let item = |key: &[u8]| Item::from(i64::from(key[0] - b'a'));
                let saw = found.iter().map(|(key, value)| (item(key), version_of(value)));
                let predicate = Predicate::keys("", number..=to);
                self.notes.lock().history.scan(at.name, &predicate, saw);
                true
            }
            choice => self.write(at, number, choice != 5),
        }
    }

    fn write(&self, at: &mut Recorded, number: i64, has_value: bool) -> bool {
        let version = self.notes.lock().history.next_version(at.name);
        let written = match has_value {
            true => at.txn.put(&key_of(number), value_of(version).as_bytes()),
            false => at.txn.delete(&key_of(number)),
        };
        if written.is_ok() {
            let mut notes = self.notes.lock();
            notes.history.write(at.name, number, version, has_value.then_some(0));
            at.writes.insert(number, version);
        }
        written.is_ok()
    }

    /// Ends the transaction; true if it has committed.
    pub(super) fn end(&self, at: Recorded, wants_commit: bool) -> bool {
        let result = if wants_commit { at.txn.commit().ok() } else { None };
        let mut notes = self.notes.lock();
        match result {
            Some(number) => {
                notes.history.commit(at.name);
                let installed = at.writes.into_iter().map(|(item, version)| (number, item.into(), version));
                notes.installed.extend(installed);
                notes.committed += 1;
            }
            None => {
                notes.history.abort(at.name);
                notes.refused += usize::from(wants_commit);
            }
        }
        result.is_some()
    }

    /// Transactions that committed, and that were refused.
    pub(super) fn counts(&self) -> (usize, usize) {
        let notes = self.notes.lock();
        (notes.committed, notes.refused)
    }

    /// What the checker says. Ends the test if the guarantee forbids something of it.
    pub(super) fn judge(&self, what: &str) -> Report {
        super::show(&self.map);
        let notes = self.notes.lock();
        let mut installed = notes.installed.clone();
        installed.sort_by_key(|(number, ..)| *number);
        let mut orders: BTreeMap<Item, Vec<Version>> = BTreeMap::new();
        for (_, item, version) in installed {
            orders.entry(item).or_default().push(version);
        }
        match notes.history.check(&Order::Given(orders)) {
            Ok(report) => {
                report.expect(level_of(self.guarantee), what);
                report
            }
            Err(error) => testkit::Failure::new(format!("{what}: no history can be like that"))
                .found_text(error.to_string())
                .note(format!("the history: {}", notes.history))
                .raise(),
        }
    }
}
