//! What a heap remembers about room in its pages: in memory only, and never trusted (H5).
//!
//! This file is yours. An insert has to find a page with room, and must not walk along the chain for it.
//! What the heap remembers, when it learns something, and where it puts a record is for you to decide.
//! The tests and gates ask for this:
//!
//! - Room that a delete, an update or a move leaves is used again, and so is a slot that a delete leaves.
//!   Under churn at a constant number of bytes the heap stays about as large as it is, also if it is
//!   opened again every few records, and if more pages have room than it remembers.
//! - An insert asks for a constant number of pages on average, however long the chain is, also if each
//!   page has a hole that is too small. Neither opening a heap nor the first insert after it walks along
//!   the whole chain.
//! - What is remembered takes bounded memory: it does not grow with the number of deletes.
//! - It may be wrong: a page may be full by now, or freed, or a page of another heap. That is no error.

use slotted_page::PageId;

/// The hints of one heap. Behind a mutex that is held for a few steps at a time, never while a page is asked
/// for.
#[derive(Debug)]
pub(super) struct RoomHints {
    first: PageId,
}

impl RoomHints {
    /// Nothing is known about the heap that starts at `first`.
    pub(super) fn new(first: PageId) -> Self {
        RoomHints { first }
    }
}
