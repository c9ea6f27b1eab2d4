//! Free space: what deletes leave behind is used again, and looking for it costs few pages.

use buffer_pool::{BufferPool, RecordId};
use testkit::{check, check_eq, step};

use crate::heap_support::{Table, check_no_leak, dice, pool, some_len};

/// Requests for pages so far.
fn requests(pool: &BufferPool) -> u64 {
    pool.stats().hits + pool.stats().misses
}

/// The room of deleted records is used again before the file grows.
#[testkit::test]
fn uses_the_room_of_deleted_records() {
    let (_, pool) = pool(4);
    let (mut table, ids) = Table::filled(&pool, 200, 390);
    let pages = table.check(&pool).pages.len();
    check_eq!(pages, 20, "pages of 200 records, ten to a page");
    for id in ids.iter().step_by(2) {
        table.delete(&pool, *id);
    }
    for _ in 0..100 {
        table.insert(&pool, 390);
    }
    let after = table.check(&pool).pages.len();
    check!(after <= pages + 2, "{pages} pages, {after} after 100 of 200 records were replaced");
    check_no_leak(&pool, &[&table.heap]);
}

/// Also if many more pages have room than a heap remembers.
#[testkit::test]
fn uses_the_room_of_many_pages() {
    let (_, pool) = pool(8);
    let (mut table, ids) = Table::filled(&pool, 900, 1_300);
    let pages = table.check(&pool).pages.len();
    check_eq!(pages, 300, "pages of 900 records, three to a page");
    for id in ids.iter().step_by(3) {
        table.delete(&pool, *id);
    }
    for _ in 0..300 {
        table.insert(&pool, 1_290);
    }
    let after = table.check(&pool).pages.len();
    check!(after <= pages + pages / 4, "{pages} pages, {after} after a record of each page was replaced");
}

/// A slot that a delete leaves is used again: else the slots of a page that is never empty take all its room.
#[testkit::test]
fn uses_the_slots_of_deleted_records() {
    let (_, pool) = pool(4);
    let (mut table, mut ids) = Table::filled(&pool, 20, 30);
    let free = |table: &Table| table.check(&pool).free_bytes.into_values().sum::<usize>();
    let before = free(&table);
    for round in 0..300 {
        // The oldest record goes, so that a new slot would come behind all others.
        table.delete(&pool, ids[round]);
        ids.push(table.insert(&pool, 30));
    }
    let after = free(&table);
    check!(after + 40 >= before, "{before} bytes were free, {after} after as many records came as went");
}

/// Records that shrink leave room too.
#[testkit::test]
fn uses_the_room_that_updates_leave() {
    let (_, pool) = pool(4);
    let (mut table, ids) = Table::filled(&pool, 100, 790);
    let pages = table.check(&pool).pages.len();
    for id in &ids {
        table.update(&pool, *id, 380);
    }
    for _ in 0..90 {
        table.insert(&pool, 380);
    }
    let after = table.check(&pool).pages.len();
    check!(after <= pages + 2, "{pages} pages, {after} after 90 records went into what updates left");
}

/// A moved record uses room that others left, as an insert does.
#[testkit::test]
fn a_moved_record_uses_room_that_is_there() {
    let (_, pool) = pool(4);
    let (mut table, ids) = Table::filled(&pool, 80, 490);
    let pages = table.check(&pool).pages.len();
    for id in &ids[40..80] {
        table.delete(&pool, *id);
    }
    for id in &ids[..10] {
        table.update(&pool, *id, 1_000);
    }
    let after = table.check(&pool).pages.len();
    check!(after <= pages + 1, "{pages} pages, half of them empty, {after} after ten records moved");
}

/// Room is found again after the file was opened, when nothing in memory remembers the deletes.
#[testkit::test]
fn finds_room_after_reopening() {
    let (_, pool) = pool(4);
    let (mut table, ids) = Table::filled(&pool, 400, 390);
    let pages = table.check(&pool).pages.len();
    for id in ids.iter().filter(|id| id.page.0 % 2 == 0) {
        table.delete(&pool, *id);
    }
    let deleted = 400 - table.model.len();
    table.reopen(&pool);
    for _ in 0..deleted {
        table.insert(&pool, 390);
    }
    let after = table.check(&pool).pages.len();
    check!(
        after <= pages + pages / 4,
        "{pages} pages, {after} after {deleted} deleted records were replaced"
    );
}

/// Also when the heap is opened again and again, for a few records each time.
#[testkit::test]
fn many_short_sessions_do_not_grow_the_heap() {
    let (_, pool) = pool(4);
    let (mut table, _) = Table::filled(&pool, 100, 390);
    let pages = table.check(&pool).pages.len();
    for session in 0..60 {
        table.reopen(&pool);
        let ids: Vec<RecordId> = table.model.keys().copied().collect();
        for k in 0..10 {
            table.delete(&pool, ids[(session * 37 + k * 10) % ids.len()]);
        }
        for _ in 0..10 {
            table.insert(&pool, 390);
        }
    }
    let after = table.check(&pool).pages.len();
    check!(after <= 2 * pages, "{pages} pages, {after} after 600 records were replaced in 60 sessions");
    check_no_leak(&pool, &[&table.heap]);
}

/// Under churn at a constant number of bytes the heap stays as large as it is.
#[testkit::test]
fn churn_does_not_grow_the_heap() {
    let (_, pool) = pool(16);
    let mut table = Table::create(&pool);
    let mut dice = dice();
    let mut bytes = 0;
    let mut after_half = 0;
    for round in 0..4_000 {
        if bytes < 120_000 {
            let len = some_len(&mut dice).min(1_200);
            table.insert(&pool, len);
            bytes += len + 5;
        } else {
            let id = *table.model.keys().nth(dice(table.model.len())).expect("there are records");
            bytes -= table.model[&id].len() + 5;
            table.delete(&pool, id);
        }
        if round == 2_000 {
            after_half = table.check(&pool).pages.len();
        }
    }
    let pages = table.check(&pool).pages.len();
    check!(
        pages <= after_half + after_half / 4,
        "{after_half} pages after 2,000 rounds, {pages} after 4,000"
    );
    check!(pages * 4_048 <= 2 * 120_000, "{pages} pages for 120,000 bytes");
    check_no_leak(&pool, &[&table.heap]);
}

/// An insert into a heap of many full pages asks for few of them: it does not walk along the chain.
#[testkit::test]
fn an_insert_asks_for_few_pages() {
    let (_, pool) = pool(8);
    let mut table = Table::create(&pool);
    for part in 0..4 {
        let before = requests(&pool);
        for _ in 0..400 {
            table.insert(&pool, 790);
        }
        let each = (requests(&pool) - before) as f64 / 400.0;
        check!(each <= 4.0, "part {part} of the inserts: {each} page requests each");
    }
    table.check(&pool);
}

/// Holes that are too small for the records to come cost a look each, not one for each insert.
#[testkit::test]
fn holes_that_are_too_small_are_not_looked_at_for_ever() {
    let (_, pool) = pool(8);
    let (mut table, ids) = Table::filled(&pool, 2_000, 190);
    let pages = table.check(&pool).pages.len();
    for id in ids.iter().step_by(20) {
        table.delete(&pool, *id);
    }
    step!("// {pages} pages, each with a hole of 200 bytes");
    let before = requests(&pool);
    for _ in 0..200 {
        table.insert(&pool, 1_000);
    }
    let each = (requests(&pool) - before) as f64 / 200.0;
    check!(each <= 8.0, "{each} page requests for an insert of 1,000 bytes");
    table.check(&pool);
}

/// An opened heap of many full pages does not read all of them before its first insert.
#[testkit::test]
fn the_first_insert_after_opening_is_cheap() {
    let (_, pool) = pool(8);
    let (mut table, _) = Table::filled(&pool, 600, 1_900);
    let before = requests(&pool);
    table.reopen(&pool);
    let opened = requests(&pool);
    check!(opened - before <= 3, "{} page requests of open", opened - before);
    table.insert(&pool, 1_900);
    let first = requests(&pool) - opened;
    check!(first <= 24, "{first} page requests of the first insert, into a heap of 300 full pages");
    let before = requests(&pool);
    for _ in 0..300 {
        table.insert(&pool, 1_900);
    }
    let each = (requests(&pool) - before) as f64 / 300.0;
    check!(each <= 12.0, "{each} page requests for an insert after opening");
    table.check(&pool);
}

/// What the heap remembers is bounded: it does not grow with the number of deletes.
#[testkit::test]
fn hints_are_bounded() {
    let (_, pool) = pool(8);
    let mut table = Table::create(&pool);
    let live = |table: &mut Table, rounds: usize| {
        let counts = testkit::alloc::count(|| {
            for _ in 0..rounds {
                let id = table.heap.insert(&pool, &[7; 300]).expect("there is room");
                table.heap.delete(&pool, id).expect("the record is there");
            }
        });
        counts.live_bytes
    };
    live(&mut table, 200);
    let more = live(&mut table, 4_000);
    check!(more < 16_384, "{more} bytes more are held after 4,000 inserts and deletes");
}
