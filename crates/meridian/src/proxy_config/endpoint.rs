//! `proxy-config endpoint`: endpoints as they are in use.

use super::View;
use super::address::Address;
use super::dump::{Dump, messages};
use super::eds::{self, EdsView};
use super::json::{items, text};
use super::table::Table;
use serde_json::Value;

/// Which endpoints to show.
#[derive(clap::Args, Debug, Clone, Default)]
pub(super) struct EndpointFilter {
    /// Only endpoints at this address, with or without its port
    #[arg(long, value_name = "ADDRESS")]
    pub(super) address: Option<String>,
    /// Only endpoints at this port
    #[arg(long, value_name = "PORT")]
    pub(super) port: Option<u16>,
    /// Only endpoints of the cluster of this name
    #[arg(long, value_name = "NAME")]
    pub(super) cluster: Option<String>,
    /// Only endpoints of this health: healthy, unhealthy, draining, timeout, degraded or unknown
    #[arg(long, value_name = "STATUS")]
    pub(super) status: Option<String>,
}

impl EndpointFilter {
    /// Whether an endpoint is to be shown.
    pub(super) fn shows(&self, address: &Address, status: &str, cluster: &str) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(found))
        };
        (is(&self.address, &address.host) || is(&self.address, &address.to_string()))
            && self.port.is_none_or(|wanted| u64::from(wanted) == address.port)
            && is(&self.cluster, cluster)
            && is(&self.status, status)
    }
}

/// Which endpoints to show.
#[derive(clap::Args, Debug, Default)]
pub(super) struct EndpointView {
    #[command(flatten)]
    pub(super) filter: EndpointFilter,
}

/// One endpoint of one cluster, in the order of the table.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    address: Address,
    cluster: String,
    status: String,
    /// Whether it answered badly for so long that it gets no requests.
    ejected: bool,
}

impl EndpointView {
    fn rows(&self, dump: &Dump) -> Vec<Row> {
        let mut rows = match dump.cluster_statuses() {
            Some(statuses) => in_use(&statuses),
            None => configured(dump),
        };
        rows.retain(|row| self.filter.shows(&row.address, &row.status, &row.cluster));
        rows.sort();
        rows
    }
}

fn in_use(statuses: &[&Value]) -> Vec<Row> {
    let of_cluster = |status| items(status, "/hostStatuses").map(move |host| (status, host));
    let rows = statuses.iter().copied().flat_map(of_cluster).map(|(status, host)| Row {
        address: Address::new(&host["address"]),
        cluster: text(status, "/name").to_owned(),
        status: health(host).to_owned(),
        ejected: host.pointer("/healthStatus/failedOutlierCheck") == Some(&Value::Bool(true)),
    });
    rows.collect()
}

fn health(host: &Value) -> &str {
    match text(host, "/healthStatus/edsHealthStatus") {
        "" => "UNKNOWN",
        status => status,
    }
}

/// What a config dump tells: nothing of outliers.
fn configured(dump: &Dump) -> Vec<Row> {
    let mut rows = Vec::new();
    for assignment in EdsView::default().selected(dump) {
        for endpoint in items(&assignment, "/endpoints").flat_map(|group| items(group, "/lbEndpoints")) {
            rows.push(Row {
                address: eds::address(endpoint),
                cluster: text(&assignment, "/clusterName").to_owned(),
                status: eds::status(endpoint).to_owned(),
                ejected: false,
            });
        }
    }
    rows
}

impl View for EndpointView {
    const PREFERRED: Option<&'static str> = Some("/clusters?format=json");

    fn table(&self, dump: &Dump, _kinds: bool) -> Table {
        let mut table = Table::new(5, ["ENDPOINT", "STATUS", "OUTLIER CHECK", "CLUSTER"]);
        for row in self.rows(dump) {
            let outlier_check = if row.ejected { "FAILED" } else { "OK" };
            table.push([row.address.to_string(), row.status, outlier_check.to_owned(), row.cluster]);
        }
        table
    }

    fn messages(&self, dump: &Dump) -> Value {
        let Some(mut statuses) = dump.cluster_statuses() else {
            return messages(&EdsView { filter: self.filter.clone() }.selected(dump));
        };
        let rows = self.rows(dump);
        statuses.retain(|status| rows.iter().any(|row| row.cluster == text(status, "/name")));
        messages(statuses)
    }
}
