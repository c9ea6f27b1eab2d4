//! Where a record is: its page and its slot.

use std::fmt;

use slotted_page::{PageId, SlotId};

/// Name of a record of a heap. It stays the same for as long as the record lives, whatever its length
/// becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    /// The page that the record was inserted into.
    pub page: PageId,
    /// Its slot there.
    pub slot: SlotId,
}

impl RecordId {
    /// Length of an encoded record id in bytes.
    pub const LEN: usize = 6;
    /// Below or equal to every record id. No record has it: page 0 is the disk manager's.
    pub const MIN: RecordId = RecordId { page: PageId(0), slot: SlotId(0) };
    /// Above or equal to every record id.
    pub const MAX: RecordId = RecordId { page: PageId(u32::MAX), slot: SlotId(u16::MAX) };

    /// Four bytes of page and two of slot, big-endian, so that the bytes sort as the record ids do.
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..4].copy_from_slice(&self.page.0.to_be_bytes());
        bytes[4..].copy_from_slice(&self.slot.0.to_be_bytes());
        bytes
    }

    /// The record id that [`to_bytes`](Self::to_bytes) made these bytes of.
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        let [p0, p1, p2, p3, s0, s1] = bytes;
        RecordId {
            page: PageId(u32::from_be_bytes([p0, p1, p2, p3])),
            slot: SlotId(u16::from_be_bytes([s0, s1])),
        }
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}.{}", self.page.0, self.slot.0)
    }
}
