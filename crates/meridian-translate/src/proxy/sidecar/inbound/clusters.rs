//! The clusters towards the workload.

use super::chains::PASSTHROUGH;
use super::port::{InboundPort, Towards};
use super::variants::Spoken;
use crate::istio::cluster::apply_connection_pool;
use crate::istio::destination::Scope;
use crate::istio::destination_rule::Rules;
use meridian_ir::cluster::{Discovery, LbPolicy, UpstreamProtocol};
use meridian_ir::endpoint::Address;
use meridian_ir::{Cluster, Endpoint, Endpoints, Name, Origin};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

/// The source address of connections to the workload, by which redirect rules know that they come from the proxy.
const SOURCE_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 6));
const SOURCE_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 6));

/// Connections to ports that nothing describes are closed when nothing was requested for so long.
const PASSTHROUGH_IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// The source address for a proxy that listens at `bind`.
fn source(bind: IpAddr) -> IpAddr {
    if bind.is_ipv4() { SOURCE_V4 } else { SOURCE_V6 }
}

/// `InboundPassthroughCluster`
pub(super) fn passthrough(scope: &Scope<'_>, bind: IpAddr) -> Cluster {
    Cluster {
        name: PASSTHROUGH.into(),
        discovery: Discovery::OriginalDst,
        lb_policy: LbPolicy::ClusterProvided,
        connect_timeout: scope.mesh.connect_timeout,
        protocol: UpstreamProtocol::Downstream,
        idle_timeout: PASSTHROUGH_IDLE_TIMEOUT,
        bind_source: Some(source(bind)),
        ..Cluster::default()
    }
}

/// The cluster of a port, with its endpoint where it is not the address that connections were going to; `None` when
/// there is nothing that they could be sent to. `rules` are those of the first service of the port.
pub(super) fn of_port(
    scope: &Scope<'_>,
    port: &InboundPort,
    rules: &Rules<'_>,
) -> Option<(Cluster, Option<Arc<Endpoints>>)> {
    let name: Name = port.cluster().into();
    let (discovery, lb_policy, endpoints) = match port.towards {
        Towards::Nowhere => return None,
        Towards::Original => (Discovery::OriginalDst, LbPolicy::ClusterProvided, None),
        Towards::Address(address) => {
            let endpoint = Endpoint::new(Address::Socket(address));
            let endpoints = Endpoints { endpoints: vec![endpoint], ..Endpoints::default() };
            (Discovery::Static, LbPolicy::RoundRobin, Some(Arc::new(endpoints)))
        }
    };
    let to_localhost = matches!(port.towards, Towards::Address(address) if address.ip().is_loopback());
    let mut cluster = Cluster {
        name,
        discovery,
        lb_policy,
        connect_timeout: scope.mesh.connect_timeout,
        protocol: match (port.is_http2, port.spoken) {
            (true, _) => UpstreamProtocol::Http2,
            (false, Spoken::Auto) => UpstreamProtocol::Downstream,
            (false, _) => UpstreamProtocol::Http1,
        },
        bind_source: (!to_localhost).then(|| source(port.bind)),
        service: port.services.first().map(|service| Arc::new(service.name_for_metrics())),
        origins: port.services.iter().map(|service| service.origin()).chain(port.origin.clone()).collect(),
        ..Cluster::default()
    };
    // The Sidecar's own limits are laid over those of the service's DestinationRule.
    let of_rule = rules.policy(port.service_port, None).connection_pool;
    if let Some(pool) = port.connection_pool.as_ref().or(of_rule) {
        apply_connection_pool(&mut cluster, scope.mesh, pool);
    }
    cluster.origins.extend(rules.objects().iter().map(|rule| Origin {
        kind: "DestinationRule",
        namespace: rule.meta.namespace.clone(),
        name: rule.meta.name.clone(),
    }));
    Some((cluster, endpoints))
}
