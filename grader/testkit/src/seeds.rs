//! The one seed that everything random in a run comes from.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

/// The seed of a run if none was chosen.
pub const DEFAULT_SEED: u64 = 0x5eed_1ab5;

static SEED: AtomicU64 = AtomicU64::new(DEFAULT_SEED);

thread_local! {
    /// Name of the test on this thread.
    static TEST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The run's seed: from `--seed`, from the grader's order, or the fixed default.
pub fn seed() -> u64 {
    SEED.load(Ordering::Relaxed)
}

/// A generator seeded from the run's seed and the test's name. Each call gives a fresh one at its start.
pub fn rng() -> fastrand::Rng {
    fastrand::Rng::with_seed(test_seed())
}

pub(crate) fn set_seed(seed: u64) {
    SEED.store(seed, Ordering::Relaxed);
}

pub(crate) fn set_test(name: &str) {
    TEST.with_borrow_mut(|test| name.clone_into(test));
}

/// The run's seed, mixed with the test's name so that two tests do not see the same numbers.
pub(crate) fn test_seed() -> u64 {
    TEST.with_borrow(|test| mix(seed(), hash(test)))
}

/// FNV-1a: small, and the same on every machine and in every version.
fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Two numbers into one, with every bit of both in every bit of the result (SplitMix64's finish).
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.wrapping_add(b.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
