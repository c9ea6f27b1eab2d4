//! Text pictures of a pool and of a heap. Given.

use crate::{BufferPool, Error, Pager, TableHeap};

/// The frames of a pool: page, pins, dirty.
pub fn dump_pool(pool: &BufferPool) -> String {
    todo!()
}

/// The pages of a heap with their records.
pub fn dump_heap<P: Pager>(pager: &P, heap: &TableHeap) -> Result<String, Error> {
    todo!()
}
