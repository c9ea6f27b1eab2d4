//! The pages that one operation holds. Given, but for finding a record's pages.
//!
//! An operation that changes several pages latches all of them before the first change (rule U3 of
//! [`Pager`]), each once (U1), and only in the order of the chain does it wait (U2):
//!
//! ```text
//!   insert   wait(first), wait(last), new page
//!   update   wait(home), attempt(body), attempt(another page) or new page
//!   delete   wait(home), attempt(body)
//!                        |
//!                        +-- somebody holds it: let go of everything, and all over again
//! ```

use slotted_page::{PageBuf, PageId, PageKind, SlotId, SlottedPage, header};

use super::format;
use crate::{Error, Pager, RecordId};

//# hide
use super::chain::is_no_heap_page;
use super::format::{Stored, stored};
use crate::HeapDamage;
//# end

/// What to do about a latch that somebody holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LatchMode {
    /// Wait for it.
    Wait,
    /// Do without.
    Try,
}

/// Write latches on pages of one heap, numbered from 0 in the order in which they were taken. Dropped
/// together.
pub(super) struct Latches<'p, P: Pager> {
    pager: &'p P,
    heap: PageId,
    held: Vec<P::Write<'p>>,
}

/// Where a record is, as numbers of latched pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The page that its record id names.
    pub(super) home: usize,
    /// The page and slot it moved to, if it did.
    pub(super) body: Option<(usize, SlotId)>,
}

impl<'p, P: Pager> Latches<'p, P> {
    /// None yet.
    pub(super) fn new(pager: &'p P, heap: PageId) -> Self {
        Latches { pager, heap, held: Vec::new() }
    }

    /// The number of page `id`, if it is held.
    pub(super) fn number_of(&self, id: PageId) -> Option<usize> {
        self.held.iter().position(|page| header::id(page) == id)
    }

    /// Latches page `id`, unless it is held already, and says its number. `None`: somebody else has it, and
    /// the mode is [`Try`](LatchMode::Try).
    ///
    /// # Errors
    /// Those of the pager, and [`Error::NotInHeap`].
    pub(super) fn latch(&mut self, id: PageId, mode: LatchMode) -> Result<Option<usize>, Error> {
        if let Some(number) = self.number_of(id) {
            return Ok(Some(number));
        }
        let page = match mode {
            LatchMode::Wait => Some(self.pager.write(id)?),
            LatchMode::Try => self.pager.try_write(id)?,
        };
        let Some(page) = page else { return Ok(None) };
        format::view(&*page, self.heap)?;
        self.held.push(page);
        Ok(Some(self.held.len() - 1))
    }

    /// As [`latch`](Self::latch), and waits.
    pub(super) fn wait(&mut self, id: PageId) -> Result<usize, Error> {
        Ok(self.latch(id, LatchMode::Wait)?.expect("a call that waits gets the latch"))
    }

    /// Allocates an empty page of the heap. It is linked nowhere yet.
    pub(super) fn allocate(&mut self) -> Result<usize, Error> {
        let mut page = self.pager.allocate(PageKind::HEAP)?;
        format::init(&mut page, self.heap);
        self.held.push(page);
        Ok(self.held.len() - 1)
    }

    /// Lets go of the page latched last.
    pub(super) fn pop(&mut self) {
        self.held.pop();
    }

    /// How many pages are held.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// A page, for reading. It does not count as changed.
    pub(super) fn page(&self, number: usize) -> SlottedPage<&PageBuf> {
        SlottedPage::assume_valid(&self.held[number])
    }

    /// A page, for changing.
    pub(super) fn page_mut(&mut self, number: usize) -> SlottedPage<&mut PageBuf> {
        SlottedPage::assume_valid(&mut self.held[number])
    }

    /// Latches the pages of record `id`: its home, and where its bytes are if it moved.
    ///
    /// # Ensures
    /// `Some`: the place; nobody else can read, change or move the record until the latches are dropped.
    /// `None`: somebody holds the page it moved to. For a home page that is held and a body that cannot be
    /// had, waiting is against the order (U2). Nothing is changed.
    ///
    /// # Errors
    /// Those of the pager for the home page, [`Error::NotInHeap`], [`Error::NoRecord`] (also if a record of
    /// another home lies there), [`HeapDamage::BadTag`](crate::HeapDamage::BadTag).
    /// [`HeapDamage::BadForward`](crate::HeapDamage::BadForward) if the forward leads to its own page, to a
    /// page that is not the heap's, or to anything but a moved record that names `id` as its home (H3): with
    /// both pages latched it cannot be that the record is just being moved.
    ///
    /// # Cost
    /// One page, two for a moved record.
    pub(super) fn record(&mut self, id: RecordId) -> Result<Option<Place>, Error> {
        //# task 3.5 latch the pages of a record
        //+ // Nudge: `stored` tells what is in a slot, `latch` knows what is held already.
        let home = self.wait(id.page)?;
        let target = match stored(&self.page(home), id)? {
            Stored::Home(_) => return Ok(Some(Place { home, body: None })),
            Stored::Moved { .. } => return Err(Error::NoRecord { record: id }),
            Stored::Forward(target) => target,
        };
        let damage = HeapDamage::BadForward { record: id, target };
        let bad_forward = Error::BadHeapPage { page: id.page, what: damage };
        if target.page == id.page {
            return Err(bad_forward);
        }
        let body = match self.latch(target.page, LatchMode::Try) {
            Ok(Some(body)) => body,
            Ok(None) => return Ok(None),
            Err(error) if is_no_heap_page(&error) => return Err(bad_forward),
            Err(error) => return Err(error),
        };
        match stored(&self.page(body), target) {
            Ok(Stored::Moved { home: named, .. }) if named == id => {
                Ok(Some(Place { home, body: Some((body, target.slot)) }))
            }
            _ => Err(bad_forward),
        }
        //# end
    }
}
