//! The control thread: takes configurations one after another and hands what changed to the workers.

use super::sockets::{BoundSocket, Transport, listen};
use super::{Applied, ListenerError, ListenerState, ProxyError, Shared, State};
use crate::ProxyOptions;
use crate::access_log::Writer;
use crate::admin::{Context, Server};
use crate::dns::Resolver;
use crate::dns_proxy::DnsProxy;
use crate::snapshot::{Change, Compiler};
use crate::stats::Stats;
use crate::worker::{Update, WorkerCommand, WorkerThread};
use meridian_ir::{Listener, Name, ProxyConfig};
use rustix::process::{Signal, getpid, kill_process};
use std::collections::{HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};

/// How long a configuration with new DNS names waits for their addresses.
const WARMING_TIME: Duration = Duration::from_secs(1);

/// How often files with certificates and authorities are looked at.
const FILES_INTERVAL: Duration = Duration::from_secs(1);

/// What the control thread is asked for.
#[derive(Debug)]
pub(super) enum Command {
    /// Run this configuration.
    Apply(Arc<ProxyConfig>, oneshot::Sender<Applied>),
    /// Addresses of DNS names have changed.
    Resolved,
    /// See whether files have changed.
    LookAtFiles,
    /// Say that the proxy will stop, and go on.
    AnnounceStop,
    /// Finish within this time.
    Stop(Duration, oneshot::Sender<()>),
}

/// The control thread's state.
pub(super) struct Control {
    shared: Arc<Shared>,
    compiler: Compiler,
    workers: Vec<WorkerThread>,
    runtime: Runtime,
    logs: Arc<Writer>,
    resolver: Arc<Resolver>,
    names: HashSet<Name>,
    admin: Option<Server>,
    dns_proxy: Option<DnsProxy>,
    /// Where listeners listen.
    bound: HashMap<Name, Bound>,
    errors: HashMap<Name, Arc<ListenerError>>,
    files_seen: Instant,
}

/// Addresses, and for each worker its sockets there.
type Opened = (Vec<SocketAddr>, Vec<Vec<BoundSocket>>);

/// Where a listener listens.
struct Bound {
    /// As it is configured.
    configured: Vec<SocketAddr>,
    transport: Transport,
    /// Where that is, in the same order.
    addresses: Vec<SocketAddr>,
}

/// What a listener speaks at its addresses.
fn transport(listener: &Listener) -> Transport {
    if listener.udp.is_some() { Transport::Udp } else { Transport::Tcp }
}

/// The addresses of a listener, the first of them first.
fn addresses(listener: &Listener) -> Vec<SocketAddr> {
    let mut addresses = vec![listener.address];
    for additional in &listener.additional_addresses {
        if !addresses.contains(additional) {
            addresses.push(*additional);
        }
    }
    addresses
}

impl Control {
    pub(super) fn new(options: ProxyOptions, commands: mpsc::UnboundedSender<Command>) -> Result<Self, ProxyError> {
        if options.threads == 0 {
            return Err(ProxyError::NoThreads);
        }
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|reason| ProxyError::Thread { thread: "control".into(), reason })?;
        let threads = options.threads;
        let logs = Writer::start(&options)
            .map_err(|reason| ProxyError::Thread { thread: "access-log writer".into(), reason })?;
        let resolver = Resolver::start(move || {
            // Nobody listens any more when the proxy has stopped.
            let _ = commands.send(Command::Resolved);
        });
        let resolver = Arc::new(resolver.map_err(|reason| ProxyError::Thread { thread: "dns".into(), reason })?);
        let stats = Stats::new(&options);
        let shared = Arc::new(Shared::new(options, stats.clone(), resolver.clone()));
        let mut control = Self {
            shared,
            compiler: Compiler::default(),
            workers: Vec::with_capacity(threads),
            runtime,
            logs: logs.clone(),
            resolver,
            names: HashSet::new(),
            admin: None,
            dns_proxy: None,
            bound: HashMap::new(),
            errors: HashMap::new(),
            files_seen: Instant::now(),
        };
        control.admin = Some(Server::start(control.context())?);
        if let Some(options) = &control.shared.options.dns {
            control.dns_proxy = Some(DnsProxy::start(options, control.shared.clone())?);
        }
        for index in 0..threads {
            match WorkerThread::spawn(index, control.shared.clone(), stats.clone(), logs.clone()) {
                Ok(worker) => control.workers.push(worker),
                Err(error) => {
                    control.stop_workers(Duration::ZERO);
                    return Err(error);
                }
            }
        }
        Ok(control)
    }

    /// What the proxy's own endpoints tell.
    fn context(&self) -> Context {
        let resolver = self.resolver.clone();
        Context {
            shared: self.shared.clone(),
            logs: self.logs.clone(),
            resolved: Box::new(move || resolver.resolved()),
            quit: Box::new(|| {
                // As if somebody had asked the process itself: whoever runs the proxy stops it in order.
                if let Err(error) = kill_process(getpid(), Signal::TERM) {
                    tracing::error!("the process cannot be told to end: {error}");
                }
            }),
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn spawn(mut self, mut inbox: mpsc::UnboundedReceiver<Command>) -> Result<JoinHandle<()>, ProxyError> {
        let main = move || {
            self.run(&mut inbox);
        };
        std::thread::Builder::new()
            .name("control".into())
            .spawn(main)
            .map_err(|reason| ProxyError::Thread { thread: "control".into(), reason })
    }

    fn run(&mut self, inbox: &mut mpsc::UnboundedReceiver<Command>) {
        while let Some(command) = self.next_command(inbox) {
            match command {
                Command::LookAtFiles => self.refresh_files(),
                Command::Apply(config, done) => {
                    let applied = self.apply(&config);
                    // Nobody may be waiting for it any more.
                    let _ = done.send(applied);
                }
                Command::Resolved => self.resolve(),
                Command::AnnounceStop => {
                    self.shared.set_state(State::Draining);
                    for worker in &self.workers {
                        worker.send(WorkerCommand::AnnounceStop);
                    }
                }
                Command::Stop(limit, done) => {
                    self.shared.set_state(State::Draining);
                    self.stop_workers(limit);
                    let _ = done.send(());
                    return;
                }
            }
        }
        self.stop_workers(Duration::ZERO);
    }

    /// What is asked for, or a look at the files where the configuration refers to some.
    fn next_command(&mut self, inbox: &mut mpsc::UnboundedReceiver<Command>) -> Option<Command> {
        if !self.compiler.has_files() {
            return self.runtime.block_on(inbox.recv());
        }
        let due = self.files_seen + FILES_INTERVAL;
        if Instant::now() < due {
            let next = self.runtime.block_on(async { tokio::time::timeout_at(due.into(), inbox.recv()).await });
            if let Ok(command) = next {
                return command;
            }
        }
        self.files_seen = Instant::now();
        Some(Command::LookAtFiles)
    }

    /// Takes over files with certificates and authorities that have changed.
    fn refresh_files(&mut self) {
        let change = self.compiler.refresh_files();
        self.hand_over(change, (0..self.workers.len()).map(|_| Vec::new()).collect());
    }

    fn stop_workers(&mut self, limit: Duration) {
        for worker in &self.workers {
            worker.send(WorkerCommand::Stop(limit));
        }
        self.workers.drain(..).for_each(WorkerThread::join);
        self.admin = None;
        self.dns_proxy = None;
        self.logs.stop();
    }

    fn apply(&mut self, config: &Arc<ProxyConfig>) -> Applied {
        let mut change = self.compiler.compile(config);
        self.watch_names(&mut change);
        let sockets = self.bind(config, &mut change);
        self.hand_over(change, sockets);
        self.shared.config.store(config.clone());
        self.publish_listeners(config);
        if self.shared.state() != State::Draining {
            self.shared.set_state(State::Live);
        }
        Applied { version: config.version, listener_errors: self.errors.values().cloned().collect() }
    }

    /// Keeps the addresses of the names that the configuration needs. New ones are waited for, so that no request is
    /// sent to a cluster that is not warm; for a moment only, because a name server that does not answer must not hold
    /// up everything else.
    fn watch_names(&mut self, change: &mut Change) {
        let names = self.compiler.names();
        if names == self.names {
            return;
        }
        let has_new = names.difference(&self.names).next().is_some();
        let generation = self.resolver.watch(names.iter().cloned());
        self.names = names;
        if has_new {
            let settled = self.resolver.settled(generation);
            let in_time = self.runtime.block_on(async { tokio::time::timeout(WARMING_TIME, settled).await });
            if in_time.is_err() {
                tracing::warn!("some names of the configuration are not resolved within {WARMING_TIME:?}; going on");
            }
            change.clusters.extend(self.resolved().clusters);
        }
    }

    /// What new addresses change.
    fn resolved(&mut self) -> Change {
        let resolved = self.resolver.resolved();
        self.compiler.resolve(resolved.iter().map(|(name, addresses)| (name.clone(), addresses.clone())))
    }

    /// Takes over new addresses.
    fn resolve(&mut self) {
        let change = self.resolved();
        self.hand_over(change, (0..self.workers.len()).map(|_| Vec::new()).collect());
    }

    /// Opens the sockets of listeners that are new or have moved, and of those that failed before. For each worker, its
    /// sockets.
    fn bind(&mut self, config: &ProxyConfig, change: &mut Change) -> Vec<Vec<(Name, BoundSocket)>> {
        let mut sockets: Vec<Vec<(Name, BoundSocket)>> = (0..self.workers.len()).map(|_| Vec::new()).collect();
        let leaving = self.bound.extract_if(|name, _| {
            let listener = config.listeners.get(name);
            !listener.is_some_and(|listener| listener.bind_to_port)
        });
        let leaving: Vec<(Transport, SocketAddr)> = leaving
            .flat_map(|(_, bound)| bound.addresses.into_iter().map(move |address| (bound.transport, address)))
            .collect();
        self.errors.retain(|name, _| config.listeners.contains_key(name));
        for (name, listener) in &config.listeners {
            let (configured, transport) = (addresses(listener), transport(listener));
            let is_same = |bound: &Bound| bound.configured == configured && bound.transport == transport;
            let is_bound = self.bound.get(name).is_some_and(is_same);
            if is_bound || !listener.bind_to_port {
                continue;
            }
            match self.listen_all(&configured, transport, &leaving) {
                Ok((addresses, opened)) => {
                    self.bound.insert(name.clone(), Bound { configured, transport, addresses });
                    self.errors.remove(name);
                    for (worker, opened) in sockets.iter_mut().zip(opened) {
                        worker.extend(opened.into_iter().map(|socket| (name.clone(), socket)));
                    }
                    // A listener that failed before may not have changed since; the workers need it now.
                    if !change.listeners.iter().any(|(changed, _)| changed == name) {
                        change.listeners.push((name.clone(), self.compiler.listener(name).cloned()));
                    }
                }
                Err((address, reason)) => {
                    let error = ListenerError { name: name.clone(), address, reason };
                    tracing::debug!(%error, "a listener does not listen");
                    self.bound.remove(name);
                    self.errors.insert(name.clone(), Arc::new(error));
                    // The one that ran under this name has another address now: it ends.
                    change.listeners.retain(|(changed, _)| changed != name);
                    change.listeners.push((name.clone(), None));
                }
            }
        }
        sockets
    }

    /// Listens at all of the `configured` addresses. Where that is, and each worker's sockets; the address that cannot be
    /// had otherwise. A proxy with an address of its own listens at none of the other family.
    fn listen_all(
        &self,
        configured: &[SocketAddr],
        transport: Transport,
        leaving: &[(Transport, SocketAddr)],
    ) -> Result<Opened, (SocketAddr, io::Error)> {
        let own = self.shared.options.address;
        let mut addresses = Vec::with_capacity(configured.len());
        let mut sockets: Vec<Vec<BoundSocket>> = (0..self.workers.len()).map(|_| Vec::new()).collect();
        for (position, configured) in configured.iter().enumerate() {
            let is_foreign =
                configured.ip().is_unspecified() && own.is_some_and(|own| own.is_ipv4() != configured.is_ipv4());
            if position > 0 && is_foreign {
                continue;
            }
            let address = self.shared.options.bind(*configured);
            let is_own = leaving.contains(&(transport, address));
            let opened = listen(address, transport, self.workers.len(), is_own).map_err(|error| (address, error))?;
            addresses.push(opened.first().and_then(|socket| socket.local_addr().ok()).unwrap_or(address));
            for (worker, socket) in sockets.iter_mut().zip(opened) {
                worker.push(socket);
            }
        }
        Ok((addresses, sockets))
    }

    /// Sends the change to all workers and waits until all have it.
    fn hand_over(&self, change: Change, sockets: Vec<Vec<(Name, BoundSocket)>>) {
        if change.is_empty() {
            return;
        }
        let change = Arc::new(change);
        let mut waiting = Vec::with_capacity(self.workers.len());
        for (worker, sockets) in self.workers.iter().zip(sockets) {
            let (done, taken_over) = oneshot::channel();
            worker.send(WorkerCommand::Apply(Update { change: change.clone(), sockets, done }));
            waiting.push(taken_over);
        }
        self.runtime.block_on(async {
            for taken_over in waiting {
                if taken_over.await.is_err() {
                    tracing::error!("a worker has ended: its connections are lost and its share of new ones waits");
                }
            }
        });
    }

    fn publish_listeners(&self, config: &ProxyConfig) {
        let listeners = config.listeners.iter().map(|(name, listener)| ListenerState {
            name: name.clone(),
            address: self
                .bound
                .get(name)
                .and_then(|bound| bound.addresses.first().copied())
                .unwrap_or(listener.address),
            error: self.errors.get(name).cloned(),
        });
        self.shared.listeners.store(Arc::new(listeners.collect()));
    }
}
