//! How fast lab 2 is: `cargo bench -p benches --bench slotted_page`, or with a word after it, such as
//! `-- crc32c`, to run only what has that word in its name.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use slotted_page::{PAGE_SIZE, PageBuf, PageId, PageKind, SlotId, SlottedPage, crc32c, seal, verify};

criterion_group!(benches, pages, checksums);
criterion_main!(benches);

/// A page filled with records of 40 bytes.
fn full_page() -> Box<PageBuf> {
    let mut page = SlottedPage::init(Box::new([0; PAGE_SIZE]), PageId(1), PageKind::HEAP);
    while page.insert(&[7; 40]).is_ok() {}
    page.into_inner()
}

/// The slotted page of tasks 2.1 to 2.3.
fn pages(criterion: &mut Criterion) {
    let full = full_page();
    let page = SlottedPage::assume_valid(&*full);
    let last = SlotId(page.slot_count() as u16 - 1);

    criterion.bench_function("page/fill with records of 40 bytes", |bencher| {
        let mut bytes = Box::new([0; PAGE_SIZE]);
        bencher.iter(|| {
            let mut page = SlottedPage::init(&mut *bytes, PageId(1), PageKind::HEAP);
            while page.insert(black_box(&[7; 40])).is_ok() {}
        });
    });
    criterion.bench_function("page/get", |bencher| {
        bencher.iter(|| black_box(&page).get(black_box(last)).map(<[u8]>::len));
    });
    criterion.bench_function("page/validate", |bencher| {
        bencher.iter(|| SlottedPage::open(black_box(&*full), PageKind::HEAP).is_ok());
    });
    criterion.bench_function("page/compact, half of the records deleted", |bencher| {
        let mut half = SlottedPage::assume_valid(full.clone());
        for slot in (0..last.0).step_by(2) {
            half.delete(SlotId(slot)).expect("the slot is in use");
        }
        let half = half.into_inner();
        bencher.iter_batched_ref(
            || half.clone(),
            |bytes| SlottedPage::assume_valid(&mut **bytes).compact(),
            BatchSize::SmallInput,
        );
    });
    criterion.bench_function("page/update in place", |bencher| {
        let mut bytes = full.clone();
        let mut page = SlottedPage::assume_valid(&mut *bytes);
        bencher.iter(|| page.update(black_box(last), black_box(&[9; 40])));
    });
}

/// The checksum of task 2.5, over a page.
fn checksums(criterion: &mut Criterion) {
    let mut page = full_page();
    seal(&mut page, PageId(1)).expect("the page is page 1");
    let mut group = criterion.benchmark_group("crc32c");
    group.throughput(Throughput::Bytes(PAGE_SIZE as u64));
    group.bench_function("bytes of a page", |bencher| bencher.iter(|| crc32c(black_box(&*page))));
    group.bench_function("verify a page", |bencher| {
        bencher.iter(|| verify(black_box(&page), PageId(1)).is_ok());
    });
    group.finish();
}
