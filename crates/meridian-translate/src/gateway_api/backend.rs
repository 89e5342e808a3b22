//! Where references of routes lead to, and whether TLS is spoken there.

use super::GatewayApi;
use super::model::{Backend, BackendProblem, BackendTls};
use super::reference::{Referrer, key_of, not_permitted};
use super::route::{Reference, RouteKind};
use crate::key::Key;
use crate::registry::service::{Service, Source};
use crate::registry::{Maker, Registry};
use meridian_ir::Name;
use meridian_resources::core::Protocol as Transport;
use meridian_resources::gateway_api::EXPERIMENTAL_GROUP;
use std::sync::Arc;

/// What references are resolved with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backends<'a> {
    pub(crate) api: &'a GatewayApi,
    pub(crate) registry: &'a Registry,
}

fn problem(reason: &'static str, message: String) -> BackendProblem {
    BackendProblem { reason, message }
}

impl Backends<'_> {
    /// Where a reference in a route of kind `from` and of `namespace` leads to. What it names must be of a kind that can
    /// be sent to, be in the route's namespace or have a grant, exist, and have the port.
    ///
    /// # Errors
    /// The reason of `ResolvedRefs` and a message without the field's path.
    pub(crate) fn resolve<'r>(
        &self,
        from: RouteKind,
        namespace: &Name,
        reference: impl Into<Reference<'r>>,
    ) -> Result<Backend, BackendProblem> {
        let reference = reference.into();
        let key = key_of(reference.namespace, reference.name, namespace);
        let referrer = Referrer { kind: from.name(), namespace };
        match (reference.group, reference.kind) {
            ("" | "core", "Service") | (EXPERIMENTAL_GROUP, "XBackend") => {}
            (group, kind) => {
                let message = format!(
                    "{kind:?} of group {group:?} cannot be sent to; name a Service (group \"\") or an XBackend (group \
                     {EXPERIMENTAL_GROUP:?})"
                );
                return Err(problem("InvalidKind", message));
            }
        }
        let group = if reference.kind == "Service" { "" } else { reference.group };
        if !self.api.permits(referrer, group, reference.kind, &key) {
            let found = not_permitted(referrer, reference.kind, &key);
            return Err(problem(found.reason, found.message));
        }
        match reference.kind {
            "Service" => self.service(from, key, reference.port),
            _ => self.external(from, key, reference.port),
        }
    }

    fn service(&self, from: RouteKind, key: Key, port: Option<i32>) -> Result<Backend, BackendProblem> {
        let Some(service) = self.service_of(&key) else {
            return Err(problem("BackendNotFound", format!("Service {key} does not exist")));
        };
        if service.alias.is_some() {
            let message = format!(
                "Service {key} is another name for a host outside the cluster (type ExternalName), which would let \
                 anyone send anywhere; use an XBackend"
            );
            return Err(problem("InvalidKind", message));
        }
        let Some(number) = port.and_then(|port| u16::try_from(port).ok()) else {
            return Err(problem("BackendNotFound", format!("the port of Service {key} is missing")));
        };
        let wanted = if from == RouteKind::Udp { Transport::Udp } else { Transport::Tcp };
        let Source::Service(object) = &service.source else {
            return Err(problem("BackendNotFound", format!("Service {key} does not exist")));
        };
        let ports = || object.spec.ports.iter().filter(|port| port.port == i32::from(number));
        if ports().any(|port| port.protocol == wanted) {
            return Ok(Backend::Service { host: service.host.clone(), port: number });
        }
        if let Some(other) = ports().next() {
            let message = format!(
                "port {number} of Service {key} is for {:?}, and a {} sends {wanted:?}",
                other.protocol,
                from.name()
            );
            return Err(problem("UnsupportedProtocol", message));
        }
        let known: Vec<String> = object.spec.ports.iter().map(|port| port.port.to_string()).collect();
        let message = format!("Service {key} has no port {number}; it has {}", known.join(", "));
        Err(problem("BackendNotFound", message))
    }

    fn external(&self, from: RouteKind, key: Key, port: Option<i32>) -> Result<Backend, BackendProblem> {
        let Some(object) = self.api.backends.get(&key) else {
            return Err(problem("BackendNotFound", format!("XBackend {key} does not exist")));
        };
        if from == RouteKind::Udp {
            let message = format!("XBackend {key} is for connections, and a UDPRoute sends packets");
            return Err(problem("UnsupportedProtocol", message));
        }
        let Some(host) = &object.spec.external_hostname else {
            let message = format!("XBackend {key} has no externalHostname, the only type that is supported");
            return Err(problem("InvalidKind", message));
        };
        let own = u16::try_from(object.spec.port.port).ok();
        match (own, port.map(|port| u16::try_from(port).ok())) {
            (Some(own), None) => Ok(Backend::External { object: key, host: host.hostname.as_str().into(), port: own }),
            (Some(own), Some(Some(port))) if own == port => {
                Ok(Backend::External { object: key, host: host.hostname.as_str().into(), port })
            }
            _ => {
                let message = format!("XBackend {key} has no such port; it has {}", object.spec.port.port);
                Err(problem("BackendNotFound", message))
            }
        }
    }

    /// The service that a Service makes.
    pub(crate) fn service_of(&self, key: &Key) -> Option<&Arc<Service>> {
        self.registry.made_by(&Maker::Service(key.clone())).first()
    }

    /// TLS towards a port of the Service with this host, as the BackendTLSPolicy that counts for it says; `None`: there
    /// is no policy, and plaintext is sent.
    pub(crate) fn tls_of(&self, host: &str, port: u16) -> Option<BackendTls> {
        let service =
            self.registry.services(host).iter().find(|service| matches!(service.source, Source::Service(_)))?;
        self.tls_of_service(&Key::of(service.meta()), port)
    }

    /// The same by the Service's name.
    pub(crate) fn tls_of_service(&self, service: &Key, port: u16) -> Option<BackendTls> {
        let targeting = self.api.index.policies_of(service)?;
        let found = self.service_of(service)?;
        let Source::Service(object) = &found.source else { return None };
        let name = object.spec.ports.iter().find(|known| known.port == i32::from(port)).map_or("", |port| &port.name);
        let section = (!name.is_empty()).then_some(name);
        let policy = targeting.winner(section)?;
        self.api.backend_tls.get(policy).map(|tls| (**tls).clone())
    }
}
