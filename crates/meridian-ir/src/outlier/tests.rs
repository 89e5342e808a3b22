use super::*;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn settings() -> OutlierDetection {
    OutlierDetection {
        consecutive_5xx: 3,
        consecutive_gateway_failure: 0,
        consecutive_local_origin_failure: 0,
        split_external_local_origin_errors: false,
        interval: 10 * SECOND,
        base_ejection_time: 30 * SECOND,
        max_ejection_time: 300 * SECOND,
        max_ejection_percent: 100,
    }
}

fn address(number: u16) -> SocketAddr {
    ([10, 0, 0, 1], number).into()
}

fn watching(count: u16) -> Ejections {
    let mut ejections = Ejections::default();
    ejections.set_hosts((0..count).map(address));
    ejections
}

/// What the outcomes lead to, one after another.
fn detected(settings: &OutlierDetection, outcomes: &[Outcome]) -> Vec<Kind> {
    let monitor = Monitor::default();
    outcomes.iter().flat_map(|outcome| monitor.record(*outcome, settings)).flatten().collect()
}

#[test]
fn failures_count_in_a_row() {
    use Outcome::{Connected, ConnectedFinally, Failed, Status, TimedOut};
    let (any, gateway) = (Kind::Consecutive5xx, Kind::ConsecutiveGatewayFailure);
    let on_5xx = settings();
    let on_gateway = OutlierDetection { consecutive_5xx: 0, consecutive_gateway_failure: 2, ..settings() };
    let both = OutlierDetection { consecutive_gateway_failure: 3, ..settings() };
    for (settings, outcomes, kinds) in [
        (&on_5xx, &[Status(500), Status(502), Status(599)][..], &[any][..]),
        (&on_5xx, &[Status(500), Status(500), Status(200), Status(500), Status(500)], &[]),
        (&on_5xx, &[Status(500), Status(404), Status(500), Status(500)], &[]),
        (&on_5xx, &[Failed, TimedOut, Failed], &[any]),
        (&on_5xx, &[Failed, Connected, Failed, Connected, Failed], &[any]),
        (&on_5xx, &[Failed, Failed, ConnectedFinally, Failed], &[]),
        // Only the one that fills the measure is told.
        (&on_5xx, &[Status(500), Status(500), Status(500), Status(500)], &[any]),
        (&on_gateway, &[Status(502), Status(504)], &[gateway]),
        (&on_gateway, &[Status(503), Status(500), Status(503)], &[]),
        (&on_gateway, &[Failed, TimedOut], &[gateway]),
        (&both, &[Status(503), Status(503), Status(503)], &[gateway, any]),
    ] {
        assert_eq!(detected(settings, outcomes), kinds, "{outcomes:?}");
    }
}

#[test]
fn errors_of_our_side_count_apart_where_they_are_split() {
    use Outcome::{Connected, Failed, Status, TimedOut};
    let local = Kind::ConsecutiveLocalOriginFailure;
    let split = OutlierDetection {
        split_external_local_origin_errors: true,
        consecutive_local_origin_failure: 2,
        ..settings()
    };
    for (outcomes, kinds) in [
        (&[Failed, TimedOut][..], &[local][..]),
        (&[Failed, Connected, Failed], &[]),
        (&[Failed, Status(200), Failed], &[local]),
        (&[Failed, Status(500), Status(500), Status(500)], &[Kind::Consecutive5xx]),
    ] {
        assert_eq!(detected(&split, outcomes), kinds, "{outcomes:?}");
    }
}

#[test]
fn an_ejection_lasts_longer_each_time_and_is_forgiven_slowly() {
    let settings = settings();
    let start = Instant::now();
    let at = |seconds: u32| start + SECOND * seconds;
    let mut ejections = watching(2);
    let is_out = |ejections: &Ejections| ejections.monitor(&address(0)).expect("it is watched").is_ejected();
    let eject = |ejections: &mut Ejections, seconds| {
        assert_eq!(ejections.detected(&address(0), Kind::Consecutive5xx, &settings, at(seconds)), Verdict::Ejected);
        assert!(is_out(ejections) && ejections.active() == 1);
    };
    eject(&mut ejections, 0);
    assert_eq!(ejections.detected(&address(0), Kind::Consecutive5xx, &settings, at(1)), Verdict::Nothing);
    assert_eq!((ejections.check(&settings, at(29)), is_out(&ejections)), (0, true));
    assert_eq!((ejections.check(&settings, at(30)), is_out(&ejections)), (1, false));
    assert_eq!(ejections.active(), 0);
    // The second time twice as long.
    eject(&mut ejections, 31);
    assert_eq!(ejections.check(&settings, at(31 + 59)), 0);
    assert_eq!(ejections.check(&settings, at(31 + 60)), 1);
    // Two intervals without a failure: as if it were the first time.
    ejections.check(&settings, at(101));
    ejections.check(&settings, at(111));
    eject(&mut ejections, 112);
    assert_eq!(ejections.check(&settings, at(112 + 30)), 1);
}

#[test]
fn no_ejection_is_longer_than_the_longest() {
    let settings = OutlierDetection { max_ejection_time: 45 * SECOND, ..settings() };
    let mut now = Instant::now();
    let mut ejections = watching(1);
    for time in [30, 45, 45, 45] {
        ejections.detected(&address(0), Kind::Consecutive5xx, &settings, now);
        assert_eq!(ejections.check(&settings, now + SECOND * (time - 1)), 0);
        now += SECOND * time;
        assert_eq!(ejections.check(&settings, now), 1);
    }
}

#[test]
fn so_many_percent_may_be_out() {
    for (count, percent, out) in
        [(2, 10, 0), (10, 10, 1), (20, 10, 2), (10, 50, 5), (3, 100, 3), (1, 0, 0), (4, 200, 4)]
    {
        let settings = OutlierDetection { max_ejection_percent: percent, ..settings() };
        let mut ejections = watching(count);
        let verdicts: Vec<_> = (0..count)
            .map(|number| ejections.detected(&address(number), Kind::Consecutive5xx, &settings, Instant::now()))
            .collect();
        let expected: Vec<_> =
            (0..count).map(|number| if number < out { Verdict::Ejected } else { Verdict::Overflow }).collect();
        assert_eq!(verdicts, expected, "{percent} % of {count}");
    }
}

#[test]
fn endpoints_that_stay_keep_their_state() {
    let settings = settings();
    let mut ejections = watching(2);
    ejections.detected(&address(0), Kind::Consecutive5xx, &settings, Instant::now());
    let monitor = ejections.monitor(&address(0)).expect("it is watched").clone();
    ejections.set_hosts([address(0), address(5)]);
    assert!(Arc::ptr_eq(ejections.monitor(&address(0)).expect("it is watched"), &monitor));
    assert_eq!(ejections.active(), 1);
    ejections.set_hosts([address(5)]);
    assert_eq!(ejections.active(), 0);
    assert_eq!(ejections.detected(&address(0), Kind::Consecutive5xx, &settings, Instant::now()), Verdict::Nothing);
}
