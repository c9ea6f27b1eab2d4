//! Table heap: records of any length in a chain of pages, each under a record id that never changes (task 3.5).
//!
//! A heap page is a slotted page of kind [`PageKind::HEAP`](slotted_page::PageKind::HEAP). Its owner's bytes (numbers little-endian):
//!
//! | offset | size | field | meaning |
//! | --- | --- | --- | --- |
//! | 0 | 4 | next | next page of the chain, 0 at the end |
//! | 4 | 4 | heap | the heap's first page, which names the heap |
//! | 8 | 4 | last | in the first page: the last page of the chain; else 0 |
//! | 12 | 4 | unused | 0 |
//!
//! Each record in a slot begins with a tag byte:
//!
//! | tag | bytes | what it is |
//! | --- | --- | --- |
//! | 0..=6 | tag, data, that many bytes of padding | a record at home; padded so that it is at least 7 bytes long, and a forward always fits in its place |
//! | 0x80 | tag, 6 bytes of record id | a forward: the record moved there |
//! | 0x81 | tag, 6 bytes of record id, data | a record that moved here; the record id is its home |

use slotted_page::{MAX_RECORD_LEN, PageId};

use crate::{Error, Pager, RecordId, Scan};

/// Longest record of a heap in bytes.
pub const MAX_HEAP_RECORD_LEN: usize = MAX_RECORD_LEN - 1 - RecordId::LEN;

/// A heap. The pager is given with each call, so that one heap can be used through the pool and through mini-transactions.
pub struct TableHeap {
    first: PageId,
}

impl TableHeap {
    /// A new heap of one empty page.
    pub fn create<P: Pager>(pager: &P) -> Result<Self, Error> {
        todo!()
    }

    /// The heap whose first page is `first`.
    pub fn open<P: Pager>(pager: &P, first: PageId) -> Result<Self, Error> {
        todo!()
    }

    /// The heap's first page, which names it.
    pub fn id(&self) -> PageId {
        self.first
    }

    /// Puts `record` somewhere and says where.
    pub fn insert<P: Pager>(&self, pager: &P, record: &[u8]) -> Result<RecordId, Error> {
        todo!()
    }

    /// The record `id`.
    pub fn get<P: Pager>(&self, pager: &P, id: RecordId) -> Result<Vec<u8>, Error> {
        self.get_with(pager, id, <[u8]>::to_vec)
    }

    /// Shows the record `id` to `look` in its page, without a copy. `look` runs under the page's latch: it must not use the heap.
    pub fn get_with<P: Pager, R>(
        &self,
        pager: &P,
        id: RecordId,
        look: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, Error> {
        todo!()
    }

    /// Replaces the record `id` by `record`, of any length. The record id stays.
    pub fn update<P: Pager>(&self, pager: &P, id: RecordId, record: &[u8]) -> Result<(), Error> {
        todo!()
    }

    /// Takes the record `id` out.
    pub fn delete<P: Pager>(&self, pager: &P, id: RecordId) -> Result<(), Error> {
        todo!()
    }

    /// Puts a deleted record back under its old id, as undo does.
    pub fn restore<P: Pager>(&self, pager: &P, id: RecordId, record: &[u8]) -> Result<(), Error> {
        todo!()
    }

    /// Every record, page by page along the chain.
    pub fn scan<'a, P: Pager>(&self, pager: &'a P) -> Scan<'a, P> {
        todo!()
    }

    /// As [`scan`](Self::scan), from the record after `after`.
    pub fn scan_after<'a, P: Pager>(&self, pager: &'a P, after: RecordId) -> Scan<'a, P> {
        todo!()
    }

    /// Frees every page.
    pub fn destroy<P: Pager>(self, pager: &P) -> Result<(), Error> {
        todo!()
    }
}
