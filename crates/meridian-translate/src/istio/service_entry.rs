//! What is to be said of a ServiceEntry by itself.

use crate::condition::{Finding, Topic};
use meridian_resources::Object;
use meridian_resources::istio::ServiceEntry;
use meridian_resources::istio::service_entry::ServiceEntryResolution;
use std::net::IpAddr;

/// Endpoints and resolutions that are not supported.
pub(crate) fn findings(object: &Object<ServiceEntry>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut unsupported = |path: &str, message: String| {
        findings.push(Finding::at(Topic::Unsupported, path, message));
    };
    let resolution = object.spec.resolution;
    for (index, endpoint) in object.spec.endpoints.iter().enumerate() {
        let path = format!("spec.endpoints[{index}].address");
        if endpoint.address.starts_with("unix://") {
            unsupported(&path, format!("{:?}: Unix sockets are not supported yet", endpoint.address));
        } else if resolution == ServiceEntryResolution::Static && endpoint.address.parse::<IpAddr>().is_err() {
            let message = format!("{:?} is not an IP address; resolution DNS allows names", endpoint.address);
            unsupported(&path, message);
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use meridian_resources::Meta;
    use meridian_resources::istio::WorkloadEntry;

    #[test]
    fn endpoints_that_cannot_be_used_are_named() {
        let endpoint = |address: &str| WorkloadEntry { address: address.into(), ..Default::default() };
        let entry = |resolution, addresses: &[&str]| Object {
            meta: Meta::default(),
            spec: ServiceEntry {
                resolution,
                endpoints: addresses.iter().map(|address| endpoint(address)).collect(),
                ..Default::default()
            },
            status: Default::default(),
            source: None,
        };
        use ServiceEntryResolution as R;
        for (resolution, addresses, expected) in [
            (R::Static, &["10.0.0.1", "2001:db8::1"][..], vec![]),
            (R::Dns, &["host.example.com"], vec![]),
            (R::Static, &["10.0.0.1", "host"], vec!["spec.endpoints[1].address: \"host\" is not an IP address"]),
            (R::Static, &["unix:///a"], vec!["spec.endpoints[0].address: \"unix:///a\": Unix sockets"]),
            (R::DynamicDns, &[], vec![]),
        ] {
            let found = findings(&entry(resolution, addresses));
            assert_eq!(found.len(), expected.len(), "{found:?}");
            assert!(std::iter::zip(&found, expected).all(|(f, e)| f.message.starts_with(e)), "{found:?}");
        }
    }
}
