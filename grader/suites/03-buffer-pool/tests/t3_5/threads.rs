//! Several threads on one heap, under schedules that the test chooses, and on real threads.

use std::collections::BTreeMap;

use buffer_pool::{BufferPool, Error, HeapDamage, Pager, RecordId, TableHeap};
use kit::sync::{Arc, thread};
use slotted_page::{PageId, SlotId};
use testkit::{Failure, check, check_eq};

use crate::heap_support::{
    FORWARD, check_no_leak, check_records, forge, pool, record, survey, tagged, with_records,
};
use crate::support::Journal;

/// A pool and a heap that threads share.
#[derive(Clone)]
struct Shared {
    pool: Arc<BufferPool>,
    heap: Arc<TableHeap>,
}

/// A shared heap with records of these lengths, in this order.
fn shared(frames: usize, lens: &[usize]) -> (Shared, Vec<RecordId>) {
    let (pool, heap, ids) = with_records(frames, lens);
    (Shared { pool: Arc::new(pool), heap: Arc::new(heap) }, ids)
}

impl Shared {
    /// All records, after all threads have ended. Every page is in the chain.
    fn records(&self) -> BTreeMap<RecordId, Vec<u8>> {
        check_no_leak(&self.pool, &[&self.heap]);
        survey(&*self.pool, self.heap.id()).records
    }

    fn spawn<T: Send + 'static>(
        &self,
        who: &str,
        body: impl FnOnce(&Shared) -> T + Send + 'static,
    ) -> thread::JoinHandle<T> {
        let shared = self.clone();
        thread::Builder::new()
            .name(who.to_string())
            .spawn(move || body(&shared))
            .expect("a thread can be started")
    }

    fn insert(&self, journal: &Journal, len: usize, tag: usize) -> (RecordId, Vec<u8>) {
        let record = record(len, tag);
        let what = format!("insert({len} bytes, tag {tag})");
        match journal.shown(&what, || self.heap.insert(&*self.pool, &record)) {
            Ok(id) => (id, record),
            Err(error) => Failure::new(what).found(error).expected_text("Ok").raise(),
        }
    }

    fn update(&self, journal: &Journal, id: RecordId, len: usize, tag: usize) -> Result<(), Error> {
        let what = format!("update({id}, {len} bytes, tag {tag})");
        journal.shown(&what, || self.heap.update(&*self.pool, id, &record(len, tag)))
    }

    fn delete(&self, journal: &Journal, id: RecordId) -> Result<(), Error> {
        journal.shown(&format!("delete({id})"), || self.heap.delete(&*self.pool, id))
    }

    fn get(&self, journal: &Journal, id: RecordId) -> Result<Vec<u8>, Error> {
        journal.shown(&format!("get({id})"), || self.heap.get(&*self.pool, id))
    }
}

/// Threads that insert at once fill pages together and make the chain longer together: no record is lost or
/// put over another, no page is linked twice or not at all.
#[testkit::test]
fn inserts_at_once_are_all_there() {
    testkit::schedule::explore(120, || {
        let (shared, _) = shared(10, &[1_900, 1_000]);
        let journal = Journal::default();
        let threads: Vec<_> = ["one", "two"]
            .into_iter()
            .enumerate()
            .map(|(who, name)| {
                let journal = journal.clone();
                shared.spawn(name, move |shared| {
                    [1_900, 1_900, 3_000].map(|len| shared.insert(&journal, len, 10 * who + len / 1_000))
                })
            })
            .collect();
        let mut expected = BTreeMap::new();
        for (id, record) in threads.into_iter().flat_map(|thread| thread.join().expect("the thread ends")) {
            check!(expected.insert(id, record).is_none(), "two inserts were given {id}");
        }
        let mut found = shared.records();
        check_eq!(found.len(), 8, "records");
        found.retain(|id, _| expected.contains_key(id));
        check_records(&found, &expected, "after inserts at once");
    });
}

/// A shared heap in which record `a` has its home in the first page and its body in the second, and `b` the
/// other way round, if the heap puts records where there is room.
fn crossed() -> (Shared, RecordId, RecordId) {
    let (shared, ids) = shared(10, &[1_300, 2_000, 1_300, 2_000]);
    let [a, x, b, y] = ids[..] else { unreachable!("four records were inserted") };
    let (pool, heap) = (&*shared.pool, &shared.heap);
    heap.delete(pool, y).expect("the record is there");
    heap.update(pool, a, &record(2_500, 1)).expect("there is room");
    heap.delete(pool, x).expect("the record is there");
    heap.update(pool, b, &record(3_000, 2)).expect("there is room");
    (shared, a, b)
}

/// Two updates of moved records, each with its home in the page where the other's body lies: whoever waits
/// for the second page while holding the first waits for ever.
#[testkit::test]
fn crossing_updates_do_not_deadlock() {
    testkit::schedule::explore(120, || {
        let (shared, a, b) = crossed();
        let journal = Journal::default();
        let other = journal.clone();
        let one = shared.spawn("one", move |shared| {
            [shared.update(&other, a, 2_501, 3), shared.update(&other, a, 2_400, 4)]
        });
        let mine = [shared.update(&journal, b, 2_990, 5), shared.update(&journal, b, 3_001, 6)];
        check_eq!(mine, [Ok(()), Ok(())], "updates of {b}");
        check_eq!(one.join().expect("the thread ends"), [Ok(()), Ok(())], "updates of {a}");
        let expected = [(a, record(2_400, 4)), (b, record(3_001, 6))].into();
        check_records(&shared.records(), &expected, "after crossing updates");
    });
}

/// The same with a delete on one side: it needs both pages too.
#[testkit::test]
fn crossing_deletes_do_not_deadlock() {
    testkit::schedule::explore(120, || {
        let (shared, a, b) = crossed();
        let journal = Journal::default();
        let other = journal.clone();
        let one = shared.spawn("one", move |shared| shared.delete(&other, a));
        let reader = journal.clone();
        let two = shared.spawn("two", move |shared| shared.get(&reader, b));
        check_eq!(shared.delete(&journal, b), Ok(()), "delete of {b}");
        check_eq!(one.join().expect("the thread ends"), Ok(()), "delete of {a}");
        match two.join().expect("the thread ends") {
            Ok(found) => check_eq!(found, record(3_000, 2), "get({b}) beside its delete"),
            Err(error) => check_eq!(error, Error::NoRecord { record: b }, "get({b}) beside its delete"),
        }
        check_records(&shared.records(), &BTreeMap::new(), "after crossing deletes");
    });
}

/// How many schedules [`check_yields`] tries. In half of them the call runs before the other thread, and in
/// half of these a yield gives the other thread its turn.
const YIELD_SCHEDULES: usize = 60;

/// Most requests for pages in one attempt of a call, and more than enough.
const MOST_REQUESTS: u64 = 20;

/// Rule U2: `call` needs the page `held`, which another thread holds, and may not wait for it. Refused, it
/// lets others run before it tries again. Without a yield the schedule keeps a thread running for hundreds
/// of turns.
fn check_yields<T: std::fmt::Debug + PartialEq + Send + Sync + 'static>(
    what: &'static str,
    expected: T,
    make: impl Fn() -> (Shared, PageId) + Send + Sync + 'static,
    is_read: bool,
    call: impl Fn(&Shared) -> T + Send + Sync + 'static,
) {
    let requests: Arc<std::sync::Mutex<Vec<u64>>> = Arc::default();
    let (seen, expected, call) = (Arc::clone(&requests), Arc::new(expected), Arc::new(call));
    testkit::schedule::pct(YIELD_SCHEDULES, 1, move || {
        let (shared, held) = make();
        let pool = Arc::clone(&shared.pool);
        let asked = || pool.stats().hits + pool.stats().misses;
        let reader = is_read.then(|| pool.read(held).expect("the page is there"));
        let writer = (!is_read).then(|| pool.write(held).expect("the page is there"));
        let before = asked();
        let call = Arc::clone(&call);
        let caller = shared.spawn("caller", move |shared| call(shared));
        let during = asked() - before;
        drop((reader, writer));
        check_eq!(caller.join().expect("the thread ends"), *expected, "{what}");
        seen.lock().expect("no schedule failed").push(during);
    });
    let requests = requests.lock().expect("no schedule failed");
    let fewest = requests.iter().copied().filter(|count| *count > 0).min().unwrap_or(0);
    check!(fewest > 0, "in some schedule {what} runs while the page is held");
    check!(
        fewest <= MOST_REQUESTS,
        "U2: {what} asked for pages {fewest} times or more while another thread held one of them. After a \
         refusal, drop all guards and call kit::sync::thread::yield_now before the next attempt"
    );
}

/// A call that is refused a page lets the other threads run before it tries again: the one that holds the
/// page needs a turn to drop its guard.
#[testkit::test]
fn a_refused_page_is_not_asked_for_again_at_once() {
    // A moved record whose body is held.
    let moved = || {
        let (shared, a, _) = crossed();
        let body = survey(&*shared.pool, shared.heap.id()).place(a).page;
        (shared, a, body)
    };
    let (_, a, _) = moved();
    let make = move || (moved().0, moved().2);
    let update = move |shared: &Shared| shared.heap.update(&*shared.pool, a, &record(2_400, 4));
    check_yields("update of a moved record", Ok(()), make, false, update);
    let delete = move |shared: &Shared| shared.heap.delete(&*shared.pool, a);
    check_yields("delete of a moved record", Ok(()), make, false, delete);
    // A damaged forward: only with both pages latched it is sure that the record is not just moving.
    let target = RecordId { slot: SlotId(77), ..survey(&*moved().0.pool, moved().0.heap.id()).place(a) };
    let make = move || {
        let (shared, ..) = moved();
        forge(&shared.pool, a, &tagged(FORWARD, target, &[]));
        (shared, target.page)
    };
    let what = HeapDamage::BadForward { record: a, target };
    let expected = Err(Error::BadHeapPage { page: a.page, what });
    let get = move |shared: &Shared| shared.heap.get(&*shared.pool, a);
    check_yields("get of a lost record", expected, make, true, get);
    // A full heap of two pages. The record needs a third, so the first page must be changed.
    let full = || {
        let (shared, ids) = shared(10, &[3_000, 900, 2_000, 1_900]);
        let (pool, heap) = (&*shared.pool, &shared.heap);
        heap.delete(pool, ids[3]).expect("the record is there");
        heap.update(pool, ids[2], &record(3_900, 2)).expect("it fits at home");
        (shared, ids[3])
    };
    let (_, deleted) = full();
    let make = move || (full().0, full().0.heap.id());
    let restore = move |shared: &Shared| shared.heap.restore(&*shared.pool, deleted, &record(1_900, 3));
    check_yields("restore into a new page", Ok(()), make, false, restore);
}

/// Records of two pages that grow out of them at once, into each other's page or a new one.
#[testkit::test]
fn moves_out_of_two_pages_at_once() {
    testkit::schedule::explore(120, || {
        let (shared, ids) = shared(10, &[1_300, 1_300, 1_300, 1_300, 1_300, 1_300]);
        let journal = Journal::default();
        let other = journal.clone();
        let (a, b) = (ids[0], ids[3]);
        let one = shared.spawn("one", move |shared| {
            [shared.update(&other, a, 2_000, 11), shared.update(&other, a, 100, 12)]
        });
        let mine = [shared.update(&journal, b, 2_000, 13), shared.update(&journal, b, 3_000, 14)];
        check_eq!(mine, [Ok(()), Ok(())], "updates of {b}");
        check_eq!(one.join().expect("the thread ends"), [Ok(()), Ok(())], "updates of {a}");
        let records = shared.records();
        check_eq!(records.len(), 6, "records");
        check_eq!(records.get(&a), Some(&record(100, 12)), "the record that came home");
        check_eq!(records.get(&b), Some(&record(3_000, 14)), "the record that moved twice");
    });
}

/// A record of the last page moves to the first, while an insert goes from the first page to the last to make
/// the chain longer: whoever waits for the first page while holding the last waits for ever.
#[testkit::test]
fn a_move_and_a_growing_chain_do_not_deadlock() {
    testkit::schedule::explore(150, || {
        let (shared, ids) = shared(10, &[1_200, 1_200, 2_900, 1_000]);
        let id = ids[3];
        let journal = Journal::default();
        let other = journal.clone();
        let mover = shared.spawn("mover", move |shared| {
            [shared.update(&other, id, 1_300, 61), shared.update(&other, id, 1_310, 62)]
        });
        let (new, record) = shared.insert(&journal, 3_000, 63);
        let seen = shared.get(&journal, id);
        let is_version = [(1_000, 3), (1_300, 61), (1_310, 62)]
            .iter()
            .any(|(len, tag)| seen.as_ref() == Ok(&crate::heap_support::record(*len, *tag)));
        check!(is_version, "get of the record that moves gave {seen:?}");
        check_eq!(mover.join().expect("the mover ends"), [Ok(()), Ok(())], "updates of {id}");
        let records = shared.records();
        check_eq!(records.len(), 5, "records");
        check_eq!(records.get(&new), Some(&record), "the new record");
    });
}

/// Whoever reads a record while it moves away, on, and home again sees one of its versions whole.
#[testkit::test]
fn a_reader_sees_a_moving_record() {
    testkit::schedule::explore(200, || {
        let (shared, ids) = shared(10, &[1_300, 1_300, 1_300, 1_300, 1_300, 1_300]);
        let id = ids[1];
        let journal = Journal::default();
        let other = journal.clone();
        let versions = [(1_300, 1), (2_500, 21), (4_000, 22), (50, 23), (3_000, 24)];
        let mover = shared.spawn("mover", move |shared| {
            [1, 2, 3, 4].map(|at: usize| shared.update(&other, id, versions[at].0, versions[at].1))
        });
        let mut seen = 0;
        for _ in 0..5 {
            let found = shared.get(&journal, id);
            let at = versions.iter().position(|(len, tag)| found.as_ref() == Ok(&record(*len, *tag)));
            match at {
                Some(at) if at >= seen => seen = at,
                Some(at) => Failure::new("get of a record that moves")
                    .found_text(format!("version {at} after version {seen}"))
                    .expected_text("versions in the order of the updates")
                    .raise(),
                None => Failure::new("get of a record that moves")
                    .found(found)
                    .expected_text("one of its versions")
                    .raise(),
            }
        }
        check_eq!(mover.join().expect("the mover ends"), [Ok(()), Ok(()), Ok(()), Ok(())], "updates");
        check_eq!(shared.get(&journal, id), Ok(record(3_000, 24)), "get at the end");
        check_eq!(shared.records().len(), 6, "records");
    });
}

/// Whoever follows a forward while the record is deleted, and its places are used again at once, sees the
/// record or nothing, never another's bytes.
#[testkit::test]
fn a_reader_never_sees_another_record() {
    testkit::schedule::explore(200, || {
        let (shared, ids) = shared(10, &[1_300, 1_300, 1_300, 1_300]);
        let id = ids[1];
        shared.heap.update(&*shared.pool, id, &record(2_500, 31)).expect("there is room");
        let journal = Journal::default();
        let other = journal.clone();
        let writer = shared.spawn("writer", move |shared| {
            let deleted = shared.delete(&other, id);
            // The places of the body and of the forward, one after the other.
            (deleted, shared.insert(&other, 2_506, 32), shared.insert(&other, 20, 33))
        });
        let found = [(); 3].map(|()| shared.get(&journal, id));
        let (deleted, long, short) = writer.join().expect("the writer ends");
        check_eq!(deleted, Ok(()), "delete");
        let later = [&long, &short].into_iter().find(|(new, _)| *new == id).map(|(_, record)| record);
        for found in found {
            let is_old = found.as_ref() == Ok(&record(2_500, 31));
            let is_new = found.as_ref().ok().is_some_and(|found| later == Some(found));
            let is_gone = found == Err(Error::NoRecord { record: id });
            check!(is_old || is_new || is_gone, "get({id}) beside its delete gave {found:?}");
        }
        let records = shared.records();
        check_eq!(records.len(), 5, "records");
        check_eq!(
            (records.get(&long.0), records.get(&short.0)),
            (Some(&long.1), Some(&short.1)),
            "the new ones"
        );
    });
}

/// Update and delete of one moved record at once: one comes first, and nothing of the record is left.
#[testkit::test]
fn update_and_delete_of_one_record() {
    testkit::schedule::explore(200, || {
        let (shared, ids) = shared(10, &[1_300, 1_300, 1_300, 1_300]);
        let id = ids[0];
        shared.heap.update(&*shared.pool, id, &record(2_500, 41)).expect("there is room");
        let journal = Journal::default();
        let other = journal.clone();
        let one = shared.spawn("one", move |shared| {
            [shared.update(&other, id, 4_000, 42), shared.update(&other, id, 10, 43)]
        });
        check_eq!(shared.delete(&journal, id), Ok(()), "delete");
        for updated in one.join().expect("the thread ends") {
            let is_gone = updated == Err(Error::NoRecord { record: id });
            check!(updated == Ok(()) || is_gone, "update beside a delete gave {updated:?}");
        }
        let records = shared.records();
        check_eq!(records.len(), 3, "records");
        check!(!records.contains_key(&id), "the deleted record is gone");
    });
}

/// Two updates of one record at once: the record is one of the two, whole, and in one place.
#[testkit::test]
fn two_updates_of_one_record() {
    testkit::schedule::explore(200, || {
        let (shared, ids) = shared(10, &[1_300, 1_300, 1_300, 1_300]);
        let id = ids[0];
        let journal = Journal::default();
        let other = journal.clone();
        let one = shared.spawn("one", move |shared| shared.update(&other, id, 2_500, 51));
        check_eq!(shared.update(&journal, id, 3_500, 52), Ok(()), "update");
        check_eq!(one.join().expect("the thread ends"), Ok(()), "update");
        let found = shared.records().remove(&id);
        let is_one = [record(2_500, 51), record(3_500, 52)].into_iter().any(|one| found == Some(one));
        check!(is_one, "after two updates of {id} it is neither: {:?} bytes", found.map(|found| found.len()));
    });
}

/// Deletes and inserts at once in one page: an insert may use a slot again only after its record is gone.
#[testkit::test]
fn deletes_and_inserts_in_one_page() {
    testkit::schedule::explore(120, || {
        let (shared, ids) = shared(8, &[60; 8]);
        let journal = Journal::default();
        let other = journal.clone();
        let doomed = [ids[1], ids[3], ids[7]];
        let one = shared.spawn("one", move |shared| doomed.map(|id| shared.delete(&other, id)));
        let new = [1, 2, 3].map(|tag| shared.insert(&journal, 70, 60 + tag));
        check_eq!(one.join().expect("the thread ends"), [Ok(()), Ok(()), Ok(())], "deletes");
        let records = shared.records();
        check_eq!(records.len(), 8, "records");
        for (id, record) in &new {
            check_eq!(records.get(id), Some(record), "{id}, which was inserted");
        }
    });
}

/// Real threads: each changes its own records and reads those of all, which hold their number at all times.
#[testkit::test]
fn many_threads_at_once() {
    const THREADS: usize = 4;
    let (_, pool) = pool(24);
    let heap = TableHeap::create(&pool).expect("create");
    let steady: Vec<RecordId> =
        (0..40).map(|tag| heap.insert(&pool, &record(200, tag)).expect("insert")).collect();
    let shared = Shared { pool: Arc::new(pool), heap: Arc::new(heap) };
    let threads: Vec<_> = (0..THREADS)
        .map(|who| {
            let steady = steady.clone();
            shared.spawn("worker", move |shared| {
                let (pool, heap) = (&*shared.pool, &shared.heap);
                let mut own: Vec<(RecordId, Vec<u8>)> = Vec::new();
                for round in 0..1_500usize {
                    let mixed = round.wrapping_mul(2_654_435_761).wrapping_add(who * 97) >> 3;
                    let new = record([30, 900, 2_500, 8][mixed % 4] + round % 50, who * 50 + round % 50);
                    match round % 5 {
                        0 | 1 => own.push((heap.insert(pool, &new).expect("insert"), new)),
                        2 if !own.is_empty() => {
                            let (id, _) = own.swap_remove(mixed % own.len());
                            heap.delete(pool, id).expect("delete of an own record");
                        }
                        3 if !own.is_empty() => {
                            let at = mixed % own.len();
                            heap.update(pool, own[at].0, &new).expect("update of an own record");
                            own[at].1 = new;
                        }
                        _ => {
                            let at = mixed % steady.len();
                            check_eq!(
                                heap.get(pool, steady[at]),
                                Ok(record(200, at)),
                                "a record that nobody changes"
                            );
                        }
                    }
                    if let Some((id, record)) = own.get(mixed % own.len().max(1)) {
                        check_eq!(heap.get(pool, *id).as_ref(), Ok(record), "an own record");
                    }
                }
                own
            })
        })
        .collect();
    let mut expected: BTreeMap<RecordId, Vec<u8>> =
        steady.iter().enumerate().map(|(tag, id)| (*id, record(200, tag))).collect();
    for (id, record) in threads.into_iter().flat_map(|thread| thread.join().expect("the thread ends")) {
        check!(expected.insert(id, record).is_none(), "{id} belongs to two threads");
    }
    check_records(&shared.records(), &expected, "after all threads ended");
}
