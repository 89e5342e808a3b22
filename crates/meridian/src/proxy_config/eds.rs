//! `proxy-config eds`: endpoints as they are configured.

use super::View;
use super::address::Address;
use super::dump::{Dump, messages};
use super::endpoint::EndpointFilter;
use super::json::{items, text};
use super::subset_key::SubsetKey;
use super::table::Table;
use serde_json::Value;

/// Which endpoints to show.
#[derive(clap::Args, Debug, Default)]
pub(super) struct EdsView {
    #[command(flatten)]
    pub(super) filter: EndpointFilter,
}

impl EdsView {
    /// Load assignments that have endpoints to show, with no other endpoints; sorted like clusters.
    pub(super) fn selected(&self, dump: &Dump) -> Vec<Value> {
        let mut assignments = dump.load_assignments();
        assignments.sort_by_key(|assignment| SubsetKey::new(text(assignment, "/clusterName")));
        let narrowed = assignments.into_iter().map(|assignment| {
            let cluster = text(assignment, "/clusterName");
            let mut assignment = assignment.clone();
            for group in assignment["endpoints"].as_array_mut().into_iter().flatten() {
                if let Some(endpoints) = group.get_mut("lbEndpoints").and_then(Value::as_array_mut) {
                    endpoints.retain(|endpoint| self.filter.shows(&address(endpoint), status(endpoint), cluster));
                }
            }
            assignment
        });
        let has_endpoints = |assignment: &Value| {
            items(assignment, "/endpoints").any(|group| items(group, "/lbEndpoints").next().is_some())
        };
        narrowed.filter(has_endpoints).collect()
    }
}

impl View for EdsView {
    fn table(&self, dump: &Dump, kinds: bool) -> Table {
        let prefix = if kinds { "endpoint/" } else { "" };
        let mut table = Table::new(5, ["NAME", "STATUS", "LOCALITY", "CLUSTER"]);
        for assignment in self.selected(dump) {
            for group in items(&assignment, "/endpoints") {
                for endpoint in items(group, "/lbEndpoints") {
                    table.push([
                        format!("{prefix}{}", address(endpoint)),
                        status(endpoint).to_owned(),
                        locality(&group["locality"]),
                        text(&assignment, "/clusterName").to_owned(),
                    ]);
                }
            }
        }
        table
    }

    fn messages(&self, dump: &Dump) -> Value {
        messages(&self.selected(dump))
    }
}

/// Where a configured endpoint is.
pub(super) fn address(endpoint: &Value) -> Address {
    Address::new(endpoint.pointer("/endpoint/address").unwrap_or(&Value::Null))
}

/// The health of a configured endpoint.
pub(super) fn status(endpoint: &Value) -> &str {
    match text(endpoint, "/healthStatus") {
        "" => "UNKNOWN",
        status => status,
    }
}

/// `region/zone/subzone` without empty parts at its end.
fn locality(locality: &Value) -> String {
    let parts = ["/region", "/zone", "/subZone"].map(|part| text(locality, part));
    parts.join("/").trim_end_matches('/').to_owned()
}
