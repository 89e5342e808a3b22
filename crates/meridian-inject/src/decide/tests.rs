use super::{Decision, Skip, decide};
use crate::Settings;
use crate::selector::Labels;
use serde_json::{Value, json};

fn pod(labels: Value, annotations: Value) -> Value {
    json!({"metadata": {"labels": labels, "annotations": annotations}, "spec": {"containers": [{"name": "app"}]}})
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn namespace_and_pod_decide_as_the_webhooks_selectors_do() {
    let default = Settings::default();
    let canary = Settings { revision: "canary".into(), ..Settings::default() };
    let (enabled, none): (&[_], &[_]) = (&[("istio-injection", "enabled")], &[]);
    let other = |revision: &str| Decision::Skip(Skip::OtherRevision(revision.into()));
    let skip = Decision::Skip;
    for (settings, namespace, pod_labels, expected) in [
        (&default, enabled, json!({}), Decision::Inject),
        (&default, enabled, json!({"sidecar.istio.io/inject": "false"}), skip(Skip::Disabled)),
        (&default, none, json!({}), skip(Skip::NotSelected)),
        (&default, none, json!({"sidecar.istio.io/inject": "true"}), Decision::Inject),
        (
            &default,
            &[("istio-injection", "disabled")],
            json!({"sidecar.istio.io/inject": "true"}),
            skip(Skip::NamespaceDisabled),
        ),
        (&default, &[("istio-injection", "yes")], json!({}), skip(Skip::NotSelected)),
        (&default, &[("istio.io/rev", "default")], json!({}), Decision::Inject),
        (&default, &[("istio.io/rev", "canary")], json!({}), other("canary")),
        (&canary, &[("istio.io/rev", "canary")], json!({}), Decision::Inject),
        // The older label goes before the newer.
        (&canary, &[("istio.io/rev", "canary"), ("istio-injection", "enabled")], json!({}), other("default")),
        (&canary, enabled, json!({}), other("default")),
        (&canary, none, json!({"istio.io/rev": "canary"}), Decision::Inject),
        (&canary, none, json!({"sidecar.istio.io/inject": "true"}), other("default")),
        (&default, none, json!({"istio.io/rev": "canary", "sidecar.istio.io/inject": "true"}), other("canary")),
    ] {
        let pod = pod(pod_labels, json!({}));
        let found = decide(&pod, "shop", Some(&labels(namespace)), settings);
        assert_eq!(found, expected, "{:?} {namespace:?} {pod}", settings.revision);
    }
}

#[test]
fn some_pods_never_get_one() {
    let settings = Settings::default();
    let mut host = pod(json!({"sidecar.istio.io/inject": "true"}), json!({}));
    host["spec"]["hostNetwork"] = true.into();
    assert_eq!(decide(&host, "shop", None, &settings), Decision::Skip(Skip::HostNetwork));
    for namespace in super::SYSTEM_NAMESPACES {
        let asks = pod(json!({"sidecar.istio.io/inject": "true"}), json!({}));
        assert_eq!(decide(&asks, namespace, None, &settings), Decision::Skip(Skip::SystemNamespace));
    }
    let marked = pod(json!({}), json!({"sidecar.istio.io/status": "{}"}));
    // The mark alone, as of a Deployment that was copied from a pod, is none.
    assert_eq!(decide(&marked, "shop", None, &settings), Decision::Inject);
    for field in ["containers", "initContainers"] {
        let mut injected = marked.clone();
        injected["spec"][field] = json!([{"name": "istio-proxy", "image": "meridian"}]);
        assert_eq!(decide(&injected, "shop", None, &settings), Decision::Skip(Skip::AlreadyInjected));
        injected["spec"][field] = json!([{"name": "istio-proxy", "image": "auto"}]);
        assert_eq!(decide(&injected, "shop", None, &settings), Decision::Inject);
    }
}

#[test]
fn the_pods_word_goes_before_the_selectors_and_those_before_the_policy() {
    let config = json!({
        "policy": "disabled",
        "neverInjectSelector": [{"matchExpressions": [{"key": "job", "operator": "Exists"}]}],
        "alwaysInjectSelector": [{"matchLabels": {"mesh": "yes"}}, {}],
    });
    let (settings, remarks) = Settings::default().with_config(&config).unwrap();
    assert!(remarks.is_empty(), "{remarks:?}");
    let (yes, no) = (Decision::Inject, Decision::Skip(Skip::Disabled));
    let inject = "sidecar.istio.io/inject";
    for (labels, annotations, expected) in [
        (json!({}), json!({}), &no),
        (json!({"mesh": "yes"}), json!({}), &yes),
        (json!({"mesh": "yes", "job": "x"}), json!({}), &no),
        (json!({"job": "x", inject: "true"}), json!({}), &yes),
        (json!({"mesh": "yes", inject: "false"}), json!({}), &no),
        (json!({}), json!({inject: "true"}), &yes),
        // The label wins over the annotation.
        (json!({inject: "false"}), json!({inject: "true"}), &no),
        (json!({inject: "perhaps"}), json!({}), &no),
    ] {
        let pod = pod(labels, annotations);
        assert_eq!(decide(&pod, "shop", None, &settings), *expected, "{pod}");
    }
}
