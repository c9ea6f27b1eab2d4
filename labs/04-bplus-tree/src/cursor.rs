//! Walking over a range of entries (task 4.4).

use buffer_pool::{Pager, RecordId};

use crate::{BTree, Error};

/// Iterator over a range of a tree. Holds no latch between two calls.
pub struct Range<'a, P: Pager> {
    tree: &'a BTree,
    pager: &'a P,
}

impl<P: Pager> Range<'_, P> {
    /// The next entry, without a copy of its own; `None` at the end.
    pub fn next_entry(&mut self) -> Result<Option<(&[u8], RecordId)>, Error> {
        todo!()
    }
}

impl<P: Pager> Iterator for Range<'_, P> {
    type Item = Result<(Vec<u8>, RecordId), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        todo!()
    }
}
