//! Medians and their uncertainty.

use fastrand::Rng;

/// Resamples of the bootstrap.
const RESAMPLES: usize = 2_000;

/// The middle value; the mean of the two middle ones if their number is even. 0 for none.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    middle(&sorted)
}

fn middle(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => 0.0,
        len if len % 2 == 1 => sorted[len / 2],
        len => (sorted[len / 2 - 1] + sorted[len / 2]) / 2.0,
    }
}

/// 95 % bootstrap interval of the median: the medians of many samples drawn from `values` with repetition,
/// without the lowest and highest 2.5 %. Seeded, so the same values give the same interval.
pub(super) fn interval(values: &[f64]) -> (f64, f64) {
    if values.is_empty() {
        return (0.0, 0.0);
    }
    let mut rng = Rng::with_seed(0xb007_57a9);
    let mut sample = vec![0.0; values.len()];
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            sample.fill_with(|| values[rng.usize(..values.len())]);
            sample.sort_by(f64::total_cmp);
            middle(&sample)
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    (medians[RESAMPLES / 40], medians[RESAMPLES - 1 - RESAMPLES / 40])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_ignores_one_outlier() {
        assert_eq!(median(&[1.0, 2.0, 1000.0]), 2.0);
        assert_eq!(median(&[1.0, 2.0]), 1.5);
        assert_eq!(median(&[]), 0.0);
    }

    #[test]
    fn the_interval_holds_the_median_and_narrows_with_agreement() {
        let wide: Vec<f64> = (0..21).map(|k| 1.0 + f64::from(k) / 10.0).collect();
        let (low, high) = interval(&wide);
        assert!(low <= median(&wide) && median(&wide) <= high && high - low > 0.2);
        assert_eq!(interval(&[2.0; 21]), (2.0, 2.0));
    }
}
