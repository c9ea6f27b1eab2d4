//! The LRU-K replacer.

use std::collections::BTreeMap;

use proptest::prelude::*;
use structures::lru_k::FrameState;
use structures::{Error, LruK};
use testkit::{check, check_eq, scene, step};

fn replacer(k: usize) -> LruK {
    step!("let mut replacer = LruK::new({k})?;");
    LruK::new(k).expect("K of at least 1 is valid")
}

/// Records accesses to `frames` in this order, then makes all of them evictable.
fn used(k: usize, frames: &[usize]) -> LruK {
    let mut replacer = replacer(k);
    for &frame in frames {
        step!("replacer.record_access({frame});");
        replacer.record_access(frame);
    }
    for &frame in frames {
        check_eq!(replacer.set_evictable(frame, true), Ok(()), "set_evictable({frame}, true)");
    }
    step!("set_evictable(.., true) for each of them");
    scene::picture(|| replacer.dump());
    replacer
}

/// All victims in their order.
fn victims(replacer: &mut LruK) -> Vec<usize> {
    std::iter::from_fn(|| replacer.evict()).take(1_000).collect()
}

/// The K-th last access decides, not the last: a frame used twice long ago goes before one used twice just
/// now.
#[testkit::test]
fn evicts_by_the_kth_last_access() {
    scene::invariant("K3", "the greatest backward K-distance goes first");
    let mut replacer = used(2, &[0, 1, 2, 2, 1, 0]);
    check_eq!(replacer.victim(), Some(0), "victim(): second last accesses are 1, 2, 3");
    check_eq!(victims(&mut replacer), vec![0, 1, 2], "victims of 0 1 2 2 1 0 with K = 2");
    let mut replacer = used(3, &[0, 0, 0, 1, 1, 1, 0, 0, 1]);
    check_eq!(
        victims(&mut replacer),
        vec![0, 1],
        "victims of 0 0 0 1 1 1 0 0 1 with K = 3: third last 3 and 5"
    );
}

/// Fewer than K accesses are an infinite distance: such a frame goes before every other, the least recently
/// used first.
#[testkit::test]
fn evicts_frames_with_few_accesses_first() {
    scene::invariant("K3", "infinite distances go first, among them the least recently used");
    let mut replacer = used(2, &[0, 0, 1, 2, 1, 3, 4]);
    check_eq!(victims(&mut replacer), vec![2, 3, 4, 0, 1], "victims of 0 0 1 2 1 3 4 with K = 2");
    let mut replacer = used(3, &[0, 1, 2, 1, 0]);
    check_eq!(
        victims(&mut replacer),
        vec![2, 1, 0],
        "victims of 0 1 2 1 0 with K = 3: last accesses 3, 4 and 5, not the first ones"
    );
}

/// With K = 1 the K-th last access is the last one: plain LRU.
#[testkit::test]
fn is_plain_lru_for_k_1() {
    let mut replacer = used(1, &[3, 1, 2, 3, 0, 1]);
    check_eq!(victims(&mut replacer), vec![2, 3, 0, 1], "victims of 3 1 2 3 0 1 with K = 1");
}

/// A frame is in use after an access: it is not evictable before `set_evictable`, and not after that was
/// undone.
#[testkit::test]
fn never_evicts_a_frame_in_use() {
    scene::invariant("K2", "only evictable frames are in the order");
    let mut replacer = replacer(2);
    for frame in [0, 1, 2] {
        replacer.record_access(frame);
    }
    check_eq!(
        (replacer.len(), replacer.evict()),
        (0, None),
        "len() and evict() before any frame is evictable"
    );
    check_eq!(replacer.state(1), FrameState::InUse, "state(1) after its first access");
    check_eq!(replacer.state(7), FrameState::Unknown, "state(7), never accessed");
    for frame in [2, 1, 0] {
        check_eq!(replacer.set_evictable(frame, true), Ok(()), "set_evictable({frame}, true)");
        check_eq!(replacer.set_evictable(frame, true), Ok(()), "set_evictable({frame}, true) once more");
    }
    check_eq!(replacer.len(), 3, "len() counts a frame once");
    check_eq!(replacer.set_evictable(0, false), Ok(()), "set_evictable(0, false)");
    check_eq!(replacer.set_evictable(0, false), Ok(()), "set_evictable(0, false) once more");
    check_eq!((replacer.len(), replacer.victim()), (2, Some(1)), "len() and victim() while 0 is held");
    replacer.record_access(1);
    check_eq!(replacer.state(1), FrameState::Evictable, "state(1) after another access: still");
    check_eq!(victims(&mut replacer), vec![2, 1], "victims while 0 is held");
    check_eq!(replacer.set_evictable(0, true), Ok(()), "set_evictable(0, true)");
    check_eq!(victims(&mut replacer), vec![0], "victims after 0 was released");
}

/// Wrong use is an error and changes nothing.
#[testkit::test]
fn refuses_invalid_calls() {
    check!(matches!(LruK::new(0), Err(Error::ZeroK)), "LruK::new(0) is refused");
    let mut replacer = replacer(2);
    check_eq!(replacer.k(), 2, "k()");
    let unknown = Err(Error::UnknownFrame { frame: 3 });
    check_eq!(replacer.set_evictable(3, true), unknown, "set_evictable(3, true), never accessed");
    check_eq!(replacer.remove(3), unknown, "remove(3), never accessed");
    replacer.record_access(5);
    check_eq!(replacer.set_evictable(3, true), unknown, "set_evictable(3, true), smaller than a known frame");
    check_eq!(replacer.remove(5), Err(Error::NotEvictable { frame: 5 }), "remove(5), which is held");
    check_eq!(replacer.state(5), FrameState::InUse, "state(5) after that");
    check_eq!(replacer.set_evictable(5, true), Ok(()), "set_evictable(5, true)");
    check_eq!(replacer.remove(5), Ok(()), "remove(5), evictable");
    check_eq!((replacer.len(), replacer.evict()), (0, None), "len() and evict() after that");
    check_eq!(replacer.remove(5), Err(Error::UnknownFrame { frame: 5 }), "remove(5) a second time");
}

/// An evicted frame holds another page next: the accesses to the old page must not count for it.
#[testkit::test]
fn forgets_an_evicted_frame() {
    scene::invariant("K1", "a frame is known exactly if it has an access on record");
    for way in ["evict", "remove"] {
        scene::clear();
        let mut replacer = used(2, &[0, 0, 0]);
        step!("replacer.{way}(..);");
        match way {
            "evict" => check_eq!(replacer.evict(), Some(0), "evict()"),
            _ => check_eq!(replacer.remove(0), Ok(()), "remove(0)"),
        }
        check_eq!(replacer.state(0), FrameState::Unknown, "state(0) after {way}");
        for frame in [1, 1, 0] {
            step!("replacer.record_access({frame});");
            replacer.record_access(frame);
        }
        check_eq!(replacer.state(0), FrameState::InUse, "state(0) after its first access since {way}");
        for frame in [0, 1] {
            check_eq!(replacer.set_evictable(frame, true), Ok(()), "set_evictable({frame}, true)");
        }
        scene::picture(|| replacer.dump());
        check_eq!(
            victims(&mut replacer),
            vec![0, 1],
            "0 has one access since {way}, 1 has two: 0 goes first"
        );
    }
}

/// A scan touches each page once and must not evict pages that are used again and again; with plain LRU it
/// does.
#[testkit::test]
fn a_scan_does_not_evict_the_hot_frames() {
    let hits_of_hot_pages = |k: usize| {
        let mut replacer = replacer(k);
        // Page in each of 8 frames; pages 0 to 3 are hot, pages from 100 on are scanned once.
        let mut frames: BTreeMap<usize, usize> = BTreeMap::new();
        let mut hits = 0;
        let trace = (0..400).map(|n| if n % 2 == 0 { n / 2 % 4 } else { 100 + n });
        let bursts = (0..40).flat_map(|burst| (0..10).map(move |n| 1_000 + burst * 10 + n).chain(0..4));
        for page in trace.chain(bursts) {
            let frame = match frames.iter().find(|(_, held)| **held == page) {
                Some((&frame, _)) => {
                    hits += usize::from(page < 4);
                    frame
                }
                None if frames.len() < 8 => frames.len(),
                None => replacer.evict().expect("one of 8 evictable frames"),
            };
            frames.insert(frame, page);
            replacer.record_access(frame);
            check_eq!(replacer.set_evictable(frame, true), Ok(()), "set_evictable of an accessed frame");
        }
        hits
    };
    let (plain, two) = (hits_of_hot_pages(1), hits_of_hot_pages(2));
    check!(two >= 340, "of 360 accesses to hot pages at least 340 are hits with K = 2, found {two}");
    check!(plain < 250, "with K = 1 the scans push hot pages out, found {plain} hits");
}

#[derive(Debug, Clone)]
enum Op {
    Access(usize),
    Set(usize, bool),
    Evict,
    Remove(usize),
}

fn ops() -> impl Strategy<Value = (usize, Vec<Op>)> {
    let frame = 0..7usize;
    let op = prop_oneof![
        10 => frame.clone().prop_map(Op::Access),
        6 => (frame.clone(), prop::bool::weighted(0.75)).prop_map(|(frame, on)| Op::Set(frame, on)),
        2 => Just(Op::Evict),
        1 => frame.prop_map(Op::Remove),
    ];
    (1..4usize, prop::collection::vec(op, 0..80))
}

/// Frames with all their accesses, and whether each is evictable.
type Model = BTreeMap<usize, (Vec<u64>, bool)>;

/// The victim by the definition: no distance known goes before any, then the older time.
fn expected_victim(model: &Model, k: usize) -> Option<usize> {
    let evictable = model.iter().filter(|(_, (_, is_evictable))| *is_evictable);
    let key = |times: &Vec<u64>| match times.len().checked_sub(k) {
        Some(at) => (1, times[at]),
        None => (0, times[times.len() - 1]),
    };
    evictable.min_by_key(|(_, (times, _))| key(times)).map(|(&frame, _)| frame)
}

/// After any sequence of operations, the victim is the one that follows from the list of all accesses.
#[testkit::test]
fn agrees_with_the_definition() {
    testkit::prop::check(300, ops(), |(k, ops)| {
        let mut replacer = replacer(k);
        let mut model = Model::new();
        for (now, op) in (0..).zip(ops) {
            match op {
                Op::Access(frame) => {
                    step!("replacer.record_access({frame});");
                    replacer.record_access(frame);
                    model.entry(frame).or_default().0.push(now);
                }
                Op::Set(frame, on) => {
                    step!("replacer.set_evictable({frame}, {on});");
                    let known = model.get_mut(&frame).map(|known| known.1 = on);
                    let expected = known.ok_or(Error::UnknownFrame { frame });
                    check_eq!(replacer.set_evictable(frame, on), expected, "set_evictable({frame}, {on})");
                }
                Op::Evict => {
                    step!("replacer.evict();");
                    let expected = expected_victim(&model, k);
                    check_eq!(replacer.evict(), expected, "evict()");
                    expected.and_then(|frame| model.remove(&frame));
                }
                Op::Remove(frame) => {
                    step!("replacer.remove({frame});");
                    let expected = match model.get(&frame) {
                        None => Err(Error::UnknownFrame { frame }),
                        Some((_, false)) => Err(Error::NotEvictable { frame }),
                        Some(_) => {
                            model.remove(&frame);
                            Ok(())
                        }
                    };
                    check_eq!(replacer.remove(frame), expected, "remove({frame})");
                }
            }
            scene::picture(|| replacer.dump());
            check_eq!(replacer.victim(), expected_victim(&model, k), "victim()");
            check_eq!(replacer.len(), model.values().filter(|known| known.1).count(), "len()");
            for frame in 0..7 {
                let expected = match model.get(&frame) {
                    None => FrameState::Unknown,
                    Some((_, false)) => FrameState::InUse,
                    Some((_, true)) => FrameState::Evictable,
                };
                check_eq!(replacer.state(frame), expected, "state({frame})");
            }
        }
    });
}
