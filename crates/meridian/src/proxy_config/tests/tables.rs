//! Tables, as `istioctl` prints them. Lines are compared without spaces at their ends.

use super::{DUMP, dump};
use crate::client::output::{OutputFormat, messages};
use crate::proxy_config::View;
use crate::proxy_config::bootstrap;
use crate::proxy_config::cluster::ClusterView;
use crate::proxy_config::dump::Dump;
use crate::proxy_config::eds::EdsView;
use crate::proxy_config::endpoint::{EndpointFilter, EndpointView};
use crate::proxy_config::listener::ListenerView;
use crate::proxy_config::route::{RouteView, describe_domains};
use crate::proxy_config::secret;
use crate::proxy_config::table::Table;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

fn lines(table: &Table) -> Vec<String> {
    table.to_string().lines().map(|line| line.trim_end().to_owned()).collect()
}

fn all_listeners() -> ListenerView {
    ListenerView { address: None, port: None, kind: None, verbose: true }
}

#[test]
fn columns_are_as_wide_as_their_longest_cell() {
    let mut table = Table::new(2, ["A", "B", "C"]);
    table.push(["long".into(), String::new(), "x".into()]);
    assert_eq!(table.to_string(), "A     B  C\nlong     x\n");
    assert_eq!(Table::new(2, ["A"]).or("nothing").to_string(), "nothing\n");
}

#[test]
fn clusters() {
    assert_eq!(
        lines(&ClusterView::default().table(&dump(), false)),
        [
            "SERVICE FQDN                                            PORT     SUBSET     DIRECTION     TYPE           DESTINATION RULE",
            "BlackHoleCluster                                        -        -          -             STATIC",
            "httpbin.default.svc.cluster.local                       8000     -          outbound      EDS",
            "httpbin.default.svc.cluster.local                       8000     v1         outbound      EDS            httpbin-rule.default",
            "outbound_.8000_._.httpbin.default.svc.cluster.local     -        -          -             EDS",
            "www.example.com                                         443      -          outbound      STRICT_DNS",
        ]
    );
    let named = ClusterView::default().table(&dump(), true).to_string();
    assert!(
        named.lines().nth(2).is_some_and(|line| line.starts_with("cluster/outbound|8000||httpbin.default")),
        "{named}"
    );
}

#[test]
fn clusters_that_are_asked_for() {
    let count = |view: ClusterView| view.table(&dump(), false).to_string().lines().count() - 1;
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(count(ClusterView { fqdn: text("httpbin"), ..ClusterView::default() }), 3);
    assert_eq!(count(ClusterView { port: Some(8000), ..ClusterView::default() }), 2);
    assert_eq!(count(ClusterView { subset: text("v1"), ..ClusterView::default() }), 1);
    assert_eq!(count(ClusterView { direction: text("outbound"), ..ClusterView::default() }), 3);
    assert_eq!(count(ClusterView { direction: text("inbound"), ..ClusterView::default() }), 0);
}

#[test]
fn listeners() {
    assert_eq!(
        lines(&all_listeners().table(&dump(), false)),
        [
            "ADDRESSES PORT MATCH                                                DESTINATION",
            "10.0.0.9  80   Addr: *:81                                           Inline Route: a/b /x, /y*",
            "10.0.0.9  80   ALL                                                  Cluster: inbound|80||",
            "0.0.0.0   8080 ALL                                                  Route: http.8080",
            "0.0.0.0   8443 SNI: a.example.com,*.b.example.com                   Route: https.443.https.gateway.default",
            "0.0.0.0   8443 ALL                                                  Non-HTTP/Non-TCP",
            "0.0.0.0   8443 SNI: wiki; Trans: tls; App: h2; Addr: 10.0.0.0/8:443 Cluster: outbound|443||wiki",
            "0.0.0.0   8443 App: HTTP                                            Cluster: outbound|443|v1|a (10), outbound|443|v2|a (90)",
        ]
    );
}

#[test]
fn listeners_that_are_asked_for() {
    let types =
        |view: ListenerView| lines(&ListenerView { verbose: false, ..view }.table(&dump(), false))[1..].to_vec();
    assert_eq!(types(all_listeners()), ["10.0.0.9  80   HTTP", "0.0.0.0   8080 HTTP", "0.0.0.0   8443 HTTP+TCP"]);
    assert_eq!(types(ListenerView { port: Some(8080), ..all_listeners() }), ["0.0.0.0   8080 HTTP"]);
    assert_eq!(types(ListenerView { address: Some("10.0.0.9".into()), ..all_listeners() }), ["10.0.0.9  80   HTTP"]);
    assert_eq!(types(ListenerView { kind: Some("http+tcp".into()), ..all_listeners() }), ["0.0.0.0   8443 HTTP+TCP"]);
}

#[test]
fn routes() {
    let all = RouteView { name: None, verbose: true };
    assert_eq!(
        lines(&all.table(&dump(), false)),
        [
            "NAME          VHOST NAME                 DOMAINS                       MATCH               VIRTUAL SERVICE",
            "80            many:80                    many, many.ns + 2 more...     /*                  404",
            "http.8080     httpbin.example.com:80     httpbin.example.com           /get*               httpbin.default",
            "http.8080     httpbin.example.com:80     httpbin.example.com           PathPrefix:/app",
            "http.8080     httpbin.example.com:80     httpbin.example.com           /exact",
            "http.8080     httpbin.example.com:80     httpbin.example.com           regex /r.*",
            "http.8080     secure.example.com:80      secure.example.com            /*                  404",
        ]
    );
    let one = RouteView { name: Some("80".into()), verbose: false };
    assert_eq!(lines(&one.table(&dump(), true)), ["NAME         VIRTUAL HOSTS", "route/80     1"]);
}

#[test]
fn domains_are_shortened() {
    assert_eq!(describe_domains(&[]), "");
    assert_eq!(describe_domains(&["only:80"]), "only:80");
    assert_eq!(describe_domains(&["a", "a.ns.svc.cluster.local", "a:80"]), "a, a.ns.svc.cluster.local");
    assert_eq!(describe_domains(&["[fd00:10:96::7fc7]", "[fd00:10:96::7fc7]:8090"]), "[fd00:10:96::7fc7]");
}

#[test]
fn endpoints_of_a_config_dump() {
    assert_eq!(
        lines(&EndpointView::default().table(&dump(), false)),
        [
            "ENDPOINT         STATUS        OUTLIER CHECK     CLUSTER",
            "./agent.sock     UNKNOWN       OK                agent",
            "10.0.0.1:80      UNHEALTHY     OK                outbound|8000||httpbin.default.svc.cluster.local",
            "10.0.0.2:80      HEALTHY       OK                outbound|8000||httpbin.default.svc.cluster.local",
        ]
    );
    assert_eq!(
        lines(&EdsView::default().table(&dump(), false)),
        [
            "NAME             STATUS        LOCALITY     CLUSTER",
            "./agent.sock     UNKNOWN                    agent",
            "10.0.0.2:80      HEALTHY       eu/eu-1      outbound|8000||httpbin.default.svc.cluster.local",
            "10.0.0.1:80      UNHEALTHY     eu/eu-1      outbound|8000||httpbin.default.svc.cluster.local",
        ]
    );
}

#[test]
fn endpoints_that_are_asked_for() {
    let shown = |filter: EndpointFilter| -> Vec<String> {
        let rows = lines(&EdsView { filter }.table(&dump(), false));
        rows[1..].iter().map(|row| row.split(' ').next().unwrap_or_default().to_owned()).collect()
    };
    let filter = EndpointFilter::default;
    assert_eq!(shown(EndpointFilter { status: Some("healthy".into()), ..filter() }), ["10.0.0.2:80"]);
    assert_eq!(shown(EndpointFilter { address: Some("10.0.0.1".into()), ..filter() }), ["10.0.0.1:80"]);
    assert_eq!(shown(EndpointFilter { address: Some("10.0.0.1:80".into()), ..filter() }), ["10.0.0.1:80"]);
    assert_eq!(shown(EndpointFilter { port: Some(81), ..filter() }), [""; 0]);
    assert_eq!(shown(EndpointFilter { cluster: Some("agent".into()), ..filter() }), ["./agent.sock"]);
}

#[test]
fn endpoints_in_use() {
    let host = |address: &str, health: Value| json!({"address": {"socket_address": {"address": address, "port_value": 80}}, "health_status": health});
    let clusters = json!({"cluster_statuses": [
        {"name": "b", "host_statuses": [host("10.0.0.2", json!({"eds_health_status": "HEALTHY"}))]},
        {"name": "a", "host_statuses": [host("10.0.0.1", json!({"eds_health_status": "HEALTHY", "failed_outlier_check": true}))]},
        {"name": "none"},
    ]});
    let dump = Dump::parse(&clusters.to_string(), "clusters").expect("cluster statuses");
    assert_eq!(
        lines(&EndpointView::default().table(&dump, false))[1..],
        ["10.0.0.1:80     HEALTHY     FAILED            a", "10.0.0.2:80     HEALTHY     OK                b"]
    );
    let shown = EndpointView { filter: EndpointFilter { cluster: Some("b".into()), ..EndpointFilter::default() } };
    assert_eq!(shown.messages(&dump)[0]["hostStatuses"][0]["address"]["socketAddress"]["address"], "10.0.0.2");
}

#[test]
fn secrets() {
    let before_its_time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let in_its_time = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
    assert_eq!(
        lines(&secret::table(&dump(), false, in_its_time)),
        [
            "RESOURCE NAME            TYPE     STATUS      VALID CERT     SERIAL NUMBER                        NOT AFTER                NOT BEFORE",
            "kubernetes://missing              WARMING     false",
            "kubernetes://example     CA       ACTIVE      true           0193a543fe2b0d9cd4847675394dfc54     2126-10-28T11:44:15Z     2026-11-21T11:44:15Z",
        ]
    );
    let too_early = secret::table(&dump(), true, before_its_time).to_string();
    assert!(too_early.contains("secret/kubernetes://example     CA       ACTIVE      false"), "{too_early}");
    let nothing = Dump::parse(r#"{"configs": []}"#, "dump").expect("an empty dump");
    assert_eq!(secret::table(&nothing, false, in_its_time).to_string(), "No active or warming secrets found.\n");
}

#[test]
fn versions() {
    assert_eq!(bootstrap::summary(&dump()), "Meridian Version: 0.1.0\n");
    let istio = DUMP.replace(
        "\"meridian\"",
        "\"envoy\", \"metadata\": {\"ISTIO_VERSION\": \"1.32.0\", \"ISTIO_PROXY_SHA\": \"1:abc\"}",
    );
    assert_eq!(
        bootstrap::summary(&Dump::parse(&istio, "dump").expect("a dump")),
        "Istio Version:       1.32.0\nIstio Proxy Version: abc\nEnvoy Version:       0.1.0\n"
    );
}

#[test]
fn messages_have_the_names_of_protobufs_json() {
    let view = ClusterView { subset: Some("v1".into()), ..ClusterView::default() };
    let shown = messages(&view.messages(&dump()), OutputFormat::Json);
    assert!(shown.starts_with("[\n    {\n        \"connectTimeout\": \"10s\",\n"), "{shown}");
    assert!(!shown.contains("@type"), "{shown}");
    let yaml = messages(&view.messages(&dump()), OutputFormat::Yaml);
    assert!(yaml.starts_with("- connectTimeout: 10s\n  metadata:\n    filterMetadata:\n"), "{yaml}");
}
