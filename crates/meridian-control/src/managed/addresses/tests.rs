use super::*;
use crate::managed::tests::{address, gateway};
use meridian_resources::gateway_api::gateway::GatewaySpecAddress;
use meridian_resources::{Resource, yaml};
use std::sync::Arc;

fn service(spec: &str, ingress: &str) -> Arc<Object<Service>> {
    let text = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: edge-meridian, namespace: shop}}\n\
         spec: {{ports: [{{port: 80}}], {spec}}}\nstatus: {{loadBalancer: {{ingress: [{ingress}]}}}}\n"
    );
    let document = yaml::parse(&text, "test.yaml").remove(0);
    match document.object.unwrap().decode().unwrap() {
        Resource::Service(service) => service,
        other => panic!("{other:?}"),
    }
}

fn of(addresses: Vec<GatewaySpecAddress>, service: Option<&Object<Service>>, ready: usize) -> Provision {
    let gateway = ManagedGateway { addresses, ..gateway() };
    let installation = Installation { addresses: vec!["192.0.2.0/24".parse().unwrap()], ..Installation::default() };
    provision(&gateway, Reached { service, name: "edge-meridian", ready }, &installation)
}

fn told(provision: &Provision) -> (String, &'static str) {
    let addresses: Vec<String> = provision.addresses.iter().map(|(kind, value)| format!("{kind} {value}")).collect();
    (addresses.join(", "), provision.problem.as_ref().map_or("", |problem| problem.reason))
}

#[test]
fn first_an_address_then_a_ready_pod() {
    assert_eq!(told(&of(vec![], None, 0)), (String::new(), "Pending"));
    let balancer = service("type: LoadBalancer", "");
    assert_eq!(told(&of(vec![], Some(&balancer), 1)), (String::new(), "AddressNotAssigned"));
    let balancer = service("type: LoadBalancer", "{ip: 203.0.113.5}, {hostname: a.example.com}");
    let both = "IPAddress 203.0.113.5, Hostname a.example.com".to_owned();
    assert_eq!(told(&of(vec![], Some(&balancer), 0)), (both.clone(), "Pending"));
    assert_eq!(told(&of(vec![], Some(&balancer), 2)), (both, ""));
}

#[test]
fn a_service_within_the_cluster_is_reached_there() {
    let internal = service("clusterIP: 10.0.0.1", "");
    assert_eq!(told(&of(vec![], Some(&internal), 1)), ("IPAddress 10.0.0.1".to_owned(), ""));
    let headless = service("clusterIP: None", "");
    assert_eq!(told(&of(vec![], Some(&headless), 1)), ("Hostname edge-meridian.shop.svc".to_owned(), ""));
}

#[test]
fn addresses_that_are_asked_for() {
    let balancer = service("type: LoadBalancer", "{ip: 203.0.113.5}");
    let asked = |values: &[&str]| values.iter().map(|value| address("IPAddress", Some(value))).collect();
    for (values, expected) in [
        (&["203.0.113.5"][..], ("IPAddress 203.0.113.5", "")),
        (&["192.0.2.7"], ("IPAddress 192.0.2.7", "")),
        (&["192.0.2.7", "198.51.100.1"], ("", "AddressNotUsable")),
        (&["198.51.100.1"], ("", "AddressNotUsable")),
    ] {
        let provision = of(asked(values), Some(&balancer), 1);
        assert_eq!(told(&provision), (expected.0.to_owned(), expected.1), "{values:?}");
        if expected.1 == "AddressNotUsable" {
            let message = provision.problem.unwrap().message;
            assert!(message.contains("198.51.100.1") && message.contains("203.0.113.5"), "{message}");
        }
    }
    let waiting = service("type: LoadBalancer", "");
    assert_eq!(told(&of(asked(&["198.51.100.1"]), Some(&waiting), 1)).1, "AddressNotAssigned");
}

#[test]
fn an_address_without_a_value_is_any_of_its_type() {
    let balancer = service("type: LoadBalancer", "{ip: 203.0.113.5}, {hostname: a.example.com}");
    let any = |kind: &str| told(&of(vec![address(kind, None)], Some(&balancer), 1));
    assert_eq!(any("IPAddress"), ("IPAddress 203.0.113.5".to_owned(), ""));
    assert_eq!(any("Hostname"), ("Hostname a.example.com".to_owned(), ""));
}
