//! What can go wrong in this lab, grouped by what the caller can do about it.

use slotted_page::PageId;

use crate::RecordId;

/// Any failure of this lab.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Error {
    // Wrong use.
    /// A pool needs at least one frame.
    #[error("a buffer pool needs at least one frame")]
    NoFrames,
    /// The record is longer than a heap can hold.
    #[error("a record of {len} bytes is too long for a heap, the most is {max}")]
    RecordTooLong {
        /// Length of the record in bytes.
        len: usize,
        /// [`MAX_HEAP_RECORD_LEN`](crate::MAX_HEAP_RECORD_LEN).
        max: usize,
    },
    /// The page belongs to another heap, or to none.
    #[error("{page} is not a page of the heap that starts at {heap}")]
    NotInHeap {
        /// The page asked for.
        page: PageId,
        /// The heap's first page.
        heap: PageId,
    },
    /// A record was to be put back under a record id that is in use.
    #[error("{record} is in use")]
    RecordInUse {
        /// The record id asked for.
        record: RecordId,
    },

    // Not found.
    /// There is no record of that id.
    #[error("no record at {record}")]
    NoRecord {
        /// The record id asked for.
        record: RecordId,
    },

    // No room, or busy: try again when a guard or a lock was given back.
    /// Every frame is pinned, so no page can be brought in. Drop a guard and try again.
    #[error("all {frames} frames of the pool are pinned")]
    AllPinned {
        /// Frames of the pool.
        frames: usize,
    },
    /// The caller refused every record id that [`insert_with`](crate::TableHeap::insert_with) offered.
    #[error("none of the {asked} record ids that were offered was admitted")]
    NotAdmitted {
        /// How many ids were offered.
        asked: usize,
    },

    // Corrupt data.
    /// A page of the heap is sound as a slotted page, but what it holds makes no sense as a page of a heap.
    #[error("{page} is damaged: {what}")]
    BadHeapPage {
        /// The page. Of a bad record it is that of the record id, of [`BadLast`](HeapDamage::BadLast) the
        /// first page, of [`Circle`](HeapDamage::Circle) the page that the chain comes back to.
        page: PageId,
        /// What is wrong with it.
        what: HeapDamage,
    },

    // From below.
    /// The page, the file or the disk below failed.
    #[error(transparent)]
    Page(#[from] slotted_page::Error),
}

/// How a heap page is damaged. The checksum was right, so a program wrote it so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeapDamage {
    /// A record without a tag, or with one that does not exist, or too short for it.
    #[error("{record} has no sound tag")]
    BadTag {
        /// The record.
        record: RecordId,
    },
    /// A forward that leads to no moved record that names it as its home, or to its own page: a body is never
    /// in the page that had no room for it.
    #[error("the forward at {record} leads to {target}, which is not its record")]
    BadForward {
        /// Where the forward is.
        record: RecordId,
        /// Where it leads.
        target: RecordId,
    },
    /// The first page's `last` is not the end of the chain, or no page of the heap at all.
    #[error("the chain does not end at {last}")]
    BadLast {
        /// What the first page says.
        last: PageId,
    },
    /// The chain of pages comes back to a page it has passed.
    #[error("the chain of pages is a circle")]
    Circle,
}

impl From<slotted_page::Corruption> for Error {
    fn from(corruption: slotted_page::Corruption) -> Self {
        Error::Page(corruption.into())
    }
}
