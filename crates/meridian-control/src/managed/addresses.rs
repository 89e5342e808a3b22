//! Where a Gateway is reached, and what stands in the way: from its Service and the endpoints of that.

use super::Installation;
use meridian_resources::Object;
use meridian_resources::core::Service;
use meridian_resources::core::service::ServiceType;
use meridian_translate::{ManagedGateway, Provision, ProvisionProblem};
use std::net::IpAddr;

/// The types of addresses.
const IP_ADDRESS: &str = "IPAddress";
const HOSTNAME: &str = "Hostname";

/// What is known of a Gateway's Service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reached<'a> {
    /// The Service, as it was seen last.
    pub(crate) service: Option<&'a Object<Service>>,
    /// What it is called.
    pub(crate) name: &'a str,
    /// How many of its endpoints are ready.
    pub(crate) ready: usize,
}

/// What became of a Gateway whose objects are there as they are wanted.
pub(crate) fn provision(gateway: &ManagedGateway, reached: Reached<'_>, installation: &Installation) -> Provision {
    let given = reached.service.map(|service| addresses_of(service, &gateway.namespace)).unwrap_or_default();
    let name = format!("{}/{}", gateway.namespace, reached.name);
    let (addresses, problem) = match wanted(gateway, &given, installation) {
        Ok(addresses) if addresses.is_empty() => (addresses, Some(none_yet(reached.service, &name))),
        Ok(addresses) => (addresses, None),
        // Those that are asked for may still be given.
        Err(_) if given.is_empty() => (Vec::new(), Some(none_yet(reached.service, &name))),
        Err(message) => (Vec::new(), Some(problem("AddressNotUsable", message))),
    };
    let problem = problem.or_else(|| {
        let message = format!("waits for a ready pod: Service {name} has no ready endpoint");
        (reached.ready == 0).then(|| self::problem("Pending", message))
    });
    Provision { addresses, problem }
}

/// The addresses that a Gateway has: those that it asks for, when all of them can be had, else those that it was given.
fn wanted(
    gateway: &ManagedGateway,
    given: &[(String, String)],
    installation: &Installation,
) -> Result<Vec<(String, String)>, String> {
    let asked: Vec<(&str, &str)> = gateway
        .addresses
        .iter()
        .filter_map(|address| Some((address.type_.0.as_str(), address.value.as_deref().filter(|v| !v.is_empty())?)))
        .collect();
    if asked.is_empty() {
        // An address without a value says of which type it is to be.
        let of_type = |kind: &str| gateway.addresses.iter().any(|address| address.type_.0 == kind);
        let any = gateway.addresses.is_empty();
        return Ok(given.iter().filter(|(kind, _)| any || of_type(kind)).cloned().collect());
    }
    let is_usable = |(kind, value): &(&str, &str)| {
        let is_given = given.iter().any(|(_, had)| is_same(had, value));
        is_given || (*kind == IP_ADDRESS && value.parse().is_ok_and(|address| installation.owns(address)))
    };
    if let Some((_, value)) = asked.iter().find(|address| !is_usable(address)) {
        let had: Vec<&str> = given.iter().map(|(_, value)| value.as_str()).collect();
        let had = had.join(", ");
        return Err(format!(
            "spec.addresses: {value} is not an address that this Gateway can have: the load balancer gave it {had}, and \
             --gateway-addresses of the control plane does not have it"
        ));
    }
    Ok(asked.into_iter().map(|(kind, value)| (kind.to_owned(), value.to_owned())).collect())
}

fn is_same(a: &str, b: &str) -> bool {
    match (a.parse::<IpAddr>(), b.parse::<IpAddr>()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a.eq_ignore_ascii_case(b),
    }
}

/// The addresses that a Service has: of its load balancer, or within the cluster where it asks for none.
fn addresses_of(service: &Object<Service>, namespace: &str) -> Vec<(String, String)> {
    let balancer =
        service.status.load_balancer.ingress.iter().filter_map(|entry| match (&*entry.ip, &*entry.hostname) {
            ("", "") => None,
            ("", hostname) => Some((HOSTNAME.to_owned(), hostname.to_owned())),
            (ip, _) => Some((IP_ADDRESS.to_owned(), ip.to_owned())),
        });
    match service.spec.type_ {
        ServiceType::LoadBalancer => balancer.collect(),
        ServiceType::ExternalName => vec![(HOSTNAME.to_owned(), service.spec.external_name.clone())],
        ServiceType::ClusterIP | ServiceType::NodePort => {
            let own = &service.spec;
            let all = if own.cluster_ips.is_empty() { std::slice::from_ref(&own.cluster_ip) } else { &own.cluster_ips };
            let addresses: Vec<_> = all
                .iter()
                .filter(|address| address.parse::<IpAddr>().is_ok())
                .map(|address| (IP_ADDRESS.to_owned(), address.clone()))
                .collect();
            if addresses.is_empty() && own.cluster_ip == "None" {
                let host = format!("{}.{namespace}.svc", service.meta.name);
                return vec![(HOSTNAME.to_owned(), host)];
            }
            addresses
        }
    }
}

fn none_yet(service: Option<&Object<Service>>, name: &str) -> ProvisionProblem {
    match service {
        None => problem("Pending", format!("waits for Service {name} to be made")),
        Some(service) if service.spec.type_ == ServiceType::LoadBalancer => problem(
            "AddressNotAssigned",
            format!("waits for a load balancer: status.loadBalancer of Service {name} has no address"),
        ),
        Some(_) => problem("AddressNotAssigned", format!("waits for an address: Service {name} has none")),
    }
}

pub(crate) fn problem(reason: &'static str, message: String) -> ProvisionProblem {
    ProvisionProblem { condition: "Programmed", reason, message }
}

#[cfg(test)]
mod tests;
