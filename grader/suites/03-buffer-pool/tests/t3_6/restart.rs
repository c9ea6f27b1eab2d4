//! A scan that stops and goes on later, from the last record id that it gave.

use std::collections::BTreeMap;

use buffer_pool::{Error, RecordId};
use slotted_page::{PageId, SlotId};
use testkit::{check, check_eq};

use super::{collect, ids_of};
use crate::heap_support::{Table, check_records, must, new_leaf, pool};

/// After any record the rest comes, all of it and nothing else.
#[testkit::test]
fn goes_on_after_any_record() {
    let (_, pool) = pool(4);
    let (mut table, ids) = Table::filled(&pool, 30, 600);
    for id in ids.iter().skip(2).step_by(7) {
        table.update(&pool, *id, 2_200);
    }
    check!(!table.check(&pool).moved.is_empty(), "some records moved");
    let all = ids_of(table.heap.scan(&pool), "a scan");
    check_eq!(all.len(), 30, "records");
    for (index, id) in all.iter().enumerate() {
        let rest = ids_of(table.heap.scan_after(&pool, *id), "a scan that goes on");
        check_eq!(rest, all[index + 1..], "records after {id}");
    }
}

/// The record to go on after may be gone, be it the first of a page, inside or the last, whose slot is gone
/// with it.
#[testkit::test]
fn goes_on_after_a_record_that_is_gone() {
    for gone in 0..16 {
        let (_, pool) = pool(4);
        let (mut table, _) = Table::filled(&pool, 16, 950);
        let all = ids_of(table.heap.scan(&pool), "a scan");
        table.delete(&pool, all[gone]);
        if gone % 4 == 3 {
            table.delete(&pool, all[gone - 1]);
        }
        let rest = ids_of(table.heap.scan_after(&pool, all[gone]), "a scan that goes on");
        check_eq!(rest, all[gone + 1..], "records after {}, which is gone", all[gone]);
    }
}

/// After the last record of a page come those of the next page; after the last of all, nothing.
#[testkit::test]
fn goes_on_after_the_last_of_a_page() {
    let (_, pool) = pool(4);
    let (table, _) = Table::filled(&pool, 16, 950);
    let all = ids_of(table.heap.scan(&pool), "a scan");
    let rest = ids_of(table.heap.scan_after(&pool, all[3]), "a scan that goes on");
    check_eq!(rest, all[4..], "records after the last of the first page");
    let rest = ids_of(table.heap.scan_after(&pool, all[15]), "a scan that goes on");
    check_eq!(rest, vec![], "records after the last of all");
    for slot in [5, 900, u16::MAX] {
        let after = RecordId { page: all[0].page, slot: SlotId(slot) };
        let rest = ids_of(table.heap.scan_after(&pool, after), "a scan that goes on");
        check_eq!(rest, all[4..], "records after slot {slot} of the first page, which has four");
    }
    let after = RecordId { page: all[15].page, slot: SlotId(u16::MAX) };
    check_eq!(ids_of(table.heap.scan_after(&pool, after), "a scan"), vec![], "records after the last slot");
}

/// A table read in small parts, each by a scan of its own, is read whole, also when what was read is deleted.
#[testkit::test]
fn a_heap_can_be_read_in_parts() {
    for part in [1, 3, 7] {
        let (_, pool) = pool(4);
        let (mut table, ids) = Table::filled(&pool, 50, 500);
        for id in ids.iter().step_by(6) {
            table.update(&pool, *id, 1_800);
        }
        let expected = table.model.clone();
        let mut found = BTreeMap::new();
        let mut after = None;
        loop {
            let scan = match after {
                None => table.heap.scan(&pool),
                Some(id) => table.heap.scan_after(&pool, id),
            };
            let read: Vec<_> = scan.take(part).map(|item| must(item, "next")).collect();
            let Some((last, _)) = read.last() else { break };
            after = Some(*last);
            for (id, record) in read {
                check!(found.insert(id, record).is_none(), "{id} came twice, in parts of {part}");
                table.delete(&pool, id);
            }
        }
        check_records(&found, &expected, "a heap read in parts");
        check_eq!(ids_of(table.heap.scan(&pool), "a scan").len(), 0, "records left");
    }
}

/// A record id of another heap, or of no heap page at all, is an error, not the end and not the other heap's
/// records.
#[testkit::test]
fn does_not_go_on_in_another_heap() {
    let (_, pool) = pool(4);
    let (table, _) = Table::filled(&pool, 8, 950);
    let (_, others) = Table::filled(&pool, 8, 950);
    let leaf = new_leaf(&pool);
    for page in [others[0].page, others[7].page, leaf] {
        let mut scan = table.heap.scan_after(&pool, RecordId { page, slot: SlotId(0) });
        let wrong = Error::NotInHeap { page, heap: table.heap.id() };
        check_eq!(scan.next(), Some(Err(wrong)), "the first item after a record in {page}");
    }
    for page in [PageId(2), PageId(50_000)] {
        let first = table.heap.scan_after(&pool, RecordId { page, slot: SlotId(0) }).next();
        check!(matches!(first, Some(Err(Error::Page(_)))), "after a record in {page} comes {first:?}");
    }
}

/// A read that fails is returned as an error, and the scan can be taken up again where it was.
#[testkit::test]
fn goes_on_after_an_error() {
    let (disk, pool) = pool(3);
    let (mut table, ids) = Table::filled(&pool, 24, 950);
    table.update(&pool, ids[9], 2_500);
    must(pool.flush_all(), "flush_all");
    let reads = table.check(&pool).pages.len() as u64 + 1;
    let mut failures = 0;
    for n in 0..reads + 2 {
        disk.fail_read_at(disk.counts().reads + n, std::io::ErrorKind::TimedOut);
        let mut found = BTreeMap::new();
        let mut last = None;
        let mut has_failed = false;
        for item in table.heap.scan(&pool) {
            match item {
                Ok((id, record)) => {
                    check!(found.insert(id, record).is_none(), "{id} came twice");
                    last = Some(id);
                }
                Err(error) => {
                    check!(matches!(error, Error::Page(slotted_page::Error::Io(_))), "the error: {error:?}");
                    has_failed = true;
                    break;
                }
            }
        }
        failures += u32::from(has_failed);
        if has_failed {
            let scan = match last {
                Some(id) => table.heap.scan_after(&pool, id),
                None => table.heap.scan(&pool),
            };
            for (id, record) in collect(scan, "a scan that goes on after an error") {
                check!(found.insert(id, record).is_none(), "{id} came again after the error");
            }
        }
        check_records(&found, &table.model, "a scan that failed at a read, and the one after it");
    }
    check!(failures >= 4, "only {failures} reads failed");
}
