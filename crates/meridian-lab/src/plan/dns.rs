//! The lab's DNS: what dnsmasq answers, and how a host asks.

use std::net::Ipv4Addr;
use std::path::Path;

use serde_json::Value;

use super::{DNS_ADDRESS, Plan};

/// What stands in `/etc/resolv.conf` of every namespace: search domains as in a pod of namespace `default`.
#[must_use]
pub fn resolv_conf() -> String {
    format!(
        "nameserver {DNS_ADDRESS}\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"
    )
}

/// The configuration of dnsmasq: the scenario's names and the Services, and that there are no others.
#[must_use]
pub fn configuration(plan: &Plan, services: &[(String, Ipv4Addr)], pid_file: &Path) -> String {
    let mut text = format!(
        "no-resolv\nno-hosts\nkeep-in-foreground\nbind-interfaces\nlisten-address={DNS_ADDRESS}\nuser=root\npid-file={}\n\
         # Whatever is not below does not exist.\naddress=/#/\n",
        pid_file.display()
    );
    for (name, addresses) in &plan.names {
        for address in addresses {
            text += &match name.strip_prefix("*.") {
                Some(domain) => format!("address=/{domain}/{address}\n"),
                None => format!("host-record={name},{address}\n"),
            };
        }
    }
    for (name, address) in services {
        text += &format!("host-record={name},{address}\n");
    }
    text
}

/// The names and cluster addresses of the Services in the answer to `kubectl get services -A -o json`; headless ones have none.
#[must_use]
pub fn services(list: &Value) -> Vec<(String, Ipv4Addr)> {
    let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named = items.iter().filter_map(|item| {
        let address = item["spec"]["clusterIP"].as_str()?.parse().ok()?;
        let (name, namespace) = (item["metadata"]["name"].as_str()?, item["metadata"]["namespace"].as_str()?);
        Some((format!("{name}.{namespace}.svc.cluster.local"), address))
    });
    named.collect()
}
