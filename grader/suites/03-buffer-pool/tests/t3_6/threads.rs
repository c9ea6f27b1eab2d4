//! A scan beside threads that change the heap.

use std::collections::BTreeMap;

use buffer_pool::{BufferPool, RecordId, TableHeap};
use kit::sync::{Arc, thread};
use testkit::{Failure, check, check_eq};

use crate::heap_support::{record, with_records};

/// A pool and a heap with records of these lengths, whose tags are their places in the list.
fn shared(frames: usize, lens: &[usize]) -> (Arc<(BufferPool, TableHeap)>, Vec<RecordId>) {
    let (pool, heap, ids) = with_records(frames, lens);
    (Arc::new((pool, heap)), ids)
}

/// All that a scan gives, each record once.
fn scan(shared: &(BufferPool, TableHeap)) -> BTreeMap<RecordId, Vec<u8>> {
    let (pool, heap) = shared;
    let mut found = BTreeMap::new();
    for item in heap.scan(pool) {
        match item {
            Ok((id, record)) => check!(found.insert(id, record).is_none(), "the scan gave {id} twice"),
            Err(error) => {
                Failure::new("a scan beside other threads").found(error).expected_text("a record").raise()
            }
        }
    }
    found
}

/// A record that moves during the scan is returned once, in one of its versions.
#[testkit::test]
fn a_moving_record_comes_once() {
    testkit::schedule::explore(150, || {
        let (shared, ids) = shared(10, &[1_300; 6]);
        let id = ids[1];
        let other = shared.clone();
        let versions = [(1_300, 1), (2_500, 21), (4_000, 22), (50, 23)];
        let mover = thread::spawn(move || {
            let (pool, heap) = &*other;
            for (len, tag) in &versions[1..] {
                heap.update(pool, id, &record(*len, *tag)).expect("update");
            }
        });
        let found = scan(&shared);
        mover.join().expect("the mover ends");
        check_eq!(found.keys().copied().collect::<Vec<_>>(), ids, "records that came");
        let is_version = versions.iter().any(|(len, tag)| found[&id] == record(*len, *tag));
        check!(is_version, "the moving record came with {} bytes, in none of its versions", found[&id].len());
    });
}

/// Records that are there all the time come once, whatever is inserted, deleted and moved around them.
#[testkit::test]
fn steady_records_come_once() {
    testkit::schedule::explore(100, || {
        let (shared, ids) = shared(12, &[900; 9]);
        let (doomed, moving) = (ids[2], ids[5]);
        let (one, two) = (shared.clone(), shared.clone());
        let changer = thread::spawn(move || {
            let (pool, heap) = &*one;
            heap.delete(pool, doomed).expect("delete");
            heap.insert(pool, &record(700, 31)).expect("insert");
            heap.insert(pool, &record(3_000, 32)).expect("insert");
        });
        let mover = thread::spawn(move || {
            let (pool, heap) = &*two;
            heap.update(pool, moving, &record(2_000, 41)).expect("update");
            heap.delete(pool, moving).expect("delete");
        });
        let found = scan(&shared);
        changer.join().expect("the changer ends");
        mover.join().expect("the mover ends");
        for (tag, id) in ids.iter().enumerate().filter(|(_, id)| ![doomed, moving].contains(id)) {
            check_eq!(found.get(id), Some(&record(900, tag)), "{id}, which nobody changed");
        }
    });
}

/// Real threads: scans beside a heap that is always changing.
#[testkit::test]
fn many_scans_beside_many_changes() {
    let (shared, ids) = shared(24, &[300; 120]);
    let changers: Vec<_> = (0..2usize)
        .map(|who| {
            let shared = shared.clone();
            let mine: Vec<RecordId> = ids.iter().copied().skip(who).step_by(6).collect();
            thread::spawn(move || {
                let (pool, heap) = &*shared;
                let mut own = Vec::new();
                for round in 0..1_200usize {
                    let len = [20, 1_800, 300, 4_000][(round + who) % 4];
                    match round % 3 {
                        0 => own.push(heap.insert(pool, &record(len, 7)).expect("insert")),
                        1 if own.len() > 20 => heap.delete(pool, own.remove(round % 20)).expect("delete"),
                        _ => heap.update(pool, mine[round % mine.len()], &record(len, 9)).expect("update"),
                    }
                }
            })
        })
        .collect();
    for _ in 0..25 {
        let found = scan(&shared);
        for (tag, id) in ids.iter().enumerate() {
            check!(found.contains_key(id), "{id} was there all the time, but the scan did not give it");
            if tag % 6 > 1 {
                check_eq!(found.get(id), Some(&record(300, tag)), "{id}, which nobody changed");
            }
        }
    }
    for changer in changers {
        changer.join().expect("the changer ends");
    }
}
