//! Workloads of the disk manager (task 2.6): calls of the disk, and the time it takes to find and write a
//! free page.

use std::collections::HashMap;
use std::io;

use kit::disk::Disk;
use kit::sync::Arc;
use slotted_page::disk_manager::GROUP_PAGES;
use slotted_page::{DiskManager, PAGE_SIZE, PageBuf, PageId, PageKind, header, seal};
use testkit::disk::FaultDisk;
use testkit::perf::{Digest, Workload};

/// Operations whose disk calls are counted, a sync after each hundred.
const COUNTED_OPS: usize = 6_000;
/// Groups of the large file, of 32,512 pages each.
const LARGE_GROUPS: u32 = 24;
/// Pages freed and allocated again in a round.
const CHURNED_PAGES: usize = 2_000;

/// The workloads of task 2.6.
pub(crate) fn workloads() -> Vec<Workload> {
    vec![
        Workload::counted("disk-calls", calls_per_op),
        Workload::timed("disk-allocate", || {
            let manager = DiskManager::open(Arc::new(FullFile::new())).expect("the file is in order");
            let page_count = manager.stats().page_count;
            let step = page_count / CHURNED_PAGES as u32;
            let spread = (0..page_count).step_by(step as usize).map(PageId);
            let mut pages: Vec<PageId> = spread.filter(|id| manager.is_allocated(*id)).collect();
            // Allocated since the last sync, so that a round needs none.
            pages.iter().for_each(|id| manager.free(*id).expect("the page is allocated"));
            manager.sync().expect("the disk takes everything");
            pages.iter_mut().for_each(|id| *id = manager.allocate().expect("pages were freed"));
            Box::new(move || {
                for id in &pages {
                    manager.free(*id).expect("the page is allocated");
                }
                let mut digest = Digest::new();
                for id in &mut pages {
                    *id = manager.allocate().expect("pages were freed");
                }
                // Which page is allocated is the design's choice; that it is allocated, and once, is not: the
                // next round frees each of them.
                digest.add(pages.iter().filter(|id| manager.is_allocated(**id)).count() as u64);
                digest.add(manager.stats().allocated.into());
                digest
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

/// A large file in which every page is allocated. It does not store what is written, so that
/// only the manager's own work is timed.
struct FullFile {
    /// The current meta and map pages, by their offset.
    own_pages: HashMap<u64, Box<PageBuf>>,
    len: u64,
}

impl FullFile {
    fn new() -> Self {
        let page_count = 2 + LARGE_GROUPS * GROUP_PAGES;
        let mut file = FullFile { own_pages: HashMap::new(), len: PageId(page_count).offset() };
        for id in [PageId(0), PageId(1)] {
            file.put(id, PageKind::META, |page| {
                let (version, epoch) = (1, 1);
                header::put_u32(page, 24, version);
                header::put_u32(page, 28, page_count);
                header::put_u64(page, 32, epoch);
            });
        }
        for group in 0..LARGE_GROUPS {
            file.put(PageId(2 + group * GROUP_PAGES), PageKind::FREE_MAP, |page| page[32..].fill(0xFF));
        }
        file
    }

    fn put(&mut self, id: PageId, kind: PageKind, fill: impl FnOnce(&mut PageBuf)) {
        let mut page = Box::new([0; PAGE_SIZE]);
        header::init(&mut page, id, kind);
        fill(&mut page);
        seal(&mut page, id).expect("the header is that of the page");
        self.own_pages.insert(id.offset(), page);
    }
}

impl Disk for FullFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let at = offset % PAGE_SIZE as u64;
        match self.own_pages.get(&(offset - at)) {
            Some(page) => buf.copy_from_slice(&page[at as usize..at as usize + buf.len()]),
            None => buf.fill(0),
        }
        Ok(buf.len())
    }

    fn write_at(&self, _offset: u64, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.len)
    }

    fn set_len(&self, _len: u64) -> io::Result<()> {
        Ok(())
    }
}
