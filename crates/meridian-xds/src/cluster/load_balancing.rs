//! How a cluster chooses endpoints: `lbPolicy` with its configuration, and `commonLbConfig`.

use crate::message::{Message, duration};
use crate::read::{Fields, Node, ReadError};
use crate::wire::double;
use meridian_ir::Cluster;
use meridian_ir::cluster::{Discovery, LbPolicy, WarmUp};
use serde_json::{Value, json};
use std::time::Duration;

/// Envoy's default share of healthy endpoints below which all are used, in percent.
const HEALTHY_PANIC_PERCENT: u32 = 50;

/// Envoy's default share of the weight at the beginning of a warm-up, in percent.
const MINIMUM_PERCENT: f64 = 10.0;

/// The name by which Envoy could be told another aggression while it runs; it needs one.
const AGGRESSION_KEY: &str = "upstream.slow_start.aggression";

/// Whether it is the client who says where connections go.
fn provides(discovery: Discovery) -> bool {
    matches!(discovery, Discovery::OriginalDst | Discovery::DynamicForward)
}

/// Sets the policy and what belongs to it.
pub(super) fn with_load_balancing(message: Message, cluster: &Cluster) -> Message {
    let slow_start = cluster.warm_up.as_ref().map(|warm_up| json!({"slowStartConfig": slow_start(warm_up)}));
    let message = match cluster.lb_policy {
        _ if provides(cluster.discovery) => message.with("lbPolicy", "CLUSTER_PROVIDED"),
        LbPolicy::LeastRequest => {
            message.with("lbPolicy", "LEAST_REQUEST").with_some("leastRequestLbConfig", slow_start)
        }
        // The default policy.
        LbPolicy::RoundRobin => message.with_some("roundRobinLbConfig", slow_start),
        LbPolicy::Random => message.with("lbPolicy", "RANDOM"),
        LbPolicy::RingHash { minimum_size } => message
            .with("lbPolicy", "RING_HASH")
            .with("ringHashLbConfig", json!({"minimumRingSize": minimum_size.to_string()})),
        LbPolicy::Maglev { table_size } => {
            message.with("lbPolicy", "MAGLEV").with("maglevLbConfig", json!({"tableSize": table_size.to_string()}))
        }
        LbPolicy::ClusterProvided => message.with("lbPolicy", "CLUSTER_PROVIDED"),
    };
    let panic = match cluster.healthy_panic_percent {
        // No panic: an endpoint that is not healthy is never asked.
        0 => json!({}),
        percent => json!({"value": percent}),
    };
    let common = Message::new()
        .with("healthyPanicThreshold", panic)
        .with_some("localityWeightedLbConfig", cluster.locality_weighted.then(|| json!({})));
    message.with("commonLbConfig", common)
}

fn slow_start(warm_up: &WarmUp) -> Value {
    json!({
        "slowStartWindow": duration(warm_up.duration),
        "aggression": {"defaultValue": double(warm_up.aggression), "runtimeKey": AGGRESSION_KEY},
        "minWeightPercent": {"value": double(warm_up.minimum_percent)},
    })
}

/// What `commonLbConfig` says.
pub(super) struct Common {
    pub(super) healthy_panic_percent: u32,
    pub(super) locality_weighted: bool,
}

pub(super) fn read_common(fields: &Fields<'_>) -> Result<Common, ReadError> {
    let common = fields.some("commonLbConfig", |node| {
        node.message(|common| {
            let panic = common.some("healthyPanicThreshold", |node| {
                node.message(|percent| percent.some("value", read_percent)).map(Option::unwrap_or_default)
            })?;
            let locality_weighted = common.some("localityWeightedLbConfig", |node| node.message(|_| Ok(())))?.is_some();
            Ok(Common { healthy_panic_percent: panic.unwrap_or(HEALTHY_PANIC_PERCENT), locality_weighted })
        })
    })?;
    Ok(common.unwrap_or(Common { healthy_panic_percent: HEALTHY_PANIC_PERCENT, locality_weighted: false }))
}

/// A percentage without decimals.
fn read_percent(node: &Node<'_>) -> Result<u32, ReadError> {
    let percent = node.f64()?;
    if percent.fract() == 0.0 && (0.0..=100.0).contains(&percent) {
        return Ok(percent as u32);
    }
    Err(node.error("a whole number from 0 to 100"))
}

/// The policy, and the warm-up of new endpoints.
pub(super) fn read_policy(fields: &Fields<'_>, discovery: Discovery) -> Result<(LbPolicy, Option<WarmUp>), ReadError> {
    const POLICIES: [(&str, LbPolicy); 6] = [
        ("ROUND_ROBIN", LbPolicy::RoundRobin),
        ("LEAST_REQUEST", LbPolicy::LeastRequest),
        ("RANDOM", LbPolicy::Random),
        ("RING_HASH", LbPolicy::RingHash { minimum_size: 1024 }),
        ("MAGLEV", LbPolicy::Maglev { table_size: 65537 }),
        ("CLUSTER_PROVIDED", LbPolicy::ClusterProvided),
    ];
    let policy = fields.choice("lbPolicy", &POLICIES, LbPolicy::RoundRobin)?;
    if (policy == LbPolicy::ClusterProvided) != provides(discovery) {
        let allowed = "lbPolicy CLUSTER_PROVIDED with type ORIGINAL_DST or a dynamic forward proxy, and only there";
        return Err(fields.error(allowed));
    }
    let number = |config: &str, field: &str, default: u64| {
        let number = fields.some(config, |node| node.message(|config| config.some(field, Node::u64)))?;
        Ok::<_, ReadError>(number.flatten().unwrap_or(default))
    };
    Ok(match policy {
        LbPolicy::RoundRobin => (policy, read_warm_up(fields, "roundRobinLbConfig")?),
        LbPolicy::LeastRequest => (policy, read_warm_up(fields, "leastRequestLbConfig")?),
        LbPolicy::RingHash { minimum_size } => {
            let minimum_size = number("ringHashLbConfig", "minimumRingSize", minimum_size)?;
            (LbPolicy::RingHash { minimum_size }, None)
        }
        LbPolicy::Maglev { table_size } => {
            (LbPolicy::Maglev { table_size: number("maglevLbConfig", "tableSize", table_size)? }, None)
        }
        LbPolicy::Random | LbPolicy::ClusterProvided => (policy, None),
    })
}

fn read_warm_up(fields: &Fields<'_>, config: &str) -> Result<Option<WarmUp>, ReadError> {
    let read =
        |node: &Node<'_>| node.message(|config| config.some("slowStartConfig", |node| node.message(read_slow_start)));
    Ok(fields.some(config, read)?.flatten())
}

fn read_slow_start(fields: &Fields<'_>) -> Result<WarmUp, ReadError> {
    let aggression = fields.some("aggression", |node| {
        node.message(|aggression| {
            aggression.known("runtimeKey", &json!(AGGRESSION_KEY));
            aggression.some("defaultValue", Node::f64)
        })
    })?;
    let minimum = fields.some("minWeightPercent", |node| node.message(|percent| percent.some("value", Node::f64)))?;
    Ok(WarmUp {
        duration: fields.some("slowStartWindow", Node::duration)?.unwrap_or(Duration::ZERO),
        minimum_percent: minimum.map_or(MINIMUM_PERCENT, Option::unwrap_or_default),
        aggression: aggression.flatten().unwrap_or(1.0),
    })
}
