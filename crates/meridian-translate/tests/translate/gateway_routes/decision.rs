//! What a proxy does with one request.

use crate::gateway_statuses::cluster::{Cluster, INFRA};
use meridian_ir::filter_chain::{ConnectionView, Filters, TransportProtocol, select};
use meridian_ir::http::RouteSource;
use meridian_ir::request::{PlainRequest, path_of};
use meridian_ir::{Action, ProxyConfig};
use meridian_translate::{GATEWAY_NAME_LABEL, ProxyNode};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Decision {
    /// No chain takes its connection.
    Closed,
    /// It is answered with this status.
    Answer(u16),
    /// It is answered with this status and `Location`.
    Redirect(u16, String),
    /// It goes to hosts of Services by weight, with this path and host.
    Forward { backends: Vec<(String, u32)>, path: String, host: String },
}

/// The configurations of the proxies of Gateways.
pub(crate) struct Gateways(Vec<Arc<ProxyConfig>>);

impl Gateways {
    /// Those of the proxies of these Gateways, each of which gets one.
    pub(crate) fn new(cluster: &mut Cluster, gateways: &[(&str, &str)]) -> Self {
        let mut configs = Vec::new();
        for (namespace, name) in gateways {
            let labels = BTreeMap::from([(GATEWAY_NAME_LABEL.to_owned(), (*name).to_owned())]);
            cluster.translator.add_proxy(ProxyNode::gateway("tested", *namespace, labels));
            let output = cluster.translator.translate();
            let (_, config) = output.proxies.into_iter().find(|(id, _)| **id == *"tested").unwrap();
            configs.push(config);
        }
        Self(configs)
    }

    /// Takes the proxies away.
    pub(crate) fn remove(self, cluster: &mut Cluster) {
        cluster.translator.remove_proxy("tested");
    }

    /// What becomes of a plaintext request, which goes to the port that its host names where there is a listener.
    pub(crate) fn http(&self, request: &PlainRequest) -> Decision {
        let named = request.authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        let listens = |port: &u16| self.0.iter().any(|one| one.listeners.contains_key(&*format!("0.0.0.0_{port}")));
        self.decide(named.filter(listens).unwrap_or(80), None, request)
    }

    /// What becomes of a GET on a connection with a server name.
    pub(crate) fn https(&self, server_name: &str, host: &str, path: &str) -> Decision {
        let request = PlainRequest { scheme: "https".into(), ..PlainRequest::get(host, path) };
        self.decide(443, Some(server_name), &request)
    }

    fn decide(&self, port: u16, server_name: Option<&str>, request: &PlainRequest) -> Decision {
        let found = self.0.iter().find_map(|config| {
            let listener = config.listeners.get(&*format!("0.0.0.0_{port}"))?;
            Some((config, listener))
        });
        let Some((config, listener)) = found else { return Decision::Closed };
        let connection = ConnectionView {
            destination: listener.address,
            server_name,
            transport_protocol: match server_name {
                Some(_) => TransportProtocol::Tls,
                None => TransportProtocol::RawBuffer,
            },
            application_protocols: &[],
        };
        let Some(chain) = select(listener, &connection).chain() else { return Decision::Closed };
        let Filters::Http(manager) = &chain.filters else { return Decision::Closed };
        let RouteSource::Named(name) = &manager.routes else { panic!("routes are named") };
        decide(config, name, request)
    }
}

/// What the routes of this name make of a request.
fn decide(config: &ProxyConfig, routes: &str, request: &PlainRequest) -> Decision {
    let Some(virtual_host) = config.routes[routes].virtual_host(request.authority.as_bytes()) else {
        return Decision::Answer(404);
    };
    let Some(route) = virtual_host.route(request) else { return Decision::Answer(404) };
    let mut out = Vec::new();
    match &route.action {
        Action::Direct(direct) => Decision::Answer(direct.status),
        Action::Redirect(redirect) => {
            redirect.location(request, &route.matcher.path, &mut out);
            Decision::Redirect(redirect.status, String::from_utf8(out).unwrap())
        }
        Action::Forward(forward) => {
            let path = match &forward.path_rewrite {
                None => request.path_and_query.clone(),
                Some(rewrite) => {
                    rewrite.apply(&route.matcher.path, request.path_and_query.as_bytes(), &mut out);
                    String::from_utf8(out).unwrap()
                }
            };
            let cluster = |name: &str| match config.clusters.contains_key(name) {
                true => name.rsplit('|').next().unwrap().to_owned(),
                false => forward.cluster_not_found_status.to_string(),
            };
            let clusters = forward.clusters.iter();
            let backends = clusters.map(|weighted| (cluster(&weighted.cluster), weighted.weight)).collect();
            let host = forward.host_rewrite.as_deref().unwrap_or(&request.authority).to_owned();
            Decision::Forward { backends, path, host }
        }
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Whether a case of the suite is decided as it expects.
pub(crate) fn check(gateways: &Gateways, case: &Value) -> Result<(), String> {
    let asked = &case["Request"];
    let mut request = PlainRequest::get(
        &text(&asked["Host"]).unwrap_or_else(|| "10.0.0.1".into()),
        &text(&asked["Path"]).unwrap_or_else(|| "/".into()),
    );
    request.method = text(&asked["Method"]).unwrap_or_else(|| "GET".into());
    for (name, value) in asked["Headers"].as_object().into_iter().flatten() {
        request = request.header(name, value.as_str().unwrap());
    }
    let preflight = request.method == "OPTIONS" && asked["Headers"].get("Origin").is_some();
    let decision = gateways.http(&request);
    let statuses: Vec<u64> = match (&case["Response"]["StatusCodes"], &case["Response"]["StatusCode"]) {
        (Value::Array(statuses), _) => statuses.iter().filter_map(Value::as_u64).collect(),
        (_, Value::Number(status)) => status.as_u64().into_iter().collect(),
        _ => vec![200],
    };
    let refuse = |what: &str| Err(format!("{what}, found {decision:?}"));
    match &decision {
        Decision::Closed => refuse("expected an answer"),
        Decision::Answer(status) if statuses.contains(&u64::from(*status)) => Ok(()),
        Decision::Answer(_) => refuse(&format!("expected {statuses:?}")),
        Decision::Redirect(status, location) => {
            if !statuses.contains(&u64::from(*status)) {
                return refuse(&format!("expected {statuses:?}"));
            }
            let expected = expected_location(case, &request);
            match *location == expected {
                true => Ok(()),
                false => refuse(&format!("expected {expected}")),
            }
        }
        // Preflights are answered, timeouts and retries are the data plane's.
        Decision::Forward { .. } if preflight || statuses.contains(&504) => Ok(()),
        Decision::Forward { backends, path, host } => {
            if backends.iter().all(|(backend, _)| backend.parse().is_ok_and(|status: u64| statuses.contains(&status))) {
                return Ok(());
            }
            if !statuses.contains(&200) {
                return refuse(&format!("expected {statuses:?}"));
            }
            let expected = &case["ExpectedRequest"]["Request"];
            let wanted_path = text(&expected["Path"]).unwrap_or_else(|| request.path_and_query.clone());
            let wanted_host = text(&expected["Host"]).unwrap_or_else(|| request.authority.clone());
            let same_path = path_of(wanted_path.as_bytes()) == path_of(path.as_bytes());
            if !same_path || wanted_host != *host {
                return refuse(&format!("expected {wanted_host}{wanted_path}"));
            }
            let namespace = text(&case["Namespace"]).unwrap_or_else(|| INFRA.into());
            match text(&case["Backend"]).map(|backend| format!("{backend}.{namespace}.svc.cluster.local")) {
                Some(backend) if !backends.iter().any(|(found, _)| *found == backend) => {
                    refuse(&format!("expected {backend}"))
                }
                _ => Ok(()),
            }
        }
    }
}

/// The `Location` that a case expects: what it does not say is as in the request.
fn expected_location(case: &Value, request: &PlainRequest) -> String {
    let redirected = &case["RedirectRequest"];
    let scheme = text(&redirected["Scheme"]).unwrap_or_else(|| request.scheme.clone());
    let host = text(&redirected["Host"]).unwrap_or_else(|| request.authority.clone());
    let path = text(&redirected["Path"]).unwrap_or_else(|| request.path_and_query.clone());
    match text(&redirected["Port"]) {
        Some(port) if (scheme.as_str(), port.as_str()) != ("http", "80") && port != "443" => {
            format!("{scheme}://{host}:{port}{path}")
        }
        _ => format!("{scheme}://{host}{path}"),
    }
}
