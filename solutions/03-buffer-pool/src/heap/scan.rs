//! A walk over all records of a heap (task 3.6).
//!
//# hide
//! A scan copies one page after another and gives out records from the copy. So it holds nothing between two
//! calls, however long the caller takes over a record, and three frames are enough for it:
//# end
//+ //! A scan holds nothing between two calls, however long the caller takes over a record, and three frames
//+ //! are enough for it. What it keeps instead is for you to decide: add the fields that you need.
//!
//! ```text
//!   chain    [ p1 ]--->[ p2 ]--->[ p3 ]
//!                         |
//!                      one read, under one latch
//!                         v
//# hide
//!   scan               [ copy ]  slot 0, slot 1, forward, slot 3 ...
//!                                                   |
//!                                                   +--> read the body where it is now
//# end
//+ //!   scan                 ?       slot 0, slot 1, forward, slot 3 ...
//! ```
//!
//! - N1: each record that is in the heap for all of the scan is returned exactly once. It is returned where
//!   its home is, and homes do not move; a moved record is passed over where it lies.
//! - N2: each page of the chain is read once, and one more is read for each forward.
//! - N3: no guard is held between calls, and one during a call.
//!
//! Records that come, go or change during the scan may be returned as they were or as they are. A loop that
//! inserts into the heap it scans may meet its own records (lab 8 has to think of that).
//!
//! Left out: reading ahead; telling the pool which pages come next.

use std::fmt;

use slotted_page::PageId;

use super::chain::CircleCheck;
use super::format::{self, Stored, stored};
use crate::{Error, HeapDamage, Pager, RecordId};

//# hide
use super::chain::is_no_heap_page;
use super::read::{read_record, show_moved};
use slotted_page::{PAGE_SIZE, PageBuf, SlotId, SlottedPage};
//# end

/// Iterator over the records of a heap. After an error it is over;
/// [`scan_after`](crate::TableHeap::scan_after) starts another where it stopped.
pub struct Scan<'a, P: Pager> {
    pager: &'a P,
    /// First page of the heap.
    heap: PageId,
    //# hide
    /// The page looked at, as it was when it was read; before the first, a page of zeros, which has no slots.
    copy: SlottedPage<Box<PageBuf>>,
    /// Slot of the copy to look at next.
    slot: usize,
    /// The record found last, if it had moved.
    body: Vec<u8>,
    //# end
    /// The page to read next, [`PageId::NONE`] if there is none.
    next: PageId,
    /// Slot to begin at in the page to read next.
    next_slot: usize,
    /// Notices if the chain comes back to a page.
    circle: CircleCheck,
    //+ // Yours: what the scan keeps between two calls.
}

//# hide
/// A record that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// At home: it is in the copy.
    Home(RecordId),
    /// Moved: its bytes are in `body`.
    Moved(RecordId),
}
//# end

impl<'a, P: Pager> Scan<'a, P> {
    /// A scan of the heap that starts at page `heap`. It begins at slot `slot` of page `page`. Nothing is
    /// read yet.
    pub(crate) fn new(pager: &'a P, heap: PageId, page: PageId, slot: usize) -> Self {
        //+ Scan { pager, heap, next: page, next_slot: slot, circle: CircleCheck::new() }
        //# hide
        Scan {
            pager,
            heap,
            copy: SlottedPage::assume_valid(Box::new([0; PAGE_SIZE])),
            slot: 0,
            body: Vec::new(),
            next: page,
            next_slot: slot,
            circle: CircleCheck::new(),
        }
        //# end
    }

    /// The next record, without a copy of its own; `None` at the end. It is there until the next call.
    ///
    /// # Ensures
    /// N1 to N3. A record whose page was read, and that is deleted before its turn comes, may be returned or
    /// not; it is no error.
    ///
    /// # Errors
    /// The pager's; [`Error::NotInHeap`] if the chain, or the page where the scan begins, is not the heap's;
    /// [`Error::BadHeapPage`] with [`HeapDamage::Circle`] if the chain comes back
    /// to itself (some records may have been returned twice by then), or for damage in a page. The scan is
    /// over then.
    ///
    /// # Cost
    /// N2: a page read for each page of the chain and each moved record, by [`read_once`](Pager::read_once).
    pub fn next_record(&mut self) -> Result<Option<(RecordId, &[u8])>, Error> {
        //# task 3.6 find the next record
        //+ // Nudge: which of a moved record's two slots stays where it is while the scan goes on?
        //+ // Nudge: a page that was read once is enough for all of its records.
        let found = self.advance();
        if found.is_err() {
            (self.next, self.slot) = (PageId::NONE, usize::MAX);
        }
        Ok(found?.map(|found| match found {
            Found::Moved(id) => (id, &self.body[..]),
            Found::Home(id) => match stored(&self.copy, id) {
                Ok(Stored::Home(data)) => (id, data),
                _ => unreachable!("the copy does not change between two looks at it"),
            },
        }))
        //# end
    }

    //# hide
    /// Goes on to the next record: N1.
    ///
    /// # Ensures
    /// `Some`: where it is, and `slot` is the one after it. A record at home is found in the copy. For a
    /// forward, the body is put into `body`: read where the forward leads if it is still there, else found
    /// from home again; a record that is gone meanwhile is passed over. `None`: the copy is used up and there
    /// is no next page.
    ///
    /// # Errors
    /// As [`next_record`](Self::next_record).
    fn advance(&mut self) -> Result<Option<Found>, Error> {
        loop {
            while self.slot < self.copy.slot_count() {
                let id = RecordId { page: self.copy.id(), slot: SlotId(self.slot as u16) };
                self.slot += 1;
                match stored(&self.copy, id) {
                    Ok(Stored::Home(_)) => return Ok(Some(Found::Home(id))),
                    Ok(Stored::Forward(target)) => {
                        if self.fetch_body(id, target)? {
                            return Ok(Some(Found::Moved(id)));
                        }
                    }
                    Ok(Stored::Moved { .. }) | Err(Error::NoRecord { .. }) => {}
                    Err(damage) => return Err(damage),
                }
            }
            if !self.load_next()? {
                return Ok(None);
            }
        }
    }

    /// Copies the next page, under its latch, and goes to the slot to begin at; false if there is no next
    /// page.
    ///
    /// # Ensures
    /// No guard is held (N3). `next` is the page after it, whose records are to be returned from slot 0.
    ///
    /// # Errors
    /// The pager's, [`Error::NotInHeap`], [`HeapDamage::Circle`].
    fn load_next(&mut self) -> Result<bool, Error> {
        if self.next == PageId::NONE {
            return Ok(false);
        }
        if self.circle.is_back_at(self.next) {
            return Err(Error::BadHeapPage { page: self.next, what: HeapDamage::Circle });
        }
        let page = self.pager.read_once(self.next)?;
        let next = format::next(&format::view(&*page, self.heap)?);
        self.copy = SlottedPage::assume_valid(Box::new(*page));
        (self.slot, self.next_slot, self.next) = (self.next_slot, 0, next);
        Ok(true)
    }

    /// Puts the moved record `id` into `body`; false if it is gone.
    fn fetch_body(&mut self, id: RecordId, target: RecordId) -> Result<bool, Error> {
        let body = &mut self.body;
        let mut copy = |data: &[u8]| {
            body.clear();
            body.extend_from_slice(data);
        };
        let is_there = match self.pager.read_once(target.page) {
            Ok(page) => show_moved(&page, self.heap, id, target, &mut copy),
            Err(error) if is_no_heap_page(&error) => false,
            Err(error) => return Err(error),
        };
        if is_there {
            return Ok(true);
        }
        match read_record(self.pager, self.heap, id, &mut copy) {
            Ok(()) => Ok(true),
            Err(Error::NoRecord { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
    //# end
}

impl<P: Pager> Iterator for Scan<'_, P> {
    type Item = Result<(RecordId, Vec<u8>), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_record().map(|found| found.map(|(id, data)| (id, data.to_vec()))).transpose()
    }
}

impl<P: Pager> fmt::Debug for Scan<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan").field("heap", &self.heap.0).field("next", &self.next.0).finish()
    }
}
