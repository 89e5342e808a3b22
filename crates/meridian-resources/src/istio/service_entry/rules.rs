//! What Istio's validation refuses in a ServiceEntry, beyond the schema.

use std::collections::BTreeSet;

use super::{ServiceEntry, ServiceEntryResolution as Resolution};
use crate::istio::protocol::Protocol;
use crate::istio::rules::{self, ExportTo};
use crate::istio::workload_entry::rules::check_endpoint;
use crate::object::Object;
use crate::rules::{Findings, dns, net};
use crate::schema::path::Path;

/// The label that switches off that an address is allocated.
const AUTO_ALLOCATION: &str = "networking.istio.io/enable-autoallocate-ip";

pub(super) fn check(object: &Object<ServiceEntry>, findings: &mut Findings) {
    let (entry, path) = (&object.spec, &Path::Root.field("spec"));
    if let Some(selector) = &entry.workload_selector {
        let path = path.field("workloadSelector");
        if selector.labels.is_empty() {
            let detail = "service entry: workload selector specified without labels, will be applied to all \
                          services in namespace";
            findings.warn(&path, detail);
        }
        for (key, value) in &selector.labels {
            let pair = format!("{key}={value}");
            if key.is_empty() {
                let detail = format!("empty key is not supported in selector: {pair:?}");
                findings.invalid(&path.field("labels"), key.as_str(), detail);
            } else if key.contains('*') {
                let detail = format!("wildcard is not supported in selector: {pair:?}");
                findings.invalid(&path.field("labels"), key.as_str(), detail);
            }
        }
    }
    check_hosts(findings, path, entry);
    let addresses = path.field("addresses");
    for (index, address) in entry.addresses.iter().enumerate() {
        findings.check(&addresses.index(index), address, net::subnet(address));
    }
    check_ports(findings, path, entry);
    let opted_out = object.meta.labels.get(AUTO_ALLOCATION).is_some_and(|value| value.eq_ignore_ascii_case("false"));
    let without_address = entry.addresses.is_empty() && (opted_out || entry.resolution == Resolution::None);
    let tcp = |protocol: &str| matches!(protocol, "" | "TCP");
    if without_address && entry.ports.iter().any(|port| tcp(&port.protocol)) {
        let detail = "addresses are required for ports serving TCP (or unset) protocol when IP Autoallocation is not \
                      enabled";
        findings.warn(&path.field("addresses"), detail);
    }
    let ports: BTreeSet<&str> = entry.ports.iter().map(|port| port.name.as_str()).collect();
    match entry.resolution {
        Resolution::None => {
            if entry.workload_selector.is_some() {
                let detail = "workloadSelector should not be set when resolution mode is NONE";
                findings.warn(&path.field("workloadSelector"), detail);
            }
        }
        Resolution::Static => check_endpoints(findings, path, entry, &ports, false),
        Resolution::Dns | Resolution::DnsRoundRobin => check_dns(findings, path, entry, &ports),
        Resolution::DynamicDns => check_dynamic_dns(findings, path, entry),
    }
    let namespace = &object.meta.namespace;
    rules::export_to(findings, &path.field("exportTo"), ExportTo::ServiceEntry, namespace, &entry.export_to);
}

fn check_hosts(findings: &mut Findings, path: &Path<'_>, entry: &ServiceEntry) {
    let hosts = path.field("hosts");
    for (index, host) in entry.hosts.iter().enumerate() {
        let path = hosts.index(index);
        findings.check(&path, host, dns::wildcard_domain(host));
        if entry.resolution != Resolution::DynamicDns
            && let Err(detail) = dns::partial_wildcard(host)
        {
            findings.warn(&path, detail);
        }
    }
    // Without HTTP or TLS nothing tells the hosts apart, unless they do not matter.
    let opaque = |name: &str| !Protocol::parse(name).is_some_and(|protocol| protocol.is_http() || protocol.is_tls());
    if entry.resolution != Resolution::None
        && entry.hosts.len() > 1
        && entry.ports.iter().any(|port| opaque(&port.protocol))
    {
        findings.forbidden(&hosts, "multiple hosts provided with non-HTTP, non-TLS ports");
    }
}

fn check_ports(findings: &mut Findings, path: &Path<'_>, entry: &ServiceEntry) {
    let list = path.field("ports");
    for (index, port) in entry.ports.iter().enumerate() {
        let path = list.index(index);
        if !dns::is_label(&port.name) {
            let detail = format!("invalid port name: {}", port.name);
            findings.invalid(&path.field("name"), port.name.as_str(), detail);
        }
        if !port.protocol.is_empty() && Protocol::parse(&port.protocol).is_none() {
            let said = format!("unsupported protocol: {}", port.protocol);
            let detail = format!("{said}; supported are {}", Protocol::NAMES);
            findings.invalid(&path.field("protocol"), port.protocol.as_str(), detail);
            findings.in_istios_words(said);
        }
    }
}

fn check_endpoints(
    findings: &mut Findings,
    path: &Path<'_>,
    entry: &ServiceEntry,
    ports: &BTreeSet<&str>,
    names: bool,
) {
    let list = path.field("endpoints");
    for (index, endpoint) in entry.endpoints.iter().enumerate() {
        check_endpoint(findings, &list.index(index), endpoint, Some(ports), names);
    }
}

fn check_dns(findings: &mut Findings, path: &Path<'_>, entry: &ServiceEntry, ports: &BTreeSet<&str>) {
    let mode = if entry.resolution == Resolution::Dns { "DNS" } else { "DNS_ROUND_ROBIN" };
    if entry.endpoints.is_empty() {
        let hosts = path.field("hosts");
        for (index, host) in entry.hosts.iter().enumerate() {
            if let Err(reason) = dns::fqdn(host) {
                let detail = format!(
                    "hosts must be FQDN or contain only prefix wildcards if no endpoints are provided for resolution \
                     mode {mode}, {reason}"
                );
                findings.invalid(&hosts.index(index), host.as_str(), detail);
                break;
            }
        }
    }
    let list = path.field("endpoints");
    for (index, endpoint) in entry.endpoints.iter().enumerate() {
        let nowhere = endpoint.address.is_empty() && !endpoint.network.is_empty();
        if nowhere || endpoint.address.starts_with("unix://") {
            let detail = format!("endpoint address {:?} is not a valid FQDN or an IP address", endpoint.address);
            findings.invalid(&list.index(index).field("address"), endpoint.address.as_str(), detail);
        }
    }
    check_endpoints(findings, path, entry, ports, true);
    let tcp = entry.ports.iter().any(|port| Protocol::parse(&port.protocol).is_some_and(Protocol::is_tcp));
    if !entry.addresses.is_empty() && entry.hosts.len() > 1 && tcp {
        let detail = "service entry can not have more than one host specified simultaneously with address and tcp port";
        findings.warn(&path.field("hosts"), detail);
    }
}

fn check_dynamic_dns(findings: &mut Findings, path: &Path<'_>, entry: &ServiceEntry) {
    const MODE: &str = "DYNAMIC_DNS";
    let hosts = path.field("hosts");
    for (index, host) in entry.hosts.iter().enumerate() {
        if !host.starts_with('*') {
            let detail = format!("host must be wildcarded for resolution mode {MODE}");
            findings.invalid(&hosts.index(index), host.as_str(), detail);
        }
    }
    if !entry.addresses.is_empty() {
        let detail = format!("addresses cannot be set for resolution type {MODE}");
        findings.forbidden(&path.field("addresses"), detail.as_str());
        findings.in_istios_words(detail + ". HTTP route domains will only be generatedfrom the hosts field values");
    }
    if !entry.endpoints.is_empty() {
        let detail = format!("endpoints cannot be set for resolution type {MODE}");
        findings.forbidden(&path.field("endpoints"), detail.as_str());
        findings.in_istios_words(detail + ". Destination IP address determined from hostsfield values");
    }
    let list = path.field("ports");
    for (index, port) in entry.ports.iter().enumerate() {
        let supported = [Protocol::Http, Protocol::Tls, Protocol::Grpc, Protocol::Http2];
        if !Protocol::parse(&port.protocol).is_some_and(|protocol| supported.contains(&protocol)) {
            let detail = format!("only HTTP, TLS, GRPC, and HTTP2 protocols are supported for resolution type {MODE}");
            findings.invalid(&list.index(index).field("protocol"), port.protocol.as_str(), detail);
        }
    }
}
