//! All that Istio generated survives Envoy's wire format.

use super::data::Oracle;
use meridian_xds::{type_url, wire};
use serde_json::Value;

#[test]
fn everything_survives_the_wire() {
    let Some(oracle) = Oracle::open() else { return };
    let (mut resources, mut bytes) = (0, 0);
    for config in oracle.all_raw() {
        for (list, type_url) in [
            ("listeners", type_url::LISTENER),
            ("clusters", type_url::CLUSTER),
            ("routes", type_url::ROUTE_CONFIGURATION),
            ("endpoints", type_url::CLUSTER_LOAD_ASSIGNMENT),
        ] {
            for resource in config[list].as_array().expect("a list") {
                let encoded = wire::encode_as(type_url, resource).unwrap();
                let mut decoded = wire::decode(type_url, &encoded).unwrap();
                if resource.get("@type").is_none() {
                    decoded.as_object_mut().expect("a message").remove("@type");
                }
                assert_eq!(&decoded, resource);
                let mut names = Vec::new();
                unknown(&decoded, &mut names);
                assert_eq!(names, [""; 0], "fields that are not in the table");
                (resources, bytes) = (resources + 1, bytes + encoded.len());
            }
        }
    }
    println!("{resources} resources, {bytes} bytes");
    assert!(resources > 1000, "{resources} resources");
}

/// The fields that could not be named.
fn unknown<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| unknown(item, found)),
        Value::Object(fields) => {
            found.extend(fields.keys().map(String::as_str).filter(|name| name.starts_with('[')));
            fields.values().for_each(|value| unknown(value, found));
        }
        _ => {}
    }
}
