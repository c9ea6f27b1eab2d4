//! The caller's code panics in the middle of an operation: a hash, a comparison, a clone, a drop, a closure.

use std::hash::BuildHasher;

use structures::HashMap;
use structures::hash_map::Entry;
use testkit::drops::{Counted, Ledger};
use testkit::fuse::{Call, Fused, burn, called};
use testkit::hashers::{Collide, Seeded};
use testkit::{check, check_eq, scene, step};

type Map<S> = HashMap<Fused, Counted, S>;

/// A map of `count` entries, each value 1,000 greater than its key.
fn filled<S: BuildHasher>(ledger: &Ledger, hasher: S, count: i64) -> Map<S> {
    let mut map = HashMap::with_hasher(hasher);
    for key in 0..count {
        map.insert(Fused::new(ledger, key), ledger.item(key + 1_000));
    }
    map
}

/// The sizes of maps that are full, so that the next insert must make room, and of some that are not.
fn sizes() -> Vec<i64> {
    let mut map: HashMap<i64, (), Seeded> = HashMap::default();
    let (mut sizes, mut capacity) = (vec![0, 1, 5], map.capacity());
    for key in 0..60 {
        map.insert(key, ());
        if map.capacity() != capacity {
            capacity = map.capacity();
            sizes.push(key);
        }
    }
    sizes
}

/// Checks that the map holds what it says it holds: the length, the lookups and the ledger agree. Returns its
/// keys in ascending order.
fn check_sound<S: BuildHasher>(map: &Map<S>, ledger: &Ledger, when: &str) -> Vec<i64> {
    scene::picture(|| map.dump());
    let mut keys: Vec<i64> = map.keys().map(Fused::value).collect();
    keys.sort_unstable();
    check_eq!(map.len(), keys.len(), "len(), and the number of entries of iter(), {when}");
    for key in &keys {
        let probe = Fused::new(ledger, *key);
        check_eq!(map.get(&probe).map(Counted::value), Some(key + 1_000), "get({key}) {when}");
    }
    ledger.assert_alive(2 * keys.len(), when);
    keys
}

/// Uses the map after a panic: every key once more, and then all of them away.
fn check_usable<S: BuildHasher>(mut map: Map<S>, ledger: &Ledger, when: &str) {
    for key in 0..80 {
        map.insert(Fused::new(ledger, key), ledger.item(key + 1_000));
    }
    let all: Vec<i64> = (0..80).collect();
    check_eq!(check_sound(&map, ledger, when), all, "keys after 0..80 were inserted, {when}");
    for key in 0..80 {
        let probe = Fused::new(ledger, key);
        check!(map.remove(&probe).is_some(), "remove({key}) {when}");
    }
    check!(map.is_empty(), "is_empty() after all were removed, {when}");
    drop(map);
    ledger.assert_all_dropped_once();
}

/// One operation on a map whose keys are 0..count.
type Work<S> = fn(&mut Map<S>, &Ledger, i64);

/// Does `work` on a map of `count` entries, and lets each call of the caller's code panic in turn. After each
/// panic the map must have the entries that it had.
fn check_unchanged<S: BuildHasher + Copy>(hasher: S, call: Call, what: &str, work: Work<S>) {
    for count in sizes() {
        for calls in 0..300 {
            scene::clear();
            scene::invariant("H2", "a control byte is full exactly when its slot is Some");
            step!("map = the keys 0..{count}; map.{what}, in which call number {calls} of {call:?} panics");
            let ledger = Ledger::new();
            let mut map = filled(&ledger, hasher, count);
            let done = burn(call, calls, || work(&mut map, &ledger, count)).is_some();
            if done {
                break;
            }
            let when = format!("after {call:?} panicked in {what}");
            let keys = check_sound(&map, &ledger, &when);
            check_eq!(keys, (0..count).collect::<Vec<_>>(), "all keys {when}: none is lost, none is new");
            if calls % 5 == 0 {
                check_usable(map, &ledger, &when);
            }
        }
    }
}

fn check_every_operation<S: BuildHasher + Copy>(hasher: S, call: Call) {
    check_unchanged(hasher, call, "insert(a new key)", |map, ledger, count| {
        map.insert(Fused::new(ledger, count), ledger.item(0));
    });
    check_unchanged(hasher, call, "entry(a new key)", |map, ledger, count| {
        let _ = map.entry(Fused::new(ledger, count));
    });
    check_unchanged(hasher, call, "reserve(500)", |map, _, _| map.reserve(500));
    check_unchanged(hasher, call, "remove(the last key)", |map, ledger, count| {
        map.remove(&Fused::new(ledger, count - 1));
    });
    check_unchanged(hasher, call, "get(an absent key)", |map, ledger, count| {
        let _ = map.get(&Fused::new(ledger, count));
    });
}

/// A hash panics, also while the table grows: no entry is lost, and the length is that of the entries.
#[testkit::test]
fn a_hash_that_panics_changes_nothing() {
    check_every_operation(Seeded(3), Call::Hash);
    check_every_operation(Collide, Call::Hash);
}

/// A comparison panics: nothing was changed before the key was found.
#[testkit::test]
fn a_comparison_that_panics_changes_nothing() {
    check_every_operation(Collide, Call::Eq);
}

/// A table full of tombstones is rebuilt, and a hash panics while that happens.
#[testkit::test]
fn a_hash_that_panics_while_tombstones_are_removed_changes_nothing() {
    for calls in 0..400 {
        scene::clear();
        step!("map of capacity 112: a key comes, the oldest goes; call number {calls} of Hash panics");
        let ledger = Ledger::new();
        let mut map = HashMap::with_capacity_and_hasher(112, Collide);
        let mut live = Vec::new();
        let panicked = burn(Call::Hash, calls, || {
            for key in 0..150_i64 {
                map.insert(Fused::new(&ledger, key), ledger.item(key + 1_000));
                live.push(key);
                if key >= 40 {
                    let oldest = Fused::new(&ledger, key - 40);
                    map.remove(&oldest);
                    live.remove(0);
                }
            }
        })
        .is_none();
        let keys = check_sound(&map, &ledger, "after Hash panicked in an insert or a remove");
        check_eq!(keys, live, "keys of the map");
        if !panicked {
            break;
        }
    }
}

/// A closure of an entry panics: the map does not have the key, and does not count it.
#[testkit::test]
fn an_entry_whose_closure_panics_is_not_stored() {
    for count in sizes() {
        scene::clear();
        scene::invariant("H2", "a control byte is full exactly when its slot is Some");
        let ledger = Ledger::new();
        let mut map = filled(&ledger, Seeded(3), count);
        step!("map = the keys 0..{count}; map.entry({count}).or_insert_with(|| panic!())");
        let inserted = burn(Call::Closure, 0, || {
            map.entry(Fused::new(&ledger, count)).or_insert_with(|| {
                called(Call::Closure);
                ledger.item(0)
            });
        });
        check!(inserted.is_none(), "or_insert_with({count}) calls its closure, whose panic comes out");
        let keys = check_sound(&map, &ledger, "after the closure of or_insert_with panicked");
        check_eq!(keys, (0..count).collect::<Vec<_>>(), "keys after the closure panicked");
        if let Entry::Occupied(_) = map.entry(Fused::new(&ledger, count)) {
            panic!("entry({count}) is occupied, although its closure panicked");
        }
        if count > 0 {
            let changed = burn(Call::Closure, 0, || {
                let entry = map.entry(Fused::new(&ledger, 0)).and_modify(|_| called(Call::Closure));
                drop(entry);
            });
            check!(changed.is_none(), "and_modify(0) calls its closure, whose panic comes out");
            check_sound(&map, &ledger, "after the closure of and_modify panicked");
        }
        check_usable(map, &ledger, "after both panics");
    }
}

/// The closure of `retain` panics: the entries that it refused before are gone, all others are there.
#[testkit::test]
fn a_retain_whose_closure_panics_keeps_the_others() {
    retain_panics(Seeded(3));
    retain_panics(Collide);
}

fn retain_panics<S: BuildHasher + Copy>(hasher: S) {
    for calls in 0..30 {
        scene::clear();
        step!("map = the keys 0..30; map.retain(|key, _| key % 3 == 0), in which call number {calls} panics");
        let ledger = Ledger::new();
        let mut map = filled(&ledger, hasher, 30);
        let mut refused = Vec::new();
        let done = burn(Call::Closure, calls, || {
            map.retain(|key, _| {
                called(Call::Closure);
                let is_kept = key.value() % 3 == 0;
                if !is_kept {
                    refused.push(key.value());
                }
                is_kept
            });
        });
        check!(done.is_none(), "retain of 30 entries calls its closure {} times", calls + 1);
        let keys = check_sound(&map, &ledger, "after the closure of retain panicked");
        let expected: Vec<i64> = (0..30).filter(|key| !refused.contains(key)).collect();
        check_eq!(keys, expected, "keys after the closure panicked: {refused:?} were refused before");
        check_usable(map, &ledger, "after the closure of retain panicked");
    }
}

/// A drop or a clone panics: nothing is dropped twice or lost, and the map can be used.
#[testkit::test]
fn a_drop_or_clone_that_panics_leaves_a_sound_map() {
    for calls in [0, 1, 5, 18] {
        let works: [(&str, Call, Work<Seeded>); 5] = [
            ("clear()", Call::Drop, |map, _, _| map.clear()),
            ("retain(|_, _| false)", Call::Drop, |map, _, _| map.retain(|_, _| false)),
            ("drain(), dropped", Call::Drop, |map, _, _| drop(map.drain())),
            ("drain().next()", Call::Drop, |map, _, _| drop(map.drain().next())),
            ("clone()", Call::Clone, |map, _, _| drop(map.clone())),
        ];
        for (what, call, work) in works {
            scene::clear();
            step!("map = the keys 0..19; map.{what}, in which call number {calls} of {call:?} panics");
            let ledger = Ledger::new();
            let mut map = filled(&ledger, Seeded(3), 19);
            let when = format!("after {call:?} panicked in {what}");
            check!(
                burn(call, calls, || work(&mut map, &ledger, 19)).is_none(),
                "{what} makes {} calls of {call:?}, and a panic in it comes out",
                calls + 1
            );
            check_sound(&map, &ledger, &when);
            check_usable(map, &ledger, &when);
        }
    }
}
