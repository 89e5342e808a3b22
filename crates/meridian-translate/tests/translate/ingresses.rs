//! Kubernetes Ingress, by what becomes of requests and by what users are told.

use crate::incremental::take_steps;
use crate::lab::{Lab, parse};
use meridian_resources::Resource;
use meridian_translate::{IngressControllerMode, MeshConfig};
use proptest::prelude::*;

const CLASS: &str = "
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: istio}
spec: {controller: istio.io/ingress-controller}
";

const HTTPBIN: &str = "outbound|8000||httpbin.default.svc.cluster.local";

/// An Ingress of class `istio` whose specification is a YAML flow mapping without its braces.
fn ingress(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: {name}, creationTimestamp: \
         \"2020-01-01T00:00:00Z\"}}\nspec: {{ingressClassName: istio, {spec}}}\n"
    )
}

/// The rule of a host with paths, `type path` each, to httpbin.
fn rule(host: &str, paths: &[&str]) -> String {
    let one = |path: &&str| {
        let (type_, path) = path.split_once(' ').expect("type and path");
        let backend = "service: {name: httpbin, port: {number: 8000}}";
        format!("{{path: \"{path}\", pathType: {type_}, backend: {{{backend}}}}}")
    };
    let paths: Vec<String> = paths.iter().map(one).collect();
    format!("{{host: \"{host}\", http: {{paths: [{}]}}}}", paths.join(", "))
}

fn lab(objects: &[String]) -> Lab {
    let mut lab = Lab::with(CLASS);
    lab.apply(&objects.join("---\n"));
    lab
}

#[test]
fn paths_are_compared_as_their_types_say() {
    let paths = ["Exact /exact", "Prefix /foo", "Prefix /bar/", "ImplementationSpecific /status/*"];
    let lab = lab(&[
        ingress("a", &format!("rules: [{}]", rule("a.example.com", &paths))),
        ingress("b", &format!("rules: [{}]", rule("*.wild.com", &["Prefix /"]))),
        ingress("c", &format!("rules: [{}]", rule("", &["ImplementationSpecific /.*"]))),
    ]);
    for (path, served) in [
        ("/exact", true),
        ("/exact/", false),
        ("/EXACT", false),
        ("/foo", true),
        ("/foo?a=b", true),
        ("/foo/", true),
        ("/foo/bar", true),
        ("/foobar", false),
        ("/bar", true),
        ("/bar/", true),
        ("/bar/x", true),
        ("/barx", false),
        ("/status/200", true),
        ("/status", true),
        ("/statusx", false),
        ("/", false),
    ] {
        let expected = if served { HTTPBIN } else { "404" };
        assert_eq!(lab.get("a.example.com", path), expected, "{path}");
    }
    assert_eq!(lab.get("x.wild.com", "/any"), HTTPBIN);
    assert_eq!(lab.get("other.example.org", "/any"), HTTPBIN);
    for name in ["a", "b", "c"] {
        lab.assert_well(&format!("Ingress default/{name}"));
    }
    assert!(lab.statuses.keys().all(|object| object.starts_with("Ingress ")), "{:?}", lab.statuses.keys());
}

#[test]
fn the_longest_path_wins_whoever_has_it() {
    let second = "
apiVersion: v1
kind: Service
metadata: {name: second}
spec: {ports: [{name: http, port: 80}]}
";
    let to_second = |text: String| text.replace("httpbin, port: {number: 8000}", "second, port: {name: http}");
    let lab = lab(&[
        second.to_owned(),
        ingress("old", &format!("rules: [{}]", rule("a.example.com", &["Prefix /", "Prefix /api"]))),
        to_second(ingress("young", &format!("rules: [{}]", rule("a.example.com", &["Prefix /api/v2", "Exact /api"])))),
    ]);
    let second = "outbound|80||second.default.svc.cluster.local";
    for (path, expected) in [("/", HTTPBIN), ("/api/v1", HTTPBIN), ("/api/v2/x", second), ("/api", second)] {
        assert_eq!(lab.get("a.example.com", path), expected, "{path}");
    }
}

#[test]
fn classes_decide_and_may_change() {
    let spec = format!("rules: [{}]", rule("a.example.com", &["Prefix /"]));
    let mut lab = Lab::with("");
    lab.apply(&ingress("a", &spec));
    assert!(lab.config.routes.is_empty());
    lab.assert_false("Ingress default/a", "Programmed", "NotProgrammed", &["spec.ingressClassName: there is no such"]);
    lab.apply(CLASS);
    assert_eq!(lab.get("a.example.com", "/"), HTTPBIN);
    lab.assert_well("Ingress default/a");
    lab.apply(&CLASS.replace("istio.io/ingress-controller", "example.com/other"));
    assert!(lab.config.routes.is_empty() && lab.config.listeners.is_empty());
    assert!(!lab.statuses.contains_key("Ingress default/a"), "nothing more is said of what is not ours");
    lab.apply(CLASS);
    lab.translator
        .set_mesh(MeshConfig { ingress_controller_mode: IngressControllerMode::Off, ..MeshConfig::default() });
    lab.translate();
    assert!(lab.config.routes.is_empty());
    lab.translator
        .set_mesh(MeshConfig { ingress_controller_mode: IngressControllerMode::Default, ..MeshConfig::default() });
    lab.apply(&ingress("b", &spec).replace("ingressClassName: istio, ", "").replace("a.example", "b.example"));
    assert_eq!(lab.get("b.example.com", "/"), HTTPBIN);
    lab.delete("Ingress default/a");
    lab.delete("Ingress default/b");
    assert!(lab.config.routes.is_empty() && lab.config.clusters.is_empty());
}

#[test]
fn backends_that_are_missing_are_told_at_their_place() {
    let spec = |backend: &str| {
        format!(
            "rules: [{{host: a.example.com, http: {{paths: [{{pathType: Prefix, path: /, backend: {backend}}}]}}}}]"
        )
    };
    let mut lab = lab(&[ingress("a", &spec("{service: {name: httpbim, port: {number: 8000}}}"))]);
    let place = "spec.rules[0].http.paths[0].backend";
    let object = "Ingress default/a";
    let missing = format!("{place}.service.name: \"httpbim.default.svc.cluster.local\" is no known service");
    lab.assert_false(object, "ResolvedRefs", "BackendNotFound", &[&missing]);
    lab.apply(&ingress("a", &spec("{service: {name: httpbin, port: {number: 80}}}")));
    let port =
        format!("{place}.service.port.number: httpbin.default.svc.cluster.local has no port 80; it has 8000 (http)");
    lab.assert_false(object, "ResolvedRefs", "PortNotFound", &[&port]);
    lab.apply(&ingress("a", &spec("{service: {name: httpbin, port: {name: web}}}")));
    let name = format!("{place}.service.port.name: httpbin.default.svc.cluster.local has no port \"web\"; it has 8000");
    lab.assert_false(object, "ResolvedRefs", "PortNotFound", &[&name, "requests are answered 503"]);
    assert_eq!(lab.get("a.example.com", "/"), "503");
    // The Service gets such a port.
    lab.apply("apiVersion: v1\nkind: Service\nmetadata: {name: httpbin}\nspec: {ports: [{name: web, port: 8000}]}");
    assert_eq!(lab.get("a.example.com", "/"), HTTPBIN);
    lab.assert_well(object);
    lab.apply(&ingress("a", &spec("{resource: {kind: Bucket, name: b}}")));
    lab.assert_false(object, "Accepted", "PartiallyInvalid", &[&format!("{place}.resource: only Services")]);
    assert_eq!(lab.get("a.example.com", "/"), "501");
}

#[test]
fn certificates_are_shared_by_host() {
    let spec = |path: &str, tls: &str| format!("rules: [{}], tls: [{tls}]", rule("a.example.com", &[path]));
    let mut lab = lab(&[
        ingress("a", &spec("Prefix /a", "{hosts: [a.example.com], secretName: one}")),
        ingress("b", &spec("Prefix /b", "{hosts: [a.example.com, b.example.com], secretName: one}")),
        ingress("c", &spec("Prefix /c", "{hosts: [a.example.com], secretName: two}, {hosts: [d.example.com]}")),
        ingress(
            "d",
            "defaultBackend: {service: {name: httpbin, port: {number: 8000}}}, rules: [{host: e.example.com}]",
        ),
    ]);
    let https = "https.443.https-443-ingress-a-default-0.a-istio-autogenerated-k8s-ingress-default.istio-system";
    assert_eq!(lab.tls(Some("a.example.com")), format!("{https} kubernetes://one terminated"));
    assert!(lab.tls(Some("b.example.com")).contains("ingress-b-default-0"), "the other host of the block is served");
    assert_eq!(lab.tls(Some("d.example.com")), "NR");
    for path in ["/a", "/b", "/c"] {
        let request = meridian_ir::request::PlainRequest::get("a.example.com", path);
        assert_eq!(lab.answer(https, &request), HTTPBIN, "{path}");
        assert_eq!(lab.get("a.example.com", path), HTTPBIN, "{path}");
    }
    let missing = "spec.tls[0].secretName: Secret istio-system/one does not exist";
    lab.assert_false("Ingress default/a", "ResolvedRefs", "SecretNotFound", &[missing]);
    assert!(lab.condition("Ingress default/b", "Accepted").status, "the same certificate is no conflict");
    let conflict = "spec.tls[0].hosts[0]: Ingress default/a, which is older, serves \"a.example.com\" with Secret one";
    let left_out = "spec.tls[1].secretName: is left out, as in Istio; name a Secret of namespace istio-system";
    lab.assert_false("Ingress default/c", "Accepted", "Conflicted", &[conflict, left_out]);
    let in_vain = ["spec.defaultBackend: has no effect", "spec.rules[0].http: has no effect without paths"];
    lab.assert_false("Ingress default/d", "Accepted", "PartiallyInvalid", &in_vain);
    lab.assert_false("Ingress default/d", "Programmed", "NotProgrammed", &["spec.rules: none of them has paths"]);
    // The next one takes over.
    lab.delete("Ingress default/a");
    assert!(lab.tls(Some("a.example.com")).contains("ingress-b-default-0"));
    lab.delete("Ingress default/b");
    assert!(lab.tls(Some("a.example.com")).ends_with("kubernetes://two terminated"));
    assert!(!lab.condition("Ingress default/c", "Accepted").message.contains("older"));
}

#[test]
fn a_path_that_another_has_is_told() {
    let spec = format!("rules: [{}]", rule("a.example.com", &["Prefix /a"]));
    let lab = lab(&[ingress("a", &spec), ingress("b", &spec)]);
    lab.assert_well("Ingress default/a");
    let expected =
        "spec.rules[0].http.paths[0].path: has no effect: spec.rules[0].http.paths[0] of Ingress default/a is";
    lab.assert_false("Ingress default/b", "Accepted", "Conflicted", &[expected]);
}

#[test]
fn names_that_users_have_taken_are_left_to_them() {
    let spec = format!("rules: [{}]", rule("a.example.com", &["Prefix /"]));
    let gateway = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: a-istio-autogenerated-k8s-ingress-default, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 9000, name: http, protocol: HTTP}, hosts: [other.example.com]}]
";
    let mut lab = lab(&[ingress("a", &spec)]);
    lab.apply(gateway);
    assert!(lab.config.listeners.contains_key("0.0.0.0_9000") && !lab.config.listeners.contains_key("0.0.0.0_8080"));
    let expected =
        "metadata.name: is not served: Gateway istio-system/a-istio-autogenerated-k8s-ingress-default exists";
    lab.assert_false("Ingress default/a", "Accepted", "Conflicted", &[expected]);
    lab.delete("Gateway istio-system/a-istio-autogenerated-k8s-ingress-default");
    assert_eq!(lab.get("a.example.com", "/"), HTTPBIN);
    lab.assert_well("Ingress default/a");
}

#[test]
fn the_selector_follows_the_mesh_configuration() {
    let mut lab = lab(&[ingress("a", &format!("rules: [{}]", rule("a.example.com", &["Prefix /"])))]);
    lab.translator.set_mesh(MeshConfig { ingress_service: "edge".into(), ..MeshConfig::default() });
    lab.translate();
    assert!(lab.config.routes.is_empty());
    let expected = "{istio: edge} are the labels of no proxy (ingressgateway has {istio: ingressgateway})";
    lab.assert_false("Ingress default/a", "Programmed", "NotProgrammed", &["no gateway serves Ingresses", expected]);
    let mesh = MeshConfig {
        ingress_service: "edge".into(),
        ingress_selector: "ingressgateway".into(),
        ..MeshConfig::default()
    };
    lab.translator.set_mesh(mesh);
    lab.translate();
    assert_eq!(lab.get("a.example.com", "/"), HTTPBIN);
}

#[test]
fn one_change_touches_its_own_host() {
    let of_host =
        |name: &str, path: &str| ingress(name, &format!("rules: [{}]", rule(&format!("{name}.example.com"), &[path])));
    let mut lab = lab(&[of_host("a", "Prefix /"), of_host("b", "Prefix /")]);
    let host = |lab: &Lab, name: &str| {
        let hosts = &lab.config.routes["http.8080"].virtual_hosts;
        hosts.iter().find(|host| *host.name == format!("{name}.example.com:80")).expect("the host").clone()
    };
    let (a, b, listeners) = (host(&lab, "a"), host(&lab, "b"), lab.config.listeners.clone());
    lab.apply(&of_host("a", "Prefix /x"));
    assert!(!std::sync::Arc::ptr_eq(&a, &host(&lab, "a")) && std::sync::Arc::ptr_eq(&b, &host(&lab, "b")));
    assert!(std::iter::zip(&listeners, &lab.config.listeners).all(|(a, b)| std::sync::Arc::ptr_eq(a.1, b.1)));
}

/// Ingresses that have hosts, paths and certificates in common, and what they depend on, in several versions.
fn universe() -> Vec<Vec<Resource>> {
    let spec = |rules: &[String], tls: &str| format!("rules: [{}], tls: [{tls}]", rules.join(", "));
    let one = |paths: &[&str]| rule("a.example.com", paths);
    let named = one(&["Prefix /named"]).replace("httpbin, port: {number: 8000}", "named, port: {name: web}");
    let mut texts: Vec<Vec<String>> = Vec::new();
    for (name, seconds) in [("old", 1), ("young", 2), ("same", 2)] {
        let versions = [
            spec(&[one(&["Prefix /a", "Exact /a"]), rule("*.example.com", &["Prefix /"])], ""),
            spec(&[one(&["Prefix /b"])], "{hosts: [a.example.com, b.example.com], secretName: one}"),
            spec(
                &[named.clone(), rule("", &["Prefix /"])],
                "{hosts: [a.example.com], secretName: two}, {secretName: one}",
            ),
        ];
        let dated = |spec: &String| ingress(name, spec).replace("00:00:00Z", &format!("00:00:0{seconds}Z"));
        texts.push(versions.iter().map(dated).collect());
    }
    texts.push(vec![CLASS.to_owned(), CLASS.replace("istio.io/", "example.com/")]);
    let service =
        |ports: &str| format!("apiVersion: v1\nkind: Service\nmetadata: {{name: named}}\nspec: {{ports: [{ports}]}}\n");
    texts.push(vec![service("{name: web, port: 80}"), service("{name: web, port: 81}"), service("{port: 80}")]);
    let taken = |kind: &str, name: &str, namespace: &str, spec: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
             spec: {{{spec}}}\n"
        )
    };
    let servers =
        "selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]";
    texts.push(vec![taken("Gateway", "old-istio-autogenerated-k8s-ingress-default", "istio-system", servers)]);
    let hosts = "hosts: [c.example.com], gateways: [istio-system/young-istio-autogenerated-k8s-ingress-default], \
                 http: [{directResponse: {status: 204}}]";
    let name = "a-example-com-young-istio-autogenerated-k8s-ingress";
    texts.push(vec![taken("VirtualService", name, "default", hosts)]);
    texts.into_iter().map(|versions| versions.iter().map(|text| parse(text).remove(0)).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    #[test]
    fn the_order_of_changes_makes_no_difference(
        steps in prop::collection::vec((0usize..7, prop::option::weighted(0.75, 0usize..3), any::<bool>()), 1..40)
    ) {
        take_steps(&universe(), steps)?;
    }
}
