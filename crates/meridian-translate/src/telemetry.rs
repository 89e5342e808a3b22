//! Which access logs a proxy writes: what Telemetries of three scopes, the providers of the mesh configuration and its
//! older settings add up to (`pilot/pkg/model/telemetry.go`).

mod findings;
mod merge;

use crate::istio::destination::Scope;
use crate::key::{Age, Key};
use crate::mesh::{ExtensionProvider, MeshConfig};
use crate::proxy::node::{ProxyNode, selects};
use crate::resources::Resources;
use meridian_cel::Expression;
use meridian_ir::{AccessLog, Name};
use meridian_resources::Object;
use meridian_resources::istio::Telemetry;
use meridian_resources::istio::telemetry::WorkloadMode;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

pub(crate) use findings::findings;
use merge::Spec;

/// Which side of a connection a proxy is on (`match.mode` of Telemetry).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// It sends: gateways, and what a sidecar's workload sends.
    Client,
    /// It receives: what comes to a sidecar's workload.
    Server,
}

impl Side {
    fn is_of(self, mode: WorkloadMode) -> bool {
        match mode {
            WorkloadMode::ClientAndServer => true,
            WorkloadMode::Client => self == Self::Client,
            WorkloadMode::Server => self == Self::Server,
        }
    }
}

/// All Telemetries, by namespace and oldest first.
#[derive(Debug, Default)]
pub(crate) struct Telemetries {
    by_namespace: HashMap<Name, BTreeMap<Age, Arc<Object<Telemetry>>>>,
    /// Their filters, read once; `None`: no expression.
    filters: HashMap<String, Option<Expression>>,
}

impl Telemetries {
    /// Adds an object, or puts it in the place of the one with its name; whether something is different now.
    pub(crate) fn put(&mut self, object: Arc<Object<Telemetry>>) -> bool {
        let key = Key::of(&object.meta);
        if let Some(before) = self.get(&key)
            && before.spec == object.spec
            && Age::of(&before.meta) == Age::of(&object.meta)
        {
            return false;
        }
        self.remove(&key);
        for expression in expressions(&object) {
            self.filters.entry(expression.to_owned()).or_insert_with(|| Expression::parse(expression).ok());
        }
        self.by_namespace.entry(key.namespace).or_default().insert(Age::of(&object.meta), object);
        true
    }

    /// Removes an object; whether it was there.
    pub(crate) fn remove(&mut self, key: &Key) -> bool {
        let Some(objects) = self.by_namespace.get_mut(&key.namespace) else { return false };
        let count = objects.len();
        objects.retain(|age, _| !age.is_of(key));
        let removed = objects.len() < count;
        if objects.is_empty() {
            self.by_namespace.remove(&key.namespace);
        }
        let objects = self.by_namespace.values().flat_map(BTreeMap::values);
        let used: BTreeSet<&str> = objects.flat_map(|object| expressions(object)).collect();
        self.filters.retain(|expression, _| used.contains(expression.as_str()));
        removed
    }

    /// The object of this name.
    pub(crate) fn get(&self, key: &Key) -> Option<&Arc<Object<Telemetry>>> {
        let objects = self.by_namespace.get(&key.namespace)?;
        objects.iter().find(|(age, _)| age.is_of(key)).map(|(_, object)| object)
    }

    /// The filter that an expression is. One that is none filters nothing: a line too many is better than one too few.
    fn filter(&self, expression: &str) -> Option<Expression> {
        self.filters.get(expression).cloned().flatten()
    }

    /// The names of all.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> {
        self.by_namespace.values().flat_map(BTreeMap::keys).map(Age::key)
    }

    /// Objects of a namespace, oldest first.
    pub(crate) fn in_namespace(&self, namespace: &str) -> impl Iterator<Item = &Arc<Object<Telemetry>>> {
        self.by_namespace.get(namespace).into_iter().flat_map(BTreeMap::values)
    }

    /// Those that are about a proxy, widest scope first: the oldest without a selector of the root namespace, that of its
    /// own, and all that select it.
    fn of_proxy(&self, mesh: &MeshConfig, node: &ProxyNode) -> Vec<&Object<Telemetry>> {
        let general = |namespace: &str| self.in_namespace(namespace).find(|object| !object.spec.is_selective());
        let own = general(&node.namespace).filter(|_| node.namespace != mesh.root_namespace);
        let selective = self.in_namespace(&node.namespace).filter(|object| object.spec.is_selective());
        let selecting = selective.filter(|object| is_about(&object.spec, node));
        general(&mesh.root_namespace).into_iter().chain(own).chain(selecting).map(|object| &**object).collect()
    }
}

/// The filters of an object.
fn expressions(object: &Object<Telemetry>) -> impl Iterator<Item = &str> {
    object.spec.access_logging.iter().filter_map(|entry| entry.filter.as_ref()).map(|filter| filter.expression.as_str())
}

/// The label of gateways that Gateway API's Gateways make.
const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";

/// Whether a Telemetry with a selector or targets is about a proxy of its namespace.
fn is_about(telemetry: &Telemetry, node: &ProxyNode) -> bool {
    if telemetry.targets().next().is_none() {
        let labels = telemetry.selector.as_ref().map(|selector| &selector.match_labels);
        return labels.is_some_and(|labels| selects(labels, &node.labels));
    }
    let gateway = node.labels.get(GATEWAY_NAME);
    telemetry.targets().any(|target| {
        (target.group.as_str(), target.kind.as_str()) == ("gateway.networking.k8s.io", "Gateway")
            && Some(&target.name) == gateway
    })
}

/// What proxies log. When it is different, all that a proxy listens on is made anew.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Logs {
    client: Vec<AccessLog>,
    server: Vec<AccessLog>,
}

impl Logs {
    pub(crate) fn of_proxy(mesh: &MeshConfig, resources: &Resources, node: &ProxyNode) -> Self {
        let of = |side| of_side(mesh, resources, node, side);
        Self { client: of(Side::Client), server: of(Side::Server) }
    }
}

/// Whether Telemetries that changed may be some of a proxy's.
pub(crate) fn may_concern(changed: &BTreeSet<Key>, mesh: &MeshConfig, node: &ProxyNode) -> bool {
    changed.iter().any(|key| key.namespace == node.namespace || key.namespace == mesh.root_namespace)
}

/// The access logs of requests and connections on `side` of the scope's proxy.
pub(crate) fn access_logs(scope: &Scope<'_>, side: Side) -> Vec<AccessLog> {
    of_side(scope.mesh, scope.resources, scope.node, side)
}

/// The logs of a listener itself: connections that no filter chain takes.
pub(crate) fn listener_logs(scope: &Scope<'_>, side: Side) -> Vec<AccessLog> {
    if scope.mesh.disable_listener_log { Vec::new() } else { access_logs(scope, side) }
}

fn of_side(mesh: &MeshConfig, resources: &Resources, node: &ProxyNode, side: Side) -> Vec<AccessLog> {
    let telemetries = resources.telemetries.of_proxy(mesh, node);
    let scopes: Vec<_> =
        telemetries.iter().map(|object| &*object.spec.access_logging).filter(|entries| !entries.is_empty()).collect();
    let merged = merge::merge(&scopes, &mesh.default_access_log_providers, side);
    // By name, so that the order is always the same.
    let known: Vec<(Spec<'_>, AccessLog)> = merged
        .into_iter()
        .filter_map(|(name, spec)| {
            let filter = spec.filter.and_then(|filter| resources.telemetries.filter(&filter.expression));
            file_log(mesh, name).map(|log| (spec, AccessLog { filter, ..log }))
        })
        .collect();
    if known.is_empty() {
        return of_mesh(mesh);
    }
    known.into_iter().filter(|(spec, _)| !spec.disabled).map(|(_, log)| log).collect()
}

/// What the older settings of the mesh configuration say (`accessLogFile`).
fn of_mesh(mesh: &MeshConfig) -> Vec<AccessLog> {
    if mesh.access_log_file.is_empty() {
        return Vec::new();
    }
    vec![AccessLog { path: mesh.access_log_file.clone(), format: mesh.access_log_format.clone(), filter: None }]
}

/// The log of a provider; `None` when there is no such provider, or when it writes none.
fn file_log(mesh: &MeshConfig, provider: &str) -> Option<AccessLog> {
    match mesh.extension_providers.get(provider)? {
        ExtensionProvider::FileAccessLog(file) => {
            let format = file.format.as_ref().unwrap_or(&mesh.access_log_format);
            Some(AccessLog { path: file.path.clone(), format: format.clone(), filter: None })
        }
        ExtensionProvider::Prometheus | ExtensionProvider::Unsupported(_) => None,
    }
}
