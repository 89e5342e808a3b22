//! Listeners with their chains.

use super::route::RouteTable;
use super::slot::{SlotRef, SlotTable};
use crate::tls::{ServerTls, TlsError, server_config};
use meridian_http::path::Normalization;
use meridian_http::{RequestOptions, Scheme};
use meridian_ir::http::{PathNormalization, RouteSource};
use meridian_ir::{FilterChain, Filters, HttpConnectionManager, Listener, Name, Secret, TcpProxy};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A listener that runs.
#[derive(Debug)]
pub struct ListenerPlan {
    /// As configured.
    pub listener: Arc<Listener>,
    /// Beside its chains, in the same order.
    pub chains: Vec<Arc<ChainPlan>>,
    /// For connections that no chain takes.
    pub default_chain: Option<Arc<ChainPlan>>,
}

/// A filter chain that runs.
#[derive(Debug)]
pub struct ChainPlan {
    /// As configured.
    pub chain: Arc<FilterChain>,
    /// TLS termination; a chain whose certificates are not usable fails its handshakes.
    pub tls: Option<Result<Arc<ServerTls>, TlsError>>,
    /// The secrets that it was made from.
    secrets: Vec<Option<Arc<Secret>>>,
    /// See [`FilterPlan`].
    pub filters: FilterPlan,
}

/// What a chain does with its connections.
#[derive(Debug)]
pub enum FilterPlan {
    /// HTTP
    Http(Arc<HttpPlan>),
    /// Bytes
    Tcp(Arc<TcpPlan>),
}

/// An HTTP connection manager that runs.
#[derive(Debug)]
pub struct HttpPlan {
    /// As configured.
    pub manager: Arc<HttpConnectionManager>,
    /// See [`RouteRef`].
    pub routes: RouteRef,
    /// What is accepted of requests.
    pub options: RequestOptions,
    /// How paths are brought into canonical form.
    pub normalization: Normalization,
    /// The chain's name.
    pub chain_name: Name,
}

/// Where a connection manager's routes are.
#[derive(Debug, Clone)]
pub enum RouteRef {
    /// In the workers' tables, where they are replaced without touching connections.
    Slot(SlotRef),
    /// Fixed in the chain.
    Inline(Arc<RouteTable>),
}

/// A TCP proxy that runs.
#[derive(Debug)]
pub struct TcpPlan {
    /// As configured.
    pub proxy: Arc<TcpProxy>,
    /// Beside its clusters, in the same order.
    pub clusters: Vec<SlotRef>,
    /// The chain's name.
    pub chain_name: Name,
}

/// The numbers that compiling a listener hands out.
pub(super) struct Slots<'s> {
    pub(super) clusters: &'s mut SlotTable,
    pub(super) routes: &'s mut SlotTable,
}

/// Secrets by name.
pub(super) type Secrets = BTreeMap<Name, Arc<Secret>>;

impl ListenerPlan {
    /// Compiles `listener`; chains that `before` shares are taken from it, unless their secrets changed.
    pub(super) fn new(
        listener: &Arc<Listener>,
        secrets: &Secrets,
        before: Option<&ListenerPlan>,
        slots: &mut Slots<'_>,
    ) -> Self {
        let mut compile = |chain: &Arc<FilterChain>| {
            let is_same = |plan: &&Arc<ChainPlan>| Arc::ptr_eq(&plan.chain, chain) && plan.has_secrets(secrets);
            let known = before.and_then(|before| before.all().find(is_same));
            known.cloned().unwrap_or_else(|| Arc::new(ChainPlan::new(chain, secrets, slots)))
        };
        Self {
            chains: listener.chains.iter().map(&mut compile).collect(),
            default_chain: listener.default_chain.as_ref().map(&mut compile),
            listener: listener.clone(),
        }
    }

    /// All chains, the default one last.
    pub fn all(&self) -> impl Iterator<Item = &Arc<ChainPlan>> {
        self.chains.iter().chain(&self.default_chain)
    }

    /// Whether all chains have the secrets of this moment.
    pub(super) fn has_secrets(&self, secrets: &Secrets) -> bool {
        self.all().all(|plan| plan.has_secrets(secrets))
    }
}

impl ChainPlan {
    fn has_secrets(&self, secrets: &Secrets) -> bool {
        let names = self.chain.tls.iter().flat_map(|tls| &tls.certificates);
        std::iter::zip(names, &self.secrets).all(|(name, used)| match (used, secrets.get(name)) {
            (Some(used), Some(secret)) => Arc::ptr_eq(used, secret),
            (None, None) => true,
            _ => false,
        })
    }

    fn new(chain: &Arc<FilterChain>, secrets: &Secrets, slots: &mut Slots<'_>) -> Self {
        let filters = match &chain.filters {
            Filters::Http(manager) => FilterPlan::Http(Arc::new(HttpPlan::new(manager, chain, slots))),
            Filters::Tcp(proxy) => {
                let clusters = proxy.clusters.iter().map(|choice| slots.clusters.slot(&choice.cluster)).collect();
                FilterPlan::Tcp(Arc::new(TcpPlan { proxy: proxy.clone(), clusters, chain_name: chain.name.clone() }))
            }
        };
        let tls = chain.tls.as_ref().map(|settings| server_config(settings, secrets));
        let names = chain.tls.iter().flat_map(|tls| &tls.certificates);
        let secrets = names.map(|name| secrets.get(name).cloned()).collect();
        Self { chain: chain.clone(), tls, secrets, filters }
    }
}

impl HttpPlan {
    /// What is accepted of requests; of those that come by HTTP/2 any method, as in Envoy.
    pub fn options_for(&self, is_http2: bool) -> RequestOptions {
        let allow_custom_methods = self.options.allow_custom_methods || is_http2;
        RequestOptions { http2: is_http2, allow_custom_methods, ..self.options }
    }

    fn new(manager: &Arc<HttpConnectionManager>, chain: &FilterChain, slots: &mut Slots<'_>) -> Self {
        let routes = match &manager.routes {
            RouteSource::Named(name) => RouteRef::Slot(slots.routes.slot(name)),
            RouteSource::Inline(config) => RouteRef::Inline(Arc::new(RouteTable::new(config, None, slots.clusters))),
        };
        let options = RequestOptions {
            accept_http_10: manager.accept_http_10,
            scheme: if chain.tls.is_some() { Scheme::Https } else { Scheme::Http },
            ..RequestOptions::default()
        };
        let normalization = match manager.path_normalization {
            PathNormalization::None => Normalization::None,
            PathNormalization::Base => Normalization::Base,
            PathNormalization::MergeSlashes => Normalization::MergeSlashes,
            PathNormalization::DecodeAndMergeSlashes => Normalization::DecodeAndMergeSlashes,
        };
        Self { manager: manager.clone(), routes, options, normalization, chain_name: chain.name.clone() }
    }
}

impl TcpPlan {
    /// The cluster of one connection.
    #[must_use]
    pub fn pick(&self, random: u64) -> Option<&SlotRef> {
        let picked = self.proxy.pick_cluster(random);
        self.clusters.get(self.proxy.clusters.element_offset(picked)?)
    }
}
