//! Task 3.1: the frame table. Stories here, random ones against a model below.

mod model;

use buffer_pool::{Access, FrameId, FrameTable, Lookup, PinCounts};
use kit::sync::Arc;
use slotted_page::PageId;
use testkit::{check, check_eq};

use crate::frame_support::Frames;

/// A table starts empty, with every frame free.
#[testkit::test]
fn a_new_table_is_empty() {
    let mut frames = Frames::new(3);
    frames.check_lookup(7, Lookup::Absent, "in a new table");
    check_eq!(frames.table.resident(), vec![], "resident pages of a new table");
    check!(!frames.pins.is_empty(), "there are frames to pin");
    for page in 1..=3 {
        check_eq!(frames.claim(page).victim, None, "the victim while frames are free");
    }
}

/// A page that was claimed is busy, and resident only when it was published: nobody may see bytes that are
/// not there yet.
#[testkit::test]
fn a_claimed_page_is_busy_until_it_is_published() {
    let mut frames = Frames::new(2);
    let claim = frames.claim(9);
    let frame = claim.frame;
    frames.check_lookup(9, Lookup::Busy, "after claim");
    check_eq!(frames.pins.get(frame), 1, "pins of the claimed frame");
    check_eq!(frames.table.resident(), vec![], "resident pages before the claimed page is published");
    frames.table.publish(claim);
    frames.check_lookup(9, Lookup::Resident(frame), "after publish");
    check_eq!(frames.pins.get(frame), 1, "pins after publish: the claim holds it");
    check_eq!(frames.table.resident(), vec![(PageId(9), frame)], "resident pages");
}

/// Each frame is given out once, and when all are pinned that is an error: a frame shared by two pages is the
/// end of both.
#[testkit::test]
fn frames_are_given_out_once() {
    let mut frames = Frames::new(4);
    let mut given: Vec<FrameId> = (1..=4).map(|page| frames.load(page)).collect();
    frames.check_all_pinned(5);
    frames.check_all_pinned(6);
    given.sort();
    check_eq!(given, (0..4).map(FrameId).collect::<Vec<_>>(), "the frames of four pages");
    for page in 1..=4 {
        frames.frame_of(page);
    }
}

/// Claimed frames count as pinned: a claim that finds nothing else is refused, it does not take them.
#[testkit::test]
fn claimed_frames_are_not_taken() {
    let mut frames = Frames::new(2);
    let first = frames.claim(1);
    let second = frames.claim(2);
    frames.check_all_pinned(3);
    frames.table.publish(first);
    frames.check_all_pinned(3);
    frames.table.publish(second);
    let free = frames.frame_of(1);
    frames.release(free);
    check_eq!(frames.claim(3).victim, Some(PageId(1)), "the victim once page 1 is unpinned");
}

/// A page leaves only when no frame is free: the pool must fill up before it forgets anything.
#[testkit::test]
fn free_frames_go_before_victims() {
    let mut frames = Frames::new(3);
    frames.visit(1);
    frames.visit(2);
    let claim = frames.claim(3);
    check_eq!(claim.victim, None, "the victim while a frame is free");
    frames.table.publish(claim);
    check_eq!(frames.table.resident().len(), 3, "number of resident pages");
}

/// A pinned page never leaves, and a page pinned twice is pinned until both pins are gone.
#[testkit::test]
fn pinned_pages_stay() {
    let mut frames = Frames::new(3);
    let first = frames.load(1);
    frames.visit(2);
    frames.visit(3);
    frames.pin(1);
    check_eq!(frames.pins.get(first), 2, "pins of page 1");
    frames.release(first);
    for page in 10..20 {
        let claim = frames.claim(page);
        check!(
            claim.victim != Some(PageId(1)) && claim.frame != first,
            "page 1, pinned, is evicted: {claim:?}"
        );
        let frame = frames.complete(claim);
        frames.release(frame);
    }
    frames.check_lookup(1, Lookup::Resident(first), "while it is pinned");
    frames.release(first);
    check_eq!(frames.victims(30).len(), 3, "pages that leave once page 1 is unpinned");
    frames.check_lookup(1, Lookup::Absent, "after three pages came that needed its frame");
}

/// The victim is busy until its bytes are safe, then absent: a thread that asks for it in between must wait,
/// else there would be two copies of one page.
#[testkit::test]
fn a_victim_is_busy_until_it_is_evicted() {
    let mut frames = Frames::new(1);
    frames.visit(1);
    let frame = frames.frame_of(1);
    let mut claim = frames.claim(2);
    check_eq!(claim.victim, Some(PageId(1)), "the victim");
    check_eq!(claim.frame, frame, "the frame of the victim goes to the page that comes in");
    frames.check_lookup(1, Lookup::Busy, "while it is the victim");
    frames.check_lookup(2, Lookup::Busy, "while its victim is not out");
    check_eq!(frames.table.resident(), vec![], "resident pages meanwhile");
    frames.table.evicted(&mut claim);
    check_eq!(claim.victim, None, "the victim of the claim after evicted");
    frames.check_lookup(1, Lookup::Absent, "after evicted");
    frames.check_lookup(2, Lookup::Busy, "after its victim is out");
    frames.table.publish(claim);
    frames.check_lookup(2, Lookup::Resident(frame), "after publish");
    check_eq!(frames.pins.get(frame), 1, "pins after publish");
}

/// The victim is that of LRU-2: a page used once goes before one used twice, and of those used once the one
/// used longest ago.
#[testkit::test]
fn the_victim_is_that_of_lru_2() {
    let mut frames = Frames::new(5);
    (1..=5).for_each(|page| frames.visit(page));
    // Twice: 4, 2, 1. Once: 3, 5.
    [4, 2, 1].into_iter().for_each(|page| frames.touch(page));
    check_eq!(frames.victims(10), vec![3, 5, 1, 2, 4], "pages in the order in which they leave");
}

/// Among pages used often the last but one use counts, not the last: that is the K of LRU-K.
#[testkit::test]
fn the_last_use_but_one_counts() {
    let mut frames = Frames::new(3);
    (1..=3).for_each(|page| frames.visit(page));
    // The last uses but one: 3 at time 4, 2 at time 5, 1 at time 6.
    [3, 2, 1, 2, 3, 1].into_iter().for_each(|page| frames.touch(page));
    check_eq!(frames.victims(10), vec![3, 2, 1], "pages in the order in which they leave");
}

/// An unpin is no use: a page pinned for long is not younger for it.
#[testkit::test]
fn an_unpin_is_no_use() {
    let mut frames = Frames::new(3);
    let held = frames.load(1);
    frames.visit(2);
    frames.visit(3);
    frames.release(held);
    check_eq!(frames.victims(10), vec![1, 2, 3], "pages in the order in which they leave");
}

/// The pool pins a page to write it. That is no use either: a checkpoint must not make its pages look
/// popular.
#[testkit::test]
fn a_hold_is_no_use() {
    let mut frames = Frames::new(3);
    (1..=3).for_each(|page| frames.visit(page));
    for page in [1, 1, 2] {
        let frame = frames.frame_of(page);
        testkit::step!("table.hold({frame:?}) // page {page}");
        frames.table.hold(frame);
        check_eq!(frames.pins.get(frame), 1, "pins of page {page} while it is held");
        frames.release(frame);
    }
    let claim = frames.claim(9);
    check_eq!(claim.victim, Some(PageId(1)), "the victim");
    frames.complete(claim);
    let held = frames.frame_of(2);
    frames.table.hold(held);
    let claim = frames.claim(8);
    check_eq!(claim.victim, Some(PageId(3)), "the victim while page 2 is held");
    frames.table.cancel(claim);
    frames.release(held);
    frames.release(frames.frame_of(9));
    check_eq!(frames.victims(10), vec![2, 3, 9], "pages in the order in which they leave");
}

/// A page counts as used when it is published, not when it was claimed: one that took long to read is young.
#[testkit::test]
fn a_page_is_used_when_it_is_published() {
    let mut frames = Frames::new(3);
    let slow = frames.claim(1);
    frames.visit(2);
    frames.visit(3);
    let frame = slow.frame;
    frames.table.publish(slow);
    frames.release(frame);
    check_eq!(frames.victims(10), vec![2, 3, 1], "pages in the order in which they leave");
}

/// Nobody tells the table of an unpin. It must notice by itself, also when it just said that all is pinned.
#[testkit::test]
fn unpins_are_noticed() {
    let mut frames = Frames::new(3);
    let held: Vec<FrameId> = (1..=3).map(|page| frames.load(page)).collect();
    for round in 0..5 {
        frames.check_all_pinned(50 + round);
        let frame = held[round as usize % 3];
        frames.release(frame);
        let claim = frames.claim(10 + round);
        check_eq!(claim.frame, frame, "the only frame that is not pinned");
        frames.complete(claim);
    }
}

/// A frame that was seen unpinned may be pinned again before it is needed.
#[testkit::test]
fn a_page_pinned_again_stays() {
    let mut frames = Frames::new(3);
    (1..=3).for_each(|page| frames.visit(page));
    // The table looks at its frames: pages 2 and 3 are unpinned.
    let claim = frames.claim(4);
    check_eq!(claim.victim, Some(PageId(1)), "the victim");
    frames.complete(claim);
    let held = frames.pin(2);
    let claim = frames.claim(5);
    check_eq!(claim.victim, Some(PageId(3)), "the victim while page 2 is pinned again");
    frames.table.cancel(claim);
    frames.release(frames.frame_of(4));
    frames.pin(3);
    let claim = frames.claim(5);
    check_eq!(claim.victim, Some(PageId(4)), "the victim while pages 2 and 3 are pinned");
    frames.complete(claim);
    frames.check_lookup(2, Lookup::Resident(held), "while it is pinned");
    frames.check_all_pinned(6);
}

/// A claim that is given up leaves a free frame behind, however often: a failed read must not cost a frame.
#[testkit::test]
fn a_cancelled_claim_frees_the_frame() {
    let mut frames = Frames::new(2);
    for _ in 0..5 {
        let claim = frames.claim(1);
        let frame = claim.frame;
        frames.table.cancel(claim);
        frames.check_lookup(1, Lookup::Absent, "after cancel");
        check_eq!(frames.pins.get(frame), 0, "pins of the frame after cancel");
    }
    frames.load(1);
    check_eq!(frames.claim(2).victim, None, "the victim: a frame is free");
}

/// A claim given up before its victim was out leaves the victim as it was, its uses included: a write that
/// failed is no reason to forget how often a page is used.
#[testkit::test]
fn a_cancelled_claim_gives_the_victim_back() {
    let mut frames = Frames::new(2);
    frames.visit(1);
    frames.visit(2);
    let frame = frames.frame_of(1);
    for _ in 0..4 {
        let claim = frames.claim(9);
        check_eq!(claim.victim, Some(PageId(1)), "the victim");
        frames.table.cancel(claim);
        frames.check_lookup(1, Lookup::Resident(frame), "after the claim of its frame was cancelled");
        frames.check_lookup(9, Lookup::Absent, "after its claim was cancelled");
        check_eq!(frames.pins.get(frame), 0, "pins of the victim's frame after cancel");
    }
    // Page 1 is used a second time, and so stays when page 3 needs a frame, and when page 4 does.
    frames.touch(1);
    frames.visit(3);
    frames.check_lookup(2, Lookup::Absent, "used once, beside page 1, used twice");
    check_eq!(frames.victims(10), vec![3, 1], "pages in the order in which they leave");
}

/// A claim given up after its victim was out: the frame is free, and neither page is there.
#[testkit::test]
fn a_claim_may_be_cancelled_after_its_victim_is_out() {
    let mut frames = Frames::new(2);
    frames.visit(1);
    frames.visit(2);
    for page in 5..9 {
        let mut claim = frames.claim(page);
        if claim.victim.is_some() {
            frames.table.evicted(&mut claim);
        }
        frames.table.cancel(claim);
        frames.check_lookup(page, Lookup::Absent, "after cancel");
    }
    frames.check_lookup(1, Lookup::Absent, "after it was evicted");
    frames.check_lookup(2, Lookup::Resident(frames.frame_of(2)), "which no claim needed");
    check_eq!(frames.claim(3).victim, None, "the victim: a frame is free");
}

/// A page that left and came back has been used once: what is known of a frame belongs to the page that was
/// in it.
#[testkit::test]
fn a_page_that_comes_back_starts_anew() {
    let mut frames = Frames::new(2);
    frames.visit(1);
    (0..5).for_each(|_| frames.touch(1));
    frames.visit(2);
    (0..2).for_each(|_| frames.touch(2));
    check_eq!(frames.victims(10), vec![1, 2], "pages in the order in which they leave");
    // Both frames hold pages that were used once, whatever their frames have seen.
    frames.touch(10);
    frames.visit(1);
    frames.check_lookup(11, Lookup::Absent, "used once, beside page 10, used twice");
    frames.visit(2);
    frames.check_lookup(1, Lookup::Absent, "used once since it came back, beside page 10, used twice");
}

/// A freed page is gone at once, and its frame is the first to be taken.
#[testkit::test]
fn a_detached_page_leaves_a_free_frame() {
    let mut frames = Frames::new(3);
    (1..=3).for_each(|page| frames.visit(page));
    let frame = frames.frame_of(2);
    frames.table.detach(PageId(2));
    frames.check_lookup(2, Lookup::Absent, "after detach");
    check_eq!(frames.table.resident().len(), 2, "number of resident pages after detach");
    let claim = frames.claim(4);
    check_eq!((claim.frame, claim.victim), (frame, None), "frame and victim of the next claim");
    frames.table.publish(claim);
    frames.release(frame);
    check_eq!(frames.victims(10), vec![1, 3, 4], "pages in the order in which they leave");
}

/// A freed page that is still pinned keeps its frame until the last pin is gone, and no longer.
#[testkit::test]
fn a_detached_frame_waits_for_its_pins() {
    let mut frames = Frames::new(2);
    let old = frames.load(1);
    frames.pin(1);
    frames.visit(2);
    frames.table.detach(PageId(1));
    frames.check_lookup(1, Lookup::Absent, "after detach, pinned");
    frames.release(old);
    let claim = frames.claim(1);
    check_eq!(claim.victim, Some(PageId(2)), "the victim while the detached frame is pinned once more");
    check!(claim.frame != old, "the detached frame, still pinned, is given to another page");
    frames.complete(claim);
    frames.check_all_pinned(3);
    frames.release(old);
    let claim = frames.claim(3);
    check_eq!((claim.frame, claim.victim), (old, None), "frame and victim once the last pin is gone");
    frames.table.publish(claim);
    check_eq!(frames.table.resident().len(), 2, "number of resident pages");
}

/// Resident pages come in the order of frames, each with its own.
#[testkit::test]
fn residents_come_in_the_order_of_frames() {
    let mut frames = Frames::new(6);
    [40, 10, 60, 30, 50, 20].into_iter().for_each(|page| frames.visit(page));
    frames.table.detach(PageId(60));
    let claim = frames.claim(70);
    let found = frames.table.resident();
    check_eq!(found.len(), 5, "number of resident pages: one detached, its frame claimed");
    check!(
        found.iter().map(|(_, frame)| frame).is_sorted(),
        "resident() is in the order of frames: {found:?}"
    );
    for (page, frame) in found {
        check_eq!(frames.table.lookup(page), Lookup::Resident(frame), "lookup of {page} beside resident()");
    }
    frames.table.cancel(claim);
}

/// Hits leave nothing behind: what the table keeps of them is bounded by its frames, not by how often pages
/// are used.
#[testkit::test]
fn hits_take_no_room() {
    let mut frames = Frames::new(8);
    (1..=8).for_each(|page| frames.visit(page));
    let held: Vec<FrameId> = (1..=8).map(|page| frames.frame_of(page)).collect();
    let counts = testkit::alloc::count(|| {
        for n in 0..300_000 {
            let frame = held[n * 5 % 8];
            frames.table.pin(frame, Access::Again);
            frames.pins.release(frame);
        }
    });
    check!(
        counts.peak_bytes < 256 << 10,
        "300,000 hits in a table of 8 frames took {} bytes at one moment",
        counts.peak_bytes
    );
    // Used last but one: frames in the order of n * 5 % 8 of the last sixteen hits.
    check_eq!(frames.victims(10), vec![1, 6, 3, 8, 5, 2, 7, 4], "pages in the order in which they leave");
}

/// Frames of the table in which the cost of a call is seen: with a search through all of them at each call, a
/// test takes several times as long as it may.
const MANY_FRAMES: u32 = 1 << 17;

/// A table of many frames, all but one pinned: page `n` in the frame of that place in the list.
fn many_pinned() -> (FrameTable, Arc<PinCounts>, Vec<FrameId>) {
    let pins = Arc::new(PinCounts::new(MANY_FRAMES as usize));
    let mut table = FrameTable::new(pins.clone());
    let load = |page| {
        let claim = table.claim(PageId(page)).expect("a free frame");
        let frame = claim.frame;
        table.publish(claim);
        frame
    };
    let held = (0..MANY_FRAMES - 1).map(load).collect();
    testkit::step!("// a table of {MANY_FRAMES} frames, all but one pinned");
    (table, pins, held)
}

/// A claim that is cancelled costs no search, however many frames are pinned.
#[testkit::test]
fn a_cancelled_claim_costs_no_search() {
    let (mut table, ..) = many_pinned();
    testkit::step!("// 600,000 claims of the free frame, each cancelled");
    for round in 0..600_000 {
        let claim = table.claim(PageId(MANY_FRAMES + round)).expect("a free frame");
        table.cancel(claim);
    }
    check_eq!(table.resident().len(), MANY_FRAMES as usize - 1, "resident pages");
}

/// A page that is freed costs no search, however many frames are pinned.
#[testkit::test]
fn a_freed_page_costs_no_search() {
    let (mut table, pins, mut held) = many_pinned();
    testkit::step!("// each page is freed, and another comes, 500,000 times");
    for round in 0..500_000 {
        let place = round % held.len() as u32;
        let old = round - place;
        let page = |pass: u32| PageId(pass + place + if pass > 0 { MANY_FRAMES } else { 0 });
        table.detach(page(old));
        pins.release(held[place as usize]);
        let claim = table.claim(page(old + held.len() as u32)).expect("a free frame");
        held[place as usize] = claim.frame;
        table.publish(claim);
    }
    check_eq!(table.resident().len(), MANY_FRAMES as usize - 1, "resident pages");
}
