//! Text pictures of the structures, one file for each: a failing test prints what `dump()` returns.
//!
//! Given. A picture shows the fields and checks nothing, so it also works if an invariant is broken. If you
//! choose other fields, change the picture too.

mod btree;
mod channel;
mod hash_map;
mod lru;
mod ring_queue;
