//! The CRDs that are made from our kinds: what Kubernetes asks of such documents.

use meridian_resources as resources;
use serde_json::Value;

#[test]
fn istios_and_envoy_gateways_kinds_have_crds_and_others_have_not() {
    for kind in resources::all() {
        let ours = kind.group.ends_with(".istio.io") || kind.group == "gateway.envoyproxy.io";
        assert_eq!(resources::crd::document(kind).is_some(), ours, "{kind}");
    }
    assert_eq!(resources::crd::kinds().count(), 17);
}

#[test]
fn documents_are_whole() {
    for kind in resources::crd::kinds() {
        let document = resources::crd::document(kind).expect("has one");
        let spec = &document["spec"];
        assert_eq!(document["metadata"]["name"], format!("{}.{}", kind.plural, kind.group));
        let versions = spec["versions"].as_array().expect("versions");
        assert_eq!(versions.len(), kind.versions.len());
        assert_eq!(versions.iter().filter(|version| version["storage"] == true).count(), 1, "{kind}");
        for version in versions {
            let columns = version["additionalPrinterColumns"].as_array().expect("columns");
            assert_eq!(columns.len(), kind.columns.len() + 1, "{kind}: every column has a path");
            walk(kind.kind, &version["schema"]["openAPIV3Schema"]);
        }
    }
}

/// No keyword of our own is left.
fn walk(path: &str, schema: &Value) {
    for (keyword, value) in schema.as_object().expect(path) {
        assert!(!keyword.starts_with("x-") || keyword.starts_with("x-kubernetes-"), "{path}: {keyword}");
        match keyword.as_str() {
            "properties" => {
                for (name, child) in value.as_object().expect("properties") {
                    walk(&format!("{path}.{name}"), child);
                }
            }
            "items" | "additionalProperties" if value.is_object() => walk(&format!("{path}[]"), value),
            _ => {}
        }
    }
}
