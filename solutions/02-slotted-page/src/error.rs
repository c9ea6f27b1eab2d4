//! The errors of this lab, grouped by what the caller can do about them.
//!
//! - *Wrong use*: the call cannot succeed; change the calling code.
//! - *Not found*: the page or the record does not exist.
//! - *No room*: the call is right, but the page or the file is full; try another page.
//! - *Corrupt data*: the bytes are not those that were written; do not use them.
//! - *I/O*: the operating system reported an error.
//!
//! Variants hold facts (numbers, ids), so that a caller can decide what to do and build a message.

use std::io;

use crate::key_codec::KeyFault;
use crate::row_codec::RowFault;
use crate::value::ColumnType;
use crate::{PageId, PageKind, SlotId};

/// Any error of this lab.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Error {
    // Wrong use.
    /// The record is longer than any page can hold.
    #[error("a record of {len} bytes fits in no page; a record has at most {max} bytes")]
    RecordTooLarge {
        /// Length of the record in bytes.
        len: usize,
        /// [`MAX_RECORD_LEN`](crate::MAX_RECORD_LEN).
        max: usize,
    },
    /// A schema has more columns than a row can have (task 2.4).
    #[error("a schema of {found} columns; a row has at most {max} columns")]
    TooManyColumns {
        /// Number of columns that the caller gave.
        found: usize,
        /// [`MAX_COLUMNS`](crate::row_codec::MAX_COLUMNS).
        max: usize,
    },
    /// The caller gave more or fewer values than the schema has columns.
    #[error("a row of {found} values for a schema of {expected} columns")]
    ColumnCount {
        /// Columns of the schema.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// The caller gave a value of another type than the column has.
    #[error("column {column} has type {expected}, but the value has type {found}")]
    ColumnType {
        /// The column, from 0.
        column: usize,
        /// Its type.
        expected: ColumnType,
        /// The value's type.
        found: ColumnType,
    },
    /// The caller named a column that the schema does not have.
    #[error("there is no column {column} in a row of {columns} columns")]
    NoSuchColumn {
        /// The column that the caller named, from 0.
        column: usize,
        /// Columns of the schema.
        columns: usize,
    },
    /// The encoded row would be longer than a 16-bit offset can express.
    #[error("a row of {len} encoded bytes is too long; a row has at most {max} bytes")]
    RowTooLarge {
        /// Length of the encoding in bytes.
        len: usize,
        /// [`MAX_ROW_LEN`](crate::row_codec::MAX_ROW_LEN).
        max: usize,
    },
    /// The page is one of the disk manager's own (task 2.6).
    #[error("{page} is a meta or map page, which only the disk manager may use")]
    ReservedPage {
        /// The page that the caller named.
        page: PageId,
    },
    /// The caller tried to free the root page.
    #[error("{page} is the root page and cannot be freed; set another root first")]
    RootPage {
        /// The page.
        page: PageId,
    },
    /// An earlier `sync` failed, so the manager does not know which of the writes before it are durable.
    #[error("an earlier sync failed, so writes before it may be lost; open the file again")]
    SyncFailed,
    /// The caller named a slot for a new record that already holds one.
    #[error("{slot} already holds a record")]
    SlotInUse {
        /// The slot that the caller named.
        slot: SlotId,
    },
    /// `insert_at` or `remove_at` on a page that has free slots, whose slots are in no order.
    #[error("insert_at and remove_at need a page without free slots; this page has {free_slots}")]
    NotOrdered {
        /// Number of free slots.
        free_slots: usize,
    },

    // Not found.
    /// The slot is free, or after the end of the slot array.
    #[error("{slot} holds no record")]
    NoRecord {
        /// The slot that the caller named.
        slot: SlotId,
    },
    /// The page is free: never allocated, already freed, or after the end of the file.
    #[error("{page} is not allocated")]
    NotAllocated {
        /// The page that the caller named.
        page: PageId,
    },

    // No room.
    /// Every page number that the file's format allows is in use.
    #[error("the file already has the maximum of {max} pages")]
    FileFull {
        /// [`MAX_PAGE_COUNT`](crate::disk_manager::MAX_PAGE_COUNT).
        max: u32,
    },
    /// The page does not have enough free bytes, even after compaction. The page was not changed.
    #[error("the record needs {needed} bytes of the page, but only {free} are free")]
    PageFull {
        /// Bytes that the call needs: the record, and 4 for each slot entry that it would add.
        needed: usize,
        /// Bytes that the call could use: [`free_bytes`](crate::SlottedPage::free_bytes), and for an update
        /// also the bytes of the old record.
        free: usize,
    },

    // Corrupt data.
    /// The bytes are not those that were written.
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

/// How a page is damaged. Several variants can apply to one page. If several of those for slotted pages
/// apply, the contract does not say which one is returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Corruption {
    /// All bytes are zero: the page was allocated, but no write of it reached the disk.
    #[error("{page} was never written: all its bytes are zero")]
    NeverWritten {
        /// The page that the caller named.
        page: PageId,
    },
    /// The first four bytes are not [`MAGIC`](crate::header::MAGIC): this is not a page of this database.
    #[error("the page begins with {found:#010x}, which is not the magic number of a page")]
    BadMagic {
        /// The number in the four bytes.
        found: u32,
    },
    /// The bytes are not those that were sealed, for example after a torn write or a flipped bit.
    #[error("the checksum computed for {page} is {computed:#010x}, but its header has {stored:#010x}")]
    BadChecksum {
        /// The page that the caller named.
        page: PageId,
        /// The checksum in the header.
        stored: u32,
        /// The checksum of the page's bytes.
        computed: u32,
    },
    /// The page is undamaged, but it is another page: it was written to, or read from, the wrong place.
    #[error("the place of {expected} holds {found}")]
    Misplaced {
        /// The page that the caller named.
        expected: PageId,
        /// The page id in the header.
        found: PageId,
    },
    /// The file ends before or inside the page.
    #[error("the file ends after {found} bytes of {page}")]
    PastEnd {
        /// The page that the caller named.
        page: PageId,
        /// How many bytes of the page the file has.
        found: usize,
    },
    /// Another version of the disk manager wrote the file.
    #[error("the file has version {found}, but this code reads version {expected}")]
    BadVersion {
        /// The version this code reads.
        expected: u32,
        /// The version in the file.
        found: u32,
    },
    /// A meta or map page has the identity of another file: it was copied from there.
    #[error("{page} has the identity {found:#018x} of another file; this file has {expected:#018x}")]
    OtherFile {
        /// The page with the other identity.
        page: PageId,
        /// The identity in meta page 0 or, for a map page, in the current meta page.
        expected: u64,
        /// The identity in the page.
        found: u64,
    },
    /// The page count is one that no file of the disk manager can have.
    #[error("the meta page has a page count of {found}, which no file can have")]
    BadPageCount {
        /// The number in the meta page.
        found: u32,
    },
    /// The epoch is greater than any file of the disk manager reaches, so it could not be increased for ever.
    #[error("the meta page has epoch {found}, which no file reaches")]
    BadEpoch {
        /// The number in the meta page.
        found: u64,
    },
    /// The file is shorter than the page count says.
    #[error("the file has {found} bytes, but its pages need {needed}")]
    FileTooShort {
        /// Bytes that the pages need.
        needed: u64,
        /// Bytes of the file.
        found: u64,
    },
    /// A page of the free map is newer than the meta page that names it.
    #[error("{page} of the free map has epoch {found}, but the meta page has epoch {meta}")]
    BadMapEpoch {
        /// The page of the map.
        page: PageId,
        /// Its epoch.
        found: u64,
        /// The meta page's epoch.
        meta: u64,
    },
    /// A bit of the free map is impossible: a page after the end of the file is marked as used, or a page of
    /// the map itself is marked as free.
    #[error("the free map in {map} has an impossible bit for {page}")]
    BadMapBit {
        /// The page of the map.
        map: PageId,
        /// The page of the bit.
        page: PageId,
    },
    /// The root page is not allocated, or is one of the manager's own.
    #[error("the meta page names {page} as the root, but that page is not allocated")]
    BadRoot {
        /// The root page.
        page: PageId,
    },
    /// The page has another kind than the caller expects.
    #[error("the page has kind {found}, but kind {expected} was expected")]
    WrongKind {
        /// The kind that the caller expects.
        expected: PageKind,
        /// The kind in the header.
        found: PageKind,
    },
    /// The slot array overlaps the records, or the records start after the end of the page (I1).
    #[error("the slot array ends at {slots_end}, but the records start at {record_start}")]
    BadBounds {
        /// First byte after a slot array of the stored slot count.
        slots_end: usize,
        /// The stored start of the record area.
        record_start: usize,
    },
    /// The record of a slot is not inside the record area (I2).
    #[error("the record of {slot}, {len} bytes at offset {offset}, is outside of the record area")]
    RecordOutOfBounds {
        /// The slot.
        slot: SlotId,
        /// Its stored offset.
        offset: usize,
        /// Its stored length.
        len: usize,
    },
    /// A record shares a byte with the record of a lower slot (I2).
    #[error("the record of {slot} overlaps the record of a lower slot")]
    RecordsOverlap {
        /// The higher of the two slots.
        slot: SlotId,
    },
    /// The stored number of dead bytes is not the number that follows from the slots (I3).
    #[error("the header has {stored} dead bytes, but the slots leave {counted}")]
    BadDeadBytes {
        /// The number in the header.
        stored: usize,
        /// The number that follows from the slots.
        counted: usize,
    },
    /// The stored number of free slots is not the number of free slots (I4).
    #[error("the header has {stored} free slots, but {counted} slots are free")]
    BadFreeSlots {
        /// The number in the header.
        stored: usize,
        /// The number of slots that are free.
        counted: usize,
    },
    /// The last slot of the array is free (I5).
    #[error("{slot} is the last slot of the array, but it is free")]
    TrailingFreeSlot {
        /// The last slot.
        slot: SlotId,
    },
}

/// An [`io::Error`] that can be compared: two are equal if they have the same kind.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct IoError(#[from] pub io::Error);

impl PartialEq for IoError {
    fn eq(&self, other: &Self) -> bool {
        self.0.kind() == other.0.kind()
    }
}
