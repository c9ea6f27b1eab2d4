//! Any sequence of calls, against a model that keeps every use of every page and searches all of them.

use std::collections::BTreeMap;

use buffer_pool::{Access, Claim, Error, FrameId, FrameTable, Lookup, PinCounts};
use kit::sync::Arc;
use proptest::collection::vec;
use proptest::prelude::*;
use slotted_page::PageId;
use testkit::{Failure, check, check_eq};

use crate::frame_support::{check_claims, check_places, check_sum};

/// A step; numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    /// Claims a frame for the page if it is absent, pins it if it is resident.
    Want(u32),
    /// Unpins one of the pinned frames.
    Release(usize),
    /// Goes on with one of the claims: says that its victim is out, if it has one, else publishes the page.
    Proceed(usize),
    /// Gives one of the claims up.
    Cancel(usize),
    /// Detaches one of the resident pages.
    Detach(usize),
    /// Claims all frames that can be had, and cancels the claims.
    Probe,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..9_u32).prop_map(Step::Want),
        6 => (0..64_usize).prop_map(Step::Release),
        4 => (0..64_usize).prop_map(Step::Proceed),
        1 => (0..64_usize).prop_map(Step::Cancel),
        1 => (0..64_usize).prop_map(Step::Detach),
        1 => Just(Step::Probe),
    ];
    vec(step, 0..120)
}

/// What a frame is used for.
#[derive(Clone, Debug, PartialEq)]
enum Use {
    Free,
    /// A page, with the times of all its uses.
    Resident(PageId, Vec<u64>),
    /// Somebody's claim.
    Claimed,
    /// A page that was freed while it was pinned.
    Detached,
}

/// A victim and its uses.
type Victim = (PageId, Vec<u64>);

struct Model {
    uses: Vec<Use>,
    pins: Vec<u32>,
    now: u64,
    /// Claims in progress: the table's, and the victim's uses.
    claims: Vec<(Claim, Option<Victim>)>,
}

impl Model {
    fn resident(&self) -> Vec<(PageId, FrameId)> {
        let pages = self.uses.iter().enumerate().filter_map(|(frame, used)| match used {
            Use::Resident(page, _) => Some((*page, FrameId(frame))),
            _ => None,
        });
        pages.collect()
    }

    fn lookup(&self, page: PageId) -> Lookup {
        let is_busy = self.claims.iter().any(|(claim, victim)| {
            claim.page == page || victim.as_ref().is_some_and(|(victim, _)| *victim == page)
        });
        match self.resident().into_iter().find(|(resident, _)| *resident == page) {
            Some((_, frame)) => Lookup::Resident(frame),
            None if is_busy => Lookup::Busy,
            None => Lookup::Absent,
        }
    }

    /// The frames that a claim may take: any free one, else the victim of LRU-2.
    fn candidates(&self) -> Vec<FrameId> {
        let unpinned = (0..self.uses.len()).filter(|frame| self.pins[*frame] == 0);
        let free: Vec<FrameId> = unpinned
            .clone()
            .filter(|frame| matches!(self.uses[*frame], Use::Free | Use::Detached))
            .map(FrameId)
            .collect();
        if !free.is_empty() {
            return free;
        }
        let rank = |frame: usize| match &self.uses[frame] {
            Use::Resident(_, times) if times.len() < 2 => (0, times[0]),
            Use::Resident(_, times) => (1, times[times.len() - 2]),
            _ => (2, 0),
        };
        unpinned
            .filter(|frame| matches!(self.uses[*frame], Use::Resident(..)))
            .min_by_key(|frame| rank(*frame))
            .map(FrameId)
            .into_iter()
            .collect()
    }
}

/// The table beside its model.
struct Both {
    table: FrameTable,
    pins: Arc<PinCounts>,
    model: Model,
}

impl Both {
    fn new(frames: usize) -> Self {
        testkit::step!("let table = FrameTable::new(pins) // {frames} frames");
        let pins = Arc::new(PinCounts::new(frames));
        let model =
            Model { uses: vec![Use::Free; frames], pins: vec![0; frames], now: 0, claims: Vec::new() };
        Both { table: FrameTable::new(pins.clone()), pins, model }
    }

    fn want(&mut self, page: PageId) {
        match self.model.lookup(page) {
            Lookup::Busy => {}
            Lookup::Resident(frame) => {
                testkit::step!("table.pin({frame:?}, Access::Again) // {page}");
                self.table.pin(frame, Access::Again);
                self.model.now += 1;
                self.model.pins[frame.0] += 1;
                if let Use::Resident(_, times) = &mut self.model.uses[frame.0] {
                    times.push(self.model.now);
                }
            }
            Lookup::Absent => self.claim(page),
        }
    }

    fn claim(&mut self, page: PageId) {
        let candidates = self.model.candidates();
        let result = self.table.claim(page);
        testkit::step!("table.claim({page}) // {result:?}");
        let claim = match result {
            Ok(claim) => claim,
            Err(error) => {
                let frames = self.model.uses.len();
                check_eq!(error, Error::AllPinned { frames }, "the error of claim({page})");
                check!(candidates.is_empty(), "claim({page}) is refused while {candidates:?} can be had");
                return;
            }
        };
        let picture = format!("{:#?}", self.model.uses);
        if !candidates.contains(&claim.frame) {
            Failure::new(format!("the frame of claim({page})"))
                .found(claim.frame)
                .expected_text(format!("one of {candidates:?}: a free one, else the victim of LRU-2"))
                .picture(picture)
                .raise();
        }
        let victim = match std::mem::replace(&mut self.model.uses[claim.frame.0], Use::Claimed) {
            Use::Resident(page, times) => Some((page, times)),
            _ => None,
        };
        check_eq!(claim.victim, victim.as_ref().map(|(page, _)| *page), "the victim of the claim");
        self.model.pins[claim.frame.0] += 1;
        self.model.claims.push((claim, victim));
    }

    fn proceed(&mut self, n: usize) {
        let (mut claim, victim) = self.model.claims.swap_remove(n);
        if victim.is_some() {
            testkit::step!("table.evicted(&mut claim of {})", claim.page);
            self.table.evicted(&mut claim);
            self.model.claims.push((claim, None));
        } else {
            testkit::step!("table.publish(claim of {})", claim.page);
            self.model.now += 1;
            self.model.uses[claim.frame.0] = Use::Resident(claim.page, vec![self.model.now]);
            self.table.publish(claim);
        }
    }

    fn cancel(&mut self, n: usize) {
        let (claim, victim) = self.model.claims.swap_remove(n);
        testkit::step!("table.cancel(claim of {})", claim.page);
        self.model.pins[claim.frame.0] -= 1;
        self.model.uses[claim.frame.0] = match victim {
            Some((page, times)) => Use::Resident(page, times),
            None => Use::Free,
        };
        self.table.cancel(claim);
    }

    fn release(&mut self, n: usize) {
        // The pin of a claim is not ours to give back.
        let is_ours = |frame: &usize| self.model.pins[*frame] > 0 && self.model.uses[*frame] != Use::Claimed;
        let pinned: Vec<usize> = (0..self.model.uses.len()).filter(is_ours).collect();
        if !pinned.is_empty() {
            let frame = pinned[n % pinned.len()];
            testkit::step!("pins.release(FrameId({frame}))");
            self.pins.release(FrameId(frame));
            self.model.pins[frame] -= 1;
        }
    }

    fn detach(&mut self, n: usize) {
        let resident = self.model.resident();
        if !resident.is_empty() {
            let (page, frame) = resident[n % resident.len()];
            testkit::step!("table.detach({page})");
            self.table.detach(page);
            self.model.uses[frame.0] = Use::Detached;
        }
    }

    fn apply(&mut self, step: &Step) {
        let claims = self.model.claims.len();
        match step {
            Step::Want(page) => self.want(PageId(*page)),
            Step::Release(n) => self.release(*n),
            Step::Proceed(n) if claims > 0 => self.proceed(n % claims),
            Step::Cancel(n) if claims > 0 => self.cancel(n % claims),
            Step::Detach(n) => self.detach(*n),
            Step::Probe => check_sum(&mut self.table, &self.pins),
            Step::Proceed(_) | Step::Cancel(_) => {}
        }
        check_eq!(self.table.resident(), self.model.resident(), "resident pages, in the order of frames");
        for page in (1..9).map(PageId) {
            check_eq!(self.table.lookup(page), self.model.lookup(page), "lookup of {page}");
        }
        let pins: Vec<u32> = (0..self.pins.len()).map(|frame| self.pins.get(FrameId(frame))).collect();
        check_eq!(pins, self.model.pins, "pins of each frame");
        check_places(&self.table, &self.pins);
        check_claims(&self.table, &self.pins, self.model.claims.iter().map(|(claim, _)| claim));
    }
}

/// The table does what a simple one does that keeps every use of every page: any sequence of claims, pins and
/// unpins, with claims that overlap, fail, and pages that are freed.
#[testkit::test]
fn any_sequence_is_that_of_the_model() {
    testkit::prop::check(400, (1..6_usize, steps()), |(frames, steps)| {
        let mut both = Both::new(frames);
        for step in &steps {
            both.apply(step);
        }
        both.apply(&Step::Probe);
    });
}

/// The model meets what it is for: victims, refusals, cancelled claims with a victim, frames detached while
/// pinned.
#[testkit::test]
fn the_sequences_have_what_matters() {
    let seen = std::cell::RefCell::new(BTreeMap::<&str, usize>::new());
    testkit::prop::check(400, (1..6_usize, steps()), |(frames, steps)| {
        let mut both = Both::new(frames);
        for step in &steps {
            let before = both.model.claims.len();
            let with_victim = both.model.claims.iter().filter(|(_, victim)| victim.is_some()).count();
            let is_wanted =
                matches!(step, Step::Want(page) if both.model.lookup(PageId(*page)) == Lookup::Absent);
            both.apply(step);
            let victims = both.model.claims.iter().filter(|(_, victim)| victim.is_some()).count();
            let note = |what: &'static str, is_so: bool| {
                *seen.borrow_mut().entry(what).or_default() += usize::from(is_so);
            };
            note("refused", is_wanted && both.model.claims.len() == before);
            note("victim", victims > with_victim);
            note("cancelled", matches!(step, Step::Cancel(_)) && victims < with_victim);
            let mut frames = both.model.uses.iter().zip(&both.model.pins);
            note("detached", frames.any(|(used, pins)| *used == Use::Detached && *pins > 0));
        }
    });
    for (what, times) in seen.borrow().iter() {
        check!(*times > 20, "{what} occurs in the generated sequences, {times} times");
    }
}
