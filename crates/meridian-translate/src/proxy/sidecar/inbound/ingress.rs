//! Ports that a Sidecar lists (`ingress`).

use super::localhost;
use super::port::{InboundPort, Towards};
use super::targets::Target;
use super::variants::Spoken;
use crate::istio::server_tls;
use crate::mesh::MeshConfig;
use crate::proxy::node::ProxyNode;
use meridian_ir::Origin;
use meridian_resources::Object;
use meridian_resources::istio::gateway::ServerTlsMode;
use meridian_resources::istio::sidecar::{CaptureMode, IngressListener};
use meridian_resources::istio::{Protocol, Sidecar};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// The ports of the workload of `node`, by number; of two for one number the first counts.
pub(super) fn ports(
    sidecar: &Object<Sidecar>,
    node: &ProxyNode,
    targets: &[Target],
    bind: IpAddr,
    mesh: &MeshConfig,
) -> Vec<InboundPort> {
    let mut ports: Vec<InboundPort> = Vec::new();
    for listener in &sidecar.spec.ingress {
        let Ok(number @ 1..) = u16::try_from(listener.port.number) else { continue };
        if ports.iter().any(|port| port.number == number) {
            continue;
        }
        let terminates = listener.tls.as_ref().filter(|tls| tls.mode != ServerTlsMode::Passthrough);
        let protocol = match (Protocol::parse(&listener.port.protocol), terminates) {
            (Some(Protocol::Https), Some(_)) => Some(Protocol::Http),
            (Some(Protocol::Tls), Some(_)) => Some(Protocol::Tcp),
            (protocol, _) => protocol,
        };
        let own = || node.ip_addresses.first().copied().unwrap_or(bind);
        let leading = targets.iter().find(|target| target.number == number);
        let limits = listener.connection_pool.as_ref().or(sidecar.spec.inbound_connection_pool.as_ref());
        ports.push(InboundPort {
            number,
            service_port: number,
            spoken: Spoken::of(protocol),
            is_http2: protocol.is_some_and(Protocol::is_http2),
            services: leading.map(|target| target.service.clone()).into_iter().collect(),
            towards: towards(listener, node),
            tls: terminates.map(|tls| Arc::new(server_tls::of_sidecar(tls, "", mesh).0)),
            bind: listener.bind.parse().unwrap_or_else(|_| own()),
            binds: listener.capture_mode == CaptureMode::None,
            connection_pool: limits.cloned(),
            origin: Some(Origin {
                kind: "Sidecar",
                namespace: sidecar.meta.namespace.clone(),
                name: sidecar.meta.name.clone(),
            }),
        });
    }
    ports.sort_by_key(|port| port.number);
    ports
}

/// Where the workload listens: an unspecified address stands for one of its own of that family.
fn towards(listener: &IngressListener, node: &ProxyNode) -> Towards {
    let endpoint = listener.default_endpoint.as_str();
    if endpoint.is_empty() {
        return Towards::Original;
    }
    let Some((host, Ok(port))) = endpoint.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>())) else {
        return Towards::Nowhere;
    };
    let own = |ipv4: bool| node.ip_addresses.iter().find(|address| address.is_ipv4() == ipv4).copied();
    let v4 = || Ipv4Addr::LOCALHOST.into();
    let v6 = || Ipv6Addr::LOCALHOST.into();
    let has_only = |ipv4: bool| !node.ip_addresses.is_empty() && own(!ipv4).is_none();
    let ip = match host {
        "0.0.0.0" => own(true).unwrap_or_else(v4),
        "[::]" => own(false).unwrap_or_else(v6),
        "127.0.0.1" | "" if has_only(false) => localhost(v6()),
        "127.0.0.1" | "" => v4(),
        "[::1]" if has_only(true) => localhost(v4()),
        "[::1]" => v6(),
        _ => return Towards::Nowhere,
    };
    Towards::Address(SocketAddr::new(ip, port))
}
