use super::{Options, Place, configuration, name, with_authority};
use crate::Settings;
use crate::decide::{Decision, decide};
use crate::selector::{Labels, Selector};
use serde_json::{Value, json};

#[test]
fn the_api_server_finds_the_webhook() {
    let made = configuration(&Settings::default(), &Options::default());
    assert_eq!(made["metadata"]["name"], "istio-sidecar-injector");
    let names: Vec<&str> =
        made["webhooks"].as_array().unwrap().iter().filter_map(|hook| hook["name"].as_str()).collect();
    assert_eq!(
        names,
        ["rev.namespace", "rev.object", "namespace", "object"]
            .map(|prefix| format!("{prefix}.sidecar-injector.istio.io"))
    );
    assert_eq!(
        made["webhooks"][0]["clientConfig"],
        json!({"service": {"name": "istiod", "namespace": "istio-system", "path": "/inject", "port": 443}})
    );
    assert_eq!(made["webhooks"][0]["failurePolicy"], "Fail");
    let options =
        Options { place: Place::Url("https://127.0.0.1:15017/".into()), ca: "PEM".into(), ..Options::default() };
    let canary = Settings { revision: "canary".into(), ..Settings::default() };
    let made = configuration(&canary, &options);
    assert_eq!(
        made["webhooks"][0]["clientConfig"],
        json!({"url": "https://127.0.0.1:15017/inject", "caBundle": "UEVN"})
    );
    assert_eq!((made["webhooks"].as_array().unwrap().len(), &*name(&canary)), (2, "istio-sidecar-injector-canary"));
}

#[test]
fn the_authority_is_put_where_it_is_not() {
    let made = configuration(&Settings::default(), &Options::default());
    let ours = with_authority(&made, "PEM").unwrap();
    assert_eq!(ours["metadata"], json!({"name": "istio-sidecar-injector"}));
    assert_eq!(
        ours["webhooks"][2],
        json!({"name": "namespace.sidecar-injector.istio.io", "clientConfig": {"caBundle": "UEVN"}})
    );
    let has = configuration(&Settings::default(), &Options { ca: "PEM".into(), ..Options::default() });
    assert_eq!(with_authority(&has, "PEM"), None);
    assert!(with_authority(&has, "OTHER").is_some());
}

/// Whether some webhook of the configuration selects a pod.
fn selects(configuration: &Value, namespace: &Labels, pod: &Labels) -> bool {
    configuration["webhooks"].as_array().unwrap().iter().any(|hook| {
        let selector = |field: &str| Selector::read(&hook[field], field).unwrap();
        selector("namespaceSelector").matches(namespace) && selector("objectSelector").matches(pod)
    })
}

/// The selectors and the decision by labels are two ways of saying the same.
#[test]
fn selectors_select_what_is_decided() {
    let inject = "sidecar.istio.io/inject";
    let values = [None, Some("enabled"), Some("disabled"), Some("other")];
    let revisions = [None, Some("default"), Some("canary")];
    for revision in ["", "canary"] {
        let settings = Settings { revision: revision.into(), ..Settings::default() };
        let configuration = configuration(&settings, &Options::default());
        for injection in values {
            for (namespace_revision, pod_revision) in
                revisions.iter().flat_map(|a| revisions.iter().map(move |b| (*a, *b)))
            {
                for word in [None, Some("true"), Some("false")] {
                    let labels = |pairs: &[(&str, Option<&str>)]| -> Labels {
                        let set =
                            pairs.iter().filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?.to_owned())));
                        set.collect()
                    };
                    let namespace = labels(&[("istio-injection", injection), ("istio.io/rev", namespace_revision)]);
                    let own = labels(&[(inject, word), ("istio.io/rev", pod_revision)]);
                    let pod = json!({"metadata": {"labels": own}, "spec": {}});
                    let decided = decide(&pod, "shop", Some(&namespace), &settings) == Decision::Inject;
                    assert_eq!(
                        selects(&configuration, &namespace, &own),
                        decided,
                        "{revision:?} {namespace:?} {own:?}"
                    );
                }
            }
        }
    }
}
