//! One gateway of `meridian up`: a proxy, and the feed that brings its configurations.

use super::args::{GatewayPlan, UpArgs};
use crate::proxy_status::{Acknowledged, Progress};
use anyhow::Context;
use meridian_control::{ProxyFeed, standalone};
use meridian_ir::ProxyConfig;
use meridian_proxy::{Proxy, ProxyHandle, ProxyOptions};
use meridian_translate::ProxyNode;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// A gateway that runs.
pub(super) struct Gateway {
    pub(super) plan: GatewayPlan,
    handle: ProxyHandle,
    configs: watch::Receiver<Arc<ProxyConfig>>,
    /// What it runs.
    acknowledged: watch::Sender<Option<Acknowledged>>,
}

/// Starts the proxy of a gateway. It listens nowhere but on its own endpoints until its first configuration.
pub(super) fn start(plan: GatewayPlan, args: &UpArgs) -> anyhow::Result<(Gateway, ProxyFeed)> {
    let identity = plan.identity();
    let mut options = ProxyOptions::new(&plan.name);
    if let Some(threads) = args.threads {
        options.threads = threads.into();
    }
    options.address = Some(plan.address);
    options.admin = Some(plan.admin);
    options.readiness = Some(plan.readiness);
    options.metrics = Some(plan.metrics);
    options.access_log_file = args.access_logs.as_ref().map(|dir| dir.join(format!("{}.log", plan.name)));
    options.drain_time = args.drain_time;
    options.metric_labels = metric_labels(&identity);
    options.config_dump = Arc::new(meridian_xds::config_dump);
    let handle = Proxy::start(options).with_context(|| format!("gateway {}", plan.name))?;

    let node = ProxyNode {
        ip_addresses: vec![identity.reachable()],
        ..ProxyNode::gateway(plan.name.as_str(), standalone::NAMESPACE, identity.labels())
    };
    let (sender, configs) = watch::channel(Arc::new(ProxyConfig::default()));
    let (acknowledged, _) = watch::channel(None);
    Ok((Gateway { plan, handle, configs, acknowledged }, ProxyFeed { node, sender }))
}

fn metric_labels(gateway: &standalone::Gateway) -> Vec<(String, String)> {
    let workload = gateway.service();
    [
        ("source_workload", workload.as_str()),
        ("source_workload_namespace", standalone::NAMESPACE),
        ("source_app", workload.as_str()),
        ("source_canonical_service", workload.as_str()),
    ]
    .map(|(label, value)| (label.to_owned(), value.to_owned()))
    .to_vec()
}

impl Gateway {
    /// How far it is, for the control plane's debug endpoint.
    pub(super) fn progress(&self) -> Progress {
        Progress {
            proxy: format!("{}.{}", self.plan.name, standalone::NAMESPACE),
            wanted: self.configs.clone(),
            acknowledged: self.acknowledged.subscribe(),
        }
    }

    /// Runs every configuration that comes, until the control plane is gone or `stop` is told; then drains. Drops
    /// `ready` when the first one runs.
    pub(super) async fn run(
        mut self,
        stop: &mut watch::Receiver<bool>,
        drain: std::time::Duration,
        ready: mpsc::Sender<Infallible>,
    ) {
        let mut ready = Some(ready);
        let mut reported: Vec<String> = Vec::new();
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                changed = self.configs.changed() => {
                    if changed.is_err() {
                        break;
                    }
                }
            }
            let config = self.configs.borrow_and_update().clone();
            let Ok(applied) = self.handle.apply(config.clone()).await else { break };
            let listens = applied.listener_errors.is_empty();
            self.acknowledged.send_replace(Some(Acknowledged { config, listens }));
            ready.take();
            let errors: Vec<String> = applied.listener_errors.iter().map(ToString::to_string).collect();
            for error in errors.iter().filter(|error| !reported.contains(error)) {
                tracing::error!(gateway = self.plan.name, "{error}");
            }
            reported = errors;
        }
        self.handle.drain_and_stop(drain).await;
    }
}
