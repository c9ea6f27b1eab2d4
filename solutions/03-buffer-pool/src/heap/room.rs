//! What a heap remembers about room in its pages: in memory only, and never trusted (H5).
//!
//+ //! This file is yours. An insert has to find a page with room, and must not walk along the chain for it.
//+ //! What the heap remembers, when it learns something, and where it puts a record is for you to decide.
//+ //! The tests and gates ask for this:
//+ //!
//+ //! - Room that a delete, an update or a move leaves is used again, and so is a slot that a delete leaves.
//+ //!   Under churn at a constant number of bytes the heap stays about as large as it is, also if it is
//+ //!   opened again every few records, and if more pages have room than it remembers.
//+ //! - An insert asks for a constant number of pages on average, however long the chain is, also if each
//+ //!   page has a hole that is too small. Neither opening a heap nor the first insert after it walks along
//+ //!   the whole chain.
//+ //! - What is remembered takes bounded memory: it does not grow with the number of deletes.
//+ //! - It may be wrong: a page may be full by now, or freed, or a page of another heap. That is no error.
//# hide
//! Two things are known: the room of some pages, and how far along the chain the pages have been looked at
//! since the heap was opened.
//!
//! ```text
//!   chain   [p1]->[p2]->[p3]->[p4]->[p5]->[p6]
//!            seen  seen  seen   ^ unseen            hints: p1 has 40 bytes, p3 has 900
//! ```
//!
//! An insert takes the page whose room is the smallest that does. If no hint does, it looks at unseen pages,
//! as many as were saved up: each insert earns [`LOOKS_EARNED`], so inserts look at a constant number of
//! pages on average, however long the chain is. Only then does the chain grow.
//!
//! Left out: a map of free space on disk, as PostgreSQL keeps one (`freespace/README`). After opening, room
//! in pages far down the chain is found only as inserts get there, and the heap may have grown by a few pages
//! meanwhile.
//# end

use slotted_page::PageId;

//# hide
use super::format::MIN_STORED_LEN;

/// Most pages whose room is remembered.
pub(super) const MAX_HINTS: usize = 64;
/// Looks at unseen pages that each insert or move earns.
pub(super) const LOOKS_EARNED: usize = 2;
/// Most looks that are saved up.
pub(super) const MAX_LOOKS: usize = 64;
/// Room in bytes that is worth another walk along the chain if there was no place to remember it.
pub(super) const WORTH_A_WALK: usize = 512;
//# end

/// The hints of one heap. Behind a mutex that is held for a few steps at a time, never while a page is asked
/// for.
#[derive(Debug)]
pub(super) struct RoomHints {
    first: PageId,
    //# hide
    /// Longest record that each page took when it was last seen; no page twice.
    pages: Vec<(PageId, usize)>,
    /// Next page to look at, [`PageId::NONE`] if all were seen.
    unseen: PageId,
    /// Looks saved up.
    looks: usize,
    /// Room worth a walk was seen and not remembered.
    has_lost_room: bool,
    //# end
}

impl RoomHints {
    /// Nothing is known about the heap that starts at `first`.
    pub(super) fn new(first: PageId) -> Self {
        //+ RoomHints { first }
        //# hide
        RoomHints { first, pages: Vec::new(), unseen: first, looks: 0, has_lost_room: false }
        //# end
    }

    //# hide
    /// The page with the least room that is enough for `needed` bytes, except those in `tried`.
    pub(super) fn best(&self, needed: usize, tried: &[PageId]) -> Option<PageId> {
        let enough = self.pages.iter().filter(|(page, room)| *room >= needed && !tried.contains(page));
        enough.min_by_key(|(page, room)| (*room, *page)).map(|(page, _)| *page)
    }

    /// An insert or a move begins: it earns its looks.
    pub(super) fn earn(&mut self) {
        self.looks = (self.looks + LOOKS_EARNED).min(MAX_LOOKS);
    }

    /// The unseen page to look at now, for one of the looks saved up. Asked again, it says the same page
    /// until that was [`saw`](Self::saw)n or [`lose`](Self::lose)d.
    pub(super) fn take_look(&mut self) -> Option<PageId> {
        if self.unseen == PageId::NONE && self.has_lost_room {
            self.has_lost_room = false;
            self.unseen = self.first;
        }
        if self.unseen == PageId::NONE || self.looks == 0 {
            return None;
        }
        self.looks -= 1;
        Some(self.unseen)
    }

    /// Page `page` was seen under its latch: it takes a record of `room` bytes (`None`: not even an empty
    /// one), and `next` comes after it.
    ///
    /// # Ensures
    /// The room is remembered if it is of any use and there is a place for it, at the cost of the page with
    /// the least. What was remembered about the page before is forgotten. If it was the next unseen page, the
    /// page after it is.
    pub(super) fn saw(&mut self, page: PageId, room: Option<usize>, next: PageId) {
        if self.unseen == page {
            self.unseen = next;
        }
        let room = room.unwrap_or(0);
        if let Some(known) = self.pages.iter().position(|(known, _)| *known == page) {
            self.pages.swap_remove(known);
        }
        if room < MIN_STORED_LEN {
            return;
        }
        self.pages.push((page, room));
        if self.pages.len() > MAX_HINTS {
            let least = (0..self.pages.len()).min_by_key(|&index| self.pages[index].1);
            let (_, lost) = self.pages.swap_remove(least.expect("there are pages"));
            self.has_lost_room |= lost >= WORTH_A_WALK;
        }
    }

    /// Page `page` cannot be used, or is not one of the heap: nothing is known about it or about what comes
    /// after it.
    pub(super) fn lose(&mut self, page: PageId) {
        self.pages.retain(|(known, _)| *known != page);
        if self.unseen == page {
            self.unseen = PageId::NONE;
        }
    }
    //# end
}
