//! The list of proxies.

use crate::proxy_config::json::text;
use crate::proxy_config::table::Table;
use serde_json::Value;

/// What the types of the columns are called in `/debug/syncz`.
const TYPES: [&str; 5] = ["cluster", "listener", "endpoint", "route", "extensionconfig"];

/// One row for each proxy, by name.
pub(super) fn table(proxies: &[Value]) -> Table {
    let headings = ["NAME", "CLUSTER", "CDS", "LDS", "EDS", "RDS", "ECDS", "ISTIOD", "VERSION"];
    let mut table = Table::new(5, headings).or("No proxies are known.");
    let mut proxies: Vec<&Value> = proxies.iter().collect();
    proxies.sort_by_key(|proxy| text(proxy, "/proxy"));
    for proxy in proxies {
        let [cds, lds, eds, rds, ecds] = TYPES.map(|kind| {
            let version = |what| text(proxy, &format!("/{kind}_{what}"));
            status(version("sent"), version("acked")).to_owned()
        });
        let [name, cluster, control_plane, version] =
            ["/proxy", "/cluster_id", "/control_plane", "/istio_version"].map(|field| text(proxy, field).to_owned());
        table.push([name, cluster, cds, lds, eds, rds, ecds, control_plane, version]);
    }
    table
}

/// The words of `istioctl`.
fn status(sent: &str, acknowledged: &str) -> &'static str {
    match (sent, acknowledged) {
        ("", _) => "NOT SENT",
        (sent, acknowledged) if sent == acknowledged => "SYNCED",
        (_, "") => "STALE (Never Acknowledged)",
        _ => "STALE",
    }
}
