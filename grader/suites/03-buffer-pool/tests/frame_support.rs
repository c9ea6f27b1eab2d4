//! What the tests of the frame table share: a table with its pins, and the checks of the invariants T1 to T4
//! through public functions, made after each step.

use std::collections::{BTreeMap, BTreeSet};

use buffer_pool::{Access, BufferPool, Claim, Error, FrameId, FrameTable, Lookup, PinCounts};
use kit::sync::Arc;
use slotted_page::PageId;
use testkit::{Failure, check, check_eq};

/// Page numbers from here on are used by no test, so a claim for one of them finds it absent.
const UNUSED_PAGES: u32 = 1 << 30;

/// A table with the pins that it shares with whatever pins and unpins.
pub(crate) struct Frames {
    pub(crate) table: FrameTable,
    pub(crate) pins: Arc<PinCounts>,
}

impl Frames {
    pub(crate) fn new(frames: usize) -> Self {
        testkit::step!("let table = FrameTable::new(pins) // {frames} frames");
        let pins = Arc::new(PinCounts::new(frames));
        Frames { table: FrameTable::new(pins.clone()), pins }
    }

    /// Claims a frame for page `page`; must succeed.
    pub(crate) fn claim(&mut self, page: u32) -> Claim {
        let page = PageId(page);
        match self.table.claim(page) {
            Ok(claim) => {
                testkit::step!("table.claim({page}) == {claim:?}");
                check_eq!(claim.page, page, "the page of the claim");
                self.check();
                claim
            }
            Err(error) => Failure::new(format!("claim({page}) with a frame that is free or unpinned"))
                .found(error)
                .expected_text("Ok")
                .raise(),
        }
    }

    /// Brings a page in, with its victim out if it has one. It stays pinned once.
    pub(crate) fn load(&mut self, page: u32) -> FrameId {
        let claim = self.claim(page);
        self.complete(claim)
    }

    /// The victim of the claim goes, if it has one, and its page comes.
    pub(crate) fn complete(&mut self, mut claim: Claim) -> FrameId {
        let frame = claim.frame;
        if claim.victim.is_some() {
            testkit::step!("table.evicted(&mut claim)");
            self.table.evicted(&mut claim);
            self.check();
        }
        testkit::step!("table.publish(claim)");
        self.table.publish(claim);
        self.check();
        frame
    }

    /// Brings a page in and unpins it.
    pub(crate) fn visit(&mut self, page: u32) {
        let frame = self.load(page);
        self.release(frame);
    }

    pub(crate) fn release(&self, frame: FrameId) {
        testkit::step!("pins.release({frame:?})");
        self.pins.release(frame);
    }

    pub(crate) fn frame_of(&self, page: u32) -> FrameId {
        match self.table.lookup(PageId(page)) {
            Lookup::Resident(frame) => frame,
            found => Failure::new(format!("lookup of page {page}, which is in a frame"))
                .found(found)
                .expected_text("Resident(..)")
                .raise(),
        }
    }

    /// Pins a resident page, which counts, and unpins it.
    pub(crate) fn touch(&mut self, page: u32) {
        let frame = self.pin(page);
        self.release(frame);
    }

    pub(crate) fn pin(&mut self, page: u32) -> FrameId {
        self.pin_as(page, Access::Again)
    }

    fn pin_as(&mut self, page: u32, access: Access) -> FrameId {
        let frame = self.frame_of(page);
        let before = self.pins.get(frame);
        testkit::step!("table.pin({frame:?}, {access:?}) // page {page}");
        self.table.pin(frame, access);
        check_eq!(self.pins.get(frame), before + 1, "pins of {frame:?} after one more pin");
        self.check();
        frame
    }

    /// Uses a page as `access` says: brings it in if it is not there. It stays pinned. Gives the page that
    /// left for it.
    pub(crate) fn want(&mut self, page: u32, access: Access) -> (FrameId, Option<u32>) {
        if self.table.lookup(PageId(page)) != Lookup::Absent {
            return (self.pin_as(page, access), None);
        }
        let claim = self.claim(page);
        let victim = claim.victim.map(|victim| victim.0);
        (self.complete(claim), victim)
    }

    /// As [`want`](Self::want), and unpins it.
    pub(crate) fn visit_as(&mut self, page: u32, access: Access) -> Option<u32> {
        let (frame, victim) = self.want(page, access);
        self.release(frame);
        victim
    }

    /// The pages that leave if new ones keep coming, in that order.
    pub(crate) fn victims(&mut self, first_new: u32) -> Vec<u32> {
        let residents = self.table.resident().len() as u32;
        let news = first_new..first_new + residents;
        let mut frames = Vec::new();
        let victims = news
            .filter_map(|page| {
                let claim = self.claim(page);
                let victim = claim.victim.map(|victim| victim.0);
                frames.push(self.complete(claim));
                victim
            })
            .collect();
        frames.into_iter().for_each(|frame| self.release(frame));
        victims
    }

    pub(crate) fn check_lookup(&self, page: u32, expected: Lookup, when: &str) {
        check_eq!(self.table.lookup(PageId(page)), expected, "lookup of page {page} {when}");
    }

    pub(crate) fn check_all_pinned(&mut self, page: u32) {
        let frames = self.pins.len();
        let found = self.table.claim(PageId(page)).err();
        check_eq!(found, Some(Error::AllPinned { frames }), "claim(page {page}) while every frame is pinned");
        self.check_lookup(page, Lookup::Absent, "after its claim was refused");
    }

    fn check(&self) {
        check_places(&self.table, &self.pins);
    }
}

/// T1 and T2: each page is in one frame at most, each frame holds one page at most, and `resident`,
/// `in_frames` and `lookup` agree.
pub(crate) fn check_places(table: &FrameTable, pins: &PinCounts) {
    let (resident, in_frames) = (table.resident(), table.in_frames());
    let pages: BTreeSet<PageId> = in_frames.iter().map(|(page, _)| *page).collect();
    check_eq!(pages.len(), in_frames.len(), "T1: different pages in frames, of {in_frames:?}");
    let is_ordered = in_frames.windows(2).all(|two| two[0].1 < two[1].1);
    check!(is_ordered, "T2: one page a frame, in the order of frames: {in_frames:?}");
    check!(in_frames.iter().all(|(_, frame)| frame.0 < pins.len()), "frames that exist: {in_frames:?}");
    for (page, frame) in &in_frames {
        let is_resident = resident.contains(&(*page, *frame));
        let expected = if is_resident { Lookup::Resident(*frame) } else { Lookup::Busy };
        check_eq!(table.lookup(*page), expected, "T1: lookup of {page}, whose bytes are in {frame:?}");
        check!(
            is_resident || pins.get(*frame) > 0,
            "T3: {frame:?} is pinned while {page} is evicted from it"
        );
    }
    check!(resident.iter().all(|entry| in_frames.contains(entry)), "{resident:?} are among {in_frames:?}");
}

/// T3 and T4, with all claims that are open: each claimed frame is claimed once, pinned, and holds the
/// claim's victim or no page.
pub(crate) fn check_claims<'a>(
    table: &FrameTable,
    pins: &PinCounts,
    claims: impl Iterator<Item = &'a Claim>,
) {
    let mut frames = BTreeSet::new();
    for claim in claims {
        check!(frames.insert(claim.frame), "T3: {:?} is claimed twice", claim.frame);
        check!(pins.get(claim.frame) > 0, "T3: {:?}, which is claimed, is pinned", claim.frame);
        check_eq!(table.lookup(claim.page), Lookup::Busy, "T1: lookup of {}, which is claimed", claim.page);
        let held = table.in_frames().into_iter().find(|(_, frame)| *frame == claim.frame);
        check_eq!(held.map(|(page, _)| page), claim.victim, "T2: the page in {:?}, claimed", claim.frame);
    }
}

/// T3 and T4: the frames add up. Claims every frame that can be had and cancels all of these claims: the free
/// frames come first, then the frames of all unpinned pages, each once; no pinned frame is given out.
pub(crate) fn check_sum(table: &mut FrameTable, pins: &PinCounts) {
    let before = table.resident();
    let holders: BTreeMap<FrameId, PageId> =
        table.in_frames().into_iter().map(|(page, frame)| (frame, page)).collect();
    let unpinned = (0..pins.len()).map(FrameId).filter(|frame| pins.get(*frame) == 0);
    let (pages, free): (Vec<FrameId>, Vec<FrameId>) = unpinned.partition(|frame| holders.contains_key(frame));
    let mut claims = Vec::new();
    testkit::step!("// every frame that can be had is claimed, and the claims are cancelled");
    let refused = loop {
        match table.claim(PageId(UNUSED_PAGES + claims.len() as u32)) {
            Ok(claim) => claims.push(claim),
            Err(error) => break error,
        }
        check!(claims.len() <= pins.len(), "T3: more claims than frames: {claims:?}");
    };
    check_eq!(refused, Error::AllPinned { frames: pins.len() }, "the error once no frame is left");
    let (first, rest) = claims.split_at(free.len().min(claims.len()));
    let mut found: Vec<FrameId> = first.iter().map(|claim| claim.frame).collect();
    found.sort_unstable();
    check_eq!(found, free, "T3: frames that are free: no page is in them, and they are not pinned");
    check!(first.iter().all(|claim| claim.victim.is_none()), "a free frame has no victim: {first:?}");
    let mut found: Vec<FrameId> = rest.iter().map(|claim| claim.frame).collect();
    found.sort_unstable();
    check_eq!(found, pages, "T4: frames whose page may be evicted: those that nobody pins");
    for claim in rest {
        check_eq!(claim.victim, holders.get(&claim.frame).copied(), "the victim of {claim:?}");
    }
    claims.into_iter().rev().for_each(|claim| table.cancel(claim));
    check_eq!(table.resident(), before, "resident pages after claims that were cancelled");
    check_places(table, pins);
}

/// The pool holds each page once, in as many frames as it has, and pages are pinned as `pinned` says: these
/// so often, no other.
pub(crate) fn check_pool(pool: &BufferPool, pinned: &BTreeMap<PageId, u32>) {
    let resident = pool.resident();
    check!(
        resident.windows(2).all(|two| two[0] < two[1]),
        "resident() is sorted, each page once: {resident:?}"
    );
    check!(resident.len() <= pool.frame_count(), "{} pages in {} frames", resident.len(), pool.frame_count());
    for (page, count) in pinned {
        check_eq!(pool.pin_count(*page), *count, "T4: pin_count({page}), by the guards that there are");
    }
    let mut others = resident.into_iter().filter(|page| !pinned.contains_key(page));
    let left = others.find(|page| pool.pin_count(*page) > 0);
    check_eq!(left, None, "a page that is pinned although no guard and no call holds it");
}
