//! The frame table: which page is in which frame, and which frame may be given to another page (task 3.1).
//!
//! Called by the pool under its one lock; calls the hash map and LRU-K of lab 1. It does no I/O and takes no
//! latch, so that everything slow can be done outside of the lock: the pool *claims* a frame, does the work,
//! and comes back to say how it went.
//!
//! ```text
//!   page               frame               page      frame
//!   table              pins                table     pins
//!   +----------+       +-------------+
//!   | 12 -> 0  | ----> | 0: page 12  | 2   resident, pinned twice
//!   | 31 -> 1  | ----> | 1: page 31  | 0   resident, may be evicted
//!   | 40  busy |       | 2: page 17  | 1   17 goes out, 40 comes in
//!   | 17  busy |       | 3:          | 0   free
//!   +----------+       | 4:          | 1   detached: its page was
//!                      +-------------+     freed, a thread waits there
//! ```
//!
//! A page's way through the pool; each arrow is a call:
//!
//! ```text
//!               claim               publish
//!     absent ----------> busy, in -----------> resident
//!        ^                  |                   |  |  ^
//!        |<-----------------+                   |  |  | cancel
//!        |      cancel         detach           |  |  |
//!        |<-------------------------------------+  v  |
//!        |                                     busy, out
//!        |<----------------------------------------+
//!                          evicted      (claim for another page)
//! ```
//!
//! # Invariants
//! - **T1** A page is in one frame at most. `places` has a frame for exactly the resident pages, and `None`
//!   for exactly the busy ones.
//! - **T2** `frames[f].page` is the page whose bytes are in frame `f`: a resident one, or a victim that is
//!   being evicted.
//! - **T3** A frame is in exactly one state: free (in `free`), detached (in `detached`), claimed (a [`Claim`]
//!   names it, and holds one pin), or in use by a resident page.
//! - **T4** A pinned frame is never given away: it is not in `free`, and the replacer does not think that it
//!   may be evicted.
//! - **T5** The victim of a claim is the one of LRU-2 among the frames that hold a page and are unpinned at
//!   that moment.
//# hide
//! - **T6** The replacer knows exactly the frames that hold a page (T2). It thinks that one of them may be
//!   evicted exactly if it is not in `touched`, and each of them that is pinned is in `touched`. A frame that
//!   lost its page may stay there until the next claim that looks.
//# end
//!
//! # Which frames are unpinned
//!
//! A pin is given back without the lock (P1 of [`PinCounts`]), so the table is not notified when a count
//+ //! becomes zero. When it finds out, and what it has to remember for that, is for you to decide: add the
//+ //! fields that you need. T5 must hold, and a hit must cost no search.
//+ //!
//+ //! The fields that are given may be replaced too. Tests use the public functions alone.
//# hide
//! becomes zero. It finds out when it needs a victim: a frame that is pinned is noted in `touched` and is not
//! evictable; when a victim is wanted, the touched frames that are no longer pinned are made evictable again.
//! So a hit costs no search in the replacer's order, and still T5 holds.
//# end
//!
//! # What is left out, and its price
//# hide
//! - A claim looks at each frame touched since the last one. With many pins held for long, that is a pass
//!   over all of them.
//# end
//! - A victim that cannot be written stays the next victim: as long as its write fails, so does each miss
//!   that needs a frame.
//!
//! Source: Effelsberg and Haerder, "Principles of Database Buffer Management", ACM TODS 9(4), 1984, sections
//! 2 and 4; LRU-K as in lab 1.

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
    /// It does not: a scan reads the page once.
    Once,
}

/// Where a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// In this frame, ready for use.
    Resident(FrameId),
    /// Being brought in or evicted: wait.
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
    /// The page whose frame it was, if the frame was in use. Busy too, until [`FrameTable::evicted`] or
    /// [`FrameTable::cancel`].
    pub victim: Option<PageId>,
}

/// The bookkeeping of the pool. See the [module](self) for its states and rules.
pub struct FrameTable {
    /// Pins of each frame. Grow only here.
    pins: Arc<PinCounts>,
    /// Where each page is that is not absent: its frame, or `None` while it is busy (T1).
    places: HashMap<PageId, Option<FrameId>, PageHash>,
    /// What each frame holds, by its number.
    frames: Vec<FrameState>,
    /// Frames that hold no page and are unpinned. The last is taken first.
    free: Vec<FrameId>,
    /// Frames whose page was detached. Free as soon as they are unpinned.
    detached: Vec<FrameId>,
    /// Picks the victim.
    replacer: LruK,
    //+ // Yours: what the table remembers to know which frames are unpinned.
    //# hide
    /// The frames that were pinned since they were last seen unpinned, each once. See T6.
    touched: Vec<FrameId>,
    //# end
}

/// What the table knows of a frame.
#[derive(Clone, Copy, Debug, Default)]
struct FrameState {
    /// The page whose bytes are in the frame: resident, or a victim that is being evicted.
    page: Option<PageId>,
    //# hide
    /// True if the frame is in `touched`.
    is_touched: bool,
    //# end
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
            //# hide
            touched: Vec::with_capacity(count),
            //# end
        }
    }

    /// Where `page` is.
    #[inline]
    pub fn lookup(&self, page: PageId) -> Lookup {
        match self.places.get(&page) {
            Some(Some(frame)) => Lookup::Resident(*frame),
            Some(None) => Lookup::Busy,
            None => Lookup::Absent,
        }
    }

    /// Pins the frame of a resident page, and counts the access as `access` says.
    ///
    /// # Requires
    /// A page is resident in `frame`.
    ///
    /// # Ensures
    /// One pin more, and the frame is not evictable (T4). [`Access::Again`] is an access in the sense of
    /// LRU-K; [`Access::Once`] is none: once the pin is given back, the frame's turn to be evicted is what it
    /// was before.
    ///
    /// # Cost
    /// O(1) if the frame was pinned since the last claim, else O(log frames).
    #[inline]
    pub fn pin(&mut self, frame: FrameId, access: Access) {
        match access {
            Access::Again => self.pin_again(frame),
            Access::Once => self.pin_once(frame),
        }
    }

    /// Pins a frame for [`Access::Again`].
    #[inline]
    fn pin_again(&mut self, frame: FrameId) {
        //# task 3.1 pin a frame and count the access
        self.hold(frame);
        self.replacer.record_access(frame.0);
        //# end
    }

    /// Pins a frame for [`Access::Once`].
    #[inline]
    fn pin_once(&mut self, frame: FrameId) {
        //# task 3.4 pin a frame for one look
        //+ // Nudge: which two things does a pin do, and which of them makes a page look popular?
        self.hold(frame);
        //# end
    }

    /// Pins the frame of a resident page for the pool's own purposes, which are no access: to write the page.
    ///
    /// # Requires
    /// A page is resident in `frame`.
    ///
    /// # Ensures
    /// One pin more, and the frame is not evictable (T4).
    ///
    /// # Cost
    /// As [`pin`](Self::pin).
    #[inline]
    pub fn hold(&mut self, frame: FrameId) {
        //# task 3.1 hold a frame
        //+ // Nudge: what must a later claim find out about this frame, and when?
        self.touch(frame);
        self.pins.add(frame);
        //# end
    }

    /// Takes a frame for the page `page`: a free one if there is any, else that of the victim.
    ///
    /// # Requires
    /// `page` is absent.
    ///
    /// # Ensures
    /// `page` is busy, and the frame is pinned once. The victim is the one of LRU-2 among the unpinned
    /// frames: the greatest backward 2-distance first, an infinite one before all others and among those the
    /// least recently used. It is busy too, its bytes are still in the frame, and its history is kept,
    /// because the claim may be cancelled. A detached frame that is no longer pinned is a free one.
    ///
    /// # Errors
    /// [`Error::AllPinned`]; nothing changed then.
    ///
    /// # Cost
    /// No search if there is a free frame. Else O(log frames) for each frame pinned since the last claim.
    pub fn claim(&mut self, page: PageId) -> Result<Claim, Error> {
        //# task 3.1 claim a frame
        //+ // Nudge: which frames can have been unpinned since the table last looked?
        //+ // Nudge: LruK::victim looks, LruK::evict forgets. Which one can be taken back?
        let (frame, victim) = match self.take_free() {
            Some(frame) => (frame, None),
            None => self.take_victim()?,
        };
        self.places.insert(page, None);
        self.pins.add(frame);
        Ok(Claim { page, frame, victim })
        //# end
    }

    /// The victim's bytes are safe on disk, or were never changed: it is absent from now on. Does nothing if
    /// there is no victim.
    ///
    /// # Ensures
    /// `claim.victim` is `None`, and the frame holds no page: nothing is known of its uses.
    ///
    /// # Cost
    /// O(log frames).
    pub fn evicted(&mut self, claim: &mut Claim) {
        //# task 3.1 let the victim go
        if let Some(victim) = claim.victim.take() {
            self.places.remove(&victim);
            self.forget(claim.frame);
        }
        //# end
    }

    /// The page's bytes are in the frame: it is resident from now on, and that it was brought in counts as
    /// its first access, whatever the call is for. The claim's pin stays: it is the caller's now.
    ///
    /// # Panics
    /// The claim still has a victim (T1: two pages in one frame).
    ///
    /// # Cost
    /// O(log frames).
    pub fn publish(&mut self, claim: Claim) {
        assert_eq!(claim.victim, None, "T1: the victim must be gone before its frame is another page's");
        //# task 3.1 publish a page
        self.places.insert(claim.page, Some(claim.frame));
        self.frames[claim.frame.0].page = Some(claim.page);
        self.replacer.record_access(claim.frame.0);
        self.touch(claim.frame);
        //# end
    }

    /// The page will not come in: it is absent. The claim's pin is given back.
    ///
    /// # Ensures
    /// If the victim is still there, it is resident in its frame as before, with its history; else the frame
    /// is free.
    ///
    /// # Cost
    /// O(1).
    pub fn cancel(&mut self, claim: Claim) {
        //# task 3.1 cancel a claim
        self.places.remove(&claim.page);
        self.pins.release(claim.frame);
        match claim.victim {
            Some(victim) => drop(self.places.insert(victim, Some(claim.frame))),
            None => self.free.push(claim.frame),
        }
        //# end
    }

    /// Takes a resident page out of the table, pinned or not: it was freed. Does nothing if the page is not
    /// resident.
    ///
    /// # Ensures
    /// The page is absent, so its number can come back in another frame. The frame it was in is detached: a
    /// thread that has it pinned can still look there, and it is free when the last pin is given back.
    ///
    /// # Cost
    /// O(log frames).
    pub fn detach(&mut self, page: PageId) {
        //# task 3.1 detach a page
        //+ // Nudge: LruK::remove takes only evictable frames.
        if let Lookup::Resident(frame) = self.lookup(page) {
            self.places.remove(&page);
            self.forget(frame);
            self.detached.push(frame);
        }
        //# end
    }

    /// The resident pages with their frames, in the order of frames.
    pub fn resident(&self) -> Vec<(PageId, FrameId)> {
        let mut pages = self.in_frames();
        pages.retain(|(page, frame)| self.lookup(*page) == Lookup::Resident(*frame));
        pages
    }

    /// The pages whose bytes are in a frame, in the order of frames: the resident ones, and the victims that
    /// are being evicted.
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

    /// The frame that LRU-2 gives away, with its page, which becomes busy. Its history is kept: it may have
    /// to stay.
    fn take_victim(&mut self) -> Result<(FrameId, Option<PageId>), Error> {
        self.note_unpinned();
        let frame = self.replacer.victim().ok_or(Error::AllPinned { frames: self.frames.len() })?;
        let frame = FrameId(frame);
        self.touch(frame);
        let victim = self.frames[frame.0].page.expect("T6: the replacer knows only frames with a page");
        self.places.insert(victim, None);
        Ok((frame, Some(victim)))
    }

    /// Notes that `frame` is about to be pinned.
    #[inline]
    fn touch(&mut self, frame: FrameId) {
        let state = &mut self.frames[frame.0];
        if !state.is_touched {
            state.is_touched = true;
            self.touched.push(frame);
            self.tell(frame, false);
        }
    }

    /// Tells the replacer which of the touched frames are unpinned by now (T6).
    fn note_unpinned(&mut self) {
        let FrameTable { pins, frames, replacer, touched, .. } = self;
        touched.retain(|frame| {
            let state = &mut frames[frame.0];
            state.is_touched = pins.get(*frame) > 0;
            if !state.is_touched && state.page.is_some() {
                replacer.set_evictable(frame.0, true).expect("T6: a frame that holds a page is known");
            }
            state.is_touched
        });
    }

    /// Tells the replacer whether the frame, which holds a page, may be evicted.
    fn tell(&mut self, frame: FrameId, is_evictable: bool) {
        self.replacer.set_evictable(frame.0, is_evictable).expect("T6: a frame that holds a page is known");
    }

    /// The frame's page is gone.
    fn forget(&mut self, frame: FrameId) {
        self.frames[frame.0].page = None;
        self.tell(frame, true);
        self.replacer.remove(frame.0).expect("the frame was just made evictable");
    }
    //# end
}
