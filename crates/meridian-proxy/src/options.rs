//! What the binary decides about a proxy before it starts.

use crate::dns_proxy::DnsOptions;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Shows a configuration as Envoy's `/config_dump` does. Supplied by the binary, so that the data plane does not need
/// to know Envoy's JSON.
pub type ConfigDump = Arc<dyn Fn(&meridian_ir::ProxyConfig) -> serde_json::Value + Send + Sync>;

/// Settings of one proxy, fixed for its life.
#[derive(Clone)]
pub struct ProxyOptions {
    /// The proxy's name in logs and in `/server_info`, for example `ingressgateway`.
    pub name: String,
    /// Number of worker threads; each has its own listeners, pools and counters. At least 1.
    pub threads: usize,
    /// The address that listeners on all addresses (`0.0.0.0_8080`) bind to: several proxies that share one network
    /// have one each, as pods have. `None`: all addresses.
    pub address: Option<IpAddr>,
    /// Where the admin endpoint listens; `None`: nowhere. Istio: 127.0.0.1:15000.
    pub admin: Option<SocketAddr>,
    /// Where `/healthz/ready` listens; `None`: nowhere. Istio: port 15021.
    pub readiness: Option<SocketAddr>,
    /// Where `/stats/prometheus` listens; `None`: nowhere. Istio: port 15090.
    pub metrics: Option<SocketAddr>,
    /// How it answers questions for names; `None`: not at all.
    pub dns: Option<DnsOptions>,
    /// Access logs for `/dev/stdout` are written to this file instead.
    pub access_log_file: Option<PathBuf>,
    /// How long a listener that went away lets its connections finish (Istio's `terminationDrainDuration`: 5 s for the
    /// proxy, 45 s for a listener).
    pub drain_time: Duration,
    /// The proxy's id in the mesh, such as `sidecar~10.0.0.1~sleep.default~default.svc.cluster.local`; with it, and with
    /// `metric_labels`, it tells proxies of the mesh who it is (`x-envoy-peer-metadata`). `None`: it tells nobody.
    pub node_id: Option<String>,
    /// Labels that every Istio metric carries: `source_workload`, `source_workload_namespace`, `source_app`, ...
    pub metric_labels: Vec<(String, String)>,
    /// See [`ConfigDump`].
    pub config_dump: ConfigDump,
}

impl ProxyOptions {
    /// Istio's ports on loopback, one thread per core, and a config dump that shows nothing but the version.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        let loopback = |port| Some(SocketAddr::from(([127, 0, 0, 1], port)));
        Self {
            name: name.into(),
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            address: None,
            admin: loopback(15000),
            readiness: loopback(15021),
            metrics: loopback(15090),
            dns: None,
            access_log_file: None,
            drain_time: Duration::from_secs(45),
            node_id: None,
            metric_labels: Vec::new(),
            config_dump: Arc::new(|config| serde_json::json!({ "version_info": config.version.to_string() })),
        }
    }
}

impl ProxyOptions {
    /// Where a listener's address is bound.
    pub(crate) fn bind(&self, mut listener: SocketAddr) -> SocketAddr {
        if let Some(address) = self.address
            && listener.ip().is_unspecified()
        {
            listener.set_ip(address);
        }
        listener
    }
}

impl fmt::Debug for ProxyOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyOptions")
            .field("name", &self.name)
            .field("threads", &self.threads)
            .field("address", &self.address)
            .field("admin", &self.admin)
            .field("readiness", &self.readiness)
            .field("metrics", &self.metrics)
            .field("dns", &self.dns)
            .field("access_log_file", &self.access_log_file)
            .field("drain_time", &self.drain_time)
            .field("node_id", &self.node_id)
            .field("metric_labels", &self.metric_labels)
            .finish_non_exhaustive()
    }
}
