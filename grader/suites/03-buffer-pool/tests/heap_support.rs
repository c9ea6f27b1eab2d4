//! What the tests of heap and scan share: a second reader of the heap's format, written from its
//! documentation alone, and a model that says what a heap must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use buffer_pool::{BufferPool, Error, MAX_HEAP_RECORD_LEN, Pager, RecordId, TableHeap, dump_heap};
use kit::sync::Arc;
use slotted_page::header::{get_u32, put_u32};
use slotted_page::{DiskManager, PageId, PageKind, SlotId, SlottedPage};
use testkit::disk::FaultDisk;
use testkit::pages::{account, expect_sound};
use testkit::{Failure, check, check_eq, step};

pub(crate) use crate::support::must;

/// Length of a forward, and of the shortest record in a page.
pub(crate) const FORWARD_LEN: usize = 7;
/// Tag of a forward.
pub(crate) const FORWARD: u8 = 0x80;
/// Tag of a record that moved.
pub(crate) const MOVED: u8 = 0x81;

/// A pool of `frames` frames over a new file.
pub(crate) fn pool(frames: usize) -> (FaultDisk, BufferPool) {
    let disk = FaultDisk::new();
    let manager = DiskManager::create(Arc::new(disk.clone())).expect("create on a disk that works");
    (disk, must(BufferPool::new(manager, frames), "a pool"))
}

/// A pool over a file that is there.
pub(crate) fn reopened(disk: &FaultDisk, frames: usize) -> BufferPool {
    let manager = DiskManager::open(Arc::new(disk.clone())).expect("the file is in order");
    must(BufferPool::new(manager, frames), "a pool")
}

/// A pool and a heap with records of these lengths, whose tags are their places in the list.
pub(crate) fn with_records(frames: usize, lens: &[usize]) -> (BufferPool, TableHeap, Vec<RecordId>) {
    let (_, pool) = pool(frames);
    let heap = must(TableHeap::create(&pool), "create");
    let ids = (0..).zip(lens).map(|(tag, len)| must(heap.insert(&pool, &record(*len, tag)), "insert"));
    let ids = ids.collect();
    (pool, heap, ids)
}

/// Writes `bytes` into the slot of `id`, whatever is there.
pub(crate) fn forge(pool: &BufferPool, id: RecordId, bytes: &[u8]) {
    step!("// {id} is made {:02x?}", &bytes[..bytes.len().min(12)]);
    let mut guard = must(Pager::write(pool, id.page), "write");
    let mut view = SlottedPage::assume_valid(&mut *guard);
    if view.get(id.slot).is_some() {
        must(view.update(id.slot, bytes), "update of the page");
    } else {
        must(view.insert_into(id.slot, bytes), "insert into the page");
    }
}

/// Writes a number into the owner's bytes of `page`.
pub(crate) fn forge_owner(pool: &BufferPool, page: PageId, at: usize, value: u32) {
    step!("// the owner's bytes of {page} at {at} are made {value}");
    let mut guard = must(Pager::write(pool, page), "write");
    put_u32(SlottedPage::assume_valid(&mut *guard).owner_mut(), at, value);
}

/// The bytes of a forward to `target`, or of the head of a moved record from there.
pub(crate) fn tagged(tag: u8, id: RecordId, data: &[u8]) -> Vec<u8> {
    [&[tag][..], &id.to_bytes(), data].concat()
}

/// A page of an index: sound, but no page of a heap.
pub(crate) fn new_leaf(pool: &BufferPool) -> PageId {
    let mut guard = must(Pager::allocate(pool, PageKind::BTREE_LEAF), "allocate");
    let id = slotted_page::header::id(&guard);
    SlottedPage::init(&mut *guard, id, PageKind::BTREE_LEAF);
    id
}

/// A record of `len` bytes that differ between tags and within one record.
pub(crate) fn record(len: usize, tag: usize) -> Vec<u8> {
    testkit::bytes::tagged(len, tag)
}

/// What the owner's bytes of a heap page say.
#[derive(Debug, PartialEq)]
pub(crate) struct Owner {
    pub(crate) next: PageId,
    pub(crate) heap: PageId,
    pub(crate) last: PageId,
    unused: u32,
}

/// The owner's bytes of `page`, taken apart.
pub(crate) fn owner<P: Pager>(pager: &P, page: PageId) -> Owner {
    let guard = must(pager.read(page), "reading a page of the heap");
    let view = SlottedPage::assume_valid(&*guard);
    let field = |at| get_u32(view.owner(), at);
    Owner { next: PageId(field(0)), heap: PageId(field(4)), last: PageId(field(8)), unused: field(12) }
}

/// What lies in the pages of a heap.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// The chain.
    pub(crate) pages: Vec<PageId>,
    /// Every record by its home.
    pub(crate) records: BTreeMap<RecordId, Vec<u8>>,
    /// Where each moved record lies, by its home.
    pub(crate) moved: BTreeMap<RecordId, RecordId>,
    /// Bytes of each page that are neither header, slot nor record.
    pub(crate) free_bytes: BTreeMap<PageId, usize>,
}

impl Survey {
    /// Where the record `id` lies, which must have moved.
    pub(crate) fn place(&self, id: RecordId) -> RecordId {
        match self.moved.get(&id) {
            Some(place) => *place,
            None => Failure::new(format!("{id} has no room at home"))
                .found_text("it did not move")
                .expected_text("a forward at home, the record elsewhere")
                .raise(),
        }
    }
}

/// Reads the heap's pages as its documentation says, and checks all that the format promises.
pub(crate) fn survey<P: Pager>(pager: &P, first: PageId) -> Survey {
    let mut found = Survey::default();
    let mut bodies: BTreeMap<RecordId, (RecordId, Vec<u8>)> = BTreeMap::new();
    let mut forwards: BTreeMap<RecordId, RecordId> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut page = first;
    while page != PageId::NONE {
        check!(seen.insert(page), "the chain comes back to {page} after {:?}", found.pages);
        let links = owner(pager, page);
        check_eq!(links.heap, first, "the heap that {page} names");
        check_eq!(links.unused, 0, "the unused bytes of {page}");
        if page != first {
            check_eq!(links.last, PageId::NONE, "`last` in {page}, which is not the first page");
        }
        let guard = must(pager.read(page), "reading a page of the heap");
        let view = must(SlottedPage::open(&*guard, PageKind::HEAP), "a page of the heap is a sound page");
        check_eq!(view.id(), page, "the number that {page} names");
        found.free_bytes.insert(page, view.free_bytes());
        for index in 0..view.slot_count() {
            let slot = SlotId(index as u16);
            let at = RecordId { page, slot };
            let Some(bytes) = view.get(slot) else { continue };
            check!(bytes.len() >= FORWARD_LEN, "{at} takes {} bytes, a forward would not fit", bytes.len());
            let (tag, rest) = (bytes[0], &bytes[1..]);
            match tag {
                0..=6 => {
                    let data = rest[..rest.len() - usize::from(tag)].to_vec();
                    found.records.insert(at, data);
                }
                FORWARD => {
                    check_eq!(bytes.len(), FORWARD_LEN, "length of the forward at {at}");
                    forwards.insert(at, id_of(rest));
                }
                MOVED => {
                    bodies.insert(at, (id_of(&rest[..RecordId::LEN]), rest[RecordId::LEN..].to_vec()));
                }
                _ => Failure::new(format!("the tag of {at}"))
                    .found(tag)
                    .expected_text("0..=6, 0x80, 0x81")
                    .raise(),
            }
        }
        found.pages.push(page);
        page = links.next;
    }
    check_eq!(Some(&owner(pager, first).last), found.pages.last(), "`last` in the first page");
    for (home, target) in forwards {
        match bodies.remove(&target) {
            Some((named, data)) => {
                check_eq!(named, home, "the home that the moved record at {target} names");
                found.records.insert(home, data);
                found.moved.insert(home, target);
            }
            None => Failure::new(format!("the forward at {home} leads to {target}"))
                .found_text("no moved record there, or another forward leads there too")
                .expected_text("one moved record for each forward")
                .raise(),
        }
    }
    if let Some((at, (home, _))) = bodies.first_key_value() {
        Failure::new(format!("the moved record at {at} has its home at {home}"))
            .found_text("no forward leads to it: its room is lost")
            .expected_text("one forward for each moved record")
            .raise();
    }
    found
}

/// The record id in six bytes.
fn id_of(bytes: &[u8]) -> RecordId {
    RecordId::from_bytes(bytes.try_into().expect("a record id has six bytes"))
}

/// Compares all records of a heap with what must be there; names the first that differs.
pub(crate) fn check_records(
    found: &BTreeMap<RecordId, Vec<u8>>,
    expected: &BTreeMap<RecordId, Vec<u8>>,
    what: &str,
) {
    if found == expected {
        return;
    }
    let ids: BTreeSet<RecordId> = found.keys().chain(expected.keys()).copied().collect();
    for id in ids {
        let (found, expected) = (found.get(&id), expected.get(&id));
        check_eq!(found.map(Vec::len), expected.map(Vec::len), "{what}: length of {id}");
        check_eq!(found, expected, "{what}: bytes of {id}");
    }
}

/// A heap and what it must hold.
pub(crate) struct Table {
    pub(crate) heap: TableHeap,
    pub(crate) model: BTreeMap<RecordId, Vec<u8>>,
    /// Records that were deleted, to be put back.
    gone: Vec<RecordId>,
    tag: usize,
}

impl Table {
    pub(crate) fn create<P: Pager>(pager: &P) -> Self {
        step!("heap = TableHeap::create(pager)");
        Table {
            heap: must(TableHeap::create(pager), "create"),
            model: BTreeMap::new(),
            gone: Vec::new(),
            tag: 0,
        }
    }

    /// A heap with `count` records of `len` bytes, and their ids in the order of insertion.
    pub(crate) fn filled<P: Pager>(pager: &P, count: usize, len: usize) -> (Self, Vec<RecordId>) {
        let mut table = Table::create(pager);
        let ids = (0..count).map(|_| table.insert(pager, len)).collect();
        (table, ids)
    }

    /// Forgets what the heap has in memory.
    pub(crate) fn reopen<P: Pager>(&mut self, pager: &P) {
        let first = self.heap.id();
        step!("heap = TableHeap::open(pager, {first})");
        self.heap = must(TableHeap::open(pager, first), "open of the heap's first page");
    }

    /// A record of `len` bytes unlike those before.
    pub(crate) fn fresh(&mut self, len: usize) -> Vec<u8> {
        self.tag += 1;
        record(len, self.tag)
    }

    pub(crate) fn insert<P: Pager>(&mut self, pager: &P, len: usize) -> RecordId {
        let record = self.fresh(len);
        step!("heap.insert(pager, {len} bytes)");
        let id = must(self.heap.insert(pager, &record), &format!("insert of {len} bytes"));
        step!("  // -> {id}");
        check!(!self.model.contains_key(&id), "insert gave {id}, which is in use");
        self.model.insert(id, record);
        id
    }

    pub(crate) fn update<P: Pager>(&mut self, pager: &P, id: RecordId, len: usize) {
        let record = self.fresh(len);
        step!("heap.update(pager, {id}, {len} bytes)");
        must(self.heap.update(pager, id, &record), &format!("update of {id} to {len} bytes"));
        self.model.insert(id, record);
    }

    pub(crate) fn delete<P: Pager>(&mut self, pager: &P, id: RecordId) {
        step!("heap.delete(pager, {id})");
        must(self.heap.delete(pager, id), &format!("delete of {id}"));
        self.model.remove(&id);
        self.gone.push(id);
    }

    /// Puts a deleted record back, which must succeed if its slot is free and a forward fits into its page.
    pub(crate) fn restore<P: Pager>(&mut self, pager: &P, id: RecordId, len: usize) {
        let record = self.fresh(len);
        step!("heap.restore(pager, {id}, {len} bytes)");
        let (is_used, free) = room_at(pager, id);
        match self.heap.restore(pager, id, &record) {
            Ok(()) => {
                check!(!is_used, "restore to {id} took a slot that was in use");
                self.model.insert(id, record);
            }
            Err(Error::RecordInUse { record }) if is_used => check_eq!(record, id, "the record in use"),
            Err(Error::Page(slotted_page::Error::PageFull { .. })) if !is_used && free < FORWARD_LEN => {}
            Err(error) => Failure::new(format!("restore to {id}"))
                .found(error)
                .expected_text(if is_used { "RecordInUse" } else { "Ok" })
                .note(format!("{free} bytes of its page were free for it"))
                .raise(),
        }
    }

    pub(crate) fn check_get<P: Pager>(&self, pager: &P, id: RecordId) {
        let found = self.heap.get(pager, id);
        match self.model.get(&id) {
            Some(record) => {
                check_eq!(found.as_ref().map(Vec::len), Ok(record.len()), "length of get({id})");
                check_eq!(found.as_deref(), Ok(&record[..]), "get({id})");
            }
            None => check_eq!(found, Err(Error::NoRecord { record: id }), "get({id}), which is not there"),
        }
    }

    /// Everything is as it must be: as `get` says, and in the pages.
    pub(crate) fn check<P: Pager>(&self, pager: &P) -> Survey {
        if self.model.len() <= 200 {
            testkit::scene::picture(|| dump_heap(pager, &self.heap).expect("a sound heap"));
        }
        for id in self.model.keys() {
            self.check_get(pager, *id);
        }
        let survey = survey(pager, self.heap.id());
        check_records(&survey.records, &self.model, "what lies in the pages");
        survey
    }

    /// Does `op`; `false` if there is no record to do it to.
    pub(crate) fn apply<P: Pager>(&mut self, pager: &P, op: &Op) -> bool {
        let pick = |number: usize| self.model.keys().nth(number.checked_rem(self.model.len())?).copied();
        match *op {
            Op::Insert(len) => {
                self.insert(pager, len);
            }
            Op::Update(number, len) => match pick(number) {
                Some(id) => self.update(pager, id, len),
                None => return false,
            },
            Op::Grow(number, by) => match pick(number) {
                Some(id) => self.update(pager, id, (self.model[&id].len() + by).min(MAX_HEAP_RECORD_LEN)),
                None => return false,
            },
            Op::Delete(number) => match pick(number) {
                Some(id) => self.delete(pager, id),
                None => return false,
            },
            Op::Restore(number, len) => match number.checked_rem(self.gone.len()) {
                Some(index) => {
                    let id = self.gone.swap_remove(index);
                    self.restore(pager, id, len);
                }
                None => return false,
            },
            Op::Reopen => self.reopen(pager),
            Op::Get(number) => {
                if let Some(id) = pick(number) {
                    self.check_get(pager, id);
                }
                if let Some(index) = number.checked_rem(self.gone.len())
                    && !room_at(pager, self.gone[index]).0
                {
                    self.check_get(pager, self.gone[index]);
                }
            }
        }
        true
    }
}

/// Whether the slot of `id` holds anything, and how many bytes its page has for a record there.
fn room_at<P: Pager>(pager: &P, id: RecordId) -> (bool, usize) {
    let guard = must(pager.read(id.page), "reading a page of the heap");
    let view = SlottedPage::assume_valid(&*guard);
    let new_slots = (id.slot.index() + 1).saturating_sub(view.slot_count());
    (view.get(id.slot).is_some(), view.free_bytes().saturating_sub(4 * new_slots))
}

/// Something to do to a heap. Records are named by a number, modulo how many there are.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Insert(usize),
    Update(usize, usize),
    Grow(usize, usize),
    Delete(usize),
    Restore(usize, usize),
    Get(usize),
    Reopen,
}

/// A number below the one given, from the run's seed.
pub(crate) fn dice() -> impl FnMut(usize) -> usize {
    let mut rng = testkit::rng();
    move |below| rng.usize(..below)
}

/// A length: mostly short, sometimes a part of a page or all of it.
pub(crate) fn some_len(dice: &mut impl FnMut(usize) -> usize) -> usize {
    match dice(20) {
        0..=4 => dice(10),
        5..=12 => 10 + dice(290),
        13..=16 => 300 + dice(1_100),
        17..=18 => 1_400 + dice(MAX_HEAP_RECORD_LEN - 1_400),
        _ => MAX_HEAP_RECORD_LEN - dice(3),
    }
}

/// An operation. Of 20, `inserts` are inserts and 4 are deletes.
pub(crate) fn some_op(dice: &mut impl FnMut(usize) -> usize, inserts: usize) -> Op {
    let number = dice(100_000);
    match dice(20) {
        what if what < inserts => Op::Insert(some_len(dice)),
        16.. => Op::Delete(number),
        what if what % 5 == 0 => Op::Restore(number, some_len(dice)),
        what if what % 5 <= 2 => Op::Grow(number, 1 + dice(400)),
        what if what % 5 == 3 => Op::Get(number),
        _ => Op::Update(number, some_len(dice)),
    }
}

/// The pages that the file has given out, found by asking for each.
pub(crate) fn allocated(pool: &BufferPool) -> BTreeSet<PageId> {
    (0..pool.disk().stats().page_count).map(PageId).filter(|id| pool.disk().is_allocated(*id)).collect()
}

/// Every page that the file has given out belongs to one of these heaps, and to no two.
pub(crate) fn check_no_leak(pool: &BufferPool, heaps: &[&TableHeap]) {
    let mut owned = BTreeSet::new();
    for heap in heaps {
        for page in survey(pool, heap.id()).pages {
            check!(owned.insert(page), "{page} belongs to two heaps");
        }
    }
    check_eq!(
        allocated(pool),
        owned,
        "pages that are allocated (found) against pages of the heaps (expected)"
    );
}

/// Syncs the pool and reads the whole file from its bytes, by code that shares nothing with the labs: each
/// page is the disk manager's, free, or of exactly one of these heaps, and the heaps hold what they must.
pub(crate) fn check_file(disk: &FaultDisk, pool: &BufferPool, tables: &[&Table]) {
    check_eq!(pool.sync(), Ok(()), "sync of the pool");
    let heaps: Vec<u32> = tables.iter().map(|table| table.heap.id().0).collect();
    let account = account(&disk.durable(), &heaps, &[], &[]);
    expect_sound("the pages of the file, read from its bytes", &account.problems);
    for (table, walk) in tables.iter().zip(account.heaps) {
        let id = |(page, slot)| RecordId { page: PageId(page), slot: SlotId(slot) };
        let records = walk.records.into_iter().map(|(place, record)| (id(place), record)).collect();
        check_records(&records, &table.model, "the records, read from the bytes of the file");
    }
}
