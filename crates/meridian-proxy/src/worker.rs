//! A worker: one thread with its own runtime, sockets, pools, counters and pointers to the configuration.
//!
//! Everything here belongs to one thread (`Rc`, `Cell`, `RefCell`); borrows never live across an `await`. What
//! changes arrives as a message from the control thread and is taken over between two polls, so that a request sees
//! one configuration from its route to its cluster.

mod buffers;
mod clock;
mod cluster;
mod connections;
mod outliers;
mod run;

pub use buffers::{BUFFER_BYTES, Buffers};
pub use clock::DateHeader;
pub use cluster::{Selection, WorkerCluster};
pub use connections::{ConnectionHandle, Connections};
pub use run::{Update, WorkerCommand, WorkerThread};

use crate::access_log::WorkerLogs;
use crate::control::Shared;
use crate::http1;
use crate::listener::WorkerListener;
use crate::peer_metadata::PeerMetadata;
use crate::snapshot::{ClusterPlan, RouteTable};
use crate::stats::WorkerStats;
use meridian_ir::Name;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// The state of one worker.
pub struct Worker {
    /// From 0.
    pub index: usize,
    /// What all threads of the proxy share.
    pub shared: Arc<Shared>,
    /// Its counters.
    pub stats: WorkerStats,
    /// Its access-log lines.
    pub logs: WorkerLogs,
    /// Memory for reading.
    pub buffers: Buffers,
    /// Memory for the requests of HTTP/2.
    pub memory: http1::Memory,
    /// What it tells other proxies of itself.
    pub(crate) peer: Option<PeerMetadata>,
    /// The value of `date`.
    pub date: RefCell<DateHeader>,
    wall_clock: Cell<(Instant, SystemTime)>,
    random: RefCell<fastrand::Rng>,
    clusters: RefCell<Vec<Option<ClusterSlot>>>,
    routes: RefCell<Vec<Option<Rc<WorkerRoutes>>>>,
    listeners: RefCell<HashMap<Name, Rc<WorkerListener>>>,
    /// The same by the addresses that they are configured for.
    addresses: RefCell<HashMap<SocketAddr, Rc<WorkerListener>>>,
    /// Listeners that went away and whose connections finish.
    draining: RefCell<Vec<Rc<WorkerListener>>>,
    next_connection: Cell<u64>,
    stopping: Cell<bool>,
}

/// A worker's own handle of a route table. Requests count references to it, and not to the table, whose counter all
/// workers share.
#[derive(Debug)]
pub struct WorkerRoutes {
    /// The table.
    pub table: Arc<RouteTable>,
}

/// A cluster on one worker, which runs from its first request on: of the thousands that a sidecar knows, its workload
/// speaks to few.
#[derive(Debug)]
enum ClusterSlot {
    Unused(Arc<ClusterPlan>),
    Running(Rc<WorkerCluster>),
}

impl ClusterSlot {
    fn plan(&self) -> &Arc<ClusterPlan> {
        match self {
            Self::Unused(plan) => plan,
            Self::Running(cluster) => &cluster.plan,
        }
    }

    fn running(&self) -> Option<&Rc<WorkerCluster>> {
        match self {
            Self::Unused(_) => None,
            Self::Running(cluster) => Some(cluster),
        }
    }
}

impl Worker {
    fn new(index: usize, shared: Arc<Shared>, stats: WorkerStats, logs: WorkerLogs) -> Self {
        Self {
            index,
            stats,
            logs,
            next_connection: Cell::new(index as u64),
            buffers: Buffers::default(),
            memory: http1::Memory::default(),
            peer: PeerMetadata::new(&shared.options),
            date: RefCell::default(),
            wall_clock: Cell::new((Instant::now(), SystemTime::now())),
            random: RefCell::new(fastrand::Rng::new()),
            clusters: RefCell::default(),
            routes: RefCell::default(),
            listeners: RefCell::default(),
            addresses: RefCell::default(),
            draining: RefCell::default(),
            stopping: Cell::new(false),
            shared,
        }
    }

    /// A number that no other connection of this process has.
    pub fn connection_id(&self) -> u64 {
        let workers = self.shared.options.threads as u64;
        self.next_connection.replace(self.next_connection.get() + workers)
    }

    /// What the wall clock shows at `now`. It is looked at once a second, so that a request reads one clock only.
    pub fn wall_time(&self, now: Instant) -> SystemTime {
        let (then, shown) = self.wall_clock.get();
        shown + now.saturating_duration_since(then)
    }

    fn set_wall_clock(&self) {
        self.wall_clock.set((Instant::now(), SystemTime::now()));
    }

    /// A random number.
    pub fn random(&self) -> u64 {
        self.random.borrow_mut().u64(..)
    }

    /// A random number of 128 bits.
    pub fn random_u128(&self) -> u128 {
        self.random.borrow_mut().u128(..)
    }

    /// The cluster of a slot, when it exists.
    pub fn cluster(&self, slot: usize) -> Option<Rc<WorkerCluster>> {
        match self.clusters.borrow_mut().get_mut(slot)?.as_mut()? {
            ClusterSlot::Running(cluster) => Some(cluster.clone()),
            unused @ ClusterSlot::Unused(_) => {
                let cluster = self.run_cluster(unused.plan().clone(), None);
                *unused = ClusterSlot::Running(cluster.clone());
                Some(cluster)
            }
        }
    }

    fn run_cluster(&self, plan: Arc<ClusterPlan>, before: Option<&WorkerCluster>) -> Rc<WorkerCluster> {
        let stats = self.stats.cluster(&plan.cluster);
        let cluster = Rc::new(WorkerCluster::new(plan, before, stats, self.random()));
        cluster.start_yielding();
        cluster
    }

    /// The route table of a slot, when it exists.
    pub fn routes(&self, slot: usize) -> Option<Rc<WorkerRoutes>> {
        self.routes.borrow().get(slot)?.clone()
    }

    /// The listener of the address that a captured connection was going to: of exactly that address, or of its port on
    /// every address (as [`meridian_ir::listener::of_destination`] finds it).
    pub fn listener_at(&self, destination: SocketAddr) -> Option<Rc<WorkerListener>> {
        let ip = destination.ip().to_canonical();
        let every = if ip.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
        let addresses = self.addresses.borrow();
        let at = |ip| addresses.get(&SocketAddr::new(ip, destination.port())).cloned();
        at(ip).or_else(|| at(every))
    }

    /// Whether the proxy is stopping: connections end after the request that they are at.
    pub fn is_stopping(&self) -> bool {
        self.stopping.get()
    }
}
