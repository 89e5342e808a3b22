//! Writes statuses, beside the loop that finds them.

use crate::cluster::{Cluster, ClusterError, Current};
use crate::events::{self, Events, Notice};
use crate::status;
use jiff::Timestamp;
use meridian_resources::Kind;
use meridian_store::Key;
use meridian_translate::{CONTROLLER_NAME, Condition, merge_gateway_api_status};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// How many statuses are written at one time.
const AT_ONCE: usize = 64;

/// The pauses before what failed is tried again: the first, doubled up to the last.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];

/// What is to be said of an object.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    /// Its kind.
    pub(crate) kind: &'static Kind,
    /// What is said.
    pub(crate) said: Said,
}

/// What is said of an object.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    /// Conditions, and what goes with them.
    Conditions {
        /// Its conditions; none of an Ingress that is not ours any more.
        conditions: Arc<[Condition]>,
        /// Where it is reached, of Ingresses.
        load_balancer: Option<Arc<Value>>,
        /// Addresses that were allocated to its hosts, of ServiceEntries.
        addresses: Option<Arc<Value>>,
    },
    /// The whole status as far as it is ours, of objects of Gateway API.
    GatewayApi(Arc<Value>),
    /// The object cannot be read; what was said of it stays.
    Unreadable(String),
    /// The object is gone: its events go, too.
    Gone,
}

/// Hands reports to a task that writes them. What is waiting for an object is replaced by what comes later, so that at
/// most one report per object waits.
pub(crate) struct StatusWriter {
    queue: Arc<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<HashMap<Key, Report>>,
    filled: Notify,
}

impl StatusWriter {
    /// Starts the task on the current runtime. It writes only while this control plane leads.
    pub(crate) fn spawn(cluster: Cluster) -> StatusWriter {
        let queue = Arc::new(Queue::default());
        let writer = Writer { leads: cluster.leadership(), cluster, events: Events::default() };
        tokio::spawn(drain(Arc::new(writer), queue.clone()));
        StatusWriter { queue }
    }

    /// Queues reports.
    pub(crate) fn write(&self, reports: impl Iterator<Item = (Key, Report)>) {
        let mut waiting = self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(reports);
        if !waiting.is_empty() {
            self.queue.filled.notify_one();
        }
    }
}

impl Queue {
    fn take(&self) -> HashMap<Key, Report> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Queues again what failed, unless there is something newer to say.
    fn put_back(&self, failed: Vec<(Key, Report)>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, report) in failed {
            waiting.entry(key).or_insert(report);
        }
    }
}

async fn drain(writer: Arc<Writer>, queue: Arc<Queue>) {
    let mut writes = JoinSet::new();
    let mut pause = PAUSES[0];
    loop {
        queue.filled.notified().await;
        loop {
            let batch = queue.take();
            if batch.is_empty() {
                break;
            }
            let mut failed = Vec::new();
            for (key, report) in batch {
                while writes.len() >= AT_ONCE {
                    failed.extend(writes.join_next().await.and_then(Result::ok).flatten());
                }
                let writer = writer.clone();
                writes.spawn(async move { writer.write(key, report).await });
            }
            // One object's reports stay in order: the next batch waits for this one.
            while let Some(written) = writes.join_next().await {
                failed.extend(written.ok().flatten());
            }
            if failed.is_empty() {
                pause = PAUSES[0];
            } else {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSES[1]);
                queue.put_back(failed);
            }
        }
    }
}

struct Writer {
    cluster: Cluster,
    leads: watch::Receiver<bool>,
    events: Events,
}

impl Writer {
    /// Writes what is said of one object; what is to be tried again is returned.
    async fn write(&self, key: Key, report: Report) -> Option<(Key, Report)> {
        // Who leads next says everything again.
        if !*self.leads.borrow() {
            return None;
        }
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let notices = notices(&report.said);
        let written = match &report.said {
            Said::Gone => Ok(String::new()),
            said => {
                self.cluster.modify_status(report.kind, &key, |current| wanted(report.kind, said, &current, &now)).await
            }
        };
        match written {
            Ok(uid) => self.events.follow(&self.cluster, report.kind, &key, &uid, notices, &now).await,
            // Deleted meanwhile, or the process ends: nobody waits for this status.
            Err(ClusterError::NotFound(_)) => {
                self.events.follow(&self.cluster, report.kind, &key, "", Vec::new(), &now).await;
            }
            Err(error) => {
                tracing::warn!(object = %key, %error, "the status could not be written");
                return error.is_transient().then_some((key, report));
            }
        }
        None
    }
}

fn notices(said: &Said) -> Vec<Notice> {
    match said {
        Said::Conditions { conditions, .. } => events::of_conditions(conditions),
        Said::GatewayApi(status) => events::of_gateway_api(status),
        Said::Unreadable(message) => {
            vec![Notice { topic: "Readable".into(), reason: "Invalid".into(), message: message.clone() }]
        }
        Said::Gone => Vec::new(),
    }
}

/// What the status becomes; `None`: it says the same already.
fn wanted(kind: &Kind, said: &Said, current: &Current<'_>, now: &str) -> Option<Value> {
    let (before, generation) = (current.status, current.generation);
    match said {
        Said::Conditions { conditions, load_balancer, addresses } => {
            let status = match load_balancer {
                None if conditions.is_empty() => None,
                None => status::merge(before, conditions, generation, now),
                Some(load_balancer) => status::merge_ingress(before, conditions, load_balancer, generation, now),
            };
            match addresses {
                None => status,
                Some(addresses) => status::with_addresses(before, status, addresses),
            }
        }
        Said::GatewayApi(wanted) => merge_gateway_api_status(kind, before, wanted, CONTROLLER_NAME, now),
        Said::Unreadable(_) | Said::Gone => None,
    }
}
