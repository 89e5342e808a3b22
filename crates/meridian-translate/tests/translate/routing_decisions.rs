//! 7,200 routing decisions of the real Istio and Envoy, through translation and the matching functions.

use crate::shared;

use meridian_http::path::{Normalization, canonicalize};
use meridian_ir::request::{PlainRequest, RequestView};
use meridian_ir::{Action, ProxyConfig};
use meridian_translate::{MeshConfig, ProxyNode, Translator};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

#[derive(Deserialize)]
struct Oracle {
    gateway: Value,
    first: Vec<Value>,
    later: Vec<Value>,
    requests: Vec<Request>,
}

#[derive(Debug, Deserialize)]
struct Request {
    method: String,
    path: String,
    host: String,
    headers: Vec<(String, String)>,
    answer: (u16, String),
}

fn translate(oracle: &mut Oracle) -> Arc<ProxyConfig> {
    let mut translator = Translator::new(MeshConfig::default());
    let labels = [("istio".to_owned(), "ingressgateway".to_owned())].into();
    translator.add_proxy(ProxyNode::gateway("ingressgateway", "istio-system", labels));
    translator.put(shared::resource(&oracle.gateway));
    for (objects, created) in [(&mut oracle.later, "2026-01-01T00:00:02Z"), (&mut oracle.first, "2026-01-01T00:00:00Z")]
    {
        for object in objects {
            object["metadata"]["creationTimestamp"] = created.into();
            translator.put(shared::resource(object));
        }
    }
    translator.translate().proxies.pop().expect("the proxy is new").1
}

fn answer(config: &ProxyConfig, request: &Request) -> (u16, String) {
    let mut buffer = Vec::new();
    let canonical = match canonicalize(request.path.as_bytes(), Normalization::Base, &mut buffer) {
        Ok(canonical) => canonical.of(request.path.as_bytes(), &buffer),
        Err(_) => return (400, String::new()),
    };
    let mut view = PlainRequest::get(&request.host, std::str::from_utf8(canonical).expect("paths are text"));
    view.method.clone_from(&request.method);
    view.headers.clone_from(&request.headers);
    view.headers.push(("content-length".into(), "0".into()));
    view.headers.push(("connection".into(), "close".into()));
    if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("user-agent")) {
        view.headers.push(("user-agent".into(), "check".into()));
    }
    let routes = config.routes.get("http.80").expect("port 80 is served");
    let route = routes.virtual_host(view.authority()).and_then(|host| host.route(&view));
    match route.map(|route| &route.action) {
        None => (404, String::new()),
        Some(Action::Direct(response)) if request.method == "HEAD" => (response.status, String::new()),
        Some(Action::Direct(response)) => {
            (response.status, String::from_utf8(response.body.clone()).expect("bodies are text"))
        }
        Some(other) => panic!("every route is a direct response: {other:?}"),
    }
}

#[test]
fn every_decision_agrees() {
    let Some(path) = shared::shared("oracles/routing-decisions/routing.json") else { return };
    let text = std::fs::read_to_string(path).expect("the oracle can be read");
    let mut oracle: Oracle = serde_json::from_str(&text).expect("the oracle has its form");
    let config = translate(&mut oracle);
    let wrong: Vec<_> = (oracle.requests.iter())
        .map(|request| (request, answer(&config, request)))
        .filter(|(request, answer)| request.answer != *answer)
        .collect();
    for (request, answer) in wrong.iter().take(10) {
        eprintln!("{request:?}\n  but here {answer:?}");
    }
    assert_eq!(wrong.len(), 0, "of {} requests", oracle.requests.len());
    assert!(oracle.requests.len() >= 7200);
}
