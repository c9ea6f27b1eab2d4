//! Trees in a file, through the buffer pool.

use bplus_tree::{BPlusTree, Error, Latching};
use buffer_pool::BufferPool;
use kit::sync::Arc;
use slotted_page::{DiskManager, PageId};
use testkit::disk::FaultDisk;
use testkit::pages::{account, expect_sound};
use testkit::{Failure, check_eq};

use super::model::Model;
use super::walk::Walked;

/// A pool of `frames` frames over a new file.
pub(crate) fn new_file(frames: usize) -> (FaultDisk, BufferPool) {
    let disk = FaultDisk::new();
    let manager = DiskManager::create(Arc::new(disk.clone())).expect("the disk works");
    (disk, BufferPool::new(manager, frames).expect("a pool of some frames"))
}

/// Opens the file again, as after a restart, with what is durable.
pub(crate) fn reopen(disk: &FaultDisk, frames: usize) -> (FaultDisk, BufferPool) {
    let disk = FaultDisk::from_bytes(disk.durable());
    let manager = DiskManager::open(Arc::new(disk.clone())).expect("the file is in order");
    (disk, BufferPool::new(manager, frames).expect("a pool of some frames"))
}

/// The tree at `root` of the pool's file.
pub(crate) fn open_tree(pool: &BufferPool, root: PageId) -> BPlusTree {
    match BPlusTree::open(pool, root) {
        Ok(tree) => tree.with_latching(Latching::WholePath),
        Err(error) => Failure::new("open of a tree in a file").expected_text("Ok").found(error).raise(),
    }
}

/// Does one operation through the pool and fails the test on an error.
pub(crate) fn done<T>(result: Result<T, Error>, what: &str) -> T {
    match result {
        Ok(value) => value,
        Err(error) => Failure::new(what).expected_text("Ok").found(error).raise(),
    }
}

/// Syncs the pool and reads the tree from the bytes of the file: checksums, the format's rules, the model,
/// and no page lost.
pub(crate) fn check_file(disk: &FaultDisk, pool: &BufferPool, root: PageId, model: &Model) {
    check_eq!(pool.sync(), Ok(()), "sync of the pool");
    for id in pool.resident() {
        check_eq!(pool.pin_count(id), 0, "pins of {id} that are left over");
    }
    let account = account(&disk.durable(), &[], &[root.0], &[]);
    expect_sound("the pages of the file, read from its bytes", &account.problems);
    let [tree] = account.trees.try_into().expect("one was asked for");
    model.check(&Walked::of(tree).entries, "the entries, read from the bytes of the file");
}
