//! What Istio's validation refuses in a Sidecar, beyond the schema.

use std::collections::{BTreeMap, BTreeSet};

use super::{CaptureMode, EgressListener, IngressListener, OutboundTrafficPolicyMode, Sidecar, SidecarPort};
use crate::error::FieldError;
use crate::istio::destination_rule::rules::check_connection_pool;
use crate::istio::gateway::ServerTlsMode;
use crate::istio::gateway::rules::check_tls;
use crate::istio::protocol::Protocol;
use crate::istio::rules;
use crate::object::Object;
use crate::rules::{Findings, dns, net};
use crate::schema::path::Path;

const UNIX: &str = "unix://";

pub(super) fn check(object: &Object<Sidecar>, findings: &mut Findings) {
    let (sidecar, spec) = (&object.spec, Path::Root.field("spec"));
    let before = findings.errors.len();
    if let Some(selector) = &sidecar.workload_selector {
        let path = spec.field("workloadSelector");
        if selector.labels.is_empty() {
            let detail = "sidecar: workload selector specified without labels, will be applied to all services in \
                          namespace";
            findings.warn(&path, detail);
        }
        for key in selector.labels.keys().filter(|key| key.is_empty() || key.contains('*')) {
            findings.invalid(
                &path.field("labels"),
                key.as_str(),
                "empty and wildcard keys are not supported in selector",
            );
            let pair = format!("{key}={}", selector.labels[key]);
            let what = if key.is_empty() { "empty key" } else { "wildcard" };
            findings.in_istios_words(format!("{what} is not supported in selector: {pair:?}"));
        }
    }
    let said = findings.errors.len();
    let is_empty = sidecar.egress.is_empty() && sidecar.ingress.is_empty();
    if is_empty && sidecar.outbound_traffic_policy.is_none() && sidecar.inbound_connection_pool.is_none() {
        findings.required(&spec, "sidecar: empty configuration provided");
    }
    check_ingress(findings, &spec.field("ingress"), &sidecar.ingress);
    check_connection_pool(findings, &spec.field("inboundConnectionPool"), sidecar.inbound_connection_pool.as_ref());
    check_egress(findings, &spec.field("egress"), &sidecar.egress, &object.meta.namespace);
    check_policy(findings, &spec.field("outboundTrafficPolicy"), sidecar);
    if said > before {
        findings.unsaid_since(said);
    }
}

fn check_ingress(findings: &mut Findings, path: &Path<'_>, listeners: &[IngressListener]) {
    let mut seen = BTreeSet::new();
    for (index, listener) in listeners.iter().enumerate() {
        let path = path.index(index);
        let port = path.field("port");
        check_port(findings, &port, &listener.port);
        if let Err(detail) = net::port(listener.port.number.into()) {
            findings.invalid(&port.field("number"), listener.port.number, detail);
        }
        if !listener.bind.is_empty() {
            findings.check(&path.field("bind"), &listener.bind, net::ip(&listener.bind));
        }
        if !seen.insert(listener.port.number) {
            let detail = "sidecar: ports on IP bound listeners must be unique";
            findings.duplicate(&port.field("number"), listener.port.number, detail);
        }
        if !listener.default_endpoint.is_empty() {
            let endpoint = &listener.default_endpoint;
            let outcome = default_endpoint(endpoint);
            let refused = outcome.is_err();
            findings.check(&path.field("defaultEndpoint"), endpoint, outcome);
            if let Some(port) = endpoint.rsplit_once(':').map(|(_, port)| port).filter(|_| refused)
                && port.parse::<i64>().is_err()
                && !endpoint.starts_with(UNIX)
            {
                findings.in_istios_words(format!(
                    "sidecar: defaultEndpoint port ({port}) is not a number: strconv.Atoi: parsing {port:?}: invalid \
                     syntax"
                ));
            }
        }
        check_ingress_tls(findings, &path, listener);
        let pool = listener.connection_pool.as_ref();
        check_connection_pool(findings, &path.field("connectionPool"), pool);
        let protocol = Protocol::parse(&listener.port.protocol);
        if pool.is_some_and(|pool| pool.http.is_some()) && !protocol.is_some_and(Protocol::is_http) {
            let detail = format!(
                "sidecar: HTTP connection pool settings are configured for port {} ({:?}) but its protocol is not HTTP \
                 ({}); only TCP settings will apply",
                listener.port.number, listener.port.name, listener.port.protocol
            );
            findings.warn(&path.field("connectionPool").field("http"), detail);
        }
    }
}

fn default_endpoint(endpoint: &str) -> Result<(), String> {
    if let Some(socket) = endpoint.strip_prefix(UNIX) {
        return net::unix_socket(socket);
    }
    let Some((host, port)) = endpoint.rsplit_once(':') else {
        return Err(format!("address {endpoint}: missing port in address"));
    };
    if !matches!(host, "" | "127.0.0.1" | "0.0.0.0" | "[::1]" | "[::]") {
        return Err("sidecar: defaultEndpoint must be of form \
                    127.0.0.1:<port>,0.0.0.0:<port>,[::1]:port,[::]:port,unix://filepath or unset"
            .to_owned());
    }
    let number = port.parse().map_err(|_| format!("sidecar: defaultEndpoint port ({port}) is not a number"))?;
    net::port(number)
}

fn check_ingress_tls(findings: &mut Findings, path: &Path<'_>, listener: &IngressListener) {
    let Some(tls) = &listener.tls else { return };
    let path = &path.field("tls");
    for (field, given, detail) in [
        (
            "subjectAltNames",
            !tls.subject_alt_names.is_empty(),
            "sidecar: subjectAltNames is not supported in ingress tls",
        ),
        ("httpsRedirect", tls.https_redirect, "sidecar: httpsRedirect is not supported"),
        ("credentialName", !tls.credential_name.is_empty(), "sidecar: credentialName is not currently supported"),
        ("credentialNames", !tls.credential_names.is_empty(), "sidecar: credentialNames is not currently supported"),
        ("tlsCertificates", !tls.tls_certificates.is_empty(), "sidecar: tls_certificates is not currently supported"),
    ] {
        if given {
            findings.forbidden(&path.field(field), detail);
        }
    }
    if let Some(mode) = match tls.mode {
        ServerTlsMode::IstioMutual => Some("ISTIO_MUTUAL"),
        ServerTlsMode::AutoPassthrough => Some("AUTO_PASSTHROUGH"),
        _ => None,
    } {
        let detail = format!("configuration is invalid: cannot set mode to {mode} in sidecar ingress tls");
        findings.invalid(&path.field("mode"), mode, detail);
    }
    if !Protocol::parse(&listener.port.protocol).is_some_and(Protocol::is_tls) {
        findings.forbidden(path, "server cannot have TLS settings for non HTTPS/TLS ports");
    }
    check_tls(findings, path, tls);
}

/// What a port is in either direction.
fn check_port(findings: &mut Findings, path: &Path<'_>, port: &SidecarPort) {
    if port.target_port > 0 {
        findings.forbidden(&path.field("targetPort"), "targetPort has no impact on Sidecars");
    }
    if !port.name.is_empty() && !dns::is_label(&port.name) {
        findings.invalid(&path.field("name"), port.name.as_str(), format!("invalid port name: {}", port.name));
    }
    if Protocol::parse(&port.protocol).is_none() {
        let allowed: Vec<&str> = Protocol::NAMES.split(", ").collect();
        let found = port.protocol.as_str().into();
        findings.errors.push(FieldError::not_supported(path.field("protocol"), &found, &allowed));
        findings.in_istios_words(format!("unsupported protocol: {}", port.protocol));
    }
}

fn check_egress(findings: &mut Findings, path: &Path<'_>, listeners: &[EgressListener], namespace: &str) {
    let mut numbers = BTreeSet::new();
    let mut sockets = BTreeSet::new();
    for (index, listener) in listeners.iter().enumerate() {
        let path = path.index(index);
        match &listener.port {
            None if index + 1 < listeners.len() => {
                let detail = "sidecar: the egress listener with empty port should be the last listener in the list";
                findings.required(&path.field("port"), detail);
            }
            None => {}
            Some(port) => {
                check_egress_port(findings, &path, listener, port);
                let twice = match port.number {
                    0 => !sockets.insert(listener.bind.as_str()),
                    number => !numbers.insert(number),
                };
                if twice {
                    let detail = match port.number {
                        0 => "sidecar: unix domain socket values for listeners must be unique",
                        _ => "sidecar: ports on IP bound listeners must be unique",
                    };
                    findings.duplicate(&path.field("port").field("number"), port.number, detail);
                }
            }
        }
        let hosts = path.field("hosts");
        if listener.hosts.is_empty() {
            findings.required(&hosts, "sidecar: egress listener must contain at least one host");
        }
        for (index, host) in listener.hosts.iter().enumerate() {
            findings.check(&hosts.index(index), host, egress_host(host));
        }
        warn_of_repetitions(findings, &hosts, &listener.hosts, namespace);
    }
}

fn check_egress_port(findings: &mut Findings, path: &Path<'_>, listener: &EgressListener, port: &SidecarPort) {
    check_port(findings, &path.field("port"), port);
    let bind = &path.field("bind");
    if port.number > 0 {
        if let Err(detail) = net::port(port.number.into()) {
            findings.invalid(&path.field("port").field("number"), port.number, detail);
        }
        if !listener.bind.is_empty() {
            findings.check(bind, &listener.bind, net::ip(&listener.bind));
        }
        return;
    }
    match listener.bind.strip_prefix(UNIX) {
        Some(socket) => findings.check(bind, &listener.bind, net::unix_socket(socket)),
        None => {
            let detail = "sidecar: ports with 0 value must have a unix domain socket bind address";
            findings.invalid(bind, listener.bind.as_str(), detail);
        }
    }
    if listener.capture_mode == CaptureMode::Iptables {
        let detail = "sidecar: captureMode must be DEFAULT/NONE for unix domain socket listeners";
        findings.invalid(&path.field("captureMode"), "IPTABLES", detail);
    }
}

/// `namespace/host`, `./host`, `*/host`, `~/*`, and after `~` what is left out.
fn egress_host(entry: &str) -> Result<(), String> {
    let Some((namespace, host)) = entry.split_once('/') else {
        return Err("host must be of form namespace/dnsName".to_owned());
    };
    if namespace.is_empty() || host.is_empty() {
        return Err("config namespace and dnsName in host entry cannot be empty".to_owned());
    }
    let named = namespace.strip_prefix('~').unwrap_or(namespace);
    if !matches!(named, "" | "*" | ".") && !dns::is_label(named) {
        return Err(format!("invalid namespace value {namespace:?} in sidecar"));
    }
    if host == "*" || net::is_ip(host) {
        return Ok(());
    }
    if !host.contains('.') {
        return Err("short names (non FQDN) are not allowed".to_owned());
    }
    dns::wildcard_domain(host)?;
    dns::partial_wildcard(host)
}

fn warn_of_repetitions(findings: &mut Findings, path: &Path<'_>, hosts: &[String], own: &str) {
    let mut seen: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for entry in hosts.iter().filter(|entry| !entry.starts_with('~')) {
        let Some((namespace, host)) = entry.split_once('/') else { continue };
        let known = seen.entry(if namespace == "." { own } else { namespace }).or_default();
        let repeated = if host == "*" { !known.is_empty() } else { known.contains(host) || known.contains("*") };
        if repeated {
            findings.warn(path, format!("duplicated egress host: {entry}"));
        }
        known.insert(host);
    }
    if seen.len() > 1 && seen.get("*").is_some_and(|hosts| hosts.contains("*")) {
        findings.warn(path, "`*/*` host select all resources, no other hosts can be added");
    }
}

fn check_policy(findings: &mut Findings, path: &Path<'_>, sidecar: &Sidecar) {
    let Some(policy) = &sidecar.outbound_traffic_policy else { return };
    let Some(proxy) = &policy.egress_proxy else { return };
    let path = &path.field("egressProxy");
    if policy.mode != OutboundTrafficPolicyMode::AllowAny {
        let detail = "sidecar: egress_proxy must be set only with ALLOW_ANY outbound_traffic_policy mode";
        findings.forbidden(path, detail);
        return;
    }
    findings.check(&path.field("host"), &proxy.host, dns::fqdn(&proxy.host));
    if proxy.port.is_none() {
        findings.required(&path.field("port"), "sidecar: egress_proxy port must be non-nil");
        return;
    }
    rules::destination(findings, path, proxy);
}
