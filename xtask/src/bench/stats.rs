//! Medians and percentiles.

/// The value in the middle; of an even number of values, the lower of the two.
///
/// # Panics
/// Without values.
pub(crate) fn median<T: Copy + PartialOrd>(values: &[T]) -> T {
    percentile(values, 50)
}

/// The smallest value that `percent` % of the values do not exceed (nearest rank).
///
/// # Panics
/// Without values.
pub(crate) fn percentile<T: Copy + PartialOrd>(values: &[T], percent: usize) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted[rank - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_rank() {
        assert_eq!(median(&[3, 1, 2]), 2);
        assert_eq!(median(&[4, 1, 2, 3]), 2);
        assert_eq!(percentile(&[1.0, 2.0, 3.0], 99), 3.0);
        assert_eq!(percentile(&[7], 1), 7);
    }
}
