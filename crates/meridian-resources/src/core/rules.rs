//! Kubernetes' rules for its own kinds, as far as traffic depends on them, with Kubernetes' wording.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::endpoint_slice::AddressType;
use super::service::{ServicePort, ServiceType};
use super::{ConfigMap, EndpointSlice, Endpoints, Pod, Secret, Service};
use crate::int_or_string::IntOrString;
use crate::object::Object;
use crate::rules::{Findings, metadata};
use crate::schema::path::Path;

/// The most bytes of a Secret's or ConfigMap's data.
const LARGEST_DATA: usize = 1024 * 1024;
/// The longest key of a Secret's or ConfigMap's data.
const LONGEST_KEY: usize = 253;

/// The types of Secrets that hold JSON, and where.
const JSON_SECRETS: [(&str, &str); 2] =
    [("kubernetes.io/dockercfg", ".dockercfg"), ("kubernetes.io/dockerconfigjson", ".dockerconfigjson")];

const CONFIG_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. \
    'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
const PORT_RANGE: &str = "must be between 1 and 65535, inclusive";
const IP: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";

fn data_key(findings: &mut Findings, path: &Path<'_>, key: &str) {
    let path = &path.key(key);
    if key.len() > LONGEST_KEY {
        findings.invalid(path, key, format!("must be no more than {LONGEST_KEY} characters"));
    } else if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) {
        findings.invalid(path, key, CONFIG_KEY);
    } else if key == "." || key.starts_with("..") {
        findings.invalid(path, key, "must not be '.' and must not begin with '..'");
    }
}

pub(crate) fn config_map(object: &Object<ConfigMap>, findings: &mut Findings) {
    let (data, binary) = (Path::Root.field("data"), Path::Root.field("binaryData"));
    let mut size = 0;
    for (key, value) in &object.spec.data {
        data_key(findings, &data, key);
        size += value.len();
        if object.spec.binary_data.contains_key(key) {
            findings.invalid(&data.key(key), key.as_str(), "duplicate of key present in binaryData");
        }
    }
    for (key, value) in &object.spec.binary_data {
        data_key(findings, &binary, key);
        size += value.len() / 4 * 3;
    }
    if size > LARGEST_DATA {
        // The name of the object as a whole, to Kubernetes.
        findings.errors.push(crate::error::FieldError::too_long("[]", LARGEST_DATA));
    }
}

pub(crate) fn secret(object: &Object<Secret>, findings: &mut Findings) {
    let secret = &object.spec;
    let data = Path::Root.field("data");
    let mut size = 0;
    for key in secret.keys() {
        data_key(findings, &data, key);
        size += secret.get(key).map_or(0, |value| value.len());
    }
    if size > LARGEST_DATA {
        findings.errors.push(crate::error::FieldError::too_long("data", LARGEST_DATA));
    }
    for (type_, key) in JSON_SECRETS {
        if secret.type_ == type_ {
            match secret.get(key) {
                None => findings.required(&data.key(key), ""),
                Some(text) if serde_json::from_slice::<serde::de::IgnoredAny>(&text).is_err() => {
                    findings.invalid(&data.key(key), "<secret contents redacted>", "must be valid JSON");
                }
                Some(_) => {}
            }
        }
    }
    if secret.type_ == "kubernetes.io/tls" {
        for key in ["tls.crt", "tls.key"] {
            if secret.keys().all(|known| known != key) {
                findings.required(&data.key(key), "");
            }
        }
    }
}

pub(crate) fn service(object: &Object<Service>, findings: &mut Findings) {
    let (service, path) = (&object.spec, &Path::Root.field("spec"));
    let ports = path.field("ports");
    let headless = service.cluster_ip == "None";
    if service.ports.is_empty() && !headless && service.type_ != ServiceType::ExternalName {
        findings.required(&ports, "");
    }
    if service.type_ == ServiceType::ExternalName && service.external_name.is_empty() {
        findings.required(&path.field("externalName"), "");
    }
    if !service.cluster_ip.is_empty() && !headless && service.cluster_ip.parse::<IpAddr>().is_err() {
        findings.invalid(&path.field("clusterIPs").index(0), service.cluster_ip.as_str(), IP);
    }
    let external = path.field("externalIPs");
    for (index, address) in service.external_ips.iter().enumerate() {
        ip(findings, &external.index(index), address);
    }
    let selector = path.field("selector");
    for (key, value) in &service.selector {
        findings.check(&selector, key, metadata::label_key(key));
        findings.check(&selector, value, metadata::label_value(value));
    }
    let (mut names, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for (index, port) in service.ports.iter().enumerate() {
        let path = ports.index(index);
        service_port(findings, &path, port, service.ports.len() > 1);
        if !port.name.is_empty() && !names.insert(port.name.as_str()) {
            findings.duplicate(&path.field("name"), port.name.as_str(), "");
        }
        if !numbers.insert((port.port, port.protocol)) {
            let found = serde_json::json!({ "port": port.port, "protocol": port.protocol });
            findings.duplicate(&path, found, "");
        }
    }
}

fn service_port(findings: &mut Findings, path: &Path<'_>, port: &ServicePort, several: bool) {
    if port.name.is_empty() {
        if several {
            findings.required(&path.field("name"), "");
        }
    } else {
        findings.check(&path.field("name"), &port.name, metadata::label(&port.name));
    }
    port_number(findings, &path.field("port"), port.port);
    if port.node_port != 0 {
        port_number(findings, &path.field("nodePort"), port.node_port);
    }
    match &port.target_port {
        Some(IntOrString::Int(number)) if !(1..=65535).contains(number) => {
            findings.invalid(&path.field("targetPort"), *number, PORT_RANGE);
        }
        Some(IntOrString::String(name)) => port_name(findings, &path.field("targetPort"), name),
        _ => {}
    }
}

pub(crate) fn port_number(findings: &mut Findings, path: &Path<'_>, number: i32) {
    if !(1..=65535).contains(&number) {
        findings.invalid(path, number, PORT_RANGE);
    }
}

/// The name of a container's port: at most 15 small letters, digits and inner dashes, with a letter among them.
pub(crate) fn port_name(findings: &mut Findings, path: &Path<'_>, name: &str) {
    let detail = if name.len() > 15 {
        "must be no more than 15 characters"
    } else if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    } else if !name.bytes().any(|byte| byte.is_ascii_lowercase()) {
        "must contain at least one letter (a-z)"
    } else if name.contains("--") {
        "must not contain consecutive hyphens"
    } else if name.starts_with('-') || name.ends_with('-') {
        "must not begin or end with a hyphen"
    } else {
        return;
    };
    findings.invalid(path, name, detail);
}

fn ip(findings: &mut Findings, path: &Path<'_>, address: &str) {
    if address.parse::<IpAddr>().is_err() {
        findings.invalid(path, address, IP);
    }
}

pub(crate) fn endpoints(object: &Object<Endpoints>, findings: &mut Findings) {
    let list = Path::Root.field("subsets");
    for (index, subset) in object.spec.subsets.iter().enumerate() {
        let path = list.index(index);
        if subset.addresses.is_empty() && subset.not_ready_addresses.is_empty() {
            findings.required(&path, "must specify `addresses` or `notReadyAddresses`");
        }
        for (field, addresses) in [("addresses", &subset.addresses), ("notReadyAddresses", &subset.not_ready_addresses)]
        {
            let list = path.field(field);
            for (index, address) in addresses.iter().enumerate() {
                ip(findings, &list.index(index).field("ip"), &address.ip);
            }
        }
        let list = path.field("ports");
        for (index, port) in subset.ports.iter().enumerate() {
            let path = list.index(index);
            if port.name.is_empty() {
                if subset.ports.len() > 1 {
                    findings.required(&path.field("name"), "");
                }
            } else {
                findings.check(&path.field("name"), &port.name, metadata::label(&port.name));
            }
            port_number(findings, &path.field("port"), port.port);
        }
    }
}

pub(crate) fn endpoint_slice(object: &Object<EndpointSlice>, findings: &mut Findings) {
    let slice = &object.spec;
    let list = Path::Root.field("endpoints");
    for (index, endpoint) in slice.endpoints.iter().enumerate() {
        let path = list.index(index);
        let addresses = path.field("addresses");
        for (index, address) in endpoint.addresses.iter().enumerate() {
            slice_address(findings, &addresses.index(index), slice.address_type, address);
        }
    }
    let list = Path::Root.field("ports");
    let mut names = BTreeSet::new();
    for (index, port) in slice.ports.iter().enumerate() {
        let path = list.index(index);
        if !port.name.is_empty() {
            findings.check(&path.field("name"), &port.name, metadata::label(&port.name));
        }
        if !names.insert(port.name.as_str()) {
            findings.duplicate(&path.field("name"), port.name.as_str(), "");
        }
        if let Some(number) = port.port {
            port_number(findings, &path.field("port"), number);
        }
    }
}

fn slice_address(findings: &mut Findings, path: &Path<'_>, type_: AddressType, address: &str) {
    let parsed = address.parse::<IpAddr>().ok();
    match type_ {
        AddressType::IPv4 if !parsed.is_some_and(|ip| ip.is_ipv4()) => {
            findings.invalid(path, address, "must be an IPv4 address");
        }
        AddressType::IPv6 if !parsed.is_some_and(|ip| ip.is_ipv6()) => {
            findings.invalid(path, address, "must be an IPv6 address");
        }
        AddressType::Fqdn => findings.check(path, address, crate::rules::dns::fqdn(address)),
        AddressType::IPv4 | AddressType::IPv6 => {}
    }
}

pub(crate) fn pod(object: &Object<Pod>, findings: &mut Findings) {
    let spec = Path::Root.field("spec");
    let list = spec.field("containers");
    for (index, container) in object.spec.containers.iter().enumerate() {
        let path = list.index(index);
        findings.check(&path.field("name"), &container.name, metadata::label(&container.name));
        let list = path.field("ports");
        for (index, port) in container.ports.iter().enumerate() {
            let path = list.index(index);
            port_number(findings, &path.field("containerPort"), port.container_port);
            if !port.name.is_empty() {
                port_name(findings, &path.field("name"), &port.name);
            }
        }
    }
}
