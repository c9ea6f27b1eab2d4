//! Every key and value is dropped once, and at the right moment.

use std::hash::{Hash, Hasher};

use structures::HashMap;
use structures::hash_map::Entry;
use testkit::drops::{Counted, Ledger};
use testkit::hashers::{Collide, Seeded};
use testkit::{check, check_eq};

fn filled(ledger: &Ledger, count: i64) -> HashMap<Counted, Counted, Seeded> {
    (0..count).map(|n| (ledger.item(n), ledger.item(n + 1000))).collect()
}

/// Growth moves entries: it drops none and loses none, and the map drops all.
#[testkit::test]
fn growth_drops_nothing_and_the_map_drops_all() {
    let ledger = Ledger::new();
    let mut map = HashMap::with_hasher(Seeded(4));
    for n in 0..500 {
        map.insert(ledger.item(n), ledger.item(n));
        ledger.assert_alive(2 * (n as usize + 1), &format!("after {} inserts of a key and a value", n + 1));
    }
    drop(map);
    ledger.assert_all_dropped_once();
}

/// A removed or replaced entry belongs to the caller at once: the table must not keep it until it grows.
#[testkit::test]
fn removed_and_replaced_entries_are_dropped_at_once() {
    let ledger = Ledger::new();
    let mut map = filled(&ledger, 100);
    for n in 0..50 {
        let key = ledger.item(n);
        check_eq!(map.remove(&key).map(|value| value.value()), Some(n + 1000), "remove({n})");
    }
    ledger.assert_alive(100, "after removing 50 of 100 entries");
    for n in 50..100 {
        let old = map.insert(ledger.item(n), ledger.item(n + 2000));
        check_eq!(old.map(|value| value.value()), Some(n + 1000), "insert({n}) over a present key");
    }
    ledger.assert_alive(100, "after replacing the values of the other 50");
    map.retain(|key, _| key.value() >= 75);
    ledger.assert_alive(50, "after retain kept 25 entries");
    if let Entry::Occupied(entry) = map.entry(ledger.item(80)) {
        entry.remove();
    }
    ledger.assert_alive(48, "after removing one of them through its entry");
    map.clear();
    ledger.assert_alive(0, "after clear");
    drop(map);
    ledger.assert_all_dropped_once();
}

/// Iterators that own entries drop the entries that they did not return, and do not drop the others.
#[testkit::test]
fn owning_iterators_drop_the_rest() {
    let ledger = Ledger::new();
    let mut iter = filled(&ledger, 60).into_iter();
    let given: Vec<(Counted, Counted)> = iter.by_ref().take(20).collect();
    check_eq!(iter.len(), 40, "len of into_iter() after 20 of 60 entries");
    drop(iter);
    ledger.assert_alive(40, "when 20 entries were taken from into_iter() and the rest dropped");
    drop(given);
    let mut map = filled(&ledger, 60);
    let first = map.drain().next();
    check!(first.is_some(), "drain() of 60 entries gives one");
    drop(first);
    check!(map.is_empty(), "the map is empty when drain() is dropped after one entry");
    ledger.assert_alive(0, "after a drain() that was dropped after one entry");
    map.insert(ledger.item(1), ledger.item(2));
    check_eq!(map.len(), 1, "len after an insert into a drained map");
    drop(map);
    ledger.assert_all_dropped_once();
}

/// A clone has entries of its own: dropping one map does not change the other.
#[testkit::test]
fn a_clone_owns_its_entries() {
    let ledger = Ledger::new();
    let mut map = filled(&ledger, 40);
    let copy = map.clone();
    ledger.assert_alive(160, "after cloning 40 keys and values");
    map.retain(|key, _| key.value() % 2 == 0);
    ledger.assert_alive(120, "after dropping half of the original");
    drop(map);
    check_eq!(copy.len(), 40, "len of the clone after the original is dropped");
    check!((0..40).all(|n| copy.contains_key(&ledger.item(n))), "the clone finds every key");
    drop(copy);
    ledger.assert_all_dropped_once();
}

/// A key whose label does not count for equality.
#[derive(Debug, Clone)]
struct Labelled(u64, &'static str);

impl PartialEq for Labelled {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Labelled {}

impl Hash for Labelled {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// An insert over an equal key replaces the value and keeps the first key, as its doc says.
#[testkit::test]
fn an_insert_over_an_equal_key_keeps_the_first_key() {
    let mut map = HashMap::with_hasher(Collide);
    for key in 0..20 {
        map.insert(Labelled(key, "first"), 1);
    }
    for key in 0..20 {
        check_eq!(map.insert(Labelled(key, "second"), 2), Some(1), "insert over an equal key {key}");
    }
    check!(map.keys().all(|key| key.1 == "first"), "the keys of the first inserts are still there");
    check!(map.values().all(|value| *value == 2), "the values are those of the second inserts");
}
