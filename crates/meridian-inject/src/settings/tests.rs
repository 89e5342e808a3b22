use super::{Images, Policy, Settings};
use serde_json::json;

#[test]
fn images_have_their_hub_and_tag() {
    let images = Images { hub: "registry.test/mesh".into(), tag: "1".into(), ..Settings::default().images };
    assert_eq!(images.reference("meridian"), "registry.test/mesh/meridian:1");
    assert_eq!(images.reference("other.test/meridian:2"), "other.test/meridian:2");
    let bare = Images { hub: String::new(), tag: String::new(), ..images };
    assert_eq!(bare.reference("meridian"), "meridian");
}

#[test]
fn documents_are_laid_over_one_another() {
    let (settings, remarks) = Settings::default()
        .with_mesh(&json!({
            "trustDomain": "mesh.test", "enablePrometheusMerge": false, "accessLogFile": "/dev/stdout",
            "inboundTrafficPolicy": {"mode": "LOCALHOST"},
            "defaultConfig": {"concurrency": 2, "zipkinAddress": "z:9411"},
        }))
        .unwrap();
    assert_eq!(remarks, ["zipkinAddress has no effect"]);
    assert_eq!((settings.mesh.trust_domain.as_str(), settings.mesh.merge_metrics), ("mesh.test", false));
    assert!(settings.mesh.inbound_to_localhost);
    let config = json!({"policy": "disabled", "templates": {"sidecar": "{{ }}"}, "other": 1});
    let (settings, remarks) = settings.with_config(&config).unwrap();
    assert_eq!((settings.policy, remarks.len()), (Policy::Disabled, 1));
    let values = json!({"global": {"tag": 1.5, "proxy": {"image": "proxyv2"}, "tracer": {"zipkin": {"address": ""}}, "sts": {"servicePort": 9}}});
    let (settings, remarks) = settings.with_values(&values).unwrap();
    assert_eq!(settings.images.tag, "1.5");
    assert_eq!(remarks.len(), 2, "{remarks:?}");
    assert_eq!(remarks[0], "global.sts has no effect on injection");
}

#[test]
fn what_is_wrong_is_refused_with_its_path() {
    let values = |document| Settings::default().with_values(&document).unwrap_err().to_string();
    assert_eq!(
        values(json!({"global": {"proxy": {"logLevel": "loud"}}})),
        "global.proxy.logLevel: found \"loud\", allowed: trace, debug, info, warning, error, critical, off"
    );
    assert!(
        values(json!({"global": {"proxy": {"outlierLogPath": "/x"}}}))
            .starts_with("global.proxy.outlierLogPath: found")
    );
    let config = |document| Settings::default().with_config(&document).unwrap_err().to_string();
    assert!(
        config(json!({"templates": {"mine": "x"}}))
            .starts_with("templates.mine: found \"mine\", allowed: no templates")
    );
    assert!(config(json!({"defaultTemplates": ["mine"]})).contains("allowed: sidecar, gateway"));
    let selector = json!({"neverInjectSelector": [{"matchExpressions": [{"key": "a", "operator": "Is"}]}]});
    assert!(config(selector).contains("neverInjectSelector[0].matchExpressions[0].operator: found \"Is\""));
    let mesh = |document| Settings::default().with_mesh(&document).unwrap_err().to_string();
    assert_eq!(
        mesh(json!({"defaultConfig": {"concurency": 1}})),
        "defaultConfig.concurency: found 1, allowed: a setting of Istio's ProxyConfig; there is none of this name"
    );
    assert!(mesh(json!({"proxyListenPort": 1})).starts_with("proxyListenPort: found 1"));
}
