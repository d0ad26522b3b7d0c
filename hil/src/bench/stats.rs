//! What is made of many numbers.

/// The value at or below which a share of all lies (nearest rank): `0.99` for p99. None of nothing; values that are no
/// numbers sort last.
#[must_use]
pub fn percentile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share.clamp(0.0, 1.0) * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// The middle one; of an even number the mean of the two in the middle.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    let upper = *sorted.get(half)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(half.checked_sub(1)?)?;
    Some(lower + (upper - lower) / 2.0)
}

/// The arithmetic mean.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The largest.
#[must_use]
pub fn largest(values: &[f64]) -> Option<f64> {
    values.iter().copied().max_by(f64::total_cmp)
}

/// From each to the next.
#[must_use]
pub fn intervals(times: &[f64]) -> Vec<f64> {
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// The largest distance between any two places; 0 for fewer than two.
#[must_use]
pub fn spread(places: &[[f64; 3]]) -> f64 {
    let mut largest: f64 = 0.0;
    for (i, a) in places.iter().enumerate() {
        for b in places.get(i + 1..).unwrap_or_default() {
            largest = largest.max(distance(*a, *b));
        }
    }
    largest
}

/// Between two places in the same units.
#[must_use]
pub fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

/// By how much values rise from the first quarter's median to the last quarter's: less a matter of chance than the
/// first and the last value, and blind to a peak between. None of fewer than four.
#[must_use]
pub fn rise(values: &[f64]) -> Option<f64> {
    let quarter = values.len() / 4;
    if quarter == 0 {
        return None;
    }
    Some(median(values.get(values.len() - quarter..)?)? - median(values.get(..quarter)?)?)
}

/// At most `most` of the values, evenly taken, with the first and the last among them.
#[must_use]
pub fn thinned<T: Clone>(values: &[T], most: usize) -> Vec<T> {
    if values.len() <= most || most < 2 {
        return values.iter().take(most).cloned().collect();
    }
    (0..most).filter_map(|n| values.get(n * (values.len() - 1) / (most - 1)).cloned()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_values() {
        let values = [15.0, 20.0, 35.0, 40.0, 50.0];
        assert_eq!(percentile(&values, 0.05), Some(15.0));
        assert_eq!(percentile(&values, 0.30), Some(20.0));
        assert_eq!(percentile(&values, 0.40), Some(20.0));
        assert_eq!(percentile(&values, 1.0), Some(50.0));
        assert_eq!(percentile(&[], 0.5), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(intervals(&[1.0, 2.5, 3.0]), [1.5, 0.5]);
        assert_eq!(spread(&[[0.0; 3], [3.0, 4.0, 0.0], [1.0, 0.0, 0.0]]), 5.0);
        assert_eq!(spread(&[[1.0; 3]]), 0.0);
        assert_eq!(rise(&[1.0, 1.0, 9.0, 9.0, 9.0, 9.0, 4.0, 2.0]), Some(2.0));
        assert_eq!(rise(&[1.0, 2.0, 3.0]), None);
        assert_eq!(thinned(&(0..=100).collect::<Vec<_>>(), 5), [0, 25, 50, 75, 100]);
    }

    proptest! {
        #[test]
        fn a_percentile_is_one_of_the_values_and_has_its_share_below(
            values in prop::collection::vec(-1e9..1e9f64, 1..200), share in 0.0..=1.0f64
        ) {
            let found = percentile(&values, share).unwrap();
            prop_assert!(values.contains(&found));
            let at_or_below = values.iter().filter(|&&v| v <= found).count() as f64;
            let below = values.iter().filter(|&&v| v < found).count() as f64;
            prop_assert!(at_or_below + 1e-6 >= share * values.len() as f64);
            prop_assert!(below <= share * values.len() as f64);
        }

        #[test]
        fn a_median_has_as_many_above_as_below(values in prop::collection::vec(-1e9..1e9f64, 1..200)) {
            let found = median(&values).unwrap();
            let above = values.iter().filter(|&&v| v > found).count();
            let below = values.iter().filter(|&&v| v < found).count();
            prop_assert!(above <= values.len() / 2 && below <= values.len() / 2);
        }

        #[test]
        fn a_percentile_grows_with_its_share(
            values in prop::collection::vec(-1e9..1e9f64, 1..100), a in 0.0..=1.0f64, b in 0.0..=1.0f64
        ) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(percentile(&values, low) <= percentile(&values, high));
        }

        #[test]
        fn what_is_thinned_keeps_its_ends_and_order(count in 2usize..500, most in 2usize..50) {
            let values: Vec<usize> = (0..count).collect();
            let thin = thinned(&values, most);
            prop_assert_eq!(thin.len(), most.min(count));
            prop_assert_eq!((thin.first(), thin.last()), (Some(&0), Some(&(count - 1))));
            prop_assert!(thin.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
