//! Names for the three numbers that travel through the whole database.
//!
//! Each is its own type, so that a slot can never be passed where a page is meant. All three have a
//! fixed size, because all three are stored on disk.

use std::fmt;

use crate::PAGE_SIZE;

/// Number of a page in the file: page `n` starts at byte `n * PAGE_SIZE`.
///
/// 32 bits name 16 TiB of pages of 4 KiB, and a link to a page costs four bytes in a tree node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageId(pub u32);

impl PageId {
    /// What a link holds when it leads nowhere. Page 0 is the disk manager's own (task 2.6), so no
    /// link ever points at it, and a link field in a fresh, zeroed page already says "none".
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

/// Number of a slot in a page, from 0. Together with the [`PageId`] it names a record for as long as
/// the record lives, wherever in the page its bytes are moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(pub u16);

impl SlotId {
    /// The slot's place in the slot array.
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
