//! The format of the allocation state on disk: two meta pages, and the free map in pairs of pages.
//!
//! The *allocation state* is the page count, the root, and which pages are allocated. The disk manager
//! calls this file when it opens a file and when it syncs. The functions convert bytes to [`Meta`] and map
//! words and back, and do no I/O. Each of these pages has a fixed place in the file:
//!
//! ```text
//!  page    0      1      2       3       4 ......... 32513  32514   32515
//!       +------+------+-------+-------+---+---+---+-------+-------+-------+-
//!       | meta | meta | map 0 | map 0 | pages to allocate | map 1 | map 1 |
//!       |      | copy |   A   |   B   |                   |   A   |   B   |
//!       +------+------+-------+-------+---+---+---+-------+-------+-------+-
//!                     |<------ group 0: GROUP_PAGES ----->|<-- group 1 ...
//! ```
//!
//! From page 2 on the file is divided into groups of [`GROUP_PAGES`] pages. The first two pages of a group
//! are the two copies of its map: one of them is current, and the next version is written to the other.
//!
//! A meta page, [`PageKind::META`], after the common header (numbers little-endian):
//!
//! | offset | size | field | meaning |
//! | --- | --- | --- | --- |
//! | 16 | 8 | identity | in the header's field LSN: a number that `create` draws for the file |
//! | 24 | 4 | version | [`VERSION`]; every version of the format has its number here |
//! | 28 | 4 | page count | pages of the file, the manager's own included |
//! | 32 | 8 | epoch | number of allocation states made durable so far; the larger of the two is current |
//! | 40 | 4 | root | the owner's root page, 0 if none |
//! | 44 | 4 | unused | 0 |
//! | 48 | 4048 | copies | bit `g % 8` of byte `g / 8`: copy A (0) or B (1) of map `g` is current |
//!
//! A map page, [`PageKind::FREE_MAP`], after the common header:
//!
//! | offset | size | field | meaning |
//! | --- | --- | --- | --- |
//! | 16 | 8 | identity | as in the meta pages |
//! | 24 | 8 | epoch | the epoch of the meta page that first named it |
//! | 32 | 4064 | words | bit `i % 64` of `u64` number `i / 64` is 1 if page `i` of the group is in use |
//!
//! Invariants:
//!
//! - B1: the map's own two pages are marked as used; no page at or past the page count is.
//! - B2: the epoch of a current map page is at most the meta page's.
//! - B3: the root is 0 or an allocated page; the manager's own pages are marked as used, but are not
//!   allocated.
//! - B4: the epoch of a meta page is at most [`MAX_EPOCH`].
//! - B5: all meta and map pages of a file have the same identity.
//!
//! What B5 does not protect: a copy of a file has the identity of the original, and the owner's pages have no
//! identity. If page 10 of another file, or an older page 10 of this file, is copied to the place of page
//! 10, `verify` accepts it.
//!
//! The price: two of 32,512 pages hold a map, and a file has at most [`MAX_PAGE_COUNT`] pages, because the
//! bits `copies` of one meta page are enough for the groups of that many pages. A file never shrinks.
//!
//! Source: two versions of a page and one bit that chooses between them are the shadow paging of System R
//! (Gray et al., "The recovery manager of the System R database manager", 1981), here only for the map.
//! Bitmaps at fixed places are SQL Server's GAM pages.

use crate::header::{self, HEADER_SIZE, get_u32, get_u64, put_u32, put_u64};
use crate::{Corruption, Error, Lsn, PAGE_SIZE, PageBuf, PageId, PageKind, seal, verify};

/// Version of the format, in every meta page.
pub(crate) const VERSION: u32 = 1;

/// Number of meta pages, and the first page of group 0.
pub(crate) const META_PAGES: u32 = 2;
/// Number of pages at the start of each group that hold its map.
pub(crate) const MAP_COPIES: u32 = 2;

const VERSION_AT: usize = HEADER_SIZE;
const PAGE_COUNT_AT: usize = VERSION_AT + 4;
const META_EPOCH_AT: usize = PAGE_COUNT_AT + 4;
const ROOT_AT: usize = META_EPOCH_AT + 8;
const COPIES_AT: usize = ROOT_AT + 8;

const MAP_EPOCH_AT: usize = HEADER_SIZE;
const WORDS_AT: usize = MAP_EPOCH_AT + 8;

/// Number of words of 64 bits in a map page.
pub(crate) const GROUP_WORDS: usize = (PAGE_SIZE - WORDS_AT) / 8;
/// Number of pages of a group, its map included.
pub const GROUP_PAGES: u32 = GROUP_WORDS as u32 * 64;
/// The greatest number of groups: a meta page has one bit of `copies` for each.
const MAX_GROUPS: u32 = (PAGE_SIZE - COPIES_AT) as u32 * 8;
/// The greatest number of pages of a file: 1,052,868,610, which is 3.9 TiB.
pub const MAX_PAGE_COUNT: u32 = META_PAGES + MAX_GROUPS * GROUP_PAGES;
/// Pages of a file in which nothing is allocated: the meta pages and the map of group 0.
pub(crate) const MIN_PAGE_COUNT: u32 = META_PAGES + MAP_COPIES;
/// The largest epoch that a meta page may have. With a million syncs a second a file reaches it after
/// 292,000 years, so a larger epoch is damage. So `epoch + 1` does not overflow.
pub(crate) const MAX_EPOCH: u64 = u64::MAX / 2;

/// The content of a meta page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    /// The identity of the file (B5).
    pub(crate) identity: u64,
    /// How many times an allocation state was made durable.
    pub(crate) epoch: u64,
    /// Pages of the file, the manager's own included.
    pub(crate) page_count: u32,
    /// The owner's root page, or [`PageId::NONE`].
    pub(crate) root: PageId,
    /// For each group of the file, which copy of its map is current: 0 or 1.
    pub(crate) copies: Vec<u8>,
}

/// Number of groups in a file of `page_count` pages; the last may be incomplete.
pub(crate) fn group_count(page_count: u32) -> usize {
    page_count.saturating_sub(META_PAGES).div_ceil(GROUP_PAGES) as usize
}

/// The page of copy `copy` (0 or 1) of the map of group `group`.
pub(crate) fn map_page(group: usize, copy: u8) -> PageId {
    PageId(META_PAGES + group as u32 * GROUP_PAGES + u32::from(copy))
}

/// The index of a page's bit in the words of all groups, one after the other; `None` for the meta pages.
pub(crate) fn bit_index(id: PageId) -> Option<usize> {
    id.0.checked_sub(META_PAGES).map(|index| index as usize)
}

/// The page at a place given by [`bit_index`].
pub(crate) fn page_at(index: usize) -> PageId {
    PageId(META_PAGES + index as u32)
}

/// True for meta and map pages, also for those of groups that the file does not have yet.
pub(crate) fn is_reserved(id: PageId) -> bool {
    bit_index(id).is_none_or(|index| index as u32 % GROUP_PAGES < MAP_COPIES)
}

impl Meta {
    /// The sealed meta page `id` (0 or 1).
    pub(crate) fn encode(&self, id: PageId) -> Result<Box<PageBuf>, Error> {
        let mut page = Box::new([0; PAGE_SIZE]);
        header::init(&mut page, id, PageKind::META);
        header::set_lsn(&mut page, Lsn(self.identity));
        put_u32(&mut page[..], VERSION_AT, VERSION);
        put_u32(&mut page[..], PAGE_COUNT_AT, self.page_count);
        put_u64(&mut page[..], META_EPOCH_AT, self.epoch);
        put_u32(&mut page[..], ROOT_AT, self.root.0);
        for (group, copy) in self.copies.iter().enumerate() {
            page[COPIES_AT + group / 8] |= copy << (group % 8);
        }
        seal(&mut page, id)?;
        Ok(page)
    }

    /// Reads a meta page that came from the place of page `id`.
    ///
    /// # Requires
    /// Nothing: `page` may hold any bytes.
    ///
    /// # Ensures
    /// `page_count` is at least [`MIN_PAGE_COUNT`] and at most [`MAX_PAGE_COUNT`], and the last group has
    /// both pages of its map: 2 + 32,512 pages (one full group) and 2 + 32,512 + 2 pages (and the map of a
    /// second group) are valid, but with 2 + 32,512 + 1 pages the second map would have only one page. The
    /// epoch is at most [`MAX_EPOCH`] (B4). `copies` has one entry of 0 or 1 for each group. The root is
    /// not checked here, because that needs the map.
    ///
    /// # Errors
    /// [`Error::Corrupt`]: the errors of `verify`; then [`Corruption::WrongKind`],
    /// [`Corruption::BadVersion`], [`Corruption::BadPageCount`], [`Corruption::BadEpoch`]. The version is
    /// checked before the numbers behind it, because another version may give them another meaning.
    pub(crate) fn decode(page: &PageBuf, id: PageId) -> Result<Meta, Error> {
        //# task 2.6 read a meta page
        verify(page, id)?;
        check_kind(page, PageKind::META)?;
        let version = get_u32(page, VERSION_AT);
        if version != VERSION {
            return Err(Corruption::BadVersion { expected: VERSION, found: version }.into());
        }
        let page_count = get_u32(page, PAGE_COUNT_AT);
        let in_last_group = page_count.saturating_sub(META_PAGES) % GROUP_PAGES;
        let is_cut = in_last_group != 0 && in_last_group < MAP_COPIES;
        if !(MIN_PAGE_COUNT..=MAX_PAGE_COUNT).contains(&page_count) || is_cut {
            return Err(Corruption::BadPageCount { found: page_count }.into());
        }
        let copies = (0..group_count(page_count))
            .map(|group| page[COPIES_AT + group / 8] >> (group % 8) & 1)
            .collect();
        let (epoch, root) = (get_u64(page, META_EPOCH_AT), PageId(get_u32(page, ROOT_AT)));
        if epoch > MAX_EPOCH {
            return Err(Corruption::BadEpoch { found: epoch }.into());
        }
        Ok(Meta { identity: header::lsn(page).0, epoch, page_count, root, copies })
        //# end
    }
}

/// The sealed map page `id` of the file `identity`, with the given words of its group.
pub(crate) fn encode_map(
    id: PageId,
    identity: u64,
    epoch: u64,
    words: &[u64],
) -> Result<Box<PageBuf>, Error> {
    let mut page = Box::new([0; PAGE_SIZE]);
    header::init(&mut page, id, PageKind::FREE_MAP);
    header::set_lsn(&mut page, Lsn(identity));
    put_u64(&mut page[..], MAP_EPOCH_AT, epoch);
    for (index, word) in words.iter().enumerate() {
        put_u64(&mut page[..], WORDS_AT + index * 8, *word);
    }
    seal(&mut page, id)?;
    Ok(page)
}

/// Appends the words of the map page `id` to `words`. `meta` names this page as the current map of its group.
///
/// # Requires
/// `words` holds the words of all earlier groups. `page` may hold any bytes.
///
/// # Ensures
/// B1, B2 and B5 hold for the map page.
///
/// # Errors
/// [`Error::Corrupt`]: the errors of `verify`; then [`Corruption::WrongKind`], [`Corruption::OtherFile`],
/// [`Corruption::BadMapEpoch`], [`Corruption::BadMapBit`].
pub(crate) fn decode_map(page: &PageBuf, id: PageId, meta: &Meta, words: &mut Vec<u64>) -> Result<(), Error> {
    //# task 2.6 read a page of the free map
    //+ // Nudge: the number of the group follows from `words.len()`.
    verify(page, id)?;
    check_kind(page, PageKind::FREE_MAP)?;
    let identity = header::lsn(page).0;
    if identity != meta.identity {
        return Err(Corruption::OtherFile { page: id, expected: meta.identity, found: identity }.into());
    }
    let epoch = get_u64(page, MAP_EPOCH_AT);
    if epoch > meta.epoch {
        return Err(Corruption::BadMapEpoch { page: id, found: epoch, meta: meta.epoch }.into());
    }
    for word in 0..GROUP_WORDS {
        let bits = get_u64(page, WORDS_AT + word * 8);
        let first = page_at(words.len() * 64).0;
        let must_be_used = if word == 0 { (1 << MAP_COPIES) - 1 } else { 0 };
        let may_be_used = match meta.page_count.saturating_sub(first) {
            in_file @ 0..64 => (1 << in_file) - 1,
            _ => u64::MAX,
        };
        let wrong = bits & !may_be_used | must_be_used & !bits;
        if wrong != 0 {
            let page = PageId(first.saturating_add(wrong.trailing_zeros()));
            return Err(Corruption::BadMapBit { map: id, page }.into());
        }
        words.push(bits);
    }
    Ok(())
    //# end
}

//# hide
/// Checks that a page which passed `verify` has the kind that belongs in its place.
fn check_kind(page: &PageBuf, expected: PageKind) -> Result<(), Corruption> {
    let found = header::kind(page);
    if found == expected { Ok(()) } else { Err(Corruption::WrongKind { expected, found }) }
}
//# end
