use super::*;

fn values(files: &[Value], settings: &[&str]) -> Result<Values, ValuesError> {
    let settings: Vec<Setting> = settings.iter().map(|text| text.parse().unwrap()).collect();
    Values::new(Profile::Default, "istio-system", files, &settings)
}

#[test]
fn a_profile_is_complete() {
    let default = values(&[], &[]).unwrap();
    assert_eq!(default.gateways.keys().collect::<Vec<_>>(), ["istio-ingressgateway"]);
    assert!(default.injector.enabled);
    assert_eq!(default.discovery_address, "istiod.istio-system.svc:15012");
    let minimal = Values::new(Profile::Minimal, "edge", &[], &[]).unwrap();
    assert!(minimal.gateways.is_empty() && minimal.injector.enabled);
    assert_eq!(minimal.discovery_address, "istiod.edge.svc:15012");
    assert_eq!(minimal.gateway_class.as_deref(), Some("meridian"));
}

#[test]
fn settings_go_over_files_and_files_over_the_profile() {
    let files = [
        json!({"image": {"repository": "registry.example/meridian", "tag": "v1"}, "replicas": 2}),
        json!({"gateways": {"istio-ingressgateway": {"type": "NodePort"}, "edge": {"autoscaleEnabled": false}}}),
    ];
    let values = values(&files, &["image.tag=12", "gateways.istio-ingressgateway.replicas=3"]).unwrap();
    assert_eq!(values.image(), "registry.example/meridian:12");
    assert_eq!(values.replicas, 2);
    assert_eq!(values.gateways["istio-ingressgateway"].service_type, "NodePort");
    assert_eq!(values.gateways["istio-ingressgateway"].replicas, 3);
    assert!(!values.gateways["edge"].autoscale_enabled);
}

#[test]
fn what_is_switched_off_is_not_there() {
    let values = values(&[], &["gateways.istio-ingressgateway.enabled=false", "gatewayClass.enabled=false"]).unwrap();
    assert!(values.gateways.is_empty());
    assert_eq!(values.gateway_class, None);
}

#[test]
fn what_is_wrong_is_named() {
    for (setting, wanted) in [
        ("replica=2", "values: replica: no such value; there are"),
        ("replicas=many", "values: replicas: invalid type"),
        ("image.tags=v1", "values: image: unknown field `tags`"),
        ("image.pullPolicy=Sometimes", "found \"Sometimes\", allowed: Always, IfNotPresent, Never"),
        ("discoveryAddress=here", "found \"here\", allowed: HOST:PORT"),
        ("gateways.edge.kind=x", "values: gateways.edge: unknown field `kind`"),
        ("gateways.Edge.replicas=1", "values: gateways.Edge: allowed: at most 50 lowercase"),
        ("gateways.edge.type=Local", "found \"Local\", allowed: LoadBalancer, NodePort, ClusterIP"),
        ("gateways.edge.autoscaleMin=9", "found 9, allowed: at most autoscaleMax, 5"),
        ("meshConfig=x", "values: meshConfig: found \"x\", allowed: an object"),
    ] {
        let error = values(&[], &[setting]).unwrap_err().to_string();
        assert!(error.contains(wanted), "{setting}: {error}");
    }
}
