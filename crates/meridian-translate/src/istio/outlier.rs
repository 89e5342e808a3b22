//! Outlier detection of DestinationRules.

use meridian_ir::cluster;
use meridian_resources::istio::destination_rule::OutlierDetection;
use std::time::Duration;

/// Envoy's own values, where a DestinationRule says nothing.
const CONSECUTIVE: u32 = 5;
const INTERVAL: Duration = Duration::from_secs(10);
const BASE_EJECTION_TIME: Duration = Duration::from_secs(30);
const MAX_EJECTION_TIME: Duration = Duration::from_secs(300);
const MAX_EJECTION_PERCENT: u32 = 10;

/// Passive health checking as Istio configures it in Envoy: 5xx are counted unless they are switched off with 0,
/// gateway errors only where the rule says so, failures of the connection apart only where they are split.
pub(crate) fn compile(settings: &OutlierDetection) -> cluster::OutlierDetection {
    let split = settings.split_external_local_origin_errors;
    let local = settings.consecutive_local_origin_failures.filter(|count| *count > 0).unwrap_or(CONSECUTIVE);
    let base_ejection_time = settings.base_ejection_time.map_or(BASE_EJECTION_TIME, |time| time.to_std());
    cluster::OutlierDetection {
        consecutive_5xx: settings.consecutive_5xx_errors.unwrap_or(CONSECUTIVE),
        consecutive_gateway_failure: settings.consecutive_gateway_errors.unwrap_or(0),
        consecutive_local_origin_failure: if split { local } else { 0 },
        split_external_local_origin_errors: split,
        interval: settings.interval.map_or(INTERVAL, |interval| interval.to_std()),
        base_ejection_time,
        max_ejection_time: MAX_EJECTION_TIME.max(base_ejection_time),
        max_ejection_percent: positive(settings.max_ejection_percent).unwrap_or(MAX_EJECTION_PERCENT),
    }
}

/// `minHealthPercent`: zero switches Envoy's panic mode off.
pub(crate) fn panic_percent(settings: Option<&OutlierDetection>) -> u32 {
    settings.and_then(|settings| positive(settings.min_health_percent)).unwrap_or(0)
}

fn positive(value: i32) -> Option<u32> {
    u32::try_from(value).ok().filter(|value| *value > 0)
}
