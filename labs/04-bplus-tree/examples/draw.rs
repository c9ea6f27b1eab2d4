//! Draws a small tree before and after a split: `cargo run -p bplus-tree --example draw -- FOLDER` writes
//! `04-before-split.svg` and `04-after-split.svg` there.
//!
//! It needs tasks 4.1 and 4.2. The keys are padded to 900 bytes, so that a leaf holds four of them and the
//! tree is small enough to be looked at.

use std::error::Error;
use std::path::PathBuf;

use bplus_tree::{BPlusTree, KeyMode, Latching, dump_tree, tree_svg};
use buffer_pool::{BufferPool, RecordId};
use kit::disk::MemDisk;
use kit::sync::Arc;
use slotted_page::{DiskManager, PageId, SlotId};

/// In the tree before the split, in this order.
const FIRST: [&str; 9] = ["hen", "owl", "cat", "pig", "ant", "dog", "fox", "yak", "rat"];
/// The key that finds its leaf full.
const SPLITTER: &str = "bee";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "target".to_string()));
    let disk = DiskManager::create(Arc::new(MemDisk::new()))?;
    let pool = BufferPool::new(disk, 16)?;
    let tree = BPlusTree::create(&pool, KeyMode::Unique)?.with_latching(Latching::WholePath);
    let insert = |name: &str, slot| {
        let record = RecordId { page: PageId(100), slot: SlotId(slot) };
        tree.insert(&pool, format!("{name:_<900}").as_bytes(), record)
    };

    for (name, slot) in FIRST.iter().zip(0..) {
        insert(name, slot)?;
    }
    println!("{}", dump_tree(&pool, &tree)?);
    std::fs::write(folder.join("04-before-split.svg"), tree_svg(&pool, &tree)?)?;

    insert(SPLITTER, FIRST.len() as u16)?;
    println!("after {SPLITTER}:\n{}", dump_tree(&pool, &tree)?);
    std::fs::write(folder.join("04-after-split.svg"), tree_svg(&pool, &tree)?)?;
    Ok(())
}
