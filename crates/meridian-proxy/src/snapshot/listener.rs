//! Listeners with their chains.

use super::route::RouteTable;
use super::slot::{SlotRef, SlotTable};
use super::udp::UdpPlan;
use crate::tls::{Materials, SPOKEN, ServerTls, TlsError, TlsStore, server_materials, server_tls};
use meridian_http::path::Normalization;
use meridian_http::{RequestOptions, Scheme};
use meridian_ir::http::{PathNormalization, RouteSource};
use meridian_ir::{FilterChain, Filters, HttpConnectionManager, Listener, Name, ProxyConfig, TcpProxy};
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
    /// Where packets go, of a listener of UDP.
    pub udp: Option<Arc<UdpPlan>>,
}

/// A filter chain that runs.
#[derive(Debug)]
pub struct ChainPlan {
    /// As configured.
    pub chain: Arc<FilterChain>,
    /// TLS termination; a chain whose certificates are not usable fails its handshakes.
    pub tls: Option<Result<Arc<ServerTls>, TlsError>>,
    /// What its TLS was made from.
    materials: Materials,
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

/// What compiling a listener needs beside it.
pub(super) struct Tools<'s> {
    pub(super) clusters: &'s mut SlotTable,
    pub(super) routes: &'s mut SlotTable,
    pub(super) tls: &'s mut TlsStore,
    pub(super) config: &'s ProxyConfig,
}

impl ListenerPlan {
    /// Compiles `listener`; chains that `before` shares are taken from it, unless what their TLS is made from changed.
    pub(super) fn new(listener: &Arc<Listener>, before: Option<&ListenerPlan>, tools: &mut Tools<'_>) -> Self {
        let mut compile = |chain: &Arc<FilterChain>| {
            let materials = materials(chain, tools.tls, tools.config);
            let is_same = |plan: &&Arc<ChainPlan>| Arc::ptr_eq(&plan.chain, chain) && plan.materials == materials;
            let known = before.and_then(|before| before.all().find(is_same));
            known.cloned().unwrap_or_else(|| {
                let like = before.and_then(|before| before.all().find(|plan| plan.has_tls_of(chain, &materials)));
                let plan = ChainPlan::new(chain, materials, like.map(|plan| &**plan), tools);
                if let Some(Err(error)) = &plan.tls
                    && !matches!(error, TlsError::NoIdentity(_))
                {
                    let (listener, names) = (&*listener.name, &chain.matcher.server_names);
                    tracing::warn!(listener, chain = &*chain.name, ?names, "TLS handshakes fail: {error}");
                }
                Arc::new(plan)
            })
        };
        Self {
            chains: listener.chains.iter().map(&mut compile).collect(),
            default_chain: listener.default_chain.as_ref().map(&mut compile),
            udp: listener.udp.as_ref().map(|proxy| {
                let before = before.and_then(|before| before.udp.as_deref());
                Arc::new(UdpPlan::new(proxy, before, tools.clusters))
            }),
            listener: listener.clone(),
        }
    }

    /// All chains, the default one last.
    pub fn all(&self) -> impl Iterator<Item = &Arc<ChainPlan>> {
        self.chains.iter().chain(&self.default_chain)
    }

    /// Whether the TLS of all chains is made from what there is at this moment.
    pub(super) fn is_current(&self, tls: &mut TlsStore, config: &ProxyConfig) -> bool {
        self.all().all(|plan| plan.materials == materials(&plan.chain, tls, config))
    }
}

fn materials(chain: &FilterChain, tls: &mut TlsStore, config: &ProxyConfig) -> Materials {
    chain.tls.as_ref().map(|settings| server_materials(settings, tls, config)).unwrap_or_default()
}

impl ChainPlan {
    /// Whether its TLS is what `chain` needs: then it is taken over, and clients can resume their sessions.
    fn has_tls_of(&self, chain: &FilterChain, materials: &Materials) -> bool {
        let is_http = |chain: &FilterChain| matches!(chain.filters, Filters::Http(_));
        chain.tls.is_some()
            && self.materials == *materials
            && self.chain.tls == chain.tls
            && is_http(&self.chain) == is_http(chain)
    }

    /// `like` is a chain whose TLS is the same.
    fn new(chain: &Arc<FilterChain>, materials: Materials, like: Option<&ChainPlan>, tools: &mut Tools<'_>) -> Self {
        let filters = match &chain.filters {
            Filters::Http(manager) => FilterPlan::Http(Arc::new(HttpPlan::new(manager, chain, tools))),
            Filters::Tcp(proxy) => {
                let clusters = proxy.clusters.iter().map(|choice| tools.clusters.slot(&choice.cluster)).collect();
                FilterPlan::Tcp(Arc::new(TcpPlan { proxy: proxy.clone(), clusters, chain_name: chain.name.clone() }))
            }
        };
        // What is spoken behind a TCP proxy is not for the gateway to choose.
        let spoken = matches!(filters, FilterPlan::Http(_)).then_some(&SPOKEN[..]);
        let tls = like.and_then(|like| like.tls.clone()).or_else(|| {
            let settings = chain.tls.as_ref()?;
            Some(server_tls(settings, spoken, tools.tls, tools.config).map(Arc::new))
        });
        Self { chain: chain.clone(), tls, materials, filters }
    }
}

impl HttpPlan {
    /// What is accepted of requests; of those that come by HTTP/2 any method, as in Envoy.
    pub fn options_for(&self, is_http2: bool) -> RequestOptions {
        let allow_custom_methods = self.options.allow_custom_methods || is_http2;
        RequestOptions { http2: is_http2, allow_custom_methods, ..self.options }
    }

    fn new(manager: &Arc<HttpConnectionManager>, chain: &FilterChain, tools: &mut Tools<'_>) -> Self {
        let routes = match &manager.routes {
            RouteSource::Named(name) => RouteRef::Slot(tools.routes.slot(name)),
            RouteSource::Inline(config) => RouteRef::Inline(Arc::new(RouteTable::new(config, None, tools.clusters))),
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
