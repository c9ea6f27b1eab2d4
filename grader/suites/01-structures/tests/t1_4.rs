//! Task 1.4: the LRU cache. LRU-K is in `lru_k.rs`.

mod counts;
mod lru_k;
mod panics;

use std::collections::VecDeque;
use std::fmt::Debug;
use std::hash::{BuildHasher, Hash};

use proptest::prelude::*;
use structures::Error;
use structures::lru::{AllPinned, LruCache, Put};
use testkit::counted::{self, CountedKey};
use testkit::drops::Ledger;
use testkit::hashers::{Collide, Seeded};
use testkit::{alloc, check, check_eq, scene, step};

type Cache<V> = LruCache<u32, V, Seeded>;

fn cache<V>(capacity: usize) -> Cache<V> {
    step!("let mut cache = LruCache::new({capacity});");
    LruCache::with_hasher(capacity, Seeded(1))
}

/// A cache of `keys`, the last one used latest; each value is ten times its key.
fn filled(capacity: usize, keys: impl IntoIterator<Item = u32>) -> Cache<u32> {
    let mut cache = cache(capacity);
    for key in keys {
        step!("cache.put({key}, {});", key * 10);
        check_eq!(cache.put(key, key * 10), Ok(Put::Inserted), "put({key}) with room");
    }
    show(&cache);
    cache
}

/// Adds the cache to the report of the next failure.
fn show<K: Debug, V: Debug, S>(cache: &LruCache<K, V, S>) {
    scene::picture(|| cache.dump());
}

/// The keys from the most to the least recently used.
fn order<K, V, S>(cache: &LruCache<K, V, S>) -> Vec<K>
where
    K: Clone + Eq + Hash + Debug,
    V: Debug,
    S: BuildHasher,
{
    show(cache);
    cache.iter().map(|(key, _)| key.clone()).take(10_000).collect()
}

/// A full cache makes room by evicting exactly the entry that was not used for the longest time.
#[testkit::test]
fn evicts_the_least_recently_used_entry() {
    scene::invariant("L4", "each list is ordered by last use, the latest first");
    let mut cache = filled(3, [1, 2, 3]);
    check_eq!(order(&cache), vec![3, 2, 1], "keys by recency after put 1, 2, 3");
    step!("cache.put(4, 40); cache.put(5, 50);");
    check_eq!(cache.put(4, 40), Ok(Put::Evicted(1, 10)), "put(4) into a full cache");
    check_eq!(cache.put(5, 50), Ok(Put::Evicted(2, 20)), "put(5) into a full cache");
    check_eq!(order(&cache), vec![5, 4, 3], "keys by recency after put 4, 5");
    check_eq!(cache.get(&1), None, "get(1), evicted");
    step!("cache.get(&3); cache.put(6, 60);");
    check_eq!(cache.get(&3), Some(&30), "get(3), not evicted");
    check_eq!(cache.put(6, 60), Ok(Put::Evicted(4, 40)), "put(6) after get(3): 4 is the oldest use now");
    check_eq!((cache.len(), cache.capacity()), (3, 3), "len and capacity");
}

/// Uses change the order, `peek` and the like do not: else an entry that is only peeked at would stay.
#[testkit::test]
fn only_uses_change_the_order() {
    scene::invariant("L4", "put, get, get_mut, pin and the last unpin are uses; looking is not");
    let mut cache = filled(4, [1, 2, 3, 4]);
    check_eq!(cache.peek(&1), Some(&10), "peek(1)");
    check!(cache.contains(&1) && !cache.contains(&9), "contains says what is there");
    check_eq!(cache.peek_lru(), Some((&1, &10)), "peek_lru()");
    check_eq!((cache.pins(&1), cache.pins(&9)), (Some(0), None), "pins(1) and pins(9)");
    check_eq!(format!("{cache:?}"), "{4: 40, 3: 30, 2: 20, 1: 10}".to_string(), "Debug text");
    check_eq!(order(&cache), vec![4, 3, 2, 1], "keys by recency after looking at 1 in every way");
    step!("cache.get(&2);");
    check_eq!(cache.get(&2), Some(&20), "get(2)");
    check_eq!(order(&cache), vec![2, 4, 3, 1], "keys by recency after get(2)");
    step!("*cache.get_mut(&1) += 1;");
    *cache.get_mut(&1).expect("1 is in the cache") += 1;
    check_eq!(order(&cache), vec![1, 2, 4, 3], "keys by recency after get_mut(1)");
    step!("cache.put(3, 33);");
    check_eq!(cache.put(3, 33), Ok(Put::Replaced(30)), "put(3, 33) over 30");
    check_eq!(order(&cache), vec![3, 1, 2, 4], "keys by recency after put(3) over its old value");
    check_eq!((cache.peek(&1), cache.peek(&3)), (Some(&11), Some(&33)), "the changed values");
    check_eq!(cache.get(&9), None, "get(9), never put");
    check_eq!(cache.get_mut(&9), None, "get_mut(9), never put");
    check_eq!(order(&cache), vec![3, 1, 2, 4], "keys by recency after a miss");
}

/// Touching the first, the last or the only entry must keep all links right.
#[testkit::test]
fn touching_any_position_keeps_all_links() {
    for size in 1..=6 {
        for touched in 0..size {
            for again in 0..size {
                scene::clear();
                scene::invariant("L2", "next and prev of neighbours agree");
                let mut cache = filled(6, 0..size);
                let mut expected: Vec<u32> = (0..size).rev().collect();
                for key in [touched, again] {
                    step!("cache.get(&{key});");
                    check_eq!(cache.get(&key), Some(&(key * 10)), "get({key})");
                    expected.retain(|other| *other != key);
                    expected.insert(0, key);
                    check_eq!(order(&cache), expected, "keys by recency");
                }
                while let Some(last) = expected.pop() {
                    step!("cache.pop_lru();");
                    check_eq!(cache.pop_lru(), Some((last, last * 10)), "pop_lru()");
                    check_eq!(order(&cache), expected, "keys by recency after pop_lru()");
                }
                check_eq!(cache.pop_lru(), None, "pop_lru() of an empty cache");
            }
        }
    }
}

/// A key that is put again is the same entry: a second node for it would be evicted later, and the map
/// would lose the first one.
#[testkit::test]
fn putting_a_present_key_makes_no_second_entry() {
    scene::invariant("L1", "no key is in two nodes");
    let mut cache = filled(2, [1, 2]);
    for round in 0..5 {
        step!("cache.put(1, {round}); cache.put(2, {round});");
        check!(matches!(cache.put(1, round), Ok(Put::Replaced(_))), "put(1) replaces in round {round}");
        check!(matches!(cache.put(2, round), Ok(Put::Replaced(_))), "put(2) replaces in round {round}");
        check_eq!(cache.len(), 2, "len after putting two keys again");
        check!(!cache.is_empty(), "a cache with two entries is not empty");
        check_eq!(order(&cache), vec![2, 1], "keys by recency after putting 1, then 2 again");
    }
    check_eq!(cache.put(3, 30), Ok(Put::Evicted(1, 4)), "put(3) into a full cache");
    check_eq!(cache.peek(&2), Some(&4), "peek(2) after 1 was evicted");
    check_eq!(order(&cache), vec![3, 2], "keys by recency after put(3)");
}

/// A cache of capacity 0 stores nothing and returns the entry as evicted; it must not panic or store it.
#[testkit::test]
fn capacity_zero_keeps_nothing() {
    let mut cache = cache(0);
    for key in 0..3 {
        check_eq!(cache.put(key, 'v'), Ok(Put::Evicted(key, 'v')), "put({key}) comes straight back");
        check_eq!((cache.len(), cache.get(&key)), (0, None), "len and get({key}) after it");
    }
    check_eq!(cache.pop_lru(), None, "pop_lru()");
    check_eq!(cache.pin(&1), Err(Error::NotFound), "pin(1)");
    check!(cache.is_empty() && cache.iter().next().is_none(), "the cache is empty");
}

/// The only entry is first and last at once: it must be replaced, touched, pinned and evicted like any other.
#[testkit::test]
fn capacity_one_holds_one_entry() {
    let mut cache = filled(1, [1]);
    step!("cache.get(&1);");
    check_eq!(cache.get(&1), Some(&10), "get(1)");
    step!("cache.put(1, 11);");
    check_eq!(cache.put(1, 11), Ok(Put::Replaced(10)), "put(1) again");
    show(&cache);
    for key in 2..6 {
        let before = (key - 1, if key == 2 { 11 } else { (key - 1) * 10 });
        step!("cache.put({key}, {});", key * 10);
        check_eq!(cache.put(key, key * 10), Ok(Put::Evicted(before.0, before.1)), "put({key})");
        check_eq!(order(&cache), vec![key], "keys by recency after put({key})");
    }
    step!("cache.pin(&5);");
    check_eq!(cache.pin(&5), Ok(()), "pin(5)");
    show(&cache);
    step!("cache.put(6, 60);");
    check_eq!(cache.put(6, 60), Err(AllPinned { key: 6, value: 60 }), "put(6) beside the pinned 5");
    show(&cache);
    step!("cache.put(5, 55);");
    check_eq!(cache.put(5, 55), Ok(Put::Replaced(50)), "put(5), which is pinned, with a new value");
    show(&cache);
    step!("cache.unpin(&5);");
    check_eq!(cache.unpin(&5), Ok(()), "unpin(5)");
    show(&cache);
    step!("cache.put(6, 60);");
    check_eq!(cache.put(6, 60), Ok(Put::Evicted(5, 55)), "put(6) after unpin(5)");
}

/// A pinned entry must survive any number of evictions, also if its last use was long ago.
#[testkit::test]
fn never_evicts_a_pinned_entry() {
    scene::invariant("L3", "a pinned node is not in the list that eviction takes from");
    let mut cache = filled(3, [1, 2, 3]);
    step!("cache.pin(&1); cache.pin(&2);");
    check_eq!((cache.pin(&1), cache.pin(&2)), (Ok(()), Ok(())), "pin(1) and pin(2)");
    check_eq!(cache.peek_lru(), Some((&3, &30)), "peek_lru() with 1 and 2 pinned");
    for key in 4..10 {
        step!("cache.put({key}, {});", key * 10);
        check_eq!(
            cache.put(key, key * 10),
            Ok(Put::Evicted(key - 1, (key - 1) * 10)),
            "put({key}) with 1 and 2 pinned"
        );
        show(&cache);
    }
    check_eq!(cache.get(&1), Some(&10), "get(1), pinned all the time");
    check_eq!(cache.get(&2), Some(&20), "get(2), pinned all the time");
    check_eq!(cache.pop_lru(), Some((9, 90)), "pop_lru() with one entry that is not pinned");
    check_eq!((cache.pop_lru(), cache.peek_lru()), (None, None), "pop_lru() and peek_lru() with all pinned");
    check_eq!(cache.put(10, 100), Ok(Put::Inserted), "put(10) with room beside two pinned entries");
    step!("cache.pin(&10);");
    check_eq!(cache.pin(&10), Ok(()), "pin(10)");
    check_eq!(
        cache.put(11, 110),
        Err(AllPinned { key: 11, value: 110 }),
        "put(11) into a cache full of pinned entries"
    );
    check_eq!(cache.len(), 3, "len after the refused put");
    check_eq!(order(&cache), vec![10, 2, 1], "keys by recency after the refused put");
}

/// Pins are counted: after as many unpins as pins the entry can be evicted, and it is the most recently
/// used one.
#[testkit::test]
fn counts_pins() {
    scene::invariant("L3", "a node is pinned exactly as long as its pins > 0");
    let mut cache = filled(3, [1, 2, 3]);
    for pins in 1..=3 {
        step!("cache.pin(&1);");
        check_eq!(cache.pin(&1), Ok(()), "pin(1), number {pins}");
        check_eq!(cache.pins(&1), Some(pins), "pins(1) after {pins} pins");
    }
    check_eq!(order(&cache), vec![1, 3, 2], "keys by recency: what is pinned is in use now");
    for left in [2, 1] {
        step!("cache.unpin(&1);");
        check_eq!(cache.unpin(&1), Ok(()), "unpin(1), {left} left");
        check_eq!(cache.pins(&1), Some(left), "pins(1)");
        check_eq!(cache.remove(&1), Err(Error::Pinned { pins: left }), "remove(1) with {left} pins");
    }
    check_eq!(cache.get(&2), Some(&20), "get(2)");
    step!("cache.get(&2); cache.unpin(&1);");
    check_eq!(cache.unpin(&1), Ok(()), "the last unpin(1)");
    check_eq!(order(&cache), vec![1, 2, 3], "keys by recency: 1 was in use until now");
    check_eq!(cache.unpin(&1), Err(Error::NotPinned), "one unpin(1) more than pins");
    check_eq!(cache.pins(&1), Some(0), "pins(1) after that: the count must not wrap around");
    check_eq!(
        (cache.pin(&9), cache.unpin(&9)),
        (Err(Error::NotFound), Err(Error::NotFound)),
        "pin and unpin of 9"
    );
    check_eq!(cache.remove(&1), Ok(10), "remove(1) without pins");
}

/// Removing the first, the last or a middle entry links its neighbours, and its node is used again.
#[testkit::test]
fn removes_from_any_position_and_reuses_the_node() {
    for size in 1..=5 {
        for gone in 0..size {
            scene::clear();
            scene::invariant("L1, L6", "what is removed leaves map and list, and its node is free");
            let mut cache = filled(size as usize, 0..size);
            step!("cache.remove(&{gone});");
            check_eq!(cache.remove(&gone), Ok(gone * 10), "remove({gone})");
            check_eq!(cache.remove(&gone), Err(Error::NotFound), "remove({gone}) a second time");
            let expected: Vec<u32> = (0..size).rev().filter(|key| *key != gone).collect();
            check_eq!(order(&cache), expected, "keys by recency after remove({gone})");
            check_eq!(cache.get(&gone), None, "get({gone}) after remove");
            step!("cache.put(50, 500);");
            check_eq!(cache.put(50, 500), Ok(Put::Inserted), "put(50) into the free place");
            check_eq!(order(&cache), [vec![50], expected].concat(), "keys by recency after put(50)");
            check_eq!(cache.pins(&50), Some(0), "pins of a new entry");
        }
    }
}

#[derive(Debug, Clone)]
enum Op {
    Put(u32),
    Get(u32),
    Peek(u32),
    Remove(u32),
    Pop,
    Pin(u32),
    Unpin(u32),
}

fn ops() -> impl Strategy<Value = (usize, Vec<Op>)> {
    let key = 0..8u32;
    let op = prop_oneof![
        8 => key.clone().prop_map(Op::Put),
        5 => key.clone().prop_map(Op::Get),
        1 => key.clone().prop_map(Op::Peek),
        2 => key.clone().prop_map(Op::Remove),
        1 => Just(Op::Pop),
        3 => key.clone().prop_map(Op::Pin),
        3 => key.prop_map(Op::Unpin),
    ];
    (0..6usize, prop::collection::vec(op, 0..70))
}

/// An entry of the model: key, value, pins.
type Entry = (u32, usize, u32);

/// The cache as two plain lists, the latest use first.
#[derive(Default)]
struct Model {
    pinned: VecDeque<Entry>,
    loose: VecDeque<Entry>,
    capacity: usize,
}

impl Model {
    fn take(&mut self, key: u32) -> Option<Entry> {
        [&mut self.pinned, &mut self.loose].into_iter().find_map(|list| {
            let at = list.iter().position(|entry| entry.0 == key)?;
            list.remove(at)
        })
    }

    /// Puts an entry back as the latest used.
    fn add(&mut self, entry: Entry) {
        if entry.2 > 0 { self.pinned.push_front(entry) } else { self.loose.push_front(entry) }
    }

    fn put(&mut self, key: u32, value: usize) -> Result<Put<u32, usize>, AllPinned<u32, usize>> {
        if let Some((_, old, pins)) = self.take(key) {
            self.add((key, value, pins));
            return Ok(Put::Replaced(old));
        }
        if self.capacity == 0 {
            return Ok(Put::Evicted(key, value));
        }
        let mut outcome = Put::Inserted;
        if self.pinned.len() + self.loose.len() == self.capacity {
            let Some((old_key, old_value, _)) = self.loose.pop_back() else {
                return Err(AllPinned { key, value });
            };
            outcome = Put::Evicted(old_key, old_value);
        }
        self.add((key, value, 0));
        Ok(outcome)
    }

    fn get(&mut self, key: u32) -> Option<usize> {
        let entry = self.take(key)?;
        self.add(entry);
        Some(entry.1)
    }

    fn entries(&self) -> Vec<Entry> {
        self.pinned.iter().chain(&self.loose).copied().collect()
    }

    fn find(&self, key: u32) -> Option<Entry> {
        self.entries().into_iter().find(|entry| entry.0 == key)
    }

    fn remove(&mut self, key: u32) -> Result<usize, Error> {
        match self.find(key).ok_or(Error::NotFound)? {
            (_, value, 0) => self.take(key).map(|_| value).ok_or(Error::NotFound),
            (.., pins) => Err(Error::Pinned { pins }),
        }
    }

    fn pin(&mut self, key: u32) -> Result<(), Error> {
        let (key, value, pins) = self.take(key).ok_or(Error::NotFound)?;
        self.add((key, value, pins + 1));
        Ok(())
    }

    fn unpin(&mut self, key: u32) -> Result<(), Error> {
        match self.find(key).ok_or(Error::NotFound)? {
            (.., 0) => Err(Error::NotPinned),
            (_, value, 1) => {
                self.take(key);
                self.add((key, value, 0));
                Ok(())
            }
            (.., pins) => {
                let entry = self.pinned.iter_mut().find(|entry| entry.0 == key);
                entry.map(|entry| entry.2 = pins - 1).ok_or(Error::NotFound)
            }
        }
    }
}

/// After any sequence of operations the cache has the state of two plain lists.
#[testkit::test]
fn agrees_with_a_plain_model() {
    testkit::prop::check(300, ops(), |(capacity, ops)| {
        let mut cache = cache(capacity);
        let mut model = Model { capacity, ..Model::default() };
        for (value, op) in ops.into_iter().enumerate() {
            match op {
                Op::Put(key) => {
                    step!("cache.put({key}, {value});");
                    check_eq!(cache.put(key, value), model.put(key, value), "put({key}, {value})");
                }
                Op::Get(key) => {
                    step!("cache.get(&{key});");
                    check_eq!(cache.get(&key).copied(), model.get(key), "get({key})");
                }
                Op::Peek(key) => {
                    step!("cache.peek(&{key});");
                    check_eq!(cache.peek(&key).copied(), model.find(key).map(|entry| entry.1), "peek({key})");
                }
                Op::Remove(key) => {
                    step!("cache.remove(&{key});");
                    check_eq!(cache.remove(&key), model.remove(key), "remove({key})");
                }
                Op::Pop => {
                    step!("cache.pop_lru();");
                    let expected = model.loose.pop_back().map(|(key, value, _)| (key, value));
                    check_eq!(cache.pop_lru(), expected, "pop_lru()");
                }
                Op::Pin(key) => {
                    step!("cache.pin(&{key});");
                    check_eq!(cache.pin(&key), model.pin(key), "pin({key})");
                }
                Op::Unpin(key) => {
                    step!("cache.unpin(&{key});");
                    check_eq!(cache.unpin(&key), model.unpin(key), "unpin({key})");
                }
            }
            show(&cache);
            check_eq!(cache.len(), model.entries().len(), "len()");
            let found: Vec<Entry> = cache
                .iter()
                .take(50)
                .map(|(&key, &value)| (key, value, cache.pins(&key).unwrap_or(99)))
                .collect();
            check_eq!(found, model.entries(), "(key, value, pins) by recency");
            check_eq!(
                cache.peek_lru().map(|(key, _)| *key),
                model.loose.back().map(|entry| entry.0),
                "peek_lru()"
            );
        }
    });
}

/// Keys and values are dropped with their entry: if one stays in a free node or in the map, it leaks until
/// the node is used again.
#[testkit::test]
fn drops_exactly_the_entries_that_leave() {
    let ledger = Ledger::new();
    let mut cache = LruCache::with_hasher(4, Collide);
    // A design may keep a key twice, so values are counted and keys only at the end.
    let (keys, values) = (Ledger::new(), &ledger);
    for key in 0..10 {
        drop(cache.put(keys.item(key % 7), values.item(key)));
    }
    values.assert_alive(4, "in a full cache of 4 after 10 puts");
    drop(cache.put(keys.item(2), values.item(100)));
    values.assert_alive(4, "after a value was replaced");
    drop(cache.pop_lru());
    values.assert_alive(3, "after pop_lru()");
    let key = keys.item(2);
    check!(cache.pin(&key).is_ok() && cache.remove(&key).is_err(), "a pinned entry stays");
    values.assert_alive(3, "after remove of a pinned entry was refused");
    check!(cache.unpin(&key).is_ok() && cache.remove(&key).is_ok(), "an entry without pins goes");
    values.assert_alive(2, "after remove");
    drop(key);
    while cache.pop_lru().is_some() {}
    values.assert_alive(0, "after everything was evicted");
    keys.assert_alive(0, "keys after everything was evicted");
    drop(cache.put(keys.item(1), values.item(1)));
    drop(cache);
    values.assert_all_dropped_once();
    keys.assert_all_dropped_once();
}

/// Entries of the cache that counts comparisons.
const ENTRIES: u64 = 5_000;

/// A cache whose keys count their comparisons.
type CountingCache = LruCache<CountedKey, u64, Seeded>;

/// Does `work` for each number below [`ENTRIES`] and bounds what it does to keys.
fn check_keys_looked_at(cache: &mut CountingCache, what: &str, work: fn(&mut CountingCache, u64)) {
    counted::take();
    (0..ENTRIES).for_each(|n| work(cache, n));
    let counts = counted::take();
    let (hashes, eqs) = (counts.hashes as f64 / ENTRIES as f64, counts.eqs as f64 / ENTRIES as f64);
    check!(hashes <= 8.0, "{what} hashes at most 8 keys on average, found {hashes:.1}");
    check!(eqs <= 16.0, "{what} compares at most 16 keys on average, found {eqs:.1}");
}

/// Every operation is O(1): a search through the entries would compare keys in proportion to their number.
#[testkit::test]
fn compares_few_keys_per_operation() {
    let mut cache = LruCache::with_hasher(ENTRIES as usize, Seeded(1));
    check_keys_looked_at(&mut cache, "put with room", |cache, n| {
        check!(cache.put(CountedKey(n), n).is_ok(), "put with room");
    });
    check_keys_looked_at(&mut cache, "get of a present key", |cache, n| {
        check!(cache.get(&CountedKey(n)).is_some(), "get of a present key");
    });
    check_keys_looked_at(&mut cache, "put over a present key", |cache, n| {
        check!(cache.put(CountedKey(n), 0).is_ok(), "put over a present key");
    });
    check_keys_looked_at(&mut cache, "put that evicts", |cache, n| {
        check!(cache.put(CountedKey(ENTRIES + n), n).is_ok(), "put that evicts");
    });
    check_keys_looked_at(&mut cache, "pin and unpin", |cache, n| {
        let key = CountedKey(ENTRIES + n);
        check!(cache.pin(&key).is_ok() && cache.unpin(&key).is_ok(), "pin and unpin of a present key");
    });
    check_keys_looked_at(&mut cache, "remove and put", |cache, n| {
        check!(cache.remove(&CountedKey(ENTRIES + n)).is_ok(), "remove of a present key");
        check!(cache.put(CountedKey(n), n).is_ok(), "put with room");
    });
}

/// Nodes of evicted and removed entries are used again, so a cache that has been full needs no more memory.
#[testkit::test]
fn needs_no_more_memory_once_full() {
    let mut cache = LruCache::with_hasher(100, Seeded(1));
    let mut turn_over = |from: u64, count: u64| {
        for key in from..from + count {
            let _ = cache.put(key, key);
            if key % 3 == 0 {
                let _ = cache.remove(&(key - 1));
            }
        }
    };
    turn_over(1, 2_000);
    let counts = alloc::count(|| turn_over(2_000, 50_000));
    check!(
        counts.live_bytes < 8 << 10,
        "50,000 more puts into a cache of 100 entries keep less than 8 KiB more, found {} bytes",
        counts.live_bytes
    );
}

/// Keys are found by their borrowed form and with any hasher, also one that gives all keys the same hash.
#[testkit::test]
fn works_with_borrowed_keys_and_any_hasher() {
    let mut cache = LruCache::with_hasher(2, Collide);
    check_eq!(cache.put("ada".to_string(), 1), Ok(Put::Inserted), "put(\"ada\")");
    check_eq!(cache.put("grace".to_string(), 2), Ok(Put::Inserted), "put(\"grace\")");
    check_eq!(cache.get("ada"), Some(&1), "get(\"ada\")");
    check_eq!(cache.put("alan".to_string(), 3), Ok(Put::Evicted("grace".to_string(), 2)), "put(\"alan\")");
    check!(cache.pin("ada").is_ok() && cache.unpin("ada").is_ok(), "pin and unpin by &str");
    check_eq!((cache.remove("ada"), cache.peek("ada")), (Ok(1), None), "remove and peek by &str");
    let mut plain = LruCache::new(1);
    check_eq!(plain.put(1, 1), Ok(Put::Inserted), "put into a cache with the standard hasher");
    check_eq!(plain.put(2, 2), Ok(Put::Evicted(1, 1)), "put into a full cache with the standard hasher");
}
