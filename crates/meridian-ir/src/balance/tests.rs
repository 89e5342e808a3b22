use super::*;
use std::time::Duration;

/// Evenly spread "random" numbers.
fn spread(count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(move |i| (u64::MAX / count) * i + u64::MAX / count / 2)
}

fn histogram(size: usize, picks: impl Iterator<Item = Option<usize>>) -> Vec<u32> {
    let mut counts = vec![0; size];
    picks.for_each(|pick| counts[pick.expect("there is an endpoint")] += 1);
    counts
}

#[test]
fn weights_are_shares() {
    assert_eq!(histogram(3, spread(100).map(|r| pick_weighted(&[25, 0, 75], r))), [25, 0, 75]);
    assert_eq!(pick_weighted(&[0, 0], 7), None);
    assert_eq!(pick_weighted(&[], 7), None);
    assert_eq!(pick_weighted(&[u32::MAX, u32::MAX], u64::MAX), Some(1));
    assert_eq!(pick_weighted(&[1, 1], 0), Some(0));
}

#[test]
fn a_route_picks_its_cluster_by_weight() {
    let cluster = |name: &str, weight| WeightedName { cluster: name.into(), weight };
    let proxy = TcpProxy {
        stat_prefix: "tcp".into(),
        clusters: vec![cluster("a", 1), cluster("b", 3)],
        idle_timeout: Duration::ZERO,
        access_log: vec![],
        hash_source_ip: false,
        ..TcpProxy::default()
    };
    assert_eq!(spread(8).filter(|r| &*proxy.pick_cluster(*r).cluster == "b").count(), 6);
}

#[test]
fn round_robin_gives_each_its_weight_in_every_cycle() {
    let weights = Weights::new([1, 2, 5]);
    for start in [0, 3, u64::MAX - 20] {
        assert_eq!(histogram(3, (start..start + 8).map(|turn| weights.round_robin(turn))), [1, 2, 5], "from {start}");
    }
    // A heavy endpoint is not used in one run.
    let turns: Vec<_> = (0..7).filter_map(|turn| Weights::new([4, 1, 1, 1]).round_robin(turn)).collect();
    assert_eq!(turns, [0, 1, 0, 2, 0, 3, 0]);
    let equal = Weights::new([7, 7, 7]);
    assert_eq!((0..4).filter_map(|turn| equal.round_robin(turn)).collect::<Vec<_>>(), [0, 1, 2, 0]);
    assert_eq!(Weights::default().round_robin(1), None);
}

#[test]
fn random_follows_the_weights() {
    assert_eq!(histogram(2, spread(100).map(|r| Weights::new([1, 4]).random(r))), [20, 80]);
    assert_eq!(histogram(4, spread(100).map(|r| Weights::new([9; 4]).random(r))), [25; 4]);
    assert_eq!(Weights::default().random(3), None);
}

/// Pairs of draws that cover the square evenly.
fn pairs(side: u64) -> impl Iterator<Item = u64> {
    let step = (1 << 32) / side;
    (0..side * side).map(move |i| ((i / side * step + step / 2) << 32) | (i % side * step + step / 2))
}

#[test]
fn least_request_avoids_the_busy_endpoint() {
    let weights = Weights::new([1, 1]);
    assert!(pairs(10).all(|r| weights.least_request(r, |i| [5, 4][i]) == Some(1)));
    // With three, the busiest is never taken, because two different ones are drawn.
    let three = Weights::new([1, 1, 1]);
    let counts = histogram(3, pairs(30).map(|r| three.least_request(r, |i| [9, 1, 0][i])));
    assert_eq!(counts[0], 0);
    assert!(counts[2] > counts[1]);
    assert_eq!(Weights::new([1]).least_request(9, |_| 100), Some(0));
    assert_eq!(Weights::default().least_request(9, |_| 0), None);
}

#[test]
fn least_request_uses_an_idle_cluster_by_weight() {
    assert_eq!(histogram(2, pairs(10).map(|r| Weights::new([1, 9]).least_request(r, |_| 0))), [10, 90]);
    // Nine times the weight may have nine times the requests.
    let weights = Weights::new([1, 9]);
    let light_then_heavy = 1 << 31;
    assert_eq!(weights.least_request(light_then_heavy, |i| [2, 9][i]), Some(1));
    assert_eq!(weights.least_request(light_then_heavy, |i| [1, 10][i]), Some(0));
}
