//! Proxies that are processes of their own: gateways, and sidecars beside workloads.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use super::site::{Program, Site, User};
use super::{API_ADDRESS, DISCOVERY_PORT};

/// The user that proxies run as, whose connections the redirect rules leave alone.
pub const USER: u32 = 1337;
/// Around the sidecars: the control plane, its API and the DNS server.
const AROUND: &str = "10.10.0.0/24";
const EXCLUDED: &str = "traffic.sidecar.istio.io/excludeOutboundIPRanges";

/// What a proxy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// At the edge of the mesh.
    Gateway,
    /// Beside a workload.
    Sidecar,
}

/// A proxy in a namespace of its own, or beside its workload.
#[derive(Debug, Clone, PartialEq)]
pub struct Proxy {
    /// Its name, which is also that of its pod, its service account and its network namespace.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Its address.
    pub address: Ipv4Addr,
    /// The Kubernetes namespace.
    pub namespace: &'static str,
    /// Labels of its pod.
    pub labels: BTreeMap<String, String>,
    /// Annotations of its pod.
    pub annotations: BTreeMap<String, String>,
}

impl Proxy {
    /// The command that captures the traffic of its namespace, run by root there; none for a gateway.
    #[must_use]
    pub fn capture(&self, site: &Site) -> Option<Vec<String>> {
        if self.role == Role::Gateway {
            return None;
        }
        let excluded: Vec<_> = [AROUND].into_iter().chain(self.annotations.get(EXCLUDED).map(String::as_str)).collect();
        let mut command = vec![site.meridian.display().to_string(), "redirect".to_owned(), "apply".to_owned()];
        for (name, value) in self.annotations.iter().filter(|(name, _)| name.contains("istio.io/")) {
            command.extend(["--annotations".to_owned(), format!("{name}={value}")]);
        }
        // Options go before annotations, so this one repeats what the annotation says.
        command.extend(["-x".to_owned(), excluded.join(",")]);
        Some(command)
    }
}

/// Where the files of a proxy lie.
#[derive(Debug, Clone, PartialEq)]
pub struct ProxyFiles {
    /// What it knows of an earlier life.
    pub state: PathBuf,
    /// The token of its service account.
    pub token: PathBuf,
    /// The root certificate of the mesh.
    pub root: PathBuf,
}

impl Site {
    /// Where the files of proxy `name` lie.
    #[must_use]
    pub fn proxy_files(&self, name: &str) -> ProxyFiles {
        let folder = self.folder.join(format!("proxy-{name}"));
        ProxyFiles {
            state: folder.join("state"),
            token: folder.join("istio-token"),
            root: folder.join("root-cert.pem"),
        }
    }

    /// The process of a proxy: Meridian's own, or a stock Envoy where the site has one.
    #[must_use]
    pub fn proxy(&self, proxy: &Proxy) -> Program {
        if let Some(envoy) = &self.envoy {
            return self.envoy(proxy, envoy);
        }
        let files = self.proxy_files(&proxy.name);
        let labels: Vec<_> = proxy.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let word = match proxy.role {
            Role::Gateway => "gateway",
            Role::Sidecar => "sidecar",
        };
        let command = [
            self.meridian.display().to_string(),
            word.to_owned(),
            "--name".to_owned(),
            proxy.name.clone(),
            "--namespace".to_owned(),
            proxy.namespace.to_owned(),
            "--service-account".to_owned(),
            proxy.name.clone(),
            "--ip".to_owned(),
            proxy.address.to_string(),
            "--labels".to_owned(),
            labels.join(","),
            "--discovery".to_owned(),
            format!("{API_ADDRESS}:{DISCOVERY_PORT}"),
            "--token-file".to_owned(),
            files.token.display().to_string(),
            "--root-cert".to_owned(),
            files.root.display().to_string(),
            "--state".to_owned(),
            files.state.display().to_string(),
            "--threads".to_owned(),
            "1".to_owned(),
        ];
        Program {
            name: format!("proxy-{}", proxy.name),
            space: proxy.name.clone(),
            command: command.to_vec(),
            listens: Vec::new(),
            user: Some(User(USER)),
            output: Some(self.access_log(&proxy.name)),
        }
    }
}
