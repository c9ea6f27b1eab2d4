//! The picture of a heap.

use crate::{Error, Pager, TableHeap};

/// The pages of a heap with their records.
pub fn dump_heap<P: Pager>(pager: &P, heap: &TableHeap) -> Result<String, Error> {
    todo!()
}
