//! Lab 1: the in-memory structures that later labs stand on, without `unsafe`.
//!
//! | task | file | what it is | used by |
//! | --- | --- | --- | --- |
//! | 1.3 | `hash_map.rs` | hash map in one flat table | page table (lab 3), hash join (lab 8) |
//!
//! `dump.rs` draws each of them as text.

mod dump;
pub mod hash_map;

pub use hash_map::HashMap;
