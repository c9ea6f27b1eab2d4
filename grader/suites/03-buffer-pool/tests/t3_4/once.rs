//! The frame table and an access that does not count.

use buffer_pool::{Access, FrameId};
use proptest::collection::vec;
use proptest::prelude::*;
use testkit::{check, check_eq};

use crate::frame_support::Frames;

/// An access that does not count leaves a page's turn as it was, but pins it like any other.
#[testkit::test]
fn a_look_does_not_count() {
    let mut frames = Frames::new(2);
    frames.visit_as(1, Access::Again);
    frames.visit_as(2, Access::Again);
    for _ in 0..3 {
        frames.visit_as(1, Access::Once);
    }
    let (held, _) = frames.want(1, Access::Once);
    check_eq!(frames.pins.get(held), 1, "pins of a page that is only looked at");
    check_eq!(frames.visit_as(3, Access::Again), Some(2), "the victim while page 1 is looked at");
    frames.pins.release(held);
    check_eq!(
        frames.visit_as(4, Access::Again),
        Some(1),
        "the victim once nobody looks: page 1, used once, long ago"
    );
}

/// A page that was used twice keeps its history when a scan reads it.
#[testkit::test]
fn a_look_takes_nothing_away() {
    let mut frames = Frames::new(3);
    for page in [1, 2, 3, 1, 2, 3] {
        frames.visit_as(page, Access::Again);
    }
    for page in [1, 1, 2, 1] {
        frames.visit_as(page, Access::Once);
    }
    check_eq!(
        frames.visit_as(4, Access::Again),
        Some(1),
        "the victim: the last use but one of page 1 is the oldest"
    );
    check_eq!(frames.visit_as(5, Access::Again), Some(4), "the victim: page 4 was used once");
    check_eq!(frames.visit_as(3, Access::Once), None, "page 3 is still there");
    check_eq!(frames.visit_as(2, Access::Once), None, "page 2 is still there");
}

/// That a page was brought in counts, whatever the access: else the table would know nothing of it.
#[testkit::test]
fn a_page_brought_in_for_a_look_was_used_once() {
    let mut frames = Frames::new(3);
    frames.visit_as(1, Access::Again);
    frames.visit_as(2, Access::Once);
    frames.visit_as(3, Access::Again);
    frames.visit_as(3, Access::Once);
    frames.visit_as(2, Access::Again);
    check_eq!(frames.visit_as(4, Access::Once), Some(1), "the victim: page 1, used once");
    check_eq!(
        frames.visit_as(5, Access::Once),
        Some(3),
        "the victim: page 3, used once; page 2 was used twice"
    );
    check_eq!(frames.visit_as(6, Access::Once), Some(4), "the victim: page 4, brought in before page 5");
}

/// The victims are those of LRU-2 over the accesses that count, in any sequence of both kinds, with pages
/// pinned meanwhile.
#[testkit::test]
fn victims_are_those_of_the_accesses_that_count() {
    let step = (1..9_u32, any::<bool>(), 0..4_u8);
    testkit::prop::check(300, (2..5_usize, vec(step, 0..80)), |(count, steps)| {
        let mut frames = Frames::new(count);
        // Pages with the times of their uses; and the one that is pinned.
        let mut pages: Vec<(u32, Vec<u64>)> = Vec::new();
        let mut pinned: Option<(u32, FrameId)> = None;
        for (now, (page, is_look, hold)) in (1..).zip(steps) {
            let access = if is_look { Access::Once } else { Access::Again };
            let rank = |times: &[u64]| match times {
                [.., last_but_one, _] => (1, *last_but_one),
                _ => (0, times[0]),
            };
            let is_free = |page: u32| pinned.is_none_or(|(held, _)| held != page);
            let is_there = pages.iter().any(|(resident, _)| *resident == page);
            let victim = pages
                .iter()
                .filter(|(page, _)| is_free(*page))
                .min_by_key(|(_, times)| rank(times))
                .map(|(page, _)| *page)
                .filter(|_| pages.len() == count && !is_there);
            let (frame, found) = frames.want(page, access);
            check_eq!(found, victim, "the page that leaves for page {page}, with the uses {:?}", pages);
            pages.retain(|(page, _)| Some(*page) != victim);
            match pages.iter_mut().find(|(resident, _)| *resident == page) {
                Some((_, times)) if !is_look => times.push(now),
                Some(_) => {}
                None => pages.push((page, vec![now])),
            }
            if hold == 0 {
                let before = pinned.replace((page, frame));
                before.into_iter().for_each(|(_, frame)| frames.pins.release(frame));
            } else {
                frames.pins.release(frame);
            }
        }
        check!(frames.table.resident().len() <= count, "as many resident pages as frames at most");
    });
}
