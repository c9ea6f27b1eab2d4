//! Lab 1: the in-memory structures that later labs stand on, without `unsafe`.
//!
//! | task | file | what it is | used by |
//! | --- | --- | --- | --- |
//! | 1.1 | `ring_queue.rs` | growable queue with two ends | channel (1.2), LRU-K (1.4) |
//! | 1.2 | `channel.rs` | bounded blocking channel | threads of later labs that pass work to each other |
//! | 1.3 | `hash_map.rs` | hash map in one flat table | page table (lab 3), hash join (lab 8) |
//! | 1.4 | `lru.rs`, `lru_k.rs` | cache with pins, LRU-K replacer | buffer pool (lab 3) |
//! | 1.5 | `btree.rs` | ordered map in a B-tree | the idea of lab 4, on pages |
//!
//! `dump.rs` draws each of them as text.

pub mod btree;
pub mod channel;
mod dump;
pub mod error;
pub mod hash_map;
pub mod lru;
pub mod lru_k;
pub mod ring_queue;

pub use btree::BTree;
pub use error::Error;
pub use hash_map::HashMap;
pub use lru::LruCache;
pub use lru_k::LruK;
pub use ring_queue::RingQueue;
