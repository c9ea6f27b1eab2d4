//! Seeded generators of keys, orders and values. All take the generator as an argument: a test passes
//! [`crate::rng`], a workload a fixed seed.

use fastrand::Rng;

/// `count` numbers below `items`, the number k with a probability proportional to `1 / (k + 1)^skew`: 0 is
/// the most frequent. A skew of 0 is uniform, 0.99 is what YCSB uses. Costs O(items) once.
pub fn zipf(rng: &mut Rng, items: usize, skew: f64, count: usize) -> Vec<usize> {
    let mut sum = 0.0;
    let cumulative: Vec<f64> = (0..items)
        .map(|rank| {
            sum += ((rank + 1) as f64).powf(-skew);
            sum
        })
        .collect();
    (0..count)
        .map(|_| {
            let point = rng.f64() * sum;
            cumulative.partition_point(|&below| below <= point).min(items.saturating_sub(1))
        })
        .collect()
}

/// The numbers 0 to `count - 1`, shuffled.
pub fn shuffled(rng: &mut Rng, count: usize) -> Vec<usize> {
    let mut out: Vec<usize> = (0..count).collect();
    rng.shuffle(&mut out);
    out
}

/// `count` different numbers, in no order.
pub fn distinct(rng: &mut Rng, count: usize) -> Vec<u64> {
    // A bijection of the counter: different inputs give different outputs, without a set.
    let offset = rng.u64(..);
    (0..count as u64).map(|k| crate::seeds::mix(offset, k)).collect()
}

/// `len` random bytes.
pub fn bytes(rng: &mut Rng, len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    rng.fill(&mut out);
    out
}

/// A word of `len` lower-case letters.
pub fn word(rng: &mut Rng, len: usize) -> String {
    (0..len).map(|_| rng.lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zipf_prefers_small_numbers_and_stays_in_range() {
        let mut rng = Rng::with_seed(1);
        let drawn = zipf(&mut rng, 100, 0.99, 10_000);
        let zeros = drawn.iter().filter(|&&k| k == 0).count();
        let nineties = drawn.iter().filter(|&&k| k >= 90).count();
        assert!(drawn.iter().all(|&k| k < 100));
        assert!((1_500..2_300).contains(&zeros), "{zeros}");
        assert!(nineties < zeros / 3, "{nineties}");
    }

    #[test]
    fn distinct_keys_are_distinct() {
        let mut keys = distinct(&mut Rng::with_seed(3), 10_000);
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 10_000);
    }
}
