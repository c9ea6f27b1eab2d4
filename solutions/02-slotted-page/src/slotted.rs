//! Slotted page: records of any length in one page, each with a slot number that does not change.
//!
//! The table heap (lab 3) and the nodes of the B+Tree (lab 4) are slotted pages. A slotted page uses only
//! the page header. It is a *view*: another owner, in lab 3 the buffer pool, has the bytes, and the view
//! reads and changes them in place.
//!
//! ```text
//!   0        24       48           slots_end      record_start      4096
//!   +--------+--------+--------------+----------------+---------------+
//!   | common | slot   | slot 0, 1, 2 |      gap       |    records    |
//!   | header | header |  grows  -->  |                |  <-- grow     |
//!   +--------+--------+--------------+----------------+---------------+
//! ```
//!
//! Each slot holds the place of its record. Records are in any order. Where a record was deleted or became
//! shorter, there are dead bytes between them:
//!
//! ```text
//!    slot 0      slot 1    slot 2             record_start          4096
//!   +---------+---------+---------+         +--------+------+--------+
//!   | 4090, 6 |  free   | 4072, 9 |   ...   |   #2   | dead |   #0   |
//!   +----|----+---------+----|----+         +--------+------+--------+
//!        |                   |              ^4072            ^4090
//!        |                   +--------------+                |
//!        +---------------------------------------------------+
//! ```
//!
//! Layout of what follows the [common header](crate::header), 8 bytes a row, little-endian:
//!
//! ```text
//!       0      1      2      3      4      5      6      7
//!    +------+------+------+------+------+------+------+------+
//! 24 | slot count  | free slots  | record start | dead bytes |
//!    +------+------+------+------+------+------+------+------+
//! 32 |                    owner's bytes                      |
//!    +------+------+------+------+------+------+------+------+
//! 40 |                    owner's bytes                      |
//!    +------+------+------+------+------+------+------+------+
//! 48 |      slot 0: offset, len  |      slot 1: offset, len  |
//!    +------+------+------+------+------+------+------+------+
//! ```
//!
//! | offset | size | field         | meaning                                                   |
//! | ------ | ---- | ------------- | --------------------------------------------------------- |
//! | 24     | 2    | slot count    | entries in the slot array, used and free                  |
//! | 26     | 2    | free slots    | number of entries that are free                           |
//! | 28     | 2    | record start  | offset of the lowest byte of the record area, up to 4096  |
//! | 30     | 2    | dead bytes    | bytes of the record area that belong to no record         |
//! | 32     | 16   | owner's bytes | for the page's owner: sibling links, tree level           |
//! | 48     | 4 each | slots       | `u16` offset and `u16` length; offset 0 means free        |
//!
//! Invariants, `n` being the slot count:
//!
//! - I1: `48 + 4 * n <= record start <= 4096`.
//! - I2: each used slot's bytes lie between record start and 4096, and no two share a byte. A record of no
//!   bytes is a used slot of length 0, with any offset in that range.
//! - I3: dead bytes = 4096 - record start - the lengths of all records.
//! - I4: free slots = the number of slots with offset 0; their length is 0 too.
//! - I5: the last slot is used. So the slot array of a page without records is empty.
//! - I6: between `insert` and `delete`, a record keeps its slot. Its bytes may move.
//!
//! Left out: SQLite keeps a list of the free pieces between records. Here dead bytes are only counted, and
//! compaction makes all of them free at once. That costs a pass over the page from time to time, and saves
//! the search for a large enough piece at each insert. Also, record start is not increased when the lowest
//! record is deleted: an empty record may have this offset, and I2 would break.
//!
//! Source: Gray and Reuter, "Transaction Processing" (1993), section 14.2 on slotted pages; PostgreSQL
//! `bufpage.h`; SQLite file format, section 1.6, for slots that grow towards the records.

mod insert;
mod ordered;
mod reclaim;
mod records;
mod update;
mod validate;

use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::header::{self, HEADER_SIZE, MAGIC, get_u16, put_u16};
use crate::{Corruption, Error, Lsn, PAGE_SIZE, PageBuf, PageId, PageKind, SlotId};

pub use records::Records;

/// Offset of the slot count, 2 bytes.
pub const SLOT_COUNT_AT: usize = HEADER_SIZE;
/// Offset of the number of free slots, 2 bytes.
pub const FREE_SLOTS_AT: usize = SLOT_COUNT_AT + 2;
/// Offset of the record start, 2 bytes.
pub const RECORD_START_AT: usize = FREE_SLOTS_AT + 2;
/// Offset of the number of dead bytes, 2 bytes.
pub const DEAD_BYTES_AT: usize = RECORD_START_AT + 2;
/// Offset of the owner's bytes.
pub const OWNER_AT: usize = DEAD_BYTES_AT + 2;
/// Number of bytes that are reserved for the page's owner.
pub const OWNER_SIZE: usize = 16;
/// Offset of the slot array.
pub const SLOTS_AT: usize = OWNER_AT + OWNER_SIZE;
/// Length of a slot: offset and length, 2 bytes each.
pub const SLOT_SIZE: usize = 4;
/// The greatest number of slots of a page, if every record is empty.
pub const MAX_SLOTS: usize = (PAGE_SIZE - SLOTS_AT) / SLOT_SIZE;
/// Length of the longest record that a page can hold, with its slot and without other records.
pub const MAX_RECORD_LEN: usize = PAGE_SIZE - SLOTS_AT - SLOT_SIZE;

/// A slotted page over borrowed bytes.
///
/// `B` is a type that gives access to the bytes: `&PageBuf` for reading, `&mut PageBuf` or `Box<PageBuf>` for
/// reading and writing, and in lab 3 the guards of the buffer pool.
pub struct SlottedPage<B> {
    bytes: B,
}

/// A slot: the place of its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    /// Offset of the record's first byte in the page, or 0 if the slot is free.
    offset: usize,
    /// Length of the record in bytes.
    len: usize,
}

impl Slot {
    /// A slot without a record.
    const FREE: Slot = Slot { offset: 0, len: 0 };

    /// True if the slot has no record.
    fn is_free(self) -> bool {
        self.offset == 0
    }
}

impl<B: Deref<Target = PageBuf>> SlottedPage<B> {
    /// Checks that `bytes` are a slotted page of kind `kind`, and makes a view of them.
    ///
    /// # Ensures
    /// On `Ok`, I1 to I5 hold, so no call on the page panics or reads outside of it.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for all other bytes. The checksum and the page id are not checked here:
    /// [`verify`](crate::verify) does that when the page is read from the disk.
    ///
    /// # Cost
    /// That of [`validate`](Self::validate). If the caller knows that the page is valid, because it was
    /// checked before and only changed through this type, it uses [`assume_valid`](Self::assume_valid).
    pub fn open(bytes: B, kind: PageKind) -> Result<Self, Error> {
        let (magic, found) = (header::magic(&bytes), header::kind(&bytes));
        if magic != MAGIC {
            return Err(Corruption::BadMagic { found: magic }.into());
        }
        if found != kind {
            return Err(Corruption::WrongKind { expected: kind, found }.into());
        }
        let page = SlottedPage { bytes };
        page.validate()?;
        Ok(page)
    }

    /// Makes a view of `bytes` without checking them.
    ///
    /// For bytes that were checked before: a page in the buffer pool is opened at every access, and has to
    /// be validated only when it is read from the disk. On other bytes calls may panic or return wrong
    /// results; they still cannot access memory outside of the page.
    pub fn assume_valid(bytes: B) -> Self {
        SlottedPage { bytes }
    }

    /// The page's bytes.
    pub fn bytes(&self) -> &PageBuf {
        &self.bytes
    }

    /// Returns the value that the view was made from.
    pub fn into_inner(self) -> B {
        self.bytes
    }

    /// The page's own number.
    pub fn id(&self) -> PageId {
        header::id(&self.bytes)
    }

    /// The page's kind.
    pub fn kind(&self) -> PageKind {
        header::kind(&self.bytes)
    }

    /// The LSN of the log record that last changed the page.
    pub fn lsn(&self) -> Lsn {
        header::lsn(&self.bytes)
    }

    /// The owner's bytes, zero in a new page. The page does not use them.
    pub fn owner(&self) -> &[u8; OWNER_SIZE] {
        self.bytes[OWNER_AT..OWNER_AT + OWNER_SIZE].try_into().expect("the range has that length")
    }

    /// Number of slots, used and free: slots `0..slot_count()` exist.
    pub fn slot_count(&self) -> usize {
        get_u16(&*self.bytes, SLOT_COUNT_AT) as usize
    }

    /// Number of slots that exist and are free.
    pub fn free_slots(&self) -> usize {
        get_u16(&*self.bytes, FREE_SLOTS_AT) as usize
    }

    /// Number of records.
    pub fn record_count(&self) -> usize {
        self.slot_count() - self.free_slots()
    }

    /// Bytes of the record area that belong to no record. Compaction makes them part of the gap.
    pub fn dead_bytes(&self) -> usize {
        get_u16(&*self.bytes, DEAD_BYTES_AT) as usize
    }

    /// Bytes of the gap between the slot array and the records, which can be used without compaction.
    pub fn contiguous_bytes(&self) -> usize {
        self.record_start() - self.slots_end()
    }

    /// Bytes that are neither header, slot nor record: the gap and the dead bytes. The number does not
    /// depend on the places of the records: `4096 - 48 - 4 * slot_count - the lengths of all records` (from
    /// I3).
    pub fn free_bytes(&self) -> usize {
        self.contiguous_bytes() + self.dead_bytes()
    }

    /// All records with their slots, in slot order.
    pub fn records(&self) -> Records<'_, B> {
        Records::new(self)
    }

    /// Draws the page as text.
    pub fn dump(&self) -> String {
        crate::dump_page(&self.bytes)
    }

    /// Offset of the lowest byte of the record area.
    fn record_start(&self) -> usize {
        get_u16(&*self.bytes, RECORD_START_AT) as usize
    }

    /// Offset of the first byte after the slot array.
    fn slots_end(&self) -> usize {
        slot_at(self.slot_count())
    }

    /// The slot at `index`, which must exist.
    fn slot(&self, index: usize) -> Slot {
        let at = slot_at(index);
        let offset = get_u16(&*self.bytes, at) as usize;
        let len = get_u16(&*self.bytes, at + 2) as usize;
        Slot { offset, len }
    }

    /// The slot `slot`, if it exists and is used.
    fn used_slot(&self, slot: SlotId) -> Option<Slot> {
        if slot.index() >= self.slot_count() {
            return None;
        }
        Some(self.slot(slot.index())).filter(|slot| !slot.is_free())
    }
}

impl<B: DerefMut<Target = PageBuf>> SlottedPage<B> {
    /// Makes `bytes` an empty slotted page. The old bytes are lost.
    ///
    /// # Ensures
    /// Header as by [`header::init`], no slots, the whole body free, every other byte zero. I1 to I5 hold.
    pub fn init(bytes: B, id: PageId, kind: PageKind) -> Self {
        //# task 2.1 make an empty page
        let mut page = SlottedPage { bytes };
        header::init(&mut page.bytes, id, kind);
        page.set_record_start(PAGE_SIZE);
        page
        //# end
    }

    /// Stores the LSN of a change.
    pub fn set_lsn(&mut self, lsn: Lsn) {
        header::set_lsn(&mut self.bytes, lsn);
    }

    /// The owner's bytes as a mutable reference.
    pub fn owner_mut(&mut self) -> &mut [u8; OWNER_SIZE] {
        let range = OWNER_AT..OWNER_AT + OWNER_SIZE;
        (&mut self.bytes[range]).try_into().expect("the range has that length")
    }

    /// Stores the slot count.
    fn set_slot_count(&mut self, count: usize) {
        self.put(SLOT_COUNT_AT, count);
    }

    /// Stores the number of free slots.
    fn set_free_slots(&mut self, count: usize) {
        self.put(FREE_SLOTS_AT, count);
    }

    /// Stores the offset of the lowest byte of the record area.
    fn set_record_start(&mut self, offset: usize) {
        self.put(RECORD_START_AT, offset);
    }

    /// Stores the number of dead bytes.
    fn set_dead_bytes(&mut self, count: usize) {
        self.put(DEAD_BYTES_AT, count);
    }

    /// Stores a slot.
    fn set_slot(&mut self, index: usize, slot: Slot) {
        self.put(slot_at(index), slot.offset);
        self.put(slot_at(index) + 2, slot.len);
    }

    /// Stores `value` as a `u16` at `offset`. Everything in a page of 4,096 bytes fits.
    fn put(&mut self, offset: usize, value: usize) {
        let value = u16::try_from(value).expect("offsets, lengths and counts are at most 4096");
        put_u16(&mut *self.bytes, offset, value);
    }
}

/// Offset of the slot at `index`.
fn slot_at(index: usize) -> usize {
    SLOTS_AT + index * SLOT_SIZE
}

impl<B: Deref<Target = PageBuf>> fmt::Debug for SlottedPage<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlottedPage")
            .field("id", &self.id().0)
            .field("slots", &self.slot_count())
            .field("free_slots", &self.free_slots())
            .field("record_start", &self.record_start())
            .field("dead_bytes", &self.dead_bytes())
            .finish()
    }
}
