//! Text pictures of the structures, a file each: `dump()` returns what a failing test prints.
//!
//! Given. A picture shows the fields as they are and checks nothing, so it also works on a structure
//! that is broken. If you choose other fields, change the picture with them.

mod btree;
mod channel;
mod hash_map;
mod lru;
mod ring_queue;
