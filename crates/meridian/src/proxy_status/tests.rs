use super::*;
use meridian_ir::{ProxyConfig, RouteConfig};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::watch;

fn config(version: u64, routes: &[&str]) -> Arc<ProxyConfig> {
    let routes = routes.iter().map(|name| ((*name).into(), Arc::new(RouteConfig::new(*name, Vec::new()))));
    Arc::new(ProxyConfig { version, routes: routes.collect(), ..ProxyConfig::default() })
}

/// Receivers keep the last value when the sender is gone.
fn progress(name: &str, wanted: Arc<ProxyConfig>, acknowledged: Option<(Arc<ProxyConfig>, bool)>) -> Progress {
    let acknowledged = acknowledged.map(|(config, listens)| Acknowledged { config, listens });
    Progress { proxy: name.into(), wanted: watch::channel(wanted).1, acknowledged: watch::channel(acknowledged).1 }
}

#[test]
fn what_is_sent_and_acknowledged_is_told_by_type() {
    let proxies = [
        progress("new.ns", config(0, &[]), None),
        progress("behind.ns", config(7, &["http.80"]), Some((config(6, &[]), true))),
        progress("first.ns", config(1, &[]), None),
        progress("deaf.ns", config(7, &["http.80"]), Some((config(7, &["http.80"]), false))),
        progress("current.ns", config(7, &["http.80"]), Some((config(7, &["http.80"]), true))),
        progress("unconcerned.ns", config(8, &["http.80"]), Some((config(7, &["http.80"]), true))),
    ];
    let list = Fleet { local: proxies.into(), registry: meridian_control::Registry::default() }.syncz();
    let shown = overview::table(list.as_array().expect("a list")).to_string();
    let row = |cells: [&str; 6]| {
        let [name, cds, lds, eds, rds, ecds] = cells;
        [name, "Kubernetes", cds, lds, eds, rds, ecds, "meridian", env!("CARGO_PKG_VERSION")].join("|")
    };
    let (synced, not_sent, never) = ("SYNCED", "NOT SENT", "STALE (Never Acknowledged)");
    let expected = [
        row(["behind.ns", synced, synced, not_sent, "STALE", not_sent]),
        row(["current.ns", synced, synced, not_sent, synced, not_sent]),
        row(["deaf.ns", synced, never, not_sent, synced, not_sent]),
        row(["first.ns", never, never, not_sent, not_sent, not_sent]),
        row(["new.ns", not_sent, not_sent, not_sent, not_sent, not_sent]),
        row(["unconcerned.ns", synced, synced, not_sent, synced, not_sent]),
    ];
    let cells = |line: &str| {
        let cells = line.split("     ").map(str::trim).filter(|cell| !cell.is_empty());
        cells.collect::<Vec<_>>().join("|")
    };
    assert_eq!(shown.lines().skip(1).map(cells).collect::<Vec<_>>(), expected);
    assert_eq!(cells(shown.lines().next().unwrap()), "NAME|CLUSTER|CDS|LDS|EDS|RDS|ECDS|ISTIOD|VERSION");
    assert_eq!(overview::table(&[]).to_string(), "No proxies are known.\n");
}

fn dump_of(timeout: &str) -> Dump {
    let cluster =
        |name: &str, timeout: &str| json!({"cluster": {"@type": "C", "name": name, "connect_timeout": timeout}});
    let clusters = json!({
        "@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump",
        "dynamic_active_clusters": [cluster("b", "10s"), cluster("a", timeout)],
    });
    Dump::parse(&json!({"configs": [clusters]}).to_string(), "a test").expect("a dump")
}

#[test]
fn differences_are_shown_as_a_diff() {
    let same = compare::compare(&dump_of("10s"), &dump_of("10s"));
    assert_eq!(same, "Clusters Match\nListeners Match\nRoutes Match\n");
    let other = compare::compare(&dump_of("10s"), &dump_of("1s"));
    let expected = "\
Clusters Don't Match (--- want, +++ got)
--- Wanted Clusters
+++ Running Clusters
@@ -1,10 +1,10 @@
 [
     {
-        \"connectTimeout\": \"10s\",
+        \"connectTimeout\": \"1s\",
         \"name\": \"a\"
     },
     {
         \"connectTimeout\": \"10s\",
         \"name\": \"b\"
     }
 ]
Listeners Match
Routes Match
";
    assert_eq!(other, expected);
}
