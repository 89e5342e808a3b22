//! Proxies that are stock Envoys, driven by the control plane as Meridian's own are.

use std::path::Path;

use super::proxies::{Proxy, Role, USER};
use super::site::{Program, Site, User};
use super::{API_ADDRESS, DISCOVERY_PORT};

/// One worker, no chatter, access logs that are written before a check reads them, and no waiting for old listeners.
const OPTIONS: [&str; 8] =
    ["--concurrency", "1", "--log-level", "warning", "--file-flush-interval-msec", "50", "--drain-time-s", "1"];

impl Site {
    /// The process of a proxy: `envoy`, with what `meridian envoy-bootstrap` writes and serves beside it.
    pub(super) fn envoy(&self, proxy: &Proxy, envoy: &Path) -> Program {
        let files = self.proxy_files(&proxy.name);
        let labels: Vec<_> = proxy.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let text = |path: &Path| path.display().to_string();
        let proxy_type = match proxy.role {
            Role::Gateway => "router",
            Role::Sidecar => "sidecar",
        };
        let mut command = vec![text(&self.meridian), "envoy-bootstrap".to_owned()];
        for (option, value) in [
            ("--type", proxy_type.to_owned()),
            ("--name", proxy.name.clone()),
            ("--namespace", proxy.namespace.to_owned()),
            ("--service-account", proxy.name.clone()),
            ("--ip", proxy.address.to_string()),
            ("--labels", labels.join(",")),
            ("--discovery", format!("{API_ADDRESS}:{DISCOVERY_PORT}")),
            ("--token-file", text(&files.token)),
            ("--root-cert", text(&files.root)),
            ("--out", text(&files.state)),
            ("--run", text(envoy)),
        ] {
            command.extend([option.to_owned(), value]);
        }
        command.push("--".to_owned());
        command.extend(OPTIONS.map(str::to_owned));
        Program {
            name: format!("proxy-{}", proxy.name),
            space: proxy.name.clone(),
            command,
            listens: Vec::new(),
            user: Some(User(USER)),
            output: Some(self.access_log(&proxy.name)),
        }
    }
}
