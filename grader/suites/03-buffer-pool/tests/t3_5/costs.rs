//! What an operation on one record asks the pager for: as many pages as the contract says, and no more
//! however long the heap is.

use buffer_pool::{BufferPool, RecordId};
use pager_kit::CountingPager;
use testkit::{check, check_eq, step};

use crate::heap_support::{Table, must, pool};

/// The number of page requests that `op` makes.
fn requests(
    pager: &CountingPager<BufferPool>,
    table: &mut Table,
    op: impl FnOnce(&mut Table, &CountingPager<BufferPool>),
) -> u64 {
    pager.take();
    op(table, pager);
    let counts = pager.take();
    step!("  // {counts:?}");
    counts.all_reads() + counts.write_latches() + counts.try_refused + counts.allocates
}

/// A heap of forty full pages with room in none, and ten moved records.
fn build(pager: &CountingPager<BufferPool>) -> (Table, Vec<RecordId>, Vec<RecordId>) {
    let (mut table, ids) = Table::filled(pager, 160, 990);
    let moved: Vec<RecordId> = ids.iter().copied().step_by(16).collect();
    for id in &moved {
        table.update(pager, *id, 2_400);
    }
    let survey = table.check(pager);
    check!(moved.iter().all(|id| survey.moved.contains_key(id)), "the records that grew have moved");
    let home = ids.into_iter().filter(|id| !moved.contains(id)).collect();
    (table, home, moved)
}

/// One page for a record at home, two for one that moved: get, update in place, delete, and restore.
#[testkit::test]
fn an_operation_asks_for_the_pages_of_its_record() {
    let pager = CountingPager::new(pool(64).1);
    let (mut table, home, moved) = build(&pager);
    for (ids, pages, what) in [(home, 1, "at home"), (moved, 2, "that moved")] {
        for id in ids.into_iter().step_by(3) {
            let len = table.model[&id].len();
            let found = requests(&pager, &mut table, |table, pager| table.check_get(pager, id));
            check_eq!(found, pages, "page requests of get of a record {what}");
            let found = requests(&pager, &mut table, |table, pager| table.update(pager, id, len));
            check_eq!(found, pages, "page requests of an update of a record {what} to the same length");
            let found = requests(&pager, &mut table, |table, pager| table.update(pager, id, len - 9));
            check_eq!(found, pages, "page requests of an update of a record {what} to a shorter one");
            let found = requests(&pager, &mut table, |table, pager| table.delete(pager, id));
            check_eq!(found, pages, "page requests of delete of a record {what}");
            let record = table.fresh(300);
            let found = requests(&pager, &mut table, |table, pager| {
                must(table.heap.restore(pager, id, &record), "restore");
            });
            table.model.insert(id, record);
            check_eq!(found, 1, "page requests of restore of a record that fits at home");
        }
    }
    table.check(&pager);
}
