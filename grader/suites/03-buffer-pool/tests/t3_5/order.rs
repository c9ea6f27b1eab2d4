//! Rule U2, watched call by call: with a page held, the heap waits for another only in the order of the
//! chain; and it holds so few that three frames are enough.

use buffer_pool::{BufferPool, RecordId};
use pager_kit::{Call, CountingPager, What};
use slotted_page::PageId;
use testkit::{check, check_eq, step};

use crate::heap_support::{Table, check_no_leak, dice, must, owner, pool, reopened, some_op};

/// The pages of the heap that starts at `first`, in the order of the chain.
fn chain(pool: &BufferPool, first: PageId) -> Vec<PageId> {
    let mut pages = vec![first];
    loop {
        match owner(pool, pages[pages.len() - 1]).next {
            PageId::NONE => return pages,
            next => pages.push(next),
        }
    }
}

/// Checks all that was recorded: a thread that waited for a page held only pages before it. A thread that
/// waits the other way round waits for ever if a second one does the same from the other end.
fn check_waits(pager: &CountingPager<BufferPool>, first: PageId, what: &str) {
    let events = pager.take_events();
    let is_wait =
        |what: &What| matches!(what, What::Given(call) if !matches!(call, Call::TryWrite | Call::Allocate));
    for event in events.iter().filter(|event| is_wait(&event.what) && event.held.len() > 1) {
        let pages = chain(pager.inner(), first);
        let at = |page: &PageId| pages.iter().position(|link| link == page);
        let others = event.held.iter().filter(|held| **held != event.page);
        let is_ordered = others.clone().all(|held| at(held) < at(&event.page));
        check!(
            is_ordered,
            "{what} waited for {} while it held {:?}: the chain is {pages:?}",
            event.page,
            others.collect::<Vec<_>>()
        );
    }
    pager.record();
}

/// Any operations: whichever pages they need, a wait goes along the chain.
#[testkit::test]
fn waits_go_along_the_chain() {
    let pager = CountingPager::new(pool(16).1);
    let mut table = Table::create(&pager);
    let first = table.heap.id();
    let mut dice = dice();
    pager.record();
    for _ in 0..1_200 {
        let op = some_op(&mut dice, if table.model.len() < 120 { 9 } else { 4 });
        table.apply(&pager, &op);
        check_waits(&pager, first, &format!("{op:?}"));
    }
}

/// Two moved records that lie crosswise: with a body before its home and one behind it, one of the two leads
/// against the order, for update, delete and get.
#[testkit::test]
fn forwards_against_the_order_are_not_waited_for() {
    for is_deleted in [false, true] {
        let pager = CountingPager::new(pool(16).1);
        let (mut table, ids) = Table::filled(&pager, 12, 950);
        let first = table.heap.id();
        for (id, room) in [(ids[1], &ids[6..8]), (ids[5], &ids[2..4])] {
            room.iter().for_each(|id| table.delete(&pager, *id));
            table.update(&pager, id, 1_800);
        }
        table.check(&pager);
        pager.record();
        for (id, len) in [(ids[1], 1_790), (ids[5], 1_790), (ids[1], 1_800), (ids[5], 3_900)] {
            table.check_get(&pager, id);
            table.update(&pager, id, len);
            check_waits(&pager, first, &format!("update of {id}"));
        }
        for id in [ids[1], ids[5]].into_iter().filter(|_| is_deleted) {
            table.delete(&pager, id);
            check_waits(&pager, first, &format!("delete of {id}"));
        }
        table.check(&pager);
    }
}

/// A heap of three pages without room; the record returned has its home in the last and its body in the
/// second, if the heap puts records where there is room.
fn moved_back(pool: &BufferPool) -> (Table, RecordId) {
    let (mut table, ids) = Table::filled(pool, 9, 1_300);
    let id = ids[8];
    table.delete(pool, ids[3]);
    table.delete(pool, ids[4]);
    table.update(pool, id, 2_000);
    for free in table.check(pool).free_bytes.into_values().filter(|free| *free > 20) {
        table.insert(pool, free - 5);
    }
    table.check(pool);
    (table, id)
}

/// A record of the last page that has moved to an earlier one moves on, and no page has room: with three
/// frames, home, the old body and the new page are all there can be.
#[testkit::test]
fn three_frames_are_enough_to_move_on() {
    let (disk, built) = pool(8);
    let (mut table, id) = moved_back(&built);
    must(built.sync(), "sync");
    drop(built);
    let pool = reopened(&disk, 3);
    step!("// the file is opened again, with three frames");
    for is_opened in [false, true] {
        if is_opened {
            table.reopen(&pool);
        }
        for len in [3_000, 4_000] {
            table.update(&pool, id, len);
        }
        check_eq!(pool.resident().len(), 3, "pages in a pool of three frames");
        table.check(&pool);
    }
    check_no_leak(&pool, &[&table.heap]);
}
