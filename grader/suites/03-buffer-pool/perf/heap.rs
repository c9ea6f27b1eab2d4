//! Workloads of the table heap (task 3.5) and the scan (task 3.6).

use std::cell::Cell;

use buffer_pool::{BufferPool, Error, PageReadGuard, PageWriteGuard, Pager, RecordId, TableHeap};
use kit::sync::Arc;
use slotted_page::{DiskManager, PageId, PageKind};
use testkit::disk::FaultDisk;
use testkit::perf::{Digest, Workload};

/// Inserts whose page requests are counted.
const COUNTED_INSERTS: usize = 12_000;
/// Records of the heap in which time is measured.
const TIMED_RECORDS: usize = 6_000;
/// Operations of a timed round.
const TIMED_OPS: usize = 6_000;
/// Records of the heap that is scanned.
const SCANNED_RECORDS: usize = 12_000;

/// The workloads of tasks 3.5 and 3.6.
pub(crate) fn workloads() -> Vec<Workload> {
    vec![
        Workload::counted("heap-requests", requests_per_insert),
        Workload::counted("heap-pages", pages_after_churn),
        Workload::timed("heap-mixed", || {
            let mut mix = Mix::new();
            Box::new(move || mix.run())
        }),
        Workload::counted("scan-reads", reads_of_a_scan),
        Workload::timed("scan-records", || {
            let (_, pool) = pool(1_024);
            let heap = TableHeap::create(&pool).expect("a page");
            let mut dice = Dice(3);
            for _ in 0..SCANNED_RECORDS {
                heap.insert(&pool, &vec![7; 20 + dice.below(160)]).expect("there is room");
            }
            Box::new(move || {
                let mut scan = heap.scan(&pool);
                // Where a record lies, and so the order of the scan, is the design's choice.
                let (mut count, mut bytes) = (0, 0);
                while let Some((_, record)) = scan.next_record().expect("a sound heap") {
                    count += 1;
                    bytes += record.len() as u64 * u64::from(record.first().copied().unwrap_or(0));
                }
                assert_eq!(count, SCANNED_RECORDS, "records of the scan");
                Digest::of(bytes)
            })
        }),
    ]
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit
    }
}

fn pool(frames: usize) -> (FaultDisk, BufferPool) {
    let disk = FaultDisk::new();
    let manager = DiskManager::create(Arc::new(disk.clone())).expect("the disk works");
    (disk, BufferPool::new(manager, frames).expect("a pool has frames"))
}

/// A pool that counts how often it is asked for a page.
struct Counting {
    pool: BufferPool,
    requests: Cell<u64>,
}

impl Counting {
    fn note(&self) {
        self.requests.set(self.requests.get() + 1);
    }
}

impl Pager for Counting {
    type Read<'a> = PageReadGuard<'a>;
    type Write<'a> = PageWriteGuard<'a>;

    fn read(&self, id: PageId) -> Result<PageReadGuard<'_>, Error> {
        self.note();
        self.pool.read(id)
    }

    fn read_once(&self, id: PageId) -> Result<PageReadGuard<'_>, Error> {
        self.note();
        self.pool.read_once(id)
    }

    fn write(&self, id: PageId) -> Result<PageWriteGuard<'_>, Error> {
        self.note();
        self.pool.write(id)
    }

    fn try_write(&self, id: PageId) -> Result<Option<PageWriteGuard<'_>>, Error> {
        self.note();
        self.pool.try_write(id)
    }

    fn allocate(&self, kind: PageKind) -> Result<PageWriteGuard<'_>, Error> {
        self.pool.allocate(kind)
    }

    fn free<'a>(&'a self, page: PageWriteGuard<'a>) -> Result<(), Error> {
        self.pool.free(page)
    }
}

/// Page requests for each insert: into a heap that grows, into the holes of deleted records, and into one
/// that was just opened.
fn requests_per_insert() -> f64 {
    let pager = Counting { pool: pool(64).1, requests: Cell::new(0) };
    let mut heap = TableHeap::create(&pager).expect("a page");
    let mut dice = Dice(1);
    let mut ids: Vec<RecordId> = Vec::new();
    let mut spent = 0;
    for number in 0..COUNTED_INSERTS {
        if number % 3_000 == 2_999 {
            heap = TableHeap::open(&pager, heap.id()).expect("the heap is there");
        }
        // In the second half each insert has a delete before it.
        if number > COUNTED_INSERTS / 2 {
            let id = ids.swap_remove(dice.below(ids.len()));
            heap.delete(&pager, id).expect("the record is there");
        }
        let before = pager.requests.get();
        ids.push(heap.insert(&pager, &vec![1; 20 + dice.below(400)]).expect("there is room"));
        spent += pager.requests.get() - before;
    }
    spent as f64 / COUNTED_INSERTS as f64
}

/// Pages of a heap through which records of mixed length came and went, at a constant number of them.
fn pages_after_churn() -> f64 {
    let (_, pool) = pool(64);
    let heap = TableHeap::create(&pool).expect("a page");
    let mut dice = Dice(2);
    let mut ids: Vec<RecordId> = Vec::new();
    for _ in 0..20_000 {
        if ids.len() == 2_000 {
            let id = ids.swap_remove(dice.below(ids.len()));
            heap.delete(&pool, id).expect("the record is there");
        }
        ids.push(heap.insert(&pool, &vec![1; 10 + dice.below(500)]).expect("there is room"));
        if dice.below(4) == 0 {
            let id = ids[dice.below(ids.len())];
            heap.update(&pool, id, &vec![2; 10 + dice.below(700)]).expect("there is room");
        }
    }
    f64::from(pool.disk().stats().allocated)
}

/// A heap, in a pool that holds all of it, in which records are read, changed and replaced.
struct Mix {
    pool: BufferPool,
    heap: TableHeap,
    ids: Vec<RecordId>,
    dice: Dice,
}

impl Mix {
    fn new() -> Self {
        let (_, pool) = pool(1_024);
        let heap = TableHeap::create(&pool).expect("a page");
        let mut dice = Dice(4);
        let ids = (0..TIMED_RECORDS)
            .map(|_| heap.insert(&pool, &vec![1; 20 + dice.below(200)]).expect("there is room"))
            .collect();
        Mix { pool, heap, ids, dice }
    }

    fn run(&mut self) -> Digest {
        let mut digest = Digest::new();
        let record = [3; 240];
        for op in 0..TIMED_OPS {
            let at = self.dice.below(self.ids.len());
            let id = self.ids[at];
            let new = &record[..20 + self.dice.below(200)];
            match op % 6 {
                0 => self.heap.update(&self.pool, id, new).expect("there is room"),
                1 => {
                    self.heap.delete(&self.pool, id).expect("the record is there");
                    self.ids[at] = self.heap.insert(&self.pool, new).expect("there is room");
                }
                _ => {
                    let seen = |record: &[u8]| record.len() as u64 * 8 + u64::from(record[0]);
                    digest.add(self.heap.get_with(&self.pool, id, seen).expect("the record is there"));
                }
            }
        }
        digest
    }
}

/// Reads of the disk for each page of a heap that is scanned in a pool of three frames.
fn reads_of_a_scan() -> f64 {
    let (disk, pool) = pool(3);
    let heap = TableHeap::create(&pool).expect("a page");
    for _ in 0..4_000 {
        heap.insert(&pool, &[7; 150]).expect("there is room");
    }
    pool.flush_all().expect("the disk works");
    let pages = pool.disk().stats().allocated;
    disk.reset_counts();
    let count = heap.scan(&pool).filter(|item| item.is_ok()).count();
    assert_eq!(count, 4_000, "records of the scan");
    disk.counts().reads as f64 / f64::from(pages)
}
