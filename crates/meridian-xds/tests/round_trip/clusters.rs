//! Strategies for clusters and their endpoints.

use crate::listeners::{secret, validation, versions};
use crate::text::{name, names, origin, seconds, time};
use meridian_ir::cluster::{
    CircuitBreakers, Discovery, LbPolicy, OutlierDetection, ProxyProtocolVersion, ServiceName, TcpKeepalive,
    UpstreamProtocol, WarmUp,
};
use meridian_ir::dynamic_forward::DynamicForward;
use meridian_ir::endpoint::{Address, Health, LocalityWeight, Workload};
use meridian_ir::tls::{PeerValidation, UpstreamSni, UpstreamTls};
use meridian_ir::{Cluster, Endpoint, Endpoints, Name, Origin};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// A cluster, and endpoints for it.
pub(crate) fn cluster() -> BoxedStrategy<(Cluster, Endpoints)> {
    let limits = any::<[u32; 4]>().prop_map(|[connections, pending, requests, retries]| CircuitBreakers {
        max_connections: connections,
        max_pending_requests: pending,
        max_requests: requests,
        max_retries: retries,
    });
    let idle = prop_oneof![Just(Duration::from_secs(3600)), time()];
    let connections = (time(), limits, any::<u32>(), idle, of(time()), of(keepalive()));
    let percent = prop_oneof![Just(0), 1..=100u32];
    (
        balancing(),
        connections,
        protocol(),
        of(tls()),
        of(select(vec![ProxyProtocolVersion::V1, ProxyProtocolVersion::V2])),
        of(outlier_detection()),
        percent,
        (any::<bool>(), of(any::<u16>()), of(any::<IpAddr>()), of(tls()), of(dynamic_forward())),
        identity(),
    )
        .prop_flat_map(|(balancing, connections, protocol, tls, proxy_protocol, outlier, panic, rest, identity)| {
            let (discovery, lb_policy, warm_up) = balancing;
            let (locality_weighted, port, bind_source, auto_tls, dynamic_forward) = rest;
            // Where the client says where it goes, it does so by its destination, or by a name.
            let dynamic_forward = dynamic_forward.filter(|_| discovery == Discovery::OriginalDst).map(Arc::new);
            let discovery = if dynamic_forward.is_some() { Discovery::DynamicForward } else { discovery };
            // Where the endpoints decide, the name of the server is not the request's Host.
            let auto_tls = auto_tls.map(|tls| match tls.sni {
                UpstreamSni::Host => UpstreamTls { sni: UpstreamSni::None, validate_sni: false, ..tls },
                _ => UpstreamTls { validate_sni: false, ..tls },
            });
            let model = Cluster {
                name: identity.0,
                discovery,
                lb_policy,
                connect_timeout: connections.0,
                circuit_breakers: connections.1,
                max_requests_per_connection: connections.2,
                idle_timeout: connections.3,
                max_connection_duration: connections.4,
                tcp_keepalive: connections.5,
                protocol: protocol.0,
                max_concurrent_streams: protocol.1,
                tls: tls.map(Arc::new),
                proxy_protocol,
                outlier_detection: outlier,
                healthy_panic_percent: panic,
                warm_up,
                locality_weighted,
                port_override: port.filter(|_| discovery == Discovery::OriginalDst),
                bind_source,
                auto_tls: auto_tls.map(Arc::new),
                service: identity.2,
                dynamic_forward,
                origins: identity.1,
            };
            (Just(model), endpoints(locality_weighted))
        })
        .boxed()
}

fn dynamic_forward() -> BoxedStrategy<DynamicForward> {
    let hosts = vec(select(vec!["*.wikipedia.org", "api.example.com"]).prop_map(Name::from), 0..3);
    (hosts, of(1..=u16::MAX), any::<bool>())
        .prop_map(|(hosts, port, allow_private)| DynamicForward { hosts, port, allow_private })
        .boxed()
}

fn identity() -> BoxedStrategy<(Name, Vec<Origin>, Option<Arc<ServiceName>>)> {
    let service = of("[a-z]{1,5}".prop_map(Name::from));
    let subset = select(vec!["", "v1"]);
    (1..65536u32, subset, service, any::<bool>(), of(origin(vec!["DestinationRule"])))
        .prop_map(|(port, subset, service, by_host, rule)| {
            let host = format!("{}.example.com", service.as_deref().unwrap_or("any"));
            let kind = if by_host { "ServiceEntry" } else { "Service" };
            let service = service.map(|service| Origin {
                kind,
                namespace: "default".into(),
                name: if by_host { host.as_str().into() } else { service },
            });
            let name = format!("outbound|{port}|{subset}|{host}").into();
            let shown = service.as_ref().map(|service| {
                let (name, namespace) = (service.name.clone(), service.namespace.clone());
                Arc::new(ServiceName { host: host.as_str().into(), name, namespace })
            });
            (name, service.into_iter().chain(rule).collect(), shown)
        })
        .boxed()
}

fn keepalive() -> impl Strategy<Value = TcpKeepalive> {
    (of(any::<u32>()), of(seconds()), of(seconds())).prop_map(|(probes, time, interval)| TcpKeepalive {
        probes,
        time,
        interval,
    })
}

fn warm_up() -> impl Strategy<Value = WarmUp> {
    let number = || prop_oneof![Just(1.0), Just(10.0), 0.1..100.0f64];
    (time(), number(), number()).prop_map(|(duration, minimum_percent, aggression)| WarmUp {
        duration,
        minimum_percent,
        aggression,
    })
}

/// Original destinations choose for themselves; only two policies warm up.
fn balancing() -> BoxedStrategy<(Discovery, LbPolicy, Option<WarmUp>)> {
    let found = select(vec![Discovery::Eds, Discovery::Static, Discovery::StrictDns, Discovery::LogicalDns]);
    let policy = prop_oneof![
        (select(vec![LbPolicy::LeastRequest, LbPolicy::RoundRobin]), of(warm_up())),
        Just((LbPolicy::Random, None)),
        any::<u64>().prop_map(|minimum_size| (LbPolicy::RingHash { minimum_size }, None)),
        any::<u64>().prop_map(|table_size| (LbPolicy::Maglev { table_size }, None)),
    ];
    prop_oneof![
        6 => (found, policy).prop_map(|(discovery, (policy, warm_up))| (discovery, policy, warm_up)),
        1 => Just((Discovery::OriginalDst, LbPolicy::ClusterProvided, None)),
    ]
    .boxed()
}

fn protocol() -> impl Strategy<Value = (UpstreamProtocol, Option<u32>)> {
    prop_oneof![
        Just((UpstreamProtocol::Http1, None)),
        (select(vec![UpstreamProtocol::Http2, UpstreamProtocol::Downstream]), of(any::<u32>())),
    ]
}

fn tls() -> BoxedStrategy<UpstreamTls> {
    let sni = prop_oneof![Just(UpstreamSni::None), Just(UpstreamSni::Host), name().prop_map(UpstreamSni::Fixed),];
    let validation = prop_oneof![Just(PeerValidation::default()), validation()];
    (of(secret()), validation, any::<bool>(), sni, names(), versions())
        .prop_map(|(certificate, validation, validate_sni, sni, alpn, (min_version, max_version))| UpstreamTls {
            certificate,
            validation,
            validate_sni,
            sni,
            alpn,
            min_version,
            max_version,
        })
        .boxed()
}

fn outlier_detection() -> BoxedStrategy<OutlierDetection> {
    let count = || prop_oneof![Just(0), any::<u32>()];
    let longest = prop_oneof![Just(Duration::from_secs(300)), time()];
    ((count(), count(), count(), any::<bool>()), time(), time(), longest, 0..=100u32)
        .prop_map(|((errors, gateway, local, split), interval, base_ejection_time, max_ejection_time, percent)| {
            OutlierDetection {
                consecutive_5xx: errors,
                consecutive_gateway_failure: gateway,
                consecutive_local_origin_failure: if split { local } else { 0 },
                split_external_local_origin_errors: split,
                interval,
                base_ejection_time,
                max_ejection_time,
                max_ejection_percent: percent,
            }
        })
        .boxed()
}

/// Sorted by priority and locality, as they are grouped. Where localities have weights, all of them have.
fn endpoints(locality_weighted: bool) -> BoxedStrategy<Endpoints> {
    let address = prop_oneof![
        (any::<IpAddr>(), any::<u16>()).prop_map(|(ip, port)| Address::Socket(SocketAddr::new(ip, port))),
        ("[a-z]{1,8}\\.example", any::<u16>()).prop_map(|(name, port)| Address::Dns(name.as_str().into(), port)),
    ];
    let health = select(vec![Health::Healthy, Health::Unhealthy, Health::Draining]);
    let locality = select(vec!["", "a", "a/b", "a/b/c", "a//c", "d"]).prop_map(Name::from);
    let part = || "[a-z0-9-]{0,4}".prop_map(Name::from);
    let workload = (part(), part(), part(), part(), part()).prop_map(|parts| {
        let (name, namespace, canonical_name, canonical_revision, cluster) = parts;
        Arc::new(Workload { name, namespace, canonical_name, canonical_revision, cluster })
    });
    let mesh = (any::<bool>(), of(workload));
    let endpoint = (address, 1..1000u32, health, locality, 0..3u32, mesh).prop_map(
        |(address, weight, health, locality, priority, (mesh_tls, workload))| Endpoint {
            address,
            weight,
            health,
            locality,
            priority,
            mesh_tls,
            workload,
        },
    );
    (vec(endpoint, 0..6), 1..1000u32)
        .prop_map(move |(mut endpoints, weight)| {
            endpoints.sort_by(|a, b| (a.priority, &a.locality).cmp(&(b.priority, &b.locality)));
            let groups: BTreeSet<(u32, Name)> =
                endpoints.iter().map(|endpoint| (endpoint.priority, endpoint.locality.clone())).collect();
            let weights = groups.into_iter().map(|(priority, locality)| LocalityWeight { locality, priority, weight });
            let locality_weights = if locality_weighted { weights.collect() } else { Vec::new() };
            Endpoints { endpoints, locality_weights }
        })
        .boxed()
}
