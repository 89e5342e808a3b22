//! `proxy-config cluster`

use super::View;
use super::dump::{Dump, messages};
use super::json::{made_from, text};
use super::subset_key::SubsetKey;
use super::table::Table;
use serde_json::Value;

/// Which clusters to show.
#[derive(clap::Args, Debug, Default)]
pub(super) struct ClusterView {
    /// Only clusters whose host contains this
    #[arg(long, value_name = "TEXT")]
    pub(super) fqdn: Option<String>,
    /// Only clusters of this direction: outbound or inbound
    #[arg(long, value_name = "DIRECTION")]
    pub(super) direction: Option<String>,
    /// Only clusters of this port of a service
    #[arg(long, value_name = "PORT")]
    pub(super) port: Option<u16>,
    /// Only clusters whose subset contains this
    #[arg(long, value_name = "TEXT")]
    pub(super) subset: Option<String>,
}

impl ClusterView {
    fn shows(&self, cluster: &Value) -> bool {
        let key = SubsetKey::new(text(cluster, "/name"));
        self.fqdn.as_ref().is_none_or(|fqdn| key.host.contains(fqdn.as_str()))
            && self.direction.as_ref().is_none_or(|direction| key.direction == direction)
            && self.port.is_none_or(|port| key.port == Some(port))
            && self.subset.as_ref().is_none_or(|subset| key.subset.contains(subset.as_str()))
    }

    fn selected<'d>(&self, dump: &'d Dump) -> Vec<&'d Value> {
        let mut clusters = dump.clusters();
        clusters.retain(|cluster| self.shows(cluster));
        clusters.sort_by_key(|cluster| SubsetKey::new(text(cluster, "/name")));
        clusters
    }
}

impl View for ClusterView {
    fn table(&self, dump: &Dump, kinds: bool) -> Table {
        let rows = self.selected(dump).into_iter().map(|cluster| {
            let name = text(cluster, "/name");
            let key = SubsetKey::new(name);
            let shown = |part: &str| if part.is_empty() { "-".to_owned() } else { part.to_owned() };
            let port = key.port.map_or_else(|| "-".to_owned(), |port| port.to_string());
            let cells =
                [key.host.to_owned(), port, shown(key.subset), shown(key.direction), kind(cluster), made_from(cluster)];
            (format!("cluster/{name}"), cells)
        });
        if !kinds {
            let headings = ["SERVICE FQDN", "PORT", "SUBSET", "DIRECTION", "TYPE", "DESTINATION RULE"];
            let mut table = Table::new(5, headings);
            rows.for_each(|(_, cells)| table.push(cells));
            return table;
        }
        let headings = ["NAME", "SERVICE FQDN", "PORT", "SUBSET", "DIRECTION", "TYPE", "DESTINATION RULE"];
        let mut table = Table::new(5, headings);
        for (name, [host, port, subset, direction, kind, rule]) in rows {
            table.push([name, host, port, subset, direction, kind, rule]);
        }
        table
    }

    fn messages(&self, dump: &Dump) -> Value {
        messages(self.selected(dump))
    }
}

/// How the cluster finds its endpoints; `STATIC` is the default.
fn kind(cluster: &Value) -> String {
    match text(cluster, "/type") {
        "" => "STATIC".to_owned(),
        kind => kind.to_owned(),
    }
}
