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

use crate::key_codec::KeyFault;
use crate::row_codec::RowFault;
use crate::value::ColumnType;
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
    /// A schema of more columns than a row can have (task 2.4).
    #[error("{found} columns, the most is {max}")]
    TooManyColumns {
        /// Columns asked for.
        found: usize,
        /// [`MAX_COLUMNS`](crate::row_codec::MAX_COLUMNS).
        max: usize,
    },
    /// A row was to be written with more or fewer values than its schema has columns.
    #[error("{found} values for {expected} columns")]
    ColumnCount {
        /// Columns of the schema.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// A value was given for a column of another type.
    #[error("column {column} is {expected}, the value is {found}")]
    ColumnType {
        /// The column, from 0.
        column: usize,
        /// Its type.
        expected: ColumnType,
        /// The value's type.
        found: ColumnType,
    },
    /// A column was asked for that the schema does not have.
    #[error("no column {column} in a row of {columns}")]
    NoSuchColumn {
        /// The column asked for, from 0.
        column: usize,
        /// Columns of the schema.
        columns: usize,
    },
    /// The row's encoding would be longer than its 16-bit offsets reach.
    #[error("a row of {len} bytes is too long, the most is {max}")]
    RowTooLarge {
        /// Length of the encoding in bytes.
        len: usize,
        /// [`MAX_ROW_LEN`](crate::row_codec::MAX_ROW_LEN).
        max: usize,
    },
    /// The page is one of the disk manager's own (task 2.6).
    #[error("{page} belongs to the disk manager")]
    ReservedPage {
        /// The page asked for.
        page: PageId,
    },
    /// The root page was to be freed. Set another root first.
    #[error("{page} is the root page")]
    RootPage {
        /// The page.
        page: PageId,
    },
    /// An earlier `sync` failed, so nothing is known about the writes before it. Open the file again.
    #[error("an earlier sync failed, what was written before it may be lost")]
    SyncFailed,
    /// A record was to be put into a slot that holds one.
    #[error("{slot} already holds a record")]
    SlotInUse {
        /// The slot asked for.
        slot: SlotId,
    },
    /// Slots were to be moved in a page that has free ones, so its slots are in no order.
    #[error("{free_slots} slots are free in a page that was to be ordered")]
    NotOrdered {
        /// Number of free slots.
        free_slots: usize,
    },

    // Not found.
    /// The slot is free, or past the end of the slot array.
    #[error("no record in {slot}")]
    NoRecord {
        /// The slot asked for.
        slot: SlotId,
    },
    /// The page is free: never allocated, freed already, or past the end of the file.
    #[error("{page} is not allocated")]
    NotAllocated {
        /// The page asked for.
        page: PageId,
    },

    // No room.
    /// Every page number that the file's format can keep is in use.
    #[error("the file has its most pages, {max}")]
    FileFull {
        /// [`MAX_PAGE_COUNT`](crate::disk_manager::MAX_PAGE_COUNT).
        max: u32,
    },
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
    /// The bytes are not a row of this schema.
    #[error(transparent)]
    Row(#[from] RowFault),
    /// The bytes are not a key.
    #[error(transparent)]
    Key(#[from] KeyFault),

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
    /// The file ends before or inside the page.
    #[error("the file ends after {found} bytes of {page}")]
    PastEnd {
        /// The page that was asked for.
        page: PageId,
        /// How many of its bytes there are.
        found: usize,
    },
    /// The file was written by another version of the disk manager.
    #[error("file of version {found}, expected {expected}")]
    BadVersion {
        /// The version this code reads.
        expected: u32,
        /// The version in the file.
        found: u32,
    },
    /// A number of pages that no file of the disk manager has.
    #[error("page count is {found}")]
    BadPageCount {
        /// The number in the meta page.
        found: u32,
    },
    /// An epoch that no file of the disk manager reaches: with it, the next `sync` could not count on.
    #[error("epoch is {found}")]
    BadEpoch {
        /// The number in the meta page.
        found: u64,
    },
    /// The file is shorter than its pages.
    #[error("file of {found} bytes, its pages take {needed}")]
    FileTooShort {
        /// Bytes that the pages take.
        needed: u64,
        /// Bytes of the file.
        found: u64,
    },
    /// A page of the free map is newer than the meta page that names it.
    #[error("{page} of the free map is of epoch {found}, the meta page of {meta}")]
    BadMapEpoch {
        /// The page of the map.
        page: PageId,
        /// Its epoch.
        found: u64,
        /// The meta page's epoch.
        meta: u64,
    },
    /// A page of the free map is wrong about a page that cannot be otherwise: one past the end of the file that
    /// is marked as used, or one of the manager's own that is not.
    #[error("the free map in {map} is wrong about {page}")]
    BadMapBit {
        /// The page of the map.
        map: PageId,
        /// The page it is wrong about.
        page: PageId,
    },
    /// The root page is not allocated, or one of the manager's own.
    #[error("the root is {page}, which is not allocated")]
    BadRoot {
        /// The root page.
        page: PageId,
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
    /// A record shares a byte with that of a lower slot (I2).
    #[error("the record of {slot} overlaps another")]
    RecordsOverlap {
        /// The higher of the two slots.
        slot: SlotId,
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
