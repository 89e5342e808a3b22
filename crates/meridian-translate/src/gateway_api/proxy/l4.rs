//! TLSRoutes, TCPRoutes and UDPRoutes: clusters for connections and packets.

use super::backends::{Compiler, Dependencies, NOWHERE, Speech};
use crate::gateway_api::GatewayApi;
use crate::gateway_api::model::Route;
use crate::istio::destination::Scope;
use meridian_ir::Name;
use meridian_ir::tcp::WeightedName;
use meridian_resources::gateway_api::common::BackendRef;

/// Where the connections or packets of a route go.
#[derive(Debug)]
pub(crate) struct Destinations {
    /// The name of the cluster; of several, the route's.
    pub(crate) stat_prefix: Name,
    /// At least one. What leads nowhere has its share: it is closed.
    pub(crate) clusters: Vec<WeightedName>,
    pub(crate) dependencies: Dependencies,
}

/// Compiles a route whose backends are spoken to by `speech`.
pub(crate) fn compile(scope: &mut Scope<'_>, api: &GatewayApi, route: &Route, speech: Speech) -> Destinations {
    let (kind, meta) = (route.kind(), route.meta());
    let dependencies = Dependencies::default();
    let mut compiler = Compiler { scope, api, kind, namespace: &meta.namespace, dependencies };
    let mut clusters: Vec<WeightedName> = Vec::new();
    for backend in backends(route) {
        let cluster = compiler.cluster(backend, speech);
        if let Some(weight) = u32::try_from(backend.weight).ok().filter(|weight| *weight > 0) {
            let cluster = cluster.map_or_else(|| compiler.scope.pool.name(NOWHERE), |cluster| cluster.name);
            clusters.push(WeightedName { cluster, weight });
        }
    }
    if clusters.is_empty() {
        clusters.push(WeightedName { cluster: compiler.scope.pool.name(NOWHERE), weight: 1 });
    }
    let stat_prefix = match &clusters[..] {
        [only] => only.cluster.clone(),
        _ => format!("{}.{}", meta.name, meta.namespace).into(),
    };
    Destinations { stat_prefix, clusters, dependencies: compiler.dependencies }
}

/// The backends of the rule of a route.
fn backends(route: &Route) -> impl Iterator<Item = &BackendRef> {
    let rules = match route {
        Route::Tls(object) => &object.spec.rules[..],
        Route::Tcp(object) => &object.spec.rules,
        Route::Udp(object) => &object.spec.rules,
        Route::Http(_) | Route::Grpc(_) => &[],
    };
    rules.iter().take(1).flat_map(|rule| &rule.backend_refs)
}
