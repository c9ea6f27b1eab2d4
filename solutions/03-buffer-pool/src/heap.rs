//! Table heap: records of any length in a chain of pages, each under a record id that never changes (task
//! 3.5).
//!
//! A table keeps its rows here (lab 8); indexes (lab 4) point at them by record id. The heap asks a [`Pager`]
//! for pages, and lays records in them with lab 2's [`SlottedPage`](slotted_page::SlottedPage). In which page
//! a record is put is the heap's choice.
//!
//! ```text
//!        +-------- last ---------+
//!        |                       v
//!   +----|---+   +--------+   +--------+
//!   | first -|-->| next --|-->| next 0 |      every page says heap = first
//!   | 0 1 2  |   | 0 1    |   | 0      |      0 1 2: slots, with records in them
//!   +--------+   +--------+   +--------+
//! ```
//!
//! A record that has outgrown its page moves, and leaves a forward where it was, so that its record id still
//! leads to it:
//!
//! ```text
//!   page 3, slot 1                 page 9, slot 4
//!   +----------------------+       +------------------------------+
//!   | forward to 9.4  -----|------>| moved, home is 3.1: the data |
//!   +----------------------+       +------------------------------+
//! ```
//!
//! It never moves from there to a third place with two forwards in a row: the forward at home is changed. If
//! it fits at home again, it comes home. So every record is found with two page reads at the most.
//!
//! Invariants, while no latch is held:
//!
//! - H1: the pages of the heap are those reached from the first by `next`, each once; each names the first as
//!   its heap.
//! - H2: `last` of the first page names the page whose `next` is 0. It changes under the write latches of
//!   both.
//! - H3: a forward leads to a moved record that names the forward's place as its home, and each moved record
//!   has that one forward. Both change under the write latches of both pages.
//! - H4: whatever is in a slot is at least 7 bytes long, so that a forward always fits in its place.
//! - H5: what is remembered about room is checked under the latch of the page before it is used.
//!
//! Left out: giving back a page that became empty; it stays in the chain, to be filled again, until
//! [`destroy`](TableHeap::destroy). Room kept for the undo of a delete: another record may take the slot at
//! once (lab 5 sees to that). Room kept in each page for records that grow.
//!
//! | file          | what it is                                             | given            |
//! | ------------- | ------------------------------------------------------ | ---------------- |
//! | [`format`](mod@format) | links, tags                                          | all              |
//! | [`chain`]     | links that lead to no page of the heap, circles        | all              |
//! | `latches.rs`  | the pages that an operation holds                      | all              |
//! | `room.rs`     | what is remembered about room                          |                  |
//! | `insert.rs`   | inserting, finding room, growing the chain             |                  |
//! | `read.rs`     | getting a record                                       |                  |
//! | `update.rs`   | updating, with moves                                   |                  |
//! | `remove.rs`   | deleting, restoring, destroying the heap               | `destroy`        |
//!
//! Source: Gray and Reuter, "Transaction Processing" (1993), section 14.2; the records of System R had the
//! same forwards (Astrahan and others, ACM TODS 1976, section 3, on tuple identifiers).

pub mod chain;
pub mod format;
mod insert;
mod latches;
mod read;
mod remove;
mod room;
mod scan;
mod update;

use kit::sync::Mutex;
use slotted_page::{MAX_RECORD_LEN, PageId, PageKind, header};

use crate::{Error, Pager, RecordId};
use room::RoomHints;
pub use scan::Scan;

/// Longest record of a heap in bytes: as a moved one it must fit into a page of its own.
pub const MAX_HEAP_RECORD_LEN: usize = MAX_RECORD_LEN - format::MIN_STORED_LEN;

/// A heap. The pager is given with each call, so that one heap can be used through the pool and through
/// mini-transactions.
///
/// Threads may use it at once. Every call latches pages for as long as it runs and holds none afterwards; a
/// call made while the same thread holds a guard of a page of the heap may wait for ever (rule U1 of
/// [`Pager`]).
#[derive(Debug)]
pub struct TableHeap {
    first: PageId,
    /// Taken last, for a few steps: no page is asked for while it is held.
    room: Mutex<RoomHints>,
}

impl TableHeap {
    /// A new heap of one empty page.
    ///
    /// # Errors
    /// The pager's; nothing is allocated.
    pub fn create<P: Pager>(pager: &P) -> Result<Self, Error> {
        let mut page = pager.allocate(PageKind::HEAP)?;
        let first = header::id(&page);
        format::init(&mut page, first);
        format::set_last(&mut format::view(&mut *page, first)?, first);
        Ok(TableHeap { first, room: Mutex::new(RoomHints::new(first)) })
    }

    /// The heap whose first page is `first`.
    ///
    /// # Errors
    /// The pager's; [`Error::NotInHeap`] if no heap starts at that page.
    pub fn open<P: Pager>(pager: &P, first: PageId) -> Result<Self, Error> {
        format::view(&*pager.read(first)?, first)?;
        Ok(TableHeap { first, room: Mutex::new(RoomHints::new(first)) })
    }

    /// The heap's first page, which names it.
    pub fn id(&self) -> PageId {
        self.first
    }

    /// Every record, page by page along the chain, in the order of slots in a page. See [`Scan`].
    pub fn scan<'a, P: Pager>(&self, pager: &'a P) -> Scan<'a, P> {
        Scan::new(pager, self.first, self.first, 0)
    }

    /// As [`scan`](Self::scan), from the record after `after`, whether that is still there or not. If its
    /// page is not one of the heap, the first item is the error; with [`PageId::NONE`] the scan is empty.
    pub fn scan_after<'a, P: Pager>(&self, pager: &'a P, after: RecordId) -> Scan<'a, P> {
        Scan::new(pager, self.first, after.page, after.slot.index() + 1)
    }
}
