//! `proxy-config route`

use super::View;
use super::dump::{Dump, messages};
use super::json::{items, made_from, text, texts};
use super::table::Table;
use serde_json::Value;
use std::collections::HashSet;

/// How many domains of a virtual host are shown.
const SHOWN_DOMAINS: usize = 2;

/// Which route configurations to show.
#[derive(clap::Args, Debug)]
pub(super) struct RouteView {
    /// Only the route configuration of this name
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
    /// Show every route; otherwise only how many virtual hosts there are
    #[arg(long, default_value_t = true, num_args = 0..=1, default_missing_value = "true", require_equals = true,
          action = clap::ArgAction::Set, value_name = "BOOL")]
    pub(super) verbose: bool,
}

impl RouteView {
    /// Configurations whose names are numbers come first, in the order of these.
    fn selected<'d>(&self, dump: &'d Dump) -> Vec<&'d Value> {
        let mut routes = dump.routes();
        routes.retain(|route| self.name.as_ref().is_none_or(|name| text(route, "/name") == name));
        routes.sort_by_key(|route| text(route, "/name").parse().unwrap_or(u32::MAX));
        routes
    }
}

impl View for RouteView {
    fn table(&self, dump: &Dump, kinds: bool) -> Table {
        let prefix = if kinds { "route/" } else { "" };
        let selected = self.selected(dump);
        if !self.verbose {
            let mut table = Table::new(5, ["NAME", "VIRTUAL HOSTS"]);
            for routes in selected {
                let count = items(routes, "/virtualHosts").count();
                table.push([format!("{prefix}{}", text(routes, "/name")), count.to_string()]);
            }
            return table;
        }
        let mut table = Table::new(5, ["NAME", "VHOST NAME", "DOMAINS", "MATCH", "VIRTUAL SERVICE"]);
        for routes in selected {
            let name = format!("{prefix}{}", text(routes, "/name"));
            for host in items(routes, "/virtualHosts") {
                let domains = describe_domains(&texts(host, "/domains"));
                let mut row = |matched: String, object: String| {
                    table.push([name.clone(), text(host, "/name").to_owned(), domains.clone(), matched, object]);
                };
                for route in items(host, "/routes").filter(|route| !is_passthrough(route)) {
                    row(describe_match(&route["match"]), made_from(route));
                }
                if items(host, "/routes").next().is_none() {
                    row("/*".to_owned(), "404".to_owned());
                }
            }
        }
        table
    }

    fn messages(&self, dump: &Dump) -> Value {
        messages(self.selected(dump))
    }
}

/// A sidecar's catch-all; of no interest.
fn is_passthrough(route: &Value) -> bool {
    text(route, "/route/cluster") == "PassthroughCluster"
}

/// The path that a route takes; its other conditions are not shown.
pub(super) fn describe_match(matcher: &Value) -> String {
    let conditions = [
        ("/prefix", "", "*"),
        ("/pathSeparatedPrefix", "PathPrefix:", ""),
        ("/path", "", ""),
        ("/safeRegex/regex", "regex ", ""),
    ];
    let parts = conditions.map(|(pointer, before, after)| match text(matcher, pointer) {
        "" => String::new(),
        path => format!("{before}{path}{after}"),
    });
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The first domains that have no port and are no longer form of another one.
pub(super) fn describe_domains(domains: &[&str]) -> String {
    if let [only] = domains {
        return (*only).to_owned();
    }
    let is_plain = |domain: &str| !domain.contains(':') || domain.matches(':').count() > 2 && domain.ends_with(']');
    let plain: Vec<&str> = domains.iter().copied().filter(|domain| is_plain(domain)).collect();
    let known: HashSet<&str> = plain.iter().copied().collect();
    let is_longer_form = |domain: &str| {
        let shorter = [".svc.cluster.local", ".svc"].map(|suffix| domain.strip_suffix(suffix));
        shorter.into_iter().flatten().any(|shorter| known.contains(shorter))
    };
    let short: Vec<&str> = plain.into_iter().filter(|domain| !is_longer_form(domain)).collect();
    match short.split_at_checked(SHOWN_DOMAINS) {
        Some((shown, rest)) if !rest.is_empty() => format!("{} + {} more...", shown.join(", "), rest.len()),
        _ => short.join(", "),
    }
}
