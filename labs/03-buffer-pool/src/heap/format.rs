//! The bytes of a heap page: links in the owner's bytes, a tag before each record. Given.
//!
//! The owner's bytes of the page, numbers little-endian:
//!
//! | offset | size | field  | meaning                                                  |
//! | ------ | ---- | ------ | -------------------------------------------------------- |
//! | 0      | 4    | next   | next page of the chain, 0 at the end                     |
//! | 4      | 4    | heap   | the heap's first page, which names the heap              |
//! | 8      | 4    | last   | in the first page: the last page of the chain; else 0    |
//! | 12     | 4    | unused | 0                                                        |
//!
//! What a slot holds begins with a tag:
//!
//! | tag    | bytes                                  | [`Stored`]                                |
//! | ------ | -------------------------------------- | ----------------------------------------- |
//! | 0      | tag, data of 6 bytes or more           | `Home`: a record where it was inserted    |
//! | 1..=6  | tag, data, as many zeros as tag says   | `Home`, padded to 7 bytes (H4)            |
//! | 0x80   | tag, record id                         | `Forward`: the record moved there         |
//! | 0x81   | tag, record id, data                   | `Moved`: moved here from home, the record id |
//!
//! Source: PostgreSQL keeps such a redirection in its line pointers (`README.HOT`); "forwarding address" in
//! Gray and Reuter, "Transaction Processing" (1993), section 14.2.

use std::ops::{Deref, DerefMut};

use slotted_page::header::{self, get_u32, put_u32};
use slotted_page::{PageBuf, PageId, PageKind, SlottedPage};

use crate::{Error, HeapDamage, RecordId};

/// Offset of `next` in the owner's bytes, 4 bytes.
pub const NEXT_AT: usize = 0;
/// Offset of `heap` in the owner's bytes, 4 bytes.
pub const HEAP_AT: usize = NEXT_AT + 4;
/// Offset of `last` in the owner's bytes, 4 bytes.
pub const LAST_AT: usize = HEAP_AT + 4;

/// Tag of a forward.
pub const FORWARD_TAG: u8 = 0x80;
/// Tag of a record that moved away from home.
pub const MOVED_TAG: u8 = 0x81;
/// Length of a forward, and the shortest that anything in a slot may be (H4): tag and record id.
pub const MIN_STORED_LEN: usize = 1 + RecordId::LEN;

/// What a slot of a heap page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored<'a> {
    /// A record at home.
    Home(&'a [u8]),
    /// The record is elsewhere, as a [`Moved`](Self::Moved) one.
    Forward(RecordId),
    /// A record away from home.
    Moved {
        /// The record id it is known by.
        home: RecordId,
        /// The record.
        data: &'a [u8],
    },
}

impl<'a> Stored<'a> {
    /// What the bytes of a slot say, or `None` if they make no sense.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (&tag, rest) = bytes.split_first()?;
        if rest.len() < RecordId::LEN {
            return None;
        }
        let (id, data) = rest.split_at(RecordId::LEN);
        let id = RecordId::from_bytes(id.try_into().expect("split there"));
        match tag {
            0 => Some(Stored::Home(rest)),
            1..=6 if data.is_empty() => Some(Stored::Home(&rest[..RecordId::LEN - tag as usize])),
            FORWARD_TAG if data.is_empty() => Some(Stored::Forward(id)),
            MOVED_TAG => Some(Stored::Moved { home: id, data }),
            _ => None,
        }
    }

    /// The bytes that [`parse`](Self::parse) makes this of: at least [`MIN_STORED_LEN`] (H4).
    pub fn encode(&self) -> Vec<u8> {
        match *self {
            Stored::Home(data) => {
                let padding = RecordId::LEN.saturating_sub(data.len());
                [&[padding as u8], data, &[0; RecordId::LEN][..padding]].concat()
            }
            Stored::Forward(target) => [&[FORWARD_TAG], &target.to_bytes()[..]].concat(),
            Stored::Moved { home, data } => [&[MOVED_TAG], &home.to_bytes()[..], data].concat(),
        }
    }
}

/// The page `bytes` as a page of the heap that starts at `heap`. It was validated when it came from disk, and
/// is not again.
///
/// # Errors
/// [`Error::NotInHeap`] if it is no heap page, or one of another heap.
pub fn view<B: Deref<Target = PageBuf>>(bytes: B, heap: PageId) -> Result<SlottedPage<B>, Error> {
    let kind = header::kind(&bytes);
    let page = SlottedPage::assume_valid(bytes);
    if kind != PageKind::HEAP || get_u32(page.owner(), HEAP_AT) != heap.0 {
        return Err(Error::NotInHeap { page: page.id(), heap });
    }
    Ok(page)
}

/// Makes `bytes`, which [`allocate`](crate::Pager::allocate) gave, an empty page of the heap `heap`, at the
/// end of a chain.
pub fn init(bytes: &mut PageBuf, heap: PageId) {
    let id = header::id(bytes);
    let mut page = SlottedPage::init(bytes, id, PageKind::HEAP);
    put_u32(page.owner_mut(), HEAP_AT, heap.0);
}

/// The next page of the chain, [`PageId::NONE`] at the end.
pub fn next<B: Deref<Target = PageBuf>>(page: &SlottedPage<B>) -> PageId {
    PageId(get_u32(page.owner(), NEXT_AT))
}

/// Stores the next page of the chain.
pub fn set_next<B: DerefMut<Target = PageBuf>>(page: &mut SlottedPage<B>, next: PageId) {
    put_u32(page.owner_mut(), NEXT_AT, next.0);
}

/// In the first page: the last page of the chain.
pub fn last<B: Deref<Target = PageBuf>>(page: &SlottedPage<B>) -> PageId {
    PageId(get_u32(page.owner(), LAST_AT))
}

/// Stores the last page of the chain in the first.
pub fn set_last<B: DerefMut<Target = PageBuf>>(page: &mut SlottedPage<B>, last: PageId) {
    put_u32(page.owner_mut(), LAST_AT, last.0);
}

/// What slot `id.slot` of `page`, which is page `id.page`, holds.
///
/// # Errors
/// [`Error::NoRecord`], [`HeapDamage::BadTag`].
pub fn stored<B: Deref<Target = PageBuf>>(page: &SlottedPage<B>, id: RecordId) -> Result<Stored<'_>, Error> {
    let bytes = page.get(id.slot).ok_or(Error::NoRecord { record: id })?;
    let damage = HeapDamage::BadTag { record: id };
    Stored::parse(bytes).ok_or(Error::BadHeapPage { page: id.page, what: damage })
}
