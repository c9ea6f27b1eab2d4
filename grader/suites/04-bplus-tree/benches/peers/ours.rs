//! The reference's tree, in a pool that holds all of it.

use std::ops::Bound;

use bplus_tree::{BPlusTree, Direction, KeyMode};
use buffer_pool::{BufferPool, RecordId};
use kit::disk::MemDisk;
use kit::sync::Arc;
use slotted_page::DiskManager;

use crate::{Key, RANGE, Store, Value};

/// Frames of the pool: 64 MiB.
const FRAMES: usize = 16_384;

/// A tree and its pool.
pub(crate) struct Ours {
    pool: BufferPool,
    tree: BPlusTree,
}

impl Store for Ours {
    fn new() -> Self {
        let disk = DiskManager::create(Arc::new(MemDisk::new())).expect("memory has room");
        let pool = BufferPool::new(disk, FRAMES).expect("there are frames");
        let tree = BPlusTree::create(&pool, KeyMode::Unique).expect("memory has room");
        Ours { pool, tree }
    }

    fn insert(&mut self, entries: impl Iterator<Item = (Key, Value)>) {
        for (key, value) in entries {
            self.tree.insert(&self.pool, &key, RecordId::from_bytes(value)).expect("each key comes once");
        }
    }

    fn get(&self, keys: impl Iterator<Item = Key>) -> u64 {
        let found = |key: Key| self.tree.get(&self.pool, &key).expect("memory does not fail");
        keys.filter_map(found).map(|record| u64::from(record.to_bytes()[5])).sum()
    }

    fn range(&self, keys: impl Iterator<Item = Key>) -> u64 {
        let mut sum = 0;
        for key in keys {
            let keys = (Bound::Included(&key[..]), Bound::Unbounded);
            let range = self.tree.range(&self.pool, keys, Direction::Forward);
            let mut range = range.expect("memory does not fail");
            for _ in 0..RANGE {
                let Some((_, record)) = range.next_entry().expect("memory does not fail") else { break };
                sum += u64::from(record.to_bytes()[5]);
            }
        }
        sum
    }
}
