//! TLS and TCP routes.

use crate::istio::rules;
use crate::istio::virtual_service::{TcpRoute, TlsMatchAttributes, TlsRoute, VirtualService};
use crate::rules::{Findings, dns, net};
use crate::schema::path::Path;

pub(super) fn check_tls(findings: &mut Findings, path: &Path<'_>, route: &TlsRoute, service: &VirtualService) {
    let matches = path.field("match");
    if route.matches.is_empty() {
        findings.required(&matches, "TLS route must have at least one match condition");
    }
    for (index, matcher) in route.matches.iter().enumerate() {
        check_tls_match(findings, &matches.index(index), matcher, service);
    }
    let list = path.field("route");
    if route.route.is_empty() {
        findings.required(&list, "TLS route is required");
    }
    super::check_weights(findings, &list, route.route.iter().map(|route| (&route.destination, route.weight)));
}

fn check_tls_match(findings: &mut Findings, path: &Path<'_>, matcher: &TlsMatchAttributes, service: &VirtualService) {
    let hosts = path.field("sniHosts");
    if matcher.sni_hosts.is_empty() {
        findings.required(&hosts, "TLS match must have at least one SNI host");
    }
    for (index, host) in matcher.sni_hosts.iter().enumerate() {
        check_sni_host(findings, &hosts.index(index), host, service);
    }
    subnets(findings, path, &matcher.destination_subnets);
    rules::match_port(findings, &path.field("port"), matcher.port);
    rules::tags(findings, &path.field("sourceLabels"), &matcher.source_labels);
    rules::gateway_names(findings, &path.field("gateways"), &matcher.gateways);
}

fn check_sni_host(findings: &mut Findings, path: &Path<'_>, host: &str, service: &VirtualService) {
    let name = if service.gateways.iter().any(|gateway| gateway == super::MESH) {
        dns::wildcard_domain(host)
    } else {
        dns::gateway_bound_domain(true, host)
    };
    if let Err(detail) = name {
        if net::is_ip(host) {
            let detail =
                format!("using an IP address ({host:?}) goes against SNI spec and most clients do not support this");
            findings.warn(path, detail);
        } else {
            findings.invalid(path, host, detail);
        }
    } else if !service.hosts.iter().any(|wider| dns::is_subset(host, wider)) {
        let detail = format!(
            "SNI host {host:?} is not a compatible subset of any of the virtual service hosts: [{}]",
            service.hosts.join(", ")
        );
        findings.invalid(path, host, detail);
    }
}

pub(super) fn check_tcp(findings: &mut Findings, path: &Path<'_>, route: &TcpRoute) {
    let matches = path.field("match");
    for (index, matcher) in route.matches.iter().enumerate() {
        let path = matches.index(index);
        subnets(findings, &path, &matcher.destination_subnets);
        rules::match_port(findings, &path.field("port"), matcher.port);
        rules::tags(findings, &path.field("sourceLabels"), &matcher.source_labels);
        rules::gateway_names(findings, &path.field("gateways"), &matcher.gateways);
    }
    let list = path.field("route");
    if route.route.is_empty() {
        findings.required(&list, "TCP route is required");
    }
    super::check_weights(findings, &list, route.route.iter().map(|route| (&route.destination, route.weight)));
}

fn subnets(findings: &mut Findings, path: &Path<'_>, subnets: &[String]) {
    let list = path.field("destinationSubnets");
    for (index, subnet) in subnets.iter().enumerate() {
        findings.check(&list.index(index), subnet, net::subnet(subnet));
    }
}
