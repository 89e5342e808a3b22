//! `envoy.config.route.v3.RouteAction`

use crate::header_value_option::{edits, read_edits};
use crate::message::{Message, duration};
use crate::read::{Fields, Node, ReadError};
use crate::retry_policy::{self, retry_policy};
use crate::{fraction, hash_policy};
use meridian_ir::fraction::Fraction;
use meridian_ir::route::{Forward, Mirror, PathMatch, PathRewrite, RegexRewrite, WeightedCluster};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Envoy's default time for a request.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The pattern under which the whole of a path is replaced.
const WHOLE_PATH: &str = "/.*";

/// Forwarding to clusters, of requests that `matched` took.
pub fn route_action(forward: &Forward, matched: &PathMatch) -> Value {
    let timeout = duration(forward.timeout.unwrap_or_default());
    let message = match &forward.clusters[..] {
        [only] if is_plain(only) => Message::new().with("cluster", &*only.cluster),
        several => Message::new()
            .with("weightedClusters", Message::new().with_list("clusters", several.iter().map(cluster_weight))),
    };
    path_rewrite(message, forward.path_rewrite.as_deref(), matched)
        .with_some("hostRewriteLiteral", forward.host_rewrite.as_deref())
        .with("timeout", timeout.clone())
        .with("maxGrpcTimeout", timeout)
        .with_some("retryPolicy", forward.retry.as_deref().map(retry_policy))
        .with_list("requestMirrorPolicies", forward.mirrors.iter().map(mirror))
        .with_some("clusterNotFoundResponseCode", cluster_not_found(forward.cluster_not_found_status))
        .with_list("hashPolicy", forward.hash_policies.iter().map(hash_policy::hash_policy))
        .into()
}

/// Statuses of requests for clusters that do not exist; the first is the default.
const CLUSTER_NOT_FOUND: [(&str, u16); 3] =
    [("SERVICE_UNAVAILABLE", 503), ("NOT_FOUND", 404), ("INTERNAL_SERVER_ERROR", 500)];

fn cluster_not_found(status: u16) -> Option<&'static str> {
    CLUSTER_NOT_FOUND[1..].iter().find(|(_, known)| *known == status).map(|(name, _)| *name)
}

/// Copies of requests are not traced.
fn mirror(mirror: &Mirror) -> Value {
    let fraction = json!({"defaultValue": fraction::of_a_hundred_or_more(mirror.fraction)});
    json!({"cluster": &*mirror.cluster, "runtimeFraction": fraction, "traceSampled": false})
}

/// Whether a single destination is nothing but the name of its cluster.
fn is_plain(cluster: &WeightedCluster) -> bool {
    cluster.request_headers.is_empty() && cluster.response_headers.is_empty() && cluster.host_rewrite.is_none()
}

fn cluster_weight(cluster: &WeightedCluster) -> Value {
    let message = Message::new().with("name", &*cluster.cluster).with("weight", cluster.weight);
    edits(message, &cluster.request_headers, &cluster.response_headers)
        .with_some("hostRewriteLiteral", cluster.host_rewrite.as_deref())
        .into()
}

fn path_rewrite(message: Message, rewrite: Option<&PathRewrite>, matched: &PathMatch) -> Message {
    match rewrite {
        None => message,
        Some(PathRewrite::Prefix(prefix)) => message.with("prefixRewrite", &**prefix),
        // Under a regular expression, the whole path is the prefix that Envoy replaces.
        Some(PathRewrite::Full(whole)) if matches!(matched, PathMatch::Regex(_)) => {
            message.with("prefixRewrite", &**whole)
        }
        Some(PathRewrite::Full(whole)) => {
            message.with("regexRewrite", substitution(WHOLE_PATH, &whole.replace('\\', r"\\")))
        }
        Some(PathRewrite::Regex(rewrite)) => {
            message.with("regexRewrite", substitution(&rewrite.pattern, &rewrite.substitution))
        }
    }
}

fn substitution(pattern: &str, substitution: &str) -> Value {
    json!({"pattern": {"regex": pattern}, "substitution": substitution})
}

/// Forwarding of requests that `matched` took.
pub(crate) fn read(node: &Node<'_>, matched: &PathMatch) -> Result<Forward, ReadError> {
    node.message(|fields| {
        let timeout = fields.some("timeout", Node::duration)?.unwrap_or(TIMEOUT);
        fields.known("maxGrpcTimeout", &duration(timeout));
        // What Istio says of inbound routes: no more than the timeout does.
        fields.known("maxStreamDuration", &json!({"maxStreamDuration": "0s", "grpcTimeoutHeaderMax": "0s"}));
        Ok(Forward {
            clusters: read_clusters(fields)?,
            timeout: (!timeout.is_zero()).then_some(timeout),
            retry: fields.some("retryPolicy", retry_policy::read)?.map(Arc::new),
            path_rewrite: read_path_rewrite(fields, matched)?.map(Box::new),
            host_rewrite: fields.some_name("hostRewriteLiteral")?,
            mirrors: fields.each("requestMirrorPolicies", read_mirror)?,
            hash_policies: fields.each("hashPolicy", hash_policy::read)?,
            cluster_not_found_status: fields.choice("clusterNotFoundResponseCode", &CLUSTER_NOT_FOUND, 503)?,
            session: None,
        })
    })
}

fn read_clusters(fields: &Fields<'_>) -> Result<Vec<WeightedCluster>, ReadError> {
    if let Some(only) = fields.get("cluster") {
        let (request_headers, response_headers) = Default::default();
        let only =
            WeightedCluster { cluster: only.name()?, weight: 1, request_headers, response_headers, host_rewrite: None };
        return Ok(vec![only]);
    }
    let Some(weighted) = fields.get("weightedClusters") else {
        return Err(fields.error("a route with cluster or weightedClusters"));
    };
    let clusters = weighted.message(|weighted| weighted.each("clusters", read_cluster_weight))?;
    match clusters.iter().any(|cluster| cluster.weight > 0) {
        true => Ok(clusters),
        false => Err(weighted.error("clusters whose weights sum up to more than zero")),
    }
}

fn read_cluster_weight(node: &Node<'_>) -> Result<WeightedCluster, ReadError> {
    node.message(|fields| {
        let (request_headers, response_headers) = read_edits(fields)?;
        Ok(WeightedCluster {
            cluster: fields.need("name")?.name()?,
            weight: fields.some("weight", Node::u32)?.unwrap_or_default(),
            request_headers,
            response_headers,
            host_rewrite: fields.some_name("hostRewriteLiteral")?,
        })
    })
}

fn read_path_rewrite(fields: &Fields<'_>, matched: &PathMatch) -> Result<Option<PathRewrite>, ReadError> {
    if let Some(prefix) = fields.some_name("prefixRewrite")? {
        return Ok(Some(match matched {
            PathMatch::Regex(_) => PathRewrite::Full(prefix),
            _ => PathRewrite::Prefix(prefix),
        }));
    }
    let Some(node) = fields.get("regexRewrite") else { return Ok(None) };
    node.message(|rewrite| {
        let pattern = rewrite.need("pattern")?.message(|pattern| {
            pattern.known("googleRe2", &json!({}));
            pattern.need("regex")?.text()
        })?;
        let substitution = rewrite.text("substitution")?;
        if let Some(whole) = literal(substitution).filter(|_| pattern == WHOLE_PATH) {
            return Ok(Some(PathRewrite::Full(whole.into())));
        }
        let rewrite = RegexRewrite::new(pattern, substitution).map_err(|error| node.error(&error.to_string()))?;
        Ok(Some(PathRewrite::Regex(rewrite)))
    })
}

/// The text that a substitution without groups stands for.
fn literal(substitution: &str) -> Option<String> {
    let mut text = String::with_capacity(substitution.len());
    let mut characters = substitution.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.next() != Some('\\') => return None,
            other => text.push(other),
        }
    }
    Some(text)
}

fn read_mirror(node: &Node<'_>) -> Result<Mirror, ReadError> {
    node.message(|mirror| {
        mirror.always("traceSampled", &json!(false));
        let fraction = mirror.some("runtimeFraction", fraction::read_runtime)?.unwrap_or(Fraction::ALL);
        Ok(Mirror { cluster: mirror.need("cluster")?.name()?, fraction })
    })
}
