//! How requests are divided among priority levels, as Envoy divides them: a level that is not healthy enough gives a
//! part of its requests to the next, and when too few endpoints are healthy all of them are used.

/// Envoy's `overprovisioning_factor`, percent: a level takes all requests that are meant for it as long as
/// one 1.4th of its endpoints is healthy.
pub const OVERPROVISIONING: u64 = 140;

/// The endpoints of one level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LevelHealth {
    /// All.
    pub total: usize,
    /// Those that are healthy.
    pub healthy: usize,
}

/// What one level is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LevelLoad {
    /// Share of the requests, percent.
    pub percent: u32,
    /// All its endpoints are used, healthy or not.
    pub in_panic: bool,
}

impl LevelHealth {
    /// Percent of what the level was made for that it can take.
    pub(super) fn availability(self) -> u32 {
        if self.total == 0 {
            return 0;
        }
        (OVERPROVISIONING * self.healthy as u64 / self.total as u64).min(100) as u32
    }

    fn is_below(self, percent: u32) -> bool {
        let healthy = if self.total == 0 { 0.0 } else { 100.0 * self.healthy as f64 / self.total as f64 };
        healthy < f64::from(percent)
    }
}

/// The load of each of `levels`, first to last; the shares sum up to 100. `panic_percent` is
/// `healthy_panic_threshold`; zero: never.
pub fn loads(levels: &[LevelHealth], panic_percent: u32) -> Vec<LevelLoad> {
    let mut loads = vec![LevelLoad::default(); levels.len()];
    let panic_percent = panic_percent.min(100);
    let available = levels.iter().map(|level| level.availability()).sum::<u32>().min(100);
    if available > 0 {
        let mut left = 100;
        for (load, level) in loads.iter_mut().zip(levels) {
            load.percent = share_of(level.availability(), available).min(left);
            left -= load.percent;
        }
        // What rounding has left over.
        if let Some(first) = levels.iter().position(|level| level.availability() > 0) {
            loads[first].percent += left;
        }
    } else if panic_percent == 0 {
        // No endpoint will be found.
        if let Some(first) = loads.first_mut() {
            first.percent = 100;
        }
        return loads;
    }
    if available < 100 {
        for (load, level) in loads.iter_mut().zip(levels) {
            load.in_panic = level.is_below(panic_percent);
        }
        if loads.iter().all(|load| load.in_panic) {
            divide_by_size(levels, &mut loads);
        }
    }
    loads
}

/// `part` of `whole` in percent, rounded down.
fn share_of(part: u32, whole: u32) -> u32 {
    (part * 100).checked_div(whole).unwrap_or(0)
}

/// Where all levels are in panic, each is asked by how many endpoints it has.
fn divide_by_size(levels: &[LevelHealth], loads: &mut [LevelLoad]) {
    let total: usize = levels.iter().map(|level| level.total).sum();
    let mut left = 100;
    for (load, level) in loads.iter_mut().zip(levels) {
        load.percent = (100 * level.total).checked_div(total).unwrap_or(0) as u32;
        left -= load.percent;
    }
    let first = levels.iter().position(|level| level.total > 0).unwrap_or(0);
    if let Some(load) = loads.get_mut(first) {
        load.percent += left;
    }
}

/// The level for a request with this number.
pub(super) fn choose(loads: impl IntoIterator<Item = u32>, random: u64) -> usize {
    let drawn = (random % 100 + 1) as u32;
    let mut sum = 0;
    let passed = |load: &u32| {
        sum += *load;
        drawn > sum
    };
    loads.into_iter().take_while(passed).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(levels: &[(usize, usize)], panic_percent: u32) -> (Vec<u32>, Vec<bool>) {
        let levels: Vec<_> =
            levels.iter().map(|(healthy, total)| LevelHealth { healthy: *healthy, total: *total }).collect();
        let loads = loads(&levels, panic_percent);
        (loads.iter().map(|load| load.percent).collect(), loads.iter().map(|load| load.in_panic).collect())
    }

    #[test]
    fn a_level_hands_down_what_it_cannot_take() {
        // The table of Envoy's documentation on priority levels, and its neighbours.
        for (levels, percents) in [
            (&[(100, 100), (100, 100)][..], &[100, 0][..]),
            (&[(72, 100), (100, 100)], &[100, 0]),
            (&[(71, 100), (100, 100)], &[99, 1]),
            (&[(50, 100), (100, 100)], &[70, 30]),
            (&[(25, 100), (100, 100)], &[35, 65]),
            (&[(0, 100), (100, 100)], &[0, 100]),
            (&[(25, 100), (25, 100)], &[50, 50]),
            (&[(5, 100), (10, 100), (100, 100)], &[7, 14, 79]),
            (&[(0, 0), (1, 1)], &[0, 100]),
            (&[(0, 3)], &[100]),
        ] {
            assert_eq!(of(levels, 0), (percents.to_vec(), vec![false; levels.len()]), "{levels:?}");
        }
    }

    #[test]
    fn panic_uses_all_endpoints() {
        assert_eq!(of(&[(1, 4)], 50), (vec![100], vec![true]));
        assert_eq!(of(&[(3, 4)], 50), (vec![100], vec![false]));
        // Another level can take everything: no panic.
        assert_eq!(of(&[(1, 4), (4, 4)], 50), (vec![35, 65], vec![false, false]));
        // Nobody can: by size.
        assert_eq!(of(&[(0, 1), (0, 3)], 50), (vec![25, 75], vec![true, true]));
        assert_eq!(of(&[(0, 0)], 50), (vec![100], vec![true]));
        // Without panic nothing is found.
        assert_eq!(of(&[(0, 1), (0, 3)], 0), (vec![100, 0], vec![false, false]));
    }

    #[test]
    fn numbers_fall_into_levels_by_their_share() {
        let counts = (0..100).fold([0; 3], |mut counts, random| {
            counts[choose([7, 14, 79], random)] += 1;
            counts
        });
        assert_eq!(counts, [7, 14, 79]);
        assert_eq!(choose([0, 100], 0), 1);
    }
}
