//! Route tables: virtual hosts and routes with their clusters as slots.

use super::edits::EditPlan;
use super::slot::{SlotRef, SlotTable};
use meridian_ir::fraction::Fraction;
use meridian_ir::route::Forward;
use meridian_ir::route_index::RouteIndex;
use meridian_ir::{Action, Name, Paged, RequestView, Route, RouteConfig, VirtualHost};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A route configuration that runs.
#[derive(Debug)]
pub struct RouteTable {
    /// As configured; finds virtual hosts.
    pub config: Arc<RouteConfig>,
    /// Beside its virtual hosts, in the same order and in the same pages.
    hosts: Paged<Arc<VirtualHostPlan>>,
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
    /// Compiles `config`; virtual hosts that `before` shares are taken from it, by the page where they can be.
    pub(super) fn new(config: &Arc<RouteConfig>, before: Option<&RouteTable>, clusters: &mut SlotTable) -> Self {
        let mut known = Known::new(before, config);
        let pages = config.virtual_hosts.pages().map(|page| {
            known.pages.remove(&Arc::as_ptr(page)).cloned().unwrap_or_else(|| {
                let mut plan = |host| known.hosts.remove(&Arc::as_ptr(host)).cloned();
                page.iter()
                    .map(|host| plan(host).unwrap_or_else(|| VirtualHostPlan::new(host, clusters).into()))
                    .collect()
            })
        });
        Self { hosts: Paged::of_pages(pages), config: config.clone() }
    }

    /// The virtual host for a request's Host or `:authority`.
    #[must_use]
    pub fn virtual_host(&self, authority: &[u8]) -> Option<&VirtualHostPlan> {
        self.hosts.get(self.config.position(authority)?).map(|plan| &**plan)
    }
}

/// What the table before has, to be shared.
#[derive(Default)]
struct Known<'k> {
    /// By the page of the configuration.
    pages: HashMap<*const [Arc<VirtualHost>], &'k Arc<[Arc<VirtualHostPlan>]>>,
    /// Of pages that are no more, by virtual host.
    hosts: HashMap<*const VirtualHost, &'k Arc<VirtualHostPlan>>,
}

impl<'k> Known<'k> {
    fn new(before: Option<&'k RouteTable>, config: &RouteConfig) -> Self {
        let Some(before) = before else { return Self::default() };
        let stay: HashSet<_> = config.virtual_hosts.pages().map(Arc::as_ptr).collect();
        let mut known = Self::default();
        for (page, plans) in std::iter::zip(before.config.virtual_hosts.pages(), before.hosts.pages()) {
            if stay.contains(&Arc::as_ptr(page)) {
                known.pages.insert(Arc::as_ptr(page), plans);
            } else {
                known.hosts.extend(plans.iter().map(|plan| (Arc::as_ptr(&plan.virtual_host), plan)));
            }
        }
        known
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
