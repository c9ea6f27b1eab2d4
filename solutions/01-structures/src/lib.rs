//! Lab 1: the in-memory structures that later labs stand on, without `unsafe`.
//!
//! | task | file | what it is | used by |
//! | --- | --- | --- | --- |
//! | 1.1 | `ring_queue.rs` | growable queue with two ends | channel (1.2), LRU-K (1.4) |
//! | 1.3 | `hash_map.rs` | hash map in one flat table | page table (lab 3), hash join (lab 8) |
//!
//! `dump.rs` draws each of them as text.

mod dump;
pub mod hash_map;
pub mod ring_queue;

pub use hash_map::HashMap;
pub use ring_queue::RingQueue;
