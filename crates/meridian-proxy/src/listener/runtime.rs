//! What a filter chain needs on a worker: counters, logs, and where its routes are.

use crate::access_log::LogHandle;
use crate::rbac::AccessFilter;
use crate::snapshot::{FilterPlan, HttpPlan, RouteRef, TcpPlan, UdpPlan};
use crate::stats::{HttpStats, TcpStats, UdpStats};
use crate::worker::{Worker, WorkerRoutes};
use std::rc::Rc;
use std::sync::Arc;

/// The filter of a chain on one worker.
#[derive(Debug, Clone)]
pub enum FilterRuntime {
    /// HTTP
    Http(Rc<HttpRuntime>),
    /// Bytes
    Tcp(Rc<TcpRuntime>),
}

/// An HTTP connection manager on one worker.
#[derive(Debug)]
pub struct HttpRuntime {
    plan: Arc<HttpPlan>,
    /// The routes, where they are fixed in the chain.
    inline: Option<Rc<WorkerRoutes>>,
    logs: Vec<LogHandle>,
    access: Vec<AccessFilter>,
    stats: Rc<HttpStats>,
}

/// A TCP proxy on one worker.
#[derive(Debug)]
pub struct TcpRuntime {
    /// What it was made from.
    pub plan: Arc<TcpPlan>,
    /// Logs of its connections.
    pub logs: Vec<LogHandle>,
    /// Who may connect.
    pub access: Vec<AccessFilter>,
    /// Its counters.
    pub stats: Rc<TcpStats>,
}

/// A UDP proxy on one worker.
#[derive(Debug)]
pub struct UdpRuntime {
    /// What it was made from.
    pub plan: Arc<UdpPlan>,
    /// Logs of its sessions.
    pub logs: Vec<LogHandle>,
    /// Its counters.
    pub stats: Rc<UdpStats>,
}

impl UdpRuntime {
    pub(super) fn new(worker: &Worker, plan: &Arc<UdpPlan>) -> Self {
        Self {
            logs: plan.proxy.access_log.iter().map(|log| worker.logs.open(log)).collect(),
            stats: worker.stats.udp(&plan.proxy.stat_prefix),
            plan: plan.clone(),
        }
    }
}

impl FilterRuntime {
    pub(super) fn new(worker: &Worker, filters: &FilterPlan) -> Self {
        match filters {
            FilterPlan::Http(plan) => Self::Http(Rc::new(HttpRuntime {
                inline: match &plan.routes {
                    RouteRef::Inline(table) => Some(Rc::new(WorkerRoutes { table: table.clone() })),
                    RouteRef::Slot(_) => None,
                },
                logs: plan.manager.access_log.iter().map(|log| worker.logs.open(log)).collect(),
                access: AccessFilter::of_requests(&plan.manager.rbac, &plan.manager.stat_prefix, &worker.stats),
                stats: worker.stats.http(&plan.manager.stat_prefix),
                plan: plan.clone(),
            })),
            FilterPlan::Tcp(plan) => Self::Tcp(Rc::new(TcpRuntime {
                logs: plan.proxy.access_log.iter().map(|log| worker.logs.open(log)).collect(),
                access: AccessFilter::of_connections(&plan.proxy.rbac, &worker.stats),
                stats: worker.stats.tcp(&plan.proxy.stat_prefix),
                plan: plan.clone(),
            })),
        }
    }
}

impl HttpRuntime {
    /// What it was made from.
    pub fn plan(&self) -> &HttpPlan {
        &self.plan
    }

    /// The route table of this moment; `None` while it is not there yet.
    pub fn routes(&self, worker: &Worker) -> Option<Rc<WorkerRoutes>> {
        match &self.plan.routes {
            RouteRef::Slot(slot) => worker.routes(slot.index),
            RouteRef::Inline(_) => self.inline.clone(),
        }
    }

    /// Who may do what, in the order in which it is asked.
    pub fn access(&self) -> &[AccessFilter] {
        &self.access
    }

    /// Logs of its requests.
    pub fn logs(&self) -> &[LogHandle] {
        &self.logs
    }

    /// Its counters.
    pub fn stats(&self) -> &Rc<HttpStats> {
        &self.stats
    }

    /// The chain's name.
    pub fn chain_name(&self) -> &str {
        &self.plan.chain_name
    }
}
