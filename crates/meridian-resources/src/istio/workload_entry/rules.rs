//! What Istio's validation refuses in a WorkloadEntry, beyond the schema.

use std::collections::BTreeSet;

use super::WorkloadEntry;
use crate::istio::rules;
use crate::object::Object;
use crate::rules::{Findings, dns, net};
use crate::schema::path::Path;

pub(super) fn check(entry: &Object<WorkloadEntry>, findings: &mut Findings) {
    check_endpoint(findings, &Path::Root.field("spec"), &entry.spec, None, true);
}

/// One endpoint; `service_ports` are those of the ServiceEntry that holds it, `names` whether DNS names are allowed.
pub(crate) fn check_endpoint(
    findings: &mut Findings,
    path: &Path<'_>,
    entry: &WorkloadEntry,
    service_ports: Option<&BTreeSet<&str>>,
    names: bool,
) {
    let address = entry.address.as_str();
    let at = path.field("address");
    let socket = address.strip_prefix("unix://");
    if address.is_empty() {
        if entry.network.is_empty() {
            findings.required(&at, "address is required");
            let said = findings.errors.len();
            check_ports(findings, path, entry, service_ports);
            rules::tags(findings, &path.field("labels"), &entry.labels);
            findings.unsaid_since(said);
            return;
        } else {
            findings.warn(&at, format!("address is unset with network {:?}", entry.network));
        }
    } else if let Some(socket) = socket {
        findings.check(&at, address, net::unix_socket(socket));
        if !entry.ports.is_empty() {
            let detail = format!("unix endpoint {address} must not include ports");
            findings.forbidden(&path.field("ports"), detail);
        }
        if service_ports.is_some_and(|ports| ports.len() != 1) {
            findings.invalid(&at, address, "exactly 1 service port required for unix endpoints");
        }
    } else if !net::is_ip(address) {
        if !names {
            findings.invalid(&at, address, format!("endpoint address {address:?} is not a valid IP address"));
        } else if dns::fqdn(address).is_err() {
            let detail = format!("endpoint address {address:?} is not a valid FQDN or an IP address");
            findings.invalid(&at, address, detail);
        }
    }
    check_ports(findings, path, entry, service_ports);
    rules::tags(findings, &path.field("labels"), &entry.labels);
}

fn check_ports(
    findings: &mut Findings,
    path: &Path<'_>,
    entry: &WorkloadEntry,
    service_ports: Option<&BTreeSet<&str>>,
) {
    let list = path.field("ports");
    for (name, number) in &entry.ports {
        if service_ports.is_some_and(|ports| !ports.contains(name.as_str())) {
            let detail = format!("endpoint port {number} is not defined by the service entry");
            findings.invalid(&list.key(name), *number, detail);
        }
        if !dns::is_label(name) {
            findings.invalid(&list.key(name), name.as_str(), format!("invalid port name: {name}"));
        }
    }
}
