//! Where Ingresses are reached: `status.loadBalancer` of every Ingress that is served (Istio's `ingress/status.go`).

use crate::standalone::ADMIN_ANNOTATION;
use meridian_resources::core::service::ServiceType;
use meridian_resources::core::{Pod, Service};
use meridian_resources::{Object, ObjectRef, Resource};
use meridian_translate::MeshConfig;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// The addresses of Services and of gateways in the control plane's namespace.
#[derive(Debug)]
pub(crate) struct IngressAddresses {
    /// Where they are.
    namespace: Arc<str>,
    services: BTreeMap<Arc<str>, BTreeSet<String>>,
    /// Gateways of this process.
    gateways: BTreeMap<Arc<str>, Gateway>,
}

#[derive(Debug)]
struct Gateway {
    labels: BTreeMap<String, String>,
    address: String,
}

impl IngressAddresses {
    /// Those in a namespace.
    pub(crate) fn new(namespace: Arc<str>) -> Self {
        Self { namespace, services: BTreeMap::new(), gateways: BTreeMap::new() }
    }

    /// Takes in an object.
    pub(crate) fn put(&mut self, resource: &Resource) {
        if resource.meta().namespace != self.namespace {
            return;
        }
        match resource {
            Resource::Service(service) => {
                self.services.insert(service.meta.name.clone(), of_service(service));
            }
            Resource::Pod(pod) => match of_pod(pod) {
                Some(gateway) => {
                    self.gateways.insert(pod.meta.name.clone(), gateway);
                }
                None => {
                    self.gateways.remove(&pod.meta.name);
                }
            },
            _ => {}
        }
    }

    /// Forgets an object.
    pub(crate) fn forget(&mut self, object: &ObjectRef) {
        if object.namespace.as_ref() != Some(&self.namespace) {
            return;
        }
        match object.kind.kind {
            "Service" => self.services.remove(&object.name).map(drop).unwrap_or_default(),
            "Pod" => self.gateways.remove(&object.name).map(drop).unwrap_or_default(),
            _ => {}
        }
    }

    /// `status.loadBalancer`: the addresses of the Service that the mesh configuration names; those of the gateways of
    /// this process that serve Ingresses when it has none.
    pub(crate) fn load_balancer(&self, mesh: &MeshConfig) -> Value {
        let selector = mesh.ingress_gateway_selector();
        let selects = |gateway: &&Gateway| selector.iter().all(|(key, value)| gateway.labels.get(key) == Some(value));
        let of_service = self.services.get(&*mesh.ingress_service).cloned().unwrap_or_default();
        let addresses = if of_service.is_empty() {
            self.gateways.values().filter(selects).map(|gateway| gateway.address.clone()).collect()
        } else {
            of_service
        };
        let entry = |address: &String| match address.parse::<IpAddr>() {
            Ok(_) => json!({ "ip": address }),
            Err(_) => json!({ "hostname": address }),
        };
        // Host names first, as Istio sorts them.
        let mut entries: Vec<Value> = addresses.iter().map(entry).collect();
        entries.sort_by_key(|entry| entry.get("ip").is_some());
        if entries.is_empty() { json!({}) } else { json!({ "ingress": entries }) }
    }
}

fn of_service(service: &Object<Service>) -> BTreeSet<String> {
    if service.spec.type_ == ServiceType::ExternalName {
        return [service.spec.external_name.clone()].into();
    }
    let balancer = service.status.load_balancer.ingress.iter();
    let balancer = balancer.map(|entry| if entry.ip.is_empty() { &entry.hostname } else { &entry.ip });
    let addresses = balancer.chain(&service.spec.external_ips).filter(|address| !address.is_empty());
    addresses.cloned().collect()
}

fn of_pod(pod: &Object<Pod>) -> Option<Gateway> {
    let is_ours = pod.meta.annotations.contains_key(ADMIN_ANNOTATION);
    let address = Some(&pod.status.pod_ip).filter(|address| is_ours && !address.is_empty())?;
    Some(Gateway { labels: pod.meta.labels.clone(), address: address.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(addresses: &mut IngressAddresses, text: &str) {
        for document in meridian_resources::yaml::parse(text, "test.yaml") {
            addresses.put(&document.object.unwrap().decode().unwrap());
        }
    }

    const GATEWAY: &str = "
apiVersion: v1
kind: Pod
metadata:
  name: ingressgateway
  namespace: istio-system
  labels: {istio: ingressgateway}
  annotations: {meridian.dev/admin-address: 127.0.0.1:15000}
spec: {containers: [{name: istio-proxy, image: a}]}
status: {podIP: 127.0.0.1}
";

    fn service(spec: &str, status: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: istio-ingressgateway, namespace: istio-system}}\n\
             spec: {{{spec}}}\nstatus: {{loadBalancer: {{ingress: [{status}]}}}}\n"
        )
    }

    #[test]
    fn the_service_first_then_the_gateways_of_this_process() {
        let mesh = MeshConfig::default();
        let mut addresses = IngressAddresses::new("istio-system".into());
        assert_eq!(addresses.load_balancer(&mesh), json!({}));
        put(&mut addresses, GATEWAY);
        put(&mut addresses, &GATEWAY.replace("name: ingressgateway", "name: other").replace("meridian.dev/", "x/"));
        put(&mut addresses, &service("ports: [{port: 80}]", ""));
        assert_eq!(addresses.load_balancer(&mesh), json!({"ingress": [{"ip": "127.0.0.1"}]}));
        put(&mut addresses, &service("ports: [{port: 80}], externalIPs: [192.0.2.1]", "{hostname: a.example.com}"));
        let both = json!({"ingress": [{"hostname": "a.example.com"}, {"ip": "192.0.2.1"}]});
        assert_eq!(addresses.load_balancer(&mesh), both);
        put(&mut addresses, &service("type: ExternalName, externalName: lb.example.com", ""));
        assert_eq!(addresses.load_balancer(&mesh), json!({"ingress": [{"hostname": "lb.example.com"}]}));
        let other = MeshConfig { ingress_service: "edge".into(), ..MeshConfig::default() };
        assert_eq!(addresses.load_balancer(&other), json!({}), "no gateway has the label istio: edge");
    }
}
