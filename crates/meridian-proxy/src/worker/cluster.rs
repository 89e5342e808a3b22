//! A cluster as one worker runs it.

use crate::pool::{Host, Watch};
use crate::snapshot::{ClusterPlan, Current, HostPlan, Limits};
use crate::stats::ClusterStats;
use meridian_ir::balance::Choice;
use meridian_ir::cluster::Discovery;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::task::AbortHandle;

/// How often another endpoint is drawn when the drawn one was tried already (Istio's
/// `host_selection_retry_max_attempts`).
const HOST_SELECTION_ATTEMPTS: u32 = 5;

/// How many original destinations one worker remembers for one cluster, beyond those that are in use.
const MAX_DESTINATIONS: usize = 1024;

/// A cluster: its endpoints and whose turn it is. Replaced whole when the cluster or its endpoints change; endpoints
/// that stay keep their connections, and requests under way keep the cluster that they began with.
#[derive(Debug)]
pub struct WorkerCluster {
    /// What it was made from.
    pub plan: Arc<ClusterPlan>,
    /// Its counters.
    pub stats: Rc<ClusterStats>,
    /// Beside the plan's.
    hosts: Vec<Rc<Host>>,
    /// Where clients were going, for clusters of original destinations.
    destinations: RefCell<HashMap<SocketAddr, Rc<Host>>>,
    current: RefCell<Current>,
    turn: Cell<u64>,
    /// Requests of this worker that wait for a connection.
    pub(crate) waiting: Cell<u32>,
    yielding: RefCell<Option<AbortHandle>>,
}

/// What of a request decides about its endpoint.
#[derive(Debug, Clone, Copy, Default)]
pub struct Selection<'s> {
    /// Its hash, for clusters that balance by hash; `None`: at random.
    pub hash: Option<u64>,
    /// Where its client was going, if it was sent here on its way, or where what it named is, for clusters of which
    /// clients say where connections go.
    pub destination: Option<SocketAddr>,
    /// Taken before all others, if it is an endpoint that may be used.
    pub prefer: Option<SocketAddr>,
    /// Endpoints that were tried.
    pub avoid: &'s [SocketAddr],
    /// Endpoints that were tried, whose priorities are to be avoided.
    pub avoid_priorities_of: &'s [SocketAddr],
}

impl WorkerCluster {
    /// The cluster of `plan`. `before` gives its endpoints' state where the address stays; the others are removed.
    pub(super) fn new(plan: Arc<ClusterPlan>, before: Option<&Self>, stats: Rc<ClusterStats>, random: u64) -> Self {
        let mut known: HashMap<SocketAddr, Rc<Host>> =
            before.into_iter().flat_map(|before| &before.hosts).map(|host| (host.address, host.clone())).collect();
        let has_other_tls = before.is_some_and(|before| !before.plan.transport.is_same(&plan.transport));
        if has_other_tls {
            // What was agreed on with endpoints that were judged otherwise is not used again.
            known.drain().for_each(|(_, host)| host.remove());
        }
        let host = |host: &HostPlan| {
            match known.remove(&host.address) {
                Some(same) if same.is_of(host) => return same,
                other => other.inspect(|other| other.remove()),
            };
            Rc::new(Host::new(host.address, host.mesh_tls, host.workload.clone()))
        };
        let hosts: Vec<Rc<Host>> = plan.hosts.iter().map(host).collect();
        for (host, plan_host) in hosts.iter().zip(&plan.hosts) {
            host.watch(Watch::new(&plan, plan_host));
        }
        known.values().for_each(|gone| gone.remove());
        let turn = Cell::new(before.map_or(random, |before| before.turn.get()));
        let mut destinations = before.map(|before| before.destinations.take()).unwrap_or_default();
        if !is_of_clients(&plan) || has_other_tls {
            destinations.drain().for_each(|(_, host)| host.remove());
        }
        Self {
            current: RefCell::new(plan.current()),
            plan,
            stats,
            hosts,
            destinations: RefCell::new(destinations),
            turn,
            waiting: Cell::new(0),
            yielding: RefCell::default(),
        }
    }

    /// Gives idle connections up for requests of other workers that wait, for as long as this cluster is here.
    pub(super) fn start_yielding(self: &Rc<Self>) {
        if let Some(limits) = &self.plan.limits {
            let task = tokio::task::spawn_local(yield_connections(Rc::downgrade(self), limits.clone()));
            self.yielding.replace(Some(task.abort_handle()));
        }
    }

    /// Closes one idle connection. Whether there was one.
    pub(crate) fn close_one_idle(&self) -> bool {
        let destinations = self.destinations.borrow();
        self.hosts.iter().chain(destinations.values()).any(|host| host.close_one_idle())
    }

    /// Closes the idle connections of all endpoints, because the cluster is gone.
    pub(super) fn remove(&self) {
        self.hosts.iter().for_each(|host| host.remove());
        self.destinations.take().values().for_each(|host| host.remove());
    }

    /// All endpoints.
    pub fn hosts(&self) -> &[Rc<Host>] {
        &self.hosts
    }

    /// Closes idle connections whose time is over.
    pub(super) fn sweep(&self, now: Instant) {
        let cluster = &self.plan.cluster;
        for host in &self.hosts {
            host.sweep(now, cluster, &self.stats);
        }
        self.destinations.borrow_mut().retain(|_, host| {
            host.sweep(now, cluster, &self.stats);
            host.active() > 0 || host.idle_count() > 0
        });
    }

    /// The endpoint for one request, by the cluster's policy; `None` when there is none. One that was tried is taken
    /// only when five more draws find no other.
    pub fn select(&self, random: impl FnMut() -> u64, selection: &Selection<'_>) -> Option<Rc<Host>> {
        if is_of_clients(&self.plan) {
            return selection.destination.map(|destination| self.destination(destination));
        }
        let preferred = selection.prefer.and_then(|address| self.usable(address));
        preferred.or_else(|| self.draw(random, selection)).cloned()
    }

    /// The endpoint of this address, if it may be used.
    pub fn usable(&self, address: SocketAddr) -> Option<&Rc<Host>> {
        let position = self.plan.hosts.iter().position(|host| host.address == address && host.is_usable())?;
        self.hosts.get(position)
    }

    /// The endpoint where the client was going; it is there as long as something is done with it. Where there are very
    /// many, one that is only kept for its idle connections makes room.
    fn destination(&self, mut address: SocketAddr) -> Rc<Host> {
        if let Some(port) = self.plan.cluster.port_override {
            address.set_port(port);
        }
        let mut destinations = self.destinations.borrow_mut();
        if let Some(known) = destinations.get(&address) {
            return known.clone();
        }
        if destinations.len() >= MAX_DESTINATIONS {
            let unused = destinations.iter().find(|(_, host)| host.active() == 0).map(|(address, _)| *address);
            if let Some(host) = unused.and_then(|unused| destinations.remove(&unused)) {
                host.remove();
            }
        }
        let host = Rc::new(Host::new(address, false, None));
        destinations.insert(address, host.clone());
        host
    }

    fn draw(&self, mut random: impl FnMut() -> u64, selection: &Selection<'_>) -> Option<&Rc<Host>> {
        if !self.plan.holds(&self.current.borrow()) {
            self.current.replace(self.plan.current());
        }
        let current = self.current.borrow();
        if current.picture.is_in_panic() {
            self.stats.in_panic();
        }
        let position = |tried: &SocketAddr| self.hosts.iter().position(|host| host.address == *tried);
        let tried: Vec<usize> = selection.avoid_priorities_of.iter().filter_map(position).collect();
        let mut drawn = None;
        for attempt in 0..=HOST_SELECTION_ATTEMPTS {
            let choice = Choice {
                hash: selection.hash,
                attempt,
                tried: &tried,
                turn: &self.turn,
                random: &mut random,
                active: |position: usize| self.hosts[position].active(),
            };
            let host = self.hosts.get(current.picture.choose(choice)?)?;
            drawn = Some(host);
            if !selection.avoid.contains(&host.address) {
                break;
            }
        }
        drawn
    }
}

/// Whether clients say where their connections go.
fn is_of_clients(plan: &ClusterPlan) -> bool {
    matches!(plan.cluster.discovery, Discovery::OriginalDst | Discovery::DynamicForward)
}

impl Drop for WorkerCluster {
    fn drop(&mut self) {
        if let Some(task) = self.yielding.take() {
            task.abort();
        }
    }
}

/// Closes an idle connection whenever a request waits for one that the cluster may not open.
async fn yield_connections(cluster: Weak<WorkerCluster>, limits: Arc<Limits>) {
    loop {
        // Told of everything from here on, so that nothing is missed while one is closed.
        let wanted = limits.wanted.notified();
        if limits.pending.load(Ordering::Relaxed) > 0 {
            let Some(cluster) = cluster.upgrade() else { return };
            let max = cluster.plan.cluster.circuit_breakers.max_connections;
            if limits.connections.load(Ordering::Relaxed) >= max {
                cluster.close_one_idle();
            }
        }
        wanted.await;
    }
}
