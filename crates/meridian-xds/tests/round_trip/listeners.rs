//! Strategies for listeners.

use crate::access::rbac;
use crate::routes::route_config;
use crate::text::{format, lowercase, name, names, origin, string_match, time};
use ipnet::IpNet;
use meridian_ir::access_log::{JsonFormat, LogFormat};
use meridian_ir::filter_chain::{ChainMatch, Filters, ServerName, TransportProtocol};
use meridian_ir::http::{
    ClientCertDetails, ClientCertHeader, PathNormalization, RouteFilters, RouteSource, ServerHeader,
};
use meridian_ir::listener::{Capture, Direction};
use meridian_ir::tcp::WeightedName;
use meridian_ir::tls::{ClientAuth, DownstreamTls, PeerValidation, TlsVersion};
use meridian_ir::{AccessLog, FilterChain, HttpConnectionManager, Listener, Name, PortMatch, TcpProxy, UdpProxy};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

fn address() -> impl Strategy<Value = SocketAddr> {
    (any::<IpAddr>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port))
}

/// Combined conditions hold no condition that says nothing.
fn port_match() -> BoxedStrategy<PortMatch> {
    let leaf = prop_oneof![
        Just(PortMatch::Any),
        (0..65536u32, 0..=65536u32).prop_map(|(start, end)| PortMatch::Range { start, end }),
    ];
    let combined = leaf.prop_recursive(3, 12, 3, |inner| {
        let negated = inner.clone().prop_filter("none is all but any", |one| *one != PortMatch::Any);
        prop_oneof![
            negated.prop_map(|one| PortMatch::Not(Box::new(one))),
            vec(inner.clone(), 0..3).prop_map(PortMatch::Or),
            vec(inner, 0..3).prop_map(PortMatch::And),
        ]
    });
    prop_oneof![Just(PortMatch::None), combined].boxed()
}

pub(crate) fn listener() -> BoxedStrategy<Listener> {
    let addresses = (address(), vec(address(), 0..2));
    let flags = any::<(bool, bool, bool, bool, bool, bool)>();
    let chain = || chain().prop_map(Arc::new);
    let parts = (
        name(),
        addresses,
        flags,
        select(vec![Direction::Outbound, Direction::Inbound]),
        (port_match(), port_match()),
        vec(chain(), 0..3),
        of(chain()),
        vec(access_log(), 0..2),
        (of(prop_oneof![Just(Duration::ZERO), time()]), any::<bool>(), of(udp_proxy().prop_map(Arc::new))),
    );
    parts
        .prop_map(
            |(name, (address, additional_addresses), flags, direction, ports, chains, default_chain, log, wait)| {
                let (bind_to_port, proxy_protocol, tls_inspector, http_inspector, original_dst, hand_over) = flags;
                // Without an inspector there is nothing to leave out.
                let of = |inspector: bool, ports: PortMatch| if inspector { ports } else { PortMatch::None };
                Listener {
                    name,
                    address,
                    additional_addresses,
                    bind_to_port,
                    direction,
                    proxy_protocol,
                    tls_inspector,
                    http_inspector,
                    capture: Capture {
                        original_dst,
                        hand_over,
                        tls_inspector_disabled: of(tls_inspector, ports.0),
                        http_inspector_disabled: of(http_inspector, ports.1),
                    },
                    chains,
                    default_chain,
                    access_log: log,
                    origins: Vec::new(),
                    inspect_timeout: wait.0,
                    continue_on_inspect_timeout: wait.1,
                    udp: wait.2,
                }
            },
        )
        .boxed()
}

fn json_format() -> BoxedStrategy<JsonFormat> {
    let leaf = prop_oneof![
        format().prop_map(JsonFormat::String),
        select(vec!["0", "-7", "1.5"]).prop_map(|number| JsonFormat::Number(number.into())),
        any::<bool>().prop_map(JsonFormat::Bool),
        Just(JsonFormat::Null),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(JsonFormat::Array),
            btree_map(name(), inner, 0..3).prop_map(|members| JsonFormat::Object(members.into_iter().collect())),
        ]
    })
    .boxed()
}

fn access_log() -> BoxedStrategy<AccessLog> {
    let text = format().prop_map(|format| LogFormat::Text(Arc::new(format)));
    let json = btree_map(name(), json_format(), 0..3)
        .prop_map(|members| LogFormat::Json(Arc::new(JsonFormat::Object(members.into_iter().collect()))));
    let filter = select(vec![None, Some("response.code >= 400"), Some("'x' in request.headers || connection.mtls")]);
    (name(), prop_oneof![text, json], filter)
        .prop_map(|(path, format, filter)| {
            let filter = filter.map(|text| meridian_cel::Expression::parse(text).expect("an expression"));
            AccessLog { path, format, filter }
        })
        .boxed()
}

fn server_name() -> impl Strategy<Value = ServerName> {
    prop_oneof![
        lowercase().prop_map(ServerName::Exact),
        lowercase().prop_map(|name| ServerName::Suffix(format!(".{name}").into())),
    ]
}

fn chain_match() -> BoxedStrategy<ChainMatch> {
    let range = (any::<IpAddr>(), 0..=32u8).prop_map(|(ip, length)| IpNet::new(ip, length).expect("short enough"));
    let transport = of(select(vec![TransportProtocol::RawBuffer, TransportProtocol::Tls]));
    (of(any::<u16>()), vec(range, 0..3), vec(server_name(), 0..3), transport, names())
        .prop_map(|(destination_port, prefix_ranges, server_names, transport_protocol, application_protocols)| {
            ChainMatch { destination_port, prefix_ranges, server_names, transport_protocol, application_protocols }
        })
        .boxed()
}

fn chain() -> BoxedStrategy<FilterChain> {
    let filters = prop_oneof![
        manager().prop_map(|manager| Filters::Http(Arc::new(manager))),
        tcp_proxy().prop_map(|proxy| Filters::Tcp(Arc::new(proxy))),
    ];
    let name = prop_oneof![Just("".into()), name()];
    (name, chain_match(), of(tls()), filters, of(origin(vec!["VirtualService", "Sidecar"])))
        .prop_map(|(name, matcher, tls, filters, origin)| FilterChain {
            name,
            matcher,
            tls: tls.map(Arc::new),
            filters,
            origin,
        })
        .boxed()
}

/// Names of secrets of every origin.
pub(crate) fn secret() -> impl Strategy<Value = Name> {
    let known = vec!["default", "ROOTCA", "file-root:system", "file-cert:/a.pem~/b.pem", "kubernetes://a", "other"];
    select(known).prop_map(Name::from)
}

pub(crate) fn versions() -> impl Strategy<Value = (TlsVersion, TlsVersion)> {
    let version = || select(vec![TlsVersion::Tls12, TlsVersion::Tls13]);
    (version(), version())
}

pub(crate) fn validation() -> BoxedStrategy<PeerValidation> {
    let hash = || vec(any::<[u8; 32]>(), 0..2);
    (of(secret()), of(name()), vec(string_match(), 0..3), hash(), hash())
        .prop_map(|(authority, crl_file, subject_alt_names, spki, hashes)| PeerValidation {
            authority,
            crl_file,
            subject_alt_names,
            spki,
            hashes,
            accept_untrusted: false,
        })
        .boxed()
}

fn tls() -> BoxedStrategy<DownstreamTls> {
    let client_auth = prop_oneof![
        Just(ClientAuth::None),
        validation().prop_map(ClientAuth::Optional),
        validation().prop_map(ClientAuth::Required),
        Just(ClientAuth::Optional(PeerValidation::default())),
        validation().prop_map(|validation| ClientAuth::Optional(PeerValidation {
            authority: Some("kubernetes://fallback-cacert".into()),
            accept_untrusted: true,
            ..validation
        })),
    ];
    (vec(secret(), 0..3), client_auth, names(), versions(), names())
        .prop_map(|(certificates, client_auth, alpn, (min_version, max_version), cipher_suites)| DownstreamTls {
            certificates,
            client_auth,
            alpn,
            min_version,
            max_version,
            cipher_suites,
        })
        .boxed()
}

fn tcp_proxy() -> BoxedStrategy<TcpProxy> {
    let weighted = (name(), 1..1000u32).prop_map(|(cluster, weight)| WeightedName { cluster, weight });
    let only = name().prop_map(|cluster| vec![WeightedName { cluster, weight: 1 }]);
    let clusters = prop_oneof![only, vec(weighted, 2..4)];
    let idle = prop_oneof![Just(Duration::ZERO), Just(Duration::from_secs(3600)), time()];
    let access = vec(rbac("tcp.").prop_map(Arc::new), 0..3);
    (name(), clusters, idle, any::<bool>(), access, vec(access_log(), 0..2))
        .prop_map(|(stat_prefix, clusters, idle_timeout, hash_source_ip, rbac, access_log)| TcpProxy {
            stat_prefix,
            clusters,
            idle_timeout,
            hash_source_ip,
            rbac,
            access_log,
        })
        .boxed()
}

fn udp_proxy() -> BoxedStrategy<UdpProxy> {
    let weighted = (name(), 1..1000u32).prop_map(|(cluster, weight)| WeightedName { cluster, weight });
    let only = name().prop_map(|cluster| vec![WeightedName { cluster, weight: 1 }]);
    let clusters = prop_oneof![only, vec(weighted, 2..4)];
    let idle = prop_oneof![Just(Duration::ZERO), Just(UdpProxy::IDLE_TIMEOUT), time()];
    let limit = prop_oneof![Just(UdpProxy::MAX_SESSIONS), any::<u32>()];
    (name(), clusters, idle, limit, any::<bool>(), vec(access_log(), 0..2))
        .prop_map(|(stat_prefix, clusters, idle_timeout, max_sessions, hash_source_ip, access_log)| UdpProxy {
            stat_prefix,
            clusters,
            idle_timeout,
            max_sessions,
            hash_source_ip,
            access_log,
        })
        .boxed()
}

fn manager() -> BoxedStrategy<HttpConnectionManager> {
    let routes = prop_oneof![
        3 => name().prop_map(RouteSource::Named),
        1 => route_config().prop_map(|routes| RouteSource::Inline(Arc::new(routes))),
    ];
    let server_header = prop_oneof![Just(ServerHeader::PassThrough), name().prop_map(ServerHeader::Overwrite)];
    let normalization = select(vec![
        PathNormalization::None,
        PathNormalization::Base,
        PathNormalization::MergeSlashes,
        PathNormalization::DecodeAndMergeSlashes,
    ]);
    let header = select(vec![
        ClientCertHeader::Sanitize,
        ClientCertHeader::ForwardOnly,
        ClientCertHeader::AppendForward,
        ClientCertHeader::SanitizeSet,
        ClientCertHeader::AlwaysForwardOnly,
    ]);
    let details = any::<[bool; 5]>().prop_map(|[subject, cert, chain, dns, uri]| ClientCertDetails {
        subject,
        cert,
        chain,
        dns,
        uri,
    });
    let time = || prop_oneof![Just(Duration::ZERO), time()];
    let parts = (
        (name(), routes, server_header),
        any::<(bool, bool, bool, bool)>(),
        any::<u32>(),
        normalization,
        (header, details),
        vec(lowercase(), 0..2),
        (time(), time(), time()),
        vec(rbac("").prop_map(Arc::new), 0..3),
        vec(access_log(), 0..2),
    );
    parts
        .prop_map(
            |(
                start,
                (use_remote_address, accept_http_10, session, ext_authz),
                hops,
                normalization,
                cert,
                upgrades,
                times,
                rbac,
                log,
            )| {
                HttpConnectionManager {
                    stat_prefix: start.0,
                    routes: start.1,
                    server_header: start.2,
                    use_remote_address,
                    xff_num_trusted_hops: hops,
                    path_normalization: normalization,
                    client_cert_header: cert.0,
                    client_cert_details: cert.1,
                    upgrades,
                    accept_http_10,
                    stream_idle_timeout: times.0,
                    request_headers_timeout: times.1,
                    idle_timeout: times.2,
                    rbac,
                    route_filters: RouteFilters { session, ext_authz },
                    access_log: log,
                }
            },
        )
        .boxed()
}
