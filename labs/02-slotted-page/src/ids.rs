//! The three kinds of number that all labs use: page, slot and log sequence number.
//!
//! Each has a type of its own, so that a slot cannot be passed where a page is expected. All three have a
//! fixed size, because they are stored on disk.

use std::fmt;

use crate::PAGE_SIZE;

/// Number of a page in the file: page `n` starts at byte `n * PAGE_SIZE`.
///
/// 32 bits name 16 TiB of pages of 4 KiB, and a link to a page costs four bytes in a tree node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageId(pub u32);

impl PageId {
    /// The value of a link that names no page. Page 0 is a meta page of the disk manager (task 2.6), so no
    /// link names it. A link field in a new, zeroed page therefore has this value.
    pub const NONE: PageId = PageId(0);

    /// Byte offset of the page in the file. Cannot overflow: 2^32 pages of 2^12 bytes are 2^44 bytes.
    pub const fn offset(self) -> u64 {
        self.0 as u64 * PAGE_SIZE as u64
    }
}

impl fmt::Display for PageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {}", self.0)
    }
}

/// Number of a slot in a page, from 0. Together with the [`PageId`] it names a record until the record is
/// deleted, also if the record's bytes move within the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(pub u16);

impl SlotId {
    /// The slot's index in the slot array.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot {}", self.0)
    }
}

/// Log sequence number: the place in the log (lab 6) of the last change made to a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl Lsn {
    /// The LSN of a page that no log record has changed yet.
    pub const ZERO: Lsn = Lsn(0);
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LSN {}", self.0)
    }
}
