//! The part of Istio's MeshConfig that translation reads.

mod provider;
mod read;

pub use provider::{ExtensionProvider, FileAccessLog};

use meridian_ir::Name;
use meridian_ir::access_log::{ISTIO_DEFAULT_FORMAT, LogFormat};
use meridian_ir::format::Format;
use meridian_ir::http::{ClientCertDetails, ClientCertHeader, PathNormalization};
use meridian_ir::tls::TlsVersion;
use meridian_resources::istio::destination_rule::{LocalityLoadBalancerSetting, TcpKeepalive};
use meridian_resources::istio::virtual_service::HttpRetry;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Settings for the whole mesh, under the names of Istio's MeshConfig.
#[derive(Debug, Clone, PartialEq)]
pub struct MeshConfig {
    /// Where access logs go; empty switches them off.
    pub access_log_file: Name,
    /// One line of the access log: text with its newline, or JSON (`accessLogEncoding`).
    pub access_log_format: LogFormat,
    /// Whether listeners do not log connections that no filter chain takes (`disableEnvoyListenerLog`).
    pub disable_listener_log: bool,
    /// Providers that Telemetries and AuthorizationPolicies name (`extensionProviders`), with Istio's own: `envoy`
    /// writes access logs to standard output.
    pub extension_providers: BTreeMap<Name, ExtensionProvider>,
    /// Who writes access logs where no Telemetry says so (`defaultProviders.accessLogging`).
    pub default_access_log_providers: Vec<Name>,
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
    /// What is in front of gateways, where the annotation `proxy.istio.io/config` of a gateway's Pod does not say
    /// otherwise (`defaultConfig.gatewayTopology`).
    pub gateway_topology: GatewayTopology,
    /// TLS settings of servers that leave them out.
    pub tls_defaults: TlsDefaults,
    /// The trust domain of the mesh's identities: `spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT`.
    pub trust_domain: Name,
    /// Other names of the trust domain, of peers that still have them (`trustDomainAliases`).
    pub trust_domain_aliases: Vec<Name>,
    /// Who sees objects that do not say so themselves.
    pub default_export_to: DefaultExportTo,
    /// What sidecars do with destinations that nothing names (`outboundTrafficPolicy.mode`).
    pub outbound_traffic_policy: OutboundTrafficPolicy,
    /// Whether proxies of the mesh speak mutual TLS with each other where no DestinationRule says otherwise
    /// (`enableAutoMtls`).
    pub auto_mtls: bool,
    /// Whether inbound connections go to the workload's local address instead of the one that they were going to
    /// (`inboundTrafficPolicy.mode: LOCALHOST`).
    pub inbound_to_localhost: bool,
    /// Lowest version of the mesh's mutual TLS (`meshMTLS.minProtocolVersion`).
    pub mesh_mtls_min_version: TlsVersion,
    /// Whether gateways serve HTTP/1.0 (`PILOT_HTTP10`, `defaultConfig.proxyMetadata.ISTIO_META_HTTP10`).
    pub http10: bool,
    /// Which Ingresses without a class, or with one, are served.
    pub ingress_controller_mode: IngressControllerMode,
    /// The class of Ingresses that are served, as their annotation `kubernetes.io/ingress.class` names it.
    pub ingress_class: Name,
    /// The Service of the gateways that serve Ingresses, in `istio-system`; its addresses become the Ingresses'.
    pub ingress_service: Name,
    /// The label `istio` of the gateways that serve Ingresses; empty for `ingress_service`, or for `ingressgateway`
    /// when that is Istio's own `istio-ingressgateway`.
    pub ingress_selector: Name,
}

/// `exportTo` of objects that have none; an empty list is everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DefaultExportTo {
    /// Of Services and ServiceEntries (`defaultServiceExportTo`).
    pub services: Vec<Name>,
    /// `defaultVirtualServiceExportTo`
    pub virtual_services: Vec<Name>,
    /// `defaultDestinationRuleExportTo`
    pub destination_rules: Vec<Name>,
}

/// What sidecars do with destinations that nothing names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum OutboundTrafficPolicy {
    /// They pass as they are.
    #[default]
    AllowAny,
    /// They are blocked.
    RegistryOnly,
    /// Requests go to the host that they name, resolved by the sidecar, and everything else as it is.
    AllowAnyDynamicDns,
}

/// Which Ingresses are served (Istio's `MeshConfig.IngressControllerMode`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IngressControllerMode {
    /// None.
    Off,
    /// Those that name no class, and those of STRICT.
    Default,
    /// Those that name the class, or an IngressClass of `istio.io/ingress-controller`.
    #[default]
    Strict,
}

/// What is in front of a gateway (Istio's `Topology`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayTopology {
    /// How many proxies in front of it are trusted to have extended `x-forwarded-for`.
    pub num_trusted_proxies: u32,
    /// What becomes of `x-forwarded-client-cert`; `SANITIZE_SET` by default.
    pub forward_client_cert_details: ClientCertHeader,
    /// Whether connections begin with a PROXY protocol header.
    pub proxy_protocol: bool,
}

impl Default for GatewayTopology {
    fn default() -> Self {
        Self {
            num_trusted_proxies: 0,
            forward_client_cert_details: ClientCertHeader::SanitizeSet,
            proxy_protocol: false,
        }
    }
}

impl GatewayTopology {
    /// Lays the settings of a `proxy.istio.io/config` annotation over these; what of it is not understood or has no
    /// effect is returned, a line each.
    pub(crate) fn with_annotation(&mut self, annotation: &str) -> Vec<String> {
        read::proxy_config_annotation(self, annotation)
    }

    /// What `x-forwarded-client-cert` tells, where it is written at all.
    pub(crate) fn client_cert_details(&self) -> ClientCertDetails {
        match self.forward_client_cert_details {
            ClientCertHeader::SanitizeSet | ClientCertHeader::AppendForward => {
                ClientCertDetails { subject: true, cert: true, chain: false, dns: true, uri: true }
            }
            _ => ClientCertDetails::default(),
        }
    }
}

/// TLS settings of servers and clients outside the mesh's own mutual TLS (`meshConfig.tlsDefaults`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsDefaults {
    /// Lowest version.
    pub min_version: TlsVersion,
    /// TLS 1.2 cipher suites by OpenSSL's names; empty: the library's own.
    pub cipher_suites: Vec<Name>,
}

impl Default for TlsDefaults {
    fn default() -> Self {
        Self { min_version: TlsVersion::Tls12, cipher_suites: Vec::new() }
    }
}

impl Default for MeshConfig {
    fn default() -> Self {
        let format = Format::parse(ISTIO_DEFAULT_FORMAT).expect("Istio's default format is a format");
        Self {
            access_log_file: "".into(),
            access_log_format: LogFormat::Text(Arc::new(format)),
            disable_listener_log: false,
            extension_providers: provider::built_in(),
            default_access_log_providers: Vec::new(),
            root_namespace: "istio-system".into(),
            cluster_domain: "cluster.local".into(),
            connect_timeout: Duration::from_secs(10),
            h2_upgrade: false,
            tcp_keepalive: None,
            locality_lb_setting: LocalityLoadBalancerSetting::default(),
            default_http_retry_policy: None,
            path_normalization: PathNormalization::Base,
            gateway_topology: GatewayTopology::default(),
            tls_defaults: TlsDefaults::default(),
            trust_domain: "cluster.local".into(),
            trust_domain_aliases: Vec::new(),
            default_export_to: DefaultExportTo::default(),
            outbound_traffic_policy: OutboundTrafficPolicy::AllowAny,
            auto_mtls: true,
            inbound_to_localhost: false,
            mesh_mtls_min_version: TlsVersion::Tls12,
            http10: false,
            ingress_controller_mode: IngressControllerMode::default(),
            ingress_class: "istio".into(),
            ingress_service: "istio-ingressgateway".into(),
            ingress_selector: "".into(),
        }
    }
}

/// The Service of Istio's own installation, whose pods have another label than its name.
const USUAL_SERVICE: &str = "istio-ingressgateway";
/// The label `istio` of those pods.
const USUAL_SELECTOR: &str = "ingressgateway";

impl MeshConfig {
    /// These settings with those of a MeshConfig document laid over them, and what of it is not understood or not
    /// supported, a line each; the rest counts.
    pub fn with_document(mut self, document: &Value) -> (Self, Vec<String>) {
        let problems = read::mesh_config(&mut self, document);
        (self, problems)
    }

    /// The labels of the gateways that serve Ingresses.
    pub fn ingress_gateway_selector(&self) -> BTreeMap<String, String> {
        let label = match (&*self.ingress_selector, &*self.ingress_service) {
            ("", "" | USUAL_SERVICE) => USUAL_SELECTOR,
            ("", service) => service,
            (selector, _) => selector,
        };
        [("istio".to_owned(), label.to_owned())].into()
    }

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
