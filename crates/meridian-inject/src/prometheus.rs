//! Metrics of the workload beside those of its sidecar: the pod's annotations lead to the sidecar, which scrapes the workload.

use crate::inject::Problem;
use crate::{PROXY_CONTAINER, pod};
use serde_json::{Value, json};

/// The environment variable that says where the workload's metrics are.
pub(crate) const VARIABLE: &str = "ISTIO_PROMETHEUS_ANNOTATIONS";

/// Ports that are the proxy's own.
const RESERVED: [u16; 10] = [15000, 15001, 15004, 15006, 15008, 15009, 15020, 15021, 15053, 15090];

/// An annotation's name as Prometheus writes it in labels, by which it is known: `prometheus.io/port` and
/// `prometheus.io.port` are the same.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// Takes the annotations of the workload away, keeps them in the proxy's environment and sets the proxy's instead.
///
/// # Errors
/// A port that is none, or that of the proxy.
pub(crate) fn merge(target: &mut Value, status_port: u16) -> Result<(), Problem> {
    let found = |name: &str| {
        let known = pod::annotations(target).find(|(known, _)| plain(known) == name);
        known.map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let scrape = found("prometheus_io_scrape");
    if status_port == 0 || scrape.as_ref().is_some_and(|(_, value)| matches!(value.as_str(), "false" | "0" | "f")) {
        return Ok(());
    }
    let (port, path) = (found("prometheus_io_port"), found("prometheus_io_path"));
    let own = status_port.to_string();
    if port.as_ref().is_some_and(|(_, port)| *port == own) {
        return Ok(());
    }
    let mut settings = json!({});
    for (field, found) in [("scrape", &scrape), ("port", &port), ("path", &path)] {
        if let Some((_, value)) = found {
            settings[field] = value.as_str().into();
        }
    }
    if let Some((name, value)) = &port {
        let is_free = |port: &u16| *port != 0 && !RESERVED.contains(port);
        if value.parse().ok().filter(is_free).is_none() {
            let allowed = "a port from 1 to 65535 that is none of the proxy's own";
            return Err(Problem::annotation(name, format!("found {value:?}, allowed: {allowed}")));
        }
    }
    let targets = found("prometheus_istio_io_scrape_targets");
    if let Some((name, value)) = &targets {
        settings["targets"] = read_targets(value).ok_or_else(|| {
            let allowed = "PORT or PORT:PATH with ports that are none of the proxy's own, separated by commas";
            Problem::annotation(name, format!("found {value:?}, allowed: {allowed}"))
        })?;
    }
    if settings != json!({})
        && let Some(proxy) = pod::container_mut(target, PROXY_CONTAINER)
    {
        pod::items(proxy, "env").push(json!({"name": VARIABLE, "value": settings.to_string()}));
    }
    let annotations = pod::annotations_mut(target);
    for (name, _) in [scrape, port, path, targets].into_iter().flatten() {
        annotations.remove(&name);
    }
    annotations.insert("prometheus.io/port".into(), own.into());
    annotations.insert("prometheus.io/path".into(), "/stats/prometheus".into());
    annotations.insert("prometheus.io/scrape".into(), "true".into());
    Ok(())
}

/// `8080:/metrics,9090` as a list of ports and paths.
fn read_targets(text: &str) -> Option<Value> {
    let targets = text.split(',').map(str::trim).filter(|target| !target.is_empty()).map(|target| {
        let (port, path) = target.split_once(':').unwrap_or((target, ""));
        let number: u16 = port.trim().parse().ok().filter(|port| *port != 0 && !RESERVED.contains(port))?;
        let path = Some(path.trim()).filter(|path| !path.is_empty()).unwrap_or("/metrics");
        Some(json!({"port": number.to_string(), "path": path}))
    });
    let targets: Vec<Value> = targets.collect::<Option<_>>()?;
    (!targets.is_empty()).then(|| targets.into())
}

/// A gateway serves its own metrics only.
pub(crate) fn announce(target: &mut Value) {
    let is_said = pod::annotations(target).any(|(name, _)| plain(name).starts_with("prometheus_io_"));
    if !is_said {
        let annotations = pod::annotations_mut(target);
        for (name, value) in [("port", "15090"), ("path", "/stats/prometheus"), ("scrape", "true")] {
            annotations.insert(format!("prometheus.io/{name}"), value.into());
        }
    }
}
