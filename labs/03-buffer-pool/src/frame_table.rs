//! Which page is in which frame, and which frame may be given to another page (task 3.1). No I/O, no latches: the pool asks
//! it under one lock and does everything slow outside of that lock.

use kit::sync::Arc;
use slotted_page::PageId;

use crate::{Error, PinCounts};

/// Number of a frame of the pool, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId(pub usize);

/// Whether an access says that the page will be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It does: count it.
    Again,
    /// It does not: a scan passes by.
    Once,
}

/// Where a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// In this frame, ready for use.
    Resident(FrameId),
    /// On its way in or out: wait.
    Busy,
    /// Not in the pool.
    Absent,
}

/// A frame taken for a page that is to come in.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the page stays busy until the claim is settled"]
pub struct Claim {
    /// The page that is to come in. Busy.
    pub page: PageId,
    /// Its frame, pinned once.
    pub frame: FrameId,
    /// The page whose frame it was, if the frame was in use. Busy too, until [`FrameTable::evicted`] or [`FrameTable::cancel`].
    pub victim: Option<PageId>,
}

/// The bookkeeping of the pool.
pub struct FrameTable {
    pins: Arc<PinCounts>,
}

impl FrameTable {
    /// A table for as many frames as `pins` has, all of them free.
    pub fn new(pins: Arc<PinCounts>) -> Self {
        FrameTable { pins }
    }

    /// Where `page` is.
    pub fn lookup(&self, page: PageId) -> Lookup {
        todo!()
    }

    /// Pins the frame of a resident page, and counts the access as `access` says.
    pub fn pin(&mut self, frame: FrameId, access: Access) {
        todo!()
    }

    /// Takes a frame for the absent page `page`: a free one, or that of the victim of LRU-2 among the unpinned.
    pub fn claim(&mut self, page: PageId) -> Result<Claim, Error> {
        todo!()
    }

    /// The victim's bytes are safe on disk, or were never changed: it is absent from now on.
    pub fn evicted(&mut self, claim: &mut Claim) {
        todo!()
    }

    /// The page's bytes are in the frame: it is resident from now on, and its first access is counted. Still pinned.
    pub fn publish(&mut self, claim: Claim) {
        todo!()
    }

    /// The page will not come in. It is absent; its frame is the victim's again as before, or free if the victim is gone. The pin is given back.
    pub fn cancel(&mut self, claim: Claim) {
        todo!()
    }

    /// Takes a resident page out without asking whether it is pinned: it was freed. It is absent from now on; its frame is free once nobody pins it.
    pub fn detach(&mut self, page: PageId) {
        todo!()
    }

    /// The resident pages with their frames, in the order of frames.
    pub fn resident(&self) -> Vec<(PageId, FrameId)> {
        todo!()
    }
}
