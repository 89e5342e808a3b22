//! A worker's thread: taking over changes, sweeping, stopping.

use super::{ClusterSlot, Worker, WorkerRoutes};
use crate::access_log::Writer;
use crate::control::{BoundSocket, ProxyError, Shared};
use crate::listener::WorkerListener;
use crate::snapshot::{Change, ClusterPlan, ListenerPlan};
use crate::stats::Stats;
use meridian_ir::Name;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::{mpsc, oneshot};

/// How often idle upstream connections are looked through.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// What the control thread asks of a worker.
#[derive(Debug)]
pub enum WorkerCommand {
    /// Take over a change.
    Apply(Update),
    /// End connections after the request that they are at, and go on accepting.
    AnnounceStop,
    /// Finish within this time.
    Stop(Duration),
}

/// A change for one worker.
#[derive(Debug)]
pub struct Update {
    /// The same for all workers.
    pub change: Arc<Change>,
    /// This worker's sockets of listeners that are new or moved; one for each address.
    pub sockets: Vec<(Name, BoundSocket)>,
    /// Told when the change is taken over.
    pub done: oneshot::Sender<()>,
}

/// The control thread's end of a worker.
#[derive(Debug)]
pub struct WorkerThread {
    commands: mpsc::UnboundedSender<WorkerCommand>,
    thread: JoinHandle<()>,
}

impl WorkerThread {
    /// Spawns the thread.
    ///
    /// # Errors
    /// No thread, or no event queue, can be had.
    pub fn spawn(index: usize, shared: Arc<Shared>, stats: Arc<Stats>, logs: Arc<Writer>) -> Result<Self, ProxyError> {
        let name = format!("worker-{index}");
        let error = |reason| ProxyError::Thread { thread: name.clone(), reason };
        let (commands, inbox) = mpsc::unbounded_channel();
        let (ready, built) = std::sync::mpsc::channel();
        let main = move || match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
            Ok(runtime) => {
                let _ = ready.send(Ok(()));
                run(&runtime, Worker::new(index, shared, stats.worker(), logs.worker()), inbox);
            }
            Err(error) => {
                let _ = ready.send(Err(error));
            }
        };
        let thread = std::thread::Builder::new().name(name.clone()).spawn(main).map_err(error)?;
        match built.recv() {
            Ok(Ok(())) => Ok(Self { commands, thread }),
            Ok(Err(source)) => Err(error(source)),
            Err(_) => Err(error(std::io::Error::other("the thread ended at once"))),
        }
    }

    /// Sends a command; a worker that has ended hears nothing.
    pub fn send(&self, command: WorkerCommand) {
        // The control thread sends nothing after Stop, and a worker does not end before it.
        let _ = self.commands.send(command);
    }

    /// Waits for the thread's end.
    pub fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!("a worker thread panicked");
        }
    }
}

fn run(runtime: &LocalRuntime, worker: Worker, mut inbox: mpsc::UnboundedReceiver<WorkerCommand>) {
    let worker = Rc::new(worker);
    runtime.block_on(async {
        let sweeper = tokio::task::spawn_local(sweep(worker.clone()));
        let logs = worker.clone();
        let flusher = tokio::task::spawn_local(async move { logs.logs.flush_regularly().await });
        let outliers = (worker.index == 0).then(|| tokio::task::spawn_local(super::outliers::check(worker.clone())));
        while let Some(command) = inbox.recv().await {
            match command {
                WorkerCommand::Apply(update) => worker.apply(update),
                WorkerCommand::AnnounceStop => worker.stopping.set(true),
                WorkerCommand::Stop(limit) => {
                    worker.drain(limit).await;
                    break;
                }
            }
        }
        sweeper.abort();
        if let Some(outliers) = outliers {
            outliers.abort();
        }
        flusher.abort();
    });
}

/// Looks at the clock and through idle upstream connections, for as long as the worker runs.
async fn sweep(worker: Rc<Worker>) {
    let mut tick = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        tick.tick().await;
        worker.set_wall_clock();
        let now = Instant::now();
        for cluster in worker.clusters.borrow().iter().flatten().filter_map(ClusterSlot::running) {
            cluster.sweep(now);
        }
        worker.draining.borrow_mut().retain(|listener| listener.connections.count() > 0);
    }
}

impl Worker {
    /// Takes over a change. Nothing else of this worker runs meanwhile, so that no request sees a part of it.
    fn apply(self: &Rc<Self>, update: Update) {
        let change = &update.change;
        for (slot, cluster) in &change.clusters {
            self.set_cluster(*slot, cluster.as_ref());
        }
        for (slot, table) in &change.routes {
            set(&mut self.routes.borrow_mut(), *slot, table.clone().map(|table| Rc::new(WorkerRoutes { table })));
        }
        let mut sockets = update.sockets;
        for (name, plan) in &change.listeners {
            let own = sockets.extract_if(.., |(of, _)| of == name).map(|(_, socket)| socket).collect();
            self.set_listener(name, plan.as_ref(), own);
        }
        if !change.listeners.is_empty() {
            self.index_listeners();
        }
        // The control thread does not go away while it waits.
        let _ = update.done.send(());
    }

    fn set_cluster(&self, slot: usize, plan: Option<&Arc<ClusterPlan>>) {
        let before = self.clusters.borrow_mut().get_mut(slot).and_then(Option::take);
        let running = before.as_ref().and_then(ClusterSlot::running);
        let cluster = match plan {
            Some(plan) => {
                if self.index == 0 {
                    self.shared.stats.watch(plan);
                }
                Some(match running {
                    Some(before) => ClusterSlot::Running(self.run_cluster(plan.clone(), Some(before))),
                    None => ClusterSlot::Unused(plan.clone()),
                })
            }
            None => {
                running.inspect(|before| before.remove());
                None
            }
        };
        set(&mut self.clusters.borrow_mut(), slot, cluster);
    }

    /// New sockets mean that the listener is new or has moved; the one before drains.
    fn set_listener(self: &Rc<Self>, name: &Name, plan: Option<&Arc<ListenerPlan>>, sockets: Vec<BoundSocket>) {
        let running = self.listeners.borrow().get(name).cloned();
        let stays = |running: &WorkerListener, plan: &ListenerPlan| {
            sockets.is_empty() && running.is_bound() == plan.listener.bind_to_port
        };
        match (running, plan) {
            (Some(running), Some(plan)) if stays(&running, plan) => return running.replace(self, plan),
            (Some(running), _) => {
                self.listeners.borrow_mut().remove(name);
                self.drain_listener(running, self.shared.options.drain_time);
            }
            (None, _) => {}
        }
        if let Some(plan) = plan
            && (!sockets.is_empty() || !plan.listener.bind_to_port)
        {
            let listener = WorkerListener::start(self, plan, sockets);
            self.listeners.borrow_mut().insert(name.clone(), listener);
        }
    }

    /// Finds listeners by address from now on; of several at one address the first by name.
    fn index_listeners(&self) {
        let listeners = self.listeners.borrow();
        let mut named: Vec<_> = listeners.iter().collect();
        named.sort_by_key(|(name, _)| *name);
        let mut addresses = HashMap::new();
        for (_, running) in named {
            let chains = running.chains();
            let listener = &chains.plan.listener;
            if listener.udp.is_some() {
                continue;
            }
            for address in std::iter::once(&listener.address).chain(&listener.additional_addresses) {
                addresses.entry(*address).or_insert_with(|| running.clone());
            }
        }
        self.addresses.replace(addresses);
    }

    fn drain_listener(&self, listener: Rc<WorkerListener>, limit: Duration) {
        listener.drain(Instant::now() + limit, false);
        self.draining.borrow_mut().push(listener);
    }

    /// Stops accepting and waits until all connections have ended, which they do at `limit` at the latest.
    async fn drain(&self, limit: Duration) {
        self.stopping.set(true);
        let close_at = Instant::now() + limit;
        self.addresses.borrow_mut().clear();
        let running: Vec<_> = self.listeners.borrow_mut().drain().map(|(_, listener)| listener).collect();
        for listener in running.into_iter().chain(self.draining.take()) {
            listener.drain(close_at, true);
            self.draining.borrow_mut().push(listener);
        }
        // Connections that are cut off at the limit still write their log lines: they get a moment for it.
        let give_up = close_at + Duration::from_millis(200);
        let mut tick = tokio::time::interval(Duration::from_millis(5));
        while self.draining.borrow().iter().any(|listener| listener.connections.count() > 0) && Instant::now() < give_up
        {
            tick.tick().await;
        }
    }
}

fn set<T>(table: &mut Vec<Option<T>>, slot: usize, value: Option<T>) {
    if table.len() <= slot {
        table.resize_with(slot + 1, || None);
    }
    table[slot] = value;
}
