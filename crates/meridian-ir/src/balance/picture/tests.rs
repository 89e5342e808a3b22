use super::*;
use crate::hash_policy::xx_hash_64;
use proptest::prelude::*;

const RING: LbPolicy = LbPolicy::RingHash { minimum_size: 1024 };
const MAGLEV: LbPolicy = LbPolicy::Maglev { table_size: 65_537 };

fn settings(policy: LbPolicy) -> Settings<'static> {
    Settings { policy, panic_percent: 0, localities: None }
}

/// Endpoints of one locality, of weight one.
fn healthy(count: u16, locality: &Name) -> Vec<Candidate<'_>> {
    (0..count)
        .map(|number| Candidate {
            address: ([10, 0, 0, 1], 8000 + number).into(),
            weight: 1,
            factor: 1.0,
            priority: 0,
            locality,
            is_healthy: true,
        })
        .collect()
}

/// A source of numbers that are evenly spread and the same each time.
fn numbers() -> impl FnMut() -> u64 {
    let mut state = 0u64;
    move || {
        state += 1;
        xx_hash_64(&state.to_le_bytes(), 7)
    }
}

fn by_hash(picture: &Picture, hash: u64, attempt: u32) -> Option<usize> {
    let turn = Cell::new(0);
    picture.choose(Choice { hash: Some(hash), attempt, tried: &[], turn: &turn, random: || 0, active: |_| 0 })
}

/// How often each of `size` endpoints is chosen in `count` requests without a hash.
fn counts(picture: &Picture, size: usize, count: usize) -> Vec<usize> {
    let turn = Cell::new(0);
    let mut random = numbers();
    let mut counts = vec![0; size];
    for _ in 0..count {
        let choice = Choice { hash: None, attempt: 0, tried: &[], turn: &turn, random: &mut random, active: |_| 0 };
        counts[picture.choose(choice).expect("there is an endpoint")] += 1;
    }
    counts
}

/// Whether each count is within `percent` of what is expected.
fn assert_near(counts: &[usize], expected: &[usize], percent: usize) {
    let is_near = |(count, expected): (&usize, &usize)| count.abs_diff(*expected) * 100 <= expected * percent;
    assert!(counts.iter().zip(expected).all(is_near), "{counts:?} is not {expected:?}");
}

#[test]
fn hashes_are_divided_by_weight() {
    let locality = Name::from("");
    let mut candidates = healthy(3, &locality);
    candidates[2].weight = 2;
    for (policy, percent) in [(LbPolicy::RingHash { minimum_size: 100_000 }, 5), (MAGLEV, 5)] {
        let picture = Picture::new(&settings(policy), &candidates);
        assert_near(&counts(&picture, 3, 40_000), &[10_000, 10_000, 20_000], percent);
    }
    for policy in [RING, MAGLEV] {
        assert_eq!(by_hash(&Picture::new(&settings(policy), &[]), 1, 0), None);
    }
}

#[test]
fn only_the_keys_of_an_endpoint_that_leaves_move() {
    let locality = Name::from("");
    let candidates = healthy(10, &locality);
    let mut fewer = candidates.clone();
    fewer[4].is_healthy = false;
    // A ring of a fixed least size gets a few points for those that stay: nine of them have 114 instead of 103.
    for (policy, most) in [(RING, 200), (MAGLEV, 100)] {
        let (before, after) = (Picture::new(&settings(policy), &candidates), Picture::new(&settings(policy), &fewer));
        let mut moved = 0;
        for number in 0..2000u64 {
            let hash = xx_hash_64(&number.to_le_bytes(), 0);
            let (was, is) = (by_hash(&before, hash, 0), by_hash(&after, hash, 0));
            assert_ne!(is, Some(4));
            moved += usize::from(was != Some(4) && was != is);
        }
        assert!(moved <= most, "{policy:?} moved {moved} of 2000 keys of endpoints that stayed");
    }
}

#[test]
fn another_attempt_finds_another_endpoint() {
    let locality = Name::from("");
    let candidates = healthy(5, &locality);
    for policy in [RING, MAGLEV] {
        let picture = Picture::new(&settings(policy), &candidates);
        let all: std::collections::HashSet<_> = (0..100).map(|attempt| by_hash(&picture, 12_345, attempt)).collect();
        assert_eq!(all.len(), 5, "{policy:?}");
    }
}

#[test]
fn levels_are_used_as_far_as_those_before_are_not_healthy() {
    let locality = Name::from("");
    let mut candidates = healthy(4, &locality);
    candidates[2].priority = 1;
    candidates[3].priority = 7;
    for policy in [LbPolicy::LeastRequest, LbPolicy::RoundRobin, LbPolicy::Random, RING, MAGLEV] {
        let settings = settings(policy);
        let all = counts(&Picture::new(&settings, &candidates), 4, 2000);
        assert!(all[0] > 0 && all[1] > 0 && all[2..] == [0, 0], "{policy:?} {all:?}");
        candidates[0].is_healthy = false;
        let half = counts(&Picture::new(&settings, &candidates), 4, 10_000);
        assert_near(&half, &[0, 7000, 3000, 0], 5);
        candidates[1].is_healthy = false;
        assert_eq!(counts(&Picture::new(&settings, &candidates), 4, 100), [0, 0, 100, 0]);
        candidates.iter_mut().for_each(|one| one.is_healthy = true);
    }
}

#[test]
fn panic_uses_what_is_not_healthy() {
    let locality = Name::from("");
    let mut candidates = healthy(3, &locality);
    candidates.iter_mut().for_each(|one| one.is_healthy = false);
    let picture = Picture::new(&settings(LbPolicy::Random), &candidates);
    let turn = Cell::new(0);
    let choice = || Choice { hash: None, attempt: 0, tried: &[], turn: &turn, random: || 1, active: |_| 0 };
    assert_eq!((picture.choose(choice()), picture.is_in_panic()), (None, false));
    let picture = Picture::new(&Settings { panic_percent: 1, ..settings(LbPolicy::Random) }, &candidates);
    assert!(picture.is_in_panic() && picture.choose(choice()).is_some());
    assert_eq!(Picture::default().choose(choice()), None);
}

#[test]
fn localities_are_chosen_by_weight_before_endpoints() {
    let (near, far, other) = (Name::from("r/near"), Name::from("r/far"), Name::from("r/other"));
    let mut candidates = healthy(6, &near);
    candidates[4].locality = &far;
    candidates[5].locality = &other;
    let weight = |locality: &Name, weight| LocalityWeight { locality: locality.clone(), priority: 0, weight };
    let weights = [weight(&near, 20), weight(&far, 80)];
    for policy in [LbPolicy::LeastRequest, LbPolicy::RoundRobin, LbPolicy::RingHash { minimum_size: 100_000 }, MAGLEV] {
        let settings = Settings { localities: Some(&weights), ..settings(policy) };
        let all = counts(&Picture::new(&settings, &candidates), 6, 20_000);
        assert_near(&all, &[1000, 1000, 1000, 1000, 16_000, 0], 20);
    }
    // A locality of which half is not healthy keeps 70 % of its share.
    let settings = Settings { localities: Some(&weights), ..settings(LbPolicy::Random) };
    candidates[5].locality = &far;
    candidates[4].is_healthy = false;
    let half = counts(&Picture::new(&settings, &candidates), 6, 20_000);
    assert_near(&[half[..4].iter().sum(), half[5]], &[5263, 14_737], 5);
    // Nothing of the localities with weights is left: all that is healthy.
    let none = [weight(&Name::from("gone"), 1)];
    let settings = Settings { localities: Some(&none), ..settings };
    assert_eq!(counts(&Picture::new(&settings, &candidates), 6, 1000)[4], 0);
}

#[test]
fn a_warming_endpoint_gets_its_part() {
    let locality = Name::from("");
    let mut candidates = healthy(2, &locality);
    candidates[1].factor = 0.25;
    for policy in [LbPolicy::RoundRobin, LbPolicy::LeastRequest, LbPolicy::Random] {
        let all = counts(&Picture::new(&settings(policy), &candidates), 2, 10_000);
        assert_near(&all, &[8000, 2000], 10);
    }
}

proptest! {
    #[test]
    fn what_is_chosen_may_be_used(
        hosts in proptest::collection::vec((0u32..4, 0u32..3, any::<bool>(), 0usize..3), 0..12),
        panic_percent in 0u32..101,
        policy in 0usize..5,
        seed in any::<u64>(),
        is_hashed in any::<bool>(),
        weights in proptest::collection::vec((0usize..3, 0u32..3, 1u32..5), 0..4),
    ) {
        let names = [Name::from("a"), Name::from("b"), Name::from("c")];
        let candidates: Vec<Candidate<'_>> = hosts
            .iter()
            .zip(0u16..)
            .map(|((weight, priority, is_healthy, locality), port)| Candidate {
                address: ([10, 0, 0, 1], port).into(),
                weight: *weight,
                factor: 1.0,
                priority: *priority,
                locality: &names[*locality],
                is_healthy: *is_healthy,
            })
            .collect();
        let weights: Vec<LocalityWeight> = weights
            .into_iter()
            .map(|(locality, priority, weight)| LocalityWeight { locality: names[locality].clone(), priority, weight })
            .collect();
        let policies = [
            LbPolicy::LeastRequest,
            LbPolicy::RoundRobin,
            LbPolicy::Random,
            LbPolicy::RingHash { minimum_size: 64 },
            LbPolicy::Maglev { table_size: 101 },
        ];
        let settings = Settings { policy: policies[policy], panic_percent, localities: Some(&weights) };
        let picture = Picture::new(&settings, &candidates);
        let (turn, mut state) = (Cell::new(seed), seed);
        let random = || {
            state = xx_hash_64(&state.to_le_bytes(), 1);
            state
        };
        let hash = is_hashed.then_some(seed);
        let choice = Choice { hash, attempt: 0, tried: &[], turn: &turn, random, active: |_| 0 };
        match picture.choose(choice) {
            Some(chosen) => prop_assert!(candidates[chosen].is_healthy || panic_percent > 0),
            // Rings and tables leave out localities without weight, even the only one.
            None => prop_assert!(policy > 2 || candidates.iter().all(|one| !one.is_healthy)),
        }
    }
}

#[test]
fn priorities_that_were_tried_are_left_out_at_every_second_try() {
    let locality = Name::from("");
    let mut candidates = healthy(6, &locality);
    candidates.iter_mut().enumerate().for_each(|(position, one)| one.priority = position as u32 / 2);
    let picture = Picture::new(&settings(LbPolicy::Random), &candidates);
    let turn = Cell::new(0);
    let levels = |tried: &[usize]| {
        let mut random = numbers();
        let mut counts = vec![0; 3];
        for _ in 0..10_000 {
            let choice = Choice { hash: None, attempt: 0, tried, turn: &turn, random: &mut random, active: |_| 0 };
            counts[picture.choose(choice).expect("there is an endpoint") / 2] += 1;
        }
        counts
    };
    assert_eq!(levels(&[]), [10_000, 0, 0]);
    assert_eq!(levels(&[0]), [10_000, 0, 0]);
    let second = levels(&[0, 1]);
    assert_eq!(second[0], 0);
    assert_near(&second[1..], &[5_000, 5_000], 10);
    assert_eq!(levels(&[0, 2, 4]), levels(&[0, 2]), "the third try is not looked at yet");
    assert_eq!(levels(&[0, 2]), [0, 0, 10_000]);
    assert_eq!(levels(&[0, 2, 4, 5]), [10_000, 0, 0], "nothing is left: as if nothing had been tried");
}
