//! Whatever changes in whatever order, the result is that of translating everything at once; and what does not change
//! is shared.

use crate::lab::{BASICS, Lab, http_gateway, parse, virtual_service};
use meridian_ir::{Filters, ProxyConfig};
use meridian_resources::Resource;
use meridian_translate::MeshConfig;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const ROUTE: &str = "[{route: [{destination: {host: httpbin}}]}]";

#[test]
fn what_does_not_change_is_shared() {
    let mut lab = Lab::with(&http_gateway("['*']"));
    let other = "apiVersion: v1\nkind: Service\nmetadata: {name: other}\nspec: {ports: [{port: 1}]}\n";
    lab.apply(other);
    lab.apply(&virtual_service("a", "[a.test]", ROUTE));
    lab.apply(&virtual_service("b", "[b.test]", &ROUTE.replace("httpbin", "other")));
    let before = lab.config.clone();
    let host = |config: &ProxyConfig, name: &str| {
        config.routes["http.8080"].virtual_host(name.as_bytes()).expect("it is served").clone()
    };
    let output = lab.apply(&virtual_service("b", "[b.test]", "[{directResponse: {status: 200}}]"));
    assert_eq!(output.proxies.len(), 1);
    let after = lab.config.clone();
    assert_eq!(after.version, before.version + 1);
    assert!(Arc::ptr_eq(&host(&before, "a.test"), &host(&after, "a.test")));
    assert!(!Arc::ptr_eq(&host(&before, "b.test"), &host(&after, "b.test")));
    assert!(Arc::ptr_eq(&before.listeners["0.0.0.0_8080"], &after.listeners["0.0.0.0_8080"]));
    let httpbin = "outbound|8000||httpbin.default.svc.cluster.local";
    assert!(Arc::ptr_eq(&before.clusters[httpbin], &after.clusters[httpbin]));
    assert_eq!(after.clusters.len(), 1);

    // An endpoint that comes touches the endpoints of its cluster, and nothing else.
    lab.apply(&BASICS.replace("10.0.0.2", "10.0.0.9"));
    let moved = lab.config.clone();
    assert!(Arc::ptr_eq(&after.routes["http.8080"], &moved.routes["http.8080"]));
    assert!(Arc::ptr_eq(&after.clusters[httpbin], &moved.clusters[httpbin]));
    assert_eq!(lab.endpoints(httpbin), ["10.0.0.1:80", "10.0.0.9:80"]);

    // A Gateway that comes leaves the routes of others.
    lab.apply(&http_gateway("['*']").replace("name: gateway", "name: more").replace("number: 80", "number: 81"));
    assert!(Arc::ptr_eq(&moved.routes["http.8080"], &lab.config.routes["http.8080"]));
    assert!(Arc::ptr_eq(&moved.listeners["0.0.0.0_8080"], &lab.config.listeners["0.0.0.0_8080"]));
    // One on the same port changes the table, but not the virtual hosts that stay as they were.
    lab.apply(&http_gateway("['*']").replace("name: gateway", "name: same-port"));
    assert!(Arc::ptr_eq(&host(&moved, "a.test"), &host(&lab.config, "a.test")));
}

#[test]
fn nothing_changed_is_nothing_told() {
    let mut lab = Lab::with(&http_gateway("['*']"));
    lab.apply(&virtual_service("a", "[a.test]", ROUTE));
    let output = lab.apply(BASICS);
    assert!(output.proxies.is_empty() && output.statuses.is_empty());
    let output = lab.apply(&http_gateway("['*']"));
    assert!(output.proxies.is_empty() && output.statuses.is_empty());
}

#[test]
fn settings_of_the_mesh_reach_everything() {
    let mut lab = Lab::with(&http_gateway("['*']"));
    lab.apply(&virtual_service("a", "[a.test]", ROUTE));
    let before = lab.config.clone();
    let mesh = MeshConfig { cluster_domain: "lab.example".into(), ..MeshConfig::default() };
    lab.translator.set_mesh(mesh.clone());
    lab.translate();
    assert_eq!(lab.get("a.test", "/"), "outbound|8000||httpbin.default.svc.lab.example");
    assert_eq!(lab.endpoints("outbound|8000||httpbin.default.svc.lab.example").len(), 2);
    assert!(lab.config.listeners["0.0.0.0_8080"].access_log.is_empty());
    assert!(lab.config.version > before.version);
    assert_eq!(lab.config.clusters.len(), 1);
    lab.assert_well("VirtualService default/a");
    lab.translator.set_mesh(mesh);
    assert!(lab.translate().proxies.is_empty());
}

/// Every object that the property test puts and deletes: several versions of each.
fn universe() -> Vec<Vec<Resource>> {
    let mut texts: Vec<Vec<String>> = Vec::new();
    let gateway = |name: &str, servers: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: {name}}}\n\
             spec: {{selector: {{istio: ingressgateway}}, servers: {servers}}}\n"
        )
    };
    let http = |hosts: &str| format!("{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: {hosts}}}");
    let https = |hosts: &str, name: &str| {
        format!(
            "{{port: {{number: 443, name: {name}, protocol: HTTPS}}, hosts: {hosts}, \
             tls: {{mode: SIMPLE, credentialName: cert}}}}"
        )
    };
    let passthrough = "{port: {number: 443, name: tls, protocol: TLS}, hosts: ['*'], tls: {mode: PASSTHROUGH}}";
    let redirect =
        "{port: {number: 80, name: http, protocol: HTTP}, hosts: [one.example.com], tls: {httpsRedirect: true}}";
    texts.push(vec![
        gateway("first", &format!("[{}]", http("['*']"))),
        gateway("first", &format!("[{}, {}]", http("[one.example.com, two.example.com]"), https("['*']", "https-a"))),
        gateway("first", &format!("[{redirect}]")),
    ]);
    texts.push(vec![
        gateway("second", &format!("[{}]", http("[./one.example.com, default/three.example.com, four.example.org]"))),
        gateway("second", &format!("[{}, {passthrough}]", https("[one.example.com]", "https-b"))),
        gateway("second", &format!("[{passthrough}]")),
    ]);
    let destinations = ["alpha", "bravo.example.org", "httpbin, port: {number: 8000}, subset: v1"];
    for (name, hosts) in [("a", "[one.example.com]"), ("b", "['*.example.com', four.example.org]"), ("c", "['*']")] {
        let mut versions = Vec::new();
        for (index, destination) in destinations.iter().enumerate() {
            let rules = format!(
                "[{{match: [{{uri: {{prefix: /{name}}}}}, {{port: 443}}], route: [{{destination: {{host: {destination}}}}}]}}, \
                 {{directResponse: {{status: 20{index}}}}}]"
            );
            let gateways = ["[first]", "[first, second]", "[second, third]"][index];
            let tls = "tls: [{match: [{sniHosts: [one.example.com]}], route: [{destination: {host: alpha}}]}], ";
            let tls = if index == 2 { tls } else { "" };
            versions.push(format!(
                "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}}}\n\
                 spec: {{hosts: {hosts}, gateways: {gateways}, {tls}http: {rules}}}\n"
            ));
        }
        texts.push(versions);
    }
    let service = |name: &str, ports: &str| {
        format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{ports: {ports}}}\n")
    };
    texts.push(vec![
        service("alpha", "[{port: 80}]"),
        service("alpha", "[{port: 1, name: http-a}, {port: 2, name: b}]"),
    ]);
    texts.push(vec![
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: bravo}\n\
         spec: {hosts: [bravo.example.org], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}\n"
            .into(),
    ]);
    texts.push(vec![
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: rule}\n\
         spec: {host: httpbin, subsets: [{name: v1}]}\n"
            .into(),
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: rule}\n\
         spec: {host: httpbin, trafficPolicy: {tls: {mode: SIMPLE}}, subsets: [{name: v1}]}\n"
            .into(),
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: rule}\n\
         spec: {host: '*.example.org', trafficPolicy: {loadBalancer: {simple: RANDOM}}}\n"
            .into(),
    ]);
    texts.push(vec![
        "apiVersion: v1\nkind: Service\nmetadata: {name: istio-ingressgateway, namespace: istio-system}\n\
         spec: {selector: {istio: ingressgateway}, ports: [{name: http, port: 80, targetPort: 8080}]}\n"
            .into(),
        "apiVersion: v1\nkind: Service\nmetadata: {name: istio-ingressgateway, namespace: istio-system}\n\
         spec: {selector: {istio: other}, ports: [{name: http, port: 80, targetPort: 8080}]}\n"
            .into(),
    ]);
    texts.push(vec![
        policy("istio-system", "selector: {matchLabels: {istio: ingressgateway}}, rules: [{}]"),
        policy("istio-system", "selector: {matchLabels: {istio: other}}, rules: [{}]"),
        policy("istio-system", "action: DENY, rules: [{to: [{operation: {paths: [/x]}}]}]"),
    ]);
    texts.push(vec![policy("default", "rules: [{}]"), policy("default", "action: ALLOW")]);
    texts.into_iter().map(|versions| versions.iter().map(|text| parse(text).remove(0)).collect()).collect()
}

/// An AuthorizationPolicy.
fn policy(namespace: &str, spec: &str) -> String {
    format!(
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n\
         metadata: {{name: policy, namespace: {namespace}}}\nspec: {{{spec}}}\n"
    )
}

#[test]
fn policies_concern_the_listeners_of_those_whom_they_select() {
    let mut lab = Lab::with(&http_gateway("['*']"));
    lab.apply(&virtual_service("a", "[a.test]", ROUTE));
    let before = lab.config.clone();
    let rbac = |config: &ProxyConfig| match &config.listeners["0.0.0.0_8080"].chains[0].filters {
        Filters::Http(manager) => manager.rbac.len(),
        Filters::Tcp(_) => panic!("the gateway speaks HTTP"),
    };
    for other in ["default", "istio-system"] {
        let output = lab.apply(&policy(other, "selector: {matchLabels: {istio: other}}, rules: [{}]"));
        assert!(output.proxies.is_empty(), "{other}");
        let object = format!("AuthorizationPolicy {other}/policy");
        lab.assert_false(&object, "Programmed", "NotProgrammed", &["{istio: other} are the labels of no proxy of"]);
    }
    lab.apply(&policy("istio-system", "action: DENY, rules: [{to: [{operation: {paths: [/x]}}]}]"));
    assert_eq!((rbac(&before), rbac(&lab.config)), (0, 1));
    assert!(Arc::ptr_eq(&before.routes["http.8080"], &lab.config.routes["http.8080"]));
    lab.delete("AuthorizationPolicy istio-system/policy");
    assert_eq!(rbac(&lab.config), 0);
    assert_eq!(before.listeners, lab.config.listeners);
}

/// One step: put a version of an object, or delete it; and whether a translation follows.
pub(crate) type Step = (usize, Option<usize>, bool);

fn assert_same(incremental: &Lab, fresh: &Lab) -> Result<(), TestCaseError> {
    let (a, b) = (&incremental.config, &fresh.config);
    prop_assert_eq!(&a.listeners, &b.listeners);
    prop_assert_eq!(&a.routes, &b.routes);
    prop_assert_eq!(&a.clusters, &b.clusters);
    prop_assert_eq!(&a.endpoints, &b.endpoints);
    prop_assert_eq!(&a.secrets, &b.secrets);
    prop_assert_eq!(&incremental.statuses, &fresh.statuses);
    Ok(())
}

/// Takes the steps, and compares with what translating at once makes of the objects that are left.
pub(crate) fn take_steps(universe: &[Vec<Resource>], steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut incremental = Lab::empty();
    incremental.apply(BASICS.split("---").skip(1).collect::<Vec<_>>().join("---").as_str());
    let mut present: BTreeMap<usize, usize> = BTreeMap::new();
    for (object, version, translate) in steps {
        let versions = &universe[object];
        match version {
            Some(version) => {
                let version = version % versions.len();
                incremental.put(versions[version].clone());
                present.insert(object, version);
            }
            None if present.remove(&object).is_some() => {
                incremental.remove(&versions[0].object_ref().to_string());
            }
            None => {}
        }
        if translate {
            incremental.translate();
        }
    }
    incremental.translate();
    let mut fresh = Lab::empty();
    for (object, version) in present.iter().rev() {
        fresh.put(universe[*object][*version].clone());
    }
    fresh.apply(BASICS.split("---").skip(1).collect::<Vec<_>>().join("---").as_str());
    assert_same(&incremental, &fresh)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    #[test]
    fn the_order_of_changes_makes_no_difference(
        steps in prop::collection::vec((0usize..11, prop::option::weighted(0.7, 0usize..3), any::<bool>()), 1..40)
    ) {
        take_steps(&universe(), steps)?;
    }
}
