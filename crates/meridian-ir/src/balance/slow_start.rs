//! Slow start: what a new endpoint is worth while it warms up (Envoy's `slow_start_config`).

use crate::cluster::WarmUp;
use std::time::Duration;

impl WarmUp {
    /// The part of its weight that an endpoint of this age has: grows from `minimum_percent` to one.
    pub fn factor(&self, age: Duration) -> f64 {
        if !self.is_warming(age) {
            return 1.0;
        }
        let age = age.max(Duration::from_millis(1));
        let grown = (age.as_secs_f64() / self.duration.as_secs_f64()).powf(1.0 / self.aggression);
        grown.max(self.minimum_percent / 100.0).min(1.0)
    }

    /// Whether an endpoint of this age does not have its whole weight yet.
    pub fn is_warming(&self, age: Duration) -> bool {
        age < self.duration
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warm_up(minimum_percent: f64, aggression: f64) -> WarmUp {
        WarmUp { duration: Duration::from_secs(60), minimum_percent, aggression }
    }

    #[test]
    fn the_weight_grows_along_the_curve() {
        for (warm_up, seconds, factor) in [
            (warm_up(10.0, 1.0), 0, 0.1),
            (warm_up(10.0, 1.0), 3, 0.1),
            (warm_up(10.0, 1.0), 15, 0.25),
            (warm_up(10.0, 1.0), 30, 0.5),
            (warm_up(10.0, 1.0), 60, 1.0),
            (warm_up(10.0, 1.0), 600, 1.0),
            (warm_up(10.0, 2.0), 15, 0.5),
            (warm_up(0.0, 0.5), 30, 0.25),
            (warm_up(100.0, 1.0), 0, 1.0),
        ] {
            let got = warm_up.factor(Duration::from_secs(seconds));
            assert!((got - factor).abs() < 1e-9, "{warm_up:?} after {seconds} s: {got}");
        }
        assert!(warm_up(0.0, 1.0).factor(Duration::ZERO) > 0.0);
    }
}
