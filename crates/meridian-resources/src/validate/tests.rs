use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::kind;
use crate::object::{self, Resource};
use crate::yaml;

fn errors(object: &Value) -> Vec<String> {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let kind = kind::by_api_version_kind(text("apiVersion"), text("kind")).expect("a known kind");
    let mut errors = unknown_fields(kind, object);
    errors.extend(validate(kind, object));
    errors.iter().map(ToString::to_string).collect()
}

fn core(kind: &str, fields: Value) -> Value {
    let mut object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}});
    merge(&mut object, fields);
    object
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// The messages are those of Kubernetes 1.32.
#[test]
fn metadata_is_checked_with_kubernetes_words() {
    let subdomain = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
                     and must start and end with an alphanumeric character (e.g. 'example.com', regex used for \
                     validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    let dns_1035 = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an \
                    alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', \
                    regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
    let name_part = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end \
                     with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for \
                     validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
    let value = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
                 must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', \
                 regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
    let ports = json!({"ports": [{"port": 80}]});
    let table = [
        (
            "ConfigMap",
            json!({"metadata": {"name": "A_b"}}),
            format!("metadata.name: Invalid value: \"A_b\": {subdomain}"),
        ),
        (
            "ConfigMap",
            json!({"metadata": {"name": ""}}),
            "metadata.name: Required value: name or generateName is required".to_owned(),
        ),
        (
            "Service",
            json!({"metadata": {"name": "1a"}, "spec": ports}),
            format!("metadata.name: Invalid value: \"1a\": {dns_1035}"),
        ),
        (
            "ConfigMap",
            json!({"metadata": {"labels": {"a b": "c"}}}),
            format!("metadata.labels: Invalid value: \"a b\": {name_part}"),
        ),
        (
            "ConfigMap",
            json!({"metadata": {"labels": {"a": "b c"}}}),
            format!("metadata.labels: Invalid value: \"b c\": {value}"),
        ),
        (
            "ConfigMap",
            json!({"metadata": {"labels": {"A_/a": ""}}}),
            format!("metadata.labels: Invalid value: \"A_/a\": prefix part {subdomain}"),
        ),
        (
            "ConfigMap",
            json!({"metadata": {"annotations": {"/a": ""}}}),
            "metadata.annotations: Invalid value: \"/a\": prefix part must be non-empty".to_owned(),
        ),
        (
            "Namespace",
            json!({"metadata": {"namespace": "a"}}),
            "metadata.namespace: Forbidden: not allowed on this type".to_owned(),
        ),
    ];
    for (kind, fields, expected) in table {
        assert_eq!(errors(&core(kind, fields)), [expected]);
    }
    let generated = json!({"metadata": {"name": null, "generateName": "a-"}});
    assert_eq!(errors(&core("ConfigMap", generated)), [""; 0]);
    let null_times = json!({"metadata": {"creationTimestamp": null, "labels": null}});
    assert_eq!(errors(&core("ConfigMap", null_times)), [""; 0]);
}

#[test]
fn core_kinds_are_checked_with_kubernetes_words() {
    let table = [
        ("Service", json!({"spec": {"ports": []}}), "spec.ports: Required value"),
        ("Service", json!({"spec": {"type": "ExternalName"}}), "spec.externalName: Required value"),
        (
            "Service",
            json!({"spec": {"ports": [{"port": 0}]}}),
            "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        ),
        (
            "Service",
            json!({"spec": {"ports": [{"port": 80, "name": "a"}, {"port": 80, "name": "b"}]}}),
            "spec.ports[1]: Duplicate value: {\"port\":80,\"protocol\":\"TCP\"}",
        ),
        (
            "Service",
            json!({"spec": {"ports": [{"port": 80, "name": "a"}, {"port": 81}]}}),
            "spec.ports[1].name: Required value",
        ),
        (
            "Service",
            json!({"spec": {"type": "Cluster", "ports": [{"port": 80}]}}),
            "spec.type: Unsupported value: \"Cluster\": supported values: \"ClusterIP\", \"ExternalName\", \
             \"LoadBalancer\", \"NodePort\"",
        ),
        (
            "Service",
            json!({"spec": {"ports": [{"port": "80"}]}}),
            "spec.ports[0].port: Invalid value: \"string\": spec.ports[0].port in body must be of type integer: \
             \"string\"",
        ),
        (
            "Service",
            json!({"spec": {"ports": [{"port": 80, "targetPort": "A-very-long-port-name"}]}}),
            "spec.ports[0].targetPort: Invalid value: \"A-very-long-port-name\": must be no more than 15 characters",
        ),
        (
            "Endpoints",
            json!({"subsets": [{"addresses": [{"ip": "1.2.3"}]}]}),
            "subsets[0].addresses[0].ip: Invalid value: \"1.2.3\": must be a valid IP address, (e.g. 10.9.8.7 or \
             2001:db8::ffff)",
        ),
        ("Secret", json!({"type": "kubernetes.io/tls", "data": {"tls.crt": ""}}), "data[tls.key]: Required value"),
        ("Secret", json!({"data": {"a": "hidden?"}}), "data[a]: Invalid value: must be base64"),
        (
            "Secret",
            json!({"stringData": {"a": 12345}}),
            "stringData[a]: Invalid value: must be of type string: \"integer\"",
        ),
        (
            "ConfigMap",
            json!({"data": {"..a": ""}}),
            "data[..a]: Invalid value: \"..a\": must not be '.' and must not begin with '..'",
        ),
    ];
    for (kind, fields, expected) in table {
        assert_eq!(errors(&core(kind, fields)), [expected]);
    }
    let slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "x"},
        "addressType": "IPv4", "endpoints": [{"addresses": ["::1"]}]});
    assert_eq!(errors(&slice), ["endpoints[0].addresses[0]: Invalid value: \"::1\": must be an IPv4 address"]);
}

#[test]
fn mistakes_are_shown_with_their_place() {
    let text = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata:\n  name: web\nspec:\n  servers:\n  \
                - port: {number: 80, name: http, protocol: HTP}\n    host:\n    - \"*\"\n    hosts:\n    - a_b.example.com\n    \
                tls:\n      mode: SIMPEL\n---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: web}\n\
                spec:\n  servers:\n  - port: {number: 80, name: http, protocol: HTP}\n    hosts: [a_b.example.com]\n";
    let found: Vec<String> = yaml::parse(text, "gateway.yaml")
        .into_iter()
        .filter_map(|document| document.object.err())
        .flatten()
        .map(|diagnostic| diagnostic.to_string())
        .collect();
    assert_eq!(
        found,
        [
            "gateway.yaml:8:5: Gateway default/web: spec.servers[0].host: unknown field \"host\"; did you mean \"hosts\"?",
            "gateway.yaml:13:13: Gateway default/web: spec.servers[0].tls.mode: found \"SIMPEL\", allowed: PASSTHROUGH, \
             SIMPLE, MUTUAL, AUTO_PASSTHROUGH, ISTIO_MUTUAL, OPTIONAL_MUTUAL",
            "gateway.yaml:20:46: Gateway default/web: spec.servers[0].port.protocol: found \"HTP\", allowed: HTTP, HTTPS, \
             HTTP2, GRPC, GRPC-WEB, MONGO, REDIS, MYSQL, TCP, TLS",
            "gateway.yaml:21:13: Gateway default/web: spec.servers[0].hosts[0]: found \"a_b.example.com\": domain name \
             \"a_b.example.com\" invalid (label \"a_b\" invalid)",
        ]
    );
}

#[test]
fn a_missing_field_is_shown_at_what_should_hold_it() {
    let text = "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  labels:\n    app.kubernetes.io/name: a b\nspec:\n  \
                ports:\n  - name: http\n";
    let documents = yaml::parse(text, "s.yaml");
    let errors = documents[0].object.as_ref().expect_err("refused");
    let places: Vec<_> = errors.iter().map(|error| (error.line, error.column, error.path.as_str())).collect();
    assert_eq!(places, [(9, 5, "spec.ports[0].port")]);
    let valid = text.replace("a b", "a").replace("name: http", "port: 80");
    let documents = yaml::parse(&valid, "s.yaml");
    let object = documents[0].object.as_ref().expect("accepted");
    let at = |path: &str| (object.locate(path).line, object.locate(path).column);
    assert_eq!(at("metadata.labels[app.kubernetes.io/name]"), (6, 29));
    assert_eq!(at("metadata.labels"), (5, 3));
    assert_eq!(at("spec.ports[0].port"), (9, 11));
    assert_eq!(at("spec.ports[3].port"), (8, 3));
    assert_eq!(at("nothing"), (1, 1));
    assert_eq!(object.object_ref().expect("a name").to_string(), "Service default/a");
    let Ok(Resource::Service(service)) = object.decode() else { panic!("a Service") };
    assert_eq!(service.source.as_ref().map(ToString::to_string).as_deref(), Some("s.yaml:1"));
    assert_eq!(service.spec.ports[0].port, 80);
}

#[test]
fn secrets_are_never_printed() {
    let secret = core("Secret", json!({"stringData": {"a": "swordfish"}, "data": {"b": "c3dvcmRmaXNo"}}));
    let Ok(Resource::Secret(secret)) = object::decode(&crate::core::secret::KIND, &secret) else { panic!("a Secret") };
    let printed = format!("{secret:?}");
    assert!(!printed.contains("swordfish") && !printed.contains("c3dvcmRmaXNo"), "{printed}");
    let wrong = [
        json!({"data": {"a": 4711}}),
        json!({"data": 4711}),
        json!({"stringData": {"a": {"b": 4711}}}),
        json!({"data": "4711"}),
    ];
    for fields in wrong {
        let secret = core("Secret", fields);
        let errors = validate(&crate::core::secret::KIND, &secret);
        assert!(!errors.is_empty() && !format!("{errors:?}").contains("4711"), "{errors:?}");
        let errors = object::decode(&crate::core::secret::KIND, &secret).expect_err("refused");
        assert!(!format!("{errors:?}").contains("4711"), "{errors:?}");
        let documents = yaml::parse(&yaml::emit(&secret), "s.yaml");
        assert!(!format!("{documents:?}").contains("4711"), "{documents:?}");
    }
    let good = core("Secret", json!({"stringData": {"a": "swordfish"}}));
    let documents = yaml::parse(&yaml::emit(&good), "s.yaml");
    assert!(documents[0].object.is_ok() && !format!("{documents:?}").contains("swordfish"), "{documents:?}");
    assert_eq!(secret.spec.get("a").as_deref(), Some(&b"swordfish"[..]));
    assert_eq!(secret.spec.get("b").as_deref(), Some(&b"swordfish"[..]));
    assert_eq!(secret.spec.keys().collect::<Vec<_>>(), ["b", "a"]);
}

#[test]
fn unknown_fields_are_named_and_pruned() {
    let mut object = json!({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": "a", "lables": {}},
        "spec": {"hosts": ["a.example.com"], "http": [{"route": [{"destination": {"hots": "a", "host": "b"}}],
            "match": [{"headers": {"any-name": {"exakt": "a"}}}]}]},
        "status": {"anything": {"at": "all"}}});
    let kind = &crate::istio::virtual_service::KIND;
    let found: Vec<_> = unknown_fields(kind, &object).into_iter().map(|error| (error.path, error.detail)).collect();
    let pair = |path: &str, detail: &str| (path.to_owned(), detail.to_owned());
    assert_eq!(
        found,
        [
            pair("metadata.lables", "did you mean \"labels\"?"),
            pair("spec.http[0].match[0].headers[any-name].exakt", "did you mean \"exact\"?"),
            pair("spec.http[0].route[0].destination.hots", "did you mean \"host\"?"),
        ]
    );
    prune(kind, &mut object);
    assert_eq!(unknown_fields(kind, &object), []);
    assert_eq!(object["status"], json!({"anything": {"at": "all"}}));
    assert_eq!(object["spec"]["http"][0]["match"][0]["headers"]["any-name"], json!({}));
}

#[test]
fn a_pod_is_kept_as_it_is() {
    let mut pod = core(
        "Pod",
        json!({"spec": {"restartPolicy": "Always", "containers": [{"name": "a", "image": "b",
        "ports": [{"containerPort": 80}], "securityContext": {"runAsUser": 1}}]}, "status": {"phase": "Running"}}),
    );
    let kind = &crate::core::pod::KIND;
    assert_eq!(errors(&pod), [""; 0]);
    let before = pod.clone();
    prune(kind, &mut pod);
    assert_eq!(pod, before);
    apply_defaults(kind, &mut pod);
    assert_eq!(pod["spec"]["containers"][0]["ports"][0], json!({"containerPort": 80, "protocol": "TCP"}));
}

#[test]
fn nulls_in_kubernetes_own_kinds_are_as_if_they_were_not_there() {
    let mut service = core("Service", json!({"spec": {"ports": null, "selector": {"a": "b"}, "externalName": "c"}}));
    drop_nulls(&crate::core::service::KIND, &mut service);
    assert_eq!(service["spec"], json!({"selector": {"a": "b"}, "externalName": "c"}));
}

/// Kubernetes refuses `80.0` in JSON, but its clients make `80` of it when they read YAML.
#[test]
fn whole_floats_are_integers_only_in_yaml() {
    let service = core("Service", json!({"spec": {"ports": [{"port": 80.0}]}}));
    let expected = "spec.ports[0].port: Invalid value: \"number\": spec.ports[0].port in body must be of type integer: \
                    \"number\"";
    assert_eq!(errors(&service), [expected]);
    let documents = yaml::parse(&yaml::emit(&service), "s.yaml");
    assert_eq!(documents[0].object.as_ref().expect("accepted").value["spec"]["ports"][0]["port"], 80);
}

/// JSON values, small, with the names of fields among the keys.
fn any_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[a-z*./:-]{0,8}",
        any::<String>(),
        prop::sample::select(vec!["1s", "*", "1.2.3.4", "HTTP", "HTTPS", "SIMPLE", "DNS", "STATIC", "a.example.com"])
            .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0..70_000_i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    let names = [
        "metadata",
        "spec",
        "name",
        "namespace",
        "labels",
        "hosts",
        "http",
        "tls",
        "tcp",
        "match",
        "route",
        "port",
        "number",
        "protocol",
        "servers",
        "gateways",
        "destination",
        "host",
        "uri",
        "exact",
        "regex",
        "headers",
        "endpoints",
        "address",
        "ports",
        "resolution",
        "addresses",
        "trafficPolicy",
        "loadBalancer",
        "subsets",
        "timeout",
        "weight",
        "data",
        "type",
        "mode",
        "sniHosts",
        "a",
    ];
    let name = prop::sample::select(names.to_vec()).prop_map(str::to_owned);
    leaf.prop_recursive(8, 64, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn whole_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => crate::value::whole(&number).map_or(Value::Number(number), Value::from),
        Value::Array(items) => items.into_iter().map(whole_numbers).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, whole_numbers(value))).collect(),
        other => other,
    }
}

proptest! {
    /// No object whatever makes a check panic, and what is accepted has a typed form.
    #[test]
    fn any_object_is_judged(spec in any_value(), metadata in any_value(), index in 0..kind::all().len()) {
        let kind = kind::all()[index];
        let mut object = json!({"apiVersion": kind.preferred_api_version(), "kind": kind.kind, "metadata": {"name": "x"}});
        for with_metadata in [false, true] {
            if with_metadata {
                object["metadata"] = metadata.clone();
            }
            object["spec"] = spec.clone();
            if let Value::Object(fields) = &spec {
                for (name, value) in fields.iter().filter(|(name, _)| !["metadata", "spec"].contains(&name.as_str())) {
                    object[name.as_str()] = value.clone();
                }
            }
            let unknown = unknown_fields(kind, &object);
            let refused = validate(kind, &object);
            let mut pruned = object.clone();
            prune(kind, &mut pruned);
            prop_assert!(unknown_fields(kind, &pruned).is_empty());
            prop_assert_eq!(unknown.is_empty(), pruned == object);
            apply_defaults(kind, &mut pruned);
            let mut again = pruned.clone();
            apply_defaults(kind, &mut again);
            prop_assert_eq!(&again, &pruned);
            if refused.is_empty() {
                prop_assert!(object::decode(kind, &object).is_ok());
            }
        }
    }

    /// Any value that YAML can hold is written such that it is read back the same.
    #[test]
    fn what_is_emitted_is_read_back(value in any_value()) {
        prop_assume!(!value.is_null());
        // Whole floats are integers to everyone who reads YAML or JSON into Kubernetes.
        let value = whole_numbers(value);
        let read = yaml::values(&yaml::emit(&value), "emitted.yaml");
        prop_assert!(matches!(&read[..], [Ok(read)] if *read == value), "{}\n{:?}", yaml::emit(&value), read);
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in "([a-z&*!|>%@'\"{}\\[\\],:#?<~. -]|\n|\t|---\n|: |- |é){0,60}") {
        yaml::fuzz(text.as_bytes());
    }

    #[test]
    fn any_bytes_are_parsed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        yaml::fuzz(&bytes);
    }
}
