//! Assertions on configurations rather than calls.

use crate::data::Oracle;
use crate::valid;
use meridian_ir::cluster::Discovery;
use meridian_ir::endpoint::Address;
use meridian_ir::{Action, Cluster, Endpoints, ProxyConfig, RouteConfig};
use meridian_xds::load_assignment;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Why a check does not hold.
pub(crate) fn problems(kind: &str, oracle: &Oracle, check: &Value) -> Vec<String> {
    let config = &oracle.config(check).config;
    let observed = &check["observed"];
    match kind {
        "valid_xds" => valid_xds(oracle, check),
        "virtual_hosts" => differs(&virtual_hosts(config, observed), observed),
        "inbound_clusters" => inbound_clusters(oracle, check),
        "headless_listener" => differs(&headless_listener(config, observed), observed),
        "sds_reference" => sds_reference(oracle, check),
        "failover_priority" => failover_priority(config, check),
        other => vec![format!("no such kind of check: {other}")],
    }
}

fn differs(ours: &Value, observed: &Value) -> Vec<String> {
    if ours == observed { Vec::new() } else { vec![format!("ours {ours}, observed {observed}")] }
}

fn valid_xds(oracle: &Oracle, check: &Value) -> Vec<String> {
    let violations = valid::violations(oracle.raw(check), oracle.config(check));
    match check["observed"]["valid"].as_bool() {
        Some(true) => violations,
        Some(false) if violations.is_empty() => vec!["nothing is found wrong".to_owned()],
        Some(false) => Vec::new(),
        // Nothing is demanded; but where two Gateways have one server, two chains are equal.
        None if check["name"].as_str().is_some_and(|name| name.contains("duplicate_tls_gateway")) => {
            let found = violations.iter().any(|one| one.contains("two chains match"));
            if found { Vec::new() } else { vec!["the equal chains are not found".to_owned()] }
        }
        None => Vec::new(),
    }
}

fn virtual_hosts(config: &ProxyConfig, observed: &Value) -> Value {
    let name = observed["route_config"].as_str().expect("a name");
    let clusters_by_domain = |routes: &std::sync::Arc<RouteConfig>| {
        let mut domains = Map::new();
        for host in &routes.virtual_hosts {
            let clusters: BTreeSet<&str> = host
                .routes
                .iter()
                .filter_map(|route| match &route.action {
                    Action::Forward(forward) => match &forward.clusters[..] {
                        [only] => Some(&*only.cluster),
                        _ => None,
                    },
                    _ => None,
                })
                .collect();
            for domain in &host.domains {
                domains.insert(domain.to_string(), json!(clusters));
            }
        }
        domains
    };
    json!({"route_config": name, "domains": config.routes.get(name).map(clusters_by_domain)})
}

fn inbound_clusters(oracle: &Oracle, check: &Value) -> Vec<String> {
    let read = oracle.config(check);
    let mut clusters: Map<String, Value> = Map::new();
    for (name, cluster) in read.config.clusters.iter().filter(|(name, _)| name.starts_with("inbound")) {
        clusters.insert(name.to_string(), shown(cluster, read.config.endpoints.get(name).map(|all| &**all)));
    }
    let mut observed = check["observed"].clone();
    // A socket file is no address for the model; the error says so.
    let refused = "cluster inbound|80||: loadAssignment.endpoints[0].lbEndpoints[0].endpoint.address";
    if observed["clusters"]["inbound|80||"]["endpoints"] == json!(["/socket"]) {
        let removed = observed["clusters"].as_object_mut().and_then(|all| all.remove("inbound|80||"));
        let told = read.errors.iter().any(|error| error.path == refused && error.found.contains("/socket"));
        if removed.is_none() || !told {
            return vec![format!("the socket file is not refused: {:?}", read.errors)];
        }
    }
    differs(&json!({ "clusters": clusters }), &observed)
}

fn shown(cluster: &Cluster, endpoints: Option<&Endpoints>) -> Value {
    let addresses: Vec<String> = endpoints.map_or(Vec::new(), |endpoints| {
        endpoints
            .endpoints
            .iter()
            .map(|endpoint| match &endpoint.address {
                Address::Socket(address) => address.to_string(),
                Address::Dns(name, port) => format!("{name}:{port}"),
            })
            .collect()
    });
    let hosts: Vec<String> = cluster.origins.iter().map(|origin| origin.name.to_string()).collect();
    json!({"endpoints": addresses, "services": hosts})
}

fn headless_listener(config: &ProxyConfig, observed: &Value) -> Value {
    let port = observed["port"].as_u64().expect("a port");
    let count = config.listeners.values().filter(|listener| u64::from(listener.address.port()) == port).count();
    let mut ours = json!({"port": port, "listeners_on_port_min": count, "listeners_on_port_max": count});
    if let Some(name) = observed["listener"].as_str() {
        let listener = &config.listeners[name];
        let by_range: Vec<_> = listener.chains.iter().filter(|chain| !chain.matcher.prefix_ranges.is_empty()).collect();
        let lengths: BTreeSet<u8> =
            by_range.iter().flat_map(|chain| &chain.matcher.prefix_ranges).map(|range| range.prefix_len()).collect();
        ours["listener"] = name.into();
        ours["cidr_filter_chains"] = by_range.len().into();
        ours["cidr_prefix_len"] = if lengths.len() == 1 { json!(lengths.first()) } else { json!(lengths) };
        ours["default_filter_chain"] = listener.default_chain.is_some().into();
        // The model has no such tree; the reader would have told of one.
        ours["filter_chain_matcher"] = false.into();
    }
    ours
}

/// The name is in the model. That another service than the agent has it is told as unsupported.
fn sds_reference(oracle: &Oracle, check: &Value) -> Vec<String> {
    let (read, observed) = (oracle.config(check), &check["observed"]);
    let name = observed["listener"].as_str().expect("a name");
    let tls = read.config.listeners.get(name).and_then(|listener| listener.chains.first()?.tls.as_ref());
    let secret = tls.and_then(|tls| tls.certificates.first()).map(|name| name.to_string());
    let mut problems = differs(&json!(secret), &observed["secret_name"]);
    let path = format!(
        "listener {name}: filterChains[0].transportSocket.typedConfig.commonTlsContext.\
         tlsCertificateSdsSecretConfigs[0].sdsConfig"
    );
    if !read.unsupported.iter().any(|one| one.path == path) {
        problems.push(format!("{path} is not told as unsupported"));
    }
    problems
}

fn failover_priority(config: &ProxyConfig, check: &Value) -> Vec<String> {
    let (expected, observed) = (&check["expected"], &check["observed"]);
    let name = expected["cluster"].as_str().expect("a name");
    let mut problems = Vec::new();
    if config.clusters.get(name).map(|cluster| cluster.discovery) != Some(Discovery::StrictDns) {
        problems.push("the cluster is not STRICT_DNS".to_owned());
    }
    let before = config.endpoints.get(name).map_or(0, |endpoints| endpoints.endpoints.len());
    problems.extend(differs(&before.into(), &expected["endpoints_before"]));
    for (field, priorities) in [("load_assignment_before", false), ("load_assignment_after", true)] {
        let read = match load_assignment::read(&observed[field], false) {
            Ok(read) => read.value.1,
            Err(error) => return vec![error.to_string()],
        };
        let groups: BTreeSet<_> = read.endpoints.iter().map(|one| (one.priority, one.locality.clone())).collect();
        let count = if priorities { "locality_groups_after" } else { "locality_groups_before" };
        problems.extend(differs(&groups.len().into(), &expected[count]));
        if priorities {
            let found: Map<String, Value> = (read.endpoints.iter())
                .filter_map(|endpoint| match &endpoint.address {
                    Address::Dns(host, _) => Some((host.to_string(), endpoint.priority.into())),
                    Address::Socket(_) => None,
                })
                .collect();
            problems.extend(differs(&found.into(), &expected["priorities"]));
        }
    }
    problems
}
