//! What Istio's validation refuses in a VirtualService, beyond the schema.

mod actions;
mod http;
mod l4;
mod unreachable;

use super::{Destination, VirtualService};
use crate::istio::rules::{self, ExportTo};
use crate::object::Object;
use crate::rules::{Findings, dns, headers, net};
use crate::schema::path::Path;

/// The name that stands for all sidecars among the gateways.
const MESH: &str = "mesh";

pub(super) fn check(object: &Object<VirtualService>, findings: &mut Findings) {
    let (service, path) = (&object.spec, &Path::Root.field("spec"));
    if service.hosts.is_empty() {
        check_delegate(findings, path, service);
    }
    rules::gateway_names(findings, &path.field("gateways"), &service.gateways);
    if !is_gateway_only(service) {
        refuse_claims(findings, path, service);
    }
    check_hosts(findings, path, service);
    if service.http.is_empty() && service.tcp.is_empty() && service.tls.is_empty() {
        findings.required(path, "http, tcp or tls must be provided in virtual service");
    }
    let list = path.field("http");
    for (index, route) in service.http.iter().enumerate() {
        http::check(findings, &list.index(index), route, service.hosts.is_empty());
    }
    let list = path.field("tls");
    for (index, route) in service.tls.iter().enumerate() {
        l4::check_tls(findings, &list.index(index), route, service);
    }
    let list = path.field("tcp");
    for (index, route) in service.tcp.iter().enumerate() {
        l4::check_tcp(findings, &list.index(index), route);
    }
    unreachable::warn(findings, path, service);
    let namespace = &object.meta.namespace;
    rules::export_to(findings, &path.field("exportTo"), ExportTo::Config, namespace, &service.export_to);
}

/// A VirtualService without hosts is there for others to delegate to: only its HTTP routes mean anything.
fn check_delegate(findings: &mut Findings, path: &Path<'_>, service: &VirtualService) {
    if !service.gateways.is_empty() {
        let detail = "delegate virtual service must have no gateways specified";
        findings.forbidden(&path.field("gateways"), format!("{detail} (it has no hosts)"));
        findings.in_istios_words(detail);
    }
    if !service.tls.is_empty() {
        let detail = "delegate virtual service must have no tls route specified";
        findings.forbidden(&path.field("tls"), format!("{detail} (it has no hosts)"));
        findings.in_istios_words(detail);
    }
    if !service.tcp.is_empty() {
        let detail = "delegate virtual service must have no tcp route specified";
        findings.forbidden(&path.field("tcp"), format!("{detail} (it has no hosts)"));
        findings.in_istios_words(detail);
    }
}

/// Whether sidecars do not apply it.
fn is_gateway_only(service: &VirtualService) -> bool {
    !service.gateways.is_empty() && !service.gateways.iter().any(|gateway| gateway == MESH)
}

fn refuse_claims(findings: &mut Findings, path: &Path<'_>, service: &VirtualService) {
    let http = path.field("http");
    for (index, route) in service.http.iter().enumerate() {
        let matches = (&http.index(index), "match");
        for (index, matcher) in route.matches.iter().enumerate() {
            let matches = matches.0.field(matches.1);
            let path = matches.index(index);
            let names = matcher.headers.keys().map(|name| ("headers", name));
            for (field, name) in names.chain(matcher.without_headers.keys().map(|name| ("withoutHeaders", name))) {
                if headers::is_claim(name) {
                    let detail = format!(
                        "JWT claim based routing (key: {name}) is only supported for gateway, found no gateways: {:?}",
                        service.gateways
                    );
                    findings.forbidden(&path.field(field).key(name), detail);
                }
            }
        }
    }
}

fn check_hosts(findings: &mut Findings, path: &Path<'_>, service: &VirtualService) {
    let hosts = path.field("hosts");
    let gateway_only = is_gateway_only(service);
    let has_sni = service.tls.iter().flat_map(|route| &route.matches).any(|matcher| !matcher.sni_hosts.is_empty());
    let before = findings.errors.len();
    for (index, host) in service.hosts.iter().enumerate() {
        let path = hosts.index(index);
        let name = if gateway_only { dns::gateway_bound_domain(has_sni, host) } else { dns::wildcard_domain(host) };
        if !net::is_ip(host) {
            findings.check(&path, host, name);
        }
        if host == "*" && !gateway_only {
            let detail = "wildcard host * is not allowed for virtual services bound to the mesh gateway";
            findings.invalid(&path, "*", detail);
        }
    }
    if findings.errors.len() > before {
        return;
    }
    for (index, host) in service.hosts.iter().enumerate() {
        if let Some(first) = service.hosts[..index].iter().find(|earlier| dns::overlap(earlier, host)) {
            let detail = format!("duplicate hosts in virtual service: {first} & {host}");
            findings.duplicate(&hosts.index(index), host.as_str(), detail);
        }
    }
}

/// The weights of a route's destinations: none negative, and not all zero when there are several.
fn check_weights<'d>(
    findings: &mut Findings,
    path: &Path<'_>,
    destinations: impl Iterator<Item = (&'d Destination, i32)>,
) {
    let (mut count, mut total) = (0, 0_i64);
    for (index, (destination, weight)) in destinations.enumerate() {
        let path = path.index(index);
        rules::destination(findings, &path.field("destination"), destination);
        if weight < 0 {
            findings.invalid(&path.field("weight"), weight, format!("weight {weight} < 0"));
        }
        count += 1;
        total += i64::from(weight);
    }
    if count > 1 && total == 0 {
        findings.invalid(path, count, "total destination weight = 0");
    }
}

#[cfg(test)]
mod tests;
