//! `/stats` and `/stats/prometheus`

use super::certs::days_left;
use super::page::{Page, Query, regex};
use super::{Context, server_info};
use crate::control::State;
use crate::stats::{Filter, Sample, Value, json, prometheus, text};
use meridian_tls::certificate::first_of_pem;
use std::sync::atomic::Ordering;

pub(super) fn page(context: &Context, query: &Query) -> Page {
    let filter = match filter(query) {
        Ok(filter) => filter,
        Err(page) => return page,
    };
    let samples = samples(context);
    match query.get("format") {
        None | Some("text" | "") => Page::text(text(&samples, &filter)),
        Some("json") => Page::json(&json(&samples, &filter)),
        Some("prometheus") => Page::text(prometheus(&samples, &filter)),
        Some(other) => Page::error(400, format!("format {other:?} is none of text, json, prometheus\n")),
    }
}

pub(super) fn prometheus_page(context: &Context, query: &Query) -> Page {
    match filter(query) {
        Ok(filter) => Page {
            content_type: "text/plain; version=0.0.4; charset=utf-8",
            ..Page::text(prometheus(&samples(context), &filter))
        },
        Err(page) => page,
    }
}

fn filter(query: &Query) -> Result<Filter, Page> {
    Ok(Filter { name: regex(query, "filter")?, used_only: query.has("usedonly") })
}

/// What the workers count and what the process is, by name.
fn samples(context: &Context) -> Vec<Sample> {
    let mut samples = context.shared.stats.collect();
    let mut add = |name: &str, value| {
        let prometheus = format!("envoy_{}", name.replace('.', "_"));
        samples.push(Sample { name: name.to_owned(), prometheus, labels: Vec::new(), value });
    };
    let shared = &context.shared;
    let state = shared.state();
    // Envoy's numbers: 0 live, 1 draining, 2 before the first configuration.
    let number = match state {
        State::Live => 0,
        State::Draining => 1,
        State::PreInitializing => 2,
    };
    add("server.state", Value::Gauge(number));
    add("server.live", Value::Gauge(u64::from(state == State::Live)));
    add("server.uptime", Value::Gauge(shared.started.elapsed().as_secs()));
    add("server.concurrency", Value::Gauge(shared.options.threads as u64));
    if let Some((resident, heap)) = server_info::memory_bytes() {
        add("server.memory_physical_size", Value::Gauge(resident));
        add("server.memory_heap_size", Value::Gauge(heap));
    }
    let config = shared.config.load();
    let certificates = config.secrets.values().filter_map(|secret| first_of_pem(&secret.certificate_chain));
    if let Some(days) = certificates.map(|certificate| days_left(&certificate)).min() {
        add("server.days_until_first_cert_expiring", Value::Gauge(days));
    }
    add("cluster_manager.active_clusters", Value::Gauge(config.clusters.len() as u64));
    let listeners = shared.listeners.load();
    let open = listeners.iter().filter(|listener| listener.error.is_none()).count();
    add("listener_manager.total_listeners_active", Value::Gauge(open as u64));
    add("listener_manager.listener_create_failure", Value::Gauge((listeners.len() - open) as u64));
    add("config.version", Value::Gauge(config.version));
    let logs = context.logs.counters();
    for (name, count) in [
        ("access_log_file.write_completed", &logs.lines_written),
        ("access_log_file.write_failed", &logs.lines_failed),
        ("access_log_file.write_dropped", &logs.lines_dropped),
        ("access_log_file.reopen_failed", &logs.open_failed),
    ] {
        add(name, Value::Counter(count.load(Ordering::Relaxed)));
    }
    let total = |name: &str| -> u64 {
        let values =
            samples.iter().filter(|sample| sample.name.starts_with("listener.") && sample.name.ends_with(name));
        values.map(|sample| if let Value::Gauge(value) = sample.value { value } else { 0 }).sum()
    };
    let connections = total(".downstream_cx_active");
    samples.push(Sample {
        name: "server.total_connections".to_owned(),
        prometheus: "envoy_server_total_connections".to_owned(),
        labels: Vec::new(),
        value: Value::Gauge(connections),
    });
    samples.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
    samples
}
