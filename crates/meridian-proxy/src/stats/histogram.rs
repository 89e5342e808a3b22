//! Histograms with fixed buckets, fine enough for quantiles and aligned with the buckets that Envoy tells Prometheus.

use super::Count;

/// Upper bounds that Envoy tells Prometheus; milliseconds or bytes.
pub(super) const PROMETHEUS_BOUNDS: [(&str, u64); 19] = [
    ("0.5", 0),
    ("1", 1),
    ("5", 5),
    ("10", 10),
    ("25", 25),
    ("50", 50),
    ("100", 100),
    ("250", 250),
    ("500", 500),
    ("1000", 1_000),
    ("2500", 2_500),
    ("5000", 5_000),
    ("10000", 10_000),
    ("30000", 30_000),
    ("60000", 60_000),
    ("300000", 300_000),
    ("600000", 600_000),
    ("1800000", 1_800_000),
    ("3600000", 3_600_000),
];

/// Buckets of a decade above ten: 15, 20, 25, ... 100.
const PER_DECADE: usize = 18;
/// Decades above ten that are told apart: to 10, 100, ... 10^7.
const DECADES: usize = 6;
/// 0, 1, ... 10, the decades, and everything above.
const BUCKETS: usize = 11 + PER_DECADE * DECADES + 1;

/// Counts values by size. One writer.
#[derive(Debug)]
pub struct Histogram {
    buckets: [Count; BUCKETS],
    sum: Count,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: std::array::from_fn(|_| Count::default()), sum: Count::default() }
    }
}

/// The bucket of `value`: the first whose upper bound is not below it.
fn bucket(value: u64) -> usize {
    if value <= 10 {
        return value as usize;
    }
    let mut step = 5;
    for decade in 0..DECADES {
        if value <= step * 20 {
            // Bounds of this decade are 3, 4, ... 20 steps.
            return 11 + decade * PER_DECADE + value.div_ceil(step) as usize - 3;
        }
        step *= 10;
    }
    BUCKETS - 1
}

/// The upper bound of a bucket; the last one has none.
fn bound(bucket: usize) -> Option<u64> {
    if bucket <= 10 {
        return Some(bucket as u64);
    }
    let (decade, position) = ((bucket - 11) / PER_DECADE, (bucket - 11) % PER_DECADE);
    let step = 5 * 10_u64.pow(u32::try_from(decade).ok()?);
    (decade < DECADES).then_some((position as u64 + 3) * step)
}

impl Histogram {
    /// Counts `value`.
    pub fn record(&self, value: u64) {
        self.buckets[bucket(value)].inc();
        self.sum.add(value);
    }
}

/// Histograms of several workers, added up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistogramView {
    buckets: Vec<u64>,
    sum: u64,
}

impl Default for HistogramView {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS], sum: 0 }
    }
}

impl HistogramView {
    /// Adds what a worker counted.
    pub fn add(&mut self, histogram: &Histogram) {
        for (sum, bucket) in self.buckets.iter_mut().zip(&histogram.buckets) {
            *sum += bucket.get();
        }
        self.sum = self.sum.wrapping_add(histogram.sum.get());
    }

    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Their sum.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// How many values are at most `limit`; exact for the bounds of buckets.
    #[must_use]
    pub fn at_most(&self, limit: u64) -> u64 {
        let within = |bucket: &usize| bound(*bucket).is_some_and(|bound| bound <= limit);
        (0..BUCKETS).take_while(within).map(|bucket| self.buckets[bucket]).sum()
    }

    /// The value below which the share `quantile` (0 to 1) of all values is, evenly spread within a bucket; `None`
    /// without values.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let wanted = quantile.clamp(0.0, 1.0) * count as f64;
        let mut before = 0_u64;
        for (bucket, inside) in self.buckets.iter().enumerate().filter(|(_, inside)| **inside > 0) {
            let after = before + inside;
            if after as f64 >= wanted {
                let lower = if bucket == 0 { 0 } else { bound(bucket - 1).unwrap_or_default() } as f64;
                let upper = bound(bucket).unwrap_or(lower as u64 * 10) as f64;
                return Some(lower + (upper - lower) * ((wanted - before as f64) / *inside as f64).clamp(0.0, 1.0));
            }
            before = after;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_the_first_bucket_that_holds_it() {
        for value in (0..20_000).chain((20_000..12_000_000).step_by(997)) {
            let bucket = bucket(value);
            assert!(bound(bucket).is_none_or(|bound| value <= bound), "{value}");
            assert!(bucket == 0 || bound(bucket - 1).is_some_and(|below| value > below), "{value}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn bounds_of_prometheus_are_exact_to_a_minute_and_more() {
        let bounds: Vec<u64> = (0..BUCKETS).filter_map(bound).collect();
        for (_, limit) in PROMETHEUS_BOUNDS.iter().take(17) {
            assert!(bounds.contains(limit), "{limit}");
        }
    }

    #[test]
    fn workers_are_added_up() {
        let (one, two) = (Histogram::default(), Histogram::default());
        one.record(3);
        two.record(26);
        two.record(5_000);
        let mut view = HistogramView::default();
        view.add(&one);
        view.add(&two);
        assert_eq!((view.count(), view.sum()), (3, 5_029));
        assert_eq!((view.at_most(0), view.at_most(5), view.at_most(25), view.at_most(50)), (0, 1, 1, 2));
        assert_eq!(view.at_most(u64::MAX), 3);
    }

    #[test]
    fn quantiles_lie_within_their_bucket() {
        let histogram = Histogram::default();
        (1..=100).for_each(|value| histogram.record(value));
        let mut view = HistogramView::default();
        view.add(&histogram);
        for (quantile, value) in [(0.5, 50.0), (0.9, 90.0), (1.0, 100.0), (0.05, 5.0)] {
            let found = view.quantile(quantile).unwrap();
            assert!((found - value).abs() < 1e-9, "{quantile}: {found}");
        }
        assert_eq!(HistogramView::default().quantile(0.5), None);
    }
}
