//! `envoy.config.cluster.v3.OutlierDetection`

use crate::message::{Message, duration};
use crate::read::{Fields, Node, ReadError};
use meridian_ir::cluster::OutlierDetection;
use serde_json::{Value, json};
use std::time::Duration;

/// Envoy's defaults.
const INTERVAL: Duration = Duration::from_secs(10);
const BASE_EJECTION_TIME: Duration = Duration::from_secs(30);
const MAX_EJECTION_TIME: Duration = Duration::from_secs(300);
const MAX_EJECTION_PERCENT: u32 = 10;
const CONSECUTIVE_FAILURES: u32 = 5;

/// Passive health checking, without the kinds that compare endpoints by their success rates. A kind of failure whose
/// count is zero is not enforced.
pub(super) fn outlier_detection(detection: &OutlierDetection) -> Value {
    let enforced = |count: u32| if count > 0 { 100 } else { 0 };
    let split = detection.split_external_local_origin_errors;
    let local = detection.consecutive_local_origin_failure;
    let longest = detection.max_ejection_time;
    let message = Message::new()
        .with("consecutive5xx", detection.consecutive_5xx)
        .with("enforcingConsecutive5xx", enforced(detection.consecutive_5xx))
        .with("consecutiveGatewayFailure", detection.consecutive_gateway_failure)
        .with("enforcingConsecutiveGatewayFailure", enforced(detection.consecutive_gateway_failure))
        .with("interval", duration(detection.interval))
        .with("baseEjectionTime", duration(detection.base_ejection_time))
        .with_some("maxEjectionTime", (longest != MAX_EJECTION_TIME).then(|| duration(longest)))
        .with("maxEjectionPercent", detection.max_ejection_percent)
        .with("enforcingSuccessRate", 0);
    if !split {
        return message.into();
    }
    message
        .with("splitExternalLocalOriginErrors", true)
        .with("consecutiveLocalOriginFailure", local)
        .with("enforcingConsecutiveLocalOriginFailure", enforced(local))
        .with("enforcingLocalOriginSuccessRate", 0)
        .into()
}

/// See [`outlier_detection`]. What is not there has Envoy's defaults.
pub(super) fn read(node: &Node<'_>) -> Result<OutlierDetection, ReadError> {
    node.message(|fields| {
        let duration = |name, default| Ok(fields.some(name, Node::duration)?.unwrap_or(default));
        fields.always("enforcingSuccessRate", &json!(0));
        let split = fields.flag("splitExternalLocalOriginErrors")?;
        let consecutive_local_origin_failure = if split {
            fields.always("enforcingLocalOriginSuccessRate", &json!(0));
            read_count(fields, "consecutiveLocalOriginFailure", "enforcingConsecutiveLocalOriginFailure", true)?
        } else {
            0
        };
        Ok(OutlierDetection {
            consecutive_5xx: read_count(fields, "consecutive5xx", "enforcingConsecutive5xx", true)?,
            consecutive_gateway_failure: read_count(
                fields,
                "consecutiveGatewayFailure",
                "enforcingConsecutiveGatewayFailure",
                false,
            )?,
            consecutive_local_origin_failure,
            split_external_local_origin_errors: split,
            interval: duration("interval", INTERVAL)?,
            base_ejection_time: duration("baseEjectionTime", BASE_EJECTION_TIME)?,
            max_ejection_time: duration("maxEjectionTime", MAX_EJECTION_TIME)?,
            max_ejection_percent: fields.some("maxEjectionPercent", Node::u32)?.unwrap_or(MAX_EJECTION_PERCENT),
        })
    })
}

/// How many failures eject; zero when that is not enforced.
fn read_count(fields: &Fields<'_>, count: &str, enforcing: &str, by_default: bool) -> Result<u32, ReadError> {
    let count = fields.some(count, Node::u32)?.unwrap_or(CONSECUTIVE_FAILURES);
    match fields.some(enforcing, Node::u32)? {
        Some(0) => Ok(0),
        Some(100) => Ok(count),
        Some(_) => Err(fields.error(&format!("{enforcing} 0 or 100"))),
        None if by_default => Ok(count),
        None => Ok(0),
    }
}
