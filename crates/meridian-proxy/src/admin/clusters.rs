//! `/clusters`: clusters, their limits, and how each endpoint is doing.

use super::Context;
use super::page::{Page, Query, regex};
use crate::dns::Resolved;
use crate::stats::Kind;
use meridian_ir::cluster::Discovery;
use meridian_ir::endpoint::{Address, Health};
use meridian_ir::{Cluster, Endpoint, Name};
use serde_json::{Value, json};
use std::fmt::Write;
use std::net::SocketAddr;

/// An endpoint at one address.
struct Host<'c> {
    address: SocketAddr,
    /// The DNS name that led to it, or nothing.
    hostname: &'c str,
    endpoint: &'c Endpoint,
    /// Outlier detection has ejected it.
    is_ejected: bool,
    numbers: Vec<(&'static str, Kind, u64)>,
}

pub(super) fn page(context: &Context, query: &Query) -> Page {
    let filter = match regex(query, "filter") {
        Ok(filter) => filter,
        Err(page) => return page,
    };
    let config = context.shared.config.load();
    let resolved = (context.resolved)();
    let mut clusters: Vec<&Cluster> = config.clusters.values().map(|cluster| &**cluster).collect();
    clusters.retain(|cluster| filter.as_ref().is_none_or(|filter| filter.is_match(&cluster.name)));
    clusters.sort_by(|a, b| a.name.cmp(&b.name));
    let with_hosts = clusters.into_iter().map(|cluster| {
        let endpoints = config.endpoints.get(&cluster.name).map_or(&[][..], |endpoints| &endpoints.endpoints);
        (cluster, hosts(context, cluster, endpoints, &resolved))
    });
    match query.get("format") {
        Some("json") => {
            let statuses: Vec<Value> = with_hosts.map(|(cluster, hosts)| json(cluster, &hosts)).collect();
            Page::json(&json!({ "cluster_statuses": statuses }))
        }
        None | Some("text" | "") => {
            let mut out = String::new();
            with_hosts.for_each(|(cluster, hosts)| text(cluster, &hosts, &mut out));
            Page::text(out)
        }
        Some(other) => Page::error(400, format!("format {other:?} is none of text, json\n")),
    }
}

fn hosts<'c>(context: &Context, cluster: &Cluster, endpoints: &'c [Endpoint], resolved: &'c Resolved) -> Vec<Host<'c>> {
    let plan = context.shared.stats.plan(&cluster.name);
    let host = |address: SocketAddr, hostname: &'c str, endpoint: &'c Endpoint| {
        let numbers = context.shared.stats.host(&cluster.name, address);
        let outliers = plan.as_ref().and_then(|plan| plan.outliers.as_ref());
        let is_ejected = outliers.is_some_and(|outliers| outliers.is_ejected(&address));
        Host { address, hostname, endpoint, is_ejected, numbers }
    };
    let mut hosts = Vec::new();
    for endpoint in endpoints {
        match &endpoint.address {
            Address::Socket(address) => hosts.push(host(*address, "", endpoint)),
            Address::Dns(name, port) => {
                let addresses = resolved.get(name).map_or(&[][..], |addresses| addresses);
                let used = if cluster.discovery == Discovery::LogicalDns { 1 } else { addresses.len() };
                let at = |ip: &std::net::IpAddr| host(SocketAddr::new(*ip, *port), name, endpoint);
                hosts.extend(addresses.iter().take(used).map(at));
            }
        }
    }
    hosts
}

/// Envoy's name of a cluster in statistics, as Istio sets it.
fn observability_name(cluster: &Cluster) -> String {
    format!("{};", cluster.name)
}

fn limits(cluster: &Cluster) -> [(&'static str, u32); 4] {
    let limits = &cluster.circuit_breakers;
    [
        ("max_connections", limits.max_connections),
        ("max_pending_requests", limits.max_pending_requests),
        ("max_requests", limits.max_requests),
        ("max_retries", limits.max_retries),
    ]
}

/// Region, zone and subzone.
fn locality(locality: &Name) -> [(&'static str, String); 3] {
    let mut fields = locality.splitn(3, '/').map(str::to_owned);
    ["region", "zone", "sub_zone"].map(|name| (name, fields.next().unwrap_or_default()))
}

fn text(cluster: &Cluster, hosts: &[Host<'_>], out: &mut String) {
    let name = &cluster.name;
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{name}::observability_name::{}", observability_name(cluster));
    for (limit, value) in limits(cluster) {
        let _ = writeln!(out, "{name}::default_priority::{limit}::{value}");
    }
    let _ = writeln!(out, "{name}::added_via_api::true");
    if cluster.outlier_detection.is_some() {
        // Endpoints are not judged by their rate of successes; Envoy shows it so.
        for origin in ["", "local_origin_"] {
            for field in ["average", "ejection_threshold"] {
                let _ = writeln!(out, "{name}::outlier::{origin}success_rate_{field}::-1");
            }
        }
    }
    for host in hosts {
        let outlier = if host.is_ejected { "/failed_outlier_check" } else { "" };
        let eds = match host.endpoint.health {
            Health::Healthy if host.is_ejected => "",
            Health::Healthy => "healthy",
            Health::Unhealthy => "/failed_eds_health",
            Health::Draining => "/eds_status_draining",
        };
        let health = format!("{outlier}{eds}");
        let mut line = |field: &str, value: &dyn std::fmt::Display| {
            let _ = writeln!(out, "{name}::{}::{field}::{value}", host.address);
        };
        for (field, _, value) in &host.numbers {
            line(field, value);
        }
        line("hostname", &host.hostname);
        line("health_flags", &health);
        line("weight", &host.endpoint.weight);
        for (field, value) in locality(&host.endpoint.locality) {
            line(field, &value);
        }
        line("canary", &false);
        line("priority", &host.endpoint.priority);
        line("success_rate", &-1);
        line("local_origin_success_rate", &-1);
    }
}

fn json(cluster: &Cluster, hosts: &[Host<'_>]) -> Value {
    let thresholds: serde_json::Map<String, Value> =
        limits(cluster).into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let hosts: Vec<Value> = hosts.iter().map(host_json).collect();
    json!({
        "name": &*cluster.name,
        "added_via_api": true,
        "host_statuses": hosts,
        "circuit_breakers": {"thresholds": [thresholds]},
        "observability_name": observability_name(cluster),
    })
}

fn host_json(host: &Host<'_>) -> Value {
    let of_kind = |kind: Kind| host.numbers.iter().filter(move |(_, known, _)| *known == kind);
    let number = |(name, kind, value): &(&str, Kind, u64)| {
        let mut stat = json!({"name": name});
        if *kind == Kind::Gauge {
            stat["type"] = "GAUGE".into();
        }
        if *value > 0 {
            stat["value"] = value.to_string().into();
        }
        stat
    };
    let stats: Vec<Value> = of_kind(Kind::Counter).chain(of_kind(Kind::Gauge)).map(number).collect();
    let health = match host.endpoint.health {
        Health::Healthy => "HEALTHY",
        Health::Unhealthy => "UNHEALTHY",
        Health::Draining => "DRAINING",
    };
    let mut health_status = json!({"eds_health_status": health});
    if host.is_ejected {
        health_status["failed_outlier_check"] = true.into();
    }
    let region: serde_json::Map<String, Value> = locality(&host.endpoint.locality)
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let mut status = json!({
        "address": {"socket_address": {
            "address": host.address.ip().to_string(), "port_value": host.address.port()
        }},
        "stats": stats,
        "health_status": health_status,
        "weight": host.endpoint.weight,
        "locality": region,
    });
    if !host.hostname.is_empty() {
        status["hostname"] = host.hostname.into();
    }
    if host.endpoint.priority > 0 {
        status["priority"] = host.endpoint.priority.into();
    }
    status
}
