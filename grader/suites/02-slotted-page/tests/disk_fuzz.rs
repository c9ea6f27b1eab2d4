//! Any input as changes to a file of pages, with right checksums. The same body runs under cargo-fuzz
//! (`fuzz/`) and as a property of task 2.6.

use kit::disk::MemDisk;
use kit::sync::Arc;
use slotted_page::{DiskManager, PAGE_SIZE, PageBuf, PageId, dump_disk, header, page_checksum};

/// Bytes of the input for each change: page, offset (2), value (4).
const CHANGE_SIZE: usize = 7;

/// Makes a small file, changes the fields that `input` says and seals the pages again, opens the file and
/// uses it. Panics if the code under test does, or if a page is allocated twice.
pub(crate) fn run(input: &[u8]) {
    let mut bytes = file();
    for change in input.chunks_exact(CHANGE_SIZE) {
        let number = usize::from(change[0] % 6);
        let place = &mut bytes[number * PAGE_SIZE..(number + 1) * PAGE_SIZE];
        let page: &mut PageBuf = place.try_into().expect("a page");
        let at = usize::from(u16::from_le_bytes([change[1], change[2]])) % (PAGE_SIZE - 3);
        page[at..at + 4].copy_from_slice(&change[3..]);
        // Every second change leaves the checksum wrong, or is one of the checksum.
        if change[0] & 0x80 == 0 {
            let checksum = page_checksum(page);
            header::set_checksum(page, checksum);
        }
    }
    // What does not make a whole change says where the file is cut.
    let cut = input.chunks_exact(CHANGE_SIZE).remainder();
    if let [low, high, ..] = *cut {
        bytes.truncate(usize::from(u16::from_le_bytes([low, high])));
    }
    if let Ok(manager) = DiskManager::open(Arc::new(MemDisk::from_bytes(bytes))) {
        work(&manager);
    }
}

/// The bytes of a file with used and free pages.
fn file() -> Vec<u8> {
    let disk = Arc::new(MemDisk::new());
    let manager = DiskManager::create(disk.clone()).expect("memory has room");
    let ids: Vec<PageId> = (0..5).map(|_| manager.allocate().expect("memory has room")).collect();
    manager.sync().expect("memory does not fail");
    manager.free(ids[1]).expect("the page is allocated");
    manager.sync().expect("memory does not fail");
    let mut bytes = disk.to_bytes();
    bytes.resize(bytes.len().max(8 * PAGE_SIZE), 0);
    bytes
}

/// Uses a manager of a file with wrong fields.
fn work(manager: &DiskManager) {
    let _ = dump_disk(manager);
    let pages: Vec<PageId> =
        (0..manager.stats().page_count.min(100)).map(PageId).filter(|id| manager.is_allocated(*id)).collect();
    let mut fresh = Vec::new();
    for _ in 0..4 {
        if let Ok(id) = manager.allocate() {
            assert!(
                id != PageId::NONE && !pages.contains(&id) && !fresh.contains(&id),
                "{id} handed out twice"
            );
            fresh.push(id);
        }
    }
    for id in pages.into_iter().chain(fresh) {
        let _ = manager.read_page(id, &mut [0; PAGE_SIZE]);
        let _ = manager.free(id);
    }
    let _ = manager.sync();
}
