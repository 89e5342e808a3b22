//! The part of Istio's MeshConfig that translation reads.

use meridian_ir::Name;
use meridian_ir::access_log::ISTIO_DEFAULT_FORMAT;
use meridian_ir::format::Format;
use meridian_ir::http::PathNormalization;
use meridian_resources::istio::destination_rule::{LocalityLoadBalancerSetting, TcpKeepalive};
use meridian_resources::istio::virtual_service::HttpRetry;
use std::sync::Arc;
use std::time::Duration;

/// Settings for the whole mesh, under the names of Istio's MeshConfig.
#[derive(Debug, Clone, PartialEq)]
pub struct MeshConfig {
    /// Where access logs go; empty switches them off.
    pub access_log_file: Name,
    /// One line of the access log, with its newline.
    pub access_log_format: Arc<Format>,
    /// The namespace of mesh-wide settings and, by default, of gateways.
    pub root_namespace: Name,
    /// The suffix of Kubernetes services: `NAME.NAMESPACE.svc.DOMAIN`. Empty leaves out `.svc` and the domain.
    pub cluster_domain: Name,
    /// How long connecting to an endpoint may take where no DestinationRule says otherwise.
    pub connect_timeout: Duration,
    /// Whether HTTP services are spoken to in HTTP/2 where no DestinationRule says otherwise (`h2UpgradePolicy`).
    pub h2_upgrade: bool,
    /// Keep-alive of connections to endpoints where no DestinationRule says otherwise (`tcpKeepalive`).
    pub tcp_keepalive: Option<TcpKeepalive>,
    /// Preferences among localities where no DestinationRule has its own (`localityLbSetting`).
    pub locality_lb_setting: LocalityLoadBalancerSetting,
    /// Retries of VirtualServices that have no policy of their own, instead of Istio's default
    /// (`defaultHttpRetryPolicy`).
    pub default_http_retry_policy: Option<HttpRetry>,
    /// How request paths are made canonical.
    pub path_normalization: PathNormalization,
    /// How many proxies in front of a gateway are trusted to have extended `x-forwarded-for`
    /// (`gatewayTopology.numTrustedProxies`).
    pub num_trusted_proxies: u32,
    /// Whether gateways serve HTTP/1.0 (`PILOT_HTTP10`).
    pub http10: bool,
    /// Whether TLS servers offer HTTP/2 by ALPN, before HTTP/1.1, as Istio does; a data plane that does not speak it
    /// must not.
    pub downstream_http2: bool,
}

impl Default for MeshConfig {
    fn default() -> Self {
        let format = Format::parse(ISTIO_DEFAULT_FORMAT).expect("Istio's default format is a format");
        Self {
            access_log_file: "".into(),
            access_log_format: Arc::new(format),
            root_namespace: "istio-system".into(),
            cluster_domain: "cluster.local".into(),
            connect_timeout: Duration::from_secs(10),
            h2_upgrade: false,
            tcp_keepalive: None,
            locality_lb_setting: LocalityLoadBalancerSetting::default(),
            default_http_retry_policy: None,
            path_normalization: PathNormalization::Base,
            num_trusted_proxies: 0,
            http10: false,
            downstream_http2: true,
        }
    }
}

impl MeshConfig {
    /// The host name of a Kubernetes Service.
    pub(crate) fn service_host(&self, name: &str, namespace: &str) -> String {
        if self.cluster_domain.is_empty() {
            format!("{name}.{namespace}")
        } else {
            format!("{name}.{namespace}.svc.{}", self.cluster_domain)
        }
    }

    /// A host as an object of `namespace` means it: a name without dots is a Service of that namespace
    /// (Istio's `ResolveShortnameToFQDN`). Always lowercase.
    pub(crate) fn resolve_host(&self, host: &str, namespace: &str) -> String {
        let short = !host.is_empty() && !host.contains('.') && host != "*" && host.parse::<std::net::IpAddr>().is_err();
        let resolved = if short { self.service_host(host, namespace) } else { host.to_owned() };
        resolved.to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_services_of_the_own_namespace() {
        let mesh = MeshConfig::default();
        for (host, resolved) in [
            ("httpbin", "httpbin.default.svc.cluster.local"),
            ("httpbin.other", "httpbin.other"),
            ("api.example.com", "api.example.com"),
            ("API.Example.com", "api.example.com"),
            ("*", "*"),
            ("*.example.com", "*.example.com"),
            ("2001:db8::1", "2001:db8::1"),
            ("10.0.0.1", "10.0.0.1"),
            ("", ""),
        ] {
            assert_eq!(mesh.resolve_host(host, "default"), resolved);
        }
        let without = MeshConfig { cluster_domain: "".into(), ..mesh };
        assert_eq!(without.resolve_host("b", "default"), "b.default");
    }
}
