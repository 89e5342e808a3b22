//! Route tables: virtual hosts and routes with their clusters as slots.

use super::edits::EditPlan;
use super::slot::{SlotRef, SlotTable};
use meridian_ir::fraction::Fraction;
use meridian_ir::route::Forward;
use meridian_ir::route_index::RouteIndex;
use meridian_ir::{Action, Name, RequestView, Route, RouteConfig, VirtualHost};
use std::collections::HashMap;
use std::sync::Arc;

/// A route configuration that runs.
#[derive(Debug)]
pub struct RouteTable {
    /// As configured; finds virtual hosts.
    pub config: Arc<RouteConfig>,
    /// Beside its virtual hosts, in the same order.
    hosts: Vec<Arc<VirtualHostPlan>>,
}

/// A virtual host that runs.
#[derive(Debug)]
pub struct VirtualHostPlan {
    /// As configured; finds routes.
    pub virtual_host: Arc<VirtualHost>,
    /// Beside its routes, in the same order.
    routes: Vec<RoutePlan>,
    /// Finds one of many routes.
    index: Option<RouteIndex>,
}

/// A route that runs.
#[derive(Debug)]
pub struct RoutePlan {
    /// As configured.
    pub route: Arc<Route>,
    /// Edits of requests.
    pub request_edits: Option<Box<EditPlan>>,
    /// Edits of responses, direct ones too.
    pub response_edits: Option<Box<EditPlan>>,
    /// See [`ActionPlan`].
    pub action: ActionPlan,
    /// The number of the cluster of the service that is asked whether requests may pass.
    pub authz_cluster: Option<SlotRef>,
}

/// What a route does.
#[derive(Debug)]
pub enum ActionPlan {
    /// Forwards.
    Forward(ForwardPlan),
    /// Redirects; the details are in the route.
    Redirect,
    /// Answers; the details are in the route.
    Direct,
}

/// Where a route forwards.
#[derive(Debug)]
pub struct ForwardPlan {
    /// At least one.
    clusters: Vec<ClusterChoice>,
    mirrors: Vec<MirrorPlan>,
}

/// Where copies of requests go.
#[derive(Debug)]
pub struct MirrorPlan {
    /// The cluster's number.
    pub cluster: SlotRef,
    /// Of how many requests.
    pub fraction: Fraction,
}

/// One destination.
#[derive(Debug)]
pub struct ClusterChoice {
    /// The cluster's number.
    pub cluster: SlotRef,
    /// Edits for requests to it.
    pub request_edits: Option<Box<EditPlan>>,
    /// Edits for its responses.
    pub response_edits: Option<Box<EditPlan>>,
    /// Replaces the Host header, before the route's own.
    pub host_rewrite: Option<Name>,
}

impl RouteTable {
    /// Compiles `config`; virtual hosts that `before` shares are taken from it.
    pub(super) fn new(config: &Arc<RouteConfig>, before: Option<&RouteTable>, clusters: &mut SlotTable) -> Self {
        let mut known = Known { plans: before.map_or(&[], |before| &before.hosts), next: 0, by_pointer: None };
        let mut compile = |host: &Arc<VirtualHost>| {
            known.find(host).unwrap_or_else(|| Arc::new(VirtualHostPlan::new(host, clusters)))
        };
        let hosts = config.virtual_hosts.iter().map(&mut compile).collect();
        Self { config: config.clone(), hosts }
    }

    /// The virtual host for a request's Host or `:authority`.
    #[must_use]
    pub fn virtual_host(&self, authority: &[u8]) -> Option<&VirtualHostPlan> {
        let found = self.config.virtual_host(authority)?;
        let position = position_of(&self.config.virtual_hosts, found)?;
        self.hosts.get(position).map(|plan| &**plan)
    }
}

/// The virtual hosts of the table before, to be shared. A change usually concerns few of thousands, so that walking
/// both lists side by side finds nearly all.
struct Known<'k> {
    plans: &'k [Arc<VirtualHostPlan>],
    next: usize,
    by_pointer: Option<HashMap<*const VirtualHost, &'k Arc<VirtualHostPlan>>>,
}

impl Known<'_> {
    fn find(&mut self, host: &Arc<VirtualHost>) -> Option<Arc<VirtualHostPlan>> {
        let near = self.plans.iter().skip(self.next).take(3);
        if let Some(ahead) = near.into_iter().position(|plan| Arc::ptr_eq(&plan.virtual_host, host)) {
            self.next += ahead + 1;
            return self.plans.get(self.next - 1).cloned();
        }
        let plans = self.plans;
        let index = || plans.iter().map(|plan| (Arc::as_ptr(&plan.virtual_host), plan)).collect();
        self.by_pointer.get_or_insert_with(index).get(&Arc::as_ptr(host)).map(|plan| Arc::clone(plan))
    }
}

impl VirtualHostPlan {
    fn new(virtual_host: &Arc<VirtualHost>, clusters: &mut SlotTable) -> Self {
        let routes = virtual_host.routes.iter().map(|route| RoutePlan::new(route, clusters)).collect();
        let index = RouteIndex::new(&virtual_host.routes);
        Self { virtual_host: virtual_host.clone(), routes, index }
    }

    /// The first route that takes `request`.
    #[must_use]
    pub fn route(&self, request: &impl RequestView) -> Option<&RoutePlan> {
        let routes = &self.virtual_host.routes;
        let position = match &self.index {
            Some(index) => index.find(routes, request)?,
            None => position_of(routes, self.virtual_host.route(request)?)?,
        };
        self.routes.get(position)
    }
}

impl RoutePlan {
    fn new(route: &Arc<Route>, clusters: &mut SlotTable) -> Self {
        let action = match &route.action {
            Action::Forward(forward) => ActionPlan::Forward(ForwardPlan::new(forward, clusters)),
            Action::Redirect(_) => ActionPlan::Redirect,
            Action::Direct(_) => ActionPlan::Direct,
        };
        Self {
            request_edits: EditPlan::new(&route.request_headers),
            response_edits: EditPlan::new(&route.response_headers),
            action,
            authz_cluster: route.ext_authz.as_ref().map(|authz| clusters.slot(authz.cluster())),
            route: route.clone(),
        }
    }
}

impl ForwardPlan {
    fn new(forward: &Forward, clusters: &mut SlotTable) -> Self {
        let mirrors = forward.mirrors.iter();
        let mirrors = mirrors
            .map(|mirror| MirrorPlan { cluster: clusters.slot(&mirror.cluster), fraction: mirror.fraction })
            .collect();
        let clusters = forward.clusters.iter().map(|choice| ClusterChoice {
            cluster: clusters.slot(&choice.cluster),
            request_edits: EditPlan::new(&choice.request_headers),
            response_edits: EditPlan::new(&choice.response_headers),
            host_rewrite: choice.host_rewrite.clone(),
        });
        Self { clusters: clusters.collect(), mirrors }
    }

    /// All destinations.
    #[must_use]
    pub fn clusters(&self) -> &[ClusterChoice] {
        &self.clusters
    }

    /// Where copies go.
    #[must_use]
    pub fn mirrors(&self) -> &[MirrorPlan] {
        &self.mirrors
    }

    /// The destination of one request; `forward` is what this was compiled from.
    #[must_use]
    pub fn pick(&self, forward: &Forward, random: u64) -> Option<&ClusterChoice> {
        if let [only] = &self.clusters[..] {
            return Some(only);
        }
        let picked = forward.pick_cluster(random);
        self.clusters.get(forward.clusters.element_offset(picked)?)
    }
}

/// Where `element` stands in `slice`, which it is a part of.
fn position_of<T>(slice: &[Arc<T>], element: &Arc<T>) -> Option<usize> {
    slice.element_offset(element)
}
