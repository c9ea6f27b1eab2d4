//! The pages that one operation holds. Given: the order of latches, and the branches for damaged pages.
//!
//! An operation that changes several pages latches all of them before the first change (rule U3 of
//! [`Pager`]), each once (U1), and only in the order of the chain does it wait (U2):
//!
//! ```text
//!   end      wait(first), wait(last)
//!   record   wait(home), attempt(body)
//!                        |
//!                        +-- another thread holds it: let go of everything, and all over again
//! ```

use slotted_page::{PageBuf, PageId, PageKind, SlotId, SlottedPage, header};

use super::chain::is_no_heap_page;
use super::format::{self, Stored, stored};
use crate::{Error, HeapDamage, Pager, RecordId};

/// What to do about a latch that another thread holds.
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

    /// Latches page `id`, unless it is held already, and says its number. `None`: another thread has it,
    /// and the mode is [`Try`](LatchMode::Try).
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

    /// Latches the first page of the heap, then the last page of the chain, and returns the number of the
    /// last (that of the first, if there is only one).
    ///
    /// # Requires
    /// Nothing is held.
    ///
    /// # Errors
    /// [`HeapDamage::BadLast`] if `last` is not the end of the chain, or no page of the heap at all; else the
    /// pager's.
    pub(super) fn end(&mut self) -> Result<usize, Error> {
        let first = self.wait(self.heap)?;
        let end = format::last(&self.page(first));
        let damage = HeapDamage::BadLast { last: end };
        let bad_last = Error::BadHeapPage { page: self.heap, what: damage };
        let last = match self.wait(end) {
            Err(error) if is_no_heap_page(&error) => return Err(bad_last),
            other => other?,
        };
        if format::next(&self.page(last)) != PageId::NONE {
            return Err(bad_last);
        }
        Ok(last)
    }

    /// Latches the pages of record `id`: its home, and where its bytes are if it moved.
    ///
    /// # Ensures
    /// `Some`: the place; no other thread can read, change or move the record until the latches are dropped.
    /// `None`: another thread holds the page it moved to. To wait for it while home is held would be against
    /// the order (U2): drop the latches, yield, and start again. Nothing is changed.
    ///
    /// # Errors
    /// Those of the pager for the home page, [`Error::NotInHeap`], [`Error::NoRecord`] (also if a record of
    /// another home lies there), [`HeapDamage::BadTag`].
    /// [`HeapDamage::BadForward`] if the forward leads to its own page, to a
    /// page that is not the heap's, or to anything but a moved record that names `id` as its home (H3): with
    /// both pages latched it cannot be that the record is just being moved.
    ///
    /// # Cost
    /// One page, two for a moved record.
    pub(super) fn record(&mut self, id: RecordId) -> Result<Option<Place>, Error> {
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
    }
}
