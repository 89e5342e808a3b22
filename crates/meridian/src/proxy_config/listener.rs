//! `proxy-config listener`

use super::View;
use super::dump::{Dump, messages};
use super::json::{items, number, text, texts};
use super::route::describe_match;
use super::table::Table;
use serde_json::Value;
use std::cmp::Reverse;

const HTTP: &str = "envoy.filters.network.http_connection_manager";
const TCP: &str = "envoy.filters.network.tcp_proxy";
const BLACK_HOLE: &str = "BlackHoleCluster";

/// Names for lists of application protocols that Istio's sidecars match.
const PROTOCOLS: [(&str, &[&str]); 4] = [
    ("App: HTTP TLS", &["http/1.0", "http/1.1", "h2c", "istio-http/1.0", "istio-http/1.1", "istio-h2"]),
    ("App: Istio HTTP Plain", &["istio", "istio-http/1.0", "istio-http/1.1", "istio-h2"]),
    ("App: TCP TLS", &["istio-peer-exchange", "istio"]),
    ("App: HTTP", &["http/1.0", "http/1.1", "h2c"]),
];

/// Which listeners to show.
#[derive(clap::Args, Debug)]
pub(super) struct ListenerView {
    /// Only listeners at this address
    #[arg(long, value_name = "IP")]
    pub(super) address: Option<String>,
    /// Only listeners at this port
    #[arg(long, value_name = "PORT")]
    pub(super) port: Option<u16>,
    /// Only listeners of this type: HTTP, TCP, HTTP+TCP or UNKNOWN
    #[arg(long = "type", value_name = "TYPE")]
    pub(super) kind: Option<String>,
    /// Show every filter chain; otherwise only the types of listeners
    #[arg(long, default_value_t = true, num_args = 0..=1, default_missing_value = "true", require_equals = true,
          action = clap::ArgAction::Set, value_name = "BOOL")]
    pub(super) verbose: bool,
}

impl ListenerView {
    fn shows(&self, listener: &Value) -> bool {
        let wanted = |wanted: &String, found: &str| wanted.eq_ignore_ascii_case(found);
        self.address.as_ref().is_none_or(|address| addresses(listener).iter().any(|found| wanted(address, found)))
            && self.port.is_none_or(|port| self::port(listener) == u64::from(port))
            && self.kind.as_ref().is_none_or(|kind| wanted(kind, self::kind(listener)))
    }

    fn selected<'d>(&self, dump: &'d Dump) -> Vec<&'d Value> {
        let mut listeners = dump.listeners();
        listeners.retain(|listener| self.shows(listener));
        listeners
    }
}

impl View for ListenerView {
    fn table(&self, dump: &Dump, kinds: bool) -> Table {
        let mut listeners = self.selected(dump);
        listeners.sort_by_cached_key(|listener| (port(listener), addresses(listener).remove(0), kind(listener)));
        let mut rows = Vec::new();
        for listener in listeners {
            let name = format!("listener/{}", text(listener, "/name"));
            let row = |matched: String, destination: String| {
                [name.clone(), addresses(listener).join(","), port(listener).to_string(), matched, destination]
            };
            if self.verbose {
                let mut chains: Vec<_> = chains(listener)
                    .map(|chain| row(chain_match(&chain["filterChainMatch"]), destination(chain)))
                    .collect();
                chains.sort_by(|a, b| Reverse(&a[4]).cmp(&Reverse(&b[4])));
                rows.extend(chains);
            } else {
                rows.push(row(kind(listener).to_owned(), String::new()));
            }
        }
        table(self.verbose, kinds, rows)
    }

    fn messages(&self, dump: &Dump) -> Value {
        messages(self.selected(dump))
    }
}

fn table(verbose: bool, kinds: bool, rows: Vec<[String; 5]>) -> Table {
    match (verbose, kinds) {
        (true, true) => {
            let mut table = Table::new(1, ["NAME", "ADDRESSES", "PORT", "MATCH", "DESTINATION"]);
            rows.into_iter().for_each(|row| table.push(row));
            table
        }
        (true, false) => {
            let mut table = Table::new(1, ["ADDRESSES", "PORT", "MATCH", "DESTINATION"]);
            rows.into_iter().for_each(|[_, addresses, port, matched, to]| table.push([addresses, port, matched, to]));
            table
        }
        (false, true) => {
            let mut table = Table::new(1, ["NAME", "ADDRESSES", "PORT", "TYPE"]);
            rows.into_iter().for_each(|[name, addresses, port, kind, _]| table.push([name, addresses, port, kind]));
            table
        }
        (false, false) => {
            let mut table = Table::new(1, ["ADDRESSES", "PORT", "TYPE"]);
            rows.into_iter().for_each(|[_, addresses, port, kind, _]| table.push([addresses, port, kind]));
            table
        }
    }
}

/// The address, or the path of a socket file, and the additional addresses.
fn addresses(listener: &Value) -> Vec<&str> {
    let own = match text(listener, "/address/socketAddress/address") {
        "" => text(listener, "/address/pipe/path"),
        address => address,
    };
    let more = items(listener, "/additionalAddresses").map(|one| text(one, "/address/socketAddress/address"));
    std::iter::once(own).chain(more).collect()
}

fn port(listener: &Value) -> u64 {
    number(listener, "/address/socketAddress/portValue")
}

fn chains(listener: &Value) -> impl Iterator<Item = &Value> {
    items(listener, "/filterChains").chain(listener.get("defaultFilterChain"))
}

/// What the chains of a listener speak.
fn kind(listener: &Value) -> &'static str {
    let filters = || chains(listener).flat_map(|chain| items(chain, "/filters"));
    let http = filters().any(|filter| text(filter, "/name") == HTTP);
    let tcp = filters().any(|filter| text(filter, "/name") == TCP && !leads_nowhere(filter));
    match (http, tcp) {
        (true, true) => "HTTP+TCP",
        (true, false) => "HTTP",
        (false, true) => "TCP",
        (false, false) => "UNKNOWN",
    }
}

fn leads_nowhere(filter: &Value) -> bool {
    text(filter, "/typedConfig/cluster") == BLACK_HOLE
}

/// The criteria of a chain.
fn chain_match(matcher: &Value) -> String {
    let mut parts = Vec::new();
    let server_names = texts(matcher, "/serverNames");
    if !server_names.is_empty() {
        parts.push(format!("SNI: {}", server_names.join(",")));
    }
    let transport = text(matcher, "/transportProtocol");
    if !transport.is_empty() {
        parts.push(format!("Trans: {transport}"));
    }
    let protocols = texts(matcher, "/applicationProtocols");
    if !protocols.is_empty() {
        let named = PROTOCOLS.iter().find(|(_, list)| **list == protocols[..]);
        parts.push(named.map_or_else(|| format!("App: {}", protocols.join(",")), |(name, _)| (*name).to_owned()));
    }
    let port = match number(matcher, "/destinationPort") {
        0 => String::new(),
        port => format!(":{port}"),
    };
    let range = |range: &Value| format!("{}/{}", text(range, "/addressPrefix"), number(range, "/prefixLen"));
    let ranges: Vec<String> = items(matcher, "/prefixRanges").map(range).collect();
    match (ranges.is_empty(), port.is_empty()) {
        (false, _) => parts.push(format!("Addr: {}{port}", ranges.join(","))),
        (true, false) => parts.push(format!("Addr: *{port}")),
        (true, true) => {}
    }
    if parts.is_empty() { "ALL".to_owned() } else { parts.join("; ") }
}

/// Where the bytes of a chain go.
fn destination(chain: &Value) -> String {
    for filter in items(chain, "/filters") {
        let config = &filter["typedConfig"];
        match text(filter, "/name") {
            HTTP => return http_destination(config),
            TCP if !leads_nowhere(filter) => return tcp_destination(config),
            _ => {}
        }
    }
    "Non-HTTP/Non-TCP".to_owned()
}

fn http_destination(config: &Value) -> String {
    if let Some(routes) = config.get("routeConfig") {
        return inline_routes(routes);
    }
    match text(config, "/rds/routeConfigName") {
        "" => "HTTP".to_owned(),
        name => format!("Route: {name}"),
    }
}

fn tcp_destination(config: &Value) -> String {
    let shares: Vec<String> = items(config, "/weightedClusters/clusters")
        .map(|share| format!("{} ({})", text(share, "/name"), number(share, "/weight")))
        .collect();
    if shares.is_empty() { cluster(text(config, "/cluster")) } else { format!("Cluster: {}", shares.join(", ")) }
}

/// Clusters that are not services, such as `PassthroughCluster`, say so by their names.
fn cluster(name: &str) -> String {
    if name.contains("Cluster") { name.to_owned() } else { format!("Cluster: {name}") }
}

fn inline_routes(routes: &Value) -> String {
    let hosts: Vec<&Value> = items(routes, "/virtualHosts").collect();
    if let [host] = hosts[..]
        && texts(host, "/domains") == ["*"]
        && let [route] = items(host, "/routes").collect::<Vec<_>>()[..]
        && text(route, "/match/prefix") == "/"
        && let Some(Value::String(name)) = route.pointer("/route/cluster")
    {
        return cluster(name);
    }
    let described = hosts.into_iter().map(|host| {
        let matches: Vec<String> = items(host, "/routes").map(|route| describe_match(&route["match"])).collect();
        let matches = matches.join(", ");
        match &texts(host, "/domains")[..] {
            ["*"] => matches,
            domains => format!("{} {matches}", domains.join("/")),
        }
    });
    format!("Inline Route: {}", described.collect::<Vec<_>>().join("; "))
}
