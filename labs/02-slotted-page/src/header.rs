//! The header that every page of the database begins with, for every kind of page.
//!
//! The disk manager (task 2.6) uses only the header. The kind of the page decides what follows the header:
//! slots and records ([`slotted`](crate::slotted)), or the file's allocation state.
//!
//! Layout, 8 bytes a row, all numbers little-endian:
//!
//! ```text
//!       0      1      2      3      4      5      6      7
//!    +------+------+------+------+------+------+------+------+
//!  0 |           magic           |         checksum          |
//!    +------+------+------+------+------+------+------+------+
//!  8 |          page id          |    kind     |    flags    |
//!    +------+------+------+------+------+------+------+------+
//! 16 |                          LSN                          |
//!    +------+------+------+------+------+------+------+------+
//! 24 |  body: its format depends on the kind ...
//! ```
//!
//! | offset | size | field    | meaning                                                     |
//! | ------ | ---- | -------- | ----------------------------------------------------------- |
//! | 0      | 4    | magic    | [`MAGIC`], the letters `DLPG`                               |
//! | 4      | 4    | checksum | CRC32C of the page with this field as zero, set when written |
//! | 8      | 4    | page id  | the page's own number, to detect a page in the wrong place   |
//! | 12     | 2    | kind     | [`PageKind`]                                                |
//! | 14     | 2    | flags    | for use by the page's kind, 0 in a new page                 |
//! | 16     | 8    | LSN      | last log record that changed the page (lab 6), else 0; in   |
//! |        |      |          | a meta or map page the file's identity, since no log record |
//! |        |      |          | changes those pages                                         |
//!
//! Everything here is given. The functions take `&PageBuf`, so a page of the wrong length cannot be passed
//! and no access can be out of bounds.
//!
//! Source: the same few fields stand in front of each page of PostgreSQL (`bufpage.h`) and InnoDB
//! (`FIL_PAGE_*`).

use std::fmt;

use crate::{Lsn, PageBuf, PageId};

/// First four bytes of every page: `DLPG`.
pub const MAGIC: u32 = u32::from_le_bytes(*b"DLPG");

/// Offset of the magic, 4 bytes.
pub const MAGIC_AT: usize = 0;
/// Offset of the checksum, 4 bytes.
pub const CHECKSUM_AT: usize = MAGIC_AT + 4;
/// Offset of the page id, 4 bytes.
pub const PAGE_ID_AT: usize = CHECKSUM_AT + 4;
/// Offset of the kind, 2 bytes.
pub const KIND_AT: usize = PAGE_ID_AT + 4;
/// Offset of the flags, 2 bytes.
pub const FLAGS_AT: usize = KIND_AT + 2;
/// Offset of the LSN, 8 bytes.
pub const LSN_AT: usize = FLAGS_AT + 2;
/// Length of the header, and offset of the body.
pub const HEADER_SIZE: usize = LSN_AT + 8;

/// What a page is for. An open set: a later lab makes its own constants, and code that opens a page says
/// which kind it expects. The number also says what the body is:
///
/// | number     | body                                                                            |
/// | ---------- | ------------------------------------------------------------------------------- |
/// | 0          | never a kind, so that a zeroed header is not taken for a page                   |
/// | 1, 2       | the disk manager's own                                                          |
/// | 3 to 31    | a [slotted page](crate::slotted): lab 3 checks it when it is read from the disk |
/// | 32 and up  | whatever the owner makes of it: labs 2 and 3 never look at it                   |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageKind(pub u16);

impl PageKind {
    /// The disk manager's meta pages, which hold the allocation state.
    pub const META: PageKind = PageKind(1);
    /// The disk manager's list of which pages are in use.
    pub const FREE_MAP: PageKind = PageKind(2);
    /// Records of a table, in no order (lab 3).
    pub const HEAP: PageKind = PageKind(3);
    /// Leaf of a B+Tree (lab 4).
    pub const BTREE_LEAF: PageKind = PageKind(4);
    /// Internal node of a B+Tree (lab 4).
    pub const BTREE_INTERNAL: PageKind = PageKind(5);

    /// The first number of a slotted kind.
    pub const FIRST_SLOTTED: PageKind = PageKind(3);
    /// The last number of a slotted kind.
    pub const LAST_SLOTTED: PageKind = PageKind(31);

    /// True if a page of this kind is a slotted page.
    pub const fn is_slotted(self) -> bool {
        Self::FIRST_SLOTTED.0 <= self.0 && self.0 <= Self::LAST_SLOTTED.0
    }
}

impl fmt::Display for PageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            PageKind::META => f.write_str("meta"),
            PageKind::FREE_MAP => f.write_str("free map"),
            PageKind::HEAP => f.write_str("heap"),
            PageKind::BTREE_LEAF => f.write_str("B+Tree leaf"),
            PageKind::BTREE_INTERNAL => f.write_str("B+Tree internal"),
            PageKind(other) => write!(f, "kind {other}"),
        }
    }
}

/// Makes `page` an empty page: writes the header and sets every other byte to 0, so that no old bytes of the
/// buffer reach the disk. The LSN is [`Lsn::ZERO`]. The checksum is not set yet.
pub fn init(page: &mut PageBuf, id: PageId, kind: PageKind) {
    page.fill(0);
    put_u32(page, MAGIC_AT, MAGIC);
    put_u32(page, PAGE_ID_AT, id.0);
    put_u16(page, KIND_AT, kind.0);
}

/// The magic in the header, right or wrong.
#[inline]
pub fn magic(page: &PageBuf) -> u32 {
    get_u32(page, MAGIC_AT)
}

/// The checksum in the header. It is right only between `seal` and the next change of the page.
#[inline]
pub fn checksum(page: &PageBuf) -> u32 {
    get_u32(page, CHECKSUM_AT)
}

/// Stores a checksum.
pub fn set_checksum(page: &mut PageBuf, checksum: u32) {
    put_u32(page, CHECKSUM_AT, checksum);
}

/// The page's own number.
#[inline]
pub fn id(page: &PageBuf) -> PageId {
    PageId(get_u32(page, PAGE_ID_AT))
}

/// The kind in the header.
#[inline]
pub fn kind(page: &PageBuf) -> PageKind {
    PageKind(get_u16(page, KIND_AT))
}

/// The flags in the header: 16 bits for use by the page's kind.
#[inline]
pub fn flags(page: &PageBuf) -> u16 {
    get_u16(page, FLAGS_AT)
}

/// Stores the flags.
pub fn set_flags(page: &mut PageBuf, flags: u16) {
    put_u16(page, FLAGS_AT, flags);
}

/// The LSN of the log record that last changed the page.
#[inline]
pub fn lsn(page: &PageBuf) -> Lsn {
    Lsn(get_u64(page, LSN_AT))
}

/// Stores the LSN of a change.
pub fn set_lsn(page: &mut PageBuf, lsn: Lsn) {
    put_u64(page, LSN_AT, lsn.0);
}

/// Reads a little-endian `u16` at byte `offset`. This function and the five below panic if the number is not
/// inside `bytes`.
#[inline]
pub fn get_u16(bytes: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes(field(bytes, offset))
}

/// Reads a little-endian `u32` at byte `offset`.
#[inline]
pub fn get_u32(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(field(bytes, offset))
}

/// Reads a little-endian `u64` at byte `offset`.
#[inline]
pub fn get_u64(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(field(bytes, offset))
}

/// Writes a little-endian `u16` at byte `offset`.
#[inline]
pub fn put_u16(bytes: &mut [u8], offset: usize, value: u16) {
    bytes[offset..offset + 2].copy_from_slice(&value.to_le_bytes());
}

/// Writes a little-endian `u32` at byte `offset`.
#[inline]
pub fn put_u32(bytes: &mut [u8], offset: usize, value: u32) {
    bytes[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
}

/// Writes a little-endian `u64` at byte `offset`.
#[inline]
pub fn put_u64(bytes: &mut [u8], offset: usize, value: u64) {
    bytes[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
}

/// The `N` bytes at `offset`.
#[inline]
fn field<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    bytes[offset..offset + N].try_into().expect("the range is N bytes long")
}
