//! What Envoy is started with: who it is, where its configuration comes from, what every proxy of Istio has besides.

use meridian_grpc::Target;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::path::Path;

/// Envoy's own interface.
const ADMIN_PORT: u16 = 15000;
/// `/healthz/ready`
const READINESS_PORT: u16 = 15021;
/// `/stats/prometheus`
const STATS_PORT: u16 = 15090;

/// Clients' connections at one time; further ones are refused, so that descriptors are left for upstreams.
const MAX_DOWNSTREAM_CONNECTIONS: u32 = 65_535;
/// Of the heap, in bytes. What Envoy does about it begins at nine tenths.
const MAX_HEAP: u64 = 1 << 30;

/// The cluster of the control plane.
const XDS: &str = "xds-grpc";
/// The cluster of the process beside Envoy that gives it the identity of its workload.
const SDS: &str = "sds-grpc";

/// What of a bootstrap is not the same everywhere.
pub(super) struct Bootstrap<'b> {
    /// `envoy.config.core.v3.Node`, with the names of the JSON mapping.
    pub(super) node: Value,
    /// Where the control plane is.
    pub(super) discovery: &'b Target,
    /// How it is spoken to; `None`: without TLS.
    pub(super) tls: Option<Tls<'b>>,
    /// The socket of [`SDS`].
    pub(super) socket: &'b Path,
}

/// TLS towards the control plane.
pub(super) struct Tls<'b> {
    /// The name in its certificate.
    pub(super) server_name: &'b str,
    /// The file with the secret `default`: the workload's certificate and key.
    pub(super) certificate: &'b Path,
    /// The file with the secret `ROOTCA`: the mesh's roots.
    pub(super) roots: &'b Path,
}

impl Bootstrap<'_> {
    /// The bootstrap, as `envoy -c` takes it.
    pub(super) fn json(&self) -> Value {
        let ads = json!({"ads": {}, "initialFetchTimeout": "0s", "resourceApiVersion": "V3"});
        json!({
            "node": self.node,
            "admin": {"address": address("127.0.0.1", ADMIN_PORT)},
            "dynamicResources": {
                "ldsConfig": ads,
                "cdsConfig": ads,
                "adsConfig": {
                    "apiType": "DELTA_GRPC",
                    "transportApiVersion": "V3",
                    "setNodeOnFirstMessageOnly": true,
                    "grpcServices": [{"envoyGrpc": {"clusterName": XDS}}],
                },
            },
            "staticResources": {
                "clusters": [self.control_plane(), self.agent(), own_interface()],
                "listeners": [
                    forward("", READINESS_PORT, "/healthz/ready", "/ready"),
                    forward("", STATS_PORT, "/stats/prometheus", "/stats/prometheus"),
                ],
            },
            "statsConfig": {"useAllDefaultTags": false, "statsTags": tags()},
            "layeredRuntime": {"layers": [
                // Istio's: expressions of users may be longer than Envoy likes by itself.
                {"name": "global config", "staticLayer": {"re2.max_program_size.error_level": 32768}},
                {"name": "admin", "adminLayer": {}},
            ]},
            "overloadManager": overload_manager(),
        })
    }

    fn control_plane(&self) -> Value {
        let mut cluster = http2_cluster(XDS, address(&self.discovery.host, self.discovery.port));
        if self.discovery.host.parse::<IpAddr>().is_err() {
            cluster["type"] = "STRICT_DNS".into();
            cluster["respectDnsTtl"] = true.into();
        }
        cluster["connectTimeout"] = "10s".into();
        cluster["upstreamConnectionOptions"] = json!({"tcpKeepalive": {"keepaliveTime": 300}});
        if let Some(tls) = &self.tls {
            cluster["transportSocket"] = tls.transport_socket();
        }
        cluster
    }

    fn agent(&self) -> Value {
        http2_cluster(SDS, json!({"pipe": {"path": self.socket}}))
    }
}

impl Tls<'_> {
    fn transport_socket(&self) -> Value {
        let secret = |name: &str, path: &Path| {
            json!({
                "name": name,
                "sdsConfig": {"pathConfigSource": {"path": path}, "resourceApiVersion": "V3"},
            })
        };
        json!({
            "name": "envoy.transport_sockets.tls",
            "typedConfig": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": self.server_name,
                "commonTlsContext": {
                    "alpnProtocols": ["h2"],
                    "tlsParams": {"tlsMinimumProtocolVersion": "TLSv1_2", "tlsMaximumProtocolVersion": "TLSv1_3"},
                    "tlsCertificateSdsSecretConfigs": [secret("default", self.certificate)],
                    "combinedValidationContext": {
                        "defaultValidationContext": {"matchTypedSubjectAltNames": [
                            {"sanType": "DNS", "matcher": {"exact": self.server_name}},
                        ]},
                        "validationContextSdsSecretConfig": secret("ROOTCA", self.roots),
                    },
                },
            },
        })
    }
}

fn address(host: &str, port: u16) -> Value {
    json!({"socketAddress": {"address": host, "portValue": port}})
}

fn static_cluster(name: &str, address: Value) -> Value {
    json!({
        "name": name,
        "altStatName": format!("{name};"),
        "type": "STATIC",
        "connectTimeout": "1s",
        "loadAssignment": {
            "clusterName": name,
            "endpoints": [{"lbEndpoints": [{"endpoint": {"address": address}}]}],
        },
    })
}

fn http2_cluster(name: &str, address: Value) -> Value {
    const OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let mut cluster = static_cluster(name, address);
    cluster["typedExtensionProtocolOptions"] = json!({OPTIONS: {
        "@type": format!("type.googleapis.com/{OPTIONS}"),
        "explicitHttpConfig": {"http2ProtocolOptions": {}},
    }});
    cluster
}

fn own_interface() -> Value {
    static_cluster("prometheus_stats", address("127.0.0.1", ADMIN_PORT))
}

/// A listener that shows one path of Envoy's own interface to everyone.
fn forward(name: &str, port: u16, path: &str, own_path: &str) -> Value {
    let routes = json!([{
        "match": {"path": path},
        "route": {"cluster": "prometheus_stats", "prefixRewrite": own_path},
    }]);
    json!({
        "name": name,
        "address": address("0.0.0.0", port),
        "trafficDirection": "INBOUND",
        "ignoreGlobalConnLimit": true,
        "filterChains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typedConfig": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.\
                          HttpConnectionManager",
                "statPrefix": "agent;",
                "routeConfig": {"virtualHosts": [{"name": "backend", "domains": ["*"], "routes": routes}]},
                "httpFilters": [{
                    "name": "envoy.filters.http.router",
                    "typedConfig": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
                }],
            },
        }]}],
    })
}

/// What of a statistic's name becomes a label. Names that contain dots end with a semicolon, as Istio has them.
fn tags() -> Value {
    json!([
        {"tagName": "cluster_name", "regex": r"^cluster\.((.+?)(;)?\.)(?:\w+\.)*\w+$"},
        {"tagName": "http_conn_manager_prefix", "regex": r"^http\.((.+?)(;)?\.)\w"},
        {"tagName": "tcp_prefix", "regex": r"^tcp\.((.*?)\.)\w+?$"},
        {"tagName": "response_code", "regex": r"_rq(_(\d{3}))$"},
        {"tagName": "response_code_class", "regex": r"_rq(_(\dxx))$"},
        {"tagName": "listener_address", "regex": r"^listener\.(((?:[_.[:digit:]]*|[_\[\]aAbBcCdDeEfF[:digit:]]*))\.)"},
    ])
}

/// Memory and connections come to an end in an orderly way.
fn overload_manager() -> Value {
    let heap = |name: &str, threshold: f64| {
        json!({
            "name": name,
            "triggers": [{"name": "envoy.resource_monitors.fixed_heap", "threshold": {"value": threshold}}],
        })
    };
    json!({
        "refreshInterval": "0.250s",
        "resourceMonitors": [
            {
                "name": "envoy.resource_monitors.fixed_heap",
                "typedConfig": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
                    "maxHeapSizeBytes": MAX_HEAP.to_string(),
                },
            },
            {
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typedConfig": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.\
                              DownstreamConnectionsConfig",
                    "maxActiveDownstreamConnections": MAX_DOWNSTREAM_CONNECTIONS.to_string(),
                },
            },
        ],
        "actions": [
            heap("envoy.overload_actions.shrink_heap", 0.9),
            heap("envoy.overload_actions.stop_accepting_requests", 0.98),
        ],
    })
}
