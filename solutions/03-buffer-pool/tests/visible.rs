//! The public examples of lab 3: read them beside the task, run them with `cargo test -p buffer-pool`, those
//! of one task with `cargo test -p buffer-pool t3_1`. The grader has more, and harder ones.

use std::io::ErrorKind;

use buffer_pool::{
    Access, BufferPool, Error, FlushHook, FrameId, FrameTable, HeapDamage, Lookup, MAX_HEAP_RECORD_LEN,
    Pager, PinCounts, PoolStats, RecordId, TableHeap, dump_heap, dump_pool,
};
use kit::disk::MemDisk;
use kit::sync::{Arc, Mutex, thread};
use slotted_page::{DiskManager, IoError, Lsn, PAGE_SIZE, PageId, PageKind, SlotId, SlottedPage, header};

/// A kind of page that the pool knows nothing about.
const NOTES: PageKind = PageKind(99);
/// Where the tests put a byte.
const AT: usize = 100;

/// A table for `frames` frames, and the pins it looks at.
fn table(frames: usize) -> (FrameTable, Arc<PinCounts>) {
    let pins = Arc::new(PinCounts::new(frames));
    (FrameTable::new(Arc::clone(&pins)), pins)
}

/// Brings `page` into the table and lets go of it. Says which page had to go.
fn bring_in(table: &mut FrameTable, pins: &PinCounts, page: PageId) -> Option<PageId> {
    let mut claim = table.claim(page).unwrap();
    let (frame, victim) = (claim.frame, claim.victim);
    table.evicted(&mut claim);
    table.publish(claim);
    pins.release(frame);
    victim
}

/// A file of `count` pages, written past any pool; the byte at `AT` of each is its place in the row.
fn file(count: u8) -> (DiskManager, Vec<PageId>) {
    let disk = DiskManager::create(Arc::new(MemDisk::new())).unwrap();
    let write = |place| {
        let id = disk.allocate().unwrap();
        let mut page = [0; PAGE_SIZE];
        header::init(&mut page, id, NOTES);
        page[AT] = place;
        disk.write_page(id, &page).unwrap();
        id
    };
    let ids = (0..count).map(write).collect();
    (disk, ids)
}

/// A pool of `frames` frames over a file of `count` pages.
fn pool(frames: usize, count: u8) -> (BufferPool, Vec<PageId>) {
    let (disk, ids) = file(count);
    (BufferPool::new(disk, frames).unwrap(), ids)
}

/// The byte at `AT` of page `id`, as it is on disk.
fn on_disk(pool: &BufferPool, id: PageId) -> u8 {
    let mut page = [0; PAGE_SIZE];
    pool.disk().read_page(id, &mut page).unwrap();
    page[AT]
}

/// The error for a page that is not allocated.
fn not_allocated(page: PageId) -> Error {
    slotted_page::Error::NotAllocated { page }.into()
}

/// A pool of `frames` frames over an empty file.
fn empty_pool(frames: usize) -> BufferPool {
    BufferPool::new(DiskManager::create(Arc::new(MemDisk::new())).unwrap(), frames).unwrap()
}

/// The records that a scan returns, without their record ids.
fn records<P: Pager>(pager: &P, heap: &TableHeap) -> Vec<Vec<u8>> {
    heap.scan(pager).map(|item| item.unwrap().1).collect()
}

/// Task 3.1: frame table.
mod t3_1 {
    use super::*;

    /// A page is absent, then busy, then resident, and pinned until it is let go.
    #[test]
    fn a_claimed_page_is_busy_until_it_is_published() {
        let (mut table, pins) = table(2);
        assert_eq!(table.lookup(PageId(7)), Lookup::Absent);
        let claim = table.claim(PageId(7)).unwrap();
        let frame = claim.frame;
        assert_eq!(table.lookup(PageId(7)), Lookup::Busy);
        table.publish(claim);
        assert_eq!(table.lookup(PageId(7)), Lookup::Resident(frame));
        assert_eq!(pins.get(frame), 1);
        table.pin(frame, Access::Again);
        assert_eq!(pins.get(frame), 2);
        assert_eq!(table.resident(), [(PageId(7), frame)]);
    }

    /// The page that was used only once goes before the one used twice, and a pinned one never.
    #[test]
    fn the_victim_is_that_of_lru_2_among_the_unpinned() {
        let (mut table, pins) = table(3);
        for page in [1, 2, 3].map(PageId) {
            assert_eq!(bring_in(&mut table, &pins, page), None);
        }
        let Lookup::Resident(first) = table.lookup(PageId(1)) else { panic!("page 1 is resident") };
        table.pin(first, Access::Again);
        pins.release(first);
        // Page 1 was used twice. Page 2 is the least recently used of the others, but it is pinned.
        let Lookup::Resident(second) = table.lookup(PageId(2)) else { panic!("page 2 is resident") };
        table.pin(second, Access::Again);
        assert_eq!(bring_in(&mut table, &pins, PageId(4)), Some(PageId(3)));
        assert_eq!(table.lookup(PageId(3)), Lookup::Absent);
    }

    /// No frame can be had: an error that says so, at once.
    #[test]
    fn a_table_of_pinned_frames_gives_none_away() {
        let (mut table, _pins) = table(1);
        let claim = table.claim(PageId(1)).unwrap();
        table.publish(claim);
        assert_eq!(table.claim(PageId(2)), Err(Error::AllPinned { frames: 1 }));
        assert_eq!(table.lookup(PageId(2)), Lookup::Absent);
    }

    /// A victim whose write failed stays, in the frame where it was.
    #[test]
    fn a_cancelled_claim_leaves_the_victim_where_it_was() {
        let (mut table, pins) = table(1);
        bring_in(&mut table, &pins, PageId(1));
        let claim = table.claim(PageId(2)).unwrap();
        assert_eq!(claim.victim, Some(PageId(1)));
        assert_eq!(table.lookup(PageId(1)), Lookup::Busy);
        table.cancel(claim);
        assert_eq!(table.lookup(PageId(1)), Lookup::Resident(FrameId(0)));
        assert_eq!(table.lookup(PageId(2)), Lookup::Absent);
        assert_eq!(pins.get(FrameId(0)), 0);
    }

    /// A freed page is absent at once, but its frame cannot be taken while another thread still uses it.
    #[test]
    fn a_detached_frame_is_free_when_the_last_pin_goes() {
        let (mut table, pins) = table(1);
        bring_in(&mut table, &pins, PageId(1));
        let Lookup::Resident(frame) = table.lookup(PageId(1)) else { panic!("page 1 is resident") };
        table.pin(frame, Access::Again);
        table.detach(PageId(1));
        assert_eq!(table.lookup(PageId(1)), Lookup::Absent);
        assert_eq!(table.claim(PageId(2)), Err(Error::AllPinned { frames: 1 }));
        pins.release(frame);
        assert_eq!(bring_in(&mut table, &pins, PageId(2)), None);
    }
}

/// Task 3.2: load and evict.
mod t3_2 {
    use super::*;

    /// The first request for a page reads it, the second does not, and a pinned page stays while others come
    /// and go.
    #[test]
    fn a_pinned_page_stays() {
        let (pool, ids) = pool(2, 4);
        let pin = pool.pin(ids[0], Access::Again).unwrap();
        assert_eq!((pin.id(), pool.pin_count(ids[0])), (ids[0], 1));
        for id in &ids[1..] {
            drop(pool.pin(*id, Access::Again).unwrap());
        }
        assert_eq!(pool.resident(), [ids[0], ids[3]], "{}", dump_pool(&pool));
        drop(pool.pin(ids[0], Access::Again).unwrap());
        drop(pin);
        assert_eq!(pool.pin_count(ids[0]), 0);
        assert_eq!(pool.stats(), PoolStats { hits: 1, misses: 4, evictions: 2, writes: 0 });
    }

    /// With each frame pinned a miss is an error at once, and works again when a pin is given back.
    #[test]
    fn a_miss_needs_an_unpinned_frame() {
        let (pool, ids) = pool(1, 2);
        let pin = pool.pin(ids[0], Access::Again).unwrap();
        assert_eq!(pool.pin(ids[1], Access::Again).err(), Some(Error::AllPinned { frames: 1 }));
        let allocated = pool.disk().stats().allocated;
        assert_eq!(pool.pin_new(NOTES).err(), Some(Error::AllPinned { frames: 1 }));
        assert_eq!(pool.disk().stats().allocated, allocated, "the page that got no frame is lost");
        drop(pin);
        assert_eq!(pool.pin(ids[1], Access::Again).map(|pin| pin.id()), Ok(ids[1]));
    }

    /// A new page is dirty: it is written when it has to go, and not a second time.
    #[test]
    fn a_new_page_is_written_before_it_leaves() {
        let (pool, ids) = pool(1, 1);
        let new = pool.pin_new(NOTES).unwrap().id();
        assert!(pool.is_dirty(new));
        drop(pool.pin(ids[0], Access::Again).unwrap());
        assert_eq!(pool.stats().writes, 1);
        drop(pool.pin(new, Access::Again).unwrap());
        assert!(!pool.is_dirty(new));
        drop(pool.pin(ids[0], Access::Again).unwrap());
        assert_eq!(pool.stats().writes, 1, "a clean page need not be written");
    }

    /// A page that cannot be read is an error for the caller, and costs no frame.
    #[test]
    fn a_failed_read_leaves_a_free_frame() {
        let (pool, ids) = pool(1, 1);
        let nowhere = PageId(60);
        assert_eq!(pool.pin(nowhere, Access::Again).err(), Some(not_allocated(nowhere)));
        assert_eq!(pool.resident(), []);
        assert_eq!(pool.pin(ids[0], Access::Again).map(|pin| pin.id()), Ok(ids[0]));
    }

    /// A page that is to be a slotted page is checked when it comes in.
    #[test]
    fn a_damaged_slotted_page_does_not_come_in() {
        let (disk, _) = file(0);
        let id = disk.allocate().unwrap();
        let mut page = [0; PAGE_SIZE];
        header::init(&mut page, id, PageKind::HEAP); // No room for records: record start is 0.
        disk.write_page(id, &page).unwrap();
        let pool = BufferPool::new(disk, 1).unwrap();
        let error = pool.pin(id, Access::Again).err();
        assert!(matches!(error, Some(Error::Page(slotted_page::Error::Corrupt(_)))), "{error:?}");
    }

    /// Flushing writes what is dirty, once, and does not bring in what is not there.
    #[test]
    fn flush_writes_only_dirty_pages_of_the_pool() {
        let (pool, ids) = pool(3, 1);
        let new = [(); 2].map(|()| pool.pin_new(NOTES).unwrap().id());
        pool.flush(new[0]).unwrap();
        pool.flush(ids[0]).unwrap();
        assert_eq!((pool.stats().writes, pool.is_dirty(new[0]), pool.is_dirty(new[1])), (1, false, true));
        pool.sync().unwrap();
        assert_eq!((pool.stats().writes, pool.is_dirty(new[1])), (2, false));
        assert_eq!((pool.stats().misses, pool.resident()), (0, new.to_vec()));
    }
}

/// Task 3.3: guards.
mod t3_3 {
    use super::*;

    /// What is written through a guard is read through the next one, also after the page was out.
    #[test]
    fn an_evicted_page_comes_back_as_it_was() {
        let (pool, ids) = pool(2, 5);
        for (place, id) in (0..).zip(&ids) {
            let mut page = pool.write(*id).unwrap();
            assert_eq!((page.id(), page[AT]), (*id, place));
            page[AT] += 100;
        }
        for (place, id) in (0..).zip(&ids) {
            assert_eq!(pool.read(*id).unwrap()[AT], 100 + place, "{}", dump_pool(&pool));
        }
        assert_eq!(pool.stats().writes, 5);
    }

    /// Any number of readers, or one writer.
    #[test]
    fn a_latch_is_shared_by_readers_and_the_writers_own() {
        let (pool, ids) = pool(2, 1);
        let readers = [(); 2].map(|()| pool.read(ids[0]).unwrap());
        assert_eq!((readers[1][AT], pool.pin_count(ids[0])), (0, 2));
        assert!(pool.try_write(ids[0]).unwrap().is_none());
        assert_eq!(pool.pin_count(ids[0]), 2, "the pin of the attempt is still held");
        drop(readers);
        let writer = pool.try_write(ids[0]).unwrap();
        assert!(writer.is_some() && pool.try_write(ids[0]).unwrap().is_none());
        drop(writer);
        assert_eq!(pool.pin_count(ids[0]), 0);
    }

    /// A page is dirty once its bytes were borrowed as `&mut`, not because a write guard was there.
    #[test]
    fn only_a_mutable_borrow_makes_a_page_dirty() {
        let (pool, ids) = pool(1, 1);
        let mut page = pool.write(ids[0]).unwrap();
        assert_eq!((page[AT], pool.is_dirty(ids[0])), (0, false));
        page[AT] = 1;
        assert!(pool.is_dirty(ids[0]));
        drop(page);
        drop(pool.write(ids[0]).unwrap());
        assert!(pool.is_dirty(ids[0]), "a later guard without a change took the mark away");
        assert_eq!(on_disk(&pool, ids[0]), 0);
        pool.flush(ids[0]).unwrap();
        assert_eq!(on_disk(&pool, ids[0]), 1);
    }

    /// A new page holds nothing of what was in its frame before.
    #[test]
    fn a_new_page_is_empty() {
        let (pool, ids) = pool(1, 1);
        pool.write(ids[0]).unwrap()[header::HEADER_SIZE..].fill(0xAA);
        let page = pool.allocate(PageKind(98)).unwrap();
        assert_eq!((header::id(&page), header::kind(&page)), (page.id(), PageKind(98)));
        assert_eq!(page[header::HEADER_SIZE..], [0; PAGE_SIZE - header::HEADER_SIZE]);
    }

    /// A page can be written anew without being read, also if its bytes in the file are damaged.
    #[test]
    fn a_page_is_written_without_being_read() {
        let (pool, ids) = pool(1, 2);
        let mut page = pool.write_new(ids[0], PageKind(98)).unwrap();
        assert_eq!((header::id(&page), header::kind(&page), page[AT]), (ids[0], PageKind(98), 0));
        assert!(!pool.is_dirty(ids[0]), "nothing was changed yet");
        page[AT] = 5;
        drop(page);
        assert_eq!((pool.read(ids[0]).unwrap()[AT], pool.stats().misses), (5, 0));
        assert_eq!(pool.write_new(PageId(900), NOTES).err(), Some(not_allocated(PageId(900))));
    }

    /// A freed page is gone, is not written, and its frame can be used.
    #[test]
    fn a_freed_page_is_gone() {
        let (pool, ids) = pool(1, 2);
        let mut page = pool.write(ids[0]).unwrap();
        page[AT] = 7;
        pool.free(page).unwrap();
        assert_eq!(pool.read(ids[0]).err(), Some(not_allocated(ids[0])));
        assert!(!pool.disk().is_allocated(ids[0]));
        assert_eq!(pool.read(ids[1]).unwrap()[AT], 1);
        assert_eq!(pool.stats().writes, 0);
    }

    /// The root page cannot be freed, and stays as it was.
    #[test]
    fn a_page_that_cannot_be_freed_stays() {
        let (pool, ids) = pool(1, 2);
        pool.disk().set_root(Some(ids[1])).unwrap();
        let error = pool.free(pool.write(ids[1]).unwrap());
        assert_eq!(error, Err(slotted_page::Error::RootPage { page: ids[1] }.into()));
        assert_eq!(pool.read(ids[1]).unwrap()[AT], 1);
    }

    /// Threads that count in the same few pages, with fewer frames than pages, lose no count.
    #[test]
    fn no_change_is_lost_between_threads() {
        let (pool, ids) = pool(4, 8);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for id in ids.iter().cycle().take(400) {
                        pool.write(*id).unwrap()[AT + 1] += 1;
                    }
                });
            }
        });
        for id in &ids {
            assert_eq!(pool.read(*id).unwrap()[AT + 1], 100, "{id}: {}", dump_pool(&pool));
        }
    }
}

/// Task 3.4: flush hook and scan resistance.
mod t3_4 {
    use super::*;

    /// A hook that writes down each call, and refuses when the test says so.
    #[derive(Default)]
    struct Diary {
        asked: Mutex<Vec<(PageId, Lsn)>>,
        refuses: Mutex<bool>,
    }

    impl FlushHook for Diary {
        fn before_write(&self, page: PageId, lsn: Lsn) -> Result<(), IoError> {
            self.asked.lock().push((page, lsn));
            if *self.refuses.lock() { Err(IoError(ErrorKind::Other.into())) } else { Ok(()) }
        }
    }

    /// The hook is asked before each write, with the page's LSN. A refused page is not written and stays.
    #[test]
    fn the_hook_goes_first() {
        let (disk, ids) = file(2);
        let diary = Arc::new(Diary::default());
        let pool = BufferPool::with_hook(disk, 1, diary.clone()).unwrap();
        let mut page = pool.write(ids[0]).unwrap();
        page[AT] = 9;
        header::set_lsn(&mut page, Lsn(55));
        drop(page);
        *diary.refuses.lock() = true;
        let refused = Some(Error::Page(slotted_page::Error::Io(IoError(ErrorKind::Other.into()))));
        assert_eq!(pool.read(ids[1]).err(), refused);
        assert_eq!((on_disk(&pool, ids[0]), pool.resident()), (0, vec![ids[0]]));
        *diary.refuses.lock() = false;
        assert_eq!(pool.read(ids[1]).unwrap()[AT], 1);
        assert_eq!(on_disk(&pool, ids[0]), 9);
        assert_eq!(*diary.asked.lock(), [(ids[0], Lsn(55)); 2]);
    }

    /// Pages that are used all the time outlast two scans, one behind the other, that use many pages twice.
    #[test]
    fn two_scans_leave_the_hot_pages_alone() {
        let (pool, ids) = pool(4, 40);
        let (hot, cold) = ids.split_at(2);
        for id in hot.iter().chain(hot) {
            drop(pool.read(*id).unwrap());
        }
        for id in cold {
            drop(pool.read_once(*id).unwrap());
            drop(pool.read_once(*id).unwrap());
        }
        let resident = pool.resident();
        assert!(hot.iter().all(|id| resident.contains(id)), "{}", dump_pool(&pool));
    }
}

/// Task 3.5: table heap.
mod t3_5 {
    use super::*;

    /// Records of every length come back under the record ids that insert returned, also after opening again.
    #[test]
    fn inserted_records_are_found_by_record_id() {
        let pool = empty_pool(3);
        let heap = TableHeap::create(&pool).unwrap();
        let inserted: Vec<_> = [0, 1, 6, 7, 1000, MAX_HEAP_RECORD_LEN, 1000]
            .map(|len| (heap.insert(&pool, &vec![len as u8; len]).unwrap(), len))
            .into();
        let heap = TableHeap::open(&pool, heap.id()).unwrap();
        for (id, len) in inserted {
            assert_eq!(heap.get(&pool, id), Ok(vec![len as u8; len]), "{id}");
        }
        let too_long = Error::RecordTooLong { len: MAX_HEAP_RECORD_LEN + 1, max: MAX_HEAP_RECORD_LEN };
        assert_eq!(heap.insert(&pool, &[0; MAX_HEAP_RECORD_LEN + 1]), Err(too_long));
        let nowhere = RecordId { page: heap.id(), slot: SlotId(77) };
        assert_eq!(heap.get(&pool, nowhere), Err(Error::NoRecord { record: nowhere }));
    }

    /// A record that outgrows its page moves; its record id does not change, and the way to it is one step.
    #[test]
    fn a_record_that_moves_keeps_its_record_id() {
        let pool = empty_pool(3);
        let heap = TableHeap::create(&pool).unwrap();
        let id = heap.insert(&pool, b"small").unwrap();
        let neighbour = heap.insert(&pool, &[7; 3900]).unwrap();
        assert_eq!(id.page, neighbour.page);
        for record in [vec![1; 2000], vec![2; 3000], vec![3; MAX_HEAP_RECORD_LEN], b"home again".to_vec()] {
            heap.update(&pool, id, &record).unwrap();
            assert_eq!(heap.get(&pool, id), Ok(record), "{}", dump_heap(&pool, &heap).unwrap());
            assert_eq!(heap.get(&pool, neighbour), Ok(vec![7; 3900]));
        }
    }

    /// What was deleted is gone, its room is used again, and undo can put it back where it was.
    #[test]
    fn a_deleted_record_leaves_room() {
        let pool = empty_pool(3);
        let heap = TableHeap::create(&pool).unwrap();
        let ids: Vec<_> = (0..20).map(|n| heap.insert(&pool, &[n; 1000]).unwrap()).collect();
        let pages = pool.disk().stats().allocated;
        for id in &ids[..10] {
            heap.delete(&pool, *id).unwrap();
            assert_eq!(heap.get(&pool, *id), Err(Error::NoRecord { record: *id }));
        }
        heap.restore(&pool, ids[3], b"I am back").unwrap();
        assert_eq!(heap.get(&pool, ids[3]), Ok(b"I am back".to_vec()));
        assert_eq!(heap.restore(&pool, ids[3], b"me too"), Err(Error::RecordInUse { record: ids[3] }));
        for _ in 0..9 {
            heap.insert(&pool, &[99; 900]).unwrap();
        }
        assert_eq!(pool.disk().stats().allocated, pages, "the heap grew although it had room");
    }

    /// A heap that is destroyed leaves no page behind.
    #[test]
    fn a_destroyed_heap_frees_its_pages() {
        let pool = empty_pool(3);
        let heap = TableHeap::create(&pool).unwrap();
        for _ in 0..9 {
            heap.insert(&pool, &[1; 2000]).unwrap();
        }
        assert!(pool.disk().stats().allocated >= 5);
        heap.destroy(&pool).unwrap();
        assert_eq!(pool.disk().stats().allocated, 0);
    }
}

/// Task 3.6: scan.
mod t3_6 {
    use super::*;

    /// Each record is returned once, at its home, also one that moved; a scan goes on after a record that is
    /// gone.
    #[test]
    fn a_scan_returns_each_record_once() {
        let pool = empty_pool(3);
        let heap = TableHeap::create(&pool).unwrap();
        let ids: Vec<_> = (0..12).map(|n| heap.insert(&pool, &[n; 900]).unwrap()).collect();
        heap.update(&pool, ids[1], &[77; 3000]).unwrap();
        let mut expected: Vec<_> = (0..12).map(|n| vec![n; 900]).collect();
        expected[1] = vec![77; 3000];
        assert_eq!(records(&pool, &heap), expected, "{}", dump_heap(&pool, &heap).unwrap());

        heap.delete(&pool, ids[4]).unwrap();
        let rest: Vec<_> = heap.scan_after(&pool, ids[4]).map(|item| item.unwrap().0).collect();
        assert_eq!(rest, ids[5..]);
    }

    /// A chain that leads back to its start is an error after a while, not a scan without end.
    #[test]
    fn a_scan_of_a_circle_ends() {
        let pool = empty_pool(3);
        let heap = TableHeap::create(&pool).unwrap();
        heap.insert(&pool, b"round and round").unwrap();
        let mut page = SlottedPage::assume_valid(pool.write(heap.id()).unwrap());
        page.owner_mut()[..4].copy_from_slice(&heap.id().0.to_le_bytes());
        drop(page);
        let last = heap.scan(&pool).last().unwrap();
        assert!(matches!(last, Err(Error::BadHeapPage { what: HeapDamage::Circle, .. })), "{last:?}");
        let nowhere = RecordId { page: PageId(99), slot: SlotId(0) };
        assert!(heap.scan_after(&pool, nowhere).next().unwrap().is_err());
    }
}
