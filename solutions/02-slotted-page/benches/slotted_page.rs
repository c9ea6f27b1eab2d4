//! How fast lab 2 is: `cargo bench -p slotted-page-benches`, or with a word after it, such as
//! `-- crc32c`, to run only what has that word in its name.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use kit::disk::MemDisk;
use kit::sync::Arc;
use slotted_page::{
    ColumnType, DiskManager, PAGE_SIZE, PageBuf, PageId, PageKind, Schema, SlotId, SlottedPage, Value,
    crc32c, decode_key, encode_key, seal, verify,
};

criterion_group!(benches, pages, codecs, checksums, files);
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

/// A row of four columns.
fn row() -> (Schema, [Value; 4]) {
    let types = [ColumnType::Int, ColumnType::Text, ColumnType::Float, ColumnType::Text];
    let schema = Schema::new(&types).expect("few enough columns");
    let name = Value::Text("Ada Lovelace".into());
    let remark = Value::Text("a remark that is a good deal longer than the name in front of it".into());
    (schema, [Value::Int(-1815), name, Value::Float(1.5), remark])
}

/// The codecs of task 2.4: a row and a key of four columns.
fn codecs(criterion: &mut Criterion) {
    let (schema, row) = row();
    let mut bytes = Vec::new();
    schema.encode(&row, &mut bytes).expect("the row fits its schema");
    let key = encode_key(&row);

    criterion.bench_function("row/encode", |bencher| {
        let mut out = Vec::new();
        bencher.iter(|| {
            out.clear();
            schema.encode(black_box(&row), &mut out)
        });
    });
    criterion.bench_function("row/decode", |bencher| bencher.iter(|| schema.decode(black_box(&bytes))));
    criterion.bench_function("row/one column", |bencher| {
        bencher.iter(|| schema.decode_column(black_box(&bytes), black_box(2)));
    });
    criterion.bench_function("key/encode", |bencher| bencher.iter(|| encode_key(black_box(&row))));
    criterion.bench_function("key/decode", |bencher| bencher.iter(|| decode_key(black_box(&key))));
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

/// The disk manager of task 2.6, on memory: what it costs beside the disk itself.
fn files(criterion: &mut Criterion) {
    let manager = DiskManager::create(Arc::new(MemDisk::new())).expect("memory has room");
    let ids: Vec<PageId> = (0..1_000).map(|_| manager.allocate().expect("memory has room")).collect();
    let mut page = full_page();
    slotted_page::header::init(&mut page, ids[0], PageKind::HEAP);
    manager.write_page(ids[0], &page).expect("the page is allocated");
    manager.sync().expect("memory does not fail");

    criterion.bench_function("file/read a page", |bencher| {
        let mut page = Box::new([0; PAGE_SIZE]);
        bencher.iter(|| manager.read_page(black_box(ids[0]), &mut page));
    });
    criterion.bench_function("file/write a page", |bencher| {
        bencher.iter(|| manager.write_page(black_box(ids[0]), black_box(&page)));
    });
    criterion.bench_function("file/free a page, sync, allocate it again", |bencher| {
        let mut id = ids[500];
        bencher.iter(|| {
            manager.free(id).expect("the page is allocated");
            manager.sync().expect("memory does not fail");
            id = manager.allocate().expect("a page is free");
        });
    });
}
