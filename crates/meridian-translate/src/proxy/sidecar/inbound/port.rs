//! A port of the workload, as services or a Sidecar describe it.

use super::targets::Target;
use super::variants::Spoken;
use crate::registry::service::Service;
use meridian_ir::tls::DownstreamTls;
use meridian_ir::{Name, Origin};
use meridian_resources::istio::destination_rule::ConnectionPoolSettings;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Where connections to a port go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Towards {
    /// To the address that they were going to.
    Original,
    /// To an address of the workload.
    Address(SocketAddr),
    /// To nothing that is supported.
    Nowhere,
}

/// One port.
#[derive(Debug, Clone)]
pub(super) struct InboundPort {
    /// The port that connections were going to, which is the workload's.
    pub(super) number: u16,
    /// The port by which clients know it; it is in the name of the virtual host.
    pub(super) service_port: u16,
    pub(super) spoken: Spoken,
    /// HTTP/2 by declaration: the workload is spoken to in it.
    pub(super) is_http2: bool,
    /// The services that lead there; the first decides.
    pub(super) services: Vec<Arc<Service>>,
    pub(super) towards: Towards,
    /// TLS of the user's own, which the proxy terminates.
    pub(super) tls: Option<Arc<DownstreamTls>>,
    /// The address in the names of its chains; where the proxy's own does not stand for it.
    pub(super) bind: IpAddr,
    /// Connections come to a listener of their own, not captured ones to `virtualInbound`.
    pub(super) binds: bool,
    pub(super) connection_pool: Option<ConnectionPoolSettings>,
    /// The Sidecar that describes it.
    pub(super) origin: Option<Origin>,
}

impl InboundPort {
    /// `inbound|8000||`, which is also the name of its routes.
    pub(super) fn cluster(&self) -> String {
        format!("inbound|{}||", self.number)
    }

    /// `0.0.0.0_8000`
    pub(super) fn name(&self) -> Name {
        listener_name(self.bind, self.number)
    }
}

/// `0.0.0.0_8000`, `[::]_8000`
fn listener_name(bind: IpAddr, port: u16) -> Name {
    match bind {
        IpAddr::V4(bind) => format!("{bind}_{port}").into(),
        IpAddr::V6(bind) => format!("[{bind}]_{port}").into(),
    }
}

/// The ports that services lead to, by number. Of several services for one port the oldest says what is spoken.
pub(super) fn of_targets(targets: Vec<Target>, bind: IpAddr, localhost: Option<IpAddr>) -> Vec<InboundPort> {
    let mut ports: BTreeMap<u16, InboundPort> = BTreeMap::new();
    for Target { service, port, number } in targets {
        let services = &mut ports
            .entry(number)
            .or_insert_with(|| InboundPort {
                number,
                service_port: port.number,
                spoken: Spoken::of(port.protocol),
                is_http2: port.protocol.is_some_and(meridian_resources::istio::Protocol::is_http2),
                services: Vec::new(),
                towards: localhost.map_or(Towards::Original, |ip| Towards::Address(SocketAddr::new(ip, number))),
                tls: None,
                bind,
                binds: false,
                connection_pool: None,
                origin: None,
            })
            .services;
        if !services.iter().any(|known| Arc::ptr_eq(known, &service)) {
            services.push(service);
        }
    }
    ports.into_values().collect()
}
