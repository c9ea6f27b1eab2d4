//! Workloads of the pool (tasks 3.1 to 3.4): what a hit and a miss cost, how often the disk is asked, and
//! what scans do to the pages that everybody uses.

use std::hint::black_box;

use buffer_pool::{Access, BufferPool, FrameId, FrameTable, Lookup, Pager, PinCounts};
use kit::disk::MemDisk;
use kit::sync::Arc;
use slotted_page::{DiskManager, PAGE_SIZE, PageBuf, PageId, PageKind, SlottedPage, header};
use testkit::disk::FaultDisk;
use testkit::perf::{Digest, Workload};

/// Frames of the table alone.
const TABLE_FRAMES: usize = 8_192;
/// Requests of the table in a round.
const TABLE_REQUESTS: usize = 20_000;
/// Frames of the pools in which everything is a miss.
const MISS_FRAMES: usize = 2_048;
/// Misses in a round.
const MISSES: usize = 3_000;
/// Pages that are all in the pool.
const HIT_PAGES: usize = 1_024;
/// Hits in a round.
const HITS: usize = 60_000;

/// The workloads of tasks 3.1 to 3.4.
pub(crate) fn workloads() -> Vec<Workload> {
    vec![
        Workload::timed("pool-table", || {
            let pins = Arc::new(PinCounts::new(TABLE_FRAMES));
            let mut table = FrameTable::new(pins.clone());
            let pages = requests(4 * TABLE_FRAMES, TABLE_REQUESTS);
            Box::new(move || {
                // Which frame a page gets is the design's choice; that it is found there is not.
                let mut found = 0;
                for (number, page) in pages.iter().enumerate() {
                    let frame = request(&mut table, &pins, *page);
                    if number % 16 == 0 {
                        found += u64::from(table.lookup(*page) == Lookup::Resident(frame));
                    }
                }
                Digest::of(found)
            })
        }),
        Workload::counted("pool-calls", calls_per_request),
        Workload::timed("pool-miss", || {
            let (pool, pages) = pool_over(2 * MISS_FRAMES, MISS_FRAMES, PageKind(40));
            let mut next = 0;
            Box::new(move || {
                let mut digest = Digest::new();
                for number in 0..MISSES {
                    next = (next + 1) % pages.len();
                    let pin = pool.pin(pages[next], Access::Again).expect("the page can be read");
                    digest.add(pin.id().0.into());
                    // The bytes of some of them, so that nobody leaves the reading out.
                    if number % 16 == 0 {
                        let page = pool.read_once(pin.id()).expect("the page is in the pool");
                        digest.add(u64::from(header::id(&page).0));
                    }
                }
                digest
            })
        }),
        Workload::timed("pool-hit", || {
            let (pool, pages) = pool_over(HIT_PAGES, HIT_PAGES, PageKind::HEAP);
            let order = requests(HIT_PAGES, HITS);
            for page in &pages {
                drop(pool.read(*page).expect("the page can be read"));
            }
            Box::new(move || {
                let mut digest = Digest::new();
                for request in &order {
                    let page = pool.read(pages[request.0 as usize]).expect("the page is in the pool");
                    digest.add(u64::from(header::id(&page).0));
                }
                digest
            })
        }),
        Workload::counted("pool-scans", misses_beside_scans),
    ]
}

/// Numbers that look random and are the same everywhere.
struct Noise(u64);

impl Noise {
    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (self.0 >> 33) as usize % bound
    }

    /// A number below `bound`, small ones much more often.
    fn skewed(&mut self, bound: usize) -> usize {
        let most = self.below(bound) + 1;
        let most = self.below(most) + 1;
        self.below(most)
    }
}

/// Numbers of pages below `pages`, some much more often than others, which lie anywhere.
fn requests(pages: usize, count: usize) -> Vec<PageId> {
    let mut noise = Noise(1);
    (0..count).map(|_| PageId((noise.skewed(pages) * 7_919 % pages) as u32)).collect()
}

/// What the pool asks of the table for one request, without the pool.
fn request(table: &mut FrameTable, pins: &PinCounts, page: PageId) -> FrameId {
    let frame = match table.lookup(page) {
        Lookup::Resident(frame) => {
            table.pin(frame, Access::Again);
            frame
        }
        Lookup::Busy => unreachable!("each claim is settled at once"),
        Lookup::Absent => {
            let mut claim = table.claim(page).expect("no frame is pinned");
            let frame = claim.frame;
            table.evicted(&mut claim);
            table.publish(claim);
            frame
        }
    };
    pins.release(black_box(frame));
    frame
}

/// Writes `pages` pages of one kind, each with a hundred records if its kind has records.
fn fill(manager: &DiskManager, pages: usize, kind: PageKind) -> Vec<PageId> {
    let mut bytes: PageBuf = [0; PAGE_SIZE];
    (0..pages)
        .map(|_| {
            let id = manager.allocate().expect("the disk has room");
            let mut page = SlottedPage::init(&mut bytes, id, kind);
            for record in 0..100_u8 {
                page.insert(&[record; 20]).expect("the page has room");
            }
            manager.write_page(id, page.bytes()).expect("the page is allocated");
            id
        })
        .collect()
}

/// A pool over `pages` pages in memory.
fn pool_over(pages: usize, frames: usize, kind: PageKind) -> (BufferPool, Vec<PageId>) {
    let manager = DiskManager::create(Arc::new(MemDisk::new())).expect("memory does not fail");
    let ids = fill(&manager, pages, kind);
    (BufferPool::new(manager, frames).expect("there are frames"), ids)
}

/// As [`pool_over`], on a disk that counts.
fn counted_over(pages: usize, frames: usize) -> (FaultDisk, BufferPool, Vec<PageId>) {
    let disk = FaultDisk::new();
    let manager = DiskManager::create(Arc::new(disk.clone())).expect("the disk works");
    let ids = fill(&manager, pages, PageKind(40));
    disk.reset_counts();
    (disk, BufferPool::new(manager, frames).expect("there are frames"), ids)
}

/// Reads and writes of the disk for a hundred requests: hot pages, a sweep over all of them, and now and then
/// a new page.
fn calls_per_request() -> f64 {
    let (disk, pool, ids) = counted_over(400, 100);
    let mut noise = Noise(2);
    let count = 20_000;
    for n in 0..count {
        if n % 40 == 0 {
            drop(pool.pin_new(PageKind(40)).expect("no frame is pinned"));
        } else {
            let at = if n % 4 == 1 { n / 4 % ids.len() } else { noise.skewed(ids.len()) };
            drop(pool.pin(ids[at], Access::Again).expect("the page can be read"));
        }
    }
    pool.flush_all().expect("the disk works");
    let counts = disk.counts();
    (counts.reads + counts.writes) as f64 * 100.0 / count as f64
}

/// Reads of hot pages for a hundred requests of hot pages, while two scans go round and round, one behind the
/// other.
fn misses_beside_scans() -> f64 {
    let (disk, pool, ids) = counted_over(1_000, 100);
    let (hot, table) = ids.split_at(90);
    let mut noise = Noise(3);
    let count = 20_000;
    let mut misses = 0;
    for n in 0..count {
        for at in [n, n + table.len() - 3] {
            drop(pool.read_once(table[at % table.len()]).expect("the page can be read"));
        }
        let before = disk.counts().reads;
        drop(pool.read(hot[noise.skewed(hot.len())]).expect("the page can be read"));
        misses += disk.counts().reads - before;
    }
    misses as f64 * 100.0 / count as f64
}
