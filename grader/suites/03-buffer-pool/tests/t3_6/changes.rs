//! The heap changes between two calls of a scan: what was there all the time comes exactly once, what came or
//! went comes at most once.

use std::collections::{BTreeMap, BTreeSet};

use buffer_pool::{BufferPool, RecordId};
use testkit::{Failure, check, check_eq, step};

use crate::heap_support::{Op, Table, check_records, dice, must, pool, some_len};

/// Scans `table`, and lets `change` do something after each record. The scan may give a record as it was at
/// any time, or not at all if it was not there all the time.
fn scan_while(
    pool: &BufferPool,
    table: &mut Table,
    mut change: impl FnMut(&mut Table, RecordId),
) -> BTreeMap<RecordId, Vec<u8>> {
    let mut steady: BTreeMap<RecordId, Vec<u8>> = table.model.clone();
    let mut always: BTreeSet<RecordId> = table.model.keys().copied().collect();
    let mut versions: BTreeMap<RecordId, Vec<Vec<u8>>> = BTreeMap::new();
    let mut found = BTreeMap::new();
    let mut scan = table.heap.scan(pool);
    loop {
        for (id, record) in &table.model {
            let versions = versions.entry(*id).or_default();
            if versions.last() != Some(record) {
                versions.push(record.clone());
            }
        }
        always.retain(|id| table.model.contains_key(id));
        steady.retain(|id, record| table.model.get(id) == Some(record));
        let Some(item) = scan.next() else { break };
        let (id, record) = must(item, "next");
        step!("scan.next() -> {id}, {} bytes", record.len());
        if !versions.get(&id).is_some_and(|versions| versions.contains(&record)) {
            Failure::new(format!("the scan gave {id}"))
                .found(&record)
                .expected_text("what the record was at some time")
                .raise();
        }
        check!(found.insert(id, record).is_none(), "the scan gave {id} twice");
        change(table, id);
    }
    for id in &always {
        check!(found.contains_key(id), "{id} was there all the time, but the scan did not give it");
    }
    let mut kept = found.clone();
    kept.retain(|id, _| steady.contains_key(id));
    check_records(&kept, &steady, "records that did not change during the scan");
    found
}

/// Each record is deleted as soon as it has come: none is skipped for that.
#[testkit::test]
fn what_has_come_may_be_deleted() {
    let (_, pool) = pool(3);
    let (mut table, ids) = Table::filled(&pool, 40, 450);
    table.update(&pool, ids[5], 3_000);
    let found = scan_while(&pool, &mut table, |table, id| table.delete(&pool, id));
    check_eq!(found.len(), 40, "records that came");
    check_eq!(table.model.len(), 0, "records left");
}

/// Records ahead of the scan are deleted, and new ones are put in their place and behind.
#[testkit::test]
fn others_may_come_and_go() {
    let (_, pool) = pool(3);
    let (mut table, ids) = Table::filled(&pool, 60, 450);
    let mut turn = 0;
    let found = scan_while(&pool, &mut table, |table, _| {
        turn += 1;
        if turn <= 20 {
            table.delete(&pool, ids[turn * 2 + 15]);
            table.insert(&pool, 400 + turn);
        }
    });
    check!(found.len() >= 40, "{} records came", found.len());
}

/// Each record that has come grows, so that it moves, mostly to pages that the scan has not seen yet: it must
/// not come again from there.
#[testkit::test]
fn what_has_come_may_move_ahead() {
    let (_, pool) = pool(3);
    let (mut table, _) = Table::filled(&pool, 40, 450);
    let found = scan_while(&pool, &mut table, |table, id| table.update(&pool, id, 1_400));
    check_eq!(found.len(), 40, "records that came");
    check!(table.check(&pool).moved.len() >= 20, "most records moved");
}

/// Records ahead of the scan move to pages that it has passed, and home again: they must not be missed.
#[testkit::test]
fn what_is_to_come_may_move_behind() {
    let (_, pool) = pool(3);
    let (mut table, ids) = Table::filled(&pool, 40, 450);
    let mut turn = 0;
    let found = scan_while(&pool, &mut table, |table, id| {
        turn += 1;
        match turn {
            // Room behind the scan, and a record from the end that needs it.
            ..=8 => table.delete(&pool, id),
            9..=20 => table.update(&pool, ids[48 - turn], 1_300),
            21..=30 => table.update(&pool, ids[60 - turn], 100),
            _ => {}
        }
    });
    check_eq!(found.len(), 40, "records that came");
}

/// A record of the page that the scan is in moves away, goes, or moves on: it comes as it is or as it was.
#[testkit::test]
fn the_page_under_the_scan_may_change() {
    for what in 0..5 {
        let (_, pool) = pool(4);
        let (mut table, ids) = Table::filled(&pool, 16, 950);
        table.update(&pool, ids[2], 2_000);
        let mut is_first = true;
        scan_while(&pool, &mut table, |table, _| {
            if !std::mem::take(&mut is_first) {
                return;
            }
            match what {
                0 => table.update(&pool, ids[3], 3_500),
                1 => table.delete(&pool, ids[3]),
                2 => table.delete(&pool, ids[2]),
                3 => table.update(&pool, ids[2], 700),
                _ => table.update(&pool, ids[2], 4_000),
            }
        });
    }
}

/// A moved record that is deleted between two calls, with another put where it was, is passed over: that is
/// no error.
#[testkit::test]
fn the_record_of_a_forward_may_be_gone_by_then() {
    let (_, pool) = pool(4);
    let (mut table, ids) = Table::filled(&pool, 8, 480);
    table.update(&pool, ids[4], 3_000);
    let place = table.check(&pool).place(ids[4]);
    let mut turn = 0;
    scan_while(&pool, &mut table, |table, _| {
        turn += 1;
        if turn == 1 {
            table.delete(&pool, ids[4]);
            let new = table.insert(&pool, 3_000);
            step!("// the body was at {place}, the new record is {new}");
        }
    });
}

/// The same with another moved record in its place: whose body it is must be asked.
#[testkit::test]
fn a_forward_may_lead_to_another_record_by_then() {
    let (_, pool) = pool(4);
    let (mut table, ids) = Table::filled(&pool, 8, 480);
    table.update(&pool, ids[4], 3_000);
    let place = table.check(&pool).place(ids[4]);
    let mut turn = 0;
    scan_while(&pool, &mut table, |table, _| {
        turn += 1;
        if turn == 1 {
            table.delete(&pool, ids[4]);
            table.update(&pool, ids[6], 3_000);
            step!("// the body of {} was at {place}", ids[4]);
        }
    });
}

/// The chain grows before the scan has reached its end.
#[testkit::test]
fn the_chain_may_grow() {
    let (_, pool) = pool(3);
    let (mut table, ids) = Table::filled(&pool, 10, 1_900);
    let mut left = 12;
    let found = scan_while(&pool, &mut table, |table, _| {
        if left > 0 {
            left -= 1;
            table.insert(&pool, 1_900);
        }
    });
    check!(found.len() >= ids.len(), "{} records came", found.len());
}

/// Random changes between the calls.
#[testkit::test]
fn survives_random_changes() {
    let mut dice = dice();
    for _ in 0..25 {
        let (_, pool) = pool(3 + dice(6));
        let mut table = Table::create(&pool);
        for _ in 0..60 {
            let len = some_len(&mut dice).min(1_500);
            table.insert(&pool, len);
        }
        let mut left = 150;
        scan_while(&pool, &mut table, |table, _| {
            for _ in 0..dice(5) {
                if left == 0 {
                    return;
                }
                left -= 1;
                let (number, len) = (dice(1_000), some_len(&mut dice));
                let op = match dice(4) {
                    0 => Op::Delete(number),
                    1 => Op::Insert(len),
                    _ => Op::Update(number, len),
                };
                table.apply(&pool, &op);
            }
        });
        table.check(&pool);
    }
}
