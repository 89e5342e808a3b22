//! Destinations: services, ports, subsets, policies, endpoints.

use crate::lab::{Lab, http_gateway, virtual_service};
use meridian_ir::cluster::{Discovery, LbPolicy};
use std::time::Duration;

const HTTPBIN: &str = "outbound|8000||httpbin.default.svc.cluster.local";

fn lab(destination: &str) -> Lab {
    let mut lab = Lab::with(&http_gateway("['*']"));
    lab.apply(&virtual_service("vs", "[h.test]", &format!("[{{route: [{{destination: {{{destination}}}}}]}}]")));
    lab
}

fn rule(name: &str, rest: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: {name}}}\n\
         spec: {{host: httpbin, {rest}}}\n"
    )
}

fn entry(rest: &str) -> String {
    format!("apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: ext}}\nspec: {{{rest}}}\n")
}

#[test]
fn what_is_missing_is_named_with_a_remedy() {
    let second = "apiVersion: v1\nkind: Service\nmetadata: {name: two}\n\
                  spec: {ports: [{name: http, port: 8000}, {name: grpc, port: 9000}]}\n";
    for (destination, cluster, reason, expected) in [
        (
            "host: httpbn",
            "outbound|80||httpbn.default.svc.cluster.local",
            "BackendNotFound",
            "spec.http[0].route[0].destination.host: \"httpbn\" is no known service (looked for \
             httpbn.default.svc.cluster.local); did you mean \"httpbin\"?",
        ),
        (
            "host: httpbin.default",
            "outbound|80||httpbin.default",
            "BackendNotFound",
            "did you mean \"httpbin.default.svc.cluster.local\"?",
        ),
        ("host: nothing.like.it", "outbound|80||nothing.like.it", "BackendNotFound", "create a Service"),
        (
            "host: httpbin, port: {number: 8001}",
            "outbound|8001||httpbin.default.svc.cluster.local",
            "PortNotFound",
            "spec.http[0].route[0].destination.port.number: httpbin.default.svc.cluster.local has no port 8001; it has \
             8000 (http)",
        ),
        (
            "host: two",
            "outbound|80||two.default.svc.cluster.local",
            "PortNotFound",
            "spec.http[0].route[0].destination.port: is needed, because two.default.svc.cluster.local has several ports",
        ),
        (
            "host: httpbin, subset: v1",
            "outbound|8000|v1|httpbin.default.svc.cluster.local",
            "SubsetNotFound",
            "destination.subset: \"v1\" is not defined: no DestinationRule for httpbin.default.svc.cluster.local",
        ),
    ] {
        let mut lab = lab("host: httpbin");
        lab.apply(second);
        lab.apply(&virtual_service("vs", "[h.test]", &format!("[{{route: [{{destination: {{{destination}}}}}]}}]")));
        // The route names its cluster all the same: 503 NC.
        assert_eq!(lab.get("h.test", "/"), cluster);
        assert!(!lab.config.clusters.contains_key(cluster));
        lab.assert_false("VirtualService default/vs", "ResolvedRefs", reason, &[expected]);
        assert!(lab.condition("VirtualService default/vs", "Programmed").status);
    }
}

#[test]
fn a_service_that_comes_later_is_found() {
    let mut lab = lab("host: later");
    lab.assert_false("VirtualService default/vs", "ResolvedRefs", "BackendNotFound", &["later"]);
    assert_eq!(lab.get("h.test", "/"), "outbound|80||later.default.svc.cluster.local");
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: later}\nspec: {ports: [{port: 7000}]}\n";
    lab.apply(service);
    // Its only port is the one that is meant.
    assert_eq!(lab.get("h.test", "/"), "outbound|7000||later.default.svc.cluster.local");
    lab.assert_well("VirtualService default/vs");
    assert!(lab.endpoints("outbound|7000||later.default.svc.cluster.local").is_empty());
    lab.delete("Service default/later");
    lab.assert_false("VirtualService default/vs", "ResolvedRefs", "BackendNotFound", &["later"]);
    assert!(lab.config.clusters.is_empty() && lab.config.endpoints.is_empty());
}

#[test]
fn the_name_that_was_meant_is_found_when_it_comes_later() {
    let mut lab = lab("host: reviws");
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: reviews}\nspec: {ports: [{port: 7000}]}\n";
    lab.apply(service);
    lab.assert_false("VirtualService default/vs", "ResolvedRefs", "BackendNotFound", &["did you mean \"reviews\"?"]);
}

#[test]
fn subsets_have_the_endpoints_with_their_labels() {
    let pods = "
apiVersion: v1
kind: Pod
metadata: {name: one, labels: {app: httpbin, version: v1}}
spec: {containers: [{name: c}]}
status: {podIP: 10.0.0.1, conditions: [{type: Ready, status: 'True'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: two, labels: {app: httpbin, version: v2}}
spec: {containers: [{name: c}]}
status: {podIP: 10.0.0.2, conditions: [{type: Ready, status: 'True'}]}
";
    let mut lab = lab("host: httpbin, subset: v2");
    lab.apply(pods);
    lab.apply(&rule(
        "dr",
        "subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}, {name: all}]",
    ));
    lab.assert_well("VirtualService default/vs");
    lab.assert_well("DestinationRule default/dr");
    assert_eq!(lab.endpoints("outbound|8000|v2|httpbin.default.svc.cluster.local"), ["10.0.0.2:80"]);
    assert_eq!(lab.config.clusters.len(), 1, "only what routes can reach");
    // A pod that changes its label moves.
    lab.apply(&pods.replace("{app: httpbin, version: v1}", "{app: httpbin, version: v2}"));
    let both = ["10.0.0.1:80", "10.0.0.2:80"];
    assert_eq!(lab.endpoints("outbound|8000|v2|httpbin.default.svc.cluster.local"), both);
    lab.apply(&virtual_service("vs", "[h.test]", "[{route: [{destination: {host: httpbin, subset: all}}]}]"));
    assert_eq!(lab.endpoints("outbound|8000|all|httpbin.default.svc.cluster.local"), both);
    lab.apply(&virtual_service("vs", "[h.test]", "[{route: [{destination: {host: httpbin, subset: v3}}]}]"));
    let expected = &["\"v3\" is no subset of the DestinationRule", "it has v1, v2, all; did you mean \"v1\"?"];
    lab.assert_false("VirtualService default/vs", "ResolvedRefs", "SubsetNotFound", expected);
}

#[test]
fn policies_are_laid_over_each_other() {
    let mut lab = lab("host: httpbin, subset: v1");
    let id = "outbound|8000|v1|httpbin.default.svc.cluster.local";
    lab.apply(&rule(
        "dr",
        "trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}, connectionPool: {tcp: {connectTimeout: 2s, \
         maxConnections: 5}, http: {http1MaxPendingRequests: 7, maxRequestsPerConnection: 1, maxRetries: 3, \
         http2MaxRequests: 9, idleTimeout: 5s}}}, subsets: [{name: v1, trafficPolicy: {loadBalancer: {simple: RANDOM}}}]",
    ));
    let cluster = &lab.config.clusters[id];
    assert_eq!((cluster.lb_policy, cluster.connect_timeout), (LbPolicy::Random, Duration::from_secs(2)));
    let limits = cluster.circuit_breakers;
    assert_eq!((limits.max_connections, limits.max_pending_requests), (5, 7));
    assert_eq!((limits.max_requests, limits.max_retries), (9, 3));
    assert_eq!((cluster.max_requests_per_connection, cluster.idle_timeout), (1, Duration::from_secs(5)));
    // A policy for the port replaces everything below it.
    lab.apply(&rule(
        "dr",
        "trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}, connectionPool: {tcp: {connectTimeout: 2s}}, \
         portLevelSettings: [{port: {number: 8000}, connectionPool: {tcp: {maxConnections: 6}}}]}, subsets: [{name: v1}]",
    ));
    let cluster = &lab.config.clusters[id];
    assert_eq!((cluster.lb_policy, cluster.connect_timeout), (LbPolicy::LeastRequest, Duration::from_secs(10)));
    assert_eq!(cluster.circuit_breakers.max_connections, 6);
    assert_eq!(cluster.origins.len(), 2);
}

#[test]
fn the_rules_of_the_service_s_namespace_count() {
    let mut lab = lab("host: httpbin");
    let root = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n\
                metadata: {name: root, namespace: istio-system}\n\
                spec: {host: '*.svc.cluster.local', trafficPolicy: {loadBalancer: {simple: RANDOM}}}\n";
    lab.apply(root);
    assert_eq!(lab.config.clusters[HTTPBIN].lb_policy, LbPolicy::Random);
    lab.apply(&rule("own", "trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}"));
    assert_eq!(lab.config.clusters[HTTPBIN].lb_policy, LbPolicy::RoundRobin);
    // What the root namespace keeps to itself is meant for its own proxies, and goes first.
    lab.apply(&root.replace("spec: {", "spec: {exportTo: ['.'], "));
    assert_eq!(lab.config.clusters[HTTPBIN].lb_policy, LbPolicy::Random);
    lab.delete("DestinationRule istio-system/root");
    // Another rule for the same host adds subsets; the policy of the older counts.
    lab.apply(&rule("second", "trafficPolicy: {loadBalancer: {simple: RANDOM}}, subsets: [{name: v1}]"));
    assert_eq!(lab.config.clusters[HTTPBIN].lb_policy, LbPolicy::RoundRobin);
    lab.apply(&virtual_service("vs", "[h.test]", "[{route: [{destination: {host: httpbin, subset: v1}}]}]"));
    lab.assert_well("VirtualService default/vs");
}

#[test]
fn a_rule_for_other_clients_is_not_for_this_gateway() {
    let mut lab = lab("host: httpbin");
    let selected = |name: &str, label: &str, algorithm: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n\
             metadata: {{name: {name}, namespace: istio-system}}\n\
             spec: {{host: httpbin.default.svc.cluster.local, exportTo: ['.'], workloadSelector: {{matchLabels: \
             {{istio: {label}}}}}, trafficPolicy: {{loadBalancer: {{simple: {algorithm}}}}}}}\n"
        )
    };
    lab.apply(&rule("own", "trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}"));
    lab.apply(&selected("other", "egressgateway", "RANDOM"));
    assert_eq!(lab.config.clusters[HTTPBIN].lb_policy, LbPolicy::RoundRobin);
    lab.apply(&selected("this", "ingressgateway", "RANDOM"));
    assert_eq!(lab.config.clusters[HTTPBIN].lb_policy, LbPolicy::Random);
}

#[test]
fn a_rule_for_nobody_says_so() {
    let mut lab = lab("host: httpbin");
    lab.apply(&rule("dr", "subsets: []").replace("host: httpbin", "host: httpbn"));
    let expected = &["\"httpbn\" is no known service", "did you mean \"httpbin.default.svc.cluster.local\"?"];
    lab.assert_false("DestinationRule default/dr", "ResolvedRefs", "BackendNotFound", expected);
}

#[test]
fn service_entries_have_endpoints_of_their_own() {
    let ports = "ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]";
    let id = "outbound|80||ext.example.com";
    for (rest, discovery, expected) in [
        (
            "resolution: STATIC, endpoints: [{address: 10.1.0.1}, {address: 10.1.0.2, ports: {http: 9}}]",
            Discovery::Eds,
            vec!["10.1.0.1:8080", "10.1.0.2:9"],
        ),
        ("resolution: DNS", Discovery::StrictDns, vec!["ext.example.com:8080"]),
        (
            "resolution: DNS, endpoints: [{address: a.example.com}, {address: 10.1.0.1}]",
            Discovery::StrictDns,
            vec!["a.example.com:8080", "10.1.0.1:8080"],
        ),
        ("resolution: DNS_ROUND_ROBIN", Discovery::LogicalDns, vec!["ext.example.com:8080"]),
        // A gateway goes where the request says.
        ("resolution: NONE", Discovery::DynamicForward, vec![]),
        ("resolution: STATIC, workloadSelector: {labels: {app: ext}}", Discovery::Eds, vec!["10.2.0.1:7"]),
    ] {
        let mut lab = lab("host: ext.example.com");
        lab.apply(
            "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: w}\n\
             spec: {address: 10.2.0.1, labels: {app: ext}, ports: {http: 7}, weight: 3, locality: r/z}\n",
        );
        lab.apply(&entry(&format!("hosts: [ext.example.com], {ports}, {rest}")));
        assert_eq!(lab.endpoints(id), expected, "{rest}");
        assert_eq!(lab.config.clusters[id].discovery, discovery, "{rest}");
        lab.assert_well("VirtualService default/vs");
        lab.assert_well("ServiceEntry default/ext");
    }
}

#[test]
fn endpoints_are_found_without_slices_too() {
    let mut lab = lab("host: httpbin");
    lab.delete("EndpointSlice default/httpbin-1");
    assert!(lab.endpoints(HTTPBIN).is_empty());
    lab.apply(
        "apiVersion: v1\nkind: Endpoints\nmetadata: {name: httpbin}\n\
         subsets: [{addresses: [{ip: 10.3.0.1}], notReadyAddresses: [{ip: 10.3.0.2}], ports: [{name: http, port: 80}]}]\n",
    );
    assert_eq!(lab.endpoints(HTTPBIN), ["10.3.0.1:80"]);
    lab.delete("Endpoints default/httpbin");
    lab.apply(
        "apiVersion: v1\nkind: Service\nmetadata: {name: httpbin}\n\
         spec: {selector: {app: httpbin}, ports: [{name: http, port: 8000, targetPort: web}]}\n---\n\
         apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: httpbin}}\n\
         spec: {containers: [{name: c, ports: [{name: web, containerPort: 8081}]}]}\n\
         status: {podIP: 10.4.0.1, conditions: [{type: Ready, status: 'True'}]}\n",
    );
    assert_eq!(lab.endpoints(HTTPBIN), ["10.4.0.1:8081"]);
}

#[test]
fn endpoints_that_are_not_ready_are_left_out_and_addresses_are_there_once() {
    let mut lab = lab("host: httpbin");
    lab.apply(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
         metadata: {name: httpbin-2, labels: {kubernetes.io/service-name: httpbin}}\naddressType: IPv4\n\
         ports: [{name: http, port: 80}, {name: other, port: 81}]\n\
         endpoints: [{addresses: [10.0.0.2]}, {addresses: [10.0.0.3], conditions: {ready: false}}, \
         {addresses: [10.0.0.4], conditions: {ready: true}}]\n",
    );
    assert_eq!(lab.endpoints(HTTPBIN), ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.4:80"]);
}

#[test]
fn a_service_of_kubernetes_goes_before_an_entry_and_hidden_ones_are_not_seen() {
    let mut lab = lab("host: httpbin.default.svc.cluster.local");
    lab.apply(&entry(
        "hosts: [httpbin.default.svc.cluster.local], ports: [{number: 1, name: http, protocol: HTTP}], resolution: DNS",
    ));
    assert_eq!(lab.get("h.test", "/"), HTTPBIN);
    lab.apply(
        "apiVersion: v1\nkind: Service\nmetadata: {name: httpbin, annotations: {networking.istio.io/exportTo: .}}\n\
         spec: {ports: [{name: http, port: 8000}]}\n",
    );
    assert_eq!(lab.get("h.test", "/"), "outbound|1||httpbin.default.svc.cluster.local");
    lab.delete("ServiceEntry default/ext");
    let expected = &["is not visible in namespace istio-system", "Service default/httpbin"];
    lab.assert_false("VirtualService default/vs", "ResolvedRefs", "BackendNotFound", expected);
}

#[test]
fn an_external_name_leads_to_the_service_that_it_names() {
    let mut lab = Lab::with(&http_gateway("['*']"));
    let alias = |target: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: alias}}\n\
             spec: {{type: ExternalName, externalName: {target}, ports: [{{name: http, port: 8000}}]}}\n"
        )
    };
    lab.apply(&virtual_service("vs", "[a.test]", "[{route: [{destination: {host: alias}}]}]"));
    lab.assert_false(
        "VirtualService default/vs",
        "ResolvedRefs",
        "BackendNotFound",
        &["\"alias\" is no known service"],
    );
    lab.apply(&alias("httpbin.default.svc.cluster.local"));
    assert_eq!(lab.get("a.test", "/"), "outbound|8000||httpbin.default.svc.cluster.local");
    lab.assert_well("VirtualService default/vs");
    let clusters: Vec<_> = lab.config.clusters.keys().map(|name| &**name).collect();
    assert_eq!(clusters, ["outbound|8000||httpbin.default.svc.cluster.local"]);

    // Another target takes effect by itself; one outside the registry needs a ServiceEntry, as in Istio.
    lab.apply(&alias("www.example.org"));
    assert_eq!(lab.get("a.test", "/"), "outbound|8000||www.example.org");
    let expected = ["another name for www.example.org (ExternalName)", "create a ServiceEntry"];
    lab.assert_false("VirtualService default/vs", "ResolvedRefs", "BackendNotFound", &expected);
    lab.apply(
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: www}\n\
         spec: {hosts: [www.example.org], resolution: DNS, ports: [{number: 8000, name: http, protocol: HTTP}]}\n",
    );
    lab.assert_well("VirtualService default/vs");
    assert_eq!(lab.endpoints("outbound|8000||www.example.org"), ["www.example.org:8000"]);
}
