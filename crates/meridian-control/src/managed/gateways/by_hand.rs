//! Gateways whose proxies are started by hand: `meridian control-plane` without a Kubernetes API.

use crate::managed::Provisioned;
use crate::managed::addresses::problem;
use meridian_ir::Name;
use meridian_translate::{GATEWAY_NAME_LABEL, Provision, ProxyNode};
use std::collections::BTreeMap;
use tokio::sync::mpsc::UnboundedSender;

/// Namespace and name of a Gateway.
type Key = (Name, Name);

/// Says of each Gateway whether a proxy of it is connected, and where that is.
#[derive(Debug)]
pub(super) struct ByHand {
    output: UnboundedSender<Provisioned>,
    /// What was said last of each that is wanted.
    told: BTreeMap<Key, Option<Provision>>,
}

impl ByHand {
    pub(super) fn new(output: UnboundedSender<Provisioned>) -> Self {
        Self { output, told: BTreeMap::new() }
    }

    /// A Gateway is there or different, or is gone.
    pub(super) fn want(&mut self, key: Key, wanted: bool) {
        if wanted {
            self.told.insert(key, None);
        } else {
            self.told.remove(&key);
        }
    }

    /// Says what is different, with these proxies.
    pub(super) fn look_at(&mut self, proxies: &[ProxyNode]) {
        for ((namespace, name), told) in &mut self.told {
            let is_of = |proxy: &&ProxyNode| {
                proxy.namespace == *namespace
                    && proxy.labels.get(GATEWAY_NAME_LABEL).is_some_and(|label| **label == **name)
            };
            let addresses: Vec<(String, String)> = proxies
                .iter()
                .filter(is_of)
                .flat_map(|proxy| &proxy.ip_addresses)
                .map(|address| ("IPAddress".to_owned(), address.to_string()))
                .collect();
            let nobody = || {
                let label = format!("{GATEWAY_NAME_LABEL}={name}");
                let command = format!("meridian gateway --name {name} --namespace {namespace} --labels {label}");
                problem("Pending", format!("waits for a proxy: start one with `{command}`"))
            };
            let problem = addresses.is_empty().then(nobody);
            let provision = Provision { addresses, problem };
            if told.as_ref() != Some(&provision) {
                *told = Some(provision.clone());
                let (namespace, name) = (namespace.clone(), name.clone());
                // An error means that the process ends.
                let _ = self.output.send(Provisioned { namespace, name, provision });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    #[test]
    fn a_gateway_is_where_its_proxies_are() {
        let (output, mut outputs) = mpsc::unbounded_channel();
        let mut all = ByHand::new(output);
        let key: Key = ("shop".into(), "edge".into());
        all.want(key.clone(), true);
        all.look_at(&[]);
        let told = outputs.try_recv().unwrap().provision;
        assert!(told.problem.unwrap().message.contains("--labels gateway.networking.k8s.io/gateway-name=edge"));
        all.look_at(&[]);
        assert!(outputs.try_recv().is_err(), "nothing is different");

        let labels = BTreeMap::from([(GATEWAY_NAME_LABEL.to_owned(), "edge".to_owned())]);
        let at = |namespace: &str| ProxyNode {
            ip_addresses: vec!["10.0.0.7".parse().unwrap()],
            ..ProxyNode::gateway("edge", namespace, labels.clone())
        };
        all.look_at(&[at("other")]);
        assert!(outputs.try_recv().is_err(), "it is of another namespace");
        all.look_at(&[at("other"), at("shop")]);
        let told = outputs.try_recv().unwrap().provision;
        let expected = vec![("IPAddress".to_owned(), "10.0.0.7".to_owned())];
        assert_eq!((told.addresses, told.problem), (expected, None));
        all.want(key, false);
        all.look_at(&[]);
        assert!(outputs.try_recv().is_err(), "it is not wanted any more");
    }
}
