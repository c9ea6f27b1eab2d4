//! A walk over all records of a heap (task 3.6).

use crate::{Error, Pager, RecordId};

/// Iterator over the records of a heap.
pub struct Scan<'a, P: Pager> {
    pager: &'a P,
}

impl<P: Pager> Scan<'_, P> {
    /// The next record, without a copy of its own; `None` at the end.
    pub fn next_record(&mut self) -> Result<Option<(RecordId, &[u8])>, Error> {
        todo!()
    }
}

impl<P: Pager> Iterator for Scan<'_, P> {
    type Item = Result<(RecordId, Vec<u8>), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        todo!()
    }
}
