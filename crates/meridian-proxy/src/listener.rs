//! Listeners: accepting connections and choosing what is done with them.

mod accept;
mod captured;
mod connection;
mod runtime;

pub use connection::{ConnectionInfo, Direct, OpenConnection, TlsInfo};
pub use runtime::{FilterRuntime, HttpRuntime, TcpRuntime, UdpRuntime};

use crate::access_log::LogHandle;
use crate::control::BoundSocket;
use crate::record::Record;
use crate::snapshot::{ChainPlan, FilterPlan, ListenerPlan};
use crate::stats::ListenerStats;
use crate::udp;
use crate::worker::{Connections, Worker};
use meridian_ir::filter_chain::{ConnectionView, Selection, TransportProtocol, select};
use meridian_ir::tls::ClientAuth;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Notify;

/// A listener as one worker runs it: its sockets, and chains that may be replaced under them. One that is not bound has
/// no socket: it is given connections that were captured on their way to its address.
#[derive(Debug)]
pub struct WorkerListener {
    /// Its open connections.
    pub connections: Connections,
    /// Its counters.
    pub stats: Rc<ListenerStats>,
    chains: RefCell<Rc<WorkerChains>>,
    generation: Cell<u64>,
    draining: Cell<bool>,
    is_bound: bool,
    stop_accepting: Notify,
}

/// The chains of a listener at one moment.
#[derive(Debug)]
pub struct WorkerChains {
    /// What they were made from.
    pub plan: Arc<ListenerPlan>,
    chains: Vec<Rc<WorkerChain>>,
    default_chain: Option<Rc<WorkerChain>>,
    udp: Option<Rc<UdpRuntime>>,
    logs: Vec<LogHandle>,
    /// Some chain asks clients for certificates.
    asks_for_certificates: bool,
}

/// A filter chain as one worker runs it.
#[derive(Debug)]
pub struct WorkerChain {
    /// What it was made from.
    pub plan: Arc<ChainPlan>,
    /// See [`FilterRuntime`].
    pub runtime: FilterRuntime,
}

impl WorkerListener {
    /// Starts accepting connections, or receiving packets, from `sockets`.
    pub fn start(worker: &Rc<Worker>, plan: &Arc<ListenerPlan>, sockets: Vec<BoundSocket>) -> Rc<Self> {
        let listener = Rc::new(Self {
            connections: Connections::default(),
            stats: worker.stats.listener(&plan.listener.name),
            chains: RefCell::new(Rc::new(WorkerChains::new(worker, plan, None))),
            generation: Cell::new(0),
            draining: Cell::new(false),
            is_bound: !sockets.is_empty(),
            stop_accepting: Notify::new(),
        });
        for socket in sockets {
            let (worker, listener) = (worker.clone(), listener.clone());
            match socket {
                BoundSocket::Tcp(socket) => tokio::task::spawn_local(accept::accept(worker, listener, socket)),
                BoundSocket::Udp(socket) => tokio::task::spawn_local(udp::serve(worker, listener, socket)),
            };
        }
        listener
    }

    /// Replaces the chains. Connections go on: they see the change at their next request.
    pub fn replace(&self, worker: &Worker, plan: &Arc<ListenerPlan>) {
        let chains = Rc::new(WorkerChains::new(worker, plan, Some(&self.chains.borrow())));
        self.chains.replace(chains);
        self.generation.set(self.generation.get() + 1);
    }

    /// Stops accepting and lets connections finish until `close_at`; those without a request end at once with
    /// `close_idle`, and after their next one otherwise.
    pub fn drain(&self, close_at: Instant, close_idle: bool) {
        self.draining.set(true);
        self.stop_accepting.notify_waiters();
        self.connections.drain(close_at, close_idle);
    }

    /// Returns when nothing new is to be accepted any more.
    pub(crate) async fn stop_accepting(&self) {
        self.stop_accepting.notified().await;
    }

    /// Whether connections should end after the request that they are at.
    pub fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Whether it has sockets of its own.
    pub fn is_bound(&self) -> bool {
        self.is_bound
    }

    /// Counts up whenever the chains are replaced.
    pub fn generation(&self) -> u64 {
        self.generation.get()
    }

    /// The chains of this moment.
    pub fn chains(&self) -> Rc<WorkerChains> {
        self.chains.borrow().clone()
    }
}

/// How a chain judges clients.
fn client_auth(chain: &ChainPlan) -> &ClientAuth {
    chain.chain.tls.as_ref().map_or(&ClientAuth::None, |tls| &tls.client_auth)
}

impl WorkerChains {
    fn new(worker: &Worker, plan: &Arc<ListenerPlan>, before: Option<&Self>) -> Self {
        let make = |chain: &Arc<ChainPlan>| {
            let known = before.and_then(|before| before.all().find(|known| Arc::ptr_eq(&known.plan, chain)).cloned());
            known.unwrap_or_else(|| {
                Rc::new(WorkerChain { plan: chain.clone(), runtime: FilterRuntime::new(worker, &chain.filters) })
            })
        };
        Self {
            chains: plan.chains.iter().map(make).collect(),
            default_chain: plan.default_chain.as_ref().map(make),
            udp: plan.udp.as_ref().map(|plan| Rc::new(UdpRuntime::new(worker, plan))),
            logs: plan.listener.access_log.iter().map(|log| worker.logs.open(log)).collect(),
            asks_for_certificates: plan.all().any(|chain| client_auth(chain) != &ClientAuth::None),
            plan: plan.clone(),
        }
    }

    /// What becomes of packets, where the listener is one of UDP.
    pub fn udp(&self) -> Option<&Rc<UdpRuntime>> {
        self.udp.as_ref()
    }

    fn all(&self) -> impl Iterator<Item = &Rc<WorkerChain>> {
        self.chains.iter().chain(&self.default_chain)
    }

    /// The chain for a new connection.
    pub fn select(&self, connection: &ConnectionView<'_>) -> Option<Rc<WorkerChain>> {
        let listener = &self.plan.listener;
        match select(listener, connection) {
            Selection::Chain(chain) => self.chains.get(listener.chains.element_offset(chain)?).cloned(),
            Selection::Default(_) => self.default_chain.clone(),
            Selection::None => None,
        }
    }

    /// Logs a connection that found no chain, or whose TLS handshake failed.
    pub fn log_refused(&self, worker: &Worker, record: &Record<'_>) {
        for log in &self.logs {
            worker.logs.write(log, record);
        }
    }

    /// Whether a request for `host` does not belong on a connection that came by `chain`: the chain that serves `host`
    /// by server name asks clients for certificates, and this connection was not judged as it wants (RFC 9110 section
    /// 15.5.20). A client that reuses connections then makes one of its own for that host.
    ///
    /// Envoy and Istio serve such a request, so that whoever reaches a laxer host of the listener reaches the stricter
    /// one's routes, too. Hosts that ask for nothing are served on any connection, as there.
    pub fn is_misdirected(&self, chain: &WorkerChain, local: SocketAddr, host: &str) -> bool {
        if !self.asks_for_certificates || chain.plan.chain.tls.is_none() {
            return false;
        }
        let view = ConnectionView {
            destination: local,
            server_name: Some(host),
            transport_protocol: TransportProtocol::Tls,
            application_protocols: &[],
        };
        let wanted = self.select(&view);
        wanted.is_some_and(|wanted| {
            let wanted = client_auth(&wanted.plan);
            wanted != &ClientAuth::None && wanted != client_auth(&chain.plan)
        })
    }

    /// What has become of `chain`, which a connection was given earlier: the chain that now takes such connections and
    /// does the same kind of thing with them. `None`: it is gone, and the connection should end.
    pub fn successor(&self, chain: &Rc<WorkerChain>) -> Option<Rc<WorkerChain>> {
        if let Some(same) = self.all().find(|known| Rc::ptr_eq(known, chain)) {
            return Some(same.clone());
        }
        let is_like = |known: &&Rc<WorkerChain>| {
            let (new, old) = (&known.plan.chain, &chain.plan.chain);
            let is_http = |chain: &WorkerChain| matches!(chain.plan.filters, FilterPlan::Http(_));
            new.matcher == old.matcher && new.tls.is_some() == old.tls.is_some() && is_http(known) == is_http(chain)
        };
        self.all().find(is_like).cloned()
    }
}
