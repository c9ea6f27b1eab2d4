//! Updates: in place, to another page, from there to a third, and home again. The record id stays.

use buffer_pool::{Error, MAX_HEAP_RECORD_LEN, RecordId};
use testkit::{check, check_eq, step};

use crate::heap_support::{Table, check_no_leak, pool};

/// A record that shrinks, or grows where its page has room, stays where it is.
#[testkit::test]
fn updates_in_place_when_it_fits() {
    let (_, pool) = pool(4);
    let (mut table, ids) = Table::filled(&pool, 5, 400);
    for len in [400, 0, 3, 7, 399, 401, 1_000, 2_000, 5, 2_400] {
        table.update(&pool, ids[2], len);
        let survey = table.check(&pool);
        check_eq!(survey.moved.len(), 0, "moved records: the page has room for {len} bytes");
        check_eq!(survey.pages.len(), 1, "pages");
    }
}

/// A record grows by one byte at a time until its page is full, moves, and goes on growing to the longest
/// there is.
#[testkit::test]
fn grows_until_it_moves() {
    let (_, pool) = pool(4);
    let (mut table, ids) = Table::filled(&pool, 9, 400);
    let start = 4_048 - 9 * 4 - 8 * 401 - 1 - 12;
    table.update(&pool, ids[4], start);
    check_eq!(table.check(&pool).moved.len(), 0, "moved records while 12 bytes of the page are free");
    for len in start + 1..=start + 12 {
        table.update(&pool, ids[4], len);
        check_eq!(table.check(&pool).moved.len(), 0, "moved records with {len} bytes in place");
    }
    for len in start + 13..start + 30 {
        table.update(&pool, ids[4], len);
        check_eq!(table.check(&pool).moved.len(), 1, "moved records: {len} bytes do not fit at home");
    }
    for len in [2_000, 3_000, MAX_HEAP_RECORD_LEN - 1, MAX_HEAP_RECORD_LEN] {
        table.update(&pool, ids[4], len);
        table.check(&pool);
    }
    check_no_leak(&pool, &[&table.heap]);
}

/// The shortest records leave room for a forward: all of a full page of them can move.
#[testkit::test]
fn the_shortest_records_can_move() {
    for len in 0..8 {
        let (_, pool) = pool(4);
        let (mut table, _) = Table::filled(&pool, 320, len);
        let fill = 4_048 - 320 * 4 - 320 * (len + 1).max(7) - 4 - 1;
        table.insert(&pool, fill);
        let survey = table.check(&pool);
        check_eq!(survey.pages.len(), 1, "pages");
        check_eq!(survey.free_bytes[&table.heap.id()], 0, "free bytes of the first page");
        let ids: Vec<RecordId> = table.model.keys().copied().take(320).collect();
        for id in ids.iter().step_by(20) {
            table.update(&pool, *id, 600);
        }
        let survey = table.check(&pool);
        check!(
            survey.moved.len() >= 14,
            "of 16 records of {len} bytes that grew, {} moved",
            survey.moved.len()
        );
        check_no_leak(&pool, &[&table.heap]);
    }
}

/// A moved record that has to move again leaves one forward, at home: no chain of forwards, and no old body.
#[testkit::test]
fn a_moved_record_moves_again() {
    let (_, pool) = pool(6);
    let (mut table, ids) = Table::filled(&pool, 8, 490);
    let mut places = Vec::new();
    for len in [600, 1_500, 2_500, 3_500, MAX_HEAP_RECORD_LEN] {
        table.update(&pool, ids[3], len);
        let survey = table.check(&pool);
        places.push(survey.place(ids[3]).page);
        // The rest of its page is taken, so that the next step cannot stay there.
        let free = survey.free_bytes[&survey.place(ids[3]).page];
        if free > 20 {
            table.insert(&pool, free - 5);
        }
        check_eq!(table.check(&pool).moved.len(), 1, "moved records");
    }
    places.dedup();
    check!(places.len() >= 3, "the record moved again and again, through {places:?}");
    check_no_leak(&pool, &[&table.heap]);
}

/// A moved record may change where it lies, as long as it does not fit at home.
#[testkit::test]
fn a_moved_record_is_updated_where_it_is() {
    let (_, pool) = pool(6);
    let (mut table, ids) = Table::filled(&pool, 8, 490);
    table.update(&pool, ids[0], 2_000);
    let pages = table.check(&pool).pages.len();
    for len in [2_000, 1_900, 2_100, 3_000, 1_000] {
        table.update(&pool, ids[0], len);
        let survey = table.check(&pool);
        check_eq!(survey.pages.len(), pages, "pages: there is room where the record lies");
        check_eq!(survey.moved.len(), 1, "moved records");
    }
}

/// A moved record comes home as soon as it fits there, and takes no room elsewhere then.
#[testkit::test]
fn a_record_comes_home() {
    let (_, pool) = pool(6);
    let (mut table, ids) = Table::filled(&pool, 8, 490);
    table.update(&pool, ids[5], 3_000);
    let away = table.check(&pool);
    let place = away.place(ids[5]);
    for len in [480, 0, 495] {
        table.update(&pool, ids[5], 3_000);
        check_eq!(table.check(&pool).moved.len(), 1, "moved records");
        table.update(&pool, ids[5], len);
        let survey = table.check(&pool);
        check_eq!(survey.moved.len(), 0, "moved records: {len} bytes fit at home");
        check_eq!(survey.free_bytes[&place.page], 4_048, "free bytes of the page that it left");
    }
    check_no_leak(&pool, &[&table.heap]);
}

/// A record comes home also when others made the room there, not only when it shrinks below its old length.
#[testkit::test]
fn a_record_comes_home_into_room_that_others_left() {
    let (_, pool) = pool(6);
    let (mut table, ids) = Table::filled(&pool, 8, 490);
    table.update(&pool, ids[5], 1_400);
    check_eq!(table.check(&pool).moved.len(), 1, "moved records");
    table.delete(&pool, ids[6]);
    table.delete(&pool, ids[2]);
    table.update(&pool, ids[5], 1_401);
    let survey = table.check(&pool);
    check_eq!(survey.moved.len(), 0, "moved records: two neighbours are gone, 1,401 bytes fit at home");
}

/// Deleting a moved record frees its body as well as its forward.
#[testkit::test]
fn deleting_a_moved_record_frees_both() {
    let (_, pool) = pool(6);
    let (mut table, ids) = Table::filled(&pool, 8, 490);
    for id in &ids[2..5] {
        table.update(&pool, *id, 1_200);
    }
    let moved = table.check(&pool).moved;
    check!(moved.len() >= 2, "moved records: {}", moved.len());
    for id in moved.keys() {
        table.delete(&pool, *id);
        table.check_get(&pool, *id);
        table.check(&pool);
    }
    for id in table.model.keys().copied().collect::<Vec<_>>() {
        table.delete(&pool, id);
    }
    for (page, free) in table.check(&pool).free_bytes {
        check_eq!(free, 4_048, "free bytes of {page}, from which everything was deleted");
    }
}

/// The place of a body is private: it is no record id, and asking by it cannot harm the
/// record.
#[testkit::test]
fn the_place_of_a_body_is_no_record_id() {
    let (_, pool) = pool(6);
    let (mut table, ids) = Table::filled(&pool, 8, 490);
    table.update(&pool, ids[1], 2_500);
    let place = table.check(&pool).place(ids[1]);
    let missing = || Error::NoRecord { record: place };
    check_eq!(table.heap.get(&pool, place), Err(missing()), "get of where a body lies");
    check_eq!(table.heap.update(&pool, place, b"x"), Err(missing()), "update of where a body lies");
    check_eq!(table.heap.delete(&pool, place), Err(missing()), "delete of where a body lies");
    let used = Err(Error::RecordInUse { record: place });
    check_eq!(table.heap.restore(&pool, place, b"x"), used, "restore to where a body lies");
    table.check(&pool);
}

/// A moved record is two page requests away at most, however often it moved.
#[testkit::test]
fn a_moved_record_is_one_page_further() {
    let (_, pool) = pool(12);
    let (mut table, ids) = Table::filled(&pool, 8, 490);
    for len in [900, 1_800, 2_700, 3_600, 4_000] {
        table.update(&pool, ids[7], len);
        let survey = table.check(&pool);
        let stay = survey.free_bytes[&survey.place(ids[7]).page];
        table.insert(&pool, stay.saturating_sub(5).min(MAX_HEAP_RECORD_LEN));
    }
    let requests = || pool.stats().hits + pool.stats().misses;
    let before = requests();
    table.check_get(&pool, ids[7]);
    check!(requests() - before <= 2, "{} page requests of get of a moved record", requests() - before);
    let before = requests();
    table.check_get(&pool, ids[0]);
    check_eq!(requests() - before, 1, "page requests of get of a record at home");
}

/// Records of one page that all grow end up spread over others, and all keep their ids.
#[testkit::test]
fn a_whole_page_moves_out_and_back() {
    let (_, pool) = pool(3);
    let (mut table, ids) = Table::filled(&pool, 38, 100);
    check_eq!(table.check(&pool).pages.len(), 1, "pages");
    for len in [150, 700, 1_900, 4_037] {
        step!("// all to {len} bytes");
        for id in &ids {
            table.update(&pool, *id, len);
        }
        table.check(&pool);
    }
    let far = table.check(&pool).pages.len();
    for id in &ids {
        table.update(&pool, *id, 90);
    }
    let survey = table.check(&pool);
    check_eq!(survey.moved.len(), 0, "moved records after all became short");
    check_eq!(survey.pages.len(), far, "pages: none more");
    check_no_leak(&pool, &[&table.heap]);
}
