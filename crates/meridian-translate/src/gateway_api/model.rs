//! What attaching finds: each Gateway of ours with the listeners that are served and the routes that are attached to
//! them. Statuses and proxies' configurations are both made of this.

use crate::key::Key;
use meridian_ir::Name;
use meridian_resources::Object;
use meridian_resources::gateway_api::common::ObjectReference;
use meridian_resources::gateway_api::gateway::{GatewaySpecAddress, TlsMode};
use meridian_resources::gateway_api::{Gateway, GrpcRoute, HttpRoute, TcpRoute, TlsRoute, UdpRoute};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A Gateway of ours.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GatewayModel {
    /// The object.
    pub(crate) gateway: Arc<Object<Gateway>>,
    /// The listeners that are served, those of the Gateway before those of ListenerSets. What is in conflict, or cannot
    /// be served, is not among them.
    pub(crate) listeners: Vec<ListenerModel>,
    /// The Secret whose certificate is shown to backends that ask for one.
    pub(crate) client_certificate: Option<Key>,
}

/// A listener that is served.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ListenerModel {
    /// The ListenerSet that it stands in; `None`: the Gateway.
    pub(crate) listener_set: Option<Key>,
    /// Its name.
    pub(crate) name: Name,
    /// Its port.
    pub(crate) port: u16,
    /// Its protocol.
    pub(crate) protocol: ListenerProtocol,
    /// Its host, lowercase, also with `*.`; `None`: all.
    pub(crate) hostname: Option<Name>,
    /// TLS, of `Https` and `Tls`.
    pub(crate) tls: Option<ListenerTls>,
    /// The routes that are accepted, oldest first, then by namespace and name.
    pub(crate) routes: Vec<Arc<AttachedRoute>>,
}

/// The protocol of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ListenerProtocol {
    Http,
    Https,
    Tls,
    Tcp,
    Udp,
}

/// How a listener handles TLS; every reference is permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListenerTls {
    /// Whether it ends TLS.
    pub(crate) mode: TlsMode,
    /// Secrets with certificates, of `Terminate`.
    pub(crate) certificates: Vec<Key>,
    /// How the certificates of clients are verified; `None`: they are not asked for any.
    pub(crate) client_validation: Option<ClientValidation>,
    /// Settings of the implementation.
    pub(crate) options: BTreeMap<String, String>,
}

/// How the certificates of clients are verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientValidation {
    /// ConfigMaps with authorities in `ca.crt`; at least one.
    pub(crate) authorities: Vec<Key>,
    /// Clients without a good certificate are served as well.
    pub(crate) insecure_fallback: bool,
}

/// A route that a listener has accepted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AttachedRoute {
    /// The object.
    pub(crate) route: Route,
    /// The hosts at which it is served there: those that its own and the listener's have in common; empty: all.
    pub(crate) hostnames: Vec<Name>,
    /// Another number when what the route refers to leads elsewhere, or TLS is spoken there in another way, although the
    /// route itself is the same: Services, grants, policies.
    pub(crate) revision: u64,
}

/// A route of any kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Route {
    Http(Arc<Object<HttpRoute>>),
    Grpc(Arc<Object<GrpcRoute>>),
    Tls(Arc<Object<TlsRoute>>),
    Tcp(Arc<Object<TcpRoute>>),
    Udp(Arc<Object<UdpRoute>>),
}

/// Where a reference of a route leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Backend {
    /// A port of a Service.
    Service {
        /// The host of the Service in the registry, `httpbin.default.svc.cluster.local`.
        host: Name,
        /// The port.
        port: u16,
    },
    /// A host outside the cluster (XBackend).
    External {
        /// The XBackend.
        object: Key,
        /// The host.
        host: Name,
        /// The port.
        port: u16,
    },
}

/// Why a reference of a route leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BackendProblem {
    /// The reason of `ResolvedRefs`, such as `BackendNotFound`.
    pub(crate) reason: &'static str,
    /// Field, what was found, and what to do.
    pub(crate) message: String,
}

/// TLS towards a port of a Service, as the BackendTLSPolicy that counts for it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BackendTls {
    /// The BackendTLSPolicy.
    pub(crate) policy: Key,
    /// Whether it can be used. If not, requests are answered with an error, and nothing is sent in plaintext.
    pub(crate) usable: bool,
    /// The server name that is sent, and the identity when `subject_alt_names` is empty.
    pub(crate) hostname: Name,
    /// ConfigMaps with authorities in `ca.crt`; empty: those of the machine.
    pub(crate) authorities: Vec<Key>,
    /// DNS names of which the certificate may have one.
    pub(crate) dns_names: Vec<Name>,
    /// URIs of which the certificate may have one.
    pub(crate) uris: Vec<Name>,
}

/// What must exist so that a Gateway is reached: what the control plane makes Deployments and Services of, or processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedGateway {
    /// Its namespace.
    pub namespace: Name,
    /// Its name.
    pub name: Name,
    /// Identifies the object for all time; what is made for it is owned by it.
    pub uid: Name,
    /// Its class.
    pub class: Name,
    /// The ports of its listeners.
    pub ports: BTreeSet<(u16, Transport)>,
    /// The addresses that it asks for.
    pub addresses: Vec<GatewaySpecAddress>,
    /// Labels of everything that is made.
    pub labels: BTreeMap<String, String>,
    /// Annotations of everything that is made.
    pub annotations: BTreeMap<String, String>,
    /// Settings of all Gateways of the class.
    pub class_parameters: Option<ObjectReference>,
    /// Settings of this Gateway; its namespace is the Gateway's.
    pub parameters: Option<ObjectReference>,
}

/// What a port carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// Connections.
    Tcp,
    /// Packets.
    Udp,
}

/// What became of what a Gateway needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provision {
    /// Where it is reached: type (`IPAddress`, `Hostname`) and value.
    pub addresses: Vec<(String, String)>,
    /// What stands in the way; `None`: it is reached.
    pub problem: Option<ProvisionProblem>,
}

/// What stands in the way of a Gateway being reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvisionProblem {
    /// The condition that it makes false: `Accepted` (parameters that cannot be used) or `Programmed`.
    pub condition: &'static str,
    /// The reason, such as `AddressNotAssigned`, `AddressNotUsable` or `InvalidParameters`.
    pub reason: &'static str,
    /// For people.
    pub message: String,
}
