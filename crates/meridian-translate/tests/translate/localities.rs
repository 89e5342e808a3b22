//! Localities: which endpoints are preferred from where the gateway is.

use crate::lab::{BASICS, Lab, http_gateway, virtual_service};
use meridian_translate::MeshConfig;

const EXT: &str = "outbound|80||ext.test";
const OUTLIER: &str = "outlierDetection: {consecutive5xxErrors: 1}";

/// A gateway in `locality`, and a service with an endpoint in each of five localities.
fn lab(locality: &str, policy: &str) -> Lab {
    let labels = [("istio", "ingressgateway"), ("istio-locality", locality), ("version", "v1")];
    let mut lab = Lab::with_gateway(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    lab.apply(BASICS);
    lab.apply(&http_gateway("['*']"));
    lab.apply(&virtual_service("vs", "[h.test]", "[{route: [{destination: {host: ext.test}}]}]"));
    lab.apply(
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: ext}\nspec:\n  hosts: [ext.test]\n  \
         ports: [{number: 80, name: http, protocol: HTTP}]\n  resolution: STATIC\n  endpoints:\n  \
         - {address: 10.0.0.1, locality: us/a/1, labels: {version: v1}}\n  \
         - {address: 10.0.0.2, locality: us/a/2, labels: {version: v2}, weight: 3}\n  \
         - {address: 10.0.0.3, locality: us/b/1, labels: {version: v2}}\n  \
         - {address: 10.0.0.4, labels: {istio-locality: eu.a.1, version: v1}}\n  \
         - {address: 10.0.0.5, locality: asia/a/1}\n",
    );
    lab.apply(&format!(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: dr}}\n\
         spec: {{host: ext.test, trafficPolicy: {{{policy}}}}}\n"
    ));
    lab
}

fn priorities(lab: &Lab) -> Vec<u32> {
    lab.config.endpoints[EXT].endpoints.iter().map(|endpoint| endpoint.priority).collect()
}

fn weights(lab: &Lab) -> Vec<(String, u32, u32)> {
    let weights = &lab.config.endpoints[EXT].locality_weights;
    weights.iter().map(|w| (w.locality.to_string(), w.priority, w.weight)).collect()
}

#[test]
fn nearer_endpoints_go_first_when_failures_are_noticed() {
    for (locality, policy, expected) in [
        ("us/a/1", OUTLIER.to_owned(), [0, 1, 2, 3, 3]),
        ("us/b/9", OUTLIER.to_owned(), [1, 1, 0, 2, 2]),
        ("", OUTLIER.to_owned(), [0; 5]),
        ("us/a/1", "loadBalancer: {simple: RANDOM}".to_owned(), [0; 5]),
        ("us/a/1", format!("{OUTLIER}, loadBalancer: {{localityLbSetting: {{enabled: false}}}}"), [0; 5]),
        (
            "us/a/1",
            format!("{OUTLIER}, loadBalancer: {{localityLbSetting: {{failover: [{{from: us, to: asia}}]}}}}"),
            [0, 1, 2, 4, 3],
        ),
        (
            "us/a/1",
            format!("{OUTLIER}, loadBalancer: {{localityLbSetting: {{failover: [{{from: eu, to: asia}}]}}}}"),
            [0, 1, 2, 3, 3],
        ),
        (
            "us/a/1",
            format!("{OUTLIER}, loadBalancer: {{localityLbSetting: {{failoverPriority: [version]}}}}"),
            [0, 1, 1, 0, 1],
        ),
        (
            "us/a/1",
            format!(
                "{OUTLIER}, loadBalancer: {{localityLbSetting: {{failoverPriority: [topology.kubernetes.io/region, \
                 version=v2]}}}}"
            ),
            [1, 0, 0, 2, 2],
        ),
    ] {
        let lab = lab(locality, &policy);
        assert_eq!(priorities(&lab), expected, "{locality} {policy}");
        lab.assert_well("DestinationRule default/dr");
    }
}

#[test]
fn the_mesh_can_switch_it_off_or_say_where_to_fail_over() {
    let mut lab = lab("us/a/1", OUTLIER);
    let mut mesh = MeshConfig::default();
    mesh.locality_lb_setting.enabled = Some(false);
    lab.translator.set_mesh(mesh);
    lab.translate();
    assert_eq!(priorities(&lab), [0; 5]);
}

#[test]
fn shares_are_distributed() {
    let distribute = "loadBalancer: {localityLbSetting: {distribute: [\
                      {from: us/a/*, to: {'us/a/*': 80, us/b/1: 15, eu: 5}}, {from: eu, to: {'*': 100}}]}}";
    let lab = lab("us/a/1", distribute);
    assert!(lab.config.clusters[EXT].locality_weighted);
    // The share of several localities is divided by the weights of their endpoints; others get nothing.
    let expected = [
        ("eu/a/1".to_owned(), 0, 5),
        ("us/a/1".to_owned(), 0, 20),
        ("us/a/2".to_owned(), 0, 60),
        ("us/b/1".to_owned(), 0, 15),
    ];
    assert_eq!(weights(&lab), expected);
    assert_eq!(lab.endpoints(EXT), ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.4:80"]);
    lab.assert_well("DestinationRule default/dr");
}

#[test]
fn a_distribution_for_elsewhere_leaves_all_endpoints_their_weights() {
    let lab = lab("us/a/1", "loadBalancer: {localityLbSetting: {distribute: [{from: eu, to: {eu: 100}}]}}");
    assert_eq!(lab.endpoints(EXT).len(), 5);
    let sums: Vec<u32> = weights(&lab).iter().map(|(_, _, weight)| *weight).collect();
    assert_eq!(sums, [1, 1, 1, 3, 1]);
}

#[test]
fn a_failover_that_nobody_notices_says_so() {
    let lab = lab("us/a/1", "loadBalancer: {localityLbSetting: {failover: [{from: us, to: eu}]}}");
    assert_eq!(priorities(&lab), [0; 5]);
    let expected = &["loadBalancer.localityLbSetting.failover: has no effect, as in Istio, without outlierDetection"];
    lab.assert_false("DestinationRule default/dr", "Accepted", "PartiallyInvalid", expected);
}

#[test]
fn a_gateway_is_where_its_pod_says() {
    let mut lab = lab("", OUTLIER);
    let pod = |labels: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: ingressgateway, namespace: istio-system, labels: {{{labels}}}}}\n\
             spec: {{containers: [{{name: c}}]}}\n"
        )
    };
    assert_eq!(priorities(&lab), [0; 5]);
    lab.apply(&pod("topology.kubernetes.io/region: us, topology.kubernetes.io/zone: b"));
    assert_eq!(priorities(&lab), [1, 1, 0, 2, 2]);
    lab.apply(&pod("istio: ingressgateway"));
    assert_eq!(priorities(&lab), [0; 5]);
}
