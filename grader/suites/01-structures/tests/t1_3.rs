//! Task 1.3: hash map. Small tests and edge cases are here; the model, counts and drops are in the modules
//! below.

mod counts;
mod drops;
mod entries;
mod model;
mod panics;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::{BuildHasher, Hash};

use structures::HashMap;
use testkit::hashers::{Collide, Identity, Seeded};
use testkit::{check, check_eq, scene, step};

/// Adds the map to the report of the next failure.
fn show<K: Debug, V, S>(map: &HashMap<K, V, S>) {
    scene::picture(|| map.dump());
}

/// The entries of a map, in ascending order of the keys.
fn contents<K: Clone + Ord, V: Clone, S>(map: &HashMap<K, V, S>) -> Vec<(K, V)> {
    let mut all: Vec<(K, V)> = map.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// Checks length, every lookup and the iterator against what the map should hold.
fn check_holds<K, V, S>(map: &HashMap<K, V, S>, expected: &BTreeMap<K, V>)
where
    K: Clone + Debug + Eq + Hash + Ord,
    V: Clone + Debug + PartialEq,
    S: BuildHasher,
{
    show(map);
    check_eq!(map.len(), expected.len(), "len");
    for (key, value) in expected {
        check_eq!(map.get(key), Some(value), "get({key:?})");
    }
    let wanted: Vec<(K, V)> = expected.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    check_eq!(contents(map), wanted, "all entries of iter(), sorted");
}

/// A stored value is found, replaced and counted once; a key that is not there is not found.
#[testkit::test]
fn stores_finds_and_replaces() {
    let mut map = HashMap::with_hasher(Seeded(1));
    check_eq!(map.get(&1), None, "get(1) in an empty map");
    check_eq!(map.insert(1, "one"), None, "insert(1, \"one\") into an empty map");
    check_eq!(map.insert(2, "two"), None, "insert(2, \"two\")");
    check_eq!(map.insert(1, "uno"), Some("one"), "insert(1, \"uno\") over a present key");
    check_eq!(map.len(), 2, "len after two keys, one stored twice");
    check_eq!(map.get(&1), Some(&"uno"), "get(1)");
    check_eq!(map.get(&3), None, "get(3), never stored");
    check!(map.contains_key(&2) && !map.contains_key(&3), "contains_key agrees with get");
    if let Some(value) = map.get_mut(&2) {
        *value = "dos";
    }
    check_eq!(map.remove(&2), Some("dos"), "remove(2) after a change through get_mut");
    check_eq!(map.remove(&2), None, "remove(2) a second time");
    check_eq!(map.len(), 1, "len at the end");
}

/// Each growth moves every entry to the place for its hash; an entry that stays at its old place is not
/// found.
#[testkit::test]
fn keeps_every_entry_when_it_grows() {
    grow_and_look(Seeded(3));
    grow_and_look(Identity);
}

fn grow_and_look<S: BuildHasher>(hasher: S) {
    scene::clear();
    let mut map = HashMap::with_hasher(hasher);
    for key in 0..500u64 {
        step!("map.insert({key}, {})", key * 10);
        map.insert(key, key * 10);
        show(&map);
        for old in 0..=key {
            check_eq!(map.get(&old), Some(&(old * 10)), "get({old}) after inserting 0..={key}");
        }
        check_eq!(map.get(&(key + 1)), None, "get({}), not inserted yet", key + 1);
    }
}

/// Keys with the same hash are different entries if they are not equal, for any number of keys.
#[testkit::test]
fn keeps_keys_with_equal_hashes_apart() {
    let mut map = HashMap::with_hasher(Collide);
    let mut expected = BTreeMap::new();
    for key in 0..200 {
        check_eq!(map.insert(key, key + 1000), None, "insert({key}) of a new key, all hashes equal");
        expected.insert(key, key + 1000);
    }
    check_holds(&map, &expected);
    check_eq!(map.get(&200), None, "get(200), never stored, all hashes equal");
}

/// The slot of a removed entry may be in the probes of other keys; if a probe ends there, it does not find
/// them.
#[testkit::test]
fn finds_keys_behind_a_removed_one() {
    for victim in 0..60u64 {
        scene::clear();
        scene::invariant("H3", "every group that a key's probe visits before its own has no empty byte");
        step!("map = the keys 0..60, all with the same hash; map.remove({victim})");
        let mut map: HashMap<u64, u64, Collide> = (0..60).map(|key| (key, key)).collect();
        check_eq!(map.remove(&victim), Some(victim), "remove({victim})");
        show(&map);
        for key in 0..60 {
            let wanted = (key != victim).then_some(&key);
            check_eq!(map.get(&key), wanted, "get({key}) after removing {victim}");
        }
    }
}

/// A deleted slot may be filled only if no later slot of the probe holds the key: else the
/// map holds the key twice, and a later remove brings the old value back.
#[testkit::test]
fn does_not_store_a_key_twice_behind_a_deleted_slot() {
    for present in 1..40u64 {
        scene::clear();
        scene::invariant("H5", "no two slots hold equal keys");
        step!("map = the keys 0..40, all with the same hash");
        let mut map: HashMap<u64, u64, Collide> = (0..40).map(|key| (key, key)).collect();
        step!("map.remove(0); map.insert({present}, 777); map.remove({present})");
        map.remove(&0);
        check_eq!(map.insert(present, 777), Some(present), "insert({present}) over a present key");
        show(&map);
        check_eq!(map.len(), 39, "len after removing one key and replacing another");
        check_eq!(map.remove(&present), Some(777), "remove({present})");
        check_eq!(map.get(&present), None, "get({present}) after its removal");
    }
}

/// A lookup also ends after every slot was used and freed: some empty slot must always end the probe.
#[testkit::test]
fn lookups_end_after_every_slot_was_used() {
    for wanted in [1, 14, 28, 100] {
        scene::clear();
        scene::invariant("H4", "full and deleted slots count: at least one byte in eight is empty");
        let mut map = HashMap::with_capacity_and_hasher(wanted, Seeded(6));
        let live = map.capacity().min(1_000) as u64;
        step!(
            "map = the keys 0..{live}, as many as its capacity; then the oldest goes and a new one comes, ..."
        );
        for key in 0..live {
            map.insert(key, ());
        }
        for key in live..live + 3_000 {
            check_eq!(map.remove(&(key - live)), Some(()), "remove({}), the oldest key", key - live);
            check_eq!(map.get(&(key - live)), None, "get({}), just removed", key - live);
            check_eq!(map.insert(key, ()), None, "insert({key}), a new key");
        }
        show(&map);
        for key in live + 3_000..live + 3_100 {
            check_eq!(map.get(&key), None, "get({key}), never stored");
            check_eq!(map.remove(&key), None, "remove({key}), never stored");
        }
        check_eq!(map.len() as u64, live, "len after as many removes as inserts");
    }
}

/// The same if all keys have the same home group, and the map is filled and emptied again and again.
#[testkit::test]
fn lookups_end_in_a_map_that_was_full_and_is_empty() {
    for homes in [1u64, 1 << 40] {
        scene::clear();
        scene::invariant("H4", "full and deleted slots count: at least one byte in eight is empty");
        let mut map = HashMap::with_capacity_and_hasher(20, Identity);
        for round in 0..40u64 {
            let count = map.capacity().min(1_000) as u64;
            step!("round {round}: insert {count} keys, as many as the capacity, then remove them");
            let keys: Vec<u64> = (0..count).map(|n| (round * 1_000 + n) * homes).collect();
            for key in &keys {
                map.insert(*key, ());
            }
            check_eq!(map.len(), keys.len(), "len after filling the map up to its capacity");
            for key in &keys {
                check_eq!(map.remove(key), Some(()), "remove({key}) in round {round}");
            }
            show(&map);
            check_eq!(map.get(&u64::MAX), None, "get of an absent key in an emptied map");
            check!(map.is_empty(), "is_empty after every key was removed");
        }
    }
}

/// A key that is inserted after its removal is a new entry with the new value, and is counted once.
#[testkit::test]
fn a_removed_key_can_be_inserted_again() {
    let mut map = HashMap::with_hasher(Collide);
    for key in 0..30 {
        map.insert(key, 0);
    }
    for round in 1..20 {
        for key in 0..30 {
            check_eq!(map.remove(&key), Some(round - 1), "remove({key}) in round {round}");
            check_eq!(map.get(&key), None, "get({key}) after its removal");
            check_eq!(map.insert(key, round), None, "insert({key}) after its removal");
        }
        check_eq!(map.len(), 30, "len after every key went and came back");
    }
    check_holds(&map, &(0..30).map(|key| (key, 19)).collect());
}

/// After `clear` lookups find nothing, `len` is 0, and the map can be used again.
#[testkit::test]
fn is_usable_after_clear() {
    let mut map: HashMap<u64, u64, Seeded> = (0..100).map(|key| (key, key)).collect();
    for key in 0..40 {
        map.remove(&key);
    }
    map.clear();
    check!(map.is_empty(), "is_empty after clear");
    check_eq!(map.get(&70), None, "get(70) after clear");
    check_eq!(map.iter().count(), 0, "entries of iter() after clear");
    for key in 50..300 {
        check_eq!(map.insert(key, key + 1), None, "insert({key}) after clear");
    }
    check_holds(&map, &(50..300).map(|key| (key, key + 1)).collect());
}

/// `with_capacity` and `reserve` give at least the requested capacity, and inserts up to that
/// capacity do not change it.
#[testkit::test]
fn capacity_is_at_least_what_was_requested() {
    for wanted in [0usize, 1, 6, 7, 8, 13, 14, 15, 28, 56, 57, 100, 1000] {
        let mut map = HashMap::with_capacity_and_hasher(wanted, Seeded(5));
        check!(map.capacity() >= wanted, "capacity {} of with_capacity({wanted})", map.capacity());
        let promised = map.capacity();
        for key in 0..promised {
            map.insert(key, ());
            check_eq!(map.capacity(), promised, "capacity after {} inserts of {promised}", key + 1);
        }
        map.reserve(wanted);
        check!(
            map.capacity() >= map.len() + wanted,
            "capacity after reserve({wanted}) with {promised} entries"
        );
        check!((0..promised).all(|key| map.contains_key(&key)), "every key is found after reserve({wanted})");
    }
}

/// `reserve` makes the requested room, also with few entries or none: doubling once is not enough.
#[testkit::test]
fn reserve_makes_the_requested_room() {
    for present in [0usize, 1, 7, 50] {
        for additional in [0usize, 1, 10, 100, 1_000, 5_000] {
            scene::clear();
            step!("map = the keys 0..{present}; map.reserve({additional})");
            let mut map: HashMap<usize, usize, Seeded> = (0..present).map(|key| (key, key)).collect();
            map.reserve(additional);
            let promised = map.capacity();
            check!(
                promised >= present + additional,
                "capacity() >= len() + additional after reserve({additional}) with {present} entries, found {promised}"
            );
            for key in present..present + additional {
                map.insert(key, key);
            }
            check_eq!(map.capacity(), promised, "capacity after as many inserts as were reserved");
            check!((0..present + additional).all(|key| map.get(&key) == Some(&key)), "every key is found");
        }
    }
    let map: HashMap<u64, u64> = HashMap::with_capacity(100);
    check!(map.capacity() >= 100, "capacity of with_capacity(100) with the standard hasher");
}

/// Room that no allocation can hold is refused by a panic: a sum that wraps around would look like enough.
#[testkit::test]
fn reserve_refuses_room_that_no_memory_has() {
    for present in [0usize, 1, 7, 50] {
        for additional in [usize::MAX, usize::MAX - 1, usize::MAX - present, usize::MAX / 2, usize::MAX / 8] {
            scene::clear();
            step!("map = the keys 0..{present}; map.reserve({additional})");
            let mut map: HashMap<usize, usize, Seeded> = (0..present).map(|key| (key, key)).collect();
            let capacity = map.capacity();
            let reserve = || map.reserve(additional);
            let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(reserve)).is_err();
            check!(panicked, "reserve({additional}) panics");
            check_eq!((map.len(), map.capacity()), (present, capacity), "len and capacity afterwards");
            check!((0..present).all(|key| map.get(&key) == Some(&key)), "every key is found afterwards");
        }
    }
}

/// Iterators return each entry once, also between free slots, and know how many are left.
#[testkit::test]
fn iterators_give_each_entry_once() {
    let mut map: HashMap<u64, u64, Seeded> = (0..300).map(|key| (key, key)).collect();
    for key in (0..300).filter(|key| key % 3 != 0) {
        map.remove(&key);
    }
    map.iter_mut().for_each(|(key, value)| *value = key + 1);
    map.values_mut().for_each(|value| *value *= 2);
    let wanted: Vec<(u64, u64)> = (0..100).map(|n| (n * 3, (n * 3 + 1) * 2)).collect();
    check_eq!(contents(&map), wanted, "entries of iter() after iter_mut and values_mut");
    let mut keys: Vec<u64> = map.keys().copied().collect();
    let mut values: Vec<u64> = map.values().copied().collect();
    keys.sort_unstable();
    values.sort_unstable();
    check_eq!(keys, wanted.iter().map(|entry| entry.0).collect::<Vec<_>>(), "keys()");
    check_eq!(values, wanted.iter().map(|entry| entry.1).collect::<Vec<_>>(), "values()");
    let mut iter = map.iter();
    for left in (0..100).rev() {
        iter.next();
        check_eq!(iter.len(), left, "len of iter() after {} entries", 100 - left);
    }
    check_eq!(iter.next(), None, "next of iter() at its end");
    let mut owned: Vec<(u64, u64)> = map.into_iter().collect();
    owned.sort_unstable();
    check_eq!(owned, wanted, "entries of into_iter()");
}

/// `retain` calls the closure exactly once for each entry, lets it change the value, and keeps the kept
/// entries findable.
#[testkit::test]
fn retain_visits_each_entry_once_and_keeps_the_rest_findable() {
    let mut map: HashMap<u64, u64, Collide> = (0..120).map(|key| (key, 0)).collect();
    let mut asked = Vec::new();
    map.retain(|key, value| {
        asked.push(*key);
        *value += 1;
        key % 4 == 0
    });
    asked.sort_unstable();
    check_eq!(asked, (0..120).collect::<Vec<u64>>(), "keys that retain asked about, sorted");
    check_holds(&map, &(0..30).map(|n| (n * 4, 1)).collect());
    check_eq!(map.get(&1), None, "get(1), which retain dropped");
    for key in 0..120 {
        map.insert(key, 2);
    }
    check_holds(&map, &(0..120).map(|key| (key, 2)).collect());
}

/// Lookups accept any borrowed form of the key, and the usual traits agree with the entries of the map.
#[testkit::test]
fn borrowed_keys_and_the_usual_traits() {
    let mut map: HashMap<String, u32> = HashMap::new();
    map.extend([("a".to_string(), 1), ("b".to_string(), 2), ("a".to_string(), 3)]);
    check_eq!(map.get("a"), Some(&3), "get(\"a\") after extend with two values for it");
    check_eq!(map["b"], 2, "map[\"b\"]");
    check!(map.contains_key("b"), "contains_key(\"b\")");
    let copy = map.clone();
    check_eq!(map.remove_entry("b"), Some(("b".to_string(), 2)), "remove_entry(\"b\")");
    check_eq!(copy.len(), 2, "len of a clone after a remove from the original");
    check_eq!(copy.get("b"), Some(&2), "get(\"b\") in the clone");
    check!(copy != map, "a map and one with an entry less are not equal");
    let changed: HashMap<String, u32> = [("a".to_string(), 3), ("b".to_string(), 9)].into_iter().collect();
    check!(copy != changed, "maps with the same keys and different values are not equal");
    check_eq!(format!("{map:?}"), "{\"a\": 3}".to_string(), "Debug");
    let other: HashMap<String, u32> = [("b".to_string(), 2), ("a".to_string(), 3)].into_iter().collect();
    check!(copy == other, "maps with the same entries are equal, whatever the order of insertion");
    check!(std::panic::catch_unwind(|| map["b"]).is_err(), "map[\"b\"] panics once b is removed");
}

/// Keys and values without a size, and the empty key, are ordinary entries.
#[testkit::test]
fn stores_keys_and_values_without_a_size() {
    let mut map = HashMap::with_hasher(Seeded(2));
    check_eq!(map.insert((), ()), None, "insert((), ()) into an empty map");
    check_eq!(map.insert((), ()), Some(()), "insert((), ()) a second time");
    check_eq!(map.len(), 1, "len of a map of ()");
    check_eq!(map.remove(&()), Some(()), "remove(())");
    let mut words = HashMap::with_hasher(Seeded(2));
    words.insert(String::new(), 1);
    words.insert("\0".to_string(), 2);
    check_eq!(words.get(""), Some(&1), "get of the empty key");
    check_eq!(words.get("\0"), Some(&2), "get of a key of one zero byte");
}
