//! `insert_with`: a record goes under a record id that the caller agrees to, before any other thread can see
//! it.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use buffer_pool::{BufferPool, Error, MAX_HEAP_RECORD_LEN, Pager, RecordId, TableHeap};
use kit::sync::{Arc, Mutex, thread};
use pager_kit::{CountingPager, MemPager};
use slotted_page::SlotId;
use testkit::{check, check_eq, step};

use crate::heap_support::{Table, check_no_leak, must, pool, record, survey};

/// Inserts a record into `table`; `admit` decides, and each id that it is asked for must be free.
fn insert_with<P: Pager>(
    table: &mut Table,
    pager: &P,
    len: usize,
    mut admit: impl FnMut(RecordId) -> bool,
) -> Result<RecordId, Error> {
    let record = table.fresh(len);
    let mut last: Option<(RecordId, bool)> = None;
    step!("heap.insert_with(pager, {len} bytes, ..)");
    let result = table.heap.insert_with(pager, &record, |id| {
        check!(!table.model.contains_key(&id), "{id} is offered, and is in use");
        let is_admitted = admit(id);
        check!(last.is_none_or(|(_, was)| !was), "{id} is offered after another id was admitted");
        last = Some((id, is_admitted));
        is_admitted
    });
    step!("  // -> {result:?}");
    if let Ok(id) = result {
        check_eq!(last, Some((id, true)), "the id that was offered last, and whether it was admitted");
        table.model.insert(id, record);
    }
    result
}

/// An admitted record is inserted, and an id that is refused is not used: others are offered, of the same
/// page or of another.
#[testkit::test]
fn a_refused_id_is_not_used() {
    for len in [0, 60, 1_000, MAX_HEAP_RECORD_LEN] {
        for refusals in [0, 1, 2] {
            let (_, pool) = pool(4);
            let mut table = Table::create(&pool);
            let mut refused = BTreeSet::new();
            for _ in 0..12 {
                let mut left = refusals;
                let id = insert_with(&mut table, &pool, len, |id| {
                    let is_admitted = left == 0 && !refused.contains(&id);
                    left -= i32::from(left > 0 && refused.insert(id));
                    is_admitted
                });
                // A page takes one record of the greatest length: after two refusals no third page is added.
                if len < MAX_HEAP_RECORD_LEN || refusals == 0 {
                    let id = must(id, "insert_with");
                    check!(!refused.contains(&id), "{id} was refused");
                }
                let survey = table.check(&pool);
                check!(refused.iter().all(|id| !survey.records.contains_key(id)), "a refused id is in use");
            }
        }
    }
}

/// Ids of deleted records that a transaction has locked are left alone as long as it has them, and used again
/// after that.
#[testkit::test]
fn locked_ids_of_deleted_records_are_left_alone() {
    let (_, pool) = pool(8);
    let (mut table, ids) = Table::filled(&pool, 120, 300);
    let locked: BTreeSet<RecordId> = ids.iter().step_by(2).copied().collect();
    for id in &locked {
        table.delete(&pool, *id);
    }
    let before = table.check(&pool).pages.len();
    for _ in 0..60 {
        let id = must(insert_with(&mut table, &pool, 280, |id| !locked.contains(&id)), "insert_with");
        check!(!locked.contains(&id), "{id} is locked");
    }
    let survey = table.check(&pool);
    check!(
        survey.pages.len() <= before + 6,
        "{} pages, {before} before: 60 records of 280 bytes need five pages, also if no old page takes one",
        survey.pages.len()
    );
    for id in table.model.keys().copied().collect::<Vec<_>>() {
        table.delete(&pool, id);
    }
    let mut again = 0;
    for _ in 0..120 {
        again +=
            usize::from(locked.contains(&must(insert_with(&mut table, &pool, 300, |_| true), "insert_with")));
    }
    check!(again > 0, "no id is used again after it was unlocked");
    table.check(&pool);
    check_no_leak(&pool, &[&table.heap]);
}

/// A caller that refuses everything gets an error: the insert ends, the heap holds what it held, and has at
/// most one page more.
#[testkit::test]
fn an_insert_that_is_always_refused_ends() {
    for (count, len) in [(0, 10), (5, 10), (30, 900), (30, MAX_HEAP_RECORD_LEN), (200, 100)] {
        let pager = CountingPager::new(MemPager::new(64));
        let (mut table, ids) = Table::filled(&pager, count, len);
        for id in ids.iter().step_by(7) {
            table.delete(&pager, *id);
        }
        let before = table.check(&pager).pages.len();
        let mut offered = 0;
        let result = insert_with(&mut table, &pager, len, |_| {
            offered += 1;
            false
        });
        check_eq!(result, Err(Error::NotAdmitted { asked: offered }), "insert_with that is always refused");
        check!(offered > 0, "ids were offered");
        check_eq!(pager.held(), vec![], "pages held afterwards");
        let after = table.check(&pager).pages;
        check!(after.len() <= before + 1, "{} pages, {before} before", after.len());
        check_eq!(pager.inner().allocated().len(), after.len(), "allocated pages are pages of the chain");
        table.insert(&pager, len);
        check_eq!(table.check(&pager).pages.len(), after.len(), "pages: the next insert fills what is there");
    }
}

/// While `admit` decides, the page is latched and as it was: no other thread can act between the decision and
/// the insert.
#[testkit::test]
fn the_page_is_latched_and_unchanged_while_admit_decides() {
    let pager = CountingPager::new(pool(8).1);
    let (mut table, ids) = Table::filled(&pager, 160, 180);
    for id in ids.iter().step_by(3) {
        table.delete(&pager, *id);
    }
    let old_pages = table.check(&pager).pages;
    for round in 0..50 {
        pager.take();
        let result = insert_with(&mut table, &pager, 100 + 40 * (round % 5), |id| {
            check!(pager.held().contains(&id.page), "{} is held while {id} is offered", id.page);
            let other = must(pager.inner().try_write(id.page), "try_write");
            check!(other.is_none(), "{} can be latched by another while {id} is offered", id.page);
            check_eq!(
                survey_count(&pager, id),
                0,
                "borrows as &mut of a page that was there, before its id is admitted"
            );
            match round % 4 {
                1 => id.slot.0 % 3 != 1,
                3 => !old_pages.contains(&id.page),
                _ => true,
            }
        });
        must(result, "insert_with");
        check_eq!(pager.held(), vec![], "pages held afterwards");
        check!(pager.max_held() <= 3, "{} pages were held at once", pager.max_held());
    }
    table.check(&pager);
}

/// Write guards of the page of `id` that changed it, unless it was added for this record.
fn survey_count<P: Pager>(pager: &CountingPager<P>, id: RecordId) -> u64 {
    let counts = pager.of(id.page);
    if counts.allocates > 0 || pager.counts().allocates > 0 { 0 } else { counts.changed }
}

/// An `admit` that panics leaves the heap as it was, and no latch.
#[testkit::test]
fn a_panic_in_admit_leaves_the_heap_as_it_was() {
    for (count, at_offer) in [(0, 0), (6, 0), (6, 1), (40, 0), (40, 2)] {
        let pager = CountingPager::new(pool(8).1);
        let (mut table, ids) = Table::filled(&pager, count, 950);
        for id in ids.iter().step_by(5) {
            table.delete(&pager, *id);
        }
        table.check(&pager);
        let mut offers = 0;
        step!("heap.insert_with(pager, 20 bytes, ..) // admit panics at offer {at_offer}");
        let result = catch_unwind(AssertUnwindSafe(|| {
            table.heap.insert_with(&pager, &[7; 20], |_| {
                offers += 1;
                if offers > at_offer { std::panic::panic_any("admit panics") } else { false }
            })
        }));
        check!(result.is_err(), "the panic comes out of insert_with");
        check_eq!(pager.held(), vec![], "pages held after the panic");
        table.check(&pager);
        check_no_leak(pager.inner(), &[&table.heap]);
        for _ in 0..3 {
            table.insert(&pager, 950);
        }
        table.check(&pager);
    }
}

/// No thread sees a record before it was admitted, and no two threads are offered one id at a time.
#[testkit::test]
fn a_record_is_seen_only_after_it_was_admitted() {
    testkit::schedule::explore(150, || {
        let (_, pool) = pool(6);
        let heap = must(TableHeap::create(&pool), "create");
        let shared: Arc<(BufferPool, TableHeap)> = Arc::new((pool, heap));
        let admitted: Arc<Mutex<BTreeSet<RecordId>>> = Arc::new(Mutex::new(BTreeSet::new()));
        let writers = [0, 1].map(|writer| {
            let (shared, admitted) = (shared.clone(), admitted.clone());
            thread::spawn(move || {
                for n in 0..2 {
                    let data = record(900, 2 * writer + n);
                    let result = shared.1.insert_with(&shared.0, &data, |id| {
                        check!(admitted.lock().insert(id), "{id} is offered to two threads");
                        true
                    });
                    must(result, "insert_with");
                }
            })
        });
        for _ in 0..3 {
            // Four records of 900 bytes fit in a page: the ids that a heap can give out here.
            for id in (0..4).map(|slot| RecordId { page: shared.1.id(), slot: SlotId(slot) }) {
                if shared.1.get(&shared.0, id).is_ok() {
                    check!(admitted.lock().contains(&id), "{id} is seen and was not admitted");
                }
            }
            thread::yield_now();
        }
        writers.into_iter().for_each(|writer| writer.join().expect("the thread ends"));
        let records = survey(&shared.0, shared.1.id()).records;
        check_eq!(records.keys().copied().collect::<BTreeSet<_>>(), admitted.lock().clone(), "the records");
    });
}
