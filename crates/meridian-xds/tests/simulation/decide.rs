//! What becomes of a call, by the rules of the oracle's README and the model's own decisions.

use meridian_ir::filter_chain::{ConnectionView, Filters, Selection, is_ambiguous, select};
use meridian_ir::http::RouteSource;
use meridian_ir::request::PlainRequest;
use meridian_ir::{Action, FilterChain, HttpConnectionManager, Listener, ProxyConfig};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;

/// The fields of a result.
pub(crate) const FIELDS: [&str; 7] =
    ["error", "listener", "filter_chain", "route_config", "virtual_host", "route", "cluster"];

/// What a test asks for.
struct Call<'c>(&'c Value);

impl Call<'_> {
    fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }

    fn destination(&self) -> SocketAddr {
        let port = self.0["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
        SocketAddr::new(self.text("address").parse().expect("an address"), port)
    }

    fn is_plaintext(&self) -> bool {
        self.text("tls") == "plaintext"
    }

    fn is_http(&self) -> bool {
        matches!(self.text("protocol"), "http" | "http2")
    }

    fn host(&self) -> &str {
        self.0["headers"]["Host"][0].as_str().unwrap_or_else(|| self.text("host"))
    }
}

/// Decides a case over the configuration.
pub(crate) fn decide(config: &ProxyConfig, case: &Value) -> Value {
    let call = Call(&case["effective_call"]);
    let mut result = json!({});
    FIELDS.iter().for_each(|field| result[field] = Value::Null);
    if let Err(error) = follow(config, &call, &mut result) {
        result["error"] = error.into();
    }
    result
}

fn listener<'c>(config: &'c ProxyConfig, call: &Call<'_>) -> Option<&'c Arc<Listener>> {
    match call.text("mode") {
        "inbound" => config.listeners.get("virtualInbound"),
        _ => config.listener_for(call.destination()),
    }
}

fn chain<'c>(listener: &'c Listener, call: &Call<'_>) -> Result<Option<&'c Arc<FilterChain>>, &'static str> {
    let destination = call.destination();
    let inspectors = listener.inspectors(destination.port());
    let alpn = match (inspectors.tls, inspectors.http, call.is_plaintext()) {
        (_, true, true) if call.text("protocol") == "http" => "http/1.1",
        (_, true, true) if call.text("protocol") == "http2" => "h2c",
        (true, ..) => call.text("alpn"),
        (false, ..) => "",
    };
    let alpn: &[&[u8]] = if alpn.is_empty() { &[] } else { &[alpn.as_bytes()] };
    let connection = ConnectionView {
        destination,
        server_name: call.0["sni"].as_str(),
        transport_protocol: inspectors.transport_protocol(!call.is_plaintext()),
        application_protocols: alpn,
    };
    if is_ambiguous(listener, &connection) {
        return Err("MultipleFilterChain");
    }
    match select(listener, &connection) {
        Selection::None => Err("NoFilterChain"),
        found => Ok(found.chain()),
    }
}

fn follow(config: &ProxyConfig, call: &Call<'_>, result: &mut Value) -> Result<(), &'static str> {
    let listener = listener(config, call).ok_or("NoListener")?;
    result["listener"] = (*listener.name).into();
    let chain = chain(listener, call)?.ok_or("NoFilterChain")?;
    result["filter_chain"] = named(&chain.name);
    check_tls(chain, call)?;
    match &chain.filters {
        Filters::Http(manager) => http(config, chain, manager, call, result),
        Filters::Tcp(proxy) => {
            if let [only] = &proxy.clusters[..] {
                result["cluster"] = (*only.cluster).into();
            }
            Ok(())
        }
    }
}

fn check_tls(chain: &FilterChain, call: &Call<'_>) -> Result<(), &'static str> {
    let Some(tls) = &chain.tls else { return Ok(()) };
    if call.is_plaintext() {
        return Err("TLSError");
    }
    let mesh = call.0["mtls_secret_config_name"].as_str().unwrap_or("default");
    let is_mesh = tls.certificates.first().is_some_and(|name| **name == *mesh) && tls.client_auth.is_required();
    if is_mesh == (call.text("tls") == "mtls") { Ok(()) } else { Err("MTLSError") }
}

fn http(
    config: &ProxyConfig,
    chain: &FilterChain,
    manager: &HttpConnectionManager,
    call: &Call<'_>,
    result: &mut Value,
) -> Result<(), &'static str> {
    if !call.is_http() || (!call.is_plaintext() && chain.tls.is_none()) {
        return Err("ProtocolError");
    }
    let routes = match &manager.routes {
        RouteSource::Inline(routes) => routes,
        RouteSource::Named(name) => {
            result["route_config"] = (**name).into();
            &config.routes[name]
        }
    };
    let host = routes.virtual_host(call.host().as_bytes()).ok_or("NoVirtualHost")?;
    result["virtual_host"] = (*host.name).into();
    if host.require_tls && call.is_plaintext() {
        return Err("TLSRedirect");
    }
    let route = host.route(&PlainRequest::get(call.host(), call.text("path"))).ok_or("NoRoute")?;
    result["route"] = named(&route.name);
    if let Action::Forward(forward) = &route.action
        && let [only] = &forward.clusters[..]
    {
        result["cluster"] = (*only.cluster).into();
    }
    Ok(())
}

/// What of a case's demands on the chain's TLS does not hold.
pub(crate) fn chain_tls(config: &ProxyConfig, case: &Value) -> Option<String> {
    let demanded = case["chain_tls"].as_object()?;
    let call = Call(&case["effective_call"]);
    let tls = listener(config, &call)
        .and_then(|listener| chain(listener, &call).ok().flatten())
        .and_then(|chain| chain.tls.as_ref());
    let found = tls.map(|tls| {
        json!({
            "secret_name": tls.certificates.first().map(|name| name.to_string()),
            "require_client_certificate": tls.client_auth.is_required(),
        })
    });
    let found = found.unwrap_or_default();
    let differs = demanded.iter().any(|(field, value)| found[field] != *value);
    differs.then(|| format!("chain_tls: ours {found}, demanded {}", case["chain_tls"]))
}

fn named(name: &str) -> Value {
    if name.is_empty() { Value::Null } else { name.into() }
}
