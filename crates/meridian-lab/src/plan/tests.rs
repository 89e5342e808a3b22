//! What is planned for a definition.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::nginx::{self, Nginx};
use super::site::Site;
use super::{Plan, Shape, dns, network};
use crate::definition::{Backend, Lab};

const LAB: &str = "
workloads:
  client: {}
  v1: {httpbin: {port: 80}, labels: {app: shop, version: v1}}
  v2: {httpbin: {port: 80}, labels: {app: shop, version: v2}, annotations: {a: b}}
  my-nginx: {nginx: hi, port: 443, tls: [a.test], service: {name: web, port: 8443, targetPort: 443}}
services:
  shop: {port: 8000, targetPort: 80, selects: {app: shop}}
gateways: [ingressgateway, egressgateway]
origins:
  far: {address: 198.51.100.41, port: 443, nginx: far, tls: [far.test], redirectHttp: 80}
dns: {far.test: [198.51.100.41], \"*.wild.test\": [192.0.2.1]}
namespaces: [test]
";

fn plan(text: &str) -> Plan {
    Plan::new(&text.parse::<Lab>().unwrap(), Shape::Together).unwrap()
}

fn site() -> Site {
    Site {
        prefix: "p1".to_owned(),
        folder: PathBuf::from("/run/lab"),
        meridian: PathBuf::from("/bin/meridian"),
        envoy: None,
        scenarios: PathBuf::from("/scenarios"),
    }
}

fn refusal(text: &str) -> String {
    Plan::new(&text.parse::<Lab>().unwrap(), Shape::Together).unwrap_err().to_string()
}

#[test]
fn every_host_has_a_namespace_and_the_gateways_share_one() {
    let plan = plan(LAB);
    let spaces: Vec<_> = plan.spaces.iter().map(|space| (space.name.as_str(), space.addresses.as_slice())).collect();
    let ip = Ipv4Addr::new;
    assert_eq!(
        spaces,
        [
            ("net", [ip(10, 10, 0, 1)].as_slice()),
            ("mesh", &[ip(10, 10, 2, 10), ip(10, 10, 2, 11), ip(10, 10, 0, 2)]),
            ("client", &[ip(10, 10, 1, 10)]),
            ("v1", &[ip(10, 10, 1, 11)]),
            ("v2", &[ip(10, 10, 1, 12)]),
            ("my-nginx", &[ip(10, 10, 1, 13)]),
            ("far", &[ip(198, 51, 100, 41)]),
        ]
    );
    let servers: Vec<_> = plan.servers.iter().map(|server| (server.space.as_str(), server.backend.port())).collect();
    assert_eq!(servers, [("v1", 80), ("v2", 80), ("my-nginx", 443), ("far", 443)]);
    assert_eq!(plan.servers[0].backend, Backend::Httpbin { port: 80 });
}

#[test]
fn labs_that_cannot_be_built_are_refused() {
    let client = "workloads: {client: {}";
    for (text, message) in [
        (
            format!("{client}}}\n"),
            "there is neither a gateway nor a sidecar, so nothing is under test; add \"gateways: [ingressgateway]\", or \"sidecar: true\" to a workload",
        ),
        ("gateways: [g]\n".to_owned(), "there is no workload named \"client\", which is the one that runs check.sh"),
        (
            format!("{client}}}\ngateways: [client]\n"),
            "\"client\" is taken: names are unique, and \"net\" and \"mesh\" are the lab's own",
        ),
        (
            format!("{client}, mesh: {{}}}}\ngateways: [g]\n"),
            "\"mesh\" is taken: names are unique, and \"net\" and \"mesh\" are the lab's own",
        ),
        (
            format!("{client}, A_B: {{}}}}\ngateways: [g]\n"),
            "\"A_B\" is not a name: lower-case letters, digits and hyphens, at most 63",
        ),
    ] {
        assert_eq!(refusal(&text), format!("lab.yaml: {message}"), "{text}");
    }
}

/// The object of the plan with this kind and name.
fn object(plan: &Plan, kind: &str, name: &str) -> Value {
    let found = plan.objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("no {kind} {name}")).clone()
}

#[test]
fn services_and_slices_lead_to_the_workloads() {
    let plan = plan(LAB);
    let web = object(&plan, "Service", "web");
    assert_eq!(web["metadata"]["namespace"], "default");
    assert_eq!(web["spec"], json!({"ports": [{"name": "https", "port": 8443, "targetPort": 443}]}));
    let slice = object(&plan, "EndpointSlice", "web-1");
    assert_eq!(slice["metadata"]["labels"], json!({"kubernetes.io/service-name": "web"}));
    assert_eq!(slice["ports"], json!([{"name": "https", "port": 443, "protocol": "TCP"}]));
    assert_eq!(slice["endpoints"][0]["addresses"], json!(["10.10.1.13"]));
    let shop = object(&plan, "Service", "shop");
    assert_eq!(shop["spec"]["selector"], json!({"app": "shop"}));
    let slice = object(&plan, "EndpointSlice", "shop-1");
    let pods: Vec<_> = slice["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|endpoint| endpoint["targetRef"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(pods, ["v1", "v2"]);
}

#[test]
fn pods_have_the_labels_of_their_workloads_and_namespaces_come_first() {
    let plan = plan(LAB);
    for (pod, labels) in [
        ("client", json!({"app": "client"})),
        ("v2", json!({"app": "shop", "version": "v2"})),
        ("my-nginx", json!({"app": "my-nginx"})),
    ] {
        assert_eq!(object(&plan, "Pod", pod)["metadata"]["labels"], labels, "{pod}");
    }
    assert_eq!(object(&plan, "Pod", "v2")["metadata"]["annotations"], json!({"a": "b"}));
    let first: Vec<_> = plan.objects.iter().take(3).map(|object| &object["metadata"]["name"]).collect();
    assert_eq!(first, ["istio-system", "test", "istio"]);
}

#[test]
fn network_is_one_bridge_without_a_way_out() {
    let plan = plan("workloads: {client: {}}\ngateways: [ingressgateway]\n");
    let batches = network::batches(&plan, "p1");
    let scripts: Vec<_> = batches.iter().map(|batch| (batch.space.as_deref(), batch.script.as_str())).collect();
    let machine = "netns add p1-net\nnetns add p1-mesh\nnetns add p1-client\n\
        link add eth0 netns p1-mesh type veth peer name port1 netns p1-net\n\
        link add eth0 netns p1-client type veth peer name port2 netns p1-net\n";
    let net = "link set lo up\nlink add br0 type bridge\nlink set br0 up\n\
        addr add 10.10.0.1/32 dev br0\nroute add default dev br0 src 10.10.0.1\n\
        link set port1 master br0\nlink set port1 up\nlink set port2 master br0\nlink set port2 up\n";
    let mesh = "link set lo up\nlink set eth0 up\naddr add 10.10.2.10/32 dev eth0\naddr add 10.10.0.2/32 dev eth0\n\
        route add default dev eth0 src 10.10.2.10\n";
    let client = "link set lo up\nlink set eth0 up\naddr add 10.10.1.10/32 dev eth0\nroute add default dev eth0 src 10.10.1.10\n";
    assert_eq!(scripts, [(None, machine), (Some("net"), net), (Some("mesh"), mesh), (Some("client"), client)]);
}

#[test]
fn each_gateway_keeps_its_own_address_behind_the_service_ports() {
    let scripts = network::gateway_rules(&plan(LAB));
    let [(space, rules)] = scripts.as_slice() else { panic!("{scripts:?}") };
    assert_eq!(space, "mesh");
    for rule in [
        "ip daddr 10.10.2.10 tcp dport 80 dnat to 10.10.2.10:8080\n",
        "ip daddr 10.10.2.10 tcp dport 443 dnat to 10.10.2.10:8443\n",
        "ip daddr 10.10.2.11 tcp dport 80 dnat to 10.10.2.11:8080\n",
        "ip daddr 10.10.2.11 tcp dport 443 dnat to 10.10.2.11:8443\n",
    ] {
        assert!(rules.contains(rule), "{rule} is missing in {rules}");
    }
}

#[test]
fn dns_knows_the_scenarios_names_the_services_and_nothing_else() {
    let list = json!({"items": [
        {"metadata": {"name": "web", "namespace": "default"}, "spec": {"clusterIP": "10.96.0.7"}},
        {"metadata": {"name": "headless", "namespace": "default"}, "spec": {"clusterIP": "None"}},
        {"metadata": {"name": "other", "namespace": "test"}, "spec": {}},
    ]});
    let services = dns::services(&list);
    assert_eq!(services, [("web.default.svc.cluster.local".to_owned(), Ipv4Addr::new(10, 96, 0, 7))]);
    let text = dns::configuration(&plan(LAB), &services, Path::new("/run/lab/dnsmasq.pid"));
    for line in [
        "address=/#/",
        "no-resolv",
        "listen-address=10.10.0.1",
        "host-record=far.test,198.51.100.41",
        "address=/wild.test/192.0.2.1",
        "host-record=web.default.svc.cluster.local,10.96.0.7",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is missing in {text}");
    }
}

#[test]
fn check_is_told_about_every_host() {
    let variables = site().variables(&plan(LAB));
    for (name, value) in [
        ("LAB_CA", "/run/lab/ca/ca.crt"),
        ("LAB_TLS", "/run/lab/tls"),
        ("KUBECONFIG", "/run/lab/data/kubeconfig"),
        ("KUBECACHEDIR", "/run/lab/kubectl-cache"),
        ("MERIDIAN", "/bin/meridian"),
        ("SCENARIOS", "/scenarios"),
        ("INGRESSGATEWAY_HOST", "10.10.2.10"),
        ("EGRESSGATEWAY_HOST", "10.10.2.11"),
        ("LOG_INGRESSGATEWAY", "/run/lab/access/ingressgateway.log"),
        ("NETNS_INGRESSGATEWAY", "p1-mesh"),
        ("CLIENT_IP", "10.10.1.10"),
        ("NETNS_CLIENT", "p1-client"),
        ("MY_NGINX_IP", "10.10.1.13"),
        ("NETNS_MY_NGINX", "p1-my-nginx"),
        ("FAR_IP", "198.51.100.41"),
    ] {
        assert_eq!(variables.get(name).map(String::as_str), Some(value), "{name}");
    }
}

#[test]
fn programs_are_started_where_they_belong() {
    let (plan, site) = (plan(LAB), site());
    let system = site.system(&plan);
    assert_eq!(system.space, "mesh");
    assert_eq!(
        system.command.join(" "),
        "/bin/meridian up --data /run/lab/data --api 10.10.0.2:6443 --threads 1 --access-logs /run/lab/access \
         --gateway ingressgateway=10.10.2.10 --gateway egressgateway=10.10.2.11"
    );
    let programs: Vec<_> = plan.servers.iter().map(|server| site.program(server)).collect();
    assert_eq!(programs[0].command.join(" "), "/bin/meridian httpbin --listen 0.0.0.0:80");
    assert_eq!((programs[0].space.as_str(), programs[0].listens.as_slice()), ("v1", [80].as_slice()));
    assert_eq!((programs[3].name.as_str(), programs[3].listens.as_slice()), ("nginx-far", [443, 80].as_slice()));
}

#[test]
fn nginx_says_its_page_whatever_it_contains() {
    let folder = Path::new("/run/lab/server-far");
    let plain =
        nginx::configuration(&Nginx { page: r#"a "b" \ $1"#, port: 80, tls: None, redirect_http: None, folder });
    assert!(plain.contains(r#"return 200 "a \"b\" \\ ${dollar}1\n";"#), "{plain}");
    assert!(plain.contains("listen 80;") && !plain.contains("ssl"), "{plain}");
    let tls = Some((Path::new("/c.crt"), Path::new("/c.key")));
    let secure = nginx::configuration(&Nginx { page: "x", port: 443, tls, redirect_http: Some(80), folder });
    for part in [
        "listen 443 ssl;",
        "ssl_certificate /c.crt;",
        "ssl_certificate_key /c.key;",
        "listen 80; return 301 https://$host$request_uri;",
    ] {
        assert!(secure.contains(part), "{part} is missing in {secure}");
    }
}

const SIDECARS: &str = "
workloads:
  client: {sidecar: true, annotations: {traffic.sidecar.istio.io/excludeOutboundIPRanges: 203.0.113.0/24, note: x}}
  echo: {httpbin: {port: 80}, service: {name: echo, port: 8000, targetPort: 80}}
gateways: [egressgateway]
";

#[test]
fn with_a_sidecar_every_proxy_is_a_process_of_its_own() {
    let plan = plan(SIDECARS);
    assert_eq!(plan.shape, Shape::Apart);
    let spaces: Vec<_> = plan.spaces.iter().map(|space| (space.name.as_str(), space.addresses.as_slice())).collect();
    let ip = Ipv4Addr::new;
    assert_eq!(
        spaces,
        [
            ("net", [ip(10, 10, 0, 1)].as_slice()),
            ("mesh", &[ip(10, 10, 0, 2)]),
            ("egressgateway", &[ip(10, 10, 2, 10)]),
            ("client", &[ip(10, 10, 1, 10)]),
            ("echo", &[ip(10, 10, 1, 11)]),
        ]
    );
    let proxies: Vec<_> = plan.proxies.iter().map(|proxy| (proxy.name.as_str(), proxy.namespace)).collect();
    assert_eq!(proxies, [("egressgateway", "istio-system"), ("client", "default")]);
    assert_eq!(plan.hosts().map(|(name, _)| name).collect::<Vec<_>>(), ["client", "echo"]);
    let scripts = network::gateway_rules(&plan);
    assert_eq!(scripts[0].0, "egressgateway");
    assert!(scripts[0].1.contains("ip daddr 10.10.2.10 tcp dport 443 dnat to 10.10.2.10:8443\n"), "{scripts:?}");
}

#[test]
fn proxies_apart_have_pods_services_and_accounts() {
    let plan = plan(SIDECARS);
    let labels = &object(&plan, "Pod", "client")["metadata"]["labels"];
    assert_eq!(labels, &json!({"app": "client", "security.istio.io/tlsMode": "istio"}));
    assert_eq!(object(&plan, "Pod", "echo")["metadata"]["labels"], json!({"app": "echo"}));
    let gateway = object(&plan, "Pod", "egressgateway");
    assert_eq!(gateway["metadata"]["labels"], json!({"istio": "egressgateway", "app": "istio-egressgateway"}));
    let slice = object(&plan, "EndpointSlice", "istio-egressgateway-1");
    assert_eq!(slice["metadata"]["namespace"], "istio-system");
    assert_eq!(slice["endpoints"][0]["targetRef"]["namespace"], "istio-system");
    assert_eq!(slice["ports"][1], json!({"name": "https", "port": 8443, "protocol": "TCP"}));
    assert_eq!(object(&plan, "Service", "istio-egressgateway")["spec"]["ports"][1]["port"], 443);
    assert_eq!(object(&plan, "ServiceAccount", "client")["metadata"]["namespace"], "default");
}

#[test]
fn proxies_run_as_a_user_whose_traffic_is_not_captured() {
    let (plan, site) = (plan(SIDECARS), site());
    let system = site.system(&plan);
    assert_eq!(
        system.command.join(" "),
        "/bin/meridian control-plane --data /run/lab/data --api 10.10.0.2:6443 --xds-tls 10.10.0.2:15012 --debug 10.10.0.2:15014"
    );
    let [gateway, client] = plan.proxies.as_slice() else { panic!("{:?}", plan.proxies) };
    assert_eq!(gateway.capture(&site), None);
    assert_eq!(
        client.capture(&site).unwrap().join(" "),
        "/bin/meridian redirect apply --annotations traffic.sidecar.istio.io/excludeOutboundIPRanges=203.0.113.0/24 \
         -x 10.10.0.0/24,203.0.113.0/24"
    );
    let program = site.proxy(client);
    assert_eq!((program.space.as_str(), program.user.map(|user| user.0)), ("client", Some(1337)));
    assert_eq!(program.output, Some(PathBuf::from("/run/lab/access/client.log")));
    let variables = site.variables(&plan);
    for (name, value) in [
        ("LOG_CLIENT", "/run/lab/access/client.log"),
        ("LOG_EGRESSGATEWAY", "/run/lab/access/egressgateway.log"),
        ("NETNS_EGRESSGATEWAY", "p1-egressgateway"),
        ("EGRESSGATEWAY_IP", "10.10.2.10"),
    ] {
        assert_eq!(variables.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(!variables.contains_key("LOG_ECHO"));
}

#[test]
fn proxies_can_be_envoys() {
    let lab = "workloads: {client: {}, app: {sidecar: true}}\ngateways: [ingressgateway]\n".parse().unwrap();
    let plan = Plan::new(&lab, Shape::Apart).unwrap();
    let site = Site { envoy: Some("/bin/envoy".into()), ..site() };
    let words = |name: &str| {
        let proxy = plan.proxies.iter().find(|proxy| proxy.name == name).unwrap();
        site.proxy(proxy).command.join(" ")
    };
    let gateway = words("ingressgateway");
    assert!(gateway.starts_with("/bin/meridian envoy-bootstrap --type router --name ingressgateway "), "{gateway}");
    assert!(
        gateway.contains(" --discovery 10.10.0.2:15012 ") && gateway.contains(" --run /bin/envoy -- "),
        "{gateway}"
    );
    assert!(words("app").starts_with("/bin/meridian envoy-bootstrap --type sidecar --name app "));
}
