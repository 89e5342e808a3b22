use super::*;
use serde_json::json;

const CLUSTER: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";

fn there_and_back(message: &Value) -> Value {
    let type_url = message["@type"].as_str().unwrap();
    decode(type_url, &encode(message).unwrap()).unwrap()
}

#[test]
fn a_message_is_the_bytes_that_every_implementation_writes() {
    let message = json!({
        "@type": CLUSTER,
        "name": "a",
        "type": "STRICT_DNS",
        "connectTimeout": "1.500s",
        "perConnectionBufferLimitBytes": 300,
    });
    let expected = [0x0a, 1, b'a', 0x10, 1, 0x22, 8, 8, 1, 0x10, 0x80, 0xca, 0xb5, 0xee, 1, 0x2a, 3, 8, 0xac, 2];
    assert_eq!(encode(&message).unwrap()[..], expected);
    assert_eq!(there_and_back(&message), message);
}

#[test]
fn every_kind_of_value_survives() {
    let message = json!({
        "@type": CLUSTER,
        "name": "outbound|80||ä.example",
        "type": "EDS",
        "typedExtensionProtocolOptions": {"x": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicitHttpConfig": {"http2ProtocolOptions": {"maxConcurrentStreams": 0}},
        }},
        "ringHashLbConfig": {"minimumRingSize": "1024"},
        "metadata": {"filterMetadata": {"istio": {"list": [1, -2, 1.5, true, null, "x", {}, []], "none": {}}}},
        "commonLbConfig": {"healthyPanicThreshold": {"value": 0.5}},
        "outlierDetection": {"enforcingSuccessRate": 0, "consecutive5xx": 5},
    });
    assert_eq!(there_and_back(&message), message);
}

#[test]
fn unknown_fields_and_messages_are_told_and_written_back() {
    // Field 5000 of a cluster as a varint, and the name as a fixed number.
    let bytes = [0x0d, 1, 2, 3, 4, 0xc0, 0xb8, 2, 7];
    let decoded = decode(CLUSTER, &bytes).unwrap();
    let expected = json!({"@type": CLUSTER, "[1]": [{"fixed32": "67305985"}], "[5000]": [{"varint": "7"}]});
    assert_eq!(decoded, expected);
    assert_eq!(encode(&decoded).unwrap()[..], bytes);

    let filter = json!({"name": "x", "typedConfig": {"@type": "type.googleapis.com/some.Filter", "value": "AQI="}});
    let listener = json!({
        "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
        "listenerFilters": [filter],
    });
    assert_eq!(there_and_back(&listener), listener);
    let read = crate::listener::read(&json!({
        "name": "l",
        "address": {"socketAddress": {"address": "0.0.0.0", "portValue": 80}},
        "[77]": [{"varint": "1"}],
    }));
    let unsupported = read.unwrap().unsupported;
    assert_eq!(unsupported[0].path, "listener l: [77]");
}

#[test]
fn what_cannot_be_encoded_says_where_and_what_is_allowed() {
    for (fields, expected) in [
        (json!({"nam": "a"}), "nam: found \"a\", allowed: name, type, "),
        (json!({"type": "DNS"}), "type: found \"DNS\", allowed: STATIC, STRICT_DNS, LOGICAL_DNS, EDS, ORIGINAL_DST"),
        (json!({"connectTimeout": "5"}), "connectTimeout: found \"5\", allowed: a duration such as \"1.500s\""),
        (
            json!({"loadAssignment": {"endpoints": [{"priority": 1}, {"priority": -1}]}}),
            "loadAssignment.endpoints[1].priority: found -1, allowed: a number from 0 to 4294967295",
        ),
        (
            json!({"typedExtensionProtocolOptions": {"x": {"@type": "a/b.C", "y": 1}}}),
            "typedExtensionProtocolOptions[\"x\"]: found a message of a type that is not in the table (a/b.C), allowed: \
             one of Envoy's that Meridian knows",
        ),
        (json!({"type": "EDS", "clusterType": {}}), ": found clusterType and type, allowed: one of both"),
    ] {
        let mut message = fields;
        message["@type"] = CLUSTER.into();
        let error = encode(&message).unwrap_err().to_string();
        let expected = format!("envoy.config.cluster.v3.Cluster: {}", expected.trim_start_matches(": "));
        assert!(error.starts_with(&expected), "{error}\n{expected}");
    }
    assert!(encode(&json!({})).unwrap_err().to_string().starts_with("message: found no @type"));
    assert!(encode(&json!({"@type": "a.B"})).unwrap_err().to_string().starts_with("a.B: found a message that is not"));
}

#[test]
fn what_is_no_message_is_refused() {
    for bytes in [
        &[0x0a][..],
        &[0x0a, 5, b'a'],
        &[0x0b],
        &[0x00, 0],
        &[0x0a, 1, 0xff],
        &[0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        &[0x22, 4, 8, 1, 0x10, 0xff],
    ] {
        let error = decode(CLUSTER, bytes).unwrap_err();
        assert!(error.path.starts_with("envoy.config.cluster.v3.Cluster"), "{error}");
    }
    let mut deep = Vec::new();
    for _ in 0..200 {
        let mut outer = vec![0x0a];
        raw::put_varint(deep.len() as u64, &mut outer);
        outer.append(&mut deep);
        deep = outer;
    }
    // A rule of `andRules` inside of such a rule, and so on.
    let type_url = "type.googleapis.com/envoy.config.rbac.v3.Permission";
    assert!(decode(type_url, &deep).unwrap_err().to_string().contains("no more than 100"), "too deep");
}

#[test]
fn later_values_replace_or_join_earlier_ones() {
    // Two names; two connect timeouts of one second and of five nanoseconds; a type after a custom type.
    let bytes = [0x0a, 1, b'a', 0x0a, 1, b'b', 0x22, 2, 8, 1, 0x22, 2, 0x10, 5, 0xb2, 2, 0, 0x10, 3];
    let expected = json!({"@type": CLUSTER, "name": "b", "type": "EDS", "connectTimeout": "1.000000005s"});
    assert_eq!(decode(CLUSTER, &bytes).unwrap(), expected);
    // Ports that are not packed, and some that are.
    let type_url = "type.googleapis.com/envoy.config.listener.v3.FilterChainMatch";
    let ports = [0x38, 80, 0x3a, 3, 81, 0x82, 1];
    assert_eq!(decode(type_url, &ports).unwrap()["sourcePorts"], json!([80, 81, 130]));
}
