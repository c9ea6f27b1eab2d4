//! What can go wrong in this lab, grouped by what the caller can do about it.
//!
//! - *Wrong use*: the call can never succeed; change the caller.
//! - *Not found*: there is nothing under that name.
//! - *No room*: correct, but not here; try another page.
//! - *Corrupt data*: the bytes are not what was written; do not use them.
//! - *I/O*: the operating system said no.
//!
//! Variants carry facts, so that a caller can decide and a message can be put together from them.

use std::io;

use crate::{PageId, PageKind, SlotId};

/// Any failure of this lab.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Error {
    // Wrong use.
    /// The record is longer than any page can hold.
    #[error("a record of {len} bytes fits in no page, the most is {max}")]
    RecordTooLarge {
        /// Length of the record in bytes.
        len: usize,
        /// [`MAX_RECORD_LEN`](crate::MAX_RECORD_LEN).
        max: usize,
    },
    /// A record was to be put into a slot that holds one.
    #[error("{slot} already holds a record")]
    SlotInUse {
        /// The slot asked for.
        slot: SlotId,
    },

    // Not found.
    /// The slot is free, or past the end of the slot array.
    #[error("no record in {slot}")]
    NoRecord {
        /// The slot asked for.
        slot: SlotId,
    },

    // No room.
    /// The page has too little room, even after compaction. The page was not changed.
    #[error("needs {needed} bytes of the page, {free} are free")]
    PageFull {
        /// Bytes the call needs: the record, and 4 for each slot entry it would add.
        needed: usize,
        /// Bytes it could have had: [`free_bytes`](crate::SlottedPage::free_bytes), and for an update
        /// also the bytes of the old record.
        free: usize,
    },

    // Corrupt data.
    /// The bytes are not what was written.
    #[error(transparent)]
    Corrupt(#[from] Corruption),

    // I/O.
    /// The disk failed.
    #[error(transparent)]
    Io(#[from] IoError),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error::Io(IoError(error))
    }
}

/// How a page is damaged. Several can be true of one page; which of the slotted ones is named first
/// is not part of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Corruption {
    /// All bytes are zero: the page was allocated, but no write of it reached the disk.
    #[error("{page} was never written")]
    NeverWritten {
        /// The page that was asked for.
        page: PageId,
    },
    /// The first four bytes are not [`MAGIC`](crate::header::MAGIC): not a page of ours.
    #[error("magic is {found:#010x}")]
    BadMagic {
        /// What the four bytes hold.
        found: u32,
    },
    /// The content is not what was sealed: a torn write or a flipped bit.
    #[error("checksum of {page} is {computed:#010x}, but {stored:#010x} is stored")]
    BadChecksum {
        /// The page that was asked for.
        page: PageId,
        /// The checksum in the header.
        stored: u32,
        /// The checksum of the bytes as they are.
        computed: u32,
    },
    /// A whole and sound page, but another one: it was written to, or read from, the wrong place.
    #[error("{found} lies in the place of {expected}")]
    Misplaced {
        /// The page that was asked for.
        expected: PageId,
        /// The page id in the header.
        found: PageId,
    },
    /// The page is of another kind than the caller works with.
    #[error("kind is {found}, expected {expected}")]
    WrongKind {
        /// What the caller works with.
        expected: PageKind,
        /// The kind in the header.
        found: PageKind,
    },
    /// The slot array runs into the records, or the records start past the end of the page (I1).
    #[error("slot array ends at {slots_end}, records start at {record_start}")]
    BadBounds {
        /// First byte after the slot array that the slot count asks for.
        slots_end: usize,
        /// The stored start of the record area.
        record_start: usize,
    },
    /// A slot points outside of the record area (I2).
    #[error("{slot} points at {len} bytes at {offset}, outside of the record area")]
    RecordOutOfBounds {
        /// The slot.
        slot: SlotId,
        /// Its stored offset.
        offset: usize,
        /// Its stored length.
        len: usize,
    },
    /// Two records share a byte (I2).
    #[error("two records share byte {offset}")]
    RecordsOverlap {
        /// Offset in the page of a byte that they share.
        offset: usize,
    },
    /// The stored number of dead bytes is not what the slots leave over (I3).
    #[error("{stored} dead bytes stored, {counted} counted")]
    BadDeadBytes {
        /// The number in the header.
        stored: usize,
        /// The number that follows from the slots.
        counted: usize,
    },
    /// The stored number of free slots is not the number of free slots (I4).
    #[error("{stored} free slots stored, {counted} counted")]
    BadFreeSlots {
        /// The number in the header.
        stored: usize,
        /// The number that follows from the slots.
        counted: usize,
    },
    /// The last slot of the array is free (I5).
    #[error("the last {slot} is free")]
    TrailingFreeSlot {
        /// The last slot.
        slot: SlotId,
    },
}

/// An [`io::Error`] that can be compared: two are equal if their kinds are.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct IoError(#[from] pub io::Error);

impl PartialEq for IoError {
    fn eq(&self, other: &Self) -> bool {
        self.0.kind() == other.0.kind()
    }
}
