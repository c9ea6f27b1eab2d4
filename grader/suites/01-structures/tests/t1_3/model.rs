//! The map beside std's, on generated sequences of operations.

use std::collections::BTreeMap;
use std::hash::BuildHasher;

use proptest::collection::vec;
use proptest::prelude::*;
use structures::HashMap;
use structures::hash_map::Entry;
use testkit::hashers::{Collide, Identity, Seeded};
use testkit::{check_eq, prop, step};

use super::{check_holds, show};

/// One call on the map. There are few keys, so that the same key is used often.
#[derive(Debug, Clone)]
enum Op {
    Insert(u64, u32),
    Remove(u64),
    Get(u64),
    AddThroughEntry(u64, u32),
    RemoveThroughEntry(u64),
    Retain(u64),
    Reserve(usize),
    Clear,
}

fn op() -> impl Strategy<Value = Op> {
    let key = 0..48u64;
    prop_oneof![
        10 => (key.clone(), any::<u32>()).prop_map(|(key, value)| Op::Insert(key, value)),
        8 => key.clone().prop_map(Op::Remove),
        3 => key.clone().prop_map(Op::Get),
        4 => (key.clone(), 0..100u32).prop_map(|(key, add)| Op::AddThroughEntry(key, add)),
        3 => key.prop_map(Op::RemoveThroughEntry),
        1 => (2..5u64).prop_map(Op::Retain),
        1 => (0..20usize).prop_map(Op::Reserve),
        1 => Just(Op::Clear),
    ]
}

fn apply<S: BuildHasher>(map: &mut HashMap<u64, u32, S>, model: &mut BTreeMap<u64, u32>, op: &Op) {
    match *op {
        Op::Insert(key, value) => {
            step!("map.insert({key}, {value})");
            check_eq!(map.insert(key, value), model.insert(key, value), "insert({key}, {value})");
        }
        Op::Remove(key) => {
            step!("map.remove(&{key})");
            check_eq!(map.remove(&key), model.remove(&key), "remove({key})");
        }
        Op::Get(key) => {
            step!("map.get(&{key})");
            check_eq!(map.get(&key), model.get(&key), "get({key})");
        }
        Op::AddThroughEntry(key, add) => {
            step!("*map.entry({key}).and_modify(|v| *v ^= 1).or_insert(7) += {add}");
            let value = map.entry(key).and_modify(|value| *value ^= 1).or_insert(7);
            let wanted = model.entry(key).and_modify(|value| *value ^= 1).or_insert(7);
            *value = value.wrapping_add(add);
            *wanted = wanted.wrapping_add(add);
            check_eq!(*value, *wanted, "the value behind entry({key})");
        }
        Op::RemoveThroughEntry(key) => {
            step!("if let Entry::Occupied(entry) = map.entry({key}) {{ entry.remove() }}");
            let removed = match map.entry(key) {
                Entry::Occupied(entry) => Some(entry.remove()),
                Entry::Vacant(_) => None,
            };
            check_eq!(removed, model.remove(&key), "what entry({key}) removed");
        }
        Op::Retain(divisor) => {
            step!("map.retain(|key, _| key % {divisor} != 0)");
            map.retain(|key, _| key % divisor != 0);
            model.retain(|key, _| key % divisor != 0);
        }
        Op::Reserve(additional) => {
            step!("map.reserve({additional})");
            map.reserve(additional);
        }
        Op::Clear => {
            step!("map.clear()");
            map.clear();
            model.clear();
        }
    }
    show(map);
    check_eq!(map.len(), model.len(), "len");
}

fn agrees_with_std<S: BuildHasher + Copy>(hasher: S, cases: u32) {
    prop::check(cases, vec(op(), 1..160), |ops| {
        let mut map = HashMap::with_hasher(hasher);
        let mut model = BTreeMap::new();
        for op in &ops {
            apply(&mut map, &mut model, op);
        }
        check_holds(&map, &model);
        // Last of all every key once more, so that a probe that ends early has no place to hide.
        for key in 0..48 {
            check_eq!(map.get(&key), model.get(&key), "get({key}) at the end");
            check_eq!(map.insert(key, 5), model.insert(key, 5), "insert({key}, 5) at the end");
        }
    });
}

/// Any sequence of operations gives the results of std's map, with a hasher that spreads well.
#[testkit::test]
fn agrees_with_std_when_hashes_are_good() {
    agrees_with_std(Seeded(9), 150);
}

/// The same when all hashes are equal, and every probe is long and has deleted slots.
#[testkit::test]
fn agrees_with_std_when_all_hashes_are_equal() {
    agrees_with_std(Collide, 150);
}

/// The same when the hash is the key itself, so that neighbours share the high bits.
#[testkit::test]
fn agrees_with_std_when_the_hash_is_the_key() {
    agrees_with_std(Identity, 100);
}
