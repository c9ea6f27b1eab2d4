//! The entry API.

use structures::HashMap;
use structures::hash_map::Entry;
use testkit::hashers::{CountingHasher, Seeded};
use testkit::{check, check_eq};

use super::{check_holds, show};

/// The usual chain: change the value if there is one, else insert a first value. Each closure runs only in
/// its own case.
#[testkit::test]
fn entries_modify_what_is_there_and_insert_what_is_not() {
    let mut counts: HashMap<&str, u32, Seeded> = HashMap::default();
    for word in "the cat and the dog and the bird".split(' ') {
        counts.entry(word).and_modify(|count| *count += 1).or_insert(1);
    }
    check_holds(&counts, &[("and", 2), ("bird", 1), ("cat", 1), ("dog", 1), ("the", 3)].into());
    let mut calls = 0;
    counts.entry("the").or_insert_with(|| {
        calls += 1;
        9
    });
    check_eq!(calls, 0, "calls of or_insert_with's closure for a present key");
    let _ = counts.entry("fish").and_modify(|_| calls += 1);
    check_eq!(calls, 0, "calls of and_modify's closure for an absent key");
    check_eq!(counts.get("fish"), None, "get(\"fish\") after entry(\"fish\") without an insert");
    check_eq!(*counts.entry("fish").or_default(), 0, "entry(\"fish\").or_default()");
    check_eq!(*counts.entry("fish").or_insert(4), 0, "entry(\"fish\").or_insert(4) over a present key");
    check_eq!(counts.len(), 6, "len");
}

/// An occupied entry reads, changes, replaces and removes its own key and no other.
#[testkit::test]
fn occupied_entries_act_on_their_key() {
    let mut map: HashMap<u64, String, Seeded> = (0..20).map(|key| (key, format!("v{key}"))).collect();
    for key in 0..20 {
        let Entry::Occupied(mut entry) = map.entry(key) else {
            panic!("entry({key}) of a present key is vacant")
        };
        check_eq!(*entry.key(), key, "key() of entry({key})");
        check_eq!(*entry.get(), format!("v{key}"), "get() of entry({key})");
        entry.get_mut().push('!');
        check_eq!(entry.insert(format!("w{key}")), format!("v{key}!"), "insert() of entry({key})");
        match key % 3 {
            0 => check_eq!(entry.remove(), format!("w{key}"), "remove() of entry({key})"),
            1 => check_eq!(entry.remove_entry(), (key, format!("w{key}")), "remove_entry() of entry({key})"),
            _ => entry.into_mut().push('?'),
        }
    }
    check_holds(&map, &(0..20).filter(|key| key % 3 == 2).map(|key| (key, format!("w{key}?"))).collect());
}

/// A vacant entry does not change the map before an insert, and returns the key.
#[testkit::test]
fn vacant_entries_change_nothing_until_they_are_filled() {
    let mut map: HashMap<String, u32, Seeded> = HashMap::default();
    map.insert("here".to_string(), 1);
    let Entry::Vacant(entry) = map.entry("new".to_string()) else {
        panic!("the entry of an absent key is occupied")
    };
    check_eq!(entry.key(), "new", "key() of a vacant entry");
    check_eq!(entry.into_key(), "new".to_string(), "into_key() of a vacant entry");
    check_eq!(map.len(), 1, "len after a vacant entry was given up");
    let Entry::Vacant(entry) = map.entry("new".to_string()) else {
        panic!("the entry of an absent key is occupied")
    };
    *entry.insert(2) += 40;
    check_holds(&map, &[("here".to_string(), 1), ("new".to_string(), 42)].into());
}

/// An entry of a full map has the right place after the map has grown.
#[testkit::test]
fn entries_work_at_the_brink_of_growth() {
    let mut map: HashMap<u64, u64, Seeded> = HashMap::default();
    for key in 0..400 {
        let value = map.entry(key).or_insert(key * 2);
        *value += 1;
        show(&map);
        check_eq!(map.len() as u64, key + 1, "len after entry({key}).or_insert");
        check!(
            (0..=key).all(|old| map.get(&old) == Some(&(old * 2 + 1))),
            "every key up to {key} has its value after entry({key}).or_insert"
        );
    }
}

/// An entry is found with one probe: using it does not hash the key again.
#[testkit::test]
fn an_entry_hashes_its_key_once() {
    let hasher = CountingHasher::new();
    let mut map = HashMap::with_capacity_and_hasher(200, hasher.clone());
    for key in 0..100 {
        let before = hasher.hashes();
        map.entry(key).and_modify(|value| *value += 1).or_insert(0);
        check_eq!(hasher.hashes() - before, 1, "hashes computed by entry({key}).and_modify(..).or_insert(0)");
    }
    for key in 0..100 {
        let before = hasher.hashes();
        if let Entry::Occupied(entry) = map.entry(key) {
            entry.remove();
        }
        check_eq!(hasher.hashes() - before, 1, "hashes computed to remove {key} through its entry");
    }
    check!(map.is_empty(), "every key was removed through its entry");
}
