//! Workloads of the disk manager (task 2.6): calls of the disk, and the time it takes to find and write a free page.

use std::hint::black_box;
use std::io;

use kit::disk::Disk;
use kit::sync::Arc;
use kit::sync::atomic::{AtomicU64, Ordering};
use slotted_page::{DiskManager, PAGE_SIZE, PageBuf, PageId, PageKind, header};
use testkit::disk::FaultDisk;
use testkit::perf::Workload;

/// Operations whose disk calls are counted, a sync after each hundred.
const COUNTED_OPS: usize = 6_000;
/// Pages of the large file.
const LARGE_PAGES: usize = 60_000;
/// Pages freed and allocated again in a round.
const CHURNED_PAGES: usize = 1_000;

/// The workloads of task 2.6.
pub(crate) fn workloads() -> Vec<Workload> {
    vec![
        Workload::counted("disk-calls", calls_per_op),
        Workload::timed("disk-allocate", || {
            let manager = DiskManager::create(Arc::new(Sink::default())).expect("the sink takes everything");
            let mut pages: Vec<PageId> =
                (0..LARGE_PAGES).map(|_| manager.allocate().expect("the sink has room")).collect();
            manager.sync().expect("the sink takes everything");
            Box::new(move || {
                for n in 0..CHURNED_PAGES {
                    let last = pages.len() - 1 - n;
                    pages.swap((n * 7_919) % last, last);
                    manager.free(pages[last]).expect("the page is allocated");
                }
                manager.sync().expect("the sink takes everything");
                let kept = pages.len() - CHURNED_PAGES;
                for id in &mut pages[kept..] {
                    *id = black_box(manager.allocate().expect("pages were freed"));
                }
            })
        }),
    ]
}

/// Calls of the disk for each operation of a mix of reads, writes, allocations and frees with syncs between.
fn calls_per_op() -> f64 {
    let disk = FaultDisk::new();
    let manager = DiskManager::create(Arc::new(disk.clone())).expect("the disk works");
    let mut pages: Vec<PageId> = Vec::new();
    let mut page: PageBuf = [0; PAGE_SIZE];
    disk.reset_counts();
    for op in 0..COUNTED_OPS {
        match op % 6 {
            0 | 3 => {
                let id = manager.allocate().expect("the disk has room");
                header::init(&mut page, id, PageKind::HEAP);
                manager.write_page(id, &page).expect("the page is allocated");
                pages.push(id);
            }
            5 if pages.len() > 50 => {
                let id = pages.swap_remove(op % pages.len());
                manager.free(id).expect("the page is allocated");
            }
            _ => manager.read_page(pages[op % pages.len()], &mut page).expect("the page was written"),
        }
        if op % 100 == 99 {
            manager.sync().expect("the disk works");
        }
    }
    let counts = disk.counts();
    (counts.reads + counts.writes + counts.syncs + counts.set_lens + counts.len_calls) as f64
        / COUNTED_OPS as f64
}

/// A disk that forgets what it is told, so that only the manager's own work is timed.
#[derive(Default)]
struct Sink {
    len: AtomicU64,
}

impl Disk for Sink {
    fn read_at(&self, _offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        buf.fill(0);
        Ok(buf.len())
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        self.len.fetch_max(offset + buf.len() as u64, Ordering::Relaxed);
        Ok(buf.len())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.len.load(Ordering::Relaxed))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.len.store(len, Ordering::Relaxed);
        Ok(())
    }
}
