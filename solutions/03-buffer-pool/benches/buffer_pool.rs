//! How fast lab 3's pool is: `cargo bench -p buffer-pool-benches`, or with a word after it, such as `-- hit`,
//! to run only what has that word in its name. The disk is memory, so a miss costs a copy and a checksum, not
//! a seek.

use std::hint::black_box;

use buffer_pool::{BufferPool, Pager, dump_pool};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kit::disk::MemDisk;
use kit::sync::Arc;
use slotted_page::{DiskManager, PageId, PageKind};

criterion_group!(benches, hits, zipf, scans, writes);
criterion_main!(benches);

/// A kind of page that the pool does not look into.
const NOTES: PageKind = PageKind(99);
/// Pages of the file in most benches.
const PAGES: usize = 1024;
/// Requests in one iteration.
const REQUESTS: usize = 4096;

/// A pool of `frames` frames over a file of `pages` pages, all written.
fn pool(frames: usize, pages: usize) -> (BufferPool, Vec<PageId>) {
    let disk = DiskManager::create(Arc::new(MemDisk::new())).expect("memory does not fail");
    let pool = BufferPool::new(disk, frames).expect("there are frames");
    let ids = (0..pages).map(|_| pool.allocate(NOTES).expect("there is room").id()).collect();
    pool.flush_all().expect("memory does not fail");
    (pool, ids)
}

/// A cheap generator of numbers (xorshift), so that its time does not count.
struct Numbers(u64);

impl Numbers {
    /// The next number, in `0.0..1.0`.
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Requests that follow Zipf's law: the page of rank r is asked for in proportion to 1 / r.
fn zipfian(ids: &[PageId]) -> Vec<PageId> {
    let mut numbers = Numbers(0x5eed);
    let sums: Vec<f64> = (1..=ids.len())
        .scan(0.0, |sum, rank| {
            *sum += 1.0 / rank as f64;
            Some(*sum)
        })
        .collect();
    let all = sums[sums.len() - 1];
    (0..REQUESTS)
        .map(|_| {
            let pick = numbers.next() * all;
            ids[sums.partition_point(|sum| *sum < pick).min(ids.len() - 1)]
        })
        .collect()
}

/// Requests that find their page: what the pool itself costs.
fn hits(criterion: &mut Criterion) {
    let (pool, ids) = pool(16, 16);
    let id = ids[3];
    criterion.bench_function("hit/read", |bencher| {
        bencher.iter(|| pool.read(black_box(id)).map(|page| page[100]));
    });
    criterion.bench_function("hit/read once", |bencher| {
        bencher.iter(|| pool.read_once(black_box(id)).map(|page| page[100]));
    });
    criterion.bench_function("hit/write", |bencher| {
        bencher.iter(|| pool.write(black_box(id)).map(|mut page| page[100] += 1));
    });
}

/// Reads that follow Zipf's law, with room for a part of the pages. The title says how many requests were
/// hits.
fn zipf(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("zipf");
    group.throughput(Throughput::Elements(REQUESTS as u64));
    for percent in [25, 50, 75, 100] {
        let (pool, ids) = pool(PAGES * percent / 100, PAGES);
        let requests = zipfian(&ids);
        let read_all = || requests.iter().map(|id| pool.read(*id).map_or(0, |page| page[100])).max();
        read_all();
        let before = pool.stats();
        read_all();
        let hits = (pool.stats().hits - before.hits) * 100 / REQUESTS as u64;
        group.bench_function(format!("{percent} % of the pages fit, {hits} % are hits"), |bencher| {
            bencher.iter(read_all);
        });
    }
    group.finish();
}

/// Two scans of all pages, one eight pages behind the other, beside requests for a few hot pages: once as
/// scans, once as if each page were wanted again.
fn scans(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("two scans beside a hot set");
    group.throughput(Throughput::Elements(3 * PAGES as u64));
    for is_once in [true, false] {
        let (pool, ids) = pool(PAGES / 8, PAGES);
        let (hot, _) = ids.split_at(PAGES / 10);
        let pass = |id| {
            let page = if is_once { pool.read_once(id) } else { pool.read(id) };
            black_box(page.is_ok());
        };
        let all = || {
            for (place, id) in ids.iter().enumerate() {
                black_box(pool.read(hot[place * 7 % hot.len()]).is_ok());
                pass(*id);
                pass(ids[place.saturating_sub(8)]);
            }
        };
        all();
        group.bench_function(if is_once { "read once" } else { "read" }, |bencher| bencher.iter(all));
    }
    group.finish();
}

/// Changes to pages of which half fit: most misses have to write a victim first.
fn writes(criterion: &mut Criterion) {
    let (pool, ids) = pool(PAGES / 2, PAGES);
    let mut group = criterion.benchmark_group("write");
    group.throughput(Throughput::Elements(REQUESTS as u64));
    group.bench_function("every page as likely, half of them fit", |bencher| {
        let mut numbers = Numbers(0x5eed);
        let requests: Vec<PageId> =
            (0..REQUESTS).map(|_| ids[(numbers.next() * PAGES as f64) as usize]).collect();
        bencher.iter(|| {
            for id in &requests {
                pool.write(*id).expect("memory does not fail")[100] += 1;
            }
        });
    });
    group.finish();
    assert!(pool.stats().writes > 0, "nothing was ever written:\n{}", dump_pool(&pool));
}
