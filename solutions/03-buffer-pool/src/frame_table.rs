//! Which page is in which frame, and which frame may be given to another page (task 3.1). No I/O, no latches: the pool asks
//! it under one lock and does everything slow outside of that lock.

use kit::sync::Arc;
use slotted_page::PageId;
use structures::{HashMap, LruK};

use crate::page_hash::PageHash;
use crate::{Error, PinCounts};

/// How many accesses back the replacer looks.
const K: usize = 2;

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
    /// Where each page is that is not absent: its frame, or `None` while it is busy.
    places: HashMap<PageId, Option<FrameId>, PageHash>,
    /// What each frame holds.
    frames: Vec<FrameState>,
    /// Frames that hold no page and that nobody pins.
    free: Vec<FrameId>,
    /// Frames whose page was detached while it was pinned.
    detached: Vec<FrameId>,
    /// The replacer. Knows the frames that hold a page.
    replacer: LruK,
    /// The frames that were pinned since they were last seen unpinned.
    touched: Vec<FrameId>,
}

/// What the table knows of a frame.
#[derive(Clone, Copy, Debug, Default)]
struct FrameState {
    /// The page whose bytes are in the frame: resident, or a victim on its way out.
    page: Option<PageId>,
    /// True if the frame is in `touched`.
    is_touched: bool,
}

impl FrameTable {
    /// A table for as many frames as `pins` has, all of them free.
    pub fn new(pins: Arc<PinCounts>) -> Self {
        let count = pins.len();
        FrameTable {
            pins,
            places: HashMap::with_capacity_and_hasher(2 * count, PageHash::default()),
            frames: vec![FrameState::default(); count],
            free: (0..count).rev().map(FrameId).collect(),
            detached: Vec::new(),
            replacer: LruK::new(K).expect("K is not 0"),
            touched: Vec::with_capacity(count),
        }
    }

    /// Where `page` is.
    pub fn lookup(&self, page: PageId) -> Lookup {
        match self.places.get(&page) {
            Some(Some(frame)) => Lookup::Resident(*frame),
            Some(None) => Lookup::Busy,
            None => Lookup::Absent,
        }
    }

    /// Pins the frame of a resident page, and counts the access as `access` says.
    pub fn pin(&mut self, frame: FrameId, access: Access) {
        self.hold(frame);
        match access {
            Access::Again => self.replacer.record_access(frame.0),
            Access::Once => (),
        }
    }

    /// Pins the frame of a resident page for the pool's own purposes: no access is counted.
    pub fn hold(&mut self, frame: FrameId) {
        self.touch(frame);
        self.pins.add(frame);
    }

    /// Takes a frame for the absent page `page`: a free one, or that of the victim of LRU-2 among the unpinned.
    pub fn claim(&mut self, page: PageId) -> Result<Claim, Error> {
        let (frame, victim) = match self.take_free() {
            Some(frame) => (frame, None),
            None => self.take_victim()?,
        };
        self.places.insert(page, None);
        self.pins.add(frame);
        Ok(Claim { page, frame, victim })
    }

    /// The victim's bytes are safe on disk, or were never changed: it is absent from now on.
    pub fn evicted(&mut self, claim: &mut Claim) {
        if let Some(victim) = claim.victim.take() {
            self.places.remove(&victim);
            self.forget(claim.frame);
        }
    }

    /// The page's bytes are in the frame: it is resident from now on, and its first access is counted. Still pinned.
    pub fn publish(&mut self, claim: Claim) {
        assert_eq!(claim.victim, None, "the victim must be gone before its frame is another page's");
        self.places.insert(claim.page, Some(claim.frame));
        self.frames[claim.frame.0].page = Some(claim.page);
        self.replacer.record_access(claim.frame.0);
        self.touch(claim.frame);
    }

    /// The page will not come in. It is absent; its frame is the victim's again as before, or free if the victim is gone. The pin is given back.
    pub fn cancel(&mut self, claim: Claim) {
        self.places.remove(&claim.page);
        self.pins.release(claim.frame);
        match claim.victim {
            Some(victim) => drop(self.places.insert(victim, Some(claim.frame))),
            None => self.free.push(claim.frame),
        }
    }

    /// Takes a resident page out without asking whether it is pinned: it was freed. It is absent from now on; its frame is free once nobody pins it.
    pub fn detach(&mut self, page: PageId) {
        if let Lookup::Resident(frame) = self.lookup(page) {
            self.places.remove(&page);
            self.forget(frame);
            self.detached.push(frame);
        }
    }

    /// The resident pages with their frames, in the order of frames.
    pub fn resident(&self) -> Vec<(PageId, FrameId)> {
        let mut pages = self.in_frames();
        pages.retain(|(page, frame)| self.lookup(*page) == Lookup::Resident(*frame));
        pages
    }

    /// The pages whose bytes are in a frame, in the order of frames: the resident ones, and the victims on their way out.
    pub fn in_frames(&self) -> Vec<(PageId, FrameId)> {
        let pages = self.frames.iter().enumerate();
        pages.filter_map(|(frame, state)| Some((state.page?, FrameId(frame)))).collect()
    }

    //# hide
    /// A frame that holds no page.
    fn take_free(&mut self) -> Option<FrameId> {
        if self.free.is_empty() {
            let pins = &self.pins;
            self.free.extend(self.detached.extract_if(.., |frame| pins.get(*frame) == 0));
        }
        self.free.pop()
    }

    /// The frame that LRU-2 gives away, with its page, which becomes busy. Its history is kept: it may have to stay.
    fn take_victim(&mut self) -> Result<(FrameId, Option<PageId>), Error> {
        self.settle();
        let frame = self.replacer.victim().ok_or(Error::AllPinned { frames: self.frames.len() })?;
        let frame = FrameId(frame);
        self.touch(frame);
        let victim = self.frames[frame.0].page.expect("the replacer knows only frames with a page");
        self.places.insert(victim, None);
        Ok((frame, Some(victim)))
    }

    /// Notes that `frame` is about to be pinned.
    fn touch(&mut self, frame: FrameId) {
        let state = &mut self.frames[frame.0];
        if !state.is_touched {
            state.is_touched = true;
            self.touched.push(frame);
            self.tell(frame, false);
        }
    }

    /// Tells the replacer which of the touched frames are unpinned by now.
    fn settle(&mut self) {
        let touched = std::mem::take(&mut self.touched);
        let (pinned, unpinned): (Vec<_>, Vec<_>) =
            touched.into_iter().partition(|frame| self.pins.get(*frame) > 0);
        self.touched = pinned;
        for frame in unpinned {
            let state = &mut self.frames[frame.0];
            state.is_touched = false;
            if state.page.is_some() {
                self.tell(frame, true);
            }
        }
    }

    /// Tells the replacer whether the frame, which holds a page, may be evicted.
    fn tell(&mut self, frame: FrameId, is_evictable: bool) {
        self.replacer.set_evictable(frame.0, is_evictable).expect("a frame that holds a page is known");
    }

    /// The frame's page is gone.
    fn forget(&mut self, frame: FrameId) {
        self.frames[frame.0].page = None;
        self.tell(frame, true);
        self.replacer.remove(frame.0).expect("the frame was just made evictable");
    }
    //# end
}
