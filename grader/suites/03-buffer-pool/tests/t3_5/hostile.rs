//! Pages that a program wrote wrongly: their checksums are right, their content makes no sense. Whatever they
//! hold, the heap answers with an error, and in the end.

use buffer_pool::{BufferPool, Error, HeapDamage, Pager, RecordId};
use proptest::prelude::*;
use slotted_page::{PageId, SlotId, SlottedPage};
use testkit::{Failure, check, check_eq, step};

use crate::heap_support::{
    FORWARD, MOVED, Table, forge, forge_owner, must, new_leaf, owner, pool, record, tagged,
};

/// All calls on `id`, none of which may panic or go on for ever. The errors of get, update and delete.
fn call_all(pool: &BufferPool, table: &Table, id: RecordId) -> [Option<Error>; 3] {
    let get = table.heap.get(pool, id).err();
    let _ = table.heap.get_with(pool, id, <[u8]>::len);
    let _ = table.heap.restore(pool, id, &[1; 30]);
    let update = table.heap.update(pool, id, &[2; 40]).err();
    let delete = table.heap.delete(pool, id).err();
    [get, update, delete]
}

fn is_bad_tag(error: &Option<Error>, id: RecordId) -> bool {
    let what = HeapDamage::BadTag { record: id };
    *error == Some(Error::BadHeapPage { page: id.page, what })
}

/// A record whose tag does not exist, or that is too short for its tag, is damage, and hurts no other record.
#[testkit::test]
fn refuses_bad_tags() {
    let mut bad: Vec<Vec<u8>> = [7, 8, 0x40, 0x7F, 0x82, 0xFF].map(|tag| vec![tag; 20]).to_vec();
    bad.push(vec![]);
    bad.extend([vec![3, 1], vec![6], vec![5, 0, 0, 0, 0]]);
    bad.extend([vec![FORWARD], vec![FORWARD, 0, 0, 0, 9, 0], vec![MOVED], vec![MOVED, 0, 0, 0, 9, 0]]);
    for bytes in bad {
        let (_, pool) = pool(4);
        let (mut table, ids) = Table::filled(&pool, 5, 20);
        forge(&pool, ids[2], &bytes);
        table.model.remove(&ids[2]);
        let [get, ..] = call_all(&pool, &table, ids[2]);
        let is_bad = is_bad_tag(&get, ids[2]);
        check!(is_bad, "get of a record that reads {bytes:02x?} gave {get:?}, which is not BadTag");
        for id in [ids[0], ids[1], ids[3], ids[4]] {
            table.check_get(&pool, id);
        }
        table.heap.insert(&pool, &record(100, 1)).expect("the page has room");
    }
}

/// A record that is shorter than a forward is filled up to its length, and a forward has nothing behind it.
/// With bytes behind them neither makes sense, and no part of the bytes may be given out as a record.
#[testkit::test]
fn refuses_bytes_behind_short_records_and_forwards() {
    let short = (1..=6u8).map(|tag| vec![tag; 8]);
    let (_, pool) = pool(6);
    let (mut table, ids) = Table::filled(&pool, 8, 950);
    table.update(&pool, ids[2], 2_000);
    let place = table.check(&pool).place(ids[2]);
    table.model.remove(&ids[1]);
    for bytes in short.chain([tagged(FORWARD, place, &[0]), tagged(FORWARD, ids[7], b"more")]) {
        forge(&pool, ids[1], &bytes);
        let [get, update, delete] = call_all(&pool, &table, ids[1]);
        for (call, error) in [("get", get), ("update", update), ("delete", delete)] {
            let is_bad = is_bad_tag(&error, ids[1]);
            check!(is_bad, "{call} of a record of {bytes:02x?} gave {error:?}, which is not BadTag");
        }
        table.check_get(&pool, ids[2]);
    }
}

/// A page of another kind is none of the heap's, also when its bytes name the heap and hold a record.
#[testkit::test]
fn believes_the_page_about_its_kind() {
    let (_, pool) = pool(6);
    let (table, _) = Table::filled(&pool, 8, 950);
    let page = new_leaf(&pool);
    let id = RecordId { page, slot: SlotId(0) };
    forge(&pool, id, &[0, 1, 2, 3, 4, 5, 6, 7]);
    forge_owner(&pool, page, 4, table.heap.id().0);
    let wrong = Some(Error::NotInHeap { page, heap: table.heap.id() });
    for (call, error) in ["get", "update", "delete"].iter().zip(call_all(&pool, &table, id)) {
        check_eq!(error, wrong, "{call} of a record in the leaf of an index");
    }
}

/// A forward must lead to a moved record that names it as its home. Anything else is damage: not a wrong
/// record, not a search without end.
#[testkit::test]
fn refuses_bad_forwards() {
    let (_, pool) = pool(6);
    let (mut table, ids) = Table::filled(&pool, 16, 950);
    let (other, _) = Table::filled(&pool, 5, 950);
    table.update(&pool, ids[2], 2_000);
    let place = table.check(&pool).place(ids[2]);
    forge(&pool, ids[5], &tagged(FORWARD, ids[5], &[]));
    forge(&pool, ids[6], &tagged(FORWARD, ids[5], &[]));
    forge(&pool, ids[9], &tagged(MOVED, ids[0], b"of another forward, which has another body"));
    for id in [ids[5], ids[6], ids[9]] {
        table.model.remove(&id);
    }
    let victim = ids[1];
    table.model.remove(&victim);
    let at = |page, slot| RecordId { page, slot: SlotId(slot) };
    for target in [
        victim,
        ids[0],
        ids[5],
        ids[6],
        ids[9],
        ids[12],
        place,
        at(victim.page, 77),
        at(ids[15].page, 9),
        at(ids[15].page, u16::MAX),
    ] {
        forge(&pool, victim, &tagged(FORWARD, target, &[]));
        let get = table.heap.get(&pool, victim);
        let what = HeapDamage::BadForward { record: victim, target };
        let damage =
            |error: &Error| matches!(error, Error::BadHeapPage { what: found, .. } if *found == what);
        if !get.as_ref().is_err_and(damage) {
            Failure::new(format!("get of a forward to {target}, which is no moved record of it"))
                .found(get)
                .expected_text(format!("BadHeapPage with {what:?}"))
                .raise();
        }
        check!(
            table.heap.update(&pool, victim, &[1; 2_500]).is_err(),
            "update through a forward to {target}"
        );
        check_eq!(table.heap.get(&pool, victim).is_err(), true, "whether get fails after the update");
        check!(table.heap.delete(&pool, victim).is_err(), "delete through a forward to {target}");
        table.model.keys().for_each(|id| table.check_get(&pool, *id));
    }
    other.check(&pool);
}

/// A body never lies in the page that had no room for it: a forward to its own page is damage for every call,
/// even if a moved record is there that names it.
#[testkit::test]
fn refuses_forwards_to_their_own_page() {
    let (_, pool) = pool(6);
    let (mut table, ids) = Table::filled(&pool, 3, 950);
    let (id, target) = (ids[0], ids[2]);
    forge(&pool, id, &tagged(FORWARD, target, &[]));
    forge(&pool, target, &tagged(MOVED, id, b"next door"));
    [id, target].iter().for_each(|id| drop(table.model.remove(id)));
    let what = HeapDamage::BadForward { record: id, target };
    for (call, error) in ["get", "update", "delete"].iter().zip(call_all(&pool, &table, id)) {
        check_eq!(
            error,
            Some(Error::BadHeapPage { page: id.page, what }),
            "{call} of a forward to its own page"
        );
    }
    table.check_get(&pool, ids[1]);
}

/// A forward out of the heap is not followed: what is there belongs to another structure.
#[testkit::test]
fn refuses_forwards_out_of_the_heap() {
    let (_, pool) = pool(6);
    let (mut table, ids) = Table::filled(&pool, 8, 950);
    let (other, others) = Table::filled(&pool, 5, 950);
    let leaf = new_leaf(&pool);
    let victim = ids[1];
    table.model.remove(&victim);
    let bad_forward = |target| Error::BadHeapPage {
        page: victim.page,
        what: HeapDamage::BadForward { record: victim, target },
    };
    // A body that names the forward, but in another heap.
    let mut guard = must(Pager::write(&pool, others[4].page), "write");
    let body = tagged(MOVED, victim, b"not yours");
    let slot = must(SlottedPage::assume_valid(&mut *guard).insert(&body), "insert into the page");
    let foreign = RecordId { page: others[4].page, slot };
    drop(guard);
    for page in [leaf, PageId(0), PageId(1), PageId(2), PageId(5_000), PageId(u32::MAX)] {
        forge(&pool, victim, &tagged(FORWARD, RecordId { page, slot: SlotId(0) }, &[]));
        let target = RecordId { page, slot: SlotId(0) };
        for (call, error) in ["get", "update", "delete"].iter().zip(call_all(&pool, &table, victim)) {
            check_eq!(error, Some(bad_forward(target)), "{call} of a forward to {page}");
        }
    }
    for target in [others[0], foreign] {
        forge(&pool, victim, &tagged(FORWARD, target, &[]));
        for (call, error) in ["get", "update", "delete"].iter().zip(call_all(&pool, &table, victim)) {
            check_eq!(error, Some(bad_forward(target)), "{call} of a forward to {target}, in another heap");
        }
    }
    for id in table.model.keys() {
        table.check_get(&pool, *id);
    }
    for id in others {
        other.check_get(&pool, id);
    }
    let guard = must(Pager::read(&pool, foreign.page), "read");
    let left = SlottedPage::assume_valid(&*guard).get(slot).map(<[u8]>::to_vec);
    check_eq!(left, Some(body), "the other heap's bytes");
}

/// A chain that goes in a circle, or whose first page knows a wrong last one, ends every call all the same,
/// and no page of another heap is touched.
#[testkit::test]
fn a_bad_chain_ends() {
    for case in 0..14 {
        let (_, pool) = pool(6);
        let (mut table, _) = Table::filled(&pool, 20, 950);
        let (other, _) = Table::filled(&pool, 9, 950);
        let pages = table.check(&pool).pages;
        let others = other.check(&pool).pages;
        let leaf = new_leaf(&pool);
        let (first, last) = (pages[0], pages[4]);
        match case {
            0 => forge_owner(&pool, last, 0, first.0),
            1 => forge_owner(&pool, last, 0, last.0),
            2 => forge_owner(&pool, pages[2], 0, pages[1].0),
            3 => forge_owner(&pool, first, 0, first.0),
            4 => forge_owner(&pool, last, 0, others[0].0),
            5 => forge_owner(&pool, pages[2], 0, others[1].0),
            6 => forge_owner(&pool, pages[2], 0, leaf.0),
            7 => forge_owner(&pool, pages[2], 0, 60_000),
            8 => forge_owner(&pool, first, 8, others[2].0),
            9 => forge_owner(&pool, first, 8, leaf.0),
            10 => forge_owner(&pool, first, 8, 0),
            11 => forge_owner(&pool, first, 8, 60_000),
            12 => forge_owner(&pool, first, 8, first.0),
            _ => forge_owner(&pool, pages[3], 4, others[0].0),
        }
        for is_opened in [false, true] {
            if is_opened {
                match buffer_pool::TableHeap::open(&pool, first) {
                    Ok(heap) => table.heap = heap,
                    Err(_) => continue,
                }
            }
            for len in [100, 2_000, 4_000, 4_000, 3_000] {
                let found = table.heap.insert(&pool, &record(len, 3));
                if (8..=12).contains(&case) && len == 4_000 {
                    let what = HeapDamage::BadLast { last: owner(&pool, first).last };
                    let damage = Error::BadHeapPage { page: first, what };
                    check_eq!(found, Err(damage), "insert of a record that needs a new page");
                }
            }
            let id = *table.model.keys().next().expect("there are records");
            let _ = table.heap.update(&pool, id, &record(3_900, 3));
        }
        if (8..=12).contains(&case) {
            check_still_reached(&pool, &pages);
        }
        step!("heap.destroy(pager)");
        let _ = table.heap.destroy(&pool);
        other.check(&pool);
        check!(Pager::read(&pool, leaf).is_ok(), "the page of an index is still there");
    }
}

/// Only `last` was wrong: what was done since has not cut the chain.
fn check_still_reached(pool: &BufferPool, pages: &[PageId]) {
    let mut reached = vec![pages[0]];
    while let Some(next) =
        reached.last().map(|page| owner(pool, *page).next).filter(|next| *next != PageId::NONE)
    {
        check!(reached.len() < 1_000, "the chain has become a circle");
        reached.push(next);
    }
    for page in pages {
        check!(reached.contains(page), "{page} was in the chain, which is {reached:?} now");
    }
}

/// A heap page may say that it belongs to another heap: then its records are not this heap's.
#[testkit::test]
fn believes_the_page_about_its_heap() {
    let (_, pool) = pool(6);
    let (table, ids) = Table::filled(&pool, 8, 950);
    let page = ids[7].page;
    check_eq!(owner(&pool, page).heap, table.heap.id(), "the heap that the second page names");
    forge_owner(&pool, page, 4, 77);
    let wrong = Err(Error::NotInHeap { page, heap: table.heap.id() });
    check_eq!(table.heap.get(&pool, ids[7]), wrong, "get from a page that names another heap");
}

/// Any bytes at all in the slots: calls end, with a value or an error.
#[testkit::test]
fn any_bytes_end_in_a_value_or_an_error() {
    let id = prop_oneof![
        6 => (0..4usize, 0..9u16),
        1 => (0..6usize, prop_oneof![Just(0), Just(300), any::<u16>()]),
    ];
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        (prop_oneof![Just(FORWARD), Just(MOVED)], id, prop::collection::vec(any::<u8>(), 0..9)).prop_map(
            |(tag, (page, slot), data)| [vec![tag, 255, page as u8], slot.to_be_bytes().to_vec(), data]
                .concat()
        ),
    ];
    let forged = prop::collection::vec((0..16usize, bytes), 1..12);
    testkit::prop::check(150, forged, |forged| {
        let (_, pool) = pool(5);
        let (mut table, ids) = Table::filled(&pool, 16, 950);
        let pages = table.check(&pool).pages;
        for (index, mut bytes) in forged {
            // The page is named by its place in the chain, so that most forwards lead somewhere.
            if bytes.len() >= 5 && bytes[1] == 255 {
                let page = pages.get(usize::from(bytes[2])).copied().unwrap_or(PageId(3));
                bytes.splice(1..3, page.0.to_be_bytes());
            }
            forge(&pool, ids[index], &bytes);
        }
        for id in &ids {
            call_all(&pool, &table, *id);
        }
        for len in [50, 900, 2_000] {
            let _ = table.heap.insert(&pool, &record(len, 1));
        }
        table.reopen(&pool);
        let _ = table.heap.insert(&pool, &record(3_000, 1));
        let _ = table.heap.destroy(&pool);
    });
}
