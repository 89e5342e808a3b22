//! A share of the requests.

/// How many requests of a million (Envoy's `FractionalPercent`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fraction {
    per_million: u32,
}

impl Fraction {
    /// Every request.
    pub const ALL: Self = Self { per_million: 1_000_000 };

    /// `percent` (0 to 100) rounded down to a millionth, as Istio does; more counts as 100.
    pub fn from_percent(percent: f64) -> Self {
        Self::from_millionths((percent * 10_000.0).max(0.0) as u32)
    }

    /// So many of a million; more counts as all.
    pub fn from_millionths(per_million: u32) -> Self {
        Self { per_million: per_million.min(1_000_000) }
    }

    /// So many of a million.
    pub fn millionths(self) -> u32 {
        self.per_million
    }

    /// Whether a request with this random number is one of them.
    pub fn takes(self, random: u64) -> bool {
        random % 1_000_000 < u64::from(self.per_million)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_and_nothing_do_not_depend_on_chance() {
        for random in [0, 999_999, u64::MAX] {
            assert!(Fraction::ALL.takes(random));
            assert!(!Fraction::from_percent(0.0).takes(random));
        }
        assert_eq!(Fraction::from_percent(0.5).millionths(), 5_000);
        assert_eq!(Fraction::from_percent(250.0), Fraction::ALL);
        assert!(Fraction::from_percent(0.5).takes(4_999));
        assert!(!Fraction::from_percent(0.5).takes(5_000));
    }
}
