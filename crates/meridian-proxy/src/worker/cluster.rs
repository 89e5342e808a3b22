//! A cluster as one worker runs it.

use crate::pool::Host;
use crate::snapshot::ClusterPlan;
use crate::stats::ClusterStats;
use meridian_ir::cluster::LbPolicy;
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

/// How often another endpoint is drawn when the drawn one was tried already (Istio's
/// `host_selection_retry_max_attempts`).
const HOST_SELECTION_ATTEMPTS: u32 = 5;

/// A cluster: its endpoints and whose turn it is. Replaced whole when the cluster or its endpoints change; endpoints
/// that stay keep their connections, and requests under way keep the cluster that they began with.
#[derive(Debug)]
pub struct WorkerCluster {
    /// What it was made from.
    pub plan: Arc<ClusterPlan>,
    /// Its counters.
    pub stats: Rc<ClusterStats>,
    hosts: Vec<Rc<Host>>,
    turn: Cell<u64>,
    /// Requests of this worker that wait for a connection.
    pub(crate) waiting: Cell<u32>,
}

impl WorkerCluster {
    /// The cluster of `plan`. `before` gives its endpoints' state where the address stays; the others are removed.
    pub(super) fn new(plan: Arc<ClusterPlan>, before: Option<&Self>, stats: Rc<ClusterStats>, random: u64) -> Self {
        let known = |address: SocketAddr| before.and_then(|before| before.hosts.iter().find(|h| h.address == address));
        let hosts: Vec<Rc<Host>> = plan
            .hosts
            .iter()
            .map(|host| known(host.address).cloned().unwrap_or_else(|| Rc::new(Host::new(host.address))))
            .collect();
        let turn = Cell::new(before.map_or(random, |before| before.turn.get()));
        let cluster = Self { plan, stats, hosts, turn, waiting: Cell::new(0) };
        if let Some(before) = before {
            before.remove_hosts(|host| !cluster.hosts.iter().any(|kept| Rc::ptr_eq(kept, host)));
        }
        cluster
    }

    /// Closes the idle connections of all endpoints, because the cluster is gone.
    pub(super) fn remove(&self) {
        self.remove_hosts(|_| true);
    }

    fn remove_hosts(&self, gone: impl Fn(&Rc<Host>) -> bool) {
        self.hosts.iter().filter(|host| gone(host)).for_each(|host| host.remove());
    }

    /// All endpoints that may be used.
    pub fn hosts(&self) -> &[Rc<Host>] {
        &self.hosts
    }

    /// The endpoint for one request, by the cluster's policy; `None` when there is none. One that is in `avoid` is
    /// taken only when five more draws find no other.
    pub fn choose(&self, mut random: impl FnMut() -> u64, avoid: &[SocketAddr]) -> Option<&Rc<Host>> {
        let mut host = self.draw(random())?;
        for _ in 0..HOST_SELECTION_ATTEMPTS {
            if !avoid.contains(&host.address) {
                break;
            }
            host = self.draw(random())?;
        }
        Some(host)
    }

    fn draw(&self, random: u64) -> Option<&Rc<Host>> {
        if let [only] = &self.hosts[..] {
            return Some(only);
        }
        let weights = &self.plan.weights;
        let position = match self.plan.cluster.lb_policy {
            LbPolicy::LeastRequest => weights.least_request(random, |index| self.hosts[index].active()),
            LbPolicy::RoundRobin => weights.round_robin(self.turn.replace(self.turn.get().wrapping_add(1))),
            LbPolicy::Random | LbPolicy::RingHash { .. } | LbPolicy::Maglev { .. } | LbPolicy::ClusterProvided => {
                weights.random(random)
            }
        };
        self.hosts.get(position?)
    }
}
