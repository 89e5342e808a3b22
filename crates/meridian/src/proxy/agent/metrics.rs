//! The workload's metrics after the proxy's own, on one page.

use super::{Answer, answer, http};
use anyhow::Context;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};

/// The environment variable with the pod's annotations.
pub(super) const VARIABLE: &str = "ISTIO_PROMETHEUS_ANNOTATIONS";

/// Metrics of the workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) port: u16,
    pub(super) path: String,
}

/// Reads the variable: `scrape`, `port` and `path`, or several `targets`.
///
/// # Errors
/// It is no JSON object, or a port is none.
pub(super) fn read(text: &str) -> anyhow::Result<Vec<Target>> {
    let value: Value = serde_json::from_str(text).context("no JSON")?;
    let field = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    if field(&value, "scrape") == "false" {
        return Ok(Vec::new());
    }
    let target = |value: &Value| {
        let (port, path) = (field(value, "port"), field(value, "path"));
        let port = if port.is_empty() { "80".to_owned() } else { port };
        let port = port.parse().with_context(|| format!("found the port {port:?}, allowed: 1 to 65535"))?;
        Ok(Target { port, path: if path.is_empty() { "/metrics".to_owned() } else { path } })
    };
    match value.get("targets").and_then(Value::as_array) {
        Some(targets) if !targets.is_empty() => targets.iter().map(target).collect(),
        _ => Ok(vec![target(&value)?]),
    }
}

/// The page. What cannot be had is left out and logged: the rest still counts.
pub(super) async fn merged(own: SocketAddr, targets: &[Target]) -> Answer {
    let mut page = Vec::new();
    let add = |from: String, got: anyhow::Result<(StatusCode, bytes::Bytes)>, page: &mut Vec<u8>| match got {
        Ok((StatusCode::OK, body)) => {
            page.extend_from_slice(without_end(&body));
            if page.last().is_some_and(|last| *last != b'\n') {
                page.push(b'\n');
            }
        }
        Ok((status, _)) => tracing::warn!("metrics of {from}: answered {status}"),
        Err(error) => tracing::warn!("metrics of {from}: {error:#}"),
    };
    add("the proxy".to_owned(), http::get(own, "/stats/prometheus").await, &mut page);
    for Target { port, path } in targets {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
        add(format!("the workload at {port}{path}"), http::get(address, path).await, &mut page);
    }
    let mut page = answer(StatusCode::OK, page);
    page.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    page
}

/// A page of OpenMetrics ends with a mark, after which nothing may come.
fn without_end(page: &[u8]) -> &[u8] {
    page.strip_suffix(b"# EOF\n").or_else(|| page.strip_suffix(b"# EOF")).unwrap_or(page)
}
