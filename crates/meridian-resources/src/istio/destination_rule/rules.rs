//! What Istio's validation refuses in a DestinationRule, beyond the schema.

mod load_balancer;

use std::collections::BTreeSet;

use super::{
    ClientTlsMode, ClientTlsSettings, ConnectionPoolSettings, DestinationRule, H2UpgradePolicy, HttpSettings,
    OutlierDetection, PortTrafficPolicy, TcpSettings, TrafficPolicy, TunnelSettings,
};
use crate::istio::rules::{self, ExportTo};
use crate::object::Object;
use crate::rules::{Findings, dns, net};
use crate::schema::path::Path;

const CONFIG_MAP: &str = "configmap://";

pub(super) fn check(object: &Object<DestinationRule>, findings: &mut Findings) {
    let (rule, path) = (&object.spec, &Path::Root.field("spec"));
    let namespace = &*object.meta.namespace;
    findings.check(&path.field("host"), &rule.host, dns::wildcard_domain(&rule.host));
    check_policy(findings, &path.field("trafficPolicy"), rule.traffic_policy.as_ref(), namespace);
    let subsets = path.field("subsets");
    let mut names = BTreeSet::new();
    for (index, subset) in rule.subsets.iter().enumerate() {
        let path = subsets.index(index);
        rules::subset_name(findings, &path.field("name"), &subset.name);
        if !names.insert(&subset.name) {
            let detail = format!("duplicate subset names: {}", subset.name);
            findings.duplicate(&path.field("name"), subset.name.as_str(), detail);
        }
        rules::tags(findings, &path.field("labels"), &subset.labels);
        check_policy(findings, &path.field("trafficPolicy"), subset.traffic_policy.as_ref(), namespace);
    }
    let of = if rule.workload_selector.is_some() { ExportTo::SelectedClients } else { ExportTo::Config };
    rules::export_to(findings, &path.field("exportTo"), of, namespace, &rule.export_to);
    if rule.workload_selector.as_ref().is_some_and(|selector| selector.match_labels.is_empty()) {
        findings.warn(&path.field("workloadSelector"), "workload selector specified without labels");
    }
}

fn check_policy(findings: &mut Findings, path: &Path<'_>, policy: Option<&TrafficPolicy>, namespace: &str) {
    let Some(policy) = policy else { return };
    if *policy == TrafficPolicy::default() {
        findings.required(path, "traffic policy must have at least one field");
        return;
    }
    if policy.tunnel.is_some() && policy.proxy_protocol.is_some() {
        findings.forbidden(path, "tunnel and proxyProtocol must not be set together");
        let said = findings.errors.len();
        check_settings(findings, path, policy, namespace);
        findings.unsaid_since(said);
        return;
    }
    check_settings(findings, path, policy, namespace);
}

fn check_settings(findings: &mut Findings, path: &Path<'_>, policy: &TrafficPolicy, namespace: &str) {
    check_outlier_detection(findings, &path.field("outlierDetection"), policy.outlier_detection.as_ref());
    check_connection_pool(findings, &path.field("connectionPool"), policy.connection_pool.as_ref());
    let outlier = policy.outlier_detection.is_some();
    load_balancer::check(findings, &path.field("loadBalancer"), policy.load_balancer.as_ref(), outlier);
    check_tls(findings, &path.field("tls"), policy.tls.as_ref(), namespace);
    let list = path.field("portLevelSettings");
    for (index, settings) in policy.port_level_settings.iter().enumerate() {
        check_port_policy(findings, &list.index(index), settings, namespace);
    }
    if let Some(tunnel) = &policy.tunnel {
        check_tunnel(findings, &path.field("tunnel"), tunnel);
    }
}

fn check_port_policy(findings: &mut Findings, path: &Path<'_>, policy: &PortTrafficPolicy, namespace: &str) {
    match policy.port {
        None => findings.required(&path.field("port"), "portTrafficPolicy must have valid port"),
        Some(port) => {
            if let Err(detail) = net::port(port.number.into()) {
                // Istio lets it pass, and applies the policy to no port.
                findings.warn(&path.field("port").field("number"), detail);
            }
        }
    }
    if (PortTrafficPolicy { port: None, ..policy.clone() }) == PortTrafficPolicy::default() {
        findings.required(path, "port traffic policy must have at least one field");
        return;
    }
    check_outlier_detection(findings, &path.field("outlierDetection"), policy.outlier_detection.as_ref());
    check_connection_pool(findings, &path.field("connectionPool"), policy.connection_pool.as_ref());
    let outlier = policy.outlier_detection.is_some();
    load_balancer::check(findings, &path.field("loadBalancer"), policy.load_balancer.as_ref(), outlier);
    check_tls(findings, &path.field("tls"), policy.tls.as_ref(), namespace);
}

fn check_outlier_detection(findings: &mut Findings, path: &Path<'_>, outlier: Option<&OutlierDetection>) {
    let Some(outlier) = outlier else { return };
    net::duration(findings, &path.field("baseEjectionTime"), outlier.base_ejection_time);
    net::duration(findings, &path.field("interval"), outlier.interval);
    if outlier.consecutive_errors != 0 {
        let detail = "outlier detection consecutive errors is deprecated, use consecutiveGatewayErrors or \
                      consecutive5xxErrors instead";
        findings.warn(&path.field("consecutiveErrors"), detail);
    }
    let failures = outlier.consecutive_local_origin_failures.unwrap_or(0);
    if !outlier.split_external_local_origin_errors && failures > 0 {
        let detail = "outlier detection consecutive local origin failures is specified, but split external local \
                      origin errors is set to false";
        findings.invalid(&path.field("consecutiveLocalOriginFailures"), failures, detail);
    }
    net::percent(findings, &path.field("maxEjectionPercent"), outlier.max_ejection_percent);
    net::percent(findings, &path.field("minHealthPercent"), outlier.min_health_percent);
}

/// What a connection pool may say.
pub(crate) fn check_connection_pool(findings: &mut Findings, path: &Path<'_>, pool: Option<&ConnectionPoolSettings>) {
    let Some(pool) = pool else { return };
    if pool.http.is_none() && pool.tcp.is_none() {
        findings.required(path, "connection pool must have at least one field");
    }
    if let Some(http) = &pool.http {
        check_http(findings, &path.field("http"), http);
    }
    if let Some(tcp) = &pool.tcp {
        check_tcp(findings, &path.field("tcp"), tcp);
    }
}

fn not_negative(findings: &mut Findings, path: &Path<'_>, value: i32, what: &str) {
    if value < 0 {
        findings.invalid(path, value, format!("{what} must be non-negative"));
    }
}

fn check_http(findings: &mut Findings, path: &Path<'_>, http: &HttpSettings) {
    let numbers = [
        ("http1MaxPendingRequests", http.http1_max_pending_requests, "http1 max pending requests"),
        ("http2MaxRequests", http.http2_max_requests, "http2 max requests"),
        ("maxRequestsPerConnection", http.max_requests_per_connection, "max requests per connection"),
        ("maxRetries", http.max_retries, "max retries"),
        ("maxConcurrentStreams", http.max_concurrent_streams, "max concurrent streams"),
    ];
    for (field, value, what) in numbers {
        not_negative(findings, &path.field(field), value, what);
    }
    net::duration(findings, &path.field("idleTimeout"), http.idle_timeout);
    if http.h2_upgrade_policy == H2UpgradePolicy::Upgrade && http.use_client_protocol {
        let detail = "use client protocol must not be true when H2UpgradePolicy is UPGRADE";
        findings.forbidden(&path.field("useClientProtocol"), detail);
    }
    if let Some(keep_alive) = &http.http2_keep_alive {
        let path = path.field("http2KeepAlive");
        for (field, value) in [("interval", keep_alive.interval), ("timeout", keep_alive.timeout)] {
            if value.is_none() {
                findings.required(&path.field(field), format!("http2 keepalive {field} is required"));
            }
            net::duration(findings, &path.field(field), value);
        }
    }
}

fn check_tcp(findings: &mut Findings, path: &Path<'_>, tcp: &TcpSettings) {
    not_negative(findings, &path.field("maxConnections"), tcp.max_connections, "max connections");
    net::duration(findings, &path.field("connectTimeout"), tcp.connect_timeout);
    net::duration(findings, &path.field("maxConnectionDuration"), tcp.max_connection_duration);
    // Less than a millisecond switches the timeout off.
    let idle = tcp.idle_timeout.filter(|idle| idle.as_nanos() / 1_000_000 != 0);
    net::duration(findings, &path.field("idleTimeout"), idle);
    if let Some(keepalive) = &tcp.tcp_keepalive {
        let path = path.field("tcpKeepalive");
        net::duration(findings, &path.field("time"), keepalive.time);
        net::duration(findings, &path.field("interval"), keepalive.interval);
    }
}

fn check_tls(findings: &mut Findings, path: &Path<'_>, tls: Option<&ClientTlsSettings>, namespace: &str) {
    let Some(tls) = tls else { return };
    check_config_map(findings, path, tls, namespace);
    let (simple, mutual) = (tls.mode == ClientTlsMode::Simple, tls.mode == ClientTlsMode::Mutual);
    let sans = !tls.subject_alt_names.is_empty();
    if tls.insecure_skip_verify == Some(true) {
        let path = path.field("insecureSkipVerify");
        if simple && (!tls.ca_certificates.is_empty() || !tls.credential_name.is_empty() || sans) {
            let detail = "cannot specify CaCertificates or CredentialName or SubjectAltNames when \
                          InsecureSkipVerify is set true";
            findings.forbidden(&path, detail);
        }
        if mutual && (!tls.ca_certificates.is_empty() || sans) {
            let detail = "cannot specify CaCertificates or SubjectAltNames when InsecureSkipVerify is set true";
            findings.forbidden(&path, detail);
        }
    }
    if (simple || mutual) && !tls.credential_name.is_empty() {
        let files = [&tls.client_certificate, &tls.ca_certificates, &tls.private_key, &tls.ca_crl];
        if files.iter().any(|file| !file.is_empty()) {
            let detail = "cannot specify client certificates or CA certificate or CA CRL If credentialName is set";
            findings.forbidden(path, detail);
        }
    } else if mutual {
        if tls.client_certificate.is_empty() {
            findings.required(&path.field("clientCertificate"), "client certificate required for mutual tls");
        }
        if tls.private_key.is_empty() {
            findings.required(&path.field("privateKey"), "private key required for mutual tls");
        }
    }
}

/// `configmap://namespace/name`, of the rule's own namespace.
fn check_config_map(findings: &mut Findings, path: &Path<'_>, tls: &ClientTlsSettings, namespace: &str) {
    let Some(reference) = tls.credential_name.strip_prefix(CONFIG_MAP) else { return };
    let path = &path.field("credentialName");
    let Some((named, _)) = reference.split_once('/') else {
        let detail = format!(
            "invalid configmap:// credentialName: invalid resource name {:?}. Expected namespace and name",
            tls.credential_name
        );
        findings.invalid(path, tls.credential_name.as_str(), detail);
        return;
    };
    if named != namespace {
        let detail = format!(
            "invalid configmap:// credentialName: namespace must match the configuration namespace {namespace:?}"
        );
        findings.invalid(path, tls.credential_name.as_str(), detail);
    }
}

fn check_tunnel(findings: &mut Findings, path: &Path<'_>, tunnel: &TunnelSettings) {
    if !matches!(tunnel.protocol.as_str(), "" | "CONNECT" | "POST") {
        let detail = "tunnel protocol must be \"CONNECT\" or \"POST\"";
        findings.invalid(&path.field("protocol"), tunnel.protocol.as_str(), detail);
    }
    if let Err(reason) = dns::fqdn(&tunnel.target_host)
        && !net::is_ip(&tunnel.target_host)
    {
        let host = tunnel.target_host.as_str();
        let detail = format!("tunnel target host must be valid FQDN or IP address: {reason}; {host} is not a valid IP");
        findings.invalid(&path.field("targetHost"), host, detail);
    }
    if let Err(reason) = net::port(tunnel.target_port.into()) {
        let detail = format!("tunnel target port is invalid: {reason}");
        findings.invalid(&path.field("targetPort"), tunnel.target_port, detail);
    }
}
